#include "store/known.h"

#include <stdlib.h>

#include "base/error.h"
#include "store/index.h"

enum {
	ROW = 32,           /* lines asked about together: filters' words come near meanwhile */
	LARGE = 1 << 20,    /* events in a run */
	BUCKET_COPY = 4096, /* bytes; larger ones are read where they are */
};

struct known {
	struct kv_txn *txn;
	struct index index;
	size_t users;
};

int known_open(struct evs_store *store, struct known **out, struct evs_error *err)
{
	struct known *k = calloc(1, sizeof *k);
	const struct store_state none = {0}; /* the tail is not looked into */
	int status;

	*out = NULL;
	if (k == NULL)
		return error_nomem(err);
	k->users = 1;
	status = kv_begin(store->kv, false, &k->txn, err);
	if (status == EVS_OK)
		status = index_open(&k->index, store, k->txn, &none, NULL, err);
	if (status != EVS_OK) {
		kv_abort(k->txn);
		free(k);
		return status;
	}
	*out = k;
	return EVS_OK;
}

struct known *known_use(struct known *k)
{
	if (k != NULL)
		k->users++;
	return k;
}

void known_release(struct known *k)
{
	if (k == NULL || --k->users > 0)
		return;
	index_release(&k->index);
	kv_abort(k->txn);
	free(k);
}

void known_ask_all(const struct known *k, struct chunk *chunk)
{
	if (k != NULL)
		known_ask(chunk, k->txn, k->index.runs, k->index.n_runs);
}

/* The position behind a run. */
static uint64_t run_end(const struct run *r)
{
	return r->first + r->count;
}

static void prefetch_row(const struct run *r, const uint64_t *mixed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_prefetch(r, mixed[i]);
}

/* Whether a run has a candidate. Of a large run a few of many buckets are read: each would bring 16 pages of the file to memory. */
static bool has_candidate(const struct kv_txn *txn, const struct run *r, uint64_t hash)
{
	uint8_t copy[BUCKET_COPY];
	size_t size;
	const uint8_t *bucket = run_event_bucket(r, hash, &size);

	if (r->n_events >= LARGE && size <= sizeof copy) {
		if (kv_peek(txn, bucket, size, copy, NULL) != EVS_OK)
			return true; /* who looks it up says what is wrong */
		bucket = copy;
	}
	return run_bucket_has(r, bucket, size, hash);
}

static void ask_row(const struct kv_txn *txn, const struct run *r, struct staged *lines, const uint64_t *mixed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (run_may_have(r, mixed[i]) && !lines[i].known && !lines[i].id_made) /* one that was made just now is in no run */
			lines[i].known = has_candidate(txn, r, lines[i].terms.event);
}

void known_ask(struct chunk *chunk, const struct kv_txn *txn, const struct run *runs, size_t n_runs)
{
	uint64_t mixed[ROW];
	size_t first = 0;

	while (first < n_runs && run_end(&runs[first]) <= chunk->asked_to)
		first++;
	if (first == n_runs)
		return;
	for (size_t at = 0, n; at < chunk->n; at += n) {
		n = chunk->n - at < ROW ? chunk->n - at : ROW;
		for (size_t i = 0; i < n; i++)
			mixed[i] = run_mix(chunk->staged[at + i].terms.event);
		prefetch_row(&runs[first], mixed, n);
		for (size_t r = first; r < n_runs; r++) {
			if (r + 1 < n_runs)
				prefetch_row(&runs[r + 1], mixed, n);
			ask_row(txn, &runs[r], chunk->staged + at, mixed, n);
		}
	}
	chunk->asked_to = run_end(&runs[n_runs - 1]);
}
