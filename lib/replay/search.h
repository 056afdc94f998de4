/* Looking for events that say by themselves that a debugger stops at them: on every core, at the speed of reading. */
#ifndef EVS_REPLAY_SEARCH_H
#define EVS_REPLAY_SEARCH_H

#include "replay/postings.h"
#include "replay/stop.h"

struct search {
	struct evs_store *store;
	const struct evs_selector *selector; /* which events, without a limit, a last or a reverse */
	const struct positions *only;        /* and of those these alone; NULL: all */
	const struct stop *const *stops;     /* STOP_EVENT each */
	size_t n;
};

/*
 * The first event of the positions low to high at which one of them stops, or the last. An event of which an expression
 * makes no sense is one.
 *
 *   position  out
 *
 * EVS_OK; EVS_END: there is none; EVS_CORRUPT, EVS_IO, EVS_NOMEM, ... as evs_read_next.
 */
int search_run(const struct search *s, uint64_t low, uint64_t high, bool first, uint64_t *position, struct evs_error *err);

#endif
