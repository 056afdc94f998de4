/* evs replay: states as they were, what changed them, and events played out again. */
#include <stdlib.h>

#include "common/child.h"
#include "common/open.h"
#include "debug/debug.h"
#include "common/file.h"
#include "common/message.h"
#include "common/output.h"
#include "common/play.h"
#include "common/progress.h"
#include "common/selectors.h"
#include "common/signals.h"
#include "common/value.h"
#include "evs.h"
#include "tools.h"

struct replay_args {
	struct selectors selectors;
	struct evs_replay_options replay;
	struct option_common common;
	const char *fold, *with, *speed;
	const char *diff[2];
	const char *const *without;
	size_t n_without;
	bool history, interactive;
	const char *command; /* of the debugger */
	/* What they lead to. */
	struct buf fold_text, with_text;
	uint64_t *positions;
	double factor;
};

#define FIELD(name) offsetof(struct replay_args, replay.name)
#define ARG(name) offsetof(struct replay_args, name)

static const struct option state_options[] = {
	{0, "fold", "FILE", OPTION_TEXT, ARG(fold), 0, "file", "the fold that makes states of events, evs-fold(5); '-' is standard input"},
	{0, "exec", "CMD", OPTION_TEXT, FIELD(exec), 0, NULL, "in place of a fold, a command that does; run by sh"},
	{0, "timeout", "DURATION", OPTION_DURATION, FIELD(timeout_ms), 0, NULL, "with --exec: how long an answer may take (default 30s)"},
	{0, "key", "K", OPTION_TEXT, FIELD(key), 0, "stream",
	 "the one state to look at: of a fold by stream the stream's aggregateId; without it all states"},
	{0, "at", "TIME", OPTION_TIME, FIELD(at), 0, NULL, "by the events whose timestamp is not after TIME"},
	{0, "at-position", "N", OPTION_NUMBER, FIELD(position), FIELD(has_position), NULL, "by the events at positions up to N"},
	{0, "at-revision", "N", OPTION_NUMBER, FIELD(revision), FIELD(has_revision), NULL,
	 "by the events up to revision N of their stream"},
	{0, "without", "POS,...", OPTION_LIST, ARG(without), ARG(n_without), NULL,
	 "as if the events at these positions had not happened"},
	{0, "with", "FILE", OPTION_TEXT, ARG(with), 0, "file",
	 "as if the events in FILE, a line each, had happened as well; '-' is standard input"},
};

static const struct option show_options[] = {
	{0, "history", NULL, OPTION_FLAG, ARG(history), 0, NULL, "a line for each event, with the state after it"},
	{0, "diff", "A B", OPTION_PAIR, ARG(diff), 0, NULL,
	 "what changed between two moments, each a TIME or a position, as JSON Patch (RFC 6902)"},
	{0, "first", "EXPR", OPTION_TEXT, FIELD(first), 0, NULL,
	 "the first event after which EXPR holds, and the state before and after it"},
	{0, "blame", "PATH", OPTION_TEXT, FIELD(blame), 0, NULL, "the last event that changed the state at PATH"},
};

static const struct option debug_options[] = {
	{'i', "interactive", NULL, OPTION_FLAG, ARG(interactive), 0, NULL,
	 "go through history with a debugger: on a terminal, or by the commands on standard input"},
	{0, "command", "FILE", OPTION_TEXT, ARG(command), 0, "file", "do the commands in FILE first"},
};

static const struct option play_options[] = {
	{0, "speed", "FACTOR", OPTION_TEXT, ARG(speed), 0, "1x|10x|100x|max",
	 "print the events again with the gaps in time that they happened with, divided by 10x; max has none"},
};

static const struct option_group groups[] = {
	{"States", state_options, OPTION_COUNT(state_options), 0},
	{"What to show, in place of the states", show_options, OPTION_COUNT(show_options), 0},
	{"Debugging", debug_options, OPTION_COUNT(debug_options), 0},
	{"Playing events out again, in place of states", play_options, OPTION_COUNT(play_options), 0},
	SELECTORS_GROUP(struct replay_args, selectors),
	OPTION_COMMON_GROUP(struct replay_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"COMMAND", "with --speed: gets the events on its standard input, a line each", "command"},
	{0},
};

/* ---- options ---- */

/* Whether at most one of the things to show was asked for; sets which. */
static bool choose_show(struct replay_args *args)
{
	const struct {
		const char *name;
		enum evs_replay_show show;
		bool asked;
	} shows[] = {
		{"--history", EVS_REPLAY_HISTORY, args->history},
		{"--diff", EVS_REPLAY_DIFF, args->diff[0] != NULL},
		{"--first", EVS_REPLAY_FIRST, args->replay.first != NULL},
		{"--blame", EVS_REPLAY_BLAME, args->replay.blame != NULL},
	};
	const char *asked = NULL;

	for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
		if (!shows[i].asked)
			continue;
		if (asked != NULL) {
			message_usage("%s and %s exclude each other", asked, shows[i].name);
			return false;
		}
		asked = shows[i].name;
		args->replay.show = shows[i].show;
	}
	return true;
}

/* Whether the options for states go together. */
static bool check_states(struct replay_args *args)
{
	const struct evs_replay_options *o = &args->replay;

	if (!choose_show(args))
		return false;
	if (o->timeout_ms != 0 && o->exec == NULL) {
		message_usage("--timeout goes with --exec");
		return false;
	}
	if (o->show == EVS_REPLAY_DIFF && (o->at != NULL || o->has_position || o->has_revision)) {
		message_usage("--diff names both moments: it excludes --at, --at-position and --at-revision");
		return false;
	}
	return true;
}

/* Whether the options go together when events are played out. */
static bool check_play(struct replay_args *args)
{
	const struct evs_replay_options *o = &args->replay;

	if (args->fold != NULL || o->exec != NULL || o->timeout_ms != 0 || o->key != NULL || o->at != NULL || o->has_position || o->has_revision ||
	    args->n_without > 0 || args->with != NULL || args->history || args->diff[0] != NULL || o->first != NULL || o->blame != NULL) {
		message_usage("--speed plays events out, not states: of the options for states it takes none");
		return false;
	}
	if (!play_speed(args->speed, &args->factor)) {
		message_usage("option '--speed' needs a factor such as 10x, 1x or 0.5x, or max, not '%s'", args->speed);
		return false;
	}
	return true;
}

/* Whether the options go together in the debugger. */
static bool check_debug(struct replay_args *args)
{
	const struct evs_replay_options *o = &args->replay;

	if (args->history || args->diff[0] != NULL || o->first != NULL || o->blame != NULL || args->speed != NULL) {
		message_usage("--interactive has commands for what --history, --diff, --first and --blame show, and excludes these and --speed");
		return false;
	}
	if (args->n_without > 0 || args->with != NULL || o->has_revision) {
		message_usage("--interactive excludes --without, which is a command there, --with and --at-revision");
		return false;
	}
	if (o->at != NULL && o->has_position) {
		message_usage("--interactive begins at one moment: --at and --at-position exclude each other there");
		return false;
	}
	if (args->fold != NULL && strcmp(args->fold, "-") == 0) {
		message_usage("--interactive reads its commands from standard input, and no fold");
		return false;
	}
	return true;
}

/* Whether the options go together. */
static bool check(struct replay_args *args, const struct operands *given)
{
	if (!selectors_finish(&args->selectors))
		return false;
	if (args->selectors.selector.reverse) {
		message_usage("replay goes forwards: it excludes --reverse");
		return false;
	}
	if (args->command != NULL && !args->interactive) {
		message_usage("--command goes with --interactive");
		return false;
	}
	if (args->interactive && !check_debug(args))
		return false;
	if (args->speed != NULL)
		return check_play(args);
	if (args->fold == NULL && args->replay.exec == NULL && !args->interactive) {
		message_usage("it needs --fold FILE or --exec CMD, which make states of events, --interactive, or --speed FACTOR, which "
		              "plays events out");
		return false;
	}
	if (args->fold != NULL && args->replay.exec != NULL) {
		message_usage("--fold and --exec exclude each other");
		return false;
	}
	if (given->n > 1) {
		message_usage("one operand too many: '%s'; a COMMAND goes with --speed", given->list[1]);
		return false;
	}
	return check_states(args);
}

/* 3,17,18 into positions. */
static bool add_positions(struct replay_args *args, const char *list)
{
	char *copy = strdup(list), *rest = copy, *part;
	bool good = copy != NULL;

	while (good && (part = strsep(&rest, ",")) != NULL) {
		uint64_t *grown = reallocarray(args->positions, args->replay.n_without + 1, sizeof *grown);

		good = grown != NULL && value_number(part, &grown[args->replay.n_without]);
		args->positions = grown != NULL ? grown : args->positions;
		args->replay.n_without += good;
	}
	free(copy);
	if (!good)
		message_usage("option '--without' needs positions such as 3 or 3,17, not '%s'", list);
	return good;
}

/* Read what the options lead to. Returns STATUS_DONE, or what is wrong was said. */
static int load(struct replay_args *args)
{
	struct evs_replay_options *o = &args->replay;
	struct evs_error err;

	for (size_t i = 0; i < args->n_without; i++)
		if (!add_positions(args, args->without[i]))
			return STATUS_USAGE;
	signals_exit();
	if (args->with != NULL && file_read(args->with, &args->with_text, &err) != EVS_OK)
		return message_text(&err);
	o->selector = &args->selectors.selector;
	o->without = args->positions;
	o->from = args->diff[0];
	o->to = args->diff[1];
	if (args->with != NULL)
		o->with = args->with_text.data == NULL ? "" : (const char *)args->with_text.data;
	o->with_size = args->with_text.size;
	return file_read_fold(args->fold, &args->fold_text, &o->fold, &o->fold_size, &o->fold_name);
}

/* ---- states ---- */

/* Print lines. */
static int write_lines(void *context, const void *text, size_t size)
{
	(void)context;
	progress_clear();
	return output_write(text, size);
}

/* Show how far it is. */
static void on_progress(void *context, uint64_t events)
{
	(void)context;
	progress_show(events, 0);
}

/* Show states of the open store. */
static int run_states(struct replay_args *args, struct evs_store *store, const char *path)
{
	struct evs_error err = {0};
	int status;

	signals_catch();
	progress_begin(args->common.progress);
	args->replay.stop = &signals_caught;
	args->replay.on_progress = on_progress;
	args->replay.write = write_lines;
	status = evs_replay(store, &args->replay, &err);
	progress_clear();
	return status == EVS_OK ? STATUS_DONE : message_refusal(path, &err);
}

/* Debug the open store. */
static int run_debug(const struct replay_args *args, struct evs_store *store, const char *path)
{
	const struct debug_options options = {
		.command = args->command, .at = args->replay.at, .has_position = args->replay.has_position,
		.position = args->replay.position, .progress = args->common.progress,
	};

	return debug_run(store, path, &args->replay, &options);
}

/* ---- events ---- */

/* Play events out, to a command where there is one. */
static int run_play(struct replay_args *args, struct evs_store *store, const char *path, char *const *command)
{
	struct evs_error err = {0};
	char how[CHILD_HOW];
	pid_t pid = -1;
	int status, ended;

	signals_catch();
	progress_begin(args->common.progress);
	if (command != NULL && (pid = child_pipe_output(command)) < 0)
		return STATUS_FAILED;
	status = play_events(store, &args->selectors.selector, args->factor, &err);
	status = status == EVS_OK ? STATUS_DONE : message_failure(path, &err);
	progress_clear();
	if (pid < 0)
		return status;
	ended = child_end_output(pid);
	if (status != STATUS_DONE || child_succeeded(ended))
		return status;
	child_how(ended, how);
	message_print("'%s' ended with %s", command[0], how);
	return STATUS_FAILED;
}

/* The tool. */
static int cmd_replay(int argc, char **argv)
{
	struct replay_args args = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_replay, argc, argv, &args, &given, &status))
		return status;
	status = check(&args, &given) ? STATUS_DONE : STATUS_USAGE;
	if (status == STATUS_DONE && args.speed == NULL)
		status = load(&args);
	if (status == STATUS_DONE && open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	if (status == STATUS_DONE)
		selectors_advise(&args.selectors, store, given.list[0]);
	if (status == STATUS_DONE && args.speed != NULL)
		status = run_play(&args, store, given.list[0], given.n > 1 ? given.list + 1 : NULL);
	else if (status == STATUS_DONE && args.interactive)
		status = run_debug(&args, store, given.list[0]);
	else if (status == STATUS_DONE)
		status = run_states(&args, store, given.list[0]);
	evs_close(store);
	buf_free(&args.fold_text);
	buf_free(&args.with_text);
	free(args.positions);
	options_release(&tool_replay, &args);
	return status;
}

const struct tool tool_replay = {
	.name = "replay",
	.run = cmd_replay,
	.summary = "show states as they were and which event made them so, debug history, or play events out again",
	.usage = "STORE [options] [-- COMMAND [ARG...]]",
	.about = "Go back in time: with a fold, show the state of one key or of all as it was at any moment, how it came "
		 "about, what changed, which event did it, and what it would be had events not happened. With --interactive, go through "
		 "history with a debugger. With --speed, play events out again with the gaps in time between them.",
	.operands = operands,
	.least = 1,
	.most = SIZE_MAX,
	.exits = "01235",
	.groups = groups,
};
