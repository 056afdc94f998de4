/* Fixed-width integers and varints in bytes. Stored formats are little-endian; keys are big-endian. */
#ifndef EVS_BASE_BYTES_H
#define EVS_BASE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const void *p) { uint16_t v; memcpy(&v, p, 2); return le16toh(v); }
static inline uint32_t get32(const void *p) { uint32_t v; memcpy(&v, p, 4); return le32toh(v); }
static inline uint64_t get64(const void *p) { uint64_t v; memcpy(&v, p, 8); return le64toh(v); }
static inline void put16(void *p, uint16_t v) { v = htole16(v); memcpy(p, &v, 2); }
static inline void put32(void *p, uint32_t v) { v = htole32(v); memcpy(p, &v, 4); }
static inline void put64(void *p, uint64_t v) { v = htole64(v); memcpy(p, &v, 8); }
static inline uint32_t get24(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }
static inline void put24(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); p[2] = (uint8_t)(v >> 16); }
static inline uint64_t get64be(const void *p) { uint64_t v; memcpy(&v, p, 8); return be64toh(v); }
static inline void put64be(void *p, uint64_t v) { v = htobe64(v); memcpy(p, &v, 8); }

#define VARINT_MAX 10

/* Write v in 7-bit groups, lowest first; returns the end. p must have VARINT_MAX bytes. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* Read a varint before end; returns what follows it, or NULL when it is cut off or over 64 bits. */
static inline const uint8_t *get_varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t value = 0;

	if (p < end && *p < 0x80) {
		*v = *p;
		return p + 1;
	}
	for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
		uint8_t byte = *p++;
		if (shift == 63 && byte > 1)
			return NULL;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*v = value;
			return p;
		}
	}
	return NULL;
}

/* Read bytes with their number as a varint in front; likewise. */
static inline const uint8_t *get_sized(const uint8_t *p, const uint8_t *end, const uint8_t **data, size_t *size)
{
	uint64_t n;

	if ((p = get_varint(p, end, &n)) == NULL || n > (uint64_t)(end - p))
		return NULL;
	*data = p;
	*size = (size_t)n;
	return p + n;
}

#endif
