#include "fold/eval_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold/functions.h"
#include "fold/look.h"

struct eval *eval_new(const struct names *names)
{
	struct eval *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->names = names;
	v->arena.limit = EXPR_MEMORY_MAX;
	return v;
}

void eval_free(struct eval *v)
{
	if (v == NULL)
		return;
	arena_free(&v->arena);
	free(v);
}

/* Forget what was worked out before. */
static void start(struct eval *v, const struct record *record)
{
	arena_reset(&v->arena);
	v->steps = 0;
	v->at = v->code->nodes;
	v->now_us = 0;
	v->record = record;
	v->values = NULL;
	v->viewed = false;
	v->context = (struct value){.kind = record == NULL ? VALUE_NULL : EVAL_EVENT};
	v->status = EVS_OK;
}

bool eval_begin(struct eval *v, const struct record *record)
{
	start(v, record);
	v->viewed = true;
	return record == NULL || view_open(&v->view, record->body, record->size);
}

void eval_begin_viewed(struct eval *v, const struct record *record, const struct view *view)
{
	start(v, record);
	v->view = *view;
	v->viewed = true;
}

void eval_begin_looked(struct eval *v, const struct record *record, const struct value *values)
{
	start(v, record);
	v->values = values;
}

const struct view *eval_view(struct eval *v)
{
	if (!v->viewed)
		view_open(&v->view, v->record->body, v->record->size);
	v->viewed = true;
	return &v->view;
}

/* ---- failures ---- */

bool eval_fail(struct eval *v, const struct code_node *n, const char *format, ...)
{
	va_list args;

	v->status = EVS_BAD_EVENT;
	v->line = n->line;
	va_start(args, format);
	vsnprintf(v->message, sizeof v->message, format, args);
	va_end(args);
	return false;
}

bool eval_broken(struct eval *v)
{
	if (v->arena.full)
		return eval_fail(v, v->at, "the event needs more than %u MB of memory", EXPR_MEMORY_MAX >> 20);
	v->status = v->arena.failed ? EVS_NOMEM : EVS_CORRUPT;
	snprintf(v->message, sizeof v->message, "%s", v->arena.failed ? "out of memory" : "the event is damaged");
	return false;
}

/* ---- lists in the arena ---- */

bool eval_list_begin(struct eval *v, struct eval_list *l)
{
	l->node = arena_take(&v->arena, sizeof *l->node);
	if (l->node == NULL)
		return eval_broken(v);
	*l->node = node_borrowed();
	return true;
}

bool eval_list_add(struct eval *v, struct eval_list *l, const struct value *e)
{
	struct node *n = l->node;

	if (n->n == n->cap) {
		uint32_t cap = n->cap == 0 ? 8 : n->cap * 2;
		struct value *values = arena_take(&v->arena, cap * sizeof *values);
		if (values == NULL)
			return eval_broken(v);
		if (n->n > 0)
			memcpy(values, n->values, n->n * sizeof *values);
		n->values = values;
		n->cap = cap;
	}
	n->values[n->n++] = *e;
	return true;
}

struct value eval_list_value(const struct eval_list *l)
{
	return (struct value){.kind = VALUE_LIST, .node = l->node};
}

struct node *eval_new_object(struct eval *v, uint32_t n)
{
	struct node *o = arena_take(&v->arena, sizeof *o);
	struct value *values = arena_take(&v->arena, n * sizeof *values);
	struct node_key *keys = arena_take(&v->arena, n * sizeof *keys);

	if (o == NULL || values == NULL || keys == NULL)
		return NULL;
	*o = (struct node){.cap = n, .values = values, .keys = keys};
	return o;
}

/* ---- paths ---- */

/* The number of a member's name in packed bytes, -1: it has none (yet). */
static int member_name(struct eval *v, const struct code_node *n)
{
	struct code_node *known = &v->code->nodes[n - v->code->nodes];
	int32_t name = atomic_load_explicit(&known->name, memory_order_relaxed);
	uint32_t count;

	if (name >= 0)
		return name;
	count = name_count(v->names);
	if (atomic_load_explicit(&known->seen, memory_order_relaxed) == count)
		return -1;
	name = name_find(v->names, n->constant.text, n->constant.size);
	atomic_store_explicit(&known->seen, count, memory_order_relaxed);
	atomic_store_explicit(&known->name, name, memory_order_relaxed);
	return name;
}

/* A member of a value; null where it is not there or the value is null. */
static bool member(struct eval *v, const struct code_node *n, const struct value *of, const char *key, size_t size, int name,
                   struct value *out, bool *there)
{
	*out = value_null();
	*there = false;
	if (of->kind == EVAL_EVENT)
		return eval_event_field(v, key, size, name, out, there);
	if (value_is_null(of))
		return true;
	if (!value_is_object(of))
		return eval_fail(v, n, "'%.*s' is a field of an object, not of %s%s", size > 60 ? 60 : (int)size, key, value_name(of),
		                 value_is_list(of) ? "; map() and others go through a list" : "");
	*there = value_member(of, v->names, &v->arena, key, size, name, out);
	if (!*there)
		*out = value_null();
	return !v->arena.failed || eval_broken(v);
}

/* of[key] */
static bool index_value(struct eval *v, const struct code_node *n, const struct value *of, const struct value *key,
                        struct value *out, bool *there)
{
	int64_t i;

	*out = value_null();
	*there = false;
	if (key->kind == VALUE_TEXT)
		return member(v, n, of, key->text, key->size, name_find(v->names, key->text, key->size), out, there);
	if (value_is_null(of) || value_is_null(key))
		return true;
	if (!value_is_number(key))
		return eval_fail(v, n, "an index is a number or a string, not %s", value_name(key));
	if (!value_is_list(of)) {
		char text[DECIMAL_SMALL_TEXT];
		const char *digits;
		struct decimal d = value_number(key);
		size_t size = decimal_text(&d, text, &digits);
		if (of->kind != EVAL_EVENT && value_is_object(of)) /* a field whose name is a number */
			return member(v, n, of, digits, size, name_find(v->names, digits, size), out, there);
		return eval_fail(v, n, "a number is an index of a list, not of %s", of->kind == EVAL_EVENT ? "the event" : value_name(of));
	}
	if (!decimal_integer(value_number(key), &i))
		return eval_fail(v, n, "the index of a list is a whole number");
	*there = value_element(of, &v->arena, i, out);
	if (!*there)
		*out = value_null();
	return !v->arena.failed || eval_broken(v);
}

/* A field of the state. */
static bool state_field(struct eval *v, const struct code_node *n, struct value *out, bool *there)
{
	const struct value *root = v->root;

	*out = value_null();
	*there = false;
	if (v->slots != NULL && n->slot < v->slots->n) {
		*out = v->slots->values[n->slot];
		*there = out->kind != VALUE_ABSENT;
		return true;
	}
	if (root == NULL || !value_is_object(root))
		return true;
	*there = value_member(root, v->names, &v->arena, n->constant.text, n->constant.size, member_name(v, n), out);
	if (!*there)
		*out = value_null();
	return !v->arena.failed || eval_broken(v);
}

/* Whether a path of the event was looked for, and it is known what it leads to. */
static bool is_known(const struct eval *v, const struct code_node *n)
{
	return n->path != CODE_NONE && v->values != NULL && v->values[n->path].kind != LOOK_UNKNOWN &&
	       (v->context.kind == EVAL_EVENT || n->of_event);
}

const struct value *eval_at_hand(struct eval *v, const struct code_node *n)
{
	if (n->op != CODE_CONST && !is_known(v, n))
		return NULL;
	v->at = n;
	v->steps += 1u + n->path_steps;
	return n->op == CODE_CONST ? &n->constant : &v->values[n->path];
}

/* What such a path leads to. False where it is not known. */
static bool known_path(struct eval *v, const struct code_node *n, struct value *out, bool *there)
{
	if (!is_known(v, n))
		return false;
	v->steps += n->path_steps;
	*out = v->values[n->path];
	*there = out->kind != VALUE_ABSENT;
	if (!*there)
		*out = value_null();
	return true;
}

/* A node that names a place, and whether something is there. */
static bool place(struct eval *v, const struct code_node *n, struct value *out, bool *there)
{
	struct value of, key;

	switch (n->op) {
	case CODE_STATE:
		return state_field(v, n, out, there);
	case CODE_MEMBER: {
		const struct code_node *kid = code_kid(v->code, n, 0);
		if (known_path(v, n, out, there))
			return true;
		if (kid->op == CODE_CONTEXT)
			of = v->context;
		else if (kid->op == CODE_EVENT)
			of = (struct value){.kind = v->record == NULL ? VALUE_NULL : EVAL_EVENT};
		else if (!eval_node(v, kid, &of))
			return false;
		return member(v, n, &of, n->constant.text, n->constant.size, member_name(v, n), out, there);
	}
	case CODE_INDEX: {
		const struct code_node *kid = code_kid(v->code, n, 0);
		if (kid->op == CODE_CONTEXT)
			of = v->context;
		else if (!eval_node(v, kid, &of))
			return false;
		return eval_node(v, code_kid(v->code, n, 1), &key) && index_value(v, n, &of, &key, out, there);
	}
	default:
		*there = true;
		if (!eval_node(v, n, out))
			return false;
		*there = !value_is_null(out);
		return true;
	}
}

bool eval_is_there(struct eval *v, const struct code_node *n, bool *there)
{
	struct value out;

	return place(v, n, &out, there);
}

/* ---- conditions ---- */

bool eval_condition(struct eval *v, const struct code_node *n, bool *holds)
{
	struct value value;

	if (!eval_node(v, n, &value))
		return false;
	if (value.kind == VALUE_TRUE || value.kind == VALUE_FALSE || value_is_null(&value)) {
		*holds = value.kind == VALUE_TRUE;
		return true;
	}
	return eval_fail(v, n, "a condition is true or false, not %s", value_name(&value));
}

/* && and ||, which look at the right side only where it matters. */
static bool logical(struct eval *v, const struct code_node *n, struct value *out)
{
	bool holds = false;

	if (!eval_condition(v, code_kid(v->code, n, 0), &holds))
		return false;
	if (holds == (n->op == CODE_AND) && !eval_condition(v, code_kid(v->code, n, 1), &holds))
		return false;
	*out = value_bool(holds);
	return true;
}

/* ---- literals ---- */

static bool list_literal(struct eval *v, const struct code_node *n, struct value *out)
{
	struct eval_list list;
	struct value e;

	if (!eval_list_begin(v, &list))
		return false;
	for (uint32_t i = 0; i < n->n; i++)
		if (!eval_node(v, code_kid(v->code, n, i), &e) || !eval_list_add(v, &list, &e))
			return false;
	*out = eval_list_value(&list);
	return true;
}

static bool object_literal(struct eval *v, const struct code_node *n, struct value *out)
{
	struct node *o = eval_new_object(v, n->n / 2);

	if (o == NULL)
		return eval_broken(v);
	for (uint32_t i = 0; i < n->n; i += 2) {
		const struct value *key = &code_kid(v->code, n, i)->constant;
		int64_t at = node_find(o, key->text, key->size);
		if (at < 0) {
			at = o->n++;
			o->keys[at] = (struct node_key){key->text, key->size};
			o->values[at] = value_null();
		}
		if (!eval_node(v, code_kid(v->code, n, i + 1), &o->values[at]))
			return false;
	}
	*out = (struct value){.kind = VALUE_OBJECT, .node = o};
	return true;
}

/* ---- nodes ---- */

bool eval_node(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, b;
	bool there = false;

	v->at = n;
	if (++v->steps > EXPR_STEPS_MAX)
		return eval_fail(v, n, "the event takes too long to work out");
	switch ((enum code_op)n->op) {
	case CODE_CONST:
		*out = n->constant;
		return true;
	case CODE_CONTEXT:
		*out = v->context;
		return out->kind != EVAL_EVENT || eval_event_object(v, out);
	case CODE_EVENT:
		*out = value_null();
		return v->record == NULL || eval_event_object(v, out);
	case CODE_STATE: case CODE_MEMBER: case CODE_INDEX:
		if (!place(v, n, out, &there))
			return false;
		if (out->kind == VALUE_ABSENT)
			out->kind = VALUE_NULL;
		return true;
	case CODE_NOT:
		if (!eval_condition(v, code_kid(v->code, n, 0), &there))
			return false;
		*out = value_bool(!there);
		return true;
	case CODE_NEGATE:
		if (!eval_node(v, code_kid(v->code, n, 0), &a))
			return false;
		b = value_is_number(&a) || value_is_null(&a) ? value_null() : value_integer(0); /* which names what is wrong */
		return eval_operator(v, n, CODE_SUBTRACT, &b, &a, out);
	case CODE_ADD: case CODE_SUBTRACT: case CODE_MULTIPLY: case CODE_DIVIDE: case CODE_REMAINDER:
	case CODE_EQUAL: case CODE_UNEQUAL: case CODE_LESS: case CODE_LESS_EQUAL: case CODE_GREATER: case CODE_GREATER_EQUAL:
	case CODE_IN:
		return eval_node(v, code_kid(v->code, n, 0), &a) && eval_node(v, code_kid(v->code, n, 1), &b) &&
		       eval_operator(v, n, (enum code_op)n->op, &a, &b, out);
	case CODE_AND: case CODE_OR:
		return logical(v, n, out);
	case CODE_DEFAULT:
		if (!eval_node(v, code_kid(v->code, n, 0), out))
			return false;
		return !value_is_null(out) || eval_node(v, code_kid(v->code, n, 1), out);
	case CODE_CHOICE:
		return eval_condition(v, code_kid(v->code, n, 0), &there) && eval_node(v, code_kid(v->code, n, there ? 1 : 2), out);
	case CODE_CALL:
		return functions_call(v, n, out);
	case CODE_LIST:
		return list_literal(v, n, out);
	case CODE_OBJECT:
		return object_literal(v, n, out);
	default:
		return eval_fail(v, n, "not an expression");
	}
}
