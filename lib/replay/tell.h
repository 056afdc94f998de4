/* What all that evs_replay shows has in common: one replay under way, its walks, and the lines it writes. */
#ifndef EVS_REPLAY_TELL_H
#define EVS_REPLAY_TELL_H

#include "evs.h"
#include "replay/walk.h"

struct replay {
	struct evs_store *store;
	const struct evs_replay_options *options;
	struct evs_selector selector;
	bool by_stream;
	struct fold *fold; /* NULL: a command */
	struct walk_options walk_options;
	uint64_t *without;
	uint64_t events;   /* walked */
	struct buf out;    /* lines that are not written yet, and the one in the making */
};

/* ---- lines ---- */

/* {"key":K and ,"aggregateType":T where there is one */
void tell_key(struct replay *r, const struct walk_state *s);

/* ,"position":P,"revision":R; null where there is none: the event is in no store, or the revision would say nothing. */
void tell_place(struct replay *r, bool drafted, uint64_t position, bool has_revision, uint64_t revision);

/* ,"name":VALUE; false where it cannot be written: tell_failed. */
bool tell_value(struct replay *r, const struct walk *w, const char *name, const struct value *v);

/* EVS_CORRUPT: what could not be written is damaged, or EVS_NOMEM. */
int tell_failed(const struct replay *r, struct evs_error *err);

/* Write whole lines; few ones wait for more where not `all`. EVS_OK, EVS_INTERRUPTED, EVS_NOMEM. */
int tell_flush(struct replay *r, bool all, struct evs_error *err);

/* ---- walks ---- */

/* walk_next, and tell how far it is. */
int tell_next(struct replay *r, struct walk *w, struct evs_error *err);

/* Open a walk and take it to the end of what counts; *w is to be closed in any case. */
int tell_walk(struct replay *r, struct source_limit limit, struct walk **w, struct evs_error *err);

/* The states to show, sorted: the one of the key, or all. The list is the caller's (free); NULL: no memory. */
const struct walk_state **tell_states(const struct replay *r, const struct walk *w, size_t *n, struct evs_error *err);

/* ---- what there is to show ---- */

int diff_show(struct replay *r, struct evs_error *err);  /* diff.c, and so on */
int first_show(struct replay *r, struct evs_error *err);
int blame_show(struct replay *r, struct evs_error *err);

#endif
