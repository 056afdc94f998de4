#include "store/streams.h"

#include <stdlib.h>

#include "base/buf.h"

void streams_clear(struct streams *s)
{
	if (s->n > 0)
		memset(s->slots, 0, s->n_slots * sizeof *s->slots);
	for (size_t i = 0; i < s->n_owned; i++)
		free(s->owned[i]);
	s->n = s->n_owned = 0;
}

void streams_release(struct streams *s)
{
	streams_clear(s);
	free(s->entries);
	free(s->slots);
	free(s->owned);
	*s = (struct streams){0};
}

static bool same_id(const struct stream_entry *e, const struct text *id)
{
	if (e->id.kind == TEXT_UUID && id->kind == TEXT_UUID)
		return memcmp(e->id16, id->bytes, 16) == 0;
	return view_text_same(&e->id, id);
}

uint32_t streams_find(const struct streams *s, uint64_t hash, const struct text *id)
{
	if (s->n_slots == 0)
		return STREAM_NONE;
	for (size_t i = hash & (s->n_slots - 1); s->slots[i] != 0; i = (i + 1) & (s->n_slots - 1)) {
		uint32_t entry = (uint32_t)s->slots[i] - 1;
		if (s->slots[i] >> 32 == hash >> 32 && s->entries[entry].hash == hash && same_id(&s->entries[entry], id))
			return entry;
	}
	return STREAM_NONE;
}

static void insert(struct streams *s, uint32_t entry)
{
	uint64_t hash = s->entries[entry].hash;
	size_t i = hash & (s->n_slots - 1);

	while (s->slots[i] != 0)
		i = (i + 1) & (s->n_slots - 1);
	s->slots[i] = (hash >> 32 << 32) | (entry + 1);
}

/* Keep the table at most half full. */
static bool grow(struct streams *s)
{
	size_t n_slots = s->n_slots == 0 ? 64 : s->n_slots * 2;
	uint64_t *slots;

	if (s->n * 2 < s->n_slots)
		return true;
	if ((slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	for (uint32_t i = 0; i < s->n; i++)
		insert(s, i);
	return true;
}

uint32_t streams_add(struct streams *s, uint64_t hash, uint64_t aggregate, const struct text *id, const struct text *type,
                     const struct names *names)
{
	struct stream_entry e = {.hash = hash, .aggregate = aggregate, .id = *id};
	char scratch[UUID_TEXT];
	struct span span = view_span(type, names, scratch);

	if (!grow(s) || !array_grow(&s->entries, &s->cap, s->n, sizeof *s->entries))
		return STREAM_NONE;
	if (type->kind == TEXT_UUID) { /* its text is nowhere but in scratch */
		char *copy = array_grow(&s->owned, &s->owned_cap, s->n_owned, sizeof *s->owned) ? malloc(UUID_TEXT) : NULL;
		if (copy == NULL)
			return STREAM_NONE;
		memcpy(copy, scratch, UUID_TEXT);
		s->owned[s->n_owned++] = copy;
		span.text = copy;
	}
	if (type->kind != TEXT_NONE) {
		e.type = span.text;
		e.type_size = (uint32_t)span.size;
	}
	if (e.id.kind == TEXT_UUID)
		memcpy(e.id16, e.id.bytes, 16);
	s->entries[s->n] = e;
	insert(s, (uint32_t)s->n);
	return (uint32_t)s->n++;
}
