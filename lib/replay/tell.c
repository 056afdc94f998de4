#include "replay/tell.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"

enum { LARGE = 65536 }; /* bytes of lines that are written at once */

/* ---- writing ---- */

int tell_flush(struct replay *r, bool all, struct evs_error *err)
{
	if (r->out.failed)
		return error_nomem(err);
	if (r->out.size == 0 || (!all && r->out.size < LARGE))
		return EVS_OK;
	if (r->options->write(r->options->context, r->out.data, r->out.size) != 0)
		return error_set(err, EVS_INTERRUPTED, 0, "the output was closed");
	r->out.size = 0;
	return EVS_OK;
}

void tell_key(struct replay *r, const struct walk_state *s)
{
	buf_text(&r->out, "{\"key\":");
	render_string(&r->out, (const uint8_t *)s->key.text, s->key.size);
	if (s->type.text != NULL) {
		buf_text(&r->out, ",\"aggregateType\":");
		render_string(&r->out, (const uint8_t *)s->type.text, s->type.size);
	}
}

void tell_place(struct replay *r, bool drafted, uint64_t position, bool has_revision, uint64_t revision)
{
	if (drafted)
		buf_text(&r->out, ",\"position\":null");
	else
		buf_printf(&r->out, ",\"position\":%" PRIu64, position);
	if (drafted || !has_revision)
		buf_text(&r->out, ",\"revision\":null");
	else
		buf_printf(&r->out, ",\"revision\":%" PRIu64, revision);
}

bool tell_value(struct replay *r, const struct walk *w, const char *name, const struct value *v)
{
	buf_printf(&r->out, ",\"%s\":", name);
	return value_render(&r->out, walk_names(w), v);
}

int tell_failed(const struct replay *r, struct evs_error *err)
{
	return r->out.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "an event or a state is damaged");
}

/* ---- walking ---- */

int tell_next(struct replay *r, struct walk *w, struct evs_error *err)
{
	int status = walk_next(w, err);

	if (r->options->on_progress != NULL && status == EVS_OK)
		r->options->on_progress(r->options->context, ++r->events);
	return status;
}

int tell_walk(struct replay *r, struct source_limit limit, struct walk **w, struct evs_error *err)
{
	int status;

	r->walk_options.limit = limit;
	status = walk_open(r->store, &r->walk_options, w, err);
	while (status == EVS_OK)
		status = tell_next(r, *w, err);
	return status == EVS_END ? EVS_OK : status;
}

const struct walk_state **tell_states(const struct replay *r, const struct walk *w, size_t *n, struct evs_error *err)
{
	const struct walk_state **list;

	if (r->walk_options.key == NULL)
		return walk_states(w, n, err);
	*n = 1;
	list = malloc(sizeof *list);
	if (list == NULL)
		error_nomem(err);
	else
		list[0] = walk_state(w);
	return list;
}
