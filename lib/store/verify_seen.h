/* How far each stream is that evs_verify saw: 16 bytes a stream, found by its hash. */
#ifndef EVS_STORE_VERIFY_SEEN_H
#define EVS_STORE_VERIFY_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct verify_seen_stream {
	uint64_t hash;          /* term_stream; 0: the slot is free */
	uint64_t revision : 40;
	uint64_t mark : 24;     /* the newest stretch that has events of it */
};

/* Zeroed memory is an empty set. */
struct verify_seen {
	struct verify_seen_stream *slots;
	size_t n, n_slots;
};

/* The slot of a stream; NULL when it is not there. */
struct verify_seen_stream *verify_seen_find(const struct verify_seen *s, uint64_t hash);

/* The same, made where it is missing. NULL: out of memory. */
struct verify_seen_stream *verify_seen_get(struct verify_seen *s, uint64_t hash);

void verify_seen_free(struct verify_seen *s);

#endif
