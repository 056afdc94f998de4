/* Looking at a piece of a plan: its events, unpacked and asked whether they match. One loader a thread. */
#ifndef EVS_STORE_LOAD_H
#define EVS_STORE_LOAD_H

#include "store/plan.h"
#include "store/segment.h"

struct loader;

struct loader *load_new(struct evs_store *store);
void load_free(struct loader *l);

/* Events that the loader has room for: of the last piece that was loaded into them. */
struct segment_events *load_own(struct loader *l);

/*
 * Load the matching events of a piece.
 *
 *   events  out: they are its records, ascending, in place of what it held; load_own, or the caller's. The records lie
 *           in its bytes, with RENDER_PAD readable bytes behind each
 *
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO; EVS_BAD_EVENT: --where makes no sense of an event. The events are then those
 * before it; where select->reverse is set those behind the last such event. No transaction is held afterwards.
 */
int load_piece(struct loader *l, struct select *select, const struct piece *piece, struct segment_events *events,
               struct evs_error *err);

#endif
