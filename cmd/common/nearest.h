/* "Did you mean": the known word that is nearest to a mistyped one. */
#ifndef EVS_CMD_NEAREST_H
#define EVS_CMD_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* as typed, size bytes */
	size_t size;
	const char *best; /* NULL: nothing is near */
	unsigned distance;
};

/* Consider one known word; it is borrowed. */
void nearest_try(struct nearest *n, const char *known);

#endif
