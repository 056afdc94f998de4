#include "common/bars.h"

#include <stdlib.h>

#include "base/error.h"
#include "common/output.h"
#include "common/text.h"

#define ROWS_MAX 50  /* of a chart by size; the rest is summed up */
#define LABEL_MAX 44  /* columns */
#define BAR_MAX 40   /* columns */
#define NUMBER_WIDTH 14

void bars_add(struct bars *b, const struct evs_count *count)
{
	struct bar bar = {.at = b->text.size, .events = count->events};

	if (!array_grow(&b->list, &b->cap, b->n, sizeof *b->list)) {
		b->text.failed = true;
		return;
	}
	if (count->aggregate_type != NULL) {
		buf_put(&b->text, count->aggregate_type, count->aggregate_type_size);
		buf_byte(&b->text, '/');
	}
	if (count->key != NULL)
		buf_put(&b->text, count->key, count->key_size);
	else
		buf_text(&b->text, "(none)");
	bar.size = b->text.size - bar.at;
	b->list[b->n++] = bar;
}

/* More events first. */
static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct bar *)a)->events, y = ((const struct bar *)b)->events;

	return (x < y) - (x > y);
}

/* A bar of eighths of a column. */
static void put_bar(struct buf *out, uint64_t events, uint64_t most, unsigned columns)
{
	static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	unsigned length = (unsigned)((double)events / (double)most * columns * 8 + 0.5);

	if (length == 0)
		length = 1;
	for (unsigned i = 0; i < length / 8; i++)
		buf_text(out, "\u2588");
	buf_text(out, eighths[length % 8]);
}

/* One row: name, number, bar. */
static void put_row(const struct bars *b, const struct bar *bar, unsigned name_width, unsigned columns, uint64_t most)
{
	struct buf number = {0};

	text_number(&number, bar->events);
	text_cell(output_buf(), (const char *)b->text.data + bar->at, bar->size, name_width, TEXT_LEFT);
	text_cell(output_buf(), (const char *)number.data, number.size, NUMBER_WIDTH, TEXT_RIGHT);
	buf_text(output_buf(), "  ");
	put_bar(output_buf(), bar->events, most, columns);
	buf_byte(output_buf(), '\n');
	buf_free(&number);
}

/* The line for what has no row. */
static void put_rest(const struct bars *b, size_t shown)
{
	uint64_t events = 0;

	for (size_t i = shown; i < b->n; i++)
		events += b->list[i].events;
	buf_text(output_buf(), "and ");
	text_number(output_buf(), b->n - shown);
	buf_text(output_buf(), " more with ");
	text_number(output_buf(), events);
	buf_text(output_buf(), " events; --format json lists all\n");
}

int bars_print(struct bars *b, bool by_size, struct evs_error *err)
{
	unsigned name_width = 0, terminal = output_columns(), columns = BAR_MAX;
	size_t rows = by_size && b->n > ROWS_MAX ? ROWS_MAX : b->n;
	uint64_t most = 1;

	if (b->text.failed)
		return error_nomem(err);
	if (by_size && b->n > 0)
		qsort(b->list, b->n, sizeof *b->list, compare);
	for (size_t i = 0; i < rows; i++) {
		unsigned width = text_width((const char *)b->text.data + b->list[i].at, b->list[i].size);

		name_width = width > name_width ? width : name_width;
		most = b->list[i].events > most ? b->list[i].events : most;
	}
	if (name_width > LABEL_MAX)
		name_width = LABEL_MAX;
	if (terminal != 0 && terminal < name_width + NUMBER_WIDTH + 2 + BAR_MAX)
		columns = terminal > name_width + NUMBER_WIDTH + 2 + 4 ? terminal - name_width - NUMBER_WIDTH - 2 : 4;
	for (size_t i = 0; i < rows; i++)
		put_row(b, &b->list[i], name_width, columns, most);
	if (rows < b->n)
		put_rest(b, rows);
	return EVS_OK;
}

void bars_release(struct bars *b)
{
	free(b->list);
	buf_free(&b->text);
}
