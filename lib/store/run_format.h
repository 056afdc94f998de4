/* A run's bytes, as lib/store/run*.c write and read them (evs-store(5)). */
#ifndef EVS_STORE_RUN_FORMAT_H
#define EVS_STORE_RUN_FORMAT_H

#include <stdint.h>

#include "base/bytes.h"
#include "store/run.h"

/* The head; evs-store(5). */
enum {
	AT_VERSION = 0, AT_EVENT_BITS = 1, AT_TERM_BITS = 2, AT_STREAM_BITS = 3, AT_COUNT = 4, AT_FIRST = 8, AT_EVENTS = 16,
	AT_TERMS = 20, AT_STREAMS = 24, AT_WORDS = 28, AT_EVENT_BYTES = 32, AT_STREAM_BYTES = 36, AT_TERM_BYTES = 40,
	AT_CHECKSUM = 48, HEAD_BYTES = 64, VERSION = 1,
	POSITION_BYTES = 3,
	FILTER_BITS = 12,    /* per key: with 4 bits set in one word 1.1 % false alarms */
	FILTER_BITS_LARGE = 20, /* 0.3 %: of large runs there are many to ask, and a false alarm reads a page that is seldom in memory */
	FILTER_LARGE = 1 << 20, /* keys */
	BUCKET_ENTRIES = 64, /* on average at most */
	BITS_MIN = 8, BITS_MAX = 20,
	LIST_MIN = 3, /* a term with fewer positions has them one by one */
};

/* Bytes of a hash behind the bucket's bits. */
static inline unsigned fragment_bytes(unsigned bits)
{
	return (RUN_HASH_BITS - bits + 7) / 8;
}

/* The kept bits behind the bucket's. */
static inline uint32_t fragment_of(uint64_t hash, unsigned bits)
{
	return (uint32_t)(hash << bits >> (64 - RUN_HASH_BITS + bits));
}

static inline uint64_t hash_of(uint64_t bucket, uint32_t fragment, unsigned bits)
{
	return bucket << (64 - bits) | (uint64_t)fragment << (64 - RUN_HASH_BITS);
}

static inline void put_fragment(uint8_t *p, uint32_t fragment, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(fragment >> (8 * i));
}

static inline uint32_t get_fragment(const uint8_t *p, unsigned width)
{
	return width == 3 ? get24(p) : get32(p);
}

#endif
