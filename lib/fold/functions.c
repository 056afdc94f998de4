#include "fold/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/moment.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "fold/eval.h"

enum {
	PATTERN_MAX = 1000,   /* bytes of a pattern */
	PATTERN_DEPTH = 50,   /* of its groups */
	PATTERN_REPEATS = 1000, /* what its bounds {n} multiply to */
	PLACES_MAX = 1000,    /* of round() */
};

const struct function functions[FUNCTIONS] = {
	[FUNCTION_SUM] = {"sum", 1, 2},           [FUNCTION_COUNT] = {"count", 1, 2},
	[FUNCTION_MIN] = {"min", 1, 20},          [FUNCTION_MAX] = {"max", 1, 20},
	[FUNCTION_AVG] = {"avg", 1, 2},           [FUNCTION_ANY] = {"any", 2, 2},
	[FUNCTION_ALL] = {"all", 2, 2},           [FUNCTION_MAP] = {"map", 2, 2},
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

static const struct code_node *argument(struct eval *v, const struct code_node *n, uint32_t i)
{
	return code_kid(v->code, n, i);
}

static bool wrong(struct eval *v, const struct code_node *n, const char *wanted, const struct value *got)
{
	return eval_fail(v, n, "%s() takes %s, not %s%s", functions[n->function].name, wanted, value_name(got),
	                 got->kind == VALUE_TEXT && (strcmp(wanted, "a number") == 0 || strcmp(wanted, "numbers") == 0) ? "; num() makes a number of a string" : "");
}

/* Argument i as text; *null where it is null. */
static bool text_argument(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null)
{
	if (!eval_node(v, argument(v, n, i), out))
		return false;
	if (value_is_null(out)) {
		*null = true;
		return true;
	}
	return out->kind == VALUE_TEXT || wrong(v, n, "a string", out);
}

/* Argument i as a number; *null where it is null. */
static bool number_argument(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null)
{
	if (!eval_node(v, argument(v, n, i), out))
		return false;
	if (value_is_null(out)) {
		*null = true;
		return true;
	}
	return value_is_number(out) || wrong(v, n, "a number", out);
}

/* Argument i as a whole number. */
static bool integer_argument(struct eval *v, const struct code_node *n, uint32_t i, int64_t *out)
{
	struct value a;
	bool null = false;

	if (!number_argument(v, n, i, &a, &null))
		return false;
	if (null || !decimal_integer(value_number(&a), out))
		return eval_fail(v, n, "%s() takes a whole number as its argument %u", functions[n->function].name, i + 1);
	return true;
}

static bool decimal_done(struct eval *v, const struct code_node *n, enum decimal_status status, struct decimal d, struct value *out)
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

/* ---- lists ---- */

/* What a list function makes of the elements, one after another. */
struct gather {
	struct value best;    /* sum, least, greatest */
	uint64_t count;       /* elements that counted */
	bool holds;           /* any, all */
	struct eval_list list;
};

static bool take_best(struct eval *v, const struct code_node *n, struct gather *g, const struct value *e)
{
	struct value less;

	if (value_is_null(e))
		return true;
	g->count++;
	if (value_is_null(&g->best)) {
		g->best = *e;
		return true;
	}
	if (!eval_operator(v, n, n->function == FUNCTION_MIN ? CODE_LESS : CODE_GREATER, e, &g->best, &less))
		return false;
	if (less.kind == VALUE_TRUE)
		g->best = *e;
	return true;
}

/* Take one element; *stop when the others do not matter. */
static bool take(struct eval *v, const struct code_node *n, struct gather *g, const struct value *e, bool *stop)
{
	bool holds = e->kind == VALUE_TRUE;

	switch ((enum function_id)n->function) {
	case FUNCTION_SUM: case FUNCTION_AVG:
		if (value_is_null(e))
			return true;
		if (!value_is_number(e))
			return wrong(v, n, "numbers", e);
		g->count++;
		return eval_operator(v, n, CODE_ADD, &g->best, e, &g->best);
	case FUNCTION_MIN: case FUNCTION_MAX:
		return take_best(v, n, g, e);
	case FUNCTION_MAP:
		return eval_list_add(v, &g->list, e);
	default:
		break;
	}
	if (n->function != FUNCTION_COUNT || n->n == 2) {
		if (!holds && e->kind != VALUE_FALSE && !value_is_null(e))
			return eval_fail(v, n, "a condition is true or false, not %s", value_name(e));
		*stop = (n->function == FUNCTION_ANY && holds) || (n->function == FUNCTION_ALL && !holds);
		if (*stop)
			g->holds = holds;
	}
	g->count += n->n == 1 || holds;
	return true;
}

static bool finish(struct eval *v, const struct code_node *n, struct gather *g, struct value *out)
{
	struct value count = value_integer((int64_t)g->count);

	switch ((enum function_id)n->function) {
	case FUNCTION_SUM:
		*out = value_is_null(&g->best) ? value_integer(0) : g->best;
		return true;
	case FUNCTION_AVG:
		if (g->count == 0) {
			*out = value_null();
			return true;
		}
		return eval_operator(v, n, CODE_DIVIDE, &g->best, &count, out);
	case FUNCTION_MIN: case FUNCTION_MAX:
		*out = g->best;
		return true;
	case FUNCTION_MAP:
		*out = eval_list_value(&g->list);
		return true;
	case FUNCTION_COUNT:
		*out = count;
		return true;
	default:
		*out = value_bool(g->holds);
		return true;
	}
}

/* sum count avg any all map, min and max of a list: the second argument is worked out for every element. */
static bool list_function(struct eval *v, const struct code_node *n, const struct value *list, struct value *out)
{
	struct gather g = {.best = value_null(), .holds = n->function == FUNCTION_ALL};
	struct value context = v->context, e;
	struct value_iterator it;
	bool stop = false, good = true;

	if (n->function == FUNCTION_MAP && !eval_list_begin(v, &g.list))
		return false;
	if (value_is_null(list))
		return finish(v, n, &g, out);
	if (!value_is_list(list))
		return wrong(v, n, "a list", list);
	value_iterate(list, &it);
	while (good && !stop && value_next(&it, v->names, &v->arena, NULL, &e)) {
		if (++v->steps > EXPR_STEPS_MAX)
			good = eval_fail(v, n, "the event takes too long to work out");
		if (good && n->n == 2) {
			v->context = e;
			good = eval_node(v, argument(v, n, 1), &e);
		}
		good = good && take(v, n, &g, &e, &stop);
	}
	v->context = context;
	if (good && v->arena.failed)
		return eval_broken(v);
	return good && finish(v, n, &g, out);
}

/* min and max of their arguments. */
static bool plain_extreme(struct eval *v, const struct code_node *n, const struct value *first, struct value *out)
{
	struct gather g = {.best = value_null()};
	struct value e = *first;

	for (uint32_t i = 0; i < n->n; i++) {
		if (i > 0 && !eval_node(v, argument(v, n, i), &e))
			return false;
		if (!value_is_null(&e) && !value_is_number(&e) && e.kind != VALUE_TEXT)
			return wrong(v, n, "numbers or strings", &e);
		if (!take_best(v, n, &g, &e))
			return false;
	}
	*out = g.best;
	return true;
}

static bool lists(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value first;

	if (!eval_node(v, argument(v, n, 0), &first))
		return false;
	if ((n->function == FUNCTION_MIN || n->function == FUNCTION_MAX) && (n->n > 2 || !value_is_list(&first)) &&
	    (n->n > 1 || !value_is_null(&first)))
		return plain_extreme(v, n, &first, out);
	return list_function(v, n, &first, out);
}

/* ---- texts ---- */

static bool length(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a;

	if (!eval_node(v, argument(v, n, 0), &a))
		return false;
	if (a.kind == VALUE_TEXT)
		*out = value_integer((int64_t)utf8_length(a.text, a.size));
	else if (value_is_null(&a))
		*out = value_integer(0);
	else if (value_is_list(&a) || value_is_object(&a))
		*out = value_integer(value_count(&a));
	else
		return wrong(v, n, "a string, a list or an object", &a);
	return true;
}

/* lower, upper: of the letters of ASCII. */
static bool change_case(struct eval *v, const struct code_node *n, struct value *out)
{
	char low = n->function == FUNCTION_LOWER ? 'A' : 'a', high = n->function == FUNCTION_LOWER ? 'Z' : 'z';
	struct value a;
	bool null = false;
	char *text;

	if (!text_argument(v, n, 0, &a, &null))
		return false;
	*out = value_null();
	if (null)
		return true;
	if ((text = arena_copy(&v->arena, a.text, a.size)) == NULL)
		return eval_broken(v);
	for (uint32_t i = 0; i < a.size; i++)
		if (text[i] >= low && text[i] <= high)
			text[i] = (char)(text[i] ^ 0x20);
	*out = value_text(text, a.size);
	return true;
}

/* substr(text, start[, count]): start counts characters from 0, from the end where it is negative. */
static bool substring(struct eval *v, const struct code_node *n, struct value *out)
{
	int64_t start, count = INT64_MAX, characters;
	struct value a;
	bool null = false;
	size_t from, to;

	if (!text_argument(v, n, 0, &a, &null) || !integer_argument(v, n, 1, &start) ||
	    (n->n == 3 && !integer_argument(v, n, 2, &count)))
		return false;
	*out = value_null();
	if (null)
		return true;
	characters = (int64_t)utf8_length(a.text, a.size);
	if (start < 0)
		start = start < -characters ? 0 : start + characters;
	if (start > characters)
		start = characters;
	if (count < 0)
		count = 0;
	if (count > characters - start)
		count = characters - start;
	from = utf8_offset(a.text, a.size, (size_t)start);
	to = utf8_offset(a.text, a.size, (size_t)(start + count));
	*out = value_text(a.text + from, to - from);
	return true;
}

/* contains startswith endswith; contains looks for an element of a list, too. */
static bool text_test(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, b;
	bool null = false;

	if (!eval_node(v, argument(v, n, 0), &a))
		return false;
	if (n->function == FUNCTION_CONTAINS && value_is_list(&a))
		return eval_node(v, argument(v, n, 1), &b) && eval_operator(v, n, CODE_IN, &b, &a, out);
	if (!value_is_null(&a) && a.kind != VALUE_TEXT)
		return wrong(v, n, n->function == FUNCTION_CONTAINS ? "a string or a list" : "a string", &a);
	if (!text_argument(v, n, 1, &b, &null))
		return false;
	if (null || value_is_null(&a)) {
		*out = value_bool(false);
		return true;
	}
	if (n->function == FUNCTION_CONTAINS)
		*out = value_bool(b.size == 0 || memmem(a.text, a.size, b.text, b.size) != NULL);
	else
		*out = value_bool(b.size <= a.size &&
		                  memcmp(n->function == FUNCTION_STARTSWITH ? a.text : a.text + a.size - b.size, b.text, b.size) == 0);
	return true;
}

/* Whether a pattern asks for little enough: groups that are not too deep, bounds that do not multiply. */
static const char *pattern_trouble(const char *text, size_t size)
{
	unsigned depth = 0;
	uint64_t repeats = 1;

	if (size > PATTERN_MAX)
		return "longer than 1000 bytes";
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0')
			return "has a NUL";
		if (text[i] == '\\') {
			if (i + 1 < size && text[i + 1] >= '1' && text[i + 1] <= '9')
				return "refers back to a group, which can take for ever";
			if (i + 1 < size && (text[i + 1] | 0x20) >= 'a' && (text[i + 1] | 0x20) <= 'z' && strchr("wWsSbB", text[i + 1]) == NULL)
				return "a backslash before this letter means nothing; a digit is [0-9]";
			i++;
		} else if (text[i] == '(' && ++depth > PATTERN_DEPTH) {
			return "too many groups";
		} else if (text[i] == '{') {
			unsigned bound = 0;
			for (size_t j = i + 1; j < size && text[j] != '}'; j++)
				bound = text[j] >= '0' && text[j] <= '9' && bound < 100000 ? bound * 10 + (unsigned)(text[j] - '0') : text[j] == ',' ? 0 : bound;
			repeats *= bound == 0 ? 10 : bound;
			if (repeats > PATTERN_REPEATS)
				return "repeats too much";
		}
	}
	return NULL;
}

regex_t *functions_pattern(const char *text, size_t size, const char **why)
{
	static _Thread_local char message[100];
	regex_t *regex;
	char *copy;
	int rc;

	if ((*why = pattern_trouble(text, size)) != NULL)
		return NULL;
	*why = "out of memory";
	copy = strndup(text, size);
	regex = malloc(sizeof *regex);
	if (copy == NULL || regex == NULL) {
		free(copy);
		free(regex);
		return NULL;
	}
	rc = regcomp(regex, copy, REG_EXTENDED | REG_NOSUB);
	free(copy);
	if (rc == 0)
		return regex;
	regerror(rc, regex, message, sizeof message);
	*why = message;
	free(regex);
	return NULL;
}

/* matches(text, pattern) */
static bool matches(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, b;
	bool null = false;
	const char *why;
	regex_t *regex = n->regex;
	char *text;

	if (!text_argument(v, n, 0, &a, &null) || (regex == NULL && !text_argument(v, n, 1, &b, &null)))
		return false;
	*out = value_bool(false);
	if (null || (a.size > 0 && memchr(a.text, '\0', a.size) != NULL))
		return true;
	if (regex == NULL && (regex = functions_pattern(b.text, b.size, &why)) == NULL)
		return eval_fail(v, n, "the pattern of matches: %s", why);
	text = arena_take(&v->arena, (size_t)a.size + 1);
	if (text != NULL) {
		if (a.size > 0)
			memcpy(text, a.text, a.size);
		text[a.size] = '\0';
		*out = value_bool(regexec(regex, text, 0, NULL, 0) == 0);
	}
	if (regex != n->regex) {
		regfree(regex);
		free(regex);
	}
	return text != NULL || eval_broken(v);
}

/* split(text, separator); an empty separator cuts between characters. */
static bool split(struct eval *v, const struct code_node *n, struct value *out)
{
	struct eval_list list;
	struct value a, b, part;
	bool null = false;

	if (!text_argument(v, n, 0, &a, &null) || !text_argument(v, n, 1, &b, &null))
		return false;
	*out = value_null();
	if (null)
		return true;
	if (!eval_list_begin(v, &list))
		return false;
	for (const char *p = a.text, *end = a.text + a.size; p != NULL;) {
		const char *cut = NULL;
		if (b.size > 0)
			cut = memmem(p, (size_t)(end - p), b.text, b.size);
		else if (p < end && p + utf8_offset(p, (size_t)(end - p), 1) < end)
			cut = p + utf8_offset(p, (size_t)(end - p), 1);
		part = value_text(p, (size_t)((cut == NULL ? end : cut) - p));
		if ((b.size > 0 || part.size > 0) && !eval_list_add(v, &list, &part))
			return false;
		if (++v->steps > EXPR_STEPS_MAX)
			return eval_fail(v, n, "the event takes too long to work out");
		p = cut == NULL ? NULL : cut + b.size;
	}
	*out = eval_list_value(&list);
	return true;
}

/* The text of a scalar, in the arena where it must be made. */
static bool text_of(struct eval *v, const struct code_node *n, const struct value *a, struct value *out)
{
	struct buf json = {0};
	char small[DECIMAL_SMALL_TEXT], *copy;
	const char *digits;
	struct decimal d;
	size_t size;

	if (a->kind == VALUE_TEXT) {
		*out = *a;
		return true;
	}
	if (value_is_number(a)) {
		d = value_number(a);
		size = decimal_text(&d, small, &digits);
		copy = arena_copy(&v->arena, digits, size);
	} else {
		uint64_t left = EXPR_MEMORY_MAX;
		if (!value_fits(a, 2 * DEPTH_LIMIT, &left))
			return eval_fail(v, n, left == 0 ? "the string is too long" : "nested deeper than %d levels", 2 * DEPTH_LIMIT);
		if (!value_render(&json, v->names, a)) {
			buf_free(&json);
			return eval_broken(v);
		}
		size = json.size;
		copy = arena_copy(&v->arena, json.data, size);
		buf_free(&json);
	}
	*out = value_text(copy, size);
	return copy != NULL || eval_broken(v);
}

/* join(list, separator): of strings and numbers; null elements are left out. */
static bool join(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value list, separator, e;
	struct value_iterator it;
	struct buf text = {0};
	bool null = false, first = true, good = true;
	char *copy;

	if (!eval_node(v, argument(v, n, 0), &list) || !text_argument(v, n, 1, &separator, &null))
		return false;
	*out = value_null();
	if (null || value_is_null(&list))
		return true;
	if (!value_is_list(&list))
		return wrong(v, n, "a list", &list);
	value_iterate(&list, &it);
	while (good && value_next(&it, v->names, &v->arena, NULL, &e)) {
		if (value_is_null(&e))
			continue;
		if (!first)
			buf_put(&text, separator.text, separator.size);
		first = false;
		good = (value_is_number(&e) || e.kind == VALUE_TEXT || wrong(v, n, "a list of strings", &e)) && text_of(v, n, &e, &e);
		if (good)
			buf_put(&text, e.text, e.size);
		if (text.size > EXPR_MEMORY_MAX)
			good = eval_fail(v, n, "the string is too long");
	}
	copy = good ? arena_copy(&v->arena, text.data, text.size) : NULL;
	if (good && (copy == NULL || text.failed || v->arena.failed))
		good = eval_broken(v);
	*out = value_text(copy, text.size);
	buf_free(&text);
	return good;
}

/* ---- numbers ---- */

static bool rounding(struct eval *v, const struct code_node *n, struct value *out)
{
	static const enum decimal_rounding how[] = {DECIMAL_HALF_UP, DECIMAL_FLOOR, DECIMAL_CEIL};
	struct decimal d;
	int64_t places = 0;
	struct value a;
	bool null = false;

	if (!number_argument(v, n, 0, &a, &null) || (n->n == 2 && !integer_argument(v, n, 1, &places)))
		return false;
	*out = value_null();
	if (null)
		return true;
	if (places < -PLACES_MAX || places > PLACES_MAX)
		return eval_fail(v, n, "round() takes from %d to %d places", -PLACES_MAX, PLACES_MAX);
	return decimal_done(v, n, decimal_round(&v->arena, value_number(&a), (int32_t)places, how[n->function - FUNCTION_ROUND], &d), d, out);
}

static bool absolute(struct eval *v, const struct code_node *n, struct value *out)
{
	struct decimal d;
	bool null = false;

	*out = value_null();
	if (!number_argument(v, n, 0, out, &null))
		return false;
	if (null || decimal_sign(value_number(out)) >= 0)
		return true;
	return decimal_done(v, n, decimal_negate(&v->arena, value_number(out), &d), d, out);
}

/* num(x): a number of its digits; white space around them does not count, and an empty text is null. */
static bool number_of(struct eval *v, const struct code_node *n, struct value *out)
{
	const char *p, *end;

	if (!eval_node(v, argument(v, n, 0), out))
		return false;
	if (value_is_null(out) || value_is_number(out))
		return true;
	if (out->kind != VALUE_TEXT)
		return wrong(v, n, "a string", out);
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

	return eval_node(v, argument(v, n, 0), &a) && text_of(v, n, &a, out);
}

/* ---- times ---- */

#define NS 1000000000

/* Seconds of a moment as a number without more digits than it needs. */
static struct value seconds(int64_t ns)
{
	struct value v = {.kind = VALUE_NUMBER, .scale = 9, .number = ns};

	while (v.scale > 0 && v.number % 10 == 0) {
		v.number /= 10;
		v.scale--;
	}
	return v;
}

/* Read a time, or what day() and hour() write, which is its beginning. */
static bool read_time(const struct value *text, int64_t *ns)
{
	bool is_hour = text->size == 14 && text->text[13] == 'Z';
	char whole[] = "0000-00-00T00:00:00Z";

	if (text->size != 10 && !is_hour)
		return moment_parse(text->text, text->size, ns);
	memcpy(whole, text->text, is_hour ? 13 : 10);
	return moment_parse(whole, sizeof whole - 1, ns);
}

/* Argument 0 as a moment: a time as text, or a number of seconds since 1970. */
static bool moment_argument(struct eval *v, const struct code_node *n, int64_t *ns, bool *null)
{
	struct decimal d;
	struct value a;

	if (!eval_node(v, argument(v, n, 0), &a))
		return false;
	*null = value_is_null(&a);
	if (*null)
		return true;
	if (a.kind == VALUE_TEXT) {
		if (read_time(&a, ns) && (*ns == MOMENT_MIN || *ns == MOMENT_MAX))
			return eval_fail(v, n, "%s() knows the years 1678 to 2261", functions[n->function].name);
		if (!read_time(&a, ns))
			return eval_fail(v, n, "%s() finds no time such as 2026-05-14T10:30:00Z in \"%.*s\"", functions[n->function].name,
			                 a.size > 60 ? 60 : (int)a.size, a.text);
		return true;
	}
	if (!value_is_number(&a))
		return wrong(v, n, "a time or a number of seconds", &a);
	if (decimal_multiply(&v->arena, value_number(&a), decimal_small(NS, 0), &d) != DECIMAL_OK ||
	    decimal_round(&v->arena, d, 0, DECIMAL_FLOOR, &d) != DECIMAL_OK || !decimal_integer(d, ns))
		return eval_fail(v, n, "%s() knows the years 1678 to 2261", functions[n->function].name);
	return true;
}

/* time: seconds since 1970. date: the moment as RFC 3339 in UTC; day and hour: its beginning, as evs stat --by has it. */
static bool times(struct eval *v, const struct code_node *n, struct value *out)
{
	char text[MOMENT_TEXT + 1];
	size_t size;
	int64_t ns = 0, us;
	bool null;
	char *copy;

	*out = value_null();
	if (!moment_argument(v, n, &ns, &null) || null)
		return !null ? false : true;
	if (n->function == FUNCTION_TIME) {
		*out = seconds(ns);
		return true;
	}
	us = ns / 1000 - (ns % 1000 < 0);
	moment_format_us(us, text);
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

	if (!eval_node(v, argument(v, n, 0), &a) || !eval_list_begin(v, &list))
		return false;
	*out = eval_list_value(&list);
	if (value_is_null(&a))
		return true;
	if (!value_is_object(&a))
		return wrong(v, n, "an object", &a);
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
		if (!eval_is_there(v, argument(v, n, 0), &there))
			return false;
	} else {
		if (!eval_node(v, argument(v, n, 0), &a) || !eval_node(v, argument(v, n, 1), &key))
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
		return lists(v, n, out);
	case FUNCTION_LEN:
		return length(v, n, out);
	case FUNCTION_LOWER: case FUNCTION_UPPER:
		return change_case(v, n, out);
	case FUNCTION_SUBSTR:
		return substring(v, n, out);
	case FUNCTION_CONTAINS: case FUNCTION_STARTSWITH: case FUNCTION_ENDSWITH:
		return text_test(v, n, out);
	case FUNCTION_MATCHES:
		return matches(v, n, out);
	case FUNCTION_SPLIT:
		return split(v, n, out);
	case FUNCTION_JOIN:
		return join(v, n, out);
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
		*out = seconds(v->now_us * 1000);
		return true;
	case FUNCTIONS:
		break;
	}
	return eval_fail(v, n, "no function");
}
