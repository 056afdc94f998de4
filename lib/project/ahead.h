/*
 * Looking ahead over events in streams: when an event's turn comes it was looked at, and its state is near. Going from
 * one state to another out of memory was two thirds of a projection's time.
 */
#ifndef EVS_PROJECT_AHEAD_H
#define EVS_PROJECT_AHEAD_H

#include "project/cache.h"

#define AHEAD_SLOT 24   /* events between the first look and its turn */
#define AHEAD_ENTRY 16
#define AHEAD_VALUES 10
#define AHEAD_TEXTS 4
#define AHEAD_RING 32

/* An event that was looked at. */
struct ahead_event {
	const struct record *record;
	struct view view;
	bool good;       /* it is no damaged one */
	bool has_stream; /* and states are by stream: the next three are known */
	struct span key, type;
	uint64_t hash;   /* cache_hash of the stream */
	char id_text[UUID_TEXT], type_text[UUID_TEXT];
};

/* Zeroed memory with the first three set is ready for ahead_begin. */
struct ahead {
	const struct cache *cache;
	const struct names *names;
	bool by_stream;
	const struct record *records;
	size_t n, at, looked, entries, values, texts; /* how far it is: given, and each step before that */
	struct ahead_event ring[AHEAD_RING];
};

/* Go through n records, borrowed until all were given. */
void ahead_begin(struct ahead *a, const struct record *records, size_t n);

/* The next one, until the next call; NULL: all were given. */
const struct ahead_event *ahead_next(struct ahead *a);

#endif
