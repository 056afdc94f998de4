/* An event that a tool makes itself: its line, member by member, and the append of it. */
#ifndef EVS_CMD_SEND_H
#define EVS_CMD_SEND_H

#include "base/buf.h"
#include "evs.h"

/* Put a member that is a string behind the others; text NULL: none. A zeroed line has no member yet. */
void send_put(struct buf *line, const char *name, const char *text, size_t size);

/* Likewise for text that ends with a 0. */
void send_put_text(struct buf *line, const char *name, const char *text);

/* Put tags; more, of more_size bytes, is one behind the n, NULL: none. */
void send_put_tags(struct buf *line, const char *const *tags, size_t n, const char *more, size_t more_size);

/* Put what standard input has, one JSON value, as data; nothing where it is a terminal or empty. Returns an exit status; what is wrong was said. */
int send_put_input(struct buf *line);

/*
 * End the line and append its event.
 *
 *   store       open for writing
 *   on_receipt  called when the event is on disk, or was there already
 *
 * EVS_OK; or with nothing appended: EVS_BAD_EVENT, EVS_CONFLICT, EVS_FULL, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int send_append(struct evs_store *store, struct buf *line, int (*on_receipt)(void *context, const struct evs_receipt *receipt),
                void *context, struct evs_error *err);

#endif
