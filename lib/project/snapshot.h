/*
 * Snapshots: states of a fold as they were after some event, kept in the store to start from (evs-store(5)). They
 * belong to the hash of the fold, so that a changed fold never finds those of the old one, and hold the state made of
 * all events of the store: whoever selects, leaves out or adds events must not start from one.
 */
#ifndef EVS_PROJECT_SNAPSHOT_H
#define EVS_PROJECT_SNAPSHOT_H

#include "base/buf.h"
#include "event/view.h"
#include "store/store.h"

/* What a snapshot says beside the state. Of a state by stream every event of the stream counts, of any other those for which the fold names it. */
struct snapshot_place {
	uint64_t position; /* of the last event that counts for the state, from 1 */
	uint64_t revision; /* of that event in its stream; 0: the state is not by stream */
	uint64_t covers;   /* the state had no event behind position up to this one, >= position */
	uint64_t events;   /* how many count for the state up to position */
	int64_t moment;    /* the greatest timestamp among those, in nanoseconds */
};

/* Which one is wanted. */
struct snapshot_query {
	uint64_t hash;         /* fold_hash */
	struct span key;       /* the aggregateId, or the key's text */
	struct span type;      /* by stream: the aggregateType; text NULL: none, or not by stream */
	/* Not later than these; UINT64_MAX and MOMENT_MAX: no bound. */
	uint64_t position, revision;
	int64_t moment;
};

/*
 * The newest snapshot that fits: its position and revision are not greater than those, and no event in it has a
 * timestamp behind the moment. So what is read on from there (after max(position, min(covers, query's position))) makes
 * of it the state that all events would have made.
 *
 *   place  out
 *   state  out: what state_encode wrote, behind its end, RENDER_PAD zeros behind that (not counted in size)
 *
 * EVS_OK; EVS_END: there is none; EVS_CORRUPT, EVS_IO, EVS_NOMEM. It takes a reading transaction of its own.
 */
int snapshot_find(struct evs_store *store, const struct snapshot_query *q, struct snapshot_place *place, struct buf *state,
                  struct evs_error *err);

/* A snapshot to put. */
struct snapshot {
	uint64_t hash;
	struct span key, type;
	struct snapshot_place place;
	const uint8_t *state; /* what state_encode wrote */
	size_t size;
};

/* ---- records of the table ---- */

#define SNAPSHOT_KEY_MAX 256 /* bytes: the hash, a state's key, a position */

/* What the keys of a state's snapshots begin with, all but the position. Returns its size. */
size_t snapshot_key(uint8_t out[SNAPSHOT_KEY_MAX], uint64_t hash, struct span key, struct span type);

/*
 * Put a record's key and value behind out; *key_size bytes of it are the key.
 *
 *   txn  any; it may be read from
 */
int snapshot_encode(struct evs_store *store, struct kv_txn *txn, struct zip *zip, const struct snapshot *s, struct buf *out,
                    size_t *key_size, struct evs_error *err);

/* A record taken apart; spans borrow from it or from scratch. */
struct snapshot_found {
	uint64_t hash;
	struct span key, type;
	struct snapshot_place place;
	struct kv_bytes zipped; /* the state */
	uint64_t state_size;
};
bool snapshot_decode(struct kv_bytes key, struct kv_bytes value, struct buf *scratch, struct snapshot_found *f);

/* The state of a record, as snapshot_find. EVS_OK, EVS_CORRUPT, EVS_NOMEM. */
int snapshot_unpack(struct evs_store *store, struct kv_txn *txn, const struct snapshot_found *f, struct buf *state,
                    struct evs_error *err);

#endif
