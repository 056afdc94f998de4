/* What was changed in states while one event was applied, so that it can be taken back. */
#ifndef EVS_FOLD_UNDO_H
#define EVS_FOLD_UNDO_H

#include "fold/fold.h"

enum undo_kind {
	UNDO_SET,    /* node->values[index] was old */
	UNDO_TEXT,   /* node->values[index] was a text, the first old.size bytes of text */
	UNDO_ADD,    /* node had no element index */
	UNDO_REMOVE, /* node had old under key at index */
	UNDO_EXISTS, /* state->exists was index */
};

#define UNDO_TEXT_MAX 32

struct undo_step {
	enum undo_kind kind;
	uint32_t index;
	union {
		struct node *node;
		struct state *state; /* UNDO_EXISTS */
	};
	struct value old;    /* owned; UNDO_TEXT: its size */
	union {
		struct node_key key; /* UNDO_REMOVE: owned */
		char text[UNDO_TEXT_MAX]; /* UNDO_TEXT */
	};
};

struct undo {
	struct undo_step *steps;
	size_t n, cap;
};

/*
 * Change and note it. What is taken (a kept value) is the node's from here on, or was let go of where it returns
 * false: memory ran out.
 */
bool undo_set(struct undo *u, struct node *n, uint32_t i, struct value kept);
bool undo_add(struct undo *u, struct node *n, const char *key, size_t size, struct value kept);
bool undo_remove(struct undo *u, struct node *n, uint32_t i);
/* undo_set where both values are plain, and n is a state's fields. */
static inline bool undo_set_plain(struct undo *u, struct node *n, uint32_t i, const struct value *plain)
{
	struct undo_step *s;

	if (u->n == u->cap)
		return undo_set(u, n, i, *plain);
	s = &u->steps[u->n++];
	s->kind = UNDO_SET;
	s->index = i;
	s->node = n;
	s->old = n->values[i];
	n->values[i] = *plain;
	return true;
}

/*
 * Change a kept text of UNDO_TEXT_MAX bytes at most in its place, to one for which there is room (value_text_room):
 * most texts that states keep are short, and no memory need be found for them.
 */
bool undo_text(struct undo *u, struct node *n, uint32_t i, const struct value *text);
bool undo_exists(struct undo *u, struct state *s, bool exists);

/* Forget what was noted: the changes stay, or are taken back. */
void undo_end(struct undo *u, bool keep);

void undo_release(struct undo *u);

#endif
