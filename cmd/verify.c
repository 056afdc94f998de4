/* evs verify: read all of a store and check it. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"
#include "common/text.h"
#include "evs.h"
#include "tools.h"

struct verify_args {
	struct option_common common;
};

static const struct option_group groups[] = {
	OPTION_COMMON_GROUP(struct verify_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

/* Print one finding. A write that fails is noticed at the end; the check goes on. */
static void on_finding(void *context, const struct evs_finding *finding)
{
	struct buf *out = output_buf();

	(void)context;
	buf_text(out, "{\"kind\":");
	json_put_string(out, finding->kind, strlen(finding->kind));
	if (finding->position == 0)
		buf_text(out, ",\"position\":null");
	else
		buf_printf(out, ",\"position\":%" PRIu64, finding->position);
	buf_text(out, ",\"message\":");
	json_put_string(out, finding->message, strlen(finding->message));
	buf_text(out, "}\n");
	output_flush();
}

/* A number and what it counts, behind a lead. */
static void put_part(struct buf *out, const char *lead, uint64_t n, const char *one, const char *many)
{
	buf_text(out, lead);
	text_number(out, n);
	buf_printf(out, " %s", n == 1 ? one : many);
}

/* What was looked at and found. */
struct found {
	struct evs_verify_result store;
	struct evs_project_verify_result project;
	struct evs_consume_verify_result consume;
};

static uint64_t findings_of(const struct found *found)
{
	return found->store.findings + found->project.findings + found->consume.findings;
}

/* Say what was looked at and what was found. */
static void sum_up(const char *path, const struct found *found)
{
	const struct evs_project_verify_result *project = &found->project;
	uint64_t findings = findings_of(found);
	struct buf text = {0};

	put_part(&text, "", found->store.events, "event", "events");
	put_part(&text, ", ", found->store.segments, "segment", "segments");
	put_part(&text, ", ", found->store.runs, "run", "runs");
	if (project->projections > 0) {
		put_part(&text, ", ", project->projections, "projection", "projections");
		put_part(&text, " with ", project->states, "state", "states");
	}
	if (project->snapshots > 0)
		put_part(&text, ", ", project->snapshots, "snapshot", "snapshots");
	if (found->consume.groups > 0)
		put_part(&text, ", ", found->consume.groups, "group", "groups");
	if (found->consume.letters > 0)
		put_part(&text, ", ", found->consume.letters, "dead letter", "dead letters");
	if (findings == 0)
		buf_text(&text, ": no damage found");
	else
		put_part(&text, ": ", findings, "finding", "findings");
	if (found->store.findings + found->consume.findings > 0)
		buf_text(&text, "; restore the store from a backup, or save what is whole: evs cat STORE --salvage | evs append NEW");
	else if (findings > 0)
		buf_text(&text, "; the events are whole: make projections anew with --rebuild, drop snapshots");
	message_print("%s: %.*s", path, (int)text.size, (const char *)text.data);
	buf_free(&text);
}

/* Look at all. What keeps it from looking at the rest is told where nothing else was found: it may be that. */
static int look(struct evs_store *store, struct found *found, struct evs_error *err)
{
	int status = evs_verify(store, on_finding, NULL, &found->store, err), more;

	if (status != EVS_OK && found->store.findings == 0)
		return status;
	more = evs_project_verify(store, on_finding, NULL, &found->project, err);
	status = status != EVS_OK ? status : more;
	more = evs_consume_verify(store, on_finding, NULL, &found->consume, err);
	return status != EVS_OK ? status : more;
}

/* A store that cannot be opened: say what is wrong with its pages. Returns the exit status. */
static int look_at_pages(const char *path, const struct evs_error *why)
{
	struct found found = {0};
	struct evs_error err;

	if (why->status == EVS_CORRUPT)
		evs_verify_file(path, on_finding, NULL, &found.store, &err);
	return message_failure(path, why);
}

/* The tool. */
static int cmd_verify(int argc, char **argv)
{
	struct verify_args args = {0};
	struct found found = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err = {0};
	int status;

	if (!options_parse(&tool_verify, argc, argv, &args, &given, &status))
		return status;
	signals_exit();
	if (open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		return look_at_pages(given.list[0], &err);
	status = look(store, &found, &err);
	if (status == EVS_OK || findings_of(&found) > 0) {
		sum_up(given.list[0], &found);
		status = status == EVS_OK ? STATUS_DONE : STATUS_DAMAGED;
	} else {
		status = message_failure(given.list[0], &err);
	}
	evs_close(store);
	return status;
}

const struct tool tool_verify = {
	.name = "verify",
	.run = cmd_verify,
	.summary = "read all of a store and check it for damage",
	.usage = "STORE [options]",
	.about = "Read all of a store and check every checksum, event and index entry, projections, snapshots, groups and dead "
		 "letters. Each finding is a line of JSON: {\"kind\",\"position\",\"message\"}.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.groups = groups,
};
