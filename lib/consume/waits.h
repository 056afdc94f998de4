/* The waiting events of a group that a member knows of: what KV_WAIT has, and what it will have with the next commit. */
#ifndef EVS_CONSUME_WAITS_H
#define EVS_CONSUME_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiting {
	uint64_t position, stream, tries;
	int64_t due_us;
	uint16_t slot;
	bool stored; /* it is in KV_WAIT */
	bool taken;  /* it is in hand, or done with but not committed */
	bool done;   /* handled, but not committed: it keeps no other of its stream waiting */
	bool own;    /* this member has taken it: its limit has counted it */
	bool seen;   /* it is still there (waits_forget) */
};

/* Zeroed memory is an empty list. Sorted by slot and position. */
struct waits {
	struct waiting *list;
	size_t n, cap;
	int64_t look_us; /* before this none can be due */
};

void waits_release(struct waits *w);

/* Add one, or replace the one at its place. False: memory ran out. */
bool waits_put(struct waits *w, const struct waiting *one);
void waits_remove(struct waits *w, uint16_t slot, uint64_t position);
struct waiting *waits_find(struct waits *w, uint16_t slot, uint64_t position);

/* Whether one of a stream waits; how many of a slot do. */
bool waits_have(const struct waits *w, uint16_t slot, uint64_t stream);
size_t waits_of(const struct waits *w, uint16_t slot);

/* Whether one of the member's own waits. */
bool waits_have_own(const struct waits *w);

/*
 * The next that is due, which no earlier one of its stream keeps waiting, from the *at-th on; *at is then where to look
 * on. own: only the member's own. NULL: none; w->look_us then says when to look again, unless some were passed over with *at.
 */
struct waiting *waits_due(struct waits *w, int64_t now_us, bool own, size_t *at);

/* Remove those that were not seen. */
void waits_forget(struct waits *w);

/* Look anew: something was done with, or became free. */
void waits_look(struct waits *w);

#endif
