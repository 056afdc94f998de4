#include "common/event_table.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "common/output.h"
#include "common/pick.h"
#include "common/text.h"

#define CELL_MAX 44 /* columns of a terminal for any cell but a row's last */
#define CELL_MIN 12 /* to which they may shrink, so that the last has */
#define LAST_MIN 16 /* so many */

enum { AGGREGATE_TYPE, AGGREGATE_ID, PARTS };

struct column {
	struct path path;
	bool stream; /* aggregateType/aggregateId, from the paths in parts */
	char *title;
	unsigned width; /* of its widest cell so far */
	unsigned shown; /* what it gets of the terminal */
	bool numbers;   /* all its cells so far are numbers */
};

/* A cell's text in struct event_table's buffer. */
struct cell {
	size_t at, size;
};

struct event_table {
	struct column *columns;
	size_t n_columns, columns_cap;
	struct path parts[PARTS];
	unsigned terminal; /* its width; 0: none */
	bool titled;       /* the titles are written */
	struct buf text;
	struct cell *cells; /* of the rows at hand, row by row */
	size_t n_cells, cells_cap;
};

/* Add a column; the title is `size` bytes of text. */
static int add_column(struct event_table *t, const char *title, size_t size, struct path *path, bool stream,
                      struct evs_error *err)
{
	struct column column = {.path = *path, .stream = stream, .title = strndup(title, size), .numbers = true};

	if (column.title == NULL || !array_grow(&t->columns, &t->columns_cap, t->n_columns, sizeof *t->columns)) {
		free(column.title);
		path_free(path);
		return error_nomem(err);
	}
	column.width = text_width(title, size);
	t->columns[t->n_columns++] = column;
	return EVS_OK;
}

/* Add the columns of `.a,.b.c`. */
static int add_fields(struct event_table *t, const char *fields, struct evs_error *err)
{
	const char *p = fields, *rest, *title;
	struct path path;
	int status;

	for (;; p = rest + 1) {
		if (!path_parse(&path, p, ",", &rest))
			return error_set(err, EVS_USAGE, 0, "--fields: no field at '%s'; write .eventType,.data.total", p);
		title = path.n == 0 ? p : p + 1; /* without its dot */
		status = add_column(t, title, (size_t)(rest - title), &path, false, err);
		if (status != EVS_OK || *rest == '\0')
			return status;
	}
}

/* Add the columns there are without --fields. */
static int add_usual(struct event_table *t, struct evs_error *err)
{
	struct path none = {0};
	const char *rest;
	int status;

	if (!path_parse(&t->parts[AGGREGATE_TYPE], ".aggregateType", "", &rest) ||
	    !path_parse(&t->parts[AGGREGATE_ID], ".aggregateId", "", &rest))
		return error_nomem(err);
	status = add_fields(t, ".position,.timestamp,.eventType", err);
	if (status == EVS_OK)
		status = add_column(t, "stream", sizeof "stream" - 1, &none, true, err);
	return status == EVS_OK ? add_fields(t, ".data", err) : status;
}

int event_table_new(const char *fields, struct event_table **out, struct evs_error *err)
{
	struct event_table *t = calloc(1, sizeof *t);
	int status;

	*out = NULL;
	if (t == NULL)
		return error_nomem(err);
	t->terminal = output_columns();
	status = fields == NULL ? add_usual(t, err) : add_fields(t, fields, err);
	if (status == EVS_OK)
		*out = t;
	else
		event_table_free(t);
	return status;
}

int event_table_new_columns(struct event_table_column *columns, size_t n, struct event_table **out, struct evs_error *err)
{
	struct event_table *t = calloc(1, sizeof *t);
	int status = t == NULL ? error_nomem(err) : EVS_OK;

	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		if (status == EVS_OK)
			status = add_column(t, columns[i].title, strlen(columns[i].title), &columns[i].path, false, err);
		else
			path_free(&columns[i].path);
		free(columns[i].title);
		columns[i] = (struct event_table_column){0};
	}
	if (status != EVS_OK) {
		event_table_free(t);
		return status;
	}
	t->terminal = output_columns();
	*out = t;
	return EVS_OK;
}

void event_table_free(struct event_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_columns; i++) {
		path_free(&t->columns[i].path);
		free(t->columns[i].title);
	}
	for (unsigned i = 0; i < PARTS; i++)
		path_free(&t->parts[i]);
	free(t->columns);
	free(t->cells);
	buf_free(&t->text);
	free(t);
}

/* Put the value at a path, if it is there. Whether it is a number, or absent. */
static bool put_value(struct event_table *t, const char *line, size_t size, const struct path *path)
{
	const char *value;
	size_t n;

	if (!pick_value(line, size, path, &value, &n))
		return true;
	pick_text(&t->text, value, n);
	return value[0] == '-' || (value[0] >= '0' && value[0] <= '9');
}

/* Put aggregateType/aggregateId, or what there is of it. */
static void put_stream(struct event_table *t, const char *line, size_t size)
{
	size_t start = t->text.size;

	put_value(t, line, size, &t->parts[AGGREGATE_TYPE]);
	if (t->text.size > start)
		buf_byte(&t->text, '/');
	put_value(t, line, size, &t->parts[AGGREGATE_ID]);
}

/* Take the cells of one event; columns grow to hold them. */
static bool add_row(struct event_table *t, const char *line, size_t size)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		struct column *column = &t->columns[i];
		struct cell cell = {.at = t->text.size};
		unsigned width;

		if (!array_grow(&t->cells, &t->cells_cap, t->n_cells, sizeof *t->cells))
			return false;
		if (column->stream)
			put_stream(t, line, size);
		else
			column->numbers &= put_value(t, line, size, &column->path);
		cell.size = t->text.size - cell.at;
		t->cells[t->n_cells++] = cell;
		width = text_width((const char *)t->text.data + cell.at, cell.size);
		if (t->terminal != 0 && width > CELL_MAX)
			width = CELL_MAX;
		if (width > column->width)
			column->width = width;
	}
	return !t->text.failed;
}

/* Write one cell of a row. used: columns of the row before it. */
static void put_cell(struct event_table *t, size_t i, const char *text, size_t size, unsigned *used)
{
	const struct column *column = &t->columns[i];
	bool numbers = column->numbers && !column->stream;
	unsigned room;

	if (i + 1 < t->n_columns) {
		text_cell(output_buf(), text, size, column->shown, numbers ? TEXT_RIGHT : TEXT_LEFT);
		buf_text(output_buf(), "  ");
		*used += column->shown + 2;
		return;
	}
	room = t->terminal == 0 ? 0 : t->terminal > *used + CELL_MIN ? t->terminal - *used : CELL_MIN;
	if (numbers && size > 0 && (room == 0 || column->shown <= room))
		text_cell(output_buf(), text, size, column->shown, TEXT_RIGHT);
	else
		text_cell(output_buf(), text, size, room, TEXT_LAST);
	buf_byte(output_buf(), '\n');
}

/* Share out the terminal: while the columns before the last take too much, the widest text shrinks. */
static void fit(struct event_table *t)
{
	struct column *widest;
	unsigned total;

	for (size_t i = 0; i < t->n_columns; i++)
		t->columns[i].shown = t->columns[i].width;
	do {
		widest = NULL;
		total = LAST_MIN;
		for (size_t i = 0; i + 1 < t->n_columns; i++) {
			struct column *c = &t->columns[i];

			total += c->shown + 2;
			if ((c->stream || !c->numbers) && c->shown > CELL_MIN && (widest == NULL || c->shown > widest->shown))
				widest = c;
		}
		if (t->terminal == 0 || total <= t->terminal || widest == NULL)
			return;
		widest->shown--;
	} while (true);
}

/* Write the titles, once. */
static void put_titles(struct event_table *t)
{
	unsigned used = 0;

	for (size_t i = 0; i < t->n_columns && !t->titled; i++)
		put_cell(t, i, t->columns[i].title, strlen(t->columns[i].title), &used);
	t->titled = true;
}

int event_table_write(void *table, const void *lines, size_t size)
{
	const char *line = lines, *end = line + size, *next;
	struct event_table *t = table;
	unsigned used = 0;

	t->n_cells = 0;
	t->text.size = 0;
	for (; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (next == NULL)
			next = end;
		if (!add_row(t, line, (size_t)(next - line)))
			output_buf()->failed = true;
	}
	fit(t);
	put_titles(t);
	for (size_t i = 0; i < t->n_cells; i++) {
		if (i % t->n_columns == 0)
			used = 0;
		put_cell(t, i % t->n_columns, (const char *)t->text.data + t->cells[i].at, t->cells[i].size, &used);
	}
	return output_flush();
}
