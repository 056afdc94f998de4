/* States of folds: their fields, and their packed form. */
#include <stdlib.h>
#include <string.h>

#include "fold/program.h"

bool state_init(struct state *s, const struct fold *f)
{
	*s = (struct state){0};
	s->fields.values = calloc(f->n_fields + 1, sizeof *s->fields.values);
	if (s->fields.values == NULL)
		return false;
	s->fields.n = s->fields.cap = f->n_fields;
	s->fields.keys = f->fields;
	return true;
}

void state_place(struct state *s, const struct fold *f, struct value *values)
{
	if (f->n_fields > 0)
		memset(values, 0, f->n_fields * sizeof *values);
	*s = (struct state){.placed = true, .fields = {.n = f->n_fields, .cap = f->n_fields, .values = values, .keys = f->fields}};
}

/* Make every field absent. */
static void clear(struct state *s)
{
	for (uint32_t i = 0; i < s->fields.n; i++) {
		value_drop(&s->fields.values[i]);
		s->fields.values[i] = (struct value){.kind = VALUE_ABSENT};
	}
	s->exists = false;
}

void state_release(struct state *s)
{
	if (s->fields.values == NULL)
		return;
	clear(s);
	if (!s->placed)
		free(s->fields.values);
	*s = (struct state){0};
}

/* The place of a field, tried first where the last one leads to. */
static int64_t find_field(const struct state *s, uint32_t guess, const struct packed *key)
{
	const struct node_key *k = guess < s->fields.n ? &s->fields.keys[guess] : NULL;

	if (k != NULL && k->size == key->size && memcmp(k->text, key->bytes, k->size) == 0)
		return guess;
	return node_find(&s->fields, (const char *)key->bytes, key->size);
}

bool state_decode(struct state *s, const uint8_t *packed, size_t size)
{
	struct arena arena = {.limit = (size_t)256 << 20};
	const uint8_t *end = packed + size, *p;
	struct packed head;
	uint32_t guess = 0;
	bool good;

	clear(s);
	p = packed_read(packed, end, &head);
	good = head.kind == PACKED_MAP;
	for (uint32_t i = 0, n = good ? head.size : 0; i < n && good; i++) {
		struct value v;
		int64_t at;
		p = packed_read(p, end, &head);
		at = head.kind == PACKED_STRING ? find_field(s, guess, &head) : -1;
		good = at >= 0 && (p = value_read(&arena, p, end, &v)) != NULL;
		if (!good)
			break;
		guess = (uint32_t)at + 1;
		value_drop(&s->fields.values[at]);
		good = value_keep(&v, &s->fields.values[at]);
	}
	good = good && p == end;
	arena_free(&arena);
	if (!good)
		clear(s);
	s->exists = good;
	return good;
}

struct value state_value(const struct state *s)
{
	if (!s->exists)
		return value_null();
	return (struct value){.kind = VALUE_OBJECT, .node = (struct node *)(uintptr_t)&s->fields};
}

bool state_encode(const struct state *s, struct buf *out)
{
	const struct value v = state_value(s);
	bool good = true;
	uint8_t *p;

	if (!s->exists)
		return value_encode(out, &v);
	if (!buf_room(out, 16))
		return false;
	p = out->data + out->size;
	packed_put_map(&p, value_count(&v));
	out->size = (size_t)(p - out->data);
	/* Field by field: each may be nested as deep as a value may. */
	for (uint32_t i = 0; i < s->fields.n && good; i++) {
		const struct value key = value_text(s->fields.keys[i].text, s->fields.keys[i].size);
		if (s->fields.values[i].kind != VALUE_ABSENT)
			good = value_encode(out, &key) && value_encode(out, &s->fields.values[i]);
	}
	return good;
}
