/*
 * Walking through history: the events that made one state, or all states of a fold, one after the other, and the
 * states before and after each.
 *
 * Invariants: a walk is always between two events, or behind the last one it gave (walk_next); that one can be taken
 * back (walk_back) until the next is asked for. Events on which the fold fails change nothing.
 */
#ifndef EVS_REPLAY_WALK_H
#define EVS_REPLAY_WALK_H

#include <signal.h>

#include "event/view.h"
#include "fold/fold.h"
#include "replay/source.h"

/* A state as it is where the walk is. */
struct walk_state {
	struct span key;
	struct span type;      /* the stream's aggregateType; text NULL: it has none, or the state is no stream's */
	uint64_t position;     /* of the last event that counted for it; 0: there was none, or it is in no store */
	uint64_t revision;     /* of that event in its stream; 0: the state is not by stream */
	bool drafted;          /* that event is in no store */
	struct value value;    /* null where the state does not exist */
	size_t number;         /* states are numbered from 0 as they come up */
};

/* A state to begin with, as walk_save wrote it. */
struct walk_begin {
	uint64_t position, revision; /* of the last event that counted for it */
	const uint8_t *packed;       /* RENDER_PAD bytes readable behind it */
	size_t size;                 /* 0: the state does not exist */
};

struct walk_options {
	const struct evs_selector *selector; /* which events of the store count; NULL: all */
	const struct fold *fold; /* what makes states of events; NULL: */
	const char *exec;        /* a command does, by stream, */
	int64_t timeout_ms;      /* and may take so long for an answer; 0: 30 s */
	const char *key;       /* the one state to walk; NULL: all of them. By stream it is the selector's stream */
	struct source_limit limit;
	const uint64_t *without; /* positions of events that did not happen, ascending */
	size_t n_without;
	const char *with;      /* lines: events that happened as well; NULL: none */
	size_t with_size;
	const uint64_t *positions; /* with a key that is no stream: only these events can count for it, ascending; NULL: any */
	size_t n_positions;
	const struct walk_begin *begin; /* with a key: behind this state, and not behind a snapshot; NULL: not */
	bool every_event;      /* begin with the first event, also where a snapshot would be nearer */
	uint64_t snapshot_before; /* begin with a snapshot whose position is less than this; 0: with any */
	const volatile sig_atomic_t *stop; /* when it turns non-zero walk_next ends with EVS_INTERRUPTED; NULL: it never does */
};

struct walk;

/*
 * Begin before the first event, or behind those that a snapshot of the state holds.
 *
 * With a key, a fold by stream reads the events of that stream alone, and each of them counts for the state. Any
 * other state has the events for which the fold names it; and those of its stream from the first of them on. Lines
 * of `with` are checked as append does, and lacking an aggregateId take the stream that is walked; source_open says
 * where they stand. Those that are in the store, among the events that count, are left out.
 *
 *   options  borrowed until walk_close, the selector until return
 *   out      owned by the caller (walk_close)
 *
 * EVS_OK; EVS_USAGE, EVS_AMBIGUOUS (a stream without a type fits several), EVS_BAD_EVENT (in `with`: "line 3: ..."),
 * EVS_CONFLICT (in `with`: an eventId that stands for another event), EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int walk_open(struct evs_store *store, const struct walk_options *options, struct walk **out, struct evs_error *err);
void walk_close(struct walk *w); /* NULL is fine */

/*
 * Take the next event that counts for some state, and change the states.
 * EVS_OK; EVS_END; EVS_BAD_EVENT: the fold fails on it, the message names the event; a walk with a fold can go on from
 * there, the event left out; EVS_CORRUPT, EVS_IO, EVS_NOMEM, EVS_INTERRUPTED.
 */
int walk_next(struct walk *w, struct evs_error *err);

/* Take the event that walk_next gave last back: the states are as before it. Once, until the next walk_next. */
void walk_back(struct walk *w);

/* After EVS_END, with a fold: whether the store has got more events since, with which walk_next goes on. As source_more. */
int walk_more(struct walk *w, struct evs_error *err);

/* The event at hand, after walk_next; borrowed until the next call of it. A draft has no position. */
const struct record *walk_record(const struct walk *w);

/* Its envelope, likewise. */
const struct view *walk_view(const struct walk *w);

/* Write the event at hand as a JSON object, without a newline, behind out. False when damaged, or out of memory. */
bool walk_render(const struct walk *w, struct buf *out);

/* The i-th state for which the event at hand counted, there is at least one; NULL: there are no more. Owned by the walk. */
const struct walk_state *walk_touched(const struct walk *w, size_t i);

/* The state of the key that was walked; owned by the walk. */
const struct walk_state *walk_state(const struct walk *w);

/* The state of a number; NULL: there are not so many. Owned by the walk. */
const struct walk_state *walk_numbered(const struct walk *w, size_t number);

/* Put that state as walk_begin takes it behind out: nothing where it does not exist. False when memory ran out. */
bool walk_save(const struct walk *w, struct buf *out);

/*
 * All states so far, also those that do not exist any more, by key, then type. The list is the caller's (free); NULL: no
 * memory.
 */
const struct walk_state **walk_states(const struct walk *w, size_t *n, struct evs_error *err);

/* The position of the snapshot behind which it began; 0: there was none, it began with the first event. */
uint64_t walk_began(const struct walk *w);

/* What names in packed values are numbers of. */
const struct names *walk_names(const struct walk *w);

#endif
