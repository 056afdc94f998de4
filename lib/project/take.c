/* Taking snapshots: all events of a fold's states are gone through, and some of the states on the way are kept. */
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "project/cache.h"
#include "project/snapshot.h"

#define WRITE_BYTES ((size_t)32 << 20) /* of snapshots that are gathered before they are written */

/* A record to put: where it is in the bytes. */
struct gathered {
	size_t at, key_size, size;
};

struct take {
	struct evs_store *store;
	const struct evs_snapshot_selector *which;
	uint64_t every;
	struct fold *fold;
	bool by_stream;
	struct evs_read *read;
	struct fold_run *run;
	struct cache cache;
	struct snapshot_place *places; /* of the states, by their number */
	size_t places_cap;
	struct cached **touched; /* by the event at hand */
	size_t n_touched, touched_cap;
	struct zip *zip;
	struct buf packed, bytes;
	struct gathered *list;
	size_t n, cap;
	uint64_t *taken;
};

/* ---- writing ---- */

/* Write what was gathered. */
static int flush(struct take *t, struct evs_error *err)
{
	struct kv_txn *txn;
	int status;

	if (t->n == 0)
		return EVS_OK;
	status = kv_begin(t->store->kv, true, &txn, err);
	if (status != EVS_OK)
		return status;
	for (size_t i = 0; i < t->n && status == EVS_OK; i++) {
		const uint8_t *key = t->bytes.data + t->list[i].at;
		status = kv_put(txn, KV_SNAPSHOT, key, t->list[i].key_size, key + t->list[i].key_size, t->list[i].size - t->list[i].key_size, err);
	}
	if (status == EVS_OK)
		status = kv_commit(txn, err);
	else
		kv_abort(txn);
	if (status == EVS_OK)
		*t->taken += t->n;
	t->n = 0;
	t->bytes.size = 0;
	return status;
}

/* Gather a snapshot of a state, if there is a state. */
static int gather(struct take *t, const struct cached *e, uint64_t covers, struct evs_error *err)
{
	struct snapshot s = {.hash = fold_hash(t->fold), .key = cached_key(e), .type = cached_type(e), .place = t->places[e->number]};
	struct gathered *g;
	int status;

	if (!e->state.exists)
		return EVS_OK;
	t->packed.size = 0;
	if (!state_encode(&e->state, &t->packed) || !array_grow(&t->list, &t->cap, t->n, sizeof *t->list))
		return error_nomem(err);
	s.place.covers = covers;
	s.state = t->packed.data;
	s.size = t->packed.size;
	g = &t->list[t->n];
	g->at = t->bytes.size;
	status = snapshot_encode(t->store, NULL, t->zip, &s, &t->bytes, &g->key_size, err);
	if (status != EVS_OK)
		return status;
	g->size = t->bytes.size - g->at;
	t->n++;
	return t->bytes.size >= WRITE_BYTES ? flush(t, err) : EVS_OK;
}

/* ---- events ---- */

static bool is_key(const struct take *t, struct span key)
{
	const char *wanted = t->which->key;

	return wanted == NULL || (strlen(wanted) == key.size && memcmp(wanted, key.text, key.size) == 0);
}

/* The state of a key; it is noted that the event counts for it. */
static struct cached *touch(struct take *t, struct span key, struct span type)
{
	bool made;
	struct cached *e = cache_get(&t->cache, key, type, &made);

	if (e == NULL)
		return NULL;
	if (made && !array_grow(&t->places, &t->places_cap, e->number, sizeof *t->places))
		return NULL;
	if (made)
		t->places[e->number] = (struct snapshot_place){.moment = MOMENT_MIN};
	if (e->changed)
		return e;
	if (!array_grow(&t->touched, &t->touched_cap, t->n_touched, sizeof(struct cached *)))
		return NULL;
	t->touched[t->n_touched++] = e;
	e->changed = true;
	return e;
}

/* By stream an event counts for its stream's state, whether the fold has a rule for it or not. */
static int touch_stream(struct take *t, const struct view *v, struct evs_error *err)
{
	char id[UUID_TEXT], kind[UUID_TEXT];
	struct span type = {0};

	if (!t->by_stream || !view_has_stream(v))
		return EVS_OK;
	if (v->texts[NAME_AGGREGATE_TYPE].kind != TEXT_NONE)
		type = view_span(&v->texts[NAME_AGGREGATE_TYPE], t->store->names, kind);
	return touch(t, view_span(&v->texts[NAME_AGGREGATE_ID], t->store->names, id), type) == NULL ? error_nomem(err) : EVS_OK;
}

/* Have the fold change states by an event. */
static int apply(struct take *t, const struct record *record, struct evs_error *err)
{
	struct fold_target target;
	struct cached *e;
	int status = fold_begin(t->run, record, err);

	while (status == EVS_OK && (status = fold_next(t->run, &target, err)) == EVS_OK) {
		if (!is_key(t, target.key))
			continue;
		e = touch(t, target.key, target.type);
		status = e == NULL ? error_nomem(err) : fold_apply(t->run, &e->state, err);
	}
	fold_end(t->run, status == EVS_END);
	return status == EVS_END ? EVS_OK : status;
}

/* Say where the states are that the event counted for, and keep those whose turn it is. */
static int settle(struct take *t, const struct record *record, const struct view *v, struct evs_error *err)
{
	const struct text *time = &v->texts[NAME_TIMESTAMP];
	int64_t moment;
	int status = EVS_OK;

	if (time->kind != TEXT_STRING || !moment_parse((const char *)time->bytes, time->size, &moment))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
	for (size_t i = 0; i < t->n_touched && status == EVS_OK; i++) {
		struct cached *e = t->touched[i];
		struct snapshot_place *place = &t->places[e->number];

		e->changed = false;
		place->position = record->position;
		place->revision = t->by_stream ? record->revision : 0;
		place->events++;
		if (moment > place->moment)
			place->moment = moment;
		if (t->every != 0 && place->events % t->every == 0)
			status = gather(t, e, record->position, err);
	}
	t->n_touched = 0;
	return status;
}

static int take_event(struct take *t, const struct evs_event *event, struct evs_error *err)
{
	const struct record record = {event->position, event->revision, event->recorded_us, event->packed, (uint32_t)event->packed_size};
	struct view v;
	int status;

	if (!view_open(&v, record.body, record.size))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record.position);
	status = touch_stream(t, &v, err);
	if (status == EVS_OK)
		status = apply(t, &record, err);
	return status == EVS_OK ? settle(t, &record, &v, err) : status;
}

/* ---- all of it ---- */

/* Read the events behind a position. */
static int open_read(struct take *t, uint64_t after, struct evs_error *err)
{
	struct evs_selector s = {.after = after};

	if (t->by_stream && t->which->key != NULL) {
		s.stream = t->which->key;
		s.aggregate_type = t->which->aggregate_type;
	}
	evs_read_free(t->read);
	t->read = NULL;
	return evs_read_new(t->store, &s, &t->read, err);
}

/* One stream as it is now: go on from its newest snapshot. */
static int start(struct take *t, struct evs_error *err)
{
	struct snapshot_query q = {.hash = fold_hash(t->fold), .position = UINT64_MAX, .revision = UINT64_MAX, .moment = MOMENT_MAX};
	struct snapshot_place place;
	struct cached *e;
	int status;

	if (!t->by_stream || t->which->key == NULL || t->every != 0)
		return EVS_OK;
	q.key = (struct span){t->which->key, strlen(t->which->key)};
	q.type.text = evs_read_stream_type(t->read, &q.type.size);
	status = snapshot_find(t->store, &q, &place, &t->packed, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	if ((e = touch(t, q.key, q.type)) == NULL || !state_decode(&e->state, t->packed.data, t->packed.size))
		return error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged, or memory ran out");
	t->places[e->number] = place;
	t->n_touched = 0;
	e->changed = false;
	return open_read(t, place.position, err);
}

/* Go through the events. */
static int go(struct take *t, const volatile sig_atomic_t *stop, void (*on_progress)(void *context, uint64_t events),
              void *context, struct evs_error *err)
{
	struct evs_event event;
	uint64_t seen = 0;
	int status;

	while ((status = evs_read_next(t->read, &event, err)) == EVS_OK) {
		if (stop != NULL && *stop != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		if (on_progress != NULL)
			on_progress(context, seen);
		seen++;
		status = take_event(t, &event, err);
		if (status != EVS_OK)
			return status;
	}
	if (status != EVS_END)
		return status;
	status = EVS_OK;
	for (size_t i = 0; t->every == 0 && i < t->cache.n && status == EVS_OK; i++)
		status = gather(t, t->cache.list[i], evs_read_position(t->read), err);
	return status;
}

/* Whether there is no state of the key that is wanted. */
static bool is_none(const struct take *t)
{
	for (size_t i = 0; i < t->cache.n; i++)
		if (t->cache.list[i]->state.exists)
			return false;
	return t->which->key != NULL;
}

static int begin(struct take *t, struct evs_error *err)
{
	const struct evs_snapshot_selector *w = t->which;
	int status;

	if (w->fold == NULL || !t->store->writable)
		return error_set(err, EVS_USAGE, 0, "snapshots are taken by a fold, of a store that is open for writing");
	status = fold_parse(w->fold_name, w->fold, w->fold_size, &t->fold, err);
	if (status != EVS_OK)
		return status;
	t->by_stream = fold_by_stream(t->fold);
	if (!t->by_stream && w->aggregate_type != NULL)
		return error_set(err, EVS_USAGE, 0, "the states of this fold are by a key, and have no aggregate type");
	t->cache.fold = t->fold;
	t->run = fold_run_new(t->fold, t->store->names);
	t->zip = zip_new();
	if (t->run == NULL || t->zip == NULL)
		return error_nomem(err);
	status = open_read(t, 0, err);
	return status == EVS_OK ? start(t, err) : status;
}

int evs_snapshot_take(struct evs_store *store, const struct evs_snapshot_selector *which, uint64_t every,
                      const volatile sig_atomic_t *stop, void (*on_progress)(void *context, uint64_t events), void *context,
                      uint64_t *taken, struct evs_error *err)
{
	struct take t = {.store = store, .which = which, .every = every, .taken = taken};
	int status, written;

	*taken = 0;
	status = begin(&t, err);
	if (status == EVS_OK)
		status = go(&t, stop, on_progress, context, err);
	written = flush(&t, status == EVS_OK ? err : NULL);
	status = status == EVS_OK ? written : status;
	if (status == EVS_OK && is_none(&t))
		status = error_set(err, EVS_END, 0, "there is no state of '%s'", which->key);
	evs_read_free(t.read);
	fold_run_free(t.run);
	cache_release(&t.cache);
	fold_free(t.fold);
	zip_free(t.zip);
	buf_free(&t.packed);
	buf_free(&t.bytes);
	free(t.places);
	free(t.touched);
	free(t.list);
	return status;
}
