/* The records of projections: one each in the table `projection`, under its name (evs-store(5)). */
#ifndef EVS_PROJECT_PROJECTION_H
#define EVS_PROJECT_PROJECTION_H

#include "base/buf.h"
#include "base/lock.h"
#include "event/view.h"
#include "store/store.h"

#define PROJECTION_NAME_MAX 200

/* A model: what it is made by, and how far it is. */
struct generation {
	uint64_t number;     /* from 1; 0: there is no such generation */
	uint64_t hash;       /* of the fold or the command */
	bool exec, by_stream;
	struct span source;    /* the fold's text, or the command */
	struct span selectors; /* select_text */
	uint64_t to;         /* the last position that is selected; 0: there is none */
	uint64_t checkpoint; /* all events up to it are in the states, did not match, or were put aside or skipped */
	uint64_t events;     /* that were applied */
	uint64_t dead, skipped; /* events put aside, and stepped over */
	struct span skips;   /* positions of events to step over, where the fold fails on them: varints */
	int64_t ran_us;      /* when it was last worked on; 0: its first run has committed nothing yet */
	uint64_t stuck;      /* the position on which the fold fails; 0: it does not */
	struct span reason;
};

struct projection {
	uint64_t id; /* in the names of its tables; no other projection has it ever */
	struct generation model; /* that show reads */
	struct generation next;  /* a rebuild that is not at its end */
	struct buf bytes; /* what spans borrow from */
};

/* Whether a name is one: EVS_OK, EVS_USAGE. */
int projection_check_name(const char *name, struct evs_error *err);

/* Read the record of a name. EVS_OK; EVS_END: there is none; EVS_CORRUPT, EVS_IO, EVS_NOMEM. Release it in any case. */
int projection_get(struct kv_txn *txn, const char *name, struct projection *p, struct evs_error *err);
int projection_put(struct kv_txn *txn, const char *name, const struct projection *p, struct evs_error *err);
void projection_release(struct projection *p);

/* Whether a generation is to step over an event on which its fold fails. */
bool generation_skips(const struct generation *g, uint64_t position);

/* Have it do so; the list lies in bytes from then on, which must be empty. False when memory ran out. */
bool generation_skip(struct generation *g, uint64_t position, struct buf *bytes);

/* Look at the value of a record. */
bool projection_decode(struct kv_bytes value, struct projection *p);

/* Say that there is no projection of a name, with those that there are. Returns EVS_END, or what went wrong. */
int projection_none(struct kv_txn *txn, const char *name, struct evs_error *err);

/* ---- tables ---- */

enum projection_table { PROJECTION_MODEL, PROJECTION_INDEX, PROJECTION_LAYERS /* of both: pile.h */ };

/* Open a table of a generation: statuses as kv_table_open. */
int projection_table(struct kv_txn *txn, const struct projection *p, const struct generation *g,
                     enum projection_table which, bool create, enum kv_table *table, struct evs_error *err);

/* Remove a generation's tables, as far as they are there. */
int projection_drop_tables(struct kv_txn *txn, const struct projection *p, const struct generation *g, struct evs_error *err);

/* ---- exclusion ---- */

/* Take the lock of a projection, which ends with the process. EVS_OK; EVS_BUSY: another run has it; EVS_IO. */
int projection_lock(const struct evs_store *store, const char *name, struct lock **out, struct evs_error *err);

/* Whether a run has it. */
bool projection_is_running(const struct evs_store *store, const char *name);

/* ---- selectors ---- */

/* Whether a generation is made with these. */
bool projection_selects(const struct generation *g, struct span selectors);

#endif
