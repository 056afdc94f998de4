/*
 * Which eventIds of a chunk the runs may know already. Most of a large append's look-ups are answered here, by the threads
 * that parse: they ask the runs as they were at an earlier commit, and the thread that commits asks those that have come since.
 */
#ifndef EVS_STORE_KNOWN_H
#define EVS_STORE_KNOWN_H

#include "store/chunk.h"
#include "store/run.h"
#include "store/store.h"

/*
 * Note in every line of the chunk whether one of the runs may have its eventId (staged.known), and in the chunk how far it was
 * asked: runs that end at a position before chunk.asked_to are not asked again. Runs are in order, oldest first.
 */
void known_ask(struct chunk *chunk, const struct kv_txn *txn, const struct run *runs, size_t n_runs);

/*
 * The runs of the newest commit, kept readable while others write. One thread opens, counts and frees; any thread may ask.
 * Invariant: a commit's runs hold all events that sealed batches before it hold, so that what merges them later adds nothing.
 */
struct known;

/* EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_BUSY, EVS_IO. It has one user. */
int known_open(struct evs_store *store, struct known **out, struct evs_error *err);

struct known *known_use(struct known *k); /* one user more; NULL is fine */
void known_release(struct known *k);      /* one less, the last one frees it; NULL is fine */

/* known_ask with these runs; NULL is fine. */
void known_ask_all(const struct known *k, struct chunk *chunk);

#endif
