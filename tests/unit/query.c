/* store/query.h: append conditions, against a model that asks every event. */
#include "folder.h"
#include "store/query.h"

enum { TYPES = 6, TAGS = 6, EVENTS = 9000, TAIL = 150 };

static const char *const types[TYPES] = {"order.placed", "order.paid", "x", "0190c2a7-7e5b-7000-8000-0123456789ab", "rare", "order.*"};
static const char *const tags[TAGS] = {"course:c1", "student:s9", "0190c2a7-7e5b-7000-8000-00000000000b", "", "never", "rare"};

struct event {
	int type;
	unsigned tags;
};

static void reads(void **state)
{
	static const struct {
		const char *text, *message; /* NULL: it is good */
	} rows[] = {
		{"[{\"types\":[\"a\"],\"tags\":[\"x\"]}]", NULL}, {"[{\"types\":[\"a\",\"b\"]},{\"tags\":[\"x\",\"y\"]}]", NULL}, {"[{}]", NULL},
		{"[{\"types\":[],\"tags\":[]}]", NULL}, {"{\"items\":[{\"types\":[\"a\"]}]}", NULL}, {" [ { \"tags\" : [ \"\" ] } ] ", NULL},
		{"", "no JSON"}, {"[", "no JSON"}, {"[{]", "no JSON"}, {"x", "no JSON"}, {"[{}] x", "no JSON"},
		{"{}", "no array of items"}, {"{\"item\":[]}", "no array of items"}, {"{\"items\":{}}", "no array of items"}, {"\"x\"", "no array of items"},
		{"{\"items\":[{}],\"x\":1}", "no array of items"}, {"null", "no array of items"}, {"[]", "no items"}, {"{\"items\":[]}", "no items"},
		{"[1]", "has an item"}, {"[[]]", "has an item"}, {"[{\"type\":\"a\"}]", "has an item"}, {"[{\"types\":\"a\"}]", "has an item"},
		{"[{\"types\":[1]}]", "has an item"}, {"[{\"tags\":[null]}]", "has an item"}, {"[{\"types\":[\"a\"],\"x\":1}]", "has an item"},
		{"[{\"types\":[\"a\"],\"types\":[\"b\"]}]", "has an item"}, {"[{\"tags\":{}}]", "has an item"}, {"[{\"types\":[[\"a\"]]}]", "has an item"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evs_error err = {0};
		struct query *q = (struct query *)&err;
		int status = query_parse(rows[i].text, &q, &err);
		CHECK(status == (rows[i].message == NULL ? EVS_OK : EVS_USAGE), "%s: %d %s", rows[i].text, status, err.message);
		CHECK(rows[i].message == NULL || (err.status == EVS_USAGE && strstr(err.message, rows[i].message) != NULL), "%s: %s", rows[i].text, err.message);
		assert_true((q == NULL) == (rows[i].message != NULL));
		query_free(q);
	}
}

static void put_list(struct buf *out, const char *const *texts, unsigned bits, size_t n)
{
	const char *lead = "[";

	if (bits == 0)
		buf_text(out, "[");
	for (size_t i = 0; i < n; i++) {
		if (bits & 1u << i) {
			buf_printf(out, "%s\"%s\"", lead, texts[i]);
			lead = ",";
		}
	}
	buf_byte(out, ']');
}

static void put_event(struct buf *out, struct event *e, uint64_t number, uint64_t *seed)
{
	*e = (struct event){.type = (int)chance_of(seed, TYPES)};
	if (e->type == 4 && chance_of(seed, 300) != 0)
		e->type = 0;
	for (unsigned t = 0; t < TAGS; t++)
		if (t != 4 && chance_of(seed, t == 5 ? 700 : 3) == 0)
			e->tags |= 1u << t;
	buf_printf(out, "{\"eventType\":\"%s\",\"eventId\":\"%llu\",\"tags\":", types[e->type], (unsigned long long)number);
	put_list(out, tags, e->tags, TAGS);
	buf_text(out, "}\n");
}

/* Find with the index of the store as it is now. */
static uint64_t find(struct evs_store *store, const struct query *q, uint64_t after)
{
	struct fetch fetch = {.store = store};
	struct store_state now;
	struct evs_error err;
	struct kv_txn *txn;
	struct index x;
	uint64_t position = 77;

	assert_int_equal(store_begin(store, false, &txn, &now, &err), EVS_OK);
	assert_int_equal(index_open(&x, store, txn, &now, &fetch, &err), EVS_OK);
	CHECK(query_find(q, &x, after, &position, &err) == EVS_OK, "%s", err.message);
	index_release(&x);
	fetch_release(&fetch);
	kv_abort(txn);
	return position;
}

static void finds_what_looking_finds(void **state)
{
	struct event *events = calloc(EVENTS * 2 + TAIL + 1, sizeof *events);
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	struct buf text = {0};
	uint64_t seed = 71, n = 0;
	size_t hits = 0;

	(void)state;
	for (int part = 0; part < 2; part++) {
		text.size = 0;
		for (int i = 0; i < EVENTS; i++, n++)
			put_event(&text, &events[n + 1], n + 1, &seed);
		append_lines(store, NULL, text.data, text.size);
	}
	for (int i = 0; i < TAIL; i++, n++) {
		text.size = 0;
		put_event(&text, &events[n + 1], n + 1, &seed);
		append_lines(store, NULL, text.data, text.size);
	}
	for (int i = 0; i < 800; i++) {
		struct {
			unsigned types, tags;
		} items[3];
		size_t n_items = 1 + chance_of(&seed, 3);
		uint64_t after = chance_of(&seed, 3) == 0 ? 0 : chance_of(&seed, 2) == 0 ? n - chance_of(&seed, 12) : chance_of(&seed, n + 5), found, any = 0;
		struct query *q;
		text.size = 0;
		for (size_t k = 0; k < n_items; k++) {
			items[k].types = chance_of(&seed, 3) == 0 ? 0 : 1u << chance_of(&seed, TYPES) | (chance_of(&seed, 2) == 0 ? 1u << chance_of(&seed, TYPES) : 0);
			items[k].tags = chance_of(&seed, 3) == 0 ? 0 : 1u << chance_of(&seed, TAGS) | (chance_of(&seed, 2) == 0 ? 1u << chance_of(&seed, TAGS) : 0);
			buf_text(&text, k == 0 ? "[{" : ",{");
			if (items[k].types != 0) {
				buf_text(&text, "\"types\":");
				put_list(&text, types, items[k].types, TYPES);
			}
			if (items[k].tags != 0) {
				buf_text(&text, items[k].types != 0 ? ",\"tags\":" : "\"tags\":");
				put_list(&text, tags, items[k].tags, TAGS);
			}
			buf_byte(&text, '}');
		}
		buf_byte(&text, ']');
		assert_int_equal(query_parse(text_of(&text), &q, NULL), EVS_OK);
		found = find(store, q, after);
		for (uint64_t p = 1; p <= n; p++) {
			bool hit = false;
			for (size_t k = 0; k < n_items; k++)
				hit |= (items[k].types == 0 || (items[k].types & 1u << events[p].type)) && (events[p].tags & items[k].tags) == items[k].tags;
			if (hit && p > after)
				any = any == 0 || p == found ? p : any;
		}
		CHECK((found == 0) == (any == 0), "%s after %llu: %llu, and the model %llu", text_of(&text), (unsigned long long)after, (unsigned long long)found, (unsigned long long)any);
		CHECK(found == any, "%s after %llu: position %llu does not match", text_of(&text), (unsigned long long)after, (unsigned long long)found);
		hits += found != 0;
		query_free(q);
	}
	CHECK(hits > 100 && hits < 700, "%zu hits: the test asks too little", hits);
	buf_free(&text);
	free(events);
	evs_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		FOLDER_TEST(finds_what_looking_finds),
	};

	return RUN(tests);
}
