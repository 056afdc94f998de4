#include "replay/field.h"

#include <stdlib.h>

#include "base/error.h"
#include "fold/lex.h"

/* ---- reading a path ---- */

/* A path that is being read; its strings and numbers are words of folds. */
struct reader {
	struct field *field;
	const char *what, *text; /* all of it */
	const char *p;           /* what is left of it */
};

static int no_path(const struct reader *r, struct evs_error *err)
{
	return error_set(err, EVS_USAGE, 0, "%s: no path: '%s'; write balance, lines.X1.qty, lines[0].qty, or lines[\"a b\"].qty", r->what,
	                 r->text);
}

/* Add a step with room for a key of `room` bytes. NULL: no memory. */
static struct field_step *add_step(struct field *f, size_t room)
{
	char *key = malloc(room + 1);

	if (key == NULL || !array_grow(&f->steps, &f->cap, f->n, sizeof *f->steps)) {
		free(key);
		return NULL;
	}
	f->steps[f->n] = (struct field_step){.key = key};
	return &f->steps[f->n++];
}

/* Begin with the words at hand. EVS_OK, EVS_USAGE. */
static int begin_words(const struct reader *r, struct lex *lex, struct evs_error *err)
{
	return lex_begin(lex, r->what, r->p, strlen(r->p), false, false, NULL) == EVS_OK ? EVS_OK : no_path(r, err);
}

/* The string at hand as a step. */
static int read_string(struct reader *r, const struct lex *lex, struct evs_error *err)
{
	struct field_step *step = add_step(r->field, lex->token.size);
	int64_t size;

	if (step == NULL)
		return error_nomem(err);
	size = lex_string(lex, step->key, NULL);
	if (size < 0)
		return no_path(r, err);
	step->size = (size_t)size;
	return EVS_OK;
}

/* The number at hand as a step. */
static int read_number(struct reader *r, const struct lex *lex, bool negative, struct evs_error *err)
{
	struct field_step *step = add_step(r->field, lex->token.size + 1);

	if (step == NULL)
		return error_nomem(err);
	step->key[0] = '-';
	memcpy(step->key + negative, lex->token.text, lex->token.size);
	step->size = lex->token.size + negative;
	step->is_index = decimal_integer(decimal_of(step->key, step->size), &step->index);
	return EVS_OK;
}

/* What stands between brackets, and the closing one. */
static int read_brackets(struct reader *r, struct evs_error *err)
{
	struct lex lex;
	bool negative;
	int status;

	r->p++;
	status = begin_words(r, &lex, err);
	negative = status == EVS_OK && lex_is(&lex, "-");
	if (negative && lex_next(&lex, NULL) != EVS_OK)
		status = no_path(r, err);
	if (status == EVS_OK && lex.token.kind == TOKEN_STRING && !negative)
		status = read_string(r, &lex, err);
	else if (status == EVS_OK && lex.token.kind == TOKEN_NUMBER)
		status = read_number(r, &lex, negative, err);
	else if (status == EVS_OK)
		status = no_path(r, err);
	if (status == EVS_OK && (lex_next(&lex, NULL) != EVS_OK || !lex_is(&lex, "]")))
		status = no_path(r, err);
	r->p = lex.p;
	return status;
}

/* Bytes of the name at p: also of one that a fold would quote, as ids are, but of no expression. */
static size_t name_size(const char *p)
{
	size_t n = 0;

	while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= '0' && p[n] <= '9') || (unsigned char)p[n] >= 0x80 ||
	       (p[n] != '\0' && strchr("_-:@$", p[n]) != NULL))
		n++;
	return n;
}

/* A name, or one in quotes. */
static int read_name(struct reader *r, struct evs_error *err)
{
	size_t size = name_size(r->p);
	struct field_step *step;
	struct lex lex;
	int status;

	if (*r->p == '"') {
		status = begin_words(r, &lex, err);
		if (status == EVS_OK)
			status = read_string(r, &lex, err);
		r->p = lex.p;
		return status;
	}
	if (size == 0)
		return no_path(r, err);
	step = add_step(r->field, size);
	if (step == NULL)
		return error_nomem(err);
	memcpy(step->key, r->p, size);
	step->size = size;
	r->p += size;
	return EVS_OK;
}

int field_parse(struct field *f, const char *what, const char *text, struct evs_error *err)
{
	struct reader r = {.field = f, .what = what, .text = text, .p = text};
	int status;

	f->arena.limit = EVS_LINE_MAX * 4ul;
	if (strcmp(text, ".") == 0)
		return EVS_OK;
	r.p += *r.p == '.';
	status = *r.p == '[' ? read_brackets(&r, err) : read_name(&r, err);
	while (status == EVS_OK && *r.p != '\0') {
		if (*r.p == '[') {
			status = read_brackets(&r, err);
		} else if (*r.p == '.') {
			r.p++;
			status = read_name(&r, err);
		} else {
			status = no_path(&r, err);
		}
	}
	return status;
}

void field_release(struct field *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->steps[i].key);
	free(f->steps);
	buf_free(&f->text);
	arena_free(&f->arena);
	*f = (struct field){0};
}

/* ---- following it ---- */

/* What a step leads to in a value. */
static bool follow(struct field *f, const struct names *names, const struct field_step *step, const struct value *in, struct value *out)
{
	if (value_is_list(in))
		return step->is_index && value_element(in, &f->arena, step->index, out);
	return value_member(in, names, &f->arena, step->key, step->size, name_find(names, step->key, step->size), out);
}

int field_text(struct field *f, const struct names *names, const struct value *state, struct evs_error *err)
{
	struct value v = *state, in;
	bool found = f->n > 0 || !value_is_null(state);

	arena_reset(&f->arena);
	f->text.size = 0;
	for (size_t i = 0; i < f->n && found; i++) {
		in = v;
		found = follow(f, names, &f->steps[i], &in, &v);
	}
	if ((!found || value_render(&f->text, names, &v)) && !f->arena.failed)
		return EVS_OK;
	return f->text.failed || f->arena.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "a state is damaged");
}

bool field_is(const struct field *f, const struct buf *before)
{
	return f->text.size == before->size && (before->size == 0 || memcmp(f->text.data, before->data, before->size) == 0);
}

void field_put(struct buf *out, const struct buf *text)
{
	if (text->size == 0)
		buf_text(out, "null");
	else
		buf_put(out, text->data, text->size);
}
