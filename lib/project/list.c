/* How projections are. */
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "project/pile.h"
#include "store/fetch.h"

/* Names of projections, each with a zero behind it. */
struct names_list {
	struct buf text;
	size_t n;
};

/* All names there are. */
static int list_names(struct kv_txn *txn, struct names_list *names, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_PROJECTION, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		buf_put(&names->text, key.data, key.size);
		buf_byte(&names->text, '\0');
		names->n++;
	}
	kv_cursor_close(c);
	return names->text.failed ? error_nomem(err) : status == EVS_END ? EVS_OK : status;
}

/* How far a generation is behind. */
static int set_lag(struct evs_store *store, struct kv_txn *txn, const struct store_state *state, const struct generation *g,
                   struct evs_projection *out, struct evs_error *err)
{
	uint64_t last = g->to != 0 && g->to < state->last_position ? g->to : state->last_position;
	struct record record;
	int status;

	if (g->checkpoint >= last)
		return EVS_OK;
	out->lag_events = last - g->checkpoint;
	status = fetch_record(store->fetch, txn, g->checkpoint + 1, &record, err);
	if (status == EVS_OK)
		out->lag_us = moment_now_us() - record.recorded_us;
	if (status == EVS_END)
		status = error_set(err, EVS_CORRUPT, 0, "there is no event at position %llu", (unsigned long long)(g->checkpoint + 1));
	return status;
}

/* Describe one; p is its record. */
static int describe(struct evs_store *store, struct kv_txn *txn, const struct store_state *state, const char *name,
                    const struct projection *p, struct evs_projection *out, struct evs_error *err)
{
	const struct generation *g = &p->model;
	struct pile states;
	int status;

	*out = (struct evs_projection){
		.name = name, .name_size = strlen(name),
		.source = g->source.text, .source_size = g->source.size, .exec = g->exec, .by_stream = g->by_stream,
		.selectors = g->selectors.text, .selectors_size = g->selectors.size,
		.events = g->events, .dead = g->dead, .skipped = g->skipped, .position = g->checkpoint,
		.stuck = g->stuck, .reason = g->reason.text, .reason_size = g->reason.size, .ran_us = g->ran_us,
		.running = projection_is_running(store, name),
		.rebuilding = p->next.number != 0, .rebuild_position = p->next.checkpoint, .rebuild_stuck = p->next.stuck,
		.rebuild_reason = p->next.reason.text, .rebuild_reason_size = p->next.reason.size,
	};
	status = pile_open(txn, p, g, PROJECTION_MODEL, &states, err);
	out->states = pile_count(&states);
	return status == EVS_OK || status == EVS_END ? set_lag(store, txn, state, g, out, err) : status;
}

/* Look at one, and tell. It may have gone meanwhile: that is no failure where all are told. */
static int tell(struct evs_store *store, const char *name, bool must,
                int (*each)(void *context, const struct evs_projection *projection), void *context, struct evs_error *err)
{
	struct evs_projection shown;
	struct store_state state;
	struct projection p = {0};
	struct kv_txn *txn;
	int status = store_begin(store, false, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = projection_get(txn, name, &p, err);
	if (status == EVS_OK)
		status = describe(store, txn, &state, name, &p, &shown, err);
	else if (status == EVS_END && must)
		status = projection_none(txn, name, err);
	kv_abort(txn);
	if (status == EVS_OK && each(context, &shown) != 0)
		status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	projection_release(&p);
	return status == EVS_END && !must ? EVS_OK : status;
}

int evs_project_list(struct evs_store *store, const char *name,
                     int (*each)(void *context, const struct evs_projection *projection), void *context,
                     struct evs_error *err)
{
	struct names_list names = {0};
	struct kv_txn *txn;
	const char *at;
	int status;

	if (name != NULL)
		return tell(store, name, true, each, context, err);
	status = kv_begin(store->kv, false, &txn, err);
	if (status != EVS_OK)
		return status;
	status = list_names(txn, &names, err);
	kv_abort(txn);
	at = (const char *)names.text.data;
	for (size_t i = 0; i < names.n && status == EVS_OK; i++, at += strlen(at) + 1)
		status = tell(store, at, false, each, context, err);
	buf_free(&names.text);
	return status;
}
