/*
 * Committing: parsed chunks become positions, revisions, segments and index entries, in order, under the store's
 * one write lock. Each batch is one transaction.
 *
 * Invariants: between commit_begin and commit_end the write transaction is open. Chunks given to commit_chunk
 * stay with the batch until it ends (`done` gets them back). Segments are built by the pool where there is one.
 */
#ifndef EVS_STORE_COMMIT_H
#define EVS_STORE_COMMIT_H

#include "store/chunk.h"
#include "store/index.h"
#include "store/query.h"

struct commit;

struct commit_rules {
	const struct parse_rules *parse; /* for chunks that met new names */
	enum evs_on_error on_error;
	bool whole; /* all chunks are one transaction; more than one commit_flush does not commit */
	int64_t expect;
	const struct query *fail_if; /* NULL: none */
	uint64_t after;
	const struct buf *setup; /* how lines are read (setup.h), for the dead letters */
	void (*on_reject)(void *context, uint64_t line, const char *message);
	int (*on_receipt)(void *context, const struct evs_receipt *receipt);
	void *context;
	/* Called in each transaction before it is committed, which it keeps from that where it fails; NULL: none. */
	int (*with)(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err);
	void *with_context;
};

/* rules are borrowed until commit_free. */
struct commit *commit_new(struct evs_store *store, const struct commit_rules *rules, struct evs_error *err);

/* Aborts what is open. No thread may be parsing any more. */
void commit_free(struct commit *c);

/* Have segments built by these threads' lane 0 from now on; each worker pointer of the pool begins with a struct zip *. */
void commit_use_pool(struct commit *c, struct pool *pool);

/*
 * Begin a batch where none is open: the store is this process's to write from here on, and its names are read. What
 * is parsed after this need not be parsed again to give its names their numbers. Fails as evs_append_read.
 */
int commit_begin(struct commit *c, struct evs_error *err);

/*
 * Take a parsed chunk into the batch, beginning one where none is open. The chunk is the batch's until it ends.
 * EVS_OK; EVS_BAD_EVENT or EVS_CONFLICT at the first line that ends the append: the lines before it are in the
 * batch, commit_end makes them durable (not where the whole is one transaction). Else as evs_append_read.
 */
int commit_chunk(struct commit *c, struct chunk *chunk, struct evs_error *err);

/* Whether the batch is as large as it should get. */
bool commit_full(const struct commit *c);

/* Commit the batch, durably, and give receipts. last: nothing follows soon. Nothing open: EVS_OK. */
int commit_end(struct commit *c, bool last, struct evs_error *err);

/* Drop the batch. */
void commit_abort(struct commit *c);

/* A chunk that is done with, to be used again; NULL: none. */
struct chunk *commit_spare(struct commit *c);

void commit_result(const struct commit *c, struct evs_append_result *result);

#endif
