#include "replay/start.h"

#include "project/exec.h"

/* Commands have a state a stream. */
static bool is_by_stream(const struct walk_options *o)
{
	return o->fold == NULL || fold_by_stream(o->fold);
}

bool start_may(const struct walk_options *o)
{
	static const struct evs_selector none;
	struct evs_selector s = o->selector == NULL ? none : *o->selector;

	/* By stream these two are the key. */
	if (is_by_stream(o))
		s.stream = s.aggregate_type = NULL;
	return o->key != NULL && !o->every_event && memcmp(&s, &none, sizeof s) == 0;
}

int start_find(struct evs_store *store, const struct walk_options *o, struct span type, const struct drafts *with,
               struct snapshot_place *place, uint64_t *after, struct buf *state, struct evs_error *err)
{
	struct snapshot_query q = {
		.hash = o->fold == NULL ? exec_hash(o->exec) : fold_hash(o->fold),
		.key = {o->key, strlen(o->key)},
		.type = is_by_stream(o) ? type : (struct span){0},
		.position = o->limit.position,
		.revision = o->limit.revision,
		.moment = o->limit.moment,
	};
	int status;

	if (o->snapshot_before > 0 && o->snapshot_before - 1 < q.position)
		q.position = o->snapshot_before - 1;
	if (o->n_without > 0 && o->without[0] - 1 < q.position)
		q.position = o->without[0] - 1;
	if (with->n > 0 && with->list[0].timed && with->list[0].moment < q.moment)
		q.moment = with->list[0].moment;
	status = snapshot_find(store, &q, place, state, err);
	*after = 0;
	if (status == EVS_OK) {
		*after = place->covers < q.position ? place->covers : q.position;
		if (place->position > *after)
			*after = place->position;
	}
	return status;
}
