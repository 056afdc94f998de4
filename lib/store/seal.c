#include "store/seal.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/fetch.h"
#include "base/moment.h"
#include "store/index.h"

enum {
	DICT_BYTES = 30 << 10,           /* of a trained dictionary */
	LEFTOVER_BYTES = SEGMENT_BYTES / 4, /* so much at the end of a batch is worth a segment of its own */
};

/* A segment being built, perhaps by another thread. */
struct seal_job {
	struct task task; /* first: the pool gives it back */
	struct seal_job *next;
	const struct zip_dict *dict;
	uint8_t dict_id;
	uint64_t first;
	struct segment_item *items;
	size_t n;
	struct buf out;
	bool ok;
};

static void job_run(struct task *task, void *worker)
{
	struct seal_job *job = (struct seal_job *)task;
	struct zip *zip;

	memcpy(&zip, worker, sizeof zip); /* a worker begins with its struct zip * */
	job->ok = segment_build(zip, job->dict, job->dict_id, job->items, job->n, &job->out);
	free(job->items);
	job->items = NULL;
}

static void job_free(struct seal_job *job)
{
	if (job == NULL)
		return;
	free(job->items);
	buf_free(&job->out);
	free(job);
}

void seal_reset(struct seal *s)
{
	while (s->pool != NULL && pool_take(s->pool, 0, true) != NULL)
		;
	while (s->jobs != NULL) {
		struct seal_job *next = s->jobs->next;
		job_free(s->jobs);
		s->jobs = next;
	}
	s->last_job = NULL;
	s->n_items = s->n_events = s->n_terms = 0;
	s->bytes = 0;
	s->sealing = s->new_dict = false;
	s->tail.size = s->tail_terms.size = s->tail_uuids.size = 0;
	s->run_count = 0;
}

void seal_release(struct seal *s)
{
	seal_reset(s);
	zip_free(s->zip);
	free(s->items);
	free(s->events);
	free(s->terms);
	buf_free(&s->tail);
	buf_free(&s->tail_terms);
	buf_free(&s->tail_uuids);
	*s = (struct seal){.store = s->store};
}

/* ---- the dictionary ---- */

/* Learn a dictionary from the items at hand and store it. Too little to learn from: the empty one goes on. */
static int train(struct seal *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	uint8_t *samples = malloc(s->bytes + 1), *dict = malloc(DICT_BYTES), *p = samples;
	size_t *sizes = malloc((s->n_items + 1) * sizeof *sizes), n = 0, size = 0;
	struct store_key key = store_key(1);
	int status = EVS_OK;

	if (samples == NULL || dict == NULL || sizes == NULL) {
		status = error_nomem(err);
		goto out;
	}
	for (size_t i = 0; i < s->n_items; i++) {
		const struct record *r = &s->items[i].record;
		memcpy(p, r->body, r->size);
		p += r->size;
		sizes[n++] = r->size;
	}
	size = zip_train(samples, sizes, (unsigned)n, dict, DICT_BYTES);
	if (size > 0) {
		status = kv_put(txn, KV_DICT, key.bytes, sizeof key.bytes, dict, size, err);
		state->dict = 1;
		s->new_dict = true;
	}
out:
	free(samples);
	free(dict);
	free(sizes);
	return status;
}

/* ---- cutting segments ---- */

/* Note an event that goes into a segment for the run. */
static bool add_to_run(struct seal *s, struct streams *streams, const struct seal_item *item)
{
	uint32_t position;

	if (s->run_count == 0)
		s->run_first = item->record.position;
	position = (uint32_t)(item->record.position - s->run_first);
	s->run_count = position + 1;
	if (!array_grow(&s->events, &s->events_cap, s->n_events, sizeof *s->events))
		return false;
	s->events[s->n_events++] = (struct run_entry){item->event, position};
	for (uint32_t i = 0; i < item->n_terms; i++) {
		if (!array_grow(&s->terms, &s->terms_cap, s->n_terms, sizeof *s->terms))
			return false;
		s->terms[s->n_terms++] = (struct run_entry){item->terms[i], position};
	}
	if (item->stream_entry != STREAM_NONE)
		streams->entries[item->stream_entry].sealed = item->record.revision;
	return true;
}

/* How many items make the next segment. */
static size_t next_cut(const struct seal *s)
{
	uint64_t bytes = 0;
	size_t n = 0;

	while (n < s->n_items && n < SEGMENT_EVENTS_MAX && bytes < SEGMENT_BYTES)
		bytes += s->items[n++].record.size;
	return n;
}

/* Have the first n items made a segment. */
static int cut(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams, size_t n, struct evs_error *err)
{
	struct seal_job *job;
	int status;

	if (state->dict == 0 && (status = train(s, txn, state, err)) != EVS_OK)
		return status;
	job = calloc(1, sizeof *job);
	if (job == NULL || (job->items = malloc(n * sizeof *job->items)) == NULL) {
		job_free(job);
		return error_nomem(err);
	}
	job->dict_id = (uint8_t)state->dict;
	job->dict = store_dict(s->store, txn, job->dict_id, true, err);
	if (job->dict == NULL) {
		job_free(job);
		return EVS_CORRUPT;
	}
	job->n = n;
	job->first = s->items[0].record.position;
	for (size_t i = 0; i < n; i++) {
		const struct seal_item *item = &s->items[i];
		job->items[i] = (struct segment_item){item->record, item->stream, item->moment, item->uuids, item->n_uuids};
		s->bytes -= item->record.size;
		if (!add_to_run(s, streams, item)) {
			job_free(job);
			return error_nomem(err);
		}
	}
	s->n_items -= n;
	memmove(s->items, s->items + n, s->n_items * sizeof *s->items);
	if (s->last_job == NULL)
		s->jobs = job;
	else
		s->last_job->next = job;
	s->last_job = job;
	job->task.run = job_run;
	if (s->pool != NULL) {
		pool_submit(s->pool, 0, &job->task);
	} else {
		if (s->zip == NULL && (s->zip = zip_new()) == NULL)
			return error_nomem(err);
		job_run(&job->task, &s->zip);
	}
	return EVS_OK;
}

/* ---- the tail ---- */

static bool add_tail_term(void *context, uint64_t hash)
{
	struct seal *s = context;

	buf_put(&s->tail_terms, &hash, sizeof hash);
	return !s->tail_terms.failed;
}

static bool add_tail_uuid(void *context, uint32_t offset)
{
	struct seal *s = context;

	buf_put(&s->tail_uuids, &offset, sizeof offset);
	return !s->tail_uuids.failed;
}

/* Make a seal_item of an event of the tail; its terms and UUIDs are put at the end of tail_terms and tail_uuids. */
static bool tail_item(struct seal *s, const struct record *r, struct streams *streams, struct seal_item *item)
{
	struct terms terms;
	struct view v;
	char scratch[UUID_TEXT];
	struct span time;
	size_t before = s->tail_terms.size, uuids_before = s->tail_uuids.size;

	*item = (struct seal_item){.record = *r, .stream_entry = STREAM_NONE};
	if (!view_open(&v, r->body, r->size) || !term_all(s->store->seed, &v, s->store->names, &terms, add_tail_term, s) ||
	    !packed_uuids(r->body, r->size, add_tail_uuid, s))
		return false;
	item->n_uuids = (uint32_t)((s->tail_uuids.size - uuids_before) / sizeof(uint32_t));
	item->n_terms = (uint32_t)((s->tail_terms.size - before) / sizeof(uint64_t));
	item->event = terms.event;
	item->stream = terms.stream;
	time = view_span(&v.texts[NAME_TIMESTAMP], s->store->names, scratch);
	if (!moment_parse(time.text, time.size, &item->moment))
		return false;
	if (terms.stream == 0)
		return true;
	item->stream_entry = streams_find(streams, terms.stream, &v.texts[NAME_AGGREGATE_ID]);
	if (item->stream_entry == STREAM_NONE)
		item->stream_entry = streams_add(streams, terms.stream, terms.aggregate, &v.texts[NAME_AGGREGATE_ID],
		                                 &v.texts[NAME_AGGREGATE_TYPE], s->store->names);
	if (item->stream_entry == STREAM_NONE)
		return false;
	if (streams->entries[item->stream_entry].revision < r->revision)
		streams->entries[item->stream_entry].revision = r->revision;
	return true;
}

/* Copy the tail's values, each with a pad, and note where they are. */
static int copy_tail(struct seal *s, struct kv_txn *txn, size_t **at, size_t *n, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	size_t cap = 0;
	int status = kv_cursor_open(txn, KV_TAIL, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		if (!array_grow(at, &cap, *n + 1, sizeof **at) || !buf_room(&s->tail, value.size + RENDER_PAD)) {
			status = error_nomem(err);
			break;
		}
		(*at)[(*n)++] = s->tail.size;
		buf_put(&s->tail, value.data, value.size);
		memset(s->tail.data + s->tail.size, 0, RENDER_PAD);
		s->tail.size += RENDER_PAD;
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* Put the tail's events in front of the items. Its tables are emptied by seal_flush: until then events are found there. */
static int take_tail(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams, struct evs_error *err)
{
	size_t *at = NULL, n = 0, have = s->n_items;
	struct seal_item *items;
	int status;

	s->sealing = true;
	if (state->tail_first > state->last_position || s->n_items == 0 || state->tail_first == s->items[0].record.position)
		return EVS_OK;
	status = copy_tail(s, txn, &at, &n, err);
	if (status == EVS_OK && n != s->items[0].record.position - state->tail_first)
		status = error_set(err, EVS_CORRUPT, 0, "the store's newest events are incomplete; evs verify says more");
	items = malloc((n + have) * sizeof *items);
	if (status == EVS_OK && items == NULL)
		status = error_nomem(err);
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		struct kv_bytes value = {s->tail.data + at[i], (i + 1 < n ? at[i + 1] : s->tail.size) - at[i] - RENDER_PAD};
		struct record r;
		if (!fetch_decode_tail(value, state->tail_first + i, &r) || !tail_item(s, &r, streams, &items[i]))
			status = error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)(state->tail_first + i));
		s->bytes += r.size;
	}
	free(at);
	if (status == EVS_OK) {
		const uint64_t *terms = (const uint64_t *)(const void *)s->tail_terms.data;
		const uint32_t *uuids = (const uint32_t *)(const void *)s->tail_uuids.data;
		for (size_t i = 0; i < n; i++) {
			items[i].terms = terms;
			items[i].uuids = uuids;
			terms += items[i].n_terms;
			uuids += items[i].n_uuids;
		}
		memcpy(items + n, s->items, have * sizeof *items);
		free(s->items);
		s->items = items;
		s->n_items = s->items_cap = n + have;
		items = NULL;
	}
	free(items);
	return status;
}

/* Write segments that are built, in order; the pool gives its tasks back in order too. all: wait for the rest. */
static int put_segments(struct seal *s, struct kv_txn *txn, bool all, struct evs_error *err)
{
	int status = EVS_OK;

	while (s->jobs != NULL && (s->pool == NULL || pool_take(s->pool, 0, all) != NULL)) {
		struct seal_job *job = s->jobs;
		struct store_key key = store_key(job->first);
		if (status == EVS_OK)
			status = !job->ok ? error_nomem(err) :
			                    kv_append(txn, KV_SEGMENT, key.bytes, sizeof key.bytes, job->out.data, job->out.size, err);
		s->jobs = job->next;
		job_free(job);
	}
	if (s->jobs == NULL)
		s->last_job = NULL;
	return status;
}

int seal_add(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams,
             const struct seal_item *item, struct evs_error *err)
{
	uint64_t tail_bytes = s->sealing ? 0 : state->tail_bytes, tail_events = 0;
	int status = EVS_OK;

	if (!array_grow(&s->items, &s->items_cap, s->n_items, sizeof *s->items))
		return error_nomem(err);
	s->items[s->n_items++] = *item;
	s->bytes += item->record.size;
	if (!s->sealing)
		tail_events = s->items[0].record.position - state->tail_first;
	if (s->bytes + tail_bytes < SEGMENT_BYTES && s->n_items + tail_events < SEGMENT_EVENTS_MAX)
		return EVS_OK;
	if (!s->sealing)
		status = take_tail(s, txn, state, streams, err);
	while (status == EVS_OK && (s->bytes >= SEGMENT_BYTES || s->n_items >= SEGMENT_EVENTS_MAX))
		status = cut(s, txn, state, streams, next_cut(s), err);
	return status == EVS_OK ? put_segments(s, txn, false, err) : status;
}

/* ---- writing ---- */

static int put_tail(struct seal *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	struct recent_writer recent = {0};
	struct buf value = {0};
	int status;

	if (s->n_items == 0)
		return EVS_OK;
	status = recent_begin(&recent, txn, err);
	for (size_t i = 0; i < s->n_items && status == EVS_OK; i++) {
		const struct seal_item *item = &s->items[i];
		struct store_key key = store_key(item->record.position);
		value.size = 0;
		fetch_encode_tail(&value, &item->record);
		status = value.failed ? error_nomem(err) :
		                        kv_append(txn, KV_TAIL, key.bytes, sizeof key.bytes, value.data, value.size, err);
		if (status == EVS_OK)
			status = recent_add(&recent, txn, item->record.position, item->event, item->terms, item->n_terms, err);
		state->tail_bytes += item->record.size;
	}
	if (status == EVS_OK)
		status = recent_end(&recent, txn, err);
	recent_release(&recent);
	buf_free(&value);
	return status;
}

/* A half of the run, made by another thread. */
struct half {
	struct task task;
	struct run_build *build;
};

static void events_half(struct task *task, void *worker)
{
	(void)worker;
	run_build_events(((struct half *)task)->build);
}

static void terms_half(struct task *task, void *worker)
{
	(void)worker;
	run_build_terms(((struct half *)task)->build);
}

static bool run_input(struct seal *s, const struct streams *streams, struct run_input *in)
{
	*in = (struct run_input){.first = s->run_first, .count = s->run_count, .events = s->events, .terms = s->terms,
	                         .n_events = s->n_events, .n_terms = s->n_terms};
	in->streams = malloc((streams->n + 1) * sizeof *in->streams);
	if (in->streams == NULL)
		return false;
	for (size_t i = 0; i < streams->n; i++) {
		const struct stream_entry *e = &streams->entries[i];
		if (e->sealed != 0)
			in->streams[in->n_streams++] = (struct run_stream){e->aggregate, e->id, e->type, e->type_size, e->sealed};
	}
	return true;
}

/* Build a run, behind out, its halves on two threads where there are any. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
static int build_run(struct pool *pool, struct run_build *build, struct buf *out)
{
	struct half halves[2] = {{.task = {.run = terms_half}, .build = build}, {.task = {.run = events_half}, .build = build}};

	if (pool == NULL || build == NULL)
		return run_build_whole(build, out);
	for (int i = 0; i < 2; i++)
		pool_submit(pool, 0, &halves[i].task);
	for (int i = 0; i < 2; i++)
		pool_take(pool, 0, true);
	return run_build_finish(build, out);
}

/* The segments that are left, and the run of all of them. */
static int put_sealed(struct seal *s, struct kv_txn *txn, struct streams *streams, struct evs_error *err)
{
	struct store_key key = store_key(s->run_first);
	struct run_input in = {0};
	struct buf run = {0};
	int status = put_segments(s, txn, true, err);

	if (status == EVS_OK && (!run_input(s, streams, &in) || build_run(s->pool, run_build_new(&in), &run) != EVS_OK))
		status = error_nomem(err);
	if (status == EVS_OK)
		status = kv_append(txn, KV_RUN, key.bytes, sizeof key.bytes, run.data, run.size, err);
	free(in.streams);
	buf_free(&run);
	return status;
}

int seal_flush(struct seal *s, struct kv_txn *txn, struct store_state *state, struct streams *streams, bool more,
               struct evs_error *err)
{
	int status = EVS_OK;

	if (s->sealing && s->n_items > 0 && (more || s->bytes >= LEFTOVER_BYTES))
		status = cut(s, txn, state, streams, s->n_items, err);
	if (s->sealing) {
		state->tail_bytes = 0;
		state->tail_first = state->last_position + 1 - s->n_items;
		if (status == EVS_OK)
			status = kv_clear(txn, KV_TAIL, err);
		if (status == EVS_OK)
			status = kv_clear(txn, KV_RECENT, err);
	}
	if (status == EVS_OK && s->run_count > 0)
		status = put_sealed(s, txn, streams, err);
	if (status == EVS_OK)
		status = put_tail(s, txn, state, err);
	return status;
}

/* ---- merging runs ---- */

enum { MERGE_WIDTH = 16, MERGE_LEAST = 4, TIERS = 3 };

/* Runs of about the same size are merged when MERGE_WIDTH of them have come together; a full batch is of tier 1. */
static unsigned tier(uint32_t count)
{
	static const uint32_t limits[TIERS] = {16u << 10, 160u << 10, 1u << 20};
	unsigned t = 0;

	while (t < TIERS && count >= limits[t])
		t++;
	return t;
}

/*
 * Find runs to merge among the newest: from *begin, *n of them. So many of them are of the largest tier that none is written
 * again for a few small ones: with one that is large, every MERGE_WIDTH - 1 that are small would have it written anew.
 */
static bool find_mergeable(const struct index *x, size_t *begin, size_t *n)
{
	for (unsigned t = 0; t < TIERS; t++) {
		size_t from = x->n_runs, largest = 0;
		uint64_t events = 0, entries = 0;
		while (from > 0 && tier(x->runs[from - 1].count) <= t)
			largest += tier(x->runs[--from].count) == t;
		if (x->n_runs - from < MERGE_WIDTH || largest < MERGE_LEAST)
			continue;
		*begin = from;
		for (*n = 0; from + *n < x->n_runs; ++*n) {
			const struct run *r = &x->runs[from + *n];
			events += r->count;
			entries += (uint64_t)r->n_events + r->n_terms;
			if (events > RUN_EVENTS_MAX || entries > RUN_ENTRIES_MAX)
				break;
		}
		if (*n >= MERGE_LEAST)
			return true;
	}
	return false;
}

static int merge_in(const struct seal *s, struct index *x, struct kv_txn *txn, bool *merged, struct evs_error *err)
{
	struct buf out = {0};
	struct store_key key;
	size_t begin, n;
	int status;

	*merged = find_mergeable(x, &begin, &n);
	if (!*merged)
		return EVS_OK;
	status = build_run(s->pool, run_build_merged(x->runs + begin, n, s->store->seed), &out);
	kv_trim(s->store->kv, 0); /* all of these runs were read */
	if (status == EVS_NOMEM)
		error_nomem(err);
	else if (status == EVS_CORRUPT)
		error_set(err, status, 0, "a run of the index is damaged; evs verify says more");
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		key = store_key(x->runs[begin + i].first);
		status = kv_delete(txn, KV_RUN, key.bytes, sizeof key.bytes, err);
	}
	key = store_key(x->runs[begin].first);
	if (status == EVS_OK)
		status = kv_put(txn, KV_RUN, key.bytes, sizeof key.bytes, out.data, out.size, err);
	buf_free(&out);
	return status;
}

int seal_merge_runs(const struct seal *s, bool *merged, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	struct index x;
	int status = store_begin(s->store, true, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	*merged = false;
	status = index_open(&x, s->store, txn, &state, NULL, err);
	if (status == EVS_OK) {
		status = merge_in(s, &x, txn, merged, err);
		index_release(&x);
	}
	if (status == EVS_OK && *merged)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}
