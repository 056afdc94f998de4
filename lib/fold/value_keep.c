/* Values that states own. */
#include <stdlib.h>
#include <string.h>

#include "event/render.h"
#include "fold/value.h"

/* A copy of bytes with zeros behind them; never NULL but for want of memory. */
static void *copy_padded(const void *bytes, size_t size, size_t pad)
{
	char *copy = malloc(value_text_room(size) + pad);

	if (copy == NULL)
		return NULL;
	if (size > 0)
		memcpy(copy, bytes, size);
	memset(copy + size, 0, pad);
	return copy;
}

static bool keep(const struct value *v, struct value *out, unsigned depth);

/* A copy of a list or object with all it holds. */
static struct node *keep_node(const struct value *v, unsigned depth)
{
	struct node *n = node_new(v->kind == VALUE_OBJECT);
	struct value kept;

	for (uint32_t i = 0; n != NULL && i < v->node->n; i++) {
		const struct node_key key = v->kind == VALUE_OBJECT ? v->node->keys[i] : (struct node_key){0};
		if (keep(&v->node->values[i], &kept, depth + 1)) {
			if (node_add(n, key.text, key.size, kept))
				continue;
			value_drop(&kept);
		}
		node_free(n);
		n = NULL;
	}
	return n;
}

static bool keep(const struct value *v, struct value *out, unsigned depth)
{
	struct value copy = *v;
	bool good = true;

	switch ((enum value_kind)v->kind) {
	case VALUE_DIGITS: case VALUE_TEXT:
		copy.text = copy_padded(v->text, v->size, 1);
		good = copy.text != NULL;
		break;
	case VALUE_PACKED:
		good = packed_skip(v->packed, v->packed + v->size) == v->packed + v->size &&
		       (copy.packed = copy_padded(v->packed, v->size, RENDER_PAD)) != NULL;
		break;
	case VALUE_LIST: case VALUE_OBJECT:
		good = depth < DEPTH_LIMIT && (copy.node = keep_node(v, depth)) != NULL;
		break;
	case VALUE_ABSENT: case VALUE_NULL: case VALUE_FALSE: case VALUE_TRUE: case VALUE_NUMBER:
		break;
	}
	*out = good ? copy : value_null();
	return good;
}

bool value_keep(const struct value *v, struct value *out)
{
	return keep(v, out, 0);
}

void value_drop(struct value *v)
{
	switch ((enum value_kind)v->kind) {
	case VALUE_DIGITS: case VALUE_TEXT:
		free((char *)(uintptr_t)v->text);
		break;
	case VALUE_PACKED:
		free((uint8_t *)(uintptr_t)v->packed);
		break;
	case VALUE_LIST: case VALUE_OBJECT:
		node_free(v->node);
		break;
	case VALUE_ABSENT: case VALUE_NULL: case VALUE_FALSE: case VALUE_TRUE: case VALUE_NUMBER:
		break;
	}
	*v = value_null();
}

/* Put a kept value of a packed object where its key is already, or at the end. */
static bool put_member(struct node *n, const struct node_key *key, struct value kept)
{
	int64_t at = node_find(n, key->text, key->size);

	if (at < 0)
		return node_add(n, key->text, key->size, kept);
	value_drop(&n->values[at]);
	n->values[at] = kept;
	return true;
}

/* All elements of a packed list or object, kept. */
static bool unpack_into(struct node *n, struct value_iterator *it, const struct names *names, struct arena *arena)
{
	struct node_key key = {0};
	struct value v, kept;

	while (value_next(it, names, arena, &key, &v)) {
		if (!value_keep(&v, &kept))
			return false;
		if (!(it->object ? put_member(n, &key, kept) : node_add(n, NULL, 0, kept))) {
			value_drop(&kept);
			return false;
		}
		arena_reset(arena);
	}
	return it->at == it->n;
}

bool value_unpack(struct value *v, const struct names *names)
{
	struct arena arena = {.limit = 1 << 10}; /* for one key and one scalar at a time */
	struct value_iterator it;
	struct node *n;
	bool good;

	if (!value_iterate(v, &it))
		return false;
	if (it.node != NULL)
		return true;
	n = node_new(it.object);
	good = n != NULL && unpack_into(n, &it, names, &arena);
	arena_free(&arena);
	if (!good) {
		node_free(n);
		return false;
	}
	value_drop(v);
	*v = (struct value){.kind = it.object ? VALUE_OBJECT : VALUE_LIST, .node = n};
	return true;
}
