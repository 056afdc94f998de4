/* A process an event. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "common/work.h"

/* A handler and what it has in hand. */
struct desk {
	uint64_t ticket;
	uint64_t position;
};

struct each {
	struct job *job;
	struct handler *handlers;
	struct desk *desks;
	size_t busy;
	struct environment environment;
};

/* The event as its handler's input. */
static bool put_event(struct job *job, struct handler *h, const struct evs_event *event)
{
	size_t size;
	char *text = evs_event_text(job->store, event, EVS_JSON, &size);

	h->input.size = h->given = 0;
	if (text != NULL)
		buf_put(&h->input, text, size);
	free(text);
	return text != NULL && !h->input.failed;
}

/* Have a handler take an event in hand. */
static int start(struct each *e, size_t at, const struct evs_work *work, struct evs_error *err)
{
	struct job *job = e->job;
	struct handler *h = &e->handlers[at];
	char *const *environment = environment_of(&e->environment, work, 0, 0);
	int failure;

	if (environment == NULL || !put_event(job, h, &work->event))
		return error_nomem(err);
	failure = handler_start(h, job->command, environment, job->emit, job->timeout_ms);
	if (failure != 0)
		return error_set(err, EVS_IO, failure, "cannot run '%s'", job->command[0]);
	e->desks[at] = (struct desk){work->ticket, work->event.position};
	e->busy++;
	return EVS_OK;
}

/* A handler has ended: say what became of its event. */
static int finish(struct each *e, size_t at, struct evs_error *err)
{
	struct handler *h = &e->handlers[at];
	struct desk *d = &e->desks[at];
	struct evs_failure failure;
	char how[HANDLER_HOW];
	struct evs_error why;
	int status;

	handler_finish(h);
	e->busy--;
	if (!work_succeeded(e->job, h, how, &failure))
		return work_is_unread(e->job) ? evs_consume_return(e->job->consume, d->ticket, err) :
		                                evs_consume_fail(e->job->consume, d->ticket, &failure, err);
	status = evs_consume_done(e->job->consume, d->ticket, work_took_us(h), (const char *)h->output.data, e->job->emit ? h->output.size : 0, &why);
	if (status != EVS_BAD_EVENT) {
		if (status != EVS_OK && err != NULL)
			*err = why;
		return status;
	}
	failure = (struct evs_failure){.reason = why.message, .exit_status = 0, .output = h->tail, .output_size = h->tail_size,
	                               .took_us = work_took_us(h)};
	return evs_consume_fail(e->job->consume, d->ticket, &failure, err);
}

/* Give idle handlers something to do. */
static int hand_out(struct each *e, struct evs_error *err)
{
	struct evs_work work;
	int status = EVS_OK;

	for (size_t i = 0; i < e->job->concurrency && status == EVS_OK; i++) {
		if (e->handlers[i].pid > 0)
			continue;
		status = work_next(e->job, &work, err);
		if (status == EVS_OK)
			status = start(e, i, &work, err);
	}
	return status == EVS_END ? EVS_OK : status;
}

static int take_back(struct each *e, struct evs_error *err)
{
	int status = EVS_OK;

	for (size_t i = 0; i < e->job->concurrency && status == EVS_OK; i++)
		if (e->handlers[i].pid > 0 && e->handlers[i].ended)
			status = finish(e, i, err);
	return status;
}

static int run(struct each *e, struct evs_error *err)
{
	int status = EVS_OK;

	while (status == EVS_OK) {
		status = hand_out(e, err);
		if (status == EVS_OK)
			status = work_commit(e->job, err);
		if (status != EVS_OK || (e->busy == 0 && work_is_over(e->job)))
			break;
		status = work_wait(e->job, e->handlers, e->job->concurrency, err);
		if (status == EVS_OK)
			status = take_back(e, err);
		work_hurry(e->job, e->handlers, e->job->concurrency);
	}
	return status;
}

int work_each(struct job *job, struct evs_error *err)
{
	struct each e = {.job = job, .environment = {.job = job}};
	int status;

	e.handlers = calloc(job->concurrency, sizeof *e.handlers);
	e.desks = calloc(job->concurrency, sizeof *e.desks);
	if (e.handlers == NULL || e.desks == NULL)
		status = error_nomem(err);
	else
		status = run(&e, err);
	for (size_t i = 0; i < job->concurrency && e.handlers != NULL; i++) {
		handler_kill(&e.handlers[i], 9);
		handler_release(&e.handlers[i]);
	}
	environment_release(&e.environment);
	free(e.handlers);
	free(e.desks);
	return status;
}
