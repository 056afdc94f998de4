/*
 * One long-lived process: an event is a line to it, and it answers each with a line, in order: ok, retry REASON or
 * dead REASON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/moment.h"
#include "common/answer.h"
#include "common/child.h"
#include "common/work.h"

#define INPUT_AHEAD ((size_t)1 << 20) /* bytes that wait to be given */
#define QUIET_NS ((int64_t)1000000000) /* without an answer, until its input is closed: it may keep its answers until then */
enum { TAKE_AT_ONCE = 512 };

/* An event that was given and has no answer yet. */
struct asked {
	uint64_t ticket;
	int64_t at_ns;
};

struct lines {
	struct job *job;
	struct handler handler;
	struct asked *ring;
	size_t cap, oldest, n;
	size_t taken;         /* of the output: answers that were taken */
	uint64_t answered;    /* since it was started */
	int64_t quiet_since;  /* the last answer, or question where none was open; steady clock */
};

static int start(struct lines *l, struct evs_error *err)
{
	struct environment e = {.job = l->job};
	char *const *environment;
	int failure;

	environment = environment_of(&e, NULL, 0, 0);
	if (environment == NULL)
		return error_nomem(err);
	l->handler.more_input = true;
	l->taken = 0;
	l->answered = 0;
	failure = handler_start(&l->handler, l->job->command, environment, true, 0);
	environment_release(&e);
	return failure == 0 ? EVS_OK : error_set(err, EVS_IO, failure, "cannot run '%s'", l->job->command[0]);
}

/* Give it more. */
static int ask(struct lines *l, struct evs_error *err)
{
	struct handler *h = &l->handler;
	struct evs_work work;
	size_t size, took = 0;
	char *line;
	int status = EVS_OK;

	if (h->pid > 0 && !h->more_input)
		return EVS_OK; /* it is to end first */
	while (l->n < l->cap && h->input.size - h->given < INPUT_AHEAD && took++ < TAKE_AT_ONCE &&
	       (status = work_next(l->job, &work, err)) == EVS_OK) {
		if (h->pid == 0 && (status = start(l, err)) != EVS_OK)
			return status;
		line = evs_event_text(l->job->store, &work.event, EVS_JSON, &size);
		if (line == NULL)
			return error_nomem(err);
		if (h->given >= INPUT_AHEAD) {
			memmove(h->input.data, h->input.data + h->given, h->input.size - h->given);
			h->input.size -= h->given;
			h->given = 0;
		}
		buf_put(&h->input, line, size);
		free(line);
		l->ring[(l->oldest + l->n++) % l->cap] = (struct asked){work.ticket, moment_steady_ns()};
		if (l->n == 1)
			l->quiet_since = moment_steady_ns();
		if (l->n == 1 && l->job->timeout_ms != 0)
			h->deadline_ns = moment_steady_ns() + l->job->timeout_ms * 1000000;
		if (h->input.failed)
			return error_nomem(err);
	}
	return status == EVS_END ? EVS_OK : status;
}

static uint64_t next_ticket(struct lines *l, int64_t *took_us)
{
	struct asked a = l->ring[l->oldest];

	l->oldest = (l->oldest + 1) % l->cap;
	l->n--;
	*took_us = (moment_steady_ns() - a.at_ns) / 1000;
	return a.ticket;
}

/* It does not keep to what it is to do: what it was asked is given back, and the tool ends. */
static int broken(struct lines *l, const char *what, const char *line, size_t size, struct evs_error *err)
{
	handler_kill(&l->handler, 9);
	return error_set(err, EVS_IO, 0, "the command %s: '%.*s'; each event is answered with a line 'ok', 'retry REASON' or 'dead REASON'",
	                 what, size > 100 ? 100 : (int)size, line);
}

/* Take one answer. */
static int take(struct lines *l, const char *line, size_t size, struct evs_error *err)
{
	struct answer answer;
	int64_t took_us;
	uint64_t ticket;

	if (l->n == 0)
		return broken(l, "answered more than it was asked", line, size, err);
	if (!answer_read(line, size, &answer))
		return broken(l, "answered what it may not", line, size, err);
	ticket = next_ticket(l, &took_us);
	if (answer.good)
		return evs_consume_done(l->job->consume, ticket, took_us, NULL, 0, err);
	answer.failure.took_us = took_us;
	answer.failure.output = l->handler.tail;
	answer.failure.output_size = l->handler.tail_size;
	return evs_consume_fail(l->job->consume, ticket, &answer.failure, err);
}

/* Take all answers that have come. */
static int take_all(struct lines *l, struct evs_error *err)
{
	struct buf *out = &l->handler.output;
	const char *line, *end;
	int status = EVS_OK;
	bool any = false;

	while (status == EVS_OK && l->taken < out->size) {
		line = (const char *)out->data + l->taken;
		end = memchr(line, '\n', out->size - l->taken);
		if (end == NULL)
			break;
		status = take(l, line, (size_t)(end - line), err);
		l->taken += (size_t)(end - line) + 1;
		l->answered++;
		any = true;
	}
	if (l->taken == out->size) {
		out->size = l->taken = 0;
	} else if (l->taken >= INPUT_AHEAD) {
		memmove(out->data, out->data + l->taken, out->size - l->taken);
		out->size -= l->taken;
		l->taken = 0;
	}
	if (any)
		l->quiet_since = moment_steady_ns();
	if (any && l->job->timeout_ms != 0)
		l->handler.deadline_ns = l->n == 0 ? 0 : moment_steady_ns() + l->job->timeout_ms * 1000000;
	return status;
}

/* A command that keeps its answers until it has many is told that there is no more. */
static void nudge(struct lines *l)
{
	struct handler *h = &l->handler;

	if (h->pid > 0 && h->more_input && l->n > 0 && h->given == h->input.size && moment_steady_ns() - l->quiet_since >= QUIET_NS)
		handler_close_input(h);
}

/* It has ended: the event that it did not answer first is to blame, the others are given back. */
static int ended(struct lines *l, struct evs_error *err)
{
	struct handler *h = &l->handler;
	struct evs_failure failure;
	char how[HANDLER_HOW], text[HANDLER_HOW + 80];
	int64_t took_us;
	uint64_t ticket;
	int status;

	handler_finish(h);
	status = take_all(l, err);
	h->input.size = h->given = 0;
	h->output.size = l->taken = 0;
	if (status != EVS_OK)
		return status;
	if (work_succeeded(l->job, h, how, &failure)) {
		if (l->n == 0)
			return EVS_OK;
		if (l->answered == 0)
			return error_set(err, EVS_IO, 0, "'%s' ended without an answer to any event; --lines is for a command that answers each with a line",
			                 l->job->command[0]);
		snprintf(how, sizeof how, "exit status 0");
		failure = (struct evs_failure){.exit_status = 0};
	}
	if (l->n == 0)
		return work_stopping(l->job) || !h->more_input ? EVS_OK : error_set(err, EVS_IO, 0, "'%s' ended with %s after it had answered all", l->job->command[0], how);
	snprintf(text, sizeof text, "%s, without an answer", how);
	failure.reason = text;
	ticket = next_ticket(l, &took_us);
	failure.took_us = took_us;
	status = evs_consume_fail(l->job->consume, ticket, &failure, err);
	while (l->n > 0 && status == EVS_OK)
		status = evs_consume_return(l->job->consume, next_ticket(l, &took_us), err);
	return status;
}

/* Have it end. */
static int finish(struct lines *l, struct evs_error *err)
{
	struct handler *h = &l->handler;
	int status = EVS_OK;

	if (h->pid == 0)
		return EVS_OK;
	handler_close_input(h);
	if (l->job->timeout_ms != 0)
		h->deadline_ns = moment_steady_ns() + l->job->timeout_ms * 1000000;
	while (status == EVS_OK && !h->ended) {
		status = work_wait(l->job, h, 1, err);
		work_hurry(l->job, h, 1);
	}
	return status == EVS_OK ? ended(l, err) : status;
}

static int run(struct lines *l, struct evs_error *err)
{
	struct handler *h = &l->handler;
	int status = EVS_OK;

	while (status == EVS_OK) {
		status = ask(l, err);
		if (status == EVS_OK)
			status = work_commit(l->job, err);
		if (status != EVS_OK || (l->n == 0 && work_is_over(l->job)))
			break;
		nudge(l);
		status = work_wait(l->job, h, 1, err);
		if (status == EVS_OK)
			status = take_all(l, err);
		if (status == EVS_OK && h->pid > 0 && h->ended)
			status = ended(l, err);
		work_hurry(l->job, h, 1);
	}
	return status == EVS_OK ? finish(l, err) : status;
}

int work_lines(struct job *job, struct evs_error *err)
{
	struct lines l = {.job = job, .cap = job->batch};
	int status;

	l.ring = calloc(l.cap, sizeof *l.ring);
	status = l.ring == NULL ? error_nomem(err) : run(&l, err);
	handler_kill(&l.handler, 9);
	handler_release(&l.handler);
	free(l.ring);
	return status;
}
