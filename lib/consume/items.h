/*
 * What a member has in hand, and what it keeps until that is committed: items in the lines of their slots, in order of
 * position; and the lanes of streams, in which an item waits until the one before it is done with.
 */
#ifndef EVS_CONSUME_ITEMS_H
#define EVS_CONSUME_ITEMS_H

#include "consume/group.h"
#include "event/render.h"

#define ITEM_NONE UINT32_MAX

enum item_state {
	ITEM_FREE,
	ITEM_KEPT,    /* waits in its lane, or is ready to be taken in hand */
	ITEM_IN_HAND,
	ITEM_DONE,    /* its outcome is known, and not committed */
};

enum item_outcome {
	OUTCOME_HANDLED,
	OUTCOME_RETRY,  /* goes to KV_WAIT until its next try */
	OUTCOME_BEHIND, /* goes to KV_WAIT because one of its stream waits */
	OUTCOME_DEAD,   /* to the dead letters */
	OUTCOME_PARKED, /* likewise, and its stream waits for it */
};

struct item {
	uint64_t position, stream; /* the stream's hash; 0: in none */
	uint64_t attempt;          /* from 1 */
	uint64_t number;           /* how many items there were before: with its place it is the ticket */
	int64_t took_us, due_us;
	uint32_t next;             /* in its slot's line, or among the free */
	uint32_t follower;         /* in its lane, or among the ready */
	uint16_t slot;
	uint8_t state, outcome;
	bool own;                  /* as in struct waiting (waits.h) */
	bool waited;               /* it comes from KV_WAIT and is in no slot's line */
	bool stale;                /* the store has it done with: another member's last commit was not seen when it was taken */
	uint8_t *copy;             /* the packed event of one that is kept, or NULL; owned */
	uint32_t copy_size;
	uint64_t revision;         /* of that */
	int64_t recorded_us;
	char *cause;               /* eventId and correlationId, one behind the other, where events are emitted; owned */
	size_t cause_size, correlation_size;
	char *text;                /* the emitted lines, or the reason of a failure; owned */
	size_t text_size;
	uint8_t *tried;            /* the record of the try that failed (tries.h), or NULL; owned */
	size_t tried_size;
};

/* Items in a row. */
struct line {
	uint32_t first, last;
};

struct lane {
	uint64_t stream; /* 0: free */
	uint32_t in_hand;
	uint32_t next;   /* of the same bucket, or free */
	struct line waiting;
};

#define LANE_BUCKETS 4096

struct items {
	struct item *list;
	size_t n, cap;
	uint32_t free;
	uint64_t made;
	size_t in_hand, kept, done;
	struct line slots[GROUP_SLOTS];
	struct line ready; /* kept ones that may be taken in hand */
	struct lane *lanes;
	size_t n_lanes, lanes_cap;
	uint32_t free_lane;
	uint32_t buckets[LANE_BUCKETS];
};

void items_init(struct items *s);
void items_release(struct items *s);

/* A new item, in hand, behind its slot's line unless it is `waited`. NULL: memory ran out. It may move others in memory. */
struct item *items_add(struct items *s, uint64_t position, uint64_t stream, uint16_t slot, bool waited);

/* The item of a ticket that is in hand; NULL: there is none. */
struct item *items_of(struct items *s, uint64_t ticket);

/* The item of a ticket, which is there, in whatever state. */
struct item *items_at(struct items *s, uint64_t ticket);
uint64_t items_ticket(const struct items *s, const struct item *item);

/* Have another state. */
void items_set(struct items *s, struct item *item, enum item_state state);

/* Keep a copy of the event. False: memory ran out. */
bool items_copy(struct item *item, const struct record *r);

/* Forget one; it is the first of its slot's line, or waited. */
void items_drop(struct items *s, struct item *item);

/* Put behind a line by `follower`, and take the first from it; ITEM_NONE: there is none. */
void line_put(struct items *s, struct line *l, uint32_t item);
uint32_t line_take(struct items *s, struct line *l);

/* The lane of a stream; NULL: nothing of it is in hand or waits. */
struct lane *lane_find(struct items *s, uint64_t stream);

/* Likewise, made where it is not there. NULL: memory ran out. */
struct lane *lane_get(struct items *s, uint64_t stream);

/* One of the stream is no longer in hand: the next becomes ready, or the lane goes. stream 0: nothing. */
void lane_leave(struct items *s, uint64_t stream);

#endif
