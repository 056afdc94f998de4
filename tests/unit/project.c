/* What projections keep: keys and values that sort as they count, states in memory, and states in the store. */
#include "base/arena.h"
#include "event/parse.h"
#include "folder.h"
#include "project/model.h"

/* ---- keys of states ---- */

static char long_a[301], long_b[301], long_c[5001];

/* In the order in which they sort; type NULL: none. */
static const struct {
	const char *key;
	size_t size;
	const char *type;
} keys[] = {
	{"", 0, NULL}, {"", 0, ""}, {"", 0, "T"},
	{"\0", 1, NULL}, {"\0\0", 2, NULL}, {"\0\1", 2, "T"}, {"\0a", 2, NULL}, {"\1", 1, NULL},
	{"a", 1, NULL}, {"a", 1, ""}, {"a", 1, "A"}, {"a", 1, "A\1"}, {"a", 1, "B"},
	{"a\0", 2, NULL}, {"a\0b", 3, "A"}, {"a\1", 2, NULL}, {"ab", 2, NULL}, {"b", 1, NULL},
	{"\xc3\xa9", 2, NULL}, {"\xf0\x9f\x90\x98", 4, "T"},
};

static int compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

	return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static struct span span_of(const char *text)
{
	return (struct span){text, text == NULL ? 0 : strlen(text)};
}

/* Whether a key is found again in what key_encode, and where it was cut key_put_whole, make of it. */
static void check_decode(struct span key, struct span type)
{
	struct buf value = {0}, scratch = {0};
	struct key_value v;
	struct key k;

	key_encode(&k, key, type);
	if (k.size == KEY_MAX)
		key_put_whole(&value, key, type);
	buf_text(&value, "rest");
	CHECK(key_decode(k.bytes, k.size, value.data, value.size, &scratch, &v), "%.*s", (int)key.size, key.text);
	assert_int_equal(v.key.size, key.size);
	assert_memory_equal(v.key.text, key.text, key.size);
	assert_int_equal(v.type.text == NULL, type.text == NULL);
	assert_int_equal(v.type.size, type.size);
	if (type.size > 0)
		assert_memory_equal(v.type.text, type.text, type.size);
	assert_int_equal(v.rest_size, 4);
	assert_memory_equal(v.rest, "rest", 4);
	buf_free(&value);
	buf_free(&scratch);
}

static void keys_sort_and_are_read_again(void **state)
{
	struct key last = {.size = 0}, k;
	uint8_t prefix[KEY_MAX];
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		const struct span key = {keys[i].key, keys[i].size};

		key_encode(&k, key, span_of(keys[i].type));
		CHECK(compare(last.bytes, last.size, k.bytes, k.size) < 0, "key %zu sorts before the one in front of it", i);
		check_decode(key, span_of(keys[i].type));
		/* All types of a key begin with its prefix. */
		size = key_prefix(prefix, key);
		CHECK(size <= k.size && memcmp(prefix, k.bytes, size) == 0, "key %zu has another prefix", i);
		last = k;
	}
}

static void long_keys_are_cut(void **state)
{
	struct key a, b, c, typed;

	(void)state;
	memset(long_a, 'x', 300);
	memset(long_b, 'x', 300);
	long_b[299] = 'y';
	memset(long_c, 'x', 5000);
	key_encode(&a, span_of(long_a), (struct span){0});
	key_encode(&b, span_of(long_b), (struct span){0});
	key_encode(&c, span_of(long_c), (struct span){0});
	key_encode(&typed, span_of(long_a), span_of("T"));
	assert_true(a.size == KEY_MAX && b.size == KEY_MAX && c.size == KEY_MAX && typed.size == KEY_MAX);
	assert_memory_equal(a.bytes, b.bytes, KEY_CUT_SIZE);
	assert_memory_not_equal(a.bytes, b.bytes, KEY_MAX);
	assert_memory_not_equal(a.bytes, c.bytes, KEY_MAX);
	assert_memory_not_equal(a.bytes, typed.bytes, KEY_MAX);
	for (size_t size = 215; size <= 245; size++) {
		check_decode((struct span){long_a, size}, (struct span){0});
		check_decode((struct span){long_a, size}, span_of("T"));
	}
	check_decode(span_of(long_c), span_of(long_a));
}

/* ---- values of fields ---- */

/* In the order in which they sort in an index; those of a row are equal. */
static const char *const ordered[][4] = {
	{"false"}, {"true"},
	{"-1e400"}, {"-123456789012345678901234567890.5"}, {"-123456789012345678901234567890"}, {"-100", "-1e2", "-100.00"}, {"-99.9"},
	{"-10"}, {"-9.5"}, {"-9"}, {"-1.01"}, {"-1", "-1.0", "-10e-1"}, {"-0.1", "-1e-1"}, {"-0.01"}, {"-1e-400"},
	{"0", "-0", "0.000", "0e7"},
	{"1e-400"}, {"0.001"}, {"0.01", "1e-2", "0.0100"}, {"0.0101"}, {"0.1"}, {"0.15"}, {"0.2"}, {"0.99"}, {"1", "1.0", "1e0", "100e-2"},
	{"1.000000000000000000000000000000001"}, {"1.5"}, {"2"}, {"9"}, {"10", "1e1", "10.0"}, {"10.5"}, {"11"}, {"99"}, {"100", "1E+2"},
	{"9007199254740992"}, {"9007199254740993"}, {"18446744073709551616"}, {"123456789012345678901234567890"}, {"1e400", "10e399"},
	{"\"\""}, {"\"\\u0000\""}, {"\"\\u0000\\u0000\""}, {"\"\\u0000a\""}, {"\"\\u0001\""}, {"\" \""}, {"\"1\""}, {"\"10\""}, {"\"9\""}, {"\"A\""},
	{"\"a\"", "\"\\u0061\""}, {"\"a\\u0000\""}, {"\"a\\u0000b\""}, {"\"ab\""}, {"\"b\""}, {"\"\xc3\xa9\"", "\"\\u00e9\""}, {"\"\xf0\x9f\x90\x98\""},
};

/* What the index has for a value; nothing where it has nothing. */
static void put_json(struct buf *out, uint32_t field, const char *json)
{
	struct arena arena = {.limit = 1 << 20};
	struct buf packed = {0};
	struct value v;
	bool put;

	out->size = 0;
	assert_int_equal(parse_value(json, strlen(json), &packed, NULL), EVS_OK);
	assert_non_null(value_read(&arena, packed.data, packed.data + packed.size, &v));
	put = key_put_field(out, field, &v);
	assert_int_equal(put, out->size > 0);
	assert_true(out->size <= KEY_MAX);
	arena_free(&arena);
	buf_free(&packed);
}

static void values_sort_as_they_count(void **state)
{
	static const char *const none[] = {"null", "[]", "[1]", "{}", "{\"a\":1}"};
	struct buf last = {0}, first = {0}, other = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(ordered); i++) {
		put_json(&first, 7, ordered[i][0]);
		CHECK(last.size == 0 || compare(last.data, last.size, first.data, first.size) < 0, "%s sorts before %s", ordered[i][0],
		      i == 0 ? "" : ordered[i - 1][0]);
		for (size_t k = 1; k < 4 && ordered[i][k] != NULL; k++) {
			put_json(&other, 7, ordered[i][k]);
			CHECK(compare(first.data, first.size, other.data, other.size) == 0, "%s is not %s", ordered[i][k], ordered[i][0]);
		}
		last.size = 0;
		buf_put(&last, first.data, first.size);
	}
	/* A field sorts before the next one, whatever its value. */
	put_json(&other, 8, "false");
	assert_true(compare(last.data, last.size, other.data, other.size) < 0);
	put_json(&last, 255, "\"z\"");
	put_json(&other, 256, "false");
	assert_true(compare(last.data, last.size, other.data, other.size) < 0);
	for (size_t i = 0; i < COUNT(none); i++) {
		put_json(&other, 7, none[i]);
		CHECK(other.size == 0, "%s is in the index", none[i]);
	}
	buf_free(&last);
	buf_free(&first);
	buf_free(&other);
}

/* No value that is there begins with all of another one: where it ends can be told, but for those that were cut. */
static void long_values_are_cut(void **state)
{
	char json[700];
	struct buf a = {0}, b = {0};

	(void)state;
	for (int size = 220; size < 250; size++) {
		snprintf(json, sizeof json, "\"%0*d\"", size, 1);
		put_json(&a, 7, json);
		snprintf(json, sizeof json, "\"%0*d\"", size, 2);
		put_json(&b, 7, json);
		CHECK(a.size == b.size && memcmp(a.data, b.data, a.size) != 0, "%d bytes", size);
		assert_int_equal(a.size, size < KEY_MAX - 5 ? size + 5 : KEY_MAX);
	}
	buf_free(&a);
	buf_free(&b);
}

/* ---- states in memory and in the store ---- */

static const char account[] = "on \"set\" { v = .data.v; n += 1; push l .data.v } on \"gone\" { delete } index v index n";

enum { STATES = 3000 };

/* A world in which states change: the cache of a run, the model of its projection, and what each state is to be as JSON. */
struct world {
	struct evs_store *store;
	struct fold *fold;
	struct fold_run *run;
	struct parser *parser;
	struct projection projection;
	struct model model;
	struct cache cache;
	uint64_t seed;
	char *wanted[STATES]; /* NULL: there is none */
};

static void world_begin(struct world *w)
{
	static const struct parse_rules rules;
	struct evs_error err;

	*w = (struct world){.store = open_store(in_folder("a.evs"), EVS_CREATE), .seed = 5};
	CHECK(fold_parse("t.fold", account, strlen(account), &w->fold, &err) == EVS_OK, "%s", err.message);
	assert_non_null(w->run = fold_run_new(w->fold, w->store->names));
	assert_non_null(w->parser = parse_new(w->store->names, &rules));
	w->projection.id = 99;
	w->projection.model.number = 1;
	w->cache.fold = w->fold;
	w->model = (struct model){.store = w->store, .projection = &w->projection, .generation = &w->projection.model, .fold = w->fold};
	assert_int_equal(model_begin(&w->model, &err), EVS_OK);
	assert_true(w->model.empty);
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < STATES; i++)
		free(w->wanted[i]);
	model_release(&w->model);
	cache_release(&w->cache);
	parse_free(w->parser);
	fold_run_free(w->run);
	fold_free(w->fold);
	evs_close(w->store);
}

/* The key and the type of the i-th state: plain ones, long ones, several types of a key. */
static struct span key_of(size_t i, char text[400], struct span *type)
{
	*type = i % 3 == 0 ? (struct span){0} : i % 3 == 1 ? span_of("") : span_of("Type");
	snprintf(text, 400, "%0*zu", i % 5 == 0 ? 230 + (int)(i % 20) : 3, i / 3);
	return span_of(text);
}

/* The state of a key in memory, as it is in the store where it was not there. */
static struct cached *get(struct world *w, size_t i)
{
	char text[400];
	struct span type, key = key_of(i, text, &type);
	struct kv_bytes packed;
	struct evs_error err;
	bool made;
	struct cached *e = cache_get(&w->cache, key, type, &made);
	int status;

	assert_non_null(e);
	assert_true(cached_key(e).size == key.size && memcmp(cached_key(e).text, key.text, key.size) == 0);
	assert_int_equal(cached_type(e).text == NULL, type.text == NULL);
	if (!made)
		return e;
	status = model_find(&w->model, key, type, &packed, &err);
	CHECK(status == EVS_OK || status == EVS_END, "%s", err.message);
	if (status == EVS_OK)
		assert_true(cache_set(&w->cache, e, packed.data, packed.size));
	return e;
}

/* Have an event change a state; the type of the event, and its data as JSON. */
static void change(struct world *w, struct cached *e, const char *type, const char *data)
{
	struct buf line = {0}, packed = {0};
	struct fold_target target;
	struct record r = {.position = 1, .revision = 1};

	buf_printf(&line, "{\"eventType\":\"%s\",\"aggregateId\":\"x\",\"data\":{\"v\":%s}}", type, data);
	assert_int_equal(parse_line(w->parser, (const char *)line.data, line.size, &packed, &(struct parsed){0}, NULL), EVS_OK);
	assert_true(buf_room(&packed, RENDER_PAD));
	memset(packed.data + packed.size, 0, RENDER_PAD);
	r.body = packed.data;
	r.size = (uint32_t)packed.size;
	assert_int_equal(fold_begin(w->run, &r, NULL), EVS_OK);
	assert_int_equal(fold_next(w->run, &target, NULL), EVS_OK);
	assert_int_equal(fold_apply(w->run, &e->state, NULL), EVS_OK);
	fold_end(w->run, true);
	e->changed = true;
	buf_free(&line);
	buf_free(&packed);
}

/* The state as JSON; the caller's. */
static char *json_of(const struct world *w, const struct cached *e)
{
	const struct value v = state_value(&e->state);
	struct buf out = {0};

	assert_true(value_render(&out, w->store->names, &v));
	text_of(&out);
	return (char *)out.data;
}

/* Change some states, at random, and commit. */
static void go_on(struct world *w, size_t n)
{
	static const char *const data[] = {"1", "\"a\"", "null", "[1,{\"a\":2.50}]", "-3.00", "true", "123456789012345678901234567890", "\"\\u0000\""};
	struct changes changes = {0};
	struct kv_txn *txn;
	struct evs_error err;

	for (size_t i = 0; i < n; i++) {
		size_t number = chance_of(&w->seed, STATES);
		struct cached *e = get(w, number);

		change(w, e, chance_of(&w->seed, 4) == 0 ? "gone" : "set", chance_text(&w->seed, data, COUNT(data)));
		free(w->wanted[number]);
		w->wanted[number] = e->state.exists ? json_of(w, e) : NULL;
	}
	CHECK(model_gather(&w->model, &w->cache, &changes, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(kv_begin(w->store->kv, true, &txn, &err), EVS_OK);
	CHECK(model_apply(&w->model, txn, &changes, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	w->model.empty = false;
	changes_release(&changes);
	for (size_t i = 0; i < w->cache.n; i++) {
		w->cache.list[i]->stored = w->cache.list[i]->state.exists;
		w->cache.list[i]->changed = false;
	}
}

/* Whether all states are what they are to be. */
static void check_all(struct world *w)
{
	for (size_t i = 0; i < STATES; i++) {
		struct cached *e = get(w, i);
		char *json = json_of(w, e);

		CHECK(strcmp(json, w->wanted[i] == NULL ? "null" : w->wanted[i]) == 0, "state %zu is %s", i, json);
		free(json);
	}
}

/* Whether the store has as many states and entries of the index as there are to be. */
static void check_counts(struct world *w)
{
	struct kv_txn *txn;
	struct pile states, index;
	size_t n_states = 0, n_entries = 0;

	assert_int_equal(kv_begin(w->store->kv, false, &txn, NULL), EVS_OK);
	assert_int_equal(pile_open(txn, &w->projection, &w->projection.model, PROJECTION_MODEL, &states, NULL), EVS_OK);
	assert_int_equal(pile_open(txn, &w->projection, &w->projection.model, PROJECTION_INDEX, &index, NULL), EVS_OK);
	for (size_t i = 0; i < STATES; i++) {
		const char *json = w->wanted[i];
		if (json == NULL)
			continue;
		n_states++;
		/* n, and v where it is neither null nor a list. */
		n_entries += strncmp(json, "{\"v\":null", 9) == 0 || strncmp(json, "{\"v\":[", 6) == 0 ? 1 : 2;
	}
	assert_int_equal(pile_count(&states), n_states);
	assert_int_equal(pile_count(&index), n_entries);
	assert_int_equal(pile_check(&states, NULL), EVS_OK);
	assert_int_equal(pile_check(&index, NULL), EVS_OK);
	kv_abort(txn);
}

static void states_come_back_as_they_went(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	for (unsigned round = 0; round < 12; round++) {
		go_on(&w, round % 3 == 0 ? 8000 : 20); /* so many that they are not sorted by comparing alone */
		check_counts(&w);
		if (round % 2 == 0)
			cache_clear(&w.cache);
		check_all(&w);
	}
	model_pause(&w.model);
	world_end(&w);
}

/* States of a command are bytes. */
static void commands_states_are_bytes(void **state)
{
	static const uint8_t one[] = {0xa1, 'x'}, two[] = {0x93, 1, 2, 3};
	struct cache c = {0};
	struct cached *e, *other;
	bool made;

	(void)state;
	assert_non_null(e = cache_get(&c, span_of("k"), (struct span){0}, &made));
	assert_true(made && e->packed == NULL && !e->typed);
	assert_non_null(other = cache_get(&c, span_of("k"), span_of(""), &made));
	assert_true(made && other != e && other->typed);
	assert_true(cache_put(&c, e, one, sizeof one));
	assert_true(cache_put(&c, e, two, sizeof two));
	assert_ptr_equal(cache_get(&c, span_of("k"), (struct span){0}, &made), e);
	assert_false(made);
	assert_int_equal(e->packed_size, sizeof two);
	assert_memory_equal(e->packed, two, sizeof two);
	assert_memory_equal(e->packed + sizeof two, (uint8_t[RENDER_PAD]){0}, RENDER_PAD);
	assert_true(cache_put(&c, e, NULL, 0));
	assert_null(e->packed);
	cache_clear(&c);
	assert_int_equal(c.n, 0);
	assert_non_null(cache_get(&c, span_of("k"), (struct span){0}, &made));
	assert_true(made);
	cache_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_sort_and_are_read_again),
		cmocka_unit_test(long_keys_are_cut),
		cmocka_unit_test(values_sort_as_they_count),
		cmocka_unit_test(long_values_are_cut),
		FOLDER_TEST(states_come_back_as_they_went),
		cmocka_unit_test(commands_states_are_bytes),
	};

	return RUN(tests);
}
