/* Events as an aligned table. */
#ifndef EVS_CMD_EVENT_TABLE_H
#define EVS_CMD_EVENT_TABLE_H

#include <stddef.h>

#include "event/path.h"
#include "evs.h"

struct event_table;

/*
 * Begin a table.
 *
 *   fields  `.a,.b.c`: the columns; NULL: position, timestamp, eventType, stream, data
 *   out     owned by the caller (event_table_free)
 *
 * Returns EVS_OK, EVS_USAGE, EVS_NOMEM.
 */
int event_table_new(const char *fields, struct event_table **out, struct evs_error *err);
void event_table_free(struct event_table *t); /* NULL is fine */

/* A column of lines of JSON that are no events. */
struct event_table_column {
	char *title;
	struct path path;
};

/* The same with these columns; what they own is taken over, also after a failure, and the list is emptied. EVS_OK, EVS_NOMEM. */
int event_table_new_columns(struct event_table_column *columns, size_t n, struct event_table **out, struct evs_error *err);

/*
 * Write the rows of whole lines of EVS_JSON to standard output; the form is that of evs_read_render, with the
 * table as context. Columns grow to what they hold, and the last is cut at the edge of a terminal.
 */
int event_table_write(void *table, const void *lines, size_t size);

#endif
