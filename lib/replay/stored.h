/* Whether a history has a draft's event already, as append finds duplicates: by the eventId. */
#ifndef EVS_REPLAY_STORED_H
#define EVS_REPLAY_STORED_H

#include "replay/source.h"

/*
 * Look for an event with the eventId of a draft.
 *
 *   history  the events among which it is looked for; its drafts are none of them
 *
 * EVS_OK: it is there with the same content; EVS_END: it is not there, or the draft came without an eventId; EVS_CONFLICT: it is
 * there with other content, the message names it; or as source_next.
 */
int stored_find(struct evs_store *store, const struct source_options *history, const struct draft *draft, struct evs_error *err);

#endif
