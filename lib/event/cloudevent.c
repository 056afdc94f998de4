#include "event/cloudevent.h"

#include "base/moment.h"
#include "event/packed.h"
#include "event/view.h"
#include "evs.h"

/* The attribute for a field of the envelope. */
static const char *const attributes[NAME_FIXED] = {
	[NAME_EVENT_TYPE] = "type", [NAME_EVENT_ID] = "id", [NAME_TIMESTAMP] = "time", [NAME_AGGREGATE_ID] = "subject",
	[NAME_AGGREGATE_TYPE] = "aggregatetype", [NAME_VERSION] = "eventversion", [NAME_SOURCE] = "source",
	[NAME_CORRELATION_ID] = "correlationid", [NAME_CAUSATION_ID] = "causationid", [NAME_TAGS] = "tags",
	[NAME_DATA] = "data", [NAME_METADATA] = "metadata",
};

/* A JSON value as JSON in a string. */
static bool put_embedded(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end)
{
	struct buf json = {0};
	bool ok = render_value(&json, names, p, end) != NULL && !json.failed;

	if (ok)
		render_string(out, json.data, json.size);
	buf_free(&json);
	return ok;
}

/* The value of a field; types may be interned. */
static bool put_field(struct buf *out, const struct names *names, uint64_t field, const struct view *v, const uint8_t *p, const uint8_t *end)
{
	if (field == NAME_TAGS || field == NAME_METADATA)
		return put_embedded(out, names, p, end);
	if (field < VIEW_TEXTS && v->texts[field].kind == TEXT_NAME) {
		char unused[UUID_TEXT];
		struct span s = view_span(&v->texts[field], names, unused);
		render_string(out, (const uint8_t *)s.text, s.size);
		return true;
	}
	return render_value(out, names, p, end) != NULL;
}

bool cloudevent_render(struct buf *out, const struct names *names, const struct record *r)
{
	const uint8_t *end = r->body + r->size, *p, *after;
	char recorded[MOMENT_TEXT];
	struct packed key = {0};
	struct view v;

	if (!view_open(&v, r->body, r->size))
		return false;
	buf_text(out, "{\"specversion\":\"1.0\"");
	p = v.fields;
	for (uint32_t i = 0; i < v.n_fields; i++) {
		const uint8_t *at = packed_read(p, end, &key);
		if ((after = packed_skip(at, end)) == NULL)
			return false;
		buf_byte(out, ',');
		if (key.kind == PACKED_UINT && key.number < NAME_FIXED && attributes[key.number] != NULL) {
			buf_printf(out, "\"%s\":", attributes[key.number]);
			if (!put_field(out, names, key.number, &v, at, end))
				return false;
		} else {
			const struct name *n = key.kind == PACKED_UINT ? name_get(names, key.number) : NULL;
			if (n != NULL)
				buf_put(out, n->json, n->json_size);
			else if (render_value(out, names, p, end) == NULL)
				return false;
			else
				buf_byte(out, ':');
			if (render_value(out, names, at, end) == NULL)
				return false;
		}
		p = after;
	}
	if (v.texts[NAME_SOURCE].kind == TEXT_NONE)
		buf_text(out, ",\"source\":\"" EVS_NO_SOURCE "\"");
	buf_printf(out, ",\"position\":%llu", (unsigned long long)r->position);
	if (r->revision != 0)
		buf_printf(out, ",\"revision\":%llu", (unsigned long long)r->revision);
	moment_format_us(r->recorded_us, recorded);
	buf_printf(out, ",\"recordedat\":\"%.*s\"}\n", MOMENT_TEXT, recorded);
	return !out->failed;
}
