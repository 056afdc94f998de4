/* What changed between two moments. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "replay/patch.h"
#include "replay/states.h"
#include "replay/tell.h"

/* TIME, or digits: a position. */
static int parse_moment(const struct replay *r, const char *text, struct source_limit *limit, struct evs_error *err)
{
	uint64_t position = 0;
	const char *p = text;

	*limit = r->walk_options.limit;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(position, 10u, &position) ||
		    __builtin_add_overflow(position, (uint64_t)(*p - '0'), &position))
			position = UINT64_MAX; /* behind the end, and it stays there */
	if (p != text && *p == '\0')
		limit->position = position;
	else if (!moment_parse_option(text, moment_now_us() * 1000, true, &limit->moment))
		return error_set(err, EVS_USAGE, 0, "no moment: '%s'; write a position such as 42, or a time such as "
		                 "2026-05-14T10:30:00Z, 2026-05-14, or -15m, -2h, -7d", text);
	return EVS_OK;
}

/* "from" or "to": the position of the last event that counted; null: it is in no store. */
static void put_moment(struct replay *r, const char *name, const struct walk_state *s)
{
	if (s != NULL && s->drafted)
		buf_printf(&r->out, ",\"%s\":null", name);
	else
		buf_printf(&r->out, ",\"%s\":%" PRIu64, name, s == NULL ? 0 : s->position);
}

/* A line of what makes `to` of `from`; either may be NULL: there was no such state. */
static int put_diff(struct replay *r, const struct walk *w, const struct walk_state *from, const struct walk_state *to,
                    struct evs_error *err)
{
	struct value null = value_null();
	size_t line = r->out.size, patch;

	tell_key(r, from != NULL ? from : to);
	put_moment(r, "from", from);
	put_moment(r, "to", to);
	buf_text(&r->out, ",\"patch\":");
	patch = r->out.size;
	if (!patch_write(&r->out, walk_names(w), from == NULL ? &null : &from->value, to == NULL ? &null : &to->value))
		return tell_failed(r, err);
	buf_text(&r->out, "}\n");
	if (r->walk_options.key == NULL && r->out.size - patch == PATCH_EMPTY + 2)
		r->out.size = line; /* of all states those that changed */
	return tell_flush(r, false, err);
}

/* The states of both moments side by side. Both lists are sorted. */
static int put_diffs(struct replay *r, const struct walk *w, const struct walk_state **from, size_t n_from,
                     const struct walk_state **to, size_t n_to, struct evs_error *err)
{
	size_t i = 0, j = 0;
	int status = EVS_OK;

	while (status == EVS_OK && (i < n_from || j < n_to)) {
		int order = i == n_from ? 1 : j == n_to ? -1 : states_order(from[i], to[j]);

		status = put_diff(r, w, order <= 0 ? from[i] : NULL, order >= 0 ? to[j] : NULL, err);
		i += order <= 0;
		j += order >= 0;
	}
	return status;
}

int diff_show(struct replay *r, struct evs_error *err)
{
	const struct walk_state **from = NULL, **to = NULL;
	struct walk *a = NULL, *b = NULL;
	struct source_limit limits[2];
	size_t n_from = 0, n_to = 0;
	int status = parse_moment(r, r->options->from, &limits[0], err);

	if (status == EVS_OK)
		status = parse_moment(r, r->options->to, &limits[1], err);
	if (status == EVS_OK)
		status = tell_walk(r, limits[0], &a, err);
	if (status == EVS_OK)
		status = tell_walk(r, limits[1], &b, err);
	if (status == EVS_OK && ((from = tell_states(r, a, &n_from, err)) == NULL || (to = tell_states(r, b, &n_to, err)) == NULL))
		status = EVS_NOMEM;
	if (status == EVS_OK && r->walk_options.key != NULL)
		status = put_diff(r, a, from[0], to[0], err);
	else if (status == EVS_OK)
		status = put_diffs(r, a, from, n_from, to, n_to, err);
	free(from);
	free(to);
	walk_close(a);
	walk_close(b);
	return status;
}
