#include "event/name.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/render.h"

enum { SLOTS = 4 * NAME_LIMIT };

/* slot: open addressing, number + 1. A slot is published after the name it leads to. */
struct names {
	_Atomic(struct name *) names[NAME_LIMIT];
	_Atomic uint16_t slots[SLOTS];
	_Atomic unsigned count;
};

static const char *const fixed[NAME_FIXED] = {
	"eventType", "eventId", "timestamp", "aggregateId", "aggregateType", "version", "source", "correlationId",
	"causationId", "tags", "data", "metadata", "position", "revision", "recordedAt", "",
};

const char *name_fixed_text(enum name_fixed number)
{
	return fixed[number];
}

static uint32_t slot_of(const char *text, size_t size)
{
	return (uint32_t)hash64(text, size, 0) & (SLOTS - 1);
}

static struct name *name_new(const char *text, size_t size)
{
	struct buf json = {0};
	struct name *n;
	char *bytes;

	render_string(&json, (const uint8_t *)text, size);
	buf_byte(&json, ':');
	if (json.failed || (n = malloc(sizeof *n + size + json.size + NAME_PAD)) == NULL) {
		buf_free(&json);
		return NULL;
	}
	bytes = (char *)(n + 1);
	n->json = bytes;
	n->json_size = (uint32_t)json.size;
	memcpy(bytes, json.data, json.size);
	memset(bytes + json.size, 0, NAME_PAD);
	n->text = bytes + json.size + NAME_PAD;
	n->size = (uint32_t)size;
	memcpy(bytes + json.size + NAME_PAD, text, size);
	buf_free(&json);
	return n;
}

struct names *name_table_new(void)
{
	struct names *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	for (unsigned i = 0; i < NAME_FIXED; i++) {
		if (name_add(t, fixed[i], strlen(fixed[i])) != (int)i) {
			name_table_free(t);
			return NULL;
		}
	}
	return t;
}

void name_table_free(struct names *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < NAME_LIMIT; i++)
		free(atomic_load_explicit(&t->names[i], memory_order_relaxed));
	free(t);
}

unsigned name_count(const struct names *t)
{
	return atomic_load_explicit(&t->count, memory_order_acquire);
}

const struct name *name_get(const struct names *t, uint64_t number)
{
	return number < NAME_LIMIT ? atomic_load_explicit(&t->names[number], memory_order_acquire) : NULL;
}

int name_find(const struct names *t, const char *text, size_t size)
{
	for (uint32_t i = slot_of(text, size);; i = (i + 1) & (SLOTS - 1)) {
		unsigned entry = atomic_load_explicit(&t->slots[i], memory_order_acquire);
		const struct name *n;
		if (entry == 0)
			return -1;
		n = name_get(t, entry - 1);
		if (n != NULL && n->size == size && memcmp(n->text, text, size) == 0)
			return (int)entry - 1;
	}
}

bool name_may_add(const struct names *t, size_t size)
{
	return size <= NAME_BYTES_MAX && name_count(t) < NAME_LIMIT;
}

static void insert(struct names *t, const struct name *n, unsigned number)
{
	uint32_t i = slot_of(n->text, n->size);

	while (atomic_load_explicit(&t->slots[i], memory_order_relaxed) != 0)
		i = (i + 1) & (SLOTS - 1);
	atomic_store_explicit(&t->slots[i], (uint16_t)(number + 1), memory_order_release);
}

int name_add(struct names *t, const char *text, size_t size)
{
	unsigned count = name_count(t);
	int number = name_find(t, text, size);
	struct name *n;

	if (number >= 0 || !name_may_add(t, size))
		return number;
	n = name_new(text, size);
	if (n == NULL)
		return -2;
	atomic_store_explicit(&t->names[count], n, memory_order_release);
	insert(t, n, count);
	atomic_store_explicit(&t->count, count + 1, memory_order_release);
	return (int)count;
}

void name_truncate(struct names *t, unsigned count)
{
	if (count >= name_count(t))
		return;
	for (unsigned i = count; i < NAME_LIMIT; i++) {
		free(atomic_load_explicit(&t->names[i], memory_order_relaxed));
		atomic_store_explicit(&t->names[i], NULL, memory_order_relaxed);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		atomic_store_explicit(&t->slots[i], 0, memory_order_relaxed);
	for (unsigned i = 0; i < count; i++)
		insert(t, name_get(t, i), i);
	atomic_store_explicit(&t->count, count, memory_order_release);
}

void name_encode(const struct names *t, unsigned first, struct buf *out)
{
	for (unsigned i = first; i < name_count(t); i++) {
		const struct name *n = name_get(t, i);
		buf_byte(out, (uint8_t)n->size);
		buf_put(out, n->text, n->size);
	}
}

bool name_decode(struct names *t, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += 1 + (size_t)bytes[at]) {
		unsigned before = name_count(t);
		if (size - at - 1 < bytes[at] || name_add(t, (const char *)bytes + at + 1, bytes[at]) != (int)before)
			return false;
	}
	return true;
}
