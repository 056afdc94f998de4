/* Setting folds out in the one way: line breaks stay where they are, spaces and indentation follow from the words. */
#include <string.h>

#include "base/error.h"
#include "fold/fold.h"
#include "fold/lex.h"

enum { DEPTH_MAX = 400 };

/* What an open bracket is. */
enum bracket { BRACKET_BLOCK, BRACKET_OBJECT, BRACKET_OTHER };

struct layout {
	struct lex lex;
	struct buf *out;
	struct token before; /* the word before the one at hand */
	bool first;
	bool unary;          /* the word before is a sign in front of its operand */
	bool contains;       /* the word before is the operator `in` */
	uint8_t open[DEPTH_MAX];
	unsigned depth;
};

static bool is_mark(const struct token *t, const char *mark)
{
	return t->kind == TOKEN_MARK && t->size == strlen(mark) && memcmp(t->text, mark, t->size) == 0;
}

static bool is_one_of(const struct token *t, const char *marks)
{
	return t->kind == TOKEN_MARK && t->size == 1 && strchr(marks, *t->text) != NULL;
}

/* Whether the { at hand begins an object: a name and a colon follow. */
static bool begins_object(const struct layout *l)
{
	struct lex ahead = l->lex;

	ahead.comments = false;
	if (lex_next(&ahead, NULL) != EVS_OK || (ahead.token.kind != TOKEN_NAME && ahead.token.kind != TOKEN_STRING))
		return false;
	return lex_next(&ahead, NULL) == EVS_OK && lex_is(&ahead, ":");
}

/* Whether a value can end with this word, so that an operator behind it is binary. */
static bool ends_value(const struct token *t)
{
	static const char *const words[] = {"when", "each", "key", "if", "in", "fail", "push", "add", "else", "on"};

	if (t->kind == TOKEN_NAME)
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (strlen(words[i]) == t->size && memcmp(words[i], t->text, t->size) == 0)
				return false;
	return t->kind == TOKEN_NAME || t->kind == TOKEN_NUMBER || t->kind == TOKEN_STRING || is_one_of(t, ")]}");
}

/* Whether white space stands between the word before and the one at hand. */
static bool wants_space(const struct layout *l)
{
	const struct token *t = &l->lex.token, *b = &l->before;
	bool in_object = l->depth > 0 && l->open[l->depth - 1] != BRACKET_BLOCK;

	if (l->unary || is_one_of(t, ",;") || is_one_of(b, "([") || is_one_of(t, ")]"))
		return false;
	if (is_mark(b, "."))
		return t->spaced;
	/* Behind a name these mean one thing with, another without: if.x = 1 sets a field, if .x { asks. */
	if ((is_mark(t, ".") || is_mark(t, "[") || is_mark(t, "(")) && (b->kind != TOKEN_MARK || is_one_of(b, ")]}")))
		return t->spaced || l->contains;
	if (is_mark(t, ":") && in_object && l->open[l->depth - 1] == BRACKET_OBJECT)
		return false;
	if (is_mark(b, "{") && is_mark(t, "}"))
		return false;
	if ((is_mark(b, "{") || is_mark(t, "}")) && in_object)
		return false;
	return true;
}

static void put_indent(struct layout *l, bool goes_on)
{
	unsigned n = l->depth + goes_on;

	if (is_one_of(&l->lex.token, "})]") && n > 0)
		n--;
	while (n-- > 0)
		buf_byte(l->out, '\t');
}

/* Whether the word at hand, on a new line, goes on with what the line before began. */
static bool goes_on(const struct layout *l)
{
	const struct token *t = &l->lex.token, *b = &l->before;

	if (t->kind == TOKEN_COMMENT || b->kind == TOKEN_COMMENT || is_one_of(b, "{([;}") || is_one_of(t, "})]") ||
	    (l->depth > 0 && l->open[l->depth - 1] != BRACKET_BLOCK))
		return false;
	return t->kind == TOKEN_MARK || !ends_value(b);
}

static void put_gap(struct layout *l)
{
	const struct token *t = &l->lex.token;

	if (l->first)
		return;
	if (t->newlines > 0) {
		buf_byte(l->out, '\n');
		if (t->newlines > 1 && !is_mark(t, "}") && !is_mark(&l->before, "{"))
			buf_byte(l->out, '\n');
		put_indent(l, goes_on(l));
	} else if (t->kind == TOKEN_COMMENT || wants_space(l)) {
		buf_byte(l->out, ' ');
	}
}

/* Whether a ; stands where nothing is to be ended, or before what ends the statement anyway. */
static bool is_needless(const struct layout *l)
{
	struct lex ahead = l->lex;

	if (!lex_is(&ahead, ";"))
		return false;
	if (l->first || ahead.token.newlines > 0 || is_one_of(&l->before, "{;") || l->before.kind == TOKEN_COMMENT)
		return true;
	return lex_next(&ahead, NULL) == EVS_OK && (ahead.token.newlines > 0 || ahead.token.kind == TOKEN_END ||
	                                            ahead.token.kind == TOKEN_COMMENT || lex_is(&ahead, "}") || lex_is(&ahead, ";"));
}

/* The bytes of a comment but for white space at its end. */
static size_t trimmed(const struct token *t)
{
	size_t n = t->size;

	while (n > 0 && (t->text[n - 1] == ' ' || t->text[n - 1] == '\t' || t->text[n - 1] == '\r'))
		n--;
	return n;
}

static int put_word(struct layout *l, struct evs_error *err)
{
	const struct token *t = &l->lex.token;

	put_gap(l);
	if (is_one_of(t, "})]") && l->depth > 0)
		l->depth--;
	if (is_one_of(t, "{([")) {
		if (l->depth == DEPTH_MAX)
			return error_set(err, EVS_USAGE, 0, "nested deeper than %d levels", DEPTH_MAX);
		l->open[l->depth++] = !is_mark(t, "{") ? BRACKET_OTHER : begins_object(l) ? BRACKET_OBJECT : BRACKET_BLOCK;
	}
	buf_put(l->out, t->text, t->kind == TOKEN_COMMENT ? trimmed(t) : t->size);
	/* A sign in front of its operand: no value before it, or set so that nothing else is meant (push list -1). */
	l->unary = is_mark(t, "!") ||
	           (is_mark(t, "-") && (!ends_value(&l->before) || (t->spaced && l->lex.p < l->lex.end && strchr(" \t\r\n", *l->lex.p) == NULL)));
	l->contains = lex_is_in(&l->lex);
	l->before = *t;
	l->first = false;
	return EVS_OK;
}

int fold_format(const char *name, const char *text, size_t size, struct buf *out, struct evs_error *err)
{
	struct layout l = {.out = out, .first = true};
	struct fold *fold;
	int status = fold_parse(name, text, size, &fold, err);

	fold_free(fold);
	if (status == EVS_OK)
		status = lex_begin(&l.lex, name, text, size, true, true, err);
	while (status == EVS_OK && l.lex.token.kind != TOKEN_END) {
		bool needless = is_needless(&l);
		unsigned newlines = l.lex.token.newlines;
		if (!needless)
			status = put_word(&l, err);
		if (status == EVS_OK)
			status = lex_next(&l.lex, err);
		if (needless)
			l.lex.token.newlines += newlines;
	}
	if (status == EVS_OK)
		buf_byte(out, '\n');
	return status == EVS_OK && out->failed ? error_nomem(err) : status;
}
