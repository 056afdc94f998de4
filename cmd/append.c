/* evs append: events from files or standard input into a store. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fill.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/receipt.h"
#include "common/signals.h"
#include "common/text.h"
#include "common/value.h"
#include "evs.h"
#include "tools.h"

#ifdef __SANITIZE_ADDRESS__
#define EVS_SANITIZED 1
#else
#define EVS_SANITIZED 0
#endif

enum { FORMAT_NDJSON, FORMAT_CLOUDEVENTS };
enum { ID_HASH, ID_UUID };

#define LARGE_INPUT (1u << 20) /* bytes */

struct append_args {
	struct evs_append_options append;
	struct option_common common;
	const char *expect;
	int format, event_id, on_error;
	bool receipts, no_create, after_given;
};

#define FIELD(name) offsetof(struct append_args, append.name)
#define ARG(name) offsetof(struct append_args, name)

static const struct option input_options[] = {
	{0, "format", "ndjson|cloudevents", OPTION_CHOICE, ARG(format), 0, NULL,
	 "what a line is: an event (the default), or a CloudEvent 1.0"},
	{0, "map", "FIELD=.PATH,...", OPTION_TEXT, FIELD(map), 0, NULL,
	 "lines are foreign JSON: take eventType=.kind,aggregateId=.user.id from it; the whole object becomes data"},
	{0, "event-id", "hash|uuid", OPTION_CHOICE, ARG(event_id), 0, NULL,
	 "an absent eventId is a new UUIDv7 (uuid, the default), or made from the content (hash), so that the same import "
	 "run again adds nothing"},
	{0, "on-error", "stop|dlq|skip", OPTION_CHOICE, ARG(on_error), 0, NULL,
	 "at a bad line: stop (the default), put it in the dead letters and go on, or report it and go on"},
};

static const struct option condition_options[] = {
	{0, "atomic", NULL, OPTION_FLAG, FIELD(atomic), 0, NULL, "append all of the input or nothing"},
	{0, "expect", "N|exists", OPTION_TEXT, ARG(expect), 0, "0|exists",
	 "only if the stream is at revision N (0: it does not exist yet), or exists; atomic"},
	{0, "fail-if", "QUERY", OPTION_TEXT, FIELD(fail_if), 0, NULL,
	 "only if no event matches [{\"types\":[...],\"tags\":[...]},...]; atomic"},
	{0, "after", "POS", OPTION_NUMBER, FIELD(after), ARG(after_given), NULL,
	 "with --fail-if: only events at positions greater than POS count"},
	{0, "no-create", NULL, OPTION_FLAG, ARG(no_create), 0, NULL, "the store must exist already"},
};

static const struct option output_options[] = {
	{0, "receipts", NULL, OPTION_FLAG, ARG(receipts), 0, NULL,
	 "print where each event stands, as a line of JSON, when it is on disk"},
};

static const struct option_group groups[] = {
	FILL_GROUP("For fields that an event lacks", FILL_N, struct append_args, append),
	{"Input", input_options, OPTION_COUNT(input_options), 0},
	{"Conditions", condition_options, OPTION_COUNT(condition_options), 0},
	{"Output", output_options, OPTION_COUNT(output_options), 0},
	OPTION_COMMON_GROUP(struct append_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store; made when it is not there", "file"},
	{"FILE", "files with an event a line; '-' or none is standard input", "file"},
	{0},
};

/* An append under way. */
struct run {
	const struct append_args *args;
	const char *store_path;
	const char *input; /* the file at hand; NULL: standard input */
	struct evs_append *append;
	uint64_t given;    /* receipts */
};

/* What a line's trouble is about: the file that it is in, or the store. */
static const char *subject(const struct run *run)
{
	return run->input != NULL ? run->input : run->store_path;
}

/* Write one receipt. They come batch by batch; at a batch's end they have to be seen. */
static int on_receipt(void *context, const struct evs_receipt *r)
{
	struct evs_append_result done;
	struct run *run = context;
	int failed;

	receipt_put(output_buf(), r);
	run->given++;
	evs_append_result(run->append, &done);
	failed = run->given >= done.events + done.duplicates ? output_flush() : output_flush_large();
	/* Nobody reads the receipts any more: the events are still wanted. */
	return failed != 0 && !output_closed();
}

/* Say which line was put aside. */
static void on_reject(void *context, uint64_t line, const char *message)
{
	message_print("%s: line %" PRIu64 ": %s", subject(context), line, message);
}

/* Show how far it is; a large input is one to make room for. */
static void on_progress(void *context, uint64_t events, uint64_t bytes)
{
	(void)context;
	if (bytes >= LARGE_INPUT)
		memory_expect_much();
	progress_show(events, bytes);
}

/* N|exists */
static bool parse_expect(const char *text, int64_t *expect)
{
	uint64_t number;

	*expect = EVS_EXPECT_ANY;
	if (text == NULL)
		return true;
	if (strcmp(text, "exists") == 0) {
		*expect = EVS_EXPECT_EXISTS;
		return true;
	}
	if (!value_number(text, &number) || number > INT64_MAX) {
		message_usage("option '--expect' needs a revision from 0, or exists, not '%s'", text);
		return false;
	}
	*expect = (int64_t)number;
	return true;
}

/* Look at the input files before anything is appended; opening them could block. */
static bool check_inputs(char *const *files, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(files[i], "-") == 0)
			continue;
		if (stat(files[i], &st) == 0 && S_ISDIR(st.st_mode))
			errno = EISDIR;
		else if (access(files[i], R_OK) == 0)
			continue;
		message_print("cannot open '%s': %s; nothing was appended", files[i], strerror(errno));
		return false;
	}
	return true;
}

/* Append one input: a file, or where path is NULL standard input. */
static int append_input(struct run *run, const char *path, struct evs_error *err)
{
	int fd = STDIN_FILENO, status;

	run->input = path;
	if (path == NULL && isatty(fd))
		message_print("%s: reads events from the terminal, a line each, until Ctrl-D", run->store_path);
	if (path != NULL && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		*err = (struct evs_error){.status = EVS_IO, .sys_errno = errno};
		snprintf(err->message, sizeof err->message, "cannot open '%s': %s", path, strerror(errno));
		return EVS_IO;
	}
	status = evs_append_read(run->append, fd, err);
	if (path != NULL)
		close(fd);
	return status;
}

/* Append every input and commit. */
static int append_inputs(struct run *run, char *const *files, size_t n, struct evs_error *err)
{
	int status = EVS_OK;

	if (n == 0)
		status = append_input(run, NULL, err);
	for (size_t i = 0; i < n && status == EVS_OK; i++)
		status = append_input(run, strcmp(files[i], "-") == 0 ? NULL : files[i], err);
	return status == EVS_OK ? evs_append_finish(run->append, err) : status;
}

/* Sum up, for a person, or where lines were put aside. */
static void sum_up(const struct run *run, const struct evs_append_result *result, int status)
{
	struct buf line = {0};

	if ((status != EVS_OK && status != EVS_INTERRUPTED) || (!isatty(STDERR_FILENO) && result->rejected == 0))
		return;
	text_number(&line, result->events);
	buf_printf(&line, " event%s appended", result->events == 1 ? "" : "s");
	if (result->duplicates > 0) {
		buf_text(&line, " (");
		text_number(&line, result->duplicates);
		buf_printf(&line, " duplicate%s)", result->duplicates == 1 ? "" : "s");
	}
	if (result->rejected > 0) {
		buf_text(&line, ", ");
		text_number(&line, result->rejected);
		buf_printf(&line, " line%s %s", result->rejected == 1 ? "" : "s",
		           run->args->on_error == EVS_DLQ ? "put in the dead letters" : "skipped");
	}
	message_print("%s: %.*s", run->store_path, (int)line.size, (const char *)line.data);
	buf_free(&line);
}

/* Say how it went. Returns the exit status. */
static int report(struct run *run, int status, const struct evs_error *err)
{
	bool at_line = strncmp(err->message, "line ", 5) == 0;
	struct evs_append_result result;

	evs_append_result(run->append, &result);
	progress_clear();
	sum_up(run, &result, status);
	if (status != EVS_OK)
		return message_failure(at_line ? subject(run) : run->store_path, err);
	return result.rejected > 0 ? STATUS_REJECTED : STATUS_DONE;
}

/* Append the files to the open store. */
static int run_append(struct append_args *args, struct evs_store *store, const char *store_path, char *const *files,
                      size_t n)
{
	struct run run = {.args = args, .store_path = store_path};
	struct evs_error err = {0};
	int status;

	args->append.cloudevents = args->format == FORMAT_CLOUDEVENTS;
	args->append.hash_ids = args->event_id == ID_HASH;
	args->append.on_error = (enum evs_on_error)args->on_error;
	args->append.stop = &signals_caught;
	args->append.on_receipt = args->receipts ? on_receipt : NULL;
	args->append.on_reject = on_reject;
	args->append.on_progress = on_progress;
	args->append.context = &run;
	status = evs_append_new(store, &args->append, &run.append, &err);
	if (status != EVS_OK)
		return message_failure(store_path, &err);
	signals_catch();
	output_be_patient();
	progress_begin(args->common.progress);
	status = append_inputs(&run, files, n, &err);
	status = report(&run, status, &err);
	evs_append_free(run.append);
	return status;
}

/* The tool. */
static int cmd_append(int argc, char **argv)
{
	struct append_args args = {.event_id = ID_UUID, .on_error = EVS_STOP};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_append, argc, argv, &args, &given, &status))
		return status;
	if (!parse_expect(args.expect, &args.append.expect))
		status = STATUS_USAGE;
	else if (args.after_given && args.append.fail_if == NULL)
		status = message_usage("--after goes with --fail-if");
	else if (!check_inputs(given.list + 1, given.n - 1))
		status = STATUS_FAILED;
	else if (evs_append_check(&args.append, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else if (open_store(given.list[0], args.no_create ? EVS_WRITE : EVS_CREATE, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else
		status = run_append(&args, store, given.list[0], given.list + 1, given.n - 1);
	/* What the store has mapped goes with the process, 0.03 ms sooner than piece by piece. */
	if (EVS_SANITIZED)
		evs_close(store);
	options_release(&tool_append, &args);
	return status;
}

const struct tool tool_append = {
	.name = "append",
	.run = cmd_append,
	.summary = "append events from files or standard input to a store",
	.usage = "STORE [options] [FILE...]",
	.about = "Append events, a JSON object a line, to a store. When it has exited with 0, or printed an event's "
		 "receipt, the event is on disk. An event whose eventId is there already with the same content is skipped.",
	.operands = operands,
	.least = 1,
	.most = SIZE_MAX,
	.exits = "012345",
	.groups = groups,
};
