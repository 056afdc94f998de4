#include "event/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/moment.h"
#include "base/utf8.h"
#include "event/cloudevent.h"
#include "event/json.h"
#include "event/packed.h"
#include "event/render.h"

enum {
	ID_BYTES_MAX = 255,
	GUESSES = 1024,           /* numbers that share a guess: a wrong one costs a look-up */
	MISSING_SLOTS = 4096,     /* names remembered as missing between two parse_missing_clear */
	SMALL_LINE = 256 << 10,   /* lines up to this keep their working memory between calls */
	KEY_INTERN_MAX = 64,      /* longer keys are data more than names */
	ENVELOPE_ROOM = 4096,     /* what filled-in fields and headers can take, tags apart */
};

#define TIME_EXAMPLE "2026-05-14T10:30:00Z" /* for messages */

/* succ: the number that came after a number last time. Keys come in the order of the last event nearly always. */
struct parser {
	const struct names *names;
	const struct parse_rules *rules;
	uint16_t succ[GUESSES];
	unsigned previous;
	struct buf missing;
	uint64_t *missing_seen; /* MISSING_SLOTS hashes, once there is one */
	unsigned n_missing;
	bool intern; /* look names up at all */
	void *memory;
	size_t memory_size;
	struct buf scratch;
	/* Of the event at hand: where it begins, and where its UUIDs are. */
	uint8_t *start;
	uint32_t *uuids;
	size_t n_uuids, uuids_cap;
	bool no_memory;
};

struct parser *parse_new(const struct names *names, const struct parse_rules *rules)
{
	struct parser *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->names = names;
	p->rules = rules;
	p->intern = names != NULL;
	return p;
}

void parse_free(struct parser *p)
{
	if (p == NULL)
		return;
	buf_free(&p->missing);
	free(p->missing_seen);
	buf_free(&p->scratch);
	free(p->uuids);
	free(p->memory);
	free(p);
}

const struct buf *parse_missing(const struct parser *p)
{
	return &p->missing;
}

void parse_missing_clear(struct parser *p)
{
	p->missing.size = 0;
	if (p->n_missing > 0)
		memset(p->missing_seen, 0, MISSING_SLOTS * sizeof *p->missing_seen);
	p->n_missing = 0;
}

/* Remember a name without a number, once. */
static void note_missing(struct parser *p, const char *text, size_t size)
{
	uint64_t h = hash64(text, size, 1) | 1;
	unsigned i = (unsigned)h >> 1 & (MISSING_SLOTS - 1);

	if (!name_may_add(p->names, size) || p->n_missing >= MISSING_SLOTS / 2)
		return;
	if (p->missing_seen == NULL && (p->missing_seen = calloc(MISSING_SLOTS, sizeof *p->missing_seen)) == NULL) {
		p->no_memory = true;
		return;
	}
	for (; p->missing_seen[i] != 0; i = (i + 1) & (MISSING_SLOTS - 1))
		if (p->missing_seen[i] == h)
			return;
	p->missing_seen[i] = h;
	p->n_missing++;
	buf_byte(&p->missing, (uint8_t)size);
	buf_put(&p->missing, text, size);
}

static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t x, y, u, v;

	if (n > 16)
		return memcmp(a, b, n) == 0;
	if (n >= 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		memcpy(&u, a + n - 8, 8);
		memcpy(&v, b + n - 8, 8);
		return x == y && u == v;
	}
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* The number of a key, or -1. */
static inline int number_of(struct parser *p, const char *text, size_t size)
{
	unsigned guess = p->succ[p->previous % GUESSES];
	const struct name *n;
	int number;

	if (!p->intern)
		return -1;
	n = name_get(p->names, guess);
	if (n != NULL && n->size == size && same_bytes(n->text, text, size)) {
		p->previous = guess;
		return (int)guess;
	}
	number = name_find(p->names, text, size);
	if (number >= 0) {
		p->succ[p->previous % GUESSES] = (uint16_t)number;
		p->previous = (unsigned)number;
	} else if (size <= KEY_INTERN_MAX) {
		note_missing(p, text, size);
	}
	return number;
}

static void put_uuid(struct parser *p, uint8_t **o, const uint8_t uuid[16])
{
	packed_put_uuid(o, uuid);
	if (!array_grow(&p->uuids, &p->uuids_cap, p->n_uuids, sizeof *p->uuids))
		p->no_memory = true;
	else
		p->uuids[p->n_uuids++] = (uint32_t)(*o - 16 - p->start);
}

static inline void put_string(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	uint8_t uuid[16];

	if (size == UUID_TEXT && uuid_parse(text, uuid))
		put_uuid(p, o, uuid);
	else
		packed_put_text(o, text, size);
}

static inline void put_key(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	int number = number_of(p, text, size);

	if (number >= 0)
		packed_put_uint16(o, (uint16_t)number);
	else
		packed_put_text(o, text, size);
}

/* One value, whole. The caller has made room. False when it is too deep. */
static bool put_value(struct parser *p, uint8_t **o, yyjson_val *v, unsigned depth)
{
	size_t i, n;
	yyjson_val *key, *value;

	switch (unsafe_yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		put_string(p, o, unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
		return true;
	case YYJSON_TYPE_RAW:
		packed_put_number(o, unsafe_yyjson_get_raw(v), unsafe_yyjson_get_len(v));
		return true;
	case YYJSON_TYPE_BOOL:
		*(*o)++ = unsafe_yyjson_get_bool(v) ? 0xc3 : 0xc2;
		return true;
	case YYJSON_TYPE_ARR:
		if (depth >= DEPTH_LIMIT)
			return false;
		packed_put_array(o, unsafe_yyjson_get_len(v));
		yyjson_arr_foreach(v, i, n, value) {
			if (!put_value(p, o, value, depth + 1))
				return false;
		}
		return true;
	case YYJSON_TYPE_OBJ:
		if (depth >= DEPTH_LIMIT)
			return false;
		packed_put_map(o, unsafe_yyjson_get_len(v));
		yyjson_obj_foreach(v, i, n, key, value) {
			put_key(p, o, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
			if (!put_value(p, o, value, depth + 1))
				return false;
		}
		return true;
	default:
		*(*o)++ = 0xc0;
		return true;
	}
}

/* A value of the top level: containers are wrapped. */
static bool put_field(struct parser *p, uint8_t **o, yyjson_val *v)
{
	uint8_t *start = *o, *body = start + 4;
	size_t size, before = p->n_uuids;

	if (!yyjson_is_ctn(v))
		return put_value(p, o, v, 0);
	*o = body;
	if (!put_value(p, o, v, 0))
		return false;
	size = (size_t)(*o - body);
	if (size <= UINT16_MAX) {
		start[0] = 0xc8;
		start[1] = (uint8_t)(size >> 8);
		start[2] = (uint8_t)size;
		start[3] = PACKED_DOCUMENT;
		return true;
	}
	memmove(start + 6, body, size);
	for (size_t i = before; i < p->n_uuids; i++)
		p->uuids[i] += 2;
	*o = start;
	packed_put_ext(o, size, PACKED_DOCUMENT);
	*o += size;
	return true;
}

/* An event or aggregate type: its number where it has one; -1 where it is put as a string. */
static int put_type(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	int number = p->intern ? name_find(p->names, text, size) : -1;

	if (number >= 0) {
		packed_put_uint16(o, (uint16_t)number);
		return number;
	}
	if (p->intern)
		note_missing(p, text, size);
	put_string(p, o, text, size);
	return -1;
}

/* ---- the envelope ---- */

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

/* How an event is being built. */
struct build {
	struct parser *parser;
	const yyjson_doc *doc;
	struct parsed *info;
	struct evs_error *err;
	uint8_t *o;       /* where the next byte goes */
	unsigned n;       /* fields written */
	uint32_t present; /* bit per enum name_fixed */
};

static const char *type_name(yyjson_val *v)
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
	return error_set(b->err, EVS_BAD_EVENT, 0, "field '%s' must be %s, not %s", field, wanted, type_name(v));
}

/* Check the text of a string field. */
static int check_text(struct build *b, unsigned field, const char *text, size_t size)
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

static void put_text_field(struct build *b, unsigned field, const char *text, size_t size)
{
	struct text *t = &b->info->view.texts[field];
	size_t before = b->parser->n_uuids;
	int number = -1;

	packed_put_uint16(&b->o, (uint16_t)field);
	if (size > 0 && (field == NAME_EVENT_TYPE || field == NAME_AGGREGATE_TYPE))
		number = put_type(b->parser, &b->o, text, size);
	else
		put_string(b->parser, &b->o, text, size);
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
			return error_set(b->err, EVS_BAD_EVENT, 0, "field 'tags' must hold strings, not %s", type_name(tag));
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
		return check_text(b, field, yyjson_get_str(v), yyjson_get_len(v));
	}
}

static int too_deep(struct build *b)
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

/* One field of the envelope, by its number. */
static int put_envelope(struct build *b, unsigned field, yyjson_val *v)
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
		put_text_field(b, field, yyjson_get_str(v), yyjson_get_len(v));
		return EVS_OK;
	}
	packed_put_uint16(&b->o, (uint16_t)field);
	b->present |= 1u << field;
	b->n++;
	before = b->o;
	if (!put_field(b->parser, &b->o, v))
		return too_deep(b);
	if (field == NAME_TAGS)
		see_tags(b, before);
	return EVS_OK;
}

/* What the option --type and its like give to an event that lacks it. */
static int put_fills(struct build *b)
{
	const struct parse_rules *rules = b->parser->rules;

	for (unsigned field = 0; field < NAME_FIXED; field++) {
		struct span fill = rules->fill[field];
		int status;
		if (fill.text == NULL || b->present & 1u << field)
			continue;
		status = check_text(b, field, fill.text, fill.size);
		if (status != EVS_OK)
			return status;
		put_text_field(b, field, fill.text, fill.size);
	}
	if (rules->n_tags > 0 && !(b->present & 1u << NAME_TAGS)) {
		uint8_t *start;
		packed_put_uint16(&b->o, NAME_TAGS);
		start = b->o;
		b->o += 6;
		packed_put_array(&b->o, rules->n_tags);
		for (size_t i = 0; i < rules->n_tags; i++)
			put_string(b->parser, &b->o, rules->tags[i], strlen(rules->tags[i]));
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

/* The header of the event's map, for n fields where at most `most` were announced. */
static size_t header_size(size_t most)
{
	return most < 16 ? 1 : most <= UINT16_MAX ? 3 : 5;
}

static void put_header(uint8_t *start, size_t size, unsigned n)
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

/* How many fields an event can gain. */
static size_t fields_added(const struct parse_rules *rules)
{
	size_t n = 2 + (rules->n_tags > 0);

	for (unsigned i = 0; i < NAME_FIXED; i++)
		n += (size_t)(rules->fill[i].text != NULL) + (size_t)(rules->map[i].n > 0);
	return n + rules->mapped;
}

#define MADE_FIELDS (1u << NAME_EVENT_ID | 1u << NAME_TIMESTAMP)

/* eventId and timestamp, where they are absent. The content from start on is what a made id is made of. */
static int put_made(struct build *b, uint8_t *start, size_t header)
{
	char time[MOMENT_TEXT];
	uint8_t uuid[16];
	int64_t now;

	if ((b->present & MADE_FIELDS) == MADE_FIELDS)
		return EVS_OK;
	now = moment_now_us();
	if (!(b->present & 1u << NAME_EVENT_ID)) {
		if (b->parser->rules->hash_ids) {
			put_header(start, header, b->n);
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
		put_uuid(b->parser, &b->o, uuid);
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

/* The fields as they came. */
static int put_own(struct build *b, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *key, *value;

	b->parser->previous = 0;
	yyjson_obj_foreach(root, i, n, key, value) {
		const char *text = unsafe_yyjson_get_str(key);
		size_t size = unsafe_yyjson_get_len(key);
		int number = number_of(b->parser, text, size), status;
		if (number >= 0 && number < NAME_FIXED - 1) {
			status = put_envelope(b, (unsigned)number, value);
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
		if (!put_field(b->parser, &b->o, value))
			return too_deep(b);
	}
	return EVS_OK;
}

/* ---- CloudEvents 1.0, JSON format ---- */

/* Keep an attribute under a name that no field of the envelope has: ce-version, as CloudEvents over HTTP write it. */
static int put_foreign(struct build *b, const char *text, size_t size, yyjson_val *value)
{
	char name[32];
	int n = snprintf(name, sizeof name, "ce-%.*s", (int)size, text);

	put_key(b->parser, &b->o, name, (size_t)n);
	b->n++;
	return put_field(b->parser, &b->o, value) ? EVS_OK : too_deep(b);
}

/* tags and metadata travel as JSON in a string, for attributes are scalars; a string that is something else is not evs's. */
static int put_embedded(struct build *b, unsigned field, yyjson_val *v)
{
	yyjson_doc *inner = yyjson_read(yyjson_get_str(v), yyjson_get_len(v), JSON_FLAGS);
	yyjson_val *root = yyjson_doc_get_root(inner);
	int status;

	if (field == NAME_TAGS ? yyjson_is_arr(root) : yyjson_is_obj(root))
		status = put_envelope(b, field, root);
	else
		status = put_foreign(b, name_fixed_text(field), strlen(name_fixed_text(field)), v);
	yyjson_doc_free(inner);
	return status;
}

/* Digits where a string is wanted. */
static int put_digits(struct build *b, unsigned field, yyjson_val *v)
{
	int status = check_text(b, field, yyjson_get_raw(v), yyjson_get_len(v));

	if (status == EVS_OK)
		put_text_field(b, field, yyjson_get_raw(v), yyjson_get_len(v));
	return status;
}

static int put_attribute(struct build *b, const char *text, size_t size, yyjson_val *value)
{
	int field = cloudevent_attribute(text, size), number;

	if (field == CLOUDEVENT_STORE || (field == NAME_SOURCE && yyjson_equals_str(value, EVS_NO_SOURCE)))
		return EVS_OK;
	if (field >= 0 && yyjson_is_null(value) && field != NAME_DATA)
		return EVS_OK; /* "a null attribute is an absent one" (JSON format, 2.2) */
	if ((field == NAME_TAGS || field == NAME_METADATA) && yyjson_is_str(value))
		return put_embedded(b, (unsigned)field, value);
	if ((field == NAME_AGGREGATE_TYPE || field == NAME_CORRELATION_ID || field == NAME_CAUSATION_ID) && yyjson_is_raw(value))
		return put_digits(b, (unsigned)field, value);
	if (field >= 0)
		return put_envelope(b, (unsigned)field, value);
	if (cloudevent_clashes(text, size)) { /* evs put it in front */
		text += CLOUDEVENT_OWN_SIZE;
		size -= CLOUDEVENT_OWN_SIZE;
	}
	number = name_find(b->parser->names, text, size);
	if (number == NAME_TIMESTAMP || number == NAME_VERSION)
		return yyjson_is_null(value) ? EVS_OK : put_foreign(b, text, size, value);
	if (number >= 0 && number < NAME_FIXED - 1)
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents attribute: their names are lower-case letters and digits");
	put_key(b->parser, &b->o, text, size);
	b->n++;
	return put_field(b->parser, &b->o, value) ? EVS_OK : too_deep(b);
}

static int put_cloudevent(struct build *b, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *key, *value;

	if (!yyjson_equals_str(yyjson_obj_get(root, "specversion"), "1.0"))
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents 1.0: 'specversion' is not \"1.0\"");
	yyjson_obj_foreach(root, i, n, key, value) {
		const char *text = unsafe_yyjson_get_str(key);
		size_t size = unsafe_yyjson_get_len(key);
		int status = put_attribute(b, text, size, value);
		if (status != EVS_OK) {
			error_prefix(b->err, "column %zu: attribute '%.*s': ", (size_t)(text - b->doc->str_pool),
			             size > 64 ? 64 : (int)size, text);
			return status;
		}
	}
	return EVS_OK;
}

/* ---- --map ---- */

/* The value of a key; of several with the same name the last one counts. */
static yyjson_val *member(yyjson_val *object, const char *name, size_t size)
{
	yyjson_val *key, *value, *found = NULL;
	size_t i, n;

	yyjson_obj_foreach(object, i, n, key, value) {
		if (unsafe_yyjson_get_len(key) == size && memcmp(unsafe_yyjson_get_str(key), name, size) == 0)
			found = value;
	}
	return found;
}

static yyjson_val *follow(yyjson_val *v, const struct path *path)
{
	for (size_t i = 0; i < path->n && v != NULL; i++) {
		const struct path_step *s = &path->steps[i];
		if (s->key != NULL) {
			v = member(v, s->key, s->size);
		} else {
			int64_t n = (int64_t)yyjson_arr_size(v), at = s->index < 0 ? s->index + n : s->index;
			v = at >= 0 && at < n ? yyjson_arr_get(v, (size_t)at) : NULL;
		}
	}
	return v;
}

/* Say at which path of the line it is that something is wrong. */
static void name_path(const char *lead, const struct path *path, struct evs_error *err)
{
	struct buf text = {0};

	path_put(&text, path);
	error_prefix(err, "%s %.*s: ", lead, (int)text.size, (const char *)text.data);
	buf_free(&text);
}

static int put_mapped(struct build *b, yyjson_val *root)
{
	const struct parse_rules *rules = b->parser->rules;
	int status = EVS_OK;

	for (unsigned field = 0; field <= NAME_METADATA && status == EVS_OK; field++) {
		yyjson_val *v;
		if (rules->map[field].steps == NULL)
			continue;
		v = follow(root, &rules->map[field]);
		if (v == NULL || (yyjson_is_null(v) && field != NAME_DATA))
			continue;
		if (yyjson_is_raw(v) && field <= NAME_CAUSATION_ID && field != NAME_VERSION && field != NAME_TIMESTAMP)
			status = put_digits(b, field, v);
		else
			status = put_envelope(b, field, v);
		if (status == EVS_BAD_EVENT)
			name_path("at", &rules->map[field], b->err);
	}
	if (status == EVS_OK && rules->map[NAME_DATA].steps == NULL)
		status = put_envelope(b, NAME_DATA, root);
	return status;
}

int parse_map(struct parse_rules *rules, const char *text, struct evs_error *err)
{
	const char *p = text;

	rules->mapped = true;
	while (*p != '\0') {
		size_t size = strcspn(p, "=");
		const char *rest;
		struct path path;
		unsigned field = 0;
		while (field <= NAME_METADATA && (strlen(name_fixed_text(field)) != size || memcmp(name_fixed_text(field), p, size) != 0))
			field++;
		if (p[size] != '=' || field > NAME_METADATA)
			return error_set(err, EVS_USAGE, 0, "--map: '%.*s' is no field of the envelope; write FIELD=.path,...", (int)size, p);
		if (!path_parse(&path, p + size + 1, ",", &rest))
			return error_set(err, EVS_USAGE, 0, "--map: no path at '%s'; a path looks like .user.id", rest);
		if (path.n == 0)
			return error_set(err, EVS_USAGE, 0, "--map: the path of '%s' names no field", name_fixed_text(field));
		path_free(&rules->map[field]);
		rules->map[field] = path;
		p = *rest == ',' ? rest + 1 : rest;
	}
	return EVS_OK;
}

void parse_rules_release(struct parse_rules *rules)
{
	for (unsigned i = 0; i < NAME_FIXED; i++)
		path_free(&rules->map[i]);
}

/* ---- lines ---- */

/* Say why a text is no JSON; line: of an event, which must be one line. */
static void no_json(const yyjson_read_err *why, bool line, struct evs_error *err)
{
	const char *what = "no JSON: ", *which = why->msg;

	if (why->code == YYJSON_READ_ERROR_UNEXPECTED_END) {
		what = "";
		which = line ? "the line ends inside a JSON value; an event is one line" : "the text ends inside a JSON value";
	} else if (why->code == YYJSON_READ_ERROR_UNEXPECTED_CONTENT) {
		what = "";
		which = line ? "more follows the JSON object; an event is one line" : "more follows the JSON value";
	}
	error_set(err, EVS_BAD_EVENT, 0, "column %zu: %s%s", why->pos + 1, what, which);
}

/* A document in the parser's own memory, or in memory of its own when the line is long. */
static yyjson_doc *read_doc(struct parser *p, const char *text, size_t size, struct evs_error *err)
{
	yyjson_read_err why;
	yyjson_doc *doc;
	yyjson_alc pool;

	if (size <= SMALL_LINE && p != NULL) {
		size_t need = json_memory(size);
		if (need > p->memory_size) {
			free(p->memory);
			p->memory_size = need * 2;
			if ((p->memory = malloc(p->memory_size)) == NULL) {
				p->memory_size = 0;
				error_nomem(err);
				return NULL;
			}
		}
		yyjson_alc_pool_init(&pool, p->memory, p->memory_size);
		doc = yyjson_read_opts((char *)(uintptr_t)text, size, JSON_FLAGS, &pool, &why);
	} else {
		doc = yyjson_read_opts((char *)(uintptr_t)text, size, JSON_FLAGS, NULL, &why);
	}
	if (doc == NULL && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		error_nomem(err);
	else if (doc == NULL)
		no_json(&why, p != NULL, err);
	return doc;
}

static int too_long(struct evs_error *err)
{
	return error_set(err, EVS_BAD_EVENT, 0, "the line is longer than 16 MiB");
}

/* The event has no eventType. */
static int without_type(const struct parse_rules *rules, struct evs_error *err)
{
	const struct path *path = &rules->map[NAME_EVENT_TYPE];
	int status = error_set(err, EVS_BAD_EVENT, 0, "field 'eventType' is missing; every event needs one%s%s",
	                       rules->typed_by == NULL ? "" : ", or give ", rules->typed_by == NULL ? "" : rules->typed_by);

	if (path->n > 0)
		name_path("nothing at", path, err);
	return status;
}

int parse_line(struct parser *p, const char *line, size_t size, struct buf *out, struct parsed *info, struct evs_error *err)
{
	struct build b = {.parser = p, .info = info, .err = err};
	const struct parse_rules *rules = p->rules;
	yyjson_doc *doc = NULL;
	yyjson_val *root;
	/* Packing at most doubles a text; a mapped event can hold each part of it once more a field. */
	size_t header, room = (rules->mapped ? NAME_FIXED : 2) * size + ENVELOPE_ROOM;
	unsigned missing = p->n_missing;
	uint8_t *start;
	int status;

	*info = (struct parsed){0};
	if (size > 0 && line[size - 1] == '\r')
		size--;
	if (size > PARSE_LINE_MAX + PARSE_LINE_MORE)
		return too_long(err);
	for (size_t i = 0; i < rules->n_tags; i++)
		room += strlen(rules->tags[i]) + 8;
	for (unsigned i = 0; i < NAME_FIXED; i++)
		room += rules->fill[i].text == NULL ? 0 : rules->fill[i].size + 8;
	if (!buf_room(out, room))
		return error_nomem(err);
	doc = read_doc(p, line, size, err);
	if (doc == NULL)
		return err == NULL ? EVS_BAD_EVENT : err->status;
	b.doc = doc;
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(root)) {
		status = error_set(err, EVS_BAD_EVENT, 0, "column 1: an event is a JSON object, not %s", type_name(root));
		goto out;
	}
	if (size > PARSE_LINE_MAX && yyjson_obj_get(root, name_fixed_text(NAME_RECORDED_AT)) == NULL) {
		status = too_long(err);
		goto out;
	}
	start = p->start = out->data + out->size;
	p->n_uuids = 0;
	header = header_size(unsafe_yyjson_get_len(root) + fields_added(rules));
	b.o = start + header;
	if (rules->mapped)
		status = put_mapped(&b, root);
	else if (rules->cloudevents)
		status = put_cloudevent(&b, root);
	else
		status = put_own(&b, root);
	if (status == EVS_OK)
		status = put_fills(&b);
	if (status == EVS_OK && !(b.present & 1u << NAME_EVENT_TYPE))
		status = without_type(rules, err);
	if (status == EVS_OK)
		status = put_made(&b, start, header);
	if (status == EVS_OK && (size_t)(b.o - start) > PARSE_PACKED_MAX)
		status = error_set(err, EVS_BAD_EVENT, 0, "the event would be stored in %zu bytes, over the limit of 32 MiB", (size_t)(b.o - start));
	if (status != EVS_OK)
		goto out;
	put_header(start, header, b.n);
	if (p->no_memory) {
		p->no_memory = false;
		status = error_nomem(err);
		goto out;
	}
	info->new_names = p->n_missing != missing;
	info->uuids = p->uuids;
	info->n_uuids = p->n_uuids;
	out->size = (size_t)(b.o - out->data);
out:
	yyjson_doc_free(doc);
	return status;
}

int parse_value(const char *text, size_t size, struct buf *out, struct evs_error *err)
{
	struct parser plain = {0};
	yyjson_doc *doc = read_doc(NULL, text, size, err);
	uint8_t *o;
	bool ok;

	if (doc == NULL)
		return err == NULL ? EVS_BAD_EVENT : err->status;
	ok = buf_room(out, 2 * size + ENVELOPE_ROOM);
	if (!ok) {
		yyjson_doc_free(doc);
		return error_nomem(err);
	}
	o = plain.start = out->data + out->size;
	ok = put_value(&plain, &o, yyjson_doc_get_root(doc), 0);
	out->size = (size_t)(o - out->data);
	yyjson_doc_free(doc);
	free(plain.uuids);
	return ok ? EVS_OK : error_set(err, EVS_BAD_EVENT, 0, "nested deeper than %d levels", DEPTH_LIMIT);
}
