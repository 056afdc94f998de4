/* Sessions: what there is to see of an event, its states and their history. */
#include <stdlib.h>

#include "base/error.h"
#include "replay/field.h"
#include "replay/session_inside.h"

enum {
	KEYS_MAX = 1000,        /* of an event, that are looked at to say whether a stop stops */
	LEAST_POSITIONS = 1024, /* that are gone back at a time, at first */
};

/* ---- the keys of an event ---- */

void session_keys_release(struct session_keys *keys)
{
	free(keys->list);
	buf_free(&keys->text);
	*keys = (struct session_keys){0};
}

/* Add a key, once. */
static bool add_key(struct session_keys *k, struct span key, struct span type, size_t most)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct session_named *named = &k->list[i];

		if (named->key_size == key.size && memcmp(k->text.data + named->key, key.text, key.size) == 0)
			return true;
	}
	if (k->n == most) {
		k->more++;
		return true;
	}
	if (!array_grow(&k->list, &k->cap, k->n, sizeof *k->list))
		return false;
	k->list[k->n++] = (struct session_named){k->text.size, key.size, k->text.size + key.size, type.size, type.text != NULL};
	buf_put(&k->text, key.text, key.size);
	buf_put(&k->text, type.text, type.size);
	return !k->text.failed && buf_room(&k->text, 1);
}

/* The one of a session that is about a key. */
static bool add_own(struct session *s, struct session_keys *k)
{
	return add_key(k, (struct span){s->key, strlen(s->key)}, (struct span){s->type, s->type == NULL ? 0 : strlen(s->type)}, 1);
}

int session_find_keys(struct session *s, const struct record *record, size_t most, struct session_keys *k, struct evs_error *err)
{
	char scratch[2][UUID_TEXT];
	struct fold_target target;
	struct span type = {0};
	struct view view;
	bool good = true;
	int status;

	k->n = k->more = k->text.size = 0;
	if (!view_open(&view, record->body, record->size))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
	if (s->by_stream) {
		if (view.texts[NAME_AGGREGATE_TYPE].kind != TEXT_NONE)
			type = view_span(&view.texts[NAME_AGGREGATE_TYPE], s->store->names, scratch[1]);
		if (view_has_stream(&view))
			good = add_key(k, view_span(&view.texts[NAME_AGGREGATE_ID], s->store->names, scratch[0]), type, most);
		return good ? EVS_OK : error_nomem(err);
	}
	status = fold_begin_viewed(s->run, record, &view, NULL);
	while (good && status == EVS_OK && (status = fold_next(s->run, &target, NULL)) == EVS_OK)
		good = add_key(k, target.key, type, most);
	fold_end(s->run, false);
	return good && status != EVS_NOMEM ? EVS_OK : error_nomem(err);
}

int session_accepts(void *session, const struct record *record, struct evs_error *err)
{
	struct session *s = session;
	struct session_keys k = {0};
	size_t size = strlen(s->key);
	bool found = false;
	int status = session_find_keys(s, record, SIZE_MAX, &k, err);

	for (size_t i = 0; i < k.n && !found; i++)
		found = k.list[i].key_size == size && memcmp(k.text.data + k.list[i].key, s->key, size) == 0;
	session_keys_release(&k);
	return status != EVS_OK ? status : found ? EVS_OK : EVS_END;
}

/* ---- states ---- */

/* Have room for the states of n keys. */
static bool room(struct session *s, size_t n)
{
	struct session_state *grown;

	if (n <= s->n_shown)
		return true;
	grown = reallocarray(s->shown, n, sizeof *grown);
	if (grown == NULL)
		return false;
	memset(grown + s->n_shown, 0, (n - s->n_shown) * sizeof *grown);
	s->shown = grown;
	s->n_shown = n;
	return true;
}

int session_states(struct session *s, size_t most, const struct session_state **list, size_t *n, size_t *more, struct evs_error *err)
{
	const struct record *record = session_record(s);
	struct session_keys *k = s->keys;
	int status = EVS_OK;

	*n = *more = k->n = k->more = k->text.size = 0;
	*list = s->shown;
	if (!s->states)
		return EVS_OK;
	if (s->key != NULL)
		status = add_own(s, k) ? EVS_OK : error_nomem(err);
	else if (record != NULL)
		status = session_find_keys(s, record, most, k, err);
	if (status == EVS_OK && !room(s, k->n))
		status = error_nomem(err);
	for (size_t i = 0; i < k->n && status == EVS_OK; i++) {
		const struct session_named *named = &k->list[i];
		struct session_state *state = &s->shown[i];
		const char *text = (const char *)k->text.data;

		state->key = (struct span){text + named->key, named->key_size};
		state->type = (struct span){named->has_type ? text + named->type : NULL, named->type_size};
		status = session_state_at(s, state->key, state->type, session_position(s), &state->after, err);
		if (status == EVS_OK)
			status = session_state_at(s, state->key, state->type, record == NULL ? 0 : record->position - 1, &state->before, err);
	}
	*list = s->shown;
	*n = k->n;
	*more = k->more;
	return status;
}

int session_state_at(struct session *s, struct span key, struct span type, uint64_t position, struct kept *out, struct evs_error *err)
{
	return keep_find(s->keep, key, type, position, out, err);
}

int session_without(struct session *s, struct span key, struct span type, const struct positions *without, struct kept *out,
                    struct evs_error *err)
{
	return keep_without(s->keep, key, type, session_position(s), without, out, err);
}

/* ---- stops ---- */

/* Whether an expression holds here; what it makes no sense of stops as well. */
static bool holds(struct session *s, const struct stop *stop, const struct value *state, struct buf *why)
{
	struct evs_error err = {0};
	int status = expr_holds(stop->expr, s->eval, session_record(s), state, &err);

	if (status != EVS_OK && status != EVS_END)
		buf_text(why, err.message);
	return status != EVS_END;
}

/* Whether what is watched is another after the event than before. */
static bool changed(struct session *s, const struct stop *stop, const struct session_state *state, struct buf *why)
{
	struct buf before = {0}, after = {0};
	bool differs;

	before.failed |= !stop_value(stop, s->eval, s->store->names, session_record(s), &state->before.value, &before);
	after.failed |= !stop_value(stop, s->eval, s->store->names, session_record(s), &state->after.value, &after);
	differs = before.size != after.size || (before.size > 0 && memcmp(before.data, after.data, before.size) != 0);
	if (differs && why->size == 0) {
		buf_put(why, before.data, before.size);
		buf_text(why, " -> ");
		buf_put(why, after.data, after.size);
	}
	why->failed |= before.failed || after.failed;
	buf_free(&before);
	buf_free(&after);
	return differs;
}

int session_stops(struct session *s, const struct stop *stop, bool *stops, struct buf *why, struct evs_error *err)
{
	const struct record *record = session_record(s);
	const struct session_state *list;
	char scratch[UUID_TEXT];
	struct view view;
	size_t n, more;
	int status;

	*stops = false;
	if (record == NULL || !view_open(&view, record->body, record->size) ||
	    !stop_takes(stop, view_span(&view.texts[NAME_EVENT_TYPE], s->store->names, scratch)))
		return EVS_OK;
	if (stop->kind == STOP_EVENT) {
		*stops = stop->expr == NULL || holds(s, stop, NULL, why);
		return why->failed ? error_nomem(err) : EVS_OK;
	}
	status = session_states(s, KEYS_MAX, &list, &n, &more, err);
	for (size_t i = 0; status == EVS_OK && i < n; i++)
		*stops |= stop->kind == STOP_STATE ? holds(s, stop, &list[i].after.value, why) : changed(s, stop, &list[i], why);
	return status == EVS_OK && why->failed ? error_nomem(err) : status;
}

/* ---- history ---- */

void session_blame_release(struct session_blame *b)
{
	buf_free(&b->before);
	buf_free(&b->after);
	*b = (struct session_blame){0};
}

/* Put a text in place of another. */
static bool replace(struct buf *to, const struct buf *from)
{
	to->size = 0;
	buf_put(to, from->data, from->size);
	return !to->failed;
}

/* Go through a walk for the last change of a field. */
static int find_change(struct session *s, struct walk *w, struct field *f, struct session_blame *b, struct evs_error *err)
{
	int status = field_text(f, s->store->names, &walk_state(w)->value, err);
	struct buf value = {0};

	if (status == EVS_OK && !replace(&value, &f->text))
		status = error_nomem(err);
	while (status == EVS_OK) {
		status = walk_next(w, err);
		if (status == EVS_BAD_EVENT && s->fold != NULL) {
			status = EVS_OK; /* the event changed nothing */
			continue;
		}
		if (status == EVS_OK)
			status = field_text(f, s->store->names, &walk_state(w)->value, err);
		if (status != EVS_OK || field_is(f, &value))
			continue;
		b->position = walk_record(w)->position;
		b->before.size = b->after.size = 0;
		field_put(&b->before, &value);
		field_put(&b->after, &f->text);
		if (b->before.failed || b->after.failed || !replace(&value, &f->text))
			status = error_nomem(err);
	}
	buf_free(&value);
	return status == EVS_END ? EVS_OK : status;
}

int session_blame(struct session *s, struct span key, struct span type, const char *path, struct session_blame *out, struct evs_error *err)
{
	uint64_t to = session_position(s), before, began = 1, width = LEAST_POSITIONS;
	struct keep_walk *w = NULL;
	struct field f = {0};
	int status = field_parse(&f, "blame", path, err);

	*out = (struct session_blame){0};
	/* Twice as far back each time: that a field is the same in two states does not mean that it was so between them. */
	while (status == EVS_OK && to > 0 && began > 0 && out->position == 0) {
		before = to > width ? to - width : 0;
		width *= 4;
		status = keep_walk_open(s->keep, key, type, before, to, &began, &w, err);
		if (status == EVS_OK)
			status = find_change(s, keep_walk(w), &f, out, err);
		keep_walk_close(w);
		w = NULL;
		to = began;
	}
	field_release(&f);
	if (status == EVS_OK && out->position == 0)
		status = EVS_END;
	if (status != EVS_OK)
		session_blame_release(out);
	return status;
}

/* Positions that are being gathered, backwards. */
struct gathered {
	struct session *s;
	struct span key;
	uint64_t left;
	struct positions *out;
};

static int gather(void *context, const struct record *record, struct evs_error *err)
{
	struct gathered *g = context;
	struct positions *p = g->out;

	if (g->left-- == 0)
		return EVS_END;
	if (!array_grow(&p->list, &p->cap, p->n, sizeof *p->list))
		return error_nomem(err);
	p->list[p->n++] = record->position;
	return EVS_OK;
}

/* Of a stream: read it backwards. */
static int history_of_stream(struct session *s, struct span key, struct span type, uint64_t n, struct positions *out, struct evs_error *err)
{
	struct gathered g = {.s = s, .left = n, .out = out};
	struct evs_selector before = s->selector;
	char *id = strndup(key.text, key.size), *kind = strndup(type.text == NULL ? "" : type.text, type.size);
	int status = id == NULL || kind == NULL ? error_nomem(err) : EVS_OK;
	size_t first = out->n;

	s->selector.stream = id;
	s->selector.aggregate_type = kind;
	if (status == EVS_OK)
		status = session_each(s, 0, session_position(s), false, gather, &g, err);
	s->selector = before;
	free(id);
	free(kind);
	for (size_t i = first, j = out->n; i + 1 < j; i++) {
		uint64_t position = out->list[--j];

		out->list[j] = out->list[i];
		out->list[i] = position;
	}
	return status;
}

int session_history(struct session *s, struct span key, struct span type, uint64_t n, struct positions *out, struct evs_error *err)
{
	struct positions all = {0};
	int status;

	if (s->by_stream)
		return history_of_stream(s, key, type, n, out, err);
	status = postings_reach(s->postings, session_position(s), err);
	if (status == EVS_OK && !postings_find(s->postings, key, 0, session_position(s), &all))
		status = error_nomem(err);
	for (size_t i = all.n > n ? all.n - n : 0; i < all.n && status == EVS_OK; i++) {
		if (!array_grow(&out->list, &out->cap, out->n, sizeof *out->list))
			status = error_nomem(err);
		else
			out->list[out->n++] = all.list[i];
	}
	positions_release(&all);
	return status;
}
