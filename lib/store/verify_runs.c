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
			verify_report(v, VERIFY_RUN, first, "the run of the index of positions from %llu is damaged",
			              (unsigned long long)first);
			continue;
		}
		if (first < at)
			verify_report(v, VERIFY_RUN_OVERLAP, first,
			              "the run of the index of positions from %llu begins inside the one before it",
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
static struct run only(const struct run *r, enum verify_part part)
{
	static const uint8_t none[12];
	struct run o = *r;

	if (part != VERIFY_PART_EVENTS) {
		o.event_bits = 1;
		o.events_at = none;
	}
	if (part != VERIFY_PART_TERMS) {
		o.term_bits = 1;
		o.terms_at = none;
	}
	if (part != VERIFY_PART_STREAMS) {
		o.stream_bits = 1;
		o.streams_at = none;
	}
	return o;
}

static void damaged(struct verify *v, const struct run *r, const char *what)
{
	verify_report(v, VERIFY_RUN, r->first, "the run of the index of positions %llu to %llu is damaged: %s",
	              (unsigned long long)r->first,
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

static void note_missing(struct verify *v, enum verify_part part, uint64_t word)
{
	uint64_t position = v->stretch.first + (word & RELATIVE);

	verify_report(v, VERIFY_INDEX_MISSING, position, "the event at position %llu is not found under %s", (unsigned long long)position,
	              part == VERIFY_PART_EVENTS ? "its eventId" : "one of its terms");
}

/* What leads to an event that could not be read may be right. */
static void note_stray(struct verify *v, enum verify_part part, uint64_t word)
{
	uint64_t relative = word & RELATIVE, position = v->stretch.first + relative;

	if (v->stretch.readable[relative / 8] >> relative % 8 & 1)
		verify_report(v, VERIFY_INDEX_STRAY, position, "the index leads from %s to position %llu, where it is not",
		              part == VERIFY_PART_EVENTS ? "an eventId" : "a term", (unsigned long long)position);
}

/* Tell where two sets of words differ; they are sorted. */
static void compare_words(struct verify *v, enum verify_part part, struct verify_words *want, struct verify_words *have)
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
			verify_report(v, VERIFY_INDEX_ORDER, r->first + e[from].position,
			              "the positions of a term are not in order in the run of positions %llu to %llu",
			              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	}
}

static void check_filter(struct verify *v, const struct run *r, const struct run_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!run_may_have(r, run_mix(e[i].hash)))
			verify_report(v, VERIFY_INDEX_FILTER, r->first + e[i].position,
			              "the filter of the index does not let the eventId at position %llu pass",
			              (unsigned long long)(r->first + e[i].position));
}

/* Compare the entries of a part with the stretch. The sums of equal sets are equal, and of others hardly ever. */
static int compare_entries(struct verify *v, const struct run *r, enum verify_part part, const struct run_entry *e, size_t n)
{
	struct verify_words *want = part == VERIFY_PART_EVENTS ? &v->stretch.ids : &v->stretch.terms, have = {0};
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

int verify_runs_dump(struct verify *v, const struct run *r, enum verify_part part, struct run_dump *d)
{
	static const char *const what[] = {"its eventIds", "its terms", "its streams"};
	const uint32_t said[] = {r->n_events, r->n_terms, r->n_streams};
	struct run o = only(r, part);
	int status = run_dump(&o, d);
	size_t n = d->n_events + d->n_terms + d->n_streams;

	v->result->entries += n;
	if (status == EVS_OK && n != said[part])
		damaged(v, r, "it holds another number of entries than it says");
	if (status == EVS_OK)
		return EVS_OK;
	run_dump_free(d);
	if (status == EVS_NOMEM)
		return error_nomem(v->err);
	damaged(v, r, what[part]);
	return EVS_END;
}

static int check_entries(struct verify *v, const struct run *r, enum verify_part part)
{
	struct run_dump d;
	int status = verify_runs_dump(v, r, part, &d);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	if (part == VERIFY_PART_EVENTS)
		check_filter(v, r, d.events, d.n_events);
	else
		check_order(v, r, d.terms, d.n_terms);
	status = part == VERIFY_PART_EVENTS ? compare_entries(v, r, part, d.events, d.n_events) : compare_entries(v, r, part, d.terms,
	                                                                                                     d.n_terms);
	run_dump_free(&d);
	return status;
}

/* ---- a stretch and its run ---- */

static int compare(struct verify *v, const struct run *r)
{
	int status;

	if (!run_checksum_ok(r))
		verify_report(v, VERIFY_RUN_CHECKSUM, r->first, "the run of the index of positions %llu to %llu has a wrong checksum",
		              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	status = check_entries(v, r, VERIFY_PART_EVENTS);
	if (status == EVS_OK)
		status = check_entries(v, r, VERIFY_PART_TERMS);
	return status == EVS_OK ? verify_streams(v, r) : status;
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
		if (status == EVS_OK)
			status = verify_streams_missing(v);
		s->open = false;
		return status;
	}
	s->open = false;
	return status == EVS_END ? EVS_OK : verify_unreadable(v, status, "the index");
}
