/* store/known.h: which eventIds of a chunk runs may have, against runs that were made of known hashes. */
#include <unistd.h>

#include "base/hash.h"
#include "store/known.h"
#include "store/store.h"
#include "unit.h"

enum { RUNS = 5, LINES = 1000 };

/* The hash of the n-th event; as eventIds give them. */
static uint64_t event_hash(uint64_t n)
{
	return hash_mix(n * 0x9e3779b97f4a7c15u + 1);
}

/* A run of `count` events from position `first` on, behind out. */
static void build_run(uint64_t first, uint32_t count, struct buf *out)
{
	struct run_input in = {.first = first, .count = count, .n_events = count};

	in.events = malloc(count * sizeof *in.events);
	for (uint32_t i = 0; i < count; i++)
		in.events[i] = (struct run_entry){event_hash(first + i), i};
	assert_int_equal(run_build_whole(run_build_new(&in), out), EVS_OK);
	free(in.events);
}

/* A chunk with the events of these positions, every other one of them moved to where no run is. */
static void fill_chunk(struct chunk *chunk, uint64_t first, uint64_t step, uint64_t beyond)
{
	chunk->staged = calloc(LINES, sizeof *chunk->staged);
	chunk->n = chunk->cap = LINES;
	for (uint64_t i = 0; i < LINES; i++)
		chunk->staged[i].terms.event = event_hash(first + i * step + (i % 2 == 0 ? 0 : beyond));
}

/* Of the lines that are in runs all are known, of the others hardly any. */
static void check_chunk(const struct chunk *chunk)
{
	size_t wrongly = 0;

	for (size_t i = 0; i < LINES; i++) {
		CHECK(i % 2 != 0 || chunk->staged[i].known, "line %zu is in a run", i);
		wrongly += i % 2 != 0 && chunk->staged[i].known;
	}
	CHECK(wrongly < 3, "%zu lines that are in no run", wrongly);
}

/* Runs in a file, one of them large, whose buckets are read in another way; and what merges them keeps the answers. */
static void finds_what_is_in_runs(void **state)
{
	static const uint32_t counts[RUNS] = {1, 1100000, 2000, 40000, 100};
	char path[] = "/tmp/evs-known-XXXXXX", lock[64];
	const struct kv_record first_record = {"test", "x", 1};
	struct buf bytes[RUNS] = {{0}};
	struct run runs[RUNS];
	struct chunk chunk = {0}, last = {0};
	struct kv_txn *txn;
	struct evs_error err;
	struct kv *kv;
	uint64_t total = 0;
	size_t n = 0;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(kv_open(path, KV_CREATE, &first_record, 1, &kv, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, true, &txn, &err), EVS_OK);
	for (size_t i = 0; i < RUNS; i++) {
		struct store_key key = store_key(total + 1);
		build_run(total + 1, counts[i], &bytes[i]);
		assert_int_equal(kv_put(txn, KV_RUN, key.bytes, sizeof key.bytes, bytes[i].data, bytes[i].size, &err), EVS_OK);
		total += counts[i];
	}
	assert_int_equal(kv_commit(txn, &err), EVS_OK);
	assert_int_equal(kv_begin(kv, false, &txn, &err), EVS_OK);
	for (uint64_t first = 1; n < RUNS; first += counts[n++]) {
		struct store_key key = store_key(first);
		struct kv_bytes value;
		assert_int_equal(kv_get(txn, KV_RUN, key.bytes, sizeof key.bytes, &value, &err), EVS_OK);
		assert_true(run_open(&runs[n], value.data, value.size));
	}

	fill_chunk(&chunk, 1, total / LINES, total);
	known_ask(&chunk, txn, runs, RUNS - 1);
	assert_true(chunk.asked_to == total + 1 - counts[RUNS - 1]);
	known_ask(&chunk, txn, runs, RUNS);
	assert_true(chunk.asked_to == total + 1);
	check_chunk(&chunk);

	/* What was asked is not asked again: not even where it would be found. */
	fill_chunk(&last, 1, total / LINES, total);
	last.asked_to = total + 1;
	known_ask(&last, txn, runs, RUNS);
	for (size_t i = 0; i < LINES; i++)
		assert_false(last.staged[i].known);
	/* A run that begins before asked_to but ends behind it, as merging leaves one, is asked. */
	last.asked_to = total;
	known_ask(&last, txn, runs + 1, RUNS - 1);
	last.staged[0].known = true;
	for (size_t i = 0; i < LINES; i++)
		CHECK(last.staged[i].known == (i == 0), "line %zu: the last run alone ends behind %llu", i, (unsigned long long)total);
	/* An eventId that was made just now is not looked for. */
	last.asked_to = 0;
	for (size_t i = 0; i < LINES; i++)
		last.staged[i].id_made = true;
	known_ask(&last, txn, runs, RUNS);
	assert_false(last.staged[2].known);

	kv_abort(txn);
	kv_close(kv);
	unlink(path);
	snprintf(lock, sizeof lock, "%s-lock", path);
	unlink(lock);
	for (size_t i = 0; i < RUNS; i++)
		buf_free(&bytes[i]);
	chunk_truncate(&chunk, 0);
	chunk_truncate(&last, 0);
	free(chunk.staged);
	free(last.staged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_in_runs),
	};

	return RUN(tests);
}
