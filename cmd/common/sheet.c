#include "common/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "common/output.h"
#include "common/pick.h"

#define ROWS_HELD (64u << 10) /* bytes of lines */

struct sheet {
	int format;
	struct sheet_columns columns; /* of CSV */
	struct event_table *table;
	bool titled; /* the titles are written */
	struct buf rows; /* of the table, not yet written: its columns are to fit many of them */
	struct buf cell;
};

int sheet_choose(int format)
{
	if (format != SHEET_UNSET)
		return format;
	return output_is_terminal() ? SHEET_TABLE : SHEET_JSON;
}

/* ---- columns ---- */

/* A path of one or two keys. */
static bool make_path(struct path *path, const char *in, const char *member, size_t size)
{
	path->steps = calloc(2, sizeof *path->steps);
	if (path->steps == NULL)
		return false;
	if (in != NULL)
		path->steps[path->n++] = (struct path_step){.key = strdup(in), .size = strlen(in)};
	path->steps[path->n++] = (struct path_step){.key = malloc(size + 1), .size = size};
	if (path->steps[0].key == NULL || path->steps[path->n - 1].key == NULL) {
		path_free(path);
		return false;
	}
	memcpy(path->steps[path->n - 1].key, member, size);
	path->steps[path->n - 1].key[size] = '\0';
	return true;
}

bool sheet_add(struct sheet_columns *columns, const char *title, const char *in, const char *member, size_t size)
{
	struct event_table_column column = {0};

	if (!array_grow(&columns->list, &columns->cap, columns->n, sizeof *columns->list) || !make_path(&column.path, in, member, size))
		return false;
	column.title = title != NULL ? strdup(title) : strndup(member, size);
	if (column.title == NULL) {
		path_free(&column.path);
		return false;
	}
	columns->list[columns->n++] = column;
	return true;
}

/* Have a path begin in the object under `in`. */
static bool lead_in(struct path *path, const char *in)
{
	struct path_step *steps = reallocarray(path->steps, path->n + 1, sizeof *steps);
	char *key = strdup(in);

	if (steps != NULL)
		path->steps = steps;
	if (steps == NULL || key == NULL) {
		free(key);
		return false;
	}
	memmove(steps + 1, steps, path->n++ * sizeof *steps);
	steps[0] = (struct path_step){.key = key, .size = strlen(in)};
	return true;
}

/* Add the column of the first path of text, which has a point in front; *size: of the path, without it. */
static int add_field(struct sheet_columns *columns, const char *in, const char *text, size_t *size, struct evs_error *err)
{
	struct event_table_column column = {0};
	const char *rest;

	if (!path_parse(&column.path, text, ",", &rest) || column.path.n == 0)
		return error_set(err, EVS_USAGE, 0, "--fields: no field at '%s'; write balance,lines.X1.qty", text + 1);
	*size = (size_t)(rest - text) - 1;
	column.title = strndup(text + 1, *size);
	if (column.title == NULL || !lead_in(&column.path, in) ||
	    !array_grow(&columns->list, &columns->cap, columns->n, sizeof *columns->list)) {
		path_free(&column.path);
		free(column.title);
		return error_nomem(err);
	}
	columns->list[columns->n++] = column;
	return EVS_OK;
}

int sheet_add_fields(struct sheet_columns *columns, const char *in, const char *fields, struct evs_error *err)
{
	struct buf text = {0};
	size_t size = 0;
	int status = EVS_OK;

	for (const char *p = fields; p != NULL && status == EVS_OK;) {
		text.size = 0;
		buf_printf(&text, ".%s", p);
		buf_byte(&text, '\0');
		status = text.failed ? error_nomem(err) : add_field(columns, in, (const char *)text.data, &size, err);
		p = status == EVS_OK && p[size] == ',' ? p + size + 1 : NULL;
	}
	buf_free(&text);
	return status;
}

void sheet_release(struct sheet_columns *columns)
{
	for (size_t i = 0; i < columns->n; i++) {
		free(columns->list[i].title);
		path_free(&columns->list[i].path);
	}
	free(columns->list);
	*columns = (struct sheet_columns){0};
}

int sheet_new(int format, struct sheet_columns *columns, struct sheet **out, struct evs_error *err)
{
	struct sheet *s = calloc(1, sizeof *s);
	int status = EVS_OK;

	*out = NULL;
	if (s == NULL)
		return error_nomem(err);
	s->format = format;
	if (format == SHEET_TABLE)
		status = event_table_new_columns(columns->list, columns->n, &s->table, err);
	if (format == SHEET_CSV) {
		s->columns = *columns;
		*columns = (struct sheet_columns){0};
	}
	if (format == SHEET_TABLE)
		columns->n = 0;
	sheet_release(columns);
	if (status == EVS_OK)
		*out = s;
	else
		free(s);
	return status;
}

int sheet_of(int format, const char *const *members, struct sheet **out, struct evs_error *err)
{
	struct sheet_columns columns = {0};
	int status;

	*out = NULL;
	for (; *members != NULL; members++) {
		if (!sheet_add(&columns, NULL, NULL, *members, strlen(*members))) {
			sheet_release(&columns);
			return error_nomem(err);
		}
	}
	status = sheet_new(sheet_choose(format), &columns, out, err);
	sheet_release(&columns);
	return status;
}

/* ---- CSV ---- */

/* A cell, in quotes where it needs them. */
static void put_cell(const char *text, size_t size)
{
	struct buf *out = output_buf();
	bool quote = false;

	for (size_t i = 0; i < size && !quote; i++)
		quote = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
	if (!quote) {
		buf_put(out, text, size);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"')
			buf_byte(out, '"');
		buf_byte(out, (uint8_t)text[i]);
	}
	buf_byte(out, '"');
}

/* The titles, once. */
static void put_titles(struct sheet *s)
{
	for (size_t i = 0; i < s->columns.n && !s->titled; i++) {
		const char *title = s->columns.list[i].title;
		put_cell(title, strlen(title));
		buf_byte(output_buf(), i + 1 < s->columns.n ? ',' : '\n');
	}
	s->titled = true;
}

static int put_row(struct sheet *s, const char *line, size_t size)
{
	const char *value;
	size_t n;

	for (size_t i = 0; i < s->columns.n; i++) {
		s->cell.size = 0;
		if (pick_value(line, size, &s->columns.list[i].path, &value, &n))
			pick_plain(&s->cell, value, n);
		put_cell((const char *)s->cell.data, s->cell.size);
		buf_byte(output_buf(), i + 1 < s->columns.n ? ',' : '\n');
	}
	output_buf()->failed |= s->cell.failed;
	return output_flush_large();
}

static int write_csv(struct sheet *s, const char *lines, size_t size)
{
	const char *end = lines + size, *next;
	int failed = 0;

	put_titles(s);
	for (const char *line = lines; line < end && failed == 0; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (next == NULL)
			next = end;
		failed = put_row(s, line, (size_t)(next - line));
	}
	return failed != 0 ? failed : output_flush();
}

/* ---- a table ---- */

static int write_rows(struct sheet *s)
{
	int failed = event_table_write(s->table, s->rows.data, s->rows.size);

	output_buf()->failed |= s->rows.failed;
	s->rows.size = 0;
	return failed;
}

/* ---- all of them ---- */

int sheet_write(void *sheet, const void *lines, size_t size)
{
	struct sheet *s = sheet;

	if (s->format == SHEET_TABLE) {
		buf_put(&s->rows, lines, size);
		return s->rows.size < ROWS_HELD ? 0 : write_rows(s);
	}
	return s->format == SHEET_CSV ? write_csv(s, lines, size) : output_write(lines, size);
}

void sheet_finish(struct sheet *s)
{
	if (s->format == SHEET_CSV)
		put_titles(s);
	if (s->format == SHEET_TABLE)
		write_rows(s);
}

void sheet_free(struct sheet *s)
{
	if (s == NULL)
		return;
	event_table_free(s->table);
	buf_free(&s->rows);
	sheet_release(&s->columns);
	buf_free(&s->cell);
	free(s);
}
