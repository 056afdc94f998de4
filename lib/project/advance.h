/*
 * Bringing a generation up to the newest event: events are read and applied to states in memory, and states and
 * checkpoint are committed together.
 *
 * Invariants: `position` says how far the states in memory are: every event up to it was applied, does not match, or
 * was put aside. What is not committed can be forgotten and done again.
 */
#ifndef EVS_PROJECT_ADVANCE_H
#define EVS_PROJECT_ADVANCE_H

#include "project/ahead.h"
#include "project/cache.h"
#include "project/exec.h"
#include "project/model.h"
#include "project/projection.h"

/* Where a function says it: begin again at the checkpoint. */
#define ADVANCE_AGAIN 2

/* An event that was put aside. */
struct advance_dead {
	uint64_t position;
	char *reason; /* owned */
};

struct advance {
	/* Set by the caller, and borrowed. */
	struct evs_store *store;
	const struct evs_project_options *options;
	struct projection *projection;
	struct generation *generation; /* of the projection: model, or next, which becomes model at the end */
	const struct fold *fold;       /* NULL: a command */
	struct evs_project_result *result;

	struct evs_read *read;
	struct ahead_plan plan;
	struct ahead ahead;            /* over the block that was read last */
	struct fold_run *run;
	struct cache cache;
	struct model model;
	struct changes changes;
	uint64_t position;
	/* Since the last commit. */
	uint64_t seen, applied; /* events that were read, and applied */
	size_t bytes;           /* of those */
	struct advance_dead *dead;
	size_t n_dead, dead_cap;
	uint64_t skipped;       /* events that were stepped over, as before a rebuild */
	/* Positions of which the projection has letters already, from before a rebuild. */
	uint64_t *letters;
	size_t n_letters, letters_cap;
	bool letters_known;
	/* The event on which the fold fails, and why. */
	uint64_t stuck;
	struct evs_error why;
	/* Following. */
	int64_t pause_until;    /* the next commit leaves others this time */
	int64_t idle_since;     /* the checkpoint alone moves; 0: it does not */
	uint64_t commits;
	/* A first run. */
	int64_t begun;
	bool announced;         /* its record is there, though nothing was committed yet; or it is no first run */

	/* A command: the states that are asked about, in order. */
	struct exec *exec;
	struct cached *asked[EXEC_AHEAD];
	uint64_t asked_at[EXEC_AHEAD];
	size_t oldest;
	bool alone;             /* one question at a time, to find the event that a command fails on */
};

/*
 * Go on from the checkpoint to the end; with options->follow until it is stopped or nothing more can come.
 * Statuses as evs_project_run.
 */
int advance_run(struct advance *a, struct evs_error *err);
void advance_release(struct advance *a);

/* ---- for the parts of it ---- */

/* Tell how many events were applied. */
static inline void advance_tell(const struct advance *a)
{
	if (a->options->on_progress != NULL)
		a->options->on_progress(a->options->context, a->result->events + a->applied);
}

/* Find the state of a key; hash: cache_hash of it. NULL: it failed, *status says how. */
struct cached *advance_state(struct advance *a, uint64_t hash, struct span key, struct span type, int *status,
                             struct evs_error *err);

/*
 * The fold or the command fails on the event at a position, err says why. EVS_OK: it was put aside, or stepped over; EVS_BAD_EVENT: all
 * before it is to be committed; EVS_NOMEM.
 */
int advance_fail(struct advance *a, uint64_t position, struct evs_error *err);

/* ---- advance_exec.c ---- */

/*
 * Ask the command about an event. EVS_OK; ADVANCE_AGAIN; EVS_BAD_EVENT as advance_fail; EVS_IO: the command does not
 * keep to what it is to do, and nothing since the last commit is to be trusted; or as advance_run.
 */
int advance_ask(struct advance *a, const struct ahead_event *event, struct evs_error *err);

/* Take all answers that are due; finish: and have the child end, which shows whether it answered too many. Likewise. */
int advance_drain(struct advance *a, bool finish, struct evs_error *err);

/* After ADVANCE_AGAIN: have a new child, to be asked one thing at a time. */
int advance_alone(struct advance *a, struct evs_error *err);

#endif
