/*
 * A fold, a zero byte, lines of JSON: an event that is taken back leaves no trace; the state, one for all, is read as
 * written; whether an event is looked at before its turn makes no difference.
 */
#include "event/parse.h"
#include "fold/look.h"
#include "fuzz.h"

/* Write the state, read it as another one, and write that. */
static void encode(const struct state *s, struct state *copy, struct buf *out)
{
	static struct buf again;

	out->size = again.size = 0;
	MUST(state_encode(s, out) && buf_room(out, RENDER_PAD));
	memset(out->data + out->size, 0, RENDER_PAD);
	MUST(state_decode(copy, out->data, out->size) == s->exists && state_encode(copy, &again));
	MUST(again.size == out->size && memcmp(again.data, out->data, out->size) == 0);
}

/* look: NULL, or look at the event before. Writes what the state is before it is taken back. */
static void apply(struct fold_run *run, struct look *look, struct state *s, const struct record *r, bool keep, struct buf *out)
{
	void *memory = malloc(look == NULL ? 1 : look_room(look));
	struct fold_target target;
	struct fold_event event;
	int status;

	if (look != NULL)
		look_renew(look);
	MUST(look == NULL || look_at(look, r, memory, &event) > 0);
	status = look == NULL ? fold_begin(run, r, NULL) : fold_begin_looked(run, &event, NULL);
	while (status == EVS_OK && (status = fold_next(run, &target, NULL)) == EVS_OK)
		status = fold_apply(run, s, NULL);
	MUST(status == EVS_END || status == EVS_BAD_EVENT);
	out->size = 0;
	MUST(state_encode(s, out));
	buf_byte(out, (uint8_t)status);
	fold_end(run, keep && status == EVS_END);
	free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf packed, before, after, one, other;
	char *text = (char *)exact_copy(data, size, 1), *line = text + strlen(text) + 1;
	struct names *names = name_table_new();
	struct parser *parser = parse_new(names, &(struct parse_rules){0});
	struct state s = {0}, copy = {0};
	struct fold *fold = NULL;
	struct fold_run *run = line < text + size && fold_parse("f", text, strlen(text), &fold, NULL) == EVS_OK ? fold_run_new(fold, names) : NULL;
	struct look *look = look_new(fold, names);

	name_add(names, "n", 1); /* other names of data stay strings */
	for (uint64_t n = 1; run != NULL && (line = strtok(line, "\n")) != NULL; line = NULL, n++, packed.size = 0) {
		MUST(n > 1 || (state_init(&s, fold) && state_init(&copy, fold)));
		if (parse_line(parser, line, strlen(line), &packed, &(struct parsed){0}, NULL) != EVS_OK || !buf_room(&packed, RENDER_PAD))
			continue;
		const struct record r = {.position = n, .revision = n, .body = packed.data, .size = (uint32_t)packed.size};
		encode(&s, &copy, &before);
		apply(run, look, &s, &r, false, &one);
		encode(&s, &copy, &after);
		MUST(before.size == after.size && memcmp(before.data, after.data, before.size) == 0);
		apply(run, NULL, &s, &r, true, &other);
		MUST(one.size == other.size && memcmp(one.data, other.data, one.size) == 0);
		encode(&s, &copy, &after);
	}
	state_release(&s);
	state_release(&copy);
	look_free(look);
	fold_run_free(run);
	fold_free(fold);
	parse_free(parser);
	name_table_free(names);
	free(text);
	return 0;
}
