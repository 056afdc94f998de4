#include "fold/undo.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Room for one more step; without it nothing may change. */
static struct undo_step *next_step(struct undo *u, enum undo_kind kind)
{
	if (!array_grow(&u->steps, &u->cap, u->n, sizeof *u->steps))
		return NULL;
	u->steps[u->n] = (struct undo_step){.kind = kind};
	return &u->steps[u->n];
}

bool undo_set(struct undo *u, struct node *n, uint32_t i, struct value kept)
{
	struct undo_step *s = next_step(u, UNDO_SET);

	if (s == NULL) {
		value_drop(&kept);
		return false;
	}
	s->node = n;
	s->index = i;
	s->old = n->values[i];
	n->values[i] = kept;
	u->n++;
	return true;
}

bool undo_text(struct undo *u, struct node *n, uint32_t i, const struct value *text)
{
	struct undo_step *s = next_step(u, UNDO_TEXT);
	struct value *v = &n->values[i];

	if (s == NULL)
		return false;
	s->node = n;
	s->index = i;
	s->old.size = v->size;
	memcpy(s->text, v->text, v->size);
	memmove((char *)(uintptr_t)v->text, text->text, text->size);
	((char *)(uintptr_t)v->text)[text->size] = '\0';
	v->size = text->size;
	u->n++;
	return true;
}

bool undo_add(struct undo *u, struct node *n, const char *key, size_t size, struct value kept)
{
	struct undo_step *s = next_step(u, UNDO_ADD);

	if (s == NULL || !node_add(n, key, size, kept)) {
		value_drop(&kept);
		return false;
	}
	s->node = n;
	s->index = n->n - 1;
	u->n++;
	return true;
}

bool undo_remove(struct undo *u, struct node *n, uint32_t i)
{
	struct undo_step *s = next_step(u, UNDO_REMOVE);

	if (s == NULL)
		return false;
	if (n->keys != NULL) {
		char *copy = malloc(n->keys[i].size + 1u);
		if (copy == NULL)
			return false;
		memcpy(copy, n->keys[i].text, n->keys[i].size);
		s->key = (struct node_key){copy, n->keys[i].size};
	}
	s->node = n;
	s->index = i;
	node_remove(n, i, &s->old);
	u->n++;
	return true;
}

bool undo_exists(struct undo *u, struct state *state, bool exists)
{
	struct undo_step *s;

	if (state->exists == exists)
		return true;
	if ((s = next_step(u, UNDO_EXISTS)) == NULL)
		return false;
	s->state = state;
	s->index = state->exists;
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
		value_drop(&s->node->values[s->index]);
		s->node->values[s->index] = s->old;
		s->old = value_null();
		break;
	case UNDO_TEXT:
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
		if (u->steps[i].kind == UNDO_TEXT)
			continue;
		value_drop(&u->steps[i].old);
		free((char *)(uintptr_t)u->steps[i].key.text);
	}
	u->n = 0;
}

void undo_release(struct undo *u)
{
	undo_end(u, true);
	free(u->steps);
}
