/* Lists of states of one key, as they were after events. */
#ifndef EVS_REPLAY_ENTRIES_H
#define EVS_REPLAY_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A state after an event. */
struct entry {
	uint64_t position, revision; /* of that event; 0: before all */
	uint64_t covers;             /* no event counts behind position up to this one */
	uint8_t *packed;             /* RENDER_PAD zeros behind it; NULL where size is 0: it does not exist */
	size_t size;
	char *failure;               /* NULL: the fold does not fail on the event */
};

/* Entries by position. */
struct entries {
	struct entry *list;
	size_t n, cap, bytes;
};

/* Let go of all; zeroed memory is an empty list. */
void entries_release(struct entries *s);

/* The last entry at or before a position; NULL: there is none. */
struct entry *entries_at(const struct entries *s, uint64_t position);

/* Add one, which is taken over, in its place; one that is there already gets to cover more. False: no memory. */
bool entries_add(struct entries *s, struct entry *e);

/* Keep those for which `keeps` is true. */
void entries_thin(struct entries *s, bool (*keeps)(void *context, const struct entries *s, size_t i), void *context);

#endif
