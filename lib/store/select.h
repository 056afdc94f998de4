/* Selectors: which events a reader wants, compiled once and asked of every candidate. */
#ifndef EVS_STORE_SELECT_H
#define EVS_STORE_SELECT_H

#include "base/buf.h"
#include "fold/expr.h"
#include "store/narrow.h"
#include "store/index.h"

struct select {
	struct evs_store *store;
	/* Copies of what the user gave; NULL: not asked. */
	char *stream, *aggregate_type, *event, *correlation, *causation, *source;
	char **types, **tags;
	size_t aggregate_type_size; /* what the store says a stream's type is may hold a 0 */
	size_t n_types, n_tags;
	uint64_t from_revision;
	unsigned shard, shards;
	int64_t since, until; /* ns; MOMENT_MIN, MOMENT_MAX: no bound */
	int64_t as_of;        /* us; INT64_MAX: no bound */
	struct expr *where;   /* NULL: not asked */
	bool plain;           /* every event in range matches */
	bool reverse;         /* the reader comes from the end (load_piece) */
	/* The same as texts. */
	struct text stream_text, event_text, correlation_text, causation_text, source_text, *tag_texts;
	uint8_t uuids[5][16], (*tag_uuids)[16];
	/* Which interned names match --type, NAME_LIMIT of them: 0 not asked yet, 1 no, 2 yes. Threads may write the same answer at once. */
	_Atomic uint8_t *type_known;
	_Atomic int aggregate_known; /* the name that is aggregate_type, where it was met: its number + 1 */
};

/* Compile. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int select_new(struct evs_store *store, const struct evs_selector *wanted, struct select **out, struct evs_error *err);
void select_free(struct select *s);

/*
 * Whether an event matches. Positions are the reader's business. eval: this thread's, needed where s->where is.
 * EVS_OK, EVS_END (no), EVS_CORRUPT, EVS_BAD_EVENT (--where makes no sense of the event), EVS_NOMEM.
 */
int select_match(struct select *s, struct eval *eval, const struct record *r, struct evs_error *err);

/* Groups of terms that matching events must all have, that of a stream first: *n of them, at most `cap`, put into zeroed memory. False: no memory. */
bool select_groups(const struct select *s, struct term_group *groups, size_t cap, size_t *n);

/* Put selectors as a JSON object behind out: the same ones always give the same bytes. */
void select_text(struct buf *out, const struct evs_selector *s);

/* Selectors of such a text. */
struct select_read {
	struct evs_selector selector; /* borrows the others */
	void *doc;
	const char **types, **tags;
};

/* Owned by the caller (select_read_release). False: it is no such text, or memory ran out. */
bool select_read(struct select_read *out, const char *text);
void select_read_release(struct select_read *r);

#endif
