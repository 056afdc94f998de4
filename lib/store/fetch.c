#include "store/fetch.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

enum {
	DIRECTORY_USUAL = 12 << 10,      /* bytes that one of a usual segment has at the most: more are a second read */
	SEGMENT_MOST = 4 * EVS_LINE_MAX, /* bytes: one that is not damaged has less (segment_read) */
};

void fetch_release(struct fetch *f)
{
	segment_events_free(&f->events);
	zip_free(f->zip);
	buf_free(&f->bytes.copy);
	buf_free(&f->tail);
	*f = (struct fetch){.store = f->store};
}

struct fetch *fetch_new(struct evs_store *store)
{
	struct fetch *f = calloc(1, sizeof *f);

	if (f != NULL)
		f->store = store;
	return f;
}

void fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	fetch_release(f);
	free(f);
}

void fetch_forget(struct fetch *f)
{
	f->count = 0;
	f->asked = f->broken = 0;
}

/* The checksum of a record: of all that follows it. */
static uint32_t tail_check(const uint8_t *bytes, size_t size)
{
	return (uint32_t)hash64(bytes, size, 0);
}

void fetch_encode_tail(struct buf *out, const struct record *r)
{
	uint8_t head[VARINT_MAX + 8], *p = put_varint(head, r->revision);
	size_t start = out->size;

	put64(p, (uint64_t)r->recorded_us);
	buf_put(out, "\0\0\0", 4);
	buf_put(out, head, (size_t)(p + 8 - head));
	buf_put(out, r->body, r->size);
	if (!out->failed)
		put32(out->data + start, tail_check(out->data + start + 4, out->size - start - 4));
}

bool fetch_decode_tail(struct kv_bytes value, uint64_t position, struct record *r)
{
	const uint8_t *end = value.data + value.size, *p;

	if (value.size < 4 || get32(value.data) != tail_check(value.data + 4, value.size - 4))
		return false;
	p = get_varint(value.data + 4, end, &r->revision);
	if (p == NULL || end - p < 8 || (uint64_t)(end - p) > UINT32_MAX)
		return false;
	r->position = position;
	r->recorded_us = (int64_t)get64(p);
	r->body = p + 8;
	r->size = (uint32_t)(end - p - 8);
	return true;
}

static int from_tail(struct fetch *f, struct kv_txn *txn, uint64_t position, struct record *r, struct evs_error *err)
{
	struct store_key key = store_key(position);
	struct kv_bytes value;
	int status = kv_get(txn, KV_TAIL, key.bytes, sizeof key.bytes, &value, err);

	if (status != EVS_OK)
		return status;
	f->tail.size = 0;
	if (!buf_room(&f->tail, value.size + RENDER_PAD))
		return error_nomem(err);
	buf_put(&f->tail, value.data, value.size);
	if (!fetch_decode_tail((struct kv_bytes){f->tail.data, f->tail.size}, position, r))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	return EVS_OK;
}

/* ---- segments ---- */

static int fill(void *source, size_t from, size_t to)
{
	struct segment_bytes *b = source;

	return kv_peek(b->txn, b->value + from, to - from, b->copy.data + from, b->err);
}

/* Read the directory of a segment. */
static int read_directory(struct segment_bytes *b, struct kv_bytes value, struct segment *segment)
{
	size_t few = value.size < DIRECTORY_USUAL ? value.size : DIRECTORY_USUAL, all;
	int status;

	if (value.size > SEGMENT_MOST)
		return EVS_CORRUPT;
	b->value = value.data;
	if (b->copy.cap < value.size)
		buf_free(&b->copy); /* no page of it is worth a copy */
	if (!buf_room(&b->copy, value.size))
		return error_nomem(b->err);
	status = fill(b, 0, few);
	if (status != EVS_OK)
		return status;
	if (!segment_open(segment, b->copy.data, value.size))
		return EVS_CORRUPT;
	all = (size_t)(segment->body - segment->bytes);
	segment->fill = fill;
	segment->source = b;
	return all > few ? fill(b, few, all) : EVS_OK;
}

int fetch_segment(struct segment_bytes *bytes, struct kv_txn *txn, uint64_t position, struct segment *segment,
                  struct evs_error *err)
{
	struct store_key wanted = store_key(position);
	struct kv_bytes key = {wanted.bytes, sizeof wanted.bytes}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_SEGMENT, &c, err);

	if (status != EVS_OK)
		return status;
	bytes->txn = txn;
	bytes->err = err;
	status = kv_move(c, KV_AT_OR_BEFORE, &key, &value, err);
	if (status == EVS_OK) {
		status = read_directory(bytes, value, segment);
		if (status == EVS_OK && (key.size != 8 || segment->first != get64be(key.data) || !segment_checksum_ok(segment)))
			status = EVS_CORRUPT;
		if (status == EVS_CORRUPT)
			error_set(err, EVS_CORRUPT, 0, "the segment before position %llu is damaged", (unsigned long long)position);
	}
	if (status == EVS_OK && position - segment->first >= segment->count)
		status = EVS_END;
	kv_cursor_close(c);
	return status;
}

int fetch_record(struct fetch *f, struct kv_txn *txn, uint64_t position, struct record *r, struct evs_error *err)
{
	struct segment segment;
	const struct zip_dict *dict;
	uint32_t index;
	bool whole;
	int status;

	if (f->count > 0 && position - f->first < f->count) {
		*r = f->events.records[position - f->first];
		return EVS_OK;
	}
	status = from_tail(f, txn, position, r, err);
	if (status != EVS_END)
		return status;
	status = fetch_segment(&f->bytes, txn, position, &segment, err);
	if (status != EVS_OK)
		return status;
	if (f->zip == NULL && (f->zip = zip_new()) == NULL)
		return error_nomem(err);
	dict = store_dict(f->store, txn, segment.dict_id, false, err);
	if (dict == NULL)
		return EVS_CORRUPT;
	/* One event is in one frame; who asks twice gets the whole segment. */
	whole = f->asked == segment.first && f->broken != segment.first;
	f->asked = segment.first;
	f->count = 0;
	index = (uint32_t)(position - segment.first);
	status = segment_read(&segment, f->zip, dict, whole ? NULL : &index, 1, &f->events, NULL);
	if (status == EVS_CORRUPT && whole) {
		whole = false; /* its own frame may be sound */
		f->broken = segment.first;
		status = segment_read(&segment, f->zip, dict, &index, 1, &f->events, NULL);
	}
	if (status == EVS_NOMEM)
		return error_nomem(err);
	if (status == EVS_IO)
		return status;
	if (status != EVS_OK)
		return error_set(err, EVS_CORRUPT, 0, "the segment of position %llu is damaged", (unsigned long long)position);
	if (whole) {
		f->first = segment.first;
		f->count = segment.count;
	}
	*r = f->events.records[whole ? index : 0];
	return EVS_OK;
}
