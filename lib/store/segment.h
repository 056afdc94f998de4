/*
 * Segments: some thousand events in one value, clustered by stream and compressed in frames (evs-store(5)).
 * Invariants: events of a segment have consecutive positions; inside, records are ordered by stream and then by
 * position, and each carries its index, so that position order can be restored. Frames hold whole records; the
 * UUIDs of a frame's events, which do not compress, stand in front of it as they are.
 */
#ifndef EVS_STORE_SEGMENT_H
#define EVS_STORE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/zip.h"
#include "event/render.h"

#define SEGMENT_EVENTS_MAX 16384
#define SEGMENT_BYTES (1u << 20) /* packed; a segment is closed when it has so many */

/* An event on its way into a segment. */
struct segment_item {
	struct record record;
	uint64_t stream; /* term_stream; 0: none */
	int64_t moment;  /* timestamp, ns */
	const uint32_t *uuids; /* where its UUIDs are: packed_uuids */
	uint32_t n_uuids;
};

/*
 * Build the segment of n >= 1 items (consecutive positions, SEGMENT_EVENTS_MAX at most), behind out.
 * dict_id names dict in the store. False when memory ran out.
 */
bool segment_build(struct zip *zip, const struct zip_dict *dict, uint8_t dict_id, const struct segment_item *items,
                   size_t n, struct buf *out);

/* A segment's directory, looked at. Borrows the bytes. */
struct segment {
	const uint8_t *bytes;
	size_t size;
	uint64_t first; /* position */
	uint32_t count;
	uint32_t n_frames;
	uint8_t dict_id;
	int64_t min_moment, max_moment;     /* ns */
	int64_t min_recorded, max_recorded; /* us */
	const uint8_t *frames;   /* per frame: end in the body, size unpacked, UUIDs; 4 bytes each */
	const uint8_t *frame_of; /* per index: its frame, 2 bytes */
	const uint8_t *body;
	size_t body_size;
	/*
	 * Where bytes has room for all and holds no more than the directory: has what lies from..to there as well. EVS_OK, or what
	 * segment_read then returns. NULL: all is there.
	 */
	int (*fill)(void *source, size_t from, size_t to);
	void *source;
};

/* Look at a segment's directory: at its first 64 bytes, which say where the rest is. False when it is damaged. */
bool segment_open(struct segment *s, const uint8_t *bytes, size_t size);

/* Whether the directory's checksum is right: segment_open does not ask, it costs a pass over the directory. */
bool segment_checksum_ok(const struct segment *s);

/* Events read out of segments. */
struct segment_events {
	struct record *records; /* by position */
	size_t n, cap;
	struct buf bytes;      /* what the records lie in */
	struct buf raw;        /* scratch: a frame */
	const uint32_t *wanted; /* while they are unpacked: the indexes, ascending; NULL: all are wanted */
	uint8_t *marks;        /* likewise: of these by index, then of their frames */
};

void segment_events_free(struct segment_events *e);

/*
 * Unpack events into e, replacing what it held.
 *
 *   wanted  n_wanted indexes, ascending; NULL: all of them
 *   bad     out, may be NULL: the first frame that is damaged
 *
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO where fill said so.
 */
int segment_read(const struct segment *s, struct zip *zip, const struct zip_dict *dict, const uint32_t *wanted,
                 size_t n_wanted, struct segment_events *e, uint32_t *bad);

/*
 * Make good the table of events of a segment whose directory has a wrong checksum, from its frames: each record says which event it is.
 * bytes are the caller's to change. False: other things are wrong too, or memory ran out.
 */
bool segment_mend(uint8_t *bytes, size_t size, struct zip *zip, const struct zip_dict *dict, struct segment_events *e);

/* How many bytes a segment has that lies at the beginning of so many; 0: none does. */
size_t segment_size(const uint8_t *bytes, size_t size);

#endif
