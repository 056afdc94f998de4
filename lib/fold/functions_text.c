#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fold/functions_parts.h"

enum {
	PATTERN_MAX = 1000,     /* bytes of a pattern */
	PATTERN_DEPTH = 50,     /* of its groups */
	PATTERN_REPEATS = 1000, /* what its bounds {n} multiply to */
};

static bool length(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a;

	if (!eval_node(v, argument_at(v, n, 0), &a))
		return false;
	if (a.kind == VALUE_TEXT)
		*out = value_integer((int64_t)utf8_length(a.text, a.size));
	else if (value_is_null(&a))
		*out = value_integer(0);
	else if (value_is_list(&a) || value_is_object(&a))
		*out = value_integer(value_count(&a));
	else
		return argument_wrong(v, n, "a string, a list or an object", &a);
	return true;
}

/* lower, upper: of the letters of ASCII. */
static bool change_case(struct eval *v, const struct code_node *n, struct value *out)
{
	char low = n->function == FUNCTION_LOWER ? 'A' : 'a', high = n->function == FUNCTION_LOWER ? 'Z' : 'z';
	struct value a;
	bool null = false;
	char *text;

	if (!argument_text(v, n, 0, &a, &null))
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

	if (!argument_text(v, n, 0, &a, &null) || !argument_integer(v, n, 1, &start) ||
	    (n->n == 3 && !argument_integer(v, n, 2, &count)))
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

	if (!eval_node(v, argument_at(v, n, 0), &a))
		return false;
	if (n->function == FUNCTION_CONTAINS && value_is_list(&a))
		return eval_node(v, argument_at(v, n, 1), &b) && eval_operator(v, n, CODE_IN, &b, &a, out);
	if (!value_is_null(&a) && a.kind != VALUE_TEXT)
		return argument_wrong(v, n, n->function == FUNCTION_CONTAINS ? "a string or a list" : "a string", &a);
	if (!argument_text(v, n, 1, &b, &null))
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

/* Whether a pattern is found in a text, which a 0 follows. */
static bool found(const regex_t *regex, const char *text, size_t size)
{
#ifdef REG_STARTEND
	regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)size}; /* zero bytes are text too; glibc and the BSDs know this */

	return regexec(regex, text, 0, &whole, REG_STARTEND) == 0;
#else
	return memchr(text, '\0', size) == NULL && regexec(regex, text, 0, NULL, 0) == 0;
#endif
}

/* matches(text, pattern) */
static bool matches(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value a, b;
	bool null = false;
	const char *why;
	regex_t *regex = n->regex;
	char *text;

	if (!argument_text(v, n, 0, &a, &null) || (regex == NULL && !argument_text(v, n, 1, &b, &null)))
		return false;
	*out = value_bool(false);
	if (null)
		return true;
	if (regex == NULL && (regex = functions_pattern(b.text, b.size, &why)) == NULL)
		return eval_fail(v, n, "the pattern of matches: %s", why);
	text = arena_take(&v->arena, (size_t)a.size + 1);
	if (text != NULL) {
		if (a.size > 0)
			memcpy(text, a.text, a.size);
		text[a.size] = '\0';
		*out = value_bool(found(regex, text, a.size));
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

	if (!argument_text(v, n, 0, &a, &null) || !argument_text(v, n, 1, &b, &null))
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

bool functions_text_of(struct eval *v, const struct code_node *n, const struct value *a, struct value *out)
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

	if (!eval_node(v, argument_at(v, n, 0), &list) || !argument_text(v, n, 1, &separator, &null))
		return false;
	*out = value_null();
	if (null || value_is_null(&list))
		return true;
	if (!value_is_list(&list))
		return argument_wrong(v, n, "a list", &list);
	value_iterate(&list, &it);
	while (good && value_next(&it, v->names, &v->arena, NULL, &e)) {
		if (value_is_null(&e))
			continue;
		if (!first)
			buf_put(&text, separator.text, separator.size);
		first = false;
		good = (value_is_number(&e) || e.kind == VALUE_TEXT || argument_wrong(v, n, "a list of strings", &e)) && functions_text_of(v, n, &e, &e);
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

bool functions_text(struct eval *v, const struct code_node *n, struct value *out)
{
	switch ((enum function_id)n->function) {
	case FUNCTION_LEN:
		return length(v, n, out);
	case FUNCTION_LOWER: case FUNCTION_UPPER:
		return change_case(v, n, out);
	case FUNCTION_SUBSTR:
		return substring(v, n, out);
	case FUNCTION_MATCHES:
		return matches(v, n, out);
	case FUNCTION_SPLIT:
		return split(v, n, out);
	case FUNCTION_JOIN:
		return join(v, n, out);
	default:
		return text_test(v, n, out);
	}
}
