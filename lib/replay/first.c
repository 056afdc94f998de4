/*
 * The first event after which something holds. No snapshot helps: it may hold for the first time before any of them, and
 * cease to hold again.
 */
#include "base/error.h"
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

int first_show(struct replay *r, struct evs_error *err)
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
