/* The words of expressions and folds, and where they stand. */
#ifndef EVS_FOLD_LEX_H
#define EVS_FOLD_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evs.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,   /* letters, digits, _ */
	TOKEN_NUMBER, /* as in JSON, without a sign */
	TOKEN_STRING, /* with its quotes */
	TOKEN_MARK,   /* an operator or a bracket, of up to three characters */
	TOKEN_COMMENT, /* only where lex->comments */
};

struct token {
	enum token_kind kind;
	const char *text;
	size_t size;
	bool spaced;  /* white space or the beginning stands before it */
	bool pointed; /* a point does, at once */
	unsigned newlines; /* line ends before it since the last token */
};

struct lex {
	const char *name; /* of the text, for messages */
	const char *text, *end;
	const char *p;
	bool is_file;  /* messages tell the line */
	bool comments; /* give them as tokens, not pass them over */
	struct token token; /* the one at hand */
};

/* Begin; reads the first token. EVS_OK, or EVS_USAGE as lex_next. */
int lex_begin(struct lex *x, const char *name, const char *text, size_t size, bool is_file, bool comments, struct evs_error *err);

/* Read the next token. EVS_OK, EVS_USAGE: there is none that makes sense. */
int lex_next(struct lex *x, struct evs_error *err);

/* Whether the token at hand is this mark, this name. */
bool lex_is(const struct lex *x, const char *mark);
bool lex_is_name(const struct lex *x, const char *name);

/* Whether it is the operator `in`: behind a point that is a field. */
bool lex_is_in(const struct lex *x);

/* The line of a place in the text, from 1. */
uint32_t lex_line(const struct lex *x, const char *at);

/*
 * EVS_USAGE with a message of three lines: name:line:column: what is wrong; the line; a caret below `at`.
 */
int lex_fail(const struct lex *x, const char *at, struct evs_error *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define LEX_FOUND 120

/*
 * How the token at hand is called in a message: "'+='" or "the end"; of what other languages have, what it is here:
 * "'and' (it is written &&)".
 */
const char *lex_found(const struct lex *x, char text[LEX_FOUND]);

/* Whether `at` goes on with a name that it was cut off from: user-id is a subtraction here. */
bool lex_is_cut(const struct lex *x, const char *at);

/*
 * The bytes of a string token, written into out (size bytes are enough). Returns how many; -1 with a message.
 */
int64_t lex_string(const struct lex *x, char *out, struct evs_error *err);

#endif
