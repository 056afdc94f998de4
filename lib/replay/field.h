/* A field of states: what is at a path in them, as text. */
#ifndef EVS_REPLAY_FIELD_H
#define EVS_REPLAY_FIELD_H

#include "base/arena.h"
#include "event/path.h"
#include "evs.h"
#include "fold/value.h"

/* Zeroed memory is ready for field_parse and field_release. */
struct field {
	struct path path;
	struct buf text; /* what field_text found */
	struct arena arena;
};

/*
 * Read a path: balance, lines.X1.qty, lines[0].qty; a leading point may stand there, and alone it is the whole state.
 *
 *   what  how the message calls it: "--blame"
 *
 * EVS_OK, EVS_USAGE.
 */
int field_parse(struct field *f, const char *what, const char *text, struct evs_error *err);
void field_release(struct field *f);

/* Put the field of a state into f->text, null where there is none. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
int field_text(struct field *f, const struct names *names, const struct value *state, struct evs_error *err);

#endif
