/* Dead letters: what could not be appended, folded or handled, with the reason (evs-store(5)). */
#ifndef EVS_STORE_DEAD_H
#define EVS_STORE_DEAD_H

#include "store/store.h"

enum dead_kind {
	DEAD_LINE = 1, /* a line that append refused */
	DEAD_FOLD = 2, /* an event on which a projection's fold failed */
	DEAD_EVENT = 3, /* an event that a group could not handle */
};

struct dead {
	enum dead_kind kind;
	int64_t recorded_us;
	uint64_t line; /* its number in the input; of the others the position of the event */
	const char *reason;
	size_t reason_size;
	const char *setup;    /* of DEAD_LINE: how append was to read it (setup.h); size 0: as events */
	size_t setup_size;
	const uint8_t *bytes; /* the line; of DEAD_FOLD the name of the projection; of DEAD_EVENT as consume/letter.h */
	size_t size;
};

/* Put a dead letter; its number is state->next_dead, which moves on. */
int dead_put(struct kv_txn *txn, struct store_state *state, const struct dead *d, struct evs_error *err);

/* Replace the dead letter of a number, which is there. */
int dead_replace(struct kv_txn *txn, uint64_t number, const struct dead *d, struct evs_error *err);

/* Read what a KV_DEAD record holds; *d borrows it. False: it is malformed. */
bool dead_decode(struct kv_bytes value, struct dead *d);

#endif
