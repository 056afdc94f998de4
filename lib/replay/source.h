/*
 * The events of a history, in the order in which they count: those of the store that are selected, up to a moment,
 * without some, and with some that never happened.
 */
#ifndef EVS_REPLAY_SOURCE_H
#define EVS_REPLAY_SOURCE_H

#include "evs.h"
#include "replay/draft.h"

/* Up to where events count; every bound holds. */
struct source_limit {
	uint64_t position, revision; /* UINT64_MAX: no bound */
	int64_t moment;              /* of the event's own timestamp; MOMENT_MAX: no bound */
};
#define SOURCE_NO_LIMIT {.position = UINT64_MAX, .revision = UINT64_MAX, .moment = INT64_MAX}

struct source_options {
	const struct evs_selector *selector; /* of the store's events; a limit, a last or a reverse count as they do in cat */
	uint64_t after;                      /* only those behind this position, where selector says nothing stricter */
	struct source_limit limit;
	const uint64_t *positions;           /* of the store's events these alone, ascending, all of which are selected; NULL: any */
	size_t n_positions;
	bool one_stream;                     /* its revisions ascend: behind limit.revision nothing is read */
	const uint64_t *without;             /* positions that did not happen, ascending */
	size_t n_without;
	const struct drafts *with;           /* events that happened as well, sorted; NULL: none */
};

struct source;

/*
 * Begin. A draft with a timestamp of its own stands directly before the first event of the store whose timestamp is
 * later; one without, and one that none is later than, at the end.
 *
 *   options  borrowed until source_close, the selector until return
 *
 * EVS_OK; EVS_USAGE, EVS_AMBIGUOUS, EVS_IO, EVS_NOMEM, EVS_CORRUPT as evs_read_new.
 */
int source_open(struct evs_store *store, const struct source_options *options, struct source **out, struct evs_error *err);
void source_close(struct source *s); /* NULL is fine */

/* The aggregateType of the one stream that is read; text NULL: it has none, or there are more. Owned by the source. */
struct span source_stream_type(const struct source *s);

/*
 * The next event; *record is valid until the next call. *draft: where it is none of the store's, else NULL.
 * EVS_OK, EVS_END, or as evs_read_next.
 */
int source_next(struct source *s, struct record *record, const struct draft **draft, struct evs_error *err);

/*
 * After EVS_END: go on with the events that the store has got since. EVS_OK: there are; EVS_END: there are none, or it
 * was opened with positions; or as evs_read_more.
 */
int source_more(struct source *s, struct evs_error *err);

#endif
