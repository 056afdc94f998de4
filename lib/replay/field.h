/* A field of states: what is at a path in them, as text. */
#ifndef EVS_REPLAY_FIELD_H
#define EVS_REPLAY_FIELD_H

#include "base/arena.h"
#include "evs.h"
#include "fold/value.h"

/* A way into a value: a name of an object, or a number in brackets, which is an index of a list as well. */
struct field_step {
	char *key;      /* owned */
	size_t size;
	bool is_index;
	int64_t index;  /* from 0; negative counts from the end */
};

/* Zeroed memory is ready for field_parse and field_release. */
struct field {
	struct field_step *steps;
	size_t n, cap;
	struct buf text; /* what field_text found */
	struct arena arena;
};

/*
 * Read a path: balance, lines.X1.qty, lines[0].qty, lines["a b"], lines."a b", as in a fold (evs-fold(5)). A name need not be
 * one of a fold, it can be X-1 or 7. A leading point may stand there, and alone it is the whole state.
 *
 *   what  how the message calls it: "--blame"
 *
 * EVS_OK, EVS_USAGE, EVS_NOMEM.
 */
int field_parse(struct field *f, const char *what, const char *text, struct evs_error *err);
void field_release(struct field *f);

/* Put the field of a state into f->text, nothing where there is none, which null is not. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
int field_text(struct field *f, const struct names *names, const struct value *state, struct evs_error *err);

/* Whether field_text found what it found before. */
bool field_is(const struct field *f, const struct buf *before);

/* Put what field_text found behind out: where there is no field it is null. */
void field_put(struct buf *out, const struct buf *text);

#endif
