#include "replay/draft.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"

/* Whether a line has nothing on it. */
static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

/* Add the event of one line. Its body is an offset until all are there. */
static int add_line(struct drafts *d, struct parser *parser, const char *line, size_t size, uint64_t number,
                    struct evs_error *err)
{
	size_t at = d->packed.size;
	struct parsed info;
	int status;

	if (!array_grow(&d->list, &d->cap, d->n, sizeof *d->list))
		return error_nomem(err);
	status = parse_line(parser, line, size, &d->packed, &info, err);
	if (status == EVS_BAD_EVENT)
		return error_prefix(err, "line %llu: ", (unsigned long long)number);
	if (status != EVS_OK)
		return status;
	d->list[d->n++] = (struct draft){
		.record = {.body = (const uint8_t *)(uintptr_t)at, .size = (uint32_t)(d->packed.size - at)},
		.moment = info.moment,
		.timed = !info.time_made,
		.identified = !info.id_made,
		.line = number,
	};
	if (!buf_room(&d->packed, RENDER_PAD))
		return error_nomem(err);
	memset(d->packed.data + d->packed.size, 0, RENDER_PAD);
	d->packed.size += RENDER_PAD;
	return EVS_OK;
}

int drafts_parse(struct drafts *d, const struct names *names, const struct parse_rules *rules, const char *text,
                 size_t size, struct evs_error *err)
{
	struct parser *parser = parse_new(names, rules);
	const char *end = text + size;
	uint64_t number = 1;
	int status = parser == NULL ? error_nomem(err) : EVS_OK;

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark is no part of the first line */
	for (; text < end && status == EVS_OK; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline == NULL ? end : newline) - text);

		if (!is_blank(text, length))
			status = add_line(d, parser, text, length, number, err);
		text += length + (newline != NULL);
	}
	for (size_t i = 0; i < d->n; i++)
		d->list[i].record.body = d->packed.data + (uintptr_t)d->list[i].record.body;
	parse_free(parser);
	return status;
}

/* Those with a timestamp first, by it; else as they came. */
static int by_moment(const void *a, const void *b)
{
	const struct draft *x = a, *y = b;

	if (x->timed != y->timed)
		return x->timed ? -1 : 1;
	if (x->timed && x->moment != y->moment)
		return x->moment < y->moment ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

void drafts_sort(struct drafts *d)
{
	if (d->n > 0)
		qsort(d->list, d->n, sizeof *d->list, by_moment);
}

void drafts_release(struct drafts *d)
{
	free(d->list);
	buf_free(&d->packed);
	*d = (struct drafts){0};
}
