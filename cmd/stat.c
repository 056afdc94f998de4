/* evs stat: what a store holds, and counts of its events. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/moment.h"
#include "common/bars.h"
#include "common/message.h"
#include "common/output.h"
#include "common/selectors.h"
#include "common/signals.h"
#include "common/text.h"
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
	{"STORE", "the store"},
	{0},
};

/* What is counted by, in the order of --by and of enum evs_group_by, and the key's name in JSON. */
static const char *const key_names[] = {"stream", "type", "aggregateType", "source", "day", "hour"};

/* What is said of a store or of the selected events. */
struct summary {
	uint64_t events, streams, types;
	int64_t first_ns, last_ns, first_recorded_us, last_recorded_us; /* events > 0 */
	bool whole; /* no selectors: what follows is known */
	struct evs_stat store;
};

/* ---- the summary ---- */

/* The moment in microseconds, rounded down. */
static int64_t to_us(int64_t ns)
{
	return ns / 1000 - (ns % 1000 < 0);
}

/* ,"name":"2026-05-14T10:30:00.000000Z", or null where there are no events */
static void put_time(struct buf *out, const char *name, const struct summary *s, int64_t us)
{
	char text[MOMENT_TEXT];

	moment_format_us(us, text);
	if (s->events == 0)
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":\"%.*s\"", name, MOMENT_TEXT, text);
}

/* The summary as one JSON object. */
static void put_json(struct buf *out, const struct summary *s)
{
	buf_printf(out, "{\"events\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"types\":%" PRIu64, s->events, s->streams, s->types);
	put_time(out, "firstTime", s, to_us(s->first_ns));
	put_time(out, "lastTime", s, to_us(s->last_ns));
	put_time(out, "firstRecordedAt", s, s->first_recorded_us);
	put_time(out, "lastRecordedAt", s, s->last_recorded_us);
	if (s->whole) {
		buf_printf(out, ",\"bytes\":%" PRIu64 ",\"bytesPerEvent\":", s->store.file_bytes);
		if (s->events == 0)
			buf_text(out, "null");
		else
			buf_printf(out, "%.1f", (double)s->store.file_bytes / (double)s->events);
		buf_printf(out, ",\"segments\":%" PRIu64 ",\"tailEvents\":%" PRIu64 ",\"deadLetters\":%" PRIu64, s->store.segments,
		           s->store.tail_events, s->store.dead_letters);
	}
	buf_text(out, "}\n");
}

/* A line of the table: a name and a number. */
static void put_count(struct buf *out, const char *name, uint64_t number)
{
	buf_printf(out, "%-14s", name);
	text_number(out, number);
	buf_byte(out, '\n');
}

/* A line of the table: from when to when. */
static void put_span(struct buf *out, const char *name, int64_t first_us, int64_t last_us)
{
	char first[MOMENT_TEXT], last[MOMENT_TEXT];

	moment_format_us(first_us, first);
	moment_format_us(last_us, last);
	/* Seconds are enough for people. */
	buf_printf(out, "%-14s%.19sZ to %.19sZ\n", name, first, last);
}

/* The summary for people. */
static void put_table(struct buf *out, const struct summary *s)
{
	put_count(out, "events", s->events);
	put_count(out, "streams", s->streams);
	put_count(out, "types", s->types);
	if (s->events > 0) {
		put_span(out, "happened", to_us(s->first_ns), to_us(s->last_ns));
		put_span(out, "recorded", s->first_recorded_us, s->last_recorded_us);
	}
	if (!s->whole)
		return;
	buf_printf(out, "%-14s", "size");
	text_bytes(out, s->store.file_bytes);
	if (s->events > 0)
		buf_printf(out, ", %.1f bytes an event", (double)s->store.file_bytes / (double)s->events);
	buf_printf(out, "\n%-14s", "segments");
	text_number(out, s->store.segments);
	buf_text(out, ", and ");
	text_number(out, s->store.tail_events);
	buf_text(out, " events not yet in one\n");
	put_count(out, "dead letters", s->store.dead_letters);
}

/* Take in the count of a type. */
static int add_type(void *context, const struct evs_count *count)
{
	struct summary *s = context;
	int64_t first = 0, last = 0;

	moment_parse(count->first, count->first_size, &first);
	moment_parse(count->last, count->last_size, &last);
	if (s->types == 0 || first < s->first_ns)
		s->first_ns = first;
	if (s->types == 0 || last > s->last_ns)
		s->last_ns = last;
	s->types++;
	s->events += count->events;
	return 0;
}

/* Take in the count of a stream. */
static int add_stream(void *context, const struct evs_count *count)
{
	((struct summary *)context)->streams += count->key != NULL;
	return 0;
}

/* When the first selected event was recorded, or in reverse the last one. */
static int find_recorded(struct evs_store *store, struct evs_selector selector, bool reverse, int64_t *us,
                         struct evs_error *err)
{
	struct evs_read *r = NULL;
	struct evs_event event;
	int status;

	/* With a limit the newest is not the last of all that match, but the last of those few: read up to it. */
	bool one = !selector.has_limit || (reverse == selector.reverse && selector.limit > 0);

	selector.reverse = one ? reverse : selector.reverse;
	if (one) {
		selector.has_limit = true;
		selector.limit = 1;
	}
	status = evs_read_new(store, &selector, &r, err);
	while (status == EVS_OK && (status = evs_read_next(r, &event, err)) == EVS_OK)
		*us = event.recorded_us;
	evs_read_free(r);
	return status == EVS_END ? EVS_OK : status;
}

/* Sum up the selected events. */
static int sum_up(struct evs_store *store, const struct selectors *selectors, struct summary *s, struct evs_error *err)
{
	const struct evs_selector *selector = &selectors->selector;
	int status;

	s->whole = !selectors_any(selectors);
	if (s->whole) {
		status = evs_stat(store, &s->store, err);
		s->events = s->store.events;
		s->streams = s->store.streams;
		s->types = s->store.types;
		s->first_ns = s->store.first_moment_ns;
		s->last_ns = s->store.last_moment_ns;
		s->first_recorded_us = s->store.first_recorded_us;
		s->last_recorded_us = s->store.last_recorded_us;
		return status;
	}
	status = evs_stat_by(store, selector, EVS_BY_TYPE, add_type, s, err);
	if (status == EVS_OK)
		status = evs_stat_by(store, selector, EVS_BY_STREAM, add_stream, s, err);
	if (status == EVS_OK)
		status = find_recorded(store, *selector, false, &s->first_recorded_us, err);
	return status == EVS_OK ? find_recorded(store, *selector, true, &s->last_recorded_us, err) : status;
}

/* ---- counts ---- */

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
	if (args->by != BY_NOTHING) {
		status = count_by(args, store, table, &err);
	} else {
		status = sum_up(store, &args->selectors, &summary, &err);
		if (status == EVS_OK && table)
			put_table(output_buf(), &summary);
		else if (status == EVS_OK)
			put_json(output_buf(), &summary);
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
	else if (evs_open(given.list[0], EVS_READ, &store, &err) != EVS_OK)
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
