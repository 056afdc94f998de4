/* evs group: how consumer groups are, and where they go on. */
#include <inttypes.h>
#include <string.h>

#include "base/moment.h"
#include "common/json.h"
#include "common/message.h"
#include "common/output.h"
#include "common/sheet.h"
#include "common/signals.h"
#include "common/value.h"
#include "common/verbs.h"
#include "evs.h"
#include "tools.h"

struct group_args {
	struct option_common common;
	const char *to;
	bool dry_run;
	int format;
};

#define ARG(name) offsetof(struct group_args, name)

static const struct option options[] = {
	{0, "to", "start|end|POS|TIME", OPTION_TEXT, ARG(to), 0, "start|end",
	 "where the group goes on: at the first event, behind the newest, behind position POS, at the first event that the store got at TIME or later"},
	{0, "dry-run", NULL, OPTION_FLAG, ARG(dry_run), 0, NULL, "only say what reset would do"},
	{0, "format", SHEET_FORMATS, OPTION_CHOICE, ARG(format), 0, NULL, "of list: lines of JSON, a table (the default on a terminal), or CSV"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct group_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"GROUP", "the name of the group", "group"},
	{0},
};

/* ---- list and show ---- */

/* Stuck on an event; done; or progressing, with members at work or waiting for a run. */
static const char *status_of(const struct evs_group *g)
{
	return g->stuck != 0 ? "stuck" : g->lag_events == 0 ? "done" : g->n_members > 0 ? "progressing" : "idle";
}

static void put_group(struct buf *out, const struct evs_group *g)
{
	buf_text(out, "{\"group\":");
	json_put_string(out, g->name, g->name_size);
	buf_printf(out, ",\"status\":\"%s\",\"position\":%" PRIu64 ",\"lag\":%" PRIu64 ",\"lagSeconds\":%.3f", status_of(g), g->position,
	           g->lag_events, (double)g->lag_us / 1e6);
	buf_printf(out, ",\"members\":%zu,\"handled\":%" PRIu64 ",\"retried\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"deadLetters\":%" PRIu64,
	           g->n_members, g->handled, g->retried, g->waiting, g->letters);
}

/* What list leaves out. */
static void put_rest(struct buf *out, const struct evs_group *g)
{
	const char *selectors = g->selectors == NULL ? "{}" : g->selectors, *setup = g->setup == NULL ? "null" : g->setup;

	if (g->first_unfinished != 0)
		buf_printf(out, ",\"oldestUnfinished\":%" PRIu64, g->first_unfinished);
	if (g->stuck != 0)
		buf_printf(out, ",\"stuckAt\":%" PRIu64, g->stuck);
	if (g->reason != NULL)
		json_put_text(out, "reason", g->reason, strlen(g->reason));
	buf_printf(out, ",\"emitted\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"parked\":%" PRIu64 ",\"pids\":[", g->emitted, g->dead, g->parked);
	for (size_t i = 0; i < g->n_members; i++)
		buf_printf(out, "%s%" PRIu64, i == 0 ? "" : ",", g->members[i]);
	buf_text(out, "]");
	json_put_moment(out, "createdAt", g->made_us);
	if (g->moved_us != 0)
		json_put_moment(out, "movedAt", g->moved_us);
	json_put_value(out, "selectors", selectors, strlen(selectors));
	json_put_value(out, "setup", setup, strlen(setup));
}

static int put_line(void *context, const struct evs_group *g)
{
	struct buf line = {0};
	int failed;

	put_group(&line, g);
	buf_text(&line, "}\n");
	failed = line.failed || sheet_write(context, line.data, line.size) != 0;
	buf_free(&line);
	return failed;
}

static int run_list(void *context, struct evs_store *store, const struct operands *given)
{
	static const char *const titles[] = {"group", "status", "position", "lag", "lagSeconds", "members", "handled", "retried", "waiting", "deadLetters", NULL};
	struct group_args *args = context;
	struct sheet *sheet = NULL;
	struct evs_error err = {0};
	int status;

	signals_exit();
	status = sheet_of(args->format, titles, &sheet, &err);
	if (status == EVS_OK)
		status = evs_group_list(store, NULL, put_line, sheet, &err);
	if (status == EVS_OK)
		sheet_finish(sheet);
	sheet_free(sheet);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int put_all(void *context, const struct evs_group *g)
{
	struct buf *out = output_buf();

	(void)context;
	put_group(out, g);
	put_rest(out, g);
	buf_text(out, "}\n");
	return output_flush_large();
}

/* Say that there is no such group. */
static int no_group(const struct operands *given)
{
	message_print("%s: there is no group '%s'; evs group %s lists those there are", given->list[0], given->rest[0], given->list[0]);
	return STATUS_FAILED;
}

static int run_show(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_error err = {0};
	int status;

	(void)context;
	signals_exit();
	status = evs_group_list(store, given->rest[0], put_all, NULL, &err);
	if (status == EVS_END)
		return no_group(given);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

/* ---- reset and drop ---- */

static int prepare_reset(void *context, const struct operands *given)
{
	struct group_args *args = context;
	uint64_t position;

	(void)given;
	if (strcmp(args->to, "start") == 0 || strcmp(args->to, "end") == 0 || value_number(args->to, &position) || value_time(args->to))
		return STATUS_DONE;
	return message_usage("option '--to' needs start, end, a position or a time, not '%s'", args->to);
}

/* When the store got the event at a position. */
static int recorded_at(struct evs_store *store, uint64_t position, int64_t *us, struct evs_error *err)
{
	const struct evs_selector one = {.from = position, .to = position};
	struct evs_read *r = NULL;
	struct evs_event event;
	int status = evs_read_new(store, &one, &r, err);

	if (status == EVS_OK && (status = evs_read_next(r, &event, err)) == EVS_OK)
		*us = event.recorded_us;
	evs_read_free(r);
	return status;
}

/* The last position that the store got before a moment: recordedAt never goes back. */
static int find_before(struct evs_store *store, int64_t us, uint64_t *position, struct evs_error *err)
{
	uint64_t low = 0, high, middle;
	int64_t at = 0;
	int status = evs_last_position(store, &high, err);

	while (status == EVS_OK && low < high) {
		middle = low + (high - low + 1) / 2;
		status = recorded_at(store, middle, &at, err);
		if (at < us)
			low = middle;
		else
			high = middle - 1;
	}
	*position = low;
	return status;
}

/* The position behind which the group is to go on. */
static int find_position(struct evs_store *store, const char *to, uint64_t *position, struct evs_error *err)
{
	int64_t ns;

	if (value_number(to, position))
		return EVS_OK;
	*position = 0;
	if (strcmp(to, "start") == 0)
		return EVS_OK;
	if (strcmp(to, "end") == 0)
		return evs_last_position(store, position, err);
	moment_parse_option(to, moment_now_us() * 1000, false, &ns);
	return find_before(store, ns / 1000 + (ns % 1000 > 0), position, err);
}

static int run_reset(void *context, struct evs_store *store, const struct operands *given)
{
	struct group_args *args = context;
	struct evs_error err = {0};
	uint64_t to, before = 0;
	int status;

	signals_exit();
	status = find_position(store, args->to, &to, &err);
	if (status == EVS_OK)
		status = evs_group_reset(store, given->rest[0], to, args->dry_run, &before, &err);
	if (status != EVS_OK)
		return message_refusal(given->list[0], &err);
	buf_text(output_buf(), "{\"group\":");
	json_put_string(output_buf(), given->rest[0], strlen(given->rest[0]));
	if (before == UINT64_MAX)
		buf_text(output_buf(), ",\"from\":null");
	else
		buf_printf(output_buf(), ",\"from\":%" PRIu64, before);
	buf_printf(output_buf(), ",\"to\":%" PRIu64 "%s}\n", to, args->dry_run ? ",\"dryRun\":true" : "");
	return STATUS_DONE;
}

static int run_drop(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_error err = {0};
	int status;

	(void)context;
	signals_exit();
	status = evs_group_drop(store, given->rest[0], &err);
	if (status == EVS_END)
		return no_group(given);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static const struct verb verbs[] = {
	{"list", "", 0, 0, "format", NULL, "say how each group is", EVS_READ, NULL, run_list, false},
	{"show", "GROUP", 1, 1, NULL, NULL, "say all about one", EVS_READ, NULL, run_show, false},
	{"reset", "GROUP --to start|end|POS|TIME", 1, 1, "to dry-run", "to", "have it go on somewhere else; dead letters stay", EVS_WRITE,
	 prepare_reset, run_reset, false},
	{"drop", "GROUP", 1, 1, NULL, NULL, "forget it; dead letters stay", EVS_WRITE, NULL, run_drop, false},
	{0},
};

/* The tool. */
static int cmd_group(int argc, char **argv)
{
	struct group_args args = {.format = SHEET_UNSET};

	return verbs_run(&tool_group, argc, argv, &args);
}

const struct tool tool_group = {
	.name = "group",
	.run = cmd_group,
	.summary = "see how consumer groups are, and where they go on",
	.usage = "[GROUP] [options]",
	.about = "Show the groups of evs consume: how far each is, how far it is behind, who works in it, what waits and what was given up.",
	.operands = operands,
	.least = 1,
	.exits = "0125",
	.groups = groups,
	.verbs = verbs,
};
