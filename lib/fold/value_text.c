/* Values as JSON, and in packed form. */
#include <string.h>

#include "base/id.h"
#include "event/render.h"
#include "fold/value.h"

/* Deeper are neither values of events, nor those that expressions build around them. */
enum { DEPTH_MAX = 2 * DEPTH_LIMIT };

static bool render(struct buf *out, const struct names *names, const struct value *v, unsigned depth);

/* The elements of a node, with its brackets. */
static bool render_node(struct buf *out, const struct names *names, const struct value *v, unsigned depth)
{
	const struct node *n = v->node;
	bool object = v->kind == VALUE_OBJECT, first = true;

	if (depth > DEPTH_MAX)
		return false;
	buf_byte(out, object ? '{' : '[');
	for (uint32_t i = 0; i < n->n; i++) {
		if (object && n->values[i].kind == VALUE_ABSENT)
			continue;
		if (!first)
			buf_byte(out, ',');
		first = false;
		if (object) {
			render_string(out, (const uint8_t *)n->keys[i].text, n->keys[i].size);
			buf_byte(out, ':');
		}
		if (!render(out, names, &n->values[i], depth + 1))
			return false;
	}
	buf_byte(out, object ? '}' : ']');
	return true;
}

static bool render(struct buf *out, const struct names *names, const struct value *v, unsigned depth)
{
	char text[DECIMAL_SMALL_TEXT];
	const char *digits;
	struct decimal d;
	size_t size;

	switch ((enum value_kind)v->kind) {
	case VALUE_ABSENT: case VALUE_NULL: buf_text(out, "null"); break;
	case VALUE_FALSE: buf_text(out, "false"); break;
	case VALUE_TRUE: buf_text(out, "true"); break;
	case VALUE_NUMBER: case VALUE_DIGITS:
		d = value_number(v);
		size = decimal_text(&d, text, &digits);
		buf_put(out, digits, size);
		break;
	case VALUE_TEXT: render_string(out, (const uint8_t *)v->text, v->size); break;
	case VALUE_PACKED: return render_value(out, names, v->packed, v->packed + v->size) == v->packed + v->size;
	case VALUE_LIST: case VALUE_OBJECT: return render_node(out, names, v, depth);
	}
	return true;
}

bool value_render(struct buf *out, const struct names *names, const struct value *v)
{
	return render(out, names, v, 0) && !out->failed;
}

static bool encode(struct buf *out, const struct value *v, unsigned depth);

/* A header of at most 16 bytes, and `more` behind it: room, and where to write. */
static uint8_t *room(struct buf *out, size_t more)
{
	return buf_room(out, more + 16) ? out->data + out->size : NULL;
}

/* What was written up to p belongs to out. */
static void written(struct buf *out, const uint8_t *p)
{
	out->size = (size_t)(p - out->data);
}

static bool encode_node(struct buf *out, const struct value *v, unsigned depth)
{
	const struct node *n = v->node;
	uint8_t *p;

	if (depth >= DEPTH_LIMIT || (p = room(out, 0)) == NULL)
		return false;
	if (v->kind == VALUE_OBJECT)
		packed_put_map(&p, value_count(v));
	else
		packed_put_array(&p, n->n);
	written(out, p);
	for (uint32_t i = 0; i < n->n; i++) {
		if (v->kind == VALUE_OBJECT) {
			if (n->values[i].kind == VALUE_ABSENT)
				continue;
			if ((p = room(out, n->keys[i].size)) == NULL)
				return false;
			packed_put_text(&p, n->keys[i].text, n->keys[i].size);
			written(out, p);
		}
		if (!encode(out, &n->values[i], depth + 1))
			return false;
	}
	return true;
}

/* A string; UUIDs as in events. */
static void put_string(uint8_t **p, const char *text, size_t size)
{
	uint8_t uuid[16];

	if (size == UUID_TEXT && uuid_parse(text, uuid))
		packed_put_uuid(p, uuid);
	else
		packed_put_text(p, size == 0 ? "" : text, size);
}

/* A number that is no small integer. */
static void put_digits(uint8_t **p, const struct value *v)
{
	struct decimal d = value_number(v);
	char text[DECIMAL_SMALL_TEXT];
	const char *digits;
	size_t size = decimal_text(&d, text, &digits);

	packed_put_number(p, digits, size);
}

static bool encode(struct buf *out, const struct value *v, unsigned depth)
{
	bool bytes = v->kind == VALUE_TEXT || v->kind == VALUE_DIGITS || v->kind == VALUE_PACKED;
	uint8_t *p;

	if (v->kind == VALUE_LIST || v->kind == VALUE_OBJECT)
		return encode_node(out, v, depth);
	if ((p = room(out, DECIMAL_SMALL_TEXT + (bytes ? v->size : 0u))) == NULL)
		return false;
	switch ((enum value_kind)v->kind) {
	case VALUE_FALSE: *p++ = 0xc2; break;
	case VALUE_TRUE: *p++ = 0xc3; break;
	case VALUE_NUMBER:
		if (v->scale == 0)
			packed_put_int64(&p, v->number);
		else
			put_digits(&p, v);
		break;
	case VALUE_DIGITS: put_digits(&p, v); break;
	case VALUE_TEXT: put_string(&p, v->text, v->size); break;
	case VALUE_PACKED:
		memcpy(p, v->packed, v->size);
		p += v->size;
		break;
	default: *p++ = 0xc0; break;
	}
	written(out, p);
	return true;
}

bool value_encode(struct buf *out, const struct value *v)
{
	return encode(out, v, 0) && !out->failed;
}
