/* What is looked at before LMDB sees a file: store/pages.h. A power cut may leave a file without its last, free, pages. */
#include "base/bytes.h"
#include "folder.h"
#include "store/kv.h"
#include "store/pages.h"

enum { PAGE = 4096, BIG = 100000, BIG_PAGES = BIG / PAGE };

static const struct kv_record first = {"format", "x", 1};

/* A file whose last pages were taken and freed in one transaction; its bytes are in out. */
static void make(const char *path, unsigned lists, struct buf *out)
{
	struct evs_error err;
	struct kv_txn *txn;
	struct kv *kv;
	static uint8_t big[BIG];
	char key[20];

	assert_int_equal(kv_open(path, KV_CREATE, &first, 1, &kv, &err), EVS_OK);
	/* The tree of free pages has some in it: each of these leaves a list. */
	for (unsigned i = 0; i < lists; i++) {
		assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
		snprintf(key, sizeof key, "%u", i);
		assert_int_equal(kv_put(txn, KV_META, key, strlen(key), big, i % 7 * 1000, &err), EVS_OK);
		assert_int_equal(kv_commit(txn, &err), EVS_OK);
	}
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	assert_int_equal(kv_put(txn, KV_META, "kept", 4, "value", 5, &err), EVS_OK);
	assert_int_equal(kv_put(txn, KV_META, "big", 3, big, sizeof big, &err), EVS_OK);
	assert_int_equal(kv_delete(txn, KV_META, "big", 3, &err), EVS_OK);
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	kv_close(kv);
	get_file(path, out);
}

static int inspect(const char *path, const void *bytes, size_t size, struct evs_error *err)
{
	enum pages_found found;

	put_file(path, bytes, size);
	return pages_inspect(path, false, &found, err);
}

/* How many pages can be missing. */
static size_t missing(const char *path, const struct buf *bytes)
{
	struct evs_error err;
	size_t n = 0;

	while ((n + 2) * PAGE < bytes->size && inspect(path, bytes->data, bytes->size - (n + 1) * PAGE, &err) == EVS_OK)
		n++;
	CHECK((n + 2) * PAGE >= bytes->size || strstr(err.message, "truncated") != NULL, "%s", err.message);
	return n;
}

static void free_pages_may_be_missing(void **state)
{
	const char *path = in_folder("a"), *cut = in_folder("cut");
	struct buf bytes = {0};
	struct kv_bytes value;
	struct evs_error err;
	struct kv_txn *txn;
	struct stat st;
	struct kv *kv;

	(void)state;
	make(path, 3, &bytes);
	size_t n = missing(cut, &bytes);
	CHECK(n >= BIG_PAGES - 5, "%zu pages can be missing", n);
	for (size_t i = 0; i <= n; i += 3) {
		for (enum kv_mode mode = KV_READ; mode <= KV_CREATE; mode++) {
			put_file(cut, bytes.data, bytes.size - i * PAGE);
			assert_int_equal(kv_open(cut, mode, &first, 1, &kv, &err), EVS_OK);
			assert_int_equal(kv_begin(kv, mode != KV_READ, &txn, &err), EVS_OK);
			assert_int_equal(kv_get(txn, KV_META, "kept", 4, &value, &err), EVS_OK);
			assert_int_equal(value.size, 5);
			if (mode == KV_READ) {
				kv_abort(txn);
			} else {
				assert_int_equal(kv_put(txn, KV_META, "new", 3, "", 0, &err), EVS_OK);
				assert_int_equal(kv_commit(txn, &err), EVS_OK);
				assert_int_equal(stat(cut, &st), 0);
				CHECK((size_t)st.st_size >= bytes.size, "the next commit makes the file whole");
			}
			kv_close(kv);
		}
	}
	buf_free(&bytes);
}

/* A page that is no free one is missed. */
static void others_may_not(void **state)
{
	const char *path = in_folder("a"), *cut = in_folder("cut");
	struct buf bytes = {0};
	struct evs_error err;
	struct kv_txn *txn;
	struct kv *kv;

	(void)state;
	make(path, 3, &bytes);
	assert_int_equal(kv_open(path, KV_WRITE, &first, 1, &kv, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	assert_int_equal(kv_put(txn, KV_META, "big", 3, bytes.data, bytes.size, &err), EVS_OK); /* more than the free pages */
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	kv_close(kv);
	get_file(path, &bytes);
	assert_int_equal(inspect(cut, bytes.data, bytes.size - 1, &err), EVS_CORRUPT);
	assert_int_equal(inspect(cut, bytes.data, bytes.size - PAGE, &err), EVS_CORRUPT);
	buf_free(&bytes);
}

/* Whatever is in the file's pages, looking at it ends, and reads nothing that is not there. */
static void damaged_trees(void **state)
{
	const char *path = in_folder("a"), *cut = in_folder("cut");
	struct buf bytes = {0}, changed = {0};
	uint64_t seed = 99;
	struct evs_error err;
	unsigned n[2] = {0};

	(void)state;
	make(path, 40, &bytes);
	size_t size = bytes.size - 3 * PAGE;
	assert_int_equal(inspect(cut, bytes.data, size, &err), EVS_OK);
	for (int i = 0; i < 80; i++) {
		changed.size = 0;
		buf_put(&changed, bytes.data, size);
		for (size_t k = chance_of(&seed, 300); k < 400; k++) {
			size_t page = 2 + chance_of(&seed, size / PAGE - 2), at = chance_of(&seed, 4) == 0 ? chance_of(&seed, PAGE) : chance_of(&seed, 64);
			changed.data[page * PAGE + at] = (uint8_t)chance(&seed);
		}
		if (chance_of(&seed, 3) == 0) /* the tree's root is anywhere */
			put32(changed.data + (i & 1) * PAGE + 80, (uint32_t)chance_of(&seed, size / PAGE + 2));
		int status = inspect(cut, changed.data, size, &err);
		CHECK(status == EVS_OK || status == EVS_CORRUPT, "%d: %s", status, err.message);
		n[status == EVS_OK]++;
	}
	CHECK(n[0] > 10, "%u of 80 are found out", n[0]);
	buf_free(&bytes);
	buf_free(&changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(free_pages_may_be_missing), FOLDER_TEST(others_may_not), FOLDER_TEST(damaged_trees),
	};

	return RUN(tests);
}
