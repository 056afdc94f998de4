#include "common/work.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/moment.h"
#include "common/child.h"
#include "common/output.h"
#include "common/signals.h"
#include "event/view.h"

#define MS ((int64_t)1000000)
#define PATIENCE (10000 * MS) /* that handlers have to end after a signal */
#define NUDGE_EVERY (500 * MS) /* a look at whether a command keeps its answers */
#define GRACE (2000 * MS)     /* and after they were asked to */
#define VALUE_MAX 16384       /* bytes of a variable's value */

extern char **environ;

bool work_stopping(struct job *job)
{
	if (signals_caught == 0 && !job->unread)
		return false;
	if (job->stopped_ns == 0)
		job->stopped_ns = moment_steady_ns();
	return true;
}

/* What the library says, unless that is that nothing more is to be taken. */
static int unless_halted(struct job *job, int status, const struct evs_error *why, int halted, struct evs_error *err)
{
	if (status == EVS_BAD_EVENT) {
		if (job->halt.status == EVS_OK)
			job->halt = *why;
		return halted;
	}
	if (status != EVS_OK && err != NULL)
		*err = *why;
	return status;
}

int work_next(struct job *job, struct evs_work *work, struct evs_error *err)
{
	struct evs_error why = {0};

	if (work_stopping(job) || job->halt.status != EVS_OK)
		return EVS_END;
	return unless_halted(job, evs_consume_next(job->consume, work, &why), &why, EVS_END, err);
}

int work_commit(struct job *job, struct evs_error *err)
{
	struct evs_error why = {0};

	return unless_halted(job, evs_consume_commit(job->consume, false, &why), &why, EVS_OK, err);
}

bool work_is_over(const struct job *job)
{
	return signals_caught != 0 || job->unread || job->halt.status != EVS_OK || evs_consume_over(job->consume);
}

/* ---- the environment ---- */

/*
 * NAME=VALUE, ended by 0; nothing where no variable can hold it: it has a 0, or is so long that with others like it a command could
 * not be run. All fields together stay below the least that Linux grants a command, 128 KiB (execve(2)).
 */
static void put(struct buf *b, const char *name, struct span value)
{
	if (value.size > VALUE_MAX || memchr(value.text, '\0', value.size) != NULL)
		return;
	buf_printf(b, "%s=", name);
	buf_put(b, value.text, value.size);
	buf_byte(b, 0);
}

static void put_number(struct buf *b, const char *name, uint64_t value)
{
	buf_printf(b, "%s=%" PRIu64, name, value);
	buf_byte(b, 0);
}

/* The fields of the envelope. */
static const struct {
	const char *name;
	enum evs_field field;
} fields[] = {
	{"EVS_EVENT_TYPE", EVS_FIELD_TYPE}, {"EVS_EVENT_ID", EVS_FIELD_ID}, {"EVS_TIMESTAMP", EVS_FIELD_TIMESTAMP},
	{"EVS_STREAM", EVS_FIELD_STREAM}, {"EVS_AGGREGATE_TYPE", EVS_FIELD_AGGREGATE_TYPE}, {"EVS_SOURCE", EVS_FIELD_SOURCE},
	{"EVS_CORRELATION_ID", EVS_FIELD_CORRELATION}, {"EVS_CAUSATION_ID", EVS_FIELD_CAUSATION},
};
static void put_fields(struct environment *e, const struct evs_event *event)
{
	char scratch[EVS_FIELD_SCRATCH];
	struct span value;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if ((value.text = evs_event_field(e->job->store, event, fields[i].field, scratch, &value.size)) != NULL)
			put(&e->text, fields[i].name, value);
}

/* Whether a variable is one that handlers are given: of an event outside it would mislead. */
static bool is_own(const char *variable)
{
	static const char *const others[] = {"EVS_STORE", "EVS_GROUP", "EVS_POSITION", "EVS_ATTEMPT", "EVS_REVISION", "EVS_BATCH", "EVS_LAST_POSITION"};
	size_t size = strcspn(variable, "=");

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strlen(others[i]) == size && memcmp(others[i], variable, size) == 0)
			return true;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strlen(fields[i].name) == size && memcmp(fields[i].name, variable, size) == 0)
			return true;
	return false;
}

/* What goes with an event, or with a batch that begins with it. */
static void put_work(struct environment *e, const struct evs_work *work, size_t batch, uint64_t last)
{
	put_number(&e->text, "EVS_POSITION", work->event.position);
	put_number(&e->text, "EVS_ATTEMPT", work->attempt);
	if (batch > 0) {
		put_number(&e->text, "EVS_BATCH", batch);
		put_number(&e->text, "EVS_LAST_POSITION", last);
		return;
	}
	put_fields(e, &work->event);
	if (work->event.revision != 0)
		put_number(&e->text, "EVS_REVISION", work->event.revision);
}

char *const *environment_of(struct environment *e, const struct evs_work *work, size_t batch, uint64_t last)
{
	size_t n = 0;

	e->text.size = 0;
	put(&e->text, "EVS_STORE", (struct span){e->job->path, strlen(e->job->path)});
	put(&e->text, "EVS_GROUP", (struct span){e->job->group, strlen(e->job->group)});
	if (work != NULL)
		put_work(e, work, batch, last);
	buf_byte(&e->text, 0);
	for (char **p = environ; *p != NULL; p++) {
		if (is_own(*p))
			continue;
		if (!array_grow(&e->list, &e->cap, n + 1, sizeof *e->list))
			return NULL;
		e->list[n++] = *p;
	}
	for (char *p = (char *)e->text.data; !e->text.failed && *p != '\0'; p += strlen(p) + 1) {
		if (!array_grow(&e->list, &e->cap, n + 1, sizeof *e->list))
			return NULL;
		e->list[n++] = p;
	}
	if (e->text.failed || !array_grow(&e->list, &e->cap, n, sizeof *e->list))
		return NULL;
	e->list[n] = NULL;
	return e->list;
}

void environment_release(struct environment *e)
{
	buf_free(&e->text);
	free(e->list);
}

/* ---- waiting ---- */

static void sooner(int *wait_ms, int64_t ns)
{
	int ms = ns <= 0 ? 0 : ns > INT32_MAX * MS ? INT32_MAX : (int)((ns + MS - 1) / MS);

	if (*wait_ms < 0 || ms < *wait_ms)
		*wait_ms = ms;
}

int work_wait(struct job *job, struct handler *handlers, size_t n, struct evs_error *err)
{
	struct pollfd *wait = malloc((2 + n * HANDLER_FDS) * sizeof *wait);
	int64_t now = moment_steady_ns();
	int wait_ms = job->consume == NULL ? -1 : evs_consume_wait(job->consume), status = EVS_OK;

	if (wait == NULL)
		return error_nomem(err);
	wait[0] = (struct pollfd){.fd = handlers_fd(), .events = POLLIN};
	wait[1] = (struct pollfd){.fd = job->consume == NULL ? -1 : evs_consume_fd(job->consume), .events = POLLIN};
	for (size_t i = 0; i < n; i++) {
		handler_poll(&handlers[i], wait + 2 + i * HANDLER_FDS);
		if (handlers[i].pid > 0 && handlers[i].deadline_ns != 0)
			sooner(&wait_ms, handlers[i].deadline_ns - now);
		if (handlers[i].pid > 0 && handlers[i].more_input)
			sooner(&wait_ms, NUDGE_EVERY);
	}
	if (job->hurried)
		wait_ms = 0;
	if (signals_caught != 0 && (wait_ms < 0 || wait_ms > 100))
		wait_ms = 100;
	if (poll(wait, 2 + n * HANDLER_FDS, wait_ms) < 0) {
		if (errno != EINTR)
			status = error_set(err, EVS_IO, errno, "cannot wait for handlers");
		for (size_t i = 0; i < 2 + n * HANDLER_FDS; i++)
			wait[i].revents = 0;
	}
	if (wait[1].revents != 0)
		evs_consume_changed(job->consume);
	for (size_t i = 0; i < n && status == EVS_OK; i++)
		if (handlers[i].pid > 0)
			handler_pump(&handlers[i], wait + 2 + i * HANDLER_FDS);
	if (n > 0 && wait[0].revents != 0)
		handlers_reap(handlers, n);
	free(wait);
	return status;
}

void work_hurry(struct job *job, struct handler *handlers, size_t n)
{
	int64_t since = work_stopping(job) ? moment_steady_ns() - job->stopped_ns : 0;

	for (size_t i = 0; i < n; i++)
		if (since > PATIENCE + GRACE)
			handler_kill(&handlers[i], SIGKILL);
		else if (since > PATIENCE)
			handler_kill(&handlers[i], SIGTERM);
}

/* ---- outcomes ---- */

int64_t work_took_us(const struct handler *h)
{
	return (moment_steady_ns() - h->begun_ns) / 1000;
}

bool work_is_unread(struct job *job)
{
	job->unread |= !job->emit && output_abandoned();
	return job->unread;
}

bool work_succeeded(const struct job *job, const struct handler *h, char text[HANDLER_HOW], struct evs_failure *failure)
{
	bool exited = WIFEXITED(h->wait_status);

	if (!h->timed_out && !h->too_much && !h->unread && child_succeeded(h->wait_status))
		return true;
	handler_how(h, job->timeout_ms, text);
	*failure = (struct evs_failure){.reason = text, .exit_status = exited ? WEXITSTATUS(h->wait_status) : -1,
	                                .signal = exited ? 0 : WTERMSIG(h->wait_status), .output = h->tail, .output_size = h->tail_size,
	                                .took_us = work_took_us(h),
	                                .hopeless = exited && WEXITSTATUS(h->wait_status) == HANDLER_HOPELESS};
	return false;
}
