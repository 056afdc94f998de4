/* Working out nodes on an event and a state. One eval a thread; what comes out lives until eval_begin is called again. */
#ifndef EVS_FOLD_EVAL_H
#define EVS_FOLD_EVAL_H

#include "event/render.h"
#include "event/view.h"
#include "fold/code.h"
#include "fold/expr.h"

/* The event as a context: not a value that leaves eval. */
#define EVAL_EVENT 255

struct eval {
	const struct names *names;
	struct arena arena;
	const struct code *code;
	const struct record *record; /* NULL: none */
	const struct value *values;  /* of the paths that a fold reads in it (look.h); NULL: they were not looked for */
	struct view view;            /* of record, once `viewed` */
	bool viewed;
	struct value context;        /* what . is */
	const struct value *root;    /* the state: an object, or null; NULL: none */
	const struct node *slots;    /* the state of a fold, for nodes with a slot; NULL: none */
	uint64_t steps;
	const struct code_node *at;  /* what was begun last */
	int64_t now_us;              /* what now() is for this event; 0: not asked yet */
	/* The last failure. */
	int status;
	uint32_t line;
	char message[300];
};

/* Begin an event: forgets what was worked out before. False when the record is malformed. */
bool eval_begin(struct eval *v, const struct record *record);

/* The same for a record that was looked at already. */
void eval_begin_viewed(struct eval *v, const struct record *record, const struct view *view);

/* The same for a well-formed record whose paths were looked for; values as above, borrowed. */
void eval_begin_looked(struct eval *v, const struct record *record, const struct value *values);

/* The view of the record at hand. */
const struct view *eval_view(struct eval *v);

/* Work a node out. False where it fails: status, line and message say why. */
bool eval_node(struct eval *v, const struct code_node *n, struct value *out);

/* The same as a condition; null does not hold. */
bool eval_condition(struct eval *v, const struct code_node *n, bool *holds);

/* What a binary operator makes of two values. */
bool eval_operator(struct eval *v, const struct code_node *n, enum code_op op, const struct value *a, const struct value *b,
                   struct value *out);

/* Add numbers that need no arithmetic but that of the machine, as most do; null is left out of a sum. False: do it the long way. */
static inline bool eval_sum(const struct value *a, const struct value *b, struct value *out)
{
	int64_t sum;

	if (b->kind != VALUE_NUMBER)
		return false;
	if (value_is_null(a)) {
		*out = *b;
		return true;
	}
	if (a->kind != VALUE_NUMBER || a->scale != b->scale || __builtin_add_overflow(a->number, b->number, &sum))
		return false;
	*out = (struct value){.kind = VALUE_NUMBER, .scale = a->scale, .number = sum};
	return true;
}

/* The value of a node that is a constant, or a path that was looked for; NULL: it is to be worked out. */
const struct value *eval_at_hand(struct eval *v, const struct code_node *n);

/* Whether two values are equal. False where that takes too long. */
bool eval_equal(struct eval *v, const struct code_node *n, const struct value *a, const struct value *b, bool *equal);

/* Fail with a type error or the like. Returns false. */
bool eval_fail(struct eval *v, const struct code_node *n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Fail for want of memory, or because the event is malformed: what the arena says. Returns false. */
bool eval_broken(struct eval *v);

/* Whether a node's path leads to something, null included. */
bool eval_is_there(struct eval *v, const struct code_node *n, bool *there);

/* A list in the making, in the arena. */
struct eval_list {
	struct node *node;
};
bool eval_list_begin(struct eval *v, struct eval_list *l);
bool eval_list_add(struct eval *v, struct eval_list *l, const struct value *e);
struct value eval_list_value(const struct eval_list *l);

#endif
