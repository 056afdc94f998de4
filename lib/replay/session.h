/*
 * A session of debugging history: a place between the events of a store, or of one key; ways to go on and back from it,
 * places to stop at, and what the states are there. evs-replay(1) calls it from `evs replay -i`.
 *
 * Invariants: a session is at an event, or before the first one. What fails leaves it where it is, but for a run that
 * was interrupted: it is then as far as it has come. The store is read, never written.
 */
#ifndef EVS_REPLAY_SESSION_H
#define EVS_REPLAY_SESSION_H

#include "evs.h"
#include "replay/keep.h"
#include "replay/patch.h"
#include "replay/stop.h"

struct session;

/*
 * Begin before the first event.
 *
 *   options  fold or exec, or neither: then there are no states; selector, key, timeout_ms, stop; borrowed until
 *            session_close. A limit, a last, and times before now count from now on as they do now
 *
 * EVS_OK; EVS_USAGE (a mistake in the fold, a selector or a combination makes no sense), EVS_AMBIGUOUS, EVS_IO, EVS_NOMEM,
 * EVS_CORRUPT, EVS_INTERRUPTED.
 */
int session_open(struct evs_store *store, const struct evs_replay_options *options, struct session **out, struct evs_error *err);
void session_close(struct session *s); /* NULL is fine */

/* ---- where it is ---- */

/* The event it is at, owned by the session until it moves; NULL: it is before the first. */
const struct record *session_record(const struct session *s);

/* The position of that event, 0: it is before the first. */
uint64_t session_position(const struct session *s);

/* The newest position that it knows of; and look whether there is more: *came is how many. */
uint64_t session_last(const struct session *s);
int session_refresh(struct session *s, uint64_t *came, struct evs_error *err);

bool session_has_states(const struct session *s);
const struct fold *session_fold(const struct session *s); /* NULL: a command, or no states */
const char *session_key(const struct session *s);         /* NULL: it is about all keys */
const struct names *session_names(const struct session *s);

/* Which events are gone through, but for those of a key that is no stream. Owned by the session. */
const struct evs_selector *session_selector(const struct session *s);

/* Be about one key from now on, or about all: NULL. It stays where it is, or goes to the last event of the key before that. */
int session_set_key(struct session *s, const char *key, struct evs_error *err);

/* ---- going ---- */

/*
 * n events on, or back; stops do not count. *moved: how many it were; it stays at the last event there is.
 * EVS_OK, also with less than n; EVS_IO, EVS_NOMEM, EVS_CORRUPT, EVS_INTERRUPTED.
 */
int session_step(struct session *s, bool forward, uint64_t n, uint64_t *moved, struct evs_error *err);

/* To the last event at or before a position. As session_step. */
int session_goto(struct session *s, uint64_t position, struct evs_error *err);

/* The position of the last event whose own timestamp is not after a TIME, 0: there is none. As session_step; EVS_USAGE: no time. */
int session_moment(struct session *s, const char *time, uint64_t *position, struct evs_error *err);

/*
 * To the next event at which one of the stops stops, or to the one before.
 *
 *   bound  it goes no further than to this position
 *
 * EVS_OK; EVS_END: none did, and it is at the last event up to the bound; EVS_INTERRUPTED: it is as far as it came;
 * EVS_BAD_EVENT: the command fails on an event; EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int session_run(struct session *s, bool forward, uint64_t bound, struct evs_error *err);

/* To the first event behind a position at which `stop` stops. EVS_OK; EVS_END: there is none, and it stays; or as session_run. */
int session_find(struct session *s, const struct stop *stop, uint64_t after, struct evs_error *err);

/* ---- stops ---- */

/* Add one, which is taken over, and number it. EVS_OK; EVS_USAGE: there are STOPS_MAX already. */
int session_add_stop(struct session *s, struct stop *stop, struct evs_error *err);

/* Take one away, 0: all. False: there is no such. */
bool session_delete_stop(struct session *s, unsigned id);

/* The i-th, NULL: there are not so many. */
struct stop *session_stop(struct session *s, size_t i);

/* ---- what there is to see ---- */

/* A state of the event at hand, before and after it. */
struct session_state {
	struct span key, type; /* as struct walk_state */
	struct kept before, after;
};

/*
 * The states for which the event at hand counts, at most `most`, or that of the session's key. *more: how many there are
 * beyond. Owned by the session until it is called again.
 *
 * EVS_OK, or as keep_find.
 */
int session_states(struct session *s, size_t most, const struct session_state **list, size_t *n, size_t *more, struct evs_error *err);

/* The state of one key by the events up to a position; out as keep_find. */
int session_state_at(struct session *s, struct span key, struct span type, uint64_t position, struct kept *out, struct evs_error *err);

/* The same had some events not happened: positions, at least one, ascending. */
int session_without(struct session *s, struct span key, struct span type, const struct positions *without, struct kept *out,
                    struct evs_error *err);

/* Whether a stop stops at the event at hand: *why is put why, behind what it holds. Statuses as session_states. */
int session_stops(struct session *s, const struct stop *stop, bool *stops, struct buf *why, struct evs_error *err);

/* The last event up to here that changed what is at a path in the state of a key. */
struct session_blame {
	uint64_t position;
	struct buf before, after; /* as text */
};

/* EVS_OK: out is the caller's (session_blame_release); EVS_END: none did; EVS_USAGE: no path; or as keep_find. */
int session_blame(struct session *s, struct span key, struct span type, const char *path, struct session_blame *out, struct evs_error *err);
void session_blame_release(struct session_blame *b);

/* The positions of the last n events up to here that count for a state, ascending, behind those in out. */
int session_history(struct session *s, struct span key, struct span type, uint64_t n, struct positions *out, struct evs_error *err);

/*
 * Call each for the events from position `from` to `to`, or backwards; it returns EVS_OK to go on, EVS_END to end, anything
 * else is returned. EVS_OK, or as evs_read_next.
 */
int session_each(struct session *s, uint64_t from, uint64_t to, bool forward,
                 int (*each)(void *context, const struct record *record, struct evs_error *err), void *context, struct evs_error *err);

/* An event of the store by its position; borrowed until the next call. EVS_OK; EVS_END: there is none; as evs_read_next. */
int session_event(struct session *s, uint64_t position, struct record *record, struct evs_error *err);

#endif
