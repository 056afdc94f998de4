#include "project/cache.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

#define BLOCK_BYTES ((size_t)1 << 18)
#define SLOTS_MIN 1024
enum { TEXTS_MAX = 4 }; /* fields whose texts are worth it */
enum { UNPACKED = 3 }; /* a state takes about so many times the memory of its packed form */

#define LINE 64 /* of the processor's caches: entries begin one */
#define ENTRY_BYTES (3 * LINE) /* of an entry that are worth it */

struct cache_block {
	struct cache_block *next;
	size_t used, size;
	_Alignas(LINE) char bytes[];
};

uint64_t cache_hash(struct span key, struct span type)
{
	return hash64(key.text, key.size, type.text == NULL ? 0 : hash64(type.text, type.size, 1));
}

static bool is(const struct cached *e, struct span key, struct span type)
{
	const char *bytes = cached_bytes(e);

	return e->key_size == key.size && e->type_size == type.size && e->typed == (type.text != NULL) &&
	       (key.size == 0 || memcmp(bytes, key.text, key.size) == 0) &&
	       (type.size == 0 || memcmp(bytes + key.size, type.text, type.size) == 0);
}

/* Have twice as many slots. */
static bool grow(struct cache *c)
{
	size_t n = c->n_slots == 0 ? SLOTS_MIN : c->n_slots * 2, i;
	struct cache_slot *slots = calloc(n, sizeof *slots);

	if (slots == NULL || c->n >= UINT32_MAX - 1) {
		free(slots);
		return false;
	}
	for (size_t k = 0; k < c->n_slots; k++) {
		if (c->slots[k].entry == NULL)
			continue;
		for (i = c->slots[k].hash & (n - 1); slots[i].entry != NULL; i = (i + 1) & (n - 1))
			;
		slots[i] = c->slots[k];
	}
	free(c->slots);
	c->slots = slots;
	c->n_slots = n;
	return true;
}

/* Memory for an entry, until the cache is cleared. */
static void *take(struct cache *c, size_t size)
{
	struct cache_block *b = c->block;
	size_t room;
	void *bytes;

	size = (size + LINE - 1) / LINE * LINE;
	if (b == NULL || b->size - b->used < size) {
		room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		if ((b = aligned_alloc(LINE, sizeof *b + room)) == NULL)
			return NULL;
		b->next = c->block;
		b->used = 0;
		b->size = room;
		c->block = b;
	}
	bytes = b->bytes + b->used;
	b->used += size;
	return bytes;
}

static struct cached *add(struct cache *c, struct span key, struct span type)
{
	uint32_t n = 0;
	size_t size;
	struct cached *e;
	char *bytes;

	if (c->fold != NULL)
		fold_fields(c->fold, &n);
	size = sizeof *e + n * sizeof e->values[0] + key.size + type.size;
	if (!array_grow(&c->list, &c->cap, c->n, sizeof(struct cached *)) || (e = take(c, size)) == NULL)
		return NULL;
	*e = (struct cached){.number = (uint32_t)c->n, .key_size = (uint32_t)key.size,
	                     .type_size = (uint16_t)type.size, .typed = type.text != NULL};
	if (c->fold != NULL)
		state_place(&e->state, c->fold, e->values);
	bytes = (char *)(e->values + n);
	if (key.size > 0)
		memcpy(bytes, key.text, key.size);
	if (type.size > 0)
		memcpy(bytes + key.size, type.text, type.size);
	c->list[c->n++] = e;
	c->cost += size;
	return e;
}

struct cached *cache_get_hashed(struct cache *c, uint64_t hash, struct span key, struct span type, bool *made)
{
	struct cache_slot *slot;

	*made = false;
	if ((c->n + 1) * 2 > c->n_slots && !grow(c))
		return NULL;
	for (size_t i = hash & (c->n_slots - 1); slot = &c->slots[i], slot->entry != NULL; i = (i + 1) & (c->n_slots - 1))
		if (slot->hash == hash && is(slot->entry, key, type))
			return slot->entry;
	*made = true;
	slot->hash = hash;
	return slot->entry = add(c, key, type);
}

struct cached *cache_get(struct cache *c, struct span key, struct span type, bool *made)
{
	return cache_get_hashed(c, cache_hash(key, type), key, type, made);
}

/* ---- what comes soon ---- */

/* The entry in the first slot of a hash, most likely the one; NULL: there is none. */
static const struct cached *likely(const struct cache *c, uint64_t hash)
{
	return c->n_slots == 0 ? NULL : c->slots[hash & (c->n_slots - 1)].entry;
}

void cache_prefetch_slot(const struct cache *c, uint64_t hash)
{
	if (c->n_slots > 0)
		__builtin_prefetch(&c->slots[hash & (c->n_slots - 1)]);
}

void cache_prefetch_entry(const struct cache *c, uint64_t hash)
{
	const struct cached *e = likely(c, hash);

	if (e == NULL)
		return;
	for (size_t at = 0; at < ENTRY_BYTES; at += LINE)
		__builtin_prefetch((const char *)e + at);
}

void cache_prefetch_texts(const struct cache *c, uint64_t hash)
{
	const struct cached *e = likely(c, hash);
	uint32_t n = e == NULL ? 0 : e->state.fields.n < TEXTS_MAX ? e->state.fields.n : TEXTS_MAX;

	for (uint32_t i = 0; i < n; i++)
		if (e->state.fields.values[i].kind == VALUE_TEXT)
			__builtin_prefetch(e->state.fields.values[i].text);
}

void cache_weigh(struct cache *c, struct cached *e, size_t packed_size)
{
	size_t cost = packed_size > UINT32_MAX / UNPACKED ? UINT32_MAX : packed_size * UNPACKED;

	c->cost = c->cost - e->cost + cost;
	e->cost = (uint32_t)cost;
}

bool cache_put(struct cache *c, struct cached *e, const uint8_t *packed, size_t size)
{
	uint8_t *copy = packed == NULL ? NULL : malloc(size + RENDER_PAD);

	if (packed != NULL && copy == NULL)
		return false;
	if (copy != NULL) {
		memcpy(copy, packed, size);
		memset(copy + size, 0, RENDER_PAD);
	}
	free(e->packed);
	e->packed = copy;
	e->packed_size = (uint32_t)size;
	cache_weigh(c, e, size / UNPACKED);
	return true;
}

bool cache_set(struct cache *c, struct cached *e, const uint8_t *packed, size_t size)
{
	e->stored = true;
	if (c->fold == NULL)
		return cache_put(c, e, packed, size);
	cache_weigh(c, e, size);
	return state_decode(&e->state, packed, size);
}

void cache_clear(struct cache *c)
{
	struct cache_block *b = c->block;

	for (size_t i = 0; i < c->n; i++) {
		state_release(&c->list[i]->state);
		free(c->list[i]->packed);
	}
	for (struct cache_block *next; b != NULL && b->next != NULL; b = next) {
		next = b->next;
		free(b);
	}
	if (b != NULL)
		b->used = 0;
	c->block = b;
	c->n = 0;
	c->cost = 0;
	if (c->n_slots > 0)
		memset(c->slots, 0, c->n_slots * sizeof *c->slots);
}

void cache_release(struct cache *c)
{
	cache_clear(c);
	free(c->block);
	free(c->list);
	free(c->slots);
	*c = (struct cache){.fold = c->fold};
}
