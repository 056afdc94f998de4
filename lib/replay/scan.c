#include "replay/scan.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"

enum { HITS_MAX = 200000 }; /* that are noted; then the older half is forgotten */

/* What a watched expression was for each state after its last event: a hash of its text, by the state's number. */
struct seen {
	uint64_t *list;
	size_t n, cap;
};

struct scan {
	struct evs_store *store;
	struct walk_options options;
	const struct evs_replay_options *progress;
	uint64_t folded;
	const struct stop *const *stops;
	size_t n;
	struct walk *walk; /* NULL: it begins anew */
	struct eval *eval;
	struct buf text;
	struct seen seen[STOPS_MAX];
	uint64_t end;      /* the store's last position when the walk began */
	uint64_t at;       /* all events up to it were looked at, */
	struct positions hits; /* and these are the hits among them */
	uint64_t from;     /* from here on */
};

struct scan *scan_new(struct evs_store *store, const struct walk_options *options, const struct evs_replay_options *progress)
{
	struct scan *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->store = store;
	s->options = *options;
	s->options.every_event = true;
	s->progress = progress;
	return s;
}

/* Begin anew with the first event. */
static void rewind_scan(struct scan *s)
{
	walk_close(s->walk);
	s->walk = NULL;
	s->at = s->from = 0;
	s->hits.n = 0;
	for (size_t i = 0; i < STOPS_MAX; i++)
		s->seen[i].n = 0;
}

void scan_free(struct scan *s)
{
	if (s == NULL)
		return;
	rewind_scan(s);
	for (size_t i = 0; i < STOPS_MAX; i++)
		free(s->seen[i].list);
	positions_release(&s->hits);
	eval_free(s->eval);
	buf_free(&s->text);
	free(s);
}

uint64_t scan_position(const struct scan *s)
{
	return s->at;
}

/* ---- one event ---- */

/* What a watched expression is for a value of the state. False: no memory. */
static bool value_at(struct scan *s, size_t i, const struct record *record, const struct value *value, uint64_t *hash)
{
	s->text.size = 0;
	if (!stop_value(s->stops[i], s->eval, walk_names(s->walk), record, value, &s->text))
		return false;
	*hash = hash64(s->text.data, s->text.size, 0);
	return true;
}

/* Look what a watched expression is for a state, and whether that is something else than before. False: no memory. */
static bool watch(struct scan *s, size_t i, const struct walk_state *state, const struct record *record, bool *changed)
{
	const struct value none = value_null();
	struct seen *seen = &s->seen[i];
	uint64_t hash;

	/* Before its first event a state is null. */
	while (seen->n <= state->number) {
		if (!array_grow(&seen->list, &seen->cap, seen->n, sizeof *seen->list) || !value_at(s, i, record, &none, &seen->list[seen->n]))
			return false;
		seen->n++;
	}
	if (!value_at(s, i, record, &state->value, &hash))
		return false;
	*changed = hash != seen->list[state->number];
	seen->list[state->number] = hash;
	return true;
}

/* Note the event at hand as a hit. */
static bool note(struct scan *s, uint64_t position)
{
	struct positions *p = &s->hits;

	if (p->n == HITS_MAX) {
		s->from = p->list[HITS_MAX / 2 - 1] + 1;
		memmove(p->list, p->list + HITS_MAX / 2, (HITS_MAX - HITS_MAX / 2) * sizeof *p->list);
		p->n -= HITS_MAX / 2;
	}
	if (!array_grow(&p->list, &p->cap, p->n, sizeof *p->list))
		return false;
	p->list[p->n++] = position;
	return true;
}

/* Look at the event at hand; *hit: it is one. */
static int look(struct scan *s, bool *hit, struct evs_error *err)
{
	const struct record *record = walk_record(s->walk);
	const struct walk_state *state;
	char scratch[UUID_TEXT];
	struct span type = view_span(&walk_view(s->walk)->texts[NAME_EVENT_TYPE], walk_names(s->walk), scratch);

	for (size_t i = 0; i < s->n; i++) {
		/* What is watched is looked at after every event: it is compared with what it was. */
		bool taken = stop_takes(s->stops[i], type);

		for (size_t j = 0; (taken || s->stops[i]->kind == STOP_WATCH) && (state = walk_touched(s->walk, j)) != NULL; j++) {
			bool changed = false;

			if (s->stops[i]->kind == STOP_STATE)
				changed = expr_holds(s->stops[i]->expr, s->eval, record, &state->value, NULL) != EVS_END;
			else if (!watch(s, i, state, record, &changed))
				return error_nomem(err);
			*hit |= changed && taken;
		}
	}
	s->at = record->position;
	return *hit && !note(s, record->position) ? error_nomem(err) : EVS_OK;
}

/* ---- many ---- */

/* Have a walk under way. */
static int start(struct scan *s, struct evs_error *err)
{
	int status = EVS_OK;

	if (s->walk != NULL)
		return EVS_OK;
	rewind_scan(s);
	status = evs_last_position(s->store, &s->end, err);
	if (status == EVS_OK)
		status = walk_open(s->store, &s->options, &s->walk, err);
	if (status == EVS_OK && s->eval == NULL && (s->eval = eval_new(walk_names(s->walk))) == NULL)
		status = error_nomem(err);
	return status;
}

int scan_set(struct scan *s, const struct stop *const *stops, size_t n, uint64_t here, struct evs_error *err)
{
	const struct walk_state *state;
	bool changed;

	s->stops = stops;
	s->n = n;
	if (s->walk == NULL || s->at > here) {
		rewind_scan(s);
		return EVS_OK;
	}
	s->hits.n = 0;
	s->from = s->at + 1;
	for (size_t i = 0; i < STOPS_MAX; i++)
		s->seen[i].n = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; stops[i]->kind == STOP_WATCH && (state = walk_numbered(s->walk, j)) != NULL; j++)
			if (!watch(s, i, state, NULL, &changed))
				return error_nomem(err);
	return EVS_OK;
}

/* Go on to the first hit at or behind low, or all the way to high. */
static int go_on(struct scan *s, uint64_t low, uint64_t high, struct evs_error *err)
{
	bool hit = false;
	int status = start(s, err);

	while (status == EVS_OK && s->at < high && (!hit || s->at < low)) {
		struct evs_error own;

		hit = false;
		if (s->progress->on_progress != NULL)
			s->progress->on_progress(s->progress->context, s->folded);
		s->folded++;
		status = walk_next(s->walk, &own);
		if (status == EVS_OK) {
			status = look(s, &hit, err);
		} else if (status == EVS_BAD_EVENT && s->options.fold != NULL) {
			s->at = walk_record(s->walk)->position; /* it changes nothing */
			status = EVS_OK;
		} else if (status == EVS_END) {
			status = walk_more(s->walk, err);
			if (status == EVS_END && s->options.fold == NULL && high > s->end) {
				rewind_scan(s); /* a command cannot go on: its walk begins anew */
				status = start(s, err);
			} else if (status == EVS_END) {
				s->at = high;
				status = EVS_OK;
			}
		} else if (err != NULL) {
			*err = own;
		}
	}
	if (status != EVS_OK && s->options.fold == NULL)
		rewind_scan(s);
	return status;
}

int scan_after(struct scan *s, uint64_t low, uint64_t high, uint64_t *position, struct evs_error *err)
{
	size_t at;
	int status;

	if (low < s->from)
		rewind_scan(s);
	at = positions_from(&s->hits, low);
	if (at == s->hits.n) {
		status = go_on(s, low, high, err);
		if (status != EVS_OK)
			return status;
		at = positions_from(&s->hits, low);
	}
	if (at == s->hits.n || s->hits.list[at] > high)
		return EVS_END;
	*position = s->hits.list[at];
	return EVS_OK;
}

int scan_before(struct scan *s, uint64_t high, uint64_t *position, struct evs_error *err)
{
	size_t at;
	int status = EVS_OK;

	for (;;) {
		while (status == EVS_OK && s->at < high)
			status = go_on(s, high + 1, high, err);
		if (status != EVS_OK)
			return status;
		at = positions_from(&s->hits, high + 1);
		if (at > 0) {
			*position = s->hits.list[at - 1];
			return EVS_OK;
		}
		if (s->from == 0)
			return EVS_END;
		rewind_scan(s);
	}
}
