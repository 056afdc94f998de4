/* fold/value.h: values, packed and as trees, and what states own. */
#include "event.h"
#include "event/view.h"
#include "fold/value.h"

#define UUID "0190c2a7-7e5b-7000-8000-0123456789ab"

/* The forms that one and the same value can have. */
enum form {
	NUMBERED, /* packed, keys are numbers */
	PLAIN,    /* packed, keys are strings */
	KEPT,
	TREE,     /* kept, and every list and object unpacked */
	FORMS
};

static const char *const form_names[FORMS] = {"numbered", "plain", "kept", "tree"};

struct fixture {
	struct maker numbered, plain;
	struct arena arena;
	struct buf packed[64]; /* of events: values borrow from them */
	size_t n_packed;
	struct value owned[64];
	size_t n_owned;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){.arena = {.limit = (size_t)64 << 20}, .plain = {.plain = true}};
	maker_begin(&f->numbered);
	maker_begin(&f->plain);
}

/* Forget all values. */
static void clear(struct fixture *f)
{
	for (size_t i = 0; i < f->n_packed; i++)
		buf_free(&f->packed[i]);
	for (size_t i = 0; i < f->n_owned; i++)
		value_drop(&f->owned[i]);
	f->n_packed = f->n_owned = 0;
	arena_reset(&f->arena);
}

static void end(struct fixture *f)
{
	clear(f);
	arena_free(&f->arena);
	maker_end(&f->numbered);
	maker_end(&f->plain);
}

/* Unpack a kept value to the last leaf. */
static void unpack_all(struct value *v, const struct names *names)
{
	if (v->kind == VALUE_PACKED)
		assert_true(value_unpack(v, names));
	for (uint32_t i = 0; (v->kind == VALUE_LIST || v->kind == VALUE_OBJECT) && i < v->node->n; i++)
		unpack_all(&v->node->values[i], names);
}

/* The value of a JSON text, as an event holds it. Names are the same in all forms: those of f->numbered. */
static struct value value_of(struct fixture *f, const char *json, enum form form)
{
	struct maker *m = form == PLAIN ? &f->plain : &f->numbered;
	struct buf line = {0}, *packed = &f->packed[f->n_packed++];
	struct value v = {0}, kept;
	struct parsed info;
	struct view view;

	assert_true(f->n_packed <= COUNT(f->packed) && f->n_owned < COUNT(f->owned));
	*packed = (struct buf){0};
	buf_text(&line, "{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14T10:30:00Z\",\"data\":");
	buf_text(&line, json);
	buf_byte(&line, '}');
	CHECK(maker_parse(m, (const char *)line.data, line.size, packed, &info, NULL) == EVS_OK, "%s", json);
	buf_free(&line);
	assert_true(view_open(&view, packed->data, packed->size));
	CHECK(value_read(&f->arena, view.data, view.data_end, &v) == view.data_end, "%s", json);
	if (form < KEPT)
		return v;
	CHECK(value_keep(&v, &kept), "%s", json);
	if (form == TREE)
		unpack_all(&kept, m->names);
	f->owned[f->n_owned++] = kept;
	return kept;
}

/* A value as JSON, owned by out. */
static const char *shown(struct fixture *f, const struct value *v, struct buf *out)
{
	out->size = 0;
	assert_true(value_render(out, f->numbered.names, v));
	return text_of(out);
}

/* ---- reading and writing ---- */

static void reads(void **state)
{
	static const struct {
		const char *json, *name;
		uint8_t kind, scale;
	} rows[] = {
		{"null", "null", VALUE_NULL, 0}, {"false", "a boolean", VALUE_FALSE, 0},
		{"true", "a boolean", VALUE_TRUE, 0},
		{"0", "a number", VALUE_NUMBER, 0}, {"-1", "a number", VALUE_NUMBER, 0},
		{"127", "a number", VALUE_NUMBER, 0},
		{"9223372036854775807", "a number", VALUE_NUMBER, 0},
		{"-9223372036854775808", "a number", VALUE_NUMBER, 0},
		{"9223372036854775808", "a number", VALUE_DIGITS, 0},
		{"18446744073709551615", "a number", VALUE_DIGITS, 0},
		{"18446744073709551616", "a number", VALUE_DIGITS, 0},
		{"-9223372036854775809", "a number", VALUE_DIGITS, 0},
		{"29.90", "a number", VALUE_NUMBER, 2}, {"-0.5", "a number", VALUE_NUMBER, 1},
		{"0.00", "a number", VALUE_NUMBER, 2},
		{"-0", "a number", VALUE_DIGITS, 0}, {"1e400", "a number", VALUE_DIGITS, 0},
		{"1E+3", "a number", VALUE_DIGITS, 0},
		{"0.12345678901234567890123", "a number", VALUE_DIGITS, 0},
		{"\"\"", "a string", VALUE_TEXT, 0}, {"\"x\"", "a string", VALUE_TEXT, 0},
		{"\"a \\\"b\\\" \\\\ \\n \\u0000 \303\251\"", "a string", VALUE_TEXT, 0},
		{"\"" UUID "\"", "a string", VALUE_TEXT, 0},
		{"\"29.90\"", "a string", VALUE_TEXT, 0},
		{"[]", "a list", VALUE_PACKED, 0}, {"[1,\"a\",null,[true],{\"k\":29.90}]", "a list", VALUE_PACKED, 0},
		{"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "a list", VALUE_PACKED, 0},
		{"{}", "an object", VALUE_PACKED, 0}, {"{\"\":{\"\":\"\"}}", "an object", VALUE_PACKED, 0},
		{"{\"a\":{\"b\":[1,{\"c\":1e400}]},\"d\":\"" UUID "\",\"e\":18446744073709551615}", "an object", VALUE_PACKED, 0},
		{"{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,\"11\":1,\"12\":1,\"13\":1,"
		 "\"14\":1,\"15\":1,\"16\":[]}", "an object", VALUE_PACKED, 0},
	};
	struct fixture f;
	struct buf out = {0}, bytes = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < FORMS; form++) {
			struct value v = value_of(&f, rows[i].json, form), back;
			bool list = strcmp(rows[i].name, "a list") == 0, object = strcmp(rows[i].name, "an object") == 0;
			if (form != TREE)
				CHECK(v.kind == rows[i].kind, "%s is of kind %u", rows[i].json, v.kind);
			CHECK(v.kind != VALUE_NUMBER || v.scale == rows[i].scale, "%s", rows[i].json);
			CHECK(strcmp(value_name(&v), rows[i].name) == 0, "%s is %s", rows[i].json, value_name(&v));
			CHECK(value_is_list(&v) == list && value_is_object(&v) == object, "%s", rows[i].json);
			CHECK(strcmp(shown(&f, &v, &out), rows[i].json) == 0, "%s, %s: %s", rows[i].json,
			      form_names[form], text_of(&out));
			/* And by way of bytes. */
			bytes.size = 0;
			assert_true(value_encode(&bytes, &v));
			CHECK(value_read(&f.arena, bytes.data, bytes.data + bytes.size,
			                 &back) == bytes.data + bytes.size, "%s", rows[i].json);
			assert_true(buf_room(&bytes, RENDER_PAD));
			CHECK(strcmp(shown(&f, &back, &out), rows[i].json) == 0, "%s, %s, encoded: %s", rows[i].json,
			      form_names[form], text_of(&out));
			/* Cut anywhere it is nothing, and nothing behind the cut is read. */
			for (size_t cut = 0; cut < bytes.size; cut++) {
				uint8_t *exact = malloc(cut == 0 ? 1 : cut);
				memcpy(exact, bytes.data, cut);
				CHECK(value_read(&f.arena, exact, exact + cut, &back) == NULL, "%s cut to %zu",
				      rows[i].json, cut);
				free(exact);
			}
			clear(&f);
		}
	}
	buf_free(&out);
	buf_free(&bytes);
	end(&f);
}

static void refuses_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"", 0}, {"\xc1", 1}, {"\xcb\0\0\0\0\0\0\0\0", 9}, {"\xd5\x01--", 4}, {"\xd5\x01""05", 4},
		{"\xd5\x01""5.", 4}, {"\xd4\x01.", 3},
		{"\xd5\x01""1e", 4}, {"\xd4\x01-", 3}, {"\xd4\x01""e", 3},
		{"\xd4\x03\xc1", 3},                 /* a document of nothing known */
		{"\xd5\x03\x01\x02", 4},             /* a document of two */
		{"\xd6\x03\xd5\x03\x91\x01", 6},     /* a document in a document */
		{"\xc7\x00\x03", 3},                 /* an empty document */
		{"\xd5\x03\x93\x01", 4},             /* a document of three, in which one is */
		{"\x92\x01", 2}, {"\x81\x01", 2}, {"\x91\xc1", 2}, {"\xdd\xff\xff\xff\xff\x01", 6},
		{"\xdf\xff\xff\xff\xff\x01\x01", 7},
		{"\x91\xd9\x05""abc", 6},
	};
	struct arena arena = {.limit = 4096};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].n == 0 ? 1 : rows[i].n);
		struct value v;
		memcpy(exact, rows[i].bytes, rows[i].n);
		CHECK(value_read(&arena, exact, exact + rows[i].n, &v) == NULL, "row %zu", i);
		CHECK(!arena.failed, "row %zu", i);
		free(exact);
	}
	arena_free(&arena);
}

/* Documents are looked through; what is behind a value is left alone. */
static void reads_documents(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, used;
		const char *json;
	} rows[] = {
		{"\xd5\x03\x91\x01\x05", 5, 4, "[1]"}, {"\xc8\x00\x03\x03\x81\xa0\x01", 7, 7, "{\"\":1}"},
		{"\xd4\x03\x07", 3, 3, "7"},
		{"\xd5\x03\xa1x", 4, 4, "\"x\""}, {"\xd4\x03\xc0", 3, 3, "null"}, {"\x91\x01\x02", 3, 2, "[1]"},
		{"\xa1xy", 3, 2, "\"x\""},
	};
	struct fixture f;
	struct buf out = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t bytes[16 + RENDER_PAD] = {0};
		struct value v;
		memcpy(bytes, rows[i].bytes, rows[i].n);
		CHECK(value_read(&f.arena, bytes, bytes + rows[i].n, &v) == bytes + rows[i].used, "row %zu", i);
		CHECK(strcmp(shown(&f, &v, &out), rows[i].json) == 0, "row %zu: %s", i, text_of(&out));
	}
	buf_free(&out);
	end(&f);
}

static void encodes(void **state)
{
	static const struct {
		const char *json, *bytes;
		size_t n;
	} rows[] = {
		{"null", "\xc0", 1}, {"false", "\xc2", 1}, {"true", "\xc3", 1}, {"0", "\x00", 1}, {"-1", "\xff", 1},
		{"200", "\xcc\xc8", 2}, {"1.0", "\xc7\x03\x01""1.0", 6},
		{"9223372036854775807", "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9},
		{"18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9},
		{"-9223372036854775808", "\xd3\x80\0\0\0\0\0\0\0", 9},
		{"18446744073709551616", "\xc7\x14\x01""18446744073709551616", 23}, {"-0", "\xd5\x01-0", 4},
		{"\"\"", "\xa0", 1}, {"\"abc\"", "\xa3""abc", 4},
		{"\"" UUID "\"", "\xd8\x02\x01\x90\xc2\xa7\x7e\x5b\x70\x00\x80\x00\x01\x23\x45\x67\x89\xab", 18},
		{"[]", "\x90", 1}, {"[1,[]]", "\x92\x01\x90", 3}, {"{}", "\x80", 1},
		{"{\"k\":{\"" UUID "\":1}}", "\x81\xa1k\x81\xd9\x24" UUID "\x01", 43},
	};
	struct fixture f;
	struct buf bytes = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = PLAIN; form < FORMS; form++) {
			struct value v = value_of(&f, rows[i].json, form);
			if (form == KEPT) /* its keys stay numbers */
				continue;
			bytes.size = 0;
			assert_true(value_encode(&bytes, &v));
			CHECK(bytes.size == rows[i].n && memcmp(bytes.data, rows[i].bytes, rows[i].n) == 0, "%s, %s",
			      rows[i].json, form_names[form]);
			clear(&f);
		}
	}
	buf_free(&bytes);
	end(&f);
}

/* ---- going through ---- */

static void iterates(void **state)
{
	static const struct {
		const char *json, *members;
		uint32_t n;
	} rows[] = {
		{"[]", "", 0}, {"{}", "", 0}, {"[1,null,\"x\"]", "1;null;\"x\";", 3},
		{"[[1,2],{\"a\":[3]},[]]", "[1,2];{\"a\":[3]};[];", 3},
		{"{\"a\":1,\"b\":{\"a\":2}}", "a=1;b={\"a\":2};", 2}, {"{\"b\":1,\"a\":2,\"\":3}", "b=1;a=2;=3;", 3},
		{"{\"data\":1,\"eventType\":\"t\",\"" UUID "\":2}", "data=1;eventType=\"t\";" UUID "=2;", 3},
		{"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;", 17},
	};
	struct fixture f;
	struct buf out = {0}, seen = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < FORMS; form++) {
			struct value v = value_of(&f, rows[i].json, form), e;
			struct value_iterator it;
			struct node_key key;
			uint32_t passed = 0;
			seen.size = 0;
			assert_true(value_iterate(&v, &it));
			assert_int_equal(it.object, rows[i].json[0] == '{');
			while (value_next(&it, f.numbered.names, &f.arena, &key, &e)) {
				if (it.object) {
					buf_put(&seen, key.text, key.size);
					buf_byte(&seen, '=');
				}
				buf_text(&seen, shown(&f, &e, &out));
				buf_byte(&seen, ';');
			}
			CHECK(strcmp(text_of(&seen), rows[i].members) == 0, "%s, %s: %s", rows[i].json,
			      form_names[form], text_of(&seen));
			assert_int_equal(it.at, it.n);
			assert_true(value_iterate(&v, &it));
			while (value_next(&it, NULL, &f.arena, NULL, &e)) /* keys are passed over */
				passed++;
			assert_int_equal(passed, rows[i].n);
			assert_int_equal(value_count(&v), rows[i].n);
			clear(&f);
		}
	}
	for (enum form form = 0; form < FORMS; form++) {
		struct value v = value_of(&f, "\"text\"", form);
		struct value_iterator it;
		assert_false(value_iterate(&v, &it));
		assert_int_equal(value_count(&v), 0);
	}
	buf_free(&out);
	buf_free(&seen);
	end(&f);
}

/* Malformed inside: it ends before its count, and nothing else does. */
static void iteration_ends_at_damage(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint32_t good;
	} rows[] = {
		{"\x93\x01\x02\xc1", 4, 2}, {"\x92\xc1\x01", 3, 0}, {"\x92\x01\xd5\x01--", 6, 1},
		{"\x81\x90\x01", 3, 0}, {"\x82\x0a\x01\xcd\x3f\xff\x02", 7, 1},
		{"\x81\xc0\x01", 3, 0}, {"\x82\xa1""a\x01\xa1", 5, 1},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].n);
		struct value v = {.kind = VALUE_PACKED, .size = (uint32_t)rows[i].n, .packed = exact}, e, kept;
		struct value_iterator it;
		struct node_key key;
		uint32_t n = 0;
		memcpy(exact, rows[i].bytes, rows[i].n);
		value_iterate(&v, &it);
		while (value_next(&it, f.numbered.names, &f.arena, &key, &e))
			n++;
		CHECK(n == rows[i].good && it.at < it.n, "row %zu: %u", i, n);
		CHECK(!value_equal(&v, &v, f.numbered.names, &f.arena), "row %zu", i);
		value_member(&v, f.numbered.names, &f.arena, "none", 4, 999, &e);
		value_element(&v, &f.arena, -1, &e);
		if (value_keep(&v, &kept)) {
			CHECK(!value_unpack(&kept, f.numbered.names) && kept.kind == VALUE_PACKED, "row %zu", i);
			value_drop(&kept);
		}
		free(exact);
	}
	end(&f);
}

/* Look for a member, by the number of its name or without: both find the same. */
static bool find_member(struct fixture *f, const struct value *v, const char *key, struct value *out)
{
	const struct names *names = f->numbered.names;
	size_t size = strlen(key);
	struct value other = value_bool(false);
	bool there = value_member(v, names, &f->arena, key, size, name_find(names, key, size), out);

	assert_int_equal(value_member(v, names, &f->arena, key, size, -1, &other), there);
	assert_true(other.kind == out->kind && other.size == out->size && value_equal(&other, out, names, &f->arena));
	return there;
}

static void finds_members(void **state)
{
	static const struct {
		const char *json, *key, *out; /* NULL: not there */
	} rows[] = {
		{"{\"a\":1,\"b\":2}", "a", "1"}, {"{\"a\":1,\"b\":2}", "b", "2"}, {"{\"a\":1,\"b\":2}", "c", NULL},
		{"{\"a\":1}", "", NULL}, {"{}", "a", NULL}, {"{\"\":3}", "", "3"},
		{"{\"a\":1,\"ab\":2,\"abc\":3}", "ab", "2"}, {"{\"a\":null}", "a", "null"},
		{"{\"a\":[1,{\"b\":2}],\"b\":3}", "b", "3"}, {"{\"x\":{\"b\":2},\"b\":[3,[4]]}", "b", "[3,[4]]"},
		{"{\"x\":[],\"b\":{}}", "b", "{}"}, {"{\"data\":1,\"eventType\":2}", "data", "1"},
		{"{\"" UUID "\":5}", UUID, "5"}, {"{\"a\":\"" UUID "\",\"b\":1}", "a", "\"" UUID "\""},
		{"{\"a\":1e400,\"b\":-300,\"c\":\"" UUID UUID "\",\"d\":70000,\"e\":12345678901,\"f\":true,\"g\":0.5,\"h\":7}", "h", "7"},
		/* The last one counts. */
		{"{\"a\":1,\"b\":2,\"a\":3}", "a", "3"}, {"{\"a\":1,\"a\":2,\"a\":[4]}", "a", "[4]"},
		{"{\"a\":{\"x\":1},\"a\":null}", "a", "null"},
		/* No object. */
		{"[1]", "a", NULL}, {"\"a\"", "a", NULL}, {"null", "a", NULL}, {"1", "a", NULL},
	};
	struct fixture f;
	struct buf out = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < FORMS; form++) {
			struct value v = value_of(&f, rows[i].json, form), e = value_bool(true);
			bool there = find_member(&f, &v, rows[i].key, &e);
			CHECK(there == (rows[i].out != NULL), "%s of %s, %s", rows[i].key, rows[i].json, form_names[form]);
			CHECK(strcmp(shown(&f, &e, &out), there ? rows[i].out : "null") == 0, "%s of %s, %s: %s",
			      rows[i].key, rows[i].json, form_names[form], text_of(&out));
			clear(&f);
		}
	}
	buf_free(&out);
	end(&f);
}

/* The i-th of many values. */
static void put_field(struct buf *out, int i)
{
	if (i % 3 == 0)
		buf_printf(out, "[%d,{\"field%d\":%d}]", i, i + 1, i);
	else if (i % 3 == 1)
		buf_printf(out, "\"%0*d\"", 3 * i, i);
	else
		buf_printf(out, "%d", i);
}

/* Names of one, two and three bytes; long values between them; UUIDs as keys, as no store of today writes them. */
static void finds_members_among_many(void **state)
{
	struct fixture f;
	struct buf json = {0}, out = {0}, wanted = {0};
	uint8_t bytes[64 + RENDER_PAD] = {0}, *p = bytes;
	struct value v, e;

	(void)state;
	begin(&f);
	buf_byte(&json, '{');
	for (int i = 0; i < 400; i++) {
		buf_printf(&json, "%s\"field%d\":", i == 0 ? "" : ",", i);
		put_field(&json, i);
	}
	buf_byte(&json, '}');
	for (enum form form = 0; form < FORMS; form++) {
		v = value_of(&f, text_of(&json), form);
		assert_int_equal(value_count(&v), 400);
		for (int i = 0; i < 401; i++) {
			char key[24];
			snprintf(key, sizeof key, "field%d", i);
			wanted.size = 0;
			if (i < 400)
				put_field(&wanted, i);
			else
				buf_text(&wanted, "null");
			assert_int_equal(find_member(&f, &v, key, &e), i < 400);
			assert_string_equal(shown(&f, &e, &out), text_of(&wanted));
		}
	}
	packed_put_map(&p, 2);
	packed_put_uuid(&p, (const uint8_t *)"\x01\x90\xc2\xa7\x7e\x5b\x70\x00\x80\x00\x01\x23\x45\x67\x89\xab");
	packed_put_uint8(&p, 1);
	packed_put_text(&p, "x", 1);
	packed_put_uint8(&p, 2);
	v = (struct value){.kind = VALUE_PACKED, .size = (uint32_t)(p - bytes), .packed = bytes};
	assert_true(value_member(&v, f.numbered.names, &f.arena, UUID, strlen(UUID), -1, &e));
	assert_int_equal(e.number, 1);
	assert_true(value_member(&v, f.numbered.names, &f.arena, "x", 1, -1, &e));
	assert_int_equal(e.number, 2);
	assert_string_equal(shown(&f, &v, &out), "{\"" UUID "\":1,\"x\":2}");
	buf_free(&json);
	buf_free(&out);
	buf_free(&wanted);
	end(&f);
}

static void finds_elements(void **state)
{
	static const struct {
		const char *json;
		int64_t index;
		const char *out;
	} rows[] = {
		{"[1,2,3]", 0, "1"}, {"[1,2,3]", 2, "3"}, {"[1,2,3]", 3, NULL}, {"[1,2,3]", -1, "3"},
		{"[1,2,3]", -3, "1"}, {"[1,2,3]", -4, NULL}, {"[]", 0, NULL}, {"[]", -1, NULL},
		{"[1,2,3]", INT64_MAX, NULL}, {"[1,2,3]", INT64_MIN, NULL},
		{"[[1,[2]],{\"a\":[]},\"x\",4]", 1, "{\"a\":[]}"}, {"[[1,[2]],{\"a\":[]},\"x\",4]", -1, "4"},
		{"[null]", 0, "null"},
		{"{\"a\":1}", 0, NULL}, {"\"abc\"", 0, NULL}, {"5", 0, NULL}, {"null", 0, NULL},
	};
	struct fixture f;
	struct buf out = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < FORMS; form++) {
			struct value v = value_of(&f, rows[i].json, form), e = value_bool(true);
			bool there = value_element(&v, &f.arena, rows[i].index, &e);
			CHECK(there == (rows[i].out != NULL), "%lld of %s, %s", (long long)rows[i].index, rows[i].json,
			      form_names[form]);
			CHECK(strcmp(shown(&f, &e, &out), there ? rows[i].out : "null") == 0, "%lld of %s, %s",
			      (long long)rows[i].index, rows[i].json, form_names[form]);
			clear(&f);
		}
	}
	buf_free(&out);
	end(&f);
}

/* Values of all headers are stepped over, and found whole. */
static void steps_over_all(void **state)
{
	enum { MOST = 1000 };
	static const uint8_t fill[] = {0x00, 0x01, 0x03, 0x31};
	uint8_t value[MOST], around[MOST + 8];
	bool known[256] = {false};
	struct arena arena = {.limit = (size_t)1 << 20};

	(void)state;
	for (unsigned head = 0; head < 256 * COUNT(fill); head++) {
		const uint8_t *end;
		struct value v = {0}, e, alone;
		size_t n;
		memset(value, fill[head / 256], MOST);
		value[0] = (uint8_t)head;
		if ((end = packed_skip(value, value + MOST)) == NULL)
			continue;
		known[head % 256] = true;
		n = (size_t)(end - value);
		memcpy(around + 2, value, n);
		/* [value, 7] */
		around[1] = 0x92;
		around[2 + n] = 7;
		assert_ptr_equal(value_read(&arena, around + 1, around + n + 3, &v), around + n + 3);
		CHECK(value_element(&v, &arena, 1, &e) && e.kind == VALUE_NUMBER && e.number == 7, "header %02x",
		      head % 256);
		/* {5: value} */
		around[0] = 0x81;
		around[1] = 5;
		v = (struct value){.kind = VALUE_PACKED, .size = (uint32_t)n + 2, .packed = around};
		if (value_read(&arena, around + 2, around + 2 + n, &alone) == NULL)
			continue;
		CHECK(value_member(&v, NULL, &arena, "x", 1, 5, &e) && e.kind == alone.kind && e.size == alone.size,
		      "header %02x", head % 256);
	}
	/* Those of no value evs writes; 0xc9 would be of a document longer than these. */
	for (unsigned head = 0; head < 256; head++)
		CHECK(known[head] == (strchr("\xc1\xc4\xc5\xc6\xc9\xca\xcb", (int)head) == NULL || head == 0),
		      "header %02x", head);
	arena_free(&arena);
}

/* ---- equality ---- */

/* Whether two JSON texts, in two forms, are equal as they should; NULL texts are passed over. */
static void check_equal(struct fixture *f, const char *a, enum form form, const char *b, enum form other, bool wanted)
{
	struct value x, y;

	if (a == NULL || b == NULL)
		return;
	x = value_of(f, a, form);
	y = value_of(f, b, other);
	CHECK(value_equal(&x, &y, f->numbered.names, &f->arena) == wanted, "%s (%s) and %s (%s)", a, form_names[form], b,
	      form_names[other]);
	clear(f);
}

static void equals(void **state)
{
	/* Those of a row are equal, those of two rows are not. */
	static const char *const rows[][3] = {
		{"null"}, {"false"}, {"true"}, {"0", "-0", "0.00"}, {"1", "1.00", "10e-1"}, {"-1"},
		{"18446744073709551615", "18446744073709551615.0"}, {"1e400", "10e399"},
		{"1.0000000000000000000000001"},
		{"1e99999999999999999999"}, {"1e99999999999999999998"}, {"\"\""}, {"\"1\""}, {"\"a\""}, {"\"ab\""},
		{"\"" UUID "\""}, {"\"null\""},
		{"[]"}, {"[1]", "[1.0]"}, {"[1,2]", "[1,2.000]"}, {"[2,1]"}, {"[1,2,3]"}, {"[[]]"}, {"[null]"},
		{"[{}]"}, {"[\"" UUID "\"]"}, {"[[1],[2]]", "[[1.0],[2]]"},
		{"{}"}, {"{\"a\":1}", "{\"a\":1.0}"}, {"{\"a\":2}", "{\"a\":1,\"a\":2}", "{\"a\":{},\"a\":2.0}"},
		{"{\"b\":1}"}, {"{\"a\":null}"},
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{\"b\":5,\"a\":1,\"b\":2}"},
		{"{\"a\":1,\"b\":3}"}, {"{\"a\":1,\"c\":2}"},
		{"{\"a\":{\"x\":1,\"y\":[2]}}", "{\"a\":{\"y\":[2],\"x\":1}}"}, {"{\"a\":{\"x\":1,\"y\":[3]}}"},
		{"{\"a\":1,\"b\":2,\"c\":3}"},
		{"{\"aa\":1}"}, {"{\"\":1}"},
	};
	struct fixture f;

	(void)state;
	begin(&f);
	for (enum form form = 0; form < FORMS; form++)
		for (enum form other = 0; other < FORMS; other++)
			for (size_t i = 0; i < COUNT(rows) * 3; i++)
				for (size_t k = 0; k < COUNT(rows) * 3; k++)
					check_equal(&f, rows[i / 3][i % 3], form, rows[k / 3][k % 3], other,
					            i / 3 == k / 3);
	end(&f);
}

/* Large objects in another order cost no square of their size. */
static void large_objects_are_equal(void **state)
{
	enum { FIELDS = 50000 };
	struct fixture f;
	struct buf a = {0}, b = {0};
	struct value x, y;

	(void)state;
	begin(&f);
	for (int i = 0; i < FIELDS; i++) {
		buf_printf(&a, "%c\"key%d\":%d", i == 0 ? '{' : ',', i, i);
		buf_printf(&b, "%c\"key%d\":%d.0", i == 0 ? '{' : ',', FIELDS - 1 - i, FIELDS - 1 - i);
	}
	buf_byte(&a, '}');
	buf_byte(&b, '}');
	x = value_of(&f, text_of(&a), TREE);
	y = value_of(&f, text_of(&b), NUMBERED);
	assert_true(value_equal(&x, &y, f.numbered.names, &f.arena));
	x.node->values[FIELDS / 2].number++;
	assert_false(value_equal(&x, &y, f.numbered.names, &f.arena));
	buf_free(&a);
	buf_free(&b);
	end(&f);
}

/* ---- what states own ---- */

/* A kept value needs nothing of what it was made from. */
static void keeps(void **state)
{
	static const char *const rows[] = {
		"\"\"", "\"text\"", "1e400", "-0", "[]", "{}", "[1,\"a\"]", "{\"a\":{\"b\":[1,2,\"" UUID "\"]},\"c\":\"x\"}",
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < FORMS; form++) {
			struct fixture f;
			struct value v, kept, again;
			begin(&f);
			v = value_of(&f, rows[i], form);
			assert_true(value_keep(&v, &kept));
			assert_true(value_keep(&kept, &again));
			for (size_t k = 0; k < f.n_packed; k++)
				memset(f.packed[k].data, 0xc1, f.packed[k].size);
			clear(&f);
			CHECK(strcmp(shown(&f, &kept, &out), rows[i]) == 0, "%s, %s: %s", rows[i], form_names[form],
			      text_of(&out));
			value_drop(&kept);
			assert_int_equal(kept.kind, VALUE_NULL);
			value_drop(&kept);
			CHECK(strcmp(shown(&f, &again, &out), rows[i]) == 0, "%s, %s: %s", rows[i], form_names[form],
			      text_of(&out));
			value_drop(&again);
			end(&f);
		}
	}
	buf_free(&out);
}

/* A kept empty string is one. */
static void keeps_what_is_empty(void **state)
{
	struct value empty = value_text(NULL, 0), absent = {.kind = VALUE_ABSENT}, kept;

	(void)state;
	assert_true(value_keep(&empty, &kept));
	assert_int_equal(kept.kind, VALUE_TEXT);
	assert_int_equal(kept.size, 0);
	assert_non_null(kept.text);
	value_drop(&kept);
	assert_true(value_keep(&absent, &kept));
	assert_int_equal(kept.kind, VALUE_ABSENT);
	value_drop(&kept);
}

static void refuses_to_keep_damage(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t n;
	} rows[] = {
		{"\x92\x01", 2}, {"\x91\x01\x02", 3}, {"\x91\xc1", 2}, {"\x81\xa1", 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct value v = {.kind = VALUE_PACKED, .size = rows[i].n,
		                  .packed = (const uint8_t *)rows[i].bytes}, kept = value_bool(true);
		CHECK(!value_keep(&v, &kept), "row %zu", i);
		CHECK(kept.kind == VALUE_NULL, "row %zu", i);
	}
}

/* Absent fields are kept, and neither seen nor written. */
static void absent_fields(void **state)
{
	struct fixture f;
	struct buf out = {0}, bytes = {0};
	struct node *n = node_new(true), *other = node_new(true);
	struct value v = {.kind = VALUE_OBJECT, .node = n}, w = {.kind = VALUE_OBJECT, .node = other}, kept, e;
	struct value_iterator it;
	struct node_key key;

	(void)state;
	begin(&f);
	assert_true(node_add(n, "a", 1, (struct value){.kind = VALUE_ABSENT}));
	assert_true(node_add(n, "b", 1, value_integer(1)));
	assert_true(node_add(n, "c", 1, (struct value){.kind = VALUE_ABSENT}));
	assert_true(node_add(other, "b", 1, value_integer(1)));
	assert_true(value_keep(&v, &kept));
	assert_int_equal(kept.node->n, 3);
	assert_int_equal(kept.node->values[0].kind, VALUE_ABSENT);
	assert_string_equal(shown(&f, &kept, &out), "{\"b\":1}");
	assert_true(value_encode(&bytes, &kept));
	assert_int_equal(bytes.size, 4);
	assert_memory_equal(bytes.data, "\x81\xa1""b\x01", 4);
	assert_int_equal(value_count(&kept), 1);
	assert_true(value_equal(&v, &w, NULL, &f.arena));
	assert_true(value_equal(&w, &v, NULL, &f.arena));
	assert_false(value_member(&kept, NULL, &f.arena, "a", 1, -1, &e));
	assert_int_equal(e.kind, VALUE_NULL);
	assert_true(value_member(&kept, NULL, &f.arena, "b", 1, -1, &e));
	assert_true(value_iterate(&kept, &it));
	assert_true(value_next(&it, NULL, &f.arena, &key, &e));
	assert_int_equal(key.text[0], 'b');
	assert_false(value_next(&it, NULL, &f.arena, &key, &e));
	value_drop(&w.node->values[0]);
	w.node->values[0] = (struct value){.kind = VALUE_ABSENT};
	assert_string_equal(shown(&f, &w, &out), "{}");
	value_drop(&v);
	value_drop(&w);
	value_drop(&kept);
	/* In a list it is null. */
	v = (struct value){.kind = VALUE_LIST, .node = node_new(false)};
	assert_true(node_add(v.node, NULL, 0, (struct value){.kind = VALUE_ABSENT}));
	assert_string_equal(shown(&f, &v, &out), "[null]");
	bytes.size = 0;
	assert_true(value_encode(&bytes, &v));
	assert_memory_equal(bytes.data, "\x91\xc0", 2);
	assert_int_equal(value_count(&v), 1);
	value_drop(&v);
	buf_free(&out);
	buf_free(&bytes);
	end(&f);
}

static void unpacks(void **state)
{
	static const struct {
		const char *json, *out;
		uint8_t kind;
	} rows[] = {
		{"[]", "[]", VALUE_LIST}, {"{}", "{}", VALUE_OBJECT}, {"[1,[2]]", "[1,[2]]", VALUE_LIST},
		{"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", VALUE_OBJECT},
		{"{\"a\":\"x\",\"b\":2,\"a\":[\"y\"],\"c\":3,\"b\":\"z\"}", "{\"a\":[\"y\"],\"b\":\"z\",\"c\":3}", VALUE_OBJECT},
		{"[\"" UUID "\",18446744073709551615]", "[\"" UUID "\",18446744073709551615]", VALUE_LIST},
	};
	struct fixture f;
	struct buf out = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (enum form form = 0; form < KEPT; form++) {
			struct value v = value_of(&f, rows[i].json, form), kept;
			assert_true(value_keep(&v, &kept));
			assert_true(value_unpack(&kept, f.numbered.names));
			CHECK(kept.kind == rows[i].kind, "%s", rows[i].json);
			for (uint32_t k = 0; k < kept.node->n; k++) /* one level deep */
				CHECK(kept.node->values[k].kind != VALUE_LIST &&
				      kept.node->values[k].kind != VALUE_OBJECT, "%s", rows[i].json);
			CHECK(strcmp(shown(&f, &kept, &out), rows[i].out) == 0, "%s: %s", rows[i].json, text_of(&out));
			struct node *before = kept.node;
			assert_true(value_unpack(&kept, f.numbered.names));
			assert_ptr_equal(kept.node, before);
			value_drop(&kept);
		}
		clear(&f);
	}
	for (enum form form = 0; form < FORMS; form++) {
		struct value v = value_of(&f, "\"text\"", form);
		assert_false(value_unpack(&v, f.numbered.names));
	}
	buf_free(&out);
	end(&f);
}

/* A tree that changes by chance holds what a plain list of keys and numbers does. */
static void nodes_change(void **state)
{
	enum { ROUNDS = 6, STEPS = 3000 };
	static int keys[STEPS], numbers[STEPS];
	uint64_t seed = 99;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct node *n = node_new(round != 0);
		uint32_t count = 0;
		int most = round < 2 ? 10 : round < 4 ? 60 : 1500;
		for (int step = 0; step < STEPS; step++) {
			int k = (int)chance_of(&seed, (size_t)most);
			char key[16];
			size_t size = (size_t)snprintf(key, sizeof key, "%d", k);
			uint32_t at = 0;
			while (at < count && keys[at] != k)
				at++;
			if (round != 0)
				CHECK(node_find(n, key, size) == (at < count ? (int64_t)at : -1),
				      "round %d, step %d, key %s", round, step, key);
			if (at < count && chance_of(&seed, 2) == 0) {
				struct value gone;
				node_remove(n, at, &gone);
				assert_int_equal(gone.number, numbers[at]);
				count--;
				memmove(keys + at, keys + at + 1, (count - at) * sizeof *keys);
				memmove(numbers + at, numbers + at + 1, (count - at) * sizeof *numbers);
			} else if (at == count) {
				if (chance_of(&seed, 3) == 0)
					at = (uint32_t)chance_of(&seed, count + 1u);
				assert_true(at == count ? node_add(n, key, size, value_integer(step)) :
				            node_insert(n, at, key, size, value_integer(step)));
				memmove(keys + at + 1, keys + at, (count - at) * sizeof *keys);
				memmove(numbers + at + 1, numbers + at, (count - at) * sizeof *numbers);
				keys[at] = k;
				numbers[at] = step;
				count++;
			}
			assert_int_equal(n->n, count);
		}
		for (uint32_t i = 0; i < count; i++) {
			char key[16];
			size_t size = (size_t)snprintf(key, sizeof key, "%d", keys[i]);
			assert_int_equal(n->values[i].number, numbers[i]);
			if (round == 0)
				continue;
			CHECK(n->keys[i].size == size && memcmp(n->keys[i].text, key, size) == 0, "round %d, key %u",
			      round, i);
			CHECK(node_find(n, key, size) == i, "round %d, key %s", round, key);
		}
		assert_true((n->keys == NULL) == (round == 0));
		while (n->n > 0) {
			struct value gone;
			node_remove(n, (uint32_t)chance_of(&seed, n->n), &gone);
		}
		if (round != 0)
			assert_int_equal(node_find(n, "1", 1), -1);
		node_free(n);
	}
	node_free(NULL);
}

/* Fields that come and go for long while few are there. */
static void fields_come_and_go(void **state)
{
	struct node *n = node_new(true);
	struct value gone;
	char key[16];

	(void)state;
	for (int i = 0; i < 500; i++) {
		size_t size = (size_t)snprintf(key, sizeof key, "%d", i);
		assert_true(node_add(n, key, size, value_integer(i)));
		assert_int_equal(node_find(n, key, size), n->n - 1);
		if (i < 30)
			continue;
		node_remove(n, 0, &gone); /* the first 30 by twos, then one for one */
		if (n->n > 5)
			node_remove(n, 0, &gone);
		assert_int_equal(node_find(n, key, size), n->n - 1);
		snprintf(key, sizeof key, "%d", (int)gone.number);
		assert_int_equal(node_find(n, key, strlen(key)), -1);
	}
	assert_int_equal(n->n, 5);
	node_free(n);
}

/* A list that changes by chance knows of strings and numbers whether it has them, as one who looks at each does. */
static void lists_know_what_they_have(void **state)
{
	static const char *const texts[] = {
		"1", "1.0", "1.50", "1.5", "0", "-0", "0.000", "7", "70e-1", "100", "1e2", "1e400", "10e399",
		"1.000000000000000000000000000000", "123456789012345678901234567890", "null", "true", "false", "[1]", "{\"a\":1}",
		"\"\"", "\"1\"", "\"a\"", "\"b\"", "\"ab\"", "\"a much longer string than others\"",
	};
	enum { N = COUNT(texts), STEPS = 4000 };
	struct value values[N], v, gone;
	struct arena arena = {.limit = 1 << 20};
	struct node *n = node_new(false), other = node_borrowed();
	struct fixture f;
	uint64_t seed = 7, steps = 0;
	int asked[3] = {0};

	(void)state;
	begin(&f);
	for (size_t i = 0; i < N; i++)
		values[i] = value_of(&f, texts[i], KEPT);
	for (int step = 0; step < STEPS; step++) {
		/* Of few kinds for a while, then of others: lists that lack some. */
		size_t from = (size_t)step / 100 * 5 % N, what = (from + chance_of(&seed, 6)) % N;
		uint32_t at = n->n == 0 ? 0 : (uint32_t)chance_of(&seed, n->n);
		size_t how = n->n < 60 ? chance_of(&seed, 12) : 12;

		assert_true(value_keep(&values[what], &v));
		if (how < 6) {
			assert_true(node_add(n, NULL, 0, v));
		} else if (how == 6) {
			assert_true(node_insert(n, at, NULL, 0, v));
		} else if (how == 7 && n->n > 0) {
			node_changes(n);
			value_drop(&n->values[at]);
			n->values[at] = v;
		} else {
			value_drop(&v);
			if (how < 12 && n->n > 0) {
				node_remove(n, how == 8 ? at : n->n - 1, &gone);
				value_drop(&gone);
			}
			while (how == 12 && n->n > 10) {
				node_remove(n, n->n - 1, &gone);
				value_drop(&gone);
			}
		}
		for (size_t i = 0; i < N; i++) {
			bool there = false, item = values[i].kind == VALUE_TEXT || values[i].kind == VALUE_NUMBER;
			int known;
			if (chance_of(&seed, 3) == 0)
				continue;
			known = node_has(n, &values[i], &steps);
			for (uint32_t k = 0; k < n->n && !there; k++)
				there = value_equal(&n->values[k], &values[i], f.numbered.names, &arena);
			CHECK(known == -1 || known == (int)there, "step %d, %s: %d", step, texts[i], known);
			CHECK(known == -1 ? values[i].kind != VALUE_TEXT || n->n < 17 : item && n->n >= 17, "step %d, %s: %d", step, texts[i], known);
			asked[known + 1]++;
			arena_reset(&arena);
		}
	}
	assert_true(asked[0] > 1000 && asked[1] > 1000 && asked[2] > 1000);
	for (int i = 0; i < 40; i++)
		assert_true(node_add(n, NULL, 0, value_integer(i)));
	other.values = n->values;
	other.n = n->n;
	assert_int_equal(node_has(&other, &n->values[20], &steps), -1);
	node_free(n);
	arena_free(&arena);
	end(&f);
}

/* Any bytes are a key. */
static void keys_of_any_bytes(void **state)
{
	struct node *n = node_new(true);
	char keys[40][3];

	(void)state;
	assert_true(node_add(n, "", 0, value_integer(-1)));
	for (int i = 0; i < 40; i++) {
		memcpy(keys[i], (char[]){'a', '\0', (char)i}, 3);
		assert_true(node_add(n, keys[i], 3, value_integer(i)));
	}
	assert_int_equal(node_find(n, "", 0), 0);
	assert_int_equal(node_find(n, "a", 1), -1);
	for (int i = 0; i < 40; i++)
		assert_int_equal(node_find(n, keys[i], 3), i + 1);
	node_free(n);
}

/* ---- limits ---- */

/* `levels` lists, or objects of a field "a", one in another. */
static void nested(struct buf *json, int levels, bool object)
{
	json->size = 0;
	for (int i = 0; i < levels; i++)
		buf_text(json, object ? i == levels - 1 ? "{" : "{\"a\":" : "[");
	for (int i = 0; i < levels; i++)
		buf_byte(json, object ? '}' : ']');
}

static void depth_is_known(void **state)
{
	static const struct {
		const char *json;
		unsigned depth;
	} rows[] = {
		{"null", 0}, {"\"x\"", 0}, {"1", 0}, {"[]", 1}, {"{}", 1}, {"[1,2]", 1}, {"[[]]", 2},
		{"[1,[2,[3]],4]", 3}, {"{\"a\":{\"b\":[]},\"c\":1}", 3}, {"[[[]],[[[]]],[]]", 4},
		{"[{\"a\":1},{\"b\":2}]", 2},
	};
	struct fixture f;
	struct buf json = {0};

	(void)state;
	begin(&f);
	for (enum form form = 0; form < FORMS; form++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct value v = value_of(&f, rows[i].json, form);
			CHECK(value_depth(&v) == rows[i].depth, "%s, %s: %u", rows[i].json, form_names[form],
			      value_depth(&v));
		}
		clear(&f);
		for (int object = 0; object < 2; object++) {
			nested(&json, DEPTH_LIMIT, object);
			struct value v = value_of(&f, text_of(&json), form);
			assert_int_equal(value_depth(&v), DEPTH_LIMIT);
			clear(&f);
		}
	}
	buf_free(&json);
	end(&f);
}

/* A value with `levels` more lists around it; owned. */
static struct value wrapped(struct value v, int levels)
{
	for (int i = 0; i < levels; i++) {
		struct node *n = node_new(i % 2 != 0);
		assert_true(node_add(n, "a", 1, v));
		v = (struct value){.kind = i % 2 != 0 ? VALUE_OBJECT : VALUE_LIST, .node = n};
	}
	return v;
}

/* What is nested too deep ends in an error, not in the stack. */
static void depth_has_a_limit(void **state)
{
	static const struct {
		int levels;
		bool kept, rendered;
	} rows[] = {
		{0, true, true}, {1, true, true}, {DEPTH_LIMIT, true, true}, {DEPTH_LIMIT + 1, false, true},
		{2 * DEPTH_LIMIT, false, true}, {3 * DEPTH_LIMIT, false, false}, {20000, false, false},
	};
	struct fixture f;
	struct buf out = {0}, json = {0};
	uint8_t bytes[3 * DEPTH_LIMIT];

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct value v = wrapped(value_integer(1), rows[i].levels), kept;
		unsigned wanted = rows[i].levels > DEPTH_LIMIT ? DEPTH_LIMIT + 1 : (unsigned)rows[i].levels;
		bool ok = value_keep(&v, &kept);
		CHECK(value_depth(&v) == wanted, "%d levels: %u", rows[i].levels, value_depth(&v));
		CHECK(ok == rows[i].kept, "%d levels", rows[i].levels);
		CHECK(ok || kept.kind == VALUE_NULL, "%d levels", rows[i].levels);
		value_drop(&kept);
		out.size = 0;
		CHECK(value_render(&out, f.numbered.names, &v) == rows[i].rendered, "%d levels", rows[i].levels);
		out.size = 0;
		CHECK(value_encode(&out, &v) == rows[i].kept, "%d levels", rows[i].levels);
		CHECK(value_equal(&v, &v, f.numbered.names, &f.arena) == rows[i].rendered, "%d levels", rows[i].levels);
		value_drop(&v);
	}
	/* What is packed counts with what is around it. */
	nested(&json, DEPTH_LIMIT - 10, true);
	for (int levels = 9; levels < 12; levels++) {
		struct value v = value_of(&f, text_of(&json), NUMBERED), kept;
		assert_true(value_keep(&v, &kept));
		kept = wrapped(kept, levels);
		assert_int_equal(value_depth(&kept), DEPTH_LIMIT - 10 + levels);
		value_drop(&kept);
		clear(&f);
	}
	/* Packed bytes that no store would write. */
	memset(bytes, 0x91, sizeof bytes);
	bytes[sizeof bytes - 1] = 0x90;
	struct value deep = {.kind = VALUE_PACKED, .size = sizeof bytes, .packed = bytes};
	assert_int_equal(value_depth(&deep), DEPTH_LIMIT + 1);
	assert_false(value_equal(&deep, &deep, f.numbered.names, &f.arena));
	buf_free(&out);
	buf_free(&json);
	end(&f);
}

/* What the arena does not give is said. */
static void memory_has_a_limit(void **state)
{
	static const char *const rows[] = {"\"" UUID "\"", "18446744073709551615"};
	struct fixture f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena none = {0};
		struct value v = value_of(&f, rows[i], NUMBERED), e;
		struct buf bytes = {0};
		struct value_iterator it;
		uint8_t list[64] = {0x91};
		assert_true(value_encode(&bytes, &v));
		assert_null(value_read(&none, bytes.data, bytes.data + bytes.size, &e));
		assert_true(none.failed);
		arena_reset(&none);
		memcpy(list + 1, bytes.data, bytes.size);
		v = (struct value){.kind = VALUE_PACKED, .size = (uint32_t)bytes.size + 1, .packed = list};
		assert_true(value_iterate(&v, &it));
		assert_false(value_next(&it, f.numbered.names, &none, NULL, &e));
		assert_true(none.failed);
		arena_reset(&none);
		assert_false(value_element(&v, &none, 0, &e));
		assert_true(none.failed);
		assert_int_equal(e.kind, VALUE_NULL);
		buf_free(&bytes);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses_bytes),
		cmocka_unit_test(reads_documents),
		cmocka_unit_test(encodes),
		cmocka_unit_test(iterates),
		cmocka_unit_test(iteration_ends_at_damage),
		cmocka_unit_test(finds_members),
		cmocka_unit_test(finds_members_among_many),
		cmocka_unit_test(finds_elements),
		cmocka_unit_test(steps_over_all),
		cmocka_unit_test(equals),
		cmocka_unit_test(large_objects_are_equal),
		cmocka_unit_test(keeps),
		cmocka_unit_test(keeps_what_is_empty),
		cmocka_unit_test(refuses_to_keep_damage),
		cmocka_unit_test(absent_fields),
		cmocka_unit_test(unpacks),
		cmocka_unit_test(nodes_change),
		cmocka_unit_test(fields_come_and_go),
		cmocka_unit_test(lists_know_what_they_have),
		cmocka_unit_test(keys_of_any_bytes),
		cmocka_unit_test(depth_is_known),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(memory_has_a_limit),
	};

	return RUN(tests);
}
