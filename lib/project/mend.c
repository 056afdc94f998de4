#include "project/mend.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "project/exec.h"
#include "project/model.h"
#include "project/snapshot.h"
#include "store/select.h"

struct mend {
	struct evs_store *store;
	const struct evs_project_options *options;
	const struct projection *projection;
	const struct generation *generation;
	const struct fold *fold; /* NULL: a command */
	struct evs_project_result *result;
	struct evs_selector selector;
	struct evs_read *read;
	struct fold_run *run;
	struct exec *exec;
	struct cache cache;
	struct cached *state; /* the only one */
	struct model model;
	struct changes changes;
};

/* Selectors with the type of the key among them. */
static struct evs_selector with_type(const struct evs_project_options *o)
{
	struct evs_selector s = {0};

	if (o->selector != NULL)
		s = *o->selector;
	s.aggregate_type = o->aggregate_type;
	return s;
}

/* Whether a generation is made with such selectors. */
static bool is_selected_by(const struct generation *g, const struct evs_selector *s)
{
	struct buf text = {0};
	bool same;

	select_text(&text, s);
	same = !text.failed && projection_selects(g, (struct span){(const char *)text.data, text.size});
	buf_free(&text);
	return same;
}

bool mend_is_made_by(const struct generation *g, const struct generation *wanted, const struct evs_project_options *o)
{
	const struct evs_selector typed = with_type(o);

	return g->hash == wanted->hash && g->exec == wanted->exec &&
	       (projection_selects(g, wanted->selectors) || is_selected_by(g, &typed));
}

/* ---- the events ---- */

/* Read the events behind a position, up to the checkpoint. */
static int open_read(struct mend *m, uint64_t after, struct evs_error *err)
{
	struct evs_selector s = m->selector;

	if (after > s.after)
		s.after = after;
	if (s.to == 0 || m->generation->checkpoint < s.to)
		s.to = m->generation->checkpoint;
	if (s.to == 0) { /* a bound of 0 is none to a selector */
		s.has_limit = true;
		s.limit = 0;
	}
	evs_read_free(m->read);
	m->read = NULL;
	return evs_read_new(m->store, &s, &m->read, err);
}

/* Start from a snapshot, where there is one and all events count. */
static int start(struct mend *m, struct evs_error *err)
{
	static const struct evs_selector none;
	struct snapshot_query q = {.position = m->generation->checkpoint, .revision = UINT64_MAX, .moment = MOMENT_MAX};
	struct snapshot_place place;
	struct buf packed = {0};
	int status;

	if (m->fold == NULL || !m->generation->by_stream || !is_selected_by(m->generation, &none))
		return EVS_OK;
	q.hash = fold_hash(m->fold);
	q.key = cached_key(m->state);
	q.type = cached_type(m->state);
	status = snapshot_find(m->store, &q, &place, &packed, err);
	if (status == EVS_OK && !state_decode(&m->state->state, packed.data, packed.size))
		status = error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged, or memory ran out");
	if (status == EVS_OK)
		status = open_read(m, place.position, err);
	buf_free(&packed);
	return status == EVS_END ? EVS_OK : status;
}

/* Have the fold change the state by an event. */
static int fold_event(struct mend *m, const struct record *record, struct evs_error *err)
{
	struct span key = cached_key(m->state);
	struct fold_target target;
	int status = fold_begin(m->run, record, err);

	while (status == EVS_OK && (status = fold_next(m->run, &target, err)) == EVS_OK)
		if (target.key.size == key.size && (key.size == 0 || memcmp(target.key.text, key.text, key.size) == 0))
			status = fold_apply(m->run, &m->state->state, err);
	fold_end(m->run, status == EVS_END);
	return status == EVS_END ? EVS_OK : status;
}

/* Ask the command for the state after an event. */
static int ask(struct mend *m, const struct record *record, struct evs_error *err)
{
	const struct exec_options exec = {.command = m->options->exec, .timeout_ms = m->options->timeout_ms, .stop = m->options->stop};
	struct exec_answer answer;
	int status = EVS_OK;

	if (m->exec == NULL)
		status = exec_new(&exec, m->store->names, &m->exec, err);
	if (status == EVS_OK)
		status = exec_ask(m->exec, record, m->state->packed, m->state->packed_size, err);
	if (status == EVS_OK)
		status = exec_take(m->exec, &answer, err);
	if (status == EVS_OK)
		return cache_put(&m->cache, m->state, answer.state, answer.size) ? EVS_OK : error_nomem(err);
	exec_free(m->exec);
	m->exec = NULL;
	return status;
}

/* Go through the events. Where failures go to the dead letters, they are there since the run that met them. */
static int go(struct mend *m, struct evs_error *err)
{
	struct evs_event event;
	int status;

	while ((status = evs_read_next(m->read, &event, err)) == EVS_OK) {
		const struct record record = {event.position, event.revision, event.recorded_us, event.packed, (uint32_t)event.packed_size};

		if (m->options->stop != NULL && *m->options->stop != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		status = m->fold != NULL ? fold_event(m, &record, err) : ask(m, &record, err);
		if (status == EVS_BAD_EVENT && generation_skips(m->generation, event.position))
			continue;
		if (status == EVS_BAD_EVENT && m->options->on_failure == EVS_FAILURE_DLQ)
			m->result->dead++;
		else if (status != EVS_OK)
			return status;
		else
			m->result->events++;
	}
	return status == EVS_END && m->exec != NULL ? exec_finish(m->exec, err) : status == EVS_END ? EVS_OK : status;
}

/* ---- the state ---- */

/* Commit the state. */
static int commit(struct mend *m, struct evs_error *err)
{
	struct kv_txn *txn;
	int status;

	m->state->changed = true;
	status = model_gather(&m->model, &m->cache, &m->changes, err);
	if (status == EVS_OK)
		status = kv_begin(m->store->kv, true, &txn, err);
	if (status != EVS_OK)
		return status;
	status = model_apply(&m->model, txn, &m->changes, err);
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

/* Have the state, without what the model says it is. */
static int set_state(struct mend *m, struct evs_error *err)
{
	struct span key = {m->options->key, strlen(m->options->key)}, kind = {0};
	struct kv_bytes packed;
	bool made;
	int status;

	if (m->generation->by_stream)
		kind.text = evs_read_stream_type(m->read, &kind.size);
	m->cache.fold = m->fold;
	m->state = cache_get(&m->cache, key, kind, &made);
	if (m->state == NULL)
		return error_nomem(err);
	status = model_find(&m->model, key, kind, &packed, err);
	m->state->stored = status == EVS_OK;
	model_pause(&m->model);
	return status == EVS_END ? EVS_OK : status;
}

/* Prepare everything. */
static int begin(struct mend *m, struct evs_error *err)
{
	const struct evs_project_options *o = m->options;
	int status;

	m->selector = with_type(o);
	if (!m->generation->by_stream && o->aggregate_type != NULL && !is_selected_by(m->generation, &m->selector))
		return error_set(err, EVS_USAGE, 0, "the states of projection '%s' are by a key of the fold, and have no aggregate type", o->name);
	if (m->generation->by_stream && m->selector.stream != NULL && strcmp(m->selector.stream, o->key) != 0)
		return error_set(err, EVS_USAGE, 0, "the key is the stream: '%s' and '%s' are two", o->key, m->selector.stream);
	if (m->generation->by_stream)
		m->selector.stream = o->key;
	m->model = (struct model){.store = m->store, .projection = m->projection, .generation = m->generation, .fold = m->fold};
	status = model_begin(&m->model, err);
	if (status == EVS_OK)
		status = open_read(m, 0, err);
	if (status == EVS_OK && m->fold != NULL && (m->run = fold_run_new(m->fold, m->store->names)) == NULL)
		status = error_nomem(err);
	if (status == EVS_OK)
		status = set_state(m, err);
	return status == EVS_OK ? start(m, err) : status;
}

int mend_run(struct evs_store *store, const struct evs_project_options *options, const struct projection *p,
             const struct fold *fold, struct evs_project_result *result, struct evs_error *err)
{
	struct mend m = {.store = store, .options = options, .projection = p, .generation = &p->model, .fold = fold, .result = result};
	int status = begin(&m, err);

	result->position = p->model.checkpoint;
	if (status == EVS_OK)
		status = go(&m, err);
	if (status == EVS_OK && m.result->events == 0 && !m.state->stored)
		status = error_set(err, EVS_END, 0, "there is no state of '%s' in projection '%s', nor an event for one", options->key, options->name);
	if (status == EVS_OK)
		status = commit(&m, err);
	evs_read_free(m.read);
	fold_run_free(m.run);
	exec_free(m.exec);
	changes_release(&m.changes);
	model_release(&m.model);
	cache_release(&m.cache);
	return status;
}
