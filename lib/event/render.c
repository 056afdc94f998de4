#include "event/render.h"

#include <math.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/id.h"
#include "base/moment.h"
#include "event/packed.h"
#include "event/view.h"

static const char hex_digits[] = "0123456789abcdef";

/* Write one byte that JSON wants escaped. */
static uint8_t *put_escape(uint8_t *o, uint8_t c)
{
	static const char short_form[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	*o++ = '\\';
	if (c >= 0x20) {
		*o++ = c;
	} else if (short_form[c] != 0) {
		*o++ = (uint8_t)short_form[c];
	} else {
		memcpy(o, "u00", 3);
		o[3] = (uint8_t)hex_digits[c >> 4];
		o[4] = (uint8_t)hex_digits[c & 15];
		o += 5;
	}
	return o;
}

static bool wants_escape(uint8_t c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Escape n bytes, one at a time. */
static uint8_t *put_slowly(uint8_t *o, const uint8_t *s, size_t n)
{
	for (; n > 0; n--, s++) {
		if (wants_escape(*s))
			o = put_escape(o, *s);
		else
			*o++ = *s;
	}
	return o;
}

#ifdef __SSE2__

/* A bit for each of the 16 bytes at s that wants an escape; the bytes go to o as they are. */
static inline unsigned copy16(uint8_t *o, const uint8_t *s)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));

	_mm_storeu_si128((__m128i *)(void *)o, v);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}

#else

static inline unsigned copy16(uint8_t *o, const uint8_t *s)
{
	unsigned mask = 0;

	memcpy(o, s, 16);
	for (unsigned i = 0; i < 16; i++)
		mask |= (unsigned)wants_escape(s[i]) << i;
	return mask;
}

#endif

/* Escape n bytes, RENDER_PAD readable behind them; o has room for 6n + 16. */
static inline uint8_t *put_escaped(uint8_t *o, const uint8_t *s, size_t n)
{
	for (; n >= 16; n -= 16, s += 16) {
		if (copy16(o, s) == 0)
			o += 16;
		else
			o = put_slowly(o, s, 16);
	}
	if (n == 0)
		return o;
	if ((copy16(o, s) & ((1u << n) - 1)) == 0)
		return o + n;
	return put_slowly(o, s, n);
}

/* An unsigned number in decimal; at most 20 bytes. */
static uint8_t *put_decimal(uint8_t *o, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	                            "8081828384858687888990919293949596979899";
	uint8_t digits[20], *d = digits + 20;

	while (v >= 100) {
		d -= 2;
		memcpy(d, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		d -= 2;
		memcpy(d, pairs + 2 * v, 2);
	} else {
		*--d = (uint8_t)('0' + v);
	}
	memcpy(o, d, (size_t)(digits + 20 - d));
	return o + (digits + 20 - d);
}

void render_string(struct buf *out, const uint8_t *text, size_t size)
{
	if (size > SIZE_MAX / 8 || !buf_room(out, 6 * size + 2))
		return;
	out->data[out->size++] = '"';
	out->size = (size_t)(put_slowly(out->data + out->size, text, size) - out->data);
	out->data[out->size++] = '"';
}

/* A string of a packed event. */
static inline bool string_out(struct buf *out, const uint8_t *s, size_t n)
{
	uint8_t *o;

	if (!buf_room(out, 6 * n + 32))
		return false;
	o = out->data + out->size;
	*o++ = '"';
	o = put_escaped(o, s, n);
	*o++ = '"';
	out->size = (size_t)(o - out->data);
	return true;
}

/* Copy n bytes in blocks of 16: both sides have room for the rest of the last block. */
static inline void copy_blocks(uint8_t *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i += 16)
		memcpy(o + i, s + i, 16);
}

/* A scalar; false for a container, malformed bytes or no memory. */
static inline bool scalar_out(struct buf *out, const struct packed *v)
{
	uint8_t *o;

	if (v->kind == PACKED_STRING)
		return string_out(out, v->bytes, v->size);
	if (!buf_room(out, UUID_TEXT + 32 + (v->kind == PACKED_DIGITS ? v->size : 0)))
		return false;
	o = out->data + out->size;
	switch (v->kind) {
	case PACKED_NULL:
		memcpy(o, "null", 4);
		out->size += 4;
		return true;
	case PACKED_FALSE:
		memcpy(o, "false", 5);
		out->size += 5;
		return true;
	case PACKED_TRUE:
		memcpy(o, "true", 4);
		out->size += 4;
		return true;
	case PACKED_INT:
		*o++ = '-';
		o = put_decimal(o, 0 - v->number);
		break;
	case PACKED_UINT:
		o = put_decimal(o, v->number);
		break;
	case PACKED_DIGITS:
		memcpy(o, v->bytes, v->size);
		o += v->size;
		break;
	case PACKED_UUID16:
		*o++ = '"';
		uuid_format(v->bytes, (char *)o);
		o += UUID_TEXT;
		*o++ = '"';
		break;
	default:
		return false;
	}
	out->size = (size_t)(o - out->data);
	return true;
}

/* A key and its colon. */
static inline const uint8_t *key_out(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end,
                                     uint64_t *number)
{
	struct packed key = {0};

	p = packed_read(p, end, &key);
	*number = NAME_LIMIT;
	if (key.kind == PACKED_UINT) {
		const struct name *n = name_get(names, key.number);
		if (n == NULL || !buf_room(out, n->json_size + NAME_PAD))
			return NULL;
		copy_blocks(out->data + out->size, n->json, n->json_size);
		out->size += n->json_size;
		*number = key.number;
		return p;
	}
	if ((key.kind != PACKED_STRING && key.kind != PACKED_UUID16) || !scalar_out(out, &key))
		return NULL;
	buf_byte(out, ':');
	return p;
}

static const uint8_t *value_out(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end,
                                unsigned depth);

/* The elements of an array or map, with its brackets. */
static const uint8_t *container_out(struct buf *out, const struct names *names, const struct packed *v, const uint8_t *p,
                                    const uint8_t *end, unsigned depth)
{
	bool map = v->kind == PACKED_MAP;
	uint64_t unused;

	if (depth > DEPTH_LIMIT)
		return NULL;
	buf_byte(out, map ? '{' : '[');
	for (uint32_t i = 0; i < v->size; i++) {
		if (i > 0)
			buf_byte(out, ',');
		if (map && (p = key_out(out, names, p, end, &unused)) == NULL)
			return NULL;
		if ((p = value_out(out, names, p, end, depth)) == NULL)
			return NULL;
	}
	buf_byte(out, map ? '}' : ']');
	return p;
}

static const uint8_t *value_out(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end,
                                unsigned depth)
{
	struct packed v = {0};

	p = packed_read(p, end, &v);
	if (v.kind == PACKED_ARRAY || v.kind == PACKED_MAP)
		return container_out(out, names, &v, p, end, depth + 1);
	if (v.kind == PACKED_DOC)
		return depth == 0 && value_out(out, names, v.bytes, v.bytes + v.size, 0) == v.bytes + v.size ? p : NULL;
	return scalar_out(out, &v) ? p : NULL;
}

const uint8_t *render_value(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end)
{
	return value_out(out, names, p, end, 0);
}

/* An event or aggregate type that is interned. */
static bool type_out(struct buf *out, const struct names *names, uint64_t number)
{
	const struct name *n = name_get(names, number);

	if (n == NULL || !buf_room(out, n->json_size + NAME_PAD))
		return false;
	copy_blocks(out->data + out->size, n->json, n->json_size);
	out->size += n->json_size - 1; /* the colon belongs to keys */
	return true;
}

/* All fields, the closing brace left out. */
static bool open_fields(struct buf *out, const struct names *names, const uint8_t *body, size_t size)
{
	const uint8_t *end = body + size, *p;
	struct packed v = {0};
	uint64_t key;
	uint32_t n;

	p = packed_read(body, end, &v);
	if (v.kind != PACKED_MAP)
		return false;
	n = v.size;
	buf_byte(out, '{');
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buf_byte(out, ',');
		if ((p = key_out(out, names, p, end, &key)) == NULL)
			return false;
		if (key == NAME_EVENT_TYPE || key == NAME_AGGREGATE_TYPE) {
			const uint8_t *after = packed_read(p, end, &v);
			if (v.kind == PACKED_UINT) {
				if (!type_out(out, names, v.number))
					return false;
				p = after;
				continue;
			}
		}
		if ((p = value_out(out, names, p, end, 0)) == NULL)
			return false;
	}
	return p == end;
}

bool render_fields(struct buf *out, const struct names *names, const uint8_t *body, size_t size)
{
	if (!open_fields(out, names, body, size))
		return false;
	buf_byte(out, '}');
	return !out->failed;
}

bool render_event(struct buf *out, const struct names *names, const struct record *r)
{
	uint8_t *o;

	if (!open_fields(out, names, r->body, r->size) || !buf_room(out, 160))
		return false;
	o = out->data + out->size;
	memcpy(o, ",\"position\":", 12);
	o = put_decimal(o + 12, r->position);
	if (r->revision != 0) {
		memcpy(o, ",\"revision\":", 12);
		o = put_decimal(o + 12, r->revision);
	}
	memcpy(o, ",\"recordedAt\":\"", 15);
	moment_format_us(r->recorded_us, (char *)o + 15);
	o += 15 + MOMENT_TEXT;
	memcpy(o, "\"}\n", 3);
	out->size = (size_t)(o + 3 - out->data);
	return !out->failed;
}

bool render_data(struct buf *out, const struct names *names, const struct record *r)
{
	struct view v;

	if (!view_open(&v, r->body, r->size))
		return false;
	if (v.data == NULL)
		buf_text(out, "null");
	else if (value_out(out, names, v.data, v.data_end, 0) == NULL)
		return false;
	buf_byte(out, '\n');
	return !out->failed;
}

/* ---- pretty ---- */

static void new_line(struct buf *out, unsigned depth)
{
	buf_byte(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_put(out, "  ", 2);
}

/* The end of the JSON string or scalar at p. */
static const uint8_t *token_end(const uint8_t *p, const uint8_t *end)
{
	if (*p != '"') {
		while (p < end && memchr(",]}", *p, 3) == NULL)
			p++;
		return p;
	}
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

void render_pretty(struct buf *out, const uint8_t *json, size_t size, bool colour)
{
	const uint8_t *p = json, *end = json + size;
	unsigned depth = 0;

	while (p < end && *p != '\n') {
		if (*p == '{' || *p == '[') {
			bool empty = p + 1 < end && (p[1] == '}' || p[1] == ']');
			buf_put(out, p, empty ? 2 : 1);
			p += empty ? 2 : 1;
			if (!empty)
				new_line(out, ++depth);
		} else if (*p == '}' || *p == ']') {
			new_line(out, --depth);
			buf_byte(out, *p++);
		} else if (*p == ',') {
			buf_byte(out, *p++);
			new_line(out, depth);
		} else {
			const uint8_t *after = token_end(p, end);
			bool key = after < end && *after == ':';
			if (colour)
				buf_text(out, key ? "\033[34;1m" : *p == '"' ? "\033[32m" : "\033[33m");
			buf_put(out, p, (size_t)(after - p));
			if (colour)
				buf_text(out, "\033[0m");
			if (key)
				buf_put(out, ": ", 2);
			p = after + key;
		}
	}
	buf_byte(out, '\n');
}

/* ---- plain MessagePack ---- */

static void put_plain_string(struct buf *out, const void *text, size_t size)
{
	uint8_t *p;

	if (!buf_room(out, size + 8))
		return;
	p = out->data + out->size;
	packed_put_text(&p, text, size);
	out->size = (size_t)(p - out->data);
}

static void put_plain_number(struct buf *out, uint64_t v, bool negative)
{
	uint8_t *p;

	if (!buf_room(out, 16))
		return;
	p = out->data + out->size;
	if (negative)
		packed_put_int64(&p, (int64_t)v);
	else
		packed_put_uint64(&p, v);
	out->size = (size_t)(p - out->data);
}

static void put_plain_digits(struct buf *out, const uint8_t *digits, size_t size)
{
	char text[64];
	unsigned significant = 0;
	bool zero = true;
	double d;
	uint8_t *p;

	for (size_t i = 0; i < size && digits[i] != 'e' && digits[i] != 'E'; i++) {
		significant += digits[i] >= '0' && digits[i] <= '9';
		zero &= digits[i] < '1' || digits[i] > '9';
	}
	if (significant <= 15 && size < sizeof text) {
		memcpy(text, digits, size);
		text[size] = '\0';
		d = strtod(text, NULL);
		if ((isnormal(d) || (d == 0 && zero)) && buf_room(out, 16)) {
			p = out->data + out->size;
			packed_put_double(&p, d);
			out->size = (size_t)(p - out->data);
			return;
		}
	}
	put_plain_string(out, digits, size);
}

static void put_plain_count(struct buf *out, bool map, uint32_t n)
{
	uint8_t *p;

	if (!buf_room(out, 8))
		return;
	p = out->data + out->size;
	if (map)
		packed_put_map(&p, n);
	else
		packed_put_array(&p, n);
	out->size = (size_t)(p - out->data);
}

/* One value; `name` where an interned type may stand for a string. */
static const uint8_t *plain_out(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end,
                                bool name, unsigned depth)
{
	char uuid[UUID_TEXT];
	struct packed v = {0};
	const struct name *n;

	p = packed_read(p, end, &v);
	if (depth > DEPTH_LIMIT + 1)
		return NULL;
	switch (v.kind) {
	case PACKED_NULL: buf_byte(out, 0xc0); return p;
	case PACKED_FALSE: buf_byte(out, 0xc2); return p;
	case PACKED_TRUE: buf_byte(out, 0xc3); return p;
	case PACKED_STRING: put_plain_string(out, v.bytes, v.size); return p;
	case PACKED_DIGITS: put_plain_digits(out, v.bytes, v.size); return p;
	case PACKED_INT: put_plain_number(out, v.number, true); return p;
	case PACKED_UUID16:
		uuid_format(v.bytes, uuid);
		put_plain_string(out, uuid, sizeof uuid);
		return p;
	case PACKED_UINT:
		if (!name) {
			put_plain_number(out, v.number, false);
			return p;
		}
		if ((n = name_get(names, v.number)) == NULL)
			return NULL;
		put_plain_string(out, n->text, n->size);
		return p;
	case PACKED_DOC:
		return plain_out(out, names, v.bytes, v.bytes + v.size, false, depth + 1) == NULL ? NULL : p;
	case PACKED_ARRAY:
	case PACKED_MAP:
		put_plain_count(out, v.kind == PACKED_MAP, v.size);
		for (uint32_t i = 0; i < v.size; i++) {
			if (v.kind == PACKED_MAP && (p = plain_out(out, names, p, end, true, depth + 1)) == NULL)
				return NULL;
			if ((p = plain_out(out, names, p, end, false, depth + 1)) == NULL)
				return NULL;
		}
		return p;
	default:
		return NULL;
	}
}

bool render_msgpack(struct buf *out, const struct names *names, const struct record *r)
{
	const uint8_t *p, *end = r->body + r->size;
	char recorded[MOMENT_TEXT];
	struct packed head = {0}, key = {0};

	p = packed_read(r->body, end, &head);
	if (head.kind != PACKED_MAP)
		return false;
	put_plain_count(out, true, head.size + 2 + (r->revision != 0));
	for (uint32_t i = 0; i < head.size; i++) {
		const uint8_t *at = p;
		p = packed_read(at, end, &key);
		bool type = key.kind == PACKED_UINT && (key.number == NAME_EVENT_TYPE || key.number == NAME_AGGREGATE_TYPE);
		if (plain_out(out, names, at, end, true, 0) == NULL || (p = plain_out(out, names, p, end, type, 0)) == NULL)
			return false;
	}
	put_plain_string(out, "position", 8);
	put_plain_number(out, r->position, false);
	if (r->revision != 0) {
		put_plain_string(out, "revision", 8);
		put_plain_number(out, r->revision, false);
	}
	moment_format_us(r->recorded_us, recorded);
	put_plain_string(out, "recordedAt", 10);
	put_plain_string(out, recorded, sizeof recorded);
	return !out->failed;
}
