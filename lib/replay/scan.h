/*
 * Looking for events after which a state says that a debugger stops: all events are folded, in order, once; where it
 * stopped is noted, so that going back and forth over what was seen costs nothing.
 */
#ifndef EVS_REPLAY_SCAN_H
#define EVS_REPLAY_SCAN_H

#include "replay/postings.h"
#include "replay/stop.h"
#include "replay/walk.h"

struct scan;

/*
 *   options   of the walk; what they point to is borrowed until scan_free
 *   progress  its on_progress is told how many events were folded; borrowed likewise
 *
 * NULL: no memory.
 */
struct scan *scan_new(struct evs_store *store, const struct walk_options *options, const struct evs_replay_options *progress);
void scan_free(struct scan *s); /* NULL is fine */

/*
 * Set what to stop at: STOP_STATE and STOP_WATCH each, borrowed until this is called again. What was folded up to a
 * position at or before `here` need not be folded again. EVS_OK, EVS_NOMEM.
 */
int scan_set(struct scan *s, const struct stop *const *stops, size_t n, uint64_t here, struct evs_error *err);

/*
 * The first event of the positions low to high at which one of them stops; the last one up to high.
 * EVS_OK; EVS_END: there is none; EVS_BAD_EVENT: the command fails on an event; or as walk_next.
 */
int scan_after(struct scan *s, uint64_t low, uint64_t high, uint64_t *position, struct evs_error *err);
int scan_before(struct scan *s, uint64_t high, uint64_t *position, struct evs_error *err);

/* How far it is: all events up to this position were looked at. */
uint64_t scan_position(const struct scan *s);

#endif
