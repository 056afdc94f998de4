/* Opening stores and what is none: store/store.h, store/kv.h. */
#include <errno.h>

#include "base/bytes.h"
#include "folder.h"
#include "store/kv.h"
#include "store/store.h"

static const char event[] = "{\"eventType\":\"a\",\"eventId\":\"1\",\"data\":1}\n";

/* Try to open; what the file was it stays. */
static void refused(const char *path, int flags, int status, const char *message)
{
	struct buf before = {0}, after = {0};
	struct evs_store *store = (struct evs_store *)&before;
	struct evs_error err = {0};
	struct stat st;
	bool file = stat(path, &st) == 0 && S_ISREG(st.st_mode), is;

	if (file)
		get_file(path, &before);
	int got = evs_open(path, flags, &store, &err);
	CHECK(got == status && err.status == status, "%s: status %d, not %d: %s", path, got, status, err.message);
	CHECK(strstr(err.message, message) != NULL, "'%s' says nothing of '%s'", err.message, message);
	assert_null(store);
	is = stat(path, &st) == 0 && S_ISREG(st.st_mode);
	assert_true(file == is);
	if (file) {
		get_file(path, &after);
		CHECK(after.size == before.size && memcmp(after.data, before.data, after.size) == 0, "%s was changed", path);
	}
	buf_free(&before);
	buf_free(&after);
}

static void what_is_no_store(void **state)
{
	static const struct {
		const char *name, *bytes, *message;
		size_t n;
	} rows[] = {
		{"empty", "", "an empty file", 0},
		{"text", "hello\n", "not an evs store", 6},
		{"json", event, "not an evs store", sizeof event - 1},
		{"sqlite", "SQLite format 3\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "not an evs store", 100},
	};
	char lock[300];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = in_folder(rows[i].name);
		put_file(path, rows[i].bytes, rows[i].n);
		refused(path, EVS_READ, EVS_NOT_STORE, rows[i].message);
		refused(path, EVS_WRITE, EVS_NOT_STORE, rows[i].message);
		if (rows[i].n > 0)
			refused(path, EVS_CREATE, EVS_NOT_STORE, rows[i].message);
		snprintf(lock, sizeof lock, "%s-lock", path);
		CHECK(access(lock, F_OK) != 0, "a lock file was made beside '%s'", rows[i].name);
	}
	refused(in_folder("missing"), EVS_READ, EVS_NO_STORE, "no such store");
	refused(in_folder("missing"), EVS_WRITE, EVS_NO_STORE, "no such store");
	refused(folder, EVS_CREATE, EVS_NOT_STORE, "a directory");
	refused("/dev/null", EVS_CREATE, EVS_NOT_STORE, "no regular file");
	refused(in_folder("no/such/folder"), EVS_CREATE, EVS_IO, "No such file or directory");
}

static const struct kv_record ours = {"format", "", 0}, theirs = {"theirs", "x", 1};

/* An LMDB file of another program. */
static void foreign_lmdb(void **state)
{
	const char *path = in_folder("foreign");
	struct evs_error err;
	struct kv_txn *txn;
	struct kv *kv;

	(void)state;
	assert_int_equal(kv_open(path, KV_CREATE, &theirs, 1, &kv, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	assert_int_equal(kv_put(txn, KV_TAIL, "x", 1, "y", 1, &err), EVS_OK);
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	kv_close(kv);
	refused(path, EVS_READ, EVS_NOT_STORE, "not an evs store");
}

/* Change the format record of a store. */
static void put_format(const char *path, const void *record, size_t size)
{
	struct evs_error err;
	struct kv_txn *txn;
	struct kv *kv;

	assert_int_equal(kv_open(path, KV_WRITE, &ours, 1, &kv, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	assert_int_equal(kv_put(txn, KV_META, "format", 6, record, size, &err), EVS_OK);
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	kv_close(kv);
}

static void newer_and_damaged_formats(void **state)
{
	const char *path = in_folder("a.evs");
	uint8_t record[32] = {0};

	(void)state;
	evs_close(open_store(path, EVS_CREATE));
	put32(record, EVS_FORMAT + 1);
	put_format(path, record, sizeof record);
	refused(path, EVS_READ, EVS_NEWER, "format 2");
	refused(path, EVS_CREATE, EVS_NEWER, "format 2");
	put_format(path, record, 7); /* a newer one may have another size */
	refused(path, EVS_READ, EVS_NEWER, "format 2");
	put32(record, 0);
	put_format(path, record, sizeof record);
	refused(path, EVS_READ, EVS_CORRUPT, "format record");
	put32(record, EVS_FORMAT);
	put_format(path, record, 31);
	refused(path, EVS_READ, EVS_CORRUPT, "format record");
	put_format(path, record, 3);
	refused(path, EVS_READ, EVS_CORRUPT, "format record");
}

/* A store that was cut off anywhere is named as such, or read to its end. */
static void truncated(void **state)
{
	const char *path = in_folder("a.evs"), *cut = in_folder("cut.evs");
	struct buf lines = {0}, bytes = {0};
	struct evs_store *store;
	struct evs_error err;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&lines, "{\"eventType\":\"a\",\"eventId\":\"%d\",\"aggregateId\":\"%d\",\"data\":{\"n\":%d}}\n", i, i % 50, i);
	store = open_store(path, EVS_CREATE);
	append_lines(store, NULL, lines.data, lines.size);
	evs_close(store);
	get_file(path, &bytes);
	for (size_t size = bytes.size - 1; size > 0; size = size > 8192 ? size - size / 7 : size / 2) {
		put_file(cut, bytes.data, size);
		int status = evs_open(cut, EVS_READ, &store, &err);
		CHECK(status == EVS_CORRUPT || status == EVS_NOT_STORE, "cut to %zu of %zu bytes: %d", size, bytes.size, status);
		CHECK(size < 4096 || strstr(err.message, "truncated") != NULL, "cut to %zu: %s", size, err.message);
	}
	buf_free(&lines);
	buf_free(&bytes);
}

static void made_for_its_owner(void **state)
{
	const char *path = in_folder("a.evs"), *empty = in_folder("empty");
	mode_t mask = umask(022);
	struct stat st;
	uint64_t position = 7;

	(void)state;
	struct evs_store *store = open_store(path, EVS_CREATE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
	assert_int_equal(position, 0);
	evs_close(store);
	evs_close(NULL);
	put_file(empty, "", 0);
	store = open_store(empty, EVS_CREATE); /* an empty file becomes one */
	append_lines(store, NULL, event, strlen(event));
	assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
	assert_int_equal(position, 1);
	evs_close(store);
	evs_close(open_store(empty, EVS_READ));
	umask(0277);
	store = open_store(in_folder("masked"), EVS_CREATE);
	assert_int_equal(stat(in_folder("masked"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	evs_close(store);
	umask(mask);
}

static void reading_handles_do_not_write(void **state)
{
	const char *path = in_folder("a.evs");
	struct evs_append_options options = {.expect = EVS_EXPECT_ANY};
	struct evs_append *a;
	struct evs_error err;

	(void)state;
	evs_close(open_store(path, EVS_CREATE));
	struct evs_store *store = open_store(path, EVS_READ);
	assert_int_equal(evs_append_new(store, &options, &a, &err), EVS_USAGE);
	assert_null(a);
	evs_close(store);
}

static void tables_are_ordered(void **state)
{
	static const char *const keys[] = {"b", "bb", "d", "e\xff"};
	static const struct {
		enum kv_move move;
		const char *key, *found; /* NULL: none */
	} rows[] = {
		{KV_FIRST, "", "b"}, {KV_LAST, "", "e\xff"}, {KV_AT_OR_AFTER, "a", "b"}, {KV_AT_OR_AFTER, "b", "b"}, {KV_AT_OR_AFTER, "c", "d"},
		{KV_AT_OR_AFTER, "f", NULL}, {KV_AT_OR_BEFORE, "a", NULL}, {KV_AT_OR_BEFORE, "b", "b"}, {KV_AT_OR_BEFORE, "ba", "b"},
		{KV_AT_OR_BEFORE, "c", "bb"}, {KV_AT_OR_BEFORE, "z", "e\xff"},
	};
	struct kv_bytes key, value;
	struct evs_error err;
	struct kv_cursor *c;
	struct kv_txn *txn;
	struct kv *kv;

	(void)state;
	assert_int_equal(kv_open(in_folder("kv"), KV_CREATE, &theirs, 1, &kv, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_int_equal(kv_append(txn, KV_TAIL, keys[i], strlen(keys[i]), keys[i], strlen(keys[i]) - 1, &err), EVS_OK);
	assert_int_not_equal(kv_append(txn, KV_TAIL, "a", 1, "", 0, &err), EVS_OK); /* not behind all others */
	assert_int_equal(kv_count(txn, KV_TAIL), COUNT(keys));
	assert_int_equal(kv_cursor_open(txn, KV_TAIL, &c, &err), EVS_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		key = (struct kv_bytes){(const uint8_t *)rows[i].key, strlen(rows[i].key)};
		int status = kv_move(c, rows[i].move, &key, &value, &err);
		CHECK(status == (rows[i].found == NULL ? EVS_END : EVS_OK), "row %zu", i);
		CHECK(rows[i].found == NULL || (key.size == strlen(rows[i].found) && memcmp(key.data, rows[i].found, key.size) == 0), "row %zu", i);
		CHECK(rows[i].found == NULL || value.size == strlen(rows[i].found) - 1, "row %zu", i);
	}
	kv_cursor_close(c);
	assert_int_equal(kv_get(txn, KV_TAIL, "d", 1, &value, &err), EVS_OK);
	assert_int_equal(kv_get(txn, KV_TAIL, "c", 1, &value, &err), EVS_END);
	assert_int_equal(kv_delete(txn, KV_TAIL, "d", 1, &err), EVS_OK);
	assert_int_equal(kv_delete(txn, KV_TAIL, "d", 1, &err), EVS_END);
	assert_int_equal(kv_clear(txn, KV_TAIL, &err), EVS_OK);
	assert_int_equal(kv_count(txn, KV_TAIL), 0);
	kv_abort(txn);
	assert_int_equal(kv_begin(kv, false, &txn, &err), EVS_OK);
	assert_int_equal(kv_count(txn, KV_TAIL), 0); /* what was aborted never was */
	kv_abort(txn);
	kv_abort(NULL);
	kv_close(kv);
	kv_close(NULL);
}

/* Parts of values that are read past the map: of the file, of what this transaction wrote, and of a file that grew shorter. */
static void values_are_peeked_at(void **state)
{
	enum { SIZE = 500000 };
	uint8_t *bytes = malloc(SIZE), *copy = malloc(SIZE);
	const char *path = in_folder("kv");
	struct kv_bytes value;
	struct evs_error err;
	struct kv_txn *txn;
	struct kv *kv;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(kv_open(path, KV_CREATE, &theirs, 1, &kv, &err), EVS_OK);
	for (int i = 0; i < 3; i++) {
		static const size_t parts[][2] = {{0, SIZE}, {0, 1}, {SIZE - 1, 1}, {4096, 8192}, {70001, 12345}, {100, 0}};
		bool written = i == 0; /* in this transaction */
		assert_int_equal(kv_begin(kv, written || i == 1, &txn, &err), EVS_OK);
		if (written)
			assert_int_equal(kv_put(txn, KV_TAIL, "a", 1, bytes, SIZE, &err), EVS_OK);
		assert_int_equal(kv_get(txn, KV_TAIL, "a", 1, &value, &err), EVS_OK);
		assert_int_equal(value.size, SIZE);
		for (size_t k = 0; k < COUNT(parts); k++) {
			memset(copy, 0, SIZE);
			assert_int_equal(kv_peek(txn, value.data + parts[k][0], parts[k][1], copy, &err), EVS_OK);
			assert_memory_equal(copy, bytes + parts[k][0], parts[k][1]);
			CHECK(parts[k][1] == SIZE || copy[parts[k][1]] == 0, "more than %zu bytes", parts[k][1]);
		}
		if (i == 2) {
			assert_int_equal(truncate(path, 5 * 4096), 0);
			assert_int_equal(kv_peek(txn, value.data, SIZE, copy, &err), EVS_CORRUPT);
			CHECK(strstr(err.message, "shorter") != NULL, "'%s'", err.message);
		}
		if (written)
			assert_int_equal(kv_commit(txn, &err), EVS_OK);
		else
			kv_abort(txn);
	}
	kv_close(kv);
	free(bytes);
	free(copy);
}

/* EVS_FIELD_REPLY_TO: a string under metadata.replyTo, and nothing else. */
static void where_replies_go(void **state)
{
	static const struct {
		const char *fields, *reply_to;
	} rows[] = {
		{"\"metadata\":{\"replyTo\":\"reply:1\"}", "reply:1"},
		{"\"metadata\":{\"a\":[{\"replyTo\":\"no\"}],\"replyTo\":\"yes\",\"z\":1}", "yes"},
		{"\"metadata\":{\"replyTo\":\"01a222b6-629c-700b-b194-e42d815990a3\"}", "01a222b6-629c-700b-b194-e42d815990a3"},
		{"\"metadata\":{\"replyTo\":\"\"}", ""},
		{"\"metadata\":{\"replyTo\":1}", NULL},
		{"\"metadata\":{\"replyTo\":{\"replyTo\":\"no\"}}", NULL},
		{"\"metadata\":{}", NULL},
		{"\"replyTo\":\"no\",\"data\":{\"replyTo\":\"no\"}", NULL},
	};
	static const struct evs_append_options plain = {.type = "a", .expect = EVS_EXPECT_ANY};
	static const struct evs_selector all;
	struct evs_store *store = open_store(in_folder("replies"), EVS_CREATE);
	char scratch[EVS_FIELD_SCRATCH], line[300];
	struct evs_event e;
	struct evs_read *r;
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		append_lines(store, &plain, line, (size_t)snprintf(line, sizeof line, "{%s}\n", rows[i].fields));
	assert_int_equal(evs_read_new(store, &all, &r, NULL), EVS_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *wanted = rows[i].reply_to, *text;

		assert_int_equal(evs_read_next(r, &e, NULL), EVS_OK);
		text = evs_event_field(store, &e, EVS_FIELD_REPLY_TO, scratch, &size);
		CHECK((text == NULL) == (wanted == NULL), "%s: %s", rows[i].fields, text == NULL ? "none" : "one");
		if (wanted != NULL)
			CHECK(size == strlen(wanted) && memcmp(text, wanted, size) == 0, "%s: %.*s", rows[i].fields, (int)size, text);
	}
	evs_read_free(r);
	evs_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(what_is_no_store),   FOLDER_TEST(foreign_lmdb),       FOLDER_TEST(newer_and_damaged_formats),
		FOLDER_TEST(truncated),          FOLDER_TEST(made_for_its_owner), FOLDER_TEST(reading_handles_do_not_write),
		FOLDER_TEST(tables_are_ordered), FOLDER_TEST(values_are_peeked_at), FOLDER_TEST(where_replies_go),
	};

	return RUN(tests);
}
