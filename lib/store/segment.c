#include "store/segment.h"

#include <stdlib.h>

#include "base/hash.h"
#include "evs.h"
#include "store/segment_format.h"

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
