/* event/view.h, event/term.h, event/same.h: an event looked at, hashed and compared. */
#include "event.h"
#include "event/same.h"
#include "event/term.h"

#define UUID "0190c2a7-7e5b-7000-8000-0123456789ab"
#define EVENT "{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14T10:30:00Z\""

static void make(struct maker *m, const char *line, struct buf *packed)
{
	struct evs_error err;
	struct parsed info;

	packed->size = 0;
	CHECK(maker_parse(m, line, strlen(line), packed, &info, &err) == EVS_OK, "%s: %s", line, err.message);
}

static void finds_the_envelope(void **state)
{
	static const char line[] = "{\"x\":1,\"eventType\":\"t\",\"eventId\":\"" UUID "\",\"data\":{\"eventType\":\"no\"},\"aggregateId\":\"a\",\"timestamp\":\"2026-05-14T10:30:00Z\","
	                           "\"version\":7,\"tags\":[\"one\",\"" UUID "\",\"\"],\"causationId\":\"\"}";
	static const char *const wanted[VIEW_TEXTS] = {"t", UUID, "2026-05-14T10:30:00Z", "a", NULL, NULL, NULL, NULL, ""};

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct maker m = {.plain = plain};
		struct buf packed = {0}, data = {0};
		char scratch[UUID_TEXT];
		struct text tag;
		const uint8_t *p;
		struct view v;
		maker_begin(&m);
		make(&m, line, &packed);
		assert_true(view_open(&v, packed.data, packed.size));
		for (unsigned f = 0; f < VIEW_TEXTS; f++) {
			struct span s = view_span(&v.texts[f], m.names, scratch);
			assert_true((v.texts[f].kind == TEXT_NONE) == (wanted[f] == NULL));
			CHECK(s.size == strlen(wanted[f] == NULL ? "" : wanted[f]) && memcmp(s.text, wanted[f] == NULL ? "" : wanted[f], s.size) == 0, "field %u", f);
		}
		assert_int_equal(v.texts[NAME_EVENT_TYPE].kind, plain ? TEXT_STRING : TEXT_NAME);
		assert_true(view_has_stream(&v));
		assert_int_equal(v.n_tags, 3);
		p = view_tag(v.tags, v.tags_end, &tag);
		assert_true(tag.kind == TEXT_STRING && tag.size == 3);
		p = view_tag(p, v.tags_end, &tag);
		assert_int_equal(tag.kind, TEXT_UUID);
		p = view_tag(p, v.tags_end, &tag);
		assert_true(tag.kind == TEXT_STRING && tag.size == 0 && p == v.tags_end);
		assert_null(view_tag(p, v.tags_end, &tag));
		assert_ptr_equal(render_value(&data, m.names, v.data, v.data_end), v.data_end);
		assert_string_equal(text_of(&data), "{\"eventType\":\"no\"}");
		assert_int_equal(v.n_fields, 9);
		buf_free(&packed);
		buf_free(&data);
		maker_end(&m);
	}
}

/* Packed by hand: what evs never writes is refused. */
static void refuses_what_is_no_event(void **state)
{
#define GOOD_FIELDS "\x00\xa1t\x01\xa1" "1\x02\xa1x"
	static const struct {
		const char *bytes;
		size_t n;
		bool ok;
	} rows[] = {
		{"\x83" GOOD_FIELDS, 10, true},
		{"\x83\x00\xa1t\x01\xa1" "1\x02\xa1", 9, false},
		{"", 0, false},
		{"\x93\x00\x01\x02", 4, false},
		{"\x82\x00\xa1t\x01\xa1" "1", 7, false},               /* no timestamp */
		{"\x83" GOOD_FIELDS "\xc0", 11, false},                /* something behind it */
		{"\x84" GOOD_FIELDS "\xa1k\x90", 13, false},           /* a container that is not wrapped */
		{"\x84" GOOD_FIELDS "\x09\xc0", 12, false},            /* tags that are no array */
		{"\x84" GOOD_FIELDS "\x03\x05", 12, false},            /* an aggregateId that is a name */
		{"\x84" GOOD_FIELDS "\x04\x05", 12, true},             /* an aggregateType that is one */
		{"\x84" GOOD_FIELDS "\x06\xc3", 12, false},            /* a source that is true */
		{"\x84" GOOD_FIELDS "\xc0\xc0", 12, false},            /* a key that is null */
		{"\x83\x00\xcd\xff\xff\x01\xa1" "1\x02\xa1x", 12, false}, /* a name beyond all */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].n + 1);
		struct view v;
		memcpy(exact, rows[i].bytes, rows[i].n);
		exact = realloc(exact, rows[i].n == 0 ? 1 : rows[i].n);
		CHECK(view_open(&v, exact, rows[i].n) == rows[i].ok, "row %zu", i);
		free(exact);
	}
}

static void texts_of_users(void **state)
{
	uint8_t uuid[16], other[16];
	struct text a, b;

	(void)state;
	view_text_of(&a, UUID, strlen(UUID), uuid);
	assert_int_equal(a.kind, TEXT_UUID);
	view_text_of(&b, "0190C2A7-7e5b-7000-8000-0123456789ab", UUID_TEXT, other);
	assert_int_equal(b.kind, TEXT_STRING);
	assert_false(view_text_same(&a, &b));
	view_text_of(&b, UUID, strlen(UUID), other);
	assert_true(view_text_same(&a, &b));
	view_text_of(&a, "x", 1, uuid);
	view_text_of(&b, "xy", 2, other);
	assert_false(view_text_same(&a, &b));
	view_text_of(&b, "x", 1, other);
	assert_true(view_text_same(&a, &b));
}

struct hashes {
	uint64_t list[16];
	size_t n, most;
};

static bool note(void *context, uint64_t hash)
{
	struct hashes *h = context;

	if (h->n == h->most)
		return false;
	h->list[h->n++] = hash;
	return true;
}

static void terms_of(struct maker *m, const char *line, uint64_t seed, struct terms *terms, struct hashes *h)
{
	struct buf packed = {0};
	struct view v;

	*h = (struct hashes){.most = 16};
	make(m, line, &packed);
	assert_true(view_open(&v, packed.data, packed.size));
	assert_true(term_all(seed, &v, m->names, terms, note, h));
	h->most = h->n - 1;
	h->n = 0;
	assert_false(term_all(seed, &v, m->names, terms, note, h));
	h->n = h->most = h->most + 1;
	assert_true(h->n > 0);
	h->n = 0;
	assert_true(term_all(seed, &v, m->names, terms, note, h));
	buf_free(&packed);
}

/* The same names give the same terms, interned or not; other names, kinds and seeds give others. */
static void terms_tell_apart(void **state)
{
	static const char line[] = EVENT ",\"aggregateId\":\"t\",\"aggregateType\":\"t\",\"correlationId\":\"t\",\"causationId\":\"t\",\"tags\":[\"t\",\"" UUID "\"]}";
	static const char other_type[] = EVENT ",\"aggregateId\":\"t\",\"aggregateType\":\"u\"}", no_type[] = EVENT ",\"aggregateId\":\"t\"}", empty_type[] = EVENT ",\"aggregateId\":\"t\",\"aggregateType\":\"\"}";
	struct maker a = {0}, b = {.plain = true};
	struct terms x, y;
	struct hashes h, k;

	(void)state;
	maker_begin(&a);
	maker_begin(&b);
	terms_of(&a, line, 5, &x, &h);
	terms_of(&b, line, 5, &y, &k);
	assert_int_equal(h.n, 6);
	assert_int_equal(k.n, 6);
	assert_memory_equal(h.list, k.list, h.n * sizeof h.list[0]);
	assert_true(x.event == y.event && x.stream == y.stream && x.aggregate == y.aggregate && h.list[0] == x.stream);
	for (size_t i = 0; i < h.n; i++)
		for (size_t j = 0; j < i; j++)
			CHECK(h.list[i] != h.list[j], "terms %zu and %zu", i, j);
	terms_of(&a, line, 6, &y, &k);
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.list[i] != k.list[i]);
	assert_true(x.event != y.event);
	terms_of(&a, other_type, 5, &y, &k);
	assert_true(y.aggregate == x.aggregate && y.stream != x.stream);
	terms_of(&a, no_type, 5, &x, &k);
	terms_of(&a, empty_type, 5, &y, &h);
	assert_true(x.aggregate == y.aggregate && x.stream == y.stream); /* an empty type is none */
	terms_of(&a, EVENT "}", 5, &x, &h);
	assert_true(x.stream == 0 && h.n == 1);
	maker_end(&a);
	maker_end(&b);
}

static void same_events(void **state)
{
	static const struct {
		const char *a, *b;
		int same, same_without_time;
	} rows[] = {
		{EVENT "}", EVENT "}", 1, 1},
		{EVENT "}", EVENT ",\"data\":1}", 0, 0},
		{EVENT ",\"data\":1}", EVENT ",\"data\":1.0}", 0, 0},
		{EVENT ",\"data\":{\"a\":1}}", EVENT ", \"data\" : {\"\\u0061\":1}}", 1, 1},
		{EVENT ",\"data\":{\"a\":1,\"b\":2}}", EVENT ",\"data\":{\"b\":2,\"a\":1}}", 0, 0},
		{EVENT ",\"x\":1,\"y\":2}", EVENT ",\"y\":2,\"x\":1}", 0, 0},
		{"{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14T10:30:01Z\"}", EVENT "}", 0, 1},
		{"{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14T10:30:01Z\",\"data\":1}", EVENT ",\"data\":2}", 0, 0},
		{EVENT ",\"aggregateType\":\"A\"}", EVENT ",\"aggregateType\":\"A\"}", 1, 1},
		{EVENT ",\"aggregateType\":\"A\"}", EVENT ",\"aggregateType\":\"B\"}", 0, 0},
		{EVENT ",\"data\":[\"" UUID "\"]}", EVENT ",\"data\":[\"" UUID "\"]}", 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maker m = {0};
		struct buf a = {0}, b = {0};
		maker_begin(&m);
		for (int plain = 0; plain < 2; plain++) { /* the first without numbers for names, the second with them */
			m.plain = plain == 0;
			make(&m, rows[i].a, &a);
			m.plain = false;
			make(&m, rows[i].b, &b);
			CHECK(same_event(m.names, a.data, a.size, b.data, b.size, false) == rows[i].same, "row %zu", i);
			CHECK(same_event(m.names, b.data, b.size, a.data, a.size, false) == rows[i].same, "row %zu", i);
			CHECK(same_event(m.names, a.data, a.size, b.data, b.size, true) == rows[i].same_without_time, "row %zu", i);
		}
		if (a.size != b.size || memcmp(a.data, b.data, a.size) != 0)
			CHECK(same_event(m.names, a.data, a.size - 1, b.data, b.size, false) == -1, "row %zu: a damaged event", i);
		buf_free(&a);
		buf_free(&b);
		maker_end(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_envelope), cmocka_unit_test(refuses_what_is_no_event), cmocka_unit_test(texts_of_users),
		cmocka_unit_test(terms_tell_apart),   cmocka_unit_test(same_events),
	};

	return RUN(tests);
}
