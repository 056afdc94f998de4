/*
 * What a dead letter holds of an event that a group could not handle (DEAD_EVENT, evs-store(5)); and which streams of a
 * group are parked: KV_PARKED counts their letters.
 */
#ifndef EVS_CONSUME_LETTER_H
#define EVS_CONSUME_LETTER_H

#include "base/buf.h"
#include "event/view.h"
#include "store/dead.h"

struct letter {
	struct span group;
	uint32_t number;       /* the group's: another group of the name has another */
	uint64_t stream;       /* the hash of the event's; 0: in none */
	bool parked;           /* it is to be sent again before the later ones of its stream */
	uint64_t tries;        /* that failed; 0: it came behind a parked one */
	const uint8_t *list;   /* of the tries (tries.h) */
	size_t list_size;
	struct span mended;    /* the event's text as a handler is to have it in place of the stored one; size 0: as it is */
};

/* Put it behind out, as the bytes of a dead letter. */
void letter_encode(struct buf *out, const struct letter *l);

/* *l borrows bytes. False: malformed. */
bool letter_decode(const uint8_t *bytes, size_t size, struct letter *l);

/* How many letters of a group's stream are parked. EVS_OK, EVS_IO, EVS_CORRUPT. */
int letter_parked(struct kv_txn *txn, uint32_t group, uint64_t stream, uint64_t *n, struct evs_error *err);

/* Set that. */
int letter_set_parked(struct kv_txn *txn, uint32_t group, uint64_t stream, uint64_t n, struct evs_error *err);

/* Of a group no stream is parked any more. */
int letter_clear_parked(struct kv_txn *txn, uint32_t group, struct evs_error *err);

#endif
