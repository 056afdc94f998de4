#include "store/segment.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "evs.h"

/* The directory's head; evs-store(5). */
enum {
	AT_VERSION = 0, AT_DICT = 1, AT_COUNT = 4, AT_FRAMES = 8, AT_FIRST = 16, AT_MIN_MOMENT = 24, AT_MAX_MOMENT = 32,
	AT_MIN_RECORDED = 40, AT_MAX_RECORDED = 48, AT_CHECKSUM = 56, HEAD_BYTES = 64,
	FRAME_ENTRY = 8, VERSION = 1,
	FRAME_BYTES = 16 << 10,     /* a frame is closed when it has so many, unpacked */
	RECORD_HEAD = 4 * VARINT_MAX,
};

/* ---- build ---- */

struct slot {
	uint64_t key;
	uint32_t index;
};

static int by_key(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Sort by (key, index). Three passes of a byte each over a hash leave little for the comparing sort of each heap. */
static bool sort_slots(struct slot *slots, size_t n)
{
	uint32_t start[257] = {0};
	struct slot *to;

	if (n < 512) {
		qsort(slots, n, sizeof *slots, by_key);
		return true;
	}
	if ((to = malloc(n * sizeof *to)) == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		start[(slots[i].key >> 56) + 1]++;
	for (unsigned b = 0; b < 256; b++)
		start[b + 1] += start[b];
	for (size_t i = 0; i < n; i++)
		to[start[slots[i].key >> 56]++] = slots[i];
	/* Nearly all heaps are small; a stream with many events is in order already. */
	for (size_t from = 0, end; from < n; from = end) {
		bool sorted = true;
		for (end = from + 1; end < n && to[end].key >> 56 == to[from].key >> 56; end++)
			sorted &= to[end - 1].key <= to[end].key;
		if (!sorted)
			qsort(to + from, end - from, sizeof *to, by_key);
	}
	memcpy(slots, to, n * sizeof *to);
	free(to);
	return true;
}

/* One record: index, size, revision, time since the segment's first recordedAt, and the packed event. */
static void put_record(struct buf *out, const struct record *r, uint32_t index, int64_t min_recorded)
{
	uint8_t *p;

	if (!buf_room(out, RECORD_HEAD + r->size))
		return;
	p = out->data + out->size;
	p = put_varint(p, index);
	p = put_varint(p, r->size);
	p = put_varint(p, r->revision);
	p = put_varint(p, (uint64_t)(r->recorded_us - min_recorded));
	memcpy(p, r->body, r->size);
	out->size = (size_t)(p + r->size - out->data);
}

/* Compress one frame behind out and note it in the table. */
static bool put_frame(struct zip *zip, const struct zip_dict *dict, struct buf *raw, struct buf *body, struct buf *table)
{
	uint8_t entry[FRAME_ENTRY];
	size_t size;

	if (raw->failed || !buf_room(body, zip_bound(raw->size)))
		return false;
	size = zip_pack(zip, dict, raw->data, raw->size, body->data + body->size, body->cap - body->size);
	if (size == 0)
		return false;
	body->size += size;
	if (body->size > UINT32_MAX)
		return false;
	put32(entry, (uint32_t)body->size);
	put32(entry + 4, (uint32_t)raw->size);
	buf_put(table, entry, sizeof entry);
	raw->size = 0;
	return !table->failed;
}

static void put_head(uint8_t *head, const struct segment_item *items, size_t n, size_t n_frames, uint8_t dict_id)
{
	int64_t min = items[0].moment, max = min;

	for (size_t i = 1; i < n; i++) {
		min = items[i].moment < min ? items[i].moment : min;
		max = items[i].moment > max ? items[i].moment : max;
	}
	memset(head, 0, HEAD_BYTES);
	head[AT_VERSION] = VERSION;
	head[AT_DICT] = dict_id;
	put32(head + AT_COUNT, (uint32_t)n);
	put32(head + AT_FRAMES, (uint32_t)n_frames);
	put64(head + AT_FIRST, items[0].record.position);
	put64(head + AT_MIN_MOMENT, (uint64_t)min);
	put64(head + AT_MAX_MOMENT, (uint64_t)max);
	put64(head + AT_MIN_RECORDED, (uint64_t)items[0].record.recorded_us);
	put64(head + AT_MAX_RECORDED, (uint64_t)items[n - 1].record.recorded_us);
}

bool segment_build(struct zip *zip, const struct zip_dict *dict, uint8_t dict_id, const struct segment_item *items,
                   size_t n, struct buf *out)
{
	struct slot *slots = malloc(n * sizeof *slots);
	uint8_t *frame_of = malloc(n * 2);
	struct buf raw = {0}, body = {0}, table = {0};
	uint8_t head[HEAD_BYTES];
	bool ok = slots != NULL && frame_of != NULL;

	for (size_t i = 0; ok && i < n; i++)
		slots[i] = (struct slot){items[i].stream, (uint32_t)i};
	ok = ok && sort_slots(slots, n);
	for (size_t i = 0; ok && i < n; i++) {
		const struct segment_item *item = &items[slots[i].index];
		put_record(&raw, &item->record, slots[i].index, items[0].record.recorded_us);
		put16(frame_of + 2 * (size_t)slots[i].index, (uint16_t)(table.size / FRAME_ENTRY));
		if (raw.size >= FRAME_BYTES || i + 1 == n)
			ok = put_frame(zip, dict, &raw, &body, &table);
	}
	if (ok) {
		size_t start = out->size;
		put_head(head, items, n, table.size / FRAME_ENTRY, dict_id);
		buf_put(out, head, sizeof head);
		buf_put(out, table.data, table.size);
		buf_put(out, frame_of, n * 2);
		buf_put(out, body.data, body.size);
		ok = !out->failed;
		if (ok)
			put64(out->data + start + AT_CHECKSUM,
			      hash64(out->data + start, HEAD_BYTES + table.size + n * 2, 0));
	}
	buf_free(&table);
	buf_free(&body);
	buf_free(&raw);
	free(frame_of);
	free(slots);
	return ok;
}

/* ---- read ---- */

bool segment_open(struct segment *s, const uint8_t *bytes, size_t size)
{
	size_t tables;

	if (size < HEAD_BYTES || bytes[AT_VERSION] != VERSION)
		return false;
	s->bytes = bytes;
	s->size = size;
	s->dict_id = bytes[AT_DICT];
	s->count = get32(bytes + AT_COUNT);
	s->n_frames = get32(bytes + AT_FRAMES);
	s->first = get64(bytes + AT_FIRST);
	s->min_moment = (int64_t)get64(bytes + AT_MIN_MOMENT);
	s->max_moment = (int64_t)get64(bytes + AT_MAX_MOMENT);
	s->min_recorded = (int64_t)get64(bytes + AT_MIN_RECORDED);
	s->max_recorded = (int64_t)get64(bytes + AT_MAX_RECORDED);
	if (s->count == 0 || s->count > SEGMENT_EVENTS_MAX || s->n_frames == 0 || s->n_frames > s->count)
		return false;
	tables = (size_t)s->n_frames * FRAME_ENTRY + (size_t)s->count * 2;
	if (size - HEAD_BYTES < tables)
		return false;
	s->frames = bytes + HEAD_BYTES;
	s->frame_of = s->frames + (size_t)s->n_frames * FRAME_ENTRY;
	s->body = s->frame_of + (size_t)s->count * 2;
	s->body_size = size - HEAD_BYTES - tables;
	return true;
}

bool segment_checksum_ok(const struct segment *s)
{
	size_t size = (size_t)(s->body - s->bytes);
	uint8_t *copy = malloc(size);
	bool ok;

	if (copy == NULL)
		return false;
	memcpy(copy, s->bytes, size);
	put64(copy + AT_CHECKSUM, 0);
	ok = hash64(copy, size, 0) == get64(s->bytes + AT_CHECKSUM);
	free(copy);
	return ok;
}

void segment_events_free(struct segment_events *e)
{
	free(e->records);
	free(e->slots);
	buf_free(&e->bytes);
	*e = (struct segment_events){0};
}

/* Unpack frame f behind e->bytes. */
static int read_frame(const struct segment *s, uint32_t f, struct zip *zip, const struct zip_dict *dict, struct buf *out)
{
	uint32_t from = f == 0 ? 0 : get32(s->frames + (size_t)(f - 1) * FRAME_ENTRY);
	uint32_t to = get32(s->frames + (size_t)f * FRAME_ENTRY), size = get32(s->frames + (size_t)f * FRAME_ENTRY + 4);

	/* A record is at most one event of 16 MiB, which packs to twice that; a frame has one that crosses its bound. */
	if (from > to || to > s->body_size || size > 3 * EVS_LINE_MAX)
		return EVS_CORRUPT;
	if (!buf_room(out, size + RENDER_PAD))
		return EVS_NOMEM;
	if (!zip_unpack(zip, dict, s->body + from, to - from, out->data + out->size, size))
		return EVS_CORRUPT;
	out->size += size;
	return EVS_OK;
}

/* Mark the frames that hold wanted indexes. NULL: out of memory. */
static uint8_t *frames_wanted(const struct segment *s, const uint32_t *wanted, size_t n_wanted)
{
	uint8_t *marks = calloc(s->n_frames, 1);

	if (marks == NULL)
		return NULL;
	for (size_t i = 0; i < n_wanted; i++) {
		uint16_t f = wanted[i] < s->count ? get16(s->frame_of + 2 * (size_t)wanted[i]) : UINT16_MAX;
		if (f < s->n_frames)
			marks[f] = 1;
	}
	return marks;
}

/* Where each index's record begins in e->bytes, plus one; 0: not unpacked. */
static int find_records(const struct segment *s, struct segment_events *e)
{
	const uint8_t *p = e->bytes.data, *end = p + e->bytes.size;

	memset(e->slots, 0, s->count * sizeof *e->slots);
	while (p < end) {
		uint64_t index, size, skip;
		uint32_t at = (uint32_t)(p - e->bytes.data);
		if ((p = get_varint(p, end, &index)) == NULL || (p = get_varint(p, end, &size)) == NULL ||
		    (p = get_varint(p, end, &skip)) == NULL || (p = get_varint(p, end, &skip)) == NULL)
			return EVS_CORRUPT;
		if (index >= s->count || e->slots[index] != 0 || (uint64_t)(end - p) < size)
			return EVS_CORRUPT;
		e->slots[index] = at + 1;
		p += size;
	}
	return EVS_OK;
}

/* The record at e->slots[index]; it was walked over before. */
static void add_record(const struct segment *s, struct segment_events *e, uint32_t index)
{
	const uint8_t *p = e->bytes.data + e->slots[index] - 1, *end = e->bytes.data + e->bytes.size;
	struct record *r = &e->records[e->n++];
	uint64_t unused, size = 0, delta = 0;

	p = get_varint(p, end, &unused);
	p = get_varint(p, end, &size);
	p = get_varint(p, end, &r->revision);
	p = get_varint(p, end, &delta);
	r->position = s->first + index;
	r->recorded_us = (int64_t)((uint64_t)s->min_recorded + delta);
	r->body = p;
	r->size = (uint32_t)size;
}

static bool make_room(struct segment_events *e, size_t count)
{
	if (e->cap < count) {
		struct record *records = realloc(e->records, count * sizeof *records);
		if (records == NULL)
			return false;
		e->records = records;
		e->cap = count;
	}
	if (e->slots_cap < count) {
		uint32_t *slots = realloc(e->slots, count * sizeof *slots);
		if (slots == NULL)
			return false;
		e->slots = slots;
		e->slots_cap = count;
	}
	return true;
}

int segment_read(const struct segment *s, struct zip *zip, const struct zip_dict *dict, const uint32_t *wanted,
                 size_t n_wanted, struct segment_events *e, uint32_t *bad)
{
	uint8_t *marks = NULL;
	int status = EVS_OK;

	e->n = 0;
	e->bytes.size = 0;
	if (!make_room(e, s->count) || (wanted != NULL && (marks = frames_wanted(s, wanted, n_wanted)) == NULL))
		return EVS_NOMEM;
	for (uint32_t f = 0; f < s->n_frames && status == EVS_OK; f++) {
		if (marks != NULL && !marks[f])
			continue;
		status = read_frame(s, f, zip, dict, &e->bytes);
		if (status != EVS_OK && bad != NULL)
			*bad = f;
	}
	free(marks);
	if (status == EVS_OK)
		status = find_records(s, e);
	if (status != EVS_OK)
		return status;
	if (wanted == NULL) {
		for (uint32_t i = 0; i < s->count; i++) {
			if (e->slots[i] == 0)
				return EVS_CORRUPT;
			add_record(s, e, i);
		}
		return EVS_OK;
	}
	for (size_t i = 0; i < n_wanted; i++) {
		if (wanted[i] >= s->count || e->slots[wanted[i]] == 0)
			return EVS_CORRUPT;
		add_record(s, e, wanted[i]);
	}
	return EVS_OK;
}
