/*
 * Planning a read: which stretches of positions to look at, in which order, and with the index's help which events
 * in them. Pieces stay valid while the store changes: positions never do.
 */
#ifndef EVS_STORE_PLAN_H
#define EVS_STORE_PLAN_H

#include "store/select.h"

/* A stretch to look at: at most one segment, or the tail. */
struct piece {
	uint64_t first, last;
	uint32_t *wanted; /* relative to first, ascending: the candidates (owned); NULL: all */
	size_t n_wanted;
};

struct plan {
	struct evs_store *store;
	struct select *select;
	struct kv_txn *txn; /* reading, reset between calls */
	bool active;        /* txn holds a snapshot */
	uint64_t low, high; /* what is left of the range */
	bool reverse;
	size_t room; /* the next piece has no more events to look at; each is twice as large as the one before. 0: whole segments */
	struct term_group groups[8];
	size_t n_groups;
	/* The run at hand. */
	uint64_t run_first, run_last; /* run_first = 0: none */
	bool dense;                   /* its candidates are too many to be of help */
	uint32_t *positions;          /* candidates, relative to run_first */
	size_t n_positions;
	struct segment_bytes directory; /* of the segment at hand */
	struct index index;
	bool index_open;
	uint64_t snapshot; /* that the index is of */
};

/* Zeroed memory with store and select set is ready. */
void plan_release(struct plan *p);

/* Look at positions low..high from here on. EVS_OK, or as evs_open. */
int plan_range(struct plan *p, uint64_t low, uint64_t high, struct evs_error *err);

/*
 * Of the range look at these n positions alone, ascending; pieces of the tail are whole all the same. False: no memory.
 * Where they lie too far apart for it, the range stays as it is.
 */
bool plan_positions(struct plan *p, const uint64_t *positions, size_t n);

/* The next piece; its wanted is owned by the caller. EVS_OK, EVS_END, EVS_CORRUPT, EVS_NOMEM, EVS_IO. */
int plan_next(struct plan *p, struct piece *piece, struct evs_error *err);

/* Let go of the snapshot. Call it before anything that can take long. */
void plan_pause(struct plan *p);

#endif
