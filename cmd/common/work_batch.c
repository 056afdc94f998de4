/* A process for several events; when it fails it is tried with half of them, until the one that makes it fail is alone. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "common/work.h"

/* An event of the batch. */
struct member {
	struct evs_work work;  /* without the event's bytes */
	size_t from, to;       /* its line in the text */
	bool back;             /* it was given back, or has failed */
};

struct batch {
	struct job *job;
	struct member *list;
	size_t n;
	struct buf text;
	struct handler handler;
	struct environment environment;
};

/* Gather what can be had. */
static int gather(struct batch *b, struct evs_error *err)
{
	struct evs_work work;
	size_t size;
	char *line;
	int status = EVS_OK;

	b->n = 0;
	b->text.size = 0;
	while (b->n < b->job->batch && (status = work_next(b->job, &work, err)) == EVS_OK) {
		struct member *m = &b->list[b->n++];
		line = evs_event_text(b->job->store, &work.event, EVS_JSON, &size);
		m->work = work;
		m->from = b->text.size;
		m->back = false;
		if (line != NULL)
			buf_put(&b->text, line, size);
		free(line);
		m->to = b->text.size;
		if (line == NULL || b->text.failed)
			return error_nomem(err);
	}
	return status == EVS_END ? EVS_OK : status;
}

/* Run the command with some of the batch. */
static int run_with(struct batch *b, size_t from, size_t to, size_t n, struct evs_error *err)
{
	struct handler *h = &b->handler;
	size_t first = from, last = to - 1;
	char *const *environment;
	int status = EVS_OK, failure;

	while (b->list[first].back)
		first++;
	while (b->list[last].back)
		last--;
	environment = environment_of(&b->environment, &b->list[first].work, n, b->list[last].work.event.position);
	h->input.size = h->given = 0;
	for (size_t i = from; i < to; i++)
		if (!b->list[i].back)
			buf_put(&h->input, b->text.data + b->list[i].from, b->list[i].to - b->list[i].from);
	if (environment == NULL || h->input.failed)
		return error_nomem(err);
	failure = handler_start(h, b->job->command, environment, b->job->emit, b->job->timeout_ms);
	if (failure != 0)
		return error_set(err, EVS_IO, failure, "cannot run '%s'", b->job->command[0]);
	while (status == EVS_OK && !h->ended) {
		status = work_wait(b->job, h, 1, err);
		if (status == EVS_OK)
			status = evs_consume_commit(b->job->consume, false, err);
		work_hurry(b->job, h, 1);
	}
	handler_finish(h);
	return status;
}

/* What the run printed belongs to its last event. */
static int succeed(struct batch *b, size_t from, size_t to, struct evs_error *err)
{
	int64_t took_us = work_took_us(&b->handler);
	size_t last = to - 1;
	int status = EVS_OK;

	while (b->list[last].back)
		last--;
	if (b->job->emit) {
		status = evs_consume_done(b->job->consume, b->list[last].work.ticket, took_us, (const char *)b->handler.output.data,
		                          b->handler.output.size, err);
		b->list[last].back = status == EVS_OK;
	}
	for (size_t i = from; i < to && status == EVS_OK; i++)
		if (!b->list[i].back)
			status = evs_consume_done(b->job->consume, b->list[i].work.ticket, took_us, NULL, 0, err);
	return status;
}

/* One is to blame; those of its stream that come later wait for it. */
static int fail(struct batch *b, size_t at, const struct evs_failure *failure, struct evs_error *err)
{
	uint64_t stream = b->list[at].work.stream;
	int status = evs_consume_fail(b->job->consume, b->list[at].work.ticket, failure, err);

	b->list[at].back = true;
	for (size_t i = at + 1; stream != 0 && i < b->n && status == EVS_OK; i++) {
		if (b->list[i].back || b->list[i].work.stream != stream)
			continue;
		status = evs_consume_return(b->job->consume, b->list[i].work.ticket, err);
		b->list[i].back = true;
	}
	return status;
}

/* Have some of the batch handled. */
static int handle(struct batch *b, size_t from, size_t to, struct evs_error *err)
{
	struct evs_failure failure;
	char how[HANDLER_HOW];
	struct evs_error why;
	size_t n = 0, only = 0, middle = from + (to - from) / 2;
	int status;

	for (size_t i = from; i < to; i++)
		if (!b->list[i].back) {
			only = i;
			n++;
		}
	if (n == 0 || work_stopping(b->job))
		return EVS_OK;
	status = run_with(b, from, to, n, err);
	if (status != EVS_OK)
		return status;
	if (work_succeeded(b->job, &b->handler, how, &failure)) {
		status = succeed(b, from, to, &why);
		if (status != EVS_BAD_EVENT) {
			if (status != EVS_OK && err != NULL)
				*err = why;
			return status;
		}
		failure = (struct evs_failure){.reason = why.message, .exit_status = 0, .took_us = work_took_us(&b->handler)};
	}
	if (n == 1)
		return fail(b, only, &failure, err);
	status = handle(b, from, middle, err);
	return status == EVS_OK ? handle(b, middle, to, err) : status;
}

static int run(struct batch *b, struct evs_error *err)
{
	int status = EVS_OK;

	while (status == EVS_OK) {
		status = gather(b, err);
		if (status == EVS_OK && b->n > 0)
			status = handle(b, 0, b->n, err);
		if (status == EVS_OK)
			status = evs_consume_commit(b->job->consume, false, err);
		if (status != EVS_OK || work_is_over(b->job))
			break;
		if (b->n == 0)
			status = work_wait(b->job, NULL, 0, err);
	}
	return status;
}

int work_batch(struct job *job, struct evs_error *err)
{
	struct batch b = {.job = job, .environment = {.job = job}};
	int status;

	b.list = calloc(job->batch, sizeof *b.list);
	status = b.list == NULL ? error_nomem(err) : run(&b, err);
	handler_kill(&b.handler, 9);
	handler_release(&b.handler);
	environment_release(&b.environment);
	buf_free(&b.text);
	free(b.list);
	return status;
}
