#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/moment.h"
#include "base/nearest.h"
#include "fold/functions_parts.h"

#define PLACES_MAX 1000 /* of round() */

const struct function functions[FUNCTIONS] = {
	[FUNCTION_SUM] = {"sum", 1, 2},           [FUNCTION_COUNT] = {"count", 1, 2},
	[FUNCTION_MIN] = {"min", 1, 20},          [FUNCTION_MAX] = {"max", 1, 20},
	[FUNCTION_AVG] = {"avg", 1, 2},           [FUNCTION_ANY] = {"any", 1, 2},
	[FUNCTION_ALL] = {"all", 1, 2},           [FUNCTION_MAP] = {"map", 2, 2},
	[FUNCTION_LEN] = {"len", 1, 1},           [FUNCTION_LOWER] = {"lower", 1, 1},
	[FUNCTION_UPPER] = {"upper", 1, 1},       [FUNCTION_SUBSTR] = {"substr", 2, 3},
	[FUNCTION_CONTAINS] = {"contains", 2, 2}, [FUNCTION_STARTSWITH] = {"startswith", 2, 2},
	[FUNCTION_ENDSWITH] = {"endswith", 2, 2}, [FUNCTION_MATCHES] = {"matches", 2, 2},
	[FUNCTION_SPLIT] = {"split", 2, 2},       [FUNCTION_JOIN] = {"join", 2, 2},
	[FUNCTION_ABS] = {"abs", 1, 1},           [FUNCTION_ROUND] = {"round", 1, 2},
	[FUNCTION_FLOOR] = {"floor", 1, 1},       [FUNCTION_CEIL] = {"ceil", 1, 1},
	[FUNCTION_NUM] = {"num", 1, 1},           [FUNCTION_STR] = {"str", 1, 1},
	[FUNCTION_TIME] = {"time", 1, 1},         [FUNCTION_DATE] = {"date", 1, 1},
	[FUNCTION_HOUR] = {"hour", 1, 1},         [FUNCTION_DAY] = {"day", 1, 1},
	[FUNCTION_KEYS] = {"keys", 1, 1},         [FUNCTION_HAS] = {"has", 1, 2},
	[FUNCTION_NOW] = {"now", 0, 0},
};

/* ---- names ---- */

int functions_find(const char *name, size_t size)
{
	for (int i = 0; i < FUNCTIONS; i++)
		if (strlen(functions[i].name) == size && memcmp(functions[i].name, name, size) == 0)
			return i;
	return -1;
}

bool functions_each(int function)
{
	return function >= FUNCTION_SUM && function <= FUNCTION_MAP;
}

/* What they are called elsewhere. */
static const struct {
	const char *name, *here;
} habits[] = {
	{"length", "len"}, {"size", "len"}, {"tonumber", "num"}, {"number", "num"}, {"tostring", "str"}, {"string", "str"},
	{"average", "avg"}, {"mean", "avg"}, {"ceiling", "ceil"}, {"substring", "substr"}, {"test", "matches"},
	{"regex", "matches"}, {"ascii_downcase", "lower"}, {"ascii_upcase", "upper"}, {"tolower", "lower"}, {"toupper", "upper"},
	{"coalesce", "??"}, {"ifnull", "??"}, {"isnull", "== null"}, {"exists", "has"}, {"not", "!"},
};

const char *functions_nearest(const char *name, size_t size)
{
	struct nearest near = {.word = name, .size = size};

	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
		if (strlen(habits[i].name) == size && strncasecmp(habits[i].name, name, size) == 0)
			return habits[i].here;
	for (int i = 0; i < FUNCTIONS; i++)
		nearest_try(&near, functions[i].name, strlen(functions[i].name));
	return near.best;
}

/* ---- arguments ---- */

const struct code_node *argument_at(struct eval *v, const struct code_node *n, uint32_t i)
{
	return code_kid(v->code, n, i);
}

bool argument_wrong(struct eval *v, const struct code_node *n, const char *wanted, const struct value *got)
{
	return eval_fail(v, n, "%s() takes %s, not %s%s", functions[n->function].name, wanted, value_name(got),
	                 got->kind == VALUE_TEXT && (strcmp(wanted, "a number") == 0 || strcmp(wanted, "numbers") == 0) ? "; num() makes a number of a string" : "");
}

bool argument_text(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null)
{
	if (!eval_node(v, argument_at(v, n, i), out))
		return false;
	if (value_is_null(out)) {
		*null = true;
		return true;
	}
	return out->kind == VALUE_TEXT || argument_wrong(v, n, "a string", out);
}

bool argument_number(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null)
{
	if (!eval_node(v, argument_at(v, n, i), out))
		return false;
	if (value_is_null(out)) {
		*null = true;
		return true;
	}
	return value_is_number(out) || argument_wrong(v, n, "a number", out);
}

bool argument_integer(struct eval *v, const struct code_node *n, uint32_t i, int64_t *out)
{
	struct value a;
	bool null = false;

	if (!argument_number(v, n, i, &a, &null))
		return false;
	if (null || !decimal_integer(value_number(&a), out))
		return eval_fail(v, n, "%s() takes a whole number as its argument %u", functions[n->function].name, i + 1);
	return true;
}

bool functions_decimal(struct eval *v, const struct code_node *n, enum decimal_status status, struct decimal d, struct value *out)
{
	if (status == DECIMAL_RANGE)
		return eval_fail(v, n, "a number of more than %d digits", DECIMAL_DIGITS_MAX);
	if (status != DECIMAL_OK) {
		v->arena.failed = true;
		return eval_broken(v);
	}
	*out = value_decimal(d);
	return true;
}

/* ---- numbers ---- */

static bool rounding(struct eval *v, const struct code_node *n, struct value *out)
{
	static const enum decimal_rounding how[] = {DECIMAL_HALF_UP, DECIMAL_FLOOR, DECIMAL_CEIL};
	struct decimal d;
	int64_t places = 0;
	struct value a;
	bool null = false;

	if (!argument_number(v, n, 0, &a, &null) || (n->n == 2 && !argument_integer(v, n, 1, &places)))
		return false;
	*out = value_null();
	if (null)
		return true;
	if (places < -PLACES_MAX || places > PLACES_MAX)
		return eval_fail(v, n, "round() takes from %d to %d places", -PLACES_MAX, PLACES_MAX);
	return functions_decimal(v, n, decimal_round(&v->arena, value_number(&a), (int32_t)places, how[n->function - FUNCTION_ROUND], &d), d, out);
}

static bool absolute(struct eval *v, const struct code_node *n, struct value *out)
{
	struct decimal d;
	bool null = false;

	*out = value_null();
	if (!argument_number(v, n, 0, out, &null))
		return false;
	if (null || decimal_sign(value_number(out)) >= 0)
		return true;
	return functions_decimal(v, n, decimal_negate(&v->arena, value_number(out), &d), d, out);
}

/* num(x): a number of its digits; white space around them does not count, and an empty text is null. */
static bool number_of(struct eval *v, const struct code_node *n, struct value *out)
{
	const char *p, *end;

	if (!eval_node(v, argument_at(v, n, 0), out))
		return false;
	if (value_is_null(out) || value_is_number(out))
		return true;
	if (out->kind != VALUE_TEXT)
		return argument_wrong(v, n, "a string", out);
	for (p = out->text, end = p + out->size; p < end && strchr(" \t\r\n", *p) != NULL && *p != '\0'; p++)
		;
	while (end > p && strchr(" \t\r\n", end[-1]) != NULL && end[-1] != '\0')
		end--;
	if (p == end) {
		*out = value_null();
		return true;
	}
	if (!decimal_is_number(p, (size_t)(end - p)))
		return eval_fail(v, n, "num() finds no number in \"%.*s\"", end - p > 60 ? 60 : (int)(end - p), p);
	*out = value_decimal(decimal_of(p, (size_t)(end - p)));
	return true;
}

static bool string_of(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a;

	return eval_node(v, argument_at(v, n, 0), &a) && functions_text_of(v, n, &a, out);
}

/* ---- times ---- */

#define NS 1000000000
#define YEAR_0 (-62167219200)
#define YEAR_10000 253402300800

/* Seconds of a moment as a number without more digits than it needs. */
static bool seconds(struct eval *v, const struct code_node *n, struct moment m, struct value *out)
{
	uint32_t fraction = m.ns;
	unsigned scale = 9;
	struct decimal d;

	while (scale > 0 && fraction % 10 == 0) {
		fraction /= 10;
		scale--;
	}
	return functions_decimal(v, n, decimal_add(&v->arena, decimal_small(m.seconds, 0), decimal_small(fraction, (int32_t)scale), &d), d, out);
}

/* Read a time, or what day() and hour() write, which is its beginning. */
static bool read_time(const struct value *text, struct moment *m)
{
	bool is_hour = text->size == 14 && text->text[13] == 'Z';
	char whole[] = "0000-00-00T00:00:00Z";

	if (text->size != 10 && !is_hour)
		return moment_read(text->text, text->size, m);
	memcpy(whole, text->text, is_hour ? 13 : 10);
	return moment_read(whole, sizeof whole - 1, m);
}

/* A number of seconds since 1970 as a moment; what is behind its nanoseconds is cut off. False: it is in no year. */
static bool moment_of_number(struct arena *arena, struct decimal number, struct moment *m)
{
	struct decimal whole, rest;
	int64_t ns;

	if (decimal_round(arena, number, 0, DECIMAL_FLOOR, &whole) != DECIMAL_OK || !decimal_integer(whole, &m->seconds) ||
	    decimal_subtract(arena, number, whole, &rest) != DECIMAL_OK ||
	    decimal_multiply(arena, rest, decimal_small(NS, 0), &rest) != DECIMAL_OK ||
	    decimal_round(arena, rest, 0, DECIMAL_FLOOR, &rest) != DECIMAL_OK || !decimal_integer(rest, &ns))
		return false;
	m->ns = (uint32_t)ns;
	return true;
}

/* Argument 0 as a moment: a time as text, or a number of seconds since 1970. */
static bool moment_argument(struct eval *v, const struct code_node *n, struct moment *m, bool *null)
{
	struct value a;

	if (!eval_node(v, argument_at(v, n, 0), &a))
		return false;
	*null = value_is_null(&a);
	if (*null)
		return true;
	if (a.kind == VALUE_TEXT && !read_time(&a, m))
		return eval_fail(v, n, "%s() finds no time such as 2026-05-14T10:30:00Z in \"%.*s\"", functions[n->function].name,
		                 a.size > 60 ? 60 : (int)a.size, a.text);
	if (a.kind != VALUE_TEXT && !value_is_number(&a))
		return argument_wrong(v, n, "a time or a number of seconds", &a);
	if ((a.kind != VALUE_TEXT && !moment_of_number(&v->arena, value_number(&a), m)) || m->seconds < YEAR_0 || m->seconds >= YEAR_10000)
		return eval_fail(v, n, "%s() knows the years 0 to 9999", functions[n->function].name);
	return true;
}

/* time: seconds since 1970. date: the moment as RFC 3339 in UTC; day and hour: its beginning, as evs stat --by has it. */
static bool times(struct eval *v, const struct code_node *n, struct value *out)
{
	char text[MOMENT_TEXT + 1];
	struct moment m;
	bool null;
	size_t size;
	char *copy;

	*out = value_null();
	if (!moment_argument(v, n, &m, &null))
		return false;
	if (null)
		return true;
	if (n->function == FUNCTION_TIME)
		return seconds(v, n, m, out);
	moment_format(m, text);
	size = n->function == FUNCTION_DAY ? 10 : n->function == FUNCTION_HOUR ? 13 : MOMENT_TEXT - 1;
	if (n->function == FUNCTION_DATE) {
		while (text[size - 1] == '0')
			size--;
		size -= text[size - 1] == '.';
	}
	if (n->function != FUNCTION_DAY)
		text[size++] = 'Z';
	if ((copy = arena_copy(&v->arena, text, size)) == NULL)
		return eval_broken(v);
	*out = value_text(copy, size);
	return true;
}

/* ---- objects ---- */

static bool keys(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, e;
	struct value_iterator it;
	struct eval_list list;
	struct node_key key;

	if (!eval_node(v, argument_at(v, n, 0), &a) || !eval_list_begin(v, &list))
		return false;
	*out = eval_list_value(&list);
	if (value_is_null(&a))
		return true;
	if (!value_is_object(&a))
		return argument_wrong(v, n, "an object", &a);
	value_iterate(&a, &it);
	while (value_next(&it, v->names, &v->arena, &key, &e)) {
		e = value_text(key.text, key.size);
		if (!eval_list_add(v, &list, &e))
			return false;
	}
	return !v->arena.failed || eval_broken(v);
}

/* has(path): whether it leads to something, null included. has(object, key), has(list, index). */
static bool has(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, key, e;
	bool there = false;
	int64_t i;

	if (n->n == 1) {
		if (!eval_is_there(v, argument_at(v, n, 0), &there))
			return false;
	} else {
		if (!eval_node(v, argument_at(v, n, 0), &a) || !eval_node(v, argument_at(v, n, 1), &key))
			return false;
		if (value_is_object(&a) && key.kind == VALUE_TEXT)
			there = value_member(&a, v->names, &v->arena, key.text, key.size, name_find(v->names, key.text, key.size), &e);
		else if (value_is_list(&a) && value_is_number(&key))
			there = decimal_integer(value_number(&key), &i) && value_element(&a, &v->arena, i, &e);
		else if (!value_is_null(&a))
			return eval_fail(v, n, "has() takes an object and a string, or a list and a number, not %s and %s", value_name(&a),
			                 value_name(&key));
		if (v->arena.failed)
			return eval_broken(v);
	}
	*out = value_bool(there);
	return true;
}

/* ---- calls ---- */

bool functions_call(struct eval *v, const struct code_node *n, struct value *out)
{
	switch ((enum function_id)n->function) {
	case FUNCTION_SUM: case FUNCTION_COUNT: case FUNCTION_MIN: case FUNCTION_MAX: case FUNCTION_AVG: case FUNCTION_ANY:
	case FUNCTION_ALL: case FUNCTION_MAP:
		return functions_list(v, n, out);
	case FUNCTION_LEN: case FUNCTION_LOWER: case FUNCTION_UPPER: case FUNCTION_SUBSTR: case FUNCTION_CONTAINS:
	case FUNCTION_STARTSWITH: case FUNCTION_ENDSWITH: case FUNCTION_MATCHES: case FUNCTION_SPLIT: case FUNCTION_JOIN:
		return functions_text(v, n, out);
	case FUNCTION_ABS:
		return absolute(v, n, out);
	case FUNCTION_ROUND: case FUNCTION_FLOOR: case FUNCTION_CEIL:
		return rounding(v, n, out);
	case FUNCTION_NUM:
		return number_of(v, n, out);
	case FUNCTION_STR:
		return string_of(v, n, out);
	case FUNCTION_TIME: case FUNCTION_DATE: case FUNCTION_HOUR: case FUNCTION_DAY:
		return times(v, n, out);
	case FUNCTION_KEYS:
		return keys(v, n, out);
	case FUNCTION_HAS:
		return has(v, n, out);
	case FUNCTION_NOW:
		if (v->now_us == 0)
			v->now_us = moment_now_us();
		return seconds(v, n, (struct moment){v->now_us / 1000000, (uint32_t)(v->now_us % 1000000) * 1000}, out);
	case FUNCTIONS:
		break;
	}
	return eval_fail(v, n, "no function");
}
