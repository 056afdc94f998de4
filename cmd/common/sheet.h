/* Lines of JSON as they are, as an aligned table, or as CSV (RFC 4180, but with plain newlines). */
#ifndef EVS_CMD_SHEET_H
#define EVS_CMD_SHEET_H

#include "common/event_table.h"

enum sheet_format { SHEET_UNSET = -1, SHEET_JSON, SHEET_TABLE, SHEET_CSV };
#define SHEET_FORMATS "json|table|csv"

/* What was not said: a table on a terminal, else JSON. */
int sheet_choose(int format);

/* Columns; zeroed memory is none. */
struct sheet_columns {
	struct event_table_column *list;
	size_t n, cap;
};

/* Add the column of a member of the line's object, or of the object under `in` in it; title: NULL, the member's name. */
bool sheet_add(struct sheet_columns *columns, const char *title, const char *in, const char *member, size_t size);

/* Add a column for each of `a,b.c`, paths in the object under `in`, which are the titles. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int sheet_add_fields(struct sheet_columns *columns, const char *in, const char *fields, struct evs_error *err);

void sheet_release(struct sheet_columns *columns);

struct sheet;

/* Begin; JSON needs no columns. They are taken over. EVS_OK, EVS_NOMEM. */
int sheet_new(int format, struct sheet_columns *columns, struct sheet **out, struct evs_error *err);

/* Begin in this format (sheet_choose) with columns of these members, up to NULL. The same. */
int sheet_of(int format, const char *const *members, struct sheet **out, struct evs_error *err);

/* Write whole lines, in the manner of evs_read_render's `write`, with the sheet as context. */
int sheet_write(void *sheet, const void *lines, size_t size);

/* All lines were written: where there were none, the titles are. Failures show in output_finish. */
void sheet_finish(struct sheet *s);
void sheet_free(struct sheet *s); /* NULL is fine */

#endif
