#include <stdio.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/moment.h"
#include "base/utf8.h"
#include "event/parse_parts.h"
#include "event/render.h"

enum { ID_BYTES_MAX = 255 };

#define TIME_EXAMPLE "2026-05-14T10:30:00Z" /* for messages */

struct field_rule {
	const char *name;
	bool id;        /* 255 bytes at most */
	bool not_empty;
};

static const struct field_rule text_fields[NAME_FIXED] = {
	[NAME_EVENT_TYPE] = {"eventType", true, true},
	[NAME_EVENT_ID] = {"eventId", true, true},
	[NAME_TIMESTAMP] = {"timestamp", false, true},
	[NAME_AGGREGATE_ID] = {"aggregateId", true, false},
	[NAME_AGGREGATE_TYPE] = {"aggregateType", true, false},
	[NAME_SOURCE] = {"source", false, false},
	[NAME_CORRELATION_ID] = {"correlationId", false, false},
	[NAME_CAUSATION_ID] = {"causationId", false, false},
};

const char *envelope_type_name(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_STR: return "a string";
	case YYJSON_TYPE_RAW: return "a number";
	case YYJSON_TYPE_BOOL: return "true or false";
	case YYJSON_TYPE_ARR: return "an array";
	case YYJSON_TYPE_OBJ: return "an object";
	default: return "null";
	}
}

static int wrong_type(struct build *b, const char *field, const char *wanted, yyjson_val *v)
{
	return error_set(b->err, EVS_BAD_EVENT, 0, "field '%s' must be %s, not %s", field, wanted, envelope_type_name(v));
}

int envelope_check(struct build *b, unsigned field, const char *text, size_t size)
{
	const struct field_rule *rule = &text_fields[field];

	if (rule->not_empty && size == 0)
		return error_set(b->err, EVS_BAD_EVENT, 0, "field '%s' is empty", rule->name);
	if (rule->id && size > ID_BYTES_MAX)
		return error_set(b->err, EVS_BAD_EVENT, 0, "field '%s' has %zu bytes, over the limit of %d", rule->name, size,
		                 ID_BYTES_MAX);
	if (field == NAME_TIMESTAMP && !moment_parse(text, size, &b->info->moment))
		return error_set(b->err, EVS_BAD_EVENT, 0,
		                 "field 'timestamp' is no RFC 3339 time such as " TIME_EXAMPLE ": '%.*s'",
		                 size > 64 ? 64 : (int)size, text);
	return EVS_OK;
}

void envelope_put_text(struct build *b, unsigned field, const char *text, size_t size)
{
	struct text *t = &b->info->view.texts[field];
	size_t before = b->parser->n_uuids;
	int number = -1;

	packed_put_uint16(&b->o, (uint16_t)field);
	if (size > 0 && (field == NAME_EVENT_TYPE || field == NAME_AGGREGATE_TYPE))
		number = pack_type(b->parser, &b->o, text, size);
	else
		pack_string(b->parser, &b->o, text, size);
	if (number >= 0)
		*t = (struct text){.kind = TEXT_NAME, .name = (uint16_t)number};
	else if (b->parser->n_uuids > before)
		*t = (struct text){.kind = TEXT_UUID, .size = 16, .bytes = b->o - 16};
	else if (size > 0 || field != NAME_AGGREGATE_TYPE) /* an empty type is none */
		*t = (struct text){.kind = TEXT_STRING, .size = (uint32_t)size, .bytes = b->o - size};
	b->present |= 1u << field;
	b->n++;
}

static int check_tags(struct build *b, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *tag;

	if (!yyjson_is_arr(v))
		return wrong_type(b, "tags", "an array of strings", v);
	yyjson_arr_foreach(v, i, n, tag) {
		if (!yyjson_is_str(tag))
			return error_set(b->err, EVS_BAD_EVENT, 0, "field 'tags' must hold strings, not %s", envelope_type_name(tag));
	}
	return EVS_OK;
}

static bool is_integer(yyjson_val *v)
{
	const char *digits = yyjson_get_raw(v);
	size_t size = yyjson_get_len(v);

	return digits != NULL && memchr(digits, '.', size) == NULL && memchr(digits, 'e', size) == NULL &&
	       memchr(digits, 'E', size) == NULL;
}

/* Check a field of the envelope that came with the event. */
static int check_field(struct build *b, unsigned field, yyjson_val *v)
{
	switch (field) {
	case NAME_TAGS:
		return check_tags(b, v);
	case NAME_METADATA:
		return yyjson_is_obj(v) ? EVS_OK : wrong_type(b, "metadata", "an object", v);
	case NAME_VERSION:
		return is_integer(v) ? EVS_OK : wrong_type(b, "version", "an integer", v);
	case NAME_DATA:
		return EVS_OK;
	default:
		if (!yyjson_is_str(v))
			return wrong_type(b, text_fields[field].name, field == NAME_TIMESTAMP ? "an RFC 3339 string such as " TIME_EXAMPLE : "a string", v);
		return envelope_check(b, field, yyjson_get_str(v), yyjson_get_len(v));
	}
}

int envelope_too_deep(struct build *b)
{
	return error_set(b->err, EVS_BAD_EVENT, 0, "nested deeper than %d levels", DEPTH_LIMIT);
}

/* Note the tags that were put at p. */
static void see_tags(struct build *b, const uint8_t *p)
{
	struct view *v = &b->info->view;
	struct packed doc = {0}, list = {0};

	packed_read(p, b->o, &doc);
	v->tags = packed_read(doc.bytes, b->o, &list);
	v->tags_end = b->o;
	v->n_tags = list.size;
}

int envelope_put(struct build *b, unsigned field, yyjson_val *v)
{
	const uint8_t *before;
	int status;

	if (field == NAME_POSITION || field == NAME_REVISION || field == NAME_RECORDED_AT)
		return EVS_OK; /* the store's to say */
	if (b->present & 1u << field)
		return error_set(b->err, EVS_BAD_EVENT, 0, "field '%s' is there twice", name_fixed_text(field));
	status = check_field(b, field, v);
	if (status != EVS_OK)
		return status;
	if (field <= NAME_CAUSATION_ID && field != NAME_VERSION) {
		envelope_put_text(b, field, yyjson_get_str(v), yyjson_get_len(v));
		return EVS_OK;
	}
	packed_put_uint16(&b->o, (uint16_t)field);
	b->present |= 1u << field;
	b->n++;
	before = b->o;
	if (!pack_field(b->parser, &b->o, v))
		return envelope_too_deep(b);
	if (field == NAME_TAGS)
		see_tags(b, before);
	return EVS_OK;
}

int envelope_put_fills(struct build *b)
{
	const struct parse_rules *rules = b->parser->rules;

	for (unsigned field = 0; field < NAME_FIXED; field++) {
		struct span fill = rules->fill[field];
		int status;
		if (fill.text == NULL || b->present & 1u << field)
			continue;
		status = envelope_check(b, field, fill.text, fill.size);
		if (status != EVS_OK)
			return status;
		envelope_put_text(b, field, fill.text, fill.size);
	}
	if (rules->n_tags > 0 && !(b->present & 1u << NAME_TAGS)) {
		uint8_t *start;
		packed_put_uint16(&b->o, NAME_TAGS);
		start = b->o;
		b->o += 6;
		packed_put_array(&b->o, rules->n_tags);
		for (size_t i = 0; i < rules->n_tags; i++)
			pack_string(b->parser, &b->o, rules->tags[i], strlen(rules->tags[i]));
		start[0] = 0xc9;
		for (unsigned i = 0; i < 4; i++)
			start[1 + i] = (uint8_t)((uint32_t)(b->o - start - 6) >> (24 - 8 * i));
		start[5] = PACKED_DOCUMENT;
		b->n++;
		see_tags(b, start);
	}
	return EVS_OK;
}

/* The option that fills a field. */
static const char *option_of(unsigned field)
{
	switch (field) {
	case NAME_EVENT_TYPE: return "--type";
	case NAME_AGGREGATE_ID: return "--stream";
	case NAME_AGGREGATE_TYPE: return "--aggregate-type";
	case NAME_SOURCE: return "--source";
	case NAME_CORRELATION_ID: return "--correlation";
	default: return "--causation";
	}
}

static int check_fill(const char *option, struct span text, const struct field_rule *rule, struct evs_error *err)
{
	size_t bad;

	if (!utf8_valid(text.text, text.size, &bad))
		return error_set(err, EVS_USAGE, 0, "option '%s' is no UTF-8: byte %zu", option, bad + 1);
	if (rule->not_empty && text.size == 0)
		return error_set(err, EVS_USAGE, 0, "option '%s' is empty", option);
	if (rule->id && text.size > ID_BYTES_MAX)
		return error_set(err, EVS_USAGE, 0, "option '%s' has %zu bytes, over the limit of %d", option, text.size, ID_BYTES_MAX);
	return EVS_OK;
}

int parse_check_fills(const struct parse_rules *rules, struct evs_error *err)
{
	static const struct field_rule tag = {.name = "tags"};
	int status = EVS_OK;

	for (unsigned field = 0; field < NAME_FIXED && status == EVS_OK; field++)
		if (rules->fill[field].text != NULL)
			status = check_fill(option_of(field), rules->fill[field], &text_fields[field], err);
	for (size_t i = 0; i < rules->n_tags && status == EVS_OK; i++)
		status = check_fill("--tag", span_text(rules->tags[i]), &tag, err);
	return status;
}

size_t envelope_header(size_t most)
{
	return most < 16 ? 1 : most <= UINT16_MAX ? 3 : 5;
}

void envelope_put_header(uint8_t *start, size_t size, unsigned n)
{
	if (size == 1) {
		start[0] = (uint8_t)(0x80 | n);
	} else if (size == 3) {
		start[0] = 0xde;
		start[1] = (uint8_t)(n >> 8);
		start[2] = (uint8_t)n;
	} else {
		start[0] = 0xdf;
		for (unsigned i = 0; i < 4; i++)
			start[1 + i] = (uint8_t)(n >> (24 - 8 * i));
	}
}

size_t envelope_fields_added(const struct parse_rules *rules)
{
	size_t n = 2 + (rules->n_tags > 0);

	for (unsigned i = 0; i < NAME_FIXED; i++)
		n += (size_t)(rules->fill[i].text != NULL) + (size_t)(rules->map[i].n > 0);
	return n + rules->mapped;
}

#define MADE_FIELDS (1u << NAME_EVENT_ID | 1u << NAME_TIMESTAMP)

int envelope_put_made(struct build *b, uint8_t *start, size_t header)
{
	char time[MOMENT_TEXT];
	uint8_t uuid[16];
	int64_t now;

	if ((b->present & MADE_FIELDS) == MADE_FIELDS)
		return EVS_OK;
	now = moment_now_us();
	if (!(b->present & 1u << NAME_EVENT_ID)) {
		if (b->parser->rules->hash_ids) {
			envelope_put_header(start, header, b->n);
			b->parser->scratch.size = 0;
			memset(b->o, 0, RENDER_PAD);
			if (!render_fields(&b->parser->scratch, b->parser->names, start, (size_t)(b->o - start)))
				return error_nomem(b->err);
			hash128(b->parser->scratch.data, b->parser->scratch.size, uuid);
			uuid_v8(uuid);
		} else {
			uuid_v7((uint64_t)now / 1000, uuid);
			b->info->id_made = true;
		}
		packed_put_uint16(&b->o, NAME_EVENT_ID);
		pack_uuid(b->parser, &b->o, uuid);
		b->info->view.texts[NAME_EVENT_ID] = (struct text){.kind = TEXT_UUID, .size = 16, .bytes = b->o - 16};
		b->n++;
	}
	if (!(b->present & 1u << NAME_TIMESTAMP)) {
		moment_format_us(now, time);
		packed_put_uint16(&b->o, NAME_TIMESTAMP);
		packed_put_text(&b->o, time, sizeof time);
		b->info->time_made = true;
		b->info->moment = now * 1000;
		b->n++;
	}
	return EVS_OK;
}

int envelope_put_own(struct build *b, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *key, *value;

	b->parser->previous = 0;
	yyjson_obj_foreach(root, i, n, key, value) {
		const char *text = unsafe_yyjson_get_str(key);
		size_t size = unsafe_yyjson_get_len(key);
		int number = pack_number(b->parser, text, size), status;
		if (number >= 0 && number < NAME_FIXED - 1) {
			status = envelope_put(b, (unsigned)number, value);
			if (status != EVS_OK) {
				error_prefix(b->err, "column %zu: ", (size_t)(text - b->doc->str_pool));
				return status;
			}
			continue;
		}
		if (number >= 0)
			packed_put_uint16(&b->o, (uint16_t)number);
		else
			packed_put_text(&b->o, text, size);
		b->n++;
		if (!pack_field(b->parser, &b->o, value))
			return envelope_too_deep(b);
	}
	return EVS_OK;
}
