/*
 * Memory that is let go of all at once: for what lives as long as the work on one event.
 * Zeroed memory with `limit` set is an empty arena.
 */
#ifndef EVS_BASE_ARENA_H
#define EVS_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *block; /* the newest; it links to those before it */
	size_t used;               /* bytes given out since the last reset, with what alignment took */
	size_t limit;              /* the most that is given out */
	bool failed;               /* memory ran out, or the limit was reached */
	bool full;                 /* the limit was reached */
};

/* size bytes, aligned for anything. NULL, with failed set, when there are none. */
void *arena_take(struct arena *a, size_t size);

/* A copy of bytes. NULL as arena_take. */
void *arena_copy(struct arena *a, const void *bytes, size_t size);

/* Let go of everything, keeping one block for what comes; clears failed and full. */
void arena_reset(struct arena *a);

void arena_free(struct arena *a);

#endif
