#include "project/key.h"

#include "base/bytes.h"
#include "base/hash.h"

/* A zero byte is escaped; what ends a text sorts before what goes on. */
enum { ESCAPED = 0xff, END_LAST = 0x00, END_MORE = 0x01 };
enum { FIELD_FALSE = 2, FIELD_TRUE = 3, FIELD_NUMBER = 4, FIELD_TEXT = 5 };
enum { NUMBER_NEGATIVE = 0x7f, NUMBER_ZERO = 0x80, NUMBER_POSITIVE = 0x81 };

/* ---- keys of states ---- */

/* Write text, escaped, as far as it goes. */
static uint8_t *put_escaped(uint8_t *p, const uint8_t *end, struct span text)
{
	if (text.size <= (size_t)(end - p) && text.size > 0 && memchr(text.text, '\0', text.size) == NULL) {
		memcpy(p, text.text, text.size);
		return p + text.size;
	}
	for (size_t i = 0; i < text.size && p < end; i++) {
		*p++ = (uint8_t)text.text[i];
		if (text.text[i] == '\0' && p < end)
			*p++ = ESCAPED;
	}
	return p;
}

static uint8_t *put_end(uint8_t *p, const uint8_t *end, uint8_t what)
{
	if (p < end)
		*p++ = 0;
	if (p < end)
		*p++ = what;
	return p;
}

/* Hash a whole key. */
static void hash_whole(struct span key, struct span type, uint8_t out[16])
{
	uint8_t bytes[16 + 1 + 255];
	size_t size = type.size > 255 ? 255 : type.size;

	hash128(key.text, key.size, bytes);
	bytes[16] = type.text != NULL;
	if (size > 0)
		memcpy(bytes + 17, type.text, size);
	hash128(bytes, 17 + size, out);
}

void key_encode(struct key *out, struct span key, struct span type)
{
	uint8_t *p = out->bytes, *end = p + KEY_MAX;

	p = put_escaped(p, end, key);
	p = put_end(p, end, type.text == NULL ? END_LAST : END_MORE);
	if (type.text != NULL)
		p = put_end(put_escaped(p, end, type), end, END_LAST);
	out->size = (size_t)(p - out->bytes);
	if (out->size == KEY_MAX)
		hash_whole(key, type, out->bytes + KEY_CUT_SIZE);
}

size_t key_prefix(uint8_t out[KEY_MAX], struct span key)
{
	uint8_t *p = put_escaped(out, out + KEY_CUT_SIZE, key);

	if (p < out + KEY_CUT_SIZE)
		*p++ = 0;
	return (size_t)(p - out);
}

/* Read an escaped text behind out; NULL when it has no end. *last: nothing follows it. */
static const uint8_t *get_escaped(const uint8_t *p, const uint8_t *end, struct buf *out, bool *last)
{
	for (; p + 1 < end; p++) {
		if (*p == 0 && p[1] != ESCAPED) {
			*last = p[1] == END_LAST;
			return p + 2;
		}
		buf_byte(out, *p);
		p += *p == 0;
	}
	return NULL;
}

/* Read the whole key in front of a value. */
static bool get_whole(const uint8_t *p, const uint8_t *end, struct key_value *out)
{
	uint64_t size;

	if ((p = get_varint(p, end, &size)) == NULL || size > (uint64_t)(end - p))
		return false;
	out->key = (struct span){(const char *)p, size};
	p = get_varint(p + size, end, &size);
	if (p == NULL || (size > 0 && size - 1 > (uint64_t)(end - p)))
		return false;
	out->type = size == 0 ? (struct span){0} : (struct span){(const char *)p, size - 1};
	p += out->type.size;
	out->rest = p;
	out->rest_size = (size_t)(end - p);
	return true;
}

bool key_decode(const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size, struct buf *scratch,
                struct key_value *out)
{
	const uint8_t *end = key + key_size, *p;
	bool last = true, typed;
	size_t split;

	if (key_size == KEY_MAX)
		return get_whole(value, value + value_size, out);
	scratch->size = 0;
	if (!buf_room(scratch, KEY_MAX) || (p = get_escaped(key, end, scratch, &last)) == NULL)
		return false;
	split = scratch->size;
	typed = !last;
	if (typed && (p = get_escaped(p, end, scratch, &last)) == NULL)
		return false;
	out->key = (struct span){(const char *)scratch->data, split};
	out->type = (struct span){0};
	if (typed)
		out->type = (struct span){(const char *)scratch->data + split, scratch->size - split};
	out->rest = value;
	out->rest_size = value_size;
	return p == end && last;
}

void key_put_whole(struct buf *out, struct span key, struct span type)
{
	buf_sized(out, key.text, key.size);
	buf_varint(out, type.text == NULL ? 0 : type.size + 1);
	buf_put(out, type.text, type.size);
}

/* ---- values of fields ---- */

/* Digits of a number without point and outer zeros, 0.DIGITS x 10^exponent. */
struct digits {
	const char *first, *end; /* with a point among them, perhaps */
	int64_t exponent;
	bool negative;
};

/* Look at a JSON number; false: it is zero. */
static bool digits_of(const char *text, size_t size, struct digits *d)
{
	const char *p = text, *end = text + size, *e;
	int64_t written = 0;
	bool less, point = false;

	d->negative = *p == '-';
	p += d->negative;
	for (e = p; e < end && *e != 'e' && *e != 'E'; e++)
		;
	if (e < end) {
		less = e + 1 < end && e[1] == '-';
		for (const char *q = e + 1 + (e + 1 < end && (e[1] == '-' || e[1] == '+')); q < end; q++)
			if (written < INT64_MAX / 100)
				written = written * 10 + (*q - '0');
		written = less ? -written : written;
	}
	d->exponent = written;
	for (; p < e && (*p == '0' || *p == '.'); p++) {
		d->exponent -= point && *p == '0';
		point |= *p == '.';
	}
	for (const char *q = p; q < e && !point && *q != '.'; q++)
		d->exponent++;
	while (e > p && (e[-1] == '0' || e[-1] == '.'))
		e--;
	d->first = p;
	d->end = e;
	return p < e;
}

/* A number, so that smaller ones sort before greater ones; equal ones are the same bytes. */
static void put_number(struct buf *out, const struct value *v)
{
	struct decimal decimal = value_number(v);
	char scratch[DECIMAL_SMALL_TEXT];
	const char *text;
	size_t size = decimal_text(&decimal, scratch, &text);
	struct digits d;
	uint8_t exponent[8], flip;

	if (!digits_of(text, size, &d)) {
		buf_byte(out, NUMBER_ZERO);
		return;
	}
	flip = d.negative ? 0xff : 0;
	buf_byte(out, d.negative ? NUMBER_NEGATIVE : NUMBER_POSITIVE);
	put64be(exponent, (uint64_t)d.exponent + ((uint64_t)1 << 63));
	for (unsigned i = 0; i < sizeof exponent; i++)
		buf_byte(out, exponent[i] ^ flip);
	for (const char *p = d.first; p < d.end; p++)
		if (*p != '.')
			buf_byte(out, (uint8_t)*p ^ flip);
	buf_byte(out, flip);
}

bool key_put_field(struct buf *out, uint32_t field, const struct value *v)
{
	uint8_t number[2] = {(uint8_t)(field >> 8), (uint8_t)field}, hash[16];
	size_t start = out->size;

	if (v->kind == VALUE_FALSE || v->kind == VALUE_TRUE) {
		buf_put(out, number, sizeof number);
		buf_byte(out, v->kind == VALUE_FALSE ? FIELD_FALSE : FIELD_TRUE);
	} else if (value_is_number(v)) {
		buf_put(out, number, sizeof number);
		buf_byte(out, FIELD_NUMBER);
		put_number(out, v);
	} else if (v->kind == VALUE_TEXT) {
		buf_put(out, number, sizeof number);
		buf_byte(out, FIELD_TEXT);
		if (!buf_room(out, 2 * (size_t)v->size + 2))
			return true;
		out->size = (size_t)(put_escaped(out->data + out->size, out->data + out->cap, (struct span){v->text, v->size}) - out->data);
		buf_put(out, (uint8_t[]){0, END_LAST}, 2);
	} else {
		return false;
	}
	if (!out->failed && out->size - start >= KEY_MAX) {
		hash128(out->data + start, out->size - start, hash);
		out->size = start + KEY_CUT_SIZE;
		buf_put(out, hash, sizeof hash);
	}
	return true;
}
