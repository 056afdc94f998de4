#include "store/load.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

struct loader {
	struct evs_store *store;
	struct kv_txn *txn;
	struct zip *zip;
	struct eval *eval;            /* where there is an expression to work out */
	struct segment_events events; /* of a segment, or of the tail */
	uint32_t *wanted;             /* relative to the segment */
	size_t wanted_cap;
};

struct loader *load_new(struct evs_store *store)
{
	struct loader *l = calloc(1, sizeof *l);

	if (l == NULL || (l->zip = zip_new()) == NULL) {
		free(l);
		return NULL;
	}
	l->store = store;
	return l;
}

void load_free(struct loader *l)
{
	if (l == NULL)
		return;
	kv_abort(l->txn);
	zip_free(l->zip);
	eval_free(l->eval);
	segment_events_free(&l->events);
	free(l->wanted);
	free(l);
}

/* ---- the tail ---- */

static int add_tail_record(struct segment_events *e, struct kv_bytes value, uint64_t position, struct evs_error *err)
{
	struct record r;

	if (!fetch_decode_tail(value, position, &r))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	if (!array_grow(&e->records, &e->cap, e->n, sizeof *e->records) || !buf_room(&e->bytes, r.size + RENDER_PAD))
		return error_nomem(err);
	/* bytes may still move: an offset for now */
	e->records[e->n] = r;
	e->records[e->n++].body = (const uint8_t *)(uintptr_t)e->bytes.size;
	buf_put(&e->bytes, r.body, r.size);
	memset(e->bytes.data + e->bytes.size, 0, RENDER_PAD);
	e->bytes.size += RENDER_PAD;
	return EVS_OK;
}

static int missing(uint64_t position, struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is missing; evs verify says more", (unsigned long long)position);
}

/* Copy the events of the tail from..to. */
static int load_tail(struct loader *l, uint64_t from, uint64_t to, struct evs_error *err)
{
	struct store_key start = store_key(from);
	struct kv_bytes key = {start.bytes, sizeof start.bytes}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(l->txn, KV_TAIL, &c, err);

	if (status != EVS_OK)
		return status;
	l->events.n = 0;
	l->events.bytes.size = 0;
	for (status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		uint64_t position = key.size == 8 ? get64be(key.data) : 0;
		if (position > to)
			break;
		if (position != from + l->events.n) {
			status = missing(from + l->events.n, err);
			break;
		}
		status = add_tail_record(&l->events, value, position, err);
		if (status != EVS_OK)
			break;
	}
	kv_cursor_close(c);
	for (size_t i = 0; i < l->events.n; i++)
		l->events.records[i].body = l->events.bytes.data + (uintptr_t)l->events.records[i].body;
	if (status != EVS_OK && status != EVS_END)
		return status;
	return l->events.n == to - from + 1 ? EVS_OK : missing(from + l->events.n, err);
}

/* ---- a segment ---- */

/* The piece's candidates between first and last, relative to the segment. Returns how many; SIZE_MAX: no memory. */
static size_t wanted_in(struct loader *l, const struct piece *piece, uint64_t first, uint64_t last, uint64_t segment_first)
{
	size_t n = 0;

	if (l->wanted_cap < piece->n_wanted) {
		free(l->wanted);
		l->wanted_cap = piece->n_wanted;
		if ((l->wanted = malloc(l->wanted_cap * sizeof *l->wanted)) == NULL) {
			l->wanted_cap = 0;
			return SIZE_MAX;
		}
	}
	for (size_t i = 0; i < piece->n_wanted; i++) {
		uint64_t position = piece->first + piece->wanted[i];
		if (position >= first && position <= last)
			l->wanted[n++] = (uint32_t)(position - segment_first);
	}
	return n;
}

/* Unpack the segment that holds `from`; *to becomes its last position, or stays. */
static int load_segment(struct loader *l, const struct piece *piece, uint64_t from, uint64_t *to, struct evs_error *err)
{
	const struct zip_dict *dict;
	struct segment segment;
	struct kv_bytes bytes;
	size_t n = 0;
	int status = fetch_segment(l->txn, from, &segment, &bytes, err);

	if (status == EVS_END)
		return error_set(err, EVS_CORRUPT, 0, "no segment has position %llu; evs verify says more", (unsigned long long)from);
	if (status != EVS_OK)
		return status;
	if (segment.first + segment.count - 1 < *to)
		*to = segment.first + segment.count - 1;
	dict = store_dict(l->store, l->txn, segment.dict_id, false, err);
	if (dict == NULL)
		return EVS_CORRUPT;
	if (piece->wanted != NULL && (n = wanted_in(l, piece, from, *to, segment.first)) == SIZE_MAX)
		return error_nomem(err);
	if (piece->wanted != NULL && n == 0) {
		l->events.n = 0;
		return EVS_OK;
	}
	status = segment_read(&segment, l->zip, dict, piece->wanted == NULL ? NULL : l->wanted, n, &l->events, NULL);
	kv_forget(l->store->kv, bytes);
	if (status == EVS_NOMEM)
		return error_nomem(err);
	if (status != EVS_OK)
		return error_set(err, EVS_CORRUPT, 0, "the segment of positions %llu to %llu is damaged; evs verify says more",
		                 (unsigned long long)segment.first, (unsigned long long)(segment.first + segment.count - 1));
	return EVS_OK;
}

/* ---- pieces ---- */

/*
 * An event that --where makes no sense of ends the reading where the reader meets it: forwards that is the first one,
 * backwards the last, and what was given before it is of no use.
 */
static int give(struct loader *l, struct select *select, uint64_t from, uint64_t to,
                bool (*each)(void *context, const struct record *r), void *context, struct evs_error *err)
{
	int worst = EVS_OK;

	for (size_t i = 0; i < l->events.n; i++) {
		const struct record *r = &l->events.records[i];
		int status;
		if (r->position < from || r->position > to)
			continue;
		status = select_match(select, l->eval, r, err);
		if (status < 0 && (status != EVS_BAD_EVENT || !select->reverse))
			return status;
		if (status < 0) {
			worst = status;
			each(context, NULL);
		}
		if (status == EVS_OK && !each(context, r))
			return error_nomem(err);
	}
	return worst;
}

int load_piece(struct loader *l, struct select *select, const struct piece *piece,
               bool (*each)(void *context, const struct record *r), void *context, struct evs_error *err)
{
	uint64_t from = piece->first;
	struct store_state state;
	int status = EVS_OK;

	if (select->where != NULL && l->eval == NULL && (l->eval = eval_new(l->store->names)) == NULL)
		return error_nomem(err);
	/* What was the tail when the piece was planned may be in segments by now: go on until its end. */
	while ((status == EVS_OK || (status == EVS_BAD_EVENT && select->reverse)) && from <= piece->last) {
		uint64_t to = piece->last;
		int before = status;
		status = l->txn == NULL ? store_begin(l->store, false, &l->txn, &state, err) : store_renew(l->store, l->txn, &state, err);
		if (status != EVS_OK)
			return status;
		status = from >= state.tail_first ? load_tail(l, from, to, err) : load_segment(l, piece, from, &to, err);
		kv_reset(l->txn);
		if (status == EVS_OK)
			status = give(l, select, from, to, each, context, err);
		if (status == EVS_OK)
			status = before;
		from = to + 1;
	}
	return status;
}
