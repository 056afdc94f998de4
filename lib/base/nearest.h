/* "Did you mean": the known word that is nearest to a mistyped one. */
#ifndef EVS_BASE_NEAREST_H
#define EVS_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* as typed, size bytes */
	size_t size;
	const char *best; /* NULL: nothing is near */
	size_t best_size;
	unsigned distance;
};

/* Consider one known word; it is borrowed. */
void nearest_try(struct nearest *n, const char *known, size_t size);

#endif
