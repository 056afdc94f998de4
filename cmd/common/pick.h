/* Values out of the canonical JSON that the library prints: no white space, and only `"`, `\` and controls escaped. */
#ifndef EVS_CMD_PICK_H
#define EVS_CMD_PICK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "event/path.h"

/* Find the value at a path in one JSON value of size bytes. False when it is not there. */
bool pick_value(const char *json, size_t size, const struct path *path, const char **value, size_t *value_size);

/* A string's own bytes, nothing escaped; of null nothing; anything else as it is. */
void pick_plain(struct buf *out, const char *value, size_t size);

/* A value as people read it: a string without its quotes, controls still escaped; anything else as it is. */
void pick_text(struct buf *out, const char *value, size_t size);

#endif
