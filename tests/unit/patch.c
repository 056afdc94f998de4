/* What changed between two values, as JSON Patch: replay/patch.h. */
#include "event/parse.h"
#include "replay/patch.h"
#include "unit.h"

/* A value of JSON text; it borrows packed and arena. */
static struct value value_of(const char *json, struct buf *packed, struct arena *arena)
{
	struct evs_error err;
	struct value v;

	packed->size = 0;
	CHECK(parse_value(json, strlen(json), packed, &err) == EVS_OK, "%s: %s", json, err.message);
	assert_true(buf_room(packed, 16));
	memset(packed->data + packed->size, 0, 16);
	assert_non_null(value_read(arena, packed->data, packed->data + packed->size, &v));
	return v;
}

/* The patch from one JSON text to another, as text in out. */
static void patch_texts(struct buf *out, const char *from, const char *to, bool as_tree)
{
	struct arena arena = {.limit = 1 << 24};
	struct buf packed[2] = {{0}, {0}};
	struct names *names = name_table_new();
	struct value a = value_of(from, &packed[0], &arena), b = value_of(to, &packed[1], &arena), kept[2];

	out->size = 0;
	assert_true(value_keep(&a, &kept[0]) && value_keep(&b, &kept[1]));
	if (as_tree) { /* as states have them once they were changed inside */
		assert_true(!value_is_object(&a) || value_unpack(&kept[0], names));
		assert_true(!value_is_list(&b) || value_unpack(&kept[1], names));
		a = kept[0];
		b = kept[1];
	}
	CHECK(patch_write(out, names, &a, &b), "%s to %s", from, to);
	value_drop(&kept[0]);
	value_drop(&kept[1]);
	buf_free(&packed[0]);
	buf_free(&packed[1]);
	arena_free(&arena);
	name_table_free(names);
}

static const struct {
	const char *from, *to, *wanted;
} rows[] = {
	/* Nothing. */
	{"null", "null", "[]"},
	{"{\"a\":1,\"b\":[1,{\"c\":2}]}", "{\"a\":1,\"b\":[1,{\"c\":2}]}", "[]"},
	{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "[]"},
	/* The whole. */
	{"null", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"a\":1}}]"},
	{"{\"a\":1}", "null", "[{\"op\":\"replace\",\"path\":\"\",\"value\":null}]"},
	{"[]", "{}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]"},
	{"\"a\"", "\"b\"", "[{\"op\":\"replace\",\"path\":\"\",\"value\":\"b\"}]"},
	/* Members. */
	{"{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":7,\"d\":4}",
	 "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":7},{\"op\":\"remove\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/d\",\"value\":4}]"},
	{"{\"a\":{\"b\":{\"c\":1}}}", "{\"a\":{\"b\":{\"c\":2,\"d\":[]}}}",
	 "[{\"op\":\"replace\",\"path\":\"/a/b/c\",\"value\":2},{\"op\":\"add\",\"path\":\"/a/b/d\",\"value\":[]}]"},
	{"{\"a\":null}", "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]"},
	{"{}", "{\"a\":null}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]"},
	/* By digits, exactly. */
	{"{\"a\":29.9}", "{\"a\":29.90}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":29.90}]"},
	{"{\"a\":1}", "{\"a\":\"1\"}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":\"1\"}]"},
	{"{\"a\":10141204801825835211973625643008}", "{\"a\":10141204801825835211973625643009}",
	 "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":10141204801825835211973625643009}]"},
	/* Pointers: ~ and / escaped, the empty key, keys that JSON escapes. */
	{"{\"a/b\":1,\"m~n\":1,\"\":1,\"q\\\"\":1,\"~1\":1}", "{\"a/b\":2,\"m~n\":2,\"\":2,\"q\\\"\":2,\"~1\":2}",
	 "[{\"op\":\"replace\",\"path\":\"/a~1b\",\"value\":2},{\"op\":\"replace\",\"path\":\"/m~0n\",\"value\":2},"
	 "{\"op\":\"replace\",\"path\":\"/\",\"value\":2},{\"op\":\"replace\",\"path\":\"/q\\\"\",\"value\":2},"
	 "{\"op\":\"replace\",\"path\":\"/~01\",\"value\":2}]"},
	/* Lists: grown, cut, changed; at the end, the beginning, the middle. */
	{"[1,2]", "[1,2,3,4]", "[{\"op\":\"add\",\"path\":\"/2\",\"value\":3},{\"op\":\"add\",\"path\":\"/3\",\"value\":4}]"},
	{"[1,2,3,4]", "[1,2]", "[{\"op\":\"remove\",\"path\":\"/3\"},{\"op\":\"remove\",\"path\":\"/2\"}]"},
	{"[1,2,3]", "[2,3]", "[{\"op\":\"remove\",\"path\":\"/0\"}]"},
	{"[2,3]", "[1,2,3]", "[{\"op\":\"add\",\"path\":\"/0\",\"value\":1}]"},
	{"[1,9,3]", "[1,2,3]", "[{\"op\":\"replace\",\"path\":\"/1\",\"value\":2}]"},
	{"[1,8,9,3]", "[1,2,3]", "[{\"op\":\"replace\",\"path\":\"/1\",\"value\":2},{\"op\":\"remove\",\"path\":\"/2\"}]"},
	{"[1,1,1]", "[1,1]", "[{\"op\":\"remove\",\"path\":\"/2\"}]"},
	{"[]", "[[]]", "[{\"op\":\"add\",\"path\":\"/0\",\"value\":[]}]"},
	{"{\"l\":[{\"q\":1},{\"q\":2}]}", "{\"l\":[{\"q\":1},{\"q\":3}]}", "[{\"op\":\"replace\",\"path\":\"/l/1/q\",\"value\":3}]"},
	/* A key that is there twice: no pointer leads to one of them. */
	{"{\"x\":{\"a\":1,\"a\":2},\"y\":1}", "{\"x\":{\"a\":1,\"a\":3},\"y\":2}",
	 "[{\"op\":\"replace\",\"path\":\"/x\",\"value\":{\"a\":1,\"a\":3}},{\"op\":\"replace\",\"path\":\"/y\",\"value\":2}]"},
	{"{\"x\":{\"a\":1,\"a\":2}}", "{\"x\":{\"a\":1,\"a\":2}}", "[]"},
};

static void patches_are_these(void **state)
{
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int as_tree = 0; as_tree < 2; as_tree++) {
			patch_texts(&out, rows[i].from, rows[i].to, as_tree);
			CHECK(strcmp(text_of(&out), rows[i].wanted) == 0, "%s to %s\n  is %s\n not %s", rows[i].from, rows[i].to,
			      (const char *)out.data, rows[i].wanted);
		}
	}
	buf_free(&out);
}

/* What is changed in large objects is found without going through them again and again. */
static void large_objects_take_no_time(void **state)
{
	enum { MEMBERS = 200000 };
	struct buf from = {0}, to = {0}, out = {0};

	(void)state;
	buf_byte(&from, '{');
	buf_byte(&to, '{');
	for (int i = 0; i < MEMBERS; i++) {
		buf_printf(&from, "%s\"key%d\":%d", i == 0 ? "" : ",", i, i);
		buf_printf(&to, "%s\"key%d\":%d", i == 0 ? "" : ",", MEMBERS - 1 - i, MEMBERS - 1 - i == 777 ? -1 : MEMBERS - 1 - i);
	}
	buf_byte(&from, '}');
	buf_byte(&to, '}');
	patch_texts(&out, text_of(&from), text_of(&to), false);
	assert_string_equal(text_of(&out), "[{\"op\":\"replace\",\"path\":\"/key777\",\"value\":-1}]");
	buf_free(&from);
	buf_free(&to);
	buf_free(&out);
}

/* Packed bytes come from files: what is cut off is refused. */
static void malformed_values_are_refused(void **state)
{
	struct arena arena = {.limit = 1 << 20};
	struct names *names = name_table_new();
	struct buf packed = {0}, out = {0};
	struct value a, b = value_of("{\"a\":[1,2,{\"b\":\"text\"}],\"c\":1.50}", &packed, &arena);

	(void)state;
	for (uint32_t size = 1; size < b.size; size++) {
		uint8_t *cut = malloc(size + 1);
		memcpy(cut, b.packed, size);
		a = (struct value){.kind = VALUE_PACKED, .size = size, .packed = cut};
		out.size = 0;
		CHECK(!patch_write(&out, names, &a, &b), "%u of %u bytes: %s", size, b.size, text_of(&out));
		free(cut);
	}
	buf_free(&packed);
	buf_free(&out);
	arena_free(&arena);
	name_table_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patches_are_these),
		cmocka_unit_test(large_objects_take_no_time),
		cmocka_unit_test(malformed_values_are_refused),
	};

	return RUN(tests);
}
