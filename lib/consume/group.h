/*
 * Groups as the store has them: how far each is, and what it has done (evs-store(5)).
 *
 * A group's events are dealt into GROUP_SLOTS slots, those of one stream into one; a slot has a position of its own, so
 * that members which work on different slots need not wait for each other.
 *
 * Invariants: every event of slot i up to positions[i] was handled, does not match, or lies in KV_WAIT or among the dead
 * letters.
 */
#ifndef EVS_CONSUME_GROUP_H
#define EVS_CONSUME_GROUP_H

#include "base/buf.h"
#include "event/render.h"
#include "evs.h"
#include "store/store.h"

#define GROUP_SLOTS 1024
#define GROUP_NAME_MAX 200

struct group {
	uint32_t number;              /* it is not given to another group */
	uint64_t positions[GROUP_SLOTS];
	uint64_t waiting;             /* records in KV_WAIT */
	uint64_t parked;              /* dead letters in parked streams */
	uint64_t handled, retried, dead, emitted; /* events since it was made; retried: tries that failed and were not the last */
	int64_t made_us, moved_us;    /* when it was made, and last committed */
	uint64_t buckets[EVS_DURATIONS + 1]; /* how long handlers took: at most evs_durations_us[i], the last: longer */
	int64_t took_us;              /* all of them together */
	uint64_t stuck;               /* the event that stopped it; 0: none */
	char *reason;                 /* why; NULL: none. Owned */
	char *setup;                  /* how it was last run, a JSON object. Owned */
	char *selectors;              /* likewise which events it takes (select_text). Owned */
};

/* Whether a text can be a group's name; err says why not. */
int group_check_name(const char *name, struct evs_error *err);

/* Read a group. EVS_OK: owned by the caller (group_release); EVS_END: there is none; EVS_CORRUPT, EVS_NOMEM, EVS_IO. */
int group_get(struct kv_txn *txn, const char *name, struct group *out, struct evs_error *err);
int group_decode(const uint8_t *bytes, size_t size, struct group *out);
void group_release(struct group *g);

/* Write it; of a new one (number 0) the number is set. */
int group_put(struct kv_txn *txn, const char *name, struct group *g, struct evs_error *err);

/* The position up to which all is done but for what waits or is dead: the least of the slots'. */
uint64_t group_mark(const struct group *g);

/* The hash of an event's stream, 0 where it is in none. False: the event is damaged. */
bool group_stream(const struct evs_store *store, const struct record *r, uint64_t *stream);

/* Count a run of a handler. */
void group_count_time(struct group *g, int64_t took_us);

/* The slot of an event: of its stream's hash, or where it is in none (0) of its position. */
unsigned group_slot(uint64_t stream, uint64_t position);

#endif
