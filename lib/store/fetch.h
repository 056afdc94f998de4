/* Read single events by position, within a transaction. Neighbours are quick: the last segment is kept. */
#ifndef EVS_STORE_FETCH_H
#define EVS_STORE_FETCH_H

#include "store/segment.h"
#include "store/store.h"

struct fetch {
	struct evs_store *store;
	struct zip *zip;
	struct segment_events events;
	uint64_t first, count; /* the segment in events; count = 0: none */
	uint64_t asked;        /* the segment that was asked for last */
	struct buf tail;       /* a record of the tail */
};

/* Zeroed memory with store set is ready. */
void fetch_release(struct fetch *f);

/* Forget what is kept: after a transaction was aborted. */
void fetch_forget(struct fetch *f);

/* The event at a position. r is valid until the next call. EVS_OK, EVS_END (no such position), EVS_CORRUPT, EVS_NOMEM, EVS_IO. */
int fetch_record(struct fetch *f, struct kv_txn *txn, uint64_t position, struct record *r, struct evs_error *err);

/* The segment that holds a position, in *bytes. EVS_OK, EVS_END, EVS_CORRUPT, EVS_IO. */
int fetch_segment(struct kv_txn *txn, uint64_t position, struct segment *segment, struct kv_bytes *bytes, struct evs_error *err);

/* ---- records of the tail ---- */

/* Write a record's value: checksum, revision, recordedAt, packed event. */
void fetch_encode_tail(struct buf *out, const struct record *r);

/* Look at a value; r borrows it. False when it is damaged. */
bool fetch_decode_tail(struct kv_bytes value, uint64_t position, struct record *r);

#endif
