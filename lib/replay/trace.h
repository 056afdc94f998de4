/* What caused an event, and what it caused: events name the eventId of their cause as their causationId. */
#ifndef EVS_REPLAY_TRACE_H
#define EVS_REPLAY_TRACE_H

#include "event/render.h"
#include "evs.h"

#define TRACE_EVENTS 1000 /* that are told of at most */

/* An event of the tree; borrowed until the callback returns. */
struct trace_event {
	const struct record *record;
	unsigned depth; /* 0: what caused all others */
	bool here;      /* it is the one that was asked about */
};

/*
 * Tell the tree of causes and effects that an event of the store stands in, each event behind its cause.
 *
 *   each  returns EVS_OK to go on
 *   more  out: there are more than TRACE_EVENTS
 *
 * EVS_OK; what each returns; EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int trace_tell(struct evs_store *store, const struct record *event,
               int (*each)(void *context, const struct trace_event *event, struct evs_error *err), void *context, bool *more,
               struct evs_error *err);

#endif
