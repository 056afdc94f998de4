#include "event/view.h"

enum { UUID_HEAD = 0xd8, UUID_AT = 2, UUID_BYTES = 16 }; /* of a packed UUID */

/* A string value; false when it is no string. Names stand for event and aggregate types alone. */
static bool text_of(const struct packed *value, unsigned field, struct text *t)
{
	switch (value->kind) {
	case PACKED_STRING:
		t->kind = TEXT_STRING;
		break;
	case PACKED_UUID16:
		t->kind = TEXT_UUID;
		break;
	case PACKED_UINT:
		if ((field != NAME_EVENT_TYPE && field != NAME_AGGREGATE_TYPE) || value->number >= NAME_LIMIT)
			return false;
		*t = (struct text){.kind = TEXT_NAME, .name = (uint16_t)value->number};
		return true;
	default:
		return false;
	}
	t->size = value->size;
	t->bytes = value->bytes;
	return true;
}

static bool tags_of(struct view *v, const struct packed *value)
{
	struct packed list = {0};

	if (value->kind != PACKED_DOC)
		return false;
	v->tags = packed_read(value->bytes, value->bytes + value->size, &list);
	v->tags_end = value->bytes + value->size;
	v->n_tags = list.size;
	return list.kind == PACKED_ARRAY;
}

/* One field of the top level. */
static bool field_of(struct view *v, uint64_t name, const struct packed *value, const uint8_t *at, const uint8_t *after)
{
	switch (name) {
	case NAME_TAGS:
		return tags_of(v, value);
	case NAME_DATA:
		v->data = at;
		v->data_end = after;
		return true;
	case NAME_VERSION:
		return true;
	default:
		return name >= VIEW_TEXTS || text_of(value, (unsigned)name, &v->texts[name]);
	}
}

/* A string in one of its two usual forms. Returns what follows it, NULL where it is none of them. */
static inline const uint8_t *usual_text(const uint8_t *p, const uint8_t *end, struct text *t)
{
	size_t left = (size_t)(end - p), size;

	if (left >= UUID_AT + UUID_BYTES && p[0] == UUID_HEAD && p[1] == PACKED_UUID) {
		t->kind = TEXT_UUID;
		t->size = UUID_BYTES;
		t->bytes = p + UUID_AT;
		return p + UUID_AT + UUID_BYTES;
	}
	if (left == 0 || p[0] < 0xa0 || p[0] > 0xbf || (size = p[0] & 31) >= left)
		return NULL;
	t->kind = TEXT_STRING;
	t->size = (uint32_t)size;
	t->bytes = p + 1;
	return p + 1 + size;
}

bool view_open(struct view *v, const uint8_t *body, size_t size)
{
	const uint8_t *end = body + size, *p, *after;
	struct packed head = {0}, key = {0}, value = {0};

	/* Not memset: of so few bytes it takes a quarter of the time of all of this. */
	for (unsigned i = 0; i < VIEW_TEXTS; i++) {
		v->texts[i].kind = TEXT_NONE;
		v->texts[i].size = 0;
		v->texts[i].bytes = NULL;
		v->texts[i].name = 0;
	}
	v->n_tags = 0;
	v->tags = v->tags_end = v->data = v->data_end = NULL;
	p = packed_read(body, end, &head);
	if (head.kind != PACKED_MAP)
		return false;
	v->fields = p;
	v->n_fields = head.size;
	for (uint32_t i = 0; i < head.size; i++) {
		const uint8_t *at = packed_read(p, end, &key);
		if (key.kind == PACKED_UINT && key.number < VIEW_TEXTS && key.number != NAME_VERSION && (after = usual_text(at, end, &v->texts[key.number])) != NULL) {
			p = after;
			continue;
		}
		if (key.kind != PACKED_UINT && key.kind != PACKED_STRING && key.kind != PACKED_UUID16)
			return false;
		p = packed_read(at, end, &value);
		/* Containers of the top level are wrapped: everything else has no place here. */
		if (value.kind == PACKED_BAD || value.kind == PACKED_ARRAY || value.kind == PACKED_MAP)
			return false;
		if (key.kind == PACKED_UINT && !field_of(v, key.number, &value, at, p))
			return false;
	}
	if (v->texts[NAME_AGGREGATE_TYPE].size == 0 && v->texts[NAME_AGGREGATE_TYPE].kind == TEXT_STRING)
		v->texts[NAME_AGGREGATE_TYPE].kind = TEXT_NONE; /* an empty type is none */
	return p == end && v->texts[NAME_EVENT_TYPE].kind != TEXT_NONE && v->texts[NAME_EVENT_ID].kind != TEXT_NONE &&
	       v->texts[NAME_TIMESTAMP].kind != TEXT_NONE;
}

struct span view_span(const struct text *t, const struct names *names, char scratch[UUID_TEXT])
{
	const struct name *n;

	switch (t->kind) {
	case TEXT_STRING:
		return (struct span){(const char *)t->bytes, t->size};
	case TEXT_UUID:
		uuid_format(t->bytes, scratch);
		return (struct span){scratch, UUID_TEXT};
	case TEXT_NAME:
		n = name_get(names, t->name);
		if (n != NULL)
			return (struct span){n->text, n->size};
		break;
	case TEXT_NONE:
		break;
	}
	return (struct span){"", 0};
}

const uint8_t *view_tag(const uint8_t *p, const uint8_t *end, struct text *tag)
{
	struct packed value = {0};

	p = packed_read(p, end, &value);
	return value.kind != PACKED_UINT && text_of(&value, NAME_TAGS, tag) ? p : NULL;
}

void view_text_of(struct text *t, const char *string, size_t size, uint8_t uuid[16])
{
	if (size == UUID_TEXT && uuid_parse(string, uuid))
		*t = (struct text){.kind = TEXT_UUID, .size = 16, .bytes = uuid};
	else
		*t = (struct text){.kind = TEXT_STRING, .size = (uint32_t)size, .bytes = (const uint8_t *)string};
}
