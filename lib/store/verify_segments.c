/* Segments, in order of position, a snapshot each. */
#include "store/verify.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

enum { HOPELESS = 8 }; /* so many damaged frames and none that is whole: the rest is not tried */

/* How far the walk is. */
struct walk {
	uint64_t from; /* the next segment's key is not before this */
	uint64_t at;   /* the position that is to come */
	bool unsure;   /* the last segment did not say how many it has: what is to come is as good as any */
	bool broken;   /* the table cannot be read on */
};

/* The times that a segment's directory ought to hold. */
struct times {
	int64_t min_moment, max_moment, min_recorded, max_recorded;
	uint64_t events;
};

/* The first segment whose key is not before `from`. EVS_OK, EVS_END, or as kv_move. */
static int next_segment(struct verify *v, uint64_t from, uint64_t *first, struct kv_bytes *value)
{
	struct store_key start = store_key(from);
	struct kv_bytes key = {start.bytes, sizeof start.bytes};
	struct kv_cursor *c;
	int status = kv_cursor_open(v->txn, KV_SEGMENT, &c, v->err);

	if (status != EVS_OK)
		return status;
	status = kv_move(c, KV_AT_OR_AFTER, &key, value, v->err);
	if (status == EVS_OK)
		*first = key.size == 8 ? get64be(key.data) : UINT64_MAX;
	kv_cursor_close(c);
	return status;
}

/* ---- events ---- */

static int take_event(struct verify *v, struct walk *w, const struct record *r, struct times *t)
{
	struct verify_event e;
	int status;

	if (r->position < w->at)
		return EVS_OK; /* it was there before */
	status = verify_events_look(v, r, &e);
	if (status == EVS_CORRUPT) {
		v->lost++;
		return EVS_OK;
	}
	if (status != EVS_OK)
		return status;
	if (t->events == 0)
		*t = (struct times){e.moment, e.moment, e.recorded_us, e.recorded_us, 0};
	t->events++;
	t->min_moment = e.moment < t->min_moment ? e.moment : t->min_moment;
	t->max_moment = e.moment > t->max_moment ? e.moment : t->max_moment;
	t->max_recorded = e.recorded_us;
	status = verify_runs_add(v, &e);
	return status == EVS_OK ? verify_events_next(v, &e) : status;
}

/* Read what can be read of a damaged segment, event by event. */
static int salvage(struct verify *v, struct walk *w, const struct segment *s, const struct zip_dict *dict, struct times *t)
{
	uint8_t *told = calloc((size_t)s->n_frames + 1, 1); /* the last is for damage in no frame */
	uint32_t n_told = 0, whole = 0;
	int status = told == NULL ? error_nomem(v->err) : EVS_OK;

	for (uint32_t i = 0; i < s->count && status == EVS_OK; i++) {
		uint32_t bad = s->n_frames;
		if (n_told >= HOPELESS && whole == 0) {
			v->lost += s->count - i;
			break;
		}
		status = segment_read(s, v->zip, dict, &i, 1, &v->events, &bad);
		if (status == EVS_NOMEM) {
			error_nomem(v->err);
		} else if (status == EVS_OK) {
			whole++;
			status = take_event(v, w, &v->events.records[0], t);
		} else {
			status = EVS_OK;
			v->lost++;
			bad = bad < s->n_frames ? bad : s->n_frames;
			if (told[bad])
				continue;
			told[bad] = 1;
			n_told++;
			verify_report(v, VERIFY_FRAME, s->first + i,
			              "frame %u of %u of the segment of positions %llu to %llu is damaged; the first event in it is at position %llu",
			              bad + 1, s->n_frames, (unsigned long long)s->first, (unsigned long long)(s->first + s->count - 1),
			              (unsigned long long)(s->first + i));
		}
	}
	free(told);
	if (status == EVS_OK && n_told == 0)
		verify_report(v, VERIFY_SEGMENT, s->first,
		              "the segment of positions %llu to %llu can be read event by event, but not as a whole",
		              (unsigned long long)s->first, (unsigned long long)(s->first + s->count - 1));
	return status;
}

static int read_events(struct verify *v, struct walk *w, const struct segment *s, const struct zip_dict *dict, struct times *t)
{
	uint32_t bad;
	int status = segment_read(s, v->zip, dict, NULL, 0, &v->events, &bad);

	if (status == EVS_NOMEM)
		return error_nomem(v->err);
	if (status != EVS_OK)
		return salvage(v, w, s, dict, t);
	for (size_t i = 0; i < v->events.n && status == EVS_OK; i++)
		status = take_event(v, w, &v->events.records[i], t);
	return status;
}

/* ---- segments ---- */

/* Positions up to `to` (not included) are not there. */
static void note_gap(struct verify *v, const struct walk *w, uint64_t to)
{
	v->lost += to - w->at;
	if (!w->unsure)
		verify_report(v, VERIFY_POSITION_GAP, w->at, "positions %llu to %llu are not there", (unsigned long long)w->at,
		              (unsigned long long)(to - 1));
}

static void check_times(struct verify *v, const struct segment *s, const struct times *t)
{
	if (t->events != s->count)
		return; /* some could not be read */
	if (t->min_moment != s->min_moment || t->max_moment != s->max_moment || t->min_recorded != s->min_recorded ||
	    t->max_recorded != s->max_recorded)
		verify_report(v, VERIFY_SEGMENT_TIMES, s->first,
		              "the directory of the segment of positions %llu to %llu has other times than its events",
		              (unsigned long long)s->first, (unsigned long long)(s->first + s->count - 1));
}

static int check_segment(struct verify *v, struct walk *w, uint64_t first, struct kv_bytes value)
{
	const struct zip_dict *dict;
	struct times t = {0};
	struct segment s;
	int status = EVS_OK;

	v->result->segments++;
	w->unsure = !segment_open(&s, value.data, value.size) || s.first != first;
	if (w->unsure) {
		verify_report(v, VERIFY_SEGMENT, first, "the directory of the segment of positions from %llu is damaged",
		              (unsigned long long)first);
		return EVS_OK;
	}
	v->result->frames += s.n_frames;
	if (!segment_checksum_ok(&s))
		verify_report(v, VERIFY_SEGMENT_CHECKSUM, first,
		              "the directory of the segment of positions %llu to %llu has a wrong checksum",
		              (unsigned long long)first, (unsigned long long)(first + s.count - 1));
	dict = store_dict(v->store, v->txn, s.dict_id, false, v->err);
	if (dict == NULL && v->err->status == EVS_NOMEM)
		return EVS_NOMEM;
	if (dict == NULL) {
		verify_report(v, VERIFY_DICTIONARY, first, "the segment of positions %llu to %llu cannot be read: %s",
		              (unsigned long long)first,
		              (unsigned long long)(first + s.count - 1), v->err->message);
		v->lost += s.count;
	} else {
		status = read_events(v, w, &s, dict, &t);
		if (status == EVS_OK && w->at <= first)
			check_times(v, &s, &t);
	}
	if (w->at < first + s.count)
		w->at = first + s.count;
	kv_forget(v->store->kv, value);
	return status;
}

/* One segment, or the end of a stretch. EVS_END when all is done. */
static int step(struct verify *v, struct walk *w)
{
	struct kv_bytes value;
	uint64_t first = 0;
	bool none;
	int status = verify_renew(v);

	if (status != EVS_OK)
		return status;
	status = w->broken ? EVS_END : next_segment(v, w->from, &first, &value);
	if (status != EVS_OK && status != EVS_END) {
		status = verify_unreadable(v, status, "the segments");
		if (status != EVS_OK)
			return status;
		w->broken = w->unsure = true; /* that is told: no gap beside it */
		status = EVS_END;
	}
	none = status == EVS_END || first >= v->end;
	if (v->stretch.open && (none || first > v->stretch.last))
		return verify_runs_end(v);
	if (w->at < (none ? v->end : first))
		note_gap(v, w, none ? v->end : first);
	if (none)
		return EVS_END;
	if (first < w->at && !w->unsure)
		verify_report(v, VERIFY_POSITION_OVERLAP, first, "the segment of positions from %llu begins inside the one before it",
		              (unsigned long long)first);
	if (!v->stretch.open && (status = verify_runs_begin(v, first)) != EVS_OK)
		return status;
	w->from = first + 1;
	if (w->at < first)
		w->at = first;
	return check_segment(v, w, first, value);
}

int verify_segments(struct verify *v)
{
	struct walk w = {.from = 0, .at = 1};
	int status;

	while ((status = step(v, &w)) == EVS_OK)
		;
	return status == EVS_END ? EVS_OK : status;
}

/* ---- once more ---- */

static int walk_segment(struct verify *v, uint64_t last, struct kv_bytes value,
                        int (*each)(struct verify *v, void *context, const struct record *r), void *context)
{
	const struct zip_dict *dict;
	struct segment s;
	int status;

	if (!segment_open(&s, value.data, value.size) || (dict = store_dict(v->store, v->txn, s.dict_id, false, v->err)) == NULL)
		return EVS_OK;
	status = segment_read(&s, v->zip, dict, NULL, 0, &v->events, NULL);
	if (status == EVS_NOMEM)
		return error_nomem(v->err);
	for (size_t i = 0; status == EVS_OK && i < v->events.n && v->events.records[i].position <= last; i++)
		status = each(v, context, &v->events.records[i]);
	kv_forget(v->store->kv, value);
	return status == EVS_CORRUPT ? EVS_OK : status;
}

int verify_segments_walk(struct verify *v, uint64_t first, uint64_t last,
                         int (*each)(struct verify *v, void *context, const struct record *r), void *context)
{
	struct kv_bytes value;
	int status = EVS_OK;

	for (uint64_t from = first; status == EVS_OK; from = first + 1) {
		status = verify_renew(v);
		if (status == EVS_OK)
			status = next_segment(v, from, &first, &value);
		if (status == EVS_OK && first > last)
			break;
		if (status == EVS_OK)
			status = walk_segment(v, last, value, each, context);
	}
	return status == EVS_OK || status == EVS_NOMEM || status == EVS_BUSY ? status : EVS_OK;
}
