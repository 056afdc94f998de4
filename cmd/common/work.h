/* A group's events at work: what the ways to hand them to a command have in common. */
#ifndef EVS_CMD_WORK_H
#define EVS_CMD_WORK_H

#include "common/handler.h"
#include "evs.h"

struct job {
	struct evs_store *store;
	struct evs_consume *consume; /* NULL: dead letters are tried */
	const char *path, *group;
	char *const *command;
	bool emit;
	int64_t timeout_ms;    /* 0: none */
	size_t concurrency;    /* handlers at a time */
	size_t batch;          /* events a run */
	bool hurried;          /* there is more to do: work_wait does not sleep */
	int64_t stopped_ns;    /* when a signal was seen; 0: none was */
	bool unread;           /* a handler failed, and nobody reads any longer what handlers print */
	struct evs_error halt; /* why nothing more is taken, though what is in hand is finished; status EVS_OK: nothing keeps it */
};

/* Each takes events until all is done or a signal came: EVS_OK; EVS_INTERRUPTED; or a failure. */
int work_each(struct job *job, struct evs_error *err);  /* a process an event */
int work_batch(struct job *job, struct evs_error *err); /* a process for several */
int work_lines(struct job *job, struct evs_error *err); /* one process, a line an event */
int work_print(struct job *job, struct evs_error *err); /* none: they are printed */

/* ---- for these ---- */

/* Whether to take no more: a signal came, or nobody reads. */
bool work_stopping(struct job *job);

/* evs_consume_next, but for a signal; and where the group was stopped, which job->halt says from then on. */
int work_next(struct job *job, struct evs_work *work, struct evs_error *err);

/* evs_consume_commit, likewise: handlers that are at work when the group is stopped are no part of that. */
int work_commit(struct job *job, struct evs_error *err);

/* Whether nothing is to come. */
bool work_is_over(const struct job *job);

/* The environment of a handler. Zeroed memory with job set is ready. */
struct environment {
	const struct job *job;
	struct buf text;
	char **list;
	size_t cap;
};

/* Set EVS_* for an event, or for a batch that begins with it; work NULL: for none. NULL: memory ran out. Borrowed until the next call. */
char *const *environment_of(struct environment *e, const struct evs_work *work, size_t batch, uint64_t last);
void environment_release(struct environment *e);

/*
 * Sleep until something happens to handlers, the store or what is due, and do what handlers need.
 * EVS_OK; EVS_IO, EVS_NOMEM.
 */
int work_wait(struct job *job, struct handler *handlers, size_t n, struct evs_error *err);

/* After a signal: whether handlers have had their time; those that have are asked to end, then made to. */
void work_hurry(struct job *job, struct handler *handlers, size_t n);

/* Whether a handler that has ended says that it succeeded; else failure says how. text must last as long as that. */
bool work_succeeded(const struct job *job, const struct handler *h, char text[HANDLER_HOW], struct evs_failure *failure);

/*
 * Whether a handler that failed did so because nobody reads what it prints: then its event is not to blame, and nothing more is
 * taken.
 */
bool work_is_unread(struct job *job);

int64_t work_took_us(const struct handler *h);

#endif
