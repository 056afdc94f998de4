/*
 * Commands as folds: a long-lived child, run by sh -c, that reads lines {"state":...,"event":...} and answers each with
 * one line, the new state; null is no state.
 *
 * Invariants: answers come in the order of the questions. As many as EXEC_AHEAD questions are under way at once, so
 * that neither side waits for the other; questions whose states depend on each other must not be. The child has a
 * process group of its own and inherits standard error alone.
 */
#ifndef EVS_PROJECT_EXEC_H
#define EVS_PROJECT_EXEC_H

#include <signal.h>

#include "event/render.h"
#include "evs.h"

#define EXEC_AHEAD 256         /* questions under way */
#define EXEC_TIMEOUT_MS 30000  /* that an answer may take, where nothing else is said */
#define EXEC_ANSWER_MAX EVS_LINE_MAX /* bytes of one */

struct exec;

struct exec_options {
	const char *command;
	int64_t timeout_ms;                /* that an answer may take; 0: EXEC_TIMEOUT_MS */
	const volatile sig_atomic_t *stop; /* when it turns non-zero waiting ends within 2 s with EVS_INTERRUPTED; NULL: never */
};

/*
 * Begin; the child is started with the first question. SIGPIPE must be ignored.
 *
 *   options  copied, but for stop
 *   names    of events and states, borrowed until exec_free
 *   out      owned by the caller (exec_free)
 *
 * EVS_OK, EVS_NOMEM.
 */
int exec_new(const struct exec_options *options, const struct names *names, struct exec **out, struct evs_error *err);

/* Let go; a child that is still there is killed with its process group. NULL is fine. */
void exec_free(struct exec *x);

/*
 * Ask for the state after an event. It does not wait for an answer.
 *
 *   event        borrowed until return, as is state; position 0: it is in no store, and asked about without what a
 *                store adds
 *   state, size  one packed value, RENDER_PAD bytes readable behind it; NULL: there is no state, which is null
 *
 * EVS_OK; EVS_END, with nothing asked: EXEC_AHEAD questions are under way, take an answer first; EVS_CORRUPT (the
 * event or the state), EVS_IO (no child can be started), EVS_NOMEM; as exec_finish where that was due. That the child
 * fails on an event is what exec_take says.
 */
int exec_ask(struct exec *x, const struct record *event, const uint8_t *state, size_t size, struct evs_error *err);

/* A state that was answered: packed, with string keys, RENDER_PAD zeros behind it. Borrowed until the next exec_take. */
struct exec_answer {
	const uint8_t *state; /* NULL: null, there is no state */
	size_t size;
	uint64_t position;    /* of the event that was asked about */
};

/*
 * The answer to the oldest question; waits for it. A child that answers nothing for a second while nothing more is
 * written to it has its input closed: one that is waiting for the next line ends then. For later questions a new one
 * is started, which has more time where the answer came late because it was in the making.
 *
 * EVS_OK; EVS_END: no question is under way; EVS_BAD_EVENT: the child ended without an answer, took longer than
 * timeout_ms, or answered what is no JSON, and the message names the event: the oldest without an answer, which is the
 * one to blame unless the child had left out lines or written too many; EVS_INTERRUPTED, EVS_IO, EVS_NOMEM. After a
 * failure x is good for exec_free alone.
 */
int exec_take(struct exec *x, struct exec_answer *answer, struct evs_error *err);

/* How many questions have no answer yet. */
size_t exec_under_way(const struct exec *x);

/*
 * Have the child end, after all answers were taken: its input is closed, and what it still does is waited for.
 * EVS_OK; EVS_BAD_EVENT: it answered more lines than it was asked, ended with another status than 0, or did not end
 * in timeout_ms; EVS_INTERRUPTED, EVS_IO, EVS_NOMEM. It can be asked again after EVS_OK: a new child is started.
 */
int exec_finish(struct exec *x, struct evs_error *err);

/* What fold_hash is to a fold: equal for equal commands, never 0. */
uint64_t exec_hash(const char *command);

#endif
