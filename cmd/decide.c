/* evs decide: a command decides on a stream's state, and what it prints is appended if the state still holds. */
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "common/child.h"
#include "common/file.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/receipt.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

#define TRIES 5
#define TIMEOUT_MS 30000
#define ANSWER_MAX ((size_t)64 << 20) /* bytes of what a command prints */

struct decide_args {
	struct evs_decide_options decide;
	struct option_common common;
	const char *fold, *command;
	uint64_t tries;
};

#define FIELD(name) offsetof(struct decide_args, decide.name)
#define ARG(name) offsetof(struct decide_args, name)

static const struct option options[] = {
	{'s', "stream", "ID", OPTION_TEXT, FIELD(stream), 0, "stream", "the stream that is decided on: its aggregateId"},
	{0, "aggregate-type", "T", OPTION_TEXT, FIELD(aggregate_type), 0, "aggregate-type",
	 "its aggregateType; needed where several streams have the id"},
	{0, "fold", "FILE", OPTION_TEXT, ARG(fold), 0, "file", "the fold that makes the state of its events, evs-fold(5)"},
	{0, "exec", "CMD", OPTION_TEXT, FIELD(exec), 0, NULL, "in place of a fold, a command that does; run by sh"},
	{0, "command", "FILE", OPTION_TEXT, ARG(command), 0, "file",
	 "what is asked for, a JSON value; standard input when it is no terminal, or '-'"},
	{0, "timeout", "DURATION", OPTION_DURATION, FIELD(timeout_ms), 0, NULL,
	 "how long COMMAND may take, and with --exec an answer (default 30s)"},
	{0, "tries", "N", OPTION_POSITIVE, ARG(tries), 0, NULL,
	 "how often to decide at most while others change the stream (default 5)"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct decide_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"COMMAND", "decides: reads a line {\"state\",\"revision\",\"command\"}, prints events", "command"},
	{0},
};

/* A decision under way. */
struct run {
	char *const *command;
	int64_t timeout_ms;
	struct buf answer;
};

/* Print one receipt: its event is on disk. */
static int on_receipt(void *context, const struct evs_receipt *r)
{
	(void)context;
	receipt_put(output_buf(), r);
	/* Nobody reads them any more: the events are there all the same. */
	return output_flush() != 0 && !output_closed();
}

/* Have the command decide. */
static int ask(void *context, const char *question, size_t size, const char **answer, size_t *answer_size,
               struct evs_error *err)
{
	struct run *run = context;
	const struct child_question asked = {question, size, ANSWER_MAX, run->timeout_ms};
	char how[CHILD_HOW];
	int ended = 0;

	run->answer.size = 0;
	switch (child_talk(run->command, &asked, &run->answer, &ended)) {
	case CHILD_NONE:
	case CHILD_FAILED:
		return error_set(err, EVS_INTERRUPTED, 0, "it was said why");
	case CHILD_STOPPED:
		return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	case CHILD_FLOODS:
		return error_set(err, EVS_END, 0, "'%s' printed more than %zu bytes, and was killed; nothing was appended",
		                 run->command[0], ANSWER_MAX);
	case CHILD_SLOW:
		return error_set(err, EVS_END, 0, "'%s' did not end in %lld ms, and was killed; nothing was appended", run->command[0],
		                 (long long)run->timeout_ms);
	case CHILD_ENDED:
		break;
	}
	child_how(ended, how);
	if (!child_succeeded(ended))
		return error_set(err, EVS_END, 0, "'%s' %s %s; nothing was appended", run->command[0],
		                 WIFEXITED(ended) ? "rejected it with" : "was killed by", how);
	*answer = run->answer.data == NULL ? "" : (const char *)run->answer.data;
	*answer_size = run->answer.size;
	return EVS_OK;
}

/* Decide on the open store. */
static int run_decide(struct decide_args *args, struct evs_store *store, const char *path, char *const *command)
{
	struct run run = {.command = command, .timeout_ms = args->decide.timeout_ms};
	struct evs_error err = {0};
	int status;

	args->decide.tries = args->tries > UINT_MAX ? UINT_MAX : (unsigned)args->tries;
	args->decide.decide = ask;
	args->decide.on_receipt = on_receipt;
	args->decide.stop = &signals_caught;
	args->decide.context = &run;
	signals_catch();
	output_be_patient();
	status = evs_decide(store, &args->decide, &err);
	buf_free(&run.answer);
	if (status == EVS_OK)
		return STATUS_DONE;
	if (status == EVS_INTERRUPTED && signals_caught == 0)
		return STATUS_FAILED;
	return message_refusal(path, &err);
}

/* Whether all that is needed was given, and nothing twice. */
static bool check(const struct decide_args *args)
{
	if (args->decide.stream == NULL)
		message_usage("--stream is missing: which stream to decide on");
	else if (args->fold == NULL && args->decide.exec == NULL)
		message_usage("--fold is missing: what makes the state of the stream's events");
	else if (args->fold != NULL && args->decide.exec != NULL)
		message_usage("--fold and --exec exclude each other");
	else
		return true;
	return false;
}

/* The tool. */
static int cmd_decide(int argc, char **argv)
{
	struct decide_args args = {.tries = TRIES, .decide.timeout_ms = TIMEOUT_MS};
	struct buf fold = {0}, command = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_decide, argc, argv, &args, &given, &status))
		return status;
	status = check(&args) ? STATUS_DONE : STATUS_USAGE;
	if (status == STATUS_DONE)
		status = file_read_fold(args.fold, &fold, &args.decide.fold, &args.decide.fold_size, &args.decide.fold_name);
	if (status == STATUS_DONE && open_store(given.list[0], EVS_WRITE, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	if (status == STATUS_DONE)
		status = file_read_json(args.command, &command, &args.decide.command, &args.decide.command_size);
	if (status == STATUS_DONE)
		status = run_decide(&args, store, given.list[0], given.list + 1);
	evs_close(store);
	buf_free(&fold);
	buf_free(&command);
	options_release(&tool_decide, &args);
	return status;
}

const struct tool tool_decide = {
	.name = "decide",
	.run = cmd_decide,
	.summary = "have a command decide on a stream's state, and append what it decides",
	.usage = "STORE [options] -- COMMAND [ARG...]",
	.about = "Load the state of a stream, run COMMAND with it, and append the events that COMMAND prints, if the stream has "
		 "not changed meanwhile; if it has, do it again. When COMMAND ends with another exit status than 0 nothing is "
		 "appended.",
	.operands = operands,
	.least = 2,
	.most = SIZE_MAX,
	.exits = "01235",
	.groups = groups,
};
