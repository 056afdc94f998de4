#include "store/load.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

struct loader {
	struct evs_store *store;
	struct kv_txn *txn;
	struct zip *zip;
	struct eval *eval;            /* where there is an expression to work out */
	struct segment_bytes bytes;
	struct segment_events own;    /* where the caller has none */
	struct segment_events more;   /* what goes behind the first of a piece */
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
	buf_free(&l->bytes.copy);
	segment_events_free(&l->own);
	segment_events_free(&l->more);
	free(l->wanted);
	free(l);
}

struct segment_events *load_own(struct loader *l)
{
	return &l->own;
}

/* ---- what matches ---- */

/*
 * Whether a look at the events goes on behind one that --where makes no sense of. It ends where the reader meets that event: forwards
 * it is the first one, backwards the last, and what comes before it is of no use.
 */
static bool goes_on(int status, const struct select *select, struct segment_events *e, int *worst)
{
	if (status >= 0)
		return true;
	if (status != EVS_BAD_EVENT || !select->reverse)
		return false;
	*worst = status;
	e->n = 0;
	return true;
}

/* Keep the records from..to that match. */
static int keep_matching(struct loader *l, struct select *select, uint64_t from, uint64_t to, struct segment_events *e,
                         struct evs_error *err)
{
	size_t n = e->n;
	int worst = EVS_OK;

	e->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct record *r = &e->records[i];
		int status;
		if (r->position < from || r->position > to)
			continue;
		status = select_match(select, l->eval, r, err);
		if (!goes_on(status, select, e, &worst))
			return status;
		if (status == EVS_OK)
			e->records[e->n++] = *r;
	}
	return worst;
}

/* ---- the tail ---- */

/* Put a record behind those that there are; its bytes may still move: their offset stands for them. */
static int add_tail_record(struct segment_events *e, struct kv_bytes value, uint64_t position, struct evs_error *err)
{
	struct record r;

	if (!fetch_decode_tail(value, position, &r))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	if (!array_grow(&e->records, &e->cap, e->n, sizeof *e->records) || !buf_room(&e->bytes, r.size + RENDER_PAD))
		return error_nomem(err);
	e->records[e->n] = r;
	e->records[e->n++].body = (const uint8_t *)(uintptr_t)e->bytes.size;
	buf_put(&e->bytes, r.body, r.size);
	memset(e->bytes.data + e->bytes.size, 0, RENDER_PAD);
	e->bytes.size += RENDER_PAD;
	return EVS_OK;
}

/* Take the newest record off again if it does not match: the next one gets its memory. Statuses as select_match. */
static int match_newest(struct loader *l, struct select *select, struct segment_events *e, struct evs_error *err)
{
	struct record r = e->records[e->n - 1];
	size_t at = (uintptr_t)r.body;
	int status;

	r.body = e->bytes.data + at;
	status = select_match(select, l->eval, &r, err);
	if (status != EVS_OK) {
		e->n--;
		e->bytes.size = at;
	}
	return status;
}

static int missing(uint64_t position, struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is missing; evs verify says more", (unsigned long long)position);
}

/* Copy those events of the tail from..to that match. */
static int load_tail(struct loader *l, struct select *select, uint64_t from, uint64_t to, struct segment_events *e, struct evs_error *err)
{
	struct store_key start = store_key(from);
	struct kv_bytes key = {start.bytes, sizeof start.bytes}, value;
	int status, worst = EVS_OK;
	struct kv_cursor *c;
	uint64_t next = from;

	e->n = 0;
	e->bytes.size = 0;
	status = kv_cursor_open(l->txn, KV_TAIL, &c, err);
	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err); status == EVS_OK && next <= to; next++) {
		if (key.size != 8 || get64be(key.data) != next)
			break;
		status = add_tail_record(e, value, next, err);
		if (status == EVS_OK)
			status = match_newest(l, select, e, err);
		if (!goes_on(status, select, e, &worst))
			break;
		status = kv_move(c, KV_NEXT, &key, &value, err);
	}
	kv_cursor_close(c);
	for (size_t i = 0; i < e->n; i++)
		e->records[i].body = e->bytes.data + (uintptr_t)e->records[i].body;
	if (status < 0)
		return status;
	return next > to ? worst : missing(next, err);
}

/* ---- a segment ---- */

/* The piece's candidates between first and last, or all of these, relative to the segment. Returns how many; SIZE_MAX: no memory. */
static size_t wanted_in(struct loader *l, const struct piece *piece, uint64_t first, uint64_t last, uint64_t segment_first)
{
	size_t most = piece->wanted == NULL ? last - first + 1 : piece->n_wanted, n = 0;

	if (l->wanted_cap < most) {
		free(l->wanted);
		l->wanted_cap = most;
		if ((l->wanted = malloc(l->wanted_cap * sizeof *l->wanted)) == NULL) {
			l->wanted_cap = 0;
			return SIZE_MAX;
		}
	}
	for (size_t i = 0; i < most; i++) {
		uint64_t position = piece->wanted == NULL ? first + i : piece->first + piece->wanted[i];
		if (position >= first && position <= last)
			l->wanted[n++] = (uint32_t)(position - segment_first);
	}
	return n;
}

/* Unpack the segment that holds `from`; *to becomes its last position, or stays. */
static int load_segment(struct loader *l, const struct piece *piece, uint64_t from, uint64_t *to, struct segment_events *e,
                        struct evs_error *err)
{
	const struct zip_dict *dict;
	struct segment segment;
	size_t n = 0;
	bool all;
	int status = fetch_segment(&l->bytes, l->txn, from, &segment, err);

	if (status == EVS_END)
		return error_set(err, EVS_CORRUPT, 0, "no segment has position %llu; evs verify says more", (unsigned long long)from);
	if (status != EVS_OK)
		return status;
	if (segment.first + segment.count - 1 < *to)
		*to = segment.first + segment.count - 1;
	dict = store_dict(l->store, l->txn, segment.dict_id, false, err);
	if (dict == NULL)
		return EVS_CORRUPT;
	all = piece->wanted == NULL && *to - from >= segment.count / 2;
	if (!all && (n = wanted_in(l, piece, from, *to, segment.first)) == SIZE_MAX)
		return error_nomem(err);
	if (!all && n == 0) {
		e->n = e->bytes.size = 0;
		return EVS_OK;
	}
	status = segment_read(&segment, l->zip, dict, all ? NULL : l->wanted, n, e, NULL);
	if (status == EVS_NOMEM)
		return error_nomem(err);
	if (status == EVS_IO)
		return status;
	if (status != EVS_OK)
		return error_set(err, EVS_CORRUPT, 0, "the segment of positions %llu to %llu is damaged; evs verify says more",
		                 (unsigned long long)segment.first, (unsigned long long)(segment.first + segment.count - 1));
	return EVS_OK;
}

/* ---- pieces ---- */

/* Put more events behind those that there are. */
static int append_events(struct segment_events *e, const struct segment_events *more, struct evs_error *err)
{
	const uint8_t *before = e->bytes.data;
	size_t size = e->bytes.size;
	struct record r;

	buf_put(&e->bytes, more->bytes.data, more->bytes.size);
	if (e->bytes.failed || !buf_room(&e->bytes, RENDER_PAD))
		return error_nomem(err);
	for (size_t i = 0; i < e->n; i++)
		e->records[i].body = e->bytes.data + (e->records[i].body - before);
	for (size_t i = 0; i < more->n; i++) {
		if (!array_grow(&e->records, &e->cap, e->n, sizeof *e->records))
			return error_nomem(err);
		r = more->records[i];
		r.body = e->bytes.data + size + (r.body - more->bytes.data);
		e->records[e->n++] = r;
	}
	return EVS_OK;
}

/* Load the events from..*to, or those of one segment of them: *to is then its last. */
static int load_stretch(struct loader *l, struct select *select, const struct piece *piece, uint64_t from, uint64_t *to,
                        struct segment_events *e, struct evs_error *err)
{
	struct store_state state;
	int status = l->txn == NULL ? store_begin(l->store, false, &l->txn, &state, err) : store_renew(l->store, l->txn, &state, err);

	if (status != EVS_OK)
		return status;
	if (from >= state.tail_first) {
		status = load_tail(l, select, from, *to, e, err);
	} else {
		status = load_segment(l, piece, from, to, e, err);
		if (status == EVS_OK)
			status = keep_matching(l, select, from, *to, e, err);
	}
	kv_reset(l->txn);
	return status;
}

int load_piece(struct loader *l, struct select *select, const struct piece *piece, struct segment_events *events,
               struct evs_error *err)
{
	uint64_t from = piece->first, to = piece->last;
	int status, more = EVS_OK;

	events->n = 0;
	if (select->where != NULL && l->eval == NULL && (l->eval = eval_new(l->store->names)) == NULL)
		return error_nomem(err);
	status = load_stretch(l, select, piece, from, &to, events, err);
	/* What was the tail when the piece was planned may be in segments by now: go on until its end. */
	while ((status == EVS_OK || (status == EVS_BAD_EVENT && select->reverse)) && to < piece->last) {
		from = to + 1;
		to = piece->last;
		more = load_stretch(l, select, piece, from, &to, &l->more, err);
		if (more != EVS_OK && more != EVS_BAD_EVENT)
			return more;
		if (more == EVS_BAD_EVENT && select->reverse)
			events->n = 0;
		if (append_events(events, &l->more, err) != EVS_OK)
			return EVS_NOMEM;
		status = more == EVS_OK ? status : more;
	}
	return status;
}
