/* How far a group is, as its users are told: the record knows slots, and lets them pass what waits (group.h). */
#ifndef EVS_CONSUME_PROGRESS_H
#define EVS_CONSUME_PROGRESS_H

#include "consume/group.h"

struct progress {
	uint64_t position;         /* every event up to it is done with, and it is no greater than what a slot has */
	uint64_t first_unfinished; /* the first event of the group that is not done with; 0: none */
	uint64_t lag;              /* how many of its events are not */
};

/* The first event of a group that waits; UINT64_MAX: none does. EVS_OK, EVS_CORRUPT, EVS_IO. */
int progress_first_wait(struct kv_txn *txn, const struct group *g, uint64_t *position, struct evs_error *err);

/*
 * Work it out, where `wait` is that and `last` was the newest position then. Events are looked at where slots differ, or where the
 * group does not take all; from one that is damaged on they count as not done with. EVS_OK, EVS_IO, EVS_NOMEM.
 */
int progress_of(struct evs_store *store, const struct group *g, uint64_t wait, uint64_t last, struct progress *out, struct evs_error *err);

#endif
