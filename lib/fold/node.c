/* Lists and objects that states own. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fold/value.h"

#define INDEX_FROM 17 /* fields of an object that gets an index, elements of a list that does when it is asked */
#define SLOT_GONE UINT32_MAX
#define STEP_BYTES 64 /* of text that are hashed in a step */

/*
 * Open addressing: a place + 1, 0: empty. Half of the slots stay empty; those that are gone count as taken. Of a list it
 * has the first of equal strings, and of equal small numbers; others it has not.
 */
struct node_index {
	uint32_t mask, taken;
	uint32_t n_digits; /* large numbers among a list's elements: a small one may equal them */
	uint32_t slots[];
};

static bool same_key(const struct node_key *k, const char *key, size_t size)
{
	return k->size == size && (size == 0 || memcmp(k->text, key, size) == 0);
}

/* ---- the index ---- */

/* What the i-th is found by: its key, in a list itself. */
static struct value item_at(const struct node *n, uint32_t i)
{
	return n->keys != NULL ? value_text(n->keys[i].text, n->keys[i].size) : n->values[i];
}

static bool is_item(const struct value *v)
{
	return v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER;
}

/* A small number without zeros at the end of its fraction: equal numbers are then the same. */
static struct value plainest(struct value number)
{
	for (; number.scale > 0 && number.number % 10 == 0; number.scale--)
		number.number /= 10;
	return number;
}

/* What hashing an item costs, in steps of work (expr.h). */
static uint64_t item_steps(const struct value *v)
{
	return v->kind == VALUE_TEXT ? 1 + v->size / STEP_BYTES : 1;
}

static uint64_t item_hash(const struct value *v)
{
	struct value number;

	if (v->kind == VALUE_TEXT)
		return hash64(v->text, v->size, 0);
	number = plainest(*v);
	return hash64(&number.number, sizeof number.number, number.scale);
}

static bool same_item(const struct value *a, const struct value *b)
{
	struct value x, y;

	if (a->kind != b->kind)
		return false;
	if (a->kind == VALUE_TEXT)
		return a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
	x = plainest(*a);
	y = plainest(*b);
	return x.number == y.number && x.scale == y.scale;
}

/* The slot of an item, or the empty one where it would be. */
static uint32_t *slot_of(const struct node *n, const struct value *item)
{
	struct node_index *x = n->index;
	uint32_t i = (uint32_t)item_hash(item) & x->mask;

	for (; x->slots[i] != 0; i = (i + 1) & x->mask) {
		struct value there;
		if (x->slots[i] == SLOT_GONE)
			continue;
		there = item_at(n, x->slots[i] - 1);
		if (same_item(&there, item))
			break;
	}
	return &x->slots[i];
}

static void index_drop(struct node *n)
{
	free(n->index);
	n->index = NULL;
}

/* Index the i-th. */
static void index_put(struct node *n, uint32_t i)
{
	struct value item = item_at(n, i);
	uint32_t *slot;

	n->index->n_digits += item.kind == VALUE_DIGITS;
	if (!is_item(&item) || *(slot = slot_of(n, &item)) != 0)
		return;
	*slot = i + 1;
	n->index->taken++;
}

/* A new index of all, with room for as many again; without memory there is none, and all are gone through. */
static void index_make(struct node *n)
{
	size_t slots = 64;

	index_drop(n);
	while (slots < 4 * (size_t)n->n)
		slots *= 2;
	if (slots > UINT32_MAX || (n->index = calloc(1, sizeof *n->index + slots * sizeof n->index->slots[0])) == NULL)
		return;
	n->index->mask = (uint32_t)(slots - 1);
	for (uint32_t i = 0; i < n->n; i++)
		index_put(n, i);
}

/* Places from i on move down by one (by 1) or up by one (by -1). */
static void index_move(struct node_index *x, uint32_t i, int by)
{
	for (size_t s = 0; s <= x->mask; s++)
		if (x->slots[s] > i && x->slots[s] != SLOT_GONE)
			x->slots[s] += (uint32_t)by;
}

/* The i-th was put in. */
static void index_insert(struct node *n, uint32_t i)
{
	bool last = i + 1 == n->n;

	if (n->index == NULL && (n->keys == NULL || n->n < INDEX_FROM))
		return;
	if (n->keys == NULL && !last) {
		index_drop(n);
		return;
	}
	if (n->index != NULL && !last)
		index_move(n->index, i, 1);
	if (n->index != NULL && 2 * (n->index->taken + 1) <= n->index->mask)
		index_put(n, i);
	else if (n->n >= INDEX_FROM)
		index_make(n);
	else
		index_drop(n);
}

/* The i-th is about to be taken out. */
static void index_remove(struct node *n, uint32_t i)
{
	struct value item = item_at(n, i);
	bool last = i + 1 == n->n;
	uint32_t *slot;

	if (n->index == NULL)
		return;
	if (n->keys == NULL && !last) {
		index_drop(n);
		return;
	}
	n->index->n_digits -= item.kind == VALUE_DIGITS;
	if (is_item(&item) && *(slot = slot_of(n, &item)) == i + 1)
		*slot = SLOT_GONE;
	if (!last)
		index_move(n->index, i, -1);
}

/* ---- nodes ---- */

/* The index of a list that has none and gets none. */
static struct node_index borrowed;

struct node node_borrowed(void)
{
	return (struct node){.index = &borrowed};
}

struct node *node_new(bool object)
{
	struct node *n = calloc(1, sizeof *n);

	if (n == NULL || !object)
		return n;
	n->cap = 4;
	n->values = malloc(n->cap * sizeof *n->values);
	n->keys = malloc(n->cap * sizeof *n->keys);
	if (n->values == NULL || n->keys == NULL) {
		node_free(n);
		return NULL;
	}
	return n;
}

static void free_key(struct node_key *k)
{
	free((char *)(uintptr_t)k->text);
}

void node_free(struct node *n)
{
	if (n == NULL)
		return;
	for (uint32_t i = 0; i < n->n; i++) {
		value_drop(&n->values[i]);
		if (n->keys != NULL)
			free_key(&n->keys[i]);
	}
	free(n->values);
	free(n->keys);
	free(n->index);
	free(n);
}

int64_t node_find(const struct node *n, const char *key, size_t size)
{
	if (n->index != NULL) {
		struct value item = value_text(key, size);
		return (int64_t)*slot_of(n, &item) - 1;
	}
	for (uint32_t i = 0; i < n->n; i++)
		if (same_key(&n->keys[i], key, size))
			return i;
	return -1;
}

int node_has(struct node *n, const struct value *v, uint64_t *steps)
{
	if (n->index == &borrowed || n->n < INDEX_FROM || !is_item(v))
		return -1;
	*steps += item_steps(v);
	if (n->index == NULL) {
		for (uint32_t i = 0; i < n->n; i++)
			*steps += item_steps(&n->values[i]);
		index_make(n);
	}
	if (n->index == NULL)
		return -1;
	if (*slot_of(n, v) != 0)
		return 1;
	return v->kind == VALUE_NUMBER && n->index->n_digits > 0 ? -1 : 0;
}

void node_changes(struct node *n)
{
	if (n->keys == NULL && n->index != NULL)
		index_drop(n);
}

/* Room for one more. */
static bool grow(struct node *n)
{
	size_t cap = n->cap == 0 ? 4 : 2 * (size_t)n->cap;
	struct node_key *keys;
	struct value *values;

	if (n->n < n->cap)
		return true;
	if (cap > UINT32_MAX / 2 || (values = realloc(n->values, cap * sizeof *values)) == NULL)
		return false;
	n->values = values;
	if (n->keys != NULL) {
		if ((keys = realloc(n->keys, cap * sizeof *keys)) == NULL)
			return false;
		n->keys = keys;
	}
	n->cap = (uint32_t)cap;
	return true;
}

/* Write a copied key and a value at i, where there is room. */
static void put(struct node *n, uint32_t i, char *key, size_t size, const struct value *v)
{
	memmove(n->values + i + 1, n->values + i, (n->n - i) * sizeof *n->values);
	n->values[i] = *v;
	n->n++;
	if (key != NULL) {
		memmove(n->keys + i + 1, n->keys + i, (n->n - 1 - i) * sizeof *n->keys);
		n->keys[i] = (struct node_key){key, (uint32_t)size};
	}
	index_insert(n, i);
}

bool node_insert(struct node *n, uint32_t i, const char *key, size_t size, struct value v)
{
	char *copy = NULL;

	if (!grow(n))
		return false;
	if (n->keys != NULL) {
		if ((copy = malloc(size + 1)) == NULL)
			return false;
		if (size > 0)
			memcpy(copy, key, size);
		copy[size] = '\0';
	}
	put(n, i, copy, size, &v);
	return true;
}

bool node_add(struct node *n, const char *key, size_t size, struct value v)
{
	return node_insert(n, n->n, key, size, v);
}

void node_remove(struct node *n, uint32_t i, struct value *out)
{
	*out = n->values[i];
	index_remove(n, i);
	n->n--;
	memmove(n->values + i, n->values + i + 1, (n->n - i) * sizeof *n->values);
	if (n->keys != NULL) {
		free_key(&n->keys[i]);
		memmove(n->keys + i, n->keys + i + 1, (n->n - i) * sizeof *n->keys);
	}
}
