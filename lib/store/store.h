/* The open store: its file, names, dictionaries and the state that every transaction begins from. */
#ifndef EVS_STORE_STORE_H
#define EVS_STORE_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/zip.h"
#include "event/name.h"
#include "evs.h"
#include "store/kv.h"

#define STORE_DICTS 256

struct evs_store {
	struct kv *kv;
	char *path;
	bool writable;
	uint64_t seed; /* of terms */
	bool checked;  /* its records of state and names have checksums: those of stores from before they came need not */
	struct names *names;
	unsigned names_stored; /* how many of them are in the file */
	struct zip_dict *dicts[STORE_DICTS]; /* by id, loaded when first used; 0 is the empty one */
	bool dicts_write[STORE_DICTS];       /* usable for compression */
	pthread_mutex_t lock;                /* of loading names and dicts */
	struct fetch *fetch;                 /* of those who read (fetch.h); writers have their own */
};

/* What is true of the store as a whole; one record in `meta`. */
struct store_state {
	uint64_t last_position;
	int64_t last_recorded;  /* us */
	uint64_t tail_first;    /* the position of the first event in the tail; last_position + 1 when it is empty */
	uint64_t tail_bytes;    /* packed */
	uint64_t next_dead;     /* the number of the next dead letter */
	uint32_t dict;          /* the dictionary that new segments use; 0: none yet */
};

/*
 * Begin a transaction: reads the state and the names that came since the last one. txn is owned by the caller
 * (kv_abort, kv_commit). Statuses as evs_open.
 */
int store_begin(struct evs_store *s, bool write, struct kv_txn **txn, struct store_state *state, struct evs_error *err);

/* The same for a transaction of kv_reset. */
int store_renew(struct evs_store *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err);

/*
 * Change the store in a transaction of its own, and tell who watches it: change may do so through txn and *state. Statuses
 * as store_begin and kv_commit, or what change returns, after which nothing was changed.
 */
int store_change(struct evs_store *s, int (*change)(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err),
                 void *context, struct evs_error *err);

/* Read the records that a store begins with. False when they are damaged; checked: they must have a checksum. */
bool store_read_format(struct kv_bytes record, uint64_t *seed, bool *checked);
bool store_read_state(struct kv_bytes record, bool checked, struct store_state *state);

/*
 * Whether a record of the table of names is whole: *first becomes the number of its first name, *names those as name_decode takes
 * them. What it holds is not looked at where it has no checksum.
 */
bool store_read_names(struct kv_bytes key, struct kv_bytes record, bool checked, uint64_t *first, struct kv_bytes *names);

/* The number of the first of the names with this checksum; NAME_LIMIT: there is none. */
uint64_t store_names_first(struct kv_bytes names, uint32_t check);

int store_put_state(struct kv_txn *txn, const struct store_state *state, struct evs_error *err);

/* Store the names from `first` on. */
int store_put_names(struct evs_store *s, struct kv_txn *txn, unsigned first, struct evs_error *err);

/* The dictionary of a number. Owned by the store. NULL with err: damaged, or out of memory. */
const struct zip_dict *store_dict(struct evs_store *s, struct kv_txn *txn, uint8_t id, bool for_writing, struct evs_error *err);

/* A key that sorts as its number. */
struct store_key {
	uint8_t bytes[8];
};
struct store_key store_key(uint64_t number);

#endif
