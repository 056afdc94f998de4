/* For unit tests of the event layer: a line of JSON to a packed event, as a store would have it. */
#ifndef EVS_TESTS_UNIT_EVENT_H
#define EVS_TESTS_UNIT_EVENT_H

#include "event/parse.h"
#include "event/render.h"
#include "unit.h"

/* Zeroed memory with event_begin. */
struct maker {
	struct names *names;
	struct parse_rules rules;
	struct parser *parser;
	bool plain; /* names get no numbers */
};

static inline void maker_begin(struct maker *m)
{
	m->names = name_table_new();
	m->parser = parse_new(m->names, &m->rules);
	assert_non_null(m->parser);
}

static inline void maker_end(struct maker *m)
{
	parse_free(m->parser);
	parse_rules_release(&m->rules);
	name_table_free(m->names);
	*m = (struct maker){0};
}

/* Parse a line of exactly `size` bytes, twice where names came up, and put RENDER_PAD zeros behind out's size. */
static inline int maker_parse(struct maker *m, const char *line, size_t size, struct buf *out, struct parsed *info,
                              struct evs_error *err)
{
	char *exact = malloc(size == 0 ? 1 : size); /* so that a read behind it is seen */
	size_t start = out->size;
	int status;

	memcpy(exact, line, size);
	for (;;) {
		const struct buf *missing = parse_missing(m->parser);
		status = parse_line(m->parser, exact, size, out, info, err);
		if (status != EVS_OK || missing->size == 0 || m->plain)
			break;
		for (size_t at = 0; at < missing->size; at += 1 + (size_t)missing->data[at])
			name_add(m->names, (const char *)missing->data + at + 1, missing->data[at]);
		parse_missing_clear(m->parser);
		out->size = start;
	}
	parse_missing_clear(m->parser);
	free(exact);
	if (status == EVS_OK) {
		assert_true(buf_room(out, RENDER_PAD));
		memset(out->data + out->size, 0, RENDER_PAD);
	}
	return status;
}

/* The canonical JSON of a line's own fields, in text. */
static inline int maker_text(struct maker *m, const char *line, size_t size, struct buf *text, struct evs_error *err)
{
	struct buf packed = {0};
	struct parsed info;
	int status = maker_parse(m, line, size, &packed, &info, err);

	text->size = 0;
	if (status == EVS_OK)
		CHECK(render_fields(text, m->names, packed.data, packed.size), "cannot render %.*s", (int)size, line);
	else
		assert_int_equal(packed.size, 0);
	buf_free(&packed);
	return status;
}

#endif
