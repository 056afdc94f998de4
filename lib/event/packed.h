/*
 * The packed form of JSON values: MessagePack (specification of 2013-08), written through msgpack-c's packer.
 * The one home of msgpack-c.
 *
 *   object     map; a key is an unsigned integer (the number of an interned name) or, not interned, a string
 *   array, true, false, null, string   as in MessagePack
 *   integer    MessagePack integer, where its digits are the canonical ones of a 64-bit integer
 *   number     any other: extension PACKED_NUMBER holding its digits as they came
 *   uuid       a string that is a canonical lower-case UUID: extension PACKED_UUID, 16 bytes
 *   document   an object or array that is a value of the event's top level: extension PACKED_DOCUMENT around
 *              it, so that looking for a field steps over it at once
 *
 * Reading is bounded by `end` everywhere: packed bytes come from files and are not trusted.
 */
#ifndef EVS_EVENT_PACKED_H
#define EVS_EVENT_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

#include "base/bytes.h"

#define msgpack_pack_inline_func(name) static inline void packed_put##name
#define msgpack_pack_inline_func_cint(name) static inline void packed_put##name
#define msgpack_pack_user uint8_t **
#define msgpack_pack_ext packed_put_ext /* which the template of msgpack-c 6 calls */
#define msgpack_pack_append_buffer(user, bytes, size) (memcpy(*(user), (bytes), (size)), *(user) += (size))
#include <msgpack/pack_template.h>
#undef msgpack_pack_inline_func
#undef msgpack_pack_inline_func_cint
#undef msgpack_pack_user
#undef msgpack_pack_append_buffer
#undef msgpack_pack_ext

enum packed_extension { PACKED_NUMBER = 1, PACKED_UUID = 2, PACKED_DOCUMENT = 3 };

enum packed_kind {
	PACKED_BAD, /* cut off, or nothing evs writes */
	PACKED_NULL,
	PACKED_FALSE,
	PACKED_TRUE,
	PACKED_UINT,   /* number */
	PACKED_INT,    /* number, negative */
	PACKED_DIGITS, /* bytes, size */
	PACKED_STRING, /* bytes, size */
	PACKED_UUID16, /* bytes, 16 */
	PACKED_ARRAY,  /* count; elements follow */
	PACKED_MAP,    /* count; keys and values follow */
	PACKED_DOC,    /* bytes, size: one value inside */
};

struct packed {
	enum packed_kind kind;
	uint32_t size; /* bytes, or count of elements */
	const uint8_t *bytes;
	uint64_t number; /* two's complement for PACKED_INT */
};

/* Take n bytes after a header. */
static inline const uint8_t *packed_bytes(const uint8_t *p, const uint8_t *end, enum packed_kind kind, uint32_t n,
                                          struct packed *out)
{
	if ((size_t)(end - p) < n) {
		out->kind = PACKED_BAD;
		return end;
	}
	out->kind = kind;
	out->bytes = p;
	out->size = n;
	return p + n;
}

/* An array or map; every element takes a byte at least. */
static inline const uint8_t *packed_count(const uint8_t *p, const uint8_t *end, enum packed_kind kind, uint32_t n,
                                          struct packed *out)
{
	out->kind = (size_t)(end - p) < n ? PACKED_BAD : kind;
	out->size = n;
	return p;
}

/* An extension from its type on; its body has n bytes. */
static inline const uint8_t *packed_extension(const uint8_t *p, const uint8_t *end, uint32_t n, struct packed *out)
{
	uint8_t type;

	out->kind = PACKED_BAD;
	if (p == end)
		return end;
	type = *p++;
	if (type == PACKED_UUID && n == 16)
		return packed_bytes(p, end, PACKED_UUID16, n, out);
	if (type == PACKED_DOCUMENT)
		return packed_bytes(p, end, PACKED_DOC, n, out);
	if (type != PACKED_NUMBER || n == 0)
		return end;
	/* Digits become JSON as they are: nothing else may stand there. */
	for (uint32_t i = 0; i < n && i < (size_t)(end - p); i++)
		if ((p[i] < '0' || p[i] > '9') && p[i] != '.' && p[i] != '-' && p[i] != '+' && p[i] != 'e' && p[i] != 'E')
			return end;
	return packed_bytes(p, end, PACKED_DIGITS, n, out);
}

static inline const uint8_t *packed_number(const uint8_t *p, uint64_t v, bool negative, struct packed *out)
{
	out->kind = negative ? PACKED_INT : PACKED_UINT;
	out->number = v;
	return p;
}

/* The less common headers. */
static inline const uint8_t *packed_read_long(uint8_t head, const uint8_t *p, const uint8_t *end, struct packed *out)
{
	static const uint8_t operand[32] = {
		[0x04] = 1, [0x05] = 2, [0x06] = 4, [0x07] = 1, [0x08] = 2, [0x09] = 4, [0x0c] = 1, [0x0d] = 2,
		[0x0e] = 4, [0x0f] = 8, [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8, [0x19] = 1, [0x1a] = 2,
		[0x1b] = 4, [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4,
	};
	uint64_t v = 0;
	unsigned n = operand[head - 0xc0];

	/* The usual ones of them: short numbers, documents, UUIDs. */
	if (head == 0xc7 && p < end)
		return packed_extension(p + 1, end, *p, out);
	if (head == 0xc8 && end - p >= 2)
		return packed_extension(p + 2, end, (uint32_t)p[0] << 8 | p[1], out);
	if (head == 0xd8)
		return packed_extension(p, end, 16, out);
	if ((size_t)(end - p) < n) {
		out->kind = PACKED_BAD;
		return end;
	}
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	p += n;
	switch (head) {
	case 0xc0: out->kind = PACKED_NULL; return p;
	case 0xc2: out->kind = PACKED_FALSE; return p;
	case 0xc3: out->kind = PACKED_TRUE; return p;
	case 0xc7: case 0xc8: case 0xc9: return packed_extension(p, end, (uint32_t)v, out);
	case 0xcc: case 0xcd: case 0xce: case 0xcf: return packed_number(p, v, false, out);
	case 0xd0: v = (uint64_t)(int64_t)(int8_t)v; break;
	case 0xd1: v = (uint64_t)(int64_t)(int16_t)v; break;
	case 0xd2: v = (uint64_t)(int64_t)(int32_t)v; break;
	case 0xd3: break;
	case 0xd4: return packed_extension(p, end, 1, out);
	case 0xd5: return packed_extension(p, end, 2, out);
	case 0xd6: return packed_extension(p, end, 4, out);
	case 0xd7: return packed_extension(p, end, 8, out);
	case 0xd8: return packed_extension(p, end, 16, out);
	case 0xd9: case 0xda: case 0xdb: return packed_bytes(p, end, PACKED_STRING, (uint32_t)v, out);
	case 0xdc: case 0xdd: return packed_count(p, end, PACKED_ARRAY, (uint32_t)v, out);
	case 0xde: case 0xdf: return packed_count(p, end, PACKED_MAP, (uint32_t)v, out);
	default: out->kind = PACKED_BAD; return end;
	}
	return packed_number(p, v, (int64_t)v < 0, out);
}

/*
 * Read the value at p: a scalar whole, of an array or map the header alone. Returns what follows it;
 * out->kind is PACKED_BAD when the bytes are cut off or malformed.
 */
static inline const uint8_t *packed_read(const uint8_t *p, const uint8_t *end, struct packed *out)
{
	uint8_t head;

	if (p >= end) {
		out->kind = PACKED_BAD;
		return end;
	}
	head = *p++;
	if (head < 0x80)
		return packed_number(p, head, false, out);
	if (head < 0x90)
		return packed_count(p, end, PACKED_MAP, head & 15, out);
	if (head < 0xa0)
		return packed_count(p, end, PACKED_ARRAY, head & 15, out);
	if (head < 0xc0)
		return packed_bytes(p, end, PACKED_STRING, head & 31, out);
	if (head >= 0xe0)
		return packed_number(p, (uint64_t)(int64_t)(int8_t)head, true, out);
	return packed_read_long(head, p, end, out);
}

/*
 * Step over one value, whole; what extensions hold is not looked at. NULL when it is malformed.
 * Branches, where a table of sizes would be fewer instructions: the processor foresees them, and need not wait for each
 * size to know where the next value is.
 */
static inline const uint8_t *packed_skip(const uint8_t *p, const uint8_t *end)
{
	struct packed v;

	for (uint64_t todo = 1; todo > 0; todo--) {
		uint8_t head = p < end ? *p : 0xc1;
		size_t size = 1;

		if (head < 0x80) {
			/* a small integer */
		} else if (head < 0xa0) {
			todo += (uint64_t)(head & 15) << (head < 0x90);
		} else if (head < 0xc0) {
			size = 1u + (head & 31);
		} else if (head == 0xc7 && end - p > 1) {
			size = 3u + p[1];
		} else if (head >= 0xd4 && head <= 0xd8) {
			size = 2u + (1u << (head - 0xd4));
		} else {
			p = packed_read(p, end, &v);
			if (v.kind == PACKED_BAD)
				return NULL;
			todo += v.kind == PACKED_ARRAY ? v.size : v.kind == PACKED_MAP ? 2 * (uint64_t)v.size : 0;
			continue;
		}
		if ((size_t)(end - p) < size)
			return NULL;
		p += size;
	}
	return p;
}

/*
 * Find the UUIDs in a packed value: calls each with the offset of its 16 bytes. False when it is malformed or
 * each returned false.
 */
bool packed_uuids(const uint8_t *bytes, size_t size, bool (*each)(void *context, uint32_t offset), void *context);

/* Write a string, whatever it holds. */
static inline void packed_put_text(uint8_t **p, const void *text, size_t size)
{
	packed_put_str(p, size);
	packed_put_str_body(p, text, size);
}

static inline void packed_put_uuid(uint8_t **p, const uint8_t uuid[16])
{
	packed_put_ext(p, 16, PACKED_UUID);
	packed_put_ext_body(p, uuid, 16);
}

static inline void packed_put_digits(uint8_t **p, const void *digits, size_t size)
{
	packed_put_ext(p, size, PACKED_NUMBER);
	packed_put_ext_body(p, digits, size);
}

/* Write a JSON number: 64-bit integers with canonical digits as such, all others as digits. */
static inline void packed_put_number(uint8_t **p, const char *digits, size_t size)
{
	bool negative = digits[0] == '-';
	uint64_t v = 0;
	size_t i = negative;

	if (size - i > 20)
		goto as_digits;
	for (; i < size; i++) {
		unsigned d = (unsigned)(unsigned char)digits[i] - '0';
		if (d > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, d, &v))
			goto as_digits;
	}
	if (!negative) {
		packed_put_uint64(p, v);
		return;
	}
	if (v != 0 && v <= (uint64_t)INT64_MAX + 1) {
		packed_put_int64(p, (int64_t)(0 - v));
		return;
	}
as_digits:
	packed_put_digits(p, digits, size);
}

#endif
