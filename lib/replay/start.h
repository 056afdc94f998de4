/* Where a walk starts: the newest snapshot that its events, moments and changes leave true. */
#ifndef EVS_REPLAY_START_H
#define EVS_REPLAY_START_H

#include "project/snapshot.h"
#include "replay/walk.h"

/*
 * Find the snapshot to start from.
 *
 *   o      with a key
 *   type   by stream: its aggregateType; text NULL: it has none
 *   with   sorted
 *   place  out
 *   after  out: the position behind which to read on
 *   state  out, as snapshot_find
 *
 * EVS_OK; EVS_END: start at the first event; or as snapshot_find.
 */
int start_find(struct evs_store *store, const struct walk_options *o, struct span type, const struct drafts *with,
               struct snapshot_place *place, uint64_t *after, struct buf *state, struct evs_error *err);

/* Whether there can be one: nothing is selected, and it is not asked for every event. */
bool start_may(const struct walk_options *o);

#endif
