#include "replay/stop.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/glob.h"

/* Take "a.*, b" apart: ends between globs become 0, and blanks around them go. NULL: no memory. */
static char *split(const char *text)
{
	char *all = malloc(strlen(text) + 2), *out = all;

	while (all != NULL && *text != '\0') {
		size_t n = strcspn(text, ","), used = n;

		while (used > 0 && (*text == ' ' || *text == '\t')) {
			text++;
			used--;
			n--;
		}
		while (used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t'))
			used--;
		if (used > 0) {
			memcpy(out, text, used);
			out += used;
			*out++ = '\0';
		}
		text += n + (text[n] == ',');
	}
	if (all != NULL)
		*out = '\0';
	return all;
}

/* Parse the expression; one that does without states needs none to be made. */
static int parse_expr(struct stop *s, const char *what, const char *expr, bool states, const struct fold *fold, struct evs_error *err)
{
	uint32_t n = 0;
	const struct node_key *fields = fold == NULL ? NULL : fold_fields(fold, &n);
	int status = s->kind == STOP_WATCH ? EVS_USAGE : expr_parse(what, expr, EXPR_EVENT, &s->expr, err);

	if (status != EVS_USAGE || !states)
		return status;
	status = expr_parse_fields(what, expr, EXPR_EVENT | EXPR_STATE, fields, n, &s->expr, err);
	if (s->kind != STOP_WATCH)
		s->kind = STOP_STATE;
	return status;
}

int stop_parse(struct stop *s, const char *what, const char *text, const char *types, const char *expr, bool watch, bool states,
               const struct fold *fold, struct evs_error *err)
{
	int status = EVS_OK;

	*s = (struct stop){.kind = watch ? STOP_WATCH : STOP_EVENT};
	s->text = strdup(text);
	if (types != NULL)
		s->types = split(types);
	if (s->text == NULL || (types != NULL && s->types == NULL))
		status = error_nomem(err);
	if (status == EVS_OK && types != NULL && s->types[0] == '\0')
		status = error_set(err, EVS_USAGE, 0, "%s: there is no type in '%s'", what, types);
	if (status == EVS_OK && watch && !states)
		status = error_set(err, EVS_USAGE, 0, "%s: there are no states to watch; begin with --fold FILE or --exec CMD", what);
	if (status == EVS_OK && expr != NULL)
		status = parse_expr(s, what, expr, states, fold, err);
	if (status != EVS_OK)
		stop_release(s);
	return status;
}

void stop_release(struct stop *s)
{
	free(s->text);
	free(s->types);
	expr_free(s->expr);
	*s = (struct stop){0};
}

bool stop_takes(const struct stop *s, struct span type)
{
	if (s->types == NULL)
		return true;
	for (const char *glob = s->types; *glob != '\0'; glob += strlen(glob) + 1)
		if (glob_match(glob, type.text, type.size))
			return true;
	return false;
}

bool stop_value(const struct stop *s, struct eval *v, const struct names *names, const struct record *record, const struct value *state,
                struct buf *out)
{
	struct evs_error err;
	struct value value;
	int status = expr_value(s->expr, v, record, state, &value, &err);

	if (status == EVS_OK && value_render(out, names, &value))
		return !out->failed;
	buf_text(out, status == EVS_OK ? "damaged" : err.message);
	return status != EVS_NOMEM && !out->failed;
}
