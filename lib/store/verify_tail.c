/* The newest events: each is there, and their index has exactly their terms. */
#include "store/verify.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/fetch.h"
#include "store/recent.h"

/* An entry of the tail's index: the higher half of a term's hash. */
struct entry {
	uint64_t hash, position;
};

struct entries {
	struct entry *list;
	size_t n, cap;
	uint64_t seen, bytes; /* events, and bytes of them */
	bool damaged;         /* some event could not be read: its terms are not known */
};

static bool add_entry(struct entries *s, uint64_t hash, uint64_t position)
{
	if (!array_grow(&s->list, &s->cap, s->n, sizeof *s->list))
		return false;
	s->list[s->n++] = (struct entry){hash >> 32, position};
	return true;
}

static int compare(const struct entry *x, const struct entry *y)
{
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

static int by_entry(const void *a, const void *b)
{
	return compare(a, b);
}

/* ---- events ---- */

static int keep(struct verify *v, struct entries *s, const struct verify_event *e, const struct record *r)
{
	struct view view;
	bool ok = add_entry(s, e->id, e->position) && array_grow(&v->tail, &v->tail_cap, v->n_tail, sizeof *v->tail);

	for (size_t i = 0; i < v->terms.n && ok; i++)
		ok = add_entry(s, v->terms.words[i], e->position);
	if (!ok)
		return error_nomem(v->err);
	v->tail[v->n_tail] = *e;
	if (view_open(&view, r->body, r->size))
		verify_ids_hash(&view.texts[NAME_EVENT_ID], v->tail[v->n_tail].id_bytes);
	v->n_tail++;
	return EVS_OK;
}

/* One record, copied: rendering reads a little behind its end. */
static int check_record(struct verify *v, struct entries *s, uint64_t position, struct kv_bytes value, struct buf *copy)
{
	struct verify_event e = {0};
	struct record r = {0};
	int status;

	copy->size = 0;
	if (!buf_room(copy, value.size + RENDER_PAD))
		return error_nomem(v->err);
	buf_put(copy, value.data, value.size);
	memset(copy->data + copy->size, 0, RENDER_PAD);
	s->seen++;
	if (!fetch_decode_tail((struct kv_bytes){copy->data, copy->size}, position, &r)) {
		verify_report(v, VERIFY_EVENT, position, "the event at position %llu is damaged: its record is too short",
		              (unsigned long long)position);
		s->damaged = true;
		v->tail_lost++;
		return EVS_OK;
	}
	s->bytes += r.size;
	if (position == v->begun.last_position && r.recorded_us != v->begun.last_recorded)
		verify_report(v, VERIFY_STATE, position, "the state record has another recordedAt than the newest event");
	status = verify_events_look(v, &r, &e);
	if (status == EVS_OK)
		return keep(v, s, &e, &r);
	if (status == EVS_CORRUPT) {
		s->damaged = true;
		v->tail_lost++;
		status = EVS_OK;
	}
	return status;
}

/* Positions from..to-1 are not there. */
static void note_gap(struct verify *v, uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	v->tail_lost += to - from;
	verify_report(v, VERIFY_POSITION_GAP, from, "positions %llu to %llu are not there, neither in a segment nor in the tail",
	              (unsigned long long)from, (unsigned long long)(to - 1));
}

static int check_events(struct verify *v, struct entries *s)
{
	uint64_t at = v->begun.tail_first;
	struct kv_bytes key = {NULL, 0}, value;
	struct buf copy = {0};
	struct kv_cursor *c;
	int status = kv_cursor_open(v->txn, KV_TAIL, &c, v->err);

	if (status == EVS_OK)
		status = kv_move(c, KV_FIRST, &key, &value, v->err);
	for (; status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, v->err)) {
		uint64_t position = key.size == 8 ? get64be(key.data) : 0;
		if (position < at || position > v->begun.last_position) {
			verify_report(v, VERIFY_POSITION_OVERLAP, position, "the tail has position %llu, which is none of %llu to %llu",
			              (unsigned long long)position, (unsigned long long)v->begun.tail_first,
			              (unsigned long long)v->begun.last_position);
			s->damaged = true;
			continue;
		}
		note_gap(v, at, position);
		at = position + 1;
		if ((status = check_record(v, s, position, value, &copy)) != EVS_OK)
			break;
	}
	kv_cursor_close(c);
	buf_free(&copy);
	if (status != EVS_END) {
		s->damaged = true;
		v->tail_lost += v->begun.last_position + 1 - at;
		return verify_unreadable(v, status, "the tail");
	}
	note_gap(v, at, v->begun.last_position + 1);
	if (at == v->begun.last_position + 1 && !s->damaged && s->bytes != v->begun.tail_bytes)
		verify_report(v, VERIFY_STATE, 0, "the state record says the tail has %llu bytes, it has %llu",
		              (unsigned long long)v->begun.tail_bytes,
		              (unsigned long long)s->bytes);
	return EVS_OK;
}

/* ---- their index ---- */

static void note_missing(struct verify *v, const struct entry *e)
{
	verify_report(v, VERIFY_INDEX_MISSING, e->position, "the event at position %llu is not found under one of its terms",
	              (unsigned long long)e->position);
}

/* An entry that no event accounts for; one that could not be read might. */
static void note_stray(struct verify *v, const struct entries *s, const struct entry *e)
{
	bool outside = e->position < v->begun.tail_first || e->position > v->begun.last_position;

	if (!s->damaged || outside)
		verify_report(v, VERIFY_INDEX_STRAY, e->position, "the index of the newest events leads to position %llu, %s",
		              (unsigned long long)e->position,
		              outside ? "which the tail does not have" : "where no such term is");
}

/* Sort, and drop doubles: a tag may be there twice. */
static void tidy(struct entries *s)
{
	size_t n = 0;

	if (s->n > 0)
		qsort(s->list, s->n, sizeof *s->list, by_entry);
	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || compare(&s->list[n - 1], &s->list[i]) != 0)
			s->list[n++] = s->list[i];
	s->n = n;
}

static int note_entry(void *context, uint32_t half, uint64_t position)
{
	return add_entry(context, (uint64_t)half << 32, position) ? EVS_OK : EVS_NOMEM;
}

/* Both are sorted: step through them together. */
static int check_index(struct verify *v, const struct entries *s)
{
	struct entries found = {0};
	size_t i = 0;
	int status = recent_all(v->txn, note_entry, &found, v->err);

	v->result->entries += found.n;
	tidy(&found);
	for (size_t k = 0; k < found.n; k++) {
		for (; i < s->n && compare(&s->list[i], &found.list[k]) < 0; i++)
			note_missing(v, &s->list[i]);
		if (i < s->n && compare(&s->list[i], &found.list[k]) == 0)
			i++;
		else
			note_stray(v, s, &found.list[k]);
	}
	free(found.list);
	if (status != EVS_OK)
		return status == EVS_NOMEM ? error_nomem(v->err) : verify_unreadable(v, status, "the index of the newest events");
	for (; i < s->n; i++)
		note_missing(v, &s->list[i]);
	return EVS_OK;
}

int verify_tail(struct verify *v)
{
	struct entries s = {0};
	int status = check_events(v, &s);

	tidy(&s);
	if (status == EVS_OK)
		status = check_index(v, &s);
	free(s.list);
	return status;
}
