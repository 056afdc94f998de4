/* evs project: named folds that keep what they made of events, and look-ups in it. */
#include <inttypes.h>

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/selectors.h"
#include "common/sheet.h"
#include "common/signals.h"
#include "common/value.h"
#include "common/verbs.h"
#include "evs.h"
#include "tools.h"

struct project_args {
	struct selectors selectors;
	struct evs_project_options run;
	struct option_common common;
	const char *fold, *sort, *fields;
	int on_failure, format;
	struct buf fold_text;
};

#define RUN(name) offsetof(struct project_args, run.name)
#define ARG(name) offsetof(struct project_args, name)

static const struct option run_options[] = {
	{0, "fold", "FILE", OPTION_TEXT, ARG(fold), 0, "file", "the fold that makes states of events, evs-fold(5); '-' is standard input"},
	{0, "exec", "CMD", OPTION_TEXT, RUN(exec), 0, NULL,
	 "in place of a fold a command, which reads lines {\"state\":...,\"event\":...} and answers each with the new state"},
	{0, "timeout", "DURATION", OPTION_DURATION, RUN(timeout_ms), 0, NULL, "with --exec: how long an answer may take (default 30s)"},
	{'f', "follow", NULL, OPTION_FLAG, RUN(follow), 0, NULL, "at the end wait for new events and go on with them"},
	{0, "rebuild", NULL, OPTION_FLAG, RUN(rebuild), 0, NULL,
	 "make the model anew beside the one that is there, and put it in its place at the end"},
	{0, "key", "K", OPTION_TEXT, RUN(key), 0, "stream",
	 "with --rebuild: make the state of this key alone anew; by stream it is the aggregateId, and --aggregate-type its type"},
	{0, "on-failure", "stop|dlq", OPTION_CHOICE, ARG(on_failure), 0, NULL,
	 "where the fold fails on an event: stop there (the default), or put it in the dead letters and go on"},
	{0, "batch", "N", OPTION_POSITIVE, RUN(batch), 0, NULL, "commit after each N events at the latest (default 1048576)"},
};

static const struct option show_options[] = {
	{0, "sort", "[-]FIELD", OPTION_TEXT, ARG(sort), 0, NULL, "in the order of this field of the state; with - the greatest first"},
	{0, "fields", "FIELD,...", OPTION_TEXT, ARG(fields), 0, NULL, "of a table and CSV: only these fields of the state, such as balance,lines.X1.qty"},
	{0, "format", SHEET_FORMATS, OPTION_CHOICE, ARG(format), 0, NULL,
	 "also of list and status: lines of JSON, a table (the default on a terminal), or CSV"},
};

static const struct option_group groups[] = {
	{"Options of run", run_options, OPTION_COUNT(run_options), 0},
	{"Options of show, beside --where (on the state), --limit, --aggregate-type", show_options,
	 OPTION_COUNT(show_options), 0},
	SELECTORS_GROUP(struct project_args, selectors),
	OPTION_COMMON_GROUP(struct project_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"NAME", "the name of the projection", "projection"},
	{"KEY", "the state to print", "key"},
	{"POS", "the position of the event", NULL},
	{0},
};

/* ---- run ---- */

static void on_dead(void *context, uint64_t position, const char *message)
{
	(void)position;
	message_print("%s: %s; put in the dead letters", (const char *)context, message);
}

static void on_progress(void *context, uint64_t events)
{
	(void)context;
	progress_show(events, 0);
}

/* Note the position at which a projection is stuck, 0: it is not. */
static int note_stuck(void *context, const struct evs_projection *p)
{
	uint64_t *stuck = context;

	*stuck = p->stuck != 0 ? p->stuck : p->rebuild_stuck;
	return 0;
}

/* Say what there is to do when a fold fails. */
static void advise(struct evs_store *store, const char *path, const char *name)
{
	uint64_t stuck = 0;

	if (evs_project_list(store, name, note_stuck, &stuck, NULL) == EVS_OK && stuck != 0)
		message_print("%s: projection '%s' is stuck there: mend the fold and run it with --rebuild, or step over the event with "
		              "evs project %s skip '%s' %" PRIu64, path, name, path, name, stuck);
}

static int run_run(void *context, struct evs_store *store, const struct operands *given)
{
	struct project_args *args = context;
	const char *path = given->list[0];
	struct evs_project_result result;
	struct evs_error err = {0};
	int status;

	signals_catch();
	memory_expect_much();
	selectors_advise(&args->selectors, store, path);
	progress_begin(args->common.progress);
	args->run.name = given->rest[0];
	args->run.selector = &args->selectors.selector;
	args->run.on_failure = (enum evs_on_failure)args->on_failure;
	args->run.stop = &signals_caught;
	args->run.on_dead = on_dead;
	args->run.on_progress = on_progress;
	args->run.context = (void *)(uintptr_t)path;
	status = evs_project_run(store, &args->run, &result, &err);
	progress_clear();
	if (status == EVS_OK)
		return result.dead > 0 ? STATUS_REJECTED : STATUS_DONE;
	status = message_refusal(path, &err);
	if (err.status == EVS_BAD_EVENT)
		advise(store, path, args->run.name);
	return status;
}

/* Whether the options go together; reads the fold. */
static int prepare_run(void *context, const struct operands *given)
{
	struct project_args *args = context;
	struct evs_project_options *run = &args->run;
	struct evs_selector *selector = &args->selectors.selector;

	(void)given;
	if ((args->fold == NULL) == (run->exec == NULL))
		return message_usage(args->fold == NULL ? "run needs --fold FILE or --exec CMD, which makes states of events" :
		                                          "--fold and --exec exclude each other");
	if (run->timeout_ms != 0 && run->exec == NULL)
		return message_usage("--timeout goes with --exec");
	if (run->key != NULL && (!run->rebuild || run->follow))
		return message_usage("--key goes with --rebuild, and excludes --follow");
	if (args->selectors.has_to && selector->to == 0)
		return message_usage("option '--to' needs a number from 1: up to position 0 there is nothing to project");
	if (!selectors_finish(&args->selectors))
		return STATUS_USAGE;
	if (run->key != NULL) {
		run->aggregate_type = selector->aggregate_type;
		selector->aggregate_type = NULL;
	}
	return file_read_fold(args->fold, &args->fold_text, &run->fold, &run->fold_size, &run->fold_name);
}

/* ---- show ---- */

static int add_field(void *context, const char *field, size_t size)
{
	return !sheet_add(context, NULL, "state", field, size);
}

/* Have the columns of a projection's states: these fields, or where `chosen` is NULL all. */
static int state_columns(struct evs_store *store, const char *name, const char *chosen, struct sheet_columns *columns, struct evs_error *err)
{
	struct sheet_columns fields = {0};
	bool by_stream, good;
	int status = evs_project_fields(store, name, add_field, &fields, &by_stream, err);

	if (status != EVS_OK) {
		sheet_release(&fields);
		return status;
	}
	good = sheet_add(columns, NULL, NULL, "key", 3) && (!by_stream || sheet_add(columns, NULL, NULL, "aggregateType", 13));
	for (size_t i = 0; i < fields.n && good && chosen == NULL; i++) {
		good = array_grow(&columns->list, &columns->cap, columns->n, sizeof *columns->list);
		if (good) {
			columns->list[columns->n++] = fields.list[i];
			fields.list[i] = (struct event_table_column){0};
		}
	}
	sheet_release(&fields);
	if (good)
		return chosen == NULL ? EVS_OK : sheet_add_fields(columns, "state", chosen, err);
	*err = (struct evs_error){.status = EVS_NOMEM, .message = "out of memory"};
	return EVS_NOMEM;
}

static int prepare_show(void *context, const struct operands *given)
{
	const struct project_args *args = context;

	(void)given;
	if (args->fields != NULL && sheet_choose(args->format) == SHEET_JSON)
		return message_usage("--fields goes with --format table or csv");
	return STATUS_DONE;
}

static int run_show(void *context, struct evs_store *store, const struct operands *given)
{
	const struct project_args *args = context;
	int format = sheet_choose(args->format), status = EVS_OK;
	const struct evs_selector *selector = &args->selectors.selector;
	struct evs_show_options show = {
		.name = given->rest[0], .key = given->rest[1], .aggregate_type = selector->aggregate_type, .where = selector->where,
		.sort = args->sort, .limit = selector->limit, .has_limit = selector->has_limit, .write = sheet_write,
	};
	struct sheet_columns columns = {0};
	struct sheet *sheet = NULL;
	struct evs_error err = {0};

	signals_exit();
	if (format != SHEET_JSON)
		status = state_columns(store, show.name, args->fields, &columns, &err);
	if (status == EVS_OK)
		status = sheet_new(format, &columns, &sheet, &err);
	show.context = sheet;
	if (status == EVS_OK)
		status = evs_project_show(store, &show, &err);
	if (status == EVS_OK)
		sheet_finish(sheet);
	sheet_free(sheet);
	sheet_release(&columns);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

/* ---- list and status ---- */

static void put_name(struct buf *out, const struct evs_projection *p)
{
	buf_text(out, "{\"name\":");
	json_put_string(out, p->name, p->name_size);
}

/* When a run last committed, if one did. */
static void put_last_run(struct buf *out, const struct evs_projection *p)
{
	if (p->ran_us != 0)
		json_put_moment(out, "lastRun", p->ran_us);
}

/* What a projection is. */
static int put_entry(void *context, const struct evs_projection *p)
{
	struct buf *out = context;

	put_name(out, p);
	json_put_text(out, p->exec ? "exec" : "fold", p->source, p->source_size);
	buf_printf(out, ",\"by\":\"%s\"", p->by_stream ? "stream" : "key");
	json_put_value(out, "selectors", p->selectors, p->selectors_size);
	buf_printf(out, ",\"states\":%" PRIu64 ",\"position\":%" PRIu64, p->states, p->position);
	put_last_run(out, p);
	buf_text(out, "}\n");
	return 0;
}

/* Where it is stuck, if it is. */
static void put_stuck(struct buf *out, uint64_t position, const char *reason, size_t size)
{
	if (position == 0)
		return;
	buf_printf(out, ",\"stuckAt\":%" PRIu64, position);
	json_put_text(out, "reason", reason, size);
}

/* In the words of evs group. */
static const char *status_of(const struct evs_projection *p)
{
	return p->stuck != 0 ? "stuck" : p->lag_events == 0 ? "done" : p->running ? "progressing" : "idle";
}

/* How a projection is. */
static int put_status(void *context, const struct evs_projection *p)
{
	struct buf *out = context;

	put_name(out, p);
	json_put_text(out, "status", status_of(p), strlen(status_of(p)));
	buf_printf(out, ",\"position\":%" PRIu64 ",\"lag\":%" PRIu64 ",\"lagSeconds\":%.3f", p->position, p->lag_events,
	           (double)p->lag_us / 1e6);
	buf_printf(out, ",\"running\":%s,\"states\":%" PRIu64 ",\"events\":%" PRIu64 ",\"deadLetters\":%" PRIu64 ",\"skipped\":%" PRIu64,
	           p->running ? "true" : "false", p->states, p->events, p->dead, p->skipped);
	put_last_run(out, p);
	put_stuck(out, p->stuck, p->reason, p->reason_size);
	if (p->rebuilding) {
		buf_printf(out, ",\"rebuild\":{\"position\":%" PRIu64, p->rebuild_position);
		put_stuck(out, p->rebuild_stuck, p->rebuild_reason, p->rebuild_reason_size);
		buf_byte(out, '}');
	}
	buf_text(out, "}\n");
	return 0;
}

/* Print a line for each projection, or for one. */
static int print_list(const struct project_args *args, struct evs_store *store, const struct operands *given,
                      const char *const *titles, int (*put)(void *context, const struct evs_projection *projection))
{
	struct sheet *sheet = NULL;
	struct buf lines = {0};
	struct evs_error err = {0};
	int status;

	signals_exit();
	status = evs_project_list(store, given->rest[0], put, &lines, &err);
	if (status == EVS_OK && lines.failed) {
		status = EVS_NOMEM;
		err = (struct evs_error){.status = EVS_NOMEM, .message = "out of memory"};
	}
	if (status == EVS_OK)
		status = sheet_of(args->format, titles, &sheet, &err);
	if (status == EVS_OK && sheet_write(sheet, lines.data, lines.size) == 0)
		sheet_finish(sheet);
	sheet_free(sheet);
	buf_free(&lines);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int run_list(void *context, struct evs_store *store, const struct operands *given)
{
	static const char *const titles[] = {"name", "by", "states", "position", "lastRun", "selectors", NULL};

	return print_list(context, store, given, titles, put_entry);
}

static int run_status(void *context, struct evs_store *store, const struct operands *given)
{
	static const char *const titles[] = {"name", "status", "position", "lag", "lagSeconds", "states", "running", "lastRun", "reason", NULL};

	return print_list(context, store, given, titles, put_status);
}

/* ---- drop and skip ---- */

static int run_drop(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_error err = {0};

	(void)context;
	signals_exit();
	return evs_project_drop(store, given->rest[0], &err) == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int prepare_skip(void *context, const struct operands *given)
{
	uint64_t position;

	(void)context;
	if (!value_number(given->rest[1], &position))
		return message_usage("skip needs the position of an event, not '%s'", given->rest[1]);
	return STATUS_DONE;
}

static int run_skip(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_error err = {0};
	uint64_t position;

	(void)context;
	value_number(given->rest[1], &position);
	signals_exit();
	return evs_project_skip(store, given->rest[0], position, &err) == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

/* ---- verbs ---- */

static const struct verb verbs[] = {
	{"run", "NAME --fold FILE|--exec CMD", 1, 1, "fold exec timeout follow rebuild key on-failure batch " VERB_SELECTORS, NULL,
	 "bring a projection up to the newest event", EVS_WRITE, prepare_run, run_run, false},
	{"show", "NAME [KEY]", 1, 2, "where sort limit aggregate-type fields format", NULL, "print its states, or one", EVS_READ, prepare_show, run_show, false},
	{"list", "", 0, 0, "format", NULL, "list the projections", EVS_READ, NULL, run_list, false},
	{"status", "[NAME]", 0, 1, "format", NULL, "say how far each is, or one", EVS_READ, NULL, run_status, false},
	{"drop", "NAME", 1, 1, NULL, NULL, "remove one with its states", EVS_WRITE, NULL, run_drop, false},
	{"skip", "NAME POS", 2, 2, NULL, NULL, "step over the event on which it is stuck", EVS_WRITE, prepare_skip, run_skip, false},
	{0},
};

/* The tool. */
static int cmd_project(int argc, char **argv)
{
	struct project_args args = {.on_failure = EVS_FAILURE_STOP, .format = SHEET_UNSET};
	int status = verbs_run(&tool_project, argc, argv, &args);

	buf_free(&args.fold_text);
	return status;
}

const struct tool tool_project = {
	.name = "project",
	.run = cmd_project,
	.summary = "keep states that are made of events, and look things up in them",
	.usage = "[NAME ...] [options]",
	.about = "Keep read models: what a fold has made of the events, under a name and with the position up to which it did. "
		 "Run again, it does what is new.",
	.operands = operands,
	.least = 2,
	.exits = "01245",
	.groups = groups,
	.verbs = verbs,
};
