#include <inttypes.h>

#include "project/audit.h"
#include "project/snapshot.h"

static int open_snapshots(struct audit *a, void *context, struct pile *table)
{
	(void)context;
	*table = pile_of_table(a->txn, KV_SNAPSHOT);
	return EVS_OK;
}

/* Whether a record is a snapshot, put where its own words say. EVS_OK, EVS_END, EVS_NOMEM. */
static int read_snapshot(struct audit *a, struct kv_bytes key, struct kv_bytes value, struct snapshot_found *f)
{
	uint8_t again[SNAPSHOT_KEY_MAX];
	size_t size;
	int status;

	if (!snapshot_decode(key, value, &a->scratch, f))
		return EVS_END;
	size = snapshot_key(again, f->hash, f->key, f->type);
	if (size + sizeof f->place.position != key.size || memcmp(again, key.data, size) != 0)
		return EVS_END;
	a->packed.size = 0;
	status = snapshot_unpack(a->store, a->txn, f, &a->packed, a->err);
	return status == EVS_CORRUPT ? EVS_END : status;
}

/* Whether a snapshot's numbers can be: of events that are there, and not more of them than there are. */
static bool is_possible(const struct audit *a, const struct snapshot_place *p)
{
	return p->position > 0 && p->covers >= p->position && p->covers <= a->state.last_position &&
	       p->revision <= p->position && p->events > 0 && p->events <= p->position;
}

static int look(struct audit *a, void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct snapshot_found f;
	int status = read_snapshot(a, key, value, &f);

	(void)context;
	a->result->snapshots++;
	if (status == EVS_OK)
		status = audit_packed(a);
	if (status == EVS_END) {
		audit_report(a, AUDIT_SNAPSHOT, 0, "a snapshot is damaged");
		return EVS_OK;
	}
	if (status == EVS_OK && !is_possible(a, &f.place))
		audit_report(a, AUDIT_SNAPSHOT_POSITION, f.place.position,
		             "the snapshot of '%.*s' says that it holds %" PRIu64 " events up to position %" PRIu64
		             ", the newest event has position %" PRIu64, f.key.size > 100 ? 100 : (int)f.key.size, f.key.text,
		             f.place.events, f.place.position, a->state.last_position);
	return status;
}

int audit_snapshots(struct audit *a)
{
	static const struct audit_table table = {"the table of snapshots", open_snapshots, look};

	return audit_walk(a, &table, NULL);
}
