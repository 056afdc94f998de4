/* The grammar of expressions (evs-fold(5)), from words to nodes. */
#ifndef EVS_FOLD_SYNTAX_H
#define EVS_FOLD_SYNTAX_H

#include "fold/code.h"
#include "fold/lex.h"

/* In a function that returns a status: return it where it is not EVS_OK. */
#define TRY(call) \
	do { \
		int try_status = (call); \
		if (try_status != EVS_OK) \
			return try_status; \
	} while (0)

/* What a parse works with. */
struct syntax {
	struct lex lex;
	struct code *code;
	unsigned scope;  /* enum expr_scope */
	unsigned depth;
	bool uses_state; /* a field of the state was met since it was last made false */
	/* The place of a state's field; CODE_NONE: look it up by name. NULL: always so. */
	uint32_t (*slot_of)(void *context, const char *name, size_t size);
	void *context;
	/* Where it is known which fields a state can have: a name is one of them. NULL: any may be. */
	const struct node_key *fields;
	uint32_t n_fields;
	unsigned inside; /* arguments that are worked out for each element of a list, where . is that */
};

/* Parse an expression, from the token at hand to the first that does not belong to it. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int syntax_expression(struct syntax *s, uint32_t *node, struct evs_error *err);

/*
 * Parse what follows a name or a dot and leads inside: .name, [expression], as long as no white space stands before
 * it. Adds the keys to kids, at most cap. EVS_OK, EVS_USAGE, EVS_NOMEM.
 */
int syntax_steps(struct syntax *s, uint32_t *kids, uint32_t *n, uint32_t cap, struct evs_error *err);

/* A string token as a constant text node; moves on. */
int syntax_string(struct syntax *s, uint32_t *node, struct evs_error *err);

/* The token at hand must be this mark; moves on. */
int syntax_expect(struct syntax *s, const char *mark, struct evs_error *err);

/* Whether a name means something of its own in expressions, so that no field can be called so. */
bool syntax_reserved(const char *name, size_t size);

#endif
