/* evs verify: read all of a store and check it. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"
#include "common/text.h"
#include "event/render.h"
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
	{"STORE", "the store"},
	{0},
};

/* Print one finding. A write that fails is noticed at the end; the check goes on. */
static void on_finding(void *context, const struct evs_finding *finding)
{
	struct buf *out = output_buf();

	(void)context;
	buf_text(out, "{\"kind\":");
	render_string(out, (const uint8_t *)finding->kind, strlen(finding->kind));
	if (finding->position == 0)
		buf_text(out, ",\"position\":null");
	else
		buf_printf(out, ",\"position\":%" PRIu64, finding->position);
	buf_text(out, ",\"message\":");
	render_string(out, (const uint8_t *)finding->message, strlen(finding->message));
	buf_text(out, "}\n");
	output_flush();
}

/* A number and what it counts. */
static void put_part(struct buf *out, uint64_t n, const char *one, const char *many)
{
	text_number(out, n);
	buf_printf(out, " %s", n == 1 ? one : many);
}

/* Say what was looked at and what was found. */
static void sum_up(const char *path, const struct evs_verify_result *result)
{
	struct buf text = {0};

	put_part(&text, result->events, "event, ", "events, ");
	put_part(&text, result->segments, "segment, ", "segments, ");
	put_part(&text, result->runs, "run: ", "runs: ");
	if (result->findings == 0)
		buf_text(&text, "no damage found");
	else
		put_part(&text, result->findings, "finding; restore the store from a backup",
		         "findings; restore the store from a backup");
	message_print("%s: %.*s", path, (int)text.size, (const char *)text.data);
	buf_free(&text);
}

/* The tool. */
static int cmd_verify(int argc, char **argv)
{
	struct verify_args args = {0};
	struct evs_verify_result result = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err = {0};
	int status;

	if (!options_parse(&tool_verify, argc, argv, &args, &given, &status))
		return status;
	signals_exit();
	if (evs_open(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		return message_failure(given.list[0], &err);
	status = evs_verify(store, on_finding, NULL, &result, &err);
	if (status == EVS_OK || result.findings > 0) {
		sum_up(given.list[0], &result);
		status = result.findings > 0 ? STATUS_DAMAGED : STATUS_DONE;
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
	.about = "Read all of a store and check every checksum, event and index entry. Each finding is a line of JSON: "
		 "{\"kind\",\"position\",\"message\"}.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.groups = groups,
};
