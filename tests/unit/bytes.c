/* base/bytes.h, base/buf.h, base/error.h, base/hash.h. */
#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "unit.h"

static void varints_come_back(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t v = chance(&seed) >> chance_of(&seed, 64), got = ~v;
		uint8_t bytes[VARINT_MAX + 1], *end = put_varint(bytes, v);
		CHECK(get_varint(bytes, end, &got) == end && got == v, "%llu", (unsigned long long)v);
		for (uint8_t *cut = bytes; cut < end; cut++)
			CHECK(get_varint(bytes, cut, &got) == NULL, "%llu cut off", (unsigned long long)v);
	}
}

static void varint_sizes(void **state)
{
	static const struct {
		uint64_t v;
		ptrdiff_t size;
	} rows[] = {{0, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {UINT32_MAX, 5}, {UINT64_MAX >> 1, 9}, {UINT64_MAX, 10}};
	uint8_t bytes[VARINT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(put_varint(bytes, rows[i].v) - bytes == rows[i].size, "%llu", (unsigned long long)rows[i].v);
}

static void varints_over_64_bits_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[12];
		size_t n;
	} rows[] = {
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 10},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, 10},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 11},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 12},
		{{0x80}, 1},
		{{0}, 0},
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(get_varint(rows[i].bytes, rows[i].bytes + rows[i].n, &v) == NULL, "row %zu", i);
}

static void integers_have_their_byte_order(void **state)
{
	uint8_t b[8];

	(void)state;
	put16(b, 0x1234);
	assert_true(b[0] == 0x34 && b[1] == 0x12 && get16(b) == 0x1234);
	put24(b, 0x123456);
	assert_true(b[0] == 0x56 && b[2] == 0x12 && get24(b) == 0x123456);
	put32(b, 0x12345678);
	assert_true(b[0] == 0x78 && b[3] == 0x12 && get32(b) == 0x12345678);
	put64(b, 0x123456789abcdef0);
	assert_true(b[0] == 0xf0 && b[7] == 0x12 && get64(b) == 0x123456789abcdef0);
	put64be(b, 0x123456789abcdef0);
	assert_true(b[0] == 0x12 && b[7] == 0xf0 && get64be(b) == 0x123456789abcdef0);
}

static void bufs_grow(void **state)
{
	struct buf b = {0};
	uint64_t seed = 1;
	size_t total = 0;

	(void)state;
	while (total < 1 << 20) {
		char piece[300];
		size_t n = chance_of(&seed, sizeof piece);
		memset(piece, (int)('a' + total % 26), n);
		buf_put(&b, piece, n);
		total += n;
		assert_int_equal(b.size, total);
		assert_true(n == 0 || b.data[total - 1] == (uint8_t)piece[0]);
	}
	buf_free(&b);
	assert_null(b.data);
	buf_text(&b, "");
	buf_put(&b, NULL, 0);
	assert_int_equal(b.size, 0);
	buf_printf(&b, "%s-%d", "x", 42);
	buf_byte(&b, '!');
	assert_string_equal(text_of(&b), "x-42!");
	buf_free(&b);
}

/* What cannot be had sets failed, and what was there stays. */
static void bufs_fail_softly(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_text(&b, "kept");
	assert_false(buf_room(&b, SIZE_MAX - 2));
	assert_true(b.failed);
	assert_memory_equal(b.data, "kept", 4);
	buf_free(&b);
}

static void arrays_grow(void **state)
{
	int *list = NULL;
	size_t cap = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(array_grow(&list, &cap, (size_t)i, sizeof *list));
		list[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
	cap = SIZE_MAX / 2;
	assert_false(array_grow(&list, &cap, cap, sizeof *list));
	free(list);
}

static void errors_are_filled(void **state)
{
	struct evs_error err;

	(void)state;
	assert_int_equal(error_set(&err, EVS_IO, ENOENT, "cannot open '%s'", "a\x1b[31m\nb"), EVS_IO);
	assert_string_equal(err.message, "cannot open 'a\\x1b[31m\\x0ab': No such file or directory");
	assert_int_equal(err.status, EVS_IO);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(error_prefix(&err, "line %d: ", 17), EVS_IO);
	assert_string_equal(err.message, "line 17: cannot open 'a\\x1b[31m\\x0ab': No such file or directory");
	assert_int_equal(error_set(NULL, EVS_FULL, 0, "unseen"), EVS_FULL);
	assert_int_equal(error_nomem(&err), EVS_NOMEM);
	assert_int_equal(error_status(ENOSPC), EVS_FULL);
	assert_int_equal(error_status(EDQUOT), EVS_FULL);
	assert_int_equal(error_status(ENOMEM), EVS_NOMEM);
	assert_int_equal(error_status(EACCES), EVS_IO);
}

/* A message that is too long is cut, not written past its end. */
static void long_messages_are_cut(void **state)
{
	struct evs_error err;
	char text[2000];

	(void)state;
	memset(text, '\n', sizeof text);
	text[sizeof text - 1] = '\0';
	error_set(&err, EVS_IO, EACCES, "%s", text);
	assert_true(strlen(err.message) < sizeof err.message);
	error_prefix(&err, "%s", text);
	assert_true(strlen(err.message) < sizeof err.message);
}

static void hashes_are_xxh3(void **state)
{
	uint8_t twice[2][16];

	(void)state;
	/* Stored files depend on these values: XXH3_64bits of nothing and of "a". */
	assert_true(hash64("", 0, 0) == 0x2d06800538d394c2u);
	assert_true(hash64("a", 1, 0) == 0xe6c632b61e964e1fu);
	assert_true(hash64("a", 1, 1) != hash64("a", 1, 0));
	hash128("abc", 3, twice[0]);
	hash128("abc", 3, twice[1]);
	assert_memory_equal(twice[0], twice[1], 16);
	assert_true(hash_mix(1) != hash_mix(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_come_back),
		cmocka_unit_test(varint_sizes),
		cmocka_unit_test(varints_over_64_bits_are_refused),
		cmocka_unit_test(integers_have_their_byte_order),
		cmocka_unit_test(bufs_grow),
		cmocka_unit_test(bufs_fail_softly),
		cmocka_unit_test(arrays_grow),
		cmocka_unit_test(errors_are_filled),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(hashes_are_xxh3),
	};

	return RUN(tests);
}
