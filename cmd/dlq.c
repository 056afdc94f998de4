/* evs dlq: dead letters looked at, mended, tried again and dropped. */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/moment.h"
#include "common/editor.h"
#include "common/letter_retry.h"
#include "common/letters.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/sheet.h"
#include "common/signals.h"
#include "common/value.h"
#include "common/verbs.h"
#include "evs.h"
#include "tools.h"

struct dlq_args {
	struct letter_filter filter;
	struct option_common common;
	const char *reason;
	int format;
	bool raw, all;
	char who[128];
};

#define FILTER(name) offsetof(struct dlq_args, filter.name)
#define ARG(name) offsetof(struct dlq_args, name)

static const struct option filters[] = {
	{0, "group", "G", OPTION_TEXT, FILTER(group), 0, "group", "events that this group could not handle"},
	{0, "projection", "NAME", OPTION_TEXT, FILTER(projection), 0, "projection", "events on which the fold of this projection failed"},
	{0, "kind", LETTER_KINDS, OPTION_CHOICE, FILTER(kind), 0, NULL, "lines that append refused, or events of projections, or of groups"},
	{'t', "type", "GLOB", OPTION_TEXT, FILTER(type), 0, "type", "events of such a type"},
	{0, "error", "TEXT", OPTION_TEXT, FILTER(error), 0, NULL, "those whose reason contains TEXT, or what the handler last wrote to standard error"},
	{0, "since", "TIME", OPTION_TIME, FILTER(since), 0, NULL, "that became dead letters at TIME or later"},
	{0, "until", "TIME", OPTION_TIME, FILTER(until), 0, NULL, "at TIME or earlier"},
};

static const struct option options[] = {
	{0, "all", NULL, OPTION_FLAG, ARG(all), 0, NULL, "retry all of them, or all that match"},
	{0, "reason", "TEXT", OPTION_TEXT, ARG(reason), 0, NULL, "why this is done, for the record that evs dlq log shows"},
	{0, "raw", NULL, OPTION_FLAG, ARG(raw), 0, NULL, "of show and export: the line or the event itself, byte for byte"},
	{0, "format", SHEET_FORMATS, OPTION_CHOICE, ARG(format), 0, NULL, "of list: lines of JSON, a table (the default on a terminal), or CSV"},
};

static const struct option_group groups[] = {
	{"Which of them (all must match)", filters, OPTION_COUNT(filters), 0},
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct dlq_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"ID", "the number of a dead letter, as list shows it", "letter"},
	{"COMMAND", "handles events in place of the group's own command", "command"},
	{0},
};

/* ---- by their numbers ---- */

/* Whether all operands are numbers. */
static int prepare_ids(void *context, const struct operands *given)
{
	uint64_t id;

	(void)context;
	for (size_t i = 0; i < given->n_rest; i++)
		if (!value_number(given->rest[i], &id) || id == 0)
			return message_usage("the ID of a dead letter is a number, as evs dlq %s list shows it, not '%s'", given->list[0], given->rest[i]);
	return STATUS_DONE;
}

/* The letter of an operand. EVS_END: there is none, which was said. */
static int get(struct evs_store *store, const struct operands *given, size_t at, struct evs_letter **l, struct evs_error *err)
{
	uint64_t id = 0;
	int status;

	value_number(given->rest[at], &id);
	status = evs_letter_get(store, id, false, l, err);
	if (status == EVS_END)
		message_print("%s: there is no dead letter %" PRIu64 "; evs dlq %s lists those there are", given->list[0], id, given->list[0]);
	return status;
}

/* ---- list, show and export ---- */

static int put_short(void *context, struct evs_store *store, const struct evs_letter *l)
{
	struct buf line = {0};
	int failed;

	letter_put(&line, store, l, false);
	failed = line.failed ? EVS_NOMEM : sheet_write(context, line.data, line.size) != 0 ? EVS_INTERRUPTED : EVS_OK;
	buf_free(&line);
	return failed;
}

static int run_list(void *context, struct evs_store *store, const struct operands *given)
{
	static const char *const titles[] = {"id", "kind", "group", "projection", "line", "position", "eventType", "aggregateId", "attempts", "parked", "recordedAt", "reason", "stderr", NULL};
	struct dlq_args *args = context;
	struct sheet *sheet = NULL;
	struct evs_error err = {0};
	int status;

	signals_exit();
	status = sheet_of(args->format, titles, &sheet, &err);
	if (status == EVS_OK)
		status = letter_each(store, &args->filter, put_short, sheet, &err);
	if (status == EVS_OK)
		sheet_finish(sheet);
	sheet_free(sheet);
	return status == EVS_OK || output_closed() ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int put_all(void *context, struct evs_store *store, const struct evs_letter *l)
{
	const struct dlq_args *args = context;
	struct buf *out = output_buf();

	if (args->raw)
		letter_put_raw(out, store, l);
	else
		letter_put(out, store, l, true);
	return output_flush_large() == 0 ? EVS_OK : EVS_INTERRUPTED;
}

static int run_export(void *context, struct evs_store *store, const struct operands *given)
{
	struct dlq_args *args = context;
	struct evs_error err = {0};
	int status;

	signals_exit();
	status = letter_each(store, &args->filter, put_all, args, &err);
	return status == EVS_OK || output_closed() ? STATUS_DONE : message_refusal(given->list[0], &err);
}

static int run_show(void *context, struct evs_store *store, const struct operands *given)
{
	const struct dlq_args *args = context;
	struct evs_error err = {0};
	struct evs_letter *l;
	int status;

	signals_exit();
	status = get(store, given, 0, &l, &err);
	if (status != EVS_OK)
		return status == EVS_END ? STATUS_FAILED : message_refusal(given->list[0], &err);
	put_all(context, store, l);
	status = args->raw && l->text == NULL && l->event.packed == NULL ? STATUS_DAMAGED : STATUS_DONE;
	evs_letter_free(l);
	if (status == STATUS_DAMAGED)
		message_print("%s: what it is about is damaged; evs verify says more", given->list[0]);
	return status;
}

/* ---- changes ---- */

/* Who does it, for the record. */
static struct evs_note note_of(struct dlq_args *args)
{
	const struct passwd *user = getpwuid(getuid());
	const char *behind = getenv("SUDO_USER");
	struct evs_note note = {.who = args->who, .why = args->reason};

	if (user == NULL)
		snprintf(args->who, sizeof args->who, "uid %u", (unsigned)getuid());
	else if (getuid() == 0 && behind != NULL && behind[0] != '\0')
		snprintf(args->who, sizeof args->who, "%.60s (sudo, by %.50s)", user->pw_name, behind);
	else
		snprintf(args->who, sizeof args->who, "%.120s", user->pw_name);
	return note;
}

static int run_drop(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_note note = note_of(context);
	struct evs_error err = {0};
	struct evs_letter *l;
	int status = EVS_OK, exit_status = STATUS_DONE;

	signals_exit();
	for (size_t i = 0; i < given->n_rest; i++) {
		status = get(store, given, i, &l, &err);
		if (status == EVS_END) {
			exit_status = STATUS_FAILED;
			continue;
		}
		if (status == EVS_OK) {
			status = evs_letter_drop(store, l, &note, &err);
			evs_letter_free(l);
		}
		if (status != EVS_OK)
			return message_refusal(given->list[0], &err);
	}
	return exit_status;
}

/* Try one that was named: not before those that are parked before it. */
static int retry_named(struct retry *r, const struct evs_letter *l, struct evs_error *err)
{
	uint64_t blocker;
	int status = evs_letter_blocker(r->job.store, l, &blocker, err);

	if (status == EVS_OK && blocker != 0) {
		message_print("%s: dead letter %" PRIu64 " is parked behind %" PRIu64 ", an earlier one of its stream: retry or drop that first", r->job.path,
		              l->id, blocker);
		r->stayed++;
		return EVS_OK;
	}
	return status == EVS_OK ? retry_letter(r, l, err) : status;
}

/* A letter that was named, and where it stands among those of its stream. */
struct named {
	uint64_t position;
	size_t operand;
};

static int by_position(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->operand < y->operand ? -1 : x->operand > y->operand;
}

/* Find out in which order letters are to be tried, for those of a parked stream have one. Those that are not there are said. */
static int sort_named(struct retry *r, const struct operands *given, struct named *named, size_t *n, struct evs_error *err)
{
	struct evs_letter *l;
	int status;

	*n = 0;
	for (size_t i = 0; i < given->n_rest; i++) {
		status = get(r->job.store, given, i, &l, err);
		if (status == EVS_END) {
			r->missing = true;
			continue;
		}
		if (status != EVS_OK)
			return status;
		named[(*n)++] = (struct named){l->position, i};
		evs_letter_free(l);
	}
	qsort(named, *n, sizeof *named, by_position);
	return EVS_OK;
}

static int retry_ids(struct retry *r, const struct operands *given, struct evs_error *err)
{
	struct named *named = calloc(given->n_rest, sizeof *named);
	struct evs_letter *l;
	size_t n = 0;
	int status = named == NULL ? error_nomem(err) : sort_named(r, given, named, &n, err);

	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		status = get(r->job.store, given, named[i].operand, &l, err);
		if (status == EVS_OK) {
			status = retry_named(r, l, err);
			evs_letter_free(l);
		} else if (status == EVS_END) {
			r->missing = true;
			status = EVS_OK;
		}
	}
	free(named);
	return status;
}

/* All letters are gone through: also one that is not to be tried keeps those that are parked behind it. */
struct all {
	struct retry *retry;
	const struct letter_filter *filter;
	int64_t begun_us;
	struct evs_error *err;
};

static int retry_if(void *context, struct evs_store *store, const struct evs_letter *l)
{
	struct all *all = context;

	/* What becomes a dead letter only now had its tries; but behind a parked one that went it is next. */
	if (!letter_matches(store, all->filter, l) || (!l->parked && l->recorded_us > all->begun_us))
		return retry_pass(all->retry, l, all->err);
	return retry_letter(all->retry, l, all->err);
}

static int retry_all(struct retry *r, const struct letter_filter *filter, struct evs_error *err)
{
	static const struct letter_filter any = {.kind = -1};
	struct all all = {r, filter, moment_now_us(), err};

	return letter_each(r->job.store, &any, retry_if, &all, err);
}

static int retry_exit(const struct retry *r, int status, const struct evs_error *err)
{
	if (signals_caught != 0)
		return 128 + signals_caught;
	if (status != EVS_OK)
		return message_refusal(r->job.path, err);
	return r->missing ? STATUS_FAILED : r->stayed > 0 ? STATUS_REJECTED : STATUS_DONE;
}

static struct retry retry_of(struct dlq_args *args, struct evs_store *store, const struct operands *given)
{
	return (struct retry){.job = {.store = store, .path = given->list[0], .concurrency = 1}, .command = given->command, .note = note_of(args)};
}

static int run_retry(void *context, struct evs_store *store, const struct operands *given)
{
	struct dlq_args *args = context;
	struct retry r = retry_of(args, store, given);
	struct evs_error err = {0};
	int status;

	signals_catch();
	progress_begin(args->common.progress);
	if (output_is_terminal())
		progress_keep_lines(); /* between what handlers print */
	status = retry_begin(&r, &err);
	if (status == EVS_OK)
		status = args->all ? retry_all(&r, &args->filter, &err) : retry_ids(&r, given, &err);
	retry_end(&r);
	return retry_exit(&r, status, &err);
}

static int prepare_retry(void *context, const struct operands *given)
{
	const struct dlq_args *args = context;

	if (args->all && given->n_rest > 0)
		return message_usage("--all and IDs exclude each other");
	if (!args->all && letter_filter_any(&args->filter))
		return message_usage("to retry all dead letters that match, add --all");
	if (!args->all && given->n_rest == 0)
		return message_usage("retry needs the IDs of dead letters, or --all");
	return prepare_ids(context, given);
}

/* ---- edit ---- */

/* The text as the editor shows it: an event on several lines. */
static bool put_text(struct buf *out, struct evs_store *store, const struct evs_letter *l)
{
	size_t size = 0;
	char *text;

	if (l->kind == EVS_LETTER_LINE || l->text != NULL) {
		letter_put_raw(out, store, l);
		return !out->failed;
	}
	text = l->event.packed == NULL ? NULL : evs_event_text(store, &l->event, EVS_PRETTY, &size);
	if (text != NULL)
		buf_put(out, text, size);
	free(text);
	return text != NULL && !out->failed;
}

/* Have it edited. EVS_OK: *l is the mended letter; EVS_END: nothing was changed; EVS_INTERRUPTED: it was said why. */
static int edit(struct evs_store *store, struct evs_letter **l, const struct evs_note *note, struct evs_error *err)
{
	struct buf text = {0}, before = {0};
	struct editor editor = {{0}, {0}};
	uint64_t id = (*l)->id;
	int status = EVS_OK;

	if (!put_text(&text, store, *l) || !put_text(&before, store, *l))
		status = error_set(err, EVS_CORRUPT, 0, "dead letter %" PRIu64 " cannot be read", id);
	else if (editor_edit(&editor, &text, "event.json") != STATUS_DONE)
		status = error_set(err, EVS_INTERRUPTED, 0, "it was said why");
	else if (text.size == before.size && memcmp(text.data, before.data, text.size) == 0)
		status = EVS_END;
	else
		status = evs_letter_mend(store, *l, (const char *)text.data, text.size, note, err);
	buf_free(&text);
	buf_free(&before);
	editor_end(&editor, status != EVS_OK && status != EVS_END && status != EVS_INTERRUPTED);
	if (status == EVS_BAD_EVENT)
		return error_prefix(err, "what was edited is no event, and nothing was changed: ");
	if (status != EVS_OK)
		return status;
	evs_letter_free(*l);
	*l = NULL;
	return evs_letter_get(store, id, false, l, err);
}

static int run_edit(void *context, struct evs_store *store, const struct operands *given)
{
	struct retry r = retry_of(context, store, given);
	struct evs_error err = {0};
	struct evs_letter *l = NULL;
	int status = get(store, given, 0, &l, &err);

	if (status == EVS_END)
		return STATUS_FAILED;
	if (status == EVS_OK && (l->kind == EVS_LETTER_FOLD || l->kind == EVS_LETTER_DAMAGED)) {
		message_print(l->kind == EVS_LETTER_FOLD ? "%s: dead letter %" PRIu64 " is of a projection: it is the fold that can be mended" :
		                                           "%s: dead letter %" PRIu64 " is damaged, and can only be dropped", given->list[0], l->id);
		evs_letter_free(l);
		return STATUS_FAILED;
	}
	if (status == EVS_OK)
		status = edit(store, &l, &r.note, &err);
	if (status == EVS_END)
		message_print("%s: nothing was changed", given->list[0]);
	if (status == EVS_OK) {
		signals_catch();
		status = retry_begin(&r, &err);
		if (status == EVS_OK)
			status = retry_named(&r, l, &err);
		else
			message_print("%s: what was edited is stored; evs dlq %s retry %" PRIu64 " tries it", given->list[0], given->list[0], l->id);
		retry_end(&r);
	}
	evs_letter_free(l);
	if (status == EVS_END)
		return STATUS_DONE;
	return status == EVS_INTERRUPTED && signals_caught == 0 ? STATUS_FAILED : retry_exit(&r, status, &err);
}

/* ---- log ---- */

static int put_entry(void *context, const struct evs_letter_entry *e)
{
	(void)context;
	letter_put_entry(output_buf(), e);
	return output_flush_large();
}

static int run_log(void *context, struct evs_store *store, const struct operands *given)
{
	struct evs_error err = {0};
	uint64_t id = 0;
	int status;

	(void)context;
	signals_exit();
	if (given->n_rest > 0)
		value_number(given->rest[0], &id);
	status = evs_letter_log(store, id, put_entry, NULL, &err);
	return status == EVS_OK ? STATUS_DONE : message_refusal(given->list[0], &err);
}

#define FILTERS "group projection kind type error since until"

static const struct verb verbs[] = {
	{"list", "", 0, 0, FILTERS " format", NULL, "say in short what there is", EVS_READ, NULL, run_list, false},
	{"show", "ID", 1, 1, "raw", NULL, "say all about one: the event, every try, its error", EVS_READ, prepare_ids, run_show, false},
	{"retry", "ID...|--all [-- COMMAND [ARG...]]", 0, SIZE_MAX, FILTERS " all reason", NULL,
	 "append a line again, give an event to its group's command again, or to COMMAND; what succeeds goes", EVS_WRITE, prepare_retry, run_retry, true},
	{"edit", "ID [-- COMMAND [ARG...]]", 1, 1, "reason", NULL, "mend it in $VISUAL or $EDITOR, and retry it", EVS_WRITE, prepare_ids, run_edit, true},
	{"drop", "ID...", 1, SIZE_MAX, "reason", NULL, "remove them", EVS_WRITE, prepare_ids, run_drop, false},
	{"export", "", 0, 0, FILTERS " raw", NULL, "say all about each", EVS_READ, NULL, run_export, false},
	{"log", "[ID]", 0, 1, NULL, NULL, "say what was done to them, when, by whom and why", EVS_READ, prepare_ids, run_log, false},
	{0},
};

/* The tool. */
static int cmd_dlq(int argc, char **argv)
{
	struct dlq_args args = {.filter.kind = -1, .format = SHEET_UNSET};

	return verbs_run(&tool_dlq, argc, argv, &args);
}

const struct tool tool_dlq = {
	.name = "dlq",
	.run = cmd_dlq,
	.summary = "look at dead letters, mend them, and send them again",
	.usage = "[ID...] [options]",
	.about = "Look after dead letters: lines that evs append --on-error dlq refused, and events that groups and projections gave "
		 "up. Nothing leaves them unless it succeeds or is dropped by its number; what is done is put on record.",
	.operands = operands,
	.least = 1,
	.exits = "01245",
	.groups = groups,
	.verbs = verbs,
};
