#include "store/chunk.h"

#include <stdlib.h>

enum { SAMPLE = 128 /* lines: by these what is behind them is judged */ };

struct chunk *chunk_new(void)
{
	return calloc(1, sizeof(struct chunk));
}

void chunk_truncate(struct chunk *c, size_t i)
{
	while (c->n > i)
		free(c->staged[--c->n].error);
}

static void drop_staged(struct chunk *c)
{
	chunk_truncate(c, 0);
	c->n_terms = 0;
	c->packed.size = 0;
	c->uuids.size = 0;
	c->missing.size = 0;
	c->asked_to = 0;
	c->no_memory = false;
}

void chunk_reset(struct chunk *c)
{
	drop_staged(c);
	c->text.size = 0;
	c->next = NULL;
}

void chunk_free(struct chunk *c)
{
	if (c == NULL)
		return;
	drop_staged(c);
	buf_free(&c->text);
	buf_free(&c->packed);
	buf_free(&c->uuids);
	buf_free(&c->missing);
	free(c->staged);
	free(c->terms);
	free(c);
}

static bool add_term(void *context, uint64_t hash)
{
	struct chunk *c = context;

	if (!array_grow(&c->terms, &c->terms_cap, c->n_terms, sizeof *c->terms)) {
		c->no_memory = true;
		return false;
	}
	c->terms[c->n_terms++] = hash;
	return true;
}

/* packed may still move while the chunk grows: texts keep offsets now, pointers in the end. */
static struct text as_offset(const struct chunk *c, struct text t)
{
	if (t.bytes != NULL)
		t.bytes -= (uintptr_t)c->packed.data;
	return t;
}

static void to_pointer(const struct chunk *c, struct text *t)
{
	if (t->kind == TEXT_STRING || t->kind == TEXT_UUID)
		t->bytes += (uintptr_t)c->packed.data;
}

/* The terms of an event that was just parsed. */
static void find_terms(struct chunk *c, struct staged *s, const struct view *v)
{
	s->terms_at = (uint32_t)c->n_terms;
	if (!term_all(c->seed, v, c->names, &s->terms, add_term, c))
		c->no_memory = true; /* the parser made the tags: they are whole */
	s->stream_id = as_offset(c, v->texts[NAME_AGGREGATE_ID]);
	s->stream_type = as_offset(c, v->texts[NAME_AGGREGATE_TYPE]);
	s->n_terms = (uint32_t)(c->n_terms - s->terms_at);
}

/*
 * Have room for what the text from `at` on makes, if it is like that before it. Growing step by step would leave as much memory
 * unused as it fills, and memory that is touched for the first time costs more than most that is done with it.
 */
static void foresee(struct chunk *c, size_t at)
{
	size_t parts = (c->text.size - at) / at + 2; /* as long as what was parsed; and one, lest a little more make them grow again */
	size_t n = c->n * parts, n_terms = c->n_terms * parts;
	void *staged, *terms;

	if (c->cap >= n / 2 || c->text.size > 2 * CHUNK_BYTES)
		return; /* it had as many before; or a line is in it that is like no other */
	if ((staged = realloc(c->staged, n * sizeof *c->staged)) != NULL) {
		c->staged = staged;
		c->cap = n;
	}
	if (c->terms_cap < n_terms && (terms = realloc(c->terms, n_terms * sizeof *c->terms)) != NULL) {
		c->terms = terms;
		c->terms_cap = n_terms;
	}
	buf_room(&c->packed, c->packed.size * parts);
	buf_room(&c->uuids, c->uuids.size * parts);
}

static void parse_one(struct chunk *c, struct parser *parser, size_t at, size_t size, uint32_t line)
{
	struct evs_error err;
	struct parsed info;
	struct staged *s;
	int status;

	if (!array_grow(&c->staged, &c->cap, c->n, sizeof *c->staged)) {
		c->no_memory = true;
		return;
	}
	s = &c->staged[c->n++];
	*s = (struct staged){.at = (uint32_t)c->packed.size, .text_at = (uint32_t)at, .text_size = (uint32_t)size, .line = line};
	status = parse_line(parser, (const char *)c->text.data + at, size, &c->packed, &info, &err);
	if (status == EVS_OK) {
		s->size = (uint32_t)c->packed.size - s->at;
		s->moment = info.moment;
		s->uuids_at = (uint32_t)(c->uuids.size / sizeof *info.uuids);
		s->n_uuids = (uint32_t)info.n_uuids;
		buf_put(&c->uuids, info.uuids, info.n_uuids * sizeof *info.uuids);
		s->id_made = info.id_made;
		s->time_made = info.time_made;
		find_terms(c, s, &info.view);
	} else if (status == EVS_NOMEM || (s->error = strdup(err.message)) == NULL) {
		c->no_memory = true;
	}
}

static bool is_blank(const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

void chunk_parse(struct chunk *c, struct parser *parser)
{
	uint32_t line = 0;

	drop_staged(c);
	for (size_t at = 0; at < c->text.size && !c->no_memory; line++) {
		const uint8_t *start = c->text.data + at, *end = memchr(start, '\n', c->text.size - at);
		size_t size = end == NULL ? c->text.size - at : (size_t)(end - start);
		if (c->n == SAMPLE)
			foresee(c, at);
		if (!is_blank(start, size < 8 ? size : 8) || !is_blank(start, size))
			parse_one(c, parser, at, size, line);
		at += size + 1;
	}
	c->n_lines = line;
	buf_put(&c->missing, parse_missing(parser)->data, parse_missing(parser)->size);
	parse_missing_clear(parser);
	for (size_t i = 0; i < c->n; i++) {
		to_pointer(c, &c->staged[i].stream_id);
		to_pointer(c, &c->staged[i].stream_type);
	}
	c->no_memory |= c->packed.failed || c->missing.failed || c->uuids.failed;
}
