/* Statements: how an event changes a state. */
#include <string.h>

#include "fold/apply_parts.h"

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
		return n->op == CODE_BLOCK ? statement_run_all(r, n, s) : run_statement(r, n, s);
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

bool statement_run_all(struct fold_run *r, const struct code_node *block, struct state *s)
{
	for (uint32_t i = 0; i < block->n; i++)
		if (!run_statement(r, code_kid(&r->fold->code, block, i), s))
			return false;
	return true;
}
