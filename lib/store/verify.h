/*
 * Checking a whole store: what the parts of evs_verify share.
 *
 * Invariants: the range is fixed in the first snapshot, which is also the one in which the tail, its index and the
 * small tables are looked at; segments and runs follow, a snapshot each, so that writers can go on. Damage is
 * reported and passed over; functions return what kept them from looking (EVS_NOMEM, EVS_BUSY, EVS_IO), else EVS_OK.
 */
#ifndef EVS_STORE_VERIFY_H
#define EVS_STORE_VERIFY_H

#include "base/findings.h"
#include "event/term.h"
#include "store/run.h"
#include "store/segment.h"
#include "store/store.h"
#include "store/verify_seen.h"
#include "store/verify_words.h"

enum verify_kind {
	VERIFY_FILE, VERIFY_PAGE, VERIFY_STATE, VERIFY_NAMES, VERIFY_DICTIONARY, VERIFY_DEAD_LETTER,
	VERIFY_SEGMENT, VERIFY_SEGMENT_CHECKSUM, VERIFY_SEGMENT_TIMES, VERIFY_FRAME, VERIFY_EVENT,
	VERIFY_POSITION_GAP, VERIFY_POSITION_OVERLAP, VERIFY_RECORDED_ORDER, VERIFY_REVISION_GAP, VERIFY_DUPLICATE_ID,
	VERIFY_RUN, VERIFY_RUN_CHECKSUM, VERIFY_RUN_GAP, VERIFY_RUN_OVERLAP,
	VERIFY_INDEX_MISSING, VERIFY_INDEX_STRAY, VERIFY_INDEX_STREAM, VERIFY_INDEX_ORDER, VERIFY_INDEX_FILTER,
	VERIFY_KINDS
};

/* What is kept of an event for the checks that look at several. */
struct verify_event {
	uint64_t position, revision;
	int64_t recorded_us, moment;
	uint64_t id, stream; /* TERM_EVENT; 0: in no stream */
	uint8_t id_bytes[16]; /* a hash of the eventId itself */
};

/* The stretch of positions whose index entries are being gathered: a run, as far as it is known. */
struct verify_stretch {
	bool open, indexed; /* not indexed: no run could be found for it */
	uint64_t first, last;
	uint64_t number : 24; /* of stretches: the mark of the streams in it */
	uint64_t streams;    /* that have events in it */
	struct verify_words ids, terms; /* kept bits of a hash, and the position relative to first */
	uint8_t *readable;   /* a bit per relative position */
	struct verify_words missing; /* streams that the run lacks */
};

struct verify {
	struct evs_store *store;
	struct evs_verify_result *result;
	struct evs_error *err;         /* never NULL */
	struct findings findings;
	uint64_t counts[VERIFY_KINDS];

	struct kv_txn *txn;
	struct store_state state; /* of the snapshot at hand */
	struct store_state begun; /* of the first one */
	uint64_t end;             /* positions before it are looked for in segments */

	/* Looking at events. */
	struct zip *zip;
	struct segment_events events;
	struct verify_words terms; /* of the event that was looked at */
	struct buf text, json;
	bool no_memory;

	/* From event to event. */
	int64_t last_recorded;
	uint64_t lost, tail_lost; /* events that could not be read, less the gaps of streams they account for */
	struct verify_seen streams;
	struct verify_words ids;
	unsigned parts, part;     /* ids are looked at in so many parts */
	struct verify_event *tail;
	size_t n_tail, tail_cap;

	struct verify_stretch stretch;
};

/* ---- verify.c ---- */

void verify_report(struct verify *v, enum verify_kind kind, uint64_t position, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Report that a table cannot be read. Returns EVS_OK, or the status where it is not the file that is to blame. */
int verify_unreadable(struct verify *v, int status, const char *what);

/* A new snapshot. */
int verify_renew(struct verify *v);

/* ---- verify_events.c: each for itself, and in order ---- */

/* Check one event; its terms are then in v->terms. EVS_OK, EVS_CORRUPT (it was reported), EVS_NOMEM. */
int verify_events_look(struct verify *v, const struct record *r, struct verify_event *e);

/* Check an event against those before it. EVS_OK, EVS_NOMEM. */
int verify_events_next(struct verify *v, const struct verify_event *e);

/* ---- verify_ids.c: no two events have the same eventId ---- */

/* Note one (false: out of memory); when all are noted, look for doubles. */
bool verify_ids_add(struct verify *v, const struct verify_event *e);
int verify_ids(struct verify *v);

/* A hash of an eventId that tells apart what TERM_EVENT may not. */
void verify_ids_hash(const struct text *id, uint8_t out[16]);

/* ---- verify_tail.c: the newest events and their index, in one snapshot ---- */

int verify_tail(struct verify *v);

/* ---- verify_segments.c ---- */

int verify_segments(struct verify *v);

/* Call each for all sealed events first..last that can be read; first begins a segment. each returns EVS_OK to go on. */
int verify_segments_walk(struct verify *v, uint64_t first, uint64_t last,
                         int (*each)(struct verify *v, void *context, const struct record *r), void *context);

/* ---- verify_runs.c: the index of sealed events ---- */

/* That runs have all sealed positions, each once. */
int verify_runs(struct verify *v);

/* Begin a stretch at a position. */
int verify_runs_begin(struct verify *v, uint64_t first);

/* Note an event of it, its terms in v->terms. */
int verify_runs_add(struct verify *v, const struct verify_event *e);

/* Compare the stretch with its run and close it; or make it longer, when the run was merged with others meanwhile. */
int verify_runs_end(struct verify *v);

/* One part of a run; d is to be freed after EVS_OK. EVS_END: it is damaged, which was reported. EVS_NOMEM. */
enum verify_part { VERIFY_PART_EVENTS, VERIFY_PART_TERMS, VERIFY_PART_STREAMS };
int verify_runs_dump(struct verify *v, const struct run *r, enum verify_part part, struct run_dump *d);

/* ---- verify_streams.c ---- */

/* Compare the streams of a run with those of the stretch. Those it lacks are noted ... */
int verify_streams(struct verify *v, const struct run *r);

/* ... and told of here, in snapshots of their own. */
int verify_streams_missing(struct verify *v);

#endif
