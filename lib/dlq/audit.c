/* evs_consume_verify: groups, what waits in them, and dead letters, in one snapshot of the file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/findings.h"
#include "consume/group.h"
#include "consume/letter.h"
#include "consume/tries.h"
#include "consume/wait.h"
#include "dlq/log.h"
#include "store/dead.h"

enum audit_kind { AUDIT_FILE, AUDIT_GROUP, AUDIT_POSITION, AUDIT_WAIT, AUDIT_PARKED, AUDIT_LETTER, AUDIT_LOG, AUDIT_KINDS };

static const char *const kinds[AUDIT_KINDS] = {
	[AUDIT_FILE] = "file-damaged",
	[AUDIT_GROUP] = "group-damaged",
	[AUDIT_POSITION] = "group-position",
	[AUDIT_WAIT] = "group-wait",
	[AUDIT_PARKED] = "group-parked",
	[AUDIT_LETTER] = "dead-letter",
	[AUDIT_LOG] = "dead-letter-record",
};

struct audit_group {
	char *name;
	struct group record;
	uint64_t waiting, parked; /* counted */
};

/* A stream of a group that a parked letter is of. */
struct parked {
	uint32_t group;
	uint64_t stream;
};

struct audit {
	struct evs_consume_verify_result *result;
	struct evs_error *err; /* never NULL */
	struct findings findings;
	uint64_t counts[AUDIT_KINDS];
	struct kv_txn *txn;
	struct store_state state;
	struct audit_group *groups;
	size_t n_groups, groups_cap;
	bool unknown; /* a group's record is damaged: its number is not known */
	struct parked *parked;
	size_t n_parked, parked_cap;
};

__attribute__((format(printf, 4, 5))) static void report(struct audit *a, enum audit_kind kind, uint64_t position, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	findings_add(&a->findings, kind, position, format, args);
	va_end(args);
}

/* Look at every record of a table. look: EVS_OK, or what keeps it from looking on. */
static int walk(struct audit *a, enum kv_table table, const char *what, int (*look)(struct audit *a, struct kv_bytes key, struct kv_bytes value))
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(a->txn, table, &c, a->err);

	if (status == EVS_OK) {
		for (status = kv_move(c, KV_FIRST, &key, &value, a->err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, a->err))
			if ((status = look(a, key, value)) != EVS_OK)
				break;
		kv_cursor_close(c);
	}
	if (status == EVS_END || status == EVS_NOMEM)
		return status == EVS_END ? EVS_OK : status;
	report(a, AUDIT_FILE, 0, "%s: %s", what, a->err->message);
	return EVS_OK;
}

/* ---- groups ---- */

static int look_at_group(struct audit *a, struct kv_bytes key, struct kv_bytes value)
{
	struct audit_group *g;
	uint64_t most = 0;

	if (!array_grow(&a->groups, &a->groups_cap, a->n_groups, sizeof *a->groups))
		return error_nomem(a->err);
	g = &a->groups[a->n_groups];
	*g = (struct audit_group){.name = strndup((const char *)key.data, key.size)};
	if (g->name == NULL)
		return error_nomem(a->err);
	a->n_groups++;
	a->result->groups++;
	if (strlen(g->name) != key.size || group_check_name(g->name, NULL) != EVS_OK || group_decode(value.data, value.size, &g->record) != EVS_OK) {
		a->unknown = true;
		report(a, AUDIT_GROUP, 0, "the record of group '%s' is damaged", g->name);
		return EVS_OK;
	}
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		most = g->record.positions[i] > most ? g->record.positions[i] : most;
	if (most > a->state.last_position || g->record.stuck > a->state.last_position)
		report(a, AUDIT_POSITION, 0, "group '%s' is at position %" PRIu64 ", the newest event has position %" PRIu64, g->name,
		       most > a->state.last_position ? most : g->record.stuck, a->state.last_position);
	return EVS_OK;
}

/* The group of a number, NULL: there is none. */
static struct audit_group *find_group(struct audit *a, uint32_t number)
{
	for (size_t i = 0; i < a->n_groups; i++)
		if (a->groups[i].record.number == number)
			return &a->groups[i];
	return NULL;
}

static int look_at_wait(struct audit *a, struct kv_bytes key, struct kv_bytes value)
{
	struct audit_group *g;
	uint32_t number;
	struct wait w;

	if (wait_decode(key, value, &number, &w, NULL) != EVS_OK || !tries_valid(w.list, w.list_size) || w.slot >= GROUP_SLOTS) {
		report(a, AUDIT_WAIT, 0, "the record of an event that waits for its next try is damaged");
		return EVS_OK;
	}
	g = find_group(a, number);
	if (g == NULL && !a->unknown)
		report(a, AUDIT_WAIT, w.position, "an event waits in a group that is not there");
	else if (g != NULL && (w.slot != group_slot(w.stream, w.position) || w.position > g->record.positions[w.slot]))
		report(a, AUDIT_WAIT, w.position, "the event at position %" PRIu64 " waits in group '%s' where it cannot", w.position, g->name);
	if (g != NULL)
		g->waiting++;
	return EVS_OK;
}

/* ---- dead letters ---- */

static int note_parked(struct audit *a, const struct letter *l)
{
	if (!array_grow(&a->parked, &a->parked_cap, a->n_parked, sizeof *a->parked))
		return error_nomem(a->err);
	a->parked[a->n_parked++] = (struct parked){l->number, l->stream};
	return EVS_OK;
}

/* What evs_verify does not look at: what the letter of a group holds. */
static int look_at_letter(struct audit *a, struct kv_bytes key, struct kv_bytes value)
{
	uint64_t id = key.size == 8 ? get64be(key.data) : 0;
	struct letter l;
	struct dead d;

	a->result->letters++;
	if (!dead_decode(value, &d))
		return EVS_OK; /* it was told */
	if (d.kind != DEAD_LINE && (d.line == 0 || d.line > a->state.last_position))
		report(a, AUDIT_LETTER, 0, "dead letter %" PRIu64 " is of position %" PRIu64 ", the newest event has position %" PRIu64, id, d.line,
		       a->state.last_position);
	if (d.kind != DEAD_EVENT)
		return EVS_OK;
	if (!letter_decode(d.bytes, d.size, &l) || !tries_valid(l.list, l.list_size)) {
		report(a, AUDIT_LETTER, 0, "dead letter %" PRIu64 " is damaged", id);
		return EVS_OK;
	}
	return l.parked ? note_parked(a, &l) : EVS_OK;
}

static int by_group_and_stream(const void *a, const void *b)
{
	const struct parked *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->stream > y->stream) - (x->stream < y->stream);
}

/* How many letters of a group's stream are parked, of the sorted list. */
static uint64_t count_parked(const struct audit *a, struct parked one)
{
	size_t low = 0, high = a->n_parked, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (by_group_and_stream(&a->parked[middle], &one) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < a->n_parked && by_group_and_stream(&a->parked[low + n], &one) == 0)
		n++;
	return n;
}

/* More than there are would hold the stream up for ever, fewer would let later events go before them. */
static int look_at_parked(struct audit *a, struct kv_bytes key, struct kv_bytes value)
{
	struct parked one;
	struct audit_group *g;

	if (key.size != 12 || value.size != 8) {
		report(a, AUDIT_PARKED, 0, "the record of a parked stream is damaged");
		return EVS_OK;
	}
	one = (struct parked){get32(key.data), get64(key.data + 4)};
	g = find_group(a, one.group);
	if (g == NULL) {
		if (!a->unknown)
			report(a, AUDIT_PARKED, 0, "a stream is parked in a group that is not there");
		return EVS_OK;
	}
	g->parked += get64(value.data);
	if (count_parked(a, one) != get64(value.data))
		report(a, AUDIT_PARKED, 0, "a stream of group '%s' waits for %" PRIu64 " parked letters, of which %" PRIu64 " are there", g->name,
		       get64(value.data), count_parked(a, one));
	return EVS_OK;
}

static int look_at_record(struct audit *a, struct kv_bytes key, struct kv_bytes value)
{
	struct evs_letter_entry e;

	if (key.size != 8 || !log_decode(value, &e))
		report(a, AUDIT_LOG, 0, "the record of something that was done to a dead letter is damaged");
	return EVS_OK;
}

/* ---- all of it ---- */

static void compare_counts(struct audit *a)
{
	for (size_t i = 0; i < a->n_groups; i++) {
		const struct audit_group *g = &a->groups[i];
		if (g->record.number != 0 && g->record.waiting != g->waiting)
			report(a, AUDIT_WAIT, 0, "group '%s' says that %" PRIu64 " events wait, %" PRIu64 " do", g->name, g->record.waiting, g->waiting);
		if (g->record.number != 0 && g->record.parked != g->parked)
			report(a, AUDIT_PARKED, 0, "group '%s' says that %" PRIu64 " letters are parked, its streams say %" PRIu64, g->name,
			       g->record.parked, g->parked);
	}
}

static int look(struct audit *a)
{
	int status = walk(a, KV_GROUP, "the table of groups", look_at_group);

	if (status == EVS_OK)
		status = walk(a, KV_WAIT, "the table of events that wait", look_at_wait);
	if (status == EVS_OK)
		status = walk(a, KV_DEAD, "the dead letters", look_at_letter);
	if (status == EVS_OK && a->n_parked > 1)
		qsort(a->parked, a->n_parked, sizeof *a->parked, by_group_and_stream);
	if (status == EVS_OK)
		status = walk(a, KV_PARKED, "the table of parked streams", look_at_parked);
	if (status == EVS_OK)
		status = walk(a, KV_DEADLOG, "the record of what was done to dead letters", look_at_record);
	if (status == EVS_OK)
		compare_counts(a);
	return status;
}

int evs_consume_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
                       struct evs_consume_verify_result *result, struct evs_error *err)
{
	struct evs_error unused;
	struct audit a = {.result = result, .err = err == NULL ? &unused : err};
	int status;

	a.findings = (struct findings){.kinds = kinds, .counts = a.counts, .each = each, .context = context};
	*result = (struct evs_consume_verify_result){0};
	status = store_begin(store, false, &a.txn, &a.state, a.err);
	if (status == EVS_OK)
		status = look(&a);
	kv_abort(a.txn);
	result->findings = a.findings.n;
	for (size_t i = 0; i < a.n_groups; i++) {
		free(a.groups[i].name);
		group_release(&a.groups[i].record);
	}
	free(a.groups);
	free(a.parked);
	return findings_status(&a.findings, status, err);
}
