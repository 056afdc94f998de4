#include <string.h>

#include "base/id.h"
#include "base/moment.h"
#include "fold/eval_parts.h"

static struct value name_text(const struct name *name)
{
	return name == NULL ? value_null() : value_text(name->text, name->size);
}

/* The value of a string field of the envelope. */
static bool text_field(struct eval *v, const struct text *t, struct value *out)
{
	char *text;

	switch (t->kind) {
	case TEXT_NONE:
		*out = value_null();
		return true;
	case TEXT_STRING:
		*out = value_text((const char *)t->bytes, t->size);
		return true;
	case TEXT_NAME:
		*out = name_text(name_get(v->names, t->name));
		return true;
	case TEXT_UUID:
		break;
	}
	if ((text = arena_take(&v->arena, UUID_TEXT)) == NULL)
		return eval_broken(v);
	uuid_format(t->bytes, text);
	*out = value_text(text, UUID_TEXT);
	return true;
}

/* Whether an event has what the store adds: one that is in no store has position 0. */
static bool has_store_field(const struct eval *v, unsigned number)
{
	return number == NAME_REVISION ? v->record->revision != 0 : v->record->position != 0;
}

/* position, revision, recordedAt */
static bool store_field(struct eval *v, unsigned number, struct value *out)
{
	char *text;

	if (!has_store_field(v, number))
		*out = value_null();
	else if (number == NAME_POSITION)
		*out = value_integer((int64_t)v->record->position);
	else if (number == NAME_REVISION)
		*out = value_integer((int64_t)v->record->revision);
	else {
		if ((text = arena_take(&v->arena, MOMENT_TEXT)) == NULL)
			return eval_broken(v);
		moment_format_us(v->record->recorded_us, text);
		*out = value_text(text, MOMENT_TEXT);
	}
	return true;
}

/* A field of the event that is looked for. */
static bool any_field(struct eval *v, const char *key, size_t size, int name, struct value *out, bool *there)
{
	const struct view *view = eval_view(v);
	const uint8_t *p = view->fields, *end = v->record->body + v->record->size;
	uint8_t uuid[16];
	struct packed head = {0};

	*out = value_null();
	*there = false;
	for (uint32_t i = 0; i < view->n_fields; i++) {
		bool same;
		p = packed_read(p, end, &head);
		if (head.kind == PACKED_UINT)
			same = name >= 0 && head.number == (uint64_t)name;
		else if (head.kind == PACKED_UUID16)
			same = size == UUID_TEXT && uuid_parse(key, uuid) && memcmp(head.bytes, uuid, sizeof uuid) == 0;
		else
			same = head.size == size && memcmp(head.bytes, key, size) == 0;
		if (same) {
			*there = true;
			return value_read(&v->arena, p, end, out) != NULL || eval_broken(v);
		}
		if ((p = packed_skip(p, end)) == NULL)
			return eval_broken(v);
	}
	return true;
}

bool eval_event_field(struct eval *v, const char *key, size_t size, int name, struct value *out, bool *there)
{
	const struct view *view;

	switch (name) {
	case NAME_EVENT_TYPE: case NAME_EVENT_ID: case NAME_TIMESTAMP: case NAME_AGGREGATE_ID: case NAME_AGGREGATE_TYPE:
	case NAME_SOURCE: case NAME_CORRELATION_ID: case NAME_CAUSATION_ID:
		view = eval_view(v);
		*there = view->texts[name].kind != TEXT_NONE;
		return text_field(v, &view->texts[name], out);
	case NAME_POSITION: case NAME_REVISION: case NAME_RECORDED_AT:
		*there = has_store_field(v, (unsigned)name);
		return store_field(v, (unsigned)name, out);
	case NAME_DATA:
		view = eval_view(v);
		*out = value_null();
		*there = view->data != NULL;
		return !*there || value_read(&v->arena, view->data, view->data_end, out) != NULL || eval_broken(v);
	default:
		return any_field(v, key, size, name, out, there);
	}
}

bool eval_event_object(struct eval *v, struct value *out)
{
	static const enum name_fixed added[] = {NAME_POSITION, NAME_REVISION, NAME_RECORDED_AT};
	const struct view *view = eval_view(v);
	const uint8_t *p = view->fields, *end = v->record->body + v->record->size;
	struct node *o = eval_new_object(v, view->n_fields + 3);
	struct packed head;
	bool there;

	if (o == NULL)
		return eval_broken(v);
	for (uint32_t i = 0; i < view->n_fields; i++) {
		const uint8_t *at = packed_read(p, end, &head);
		const struct name *name = head.kind == PACKED_UINT ? name_get(v->names, head.number) : NULL;
		struct value *value = &o->values[o->n];
		if ((p = packed_skip(at, end)) == NULL || (head.kind == PACKED_UINT && name == NULL))
			return eval_broken(v);
		o->keys[o->n] = name != NULL ? (struct node_key){name->text, name->size} :
		                               (struct node_key){(const char *)head.bytes, head.size};
		if (head.kind == PACKED_UINT && head.number < VIEW_TEXTS && view->texts[head.number].kind != TEXT_NONE) {
			if (!text_field(v, &view->texts[head.number], value))
				return false;
		} else if (value_read(&v->arena, at, end, value) == NULL) {
			return eval_broken(v);
		}
		o->n++;
	}
	for (size_t i = 0; i < 3; i++) {
		const char *key = name_fixed_text(added[i]);
		if (!eval_event_field(v, key, strlen(key), (int)added[i], &o->values[o->n], &there))
			return false;
		o->keys[o->n] = (struct node_key){key, (uint32_t)strlen(key)};
		o->n += there;
	}
	*out = (struct value){.kind = VALUE_OBJECT, .node = o};
	return true;
}
