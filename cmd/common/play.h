/* Playing events out again, with the gaps in time that they happened with. */
#ifndef EVS_CMD_PLAY_H
#define EVS_CMD_PLAY_H

#include <stdbool.h>

#include "evs.h"

/* 10x, 0.5x, or max, which is 0: no gaps. */
bool play_speed(const char *text, double *factor);

/*
 * Print the selected events as cat does, each when it is due: as long after the first as its timestamp is, divided by
 * the factor. An event that is late, or happened before one that was printed, comes at once.
 *
 *   stopped  signals_catch was called: a signal ends it
 *
 * EVS_OK, EVS_INTERRUPTED (by a signal, or the reader went away), or as evs_read_next.
 */
int play_events(struct evs_store *store, const struct evs_selector *selector, double factor, struct evs_error *err);

#endif
