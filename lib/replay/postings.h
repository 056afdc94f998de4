/*
 * Which events count for which keys, for folds whose states are not by stream: no index of the store knows that. It is
 * found out once, by reading the events as far as it is asked for, and kept as 12 bytes an event and key.
 */
#ifndef EVS_REPLAY_POSTINGS_H
#define EVS_REPLAY_POSTINGS_H

#include <signal.h>

#include "event/view.h"
#include "fold/fold.h"

/* Positions, ascending; zeroed memory is an empty list. */
struct positions {
	uint64_t *list;
	size_t n, cap;
};

/* Whether a position is among them, and the place of the first that is not before it. */
bool positions_have(const struct positions *p, uint64_t position);
size_t positions_from(const struct positions *p, uint64_t position);
void positions_release(struct positions *p);

struct postings;

/*
 *   fold      borrowed until postings_free, as are the selector and stop
 *   selector  which events count, without a limit, a last or a reverse
 *   stop      when it turns non-zero, postings_reach ends; NULL: never
 *
 * NULL: no memory.
 */
struct postings *postings_new(struct evs_store *store, const struct fold *fold, const struct evs_selector *selector,
                              const volatile sig_atomic_t *stop);
void postings_free(struct postings *p); /* NULL is fine */

/*
 * Know all events up to a position, or to the end of the store.
 * EVS_OK; EVS_INTERRUPTED: what was read is known; EVS_CORRUPT, EVS_IO, EVS_NOMEM.
 */
int postings_reach(struct postings *p, uint64_t position, struct evs_error *err);

/*
 * Put the positions from `after` + 1 to `to`, as far as they are known, that count for a key behind those in out. Very
 * rarely one is among them that does not. False: no memory.
 */
bool postings_find(const struct postings *p, struct span key, uint64_t after, uint64_t to, struct positions *out);

#endif
