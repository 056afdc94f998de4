#include "common/letter_retry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "common/answer.h"
#include "common/child.h"
#include "common/job_setup.h"
#include "common/letters.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"

int retry_begin(struct retry *r, struct evs_error *err)
{
	int status = evs_letters_lock(r->job.store, &r->lock, err);

	if (status == EVS_OK && !handlers_begin())
		return error_set(err, EVS_IO, 0, "nothing was tried");
	return status;
}

void retry_end(struct retry *r)
{
	progress_clear();
	handler_kill(&r->handler, SIGKILL);
	handler_release(&r->handler);
	handlers_end();
	environment_release(&r->environment);
	evs_letters_unlock(r->lock);
	job_setup_release(&r->setup);
	buf_free(&r->group);
	free(r->held_up);
}

/* ---- what stays ---- */

/* Say why a letter stays. */
static void say(struct retry *r, const struct evs_letter *l, const char *why)
{
	r->stayed++;
	if (l->kind == EVS_LETTER_LINE)
		message_print("%s: dead letter %" PRIu64 ", line %" PRIu64 " of its input: %s; it stays", r->job.path, l->id, l->line, why);
	else
		message_print("%s: dead letter %" PRIu64 ", the event at position %" PRIu64 " for '%.*s': %s; it stays", r->job.path, l->id,
		              l->position, (int)l->owner_size, l->owner, why);
}

static struct retry_held_up stream_of(const struct evs_letter *l)
{
	return (struct retry_held_up){l->stream, l->group};
}

static bool is_held_up(const struct retry *r, const struct evs_letter *l)
{
	struct retry_held_up one = stream_of(l);

	for (size_t i = 0; l->parked && i < r->n_held_up; i++)
		if (r->held_up[i].stream == one.stream && r->held_up[i].group == one.group)
			return true;
	return false;
}

int retry_pass(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	if (!l->parked || is_held_up(r, l))
		return EVS_OK;
	if (!array_grow(&r->held_up, &r->cap, r->n_held_up, sizeof *r->held_up))
		return error_nomem(err);
	r->held_up[r->n_held_up++] = stream_of(l);
	return EVS_OK;
}

/* What the library says of a letter: whether that ends all. */
static int refused(struct retry *r, const struct evs_letter *l, int status, const struct evs_error *why, struct evs_error *err)
{
	if (status == EVS_CHANGED) {
		r->stayed++;
		message_print("%s: %s", r->job.path, why->message);
		return EVS_OK;
	}
	if (status == EVS_BAD_EVENT || status == EVS_CONFLICT) {
		say(r, l, why->message);
		return EVS_OK;
	}
	*err = *why;
	return status;
}

/* ---- an event ---- */

static int read_group(void *context, const struct evs_group *g)
{
	struct retry *r = context;

	r->found = g->setup != NULL && job_setup_read(&r->setup, g->setup, strlen(g->setup));
	return 0;
}

/* Read how a group is run, unless that was done. EVS_OK: r->found says whether it is known; or what keeps it from being read. */
static int look_at_group(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	int status;

	if (r->group.size == l->owner_size + 1 && memcmp(r->group.data, l->owner, l->owner_size) == 0)
		return EVS_OK;
	r->group.size = 0;
	job_setup_release(&r->setup);
	r->found = false;
	buf_put(&r->group, l->owner, l->owner_size);
	buf_byte(&r->group, 0);
	if (r->group.failed)
		return error_nomem(err);
	status = evs_group_list(r->job.store, (const char *)r->group.data, read_group, r, err);
	return status == EVS_END ? EVS_OK : status;
}

/* Find out how an event is to be handled. EVS_OK; EVS_END: nothing says how, which was said; or a failure. */
static int find_way(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	char why[400];
	int status = look_at_group(r, l, err);

	if (status != EVS_OK)
		return status;
	r->job.group = (const char *)r->group.data;
	if (!r->found && r->command == NULL) {
		snprintf(why, sizeof why, "nothing says how to handle it, group '%s' is gone or was never run; evs dlq %s retry %" PRIu64 " -- COMMAND does",
		         r->job.group, r->job.path, l->id);
		say(r, l, why);
		return EVS_END;
	}
	/* A command of one's own is run for each event, and ends. */
	r->mode = !r->found || (r->command != NULL && r->setup.mode != JOB_BATCH) ? JOB_EVENT : r->setup.mode;
	r->job.command = r->command != NULL ? r->command : r->setup.command;
	r->job.emit = r->found && r->setup.emit;
	r->job.timeout_ms = r->found ? r->setup.timeout_ms : 0;
	return EVS_OK;
}

/* Whether a command cannot be run for what it is, and not for what the system lacks just now. */
static bool is_its_fault(int failure)
{
	return failure != EAGAIN && failure != ENOMEM && failure != EMFILE && failure != ENFILE;
}

/* Start the handler. EVS_OK; EVS_END: the group's command cannot be run, which was said; or a failure. */
static int start(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	const struct evs_work work = {.event = l->event, .attempt = l->attempts + 1, .stream = l->stream};
	struct handler *h = &r->handler;
	char *const *environment;
	char why[400];
	int failure;

	r->environment.job = &r->job;
	environment = environment_of(&r->environment, &work, r->mode == JOB_BATCH ? 1 : 0, l->position);
	h->input.size = h->given = 0;
	letter_put_raw(&h->input, r->job.store, l);
	if (environment == NULL || h->input.failed)
		return error_nomem(err);
	failure = handler_start(h, r->job.command, environment, r->job.emit || r->mode == JOB_LINES, r->job.timeout_ms);
	if (failure != 0 && r->command == NULL && is_its_fault(failure)) {
		snprintf(why, sizeof why, "cannot run '%.200s': %s", r->job.command[0], strerror(failure));
		say(r, l, why);
		return EVS_END;
	}
	return failure == 0 ? EVS_OK : error_set(err, EVS_IO, failure, "cannot run '%s'", r->job.command[0]);
}

static int wait_for(struct retry *r, struct evs_error *err)
{
	int status = EVS_OK;

	while (status == EVS_OK && !r->handler.ended) {
		status = work_wait(&r->job, &r->handler, 1, err);
		work_hurry(&r->job, &r->handler, 1);
	}
	if (status == EVS_OK)
		handler_finish(&r->handler);
	return status;
}

/* Whether the first line that a command of --lines printed says that it succeeded. */
static bool answered_well(const struct handler *h, struct answer *answer)
{
	const char *text = (const char *)h->output.data, *end;

	end = h->output.size == 0 ? NULL : memchr(text, '\n', h->output.size);
	if (h->output.size > 0 && answer_read(text, end == NULL ? h->output.size : (size_t)(end - text), answer))
		return answer->good;
	answer->failure = (struct evs_failure){.reason = "it gave no answer 'ok', 'retry REASON' or 'dead REASON'", .exit_status = -1};
	return false;
}

/* Whether the handler that has ended succeeded; else how it failed, which borrows answer and how. */
static bool succeeded(const struct retry *r, struct answer *answer, char how[HANDLER_HOW], struct evs_failure *failure)
{
	const struct handler *h = &r->handler;

	if (!work_succeeded(&r->job, h, how, failure))
		return false;
	if (r->mode != JOB_LINES || answered_well(h, answer))
		return true;
	*failure = answer->failure;
	failure->output = h->tail;
	failure->output_size = h->tail_size;
	failure->took_us = work_took_us(h);
	return false;
}

static int failed(struct retry *r, const struct evs_letter *l, const struct evs_failure *failure, const struct evs_note *note, struct evs_error *err)
{
	struct evs_error why;
	int status = evs_letter_fail(r->job.store, l, failure, note, &why);

	if (status == EVS_OK)
		say(r, l, failure->reason);
	return status == EVS_OK ? EVS_OK : refused(r, l, status, &why, err);
}

/* It was printed, and that is all there is to do. */
static int print(struct retry *r, const struct evs_letter *l, const struct evs_note *note, struct evs_error *err)
{
	struct evs_error why;
	int status;

	letter_put_raw(output_buf(), r->job.store, l);
	if (output_flush() != 0)
		return error_set(err, EVS_INTERRUPTED, 0, "nobody reads");
	status = evs_letter_done(r->job.store, l, 0, NULL, 0, note, &why);
	return status == EVS_OK ? EVS_OK : refused(r, l, status, &why, err);
}

static int handle(struct retry *r, const struct evs_letter *l, const struct evs_note *note, struct evs_error *err)
{
	struct handler *h = &r->handler;
	struct evs_failure failure;
	struct answer answer;
	struct evs_error why;
	char how[HANDLER_HOW];
	int status = start(r, l, err);

	if (status == EVS_OK)
		status = wait_for(r, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	if (!succeeded(r, &answer, how, &failure))
		return failed(r, l, &failure, note, err);
	status = evs_letter_done(r->job.store, l, work_took_us(h), (const char *)h->output.data, r->job.emit ? h->output.size : 0, note, &why);
	if (status == EVS_OK)
		return EVS_OK;
	if (status != EVS_BAD_EVENT && status != EVS_CONFLICT)
		return refused(r, l, status, &why, err);
	failure = (struct evs_failure){.reason = why.message, .exit_status = 0, .output = h->tail, .output_size = h->tail_size, .took_us = work_took_us(h)};
	return failed(r, l, &failure, note, err);
}

static int retry_event(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	struct evs_note note = r->note;
	struct buf command = {0};
	int status;

	if (l->event.packed == NULL) {
		say(r, l, "the event is damaged; evs verify says more");
		return EVS_OK;
	}
	status = find_way(r, l, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	job_setup_put_command(&command, r->job.command);
	buf_byte(&command, 0);
	note.command = command.failed ? NULL : (const char *)command.data;
	status = r->mode == JOB_PRINT ? print(r, l, &note, err) : handle(r, l, &note, err);
	buf_free(&command);
	return status;
}

/* ---- any ---- */

static int retry_line(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	struct evs_error why;
	int status = evs_letter_append(r->job.store, l, &r->note, &why);

	return status == EVS_OK ? EVS_OK : refused(r, l, status, &why, err);
}

int retry_letter(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	uint64_t before = r->stayed;
	int status;

	if (work_stopping(&r->job))
		return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	progress_show(r->tried++, 0);
	if (l->kind == EVS_LETTER_LINE)
		return retry_line(r, l, err);
	if (l->kind == EVS_LETTER_DAMAGED) {
		r->stayed++;
		message_print("%s: dead letter %" PRIu64 " is damaged, and can only be dropped", r->job.path, l->id);
		return EVS_OK;
	}
	if (l->kind == EVS_LETTER_FOLD) {
		say(r, l, "a projection's event is folded again when its fold was mended: evs project STORE run NAME --fold FILE --rebuild; then drop this letter");
		return EVS_OK;
	}
	if (is_held_up(r, l)) {
		say(r, l, "an earlier dead letter of its stream is parked before it");
		return EVS_OK;
	}
	status = retry_event(r, l, err);
	return status == EVS_OK && r->stayed > before ? retry_pass(r, l, err) : status;
}
