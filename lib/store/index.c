#include "store/index.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

static int damaged(struct evs_error *err, const struct run *r)
{
	return error_set(err, EVS_CORRUPT, 0, "the index of positions from %llu is damaged; evs verify says more",
	                 (unsigned long long)r->first);
}

int index_open(struct index *x, struct evs_store *store, struct kv_txn *txn, const struct store_state *state, struct fetch *fetch,
               struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status;

	*x = (struct index){.store = store, .txn = txn, .state = *state, .fetch = fetch};
	if ((x->recent = calloc(1, sizeof *x->recent)) == NULL)
		return error_nomem(err);
	status = kv_cursor_open(txn, KV_RUN, &c, err);
	if (status != EVS_OK) {
		index_release(x);
		return status;
	}
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		if (!array_grow(&x->runs, &x->runs_cap, x->n_runs, sizeof *x->runs)) {
			status = error_nomem(err);
			break;
		}
		if (key.size != 8 || !run_open(&x->runs[x->n_runs], value.data, value.size) || x->runs[x->n_runs].first != get64be(key.data)) {
			status = error_set(err, EVS_CORRUPT, 0, "a run of the index is damaged; evs verify says more");
			break;
		}
		x->n_runs++;
	}
	kv_cursor_close(c);
	if (status == EVS_END)
		return EVS_OK;
	index_release(x);
	return status;
}

void index_release(struct index *x)
{
	if (x->recent != NULL)
		recent_forget(x->recent);
	free(x->recent);
	x->recent = NULL;
	free(x->runs);
	x->runs = NULL;
	x->n_runs = x->runs_cap = 0;
}

int index_each_recent(const struct index *x, uint64_t hash, int (*each)(void *context, uint64_t position), void *context,
                      struct evs_error *err)
{
	if (x->state.tail_first > x->state.last_position)
		return EVS_OK;
	return recent_find(x->recent, x->txn, hash, each, context, err);
}

/* ---- events ---- */

struct find {
	const struct index *x;
	const struct text *id;
	struct record *r;
	bool found;
	struct evs_error *err;
};

/* Whether the event at a position has the eventId. */
static int confirm_event(void *context, uint64_t position)
{
	struct find *f = context;
	struct view v;
	int status = fetch_record(f->x->fetch, f->x->txn, position, f->r, f->err);

	if (status == EVS_END)
		return error_set(f->err, EVS_CORRUPT, 0, "the index leads to position %llu, where no event is", (unsigned long long)position);
	if (status != EVS_OK)
		return status;
	if (!view_open(&v, f->r->body, f->r->size))
		return error_set(f->err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	f->found = view_text_same(&v.texts[NAME_EVENT_ID], f->id);
	return f->found ? EVS_INTERRUPTED : EVS_OK;
}

int index_find_event(const struct index *x, const struct text *id, uint64_t hash, bool ask_runs, struct record *r,
                     struct evs_error *err)
{
	struct find f = {.x = x, .id = id, .r = r, .err = err};
	uint64_t mixed = run_mix(hash);
	int status = index_each_recent(x, hash, confirm_event, &f, err);

	for (size_t i = x->n_runs; ask_runs && status == EVS_OK && i-- > 0;) {
		uint32_t positions[64];
		size_t n;
		if (!run_may_have(&x->runs[i], mixed))
			continue;
		n = run_find_event(&x->runs[i], hash, positions, sizeof positions / sizeof positions[0]);
		for (size_t k = 0; k < n && status == EVS_OK; k++)
			status = confirm_event(&f, x->runs[i].first + positions[k]);
	}
	if (f.found)
		return EVS_OK;
	return status == EVS_OK ? EVS_END : status;
}

/* ---- streams ---- */

struct revision {
	const struct index *x;
	const struct text *id;
	struct span type;
	uint64_t newest; /* position in the tail, 0: none */
	uint64_t revision;
	struct evs_error *err;
};

static bool same_type(struct span a, struct span b)
{
	return (a.text == NULL) == (b.text == NULL) && a.size == b.size && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

/* The type of an event's stream; text NULL where it has none. */
static struct span stream_type(const struct view *v, const struct names *names, char scratch[UUID_TEXT])
{
	struct span s = view_span(&v->texts[NAME_AGGREGATE_TYPE], names, scratch);

	if (v->texts[NAME_AGGREGATE_TYPE].kind == TEXT_NONE)
		s.text = NULL;
	return s;
}

static int confirm_stream(void *context, uint64_t position)
{
	struct revision *q = context;
	char scratch[UUID_TEXT];
	struct record r;
	struct view v;
	int status = fetch_record(q->x->fetch, q->x->txn, position, &r, q->err);

	if (status != EVS_OK || !view_open(&v, r.body, r.size))
		return error_set(q->err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	if (view_has_stream(&v) && view_text_same(&v.texts[NAME_AGGREGATE_ID], q->id) &&
	    same_type(stream_type(&v, q->x->store->names, scratch), q->type))
		q->revision = r.revision;
	return EVS_OK;
}

/* Only the newest candidate needs a look; hashes seldom collide. */
static int newest_recent(void *context, uint64_t position)
{
	struct revision *q = context;

	q->newest = position;
	return EVS_OK;
}

static void revision_in_run(void *context, const struct run_stream *s)
{
	struct revision *q = context;

	if (same_type((struct span){s->type, s->type_size}, q->type))
		q->revision = s->revision;
}

uint32_t index_runs_with(const struct index *x, uint64_t aggregate)
{
	uint64_t mixed = run_mix(aggregate);
	uint32_t runs = 0;

	for (size_t i = 0; i < x->n_runs; i++)
		run_prefetch(&x->runs[i], mixed);
	for (size_t i = 0; i < x->n_runs; i++)
		runs |= (uint32_t)run_may_have(&x->runs[i], mixed) << i % INDEX_RUN_BITS;
	return runs;
}

int index_revision(const struct index *x, const struct text *id, struct span type, uint64_t aggregate, uint32_t runs, uint64_t stream,
                   uint64_t *revision, struct evs_error *err)
{
	struct revision q = {.x = x, .id = id, .type = type, .err = err};
	int status = index_each_recent(x, stream, newest_recent, &q, err);

	if (status == EVS_OK && q.newest != 0) {
		status = confirm_stream(&q, q.newest);
		if (status == EVS_OK && q.revision == 0) /* the newest is of another stream with this hash: look at all */
			status = index_each_recent(x, stream, confirm_stream, &q, err);
	}
	for (size_t i = x->n_runs; status == EVS_OK && q.revision == 0 && i-- > 0;) {
		if ((runs >> i % INDEX_RUN_BITS & 1) != 0 && !run_find_streams(&x->runs[i], id, aggregate, revision_in_run, &q))
			status = damaged(err, &x->runs[i]);
	}
	*revision = q.revision;
	return status;
}

struct types {
	const struct index *x;
	const struct text *id;
	struct span *seen;
	size_t n, cap;
	bool failed;
};

/* Note a type, once. */
static void add_type(struct types *t, struct span type)
{
	char *copy = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (same_type(t->seen[i], type))
			return;
	if (!array_grow(&t->seen, &t->cap, t->n, sizeof *t->seen) || (type.text != NULL && (copy = malloc(type.size + 1)) == NULL)) {
		t->failed = true;
		return;
	}
	if (copy != NULL)
		memcpy(copy, type.text, type.size);
	t->seen[t->n++] = (struct span){copy, type.size};
}

/* For qsort: none, then by their bytes. */
static int by_type(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int order;

	if (x->text == NULL || y->text == NULL)
		return (x->text != NULL) - (y->text != NULL);
	order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static void type_in_run(void *context, const struct run_stream *s)
{
	add_type(context, (struct span){s->type, s->type_size});
}

/* The tail has no list of an aggregateId's types: its few events are looked at. */
static int types_in_tail(struct types *t, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	char scratch[UUID_TEXT];
	struct record r;
	struct view v;
	int status = kv_cursor_open(t->x->txn, KV_TAIL, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_LAST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_PREVIOUS, &key, &value, err)) {
		if (fetch_decode_tail(value, 0, &r) && view_open(&v, r.body, r.size) && view_has_stream(&v) &&
		    view_text_same(&v.texts[NAME_AGGREGATE_ID], t->id))
			add_type(t, stream_type(&v, t->x->store->names, scratch));
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int index_streams(const struct index *x, const struct text *id, uint64_t aggregate, void (*each)(void *context, struct span type),
                  void *context, struct evs_error *err)
{
	struct types t = {.x = x, .id = id};
	uint64_t mixed = run_mix(aggregate);
	int status = types_in_tail(&t, err);

	for (size_t i = x->n_runs; status == EVS_OK && i-- > 0;) {
		if (run_may_have(&x->runs[i], mixed) && !run_find_streams(&x->runs[i], id, aggregate, type_in_run, &t))
			status = damaged(err, &x->runs[i]);
	}
	if (status == EVS_OK && t.failed)
		status = error_nomem(err);
	if (t.n > 1)
		qsort(t.seen, t.n, sizeof *t.seen, by_type);
	for (size_t i = 0; i < t.n; i++) {
		if (status == EVS_OK)
			each(context, t.seen[i]);
		free((void *)(uintptr_t)t.seen[i].text);
	}
	free(t.seen);
	return status;
}
