/* Reading in blocks, for who looks ahead. */
#ifndef EVS_STORE_READ_H
#define EVS_STORE_READ_H

#include "event/render.h"
#include "evs.h"

/* What is to be worked out about events by the threads that load them. */
struct read_prepare {
	/*
	 * Called with the n records of a block, for several blocks at a time on different threads. *prepared is NULL at
	 * first, then what was made for an earlier block. False when memory ran out.
	 */
	bool (*run)(const void *context, void **prepared, const struct record *records, size_t n);
	void (*free)(void *prepared);
	const void *context;
};

/* Set it, before anything is read. */
void read_set_prepare(struct evs_read *r, const struct read_prepare *prepare);

/*
 * Read these n positions alone, ascending, before anything is read; the reader selects nothing, and is not reverse. Others may
 * come as well. EVS_OK, EVS_NOMEM.
 */
int read_set_positions(struct evs_read *r, const uint64_t *positions, size_t n, struct evs_error *err);

/*
 * The next events, in their order: what evs_read_next would give, as many as are at hand. Not for a reverse reader.
 *
 *   records  out: n of them, borrowed until the next call on r
 *
 * Statuses as evs_read_next.
 */
int read_block(struct evs_read *r, const struct record **records, size_t *n, struct evs_error *err);

/* What was prepared for the block at hand, borrowed as its records are; for who does not call evs_read_next. */
void *read_prepared(const struct evs_read *r);

/* The caller wants n events and perhaps no more: where they are few, few are looked at to begin with. Before the first is read. */
void read_few(struct evs_read *r, uint64_t n);

#endif
