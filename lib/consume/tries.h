/*
 * What is known of the failed tries of an event, as it is kept in KV_WAIT and in dead letters (evs-store(5)): a list of
 * records, the oldest first. Of many the first and the newest are kept.
 */
#ifndef EVS_CONSUME_TRIES_H
#define EVS_CONSUME_TRIES_H

#include "base/buf.h"
#include "event/view.h"
#include "evs.h"

#define TRIES_KEPT 20
#define TRIES_OUTPUT_MAX 4096 /* bytes of a handler's standard error */

/* One that failed. Texts are borrowed from the list. */
struct tried {
	int64_t at_us, took_us;
	int exit_status, signal; /* -1, 0: none */
	struct span reason, output;
};

/* Add one behind a list. False when memory ran out; a malformed list is replaced. */
bool tries_add(struct buf *list, int64_t at_us, const struct evs_failure *failure);

/* Add one that tries_add made of its own; size 0: none. */
bool tries_append(struct buf *list, const uint8_t *record, size_t size);

/* Read the record at *p and move on. False: there is none, or it is malformed. */
bool tries_next(const uint8_t **p, const uint8_t *end, struct tried *out);

/* Whether a list is whole. */
bool tries_valid(const uint8_t *list, size_t size);

#endif
