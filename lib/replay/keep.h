/*
 * States of keys as they were after any event, each made once and then kept, at intervals that grow with the distance
 * from where was looked last. So the state before an event is found as quickly as the one after it, in memory that does
 * not grow with the events.
 */
#ifndef EVS_REPLAY_KEEP_H
#define EVS_REPLAY_KEEP_H

#include "replay/postings.h"
#include "replay/walk.h"

struct keep_options {
	struct evs_store *store;
	const struct walk_options *walk; /* selector, fold or exec with timeout_ms, and stop; borrowed until keep_free */
	struct postings *postings;       /* of a fold that is not by stream */
	size_t budget;                   /* bytes of states, about */
};

/* A state that was found. */
struct kept {
	uint64_t position, revision; /* of the last event that counted for it; 0: there was none */
	struct buf packed;           /* as walk_begin takes it, RENDER_PAD zeros behind it */
	struct buf failure;          /* why the fold fails on that event, which changed nothing; empty: it does not */
	struct arena arena;
	struct value value;          /* the state, of what is in packed; null where it does not exist */
};
void kept_release(struct kept *s);

struct keep;

/* NULL: no memory. */
struct keep *keep_new(const struct keep_options *options);
void keep_free(struct keep *k); /* NULL is fine */

/* Bytes of what is kept, about. */
size_t keep_bytes(const struct keep *k);

/* Forget all states: other events count now. */
void keep_forget(struct keep *k);

/*
 * The state of a key by the events up to a position.
 *
 *   type  by stream: its aggregateType; text NULL: it has none
 *   out   owned by the caller (kept_release), who zeroed it once
 *
 * EVS_OK; EVS_USAGE: no such key can be looked at alone; EVS_INTERRUPTED; or as walk_next.
 */
int keep_find(struct keep *k, struct span key, struct span type, uint64_t position, struct kept *out, struct evs_error *err);

/*
 * The state of a key by the events up to a position, had some not happened.
 *
 *   without  at least one position, ascending
 *
 * As keep_find.
 */
int keep_without(struct keep *k, struct span key, struct span type, uint64_t position, const struct positions *without,
                 struct kept *out, struct evs_error *err);

/*
 * Walk the events that count for a key, from a kept state on, up to a position.
 *
 *   before  the state to begin with is the latest one by the events before this position
 *   began   out: up to which position the events are in that state; 0: the walk begins with the first event
 *   out     owned by the caller (keep_walk_close)
 *
 * As keep_find.
 */
struct keep_walk;
int keep_walk_open(struct keep *k, struct span key, struct span type, uint64_t before, uint64_t to, uint64_t *began,
                   struct keep_walk **out, struct evs_error *err);
struct walk *keep_walk(struct keep_walk *w);
void keep_walk_close(struct keep_walk *w); /* NULL is fine */

#endif
