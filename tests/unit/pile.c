/* project/pile.h: a table with layers of changes upon it is what the changes make, however they come. */
#include "base/bytes.h"
#include "folder.h"
#include "project/pile.h"
#include "store/store.h"

enum { KEYS = 3000, ROUNDS = 160, VALUE_MAX = 40 };

struct world {
	struct evs_store *store;
	struct projection projection;
	enum projection_table which;
	uint64_t seed;
	char values[KEYS][VALUE_MAX]; /* "": the key is not there */
	bool changes[KEYS];           /* it changes in this round */
	char new[KEYS][VALUE_MAX];
};

static struct world w;

/* Keys sort as their numbers; one is the beginning of the next one here and there. */
static size_t key_of(size_t i, char out[32])
{
	return (size_t)snprintf(out, 32, "%05zu%s", i / 2, i % 2 == 0 ? "" : "x");
}

static void world_begin(enum projection_table which)
{
	memset(&w, 0, sizeof w);
	w.store = open_store(in_folder("a.evs"), EVS_CREATE);
	w.projection.id = 7;
	w.projection.model.number = 1;
	w.which = which;
	w.seed = 11 + which;
}

/* Commit the changes of a round. */
static void apply(void)
{
	static struct change list[KEYS];
	struct buf bytes = {0};
	struct kv_txn *txn;
	struct evs_error err;
	char key[32];
	size_t n = 0;

	assert_true(buf_room(&bytes, (size_t)KEYS * (32 + VALUE_MAX)));
	for (size_t i = 0; i < KEYS; i++) {
		size_t size = key_of(i, key), value_size = strlen(w.new[i]);
		if (!w.changes[i] || (w.new[i][0] == '\0' && w.values[i][0] == '\0'))
			continue;
		list[n++] = (struct change){.key = bytes.data + bytes.size, .key_size = (uint32_t)size, .value_size = (uint32_t)value_size,
		                            .remove = value_size == 0, .fresh = w.values[i][0] == '\0'};
		buf_put(&bytes, key, size);
		buf_put(&bytes, w.new[i], value_size);
		memcpy(w.values[i], w.new[i], VALUE_MAX);
	}
	assert_int_equal(kv_begin(w.store->kv, true, &txn, &err), EVS_OK);
	if (n > 0)
		CHECK(pile_apply(txn, &w.projection, &w.projection.model, w.which, list, n, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	memset(w.changes, 0, sizeof w.changes);
	buf_free(&bytes);
}

/* Decide on a change. */
static void change(size_t i)
{
	w.changes[i] = true;
	memset(w.new[i], 0, VALUE_MAX);
	if (chance_of(&w.seed, 5) != 0)
		snprintf(w.new[i], VALUE_MAX, "%0*zu", 1 + (int)chance_of(&w.seed, VALUE_MAX - 2), chance_of(&w.seed, 1000));
}

static void is_value(size_t i, struct kv_bytes value)
{
	CHECK(value.size == strlen(w.values[i]) && memcmp(value.data, w.values[i], value.size) == 0, "key %zu is %.*s, not %s", i,
	      (int)value.size, value.data, w.values[i]);
}

/* Whether going through from key `from` on gives `most` keys that there are, or all. */
static void check_walk(const struct pile *p, size_t from, size_t most)
{
	char start[32], wanted[32];
	struct kv_bytes at = {(uint8_t *)start, from == 0 ? 0 : key_of(from, start)}, key, value;
	struct pile_cursor *c;
	int status;

	assert_int_equal(pile_cursor_open(p, &c, NULL), EVS_OK);
	status = pile_seek(c, at, &key, &value, NULL);
	for (size_t i = from; i < KEYS && most > 0; i++) {
		size_t size = key_of(i, wanted);
		if (w.values[i][0] == '\0')
			continue;
		assert_int_equal(status, EVS_OK);
		CHECK(key.size == size && memcmp(key.data, wanted, size) == 0, "%.*s, not %s", (int)key.size, key.data, wanted);
		is_value(i, value);
		status = pile_next(c, &key, &value, NULL);
		most--;
	}
	if (most > 0)
		assert_int_equal(status, EVS_END);
	pile_cursor_close(c);
}

/* Whether the pile is what the changes made; *layers: how many it has. */
static void check(size_t *layers)
{
	struct kv_bytes value;
	struct kv_txn *txn;
	struct pile p;
	struct evs_error err;
	uint64_t count = 0;
	char key[32];

	assert_int_equal(kv_begin(w.store->kv, false, &txn, NULL), EVS_OK);
	assert_int_equal(pile_open(txn, &w.projection, &w.projection.model, w.which, &p, NULL), EVS_OK);
	CHECK(pile_check(&p, &err) == EVS_OK, "%s", err.message);
	for (size_t i = 0; i < KEYS; i++) {
		size_t size = key_of(i, key);
		int status = pile_get(&p, key, size, &value, NULL);
		CHECK(status == (w.values[i][0] != '\0' ? EVS_OK : EVS_END), "key %zu: %d", i, status);
		if (status == EVS_OK)
			is_value(i, value);
		count += status == EVS_OK;
	}
	assert_int_equal(pile_count(&p), count);
	check_walk(&p, 0, SIZE_MAX);
	for (unsigned i = 0; i < 20; i++)
		check_walk(&p, chance_of(&w.seed, KEYS), 30);
	*layers = p.n_layers;
	kv_abort(txn);
}

static void run(enum projection_table which)
{
	static const size_t sizes[] = {1, 1, 1, 2, 7, 30, 100, 20};
	size_t layers, most = 0, none = 0;

	world_begin(which);
	for (size_t i = 0; i < KEYS; i++)
		change(i);
	for (unsigned round = 0; round < ROUNDS; round++) {
		apply();
		if (round % 3 == 0 || round + 1 == ROUNDS)
			check(&layers);
		most = layers > most ? layers : most;
		none += layers == 0;
		for (size_t n = sizes[chance_of(&w.seed, COUNT(sizes))]; n > 0; n--)
			change(chance_of(&w.seed, KEYS));
	}
	assert_in_range(most, 3, 8);
	assert_true(none > 1); /* they went into the B-tree now and then */
	for (size_t i = 0; i < KEYS; i++) {
		w.changes[i] = true;
		memset(w.new[i], 0, VALUE_MAX);
	}
	apply();
	check(&layers);
	assert_int_equal(layers, 0);
	evs_close(w.store);
}

static void a_pile_is_what_changes_make(void **state)
{
	(void)state;
	run(PROJECTION_MODEL);
}

static void so_is_that_of_the_index(void **state)
{
	(void)state;
	run(PROJECTION_INDEX);
}

/* ---- damage ---- */

/* Put a record in place of the only layer; what pile_open, pile_check and going through say, the first failure. */
static int with_record(const uint8_t *record, size_t size)
{
	static const uint8_t number[5] = {0, 0, 0, 0, 1};
	struct kv_bytes key, value;
	struct pile_cursor *c = NULL;
	enum kv_table table;
	struct kv_txn *txn;
	struct pile p;
	int status, checked;

	assert_int_equal(kv_begin(w.store->kv, true, &txn, NULL), EVS_OK);
	assert_int_equal(projection_table(txn, &w.projection, &w.projection.model, PROJECTION_LAYERS, true, &table, NULL), EVS_OK);
	assert_int_equal(kv_put(txn, table, number, sizeof number, record, size, NULL), EVS_OK);
	status = pile_open(txn, &w.projection, &w.projection.model, PROJECTION_MODEL, &p, NULL);
	if (status == EVS_OK) {
		checked = pile_check(&p, NULL);
		assert_int_equal(pile_cursor_open(&p, &c, NULL), EVS_OK);
		for (status = pile_seek(c, (struct kv_bytes){NULL, 0}, &key, &value, NULL); status == EVS_OK; status = pile_next(c, &key, &value, NULL))
			pile_get(&p, key.data, key.size, &value, NULL);
		status = checked != EVS_OK ? checked : status == EVS_END ? EVS_OK : status;
	}
	pile_cursor_close(c);
	kv_abort(txn);
	return status;
}

static void damage_is_refused(void **state)
{
	uint8_t record[] = {2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* two changes, one key more */
	                    1, 0, 'a', 'v', 5, 0x80, '0', '0', '0', '0', '1', /* a is v; 00001 goes */
	                    4, 0, 0, 0, 11, 0, 0, 0};
	static const struct {
		size_t at;
		uint8_t byte;
	} damages[] = {{0, 0}, {0, 3}, {3, 1}, {4, 0}, {4, 2}, {12, 0}, {12, 9}, {16, 4}, {16, 6}, {18, 'a'}, {21, '0'}, {23, 3}, {23, 5},
	               {23, 12}, {27, 10}, {27, 12}, {30, 1}};

	(void)state;
	world_begin(PROJECTION_MODEL);
	snprintf(w.new[2], VALUE_MAX, "x");
	w.changes[2] = true;
	apply();
	/* The order of the two is wrong, then right: 00001 before a. */
	assert_int_equal(with_record(record, sizeof record), EVS_CORRUPT);
	memcpy(record + 12, "\5\200" "00001" "\1\0" "av" "\7\0\0\0", 15);
	put64(record + 4, 0);
	assert_int_equal(with_record(record, sizeof record), EVS_OK);
	for (size_t i = 0; i < COUNT(damages); i++) {
		uint8_t before = record[damages[i].at];
		int status;
		record[damages[i].at] = damages[i].byte;
		status = with_record(record, sizeof record);
		CHECK(status == EVS_CORRUPT || before == damages[i].byte, "%zu: %d", i, status);
		record[damages[i].at] = before;
	}
	for (size_t size = 1; size < sizeof record; size++)
		CHECK(with_record(record, size) == EVS_CORRUPT, "cut to %zu", size);
	evs_close(w.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(a_pile_is_what_changes_make),
		FOLDER_TEST(so_is_that_of_the_index),
		FOLDER_TEST(damage_is_refused),
	};

	return RUN(tests);
}
