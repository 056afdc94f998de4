/*
 * Expressions over an event and a state: evs-fold(5). Parsed once into a compact form, run on packed events.
 * Invariants: a parsed expression is read-only and shared by any number of threads; an eval is one thread's.
 */
#ifndef EVS_FOLD_EXPR_H
#define EVS_FOLD_EXPR_H

#include "event/render.h"
#include "evs.h"
#include "fold/value.h"

#define EXPR_TEXT_MAX (1u << 20) /* bytes of an expression or of a fold */
#define EXPR_DEPTH_MAX 250       /* how deep one may be nested */
#define EXPR_STEPS_MAX 50000000  /* of work on one event */
#define EXPR_MEMORY_MAX (64u << 20) /* bytes of what is worked out on one event */

struct expr;

/* What may stand in it. */
enum expr_scope {
	EXPR_EVENT = 1, /* .path is a field of the event */
	EXPR_STATE = 2, /* a bare name is a field of the state; without EXPR_EVENT .path is, too, and . the state */
};

/*
 * Parse text.
 *
 *   what  how messages call it: "--where"
 *
 * EVS_OK; EVS_USAGE with a message of three lines: what is wrong and where, the line, a caret; EVS_NOMEM.
 */
int expr_parse(const char *what, const char *text, unsigned scope, struct expr **out, struct evs_error *err);
void expr_free(struct expr *e); /* NULL is fine */

/* The same where the fields of states are known: EVS_USAGE also for a name that is none of them. fields: borrowed until return. */
int expr_parse_fields(const char *what, const char *text, unsigned scope, const struct node_key *fields, uint32_t n_fields,
                      struct expr **out, struct evs_error *err);

/* Working memory of one thread. names are borrowed until eval_free. NULL: no memory. */
struct eval;
struct eval *eval_new(const struct names *names);
void eval_free(struct eval *v); /* NULL is fine */

/*
 * Work an expression out.
 *
 *   record  the event, RENDER_PAD bytes readable behind its body; NULL: there is none (every path is null)
 *   state   an object; NULL: there is none (every name is null)
 *   out     borrows from record, state, e and v, until the next use of v
 *
 * EVS_OK; EVS_BAD_EVENT: a type error, with a message such as "'-' needs two numbers, not a string (line 3)";
 * EVS_CORRUPT: the record is malformed; EVS_NOMEM.
 */
int expr_value(const struct expr *e, struct eval *v, const struct record *record, const struct value *state,
               struct value *out, struct evs_error *err);

/* The same as a condition: EVS_OK it holds, EVS_END it does not (null does not), else as expr_value. */
int expr_holds(const struct expr *e, struct eval *v, const struct record *record, const struct value *state,
               struct evs_error *err);

/*
 * Where `field == literal` must hold for e to hold, for a bare name `field`: the literal's text as a packed value
 * behind out, and true. So an index can be asked first.
 */
bool expr_equals(const struct expr *e, const char *field, struct buf *out);

#endif
