/* Which events of a run can match: those that the run says to have a term of each of several groups. */
#ifndef EVS_STORE_NARROW_H
#define EVS_STORE_NARROW_H

#include "evs.h"
#include "store/run.h"

/* An event must have one of these terms. Zeroed memory is none. */
struct term_group {
	uint64_t *hashes;
	size_t n, cap;
};

/* False: no memory. */
bool term_group_add(struct term_group *g, uint64_t hash);
void term_group_release(struct term_group *g);

/*
 * The positions, relative to the run's first and ascending, of events that have a term of each group; a group is left out of account
 * where it would cost more than it spares. n_groups >= 1. *positions is the caller's to free; NULL with EVS_OK, and *n 0:
 * they may be more than `most` (SIZE_MAX: any number is welcome). EVS_OK, EVS_CORRUPT, EVS_NOMEM.
 */
int narrow_run(const struct run *r, const struct term_group *groups, size_t n_groups, size_t most, uint32_t **positions, size_t *n,
               struct evs_error *err);

#endif
