#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t hash64_without(const uint8_t *data, size_t size, size_t at)
{
	static const uint8_t zeros[8];
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, data, at);
	XXH3_64bits_update(&state, zeros, sizeof zeros);
	XXH3_64bits_update(&state, data + at + sizeof zeros, size - at - sizeof zeros);
	return XXH3_64bits_digest(&state);
}

void hash128(const void *data, size_t size, uint8_t out[16])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
	memcpy(out, canonical.digest, 16);
}
