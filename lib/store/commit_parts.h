/* What the parts of committing share: commit.c (batches and their transactions) and commit_check.c (what may be added). */
#ifndef EVS_STORE_COMMIT_PARTS_H
#define EVS_STORE_COMMIT_PARTS_H

#include "store/commit.h"
#include "store/seal.h"

/* An event of the batch that has a position, or is a duplicate. */
struct member {
	uint64_t event; /* TERM_EVENT */
	struct chunk *chunk;
	struct staged *staged;
};

struct commit {
	struct evs_store *store;
	const struct commit_rules *rules;
	struct pool *pool;
	struct parser *parser; /* for chunks that met new names */
	/* The open transaction. */
	struct kv_txn *txn;
	struct store_state state;
	struct index index;
	bool index_open;
	struct fetch fetch;
	unsigned names_before;
	int64_t now; /* recordedAt of what is added */
	/* The batch. */
	struct chunk *chunks, *last_chunk, *spare;
	struct member *members; /* new events */
	size_t n_members, members_cap;
	uint64_t *id_slots; /* by TERM_EVENT: its higher half, and member + 1 */
	size_t n_id_slots;
	struct streams streams;
	struct seal seal;
	uint64_t bytes;
	uint32_t *aggregates; /* per line of a chunk: the runs that may have its aggregateId, as index_revision wants them */
	size_t aggregates_cap;
	/* Conditions. */
	bool began;            /* the conditions were looked at */
	bool unmet;            /* they do not hold: only a retry can succeed */
	char unmet_why[300];
	uint64_t expect_from;  /* revision the one stream had */
	uint64_t expect_stream;
	uint64_t fresh, repeated; /* new events, and under a condition those that stand already, each once */
	uint64_t first_fresh;     /* position */
	uint64_t next_repeat;  /* where the next duplicate of a retry must stand */
	bool failed;           /* a line ended the append */
	/* What was done. */
	struct evs_append_result done, open; /* committed; of the open transaction */
};

/* ---- commit_check.c ---- */

/* Whether the event is there already: EVS_OK with s->duplicate set or not, EVS_CONFLICT when its id is taken. */
int commit_check_duplicate(struct commit *c, const struct chunk *chunk, struct staged *s, struct evs_error *err);

/* Have the batch know a new event. False when memory ran out. */
bool commit_add_member(struct commit *c, struct chunk *chunk, struct staged *s);

/* Look at the append condition, once, before the first event. */
int commit_check_fail_if(struct commit *c, struct evs_error *err);

/*
 * Under a condition the whole is either new, with the condition holding, or a retry: every event a duplicate that
 * stands where this append would have put it. entry: the batch's for the event's stream.
 */
int commit_check_whole(struct commit *c, const struct chunk *chunk, const struct staged *s, uint32_t entry, struct evs_error *err);

/* Say why the whole is refused. EVS_CONFLICT. */
int commit_refuse(struct commit *c, struct evs_error *err);

#endif
