/*
 * Values of expressions, and the states that folds keep: what JSON can say, with exact decimals.
 *
 * A value is 16 bytes. What it points to is borrowed: from a packed event, from a state, from the program, or from
 * the arena of the event at hand. A state owns all that it holds (value_keep copies into it), as a tree of nodes
 * where it was changed inside, as packed bytes where it was taken over whole.
 */
#ifndef EVS_FOLD_VALUE_H
#define EVS_FOLD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "event/name.h"
#include "event/packed.h"
#include "fold/decimal.h"

enum value_kind {
	VALUE_ABSENT, /* a field of a state that was never set; elsewhere null */
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_NUMBER, /* number x 10^-scale */
	VALUE_DIGITS, /* a number as its digits: text, size */
	VALUE_TEXT,   /* text, size */
	VALUE_PACKED, /* a list or an object in packed form: packed, size */
	VALUE_LIST,   /* node */
	VALUE_OBJECT, /* node */
};

struct value {
	uint8_t kind;
	uint8_t scale;
	uint32_t size;
	union {
		int64_t number;
		const char *text;
		const uint8_t *packed;
		struct node *node;
	};
};

struct node_key {
	const char *text;
	uint32_t size;
};

struct node_index;

/*
 * A list or an object, in the order of insertion. Nodes of node_new are changed by node_add, node_insert and
 * node_remove alone, but for what their values are (node_changes is told); zeroed memory is an empty list.
 */
struct node {
	uint32_t n, cap;
	struct value *values;
	struct node_key *keys;    /* NULL: a list */
	struct node_index *index; /* of many fields, or elements that are looked for: where they are; NULL: none */
};

static inline struct value value_null(void)
{
	return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_bool(bool b)
{
	return (struct value){.kind = b ? VALUE_TRUE : VALUE_FALSE};
}

static inline struct value value_text(const char *text, size_t size)
{
	return (struct value){.kind = VALUE_TEXT, .size = (uint32_t)size, .text = text};
}

static inline struct value value_integer(int64_t n)
{
	return (struct value){.kind = VALUE_NUMBER, .number = n};
}

static inline struct value value_decimal(struct decimal d)
{
	if (d.digits == NULL)
		return (struct value){.kind = VALUE_NUMBER, .scale = (uint8_t)d.scale, .number = d.coefficient};
	return (struct value){.kind = VALUE_DIGITS, .size = d.size, .text = d.digits};
}

static inline bool value_is_null(const struct value *v)
{
	return v->kind <= VALUE_NULL;
}

static inline bool value_is_number(const struct value *v)
{
	return v->kind == VALUE_NUMBER || v->kind == VALUE_DIGITS;
}

/* Whether nothing belongs to it beside itself. */
static inline bool value_is_plain(const struct value *v)
{
	return v->kind <= VALUE_NUMBER;
}

/* The decimal of a number. */
static inline struct decimal value_number(const struct value *v)
{
	if (v->kind == VALUE_NUMBER)
		return decimal_small(v->number, v->scale);
	return (struct decimal){.digits = v->text, .size = v->size};
}

/* "a number", "a string": what it is called in messages. */
const char *value_name(const struct value *v);

/*
 * Read the packed value at p. Returns what follows it, NULL when it is malformed or the arena failed (see
 * arena->failed). Lists and objects stay packed; a PACKED_DOCUMENT is looked through.
 */
const uint8_t *value_read(struct arena *arena, const uint8_t *p, const uint8_t *end, struct value *out);

/* Whether v is a list, an object; packed ones are looked at. */
static inline bool value_is_list(const struct value *v)
{
	uint8_t head;

	if (v->kind != VALUE_PACKED)
		return v->kind == VALUE_LIST;
	head = v->packed[0];
	return (head & 0xf0) == 0x90 || head == 0xdc || head == 0xdd;
}

static inline bool value_is_object(const struct value *v)
{
	return v->kind == VALUE_OBJECT || (v->kind == VALUE_PACKED && !value_is_list(v));
}

/* Going through a list or an object. */
struct value_iterator {
	const struct node *node;  /* NULL: packed */
	const uint8_t *p, *end;
	uint32_t n, at;
	bool object;
};

/* Begin; false when v is neither list nor object. */
bool value_iterate(const struct value *v, struct value_iterator *it);

/*
 * The next element, and of an object its key (may be NULL to pass over). names: what packed keys are numbers of.
 * Absent fields are passed over; a key that a packed object has twice comes twice. False at the end, when packed
 * bytes are malformed (it->at is then less than it->n) or the arena failed.
 */
bool value_next(struct value_iterator *it, const struct names *names, struct arena *arena, struct node_key *key,
                struct value *out);

/*
 * The member of an object, the element of a list (from the end where index < 0): false, with *out null, when it is
 * not there. name: the number that the key has in packed form; -1: none, or not known (keys are then compared by their
 * text, by way of names). Of a key that is there twice the last counts.
 */
bool value_member(const struct value *v, const struct names *names, struct arena *arena, const char *key, size_t size,
                  int name, struct value *out);
bool value_element(const struct value *v, struct arena *arena, int64_t index, struct value *out);

/* How many elements a list or object has, as value_next counts them. */
uint32_t value_count(const struct value *v);

/* How many lists and objects are inside each other: 0 for what is neither. DEPTH_LIMIT + 1: more than DEPTH_LIMIT. */
unsigned value_depth(const struct value *v);

/*
 * Whether v is nested no deeper than `levels` and takes no more than *left bytes, about; they are taken from *left,
 * which is 0 where they are more. What is shared counts each time it is met, as a copy would take it each time: a few
 * lists that hold each other twice would fill any memory.
 */
bool value_fits(const struct value *v, unsigned levels, uint64_t *left);

/*
 * Equality by value: numbers by what they are, objects whatever their order; an absent field is no field.
 * False also when malformed or memory ran out (arena->failed is then set).
 */
bool value_equal(const struct value *a, const struct value *b, const struct names *names, struct arena *arena);

/* ---- what states own ---- */

/* Bytes of text that fit where a kept text of `size` bytes lies. */
static inline size_t value_text_room(size_t size)
{
	return size | 15;
}

/*
 * A copy that owns everything it holds; packed bytes get RENDER_PAD zeros behind them. False, with *out null, when
 * memory ran out, packed bytes are malformed, or v is nested deeper than DEPTH_LIMIT.
 */
bool value_keep(const struct value *v, struct value *out);

/* Let go of what a kept value owns. */
void value_drop(struct value *v);

struct node *node_new(bool object);

/* An empty list for memory that node_free does not free: it is never indexed. */
struct node node_borrowed(void);
void node_free(struct node *n); /* with all it holds; NULL is fine */

/*
 * Make a kept packed list or object a tree, so that it can be changed inside; what it holds stays packed, nothing
 * happens to what is a tree. Of a key that is there twice the last value counts, at the first one's place.
 * False, with v as it was: no memory, malformed, or neither list nor object.
 */
bool value_unpack(struct value *v, const struct names *names);

/* The place of a key, -1: not there. */
int64_t node_find(const struct node *n, const char *key, size_t size);

/*
 * Whether a list has an element that equals v, where that is known without a look at each: 1, 0; -1: it is not. Of long
 * lists that states own it is, where v is a string or most kinds of numbers. *steps grows by the work that it took.
 */
int node_has(struct node *n, const struct value *v, uint64_t *steps);

/* Values of a node are about to change in their places. */
void node_changes(struct node *n);

/* Put a kept value at the end; the key is copied. False when memory ran out (v is still the caller's). */
bool node_add(struct node *n, const char *key, size_t size, struct value v);

/* The same at place i, 0 to n; those from there on move down. */
bool node_insert(struct node *n, uint32_t i, const char *key, size_t size, struct value v);

/* Take out the i-th; the others move up. The caller owns *out; the key is freed. */
void node_remove(struct node *n, uint32_t i, struct value *out);

/* ---- bytes and text ---- */

/*
 * Write as canonical JSON, absent fields of objects left out. Packed bytes need RENDER_PAD readable bytes behind
 * them, as those of events and of kept values have. False when malformed or out of memory.
 */
bool value_render(struct buf *out, const struct names *names, const struct value *v);

/*
 * Write in packed form (event/packed.h; no PACKED_DOCUMENT) with string keys, absent fields of objects left out;
 * what is packed is copied, with the numbers that its keys have. False when memory ran out or v is nested deeper
 * than DEPTH_LIMIT.
 */
bool value_encode(struct buf *out, const struct value *v);

#endif
