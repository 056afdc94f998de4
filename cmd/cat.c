/* evs cat: the events of a store on standard output. */
#include <inttypes.h>

#include "common/event_table.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/selectors.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

enum { FORMAT_JSON, FORMAT_PRETTY, FORMAT_CLOUDEVENTS, FORMAT_MSGPACK, FORMAT_DATA, FORMAT_TABLE };

struct cat_args {
	struct selectors selectors;
	struct option_common common;
	const char *fields;
	int format;
	bool follow, marker, salvage;
};

#define ARG(name) offsetof(struct cat_args, name)

static const struct option options[] = {
	{'f', "follow", NULL, OPTION_FLAG, ARG(follow), 0, NULL, "at the end wait for new events and print them"},
	{0, "marker", NULL, OPTION_FLAG, ARG(marker), 0, NULL, "print {\"caughtUp\":POSITION} whenever the end is reached"},
	{0, "salvage", NULL, OPTION_FLAG, ARG(salvage), 0, NULL, "of a damaged store print every event that is still whole, and say which are lost"},
	{0, "format", "json|pretty|cloudevents|msgpack|data|table", OPTION_CHOICE, ARG(format), 0, NULL,
	 "a line of JSON an event (the default), indented JSON, CloudEvents 1.0, MessagePack, the data alone, or a table"},
	{0, "fields", ".A,.B.C", OPTION_TEXT, ARG(fields), 0, NULL, "only these fields; of a table, the columns"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	SELECTORS_GROUP(struct cat_args, selectors),
	OPTION_COMMON_GROUP(struct cat_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

/* Where rendered events go. */
struct sink {
	int (*write)(void *context, const void *text, size_t size);
	void *context;
	uint64_t bytes;
	bool progress; /* worth showing: standard output is no terminal */
};

/* Events as they are. */
static int write_text(void *context, const void *text, size_t size)
{
	(void)context;
	return output_write(text, size);
}

/* Pass text on, and stop where a signal asks for it. */
static int write_events(void *context, const void *text, size_t size)
{
	struct sink *sink = context;

	sink->bytes += size;
	if (sink->progress)
		progress_show(0, sink->bytes);
	return sink->write(sink->context, text, size) != 0 || signals_caught != 0;
}

/* Whether all was read up to `end`, where the store ended when reading began: a limit may have been reached before. */
static bool is_caught_up(const struct evs_selector *s, const struct evs_read *r, uint64_t end)
{
	if (s->to != 0 && s->to < end)
		end = s->to;
	return !s->has_limit || (s->limit > 0 && !s->reverse && evs_read_position(r) >= end);
}

/* The line that says how far all is read. */
static int write_marker(const struct evs_read *r)
{
	buf_printf(output_buf(), "{\"caughtUp\":%" PRIu64 "}\n", evs_read_position(r));
	return output_flush();
}

/* The library's format for ours. A table is made from JSON. */
static enum evs_format format_of(const struct cat_args *args)
{
	static const enum evs_format formats[] = {
		[FORMAT_JSON] = EVS_JSON, [FORMAT_PRETTY] = EVS_PRETTY, [FORMAT_CLOUDEVENTS] = EVS_CLOUDEVENTS,
		[FORMAT_MSGPACK] = EVS_MSGPACK, [FORMAT_DATA] = EVS_DATA, [FORMAT_TABLE] = EVS_JSON,
	};

	if (args->fields != NULL && args->format == FORMAT_JSON)
		return EVS_FIELDS;
	if (args->format == FORMAT_PRETTY && output_colour())
		return EVS_PRETTY_COLOUR;
	return formats[args->format];
}

/* Sleep until there is more. EVS_OK: there is; EVS_END: there can be no more, or nobody wants it. */
static int wait_more(struct evs_read *r, struct evs_error *err)
{
	int status;

	progress_clear();
	do {
		if (signals_caught != 0)
			return err->status = EVS_INTERRUPTED;
		if (output_abandoned())
			return EVS_END;
		status = evs_read_more(r, -1, err);
	} while (status == EVS_INTERRUPTED);
	return status;
}

/* Print what the reader gives, and follow. end: the store's newest position before the reader began. */
static int print_all(const struct cat_args *args, struct evs_store *store, struct evs_read *r, uint64_t end, struct sink *sink, struct evs_error *err)
{
	const struct evs_selector *selector = &args->selectors.selector;
	int status;

	if (args->follow)
		output_watch_reader();
	do {
		status = evs_read_render(r, format_of(args), args->format == FORMAT_TABLE ? NULL : args->fields, write_events, sink, err);
		if (status == EVS_OK && args->marker && is_caught_up(selector, r, end) && write_marker(r) != 0)
			status = err->status = EVS_INTERRUPTED;
	} while (status == EVS_OK && args->follow && (status = wait_more(r, err)) == EVS_OK &&
	         (status = evs_last_position(store, &end, err)) == EVS_OK);
	return status == EVS_END ? EVS_OK : status;
}

/* Read from the open store. */
static int run_cat(const struct cat_args *args, struct evs_store *store, const char *path)
{
	struct sink sink = {.write = write_text, .progress = !output_is_terminal()};
	struct event_table *table = NULL;
	struct evs_read *r = NULL;
	struct evs_error err = {0};
	uint64_t end = 0;
	int status = EVS_OK;

	signals_catch();
	selectors_advise(&args->selectors, store, path);
	progress_begin(args->common.progress);
	if (args->format == FORMAT_TABLE) {
		status = event_table_new(args->fields, &table, &err);
		sink.write = event_table_write;
		sink.context = table;
	}
	if (status == EVS_OK)
		status = evs_last_position(store, &end, &err);
	if (status == EVS_OK)
		status = evs_read_new(store, &args->selectors.selector, &r, &err);
	if (status == EVS_OK)
		status = print_all(args, store, r, end, &sink, &err);
	progress_clear();
	evs_read_free(r);
	event_table_free(table);
	return status == EVS_OK ? STATUS_DONE : message_failure(path, &err);
}

/* ---- of a damaged store ---- */

/* Positions whose events are lost; the first few stretches are told one by one. */
struct lost {
	const char *path;
	struct sink *sink;
	unsigned stretches;
};

enum { STRETCHES_TOLD = 20 };

static int write_salvaged(void *context, const void *text, size_t size)
{
	return write_events(((struct lost *)context)->sink, text, size);
}

static void on_lost(void *context, uint64_t first, uint64_t last)
{
	struct lost *l = context;

	if (l->stretches++ >= STRETCHES_TOLD)
		return;
	if (first == last)
		message_print("%s: the event at position %" PRIu64 " is lost", l->path, first);
	else
		message_print("%s: the events at positions %" PRIu64 " to %" PRIu64 " are lost", l->path, first, last);
}

/* Print what is whole. Returns the exit status. */
static int run_salvage(const char *path)
{
	struct sink sink = {.write = write_text};
	struct lost lost = {.path = path, .sink = &sink};
	struct evs_salvage_result result;
	struct evs_error err = {0};

	signals_catch();
	if (evs_salvage(path, write_salvaged, on_lost, &lost, &result, &err) != EVS_OK)
		return message_failure(path, &err);
	if (lost.stretches > STRETCHES_TOLD)
		message_print("%s: and others in %u more stretches", path, lost.stretches - STRETCHES_TOLD);
	if (!result.end_known)
		message_print("%s: how many events there were is not known: behind the last one there may have been more, or it was never committed", path);
	if (result.lost == 0 && result.end_known)
		return STATUS_DONE;
	message_print("%s: %" PRIu64 " events are whole, %" PRIu64 " are lost", path, result.events, result.lost);
	return STATUS_DAMAGED;
}

/* Whether the options go together. */
static bool check(struct cat_args *args)
{
	if (!selectors_finish(&args->selectors))
		return false;
	if (args->follow && args->selectors.selector.reverse) {
		message_usage("--follow goes forwards: it excludes --reverse");
		return false;
	}
	if (args->fields != NULL && args->format != FORMAT_JSON && args->format != FORMAT_PRETTY && args->format != FORMAT_TABLE) {
		message_usage("--fields goes with --format json, pretty or table");
		return false;
	}
	if (args->salvage && (args->follow || args->marker || args->fields != NULL || args->format != FORMAT_JSON ||
	                      selectors_any(&args->selectors))) {
		message_usage("--salvage prints all that is whole, as JSON: it goes with no other option");
		return false;
	}
	if (args->marker && (args->format == FORMAT_TABLE || args->format == FORMAT_MSGPACK)) {
		message_usage("--marker prints JSON: it goes with --format json, pretty, cloudevents or data");
		return false;
	}
	if (args->format == FORMAT_MSGPACK && output_is_terminal()) {
		message_usage("--format msgpack is not for a terminal; redirect standard output");
		return false;
	}
	return true;
}

/* The tool. */
static int cmd_cat(int argc, char **argv)
{
	struct cat_args args = {.format = FORMAT_JSON};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_cat, argc, argv, &args, &given, &status))
		return status;
	if (!check(&args))
		status = STATUS_USAGE;
	else if (args.salvage)
		status = run_salvage(given.list[0]);
	else if (open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else
		status = run_cat(&args, store, given.list[0]);
	evs_close(store);
	options_release(&tool_cat, &args);
	return status;
}

const struct tool tool_cat = {
	.name = "cat",
	.run = cmd_cat,
	.summary = "print events, all or selected, and follow new ones",
	.usage = "STORE [options]",
	.about = "Print the events of a store in the order of their positions, a line of JSON each.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.groups = groups,
};
