/*
 * The index of sealed events: what its runs hold is what the events say. The entries of both sides are words (the
 * kept bits of a hash above a relative position) that need be sorted only where their sums differ.
 */
#include "store/verify.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "store/run.h"

#define RELATIVE ((UINT64_C(1) << (64 - RUN_HASH_BITS)) - 1)

enum part { EVENTS, TERMS, STREAMS };

/* ---- how they lie ---- */

int verify_runs(struct verify *v)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	struct run r;
	uint64_t at = 1;
	bool unsure = false; /* the run before did not say how far it goes */
	int status = kv_cursor_open(v->txn, KV_RUN, &c, v->err);

	if (status == EVS_OK)
		status = kv_move(c, KV_FIRST, &key, &value, v->err);
	for (; status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, v->err)) {
		uint64_t first = key.size == 8 ? get64be(key.data) : 0;
		if (first > at && !unsure)
			verify_report(v, VERIFY_RUN_GAP, at, "no run of the index has positions %llu to %llu", (unsigned long long)at,
			              (unsigned long long)(first - 1));
		v->result->runs++;
		unsure = !run_open(&r, value.data, value.size) || r.first != first;
		if (unsure) {
			verify_report(v, VERIFY_RUN, first, "the run of the index of positions from %llu is damaged", (unsigned long long)first);
			continue;
		}
		if (first < at)
			verify_report(v, VERIFY_RUN_OVERLAP, first, "the run of the index of positions from %llu begins inside the one before it",
			              (unsigned long long)first);
		at = first + r.count > at ? first + r.count : at;
	}
	kv_cursor_close(c);
	if (status != EVS_END)
		return verify_unreadable(v, status, "the index");
	if (at < v->begun.tail_first && !unsure)
		verify_report(v, VERIFY_RUN_GAP, at, "no run of the index has positions %llu to %llu", (unsigned long long)at,
		              (unsigned long long)(v->begun.tail_first - 1));
	if (at > v->begun.tail_first)
		verify_report(v, VERIFY_RUN_OVERLAP, at - 1, "the index has a run up to position %llu, the tail begins at %llu",
		              (unsigned long long)(at - 1), (unsigned long long)v->begun.tail_first);
	return EVS_OK;
}

/* ---- a stretch ---- */

/* The run that has a position. EVS_OK, EVS_END (none, or damaged), or as kv_move. *next: where one begins behind it. */
static int find_run(struct verify *v, uint64_t position, struct run *r, struct kv_bytes *value, uint64_t *next)
{
	struct store_key start = store_key(position), after = store_key(position + 1);
	struct kv_bytes key = {start.bytes, sizeof start.bytes}, unused;
	struct kv_cursor *c;
	bool found;
	int status = kv_cursor_open(v->txn, KV_RUN, &c, v->err);

	if (status != EVS_OK)
		return status;
	status = kv_move(c, KV_AT_OR_BEFORE, &key, value, v->err);
	found = status == EVS_OK && key.size == 8 && run_open(r, value->data, value->size) && r->first == get64be(key.data) &&
	        position - r->first < r->count;
	if (!found && (status == EVS_OK || status == EVS_END)) {
		*next = UINT64_MAX;
		key = (struct kv_bytes){after.bytes, sizeof after.bytes};
		status = kv_move(c, KV_AT_OR_AFTER, &key, &unused, v->err);
		if (status == EVS_OK && key.size == 8)
			*next = get64be(key.data);
		status = status == EVS_OK ? EVS_END : status;
	}
	kv_cursor_close(c);
	return status;
}

/* Let the stretch reach to the end of a run. What the run has behind the sealed events was reported. */
static void reach(struct verify *v, const struct run *r)
{
	uint64_t last = r->first + r->count - 1;

	if (last >= v->state.tail_first)
		last = v->state.tail_first - 1;
	if (last > v->stretch.last)
		v->stretch.last = last;
	if (v->stretch.last >= v->end)
		v->end = v->stretch.last + 1;
}

int verify_runs_begin(struct verify *v, uint64_t first)
{
	struct verify_stretch *s = &v->stretch;
	uint64_t next = UINT64_MAX;
	struct kv_bytes value;
	struct run r;
	int status = find_run(v, first, &r, &value, &next);

	if (s->readable == NULL && (s->readable = malloc(RUN_EVENTS_MAX / 8)) == NULL)
		return error_nomem(v->err);
	memset(s->readable, 0, RUN_EVENTS_MAX / 8);
	s->ids.n = s->terms.n = s->missing.n = 0;
	s->streams = 0;
	s->first = s->last = first;
	s->number++;
	s->open = true;
	s->indexed = status == EVS_OK;
	if (s->indexed) {
		reach(v, &r);
		return EVS_OK;
	}
	s->last = (next < v->end ? next : v->end) - 1; /* reported in the first snapshot */
	return status == EVS_END ? EVS_OK : verify_unreadable(v, status, "the index");
}

int verify_runs_add(struct verify *v, const struct verify_event *e)
{
	struct verify_stretch *s = &v->stretch;
	uint64_t relative = e->position - s->first;
	bool ok;

	if (!s->open || !s->indexed || e->position < s->first || e->position > s->last)
		return EVS_OK;
	ok = verify_words_add(&s->ids, RUN_HASH_KEPT(e->id) | relative);
	for (size_t i = 0; i < v->terms.n && ok; i++)
		ok = verify_words_add(&s->terms, RUN_HASH_KEPT(v->terms.words[i]) | relative);
	s->readable[relative / 8] |= (uint8_t)(1u << relative % 8);
	return ok ? EVS_OK : error_nomem(v->err);
}

/* ---- entries ---- */

/* The run with nothing but one part, so that run_dump needs memory for that part alone. */
static struct run only(const struct run *r, enum part part)
{
	static const uint8_t none[12];
	struct run o = *r;

	if (part != EVENTS) {
		o.event_bits = 1;
		o.events_at = none;
	}
	if (part != TERMS) {
		o.term_bits = 1;
		o.terms_at = none;
	}
	if (part != STREAMS) {
		o.stream_bits = 1;
		o.streams_at = none;
	}
	return o;
}

static void damaged(struct verify *v, const struct run *r, const char *what)
{
	verify_report(v, VERIFY_RUN, r->first, "the run of the index of positions %llu to %llu is damaged: %s", (unsigned long long)r->first,
	              (unsigned long long)(r->first + r->count - 1), what);
}

/* The word of an entry; false when its position is not in the stretch. A run may have been merged with those before. */
static bool word_of(const struct verify_stretch *s, const struct run *r, const struct run_entry *e, uint64_t *word)
{
	uint64_t position = r->first + e->position;

	if (position < s->first || position > s->last)
		return false;
	*word = e->hash | (position - s->first);
	return true;
}

static void note_missing(struct verify *v, enum part part, uint64_t word)
{
	uint64_t position = v->stretch.first + (word & RELATIVE);

	verify_report(v, VERIFY_INDEX_MISSING, position, "the event at position %llu is not found under %s", (unsigned long long)position,
	              part == EVENTS ? "its eventId" : "one of its terms");
}

/* What leads to an event that could not be read may be right. */
static void note_stray(struct verify *v, enum part part, uint64_t word)
{
	uint64_t relative = word & RELATIVE, position = v->stretch.first + relative;

	if (v->stretch.readable[relative / 8] >> relative % 8 & 1)
		verify_report(v, VERIFY_INDEX_STRAY, position, "the index leads from %s to position %llu, where it is not",
		              part == EVENTS ? "an eventId" : "a term", (unsigned long long)position);
}

/* Tell where two sets of words differ; they are sorted. */
static void compare_words(struct verify *v, enum part part, struct verify_words *want, struct verify_words *have)
{
	size_t i = 0, j = 0;

	verify_words_sort(want->words, want->n);
	verify_words_sort(have->words, have->n);
	while (i < want->n || j < have->n) {
		if (j == have->n || (i < want->n && want->words[i] < have->words[j])) {
			note_missing(v, part, want->words[i++]);
		} else if (i == want->n || have->words[j] < want->words[i]) {
			note_stray(v, part, have->words[j++]);
		} else {
			i++;
			j++;
		}
	}
}

/* Lookups need a term's positions in one place and in order. */
static void check_order(struct verify *v, const struct run *r, const struct run_entry *e, size_t n)
{
	for (size_t from = 0, to; from < n; from = to) {
		bool ok = true;
		for (to = from + 1; to < n && e[to].hash == e[from].hash; to++)
			ok &= e[to - 1].position <= e[to].position;
		if (!ok || run_term_count(r, e[from].hash) != to - from)
			verify_report(v, VERIFY_INDEX_ORDER, r->first + e[from].position, "the positions of a term are not in order in the run of positions %llu to %llu",
			              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	}
}

static void check_filter(struct verify *v, const struct run *r, const struct run_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!run_may_have(r, run_mix(e[i].hash)))
			verify_report(v, VERIFY_INDEX_FILTER, r->first + e[i].position, "the filter of the index does not let the eventId at position %llu pass",
			              (unsigned long long)(r->first + e[i].position));
}

/* Compare the entries of a part with the stretch. The sums of equal sets are equal, and of others hardly ever. */
static int compare_entries(struct verify *v, const struct run *r, enum part part, const struct run_entry *e, size_t n)
{
	struct verify_words *want = part == EVENTS ? &v->stretch.ids : &v->stretch.terms, have = {0};
	uint64_t sum = 0, word;
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		if (word_of(&v->stretch, r, &e[i], &word)) {
			sum += hash_mix(word);
			count++;
		}
	}
	for (size_t i = 0; i < want->n; i++)
		sum -= hash_mix(want->words[i]);
	if (sum == 0 && count == want->n)
		return EVS_OK;
	for (size_t i = 0; i < n && ok; i++)
		if (word_of(&v->stretch, r, &e[i], &word))
			ok = verify_words_add(&have, word);
	if (ok)
		compare_words(v, part, want, &have);
	verify_words_free(&have);
	return ok ? EVS_OK : error_nomem(v->err);
}

static int dump(struct verify *v, const struct run *r, enum part part, struct run_dump *d)
{
	static const char *const what[] = {[EVENTS] = "its eventIds", [TERMS] = "its terms", [STREAMS] = "its streams"};
	struct run o = only(r, part);
	int status = run_dump(&o, d);

	v->result->entries += d->n_events + d->n_terms + d->n_streams;
	if (status == EVS_OK && d->n_events + d->n_terms + d->n_streams != (part == EVENTS ? r->n_events : part == TERMS ? r->n_terms : r->n_streams))
		damaged(v, r, "it holds another number of entries than it says");
	if (status == EVS_OK)
		return EVS_OK;
	run_dump_free(d);
	if (status == EVS_NOMEM)
		return error_nomem(v->err);
	damaged(v, r, what[part]);
	return EVS_END;
}

static int check_entries(struct verify *v, const struct run *r, enum part part)
{
	struct run_dump d;
	int status = dump(v, r, part, &d);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	if (part == EVENTS)
		check_filter(v, r, d.events, d.n_events);
	else
		check_order(v, r, d.terms, d.n_terms);
	status = part == EVENTS ? compare_entries(v, r, part, d.events, d.n_events) : compare_entries(v, r, part, d.terms, d.n_terms);
	run_dump_free(&d);
	return status;
}

/* ---- streams ---- */

/* Looking a stream up by its name. */
struct lookup {
	const struct run_stream *wanted;
	unsigned hits;
};

static void hit(void *context, const struct run_stream *s)
{
	struct lookup *l = context;
	const struct run_stream *w = l->wanted;

	l->hits += s->revision == w->revision && (s->type == NULL) == (w->type == NULL) && s->type_size == w->type_size &&
	           (s->type == NULL || memcmp(s->type, w->type, s->type_size) == 0);
}

static void note_stream(struct verify *v, const struct run *r, const struct run_stream *s, const char *what)
{
	char scratch[UUID_TEXT];
	struct span id = view_span(&s->id, v->store->names, scratch);

	verify_report(v, VERIFY_INDEX_STREAM, 0, "the run of the index of positions %llu to %llu has stream '%.*s' at revision %llu, %s",
	              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1), (int)id.size, id.text,
	              (unsigned long long)s->revision, what);
}

/* The hashes of a run's stream; its type is hashed as events have it: by its number where it has one. */
static uint64_t stream_hash(const struct verify *v, struct run_stream *s)
{
	const struct names *names = v->store->names;
	int number = s->type == NULL ? -1 : name_find(names, s->type, s->type_size);
	struct text type = {.kind = TEXT_NONE};
	uint8_t uuid[16];

	if (number >= 0)
		type = (struct text){.kind = TEXT_NAME, .name = (uint16_t)number};
	else if (s->type != NULL)
		view_text_of(&type, s->type, s->type_size, uuid);
	s->aggregate = term_hash(v->store->seed, TERM_AGGREGATE, &s->id, names);
	return term_stream(v->store->seed, s->aggregate, &type, names);
}

/* One stream of a run. Whether the stretch has events of it. */
static bool check_stream(struct verify *v, const struct run *r, const struct run_stream *s, uint64_t hash)
{
	const struct verify_stretch *x = &v->stretch;
	const struct verify_stream *seen = verify_streams_find(&v->streams, hash);
	bool complete = x->ids.n == x->last - x->first + 1;
	struct lookup l = {s, 0};

	if (!run_may_have(r, run_mix(s->aggregate)))
		verify_report(v, VERIFY_INDEX_FILTER, 0, "the filter of the run of positions %llu to %llu does not let one of its streams pass",
		              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	if (!run_find_streams(r, &s->id, s->aggregate, hit, &l) || l.hits != 1)
		note_stream(v, r, s, l.hits == 0 ? "where it is not found" : "twice");
	if (seen == NULL || seen->mark != x->number) {
		if (complete && r->first == x->first)
			note_stream(v, r, s, "but none of its events");
		return false;
	}
	/* The newest event may be one that could not be read. */
	if (s->revision != seen->revision && (complete || s->revision < seen->revision))
		note_stream(v, r, s, "its events say another");
	return true;
}

/* The streams of the stretch that are none of `there`. */
static bool find_missing(struct verify *v, struct verify_words *there)
{
	bool ok = true;

	verify_words_sort(there->words, there->n);
	for (size_t i = 0; i < v->streams.n_slots && ok; i++) {
		const struct verify_stream *s = &v->streams.slots[i];
		if (s->hash != 0 && s->mark == v->stretch.number && verify_words_find(there->words, there->n, s->hash) == there->n)
			ok = verify_words_add(&v->stretch.missing, s->hash);
	}
	verify_words_sort(v->stretch.missing.words, v->stretch.missing.n);
	return ok;
}

static int check_streams(struct verify *v, const struct run *r)
{
	struct verify_words there = {0};
	uint64_t matched = 0;
	struct run_dump d;
	int status = dump(v, r, STREAMS, &d);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	for (size_t i = 0; i < d.n_streams && status == EVS_OK; i++) {
		uint64_t hash = stream_hash(v, &d.streams[i]);
		matched += check_stream(v, r, &d.streams[i], hash);
		if (!verify_words_add(&there, hash))
			status = error_nomem(v->err);
	}
	if (status == EVS_OK && matched < v->stretch.streams && !find_missing(v, &there))
		status = error_nomem(v->err);
	verify_words_free(&there);
	run_dump_free(&d);
	return status;
}

/* Tell of a missing stream at its newest event. */
static int tell_missing(struct verify *v, void *context, const struct record *r)
{
	const struct verify_words *missing = &v->stretch.missing;
	const struct verify_stream *seen;
	char scratch[UUID_TEXT];
	struct view view;
	struct span id;
	uint64_t hash;

	(void)context;
	if (!view_open(&view, r->body, r->size) || !view_has_stream(&view))
		return EVS_OK;
	hash = term_hash(v->store->seed, TERM_AGGREGATE, &view.texts[NAME_AGGREGATE_ID], v->store->names);
	hash = term_stream(v->store->seed, hash, &view.texts[NAME_AGGREGATE_TYPE], v->store->names);
	seen = verify_streams_find(&v->streams, hash);
	if (seen == NULL || seen->revision != r->revision || verify_words_find(missing->words, missing->n, hash) == missing->n)
		return EVS_OK;
	id = view_span(&view.texts[NAME_AGGREGATE_ID], v->store->names, scratch);
	verify_report(v, VERIFY_INDEX_STREAM, r->position, "stream '%.*s', at revision %llu with the event at position %llu, is missing in the index",
	              (int)id.size, id.text, (unsigned long long)r->revision, (unsigned long long)r->position);
	return EVS_OK;
}

/* ---- a stretch and its run ---- */

static int compare(struct verify *v, const struct run *r)
{
	int status;

	if (!run_checksum_ok(r))
		verify_report(v, VERIFY_RUN_CHECKSUM, r->first, "the run of the index of positions %llu to %llu has a wrong checksum",
		              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	status = check_entries(v, r, EVENTS);
	if (status == EVS_OK)
		status = check_entries(v, r, TERMS);
	return status == EVS_OK ? check_streams(v, r) : status;
}

int verify_runs_end(struct verify *v)
{
	struct verify_stretch *s = &v->stretch;
	uint64_t last = s->last, next;
	struct kv_bytes value;
	struct run r;
	int status = s->indexed ? find_run(v, s->first, &r, &value, &next) : EVS_END;

	if (status == EVS_OK) {
		reach(v, &r);
		if (s->last > last)
			return EVS_OK; /* more of it is to be read first */
		status = compare(v, &r);
		kv_forget(v->store->kv, value);
		if (status == EVS_OK && s->missing.n > 0)
			status = verify_segments_walk(v, s->first, s->last, tell_missing, NULL);
		s->open = false;
		return status;
	}
	s->open = false;
	return status == EVS_END ? EVS_OK : verify_unreadable(v, status, "the index");
}
