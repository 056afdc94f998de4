#include "fold/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/utf8.h"
#include "fold/decimal.h"

enum { SHOWN_COLUMNS = 100 }; /* of a line in a message */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80 || is_digit(c);
}

/* ---- messages ---- */

uint32_t lex_line(const struct lex *x, const char *at)
{
	uint32_t line = 1;

	for (const char *p = x->text; p < at; p++)
		line += *p == '\n';
	return line;
}

/* Characters between two places; a byte that goes on in a character counts for none. */
static size_t columns(const char *from, const char *to)
{
	size_t n = 0;

	for (; from < to; from++)
		n += ((unsigned char)*from & 0xc0) != 0x80;
	return n;
}

/* Copy a line; what a terminal could take for a command, and what is no UTF-8, as one column. Returns its end. */
static char *copy_line(char *p, const char *line, const char *stop)
{
	while (line < stop) {
		const unsigned char *c = (const unsigned char *)line;
		size_t size = utf8_character(line, (size_t)(stop - line));
		bool control = size == 1 ? *c < 0x20 || *c == 0x7f : size == 2 && c[0] == 0xc2 && c[1] < 0xa0;

		if (size == 0 || control) {
			*p++ = control ? ' ' : '?';
		} else {
			memcpy(p, line, size);
			p += size;
		}
		line += size == 0 ? 1 : size;
	}
	return p;
}

/* Put the line that holds `at` and a caret below it behind the message. */
static void show_line(const struct lex *x, const char *at, struct evs_error *err)
{
	const char *start = at, *stop = at;
	size_t n = strlen(err->message);
	char *p = err->message + n, *end = err->message + sizeof err->message - 1;

	while (start > x->text && start[-1] != '\n' && at - start < SHOWN_COLUMNS - 20)
		start--;
	while (stop < x->end && *stop != '\n' && stop - start < SHOWN_COLUMNS)
		stop++;
	while (start < at && ((unsigned char)*start & 0xc0) == 0x80)
		start++;
	while (stop > at && stop < x->end && ((unsigned char)*stop & 0xc0) == 0x80)
		stop--;
	if (end - p < (stop - start) + (at - start) + 8)
		return;
	*p++ = '\n';
	*p++ = ' ';
	*p++ = ' ';
	p = copy_line(p, start, stop);
	*p++ = '\n';
	for (size_t i = 0; i < columns(start, at) + 2; i++)
		*p++ = ' ';
	*p++ = '^';
	*p = '\0';
}

int lex_fail(const struct lex *x, const char *at, struct evs_error *err, const char *format, ...)
{
	char what[256];
	const char *start = at;
	va_list args;

	if (err == NULL)
		return EVS_USAGE;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	while (start > x->text && start[-1] != '\n')
		start--;
	if (x->is_file)
		error_set(err, EVS_USAGE, 0, "%.120s:%u:%zu: %s", x->name, lex_line(x, at), columns(start, at) + 1, what);
	else
		error_set(err, EVS_USAGE, 0, "%.120s: column %zu: %s", x->name, columns(start, at) + 1, what);
	show_line(x, at, err);
	return EVS_USAGE;
}

/* What is written so elsewhere, and what it is here. */
static const struct {
	const char *word, *here;
} habits[] = {
	{"and", "it is written &&"}, {"or", "it is written ||"}, {"not", "it is written !"}, {"is", "it is written =="},
	{"elif", "it is written else if"}, {"like", "matches(TEXT, PATTERN) tries a pattern"},
	{"=~", "matches(TEXT, PATTERN) tries a pattern"}, {"===", "it is written =="}, {"<>", "it is written !="},
	{"//", "a value in place of null is written ??, a comment begins with #"}, {"**", "there are no powers"},
	{"|", "'or' is written ||; functions are called: len(.data.items)"}, {"&", "'and' is written &&"},
};

const char *lex_found(const struct lex *x, char text[LEX_FOUND])
{
	const struct token *t = &x->token;
	int n;

	if (t->kind == TOKEN_END)
		return "the end";
	n = snprintf(text, LEX_FOUND, "'%.*s'", t->size > 40 ? 40 : (int)t->size, t->text);
	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
		if (t->kind != TOKEN_STRING && strlen(habits[i].word) == t->size && strncasecmp(habits[i].word, t->text, t->size) == 0)
			snprintf(text + n, LEX_FOUND - (size_t)n, " (%s)", habits[i].here);
	if (lex_is_cut(x, t->text + 1) && *t->text == ':')
		snprintf(text + n, LEX_FOUND - (size_t)n, " (such a name is quoted: .\"a:b\")");
	return text;
}

bool lex_is_cut(const struct lex *x, const char *at)
{
	return at - x->text >= 2 && (at[-1] == '-' || at[-1] == ':') && at < x->end && is_name(at[-2]) && is_name(*at) && !is_digit(*at);
}

/* ---- tokens ---- */

/* Pass over white space and comments, and note what was passed. */
static void skip(struct lex *x)
{
	for (x->token.spaced = x->p == x->text, x->token.newlines = 0; x->p < x->end; x->p++) {
		if (*x->p == '#' && !x->comments)
			while (x->p + 1 < x->end && x->p[1] != '\n')
				x->p++;
		else if (*x->p == '\n')
			x->token.newlines++;
		else if (!is_space(*x->p))
			break;
		x->token.spaced = true;
	}
}

static const char *string_end(const struct lex *x)
{
	for (const char *p = x->p + 1; p < x->end && *p != '\n'; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && p + 1 < x->end)
			p++;
	}
	return NULL;
}

static const char *number_end(const struct lex *x)
{
	const char *p = x->p;

	while (p < x->end && is_digit(*p))
		p++;
	if (p + 1 < x->end && *p == '.' && is_digit(p[1]))
		for (p++; p < x->end && is_digit(*p); p++)
			;
	if (p < x->end && (*p == 'e' || *p == 'E')) {
		const char *q = p + 1;
		q += q < x->end && (*q == '+' || *q == '-');
		if (q < x->end && is_digit(*q))
			for (p = q; p < x->end && is_digit(*p); p++)
				;
	}
	return p;
}

/* The longer ones first. What has no meaning is a mark too, so that messages can say what is meant. */
static size_t mark_size(const struct lex *x)
{
	static const char *const longer[] = {"===", "==", "!=", "<=", ">=", "&&", "||", "??", "+=", "-=", "*=", "=~", "<>", "//", "**"};

	for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
		if ((size_t)(x->end - x->p) >= strlen(longer[i]) && memcmp(x->p, longer[i], strlen(longer[i])) == 0)
			return strlen(longer[i]);
	return strchr("+-*/%<>!=()[]{},;.:?|&", *x->p) != NULL && *x->p != '\0' ? 1 : 0;
}

int lex_next(struct lex *x, struct evs_error *err)
{
	struct token *t = &x->token;
	const char *stop = NULL;
	bool point = lex_is(x, ".");

	skip(x);
	t->pointed = point && !t->spaced;
	t->text = x->p;
	t->size = 0;
	if (x->p == x->end) {
		t->kind = TOKEN_END;
		return EVS_OK;
	}
	if (*x->p == '#') {
		t->kind = TOKEN_COMMENT;
		for (stop = x->p; stop < x->end && *stop != '\n'; stop++)
			;
	} else if (*x->p == '"') {
		t->kind = TOKEN_STRING;
		if ((stop = string_end(x)) == NULL)
			return lex_fail(x, x->p, err, "the string has no end on this line");
	} else if (is_digit(*x->p)) {
		t->kind = TOKEN_NUMBER;
		stop = number_end(x);
		if (!decimal_is_number(x->p, (size_t)(stop - x->p)) || (stop < x->end && is_name(*stop)))
			return lex_fail(x, x->p, err, "not a number");
	} else if (is_name(*x->p)) {
		t->kind = TOKEN_NAME;
		for (stop = x->p; stop < x->end && is_name(*stop); stop++)
			;
	} else {
		size_t n = mark_size(x);
		t->kind = TOKEN_MARK;
		if (n == 0)
			return lex_fail(x, x->p, err, *x->p == '\'' ? "strings have double quotes" : "this has no meaning here");
		stop = x->p + n;
	}
	t->size = (size_t)(stop - x->p);
	x->p = stop;
	return EVS_OK;
}

int lex_begin(struct lex *x, const char *name, const char *text, size_t size, bool is_file, bool comments, struct evs_error *err)
{
	size_t bad;

	*x = (struct lex){.name = name, .text = text, .end = text + size, .p = text, .is_file = is_file, .comments = comments};
	if (!utf8_valid(text, size, &bad))
		return lex_fail(x, text + bad, err, "invalid UTF-8");
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		x->p += 3;
	return lex_next(x, err);
}

bool lex_is(const struct lex *x, const char *mark)
{
	return x->token.kind == TOKEN_MARK && x->token.size == strlen(mark) && memcmp(x->token.text, mark, x->token.size) == 0;
}

bool lex_is_name(const struct lex *x, const char *name)
{
	return x->token.kind == TOKEN_NAME && x->token.size == strlen(name) && memcmp(x->token.text, name, x->token.size) == 0;
}

bool lex_is_in(const struct lex *x)
{
	return lex_is_name(x, "in") && !x->token.pointed;
}

/* ---- strings ---- */

/* Four hexadecimal digits, -1 when they are none. */
static int32_t read_hex(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* The code point behind \u at p; a pair of surrogates is one. *used: how many bytes. -1: it is none. */
static int32_t read_code(const char *p, const char *end, size_t *used)
{
	int32_t high = read_hex(p, end), low;

	*used = 4;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u')
		return -1;
	low = read_hex(p + 6, end);
	*used = 10;
	return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

int64_t lex_string(const struct lex *x, char *out, struct evs_error *err)
{
	static const char letters[] = "bfnrt\"\\/", meanings[] = "\b\f\n\r\t\"\\/";
	const char *p = x->token.text + 1, *end = x->token.text + x->token.size - 1;
	size_t n = 0, used;

	while (p < end) {
		const char *letter;
		if (*p != '\\') {
			out[n++] = *p++;
			continue;
		}
		if (p[1] == 'u') {
			int32_t code = read_code(p + 2, end, &used);
			if (code < 0) {
				lex_fail(x, p, err, "not an escape: \\u needs four hexadecimal digits, surrogates come in pairs");
				return -1;
			}
			n += utf8_write((uint32_t)code, out + n);
			p += 2 + used;
			continue;
		}
		letter = strchr(letters, p[1]);
		if (letter == NULL || *letter == '\0') {
			lex_fail(x, p, err, "not an escape: a backslash is written \\\\");
			return -1;
		}
		out[n++] = meanings[letter - letters];
		p += 2;
	}
	return (int64_t)n;
}
