/* Whether two packed events are the same event: the idempotent retry. */
#ifndef EVS_EVENT_SAME_H
#define EVS_EVENT_SAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/name.h"

/*
 * Compare the fields of two events, in order. ignore_time: leave `timestamp` out, for an event that came without
 * one. 1 same, 0 different, -1 out of memory or malformed. Both need RENDER_PAD readable bytes behind them.
 */
int same_event(const struct names *names, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, bool ignore_time);

#endif
