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

#define OWN "evs"
#define OWN_SIZE CLOUDEVENT_OWN_SIZE
#define FOREIGN "ce-"

int cloudevent_attribute(const char *name, size_t size)
{
	static const char *const others[] = {"specversion", "position", "revision", "recordedat"};

	for (int field = 0; field < NAME_FIXED; field++)
		if (attributes[field] != NULL && strlen(attributes[field]) == size && memcmp(attributes[field], name, size) == 0)
			return field;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strlen(others[i]) == size && memcmp(others[i], name, size) == 0)
			return CLOUDEVENT_STORE;
	return CLOUDEVENT_OTHER;
}

bool cloudevent_clashes(const char *name, size_t size)
{
	while (size > OWN_SIZE && memcmp(name, OWN, OWN_SIZE) == 0) {
		name += OWN_SIZE;
		size -= OWN_SIZE;
	}
	return cloudevent_attribute(name, size) != CLOUDEVENT_OTHER;
}

/* The name of an event's own field, which is not to be taken for another's attribute. */
static void put_own_name(struct buf *out, const char *name, size_t size)
{
	static const char *const foreign[] = {FOREIGN "timestamp", FOREIGN "version", FOREIGN "tags", FOREIGN "metadata"};

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (strlen(foreign[i]) == size && memcmp(foreign[i], name, size) == 0) {
			name += sizeof FOREIGN - 1;
			size -= sizeof FOREIGN - 1;
			render_string(out, (const uint8_t *)name, size);
			return;
		}
	}
	if (cloudevent_clashes(name, size)) {
		buf_text(out, "\"" OWN);
		buf_put(out, name, size); /* lower-case letters */
		buf_byte(out, '"');
	} else {
		render_string(out, (const uint8_t *)name, size);
	}
}

/* A time with what RFC 3339 wants and the envelope does not. */
static void put_time(struct buf *out, struct span time)
{
	size_t date = sizeof "2026-05-14" - 1, size = time.size - date - 1;
	const char *clock = time.text + date + 1;
	bool zoned = memchr(clock, '+', size) != NULL || memchr(clock, '-', size) != NULL || memchr("Zz", clock[size - 1], 2) != NULL;

	buf_printf(out, "\"%.*sT%.*s%s\"", (int)date, time.text, (int)size, clock, zoned ? "" : "Z");
}

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
	if (field == NAME_TIMESTAMP && v->texts[field].kind == TEXT_STRING && v->texts[field].size > sizeof "2026-05-14T" - 1) {
		put_time(out, (struct span){(const char *)v->texts[field].bytes, v->texts[field].size});
		return true;
	}
	if (field < VIEW_TEXTS && v->texts[field].kind == TEXT_NAME) {
		char unused[UUID_TEXT];
		struct span s = view_span(&v->texts[field], names, unused);
		render_string(out, (const uint8_t *)s.text, s.size);
		return true;
	}
	return render_value(out, names, p, end) != NULL;
}

/* CloudEvents have no empty one. */
static bool has_source(const struct view *v)
{
	return v->texts[NAME_SOURCE].kind == TEXT_UUID || (v->texts[NAME_SOURCE].kind == TEXT_STRING && v->texts[NAME_SOURCE].size > 0);
}

/* The name of a field of the event's own. */
static bool own_name(const struct names *names, const struct packed *key, struct span *name, char scratch[UUID_TEXT])
{
	const struct name *n;

	switch (key->kind) {
	case PACKED_UINT:
		n = name_get(names, key->number);
		*name = n == NULL ? (struct span){NULL, 0} : (struct span){n->text, n->size};
		return n != NULL;
	case PACKED_UUID16:
		uuid_format(key->bytes, scratch);
		*name = (struct span){scratch, UUID_TEXT};
		return true;
	default:
		*name = (struct span){(const char *)key->bytes, key->size};
		return key->kind == PACKED_STRING;
	}
}

bool cloudevent_render(struct buf *out, const struct names *names, const struct record *r)
{
	const uint8_t *end = r->body + r->size, *p, *after;
	char recorded[MOMENT_TEXT];
	char scratch[UUID_TEXT];
	struct packed key = {0};
	struct span name;
	struct view v;

	if (!view_open(&v, r->body, r->size))
		return false;
	buf_text(out, "{\"specversion\":\"1.0\"");
	p = v.fields;
	for (uint32_t i = 0; i < v.n_fields; i++) {
		const uint8_t *at = packed_read(p, end, &key);
		if ((after = packed_skip(at, end)) == NULL)
			return false;
		if (key.kind == PACKED_UINT && key.number == NAME_SOURCE && !has_source(&v)) {
			p = after;
			continue;
		}
		buf_byte(out, ',');
		if (key.kind == PACKED_UINT && key.number < NAME_FIXED && attributes[key.number] != NULL) {
			buf_printf(out, "\"%s\":", attributes[key.number]);
			if (!put_field(out, names, key.number, &v, at, end))
				return false;
		} else {
			if (!own_name(names, &key, &name, scratch))
				return false;
			put_own_name(out, name.text, name.size);
			buf_byte(out, ':');
			if (render_value(out, names, at, end) == NULL)
				return false;
		}
		p = after;
	}
	if (!has_source(&v))
		buf_text(out, ",\"source\":\"" EVS_NO_SOURCE "\"");
	buf_printf(out, ",\"position\":%llu", (unsigned long long)r->position);
	if (r->revision != 0)
		buf_printf(out, ",\"revision\":%llu", (unsigned long long)r->revision);
	moment_format_us(r->recorded_us, recorded);
	buf_printf(out, ",\"recordedat\":\"%.*s\"}\n", MOMENT_TEXT, recorded);
	return !out->failed;
}
