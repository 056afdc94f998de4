#include "fold/value.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "event/render.h"

const char *value_name(const struct value *v)
{
	switch ((enum value_kind)v->kind) {
	case VALUE_FALSE: case VALUE_TRUE: return "a boolean";
	case VALUE_NUMBER: case VALUE_DIGITS: return "a number";
	case VALUE_TEXT: return "a string";
	case VALUE_LIST: return "a list";
	case VALUE_OBJECT: return "an object";
	case VALUE_PACKED: return value_is_list(v) ? "a list" : "an object";
	case VALUE_ABSENT: case VALUE_NULL: break;
	}
	return "null";
}

/* ---- reading packed values ---- */

/* The list or object from p to end. */
static struct value packed_value(const uint8_t *p, const uint8_t *end)
{
	return (struct value){.kind = VALUE_PACKED, .size = (uint32_t)(end - p), .packed = p};
}

/* Whether a list or object begins with this byte. */
static bool is_container(uint8_t head)
{
	return (head >= 0x80 && head < 0xa0) || (head >= 0xdc && head <= 0xdf);
}

/* A UUID as its text. */
static bool uuid_value(struct arena *arena, const uint8_t *uuid, struct value *out)
{
	char *text = arena_take(arena, UUID_TEXT);

	if (text == NULL)
		return false;
	uuid_format(uuid, text);
	*out = value_text(text, UUID_TEXT);
	return true;
}

/* An integer beyond 63 bits. */
static bool large_value(struct arena *arena, uint64_t number, struct value *out)
{
	char text[24], *copy;
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);

	if ((copy = arena_copy(arena, text, (size_t)n)) == NULL)
		return false;
	*out = (struct value){.kind = VALUE_DIGITS, .size = (uint32_t)n, .text = copy};
	return true;
}

/* A number that came as digits; false when they are none. */
static bool digits_value(const struct packed *v, struct value *out)
{
	struct decimal d = decimal_of((const char *)v->bytes, v->size);

	*out = value_decimal(d);
	return d.digits == NULL || decimal_is_number(d.digits, d.size);
}

/* What a document holds. It ends where the document does: nothing need be stepped over to know. */
static bool document_value(struct arena *arena, const struct packed *v, struct value *out)
{
	const uint8_t *end = v->bytes + v->size;
	struct packed inside;

	packed_read(v->bytes, end, &inside);
	if (inside.kind == PACKED_ARRAY || inside.kind == PACKED_MAP) {
		*out = packed_value(v->bytes, end);
		return true;
	}
	return inside.kind != PACKED_DOC && value_read(arena, v->bytes, end, out) == end;
}

const uint8_t *value_read(struct arena *arena, const uint8_t *p, const uint8_t *end, struct value *out)
{
	struct packed v = {0};
	const uint8_t *after = packed_read(p, end, &v);
	bool good = true;

	switch (v.kind) {
	case PACKED_NULL: *out = value_null(); break;
	case PACKED_FALSE: *out = value_bool(false); break;
	case PACKED_TRUE: *out = value_bool(true); break;
	case PACKED_UINT:
		if (v.number > INT64_MAX)
			good = large_value(arena, v.number, out);
		else
			*out = value_integer((int64_t)v.number);
		break;
	case PACKED_INT: *out = value_integer((int64_t)v.number); break;
	case PACKED_DIGITS: good = digits_value(&v, out); break;
	case PACKED_STRING: *out = value_text((const char *)v.bytes, v.size); break;
	case PACKED_UUID16: good = uuid_value(arena, v.bytes, out); break;
	case PACKED_ARRAY: case PACKED_MAP:
		if ((after = packed_skip(p, end)) == NULL)
			return NULL;
		*out = packed_value(p, after);
		break;
	case PACKED_DOC: good = document_value(arena, &v, out); break;
	case PACKED_BAD: return NULL;
	}
	return good ? after : NULL;
}

/* Read the value that is known to go from p to end. */
static bool read_whole(struct arena *arena, const uint8_t *p, const uint8_t *end, struct value *out)
{
	if (is_container(*p)) {
		*out = packed_value(p, end);
		return true;
	}
	return value_read(arena, p, end, out) != NULL;
}

/* ---- going through ---- */

bool value_iterate(const struct value *v, struct value_iterator *it)
{
	struct packed head;

	*it = (struct value_iterator){0};
	if (v->kind == VALUE_LIST || v->kind == VALUE_OBJECT) {
		it->node = v->node;
		it->n = v->node->n;
		it->object = v->kind == VALUE_OBJECT;
		return true;
	}
	if (v->kind != VALUE_PACKED)
		return false;
	it->end = v->packed + v->size;
	it->p = packed_read(v->packed, it->end, &head);
	it->n = head.kind == PACKED_ARRAY || head.kind == PACKED_MAP ? head.size : 1; /* malformed: one that never comes */
	it->object = head.kind == PACKED_MAP;
	return true;
}

/* Read a key of a packed object. Returns what follows it, NULL where it is none. */
static const uint8_t *read_key(const uint8_t *p, const uint8_t *end, const struct names *names, struct arena *arena,
                               struct node_key *key)
{
	struct packed k = {0};
	const struct name *name;
	struct value text;

	p = packed_read(p, end, &k);
	switch (k.kind) {
	case PACKED_UINT:
		if ((name = name_get(names, k.number)) == NULL)
			return NULL;
		*key = (struct node_key){name->text, name->size};
		return p;
	case PACKED_STRING:
		*key = (struct node_key){(const char *)k.bytes, k.size};
		return p;
	case PACKED_UUID16:
		if (!uuid_value(arena, k.bytes, &text))
			return NULL;
		*key = (struct node_key){text.text, text.size};
		return p;
	default:
		return NULL;
	}
}

bool value_next(struct value_iterator *it, const struct names *names, struct arena *arena, struct node_key *key,
                struct value *out)
{
	const uint8_t *p = it->p;

	if (it->node != NULL) {
		while (it->object && it->at < it->n && it->node->values[it->at].kind == VALUE_ABSENT)
			it->at++;
		if (it->at == it->n)
			return false;
		if (it->object && key != NULL)
			*key = it->node->keys[it->at];
		*out = it->node->values[it->at++];
		return true;
	}
	if (it->at == it->n)
		return false;
	if (it->object && (p = key == NULL ? packed_skip(p, it->end) : read_key(p, it->end, names, arena, key)) == NULL)
		return false;
	if ((p = value_read(arena, p, it->end, out)) == NULL)
		return false;
	it->p = p;
	it->at++;
	return true;
}

/* A key that is looked for. */
struct sought {
	const struct names *names;
	const char *key;
	size_t size;
	int name;
};

/* Whether a key that is a number is the one. */
static bool match_number(const struct sought *k, uint64_t number)
{
	const struct name *name;

	if (k->name >= 0)
		return number == (uint64_t)k->name;
	name = k->names == NULL ? NULL : name_get(k->names, number);
	return name != NULL && name->size == k->size && memcmp(name->text, k->key, k->size) == 0;
}

/* Step over a key, and say whether it is the one. NULL where it is no key. */
static const uint8_t *match_key(const struct sought *k, const uint8_t *p, const uint8_t *end, bool *same)
{
	struct packed key = {0};
	char text[UUID_TEXT];

	p = packed_read(p, end, &key);
	if (key.kind == PACKED_UINT) {
		*same = match_number(k, key.number);
		return p;
	}
	if (key.kind == PACKED_UUID16 && k->size == UUID_TEXT) {
		uuid_format(key.bytes, text);
		*same = memcmp(text, k->key, UUID_TEXT) == 0;
		return p;
	}
	*same = key.kind == PACKED_STRING && key.size == k->size && memcmp(key.bytes, k->key, k->size) == 0;
	return key.kind == PACKED_STRING || key.kind == PACKED_UUID16 ? p : NULL;
}

/* The last member of that key in a packed object. */
static bool packed_member(const struct value *v, const struct sought *k, struct arena *arena, struct value *out)
{
	const uint8_t *end = v->packed + v->size, *p, *at, *found = NULL, *found_end = NULL;
	struct packed head;

	p = packed_read(v->packed, end, &head);
	if (head.kind != PACKED_MAP)
		return false;
	for (uint32_t i = 0; i < head.size; i++) {
		bool same;
		if (p < end && *p < 0x80 && k->name >= 0)
			same = *p++ == k->name;
		else if ((p = match_key(k, p, end, &same)) == NULL)
			return false;
		at = p;
		if ((p = packed_skip(p, end)) == NULL)
			return false;
		if (same) {
			found = at;
			found_end = p;
		}
	}
	return found != NULL && read_whole(arena, found, found_end, out);
}

bool value_member(const struct value *v, const struct names *names, struct arena *arena, const char *key, size_t size,
                  int name, struct value *out)
{
	int64_t i;

	if (v->kind == VALUE_PACKED) {
		if (packed_member(v, &(struct sought){names, key, size, name}, arena, out))
			return true;
	} else if (v->kind == VALUE_OBJECT && (i = node_find(v->node, key, size)) >= 0 &&
	           v->node->values[i].kind != VALUE_ABSENT) {
		*out = v->node->values[i];
		return true;
	}
	*out = value_null();
	return false;
}

bool value_element(const struct value *v, struct arena *arena, int64_t index, struct value *out)
{
	struct value_iterator it;

	*out = value_null();
	if (!value_iterate(v, &it) || it.object)
		return false;
	if (index < 0)
		index += it.n;
	if (index < 0 || index >= it.n)
		return false;
	if (it.node != NULL) {
		*out = it.node->values[index];
		return true;
	}
	for (; index > 0; index--)
		if ((it.p = packed_skip(it.p, it.end)) == NULL)
			return false;
	if (value_read(arena, it.p, it.end, out) != NULL)
		return true;
	*out = value_null();
	return false;
}

uint32_t value_count(const struct value *v)
{
	struct value_iterator it;
	uint32_t n;

	if (!value_iterate(v, &it))
		return 0;
	n = it.n;
	for (uint32_t i = 0; it.node != NULL && it.object && i < it.n; i++)
		n -= it.node->values[i].kind == VALUE_ABSENT;
	return n;
}

/* ---- depth ---- */

/* How deep packed bytes are, DEPTH_LIMIT + 1 for more. */
static unsigned packed_depth(const uint8_t *p, const uint8_t *end)
{
	uint64_t left[DEPTH_LIMIT + 1] = {1}; /* values to come on each level */
	unsigned level = 0, deepest = 0;
	struct packed v;

	for (;;) {
		while (left[level] == 0) {
			if (level == 0)
				return deepest;
			level--;
		}
		left[level]--;
		p = packed_read(p, end, &v);
		if (v.kind == PACKED_BAD)
			return deepest;
		if (v.kind != PACKED_ARRAY && v.kind != PACKED_MAP)
			continue;
		if (level == DEPTH_LIMIT)
			return DEPTH_LIMIT + 1;
		left[++level] = v.kind == PACKED_MAP ? 2 * (uint64_t)v.size : v.size;
		deepest = level > deepest ? level : deepest;
	}
}

/* How deep a value is, room + 1 or more for more than that. */
static unsigned depth_of(const struct value *v, unsigned room)
{
	unsigned deepest = 0;

	if (v->kind == VALUE_PACKED)
		return packed_depth(v->packed, v->packed + v->size);
	if (v->kind != VALUE_LIST && v->kind != VALUE_OBJECT)
		return 0;
	for (uint32_t i = 0; i < v->node->n && deepest < room; i++) {
		unsigned d = depth_of(&v->node->values[i], room - 1);
		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

unsigned value_depth(const struct value *v)
{
	unsigned depth = depth_of(v, DEPTH_LIMIT);

	return depth > DEPTH_LIMIT ? DEPTH_LIMIT + 1 : depth;
}
