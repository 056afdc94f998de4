/* One event that was read, for who uses the library. */
#include <stdlib.h>

#include "event/fields.h"
#include "event/format.h"
#include "event/view.h"
#include "store/store.h"

char *evs_event_text(struct evs_store *store, const struct evs_event *event, enum evs_format format, size_t *size)
{
	struct record record = {event->position, event->revision, event->recorded_us, event->packed, (uint32_t)event->packed_size};
	struct buf out = {0};

	if (format == EVS_FIELDS || !format_event(&out, store->names, format, NULL, &record)) {
		buf_free(&out);
		return NULL;
	}
	*size = out.size;
	buf_byte(&out, 0);
	if (out.failed)
		buf_free(&out);
	return (char *)out.data;
}

/* metadata.replyTo */
static const char *reply_to(const struct names *names, const struct evs_event *event, char *scratch, size_t *size)
{
	static char metadata[] = "metadata", key[] = "replyTo";
	const struct path_step steps[] = {{.key = metadata, .size = sizeof metadata - 1}, {.key = key, .size = sizeof key - 1}};
	const uint8_t *p = event->packed, *end = event->packed + event->packed_size;
	struct packed value = {0};

	for (size_t i = 0; i < sizeof steps / sizeof *steps && p != NULL; i++)
		p = fields_child(names, p, &end, &steps[i]);
	if (p == NULL)
		return NULL;
	packed_read(p, end, &value);
	*size = value.size;
	if (value.kind == PACKED_STRING)
		return (const char *)value.bytes;
	if (value.kind != PACKED_UUID16)
		return NULL;
	uuid_format(value.bytes, scratch);
	*size = UUID_TEXT;
	return scratch;
}

const char *evs_event_field(struct evs_store *store, const struct evs_event *event, enum evs_field field, char *scratch, size_t *size)
{
	static const enum name_fixed names[] = {
		[EVS_FIELD_TYPE] = NAME_EVENT_TYPE, [EVS_FIELD_ID] = NAME_EVENT_ID, [EVS_FIELD_TIMESTAMP] = NAME_TIMESTAMP,
		[EVS_FIELD_STREAM] = NAME_AGGREGATE_ID, [EVS_FIELD_AGGREGATE_TYPE] = NAME_AGGREGATE_TYPE, [EVS_FIELD_SOURCE] = NAME_SOURCE,
		[EVS_FIELD_CORRELATION] = NAME_CORRELATION_ID, [EVS_FIELD_CAUSATION] = NAME_CAUSATION_ID,
	};
	const struct text *text;
	struct span span;
	struct view v;

	_Static_assert(EVS_FIELD_SCRATCH == UUID_TEXT, "a UUID is written there");
	if (field == EVS_FIELD_REPLY_TO)
		return reply_to(store->names, event, scratch, size);
	if (!view_open(&v, event->packed, event->packed_size))
		return NULL;
	text = &v.texts[names[field]];
	if (text->kind == TEXT_NONE)
		return NULL;
	span = view_span(text, store->names, scratch);
	*size = span.size;
	return span.text;
}
