/* Any bytes taken for a packed event: every reader of them keeps inside. */
#include "event/cloudevent.h"
#include "event/fields.h"
#include "event/packed.h"
#include "event/same.h"
#include "event/term.h"
#include "fuzz.h"

static bool see_uuid(void *context, uint32_t offset)
{
	const struct record *r = context;

	MUST(offset <= r->size && r->size - offset >= 16);
	return true;
}

static bool see_term(void *context, uint64_t hash)
{
	*(uint64_t *)context ^= hash;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool (*const renders[])(struct buf *, const struct names *, const struct record *) = {render_event, render_data, render_msgpack, cloudevent_render};
	static struct names *names;
	static struct fields *fields;
	uint8_t *body = exact_copy(data, size, RENDER_PAD);
	struct record r = {.position = 1, .revision = size % 2, .body = body, .size = (uint32_t)size};
	struct buf out = {0}, pretty = {0};
	struct terms terms;
	uint64_t seen = 0;
	struct view v;

	if (names == NULL) {
		names = name_table_new();
		name_add(names, "a", 1);
		MUST(fields_parse(".eventType,.data.a[0],.data.a.a,.tags[-1],.source.a,.a", &fields, NULL) == EVS_OK);
	}
	if (view_open(&v, body, size))
		term_all(1, &v, names, &terms, see_term, &seen);
	render_fields(&out, names, body, size);
	packed_uuids(body, size, see_uuid, &r);
	MUST(packed_skip(body, body + size) <= body + size);
	for (size_t i = 0; i < sizeof renders / sizeof renders[0]; i++) {
		out.size = 0;
		renders[i](&out, names, &r);
	}
	fields_render(&out, names, fields, &r);
	out.size = 0;
	if (render_event(&out, names, &r))
		render_pretty(&pretty, out.data, out.size, true);
	buf_free(&pretty);
	same_event(names, body, size, body, size > 0 ? size - 1 : 0, true);
	free(body);
	buf_free(&out);
	return 0;
}
