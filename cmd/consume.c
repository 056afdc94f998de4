/* evs consume: each new event to a command, once, shared among the members of a group. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/spawn.h"
#include "common/job_setup.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/selectors.h"
#include "common/signals.h"
#include "common/value.h"
#include "common/work.h"
#include "evs.h"
#include "tools.h"

#define MAX_RETRIES 3
#define INITIAL_DELAY_MS 1000
#define MAX_DELAY_MS 60000
#define BACKOFF 2.0
#define LINES_AHEAD 8192 /* events that a command of --lines has at once */
#define PRINT_AHEAD 4096 /* events that are printed at once */
#define BATCH_MAX 1000000
#define CONCURRENCY_MAX 1000

struct consume_args {
	struct selectors selectors;
	struct evs_consume_options consume;
	struct option_common common;
	const char *backoff;
	uint64_t batch, concurrency;
	int64_t timeout_ms;
	int on_failure;
	bool lines, emit;
};

#define OPTION(name) offsetof(struct consume_args, consume.name)
#define ARG(name) offsetof(struct consume_args, name)

static const struct option options[] = {
	{'f', "follow", NULL, OPTION_FLAG, OPTION(follow), 0, NULL, "at the end wait for new events and go on with them"},
	{0, "batch", "N", OPTION_POSITIVE, ARG(batch), 0, NULL,
	 "run COMMAND with N events at a time; when it fails, with half of them, until the one to blame is alone"},
	{0, "lines", NULL, OPTION_FLAG, ARG(lines), 0, NULL,
	 "run COMMAND once: each event is a line to it, and it answers each with a line, 'ok', 'retry REASON' or 'dead REASON'"},
	{0, "emit", NULL, OPTION_FLAG, ARG(emit), 0, NULL,
	 "what COMMAND prints are events: append them in the transaction that says that the event is handled, exactly once"},
	{'j', "concurrency", "N", OPTION_POSITIVE, ARG(concurrency), 0, NULL, "N processes at a time, each stream in order (default 1)"},
	{0, "timeout", "DURATION", OPTION_DURATION, ARG(timeout_ms), 0, NULL,
	 "kill a COMMAND that takes longer, with all that it started; with --lines, for an answer (default: no limit)"},
	{0, "max-retries", "N", OPTION_NUMBER, OPTION(max_retries), 0, NULL, "try an event that fails N times more (default 3)"},
	{0, "initial-delay", "DURATION", OPTION_DURATION, OPTION(initial_delay_ms), 0, NULL, "before the second try (default 1s)"},
	{0, "backoff", "FACTOR", OPTION_TEXT, ARG(backoff), 0, NULL, "each further try waits so many times longer (default 2)"},
	{0, "max-delay", "DURATION", OPTION_DURATION, OPTION(max_delay_ms), 0, NULL, "but no longer than this (default 60s)"},
	{0, "on-failure", "dlq|park|stop", OPTION_CHOICE, ARG(on_failure), 0, NULL,
	 "after the last try: put the event in the dead letters (the default), with all later ones of its stream, or stop before it"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	SELECTORS_GROUP(struct consume_args, selectors),
	OPTION_COMMON_GROUP(struct consume_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"GROUP", "the name of the group; a new one begins at the first event", "group"},
	{"COMMAND", "handles an event: reads it, and ends with 0 (done), 75 (try again later), 65 (a dead letter at once), or "
	            "anything else (try again later); without it events are printed", "command"},
	{0},
};

/* ---- options ---- */

static bool read_backoff(struct consume_args *args)
{
	char *end;

	args->consume.backoff = BACKOFF;
	if (args->backoff == NULL)
		return true;
	args->consume.backoff = strtod(args->backoff, &end);
	if (strspn(args->backoff, "0123456789.") == strlen(args->backoff) && *end == '\0' && end != args->backoff &&
	    args->consume.backoff >= 1 && args->consume.backoff <= 1000)
		return true;
	message_usage("option '--backoff' needs a number from 1 to 1000, not '%s'", args->backoff);
	return false;
}

/* Whether the options go together. */
static bool check(const struct consume_args *args, bool command)
{
	const struct evs_selector *s = &args->selectors.selector;

	if (s->has_last || s->reverse)
		message_usage("--%s does not go with a group, which takes all events in their order", s->has_last ? "last" : "reverse");
	else if (!command && (args->lines || args->emit || args->batch > 0 || args->concurrency > 0 || args->timeout_ms > 0))
		message_usage("--%s needs a COMMAND", args->lines ? "lines" : args->emit ? "emit" : args->batch > 0 ? "batch" :
		                                      args->concurrency > 0 ? "concurrency" : "timeout");
	else if (args->lines && (args->emit || args->batch > 0 || args->concurrency > 0))
		message_usage("--lines and --%s exclude each other", args->emit ? "emit" : args->batch > 0 ? "batch" : "concurrency");
	else if (args->batch > 0 && args->concurrency > 0)
		message_usage("--batch and --concurrency exclude each other; start several members of the group");
	else if (args->batch > BATCH_MAX || args->concurrency > CONCURRENCY_MAX)
		message_usage("--batch is at most %d, --concurrency at most %d", BATCH_MAX, CONCURRENCY_MAX);
	else
		return true;
	return false;
}

/* How the group is run, for evs group and evs dlq. */
static bool put_setup(struct buf *out, const struct consume_args *args, const struct job *job)
{
	job_setup_put(out, &(struct job_setup){.command = job->command, .emit = args->emit, .timeout_ms = args->timeout_ms,
	                                       .mode = *job->command == NULL ? JOB_PRINT : args->lines ? JOB_LINES : args->batch > 0 ? JOB_BATCH : JOB_EVENT});
	buf_byte(out, 0);
	return !out->failed;
}

/* ---- the work ---- */

static void on_dead(void *context, uint64_t position, const char *reason)
{
	message_print("%s: the event at position %llu: %s; put in the dead letters", (const char *)context, (unsigned long long)position, reason);
}

static void fill(struct consume_args *args, struct job *job, const struct buf *setup)
{
	struct evs_selector *s = &args->selectors.selector;

	job->emit = args->emit;
	job->timeout_ms = args->timeout_ms;
	job->concurrency = args->concurrency == 0 ? 1 : args->concurrency;
	job->batch = *job->command == NULL ? PRINT_AHEAD : args->lines ? LINES_AHEAD : args->batch;
	args->consume.group = job->group;
	args->consume.selector = s;
	args->consume.in_hand = args->batch > 0 ? 2 * job->batch : *job->command == NULL || args->lines ? job->batch : job->concurrency;
	args->consume.together = *job->command == NULL || args->batch > 0;
	args->consume.give_up = args->on_failure == 0 ? EVS_GIVE_UP_DLQ : args->on_failure == 1 ? EVS_GIVE_UP_PARK : EVS_GIVE_UP_STOP;
	args->consume.emits = args->emit;
	args->consume.setup = (const char *)setup->data;
	args->consume.on_dead = on_dead;
	args->consume.context = (void *)(uintptr_t)job->path;
}

static int work(struct consume_args *args, struct job *job, struct evs_error *err)
{
	if (*job->command == NULL)
		return work_print(job, err);
	return args->lines ? work_lines(job, err) : args->batch > 0 ? work_batch(job, err) : work_each(job, err);
}

/* Consume, and commit what was done whatever ends it. */
static int run(struct consume_args *args, struct job *job)
{
	struct evs_consume_result result;
	struct evs_error err = {0}, last;
	int status = evs_consume_new(job->store, &args->consume, &job->consume, &err);

	if (status != EVS_OK)
		return message_failure(job->path, &err);
	signals_catch();
	if (*job->command == NULL)
		output_watch_reader();
	else if (!handlers_begin())
		return STATUS_FAILED;
	status = work(args, job, &err);
	if (status != EVS_CORRUPT && evs_consume_commit(job->consume, true, &last) != EVS_OK && status == EVS_OK) {
		status = last.status;
		err = last;
	}
	if (status == EVS_OK && job->halt.status != EVS_OK) {
		status = job->halt.status;
		err = job->halt;
	}
	evs_consume_result(job->consume, &result);
	evs_consume_free(job->consume);
	handlers_end();
	if (status != EVS_OK)
		return message_failure(job->path, &err);
	return signals_caught != 0 ? 128 + signals_caught : result.dead > 0 ? STATUS_REJECTED : STATUS_DONE;
}

/* Say so before the group is made: a follower would notice at its first event. */
static int no_command(const char *name, int failure)
{
	message_print("cannot run '%s': %s; nothing was consumed", name, strerror(failure));
	return STATUS_FAILED;
}

/* The tool. */
static int cmd_consume(int argc, char **argv)
{
	struct consume_args args = {.consume = {.max_retries = MAX_RETRIES, .initial_delay_ms = INITIAL_DELAY_MS, .max_delay_ms = MAX_DELAY_MS}};
	struct job job = {0};
	struct buf setup = {0};
	struct operands given;
	struct evs_error err;
	int status, failure;

	if (!options_parse(&tool_consume, argc, argv, &args, &given, &status))
		return status;
	if (given.ended && given.n == given.n_before) /* an empty variable would have events printed, and done with */
		return message_usage("COMMAND is missing after '--'; without '--' events are printed");
	if (given.n_before < 2)
		return message_usage("GROUP is missing before '--'; usage: evs consume STORE GROUP [options] [-- COMMAND [ARG...]]");
	job.path = given.list[0];
	job.group = given.list[1];
	job.command = given.list + 2;
	if (!selectors_finish(&args.selectors) || !read_backoff(&args) || !check(&args, *job.command != NULL))
		status = STATUS_USAGE;
	else if (!put_setup(&setup, &args, &job))
		status = message_failure(job.path, &(struct evs_error){.status = EVS_NOMEM, .message = "out of memory"});
	else if (*job.command != NULL && (failure = spawn_find(*job.command)) != 0)
		status = no_command(*job.command, failure);
	else if (open_store(job.path, EVS_WRITE, &job.store, &err) != EVS_OK)
		status = message_failure(job.path, &err);
	else {
		selectors_advise(&args.selectors, job.store, job.path);
		fill(&args, &job, &setup);
		status = run(&args, &job);
	}
	evs_close(job.store);
	buf_free(&setup);
	options_release(&tool_consume, &args);
	return status;
}

const struct tool tool_consume = {
	.name = "consume",
	.run = cmd_consume,
	.summary = "hand each new event to a command, once; a queue and publish/subscribe",
	.usage = "STORE GROUP [options] [-- COMMAND [ARG...]]",
	.about = "Hand the events that a group has not had yet to a command, and note that it has them. Every group gets every "
		 "event; processes that consume the same group at a time share its events, each of which goes to one of them, those of "
		 "a stream in order. What fails is tried again, later and later, and then put in the dead letters.",
	.operands = operands,
	.least = 2,
	.most = SIZE_MAX,
	.exits = "01245",
	.groups = groups,
};
