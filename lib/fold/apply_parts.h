/* What the parts of a fold at work share: apply.c (which states an event changes) and statement.c (how). */
#ifndef EVS_FOLD_APPLY_PARTS_H
#define EVS_FOLD_APPLY_PARTS_H

#include "fold/eval.h"
#include "fold/program.h"
#include "fold/undo.h"

/* The blocks that an event type selects. */
struct selected {
	uint32_t n;
	uint32_t blocks[];
};

struct fold_run {
	const struct fold *fold;
	struct eval *eval;
	struct undo undo;
	struct selected **by_name; /* by the number of the event type, as far as they came; NULL: not asked yet */
	unsigned n_names;
	struct selected *other;    /* of a type that has no number */
	char type_text[UUID_TEXT], id_text[UUID_TEXT];
	/* The event at hand. */
	const struct fold_event *looked; /* NULL: it was not looked at before */
	const struct selected *blocks;
	uint32_t at;           /* the next of blocks */
	const struct fold_block *block; /* whose target was given last */
	bool each;             /* its elements are gone through */
	struct value_iterator elements;
	char key[DECIMAL_SMALL_TEXT];
	uint64_t left;         /* bytes that it may still put into states */
};

/* ---- statement.c ---- */

/* Run a block's statements on a state. False: one failed, which r->eval says; what was changed until then r->undo has. */
bool statement_run_all(struct fold_run *r, const struct code_node *block, struct state *s);

#endif
