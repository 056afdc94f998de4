#include "replay/states.h"

#include <stdlib.h>

#include "base/hash.h"
#include "event/render.h"

#define SLOTS_MIN 64

/* Whether two texts are equal; none is not the empty one. */
static bool same(struct span a, struct span b)
{
	return a.size == b.size && (a.text == NULL) == (b.text == NULL) && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

/* No type and the empty one are two. */
static uint64_t hash_of(struct span key, struct span type)
{
	return hash64(key.text, key.size, type.text == NULL ? 1 : hash64(type.text, type.size, 0));
}

/* What a slot says of an entry. */
static uint64_t slot_of(uint64_t hash, size_t entry)
{
	return (hash & ~(uint64_t)UINT32_MAX) | (entry + 1);
}

/* The entry that a slot leads to. */
static struct states_entry *entry_at(const struct states *s, uint64_t slot)
{
	return s->list[(uint32_t)slot - 1];
}

/* Where a key is or would be among the slots. */
static size_t find_slot(const struct states *s, uint64_t hash, struct span key, struct span type)
{
	size_t i = hash & (s->n_slots - 1);

	for (; s->slots[i] != 0; i = (i + 1) & (s->n_slots - 1)) {
		if (s->slots[i] >> 32 == hash >> 32) {
			const struct states_entry *e = entry_at(s, s->slots[i]);
			if (same(e->shown.key, key) && same(e->shown.type, type))
				break;
		}
	}
	return i;
}

struct states_entry *states_find(const struct states *s, struct span key, struct span type)
{
	uint64_t slot = s->n_slots == 0 ? 0 : s->slots[find_slot(s, hash_of(key, type), key, type)];

	return slot == 0 ? NULL : entry_at(s, slot);
}

/* Have twice as many slots. */
static bool grow(struct states *s)
{
	size_t n = s->n_slots == 0 ? SLOTS_MIN : s->n_slots * 2;
	uint64_t *slots = calloc(n, sizeof *slots);

	if (slots == NULL || s->n >= UINT32_MAX - 1) {
		free(slots);
		return false;
	}
	for (size_t i = 0; i < s->n; i++) {
		size_t at = s->list[i]->hash & (n - 1);
		while (slots[at] != 0)
			at = (at + 1) & (n - 1);
		slots[at] = slot_of(s->list[i]->hash, i);
	}
	free(s->slots);
	s->slots = slots;
	s->n_slots = n;
	return true;
}

/* Let go of a state. */
static void entry_free(struct states_entry *e)
{
	if (e == NULL)
		return;
	state_release(&e->state);
	buf_free(&e->packed);
	buf_free(&e->before);
	arena_free(&e->arena);
	free(e->bytes);
	free(e);
}

/* A state that does not exist. */
static struct states_entry *entry_new(const struct fold *fold, struct span key, struct span type)
{
	struct states_entry *e = calloc(1, sizeof *e);

	if (e == NULL || (e->bytes = malloc(key.size + type.size + 1)) == NULL ||
	    (fold != NULL && !state_init(&e->state, fold))) {
		entry_free(e);
		return NULL;
	}
	if (key.size > 0)
		memcpy(e->bytes, key.text, key.size);
	if (type.size > 0)
		memcpy(e->bytes + key.size, type.text, type.size);
	e->shown.key = (struct span){e->bytes, key.size};
	e->shown.type = (struct span){type.text == NULL ? NULL : e->bytes + key.size, type.size};
	e->shown.value = value_null();
	e->arena.limit = SIZE_MAX / 2;
	return e;
}

struct states_entry *states_get(struct states *s, const struct fold *fold, struct span key, struct span type)
{
	struct states_entry *e;
	size_t slot;

	if ((s->n + 1) * 2 > s->n_slots && !grow(s))
		return NULL;
	slot = find_slot(s, hash_of(key, type), key, type);
	if (s->slots[slot] != 0)
		return entry_at(s, s->slots[slot]);
	if (!array_grow(&s->list, &s->cap, s->n, sizeof(struct states_entry *)) || (e = entry_new(fold, key, type)) == NULL)
		return NULL;
	e->hash = hash_of(key, type);
	e->shown.number = s->n;
	s->slots[slot] = slot_of(e->hash, s->n);
	s->list[s->n++] = e;
	return e;
}

/* Look at what is packed. */
static bool read_packed(struct states_entry *e)
{
	const uint8_t *end = e->packed.data + e->packed.size;

	e->shown.value = value_null();
	arena_reset(&e->arena);
	return e->packed.size == 0 || value_read(&e->arena, e->packed.data, end, &e->shown.value) == end;
}

bool states_put(struct states_entry *e, const uint8_t *packed, size_t size)
{
	struct buf before = e->before;

	e->before = e->packed;
	e->packed = before;
	e->packed.size = 0;
	buf_put(&e->packed, packed, packed == NULL ? 0 : size);
	if (!buf_room(&e->packed, RENDER_PAD))
		return false;
	memset(e->packed.data + e->packed.size, 0, RENDER_PAD);
	return read_packed(e);
}

void states_put_back(struct states_entry *e)
{
	struct buf after = e->packed;

	e->packed = e->before;
	e->before = after;
	read_packed(e);
}

/* The order of two texts, as bytes. */
static int compare(struct span a, struct span b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.text, b.text, size);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

int states_order(const struct walk_state *a, const struct walk_state *b)
{
	int order = compare(a->key, b->key);

	if (order == 0)
		order = (a->type.text != NULL) - (b->type.text != NULL);
	return order != 0 ? order : compare(a->type, b->type);
}

/* For qsort. */
static int by_order(const void *a, const void *b)
{
	return states_order(*(const struct walk_state *const *)a, *(const struct walk_state *const *)b);
}

const struct walk_state **states_sorted(const struct states *s)
{
	const struct walk_state **list = calloc(s->n + 1, sizeof(struct walk_state *));

	for (size_t i = 0; list != NULL && i < s->n; i++)
		list[i] = &s->list[i]->shown;
	if (list != NULL)
		qsort(list, s->n, sizeof(struct walk_state *), by_order);
	return list;
}

void states_release(struct states *s)
{
	for (size_t i = 0; i < s->n; i++)
		entry_free(s->list[i]);
	free(s->list);
	free(s->slots);
	*s = (struct states){0};
}
