#include <stdlib.h>

#include "base/hash.h"
#include "store/segment_format.h"

enum {
	FRAME_BYTES = 16 << 10, /* a frame is closed when it has so many, unpacked */
	RECORD_HEAD = 5 * VARINT_MAX,
};

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
