/* Looking at a piece of a plan: its events, unpacked and asked whether they match. One loader a thread. */
#ifndef EVS_STORE_LOAD_H
#define EVS_STORE_LOAD_H

#include "store/plan.h"

struct loader;

struct loader *load_new(struct evs_store *store);
void load_free(struct loader *l);

/*
 * Call each for every matching event of a piece, ascending. Records are valid during the call. No transaction is
 * held afterwards. each returns false when memory ran out.
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO; EVS_BAD_EVENT: --where makes no sense of an event. What was given are the
 * events before it; where select->reverse is set those behind the last such event: each is called with NULL when what
 * was given so far is to be forgotten.
 */
int load_piece(struct loader *l, struct select *select, const struct piece *piece,
               bool (*each)(void *context, const struct record *r), void *context, struct evs_error *err);

#endif
