#include "replay/field.h"

#include "base/error.h"

int field_parse(struct field *f, const char *what, const char *text, struct evs_error *err)
{
	struct buf dotted = {0};
	const char *rest;
	bool good;

	f->arena.limit = EVS_LINE_MAX * 4ul;
	buf_text(&dotted, text[0] == '.' ? "" : ".");
	buf_text(&dotted, text);
	buf_byte(&dotted, '\0');
	good = !dotted.failed && path_parse(&f->path, (const char *)dotted.data, "", &rest);
	buf_free(&dotted);
	if (good)
		return EVS_OK;
	return error_set(err, EVS_USAGE, 0, "%s: no path: '%s'; write balance, lines.X1.qty, or lines[0].qty", what, text);
}

void field_release(struct field *f)
{
	path_free(&f->path);
	buf_free(&f->text);
	arena_free(&f->arena);
	*f = (struct field){0};
}

int field_text(struct field *f, const struct names *names, const struct value *state, struct evs_error *err)
{
	struct value v = *state;
	bool found = true;

	arena_reset(&f->arena);
	f->text.size = 0;
	for (size_t i = 0; i < f->path.n && found; i++) {
		const struct path_step *step = &f->path.steps[i];
		struct value in = v;

		if (step->key == NULL)
			found = value_element(&in, &f->arena, step->index, &v);
		else
			found = value_member(&in, names, &f->arena, step->key, step->size, name_find(names, step->key, step->size), &v);
	}
	if (!found)
		v = value_null();
	if (value_render(&f->text, names, &v) && !f->arena.failed)
		return EVS_OK;
	return f->text.failed || f->arena.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "a state is damaged");
}
