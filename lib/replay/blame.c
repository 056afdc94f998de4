/* The last event that changed a field. */
#include <stdlib.h>

#include "base/error.h"
#include "replay/field.h"
#include "replay/tell.h"

enum { LEAST_POSITIONS = 1000 }; /* that are gone back at a time */

/* What is known of the field of one state. */
struct blamed {
	struct buf value, before; /* as text; empty: it is not there */
	struct buf event;         /* that changed it last; empty: none did */
};

struct blame {
	struct field field;
	struct blamed *list; /* by the number of the state */
	size_t n, cap;
};

/* Have the text of the field in a state, and what is known of that. NULL: it failed, *status says how. */
static struct blamed *look(struct blame *b, const struct walk *w, const struct walk_state *s, int *status, struct evs_error *err)
{
	while (b->n <= s->number) {
		if (!array_grow(&b->list, &b->cap, b->n, sizeof *b->list)) {
			*status = error_nomem(err);
			return NULL;
		}
		b->list[b->n++] = (struct blamed){0};
	}
	*status = field_text(&b->field, walk_names(w), &s->value, err);
	return *status == EVS_OK ? &b->list[s->number] : NULL;
}

/* Note the field as it is where a walk begins. */
static int note_start(struct blame *b, const struct walk *w, struct evs_error *err)
{
	int status = EVS_OK;
	struct blamed *d = look(b, w, walk_state(w), &status, err);

	if (d == NULL)
		return status;
	d->value.size = 0;
	buf_put(&d->value, b->field.text.data, b->field.text.size);
	return d->value.failed ? error_nomem(err) : EVS_OK;
}

/* Look whether the event at hand changed the field of a state. */
static int note_event(struct blame *b, const struct walk *w, const struct walk_state *s, struct evs_error *err)
{
	int status = EVS_OK;
	struct blamed *d = look(b, w, s, &status, err);

	if (d == NULL)
		return status;
	if (field_is(&b->field, &d->value))
		return EVS_OK;
	d->before.size = 0;
	buf_put(&d->before, d->value.data, d->value.size);
	d->value.size = 0;
	buf_put(&d->value, b->field.text.data, b->field.text.size);
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
		field_put(&r->out, &d->value);
		buf_text(&r->out, ",\"before\":");
		field_put(&r->out, &d->before);
		buf_text(&r->out, ",\"event\":");
		buf_put(&r->out, d->event.data, d->event.size);
		buf_text(&r->out, "}\n");
		status = tell_flush(r, false, err);
	}
	free(list);
	return status;
}

/* Go through the events of a walk. */
static int go_through(struct replay *r, struct blame *b, struct walk *w, struct evs_error *err)
{
	const struct walk_state *s;
	int status = r->walk_options.key == NULL ? EVS_OK : note_start(b, w, err);

	while (status == EVS_OK && (status = tell_next(r, w, err)) == EVS_OK)
		for (size_t i = 0; status == EVS_OK && (s = walk_touched(w, i)) != NULL; i++)
			status = note_event(b, w, s, err);
	return status == EVS_END ? EVS_OK : status;
}

/* What a walk from a snapshot did not find comes before that: have the next walk end there. False: there was none, it began with the first event. */
static bool go_back(struct replay *r, uint64_t last, const struct walk *w)
{
	struct walk_options *o = &r->walk_options;
	uint64_t began = walk_began(w), width = last - began > LEAST_POSITIONS ? last - began : LEAST_POSITIONS;

	o->limit.position = began;
	o->snapshot_before = began > width ? began - width : 1;
	o->with = NULL; /* they stand behind the snapshot */
	return began > 0;
}

/*
 * Find the events. Those of one state are walked from the newest snapshot on; where none of them changed the field, those
 * before, twice as far each time. That the field is the same in two snapshots does not mean that it was so between them.
 */
static int find(struct replay *r, struct blame *b, struct walk **w, struct evs_error *err)
{
	uint64_t last;
	int status = evs_last_position(r->store, &last, err);

	if (r->walk_options.limit.position < last)
		last = r->walk_options.limit.position;
	while (status == EVS_OK) {
		walk_close(*w);
		status = walk_open(r->store, &r->walk_options, w, err);
		if (status == EVS_OK)
			status = go_through(r, b, *w, err);
		if (status != EVS_OK || r->walk_options.key == NULL || b->list[0].event.size > 0 || !go_back(r, last, *w))
			break;
	}
	return status;
}

int blame_show(struct replay *r, struct evs_error *err)
{
	struct blame b = {0};
	struct walk *w = NULL;
	bool any = false;
	int status = field_parse(&b.field, "--blame", r->options->blame, err);

	if (status == EVS_OK)
		status = find(r, &b, &w, err);
	if (status == EVS_OK)
		status = put_blame(r, &b, w, &any, err);
	if (status == EVS_OK && !any)
		status = error_set(err, EVS_END, 0, "no event has set '%s'", r->options->blame);
	for (size_t i = 0; i < b.n; i++) {
		buf_free(&b.list[i].value);
		buf_free(&b.list[i].before);
		buf_free(&b.list[i].event);
	}
	free(b.list);
	field_release(&b.field);
	walk_close(w);
	return status;
}
