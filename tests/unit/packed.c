/* event/packed.h: reading what is trusted in nothing. */
#include "event/packed.h"
#include "unit.h"

static void reads_values(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum packed_kind kind;
		uint64_t value; /* number, or size */
		size_t used;
	} rows[] = {
		{"\x00", 1, PACKED_UINT, 0, 1},
		{"\x7f", 1, PACKED_UINT, 127, 1},
		{"\xcc\xff", 2, PACKED_UINT, 255, 2},
		{"\xcd\x01\x00", 3, PACKED_UINT, 256, 3},
		{"\xce\xff\xff\xff\xff", 5, PACKED_UINT, UINT32_MAX, 5},
		{"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, PACKED_UINT, UINT64_MAX, 9},
		{"\xff", 1, PACKED_INT, UINT64_MAX, 1},
		{"\xe0", 1, PACKED_INT, (uint64_t)-32, 1},
		{"\xd0\x80", 2, PACKED_INT, (uint64_t)-128, 2},
		{"\xd1\x80\x00", 3, PACKED_INT, (uint64_t)-32768, 3},
		{"\xd2\x80\x00\x00\x00", 5, PACKED_INT, (uint64_t)INT32_MIN, 5},
		{"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, PACKED_INT, (uint64_t)INT64_MIN, 9},
		{"\xd0\x05", 2, PACKED_UINT, 5, 2},
		{"\xc0", 1, PACKED_NULL, 0, 1},
		{"\xc2", 1, PACKED_FALSE, 0, 1},
		{"\xc3", 1, PACKED_TRUE, 0, 1},
		{"\xa0", 1, PACKED_STRING, 0, 1},
		{"\xa3""abc", 4, PACKED_STRING, 3, 4},
		{"\xd9\x03""abc", 5, PACKED_STRING, 3, 5},
		{"\xda\x00\x03""abc", 6, PACKED_STRING, 3, 6},
		{"\xdb\x00\x00\x00\x03""abc", 8, PACKED_STRING, 3, 8},
		{"\x90", 1, PACKED_ARRAY, 0, 1},
		{"\x92\x01\x02", 3, PACKED_ARRAY, 2, 1},
		{"\xdc\x00\x01\xc0", 4, PACKED_ARRAY, 1, 3},
		{"\xdd\x00\x00\x00\x01\xc0", 6, PACKED_ARRAY, 1, 5},
		{"\x80", 1, PACKED_MAP, 0, 1},
		{"\x81\x01\x02", 3, PACKED_MAP, 1, 1},
		{"\xde\x00\x01\x01\x02", 5, PACKED_MAP, 1, 3},
		{"\xdf\x00\x00\x00\x01\x01\x02", 7, PACKED_MAP, 1, 5},
		{"\xd4\x01""5", 3, PACKED_DIGITS, 1, 3},
		{"\xd5\x01""-0", 4, PACKED_DIGITS, 2, 4},
		{"\xc7\x03\x01""0.1", 6, PACKED_DIGITS, 3, 6},
		{"\xc8\x00\x03\x01""0.1", 7, PACKED_DIGITS, 3, 7},
		{"\xc9\x00\x00\x00\x03\x01""0.1", 9, PACKED_DIGITS, 3, 9},
		{"\xd8\x02""0123456789abcdef", 18, PACKED_UUID16, 16, 18},
		{"\xc8\x00\x02\x03\x91\x01", 6, PACKED_DOC, 2, 6},
		{"\xd5\x03\x91\x01", 4, PACKED_DOC, 2, 4},
		/* nothing evs writes */
		{"\xc1", 1, PACKED_BAD, 0, 0},
		{"\xc4\x01x", 3, PACKED_BAD, 0, 0},
		{"\xca\x00\x00\x00\x00", 5, PACKED_BAD, 0, 0},
		{"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9, PACKED_BAD, 0, 0},
		{"\xc7\x00\x01", 3, PACKED_BAD, 0, 0},
		{"\xc7\x03\x02""abc", 6, PACKED_BAD, 0, 0},
		{"\xd4\x7fx", 3, PACKED_BAD, 0, 0},
		{"\x91", 1, PACKED_BAD, 0, 0},
		{"\xdd\xff\xff\xff\xff", 5, PACKED_BAD, 0, 0},
		{"\xdf\xff\xff\xff\xff", 5, PACKED_BAD, 0, 0},
		{"\xdb\xff\xff\xff\xff", 5, PACKED_BAD, 0, 0},
		{"", 0, PACKED_BAD, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const uint8_t *bytes = (const uint8_t *)rows[i].bytes, *after;
		struct packed v = {0};
		after = packed_read(bytes, bytes + rows[i].n, &v);
		CHECK(v.kind == rows[i].kind, "row %zu: kind %d", i, (int)v.kind);
		if (v.kind == PACKED_BAD)
			continue;
		CHECK((size_t)(after - bytes) == rows[i].used, "row %zu: %td bytes", i, after - bytes);
		CHECK((v.kind == PACKED_UINT || v.kind == PACKED_INT ? v.number : v.size) == rows[i].value, "row %zu", i);
		const bool whole = v.kind != PACKED_ARRAY && v.kind != PACKED_MAP;
		CHECK(!whole || packed_skip(bytes, bytes + rows[i].n) == after, "row %zu is stepped over", i);
		/* Cut anywhere it is bad, or reads nothing behind its end. */
		for (size_t cut = 0; cut < rows[i].used; cut++) {
			uint8_t *exact = malloc(cut == 0 ? 1 : cut);
			memcpy(exact, bytes, cut);
			packed_read(exact, exact + cut, &v);
			CHECK(v.kind == PACKED_BAD, "row %zu cut to %zu", i, cut);
			CHECK(packed_skip(exact, exact + cut) == NULL, "row %zu cut to %zu is stepped over", i, cut);
			free(exact);
		}
	}
}

static void steps_over(void **state)
{
	static const uint8_t nested[] = {0x82, 0x01, 0x92, 0xc0, 0x81, 0xa1, 'k', 0xd5, 0x01, '-', '0', 0xa1, 'x', 0xc3, 0x2a};

	(void)state;
	assert_ptr_equal(packed_skip(nested, nested + sizeof nested), nested + sizeof nested - 1);
	for (size_t cut = 0; cut + 1 < sizeof nested; cut++)
		assert_null(packed_skip(nested, nested + cut));
}

/* An array of arrays of arrays costs its bytes and not the stack. */
static void deep_nesting_is_no_recursion(void **state)
{
	size_t n = 4 << 20;
	uint8_t *bytes = calloc(1, n);

	(void)state;
	memset(bytes, 0x91, n);
	assert_null(packed_skip(bytes, bytes + n));
	bytes[n - 1] = 0xc0;
	assert_ptr_equal(packed_skip(bytes, bytes + n), bytes + n);
	free(bytes);
}

static void writes_what_it_reads(void **state)
{
	uint64_t seed = 19;
	uint8_t *bytes = malloc(1 << 17), *p;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t number = chance(&seed) >> chance_of(&seed, 64);
		size_t size = chance_of(&seed, 60);
		uint8_t text[60];
		struct packed v = {0};
		memset(text, 'a' + i % 26, sizeof text);
		p = bytes;
		packed_put_uint64(&p, number);
		assert_ptr_equal(packed_read(bytes, p, &v), p);
		assert_true(v.kind == PACKED_UINT && v.number == number);
		p = bytes;
		packed_put_int64(&p, (int64_t)number);
		packed_read(bytes, p, &v);
		assert_true(v.number == number && v.kind == ((int64_t)number < 0 ? PACKED_INT : PACKED_UINT));
		p = bytes;
		packed_put_text(&p, text, size);
		assert_ptr_equal(packed_read(bytes, p, &v), p);
		assert_true(v.kind == PACKED_STRING && v.size == size && memcmp(v.bytes, text, size) == 0);
		p = bytes;
		memset(text, '0' + i % 10, sizeof text); /* nothing but digits is read back */
		packed_put_digits(&p, text, size + 1);
		assert_ptr_equal(packed_read(bytes, p, &v), p);
		assert_true(v.kind == PACKED_DIGITS && v.size == size + 1);
	}
	for (size_t size = 255; size < 70000; size += 257) {
		struct packed v = {0};
		memset(bytes + 6, 'x', size);
		p = bytes;
		packed_put_str(&p, size);
		p += size;
		assert_ptr_equal(packed_read(bytes, p, &v), p);
		assert_int_equal(v.size, size);
	}
	free(bytes);
}

struct offsets {
	uint32_t at[8];
	size_t n, most;
};

static bool note(void *context, uint32_t offset)
{
	struct offsets *o = context;

	if (o->n == o->most)
		return false;
	o->at[o->n++] = offset;
	return true;
}

static void finds_uuids(void **state)
{
	uint8_t bytes[200], *p = bytes, *doc;
	struct offsets o = {.most = 8};

	(void)state;
	packed_put_map(&p, 3);
	packed_put_uint16(&p, 1);
	packed_put_uuid(&p, (const uint8_t *)"AAAAAAAAAAAAAAAA");
	packed_put_uint16(&p, 10);
	doc = p;
	p += 4;
	packed_put_array(&p, 2);
	packed_put_text(&p, "no uuid", 7);
	packed_put_uuid(&p, (const uint8_t *)"BBBBBBBBBBBBBBBB");
	doc[0] = 0xc8;
	doc[1] = 0;
	doc[2] = (uint8_t)(p - doc - 4);
	doc[3] = PACKED_DOCUMENT;
	packed_put_uuid(&p, (const uint8_t *)"CCCCCCCCCCCCCCCC"); /* as a key */
	packed_put_uuid(&p, (const uint8_t *)"DDDDDDDDDDDDDDDD");
	assert_true(packed_uuids(bytes, (size_t)(p - bytes), note, &o));
	assert_int_equal(o.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_memory_equal(bytes + o.at[i], i == 0 ? "AAAAAAAAAAAAAAAA" : i == 1 ? "BBBBBBBBBBBBBBBB" : i == 2 ? "CCCCCCCCCCCCCCCC" : "DDDDDDDDDDDDDDDD", 16);
	o = (struct offsets){.most = 2};
	assert_false(packed_uuids(bytes, (size_t)(p - bytes), note, &o));
	o = (struct offsets){.most = 8};
	assert_false(packed_uuids(bytes, (size_t)(p - bytes) - 1, note, &o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),         cmocka_unit_test(steps_over),
		cmocka_unit_test(deep_nesting_is_no_recursion), cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(finds_uuids),
	};

	return RUN(tests);
}
