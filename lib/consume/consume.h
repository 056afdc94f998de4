/*
 * A member of a group at work.
 *
 * It scans the events behind the group's position and takes those of slots that it holds, taking slots as it meets their
 * events; what becomes of them is committed together with the slots' positions, after which slots are let go where there
 * are other members. Alone it holds all slots, and scans once; beside others it begins its scan again and again, for what
 * they had in hand and have let go.
 *
 * Invariants: of a slot that is held, every event up to `taken` is in its line of items, waits, or is done with. An item
 * is committed when all before it in its slot are; so a position says all, and what is emitted is emitted once.
 */
#ifndef EVS_CONSUME_CONSUME_H
#define EVS_CONSUME_CONSUME_H

#include "base/watch.h"
#include "consume/group.h"
#include "consume/items.h"
#include "consume/member.h"
#include "consume/wait.h"
#include "consume/waits.h"
#include "event/parse.h"
#include "store/fetch.h"

struct slot {
	uint64_t taken;   /* of one that is held */
	uint64_t skipped; /* the last event that the scan passed over because the slot is another's or stalled; 0: none */
	uint32_t hands;   /* items of it that waited, and are not committed */
	bool held;
	bool covered;     /* held, and the scan has not passed over any event of it behind `taken` */
	bool busy;        /* another's, when the scan last looked */
	bool stalled;     /* too much of it waits: no more is taken */
};

/* A stream of which n items are to be parked. */
struct parking {
	uint64_t stream;
	size_t n;
};

struct evs_consume {
	struct evs_store *store;
	struct evs_consume_options options;
	struct evs_selector selector; /* with the end of what was there in the beginning, unless it follows */
	uint64_t left;                /* of the selector's limit: events that may still be taken */
	struct buf selectors;         /* as text, ended by 0 */
	struct member member;
	uint32_t number;              /* of the group */
	uint64_t stuck_before;        /* where it was stopped when this member came */
	struct slot slots[GROUP_SLOTS];
	bool lone;                    /* all slots are held */
	unsigned n_held;
	/* The group as it was looked at last. */
	struct kv_txn *txn;           /* reading; without a snapshot between calls */
	bool txn_active;
	uint64_t positions[GROUP_SLOTS];
	uint64_t parked, waiting;
	struct waits waits;
	struct parking *parking;      /* streams that are parked with the next commit */
	size_t n_parking, parking_cap;
	/* The scan. */
	struct evs_read *read;
	const struct record *records;
	size_t n_records, at_record;
	uint64_t scan_from, position; /* it began behind this, and has looked up to here */
	int64_t scan_ns;              /* when it began */
	bool at_end;                  /* of what there was */
	bool passed;                  /* it passed over slots */
	bool rewind;                  /* it is to begin again as soon as can be */
	struct fetch fetch;
	struct buf event;             /* one that was fetched */
	/* Items and their commit. */
	struct items items;
	int64_t done_ns;              /* when the oldest that is not committed was done; 0: there is none */
	int64_t looked_ns;            /* when others were last looked for */
	int64_t idle_ns;              /* since when there was nothing to do; 0: there is */
	int64_t kept_up_ns;           /* when a busy member last moved positions on */
	uint64_t stored_position;     /* group_mark of what the store has */
	struct evs_consume_result result;
	uint64_t stuck;               /* an event on which the group stops now; 0: none */
	struct evs_error stuck_why;
	uint64_t seed;                /* of chance */
	struct parser *parser;        /* for what is emitted */
	struct watch *watch;
};

/* ---- scan.c ---- */

/* Look at the group and at what waits. EVS_OK; EVS_END: it was removed; EVS_BAD_EVENT: it is stopped; EVS_IO, ... */
int scan_look(struct evs_consume *c, struct evs_error *err);

/* Take all slots if nobody else holds one. */
int scan_take_all(struct evs_consume *c, struct evs_error *err);

/* Begin again behind the first event that may be had. */
int scan_begin(struct evs_consume *c, struct evs_error *err);

/* Take the next event in hand. EVS_OK with *item and *record, which is borrowed until the next call; EVS_END; or a failure. */
int scan_next(struct evs_consume *c, struct item **item, struct record *record, struct evs_error *err);

/* Likewise one that waits and is due. */
int scan_due(struct evs_consume *c, struct item **item, struct record *record, struct evs_error *err);

/* Read an event; *record is borrowed until the next call. */
int scan_fetch(struct evs_consume *c, uint64_t position, struct record *record, struct evs_error *err);

/* Whether a stream is parked, or will be with the next commit. EVS_OK, or as scan_look. */
int scan_is_parked(struct evs_consume *c, uint64_t stream, bool *parked, struct evs_error *err);

/* Have `taken` of slots that are held say how far the scan is. */
void scan_mark(struct evs_consume *c);

/* Take those slots that nobody has and of which the scan met no event. */
int scan_take_rest(struct evs_consume *c, struct evs_error *err);

/* ---- settle.c ---- */

/* Commit all outcomes that can be. */
int settle_commit(struct evs_consume *c, struct evs_error *err);

/* In one transaction or not at all: EVS_CONFLICT, EVS_BAD_EVENT where what they emit cannot be appended. */
int settle_together(struct evs_consume *c, struct evs_error *err);

/* Let go of slots of which nothing is in hand, after a commit. */
void settle_release(struct evs_consume *c);

/* Commit that nothing is left up to where the scan is. */
int settle_advance(struct evs_consume *c, struct evs_error *err);

/* ---- fail.c ---- */

/* An event of a stream that waits joins those that do; of a parked stream it joins the dead letters. */
int fail_behind(struct evs_consume *c, struct item *item, struct evs_error *err);
int fail_parked(struct evs_consume *c, struct item *item, struct evs_error *err);

/* What an event emits cannot be appended, which the commit found: it is given up, without a further try. */
int fail_late(struct evs_consume *c, struct item *item, struct evs_error *err);

#endif
