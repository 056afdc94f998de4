/* Reading in blocks, for who looks ahead. */
#ifndef EVS_STORE_READ_H
#define EVS_STORE_READ_H

#include "event/render.h"
#include "evs.h"

/*
 * The next events, in their order: what evs_read_next would give, as many as are at hand. Not for a reverse reader.
 *
 *   records  out: n of them, borrowed until the next call on r
 *
 * Statuses as evs_read_next.
 */
int read_block(struct evs_read *r, const struct record **records, size_t *n, struct evs_error *err);

#endif
