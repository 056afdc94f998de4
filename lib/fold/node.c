/* Lists and objects that states own. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fold/value.h"

#define INDEX_FROM 17 /* fields of an object that gets an index */
#define SLOT_GONE UINT32_MAX

/* Open addressing: the place of a key + 1, 0: empty. Half of the slots stay empty; those that are gone count as taken. */
struct node_index {
	uint32_t mask, taken;
	uint32_t slots[];
};

static bool same_key(const struct node_key *k, const char *key, size_t size)
{
	return k->size == size && (size == 0 || memcmp(k->text, key, size) == 0);
}

/* ---- the index ---- */

/* The slot of a key, or the empty one where it would be. */
static uint32_t *slot_of(const struct node *n, const char *key, size_t size)
{
	struct node_index *x = n->index;
	uint32_t i = (uint32_t)hash64(key, size, 0) & x->mask;

	while (x->slots[i] != 0 && (x->slots[i] == SLOT_GONE || !same_key(&n->keys[x->slots[i] - 1], key, size)))
		i = (i + 1) & x->mask;
	return &x->slots[i];
}

static void index_drop(struct node *n)
{
	free(n->index);
	n->index = NULL;
}

/* Index the i-th key. */
static void index_put(struct node *n, uint32_t i)
{
	*slot_of(n, n->keys[i].text, n->keys[i].size) = i + 1;
	n->index->taken++;
}

/* A new index of all keys, with room for as many again; without memory there is none, and keys are gone through. */
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

/* ---- nodes ---- */

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
	if (n->index != NULL)
		return (int64_t)*slot_of(n, key, size) - 1;
	for (uint32_t i = 0; i < n->n; i++)
		if (same_key(&n->keys[i], key, size))
			return i;
	return -1;
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
	if (key == NULL)
		return;
	memmove(n->keys + i + 1, n->keys + i, (n->n - 1 - i) * sizeof *n->keys);
	n->keys[i] = (struct node_key){key, (uint32_t)size};
	if (n->index != NULL && i + 1 < n->n)
		index_move(n->index, i, 1);
	if (n->index != NULL && 2 * (n->index->taken + 1) <= n->index->mask)
		index_put(n, i);
	else if (n->n >= INDEX_FROM)
		index_make(n);
	else
		index_drop(n);
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
	if (n->index != NULL) {
		*slot_of(n, n->keys[i].text, n->keys[i].size) = SLOT_GONE;
		if (i + 1 < n->n)
			index_move(n->index, i, -1);
	}
	n->n--;
	memmove(n->values + i, n->values + i + 1, (n->n - i) * sizeof *n->values);
	if (n->keys != NULL) {
		free_key(&n->keys[i]);
		memmove(n->keys + i, n->keys + i + 1, (n->n - i) * sizeof *n->keys);
	}
}
