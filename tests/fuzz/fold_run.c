/* A fold, a zero byte, lines of JSON: an event that is taken back leaves no trace; states are read as they were written. */
#include "event/parse.h"
#include "fold/fold.h"
#include "fuzz.h"

enum { STATES = 3 };

static struct state states[STATES];

/* Write all states, one behind another. */
static void encode(const struct fold *fold, struct buf *out)
{
	struct buf again = {0};
	struct state copy;

	out->size = 0;
	for (size_t i = 0, at; i < STATES; i++) {
		at = out->size;
		MUST(state_encode(&states[i], out) && buf_room(out, RENDER_PAD) && state_init(&copy, fold));
		memset(out->data + out->size, 0, RENDER_PAD);
		MUST(state_decode(&copy, out->data + at, out->size - at) == states[i].exists && state_encode(&copy, &again));
		state_release(&copy);
	}
	MUST(again.size == out->size && memcmp(again.data, out->data, again.size) == 0);
	buf_free(&again);
}

static void apply(struct fold_run *run, const struct record *r, bool keep)
{
	struct evs_error err = {0};
	struct fold_target target;
	int status = fold_begin(run, r, &err);

	while (status == EVS_OK && (status = fold_next(run, &target, &err)) == EVS_OK)
		status = fold_apply(run, &states[target.key.size % STATES], &err);
	MUST(status == EVS_END || (status == EVS_BAD_EVENT && err.message[0] != '\0'));
	fold_end(run, keep && status == EVS_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct parse_rules rules;
	struct names *names = name_table_new();
	struct parser *parser = parse_new(names, &rules);
	char *text = (char *)exact_copy(data, size, 1), *line = text + strlen(text) + 1;
	struct buf packed = {0}, before = {0}, after = {0};
	struct fold *fold = NULL;
	struct fold_run *run;
	struct parsed info;

	if (line < text + size && fold_parse("f", text, strlen(text), &fold, NULL) == EVS_OK && (run = fold_run_new(fold, names)) != NULL) {
		for (size_t i = 0; i < STATES; i++)
			MUST(state_init(&states[i], fold));
		for (struct record r = {.position = 1, .revision = 1}; (line = strtok(line, "\n")) != NULL; line = NULL, r.position++) {
			packed.size = 0;
			if (parse_line(parser, line, strlen(line), &packed, &info, NULL) != EVS_OK || !buf_room(&packed, RENDER_PAD))
				continue;
			r.body = packed.data;
			r.size = (uint32_t)packed.size;
			encode(fold, &before);
			apply(run, &r, false);
			encode(fold, &after);
			MUST(before.size == after.size && memcmp(before.data, after.data, before.size) == 0);
			apply(run, &r, true);
			encode(fold, &after);
			if (parse_missing(parser)->size > 0 && parse_missing(parser)->data[0] > 0) /* the first new name gets a number */
				name_add(names, (const char *)parse_missing(parser)->data + 1, parse_missing(parser)->data[0]);
			parse_missing_clear(parser);
		}
		for (size_t i = 0; i < STATES; i++)
			state_release(&states[i]);
		fold_run_free(run);
	}
	fold_free(fold);
	parse_free(parser);
	name_table_free(names);
	buf_free(&packed);
	buf_free(&before);
	buf_free(&after);
	free(text);
	return 0;
}
