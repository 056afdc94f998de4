/*
 * The compact form of expressions and folds: nodes in one array, that name their children by number.
 * Invariants: children have smaller numbers than what they belong to; texts are owned by the code. Read-only once
 * parsed, but for what nodes remember of the numbers of names (any thread may write the same answer).
 */
#ifndef EVS_FOLD_CODE_H
#define EVS_FOLD_CODE_H

#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fold/value.h"

enum code_op {
	/* Expressions. */
	CODE_CONST,   /* constant */
	CODE_CONTEXT, /* . : the event, or where there is none the state; or the element at hand */
	CODE_EVENT,   /* event */
	CODE_STATE,   /* a field of the state: constant is its name, slot its place */
	CODE_MEMBER,  /* kid 0, constant: its member */
	CODE_INDEX,   /* kid 0 [kid 1] */
	CODE_NOT, CODE_NEGATE,
	CODE_ADD, CODE_SUBTRACT, CODE_MULTIPLY, CODE_DIVIDE, CODE_REMAINDER,
	CODE_EQUAL, CODE_UNEQUAL, CODE_LESS, CODE_LESS_EQUAL, CODE_GREATER, CODE_GREATER_EQUAL, CODE_IN,
	CODE_AND, CODE_OR, CODE_DEFAULT,
	CODE_CHOICE,  /* kid 0 ? kid 1 : kid 2 */
	CODE_CALL,    /* function; kids are its arguments */
	CODE_LIST,    /* kids */
	CODE_OBJECT,  /* kids: keys and values in turn */
	/* Statements. The target is `slot`, and kids 0 .. n - 2 (n - 1 where there is no expression) lead inside. */
	CODE_SET, CODE_SET_ADD, CODE_SET_SUBTRACT, CODE_SET_MULTIPLY, CODE_PUSH, CODE_ADD_TO_SET,
	CODE_UNSET,
	CODE_IF,      /* kid 0 the condition, kid 1 the block, kid 2 the other block */
	CODE_BLOCK,   /* kids: statements */
	CODE_DELETE,
	CODE_FAIL,    /* kid 0 */
};

#define CODE_NONE UINT32_MAX

struct code_node {
	uint8_t op;
	uint8_t function; /* CODE_CALL: enum function_id */
	uint32_t line;
	uint32_t kids, n;  /* the first in code->kids, how many */
	uint32_t slot;     /* CODE_STATE and statements; CODE_NONE: look it up by name */
	uint32_t path;     /* CODE_MEMBER: its place among the fold's paths of the event (look.h); CODE_NONE: none */
	uint16_t path_steps; /* nodes that need not be worked out where that is known */
	bool of_event;     /* the path begins with event, not with what is at hand */
	struct value constant; /* texts are owned by the code */
	_Atomic int32_t name;  /* the number of a member's name; -1: none yet */
	_Atomic uint32_t seen; /* how many names there were when it was asked last */
	regex_t *regex;        /* CODE_CALL of matches with a pattern known ahead; owned */
};

struct code {
	struct code_node *nodes;
	uint32_t n;
	uint32_t *kids;
	uint32_t n_kids;
	size_t nodes_cap, kids_cap;
	void **owned; /* texts and patterns */
	size_t n_owned, owned_cap;
};

void code_release(struct code *c);

/* A new node without children; its number, CODE_NONE when memory ran out. */
uint32_t code_add(struct code *c, enum code_op op, uint32_t line);

/* Give a node its children. False when memory ran out. */
bool code_children(struct code *c, uint32_t node, const uint32_t *kids, uint32_t n);

/* size bytes that live as long as the code; NULL: no memory. */
char *code_text(struct code *c, size_t size);

static inline const struct code_node *code_kid(const struct code *c, const struct code_node *n, uint32_t i)
{
	return &c->nodes[c->kids[n->kids + i]];
}

#endif
