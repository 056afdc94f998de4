/*
 * A table as it is seen: a B-tree, and on it layers of newer changes, each sorted and in one record (evs-store(5)).
 * A thousand changes at random keys would be as many pages of the B-tree, in all places of the file; a layer of them is
 * some pages one behind the other. Layers become one as they grow, and go into the B-tree when they are much beside it.
 *
 * Invariants: of a key the newest layer that has it counts, then the B-tree. Each layer has several times the bytes of the
 * next newer one, so that they are few, and few bytes are written again.
 */
#ifndef EVS_PROJECT_PILE_H
#define EVS_PROJECT_PILE_H

#include "project/projection.h"

#define PILE_LAYERS 32

/* A change of a key. */
struct change {
	uint64_t prefix;    /* the key's first bytes, for sorting */
	const uint8_t *key; /* the value is behind it */
	uint32_t key_size, value_size;
	bool remove, fresh; /* take the key away, which is there; put one that is not there */
};

/* A layer, looked at. */
struct pile_layer {
	const uint8_t *changes, *ends; /* the changes; where each ends, 4 bytes each */
	const struct change *list;     /* not NULL: these they are, in no record yet */
	uint32_t n, size;              /* how many, and bytes of them */
	int64_t grown;                 /* keys that it adds to what is below */
	uint32_t number;               /* in its key */
};

struct pile {
	struct kv_txn *txn;
	enum kv_table base;
	bool has_base;
	struct pile_layer layers[PILE_LAYERS]; /* the newest first */
	size_t n_layers;
};

/*
 * See a table of a generation as it is in a transaction, until that ends or, where it writes, until the next write.
 * EVS_OK; EVS_END: there is nothing, and *out is empty; EVS_CORRUPT, EVS_IO, EVS_NOMEM.
 */
int pile_open(struct kv_txn *txn, const struct projection *p, const struct generation *g, enum projection_table which,
              struct pile *out, struct evs_error *err);

/* A table without layers as a pile. */
struct pile pile_of_table(struct kv_txn *txn, enum kv_table table);

/* Whether it has neither keys nor layers. */
bool pile_is_empty(const struct pile *p);

/* How many keys it has. */
uint64_t pile_count(const struct pile *p);

/* EVS_OK; EVS_END: there is no such key; EVS_CORRUPT, EVS_IO. The value is borrowed as the pile is. */
int pile_get(const struct pile *p, const void *key, size_t key_size, struct kv_bytes *value, struct evs_error *err);

/* Whether its layers are in order, each key once, and say how many keys they add. EVS_OK, EVS_CORRUPT, EVS_IO. */
int pile_check(const struct pile *p, struct evs_error *err);

struct pile_cursor;

/* p is borrowed. Close it before the transaction ends; NULL is fine. */
int pile_cursor_open(const struct pile *p, struct pile_cursor **out, struct evs_error *err);
void pile_cursor_close(struct pile_cursor *c);

/* Go to the first key that is not before `at` (size 0: the first of all); then to the next ones. Statuses as pile_get. */
int pile_seek(struct pile_cursor *c, struct kv_bytes at, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err);
int pile_next(struct pile_cursor *c, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err);

/* Make n >= 1 changes, by ascending keys, each of another key. Statuses as pile_get, and EVS_FULL, EVS_NOMEM. */
int pile_apply(struct kv_txn *txn, const struct projection *p, const struct generation *g, enum projection_table which,
               const struct change *changes, size_t n, struct evs_error *err);

#endif
