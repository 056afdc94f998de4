/* Paths into JSON: .data.items[0].price, .data["a b"], . (the whole). */
#ifndef EVS_EVENT_PATH_H
#define EVS_EVENT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PATH_STEPS_MAX 64

struct path_step {
	char *key; /* NULL: an index */
	size_t size;
	int64_t index; /* from 0; negative counts from the end */
};

struct path {
	struct path_step *steps;
	size_t n;
};

/*
 * Read one path that ends at a byte of `stops` or the end of text. *rest: where it ended, or where it is wrong.
 * Returns false, with nothing to free, when it is no path or memory ran out.
 */
bool path_parse(struct path *path, const char *text, const char *stops, const char **rest);
void path_free(struct path *path);

/* Put a key behind a path in the making, which is empty, a point, or a path: name, .name, or ["a b"] where it is no name. */
void path_put_key(struct buf *out, const char *key, size_t size);

/* Put a path as path_parse reads it behind out, which is empty. */
void path_put(struct buf *out, const struct path *path);

#endif
