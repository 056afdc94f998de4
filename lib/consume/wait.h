/*
 * Events of groups that wait in KV_WAIT: for their next try, or behind an event of their stream that does
 * (evs-store(5)). They lie behind their slot's position.
 */
#ifndef EVS_CONSUME_WAIT_H
#define EVS_CONSUME_WAIT_H

#include "base/buf.h"
#include "evs.h"
#include "store/store.h"

struct wait {
	unsigned slot;
	uint64_t position;
	uint64_t stream;        /* its hash; 0: in none */
	uint64_t tries;         /* that failed; 0: it waits behind another */
	int64_t due_us;         /* when the next one is due */
	const uint8_t *list;    /* of the tries (tries.h); borrowed */
	size_t list_size;
};

int wait_put(struct kv_txn *txn, uint32_t group, const struct wait *w, struct evs_error *err);

/* EVS_OK; EVS_END: it is not there; EVS_CORRUPT, EVS_IO. out->list is borrowed as what kv_get returns. */
int wait_get(struct kv_txn *txn, uint32_t group, unsigned slot, uint64_t position, struct wait *out, struct evs_error *err);

/* Read a record of KV_WAIT; *out borrows it. EVS_OK, EVS_CORRUPT. */
int wait_decode(struct kv_bytes key, struct kv_bytes value, uint32_t *group, struct wait *out, struct evs_error *err);

/* EVS_OK also where it is not there. */
int wait_delete(struct kv_txn *txn, uint32_t group, unsigned slot, uint64_t position, struct evs_error *err);

/* Call each for all of a group, by slot and position, until it returns something else than EVS_OK, which is returned. */
int wait_each(struct kv_txn *txn, uint32_t group, int (*each)(void *context, const struct wait *w), void *context,
              struct evs_error *err);

/* Remove all of a group. */
int wait_clear(struct kv_txn *txn, uint32_t group, struct evs_error *err);

#endif
