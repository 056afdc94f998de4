/* evs_stat: what the store says of itself, from directories and the index; sealed events are not looked at. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/moment.h"
#include "store/index.h"

/* A set of hashes. 0 marks a free slot: a hash that is 0 counts as 1. */
struct set {
	uint64_t *slots;
	size_t n, n_slots;
};

struct survey {
	struct evs_store *store;
	struct kv_txn *txn;
	struct store_state state;
	struct index index;
	struct evs_stat *out;
	struct set streams;
	struct set types;     /* those without a number */
	bool *type_known;     /* by number of a name: it is the type of an event in the tail */
	struct evs_error *err;
};

/* ---- sets ---- */

static void set_put(uint64_t *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i] != 0 && slots[i] != hash)
		i = (i + 1) & (n_slots - 1);
	slots[i] = hash;
}

/* Keep the set at most half full. */
static bool set_grow(struct set *s)
{
	size_t n_slots = s->n_slots == 0 ? 1024 : s->n_slots * 2;
	uint64_t *slots;

	if (s->n * 2 < s->n_slots)
		return true;
	if ((slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i] != 0)
			set_put(slots, n_slots, s->slots[i]);
	free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	return true;
}

static bool set_add(struct set *s, uint64_t hash)
{
	hash += hash == 0;
	if (!set_grow(s))
		return false;
	for (size_t i = hash & (s->n_slots - 1);; i = (i + 1) & (s->n_slots - 1)) {
		if (s->slots[i] == hash)
			return true;
		if (s->slots[i] == 0) {
			s->slots[i] = hash;
			s->n++;
			return true;
		}
	}
}

/* ---- times ---- */

static void add_times(struct evs_stat *out, int64_t min, int64_t max, int64_t min_recorded, int64_t max_recorded)
{
	out->first_moment_ns = min < out->first_moment_ns ? min : out->first_moment_ns;
	out->last_moment_ns = max > out->last_moment_ns ? max : out->last_moment_ns;
	out->first_recorded_us = min_recorded < out->first_recorded_us ? min_recorded : out->first_recorded_us;
	out->last_recorded_us = max_recorded > out->last_recorded_us ? max_recorded : out->last_recorded_us;
}

static int look_at_segments(struct survey *s)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	struct segment g;
	int status = kv_cursor_open(s->txn, KV_SEGMENT, &c, s->err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, s->err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, s->err)) {
		if (!segment_open(&g, value.data, value.size)) {
			status = error_set(s->err, EVS_CORRUPT, 0, "segment %llu of the store is damaged; evs verify says more",
			                   (unsigned long long)s->out->segments + 1);
			break;
		}
		s->out->segments++;
		add_times(s->out, g.min_moment, g.max_moment, g.min_recorded, g.max_recorded);
		kv_forget(s->store->kv, value);
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* ---- streams ---- */

/* A type as events have it: by its number where it has one. */
static struct text stored_type(const struct names *names, const char *type, uint32_t size, uint8_t uuid[16])
{
	struct text t = {.kind = TEXT_NONE};
	int number;

	if (type == NULL)
		return t;
	number = name_find(names, type, size);
	if (number < 0)
		view_text_of(&t, type, size, uuid);
	else
		t = (struct text){.kind = TEXT_NAME, .name = (uint16_t)number};
	return t;
}

/* Of a run nothing but its streams, so that run_dump looks at nothing else. */
static struct run only_streams(const struct run *r)
{
	static const uint8_t none[12];
	struct run o = *r;

	o.event_bits = o.term_bits = 1;
	o.events_at = o.terms_at = none;
	return o;
}

static int add_streams(struct survey *s, const struct run *r)
{
	const struct names *names = s->store->names;
	struct run only = only_streams(r);
	struct run_dump d;
	int status = run_dump(&only, &d);

	for (size_t i = 0; i < d.n_streams && status == EVS_OK; i++) {
		uint8_t uuid[16];
		struct text type = stored_type(names, d.streams[i].type, d.streams[i].type_size, uuid);
		uint64_t aggregate = term_hash(s->store->seed, TERM_AGGREGATE, &d.streams[i].id, names);
		if (!set_add(&s->streams, term_stream(s->store->seed, aggregate, &type, names)))
			status = EVS_NOMEM;
	}
	run_dump_free(&d);
	if (status == EVS_NOMEM)
		return error_nomem(s->err);
	if (status != EVS_OK)
		return error_set(s->err, status, 0, "the index of positions from %llu is damaged; evs verify says more",
		                 (unsigned long long)r->first);
	return EVS_OK;
}

/* ---- the tail ---- */

static bool add_tail_event(struct survey *s, const struct record *r)
{
	const struct names *names = s->store->names;
	char scratch[UUID_TEXT];
	const struct text *type;
	struct span time;
	struct view v;
	int64_t moment;

	if (!view_open(&v, r->body, r->size))
		return false;
	time = view_span(&v.texts[NAME_TIMESTAMP], names, scratch);
	if (!moment_parse(time.text, time.size, &moment))
		return false;
	add_times(s->out, moment, moment, r->recorded_us, r->recorded_us);
	type = &v.texts[NAME_EVENT_TYPE];
	if (type->kind == TEXT_NAME)
		s->type_known[type->name] = true;
	else if (!set_add(&s->types, term_hash(s->store->seed, TERM_TYPE, type, names)))
		return false;
	if (!view_has_stream(&v))
		return true;
	return set_add(&s->streams, term_stream(s->store->seed, term_hash(s->store->seed, TERM_AGGREGATE,
	                                                                  &v.texts[NAME_AGGREGATE_ID], names),
	                                        &v.texts[NAME_AGGREGATE_TYPE], names));
}

static int look_at_tail(struct survey *s)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	struct record r;
	int status = kv_cursor_open(s->txn, KV_TAIL, &c, s->err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, s->err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, s->err)) {
		if (key.size != 8 || !fetch_decode_tail(value, get64be(key.data), &r) || !add_tail_event(s, &r)) {
			status = error_set(s->err, EVS_CORRUPT, 0,
			                   "one of the newest events is damaged, or memory ran out; evs verify says more");
			break;
		}
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* ---- types ---- */

/*
 * Types that have no number are nowhere listed. Only a store whose table of names is full can have them: where the
 * numbered types do not account for all events of a run, its events are read.
 */
static int read_types(struct survey *s, const struct run *r)
{
	struct evs_selector range = {.from = r->first, .to = r->first + r->count - 1};
	struct evs_read *read;
	struct evs_event e;
	struct view v;
	int status = evs_read_new(s->store, &range, &read, s->err);

	while (status == EVS_OK && (status = evs_read_next(read, &e, s->err)) == EVS_OK) {
		if (!view_open(&v, e.packed, e.packed_size))
			status = error_set(s->err, EVS_CORRUPT, 0, "the event at position %llu is damaged",
			                   (unsigned long long)e.position);
		else if (v.texts[NAME_EVENT_TYPE].kind != TEXT_NAME &&
		         !set_add(&s->types, term_hash(s->store->seed, TERM_TYPE, &v.texts[NAME_EVENT_TYPE], s->store->names)))
			status = error_nomem(s->err);
	}
	evs_read_free(read);
	return status == EVS_END ? EVS_OK : status;
}

static int count_types(struct survey *s)
{
	unsigned count = name_count(s->store->names);
	int status = EVS_OK;

	for (size_t r = 0; r < s->index.n_runs && status == EVS_OK; r++) {
		uint64_t events = 0;
		for (unsigned i = 0; i < count; i++) {
			struct text t = {.kind = TEXT_NAME, .name = (uint16_t)i};
			uint32_t n = run_term_count(&s->index.runs[r], term_hash(s->store->seed, TERM_TYPE, &t, s->store->names));
			if (n == UINT32_MAX)
				return error_set(s->err, EVS_CORRUPT, 0,
				                 "the index of positions from %llu is damaged; evs verify says more",
				                 (unsigned long long)s->index.runs[r].first);
			s->type_known[i] |= n > 0;
			events += n;
		}
		if (count == NAME_LIMIT && events < s->index.runs[r].count)
			status = read_types(s, &s->index.runs[r]);
	}
	for (unsigned i = 0; i < count; i++)
		s->out->types += s->type_known[i];
	s->out->types += s->types.n;
	return status;
}

/* ---- all of it ---- */

static int look(struct survey *s)
{
	struct evs_stat *out = s->out;
	int status = index_open(&s->index, s->store, s->txn, &s->state, NULL, s->err);

	if (status != EVS_OK)
		return status;
	out->events = out->last_position = s->state.last_position;
	out->file_bytes = kv_file_size(s->store->kv);
	out->runs = s->index.n_runs;
	out->tail_events = s->state.last_position + 1 - s->state.tail_first;
	out->names = name_count(s->store->names) - NAME_FIXED;
	out->dead_letters = kv_count(s->txn, KV_DEAD);
	out->first_moment_ns = out->first_recorded_us = INT64_MAX;
	out->last_moment_ns = out->last_recorded_us = INT64_MIN;
	status = look_at_segments(s);
	if (status == EVS_OK)
		status = look_at_tail(s);
	for (size_t i = 0; i < s->index.n_runs && status == EVS_OK; i++)
		status = add_streams(s, &s->index.runs[i]);
	if (status == EVS_OK)
		status = count_types(s);
	out->streams = s->streams.n;
	if (out->events == 0)
		out->first_moment_ns = out->last_moment_ns = out->first_recorded_us = out->last_recorded_us = 0;
	index_release(&s->index);
	return status;
}

int evs_stat(struct evs_store *store, struct evs_stat *out, struct evs_error *err)
{
	struct survey s = {.store = store, .out = out, .err = err};
	int status;

	*out = (struct evs_stat){0};
	s.type_known = calloc(NAME_LIMIT, sizeof *s.type_known);
	if (s.type_known == NULL)
		return error_nomem(err);
	status = store_begin(store, false, &s.txn, &s.state, err);
	if (status == EVS_OK) {
		status = look(&s);
		kv_abort(s.txn);
	}
	free(s.streams.slots);
	free(s.types.slots);
	free(s.type_known);
	return status;
}
