/*
 * The index of the tail: the terms of each of its events, in order, in blocks that are read from end to end. The
 * tail is small, and an append that only adds to the last block writes two pages where a tree of terms wrote seven.
 *
 * Terms are kept as the higher halves of their hashes. Answers are candidates.
 */
#ifndef EVS_STORE_RECENT_H
#define EVS_STORE_RECENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "store/kv.h"

/* Adding: recent_begin, recent_add in order of position, recent_end. Zeroed memory is ready. */
struct recent_writer {
	struct buf block;
	uint64_t first; /* position of its first event */
	bool dirty;
};

int recent_begin(struct recent_writer *w, struct kv_txn *txn, struct evs_error *err);

/* The terms of the event at a position: its TERM_EVENT and n others. */
int recent_add(struct recent_writer *w, struct kv_txn *txn, uint64_t position, uint64_t event, const uint64_t *terms, uint32_t n,
               struct evs_error *err);

/* Write what was added, and release. */
int recent_end(struct recent_writer *w, struct kv_txn *txn, struct evs_error *err);
void recent_release(struct recent_writer *w);

/* Call each for every term, in order of position. each returns EVS_OK to go on; anything else ends and is returned. */
int recent_all(struct kv_txn *txn, int (*each)(void *context, uint32_t half, uint64_t position), void *context,
               struct evs_error *err);

/* Looking terms up. The first look-ups read the blocks; when they go on, a table is made. Zeroed memory is ready. */
struct recent_slot {
	uint32_t half, first, last; /* entries of this half, + 1; 0: free */
};

/* One of the positions of a half. */
struct recent_entry {
	uint32_t at, next; /* at: position - first; next: entry + 1, 0: none */
};

struct recent {
	unsigned asked;
	uint64_t first; /* position that `at` counts from */
	struct recent_slot *slots; /* one for each half: many events may have the same term */
	struct recent_entry *entries;
	size_t n_slots, used, n, cap;
};

void recent_forget(struct recent *r);

/*
 * Call each for the positions that may have a term, ascending. As recent_all.
 */
int recent_find(struct recent *r, struct kv_txn *txn, uint64_t hash, int (*each)(void *context, uint64_t position), void *context,
                struct evs_error *err);

#endif
