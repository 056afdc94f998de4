/* Deciding on a state: the write side. The stream's revision guards what is appended. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/id.h"
#include "replay/stored.h"
#include "replay/walk.h"
#include "store/store.h"

enum {
	WAIT_MS = 2,        /* at most, before the second try; twice as much before each further one */
	WAIT_DOUBLINGS = 6,
};

struct decide {
	struct evs_store *store;
	const struct evs_decide_options *options;
	struct fold *fold; /* NULL: a command */
	struct buf command; /* as canonical JSON */
	/* The state that was loaded. */
	char *type;        /* the stream's aggregateType; NULL: none */
	uint64_t revision;
	struct buf question;
};

/* Put the command in its canonical form: it becomes a part of a line. */
static int read_command(struct decide *d, struct evs_error *err)
{
	const struct evs_decide_options *o = d->options;
	struct arena arena = {.limit = EVS_LINE_MAX};
	struct buf packed = {0};
	struct value value;
	int status;

	if (o->command == NULL) {
		buf_text(&d->command, "null");
		return d->command.failed ? error_nomem(err) : EVS_OK;
	}
	status = parse_value(o->command, o->command_size, &packed, err);
	if (status == EVS_BAD_EVENT)
		error_prefix(err, "the command is no JSON: ");
	if (status == EVS_OK && (value_read(&arena, packed.data, packed.data + packed.size, &value) == NULL ||
	                         !value_render(&d->command, d->store->names, &value)))
		status = error_nomem(err);
	arena_free(&arena);
	buf_free(&packed);
	return status;
}

/* Load the state, and make the question of it. */
static int load(struct decide *d, struct evs_error *err)
{
	const struct evs_decide_options *o = d->options;
	struct evs_selector selector = {.aggregate_type = o->aggregate_type};
	struct walk_options options = {.selector = &selector, .fold = d->fold, .exec = o->exec, .timeout_ms = o->timeout_ms,
	                               .key = o->stream, .limit = SOURCE_NO_LIMIT, .stop = o->stop};
	const struct walk_state *s;
	struct walk *w = NULL;
	int status = walk_open(d->store, &options, &w, err);

	while (status == EVS_OK)
		status = walk_next(w, err);
	if (status != EVS_END) {
		walk_close(w);
		return status;
	}
	s = walk_state(w);
	free(d->type);
	d->type = s->type.text == NULL ? NULL : strndup(s->type.text, s->type.size);
	d->revision = s->revision;
	status = EVS_OK;
	d->question.size = 0;
	buf_text(&d->question, "{\"state\":");
	if (!value_render(&d->question, walk_names(w), &s->value))
		status = error_set(err, EVS_CORRUPT, 0, "the state is damaged");
	buf_printf(&d->question, ",\"revision\":%" PRIu64 ",\"command\":", d->revision);
	buf_put(&d->question, d->command.data, d->command.size);
	buf_text(&d->question, "}\n");
	if (d->question.failed || (d->type == NULL && s->type.text != NULL))
		status = error_nomem(err);
	walk_close(w);
	return status;
}

/* Whether a text of the envelope is this string. */
static bool is_text(const struct decide *d, const struct text *t, const char *string)
{
	char scratch[UUID_TEXT];
	struct span span = view_span(t, d->store->names, scratch);

	return span.size == strlen(string) && memcmp(span.text, string, span.size) == 0;
}

/* What was decided. */
struct decided {
	const char *lines;
	size_t size;
	size_t n;     /* events */
	bool repeats; /* all of them are in the store already: it was decided before */
};

/* Note whether all events are in the store already; one with other content is for append to refuse. */
static int find_stored(const struct decide *d, const struct drafts *drafts, struct decided *decided, struct evs_error *err)
{
	const struct source_options all = {.limit = SOURCE_NO_LIMIT};
	int status = EVS_OK;

	for (size_t i = 0; i < drafts->n && status == EVS_OK; i++)
		status = stored_find(d->store, &all, &drafts->list[i], err);
	decided->repeats = status == EVS_OK && drafts->n > 0;
	return status == EVS_END || status == EVS_CONFLICT ? EVS_OK : status;
}

/* Whether the events are of the stream; one without events yet may be given a type by its first. */
static int check(const struct decide *d, struct decided *decided, struct evs_error *err)
{
	const char *stream = d->options->stream;
	struct parse_rules rules = {0};
	struct drafts drafts = {0};
	int status;

	rules.fill[NAME_AGGREGATE_ID] = span_text(stream);
	rules.fill[NAME_AGGREGATE_TYPE] = span_text(d->type);
	status = drafts_parse(&drafts, d->store->names, &rules, decided->lines, decided->size, err);
	for (size_t i = 0; i < drafts.n && status == EVS_OK; i++) {
		const struct draft *e = &drafts.list[i];
		struct view view;

		if (!view_open(&view, e->record.body, e->record.size))
			status = error_nomem(err);
		else if (!is_text(d, &view.texts[NAME_AGGREGATE_ID], stream))
			status = error_set(err, EVS_BAD_EVENT, 0, "line %" PRIu64 ": the event is not of the stream '%.200s'", e->line,
			                   stream);
		else if (d->type != NULL && !is_text(d, &view.texts[NAME_AGGREGATE_TYPE], d->type))
			status = error_set(err, EVS_BAD_EVENT, 0,
			                   "line %" PRIu64 ": the event's aggregateType is not '%.200s', that of the stream", e->line,
			                   d->type);
	}
	if (status != EVS_OK)
		error_prefix(err, "what was decided: ");
	else
		status = find_stored(d, &drafts, decided, err);
	decided->n = drafts.n;
	drafts_release(&drafts);
	return status;
}

/* Append the events if the stream is still as it was. A decision that is in the store already is none on the stream as it is. */
static int append(struct decide *d, const struct decided *decided, struct evs_error *err)
{
	const struct evs_decide_options *o = d->options;
	struct evs_append_options options = {.stream = o->stream, .aggregate_type = d->type, .atomic = true,
	                                     .expect = decided->repeats ? EVS_EXPECT_ANY : (int64_t)d->revision,
	                                     .on_receipt = o->on_receipt, .context = o->context};
	struct evs_append *a = NULL;
	int status = evs_append_new(d->store, &options, &a, err);

	if (status == EVS_OK)
		status = evs_append_lines(a, decided->lines, decided->size, err);
	if (status == EVS_OK)
		status = evs_append_finish(a, err);
	evs_append_free(a);
	return status;
}

/* One try. */
static int decide_once(struct decide *d, struct evs_error *err)
{
	const struct evs_decide_options *o = d->options;
	struct decided decided = {0};
	int status = load(d, err);

	if (status == EVS_OK)
		status = o->decide(o->context, (const char *)d->question.data, d->question.size, &decided.lines, &decided.size, err);
	if (status == EVS_OK)
		status = check(d, &decided, err);
	return status == EVS_OK && decided.n > 0 ? append(d, &decided, err) : status;
}

/* Let others go first, for a moment by chance. */
static void wait_a_moment(unsigned tried)
{
	uint32_t chance, most_us = WAIT_MS * 1000u << (tried < WAIT_DOUBLINGS ? tried : WAIT_DOUBLINGS);

	random_bytes(&chance, sizeof chance);
	nanosleep(&(struct timespec){.tv_nsec = (long)(chance % most_us) * 1000}, NULL);
}

int evs_decide(struct evs_store *store, const struct evs_decide_options *options, struct evs_error *err)
{
	struct decide d = {.store = store, .options = options};
	int status = EVS_OK;

	if (options->exec == NULL)
		status = fold_parse(options->fold_name, options->fold, options->fold_size, &d.fold, err);
	if (status == EVS_OK && d.fold != NULL && !fold_by_stream(d.fold))
		status = error_set(err, EVS_USAGE, 0, "a decision is about a stream, and this fold has states by another key");
	if (status == EVS_OK)
		status = read_command(&d, err);
	if (status == EVS_OK)
		status = decide_once(&d, err);
	for (unsigned tried = 1; status == EVS_CONFLICT && tried < options->tries; tried++) {
		wait_a_moment(tried - 1);
		if (options->stop != NULL && *options->stop != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		else
			status = decide_once(&d, err);
	}
	fold_free(d.fold);
	free(d.type);
	buf_free(&d.command);
	buf_free(&d.question);
	return status;
}
