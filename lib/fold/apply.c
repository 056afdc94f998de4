/* Folds at work: which blocks take an event, and which states these change. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "fold/apply_parts.h"

struct fold_run *fold_run_new(const struct fold *f, const struct names *names)
{
	struct fold_run *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->fold = f;
	r->eval = eval_new(names);
	if (r->eval == NULL) {
		fold_run_free(r);
		return NULL;
	}
	r->eval->code = &f->code;
	return r;
}

void fold_run_free(struct fold_run *r)
{
	if (r == NULL)
		return;
	undo_release(&r->undo);
	for (unsigned i = 0; i < r->n_names; i++)
		free(r->by_name[i]);
	free(r->by_name);
	free(r->other);
	eval_free(r->eval);
	free(r);
}

/* What went wrong, with the event's position and the fold's line. */
static int failed(const struct fold_run *r, struct evs_error *err)
{
	const struct eval *v = r->eval;

	if (v->status != EVS_BAD_EVENT)
		return error_set(err, v->status, 0, "the event at position %llu: %s", (unsigned long long)v->record->position, v->message);
	return error_set(err, v->status, 0, "the event at position %llu: %s:%u: %s", (unsigned long long)v->record->position,
	                 r->fold->name, v->line, v->message);
}

/* ---- which blocks ---- */

static bool block_wants(const struct fold_block *b, struct span type)
{
	for (size_t i = 0; i < b->n_globs; i++)
		if (glob_match(b->globs[i], type.text, type.size))
			return true;
	return false;
}

static struct selected *select_blocks(const struct fold *f, struct span type)
{
	struct selected *s = malloc(sizeof *s + f->n_blocks * sizeof s->blocks[0]);

	if (s == NULL)
		return NULL;
	s->n = 0;
	for (uint32_t i = 0; i < f->n_blocks; i++)
		if (block_wants(&f->blocks[i], type))
			s->blocks[s->n++] = i;
	return s;
}

/* Have a place for the number of an event type, as there is for all up to those that there are now. */
static bool have_place(struct fold_run *r, unsigned name)
{
	unsigned n = name_count(r->eval->names);
	struct selected **list;

	if (name < r->n_names)
		return true;
	n = n > name ? n : name + 1;
	if ((list = realloc(r->by_name, n * sizeof *list)) == NULL)
		return false;
	memset(list + r->n_names, 0, (n - r->n_names) * sizeof *list);
	r->by_name = list;
	r->n_names = n;
	return true;
}

/* Find the blocks for the event that eval has begun. */
static int begin(struct fold_run *r, const struct text *type, struct evs_error *err)
{
	const struct names *names = r->eval->names;
	struct selected **known = &r->other;

	r->block = NULL;
	r->at = 0;
	r->each = false;
	r->left = EXPR_MEMORY_MAX;
	if (type->kind == TEXT_NAME && type->name < NAME_LIMIT) {
		if (!have_place(r, type->name))
			return error_nomem(err);
		known = &r->by_name[type->name];
	} else {
		free(r->other);
		r->other = NULL;
	}
	if (*known == NULL && (*known = select_blocks(r->fold, view_span(type, names, r->type_text))) == NULL)
		return error_nomem(err);
	r->blocks = *known;
	return r->blocks->n == 0 ? EVS_END : EVS_OK;
}

int fold_begin(struct fold_run *r, const struct record *record, struct evs_error *err)
{
	r->looked = NULL;
	if (eval_begin(r->eval, record))
		return begin(r, &eval_view(r->eval)->texts[NAME_EVENT_TYPE], err);
	eval_broken(r->eval);
	return failed(r, err);
}

int fold_begin_viewed(struct fold_run *r, const struct record *record, const struct view *view, struct evs_error *err)
{
	r->looked = NULL;
	eval_begin_viewed(r->eval, record, view);
	return begin(r, &view->texts[NAME_EVENT_TYPE], err);
}

int fold_begin_looked(struct fold_run *r, const struct fold_event *event, struct evs_error *err)
{
	r->looked = event;
	eval_begin_looked(r->eval, event->record, event->values);
	return begin(r, &event->type, err);
}

/* ---- which states ---- */

/* The key's text; *none where there is no key. */
static bool key_text(struct fold_run *r, const struct code_node *n, struct fold_target *out, bool *none)
{
	struct eval *v = r->eval;
	struct value key;
	struct decimal d;

	*none = false;
	if (!eval_node(v, n, &key))
		return false;
	if (key.kind == VALUE_TEXT) {
		out->key = (struct span){key.text, key.size};
	} else if (value_is_number(&key)) {
		d = value_number(&key);
		out->key.size = decimal_text(&d, r->key, &out->key.text);
	} else if (key.kind == VALUE_TRUE || key.kind == VALUE_FALSE) {
		out->key = key.kind == VALUE_TRUE ? (struct span){"true", 4} : (struct span){"false", 5};
	} else if (value_is_null(&key)) {
		*none = true;
	} else {
		return eval_fail(v, n, "a key is a string, a number or a boolean, not %s", value_name(&key));
	}
	return true;
}

/* The key of the fold's key line, which looks at the event whatever element is at hand. */
static bool event_key(struct fold_run *r, struct fold_target *out, bool *none)
{
	struct value element = r->eval->context;
	bool good;

	r->eval->context = (struct value){.kind = EVAL_EVENT};
	good = key_text(r, &r->fold->code.nodes[r->fold->key], out, none);
	r->eval->context = element;
	return good;
}

/* The state of the event's stream; *none: it is in none. */
static void stream_of(struct fold_run *r, struct fold_target *out, bool *none)
{
	const struct view *v;

	if (r->looked != NULL) {
		out->key = r->looked->key;
		out->type = r->looked->kind;
		*none = out->key.text == NULL;
		return;
	}
	v = eval_view(r->eval);
	*none = !view_has_stream(v);
	if (*none)
		return;
	out->key = view_span(&v->texts[NAME_AGGREGATE_ID], r->eval->names, r->id_text);
	if (v->texts[NAME_AGGREGATE_TYPE].kind != TEXT_NONE)
		out->type = view_span(&v->texts[NAME_AGGREGATE_TYPE], r->eval->names, r->type_text);
}

/* The state that the block at hand changes; *none: none. */
static bool target_of(struct fold_run *r, struct fold_target *out, bool *none)
{
	*out = (struct fold_target){0};
	if (r->block->key != CODE_NONE)
		return key_text(r, &r->fold->code.nodes[r->block->key], out, none);
	if (r->fold->key != CODE_NONE)
		return event_key(r, out, none);
	stream_of(r, out, none);
	return true;
}

/* Begin the next block that takes the event; *found false: there is none. */
static bool next_block(struct fold_run *r, bool *found)
{
	const struct code_node *nodes = r->fold->code.nodes;
	struct eval *v = r->eval;
	struct value list;
	bool holds;

	*found = false;
	while (r->at < r->blocks->n) {
		r->block = &r->fold->blocks[r->blocks->blocks[r->at++]];
		v->context = (struct value){.kind = EVAL_EVENT};
		if (r->block->when != CODE_NONE && !r->block->when_uses_state) {
			if (!eval_condition(v, &nodes[r->block->when], &holds))
				return false;
			if (!holds)
				continue;
		}
		r->each = r->block->each != CODE_NONE;
		if (r->each) {
			const struct code_node *each = &nodes[r->block->each];
			if (!eval_node(v, each, &list))
				return false;
			if (value_is_null(&list))
				continue;
			if (!value_is_list(&list))
				return eval_fail(v, each, "each goes through a list, not %s", value_name(&list));
			value_iterate(&list, &r->elements);
		}
		*found = true;
		return true;
	}
	return true;
}

int fold_next(struct fold_run *r, struct fold_target *out, struct evs_error *err)
{
	struct eval *v = r->eval;
	bool found, none = true;

	v->slots = NULL;
	v->root = NULL;
	while (none) {
		if (!r->each) {
			if (!next_block(r, &found))
				return failed(r, err);
			if (!found)
				return EVS_END;
		}
		if (r->each) {
			if (!value_next(&r->elements, v->names, &v->arena, NULL, &v->context)) {
				if (v->arena.failed) {
					eval_broken(v);
					return failed(r, err);
				}
				r->each = false;
				continue;
			}
		}
		if (!target_of(r, out, &none))
			return failed(r, err);
	}
	return EVS_OK;
}

/* ---- applying ---- */

int fold_apply(struct fold_run *r, struct state *s, struct evs_error *err)
{
	const struct code_node *nodes = r->fold->code.nodes;
	struct eval *v = r->eval;
	bool holds = true;

	v->slots = &s->fields;
	if (r->block->when_uses_state) {
		struct value element = v->context;
		v->context = (struct value){.kind = EVAL_EVENT};
		if (!eval_condition(v, &nodes[r->block->when], &holds))
			return failed(r, err);
		v->context = element;
	}
	if (holds && !statement_run_all(r, &nodes[r->block->body], s))
		return failed(r, err);
	return EVS_OK;
}

void fold_end(struct fold_run *r, bool keep)
{
	undo_end(&r->undo, keep);
	r->eval->slots = NULL;
}
