/*
 * The events of a history around the one that is looked at, to be gone through in both directions. Those near are kept,
 * so that turning round costs nothing; further ones are read as they are wanted.
 *
 * Invariants: a window is at an event, or before the first one.
 */
#ifndef EVS_REPLAY_WINDOW_H
#define EVS_REPLAY_WINDOW_H

#include "replay/postings.h"

struct window_options {
	struct evs_store *store;
	const struct evs_selector *selector; /* which events, without a limit, a last or a reverse; borrowed until window_free */
	const struct positions *only;        /* in place of these the events at these positions; borrowed likewise; NULL: not */
	/* Of those, whether an event is one indeed: EVS_OK, EVS_END, or a failure. */
	int (*accept)(void *context, const struct record *record, struct evs_error *err);
	void *context;
};

struct window;

/* Before the first event. NULL: no memory. */
struct window *window_new(const struct window_options *options);
void window_free(struct window *w); /* NULL is fine */

/* Go to the last event at or before a position, or before the first one. EVS_OK, or as evs_read_next; it then is before the first. */
int window_seek(struct window *w, uint64_t position, struct evs_error *err);

/*
 * Go one event on or back; back from the first is before it. EVS_OK; EVS_END: there is none, and it stays; or as
 * evs_read_next, and it stays.
 */
int window_step(struct window *w, bool forward, struct evs_error *err);

/* The event it is at, owned by the window until the next call; NULL: it is before the first. */
const struct record *window_record(const struct window *w);

#endif
