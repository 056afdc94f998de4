/* A line of JSON: parsed and shown it is canonical, and the canonical line is its own. First byte: how it is parsed. */
#include "event/parse.h"
#include "event/render.h"
#include "fuzz.h"

/* Parse a line; names get numbers as in a store. Whether it is an event; text: how it is shown. */
static bool show(struct names *names, const struct parse_rules *rules, const uint8_t *line, size_t size, struct buf *text)
{
	struct parser *p = parse_new(names, rules);
	struct buf packed = {0};
	struct parsed info;
	struct view v;
	int status;

	do {
		const struct buf *missing = parse_missing(p);
		packed.size = 0;
		status = parse_line(p, (const char *)line, size, &packed, &info, NULL);
		for (size_t at = 0; at < missing->size; at += 1 + (size_t)missing->data[at])
			name_add(names, (const char *)missing->data + at + 1, missing->data[at]);
		if (missing->size == 0)
			break;
		parse_missing_clear(p);
	} while (status == EVS_OK);
	text->size = 0;
	if (status == EVS_OK) {
		MUST(buf_room(&packed, RENDER_PAD));
		MUST(view_open(&v, packed.data, packed.size));
		MUST(render_event(text, names, &(struct record){.position = 1, .body = packed.data, .size = (uint32_t)packed.size}));
	}
	buf_free(&packed);
	parse_free(p);
	return status == EVS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct names *names = name_table_new();
	struct parse_rules rules = {0}, plain = {0};
	struct buf once = {0}, twice = {0};

	if (size > 0) {
		uint8_t *line = exact_copy(data + 1, size - 1, 0);
		rules.cloudevents = data[0] % 4 == 1;
		rules.hash_ids = data[0] % 8 >= 4;
		if (data[0] % 4 == 2)
			parse_map(&rules, "eventType=.a,aggregateId=.b.c,timestamp=.t,tags=.l[0],metadata=.m", NULL);
		if (show(names, &rules, line, size - 1, &once)) {
			MUST(show(names, &plain, once.data, once.size, &twice));
			MUST(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
		}
		free(line);
	}
	parse_rules_release(&rules);
	buf_free(&once);
	buf_free(&twice);
	name_table_free(names);
	return 0;
}
