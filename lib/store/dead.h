/* Dead letters: what could not be appended, or folded, with the reason (evs-store(5)). */
#ifndef EVS_STORE_DEAD_H
#define EVS_STORE_DEAD_H

#include "store/store.h"

enum dead_kind {
	DEAD_LINE = 1, /* a line that append refused */
	DEAD_FOLD = 2, /* an event on which a projection's fold failed */
};

struct dead {
	enum dead_kind kind;
	int64_t recorded_us;
	uint64_t line; /* its number in the input; of DEAD_FOLD the position of the event */
	const char *reason;
	size_t reason_size;
	const uint8_t *bytes; /* the line; of DEAD_FOLD the name of the projection */
	size_t size;
};

/* Put a dead letter; its number is state->next_dead, which moves on. */
int dead_put(struct kv_txn *txn, struct store_state *state, const struct dead *d, struct evs_error *err);

#endif
