/* Events that are in no store: lines of JSON, checked and filled as append does. */
#ifndef EVS_REPLAY_DRAFT_H
#define EVS_REPLAY_DRAFT_H

#include "event/parse.h"
#include "event/render.h"
#include "evs.h"

struct draft {
	struct record record; /* position and revision 0 */
	int64_t moment;       /* of its timestamp, in nanoseconds */
	bool timed;           /* it came with a timestamp */
	bool identified;      /* it came with an eventId */
	uint64_t line;        /* where it stands in the text, from 1 */
};

/* Zeroed memory is an empty list. */
struct drafts {
	struct draft *list;
	size_t n, cap;
	struct buf packed; /* what the records point to */
};

/*
 * Read lines; blank ones are passed over.
 *
 *   names  of the store that they are meant for; what has no number there stays a string
 *   rules  what lines mean and are filled with
 *
 * EVS_OK; EVS_BAD_EVENT: "line 3: ..."; EVS_NOMEM. The list is released by the caller in any case.
 */
int drafts_parse(struct drafts *d, const struct names *names, const struct parse_rules *rules, const char *text,
                 size_t size, struct evs_error *err);

/* Put those with a timestamp of their own in its order, those without behind them; else as they came. */
void drafts_sort(struct drafts *d);

void drafts_release(struct drafts *d);

#endif
