#include "replay/source.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "event/view.h"
#include "store/read.h"

struct source {
	const struct source_options *options;
	struct evs_read *read;
	size_t next_position; /* of those that are given */
	struct record held; /* an event of the store that drafts stand before */
	bool holding, ended;
	size_t next_draft, next_without;
};

/* Read the positions that are given, as far as they count. */
static int set_positions(struct source *s, struct evs_error *err)
{
	const struct source_options *o = s->options;
	size_t end = o->n_positions;

	while (s->next_position < end && o->positions[s->next_position] <= o->after)
		s->next_position++;
	while (end > s->next_position && o->positions[end - 1] > o->limit.position)
		end--;
	return read_set_positions(s->read, o->positions + s->next_position, end - s->next_position, err);
}

int source_open(struct evs_store *store, const struct source_options *options, struct source **out, struct evs_error *err)
{
	struct evs_selector selector = options->selector == NULL ? (struct evs_selector){0} : *options->selector;
	struct source *s = calloc(1, sizeof *s);
	uint64_t last = options->limit.position;
	int status;

	*out = NULL;
	if (s == NULL)
		return error_nomem(err);
	s->options = options;
	if (options->positions != NULL) /* they are selected */
		selector = (struct evs_selector){0};
	if (options->after > selector.after)
		selector.after = options->after;
	if (last != UINT64_MAX && (selector.to == 0 || last < selector.to))
		selector.to = last;
	if (last == 0) { /* a bound of 0 is none to a selector */
		selector.has_limit = true;
		selector.limit = 0;
	}
	status = evs_read_new(store, &selector, &s->read, err);
	if (status == EVS_OK && options->positions != NULL)
		status = set_positions(s, err);
	if (status != EVS_OK) {
		source_close(s);
		return status;
	}
	*out = s;
	return EVS_OK;
}

void source_close(struct source *s)
{
	if (s == NULL)
		return;
	evs_read_free(s->read);
	free(s);
}

struct span source_stream_type(const struct source *s)
{
	struct span type;

	type.text = evs_read_stream_type(s->read, &type.size);
	return type;
}

/* Whether the event at a position is one of those that did not happen. They come in order. */
static bool is_without(struct source *s, uint64_t position)
{
	const struct source_options *o = s->options;

	while (s->next_without < o->n_without && o->without[s->next_without] < position)
		s->next_without++;
	return s->next_without < o->n_without && o->without[s->next_without] == position;
}

/* When an event happened, by its own timestamp. */
static int moment_of(const struct record *record, int64_t *moment, struct evs_error *err)
{
	const struct text *t;
	struct view view;

	if (view_open(&view, record->body, record->size)) {
		t = &view.texts[NAME_TIMESTAMP];
		if (t->kind == TEXT_STRING && moment_parse((const char *)t->bytes, t->size, moment))
			return EVS_OK;
	}
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
}

/* The next draft that counts, NULL where there is none. */
static const struct draft *peek_draft(struct source *s)
{
	const struct drafts *with = s->options->with;

	while (with != NULL && s->next_draft < with->n) {
		const struct draft *d = &with->list[s->next_draft];
		if (!d->timed || d->moment <= s->options->limit.moment)
			return d;
		s->next_draft++;
	}
	return NULL;
}

/* Whether a position is one of those that are given. They come in order. */
static bool is_given(struct source *s, uint64_t position)
{
	const struct source_options *o = s->options;

	while (s->next_position < o->n_positions && o->positions[s->next_position] < position)
		s->next_position++;
	return s->next_position < o->n_positions && o->positions[s->next_position] == position;
}

/* The next event of the store that is selected. */
static int next_record(struct source *s, struct evs_error *err)
{
	const struct source_options *o = s->options;
	struct evs_event e;
	int status;

	do
		status = evs_read_next(s->read, &e, err);
	while (status == EVS_OK && o->positions != NULL && !is_given(s, e.position));
	if (status == EVS_OK)
		s->held = (struct record){e.position, e.revision, e.recorded_us, e.packed, (uint32_t)e.packed_size};
	return status;
}

/* Hold the next event of the store that counts, and say when it happened where that matters. */
static int hold(struct source *s, int64_t *moment, bool *timed, struct evs_error *err)
{
	const struct source_limit *limit = &s->options->limit;
	int status;

	*timed = limit->moment != MOMENT_MAX || peek_draft(s) != NULL;
	for (;;) {
		if (!s->holding) {
			status = s->ended ? EVS_END : next_record(s, err);
			if (status != EVS_OK)
				return status;
			s->ended = s->options->one_stream && s->held.revision > limit->revision;
			if (s->ended)
				return EVS_END;
		}
		s->holding = true;
		if (*timed && (status = moment_of(&s->held, moment, err)) != EVS_OK)
			return status;
		if (s->held.revision <= limit->revision && (!*timed || *moment <= limit->moment) && !is_without(s, s->held.position))
			return EVS_OK;
		s->holding = false;
	}
}

int source_next(struct source *s, struct record *record, const struct draft **draft, struct evs_error *err)
{
	const struct draft *next = peek_draft(s);
	int64_t moment = 0;
	bool timed;
	int status = hold(s, &moment, &timed, err);

	if (status != EVS_OK && (status != EVS_END || next == NULL))
		return status;
	if (next != NULL && (status == EVS_END || (next->timed && next->moment < moment))) {
		s->next_draft++;
		*record = next->record;
		*draft = next;
		return EVS_OK;
	}
	s->holding = false;
	*record = s->held;
	*draft = NULL;
	return EVS_OK;
}

int source_more(struct source *s, struct evs_error *err)
{
	return s->options->positions != NULL || s->ended ? EVS_END : evs_read_more(s->read, 0, err);
}
