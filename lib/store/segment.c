#include "store/segment.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "evs.h"

/* The directory's head; evs-store(5). */
enum {
	AT_VERSION = 0, AT_DICT = 1, AT_COUNT = 4, AT_FRAMES = 8, AT_FIRST = 16, AT_MIN_MOMENT = 24, AT_MAX_MOMENT = 32,
	AT_MIN_RECORDED = 40, AT_MAX_RECORDED = 48, AT_CHECKSUM = 56, HEAD_BYTES = 64,
	FRAME_ENTRY = 12, UUID_CHECK = 8, VERSION = 1,
	FRAME_BYTES = 16 << 10,     /* a frame is closed when it has so many, unpacked */
	RECORD_HEAD = 5 * VARINT_MAX,
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

/* Sort slots that are few or nearly in order. */
static void insertion_sort(struct slot *slots, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct slot x = slots[i];
		size_t k = i;
		for (; k > 0 && by_key(&slots[k - 1], &x) > 0; k--)
			slots[k] = slots[k - 1];
		slots[k] = x;
	}
}

/* Sort by (key, index): into heaps by the key's highest byte, then each heap. */
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
		if (!sorted && end - from <= 48)
			insertion_sort(to + from, end - from);
		else if (!sorted)
			qsort(to + from, end - from, sizeof *to, by_key);
	}
	memcpy(slots, to, n * sizeof *to);
	free(to);
	return true;
}

/* A frame being filled: the UUIDs of its events, and the records without them. */
struct frame {
	struct buf uuids, records;
};

/*
 * One record: index, size, revision, time since the segment's first recordedAt, how many UUIDs, the distances
 * between them, and the packed event without them.
 */
static void put_record(struct frame *f, const struct segment_item *item, uint32_t index, int64_t min_recorded)
{
	const struct record *r = &item->record;
	struct buf *out = &f->records;
	uint32_t from = 0;
	uint8_t *p;

	if (!buf_room(out, RECORD_HEAD + (size_t)item->n_uuids * VARINT_MAX + r->size) || !buf_room(&f->uuids, (size_t)item->n_uuids * 16))
		return;
	p = out->data + out->size;
	p = put_varint(p, index);
	p = put_varint(p, r->size);
	p = put_varint(p, r->revision);
	p = put_varint(p, (uint64_t)(r->recorded_us - min_recorded));
	p = put_varint(p, item->n_uuids);
	for (uint32_t i = 0; i < item->n_uuids; i++) {
		p = put_varint(p, item->uuids[i] - from);
		memcpy(f->uuids.data + f->uuids.size, r->body + item->uuids[i], 16);
		f->uuids.size += 16;
		from = item->uuids[i] + 16;
	}
	from = 0;
	for (uint32_t i = 0; i < item->n_uuids; i++) {
		memcpy(p, r->body + from, item->uuids[i] - from);
		p += item->uuids[i] - from;
		from = item->uuids[i] + 16;
	}
	memcpy(p, r->body + from, r->size - from);
	out->size = (size_t)(p + r->size - from - out->data);
}

/* Begin a frame's records with room for the checksum of its UUIDs. */
static bool begin_frame(struct frame *f)
{
	f->uuids.size = 0;
	f->records.size = 0;
	if (!buf_room(&f->records, FRAME_BYTES) || f->records.failed)
		return false;
	f->records.size = UUID_CHECK;
	return true;
}

/* Put UUIDs and compressed records behind body, and note the frame in the table. */
static bool put_frame(struct zip *zip, const struct zip_dict *dict, struct frame *f, struct buf *body, struct buf *table)
{
	struct buf *raw = &f->records;
	uint8_t entry[FRAME_ENTRY];
	size_t size;

	put64(raw->data, hash64(f->uuids.data, f->uuids.size, 0));
	buf_put(body, f->uuids.data, f->uuids.size);
	if (raw->failed || f->uuids.failed || !buf_room(body, zip_bound(raw->size)))
		return false;
	size = zip_pack(zip, dict, raw->data, raw->size, body->data + body->size, body->cap - body->size);
	if (size == 0)
		return false;
	body->size += size;
	if (body->size > UINT32_MAX || raw->size > UINT32_MAX)
		return false;
	put32(entry, (uint32_t)body->size);
	put32(entry + 4, (uint32_t)raw->size);
	put32(entry + 8, (uint32_t)(f->uuids.size / 16));
	buf_put(table, entry, sizeof entry);
	return !table->failed && begin_frame(f);
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
	struct buf body = {0}, table = {0};
	struct frame frame = {0};
	uint8_t head[HEAD_BYTES];
	bool ok = slots != NULL && frame_of != NULL && begin_frame(&frame);

	for (size_t i = 0; ok && i < n; i++)
		slots[i] = (struct slot){items[i].stream, (uint32_t)i};
	ok = ok && sort_slots(slots, n);
	for (size_t i = 0; ok && i < n; i++) {
		const struct segment_item *item = &items[slots[i].index];
		put_record(&frame, item, slots[i].index, items[0].record.recorded_us);
		put16(frame_of + 2 * (size_t)slots[i].index, (uint16_t)(table.size / FRAME_ENTRY));
		if (frame.records.size >= FRAME_BYTES || i + 1 == n)
			ok = put_frame(zip, dict, &frame, &body, &table);
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
	buf_free(&frame.uuids);
	buf_free(&frame.records);
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
	s->fill = NULL;
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
	return hash64_without(s->bytes, (size_t)(s->body - s->bytes), AT_CHECKSUM) == get64(s->bytes + AT_CHECKSUM);
}

void segment_events_free(struct segment_events *e)
{
	free(e->records);
	buf_free(&e->bytes);
	buf_free(&e->raw);
	*e = (struct segment_events){0};
}

/* Where a frame lies and what it holds. */
struct frame_entry {
	const uint8_t *uuids, *packed;
	uint32_t packed_size, raw_size, n_uuids;
};

static bool frame_at(const struct segment *s, uint32_t f, struct frame_entry *out)
{
	const uint8_t *entry = s->frames + (size_t)f * FRAME_ENTRY;
	uint32_t from = f == 0 ? 0 : get32(entry - FRAME_ENTRY), to = get32(entry);

	out->raw_size = get32(entry + 4);
	out->n_uuids = get32(entry + 8);
	/* A packed event has PARSE_PACKED_MAX bytes at most; a frame has one that crosses its bound. */
	if (from > to || to > s->body_size || (to - from) / 16 < out->n_uuids || out->raw_size > 3 * EVS_LINE_MAX ||
	    out->raw_size < UUID_CHECK)
		return false;
	out->uuids = s->body + from;
	out->packed = out->uuids + (size_t)out->n_uuids * 16;
	out->packed_size = to - from - out->n_uuids * 16;
	return true;
}

/* What is left to read of a frame. */
struct frame_rest {
	const uint8_t *p, *end;         /* records */
	const uint8_t *uuids, *uuids_end;
};

enum { COPY_ROOM = 16 };

/* Copy n bytes, mostly few of them; up to COPY_ROOM more may be read and written. */
static inline void copy_few(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n > 2 * COPY_ROOM) {
		memcpy(to, from, n);
		return;
	}
	memcpy(to, from, COPY_ROOM);
	if (n > COPY_ROOM)
		memcpy(to + COPY_ROOM, from + COPY_ROOM, COPY_ROOM);
}

/* Put a packed event together again at o, which has room for `size` bytes. False when damaged. */
static bool join(struct frame_rest *f, uint64_t n_uuids, uint64_t size, uint8_t *o)
{
	const uint8_t *distances = f->p, *body, *end = f->end;
	uint8_t *o_end = o + size;
	uint64_t distance;

	if (n_uuids > (uint64_t)(f->uuids_end - f->uuids) / 16 || n_uuids > (uint64_t)(end - f->p))
		return false;
	for (uint64_t i = 0; i < n_uuids; i++)
		if ((f->p = get_varint(f->p, end, &distance)) == NULL)
			return false;
	body = f->p;
	for (uint64_t i = 0; i < n_uuids; i++) {
		distances = get_varint(distances, end, &distance);
		if (distance > (uint64_t)(end - body) || (uint64_t)(o_end - o) < 16 || distance > (uint64_t)(o_end - o) - 16)
			return false;
		copy_few(o, body, distance); /* the UUID takes what is written behind it */
		memcpy(o + distance, f->uuids, 16);
		o += distance + 16;
		body += distance;
		f->uuids += 16;
	}
	if (o_end - o > end - body)
		return false;
	memcpy(o, body, (size_t)(o_end - o));
	f->p = body + (o_end - o);
	return true;
}

/* Step over a packed event that nobody asked for. */
static bool pass_record(struct frame_rest *f, uint64_t n_uuids, uint64_t size)
{
	uint64_t unused;

	if (n_uuids > (uint64_t)(f->uuids_end - f->uuids) / 16 || size < n_uuids * 16)
		return false;
	for (uint64_t i = 0; i < n_uuids; i++)
		if ((f->p = get_varint(f->p, f->end, &unused)) == NULL)
			return false;
	if (size - n_uuids * 16 > (uint64_t)(f->end - f->p))
		return false;
	f->p += size - n_uuids * 16;
	f->uuids += n_uuids * 16;
	return true;
}

/* Where the record of an index belongs; its index is marked, where not all are wanted. */
static size_t place_of(const struct segment_events *e, uint32_t index)
{
	size_t low = 0, high = e->n;

	if (e->wanted == NULL)
		return index;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (e->wanted[middle] <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Read the next record of a frame into e; its bytes go behind e->bytes, which has room for the frame. */
static bool next_record(const struct segment *s, struct frame_rest *f, struct segment_events *e)
{
	uint64_t index, size, revision, delta, n_uuids;
	struct record *r;

	if ((f->p = get_varint(f->p, f->end, &index)) == NULL || (f->p = get_varint(f->p, f->end, &size)) == NULL ||
	    (f->p = get_varint(f->p, f->end, &revision)) == NULL || (f->p = get_varint(f->p, f->end, &delta)) == NULL ||
	    (f->p = get_varint(f->p, f->end, &n_uuids)) == NULL)
		return false;
	if (index >= s->count)
		return false;
	if (e->marks != NULL && !e->marks[index])
		return pass_record(f, n_uuids, size);
	r = &e->records[place_of(e, (uint32_t)index)];
	if (size > e->bytes.cap - e->bytes.size - RENDER_PAD || r->body != NULL || !join(f, n_uuids, size, e->bytes.data + e->bytes.size))
		return false;
	r->position = s->first + index;
	r->revision = revision;
	r->recorded_us = (int64_t)((uint64_t)s->min_recorded + delta);
	r->body = e->bytes.data + e->bytes.size;
	r->size = (uint32_t)size;
	e->bytes.size += size;
	return true;
}

/* Unpack a frame's records into e->records, by index. */
static int read_frame(const struct segment *s, const struct frame_entry *entry, struct zip *zip, const struct zip_dict *dict,
                      struct segment_events *e)
{
	struct frame_rest rest;

	e->raw.size = 0;
	if (!buf_room(&e->raw, entry->raw_size + COPY_ROOM))
		return EVS_NOMEM;
	if (!zip_unpack(zip, dict, entry->packed, entry->packed_size, e->raw.data, entry->raw_size))
		return EVS_CORRUPT;
	if (get64(e->raw.data) != hash64(entry->uuids, (size_t)entry->n_uuids * 16, 0))
		return EVS_CORRUPT;
	rest = (struct frame_rest){e->raw.data + UUID_CHECK, e->raw.data + entry->raw_size, entry->uuids,
	                           entry->uuids + (size_t)entry->n_uuids * 16};
	while (rest.p < rest.end)
		if (!next_record(s, &rest, e))
			return EVS_CORRUPT;
	return rest.uuids == rest.uuids_end ? EVS_OK : EVS_CORRUPT;
}

/* Mark the wanted indexes, and behind those marks the frames that hold them. EVS_OK, EVS_NOMEM; EVS_CORRUPT: they do not ascend, or are not there. */
static int mark_wanted(const struct segment *s, const uint32_t *wanted, size_t n_wanted, struct segment_events *e)
{
	e->marks = calloc((size_t)s->count + s->n_frames, 1);
	if (e->marks == NULL)
		return EVS_NOMEM;
	for (size_t i = 0; i < n_wanted; i++) {
		uint16_t f = wanted[i] < s->count ? get16(s->frame_of + 2 * (size_t)wanted[i]) : UINT16_MAX;
		if (f >= s->n_frames || (i > 0 && wanted[i - 1] >= wanted[i]))
			return EVS_CORRUPT;
		e->marks[wanted[i]] = e->marks[s->count + f] = 1;
	}
	return EVS_OK;
}

/* Room for n records of the marked frames (NULL: all), so that nothing moves while they are read. */
static int make_room(const struct segment *s, size_t n, struct segment_events *e, uint32_t *bad)
{
	const uint8_t *marks = e->marks == NULL ? NULL : e->marks + s->count;
	struct frame_entry entry = {0};
	size_t bytes = RENDER_PAD;

	for (uint32_t f = 0; f < s->n_frames; f++) {
		if (marks != NULL && !marks[f])
			continue;
		if (!frame_at(s, f, &entry)) {
			if (bad != NULL)
				*bad = f;
			return EVS_CORRUPT;
		}
		bytes += entry.raw_size + (size_t)entry.n_uuids * 16;
		/* A segment is closed by the event that crosses SEGMENT_BYTES: more than one of the largest is not in it. */
		if (bytes > 3 * EVS_LINE_MAX + SEGMENT_BYTES) {
			if (bad != NULL)
				*bad = f;
			return EVS_CORRUPT;
		}
	}
	if (e->cap < n) {
		free(e->records); /* no page of it is worth a copy */
		e->records = malloc(n * sizeof *e->records);
		e->cap = e->records == NULL ? 0 : n;
		if (e->records == NULL)
			return EVS_NOMEM;
	}
	memset(e->records, 0, n * sizeof *e->records);
	e->bytes.size = 0;
	return buf_room(&e->bytes, bytes) ? EVS_OK : EVS_NOMEM;
}

/* Have the bytes of the marked frames there (NULL: of all), those of neighbours at once. */
static int fill_frames(const struct segment *s, const uint8_t *marks)
{
	struct frame_entry entry = {0};
	size_t from = 0, to = 0;
	int status = EVS_OK;

	if (s->fill == NULL)
		return EVS_OK;
	for (uint32_t f = 0; f < s->n_frames && status == EVS_OK; f++) {
		if (marks != NULL && !marks[f])
			continue;
		frame_at(s, f, &entry);
		if (entry.uuids != s->bytes + to) {
			status = from == to ? EVS_OK : s->fill(s->source, from, to);
			from = (size_t)(entry.uuids - s->bytes);
		}
		to = (size_t)(entry.packed + entry.packed_size - s->bytes);
	}
	return status != EVS_OK || from == to ? status : s->fill(s->source, from, to);
}

int segment_read(const struct segment *s, struct zip *zip, const struct zip_dict *dict, const uint32_t *wanted,
                 size_t n_wanted, struct segment_events *e, uint32_t *bad)
{
	struct frame_entry entry = {0};
	int status = EVS_OK;

	e->marks = NULL;
	e->wanted = wanted;
	e->n = 0;
	if (wanted != NULL)
		status = mark_wanted(s, wanted, n_wanted, e);
	if (status == EVS_OK) {
		e->n = wanted == NULL ? s->count : n_wanted;
		status = make_room(s, e->n, e, bad);
	}
	if (status == EVS_OK)
		status = fill_frames(s, e->marks == NULL ? NULL : e->marks + s->count);
	for (uint32_t f = 0; f < s->n_frames && status == EVS_OK; f++) {
		if (e->marks != NULL && !e->marks[s->count + f])
			continue;
		frame_at(s, f, &entry);
		status = read_frame(s, &entry, zip, dict, e);
		if (status != EVS_OK && bad != NULL)
			*bad = f;
	}
	free(e->marks);
	e->marks = NULL;
	e->wanted = NULL;
	for (size_t i = 0; i < e->n && status == EVS_OK; i++)
		if (e->records[i].body == NULL)
			status = EVS_CORRUPT;
	if (status != EVS_OK)
		e->n = 0;
	return status;
}

/* ---- what is damaged ---- */

size_t segment_size(const uint8_t *bytes, size_t size)
{
	struct frame_entry last;
	struct segment s;

	if (!segment_open(&s, bytes, size) || !frame_at(&s, s.n_frames - 1, &last))
		return 0;
	return (size_t)(last.packed + last.packed_size - bytes);
}

bool segment_mend(uint8_t *bytes, size_t size, struct zip *zip, const struct zip_dict *dict, struct segment_events *e)
{
	uint8_t *frame_of, *done = NULL;
	struct frame_entry entry;
	struct segment s;
	bool ok;

	e->marks = NULL;
	e->wanted = NULL;
	ok = segment_open(&s, bytes, size) && make_room(&s, s.count, e, NULL) == EVS_OK && (done = calloc(s.count, 1)) != NULL;
	for (uint32_t f = 0; ok && f < s.n_frames; f++) {
		frame_at(&s, f, &entry);
		ok = read_frame(&s, &entry, zip, dict, e) == EVS_OK;
		frame_of = bytes + (s.frame_of - bytes);
		for (uint32_t i = 0; ok && i < s.count; i++) {
			if (done[i] || e->records[i].body == NULL)
				continue;
			done[i] = 1;
			put16(frame_of + 2 * (size_t)i, (uint16_t)f);
		}
	}
	free(done);
	return ok && segment_checksum_ok(&s);
}
