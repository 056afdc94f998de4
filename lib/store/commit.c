#include "store/commit_parts.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "store/dead.h"
#include "store/known.h"

enum {
	BATCH_EVENTS = 125000,     /* sixteen such batches are a run of RUN_EVENTS_MAX */
	BATCH_BYTES = 64 << 20,    /* packed */
	LOOK_AHEAD = 12,           /* how far ahead memory is brought near */
	MAPPED_BYTES = 96 << 20,   /* of the file in memory between batches: in a large store many runs are looked into */
};

struct commit *commit_new(struct evs_store *store, const struct commit_rules *rules, struct evs_error *err)
{
	struct commit *c = calloc(1, sizeof *c);

	if (c == NULL || (c->parser = parse_new(store->names, rules->parse)) == NULL) {
		free(c);
		error_nomem(err);
		return NULL;
	}
	c->store = store;
	c->rules = rules;
	c->fetch.store = store;
	c->seal.store = store;
	return c;
}

void commit_use_pool(struct commit *c, struct pool *pool)
{
	c->pool = pool;
	c->seal.pool = pool;
}

/* ---- the batch ---- */

static void free_list(struct chunk *list)
{
	while (list != NULL) {
		struct chunk *next = list->next;
		chunk_free(list);
		list = next;
	}
}

/* The chunks of the batch are done with. */
static void spare_chunks(struct commit *c)
{
	while (c->chunks != NULL) {
		struct chunk *chunk = c->chunks;
		c->chunks = chunk->next;
		chunk_reset(chunk);
		chunk->next = c->spare;
		c->spare = chunk;
	}
	c->last_chunk = NULL;
}

static void forget_batch(struct commit *c)
{
	c->n_members = 0;
	c->bytes = 0;
	if (c->n_id_slots > 0)
		memset(c->id_slots, 0, c->n_id_slots * sizeof *c->id_slots);
	streams_clear(&c->streams);
	seal_reset(&c->seal);
	if (c->index_open)
		index_release(&c->index);
	c->index_open = false;
	fetch_forget(&c->fetch);
}

void commit_abort(struct commit *c)
{
	bool new_dict = c->seal.new_dict;

	forget_batch(c);
	spare_chunks(c);
	if (c->txn == NULL)
		return;
	kv_abort(c->txn);
	c->txn = NULL;
	c->open = (struct evs_append_result){0};
	if (new_dict) {
		zip_dict_free(c->store->dicts[1]);
		c->store->dicts[1] = NULL;
	}
}

void commit_free(struct commit *c)
{
	if (c == NULL)
		return;
	commit_abort(c);
	name_truncate(c->store->names, c->store->names_stored);
	free_list(c->spare);
	seal_release(&c->seal);
	streams_release(&c->streams);
	fetch_release(&c->fetch);
	parse_free(c->parser);
	free(c->members);
	free(c->id_slots);
	free(c->aggregates);
	free(c);
}

struct chunk *commit_spare(struct commit *c)
{
	struct chunk *chunk = c->spare;

	if (chunk != NULL) {
		c->spare = chunk->next;
		chunk->next = NULL;
	}
	return chunk;
}

bool commit_full(const struct commit *c)
{
	return c->n_members >= BATCH_EVENTS || c->bytes >= BATCH_BYTES;
}

void commit_result(const struct commit *c, struct evs_append_result *result)
{
	*result = c->done;
}

static int open_index(struct commit *c, struct evs_error *err)
{
	int status = index_open(&c->index, c->store, c->txn, &c->state, &c->fetch, err);

	c->index_open = status == EVS_OK;
	return status;
}

int commit_begin(struct commit *c, struct evs_error *err)
{
	int64_t now = moment_now_us();
	int status;

	if (c->txn != NULL)
		return EVS_OK;
	status = store_begin(c->store, true, &c->txn, &c->state, err);
	if (status != EVS_OK)
		return status;
	c->names_before = name_count(c->store->names);
	c->now = now > c->state.last_recorded ? now : c->state.last_recorded;
	return open_index(c, err);
}

/* ---- names ---- */

/* Give numbers to the names a chunk met, and parse it again with them. */
static int settle_names(struct commit *c, struct chunk *chunk, struct evs_error *err)
{
	/* A parse notes a limited number of them. */
	while (chunk->missing.size > 0 && name_may_add(c->store->names, 1)) {
		const struct buf *m = &chunk->missing;
		for (size_t at = 0; at < m->size; at += 1 + (size_t)m->data[at])
			if (name_add(c->store->names, (const char *)m->data + at + 1, m->data[at]) == -2)
				return error_nomem(err);
		chunk_parse(chunk, c->parser);
		if (chunk->no_memory)
			return error_nomem(err);
	}
	return EVS_OK;
}

/* ---- asking ahead ---- */

/*
 * Ask the runs about the lines of a chunk ahead of them: for eventIds those that were not asked when it was parsed, for aggregateIds
 * all, where the batch does not have the stream already.
 */
static bool ask_runs(struct commit *c, struct chunk *chunk)
{
	if (c->aggregates_cap < chunk->n) {
		free(c->aggregates);
		c->aggregates_cap = chunk->n * 2;
		if ((c->aggregates = malloc(c->aggregates_cap * sizeof *c->aggregates)) == NULL) {
			c->aggregates_cap = 0;
			return false;
		}
	}
	known_ask(chunk, c->txn, c->index.runs, c->index.n_runs);
	for (size_t i = 0; i < chunk->n; i++) {
		const struct terms *t = &chunk->staged[i].terms;
		c->aggregates[i] = 0;
		if (i + LOOK_AHEAD < chunk->n)
			streams_prefetch(&c->streams, chunk->staged[i + LOOK_AHEAD].terms.stream);
		if (t->stream != 0)
			c->aggregates[i] = streams_may_have(&c->streams, t->stream) ? UINT32_MAX : index_runs_with(&c->index, t->aggregate);
	}
	return true;
}

/* ---- streams ---- */

/* The batch's entry for the stream of an event; a new one begins at the revision that the store has, in these runs if in any. */
static int stream_of(struct commit *c, const struct staged *s, uint32_t runs, uint32_t *entry, struct evs_error *err)
{
	struct stream_entry *e;

	*entry = STREAM_NONE;
	if (s->terms.stream == 0)
		return EVS_OK;
	*entry = streams_find(&c->streams, s->terms.stream, &s->stream_id);
	if (*entry != STREAM_NONE)
		return EVS_OK;
	*entry = streams_add(&c->streams, s->terms.stream, s->terms.aggregate, &s->stream_id, &s->stream_type, c->store->names);
	if (*entry == STREAM_NONE)
		return error_nomem(err);
	e = &c->streams.entries[*entry];
	return index_revision(&c->index, &e->id, (struct span){e->type, e->type_size}, e->aggregate, runs, e->hash, &e->revision, err);
}

/* ---- events ---- */

/*
 * A timestamp that was made after the transaction had begun: events of one transaction are recorded at one moment, and nothing is
 * recorded before it happened. So it happened then.
 */
static void put_back(const struct commit *c, struct chunk *chunk, struct staged *s)
{
	s->moment = c->now * 1000;
	moment_format_us(c->now, (char *)chunk->packed.data + s->at + s->size - MOMENT_TEXT);
}

static int add_event(struct commit *c, struct chunk *chunk, struct staged *s, uint32_t entry, struct evs_error *err)
{
	struct seal_item item = {.event = s->terms.event, .stream = s->terms.stream, .stream_entry = entry, .n_terms = s->n_terms};

	if (s->time_made && s->moment / 1000 > c->now)
		put_back(c, chunk, s);
	item.moment = s->moment;
	if (chunk->n_terms > 0)
		item.terms = chunk->terms + s->terms_at;
	item.n_uuids = s->n_uuids;
	if (s->n_uuids > 0)
		item.uuids = (const uint32_t *)(const void *)chunk->uuids.data + s->uuids_at;
	s->position = ++c->state.last_position;
	if (c->fresh == 0)
		c->first_fresh = s->position;
	s->revision = entry == STREAM_NONE ? 0 : ++c->streams.entries[entry].revision;
	item.record = (struct record){s->position, s->revision, c->now, chunk->packed.data + s->at, s->size};
	if (!commit_add_member(c, chunk, s))
		return error_nomem(err);
	c->bytes += s->size;
	c->open.events++;
	c->open.position = s->position;
	c->fresh++;
	return seal_add(&c->seal, c->txn, &c->state, &c->streams, &item, err);
}

/* A line that is no event, or whose eventId is taken. EVS_OK: it was put aside and the rest goes on. */
static int reject(struct commit *c, struct chunk *chunk, struct staged *s, int status, const char *why, struct evs_error *err)
{
	uint64_t line = chunk->first_line + s->line;
	char message[600];

	snprintf(message, sizeof message, "line %llu: %s", (unsigned long long)line, why);
	if (c->rules->on_error == EVS_STOP || (status != EVS_BAD_EVENT && status != EVS_CONFLICT))
		return error_set(err, status, 0, "%s", message);
	if (s->error == NULL && (s->error = strdup(why)) == NULL) /* no receipt for it */
		return error_nomem(err);
	c->open.rejected++;
	if (c->rules->on_reject != NULL)
		c->rules->on_reject(c->rules->context, line, why);
	if (c->rules->on_error == EVS_SKIP)
		return EVS_OK;
	return dead_put(c->txn, &c->state,
	                &(struct dead){.kind = DEAD_LINE, .recorded_us = c->now, .line = line, .reason = why, .reason_size = strlen(why),
	                               .setup = (const char *)c->rules->setup->data, .setup_size = c->rules->setup->size,
	                               .bytes = chunk->text.data + s->text_at, .size = s->text_size},
	                err);
}

static int take_line(struct commit *c, struct chunk *chunk, size_t i, struct evs_error *err)
{
	struct staged *s = &chunk->staged[i];
	struct evs_error why;
	uint32_t entry = STREAM_NONE;
	bool about_line = true;
	int status;

	if (s->error != NULL)
		return reject(c, chunk, s, EVS_BAD_EVENT, s->error, err);
	status = commit_check_duplicate(c, chunk, s, &why);
	if (status == EVS_OK)
		status = stream_of(c, s, c->aggregates[i], &entry, &why);
	if (status == EVS_OK) {
		status = commit_check_whole(c, chunk, s, entry, &why);
		about_line = status != EVS_CONFLICT;
	}
	if (status == EVS_OK && s->duplicate) {
		c->open.duplicates++;
		return EVS_OK;
	}
	if (status == EVS_OK)
		status = add_event(c, chunk, s, entry, &why);
	if (status == EVS_OK)
		return EVS_OK;
	if (about_line && (status == EVS_BAD_EVENT || status == EVS_CONFLICT))
		return reject(c, chunk, s, status, why.message, err);
	if (err != NULL)
		*err = why;
	return status;
}

int commit_chunk(struct commit *c, struct chunk *chunk, struct evs_error *err)
{
	int status;

	if (c->last_chunk == NULL)
		c->chunks = chunk;
	else
		c->last_chunk->next = chunk;
	c->last_chunk = chunk;
	chunk->next = NULL;
	if (chunk->no_memory)
		return error_nomem(err);
	if (chunk->n == 0)
		return EVS_OK;
	status = commit_begin(c, err);
	if (status == EVS_OK && !c->began) {
		status = commit_check_fail_if(c, err);
		c->began = true;
	}
	if (status == EVS_OK)
		status = settle_names(c, chunk, err);
	if (status == EVS_OK && !ask_runs(c, chunk))
		status = error_nomem(err);
	for (size_t i = 0; i < chunk->n && status == EVS_OK; i++) {
		if (i + LOOK_AHEAD < chunk->n) {
			const struct terms *ahead = &chunk->staged[i + LOOK_AHEAD].terms;
			streams_prefetch(&c->streams, ahead->stream);
			if (c->n_id_slots > 0)
				__builtin_prefetch(&c->id_slots[ahead->event & (c->n_id_slots - 1)]);
		}
		status = take_line(c, chunk, i, err);
		c->failed = status != EVS_OK;
		if (c->failed)
			chunk_truncate(chunk, i); /* what follows is not part of the batch */
	}
	return status;
}

/* ---- the end ---- */

static int flush(struct commit *c, bool more, struct evs_error *err)
{
	int status = seal_flush(&c->seal, c->txn, &c->state, &c->streams, more, err);

	if (status == EVS_OK)
		status = store_put_names(c->store, c->txn, c->names_before, err);
	if (c->n_members > 0)
		c->state.last_recorded = c->now;
	if (status == EVS_OK)
		status = store_put_state(c->txn, &c->state, err);
	return status;
}

static int give_receipt(struct commit *c, const struct chunk *chunk, const struct staged *s)
{
	char id_text[UUID_TEXT], stream_text[UUID_TEXT], type_text[UUID_TEXT];
	struct evs_receipt r = {.position = s->position, .revision = s->revision, .duplicate = s->duplicate};
	struct span span;
	struct view v;

	if (!view_open(&v, chunk->packed.data + s->at, s->size))
		return 0;
	span = view_span(&v.texts[NAME_EVENT_ID], c->store->names, id_text);
	r.event_id = span.text;
	r.event_id_size = span.size;
	if (view_has_stream(&v)) {
		span = view_span(&v.texts[NAME_AGGREGATE_ID], c->store->names, stream_text);
		r.aggregate_id = span.text;
		r.aggregate_id_size = span.size;
		if (v.texts[NAME_AGGREGATE_TYPE].kind != TEXT_NONE) {
			span = view_span(&v.texts[NAME_AGGREGATE_TYPE], c->store->names, type_text);
			r.aggregate_type = span.text;
			r.aggregate_type_size = span.size;
		}
	}
	return c->rules->on_receipt(c->rules->context, &r);
}

static int give_receipts(struct commit *c, struct evs_error *err)
{
	if (c->rules->on_receipt == NULL)
		return EVS_OK;
	for (const struct chunk *chunk = c->chunks; chunk != NULL; chunk = chunk->next)
		for (size_t i = 0; i < chunk->n; i++)
			if (chunk->staged[i].error == NULL && give_receipt(c, chunk, &chunk->staged[i]) != 0)
				return error_set(err, EVS_INTERRUPTED, 0, "the receipts could not be given; the events are in the store");
	return EVS_OK;
}

/* Part of a whole: written, but not yet committed. */
static int flush_part(struct commit *c, struct evs_error *err)
{
	int status = flush(c, true, err);

	if (status != EVS_OK)
		return status;
	c->names_before = name_count(c->store->names);
	forget_batch(c);
	if (c->rules->on_receipt == NULL)
		spare_chunks(c);
	return open_index(c, err);
}

static void add_result(struct evs_append_result *to, const struct evs_append_result *more)
{
	to->events += more->events;
	to->duplicates += more->duplicates;
	to->rejected += more->rejected;
	if (more->position != 0)
		to->position = more->position;
}

int commit_end(struct commit *c, bool last, struct evs_error *err)
{
	bool merged = true;
	int status;

	if (c->txn == NULL)
		return EVS_OK;
	if (c->rules->whole && !last)
		return flush_part(c, err);
	if (c->unmet && c->fresh + c->repeated == 0) /* all lines were bad: no event was there to be refused */
		return commit_refuse(c, err);
	if (c->open.events == 0 && c->open.rejected == 0 && c->rules->with == NULL && (c->failed || name_count(c->store->names) == c->names_before)) {
		kv_abort(c->txn); /* duplicates alone: nothing to write */
		c->txn = NULL;
		/* Who wrote them may have been killed before they were on disk. */
		if (c->open.duplicates > 0 && (status = kv_sync(c->store->kv, err)) != EVS_OK)
			return status;
	} else {
		status = c->rules->with == NULL ? EVS_OK : c->rules->with(c->rules->with_context, c->txn, &c->state, err);
		if (status == EVS_OK)
			status = flush(c, !last, err);
		if (status != EVS_OK)
			return status;
		status = kv_commit(c->txn, err);
		c->txn = NULL;
		if (status != EVS_OK)
			return status;
		c->store->names_stored = name_count(c->store->names);
		kv_notify(c->store->kv);
	}
	add_result(&c->done, &c->open);
	c->open = (struct evs_append_result){0};
	status = give_receipts(c, err);
	bool sealed = c->seal.run_count > 0;
	forget_batch(c);
	spare_chunks(c);
	while (status == EVS_OK && sealed && merged)
		status = seal_merge_runs(&c->seal, &merged, err);
	if (sealed)
		kv_trim(c->store->kv, MAPPED_BYTES);
	return status;
}
