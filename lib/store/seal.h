/*
 * Where new events go: to the tail while they are few, into segments and a run of the index when they are many.
 *
 * Invariants: items are added in order of position. Once they and the tail together fill a segment the tail goes
 * into it, and everything that follows in the batch is cut into segments; seal_flush writes it all.
 */
#ifndef EVS_STORE_SEAL_H
#define EVS_STORE_SEAL_H

#include "base/pool.h"
#include "store/run.h"
#include "store/segment.h"
#include "store/store.h"
#include "store/streams.h"

/* An event with its place. */
struct seal_item {
	struct record record; /* bytes borrowed until seal_flush */
	uint64_t event;       /* TERM_EVENT */
	uint64_t stream;      /* 0: none */
	uint32_t stream_entry; /* STREAM_NONE: none */
	int64_t moment;
	const uint64_t *terms; /* borrowed likewise */
	const uint32_t *uuids; /* packed_uuids; borrowed likewise */
	uint32_t n_terms, n_uuids;
};

struct seal_job;

struct seal {
	struct evs_store *store;
	struct pool *pool;  /* NULL: no threads */
	struct zip *zip;    /* for when there are none */
	struct seal_item *items; /* not yet in a segment */
	size_t n_items, items_cap;
	uint64_t bytes; /* of them */
	bool sealing;   /* the tail was emptied, or had nothing: segments are being made */
	bool new_dict;  /* this transaction made the dictionary */
	struct buf tail; /* bodies of the tail's events */
	struct buf tail_terms, tail_uuids;
	struct seal_job *jobs, *last_job; /* segments under way, in order */
	struct run_entry *events, *terms; /* of the run */
	size_t n_events, events_cap, n_terms, terms_cap;
	uint64_t run_first;
	uint32_t run_count;
};

/* Zeroed memory with store set is ready. */
void seal_release(struct seal *s);

/* Forget everything of the batch. */
void seal_reset(struct seal *s);

/* EVS_OK, EVS_NOMEM, EVS_CORRUPT, EVS_IO. */
int seal_add(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams,
             const struct seal_item *item, struct evs_error *err);

/*
 * Write everything into the transaction; state changes with it. more: the input goes on, so that what is left over
 * is better sealed than put into the tail. After it nothing is borrowed.
 */
int seal_flush(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams, bool more,
               struct evs_error *err);

/* Merge runs where they have multiplied, in transactions of its own. *merged: whether anything was. */
int seal_merge_runs(const struct seal *s, bool *merged, struct evs_error *err);

#endif
