/* Read single events by position, within a transaction. Neighbours are quick: the last segment is kept. */
#ifndef EVS_STORE_FETCH_H
#define EVS_STORE_FETCH_H

#include "store/segment.h"
#include "store/store.h"

/* A segment's bytes, as far as they were read of the file: no page of a large store becomes part of the process's memory. */
struct segment_bytes {
	struct buf copy;
	const struct kv_txn *txn;
	const uint8_t *value; /* in the file */
	struct evs_error *err;
};

struct fetch {
	struct evs_store *store;
	struct zip *zip;
	struct segment_bytes bytes;
	struct segment_events events;
	uint64_t first, count; /* the segment in events; count = 0: none */
	uint64_t asked;        /* the segment that was asked for last */
	uint64_t broken;       /* one that cannot be unpacked as a whole */
	struct buf tail;       /* a record of the tail */
};

/* Zeroed memory with store set is ready. */
void fetch_release(struct fetch *f);

struct fetch *fetch_new(struct evs_store *store);
void fetch_free(struct fetch *f); /* NULL is fine */

/* Forget what is kept: after a transaction was aborted. */
void fetch_forget(struct fetch *f);

/* The event at a position. r is valid until the next call. EVS_OK, EVS_END (no such position), EVS_CORRUPT, EVS_NOMEM, EVS_IO. */
int fetch_record(struct fetch *f, struct kv_txn *txn, uint64_t position, struct record *r, struct evs_error *err);

/*
 * The directory of the segment that holds a position; segment_read fetches the rest as long as the transaction lasts, and says
 * in err why it cannot. Zeroed bytes are ready, and freed with buf_free of the copy. EVS_OK, EVS_END, EVS_CORRUPT, EVS_NOMEM,
 * EVS_IO.
 */
int fetch_segment(struct segment_bytes *bytes, struct kv_txn *txn, uint64_t position, struct segment *segment,
                  struct evs_error *err);

/* ---- records of the tail ---- */

/* Write a record's value: checksum, revision, recordedAt, packed event. */
void fetch_encode_tail(struct buf *out, const struct record *r);

/* Look at a value; r borrows it. False when it is damaged. */
bool fetch_decode_tail(struct kv_bytes value, uint64_t position, struct record *r);

#endif
