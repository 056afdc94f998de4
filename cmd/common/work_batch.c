/* A process for several events; when it fails it is tried with half of them, until the one that makes it fail is alone. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "common/work.h"

enum { GATHER_AT_ONCE = 512 }; /* between two looks at the command */

/* An event of the batch. */
struct member {
	struct evs_work work;  /* without the event's bytes */
	size_t from, to;       /* its line in the text */
	bool back;             /* it was given back, or has failed */
};

/* Events that were gathered, and their lines. */
struct gathered {
	struct member *list;
	size_t n;
	struct buf text;
	bool ended; /* there are no more for now */
};

struct batch {
	struct job *job;
	uint64_t *tickets;         /* room for those of a run */
	struct gathered now, next; /* in hand: what is being handled, and what is gathered while that is */
	struct handler handler;
	struct environment environment;
};

/* Gather what can be had, at most `most` more. */
static int gather(struct batch *b, struct gathered *g, size_t most, struct evs_error *err)
{
	struct evs_work work;
	size_t size;
	char *line;
	int status = EVS_OK;

	for (; most > 0 && g->n < b->job->batch && (status = work_next(b->job, &work, err)) == EVS_OK; most--) {
		struct member *m = &g->list[g->n++];
		line = evs_event_text(b->job->store, &work.event, EVS_JSON, &size);
		m->work = work;
		m->from = g->text.size;
		m->back = false;
		if (line != NULL)
			buf_put(&g->text, line, size);
		free(line);
		m->to = g->text.size;
		if (line == NULL || g->text.failed)
			return error_nomem(err);
	}
	g->ended = status == EVS_END;
	return status == EVS_END ? EVS_OK : status;
}

/* Wait for the command's end; what comes next is gathered meanwhile. */
static int wait_for(struct batch *b, struct evs_error *err)
{
	struct handler *h = &b->handler;
	struct gathered *next = &b->next;
	int status = EVS_OK;

	next->ended = false;
	while (status == EVS_OK && !h->ended) {
		b->job->hurried = !next->ended && next->n < b->job->batch;
		if (b->job->hurried)
			status = gather(b, next, GATHER_AT_ONCE, err);
		if (status == EVS_OK)
			status = work_wait(b->job, h, 1, err);
		if (status == EVS_OK)
			status = work_commit(b->job, err);
		work_hurry(b->job, h, 1);
	}
	b->job->hurried = false;
	handler_finish(h);
	return status;
}

/* Run the command with some of the batch. */
static int run_with(struct batch *b, size_t from, size_t to, size_t n, struct evs_error *err)
{
	struct gathered *now = &b->now;
	struct handler *h = &b->handler;
	size_t first = from, last = to - 1;
	char *const *environment;
	int failure;

	while (now->list[first].back)
		first++;
	while (now->list[last].back)
		last--;
	environment = environment_of(&b->environment, &now->list[first].work, n, now->list[last].work.event.position);
	h->input.size = h->given = 0;
	for (size_t i = from; i < to; i++)
		if (!now->list[i].back)
			buf_put(&h->input, now->text.data + now->list[i].from, now->list[i].to - now->list[i].from);
	if (environment == NULL || h->input.failed)
		return error_nomem(err);
	failure = handler_start(h, b->job->command, environment, b->job->emit, b->job->timeout_ms);
	if (failure != 0)
		return error_set(err, EVS_IO, failure, "cannot run '%s'", b->job->command[0]);
	return wait_for(b, err);
}

/* The run succeeded: so did its events, and what it printed is appended with all of them. */
static int succeed(struct batch *b, size_t from, size_t to, struct evs_error *err)
{
	struct member *list = b->now.list;
	int64_t took_us = work_took_us(&b->handler);
	size_t n = 0;
	int status = EVS_OK;

	for (size_t i = from; i < to; i++)
		if (!list[i].back)
			b->tickets[n++] = list[i].work.ticket;
	if (b->job->emit)
		return evs_consume_done_all(b->job->consume, b->tickets, n, took_us, (const char *)b->handler.output.data, b->handler.output.size, err);
	for (size_t i = 0; i < n && status == EVS_OK; i++)
		status = evs_consume_done(b->job->consume, b->tickets[i], took_us, NULL, 0, err);
	return status;
}

/* Give back those of a stream, from a place on. */
static int give_back(struct batch *b, struct gathered *g, size_t from, uint64_t stream, struct evs_error *err)
{
	int status = EVS_OK;

	for (size_t i = from; i < g->n && status == EVS_OK; i++) {
		if (g->list[i].back || g->list[i].work.stream != stream)
			continue;
		status = evs_consume_return(b->job->consume, g->list[i].work.ticket, err);
		g->list[i].back = true;
	}
	return status;
}

/* One is to blame; those of its stream that come later wait for it. */
static int fail(struct batch *b, size_t at, const struct evs_failure *failure, struct evs_error *err)
{
	uint64_t stream = b->now.list[at].work.stream;
	int status = evs_consume_fail(b->job->consume, b->now.list[at].work.ticket, failure, err);

	b->now.list[at].back = true;
	if (status == EVS_OK && stream != 0)
		status = give_back(b, &b->now, at + 1, stream, err);
	if (status == EVS_OK && stream != 0)
		status = give_back(b, &b->next, 0, stream, err);
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
		if (!b->now.list[i].back) {
			only = i;
			n++;
		}
	if (n == 0 || work_stopping(b->job) || b->job->halt.status != EVS_OK)
		return EVS_OK;
	status = run_with(b, from, to, n, err);
	if (status != EVS_OK)
		return status;
	if (work_succeeded(b->job, &b->handler, how, &failure)) {
		status = succeed(b, from, to, &why);
		if (status != EVS_BAD_EVENT && status != EVS_CONFLICT) {
			if (status != EVS_OK && err != NULL)
				*err = why;
			return status;
		}
		failure = (struct evs_failure){.reason = why.message, .took_us = work_took_us(&b->handler), .hopeless = status == EVS_CONFLICT};
	} else if (work_is_unread(b->job)) {
		return EVS_OK;
	}
	if (n == 1)
		return fail(b, only, &failure, err);
	status = handle(b, from, middle, err);
	return status == EVS_OK ? handle(b, middle, to, err) : status;
}

/* What was gathered is to be handled now. */
static void turn(struct batch *b)
{
	struct gathered done = b->now;

	b->now = b->next;
	b->next = done;
	b->next.n = b->next.text.size = 0;
}

static int run(struct batch *b, struct evs_error *err)
{
	int status = EVS_OK;

	while (status == EVS_OK) {
		turn(b);
		status = gather(b, &b->now, b->job->batch, err);
		if (status == EVS_OK && b->now.n > 0)
			status = handle(b, 0, b->now.n, err);
		if (status == EVS_OK)
			status = work_commit(b->job, err);
		if (status != EVS_OK || work_stopping(b->job) || b->job->halt.status != EVS_OK || (b->next.n == 0 && work_is_over(b->job)))
			break;
		if (b->now.n == 0)
			status = work_wait(b->job, NULL, 0, err);
	}
	return status;
}

static void release(struct gathered *g)
{
	free(g->list);
	buf_free(&g->text);
}

int work_batch(struct job *job, struct evs_error *err)
{
	struct batch b = {.job = job, .environment = {.job = job}};
	int status;

	b.now.list = calloc(job->batch, sizeof *b.now.list);
	b.next.list = calloc(job->batch, sizeof *b.next.list);
	b.tickets = calloc(job->batch, sizeof *b.tickets);
	status = b.now.list == NULL || b.next.list == NULL || b.tickets == NULL ? error_nomem(err) : run(&b, err);
	handler_kill(&b.handler, 9);
	handler_release(&b.handler);
	environment_release(&b.environment);
	release(&b.now);
	release(&b.next);
	free(b.tickets);
	return status;
}
