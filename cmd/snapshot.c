/* evs snapshot: states of folds that are kept to start from. */
#include <inttypes.h>

#include "common/file.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/sheet.h"
#include "common/signals.h"
#include "common/verbs.h"
#include "event/render.h"
#include "evs.h"
#include "tools.h"

struct snapshot_args {
	struct evs_snapshot_selector which;
	struct option_common common;
	const char *fold;
	uint64_t every, keep;
	int format;
	struct buf fold_text;
};

#define WHICH(name) offsetof(struct snapshot_args, which.name)
#define ARG(name) offsetof(struct snapshot_args, name)

static const struct option options[] = {
	{0, "fold", "FILE", OPTION_TEXT, ARG(fold), 0, "file",
	 "the fold whose states they are, evs-fold(5); '-' is standard input; list, drop and prune without it: all folds"},
	{0, "key", "K", OPTION_TEXT, WHICH(key), 0, "stream", "the state of this key alone; of a fold by stream it is the aggregateId"},
	{0, "aggregate-type", "T", OPTION_TEXT, WHICH(aggregate_type), 0, "aggregate-type", "the aggregateType of the key's stream"},
	{0, "every", "N", OPTION_POSITIVE, ARG(every), 0, NULL,
	 "of take: a snapshot after each N events of a state, not one of how it is now"},
	{0, "keep", "N", OPTION_NUMBER, ARG(keep), 0, NULL, "of prune: how many of each state stay, the newest"},
	{0, "format", SHEET_FORMATS, OPTION_CHOICE, ARG(format), 0, NULL, "of list: lines of JSON, a table (the default on a terminal), or CSV"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct snapshot_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"KEY", "the state to print", "stream"},
	{0},
};

static void on_progress(void *context, uint64_t events)
{
	(void)context;
	progress_show(events, 0);
}

static int run_take(void *context, struct evs_store *store, const struct operands *given)
{
	struct snapshot_args *args = context;
	struct evs_error err = {0};
	uint64_t taken;
	int status;

	signals_catch();
	progress_begin(args->common.progress);
	status = evs_snapshot_take(store, &args->which, args->every, &signals_caught, on_progress, NULL, &taken, &err);
	progress_clear();
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

/* The members that list and show have in common. */
static void put_snapshot(struct buf *out, const struct evs_snapshot *s)
{
	buf_text(out, "{\"key\":");
	render_string(out, (const uint8_t *)s->key, s->key_size);
	if (s->aggregate_type != NULL) {
		buf_text(out, ",\"aggregateType\":");
		render_string(out, (const uint8_t *)s->aggregate_type, s->aggregate_type_size);
	}
	buf_printf(out, ",\"position\":%" PRIu64, s->position);
	if (s->revision != 0)
		buf_printf(out, ",\"revision\":%" PRIu64, s->revision);
	buf_printf(out, ",\"events\":%" PRIu64, s->events);
}

static int put_entry(void *context, const struct evs_snapshot *s)
{
	struct buf line = {0};
	int failed;

	put_snapshot(&line, s);
	buf_printf(&line, ",\"bytes\":%zu,\"fold\":\"%016" PRIx64 "\"}\n", s->bytes, s->hash);
	output_buf()->failed |= line.failed;
	failed = sheet_write(context, line.data, line.size);
	buf_free(&line);
	return failed;
}

static int run_list(void *context, struct evs_store *store, const struct operands *given)
{
	static const char *const titles[] = {"key", "aggregateType", "position", "revision", "events", "bytes", "fold", NULL};
	struct snapshot_args *args = context;
	struct sheet *sheet = NULL;
	struct evs_error err = {0};
	int status;

	signals_exit();
	status = sheet_of(args->format, titles, &sheet, &err);
	if (status == EVS_OK)
		status = evs_snapshot_list(store, &args->which, false, false, put_entry, sheet, &err);
	if (status == EVS_OK)
		sheet_finish(sheet);
	sheet_free(sheet);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int put_state(void *context, const struct evs_snapshot *s)
{
	struct buf *out = output_buf();
	size_t *n = context;

	++*n;
	put_snapshot(out, s);
	buf_text(out, ",\"state\":");
	buf_put(out, s->state, s->state_size);
	buf_text(out, "}\n");
	return output_flush_large();
}

static int run_show(void *context, struct evs_store *store, const struct operands *given)
{
	struct snapshot_args *args = context;
	struct evs_error err = {0};
	size_t n = 0;

	signals_exit();
	args->which.key = given->rest[0];
	if (evs_snapshot_list(store, &args->which, true, true, put_state, &n, &err) != EVS_OK)
		return message_refusal(given->list[0], &err);
	if (n > 0)
		return STATUS_DONE;
	message_print("%s: there is no snapshot of '%s' by %s", given->list[0], given->rest[0], file_name(args->fold));
	return STATUS_FAILED;
}

/* drop, and prune, which keeps some. */
static int run_drop(void *context, struct evs_store *store, const struct operands *given)
{
	struct snapshot_args *args = context;
	struct evs_error err = {0};
	uint64_t dropped;

	signals_exit();
	if (evs_snapshot_drop(store, &args->which, args->keep, &dropped, &err) != EVS_OK)
		return message_refusal(given->list[0], &err);
	return STATUS_DONE;
}

/* Reads the fold. */
static int prepare(void *context, const struct operands *given)
{
	struct snapshot_args *args = context;
	struct evs_snapshot_selector *which = &args->which;

	(void)given;
	return file_read_fold(args->fold, &args->fold_text, &which->fold, &which->fold_size, &which->fold_name);
}

static const struct verb verbs[] = {
	{"take", "--fold FILE", 0, 0, "fold key aggregate-type every", "fold", "keep the states as they are", EVS_WRITE, prepare, run_take, false},
	{"list", "", 0, 0, "fold key aggregate-type format", NULL, "list the snapshots", EVS_READ, prepare, run_list, false},
	{"show", "--fold FILE KEY", 1, 1, "fold aggregate-type", "fold", "print the newest one of a state", EVS_READ, prepare, run_show, false},
	{"drop", "", 0, 0, "fold key aggregate-type", NULL, "remove them", EVS_WRITE, prepare, run_drop, false},
	{"prune", "--keep N", 0, 0, "fold key aggregate-type keep", "keep", "remove all but the newest of each state", EVS_WRITE,
	 prepare, run_drop, false},
	{0},
};

/* The tool. */
static int cmd_snapshot(int argc, char **argv)
{
	struct snapshot_args args = {.format = SHEET_UNSET};
	int status = verbs_run(&tool_snapshot, argc, argv, &args);

	buf_free(&args.fold_text);
	return status;
}

const struct tool tool_snapshot = {
	.name = "snapshot",
	.run = cmd_snapshot,
	.summary = "keep states of a fold to start from",
	.usage = "[KEY] [options]",
	.about = "Keep states that a fold has made of many events, so that replay, decide and project need not go through all of "
		 "them again.",
	.operands = operands,
	.least = 2,
	.exits = "0125",
	.groups = groups,
	.verbs = verbs,
};
