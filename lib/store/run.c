#include "store/run.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "event/term.h"
#include "evs.h"

/* The head; evs-store(5). */
enum {
	AT_VERSION = 0, AT_EVENT_BITS = 1, AT_TERM_BITS = 2, AT_STREAM_BITS = 3, AT_COUNT = 4, AT_FIRST = 8, AT_EVENTS = 16,
	AT_TERMS = 20, AT_STREAMS = 24, AT_WORDS = 28, AT_EVENT_BYTES = 32, AT_STREAM_BYTES = 36, AT_TERM_BYTES = 40,
	AT_CHECKSUM = 48, HEAD_BYTES = 64, VERSION = 1,
	POSITION_BYTES = 3,
	FILTER_BITS = 12,    /* per key: with 4 bits set in one word some 1.5 % false alarms */
	BUCKET_ENTRIES = 64, /* on average at most */
	BITS_MIN = 8, BITS_MAX = 20,
	LIST_MIN = 3, /* a term with fewer positions has them one by one */
};

/* Bytes of a hash behind the bucket's bits. */
static unsigned fragment_bytes(unsigned bits)
{
	return (RUN_HASH_BITS - bits + 7) / 8;
}

/* The kept bits behind the bucket's. */
static uint32_t fragment_of(uint64_t hash, unsigned bits)
{
	return (uint32_t)(hash << bits >> (64 - RUN_HASH_BITS + bits));
}

static uint64_t hash_of(uint64_t bucket, uint32_t fragment, unsigned bits)
{
	return bucket << (64 - bits) | (uint64_t)fragment << (64 - RUN_HASH_BITS);
}

static void put_fragment(uint8_t *p, uint32_t fragment, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(fragment >> (8 * i));
}

static inline uint32_t get_fragment(const uint8_t *p, unsigned width)
{
	return width == 3 ? get24(p) : get32(p);
}

static unsigned bits_for(size_t n)
{
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && n >> bits > BUCKET_ENTRIES)
		bits++;
	return bits;
}

/* ---- the filter: a word a key, four bits in it (a register-blocked Bloom filter: Putze, Sanders, Singler 2007) ---- */

uint64_t run_mix(uint64_t hash)
{
	return hash_mix(hash >> (64 - RUN_HASH_BITS));
}

static uint64_t filter_bits(uint64_t mixed)
{
	return UINT64_C(1) << (mixed & 63) | UINT64_C(1) << (mixed >> 6 & 63) | UINT64_C(1) << (mixed >> 12 & 63) |
	       UINT64_C(1) << (mixed >> 18 & 63);
}

bool run_may_have(const struct run *r, uint64_t mixed)
{
	uint64_t bits = filter_bits(mixed);

	return (get64(run_word(r, mixed)) & bits) == bits;
}

/* ---- sorting by hash; equal hashes keep their order ---- */

static void insertion_sort(struct run_entry *e, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct run_entry x = e[i];
		size_t j = i;
		for (; j > 0 && e[j - 1].hash > x.hash; j--)
			e[j] = e[j - 1];
		e[j] = x;
	}
}

static void merge_halves(struct run_entry *e, size_t mid, size_t n, struct run_entry *scratch)
{
	size_t i = 0, j = mid, k = 0;

	if (e[mid - 1].hash <= e[mid].hash)
		return;
	memcpy(scratch, e, mid * sizeof *e);
	while (i < mid && j < n)
		e[k++] = e[j].hash < scratch[i].hash ? e[j++] : scratch[i++];
	memcpy(e + k, scratch + i, (mid - i) * sizeof *e);
}

static void stable_sort(struct run_entry *e, size_t n, struct run_entry *scratch)
{
	if (n <= 24) {
		insertion_sort(e, n);
		return;
	}
	stable_sort(e, n / 2, scratch);
	stable_sort(e + n / 2, n - n / 2, scratch);
	merge_halves(e, n / 2, n, scratch);
}

/* ---- writing ---- */

/* A section being written: buckets in order. */
struct section {
	unsigned bits;
	struct buf at, body; /* where each bucket begins; the buckets */
	uint64_t bucket;     /* the next to begin */
};

struct writer {
	struct section events, terms, streams;
	struct buf filter;
	uint32_t n_words;
	size_t n_events, n_terms, n_streams;
	struct buf lists; /* scratch: the positions of a bucket's long terms */
	struct buf singles, heads;
};

static bool section_init(struct section *s, size_t n)
{
	s->bits = bits_for(n);
	return buf_room(&s->at, ((size_t)4 << s->bits) + 4);
}

/* Begin buckets up to and including b. */
static void section_begin(struct section *s, uint64_t b)
{
	for (; s->bucket <= b; s->bucket++) {
		put32(s->at.data + s->at.size, (uint32_t)s->body.size);
		s->at.size += 4;
	}
}

static void filter_add(struct writer *w, uint64_t hash)
{
	uint64_t mixed = run_mix(hash);
	uint8_t *word = w->filter.data + 8 * (size_t)(((unsigned __int128)mixed * w->n_words) >> 64);

	put64(word, get64(word) | filter_bits(mixed));
}

static bool writer_init(struct writer *w, size_t n_events, size_t n_terms, size_t n_streams)
{
	size_t words = ((n_events + n_streams) * FILTER_BITS + 63) / 64 + 1;

	if (!section_init(&w->events, n_events) || !section_init(&w->terms, n_terms) || !section_init(&w->streams, n_streams * 4) ||
	    !buf_room(&w->filter, words * 8))
		return false;
	w->n_words = (uint32_t)words;
	memset(w->filter.data, 0, words * 8);
	w->filter.size = words * 8;
	return true;
}

static void writer_free(struct writer *w)
{
	struct buf *all[] = {&w->events.at, &w->events.body, &w->terms.at,  &w->terms.body, &w->streams.at, &w->streams.body,
	                     &w->filter,    &w->lists,       &w->singles, &w->heads};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
}

/* The end of the bucket that begins at e[from]. */
static size_t bucket_end(const struct run_entry *e, size_t from, size_t n, unsigned bits)
{
	uint64_t bucket = e[from].hash >> (64 - bits);
	size_t to = from + 1;

	while (to < n && e[to].hash >> (64 - bits) == bucket)
		to++;
	return to;
}

/* Events: the fragments of a bucket, then their positions. e is sorted. */
static void put_events(struct writer *w, const struct run_entry *e, size_t n)
{
	struct section *s = &w->events;
	unsigned width = fragment_bytes(s->bits);

	for (size_t from = 0, to; from < n; from = to) {
		uint8_t *p, *q;
		to = bucket_end(e, from, n, s->bits);
		section_begin(s, e[from].hash >> (64 - s->bits));
		if (!buf_room(&s->body, (to - from) * (width + POSITION_BYTES) + 4))
			return;
		p = s->body.data + s->body.size;
		q = p + (to - from) * width;
		for (size_t i = from; i < to; i++) {
			put_fragment(p, fragment_of(e[i].hash, s->bits), width);
			put24(q, e[i].position);
			filter_add(w, e[i].hash);
			p += width;
			q += POSITION_BYTES;
		}
		s->body.size = (size_t)(q - s->body.data);
	}
	w->n_events += n;
}

/* The positions of one term. */
static void put_list(struct writer *w, const struct run_entry *e, size_t n, unsigned bits)
{
	unsigned width = fragment_bytes(bits);
	uint8_t head[8], *p;
	uint32_t before = 0;

	put_fragment(head, fragment_of(e->hash, bits), width);
	put32(head + width, (uint32_t)w->lists.size);
	buf_put(&w->heads, head, width + 4);
	if (!buf_room(&w->lists, (n + 1) * 5))
		return;
	p = put_varint(w->lists.data + w->lists.size, n);
	for (size_t i = 0; i < n; i++) {
		p = put_varint(p, e[i].position - before);
		before = e[i].position;
	}
	w->lists.size = (size_t)(p - w->lists.data);
}

/*
 * Terms of one bucket: how many singles and lists, singles (fragment, position), list heads (fragment, offset
 * into the lists), lists (count, position, distances).
 */
static void put_term_bucket(struct writer *w, const struct run_entry *e, size_t n)
{
	struct section *s = &w->terms;
	unsigned width = fragment_bytes(s->bits);
	uint8_t counts[2 * VARINT_MAX], *p;

	w->singles.size = w->heads.size = w->lists.size = 0;
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && e[to].hash == e[from].hash; to++)
			;
		if (to - from >= LIST_MIN) {
			put_list(w, e + from, to - from, s->bits);
			continue;
		}
		for (size_t i = from; i < to; i++) {
			uint8_t single[8];
			put_fragment(single, fragment_of(e[i].hash, s->bits), width);
			put24(single + width, e[i].position);
			buf_put(&w->singles, single, width + POSITION_BYTES);
		}
	}
	p = put_varint(counts, w->singles.size / (width + POSITION_BYTES));
	p = put_varint(p, w->heads.size / (width + 4));
	buf_put(&s->body, counts, (size_t)(p - counts));
	buf_put(&s->body, w->singles.data, w->singles.size);
	buf_put(&s->body, w->heads.data, w->heads.size);
	buf_put(&s->body, w->lists.data, w->lists.size);
}

/* e is sorted. */
static void put_terms(struct writer *w, const struct run_entry *e, size_t n)
{
	for (size_t from = 0, to; from < n; from = to) {
		to = bucket_end(e, from, n, w->terms.bits);
		section_begin(&w->terms, e[from].hash >> (64 - w->terms.bits));
		put_term_bucket(w, e + from, to - from);
	}
	w->n_terms += n;
}

static int by_aggregate(const void *a, const void *b)
{
	uint64_t x = ((const struct run_stream *)a)->aggregate, y = ((const struct run_stream *)b)->aggregate;

	return x < y ? -1 : x > y;
}

static void sort_streams(struct run_stream *streams, size_t n)
{
	if (n > 0)
		qsort(streams, n, sizeof *streams, by_aggregate);
}

/* Streams: names and revisions, one behind another. streams is sorted by aggregate. */
static void put_streams(struct writer *w, const struct run_stream *streams, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct run_stream *x = &streams[i];
		struct buf *body = &w->streams.body;
		uint8_t *p;
		section_begin(&w->streams, x->aggregate >> (64 - w->streams.bits));
		if (!buf_room(body, 3 * VARINT_MAX + x->id.size + x->type_size))
			return;
		p = put_varint(body->data + body->size, (uint64_t)x->id.size << 1 | (x->id.kind == TEXT_UUID));
		memcpy(p, x->id.bytes, x->id.size);
		p = put_varint(p + x->id.size, x->type == NULL ? 0 : (uint64_t)x->type_size + 1);
		if (x->type != NULL)
			memcpy(p, x->type, x->type_size);
		p = put_varint(p + x->type_size, x->revision);
		body->size = (size_t)(p - body->data);
		filter_add(w, x->aggregate);
	}
	w->n_streams += n;
}

static bool section_end(struct section *s)
{
	section_begin(s, (UINT64_C(1) << s->bits));
	return !s->body.failed && s->body.size <= UINT32_MAX;
}

/* Put the parts together behind out. */
static bool writer_finish(struct writer *w, uint64_t first, uint32_t count, struct buf *out)
{
	size_t start = out->size;
	uint8_t head[HEAD_BYTES] = {0};

	if (!section_end(&w->events) || !section_end(&w->terms) || !section_end(&w->streams) || w->lists.failed ||
	    w->singles.failed || w->heads.failed)
		return false;
	head[AT_VERSION] = VERSION;
	head[AT_EVENT_BITS] = (uint8_t)w->events.bits;
	head[AT_TERM_BITS] = (uint8_t)w->terms.bits;
	head[AT_STREAM_BITS] = (uint8_t)w->streams.bits;
	put32(head + AT_COUNT, count);
	put64(head + AT_FIRST, first);
	put32(head + AT_EVENTS, (uint32_t)w->n_events);
	put32(head + AT_TERMS, (uint32_t)w->n_terms);
	put32(head + AT_STREAMS, (uint32_t)w->n_streams);
	put32(head + AT_WORDS, w->n_words);
	put32(head + AT_EVENT_BYTES, (uint32_t)w->events.body.size);
	put32(head + AT_STREAM_BYTES, (uint32_t)w->streams.body.size);
	put32(head + AT_TERM_BYTES, (uint32_t)w->terms.body.size);
	buf_put(out, head, sizeof head);
	buf_put(out, w->filter.data, w->filter.size);
	buf_put(out, w->events.at.data, w->events.at.size);
	buf_put(out, w->streams.at.data, w->streams.at.size);
	buf_put(out, w->terms.at.data, w->terms.at.size);
	buf_put(out, w->events.body.data, w->events.body.size);
	buf_put(out, w->streams.body.data, w->streams.body.size);
	buf_put(out, w->terms.body.data, w->terms.body.size);
	if (out->failed)
		return false;
	put64(out->data + start + AT_CHECKSUM, hash64(out->data + start, out->size - start, 0));
	return true;
}

/* Sort entries by hash, those of equal hash by position: first into heaps by their highest bits, then each heap. */
static bool sort_entries(struct run_entry *e, size_t n)
{
	unsigned bits = 1;
	uint32_t *start;
	struct run_entry *to;

	for (size_t i = 0; i < n; i++)
		e[i].hash = RUN_HASH_KEPT(e[i].hash);
	while (bits < 16 && n >> bits > 24)
		bits++;
	start = calloc((UINT64_C(1) << bits) + 1, sizeof *start);
	to = malloc((n + 1) * sizeof *to);
	if (start == NULL || to == NULL) {
		free(start);
		free(to);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		start[(e[i].hash >> (64 - bits)) + 1]++;
	for (size_t b = 0; b < UINT64_C(1) << bits; b++)
		start[b + 1] += start[b];
	for (size_t i = 0; i < n; i++) {
		to[start[e[i].hash >> (64 - bits)]] = e[i];
		start[e[i].hash >> (64 - bits)]++;
	}
	/* start[b] is now the end of heap b; e serves as scratch. */
	for (size_t b = 0, from = 0; b < UINT64_C(1) << bits; b++) {
		stable_sort(to + from, start[b] - from, e);
		from = start[b];
	}
	memcpy(e, to, n * sizeof *e);
	free(start);
	free(to);
	return true;
}

struct run_build {
	struct run_input in;
	struct writer w;
	bool events_ok, terms_ok;
};

struct run_build *run_build_new(const struct run_input *in)
{
	struct run_build *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->in = *in;
	if (!writer_init(&b->w, in->n_events, in->n_terms, in->n_streams)) {
		writer_free(&b->w);
		free(b);
		return NULL;
	}
	return b;
}

void run_build_events(struct run_build *b)
{
	b->events_ok = sort_entries(b->in.events, b->in.n_events);
	if (b->events_ok)
		put_events(&b->w, b->in.events, b->in.n_events);
}

void run_build_terms(struct run_build *b)
{
	b->terms_ok = sort_entries(b->in.terms, b->in.n_terms);
	if (b->terms_ok)
		put_terms(&b->w, b->in.terms, b->in.n_terms);
}

bool run_build_finish(struct run_build *b, struct buf *out)
{
	bool ok = b->events_ok && b->terms_ok;

	if (ok) {
		sort_streams(b->in.streams, b->in.n_streams);
		put_streams(&b->w, b->in.streams, b->in.n_streams);
		ok = writer_finish(&b->w, b->in.first, b->in.count, out);
	}
	writer_free(&b->w);
	free(b);
	return ok;
}

/* ---- reading ---- */

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

size_t run_find_event(const struct run *r, uint64_t hash, uint32_t *positions, size_t cap)
{
	unsigned width = fragment_bytes(r->event_bits);
	uint32_t fragment = fragment_of(hash, r->event_bits);
	struct range b;
	size_t n, found = 0;

	if (!bucket_range(r->events_at, r->events, r->streams, hash >> (64 - r->event_bits), &b))
		return 0;
	n = (size_t)(b.end - b.p) / (width + POSITION_BYTES);
	for (size_t i = 0; i < n && found < cap; i++)
		if (get_fragment(b.p + i * width, width) == fragment)
			positions[found++] = get24(b.p + n * width + i * POSITION_BYTES);
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

/* ---- everything of some buckets, for merging and checking ---- */

static bool add_entry(struct run_entry **entries, size_t *n, size_t *cap, uint64_t hash, uint64_t position)
{
	if (!array_grow(entries, cap, *n, sizeof **entries))
		return false;
	(*entries)[(*n)++] = (struct run_entry){hash, (uint32_t)position};
	return true;
}

static int dump_events(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d)
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

static int dump_terms(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d)
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

static int dump_streams(const struct run *r, uint64_t bucket, struct run_dump *d)
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
		status = dump_events(r, b, 0, out);
	for (uint64_t b = 0; status == EVS_OK && b < UINT64_C(1) << r->term_bits; b++)
		status = dump_terms(r, b, 0, out);
	for (uint64_t b = 0; status == EVS_OK && b < UINT64_C(1) << r->stream_bits; b++)
		status = dump_streams(r, b, out);
	return status;
}

void run_dump_free(struct run_dump *d)
{
	free(d->events);
	free(d->terms);
	free(d->streams);
	*d = (struct run_dump){0};
}

/* ---- merging ---- */

enum part { PART_EVENTS, PART_TERMS, PART_STREAMS };

static unsigned part_bits(const struct run *r, enum part part)
{
	return part == PART_EVENTS ? r->event_bits : part == PART_TERMS ? r->term_bits : r->stream_bits;
}

/* Gather what run r has under a prefix that is no longer than its buckets' bits. */
static int gather(const struct run *r, enum part part, uint64_t prefix, unsigned prefix_bits, uint32_t shift, struct run_dump *d)
{
	unsigned more = part_bits(r, part) - prefix_bits;
	int status = EVS_OK;

	for (uint64_t b = prefix << more; b < (prefix + 1) << more && status == EVS_OK; b++) {
		if (part == PART_EVENTS)
			status = dump_events(r, b, shift, d);
		else if (part == PART_TERMS)
			status = dump_terms(r, b, shift, d);
		else
			status = dump_streams(r, b, d);
	}
	return status;
}

/* Of each stream the newest revision; streams come oldest run first. Sorted by aggregate, kept in place. */
static void newest_streams(struct run_dump *d, uint64_t seed)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_streams; i++)
		d->streams[i].aggregate = term_hash(seed, TERM_AGGREGATE, &d->streams[i].id, NULL);
	sort_streams(d->streams, d->n_streams);
	for (size_t i = 0; i < d->n_streams; i++) {
		struct run_stream *s = &d->streams[i], *same = NULL;
		for (size_t k = n; k-- > 0 && d->streams[k].aggregate == s->aggregate && same == NULL;) {
			struct run_stream *t = &d->streams[k];
			if (view_text_same(&t->id, &s->id) && (t->type == NULL) == (s->type == NULL) && t->type_size == s->type_size &&
			    memcmp(t->type == NULL ? "" : t->type, s->type == NULL ? "" : s->type, s->type_size) == 0)
				same = t;
		}
		if (same == NULL)
			d->streams[n++] = *s;
		else if (same->revision < s->revision)
			same->revision = s->revision;
	}
	d->n_streams = n;
}

/* Merge one part, prefix by prefix. */
static int merge_part(const struct run *runs, size_t n, enum part part, uint64_t seed, struct writer *w)
{
	struct run_dump d = {0};
	struct run_entry *scratch = NULL;
	size_t scratch_cap = 0;
	unsigned bits = BITS_MAX;
	int status = EVS_OK;

	for (size_t i = 0; i < n; i++)
		bits = part_bits(&runs[i], part) < bits ? part_bits(&runs[i], part) : bits;
	for (uint64_t prefix = 0; prefix < UINT64_C(1) << bits && status == EVS_OK; prefix++) {
		size_t entries;
		d.n_events = d.n_terms = d.n_streams = 0;
		for (size_t i = 0; i < n && status == EVS_OK; i++)
			status = gather(&runs[i], part, prefix, bits, (uint32_t)(runs[i].first - runs[0].first), &d);
		entries = d.n_events + d.n_terms;
		if (status == EVS_OK && entries > scratch_cap) {
			free(scratch);
			scratch_cap = entries * 2;
			scratch = malloc(scratch_cap * sizeof *scratch);
			if (scratch == NULL)
				status = EVS_NOMEM;
		}
		if (status != EVS_OK)
			break;
		if (part == PART_EVENTS) {
			stable_sort(d.events, d.n_events, scratch);
			put_events(w, d.events, d.n_events);
		} else if (part == PART_TERMS) {
			stable_sort(d.terms, d.n_terms, scratch);
			put_terms(w, d.terms, d.n_terms);
		} else {
			newest_streams(&d, seed);
			put_streams(w, d.streams, d.n_streams);
		}
	}
	free(scratch);
	run_dump_free(&d);
	return status;
}

int run_merge(const struct run *runs, size_t n, uint64_t seed, struct buf *out)
{
	size_t n_events = 0, n_terms = 0, n_streams = 0;
	const struct run *last = &runs[n - 1];
	struct writer w = {0};
	int status = EVS_OK;

	for (size_t i = 0; i < n; i++) {
		n_events += runs[i].n_events;
		n_terms += runs[i].n_terms;
		n_streams += runs[i].n_streams;
	}
	if (!writer_init(&w, n_events, n_terms, n_streams))
		status = EVS_NOMEM;
	for (enum part part = PART_EVENTS; part <= PART_STREAMS && status == EVS_OK; part++)
		status = merge_part(runs, n, part, seed, &w);
	if (status == EVS_OK && !writer_finish(&w, runs[0].first, (uint32_t)(last->first + last->count - runs[0].first), out))
		status = EVS_NOMEM;
	writer_free(&w);
	return status;
}
