/*
 * The index of a store as one transaction sees it: runs over the segments, and the tail's own.
 * Lookups return only what the events themselves confirm.
 */
#ifndef EVS_STORE_INDEX_H
#define EVS_STORE_INDEX_H

#include "event/term.h"
#include "store/fetch.h"
#include "store/recent.h"
#include "store/run.h"
#include "store/store.h"

struct index {
	struct evs_store *store;
	struct kv_txn *txn;
	struct store_state state;
	struct run *runs; /* oldest first */
	size_t n_runs, runs_cap;
	struct recent *recent; /* of the tail; not const with the rest: it learns */
	struct fetch *fetch; /* borrowed */
};

/* Look at the runs of a transaction; index_release before it ends. EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO. */
int index_open(struct index *x, struct evs_store *store, struct kv_txn *txn, const struct store_state *state, struct fetch *fetch,
               struct evs_error *err);
void index_release(struct index *x);

/*
 * Call each for the tail's candidates of a term, ascending. each returns EVS_OK to go on; anything else ends and
 * is returned.
 */
int index_each_recent(const struct index *x, uint64_t hash, int (*each)(void *context, uint64_t position), void *context,
                      struct evs_error *err);

/*
 * The event with an eventId: its record (valid until the next use of the index's fetch). id is TEXT_STRING or
 * TEXT_UUID; hash its TERM_EVENT. ask_runs: false where it is known to be in no run.
 * EVS_OK, EVS_END, EVS_CORRUPT, EVS_NOMEM, EVS_IO.
 */
int index_find_event(const struct index *x, const struct text *id, uint64_t hash, bool ask_runs, struct record *r,
                     struct evs_error *err);

#define INDEX_RUN_BITS 32

/* The runs that may have an aggregate: run r as bit r % INDEX_RUN_BITS. */
uint32_t index_runs_with(const struct index *x, uint64_t aggregate);

/*
 * The revision of a stream, 0 when it does not exist. type.text NULL: no type. runs: as index_runs_with says, or more.
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO.
 */
int index_revision(const struct index *x, const struct text *id, struct span type, uint64_t aggregate, uint32_t runs, uint64_t stream,
                   uint64_t *revision, struct evs_error *err);

/*
 * The types under which an aggregateId is a stream: each is called once per type, that none is first, then by their bytes.
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO.
 */
int index_streams(const struct index *x, const struct text *id, uint64_t aggregate, void (*each)(void *context, struct span type),
                  void *context, struct evs_error *err);

#endif
