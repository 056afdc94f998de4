/* Single events by their positions, with a reading transaction of their own for each call. */
#ifndef EVS_REPLAY_PLACES_H
#define EVS_REPLAY_PLACES_H

#include "store/fetch.h"

/* Zeroed memory is ready for places_open. */
struct places {
	struct kv_txn *txn; /* reset between calls */
	struct fetch fetch;
};

void places_open(struct places *p, struct evs_store *store);
void places_release(struct places *p);

/*
 * The event at a position; *record is valid until the next call. Neighbours are quick.
 * EVS_OK; EVS_END: there is no such position; EVS_CORRUPT, EVS_IO, EVS_NOMEM.
 */
int places_get(struct places *p, uint64_t position, struct record *record, struct evs_error *err);

#endif
