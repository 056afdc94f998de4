#include "store/run_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/run_format.h"

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

void run_sort(struct run_entry *e, size_t n, struct run_entry *scratch)
{
	if (n <= 24) {
		insertion_sort(e, n);
		return;
	}
	run_sort(e, n / 2, scratch);
	run_sort(e + n / 2, n - n / 2, scratch);
	merge_halves(e, n / 2, n, scratch);
}

/* ---- parts ---- */

static unsigned bits_for(size_t n)
{
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && n >> bits > BUCKET_ENTRIES)
		bits++;
	return bits;
}

static bool section_init(struct run_section *s, size_t n, size_t bytes)
{
	s->bits = bits_for(n);
	return buf_room(&s->at, ((size_t)4 << s->bits) + 4) && buf_room(&s->body, bytes);
}

/* Begin buckets up to and including b. */
static void section_begin(struct run_section *s, uint64_t b)
{
	for (; s->bucket <= b; s->bucket++) {
		put32(s->at.data + s->at.size, (uint32_t)s->body.size);
		s->at.size += 4;
	}
}

static void filter_add(struct run_writer *w, uint64_t hash)
{
	uint64_t mixed = run_mix(hash);
	uint8_t *word = w->filter.data + 8 * (size_t)(((unsigned __int128)mixed * w->n_words) >> 64);

	put64(word, get64(word) | run_filter_bits(mixed));
}

bool run_writer_init(struct run_writer *w, const struct run_sizes *most)
{
	size_t keys = most->n_events + most->n_streams;
	size_t words = (keys * (keys < FILTER_LARGE ? FILTER_BITS : FILTER_BITS_LARGE) + 63) / 64 + 1;

	if (!section_init(&w->events, most->n_events, most->event_bytes) || !section_init(&w->terms, most->n_terms, most->term_bytes) ||
	    !section_init(&w->streams, most->n_streams * 4, most->stream_bytes) || !buf_room(&w->filter, words * 8))
		return false;
	w->n_words = (uint32_t)words;
	memset(w->filter.data, 0, words * 8);
	w->filter.size = words * 8;
	return true;
}

void run_writer_free(struct run_writer *w)
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
void run_put_events(struct run_writer *w, const struct run_entry *e, size_t n)
{
	struct run_section *s = &w->events;
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
static void put_list(struct run_writer *w, const struct run_entry *e, size_t n, unsigned bits)
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
static void put_term_bucket(struct run_writer *w, const struct run_entry *e, size_t n)
{
	struct run_section *s = &w->terms;
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
void run_put_terms(struct run_writer *w, const struct run_entry *e, size_t n)
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

void run_sort_streams(struct run_stream *streams, size_t n)
{
	if (n > 0)
		qsort(streams, n, sizeof *streams, by_aggregate);
}

/* Streams: names and revisions, one behind another. streams is sorted by aggregate. */
void run_put_streams(struct run_writer *w, const struct run_stream *streams, size_t n)
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

static bool section_end(struct run_section *s)
{
	section_begin(s, (UINT64_C(1) << s->bits));
	return !s->body.failed && s->body.size <= UINT32_MAX;
}

bool run_writer_finish(struct run_writer *w, uint64_t first, uint32_t count, struct buf *out)
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
