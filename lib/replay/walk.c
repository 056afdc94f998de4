#include "replay/walk.h"

#include <stdlib.h>

#include "base/error.h"
#include "replay/ask.h"
#include "replay/start.h"
#include "replay/states.h"
#include "replay/stored.h"
#include "store/store.h"

struct walk {
	struct evs_store *store;
	const struct walk_options *options;
	bool by_stream;
	struct drafts with;
	struct source_options source_options;
	struct source *source;
	struct fold_run *run;            /* NULL: a command is asked */
	struct ask ask;
	bool drained;                    /* of what to ask about */
	struct states states;
	struct states_entry *only;       /* with a key: its state */
	uint64_t began;                  /* the position of the snapshot it began from; 0: none */
	char *type;                      /* of that stream, once it is known; NULL: none, or no stream */
	/* The event at hand. */
	struct record record;
	const struct draft *draft;       /* NULL: it is of the store */
	struct view view;
	uint64_t events;                 /* how many came; marks the states that it touched */
	bool open;                       /* it may be taken back */
	struct states_entry **touched;
	size_t n_touched, touched_cap;
	char key_scratch[UUID_TEXT], type_scratch[UUID_TEXT];
};

/* ---- begin and end ---- */

/* Give the state of a stream its type, once it is known. */
static bool set_type(struct walk *w, struct span type)
{
	char *copy;

	if (w->type != NULL || type.text == NULL)
		return true;
	if ((copy = malloc(type.size + 1)) == NULL)
		return false;
	memcpy(copy, type.text, type.size);
	copy[type.size] = '\0';
	w->type = copy;
	w->only->shown.type = (struct span){copy, type.size};
	return true;
}

/* Make the one state of a walk with a key; type: of its stream, NULL: not known yet. */
static int make_only(struct walk *w, const char *type, struct evs_error *err)
{
	const struct walk_options *o = w->options;
	struct span key = {o->key, o->key == NULL ? 0 : strlen(o->key)};

	if (o->key == NULL)
		return EVS_OK;
	w->only = states_get(&w->states, o->fold, key, (struct span){0});
	if (w->only == NULL)
		return error_nomem(err);
	if (w->by_stream && type != NULL && type[0] != '\0' && !set_type(w, (struct span){type, strlen(type)}))
		return error_nomem(err);
	return EVS_OK;
}

/* Leave out what happened anyway: events that the store has among those that count. */
static int drop_stored(struct walk *w, struct evs_error *err)
{
	struct drafts *d = &w->with;
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		int status = stored_find(w->store, &w->source_options, &d->list[i], err);

		if (status == EVS_CONFLICT)
			return error_prefix(err, "the added event of line %llu: ", (unsigned long long)d->list[i].line);
		if (status == EVS_END)
			d->list[kept++] = d->list[i];
		else if (status != EVS_OK)
			return status;
	}
	d->n = kept;
	return EVS_OK;
}

/* Read the lines of events that are in no store; those of a walk through a stream are filled with it. */
static int read_drafts(struct walk *w, struct evs_error *err)
{
	const struct walk_options *o = w->options;
	struct parse_rules rules = {0};
	int status;

	if (o->with == NULL)
		return EVS_OK;
	if (w->by_stream && o->key != NULL) {
		rules.fill[NAME_AGGREGATE_ID] = span_text(o->key);
		rules.fill[NAME_AGGREGATE_TYPE] = span_text(w->type);
	}
	status = drafts_parse(&w->with, w->store->names, &rules, o->with, o->with_size, err);
	if (status == EVS_OK)
		status = drop_stored(w, err);
	drafts_sort(&w->with);
	return status;
}

/* Begin with a state that was saved. False when it is damaged, or memory ran out. */
static bool use_saved(struct walk *w, const struct walk_begin *begin)
{
	struct states_entry *e = w->only;
	bool good;

	if (w->options->fold == NULL) {
		good = states_put(e, begin->packed, begin->size);
	} else {
		good = begin->size == 0 || state_decode(&e->state, begin->packed, begin->size);
		e->shown.value = state_value(&e->state);
	}
	w->began = begin->position;
	e->shown.position = begin->position;
	e->shown.revision = begin->revision;
	return good;
}

/* Begin with the state that was given. */
static int begin_saved(struct walk *w, struct evs_error *err)
{
	const struct walk_begin *begin = w->options->begin;

	w->source_options.after = begin->position;
	return use_saved(w, begin) ? EVS_OK : error_nomem(err);
}

/* Begin with the state that a snapshot holds. */
static int use_snapshot(struct walk *w, const struct snapshot_place *place, const struct buf *state, struct evs_error *err)
{
	const struct walk_begin begin = {place->position, place->revision, state->data, state->size};

	if (use_saved(w, &begin))
		return EVS_OK;
	return error_set(err, EVS_CORRUPT, 0, "the snapshot of '%s' at position %llu is damaged", w->options->key,
	                 (unsigned long long)place->position);
}

/* Learn the type of the stream that is walked, which may have to be looked up: added events are given it, snapshots are found by it. */
static int learn_type(struct walk *w, struct evs_error *err)
{
	int status;

	if (!w->by_stream || w->only == NULL || w->type != NULL)
		return EVS_OK;
	status = source_open(w->store, &w->source_options, &w->source, err);
	return status != EVS_OK || set_type(w, source_stream_type(w->source)) ? status : error_nomem(err);
}

/* Begin to read, behind what a snapshot holds where there is one. */
static int open_source(struct walk *w, struct evs_error *err)
{
	struct snapshot_place place;
	struct buf state = {0};
	int status = EVS_OK;

	if (w->options->begin == NULL && start_may(w->options)) {
		status = start_find(w->store, w->options, w->only->shown.type, &w->with, &place, &w->source_options.after, &state,
		                    err);
		if (status == EVS_OK) {
			source_close(w->source);
			w->source = NULL;
			status = use_snapshot(w, &place, &state, err);
		}
		status = status == EVS_END ? EVS_OK : status;
	}
	buf_free(&state);
	return status != EVS_OK || w->source != NULL ? status : source_open(w->store, &w->source_options, &w->source, err);
}

/* Have what makes states of events. */
static int open_machine(struct walk *w, struct evs_error *err)
{
	const struct walk_options *o = w->options;
	const struct exec_options exec = {.command = o->exec, .timeout_ms = o->timeout_ms, .stop = o->stop};

	if (o->fold == NULL)
		return exec_new(&exec, w->store->names, &w->ask.exec, err);
	w->run = fold_run_new(o->fold, w->store->names);
	return w->run != NULL ? EVS_OK : error_nomem(err);
}

int walk_open(struct evs_store *store, const struct walk_options *options, struct walk **out, struct evs_error *err)
{
	struct walk *w = calloc(1, sizeof *w);
	struct evs_selector selector = options->selector == NULL ? (struct evs_selector){0} : *options->selector;
	int status;

	*out = NULL;
	if (w == NULL)
		return error_nomem(err);
	w->store = store;
	w->options = options;
	w->by_stream = options->fold == NULL || fold_by_stream(options->fold);
	if (w->by_stream && options->key != NULL)
		selector.stream = options->key;
	w->source_options = (struct source_options){.selector = &selector, .limit = options->limit, .without = options->without,
	                                            .n_without = options->n_without, .with = &w->with,
	                                            .positions = options->positions, .n_positions = options->n_positions,
	                                            .one_stream = w->by_stream && options->key != NULL};
	status = make_only(w, selector.aggregate_type, err);
	if (status == EVS_OK && options->begin != NULL)
		status = begin_saved(w, err);
	if (status == EVS_OK)
		status = learn_type(w, err);
	if (status == EVS_OK)
		status = read_drafts(w, err);
	if (status == EVS_OK)
		status = open_source(w, err);
	if (status == EVS_OK)
		status = open_machine(w, err);
	w->source_options.selector = NULL;
	if (status != EVS_OK) {
		walk_close(w);
		return status;
	}
	*out = w;
	return EVS_OK;
}

void walk_close(struct walk *w)
{
	if (w == NULL)
		return;
	if (w->open && w->run != NULL)
		fold_end(w->run, true);
	fold_run_free(w->run);
	ask_release(&w->ask);
	source_close(w->source);
	drafts_release(&w->with);
	states_release(&w->states);
	free(w->touched);
	free(w->type);
	free(w);
}

/* ---- one event ---- */

/* Note that the event at hand counts for a state. */
static int touch(struct walk *w, struct states_entry *e, struct evs_error *err)
{
	if (e->event == w->events)
		return EVS_OK;
	if (!array_grow(&w->touched, &w->touched_cap, w->n_touched, sizeof(struct states_entry *)))
		return error_nomem(err);
	w->touched[w->n_touched++] = e;
	e->event = w->events;
	e->back = e->shown;
	e->shown.position = w->record.position;
	e->shown.revision = w->by_stream ? w->record.revision : 0;
	e->shown.drafted = w->draft != NULL;
	return EVS_OK;
}

/* Take back what the event at hand did. */
static void take_back(struct walk *w)
{
	if (w->run != NULL)
		fold_end(w->run, false);
	w->open = false;
	for (size_t i = 0; i < w->n_touched; i++) {
		struct states_entry *e = w->touched[i];
		e->shown = e->back;
		if (w->run == NULL)
			states_put_back(e);
		else
			e->shown.value = state_value(&e->state);
	}
}

/* The stream of the event at hand; *none: it is in none. */
static void stream_of(struct walk *w, struct span *key, struct span *type, bool *none)
{
	const struct text *t = w->view.texts;

	*none = !view_has_stream(&w->view);
	*key = view_span(&t[NAME_AGGREGATE_ID], w->store->names, w->key_scratch);
	*type = (struct span){0};
	if (t[NAME_AGGREGATE_TYPE].kind != TEXT_NONE)
		*type = view_span(&t[NAME_AGGREGATE_TYPE], w->store->names, w->type_scratch);
}

/* Whether two texts are equal. */
static bool same(struct span a, struct span b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

/*
 * By stream: the state for which the event of w->view counts, though a fold may have no rule for it; a command has one
 * for all. NULL: there is none so far. *skip: it counts for none that is walked.
 */
static int of_stream(struct walk *w, struct states_entry **out, bool *skip, struct evs_error *err)
{
	struct states_entry *e = w->only;
	struct span key, type;
	bool none;

	stream_of(w, &key, &type, &none);
	*out = NULL;
	*skip = none;
	if (none)
		return EVS_OK;
	if (e == NULL) {
		*out = w->run != NULL ? states_find(&w->states, key, type) : states_get(&w->states, NULL, key, type);
		return *out != NULL || w->run != NULL ? EVS_OK : error_nomem(err);
	}
	/* Only a draft can be of another stream. */
	*skip = !same(key, e->shown.key) || (type.text != NULL && w->type != NULL && !same(type, e->shown.type));
	if (!*skip)
		*out = e;
	return *skip || set_type(w, type) ? EVS_OK : error_nomem(err);
}

/* Have the fold change one state that it names; e: the one it must be, NULL: it is looked for. */
static int change(struct walk *w, const struct fold_target *target, struct states_entry *e, struct evs_error *err)
{
	int status;

	if (e == NULL && w->only != NULL) {
		if (!same(target->key, w->only->shown.key))
			return EVS_OK;
		e = w->only;
	}
	if (e == NULL && (e = states_get(&w->states, w->options->fold, target->key, target->type)) == NULL)
		return error_nomem(err);
	status = touch(w, e, err);
	if (status == EVS_OK)
		status = fold_apply(w->run, &e->state, err);
	e->shown.value = state_value(&e->state);
	return status;
}

/* EVS_CORRUPT of an event. */
static int damaged(const struct record *record, struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
}

/* Run the fold on the event at hand. */
static int run(struct walk *w, struct evs_error *err)
{
	struct states_entry *stream = NULL;
	struct fold_target target;
	bool skip = false;
	int status;

	if (!view_open(&w->view, w->record.body, w->record.size))
		return damaged(&w->record, err);
	if (w->by_stream) {
		status = of_stream(w, &stream, &skip, err);
		if (status == EVS_OK && stream != NULL)
			status = touch(w, stream, err);
		if (status != EVS_OK || skip)
			return status;
	}
	w->open = true;
	status = fold_begin_viewed(w->run, &w->record, &w->view, err);
	while (status == EVS_OK && (status = fold_next(w->run, &target, err)) == EVS_OK)
		status = change(w, &target, stream, err);
	return status == EVS_END ? EVS_OK : status;
}

/* The next event, with a fold. */
static int next_of_fold(struct walk *w, struct evs_error *err)
{
	int status;

	do {
		if (w->open)
			fold_end(w->run, true);
		w->open = false;
		w->n_touched = 0;
		w->events++;
		if (w->options->stop != NULL && *w->options->stop != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		status = source_next(w->source, &w->record, &w->draft, err);
		if (status != EVS_OK)
			return status;
		status = run(w, err);
	} while (status == EVS_OK && w->n_touched == 0);
	if (status != EVS_OK)
		take_back(w);
	return status;
}

/* Ask about what is to come, as far as it can be asked already. */
static int ask_ahead(struct walk *w, struct evs_error *err)
{
	struct states_entry *stream;
	const struct draft *draft;
	struct record record;
	bool skip;
	int status = EVS_OK;

	for (;;) {
		while (status == EVS_OK && !w->drained && ask_wants(&w->ask)) {
			status = source_next(w->source, &record, &draft, err);
			w->drained = status == EVS_END;
			if (status == EVS_END)
				status = EVS_OK;
			else if (status == EVS_OK && !view_open(&w->view, record.body, record.size))
				status = damaged(&record, err);
			if (status != EVS_OK || w->drained)
				break;
			status = of_stream(w, &stream, &skip, err);
			if (status == EVS_OK && !skip)
				status = ask_hold(&w->ask, &record, draft, stream, err);
		}
		if (status == EVS_OK)
			status = ask_send(&w->ask, err);
		if (status != EVS_OK)
			return status == EVS_END ? EVS_OK : status;
	}
}

/* The next event, with a command. */
static int next_of_command(struct walk *w, struct evs_error *err)
{
	struct ask_slot *slot;
	int status;

	w->n_touched = 0;
	w->open = false;
	w->events++;
	w->draft = NULL;
	status = ask_ahead(w, err);
	if (status == EVS_OK)
		status = ask_take(&w->ask, &slot, err);
	if (status != EVS_OK)
		return status;
	w->record = slot->record;
	w->draft = slot->draft;
	w->open = true;
	if (!view_open(&w->view, w->record.body, w->record.size))
		return damaged(&w->record, err);
	return touch(w, slot->entry, err);
}

/* A draft has no position: name its line. */
static int name_draft(const struct walk *w, struct evs_error *err)
{
	static const char lead[] = "the event at position 0: ";

	if (err == NULL)
		return EVS_BAD_EVENT;
	if (strncmp(err->message, lead, sizeof lead - 1) == 0)
		memmove(err->message, err->message + sizeof lead - 1, strlen(err->message) - sizeof lead + 2);
	return error_prefix(err, "the added event of line %llu: ", (unsigned long long)w->draft->line);
}

int walk_next(struct walk *w, struct evs_error *err)
{
	int status = w->run != NULL ? next_of_fold(w, err) : next_of_command(w, err);

	return status == EVS_BAD_EVENT && w->draft != NULL ? name_draft(w, err) : status;
}

int walk_more(struct walk *w, struct evs_error *err)
{
	return w->run == NULL ? EVS_END : source_more(w->source, err);
}

void walk_back(struct walk *w)
{
	if (w->open)
		take_back(w);
}

/* ---- what there is to see ---- */

const struct record *walk_record(const struct walk *w)
{
	return &w->record;
}

const struct view *walk_view(const struct walk *w)
{
	return &w->view;
}

bool walk_render(const struct walk *w, struct buf *out)
{
	if (w->draft != NULL)
		return render_fields(out, w->store->names, w->record.body, w->record.size);
	if (!render_event(out, w->store->names, &w->record))
		return false;
	out->size--; /* the newline */
	return true;
}

const struct walk_state *walk_touched(const struct walk *w, size_t i)
{
	return i < w->n_touched ? &w->touched[i]->shown : NULL;
}

const struct walk_state *walk_state(const struct walk *w)
{
	return &w->only->shown;
}

const struct walk_state *walk_numbered(const struct walk *w, size_t number)
{
	return number < w->states.n ? &w->states.list[number]->shown : NULL;
}

bool walk_save(const struct walk *w, struct buf *out)
{
	if (w->run == NULL)
		buf_put(out, w->only->packed.data, w->only->packed.size);
	else if (w->only->state.exists)
		return state_encode(&w->only->state, out) && !out->failed;
	return !out->failed;
}

const struct walk_state **walk_states(const struct walk *w, size_t *n, struct evs_error *err)
{
	const struct walk_state **list = states_sorted(&w->states);

	*n = w->states.n;
	if (list == NULL)
		error_nomem(err);
	return list;
}

uint64_t walk_began(const struct walk *w)
{
	return w->began;
}

const struct names *walk_names(const struct walk *w)
{
	return w->store->names;
}
