/* Folds at work: which states an event changes, and how. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "fold/eval.h"
#include "fold/program.h"
#include "fold/undo.h"

/* The blocks that an event type selects. */
struct selected {
	uint32_t n;
	uint32_t blocks[];
};

struct fold_run {
	const struct fold *fold;
	struct eval *eval;
	struct undo undo;
	struct selected **by_name; /* by the number of the event type, as far as they came; NULL: not asked yet */
	unsigned n_names;
	struct selected *other;    /* of a type that has no number */
	char type_text[UUID_TEXT], id_text[UUID_TEXT];
	/* The event at hand. */
	const struct fold_event *looked; /* NULL: it was not looked at before */
	const struct selected *blocks;
	uint32_t at;           /* the next of blocks */
	const struct fold_block *block; /* whose target was given last */
	bool each;             /* its elements are gone through */
	struct value_iterator elements;
	char key[DECIMAL_SMALL_TEXT];
	uint64_t left;         /* bytes that it may still put into states */
};

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

/* ---- statements ---- */

static bool no_memory(struct eval *v)
{
	v->arena.failed = true;
	v->arena.full = false;
	return eval_broken(v);
}

/* A place in a state: an element of a node. */
struct place {
	struct node *node;
	uint32_t at;       /* node->n: it is not there yet */
	const char *key;   /* of an object's field that is not there yet */
	size_t key_size;
};

/* The value at a place, NULL where there is none. */
static struct value *at_place(const struct place *p)
{
	return p->at < p->node->n ? &p->node->values[p->at] : NULL;
}

/* Put a kept value at a place. */
static bool put_at(struct fold_run *r, struct place *p, struct value kept)
{
	if (p->at < p->node->n ? undo_set(&r->undo, p->node, p->at, kept) : undo_add(&r->undo, p->node, p->key, p->key_size, kept))
		return true;
	return no_memory(r->eval);
}

/* A copy of a value that a state is to own, `levels` deep inside one of its fields. */
static bool keep(struct fold_run *r, const struct code_node *n, unsigned levels, const struct value *v, struct value *kept)
{
	if (value_is_plain(v) && r->left >= sizeof *v) {
		r->left -= sizeof *v;
		*kept = *v;
		return true;
	}
	if (value_fits(v, DEPTH_LIMIT - levels, &r->left))
		return value_keep(v, kept) || no_memory(r->eval);
	if (r->left == 0)
		return eval_fail(r->eval, n, "the event puts more than %u MB into states", EXPR_MEMORY_MAX >> 20);
	return eval_fail(r->eval, n, "the state is nested deeper than %d levels", DEPTH_LIMIT);
}

/* Have a list or object at the place that can be changed inside: made where there is nothing, unpacked where packed. */
static bool open_place(struct fold_run *r, const struct code_node *n, struct place *p, bool list)
{
	struct value *v = at_place(p), made, copy;

	if (v != NULL && v->kind == VALUE_PACKED) {
		if (!keep(r, n, 0, v, &copy))
			return false;
		if (!value_unpack(&copy, r->eval->names)) {
			value_drop(&copy);
			return no_memory(r->eval);
		}
		return put_at(r, p, copy);
	}
	if (v != NULL && (v->kind == VALUE_LIST || v->kind == VALUE_OBJECT))
		return true;
	if (v != NULL && !value_is_null(v))
		return eval_fail(r->eval, n, "there is %s where a %s is to be changed inside", value_name(v), list ? "list" : "field");
	made = (struct value){.kind = list ? VALUE_LIST : VALUE_OBJECT, .node = node_new(!list)};
	return made.node != NULL ? put_at(r, p, made) : no_memory(r->eval);
}

/* Step inside the list or object at a place, to a key. */
static bool step_inside(struct fold_run *r, const struct code_node *n, struct place *p, const struct value *key)
{
	struct eval *v = r->eval;
	struct value *in;
	struct decimal d;
	int64_t i;

	if (value_is_null(key))
		return eval_fail(v, n, "the key inside is null");
	if (key->kind != VALUE_TEXT && !value_is_number(key))
		return eval_fail(v, n, "a key inside is a string or a number, not %s", value_name(key));
	if (!open_place(r, n, p, false))
		return false;
	in = at_place(p);
	p->node = in->node;
	if (in->kind == VALUE_LIST) {
		if (!value_is_number(key) || !decimal_integer(value_number(key), &i))
			return eval_fail(v, n, "an element of a list is found by a whole number, not by %s", value_name(key));
		i += i < 0 ? p->node->n : 0;
		if (i < 0 || i > p->node->n)
			return eval_fail(v, n, "the list has %u element%s, no element %lld", p->node->n, p->node->n == 1 ? "" : "s", (long long)i);
		p->at = (uint32_t)i;
		p->key = NULL;
		p->key_size = 0;
		return true;
	}
	if (key->kind == VALUE_TEXT) {
		p->key = key->text;
		p->key_size = key->size;
	} else {
		char small[DECIMAL_SMALL_TEXT];
		d = value_number(key);
		p->key_size = decimal_text(&d, small, &p->key);
		if ((p->key = arena_copy(&v->arena, p->key, p->key_size)) == NULL)
			return eval_broken(v);
	}
	i = node_find(p->node, p->key, p->key_size);
	p->at = i < 0 ? p->node->n : (uint32_t)i;
	return true;
}

/* The place that a statement changes; its keys are the first n_steps kids. */
static bool find_place(struct fold_run *r, const struct code_node *n, uint32_t n_steps, struct state *s, struct place *p)
{
	struct value key;

	*p = (struct place){.node = &s->fields, .at = n->slot};
	for (uint32_t i = 0; i < n_steps; i++)
		if (!eval_node(r->eval, code_kid(&r->fold->code, n, i), &key) || !step_inside(r, n, p, &key))
			return false;
	return true;
}

/* Nothing changes where the value is the same text. */
static bool is_same_text(const struct value *a, const struct value *b)
{
	return a != NULL && a->kind == VALUE_TEXT && b->kind == VALUE_TEXT && a->size == b->size &&
	       (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
}

/* Whether a text can be put where the old one is. */
static bool fits_in_place(const struct value *old, const struct value *text)
{
	return old != NULL && old->kind == VALUE_TEXT && text->kind == VALUE_TEXT && old->size <= UNDO_TEXT_MAX &&
	       text->size <= value_text_room(old->size);
}

/*
 * Set a field of the state to a value at hand, or add a number at hand to it: most statements do no more. False: this one
 * does, and nothing was done.
 */
static bool assign_simply(struct fold_run *r, const struct code_node *n, struct state *s)
{
	struct value *old = &s->fields.values[n->slot], sum;
	const struct value *value;

	if (n->n != 1 || n->op > CODE_SET_ADD || r->left < sizeof *value || r->eval->steps > EXPR_STEPS_MAX / 2 ||
	    (value = eval_at_hand(r->eval, code_kid(&r->fold->code, n, 0))) == NULL)
		return false;
	if (n->op == CODE_SET && (is_same_text(old, value) || fits_in_place(old, value)))
		return is_same_text(old, value) || undo_text(&r->undo, &s->fields, n->slot, value);
	if (n->op == CODE_SET_ADD && !eval_sum(old, value, &sum))
		return false;
	if (n->op == CODE_SET)
		sum = value->kind == VALUE_ABSENT ? value_null() : *value;
	if (!value_is_plain(old) || !value_is_plain(&sum))
		return false;
	r->left -= sizeof sum;
	return undo_set_plain(&r->undo, &s->fields, n->slot, &sum);
}

static bool assign(struct fold_run *r, const struct code_node *n, struct state *s)
{
	static const enum code_op operators[] = {CODE_ADD, CODE_SUBTRACT, CODE_MULTIPLY};
	const struct code_node *e = code_kid(&r->fold->code, n, n->n - 1);
	struct value value, old, kept;
	struct place p;

	/* The value first: what it reads is the state as it was. */
	if (!eval_node(r->eval, e, &value) || !find_place(r, n, n->n - 1, s, &p))
		return false;
	if (n->op != CODE_SET) {
		old = at_place(&p) == NULL ? value_null() : *at_place(&p);
		if (!eval_operator(r->eval, n, operators[n->op - CODE_SET_ADD], &old, &value, &value))
			return false;
	}
	if (is_same_text(at_place(&p), &value))
		return true;
	if (fits_in_place(at_place(&p), &value))
		return undo_text(&r->undo, p.node, p.at, &value) || no_memory(r->eval);
	if (value.kind == VALUE_ABSENT)
		value.kind = VALUE_NULL;
	return keep(r, n, n->n - 1, &value, &kept) && put_at(r, &p, kept);
}

/* push and add: an element behind a list, which is made where there is none; add leaves out what is in it. */
static bool push(struct fold_run *r, const struct code_node *n, struct state *s)
{
	const struct code_node *e = code_kid(&r->fold->code, n, n->n - 1);
	struct value value, kept, there, *list;
	struct place p;

	if (!eval_node(r->eval, e, &value) || !find_place(r, n, n->n - 1, s, &p) || !open_place(r, n, &p, true))
		return false;
	list = at_place(&p);
	if (list->kind != VALUE_LIST)
		return eval_fail(r->eval, n, "%s needs a list, not %s", n->op == CODE_PUSH ? "push" : "add", value_name(list));
	if (n->op == CODE_ADD_TO_SET) {
		if (!eval_operator(r->eval, n, CODE_IN, &value, list, &there))
			return false;
		if (there.kind == VALUE_TRUE)
			return true;
	}
	if (!keep(r, n, n->n, &value, &kept))
		return false;
	return undo_add(&r->undo, list->node, NULL, 0, kept) || no_memory(r->eval);
}

/* unset: what leads to the place and is not there is not made. */
static bool unset(struct fold_run *r, const struct code_node *n, struct state *s)
{
	struct place p = {.node = &s->fields, .at = n->slot};
	struct value key;

	for (uint32_t i = 0; i < n->n; i++) {
		const struct value *in = at_place(&p);
		if (in == NULL || value_is_null(in))
			return true;
		if (!eval_node(r->eval, code_kid(&r->fold->code, n, i), &key) || !step_inside(r, n, &p, &key))
			return false;
	}
	if (at_place(&p) == NULL)
		return true;
	if (p.node == &s->fields)
		return undo_set(&r->undo, p.node, p.at, (struct value){.kind = VALUE_ABSENT}) || no_memory(r->eval);
	return undo_remove(&r->undo, p.node, p.at) || no_memory(r->eval);
}

static bool delete(struct fold_run *r, struct state *s)
{
	for (uint32_t i = 0; i < s->fields.n; i++)
		if (s->fields.values[i].kind != VALUE_ABSENT &&
		    !undo_set(&r->undo, &s->fields, i, (struct value){.kind = VALUE_ABSENT}))
			return no_memory(r->eval);
	return undo_exists(&r->undo, s, false) || no_memory(r->eval);
}

static bool fail(struct fold_run *r, const struct code_node *n)
{
	struct value message;

	if (!eval_node(r->eval, code_kid(&r->fold->code, n, 0), &message))
		return false;
	if (message.kind != VALUE_TEXT)
		return eval_fail(r->eval, n, "fail needs a string, not %s", value_name(&message));
	return eval_fail(r->eval, n, "%.*s", message.size > 250 ? 250 : (int)message.size, message.text);
}

static bool run_block(struct fold_run *r, const struct code_node *block, struct state *s);

static bool run_statement(struct fold_run *r, const struct code_node *n, struct state *s)
{
	const struct code *c = &r->fold->code;
	bool holds;

	switch ((enum code_op)n->op) {
	case CODE_IF:
		if (!eval_condition(r->eval, code_kid(c, n, 0), &holds))
			return false;
		if (!holds && n->n < 3)
			return true;
		n = code_kid(c, n, holds ? 1 : 2);
		return n->op == CODE_BLOCK ? run_block(r, n, s) : run_statement(r, n, s);
	case CODE_FAIL:
		return fail(r, n);
	case CODE_DELETE:
		return delete(r, s);
	case CODE_UNSET:
		return unset(r, n, s);
	default:
		break;
	}
	if (!s->exists && !undo_exists(&r->undo, s, true))
		return no_memory(r->eval);
	if (n->op == CODE_PUSH || n->op == CODE_ADD_TO_SET)
		return push(r, n, s);
	return assign_simply(r, n, s) || assign(r, n, s);
}

static bool run_block(struct fold_run *r, const struct code_node *block, struct state *s)
{
	for (uint32_t i = 0; i < block->n; i++)
		if (!run_statement(r, code_kid(&r->fold->code, block, i), s))
			return false;
	return true;
}

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
	if (holds && !run_block(r, &nodes[r->block->body], s))
		return failed(r, err);
	return EVS_OK;
}

void fold_end(struct fold_run *r, bool keep)
{
	undo_end(&r->undo, keep);
	r->eval->slots = NULL;
}
