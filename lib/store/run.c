#include "store/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "evs.h"
#include "store/run_format.h"

uint64_t run_mix(uint64_t hash)
{
	return hash_mix(hash >> (64 - RUN_HASH_BITS));
}

bool run_open(struct run *r, const uint8_t *bytes, size_t size)
{
	const uint8_t *p = bytes + HEAD_BYTES;
	uint64_t need = HEAD_BYTES, event_bytes, stream_bytes, term_bytes;

	if (size < HEAD_BYTES || bytes[AT_VERSION] != VERSION)
		return false;
	r->bytes = bytes;
	r->size = size;
	r->first = get64(bytes + AT_FIRST);
	r->count = get32(bytes + AT_COUNT);
	r->n_events = get32(bytes + AT_EVENTS);
	r->n_terms = get32(bytes + AT_TERMS);
	r->n_streams = get32(bytes + AT_STREAMS);
	r->n_words = get32(bytes + AT_WORDS);
	r->event_bits = bytes[AT_EVENT_BITS];
	r->term_bits = bytes[AT_TERM_BITS];
	r->stream_bits = bytes[AT_STREAM_BITS];
	event_bytes = get32(bytes + AT_EVENT_BYTES);
	stream_bytes = get32(bytes + AT_STREAM_BYTES);
	term_bytes = get32(bytes + AT_TERM_BYTES);
	if (r->count == 0 || r->count > RUN_EVENTS_MAX || r->n_words == 0 || r->event_bits < BITS_MIN || r->event_bits > BITS_MAX ||
	    r->term_bits < BITS_MIN || r->term_bits > BITS_MAX || r->stream_bits < BITS_MIN || r->stream_bits > BITS_MAX)
		return false;
	need += 8 * (uint64_t)r->n_words + 4 * ((UINT64_C(1) << r->event_bits) + (UINT64_C(1) << r->stream_bits) + (UINT64_C(1) << r->term_bits) + 3);
	need += event_bytes + stream_bytes + term_bytes;
	/* Every entry takes so many bytes at least: counts cannot be greater than what is there. */
	if (need != size || (uint64_t)r->n_events * (fragment_bytes(r->event_bits) + POSITION_BYTES) > event_bytes ||
	    r->n_terms > term_bytes || (uint64_t)r->n_streams * 3 > stream_bytes)
		return false;
	r->filter = p;
	r->events_at = p + 8 * (size_t)r->n_words;
	r->streams_at = r->events_at + 4 * (((size_t)1 << r->event_bits) + 1);
	r->terms_at = r->streams_at + 4 * (((size_t)1 << r->stream_bits) + 1);
	r->events = r->terms_at + 4 * (((size_t)1 << r->term_bits) + 1);
	r->streams = r->events + event_bytes;
	r->terms = r->streams + stream_bytes;
	r->end = bytes + size;
	return true;
}

bool run_checksum_ok(const struct run *r)
{
	return hash64_without(r->bytes, r->size, AT_CHECKSUM) == get64(r->bytes + AT_CHECKSUM);
}

/* A bucket's bytes. */
struct range {
	const uint8_t *p, *end;
};

static bool bucket_range(const uint8_t *at, const uint8_t *body, const uint8_t *body_end, uint64_t bucket, struct range *out)
{
	uint32_t from = get32(at + 4 * bucket), to = get32(at + 4 * bucket + 4);

	if (from > to || to > (size_t)(body_end - body))
		return false;
	out->p = body + from;
	out->end = body + to;
	return true;
}

const uint8_t *run_event_bucket(const struct run *r, uint64_t hash, size_t *size)
{
	struct range b;

	if (!bucket_range(r->events_at, r->events, r->streams, hash >> (64 - r->event_bits), &b)) {
		*size = 0;
		return r->events;
	}
	*size = (size_t)(b.end - b.p);
	return b.p;
}

/* The first entry of a bucket, from the i-th of n on, that may be the hash's; n when there is none. */
static size_t next_candidate(const struct run *r, const uint8_t *bucket, size_t i, size_t n, uint64_t hash)
{
	unsigned width = fragment_bytes(r->event_bits);
	uint32_t fragment = fragment_of(hash, r->event_bits);

	while (i < n && get_fragment(bucket + i * width, width) != fragment)
		i++;
	return i;
}

static size_t bucket_count(const struct run *r, size_t size)
{
	return size / (fragment_bytes(r->event_bits) + POSITION_BYTES);
}

bool run_bucket_has(const struct run *r, const uint8_t *bucket, size_t size, uint64_t hash)
{
	size_t n = bucket_count(r, size);

	return next_candidate(r, bucket, 0, n, hash) < n;
}

size_t run_find_event(const struct run *r, uint64_t hash, uint32_t *positions, size_t cap)
{
	size_t size, n, found = 0;
	const uint8_t *bucket = run_event_bucket(r, hash, &size), *at;

	n = bucket_count(r, size);
	at = bucket + n * fragment_bytes(r->event_bits);
	for (size_t i = next_candidate(r, bucket, 0, n, hash); i < n && found < cap; i = next_candidate(r, bucket, i + 1, n, hash))
		positions[found++] = get24(at + i * POSITION_BYTES);
	return found;
}

/* Read the stream at p. Returns what follows, NULL when damaged. */
static const uint8_t *get_stream(const uint8_t *p, const uint8_t *end, struct run_stream *s)
{
	uint64_t v;

	*s = (struct run_stream){0};
	if ((p = get_varint(p, end, &v)) == NULL || v >> 1 > (uint64_t)(end - p) || ((v & 1) && v >> 1 != 16))
		return NULL;
	s->id = (struct text){.kind = v & 1 ? TEXT_UUID : TEXT_STRING, .size = (uint32_t)(v >> 1), .bytes = p};
	p += v >> 1;
	if ((p = get_varint(p, end, &v)) == NULL || (v > 0 && v - 1 > (uint64_t)(end - p)))
		return NULL;
	if (v > 0) {
		s->type = (const char *)p;
		s->type_size = (uint32_t)(v - 1);
		p += v - 1;
	}
	return get_varint(p, end, &s->revision);
}

bool run_find_streams(const struct run *r, const struct text *id, uint64_t aggregate,
                      void (*each)(void *context, const struct run_stream *s), void *context)
{
	struct run_stream s;
	struct range b;

	if (!bucket_range(r->streams_at, r->streams, r->terms, aggregate >> (64 - r->stream_bits), &b))
		return false;
	while (b.p < b.end) {
		if ((b.p = get_stream(b.p, b.end, &s)) == NULL)
			return false;
		if (view_text_same(&s.id, id)) {
			s.aggregate = aggregate;
			each(context, &s);
		}
	}
	return true;
}

/* A term bucket's parts. */
struct term_bucket {
	const uint8_t *singles, *heads, *lists, *end;
	size_t n_singles, n_lists;
};

static bool term_bucket(const struct run *r, uint64_t bucket, struct term_bucket *t)
{
	unsigned width = fragment_bytes(r->term_bits);
	uint64_t singles, lists;
	struct range b;
	const uint8_t *p;

	if (!bucket_range(r->terms_at, r->terms, r->end, bucket, &b))
		return false;
	*t = (struct term_bucket){.end = b.end};
	if (b.p == b.end)
		return true;
	if ((p = get_varint(b.p, b.end, &singles)) == NULL || (p = get_varint(p, b.end, &lists)) == NULL)
		return false;
	if (singles > (uint64_t)(b.end - p) / (width + POSITION_BYTES))
		return false;
	t->singles = p;
	t->n_singles = singles;
	t->heads = p + singles * (width + POSITION_BYTES);
	if (lists > (uint64_t)(b.end - t->heads) / (width + 4))
		return false;
	t->n_lists = lists;
	t->lists = t->heads + lists * (width + 4);
	return true;
}

/* The head of a term's list: its count, and where its positions begin. NULL when damaged. */
static const uint8_t *list_at(const struct term_bucket *t, const uint8_t *head, unsigned width, uint64_t *n)
{
	uint32_t offset = get32(head + width);
	const uint8_t *p;

	if (offset > (size_t)(t->end - t->lists))
		return NULL;
	p = get_varint(t->lists + offset, t->end, n);
	return p != NULL && *n <= (uint64_t)(t->end - p) ? p : NULL;
}

/* Call for every position of a term; false when damaged or the callee had enough. */
static bool term_each(const struct run *r, uint64_t hash, bool (*each)(void *, uint32_t), void *context, uint64_t *count)
{
	unsigned width = fragment_bytes(r->term_bits);
	uint32_t fragment = fragment_of(hash, r->term_bits);
	struct term_bucket t;

	*count = 0;
	if (!term_bucket(r, hash >> (64 - r->term_bits), &t))
		return false;
	for (size_t i = 0; i < t.n_lists; i++) {
		const uint8_t *head = t.heads + i * (width + 4), *p;
		uint64_t n, delta, position = 0;
		if (get_fragment(head, width) != fragment)
			continue;
		if ((p = list_at(&t, head, width, &n)) == NULL)
			return false;
		*count += n;
		for (uint64_t k = 0; each != NULL && k < n; k++) {
			if ((p = get_varint(p, t.end, &delta)) == NULL || delta >= r->count)
				return false;
			position += delta;
			if (position >= r->count || !each(context, (uint32_t)position))
				return false;
		}
		return true; /* a term is a list or singles, never both */
	}
	for (size_t i = 0; i < t.n_singles; i++) {
		const uint8_t *p = t.singles + i * (width + POSITION_BYTES);
		if (get_fragment(p, width) != fragment)
			continue;
		++*count;
		if (each != NULL && (get24(p + width) >= r->count || !each(context, get24(p + width))))
			return false;
	}
	return true;
}

uint32_t run_term_count(const struct run *r, uint64_t hash)
{
	uint64_t n;

	return term_each(r, hash, NULL, NULL, &n) ? (uint32_t)n : UINT32_MAX;
}

struct collect {
	uint32_t *positions;
	size_t n, cap;
};

static bool collect(void *context, uint32_t position)
{
	struct collect *c = context;

	if (c->n > 0 && c->positions[c->n - 1] == position)
		return true; /* a tag may be there twice */
	if (c->n == c->cap)
		return false;
	c->positions[c->n++] = position;
	return true;
}

size_t run_term(const struct run *r, uint64_t hash, uint32_t *positions, size_t cap)
{
	struct collect c = {positions, 0, cap};
	uint64_t count;

	if (!term_each(r, hash, collect, &c, &count) && c.n < cap)
		return SIZE_MAX;
	return c.n;
}

/* ---- everything of a bucket, for merging and checking ---- */

static bool add_entry(struct run_entry **entries, size_t *n, size_t *cap, uint64_t hash, uint64_t position)
{
	if (!array_grow(entries, cap, *n, sizeof **entries))
		return false;
	(*entries)[(*n)++] = (struct run_entry){hash, (uint32_t)position};
	return true;
}

int run_dump_events(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d)
{
	unsigned width = fragment_bytes(r->event_bits);
	struct range b;
	size_t n;

	if (!bucket_range(r->events_at, r->events, r->streams, bucket, &b))
		return EVS_CORRUPT;
	n = (size_t)(b.end - b.p) / (width + POSITION_BYTES);
	for (size_t i = 0; i < n; i++) {
		uint64_t hash = hash_of(bucket, get_fragment(b.p + i * width, width), r->event_bits);
		uint32_t position = get24(b.p + n * width + i * POSITION_BYTES);
		if (position >= r->count)
			return EVS_CORRUPT;
		if (!add_entry(&d->events, &d->n_events, &d->events_cap, hash, position + shift))
			return EVS_NOMEM;
	}
	return EVS_OK;
}

static int dump_lists(const struct run *r, const struct term_bucket *t, uint64_t bucket, uint32_t shift, struct run_dump *d)
{
	unsigned width = fragment_bytes(r->term_bits);
	size_t left = (size_t)(t->end - t->lists); /* every position takes a byte: lists do not share them */

	for (size_t i = 0; i < t->n_lists; i++) {
		const uint8_t *head = t->heads + i * (width + 4), *p;
		uint64_t hash = hash_of(bucket, get_fragment(head, width), r->term_bits), n, delta, position = 0;
		if ((p = list_at(t, head, width, &n)) == NULL || n > left)
			return EVS_CORRUPT;
		left -= n;
		for (uint64_t k = 0; k < n; k++) {
			if ((p = get_varint(p, t->end, &delta)) == NULL || delta >= r->count || (position += delta) >= r->count)
				return EVS_CORRUPT;
			if (!add_entry(&d->terms, &d->n_terms, &d->terms_cap, hash, position + shift))
				return EVS_NOMEM;
		}
	}
	return EVS_OK;
}

int run_dump_terms(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d)
{
	unsigned width = fragment_bytes(r->term_bits);
	struct term_bucket t;

	if (!term_bucket(r, bucket, &t))
		return EVS_CORRUPT;
	for (size_t i = 0; i < t.n_singles; i++) {
		const uint8_t *p = t.singles + i * (width + POSITION_BYTES);
		uint64_t hash = hash_of(bucket, get_fragment(p, width), r->term_bits);
		if (get24(p + width) >= r->count)
			return EVS_CORRUPT;
		if (!add_entry(&d->terms, &d->n_terms, &d->terms_cap, hash, get24(p + width) + shift))
			return EVS_NOMEM;
	}
	return dump_lists(r, &t, bucket, shift, d);
}

int run_dump_streams(const struct run *r, uint64_t bucket, struct run_dump *d)
{
	struct range b;

	if (!bucket_range(r->streams_at, r->streams, r->terms, bucket, &b))
		return EVS_CORRUPT;
	while (b.p < b.end) {
		if (!array_grow(&d->streams, &d->streams_cap, d->n_streams, sizeof *d->streams))
			return EVS_NOMEM;
		if ((b.p = get_stream(b.p, b.end, &d->streams[d->n_streams])) == NULL)
			return EVS_CORRUPT;
		d->n_streams++;
	}
	return EVS_OK;
}

int run_dump(const struct run *r, struct run_dump *out)
{
	int status = EVS_OK;

	*out = (struct run_dump){0};
	for (uint64_t b = 0; status == EVS_OK && b < UINT64_C(1) << r->event_bits; b++)
		status = run_dump_events(r, b, 0, out);
	for (uint64_t b = 0; status == EVS_OK && b < UINT64_C(1) << r->term_bits; b++)
		status = run_dump_terms(r, b, 0, out);
	for (uint64_t b = 0; status == EVS_OK && b < UINT64_C(1) << r->stream_bits; b++)
		status = run_dump_streams(r, b, out);
	return status;
}

void run_dump_free(struct run_dump *d)
{
	free(d->events);
	free(d->terms);
	free(d->streams);
	*d = (struct run_dump){0};
}
