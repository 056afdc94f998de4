/* Equality of values. */
#include <stdlib.h>
#include <string.h>

#include "event/render.h"
#include "fold/value.h"

/* Deeper are neither values of events, nor those that expressions build around them. */
enum { DEPTH_MAX = 2 * DEPTH_LIMIT };

/* What equality looks things up in. */
struct sight {
	const struct names *names;
	struct arena *arena;
};

static bool is_equal(const struct value *a, const struct value *b, const struct sight *s, unsigned depth);

/* A member of an object, and which one it is. */
struct member {
	struct node_key key;
	uint32_t place;
	struct value value;
};

static int key_order(const struct node_key *a, const struct node_key *b)
{
	size_t least = a->size < b->size ? a->size : b->size;
	int c = least == 0 ? 0 : memcmp(a->text, b->text, least);

	return c != 0 ? c : (a->size > b->size) - (a->size < b->size);
}

/* By key; of equal ones the last first. */
static int member_order(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int c = key_order(&a->key, &b->key);

	return c != 0 ? c : (a->place < b->place) - (a->place > b->place);
}

/* The members that count, sorted by key; free them. NULL when malformed or memory ran out. */
static struct member *members_of(const struct value *v, const struct sight *s, uint32_t *n)
{
	struct member *members;
	struct value_iterator it;
	uint32_t all = 0;

	value_iterate(v, &it);
	if ((members = calloc(it.n + (size_t)1, sizeof *members)) == NULL) {
		s->arena->failed = true;
		return NULL;
	}
	while (value_next(&it, s->names, s->arena, &members[all].key, &members[all].value)) {
		members[all].place = all;
		all++;
	}
	if (it.at < it.n) {
		free(members);
		return NULL;
	}
	qsort(members, all, sizeof *members, member_order);
	*n = 0;
	for (uint32_t i = 0; i < all; i++)
		if (*n == 0 || key_order(&members[*n - 1].key, &members[i].key) != 0)
			members[(*n)++] = members[i];
	return members;
}

static bool objects_equal(const struct value *a, const struct value *b, const struct sight *s, unsigned depth)
{
	uint32_t n = 0, m = 0;
	struct member *x = members_of(a, s, &n), *y = x == NULL ? NULL : members_of(b, s, &m);
	bool equal = y != NULL && n == m;

	for (uint32_t i = 0; equal && i < n; i++)
		equal = key_order(&x[i].key, &y[i].key) == 0 && is_equal(&x[i].value, &y[i].value, s, depth + 1);
	free(x);
	free(y);
	return equal;
}

static bool lists_equal(const struct value *a, const struct value *b, const struct sight *s, unsigned depth)
{
	struct value_iterator it, other;
	struct value x, y;

	value_iterate(a, &it);
	value_iterate(b, &other);
	if (it.n != other.n)
		return false;
	while (value_next(&it, s->names, s->arena, NULL, &x))
		if (!value_next(&other, s->names, s->arena, NULL, &y) || !is_equal(&x, &y, s, depth + 1))
			return false;
	return it.at == it.n;
}

static bool is_equal(const struct value *a, const struct value *b, const struct sight *s, unsigned depth)
{
	int order;

	if (value_is_null(a) || value_is_null(b))
		return value_is_null(a) && value_is_null(b);
	if (value_is_number(a) || value_is_number(b))
		return value_is_number(a) && value_is_number(b) &&
		       decimal_compare(value_number(a), value_number(b), &order) == DECIMAL_OK && order == 0;
	if (a->kind == VALUE_TEXT || b->kind == VALUE_TEXT)
		return a->kind == b->kind && a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
	if (a->kind <= VALUE_TRUE || b->kind <= VALUE_TRUE)
		return a->kind == b->kind;
	if (depth > DEPTH_MAX || value_is_list(a) != value_is_list(b))
		return false;
	return value_is_list(a) ? lists_equal(a, b, s, depth) : objects_equal(a, b, s, depth);
}

bool value_equal(const struct value *a, const struct value *b, const struct names *names, struct arena *arena)
{
	return is_equal(a, b, &(struct sight){names, arena}, 0);
}
