/* What fuzz targets share. */
#ifndef EVS_TESTS_FUZZ_H
#define EVS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop with a crash, which is what libFuzzer looks for. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* A copy of exactly size + pad bytes, the pad zeroed, so that the sanitizer sees a byte read behind it. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size, size_t pad)
{
	uint8_t *copy = malloc(size + pad + (size + pad == 0));

	MUST(copy != NULL);
	memcpy(copy, data, size);
	memset(copy + size, 0, pad);
	return copy;
}

#endif
