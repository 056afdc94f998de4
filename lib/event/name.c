#include "event/name.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/render.h"

enum { BLOCK = 256, SLOTS_MIN = 256 };

/* Open addressing: number + 1. A slot is published after the name it leads to, a larger table when it is filled. */
struct slots {
	uint32_t mask;
	struct slots *smaller; /* others may still be reading it: kept until the end */
	_Atomic uint16_t slot[];
};

/* Numbers lead to names through blocks, so that a small table touches little memory. */
struct names {
	_Atomic(struct name *) *blocks[NAME_LIMIT / BLOCK];
	_Atomic(struct slots *) slots;
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

static uint32_t hash_of(const char *text, size_t size)
{
	return (uint32_t)hash64(text, size, 0);
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

static struct slots *slots_new(uint32_t n)
{
	struct slots *s = calloc(1, sizeof *s + n * sizeof s->slot[0]);

	if (s != NULL)
		s->mask = n - 1;
	return s;
}

static void slots_free(struct slots *s)
{
	while (s != NULL) {
		struct slots *smaller = s->smaller;
		free(s);
		s = smaller;
	}
}

struct names *name_table_new(void)
{
	struct names *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	atomic_store(&t->slots, slots_new(SLOTS_MIN));
	for (unsigned i = 0; i < NAME_FIXED; i++) {
		if (atomic_load(&t->slots) == NULL || name_add(t, fixed[i], strlen(fixed[i])) != (int)i) {
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
	for (unsigned i = 0; i < name_count(t); i++)
		free(atomic_load_explicit(&t->blocks[i / BLOCK][i % BLOCK], memory_order_relaxed));
	for (unsigned i = 0; i < NAME_LIMIT / BLOCK; i++)
		free(t->blocks[i]);
	slots_free(atomic_load(&t->slots));
	free(t);
}

unsigned name_count(const struct names *t)
{
	return atomic_load_explicit(&t->count, memory_order_acquire);
}

/* A block is there before count says that it has names. */
const struct name *name_get(const struct names *t, uint64_t number)
{
	return number < name_count(t) ? atomic_load_explicit(&t->blocks[number / BLOCK][number % BLOCK], memory_order_relaxed) : NULL;
}

int name_find(const struct names *t, const char *text, size_t size)
{
	const struct slots *s = atomic_load_explicit(&t->slots, memory_order_acquire);

	for (uint32_t i = hash_of(text, size) & s->mask;; i = (i + 1) & s->mask) {
		unsigned entry = atomic_load_explicit(&s->slot[i], memory_order_acquire);
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

static void insert(struct slots *s, const struct name *n, unsigned number)
{
	uint32_t i = hash_of(n->text, n->size) & s->mask;

	while (atomic_load_explicit(&s->slot[i], memory_order_relaxed) != 0)
		i = (i + 1) & s->mask;
	atomic_store_explicit(&s->slot[i], (uint16_t)(number + 1), memory_order_release);
}

/* Fill a table with the first `count` names. */
static void fill(const struct names *t, struct slots *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		insert(s, name_get(t, i), i);
}

/* Room for one more: slots are at most half full. */
static bool make_room(struct names *t)
{
	unsigned count = name_count(t);
	struct slots *s = atomic_load_explicit(&t->slots, memory_order_relaxed), *larger;

	if (t->blocks[count / BLOCK] == NULL && (t->blocks[count / BLOCK] = calloc(BLOCK, sizeof *t->blocks[0])) == NULL)
		return false;
	if ((count + 1) * 2 <= s->mask + 1)
		return true;
	if ((larger = slots_new((s->mask + 1) * 4)) == NULL)
		return false;
	fill(t, larger, count);
	larger->smaller = s;
	atomic_store_explicit(&t->slots, larger, memory_order_release);
	return true;
}

int name_add(struct names *t, const char *text, size_t size)
{
	unsigned count = name_count(t);
	int number = name_find(t, text, size);
	struct name *n;

	if (number >= 0 || !name_may_add(t, size))
		return number;
	if (!make_room(t) || (n = name_new(text, size)) == NULL)
		return -2;
	atomic_store_explicit(&t->blocks[count / BLOCK][count % BLOCK], n, memory_order_relaxed);
	atomic_store_explicit(&t->count, count + 1, memory_order_release);
	insert(atomic_load_explicit(&t->slots, memory_order_relaxed), n, count);
	return (int)count;
}

void name_truncate(struct names *t, unsigned count)
{
	unsigned before = name_count(t);
	struct slots *s = atomic_load(&t->slots);

	if (count >= before)
		return;
	for (uint32_t i = 0; i <= s->mask; i++)
		atomic_store_explicit(&s->slot[i], 0, memory_order_relaxed);
	fill(t, s, count);
	atomic_store_explicit(&t->count, count, memory_order_release);
	for (unsigned i = count; i < before; i++) {
		free(atomic_load_explicit(&t->blocks[i / BLOCK][i % BLOCK], memory_order_relaxed));
		atomic_store_explicit(&t->blocks[i / BLOCK][i % BLOCK], NULL, memory_order_relaxed);
	}
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
