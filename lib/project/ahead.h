/*
 * Looking ahead over events: which states they are about, and what a fold reads in them, is found out by the threads
 * that load them; and a state is near when the turn of its event comes. Going from one state to another out of memory
 * was two thirds of a projection's time.
 */
#ifndef EVS_PROJECT_AHEAD_H
#define EVS_PROJECT_AHEAD_H

#include "fold/look.h"
#include "project/cache.h"
#include "store/read.h"

#define AHEAD_SLOT 24   /* events between the first look for its state and an event's turn */
#define AHEAD_ENTRY 14
#define AHEAD_TEXTS 4

/* An event that was looked at; what that found is behind it. */
struct ahead_event {
	struct fold_event event;
	struct span key, type; /* the state that it is likely to be about; text of the key NULL: not known */
	uint64_t hash;       /* cache_hash of these */
	struct ahead_event *next; /* of its block */
	bool good;           /* it is no damaged one */
};

/* What is looked for. */
struct ahead_plan {
	const struct fold *fold; /* NULL: of a command */
	const struct names *names;
	bool by_stream;
};

/* Have a reader's threads look at its events; the plan is borrowed while there is the reader. */
void ahead_prepare(struct evs_read *r, const struct ahead_plan *plan);

/* Going through a block. Zeroed memory with cache set has no events. */
struct ahead {
	const struct cache *cache;
	const struct ahead_event *given, *slots, *entries, *texts; /* how far it is, with giving and with each step before */
};

/* Go through the events of the block that such a reader, which has no limit, has at hand. */
void ahead_begin(struct ahead *a, const struct evs_read *r);

/* The next one; NULL: all were given. */
const struct ahead_event *ahead_next(struct ahead *a);

#endif
