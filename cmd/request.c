/* evs request: an event that asks for something, and its reply on standard output. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/id.h"
#include "base/moment.h"
#include "common/fill.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/send.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

#define TIMEOUT_MS 5000
#define REPLY_TAG "reply:" /* and the request's eventId */

struct request_args {
	struct evs_append_options fields;
	struct option_common common;
	int64_t timeout_ms;
};

#define ARG(name) offsetof(struct request_args, name)

static const struct option options[] = {
	{0, "timeout", "DURATION", OPTION_DURATION, ARG(timeout_ms), 0, NULL, "how long to wait for the reply (default 5s); 0s is without an end"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	FILL_GROUP("Fields of the request", FILL_N, struct request_args, fields),
	OPTION_COMMON_GROUP(struct request_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

/* A request under way. */
struct run {
	const char *path;
	char id[UUID_TEXT + 1];
	char reply_to[sizeof REPLY_TAG + UUID_TEXT];
	uint64_t position; /* its own; 0: it is not in the store yet */
};

static void make_id(char id[UUID_TEXT + 1])
{
	uint8_t uuid[16];

	uuid_v7((uint64_t)moment_now_us() / 1000, uuid);
	uuid_format(uuid, id);
	id[UUID_TEXT] = '\0';
}

/* The request as a line, but for its end. Returns an exit status; what is wrong was said. */
static int put_request(struct run *run, const struct evs_append_options *fields, struct buf *line)
{
	char correlation[UUID_TEXT + 1];
	int status;

	make_id(run->id);
	make_id(correlation);
	snprintf(run->reply_to, sizeof run->reply_to, REPLY_TAG "%s", run->id);
	send_put_text(line, "eventType", fields->type);
	send_put_text(line, "eventId", run->id);
	send_put_text(line, "aggregateType", fields->aggregate_type);
	send_put_text(line, "aggregateId", fields->stream);
	send_put_text(line, "source", fields->source);
	send_put_text(line, "correlationId", fields->correlation != NULL ? fields->correlation : correlation);
	send_put_text(line, "causationId", fields->causation);
	send_put_tags(line, fields->tags, fields->n_tags, NULL, 0);
	status = send_put_input(line);
	buf_printf(line, ",\"metadata\":{\"replyTo\":\"%s\"}", run->reply_to);
	return status;
}

static int on_receipt(void *context, const struct evs_receipt *receipt)
{
	((struct run *)context)->position = receipt->position;
	return 0;
}

/*
 * Sleep until the reply is there, and print it. It is looked for from the request on, so that one that came before the
 * look is found too. EVS_OK; EVS_END: the time passed.
 */
static int take_reply(const struct run *run, struct evs_store *store, int64_t timeout_ms, struct evs_error *err)
{
	const char *tag = run->reply_to;
	const struct evs_selector which = {.tags = &tag, .n_tags = 1, .after = run->position};
	int64_t until = moment_steady_ns() + timeout_ms * 1000000, left;
	struct evs_read *r = NULL;
	struct evs_event event;
	int status = evs_read_new(store, &which, &r, err);

	while (status == EVS_OK && (status = evs_read_next(r, &event, err)) == EVS_END) {
		left = (until - moment_steady_ns()) / 1000000;
		if (signals_caught != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		else
			status = evs_read_more(r, timeout_ms == 0 ? -1 : left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left, err);
		if (status == EVS_INTERRUPTED && signals_caught == 0)
			status = EVS_OK;
	}
	if (status == EVS_OK) {
		size_t size = 0;
		char *text = evs_event_text(store, &event, EVS_JSON, &size);

		if (text == NULL)
			status = error_set(err, EVS_CORRUPT, 0, "the event at position %" PRIu64 " is damaged, or memory ran out", event.position);
		else
			output_write(text, size);
		free(text);
	}
	evs_read_free(r);
	return status;
}

/* Say that there was no reply. Returns the exit status. */
static int no_reply(const struct run *run, int64_t timeout_ms, int status, const struct evs_error *err)
{
	const char *path = run->path, *tag = run->reply_to;
	int failed = status == EVS_END ? STATUS_TIMED_OUT : message_failure(path, err);

	if (run->position == 0)
		return failed;
	if (status == EVS_END)
		message_print("%s: no reply within %g s to the request '%s'; it stays in the store: evs cat %s --tag %s shows a reply that comes later",
		              path, (double)timeout_ms / 1000, run->id, path, tag);
	else
		message_print("%s: the request '%s' stays in the store: evs cat %s --tag %s shows a reply that comes later", path, run->id, path, tag);
	return failed;
}

/* Ask, and wait. */
static int run_request(const struct request_args *args, struct evs_store *store, struct run *run)
{
	struct evs_error err = {0};
	struct buf line = {0};
	int status = put_request(run, &args->fields, &line);

	if (status != STATUS_DONE) {
		buf_free(&line);
		return status;
	}
	signals_catch();
	status = send_append(store, &line, on_receipt, run, &err);
	buf_free(&line);
	if (status == EVS_OK)
		status = take_reply(run, store, args->timeout_ms, &err);
	return status == EVS_OK ? STATUS_DONE : no_reply(run, args->timeout_ms, status, &err);
}

/* The tool. */
static int cmd_request(int argc, char **argv)
{
	struct request_args args = {.timeout_ms = TIMEOUT_MS};
	struct evs_store *store = NULL;
	struct operands given;
	struct run run = {0};
	struct evs_error err;
	int status;

	if (!options_parse(&tool_request, argc, argv, &args, &given, &status))
		return status;
	run.path = given.list[0];
	if (args.fields.type == NULL)
		status = message_usage("--type is missing: the eventType of the request");
	else if (open_store(run.path, EVS_WRITE, &store, &err) != EVS_OK)
		status = message_failure(run.path, &err);
	else
		status = run_request(&args, store, &run);
	evs_close(store);
	options_release(&tool_request, &args);
	return status;
}

const struct tool tool_request = {
	.name = "request",
	.run = cmd_request,
	.summary = "append a request, and wait for the reply to it",
	.usage = "STORE --type TYPE [options]",
	.about = "Append an event whose data is the JSON value on standard input, wait until somebody has replied to it with evs "
		 "reply, and print the reply.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.exit_more = STATUS_TIMED_OUT,
	.groups = groups,
};
