/* evs stat: what a store holds, and counts of its events. */
#include <inttypes.h>

#include "common/bars.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/selectors.h"
#include "common/signals.h"
#include "common/summary.h"
#include "event/render.h"
#include "evs.h"
#include "tools.h"

enum { FORMAT_UNSET = -1, FORMAT_JSON, FORMAT_TABLE };
enum { BY_NOTHING = -1 };

struct stat_args {
	struct selectors selectors;
	struct option_common common;
	int format, by;
};

#define ARG(name) offsetof(struct stat_args, name)

static const struct option options[] = {
	{0, "by", "stream|type|aggregate-type|source|day|hour", OPTION_CHOICE, ARG(by), 0, NULL,
	 "count the events of each, and say when its earliest and latest happened"},
	{0, "format", "json|table", OPTION_CHOICE, ARG(format), 0, NULL,
	 "JSON, or for people, which is the default on a terminal"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	SELECTORS_GROUP(struct stat_args, selectors),
	OPTION_COMMON_GROUP(struct stat_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

/* What is counted by, in the order of --by and of enum evs_group_by, and the key's name in JSON. */
static const char *const key_names[] = {"stream", "type", "aggregateType", "source", "day", "hour"};

/* ,"name":"text" or ,"name":null, the comma but for the first */
static void put_member(struct buf *out, const char *lead, const char *name, const char *text, size_t size)
{
	buf_printf(out, "%s\"%s\":", lead, name);
	if (text == NULL)
		buf_text(out, "null");
	else
		render_string(out, (const uint8_t *)text, size);
}

struct counting {
	enum evs_group_by by;
	struct bars *bars; /* for people; NULL: JSON */
};

/* One count, as a line of JSON or for the chart. */
static int on_count(void *context, const struct evs_count *count)
{
	const struct counting *c = context;
	struct buf *out = output_buf();

	if (c->bars != NULL) {
		bars_add(c->bars, count);
		return 0;
	}
	if (c->by == EVS_BY_STREAM)
		put_member(out, "{", "aggregateType", count->aggregate_type, count->aggregate_type_size);
	put_member(out, c->by == EVS_BY_STREAM ? "," : "{", key_names[c->by], count->key, count->key_size);
	buf_printf(out, ",\"events\":%" PRIu64, count->events);
	put_member(out, ",", "first", count->first, count->first_size);
	put_member(out, ",", "last", count->last, count->last_size);
	buf_text(out, "}\n");
	return output_flush_large();
}

/* Count by a key and print. */
static int count_by(const struct stat_args *args, struct evs_store *store, bool table, struct evs_error *err)
{
	struct counting counting = {.by = (enum evs_group_by)args->by};
	struct bars bars = {0};
	int status;

	if (table)
		counting.bars = &bars;
	status = evs_stat_by(store, &args->selectors.selector, counting.by, on_count, &counting, err);
	if (status == EVS_OK && table)
		/* Times keep their order; the rest is of interest by size. */
		status = bars_print(&bars, counting.by != EVS_BY_DAY && counting.by != EVS_BY_HOUR, err);
	bars_release(&bars);
	return status;
}

/* Look at the open store. */
static int run_stat(const struct stat_args *args, struct evs_store *store, const char *path)
{
	bool table = args->format == FORMAT_TABLE || (args->format == FORMAT_UNSET && output_is_terminal());
	struct summary summary = {0};
	struct evs_error err = {0};
	int status;

	signals_exit();
	selectors_advise(&args->selectors, store, path);
	if (args->by != BY_NOTHING) {
		status = count_by(args, store, table, &err);
	} else {
		status = summary_make(store, &args->selectors, &summary, &err);
		if (status == EVS_OK && table)
			summary_table(output_buf(), &summary);
		else if (status == EVS_OK)
			summary_json(output_buf(), &summary);
	}
	return status == EVS_OK ? STATUS_DONE : message_failure(path, &err);
}

/* The tool. */
static int cmd_stat(int argc, char **argv)
{
	struct stat_args args = {.format = FORMAT_UNSET, .by = BY_NOTHING};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_stat, argc, argv, &args, &given, &status))
		return status;
	if (!selectors_finish(&args.selectors))
		status = STATUS_USAGE;
	else if (open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else
		status = run_stat(&args, store, given.list[0]);
	evs_close(store);
	options_release(&tool_stat, &args);
	return status;
}

const struct tool tool_stat = {
	.name = "stat",
	.run = cmd_stat,
	.summary = "sum up a store, or count its events by type, stream or day",
	.usage = "STORE [options]",
	.about = "Say what a store holds: events, streams, types, times and size. With selectors, the same of the selected "
		 "events. With --by, a line for each type, stream, day and so on.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.groups = groups,
};
