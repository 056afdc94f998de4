/* Hashing: XXH3 (Collet, xxHash specification), seeded where an index must not be open to chosen collisions. */
#ifndef EVS_BASE_HASH_H
#define EVS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed);

/* Unseeded, as if the 8 bytes at `at`, which are a checksum's own place, were zero. */
uint64_t hash64_without(const uint8_t *data, size_t size, size_t at);
void hash128(const void *data, size_t size, uint8_t out[16]);

/* Spread one 64-bit value over all bits (the finalizer of MurmurHash3). */
static inline uint64_t hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

#endif
