#include <string.h>

#include "fold/eval.h"

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

static bool negate(struct eval *v, const struct code_node *n, const struct value *a, struct value *out)
{
	struct decimal z;
	enum decimal_status status = decimal_negate(&v->arena, value_number(a), &z);

	if (status != DECIMAL_OK)
		return decimal_failed(v, n, status);
	*out = value_decimal(z);
	return true;
}

/* + - * / % ; null is left out of a sum, 0 before a difference, and makes everything else null. */
static bool arithmetic(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                       struct value *out)
{
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
			return value_is_null(a) ? negate(v, n, b, out) : (*out = *a, true);
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
	int known = b->kind == VALUE_LIST ? node_has(b->node, a, &v->steps) : -1;

	if (v->steps > EXPR_STEPS_MAX)
		return eval_fail(v, n, "the event takes too long to work out");
	if (known >= 0 || value_is_null(b)) {
		*out = value_bool(known > 0);
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
