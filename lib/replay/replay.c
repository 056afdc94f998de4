/* evs_replay: what is asked for, and the states and their histories; diff.c, first.c and blame.c have the rest. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "replay/tell.h"

/* ---- the state, and its history ---- */

/* A line for each state. */
static int show_state(struct replay *r, struct evs_error *err)
{
	const struct walk_state **list = NULL;
	struct walk *w = NULL;
	size_t n = 0;
	int status = tell_walk(r, r->walk_options.limit, &w, err);

	if (status == EVS_OK && (list = tell_states(r, w, &n, err)) == NULL)
		status = EVS_NOMEM;
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		if (r->walk_options.key == NULL && value_is_null(&list[i]->value))
			continue;
		tell_key(r, list[i]);
		tell_place(r, list[i]->drafted, list[i]->position, r->by_stream, list[i]->revision);
		status = tell_value(r, w, "state", &list[i]->value) ? EVS_OK : tell_failed(r, err);
		buf_text(&r->out, "}\n");
		if (status == EVS_OK)
			status = tell_flush(r, false, err);
	}
	free(list);
	walk_close(w);
	return status;
}

/* ,"name":"text" of the event's envelope */
static void put_field(struct replay *r, const struct walk *w, enum name_fixed field)
{
	char scratch[UUID_TEXT];
	struct span span = view_span(&walk_view(w)->texts[field], walk_names(w), scratch);

	buf_printf(&r->out, ",\"%s\":", name_fixed_text(field));
	render_string(&r->out, (const uint8_t *)span.text, span.size);
}

/* One line of history. */
static int put_step(struct replay *r, const struct walk *w, const struct walk_state *s, struct evs_error *err)
{
	const struct record *record = walk_record(w);

	tell_key(r, s);
	tell_place(r, s->drafted, record->position, record->revision != 0, record->revision);
	put_field(r, w, NAME_EVENT_TYPE);
	put_field(r, w, NAME_TIMESTAMP);
	if (!tell_value(r, w, "state", &s->value))
		return tell_failed(r, err);
	buf_text(&r->out, "}\n");
	return tell_flush(r, false, err);
}

/* A line for each event and state. */
static int show_history(struct replay *r, struct evs_error *err)
{
	const struct walk_state *s;
	struct walk *w = NULL;
	bool any = false;
	int status;

	r->walk_options.every_event = true;
	status = walk_open(r->store, &r->walk_options, &w, err);
	for (; status == EVS_OK && (status = tell_next(r, w, err)) == EVS_OK; any = true)
		for (size_t i = 0; status == EVS_OK && (s = walk_touched(w, i)) != NULL; i++)
			status = put_step(r, w, s, err);
	walk_close(w);
	if (status == EVS_END && !any && r->walk_options.key != NULL)
		return error_set(err, EVS_END, 0, "no event counts for '%.100s'", r->walk_options.key);
	return status == EVS_END ? EVS_OK : status;
}

/* ---- what was asked ---- */

/* Ascending. */
static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Positions that did not happen, ascending; each must be there. */
static int set_without(struct replay *r, struct evs_error *err)
{
	const struct evs_replay_options *o = r->options;
	uint64_t last;
	int status;

	if (o->n_without == 0)
		return EVS_OK;
	status = evs_last_position(r->store, &last, err);
	for (size_t i = 0; i < o->n_without && status == EVS_OK; i++)
		if (o->without[i] == 0 || o->without[i] > last)
			status = error_set(err, EVS_USAGE, 0, "--without: there is no event at position %" PRIu64, o->without[i]);
	if (status != EVS_OK)
		return status;
	if ((r->without = calloc(o->n_without, sizeof *r->without)) == NULL)
		return error_nomem(err);
	memcpy(r->without, o->without, o->n_without * sizeof *r->without);
	qsort(r->without, o->n_without, sizeof *r->without, by_number);
	r->walk_options.without = r->without;
	r->walk_options.n_without = o->n_without;
	return EVS_OK;
}

/* Up to where events count. */
static int set_limit(struct replay *r, struct evs_error *err)
{
	const struct evs_replay_options *o = r->options;
	struct source_limit *limit = &r->walk_options.limit;

	*limit = (struct source_limit)SOURCE_NO_LIMIT;
	if (o->has_position)
		limit->position = o->position;
	if (o->has_revision)
		limit->revision = o->revision;
	if (o->has_revision && !r->by_stream)
		return error_set(err, EVS_USAGE, 0, "a revision counts the events of a stream, and this fold has states by another key; "
		                 "give a position or a time");
	if (o->at != NULL && !moment_parse_option(o->at, moment_now_us() * 1000, true, &limit->moment))
		return error_set(err, EVS_USAGE, 0, "no time: '%s'; write 2026-05-14T10:30:00Z, 2026-05-14, or -15m, -2h, -7d",
		                 o->at);
	return EVS_OK;
}

/* Make sense of the options. */
static int prepare(struct replay *r, struct evs_error *err)
{
	const struct evs_replay_options *o = r->options;
	int status = EVS_OK;

	if (o->selector != NULL)
		r->selector = *o->selector;
	if (r->selector.reverse)
		return error_set(err, EVS_USAGE, 0, "states are made of events in their order, not in reverse");
	if (o->exec == NULL)
		status = fold_parse(o->fold_name, o->fold, o->fold_size, &r->fold, err);
	if (status != EVS_OK)
		return status;
	r->by_stream = r->fold == NULL || fold_by_stream(r->fold);
	r->walk_options = (struct walk_options){.selector = &r->selector, .fold = r->fold, .exec = o->exec,
	                                        .timeout_ms = o->timeout_ms, .key = o->key,
	                                        .with = o->with, .with_size = o->with_size, .stop = o->stop};
	if (r->by_stream && o->key != NULL && r->selector.stream != NULL && strcmp(o->key, r->selector.stream) != 0)
		return error_set(err, EVS_USAGE, 0, "the key is the stream: '%s' and '%s' are two", o->key, r->selector.stream);
	if (r->by_stream && o->key == NULL)
		r->walk_options.key = r->selector.stream;
	status = set_limit(r, err);
	return status == EVS_OK ? set_without(r, err) : status;
}

int evs_replay(struct evs_store *store, const struct evs_replay_options *options, struct evs_error *err)
{
	static int (*const shows[])(struct replay *, struct evs_error *) = {
		[EVS_REPLAY_STATE] = show_state, [EVS_REPLAY_HISTORY] = show_history, [EVS_REPLAY_DIFF] = diff_show,
		[EVS_REPLAY_FIRST] = first_show, [EVS_REPLAY_BLAME] = blame_show,
	};
	struct replay r = {.store = store, .options = options};
	int status = prepare(&r, err), written;

	if (status == EVS_OK)
		status = shows[options->show](&r, err);
	/* What was told before a failure is told, in whole lines. */
	while (status < 0 && r.out.size > 0 && r.out.data[r.out.size - 1] != '\n')
		r.out.size--;
	written = r.out.failed ? EVS_OK : tell_flush(&r, true, status == EVS_OK ? err : NULL);
	fold_free(r.fold);
	free(r.without);
	buf_free(&r.out);
	return status == EVS_OK ? written : status;
}
