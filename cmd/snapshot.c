/* evs snapshot: states of folds that are kept to start from. */
#include <inttypes.h>

#include "common/file.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"
#include "event/render.h"
#include "evs.h"
#include "tools.h"

struct snapshot_args {
	struct evs_snapshot_selector which;
	struct option_common common;
	const char *fold;
	uint64_t every, keep;
	bool has_keep;
};

#define WHICH(name) offsetof(struct snapshot_args, which.name)
#define ARG(name) offsetof(struct snapshot_args, name)

static const struct option options[] = {
	{0, "fold", "FILE", OPTION_TEXT, ARG(fold), 0, "file",
	 "the fold whose states they are, evs-fold(5); '-' is standard input; list, drop and prune without it: all folds"},
	{0, "key", "K", OPTION_TEXT, WHICH(key), 0, "stream", "the state of this key alone; of a fold by stream it is the aggregateId"},
	{0, "aggregate-type", "T", OPTION_TEXT, WHICH(aggregate_type), 0, NULL, "the aggregateType of the key's stream"},
	{0, "every", "N", OPTION_POSITIVE, ARG(every), 0, NULL,
	 "with take: a snapshot after each N events of a state, not one of how it is now"},
	{0, "keep", "N", OPTION_NUMBER, ARG(keep), ARG(has_keep), NULL, "with prune: how many of each state stay, the newest"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct snapshot_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store"},
	{"VERB", "take: keep the states as they are; list; show: print the newest one of a state; drop: remove them; prune: remove "
	         "all but the newest of each state"},
	{"KEY", "of show, the state to print"},
	{0},
};

/* Say what the library says. */
static int fail(const char *path, const struct evs_error *err)
{
	/* What is wrong with options and folds is not about the store. */
	int status = err->status == EVS_USAGE ? message_text(err) : message_failure(path, err);

	return err->status == EVS_END ? STATUS_FAILED : status;
}

/* ---- the verbs ---- */

static void on_progress(void *context, uint64_t events)
{
	(void)context;
	progress_show(events, 0);
}

static int run_take(struct snapshot_args *args, struct evs_store *store, char **operand)
{
	struct evs_error err = {0};
	uint64_t taken;
	int status;

	signals_catch();
	progress_begin(args->common.progress);
	status = evs_snapshot_take(store, &args->which, args->every, &signals_caught, on_progress, NULL, &taken, &err);
	progress_clear();
	return status == EVS_OK ? STATUS_DONE : fail(operand[0], &err);
}

/* The members that list and show have in common. */
static void put_snapshot(struct buf *out, const struct evs_snapshot *s)
{
	buf_text(out, "{\"key\":");
	render_string(out, (const uint8_t *)s->key, s->key_size);
	if (s->aggregate_type != NULL) {
		buf_text(out, ",\"aggregateType\":");
		render_string(out, (const uint8_t *)s->aggregate_type, s->aggregate_type_size);
	}
	buf_printf(out, ",\"position\":%" PRIu64, s->position);
	if (s->revision != 0)
		buf_printf(out, ",\"revision\":%" PRIu64, s->revision);
	buf_printf(out, ",\"events\":%" PRIu64, s->events);
}

static int put_entry(void *context, const struct evs_snapshot *s)
{
	struct buf *out = output_buf();

	(void)context;
	put_snapshot(out, s);
	buf_printf(out, ",\"bytes\":%zu,\"fold\":\"%016" PRIx64 "\"}\n", s->bytes, s->hash);
	return output_flush_large();
}

static int run_list(struct snapshot_args *args, struct evs_store *store, char **operand)
{
	struct evs_error err = {0};

	signals_exit();
	if (evs_snapshot_list(store, &args->which, false, false, put_entry, NULL, &err) != EVS_OK)
		return fail(operand[0], &err);
	return STATUS_DONE;
}

static int put_state(void *context, const struct evs_snapshot *s)
{
	struct buf *out = output_buf();
	size_t *n = context;

	++*n;
	put_snapshot(out, s);
	buf_text(out, ",\"state\":");
	buf_put(out, s->state, s->state_size);
	buf_text(out, "}\n");
	return output_flush_large();
}

static int run_show(struct snapshot_args *args, struct evs_store *store, char **operand)
{
	struct evs_error err = {0};
	size_t n = 0;

	signals_exit();
	args->which.key = operand[2];
	if (evs_snapshot_list(store, &args->which, true, true, put_state, &n, &err) != EVS_OK)
		return fail(operand[0], &err);
	if (n > 0)
		return STATUS_DONE;
	message_print("%s: there is no snapshot of '%s' by %s", operand[0], operand[2], file_name(args->fold));
	return STATUS_FAILED;
}

/* drop, and prune, which keeps some. */
static int run_drop(struct snapshot_args *args, struct evs_store *store, char **operand)
{
	struct evs_error err = {0};
	uint64_t dropped;

	signals_exit();
	if (evs_snapshot_drop(store, &args->which, args->keep, &dropped, &err) != EVS_OK)
		return fail(operand[0], &err);
	return STATUS_DONE;
}

static const struct verb {
	const char *name, *usage;
	size_t n; /* operands */
	bool fold, key, every, keep; /* it needs a fold; it takes --key and --aggregate-type; it takes --every; it needs --keep */
	int flags; /* of evs_open */
	int (*run)(struct snapshot_args *args, struct evs_store *store, char **operand);
} verbs[] = {
	{"take", "STORE take --fold FILE", 2, true, true, true, false, EVS_WRITE, run_take},
	{"list", "STORE list", 2, false, true, false, false, EVS_READ, run_list},
	{"show", "STORE show --fold FILE KEY", 3, true, false, false, false, EVS_READ, run_show},
	{"drop", "STORE drop", 2, false, true, false, false, EVS_WRITE, run_drop},
	{"prune", "STORE prune --keep N", 2, false, true, false, true, EVS_WRITE, run_drop},
};

static const struct verb *find_verb(const struct operands *given)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].name, given->list[1]) != 0)
			continue;
		if (given->n == verbs[i].n)
			return &verbs[i];
		message_usage("%s; usage: evs snapshot %s", given->n < verbs[i].n ? "an operand is missing" : "one operand too many", verbs[i].usage);
		return NULL;
	}
	message_usage("the second operand is take, list, show, drop or prune, not '%s'", given->list[1]);
	return NULL;
}

/* Whether the options go with the verb. */
static bool check(const struct snapshot_args *args, const struct verb *v)
{
	if (v->fold && args->fold == NULL)
		message_usage("%s needs --fold FILE; usage: evs snapshot %s", v->name, v->usage);
	else if (!v->key && args->which.key != NULL)
		message_usage("%s names the key as an operand; usage: evs snapshot %s", v->name, v->usage);
	else if (!v->every && args->every != 0)
		message_usage("--every goes with take");
	else if (v->keep && !args->has_keep)
		message_usage("%s needs --keep N; usage: evs snapshot %s", v->name, v->usage);
	else if (!v->keep && args->has_keep)
		message_usage("--keep goes with prune");
	else
		return true;
	return false;
}

/* Read the fold, before the store is opened. */
static int load(struct snapshot_args *args, struct buf *text)
{
	struct evs_error err;

	if (args->fold == NULL)
		return STATUS_DONE;
	if (file_read(args->fold, text, &err) != EVS_OK)
		return message_text(&err);
	args->which.fold = text->data == NULL ? "" : (const char *)text->data;
	args->which.fold_size = text->size;
	args->which.fold_name = file_name(args->fold);
	return STATUS_DONE;
}

/* The tool. */
static int cmd_snapshot(int argc, char **argv)
{
	struct snapshot_args args = {0};
	struct evs_store *store = NULL;
	struct buf fold = {0};
	struct operands given;
	const struct verb *verb;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_snapshot, argc, argv, &args, &given, &status))
		return status;
	verb = find_verb(&given);
	status = verb != NULL && check(&args, verb) ? load(&args, &fold) : STATUS_USAGE;
	if (status == STATUS_DONE && evs_open(given.list[0], verb->flags, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else if (status == STATUS_DONE)
		status = verb->run(&args, store, given.list);
	evs_close(store);
	buf_free(&fold);
	options_release(&tool_snapshot, &args);
	return status;
}

const struct tool tool_snapshot = {
	.name = "snapshot",
	.run = cmd_snapshot,
	.summary = "keep states of a fold to start from",
	.usage = "STORE take|list|show|drop|prune [KEY] [options]",
	.about = "Keep states that a fold has made of many events, so that replay, decide and project need not go through all of "
		 "them again.",
	.operands = operands,
	.least = 2,
	.most = 3,
	.exits = "0125",
	.groups = groups,
};
