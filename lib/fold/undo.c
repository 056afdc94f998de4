#include "fold/undo.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Room for one more step; without it nothing may change. */
static struct undo_step *next_step(struct undo *u, enum undo_kind kind, uint32_t index)
{
	struct undo_step *s;

	if (u->n == u->cap && !array_grow(&u->steps, &u->cap, u->n, sizeof *u->steps))
		return NULL;
	s = &u->steps[u->n];
	s->kind = kind;
	s->index = index;
	s->old = (struct value){0};
	return s;
}

bool undo_set(struct undo *u, struct node *n, uint32_t i, struct value kept)
{
	struct undo_step *s = next_step(u, UNDO_SET, i);

	if (s == NULL) {
		value_drop(&kept);
		return false;
	}
	s->node = n;
	s->old = n->values[i];
	node_changes(n);
	n->values[i] = kept;
	u->n++;
	return true;
}

bool undo_text(struct undo *u, struct node *n, uint32_t i, const struct value *text)
{
	struct undo_step *s = next_step(u, UNDO_TEXT, i);
	struct value *v = &n->values[i];

	if (s == NULL)
		return false;
	s->node = n;
	s->old.size = v->size;
	memcpy(s->text, v->text, v->size);
	node_changes(n);
	memmove((char *)(uintptr_t)v->text, text->text, text->size);
	((char *)(uintptr_t)v->text)[text->size] = '\0';
	v->size = text->size;
	u->n++;
	return true;
}

bool undo_add(struct undo *u, struct node *n, const char *key, size_t size, struct value kept)
{
	struct undo_step *s = next_step(u, UNDO_ADD, n->n);

	if (s == NULL || !node_add(n, key, size, kept)) {
		value_drop(&kept);
		return false;
	}
	s->node = n;
	u->n++;
	return true;
}

bool undo_remove(struct undo *u, struct node *n, uint32_t i)
{
	struct undo_step *s = next_step(u, UNDO_REMOVE, i);

	if (s == NULL)
		return false;
	s->key = (struct node_key){0};
	if (n->keys != NULL) {
		char *copy = malloc(n->keys[i].size + 1u);
		if (copy == NULL)
			return false;
		memcpy(copy, n->keys[i].text, n->keys[i].size);
		s->key = (struct node_key){copy, n->keys[i].size};
	}
	s->node = n;
	node_remove(n, i, &s->old);
	u->n++;
	return true;
}

bool undo_exists(struct undo *u, struct state *state, bool exists)
{
	struct undo_step *s;

	if (state->exists == exists)
		return true;
	if ((s = next_step(u, UNDO_EXISTS, state->exists)) == NULL)
		return false;
	s->state = state;
	state->exists = exists;
	u->n++;
	return true;
}

/* Put what was removed back where it was. There was room for it before. */
static void put_back(struct undo_step *s)
{
	if (node_insert(s->node, s->index, s->key.text, s->key.size, s->old))
		s->old = value_null();
}

static void take_back(struct undo_step *s)
{
	struct value gone;

	switch (s->kind) {
	case UNDO_SET:
		node_changes(s->node);
		value_drop(&s->node->values[s->index]);
		s->node->values[s->index] = s->old;
		s->old = value_null();
		break;
	case UNDO_TEXT:
		node_changes(s->node);
		s->node->values[s->index].size = s->old.size;
		memcpy((char *)(uintptr_t)s->node->values[s->index].text, s->text, s->old.size);
		break;
	case UNDO_ADD:
		node_remove(s->node, s->index, &gone);
		value_drop(&gone);
		break;
	case UNDO_REMOVE:
		put_back(s);
		break;
	case UNDO_EXISTS:
		s->state->exists = s->index != 0;
		break;
	}
}

void undo_end(struct undo *u, bool keep)
{
	if (!keep)
		for (size_t i = u->n; i-- > 0;)
			take_back(&u->steps[i]);
	for (size_t i = 0; i < u->n; i++) {
		struct undo_step *s = &u->steps[i];
		if (!value_is_plain(&s->old))
			value_drop(&s->old);
		if (s->kind == UNDO_REMOVE)
			free((char *)(uintptr_t)s->key.text);
	}
	u->n = 0;
}

void undo_release(struct undo *u)
{
	undo_end(u, true);
	free(u->steps);
}
