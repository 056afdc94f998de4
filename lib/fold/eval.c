#include "fold/eval.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
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

static bool decimal_failed(struct eval *v, const struct code_node *n, enum decimal_status status)
{
	switch (status) {
	case DECIMAL_ZERO:
		return eval_fail(v, n, "division by zero");
	case DECIMAL_RANGE:
		return eval_fail(v, n, "a number of more than %d digits", DECIMAL_DIGITS_MAX);
	default:
		v->arena.failed = true;
		return eval_broken(v);
	}
}

/* ---- lists in the arena ---- */

bool eval_list_begin(struct eval *v, struct eval_list *l)
{
	l->node = arena_take(&v->arena, sizeof *l->node);
	if (l->node == NULL)
		return eval_broken(v);
	*l->node = (struct node){0};
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

/* An object of n fields in the arena; the values are to be filled in. */
static struct node *new_object(struct eval *v, uint32_t n)
{
	struct node *o = arena_take(&v->arena, sizeof *o);
	struct value *values = arena_take(&v->arena, n * sizeof *values);
	struct node_key *keys = arena_take(&v->arena, n * sizeof *keys);

	if (o == NULL || values == NULL || keys == NULL)
		return NULL;
	*o = (struct node){.cap = n, .values = values, .keys = keys};
	return o;
}

/* ---- the event ---- */

static struct value name_text(const struct name *name)
{
	return name == NULL ? value_null() : value_text(name->text, name->size);
}

/* The value of a string field of the envelope. */
static bool text_field(struct eval *v, const struct text *t, struct value *out)
{
	char *text;

	switch (t->kind) {
	case TEXT_NONE:
		*out = value_null();
		return true;
	case TEXT_STRING:
		*out = value_text((const char *)t->bytes, t->size);
		return true;
	case TEXT_NAME:
		*out = name_text(name_get(v->names, t->name));
		return true;
	case TEXT_UUID:
		break;
	}
	if ((text = arena_take(&v->arena, UUID_TEXT)) == NULL)
		return eval_broken(v);
	uuid_format(t->bytes, text);
	*out = value_text(text, UUID_TEXT);
	return true;
}

/* Whether an event has what the store adds: one that is in no store has position 0. */
static bool has_store_field(const struct eval *v, unsigned number)
{
	return number == NAME_REVISION ? v->record->revision != 0 : v->record->position != 0;
}

/* position, revision, recordedAt */
static bool store_field(struct eval *v, unsigned number, struct value *out)
{
	char *text;

	if (!has_store_field(v, number))
		*out = value_null();
	else if (number == NAME_POSITION)
		*out = value_integer((int64_t)v->record->position);
	else if (number == NAME_REVISION)
		*out = value_integer((int64_t)v->record->revision);
	else {
		if ((text = arena_take(&v->arena, MOMENT_TEXT)) == NULL)
			return eval_broken(v);
		moment_format_us(v->record->recorded_us, text);
		*out = value_text(text, MOMENT_TEXT);
	}
	return true;
}

/* A field of the event that is looked for. */
static bool any_field(struct eval *v, const char *key, size_t size, int name, struct value *out, bool *there)
{
	const struct view *view = eval_view(v);
	const uint8_t *p = view->fields, *end = v->record->body + v->record->size;
	uint8_t uuid[16];
	struct packed head = {0};

	*out = value_null();
	*there = false;
	for (uint32_t i = 0; i < view->n_fields; i++) {
		bool same;
		p = packed_read(p, end, &head);
		if (head.kind == PACKED_UINT)
			same = name >= 0 && head.number == (uint64_t)name;
		else if (head.kind == PACKED_UUID16)
			same = size == UUID_TEXT && uuid_parse(key, uuid) && memcmp(head.bytes, uuid, sizeof uuid) == 0;
		else
			same = head.size == size && memcmp(head.bytes, key, size) == 0;
		if (same) {
			*there = true;
			return value_read(&v->arena, p, end, out) != NULL || eval_broken(v);
		}
		if ((p = packed_skip(p, end)) == NULL)
			return eval_broken(v);
	}
	return true;
}

/* A field of the event. */
static bool event_field(struct eval *v, const char *key, size_t size, int name, struct value *out, bool *there)
{
	const struct view *view;

	switch (name) {
	case NAME_EVENT_TYPE: case NAME_EVENT_ID: case NAME_TIMESTAMP: case NAME_AGGREGATE_ID: case NAME_AGGREGATE_TYPE:
	case NAME_SOURCE: case NAME_CORRELATION_ID: case NAME_CAUSATION_ID:
		view = eval_view(v);
		*there = view->texts[name].kind != TEXT_NONE;
		return text_field(v, &view->texts[name], out);
	case NAME_POSITION: case NAME_REVISION: case NAME_RECORDED_AT:
		*there = has_store_field(v, (unsigned)name);
		return store_field(v, (unsigned)name, out);
	case NAME_DATA:
		view = eval_view(v);
		*out = value_null();
		*there = view->data != NULL;
		return !*there || value_read(&v->arena, view->data, view->data_end, out) != NULL || eval_broken(v);
	default:
		return any_field(v, key, size, name, out, there);
	}
}

/* The whole event as an object. */
static bool event_object(struct eval *v, struct value *out)
{
	static const enum name_fixed added[] = {NAME_POSITION, NAME_REVISION, NAME_RECORDED_AT};
	const struct view *view = eval_view(v);
	const uint8_t *p = view->fields, *end = v->record->body + v->record->size;
	struct node *o = new_object(v, view->n_fields + 3);
	struct packed head;
	bool there;

	if (o == NULL)
		return eval_broken(v);
	for (uint32_t i = 0; i < view->n_fields; i++) {
		const uint8_t *at = packed_read(p, end, &head);
		const struct name *name = head.kind == PACKED_UINT ? name_get(v->names, head.number) : NULL;
		struct value *value = &o->values[o->n];
		if ((p = packed_skip(at, end)) == NULL || (head.kind == PACKED_UINT && name == NULL))
			return eval_broken(v);
		o->keys[o->n] = name != NULL ? (struct node_key){name->text, name->size} :
		                               (struct node_key){(const char *)head.bytes, head.size};
		if (head.kind == PACKED_UINT && head.number < VIEW_TEXTS && view->texts[head.number].kind != TEXT_NONE) {
			if (!text_field(v, &view->texts[head.number], value))
				return false;
		} else if (value_read(&v->arena, at, end, value) == NULL) {
			return eval_broken(v);
		}
		o->n++;
	}
	for (size_t i = 0; i < 3; i++) {
		const char *key = name_fixed_text(added[i]);
		if (!event_field(v, key, strlen(key), (int)added[i], &o->values[o->n], &there))
			return false;
		o->keys[o->n] = (struct node_key){key, (uint32_t)strlen(key)};
		o->n += there;
	}
	*out = (struct value){.kind = VALUE_OBJECT, .node = o};
	return true;
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
		return event_field(v, key, size, name, out, there);
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

/* ---- operators ---- */

static const char *operator_mark(enum code_op op)
{
	switch (op) {
	case CODE_ADD: return "+";
	case CODE_SUBTRACT: return "-";
	case CODE_MULTIPLY: return "*";
	case CODE_DIVIDE: return "/";
	case CODE_REMAINDER: return "%";
	case CODE_LESS: return "<";
	case CODE_LESS_EQUAL: return "<=";
	case CODE_GREATER: return ">";
	case CODE_GREATER_EQUAL: return ">=";
	default: return "?";
	}
}

/* Two texts or two lists, one behind the other. */
static bool concatenate(struct eval *v, const struct value *a, const struct value *b, struct value *out)
{
	struct value_iterator it;
	struct eval_list list;
	struct value e;
	char *text;

	if (a->kind == VALUE_TEXT) {
		if ((text = arena_take(&v->arena, (size_t)a->size + b->size)) == NULL)
			return eval_broken(v);
		if (a->size > 0)
			memcpy(text, a->text, a->size);
		if (b->size > 0)
			memcpy(text + a->size, b->text, b->size);
		*out = value_text(text, (size_t)a->size + b->size);
		return true;
	}
	if (!eval_list_begin(v, &list))
		return false;
	for (int i = 0; i < 2; i++) {
		value_iterate(i == 0 ? a : b, &it);
		while (value_next(&it, v->names, &v->arena, NULL, &e))
			if (!eval_list_add(v, &list, &e))
				return false;
	}
	*out = eval_list_value(&list);
	return !v->arena.failed || eval_broken(v);
}

static bool calculate(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                      struct value *out)
{
	struct decimal x = value_number(a), y = value_number(b), z;
	enum decimal_status status;

	switch (op) {
	case CODE_ADD: status = decimal_add(&v->arena, x, y, &z); break;
	case CODE_SUBTRACT: status = decimal_subtract(&v->arena, x, y, &z); break;
	case CODE_MULTIPLY: status = decimal_multiply(&v->arena, x, y, &z); break;
	case CODE_DIVIDE: status = decimal_divide(&v->arena, x, y, &z); break;
	default: status = decimal_remainder(&v->arena, x, y, &z); break;
	}
	if (status != DECIMAL_OK)
		return decimal_failed(v, n, status);
	*out = value_decimal(z);
	return true;
}

/* + - * / % ; null is left out of a sum, 0 before a difference, and makes everything else null. */
static bool arithmetic(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                       struct value *out)
{
	static const struct value zero = {.kind = VALUE_NUMBER};

	if (op == CODE_ADD && eval_sum(a, b, out))
		return true;
	if (value_is_number(a) && value_is_number(b))
		return calculate(v, n, op, a, b, out);
	if (value_is_null(a) || value_is_null(b)) {
		const struct value *other = value_is_null(a) ? b : a;
		if (op == CODE_ADD) {
			*out = value_is_null(other) ? value_null() : *other;
			return true;
		}
		if (!value_is_null(other) && !value_is_number(other))
			return eval_fail(v, n, "'%s' needs numbers, not %s", operator_mark(op), value_name(other));
		if (op == CODE_SUBTRACT && !value_is_null(other))
			return value_is_null(a) ? calculate(v, n, op, &zero, b, out) : (*out = *a, true);
		*out = value_null();
		return true;
	}
	if (op == CODE_ADD && ((a->kind == VALUE_TEXT && b->kind == VALUE_TEXT) || (value_is_list(a) && value_is_list(b))))
		return concatenate(v, a, b, out);
	if (op == CODE_ADD)
		return eval_fail(v, n, "'+' cannot put %s and %s together%s", value_name(a), value_name(b),
		                 (a->kind == VALUE_TEXT && value_is_number(b)) || (b->kind == VALUE_TEXT && value_is_number(a)) ?
		                     "; num() makes a number of a string, str() a string of a number" : "");
	return eval_fail(v, n, "'%s' needs numbers, not %s%s", operator_mark(op), value_name(value_is_number(a) ? b : a),
	                 a->kind == VALUE_TEXT || b->kind == VALUE_TEXT ? "; num() makes a number of a string" : "");
}

static int text_order(const struct value *a, const struct value *b)
{
	size_t least = a->size < b->size ? a->size : b->size;
	int c = least == 0 ? 0 : memcmp(a->text, b->text, least);

	return c != 0 ? c : (a->size > b->size) - (a->size < b->size);
}

/* < <= > >= ; nothing is less or greater than null. */
static bool compare(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                    struct value *out)
{
	int order = 0;

	if (value_is_null(a) || value_is_null(b)) {
		*out = value_bool(false);
		return true;
	}
	if (value_is_number(a) && value_is_number(b)) {
		enum decimal_status status = decimal_compare(value_number(a), value_number(b), &order);
		if (status != DECIMAL_OK)
			return decimal_failed(v, n, status);
	} else if (a->kind == VALUE_TEXT && b->kind == VALUE_TEXT) {
		order = text_order(a, b);
	} else {
		bool mixed = (a->kind == VALUE_TEXT && value_is_number(b)) || (b->kind == VALUE_TEXT && value_is_number(a));
		return eval_fail(v, n, "'%s' cannot compare %s with %s%s", operator_mark(op), value_name(a), value_name(b),
		                 mixed ? "; num() makes a number of a string, time() of a time" : "");
	}
	*out = value_bool(op == CODE_LESS ? order < 0 : op == CODE_LESS_EQUAL ? order <= 0 : op == CODE_GREATER ? order > 0 : order >= 0);
	return true;
}

bool eval_equal(struct eval *v, const struct code_node *n, const struct value *a, const struct value *b, bool *equal)
{
	uint64_t left = (EXPR_STEPS_MAX - v->steps) * sizeof *a, before = left;

	/* What is built of values that are shared may be much larger than it takes memory. */
	if ((a->kind == VALUE_LIST || a->kind == VALUE_OBJECT) && !value_fits(a, 2 * DEPTH_LIMIT, &left) && left == 0)
		return eval_fail(v, n, "the event takes too long to work out");
	v->steps += 1 + (before - left) / sizeof *a;
	if (v->steps > EXPR_STEPS_MAX)
		return eval_fail(v, n, "the event takes too long to work out");
	*equal = value_equal(a, b, v->names, &v->arena);
	return !v->arena.failed || eval_broken(v);
}

/* a in b */
static bool is_in(struct eval *v, const struct code_node *n, const struct value *a, const struct value *b, struct value *out)
{
	struct value_iterator it;
	struct value e;
	bool found = false;

	if (value_is_null(b)) {
		*out = value_bool(false);
		return true;
	}
	if (value_is_object(b)) {
		if (a->kind != VALUE_TEXT)
			return eval_fail(v, n, "'in' looks for the name of a field in an object, not for %s", value_name(a));
		found = value_member(b, v->names, &v->arena, a->text, a->size, name_find(v->names, a->text, a->size), &e);
	} else if (value_iterate(b, &it)) {
		while (!found && value_next(&it, v->names, &v->arena, NULL, &e)) {
			if (!eval_equal(v, n, a, &e, &found))
				return false;
		}
	} else {
		return eval_fail(v, n, "'in' looks into a list or an object, not into %s", value_name(b));
	}
	*out = value_bool(found);
	return !v->arena.failed || eval_broken(v);
}

bool eval_operator(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                   struct value *out)
{
	switch (op) {
	case CODE_ADD: case CODE_SUBTRACT: case CODE_MULTIPLY: case CODE_DIVIDE: case CODE_REMAINDER:
		return arithmetic(v, n, op, a, b, out);
	case CODE_LESS: case CODE_LESS_EQUAL: case CODE_GREATER: case CODE_GREATER_EQUAL:
		return compare(v, n, op, a, b, out);
	case CODE_IN:
		return is_in(v, n, a, b, out);
	default: {
		bool same;
		if (!eval_equal(v, n, a, b, &same))
			return false;
		*out = value_bool(op == CODE_EQUAL ? same : !same);
		return true;
	}
	}
}

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
	struct node *o = new_object(v, n->n / 2);

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
		return out->kind != EVAL_EVENT || event_object(v, out);
	case CODE_EVENT:
		*out = value_null();
		return v->record == NULL || event_object(v, out);
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
		b = value_integer(0);
		if (value_is_number(&a))
			b.scale = a.kind == VALUE_NUMBER ? a.scale : 0;
		return arithmetic(v, n, CODE_SUBTRACT, value_is_null(&a) ? &a : &b, &a, out);
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
