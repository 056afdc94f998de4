/* Which event did it: the first after which something holds, the last that changed a field. */
#include <stdlib.h>

#include "base/error.h"
#include "event/path.h"
#include "fold/expr.h"
#include "replay/tell.h"

/* The line of the event at hand and one of its states, before and after. */
static int put_first(struct replay *r, struct walk *w, const struct walk_state *s, struct evs_error *err)
{
	struct buf after = {0};
	bool good = value_render(&after, walk_names(w), &s->value);

	tell_key(r, s);
	buf_text(&r->out, ",\"event\":");
	good = good && walk_render(w, &r->out);
	walk_back(w);
	good = good && tell_value(r, w, "before", &s->value);
	buf_text(&r->out, ",\"after\":");
	buf_put(&r->out, after.data, after.size);
	buf_text(&r->out, "}\n");
	r->out.failed |= after.failed;
	buf_free(&after);
	return good ? EVS_OK : tell_failed(r, err);
}

/* Walk to the first event after which e holds for a state of it, and write its line. */
static int find_first(struct replay *r, struct walk *w, const struct expr *e, struct eval *v, struct evs_error *err)
{
	const struct walk_state *s;
	int status;

	while ((status = tell_next(r, w, err)) == EVS_OK) {
		for (size_t i = 0; (s = walk_touched(w, i)) != NULL; i++) {
			status = expr_holds(e, v, walk_record(w), &s->value, err);
			if (status == EVS_OK)
				return put_first(r, w, s, err);
			if (status != EVS_END)
				return status;
		}
	}
	if (status == EVS_END)
		error_set(err, EVS_END, 0, "there is no event after which it holds: %s", r->options->first);
	return status;
}

int cause_first(struct replay *r, struct evs_error *err)
{
	struct walk *w = NULL;
	struct eval *v = NULL;
	struct expr *e = NULL;
	uint32_t n = 0;
	const struct node_key *fields = r->fold == NULL ? NULL : fold_fields(r->fold, &n);
	int status;

	r->walk_options.every_event = true;
	status = expr_parse_fields("--first", r->options->first, EXPR_EVENT | EXPR_STATE, fields, n, &e, err);
	if (status == EVS_OK)
		status = walk_open(r->store, &r->walk_options, &w, err);
	if (status == EVS_OK && (v = eval_new(walk_names(w))) == NULL)
		status = error_nomem(err);
	if (status == EVS_OK)
		status = find_first(r, w, e, v, err);
	eval_free(v);
	expr_free(e);
	walk_close(w);
	return status;
}

/* What is known of the field of one state. */
struct blamed {
	struct buf value, before; /* as text; empty: null, never set */
	struct buf event;         /* that changed it last; empty: none did */
};

struct blame {
	struct path path;
	struct blamed *list; /* by the number of the state */
	size_t n, cap;
	struct buf text;
	struct arena arena;
};

/* The text of the field in a state. */
static bool field_text(struct blame *b, const struct walk *w, const struct value *state)
{
	const struct names *names = walk_names(w);
	struct value v = *state;
	bool found = true;

	arena_reset(&b->arena);
	b->text.size = 0;
	for (size_t i = 0; i < b->path.n && found; i++) {
		const struct path_step *step = &b->path.steps[i];
		struct value in = v;

		if (step->key == NULL)
			found = value_element(&in, &b->arena, step->index, &v);
		else
			found = value_member(&in, names, &b->arena, step->key, step->size, name_find(names, step->key, step->size), &v);
	}
	if (!found)
		v = value_null();
	return value_render(&b->text, names, &v) && !b->arena.failed;
}

/* Look whether the event at hand changed the field of a state. */
static int blame_event(struct blame *b, const struct walk *w, const struct walk_state *s, struct evs_error *err)
{
	struct blamed *d;

	while (b->n <= s->number) {
		if (!array_grow(&b->list, &b->cap, b->n, sizeof *b->list))
			return error_nomem(err);
		b->list[b->n] = (struct blamed){0};
		buf_text(&b->list[b->n++].value, "null");
	}
	d = &b->list[s->number];
	if (!field_text(b, w, &s->value))
		return b->text.failed || b->arena.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "a state is damaged");
	if (b->text.size == d->value.size && memcmp(b->text.data, d->value.data, d->value.size) == 0)
		return EVS_OK;
	d->before.size = 0;
	buf_put(&d->before, d->value.data, d->value.size);
	d->value.size = 0;
	buf_put(&d->value, b->text.data, b->text.size);
	d->event.size = 0;
	if (!walk_render(w, &d->event) || d->value.failed || d->before.failed)
		return error_nomem(err);
	return EVS_OK;
}

/* Write the line of each state that has one to blame; *any: there is one. */
static int put_blame(struct replay *r, const struct blame *b, const struct walk *w, bool *any, struct evs_error *err)
{
	size_t n = 0;
	const struct walk_state **list = tell_states(r, w, &n, err);
	int status = list == NULL ? EVS_NOMEM : EVS_OK;

	*any = false;
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		const struct blamed *d = list[i]->number < b->n ? &b->list[list[i]->number] : NULL;

		if (d == NULL || d->event.size == 0)
			continue;
		*any = true;
		tell_key(r, list[i]);
		buf_text(&r->out, ",\"path\":");
		render_string(&r->out, (const uint8_t *)r->options->blame, strlen(r->options->blame));
		buf_text(&r->out, ",\"value\":");
		buf_put(&r->out, d->value.data, d->value.size);
		buf_text(&r->out, ",\"before\":");
		buf_put(&r->out, d->before.data, d->before.size);
		buf_text(&r->out, ",\"event\":");
		buf_put(&r->out, d->event.data, d->event.size);
		buf_text(&r->out, "}\n");
		status = tell_flush(r, false, err);
	}
	free(list);
	return status;
}

/* balance, lines.X1.qty, lines[0].qty; a leading point may stand there. */
static int parse_path(const char *text, struct path *path, struct evs_error *err)
{
	struct buf dotted = {0};
	const char *rest;
	bool good;

	buf_text(&dotted, text[0] == '.' ? "" : ".");
	buf_text(&dotted, text);
	buf_byte(&dotted, '\0');
	good = !dotted.failed && path_parse(path, (const char *)dotted.data, "", &rest);
	buf_free(&dotted);
	if (good)
		return EVS_OK;
	return error_set(err, EVS_USAGE, 0, "--blame: no path: '%s'; write balance, lines.X1.qty, or lines[0].qty", text);
}

int cause_blame(struct replay *r, struct evs_error *err)
{
	struct blame b = {.arena = {.limit = EVS_LINE_MAX * 4ul}};
	const struct walk_state *s;
	struct walk *w = NULL;
	bool any = false;
	int status;

	r->walk_options.every_event = true;
	status = parse_path(r->options->blame, &b.path, err);
	if (status == EVS_OK)
		status = walk_open(r->store, &r->walk_options, &w, err);
	while (status == EVS_OK && (status = tell_next(r, w, err)) == EVS_OK)
		for (size_t i = 0; status == EVS_OK && (s = walk_touched(w, i)) != NULL; i++)
			status = blame_event(&b, w, s, err);
	if (status == EVS_END)
		status = put_blame(r, &b, w, &any, err);
	if (status == EVS_OK && !any)
		status = error_set(err, EVS_END, 0, "no event has set '%s'", r->options->blame);
	for (size_t i = 0; i < b.n; i++) {
		buf_free(&b.list[i].value);
		buf_free(&b.list[i].before);
		buf_free(&b.list[i].event);
	}
	free(b.list);
	buf_free(&b.text);
	arena_free(&b.arena);
	path_free(&b.path);
	walk_close(w);
	return status;
}
