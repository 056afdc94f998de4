/*
 * Checking projections and snapshots: what the parts of evs_project_verify share.
 *
 * Invariants: tables are gone through in many short snapshots of the file, so that writers can go on; what belongs
 * together is compared within one. Damage is reported and passed over; functions return what kept them from looking
 * (EVS_NOMEM, EVS_BUSY, EVS_IO, EVS_CORRUPT), else EVS_OK.
 */
#ifndef EVS_PROJECT_AUDIT_H
#define EVS_PROJECT_AUDIT_H

#include "base/arena.h"
#include "base/findings.h"
#include "fold/fold.h"
#include "project/pile.h"

enum audit_kind {
	AUDIT_FILE, AUDIT_PROJECTION, AUDIT_PROJECTION_POSITION, AUDIT_STATE, AUDIT_INDEX_MISSING, AUDIT_INDEX_STRAY,
	AUDIT_SNAPSHOT, AUDIT_SNAPSHOT_POSITION,
	AUDIT_KINDS
};

struct audit {
	struct evs_store *store;
	struct evs_project_verify_result *result;
	struct evs_error *err;      /* never NULL */
	struct findings findings;
	uint64_t counts[AUDIT_KINDS];

	struct kv_txn *txn;
	struct store_state state;   /* of the snapshot at hand */
	struct arena arena;
	struct buf scratch, packed, text;
};

/* ---- audit.c ---- */

void audit_report(struct audit *a, enum audit_kind kind, uint64_t position, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Have a new snapshot. */
int audit_renew(struct audit *a);

/* Whether a->packed, RENDER_PAD zeros behind it, is one value, whose keys are names there are. EVS_OK, EVS_END: no; EVS_NOMEM. */
int audit_packed(struct audit *a);

/* A table that is gone through. */
struct audit_table {
	const char *what; /* in messages */
	/* Find it in the snapshot at hand. EVS_OK; EVS_END: it is not there, or not any more; or why it cannot be read. */
	int (*open)(struct audit *a, void *context, struct pile *table);
	/* Look at a record. EVS_OK, or why another table cannot be read. */
	int (*look)(struct audit *a, void *context, struct kv_bytes key, struct kv_bytes value);
};

/* Look at all records of a table. */
int audit_walk(struct audit *a, const struct audit_table *table, void *context);

/* ---- audit_model.c: the states of one generation, and the index over their fields ---- */

/* fold: what makes the states; NULL: a command. called: "projection 'x'", for messages. */
int audit_model(struct audit *a, const char *name, const char *called, const struct projection *p, const struct generation *g,
                const struct fold *fold);

/* ---- audit_snapshots.c ---- */

int audit_snapshots(struct audit *a);

#endif
