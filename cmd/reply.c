/* evs reply: the answer to a request. */
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "common/fill.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/receipt.h"
#include "common/send.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

#define EVENT_ID "EVS_EVENT_ID" /* of evs consume */

struct reply_args {
	struct evs_append_options fields;
	struct option_common common;
	const char *to;
};

#define ARG(name) offsetof(struct reply_args, name)

static const struct option options[] = {
	{0, "to", "ID", OPTION_TEXT, ARG(to), 0, NULL, "the eventId of the request; in a handler of evs consume the event at hand"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	FILL_GROUP("Fields of the reply", FILL_N_UNLINKED, struct reply_args, fields),
	OPTION_COMMON_GROUP(struct reply_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

/* The reply's eventId is made from the request's: a handler that is run again says the same once more and adds nothing. */
static void put_id(struct buf *line, const char *to)
{
	struct buf text = {0};
	char id[UUID_TEXT];
	uint8_t hash[16];

	buf_printf(&text, "the reply to %s", to);
	hash128(text.data, text.size, hash);
	uuid_v8(hash);
	uuid_format(hash, id);
	send_put(line, "eventId", id, sizeof id);
	line->failed |= text.failed;
	buf_free(&text);
}

/* <the request's type>.reply, where no type was asked for. */
static void put_type(struct buf *line, const struct reply_args *args, struct evs_store *store, const struct evs_event *request)
{
	char scratch[EVS_FIELD_SCRATCH];
	struct buf type = {0};
	const char *text;
	size_t size;

	if (args->fields.type != NULL) {
		send_put_text(line, "eventType", args->fields.type);
		return;
	}
	if ((text = evs_event_field(store, request, EVS_FIELD_TYPE, scratch, &size)) != NULL)
		buf_put(&type, text, size);
	buf_text(&type, ".reply");
	send_put(line, "eventType", (const char *)type.data, type.size);
	line->failed |= type.failed;
	buf_free(&type);
}

/* The reply as a line, but for its end. Returns an exit status; what is wrong was said. */
static int put_reply(struct buf *line, const struct reply_args *args, struct evs_store *store, const struct evs_event *request)
{
	const struct evs_append_options *fields = &args->fields;
	char scratch[EVS_FIELD_SCRATCH];
	const char *text;
	size_t size = 0;

	put_type(line, args, store, request);
	put_id(line, args->to);
	send_put_text(line, "aggregateType", fields->aggregate_type);
	send_put_text(line, "aggregateId", fields->stream);
	send_put_text(line, "source", fields->source);
	if ((text = evs_event_field(store, request, EVS_FIELD_CORRELATION, scratch, &size)) != NULL)
		send_put(line, "correlationId", text, size);
	else
		send_put_text(line, "correlationId", args->to);
	send_put_text(line, "causationId", args->to);
	text = evs_event_field(store, request, EVS_FIELD_REPLY_TO, scratch, &size);
	send_put_tags(line, fields->tags, fields->n_tags, text, size);
	return send_put_input(line);
}

/* Find the request, and make the reply of it. Returns an exit status; what is wrong was said. */
static int make_reply(struct buf *line, const struct reply_args *args, struct evs_store *store, const char *path)
{
	const struct evs_selector which = {.event = args->to};
	struct evs_error err = {0};
	struct evs_read *r = NULL;
	struct evs_event request;
	int status = evs_read_new(store, &which, &r, &err);

	if (status == EVS_OK)
		status = evs_read_next(r, &request, &err);
	if (status == EVS_OK) {
		status = put_reply(line, args, store, &request);
	} else if (status == EVS_END) {
		message_print("%s: there is no event '%s' to reply to; nothing was appended", path, args->to);
		status = STATUS_FAILED;
	} else {
		status = message_failure(path, &err);
	}
	evs_read_free(r);
	return status;
}

static int on_receipt(void *context, const struct evs_receipt *receipt)
{
	(void)context;
	receipt_put(output_buf(), receipt);
	return 0;
}

/* Reply on the open store. */
static int run_reply(const struct reply_args *args, struct evs_store *store, const char *path)
{
	struct evs_error err = {0};
	struct buf line = {0};
	int status;

	signals_exit();
	status = make_reply(&line, args, store, path);
	if (status == STATUS_DONE && send_append(store, &line, on_receipt, NULL, &err) != EVS_OK) {
		if (err.status == EVS_CONFLICT)
			error_prefix(&err, "the request '%s' has another reply already: ", args->to);
		status = message_failure(path, &err);
	}
	buf_free(&line);
	return status;
}

/* The tool. */
static int cmd_reply(int argc, char **argv)
{
	struct reply_args args = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_reply, argc, argv, &args, &given, &status))
		return status;
	if (args.to == NULL)
		args.to = getenv(EVENT_ID);
	if (args.to == NULL || *args.to == '\0')
		status = message_usage("--to is missing: the eventId of the request; a handler of evs consume has it in " EVENT_ID);
	else if (open_store(given.list[0], EVS_WRITE, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else
		status = run_reply(&args, store, given.list[0]);
	evs_close(store);
	options_release(&tool_reply, &args);
	return status;
}

const struct tool tool_reply = {
	.name = "reply",
	.run = cmd_reply,
	.summary = "append the reply to a request",
	.usage = "STORE --to ID [options]",
	.about = "Append the reply to an event, with the JSON value on standard input as its data. The same reply again adds nothing; "
		 "a request has one reply.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "01235",
	.groups = groups,
};
