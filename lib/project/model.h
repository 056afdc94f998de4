/*
 * The states of a generation in the store: found one at a time, and changed together with the index over their fields.
 * Invariants: one process at a time changes them (projection_lock), so that what was read stays true meanwhile.
 */
#ifndef EVS_PROJECT_MODEL_H
#define EVS_PROJECT_MODEL_H

#include "project/cache.h"
#include "project/key.h"
#include "project/pile.h"
#include "project/projection.h"

struct model {
	struct evs_store *store;
	const struct projection *projection;
	const struct generation *generation;
	const struct fold *fold; /* NULL: of a command */
	bool empty;              /* there is nothing in it: it need not be asked */
	/* Reading. */
	struct kv_txn *txn;      /* NULL: none yet */
	bool active;             /* txn holds a snapshot */
	struct pile pile;        /* in it */
	unsigned found;          /* since the snapshot was taken */
	struct arena arena;
};

/* Zeroed memory with the first four set is ready; model_begin finds out whether it is empty. */
int model_begin(struct model *m, struct evs_error *err);
void model_release(struct model *m);

/*
 * The packed state of a key, borrowed until the next call. EVS_OK; EVS_END: there is none; EVS_CORRUPT, EVS_IO, EVS_NOMEM.
 */
int model_find(struct model *m, struct span key, struct span type, struct kv_bytes *packed, struct evs_error *err);

/* Let go of the snapshot. Call it before anything that can take long. */
void model_pause(struct model *m);

struct change_list {
	struct change *list;
	size_t n, cap;
};

/* Changes, by key. */
struct changes {
	struct change_list states, index;
	struct arena bytes;       /* of keys and values */
	struct buf change;        /* the one at hand: its key, its value */
	struct buf before, after; /* the fields of a state at hand */
};

/* Work out what the changed states of a cache change in the store. EVS_OK, or as model_find. */
int model_gather(struct model *m, struct cache *cache, struct changes *changes, struct evs_error *err);

/* Write the changes of a gather. EVS_OK, EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT. */
int model_apply(struct model *m, struct kv_txn *txn, const struct changes *changes, struct evs_error *err);

void changes_release(struct changes *changes);

#endif
