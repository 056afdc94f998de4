#include <stdlib.h>

#include "base/hash.h"
#include "event/parse_parts.h"
#include "event/render.h"

enum { MISSING_SLOTS = 4096 }; /* names remembered as missing between two parse_missing_clear */

const struct buf *parse_missing(const struct parser *p)
{
	return &p->missing;
}

void parse_missing_clear(struct parser *p)
{
	p->missing.size = 0;
	if (p->n_missing > 0)
		memset(p->missing_seen, 0, MISSING_SLOTS * sizeof *p->missing_seen);
	p->n_missing = 0;
}

void pack_note_missing(struct parser *p, const char *text, size_t size)
{
	uint64_t h = hash64(text, size, 1) | 1;
	unsigned i = (unsigned)h >> 1 & (MISSING_SLOTS - 1);

	if (!name_may_add(p->names, size) || p->n_missing >= MISSING_SLOTS / 2)
		return;
	if (p->missing_seen == NULL && (p->missing_seen = calloc(MISSING_SLOTS, sizeof *p->missing_seen)) == NULL) {
		p->no_memory = true;
		return;
	}
	for (; p->missing_seen[i] != 0; i = (i + 1) & (MISSING_SLOTS - 1))
		if (p->missing_seen[i] == h)
			return;
	p->missing_seen[i] = h;
	p->n_missing++;
	buf_byte(&p->missing, (uint8_t)size);
	buf_put(&p->missing, text, size);
}

void pack_uuid(struct parser *p, uint8_t **o, const uint8_t uuid[16])
{
	packed_put_uuid(o, uuid);
	if (!array_grow(&p->uuids, &p->uuids_cap, p->n_uuids, sizeof *p->uuids))
		p->no_memory = true;
	else
		p->uuids[p->n_uuids++] = (uint32_t)(*o - 16 - p->start);
}

bool pack_value(struct parser *p, uint8_t **o, yyjson_val *v, unsigned depth)
{
	size_t i, n;
	yyjson_val *key, *value;

	switch (unsafe_yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		pack_string(p, o, unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
		return true;
	case YYJSON_TYPE_RAW:
		packed_put_number(o, unsafe_yyjson_get_raw(v), unsafe_yyjson_get_len(v));
		return true;
	case YYJSON_TYPE_BOOL:
		*(*o)++ = unsafe_yyjson_get_bool(v) ? 0xc3 : 0xc2;
		return true;
	case YYJSON_TYPE_ARR:
		if (depth >= DEPTH_LIMIT)
			return false;
		packed_put_array(o, unsafe_yyjson_get_len(v));
		yyjson_arr_foreach(v, i, n, value) {
			if (!pack_value(p, o, value, depth + 1))
				return false;
		}
		return true;
	case YYJSON_TYPE_OBJ:
		if (depth >= DEPTH_LIMIT)
			return false;
		packed_put_map(o, unsafe_yyjson_get_len(v));
		yyjson_obj_foreach(v, i, n, key, value) {
			pack_key(p, o, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
			if (!pack_value(p, o, value, depth + 1))
				return false;
		}
		return true;
	default:
		*(*o)++ = 0xc0;
		return true;
	}
}

bool pack_field(struct parser *p, uint8_t **o, yyjson_val *v)
{
	uint8_t *start = *o, *body = start + 4;
	size_t size, before = p->n_uuids;

	if (!yyjson_is_ctn(v))
		return pack_value(p, o, v, 0);
	*o = body;
	if (!pack_value(p, o, v, 0))
		return false;
	size = (size_t)(*o - body);
	if (size <= UINT16_MAX) {
		start[0] = 0xc8;
		start[1] = (uint8_t)(size >> 8);
		start[2] = (uint8_t)size;
		start[3] = PACKED_DOCUMENT;
		return true;
	}
	memmove(start + 6, body, size);
	for (size_t i = before; i < p->n_uuids; i++)
		p->uuids[i] += 2;
	*o = start;
	packed_put_ext(o, size, PACKED_DOCUMENT);
	*o += size;
	return true;
}

int pack_type(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	int number = p->intern ? name_find(p->names, text, size) : -1;

	if (number >= 0) {
		packed_put_uint16(o, (uint16_t)number);
		return number;
	}
	if (p->intern)
		pack_note_missing(p, text, size);
	pack_string(p, o, text, size);
	return -1;
}
