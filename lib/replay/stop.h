/* Where a debugger stops: at events of some types, at those for which something holds, or where a state changes. */
#ifndef EVS_REPLAY_STOP_H
#define EVS_REPLAY_STOP_H

#include "event/view.h"
#include "fold/expr.h"
#include "fold/fold.h"

#define STOPS_MAX 64

enum stop_kind {
	STOP_EVENT, /* the event alone says whether */
	STOP_STATE, /* a state after it does */
	STOP_WATCH, /* a state after it, and that before it */
};

struct stop {
	unsigned id;    /* as users call it, from 1; 0: it has none */
	enum stop_kind kind;
	char *text;     /* as it was written */
	char *types;    /* globs, each ended by a 0, and one that is empty; NULL: any type */
	struct expr *expr; /* NULL: there is none */
	uint64_t hits;
};

/*
 * Make sense of what was written.
 *
 *   what    how messages call the expression: "break"
 *   types   globs with commas between them; NULL: any type
 *   expr    NULL: none; there is one where types is NULL
 *   watch   it is for changes of what expr says
 *   states  there are states; fold: of this fold, NULL: of a command
 *
 * EVS_OK: stop_release it; EVS_USAGE, EVS_NOMEM.
 */
int stop_parse(struct stop *s, const char *what, const char *text, const char *types, const char *expr, bool watch, bool states,
               const struct fold *fold, struct evs_error *err);
void stop_release(struct stop *s);

/* Whether an eventType is one of its. */
bool stop_takes(const struct stop *s, struct span type);

/* The expression's value for an event and a state, as text behind out; what cannot be worked out is why. False: no memory. */
bool stop_value(const struct stop *s, struct eval *v, const struct names *names, const struct record *record, const struct value *state,
                struct buf *out);

#endif
