/*
 * Reading: a plan cuts the range into pieces, loaders look at them (on every core where there is much to look at),
 * and results come back in order. No transaction is open while the caller has control.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "base/pool.h"
#include "base/watch.h"
#include "event/format.h"
#include "event/fields.h"
#include "store/load.h"
#include "store/read.h"

enum {
	WORKERS_MAX = 16,
	SLOTS_A_WORKER = 2,
	WORTH_THREADS = 3000, /* events to look at in the pieces at hand: more are shared out */
	FRAME_EVENTS = 32,    /* what looking up one event is worth */
	ROOM_LEAST = 16,      /* events in the first piece of who wants few */
};

/* Where an event's text ends in its slot's. */
struct text_end {
	size_t at;
	uint64_t position;
};

/* A piece and what came of it. */
struct slot {
	struct task task; /* first: the pool gives it back */
	struct evs_read *read;
	struct piece piece;
	size_t n;         /* events that came */
	struct segment_events events; /* they; or, where they are to be text, */
	struct buf out;               /* that */
	struct text_end *ends;
	size_t ends_cap;
	void *prepared;   /* what read_set_prepare's made of them */
	int status;
	struct evs_error err;
};

struct evs_read {
	struct evs_store *store;
	struct select *select;
	struct plan plan;
	uint64_t from, to;   /* what the caller asked for */
	uint64_t high;       /* looked at up to here */
	bool reverse, has_limit;
	bool event_found; /* the one that the selector names: no other can come */
	bool type_found; /* the stream's aggregateType was not given: it is the only one there was, and must stay it */
	uint64_t left;       /* of the limit */
	bool ended;          /* nothing more can come */
	/* How events become text; records for evs_read_next. */
	bool render;
	enum evs_format format;
	struct fields *fields;
	struct read_prepare prepare;
	/* Threads. */
	struct pool *pool;
	struct loader *loaders[WORKERS_MAX];
	unsigned n_loaders;
	struct slot slots[WORKERS_MAX * SLOTS_A_WORKER];
	size_t n_slots, oldest, under_way; /* slots oldest .. oldest + under_way - 1 are in use */
	bool planned_all;
	const struct slot *broken; /* its events were given, what went wrong behind them comes next */
	/* evs_read_next. */
	struct slot *current;
	size_t next;
	struct watch *watch;
	struct buf reversed;
};

/* ---- begin ---- */

struct type_list {
	struct buf text;
	size_t n;
	char *only;
	size_t only_size;
	bool failed;
};

static void note_type(void *context, struct span type)
{
	struct type_list *t = context;

	t->n++;
	if (t->n > 1)
		buf_text(&t->text, ", ");
	if (type.text == NULL)
		buf_text(&t->text, "(none)");
	else
		buf_put(&t->text, type.text, type.size > 60 ? 60 : type.size);
	free(t->only);
	t->only = calloc(1, type.size + 1);
	t->failed |= t->only == NULL;
	if (t->only != NULL && type.size > 0)
		memcpy(t->only, type.text, type.size);
	t->only_size = type.size;
}

/* --stream without a type: find the one it means, or see that it is the only one still. *none: there is no such stream. */
static int resolve_stream(struct evs_read *r, struct index *x, bool *none, struct evs_error *err)
{
	struct select *s = r->select;
	struct type_list types = {0};
	int status;

	*none = false;
	if (s->stream == NULL || (s->aggregate_type != NULL && !r->type_found))
		return EVS_OK;
	status = index_streams(x, &s->stream_text, term_hash(r->store->seed, TERM_AGGREGATE, &s->stream_text, NULL), note_type, &types, err);
	if (status == EVS_OK && (types.failed || types.text.failed))
		status = error_nomem(err);
	if (status == EVS_OK && types.n > 1) {
		buf_byte(&types.text, 0);
		status = error_set(err, EVS_AMBIGUOUS, 0, "stream '%.100s' is there in several aggregate types: %.300s; add --aggregate-type (\"\" for none)",
		                   s->stream, (const char *)types.text.data);
	}
	if (status == EVS_OK && types.n == 1 && s->aggregate_type == NULL) {
		s->aggregate_type = types.only;
		s->aggregate_type_size = types.only_size;
		types.only = NULL;
		r->type_found = true;
	}
	*none = status == EVS_OK && types.n == 0;
	buf_free(&types.text);
	free(types.only);
	return status;
}

/* --event: the one position it can be at, 0 when it is not there. */
static int resolve_event(struct evs_read *r, struct index *x, uint64_t *position, struct evs_error *err)
{
	struct select *s = r->select;
	struct record record;
	int status = index_find_event(x, &s->event_text, term_hash(r->store->seed, TERM_EVENT, &s->event_text, NULL), true, &record, err);

	*position = status == EVS_OK ? record.position : 0;
	return status == EVS_END ? EVS_OK : status;
}

void read_few(struct evs_read *r, uint64_t n)
{
	r->plan.room = n < ROOM_LEAST ? ROOM_LEAST : n < SEGMENT_EVENTS_MAX ? n : 0;
}

/* Look at positions low..high of the store as it is, as far as the selector's names can be there. */
static int set_range(struct evs_read *r, uint64_t low, uint64_t high, struct evs_error *err)
{
	uint64_t position = 0;
	bool none = false;
	int status;

	r->planned_all = false;
	r->plan.room = 0;
	if (r->has_limit)
		read_few(r, r->left);
	/* The plan takes the snapshot and the index; what the selector names is looked up in them. */
	status = plan_range(&r->plan, low, high, err);
	if (status != EVS_OK)
		return status;
	status = resolve_stream(r, &r->plan.index, &none, err);
	if (status == EVS_OK && r->select->event != NULL) {
		status = resolve_event(r, &r->plan.index, &position, err);
		r->event_found |= position != 0;
		none |= position < low || position > high;
		low = high = position;
	}
	if (status == EVS_OK)
		status = none ? plan_range(&r->plan, 1, 0, err) : plan_range(&r->plan, low, high, err);
	plan_pause(&r->plan);
	return status;
}

/* How many events of the range match, up to `enough`, counted from the end; *first: the first of those. */
static int find_last(struct evs_read *r, uint64_t enough, uint64_t *first, struct evs_error *err);

int evs_read_new(struct evs_store *store, const struct evs_selector *w, struct evs_read **out, struct evs_error *err)
{
	struct evs_read *r = calloc(1, sizeof *r);
	uint64_t last = 0, low;
	int status;

	*out = NULL;
	if (r == NULL)
		return error_nomem(err);
	r->store = store;
	status = select_new(store, w, &r->select, err);
	if (status == EVS_OK)
		status = evs_last_position(store, &last, err);
	if (status != EVS_OK) {
		evs_read_free(r);
		return status;
	}
	r->plan = (struct plan){.store = store, .select = r->select};
	r->from = w->after == UINT64_MAX ? UINT64_MAX : w->after + 1;
	if (w->from > r->from)
		r->from = w->from;
	r->to = w->to == 0 ? UINT64_MAX : w->to;
	r->reverse = r->plan.reverse = r->select->reverse = w->reverse;
	r->has_limit = w->has_limit;
	r->left = w->limit;
	r->high = last < r->to ? last : r->to;
	low = r->from;
	if (w->has_last && r->reverse) { /* the last, backwards: a limit */
		if (!r->has_limit || w->last < r->left)
			r->left = w->last;
		r->has_limit = true;
	} else if (w->has_last && r->select->plain) {
		if (r->high >= w->last && r->high - w->last + 1 > low)
			low = r->high - w->last + 1;
	} else if (w->has_last) {
		status = set_range(r, low, r->high, err);
		if (status == EVS_OK)
			status = find_last(r, w->last, &low, err);
	}
	if (status == EVS_OK)
		status = set_range(r, low, r->high, err);
	if (status != EVS_OK) {
		evs_read_free(r);
		return status;
	}
	*out = r;
	return EVS_OK;
}

static void free_threads(struct evs_read *r)
{
	pool_free(r->pool);
	r->pool = NULL;
	for (unsigned i = 0; i < r->n_loaders; i++)
		load_free(r->loaders[i]);
	r->n_loaders = 0;
}

void evs_read_free(struct evs_read *r)
{
	if (r == NULL)
		return;
	free_threads(r);
	for (size_t i = 0; i < sizeof r->slots / sizeof r->slots[0]; i++) {
		free(r->slots[i].piece.wanted);
		free(r->slots[i].ends);
		segment_events_free(&r->slots[i].events);
		buf_free(&r->slots[i].out);
		if (r->slots[i].prepared != NULL)
			r->prepare.free(r->slots[i].prepared);
	}
	plan_release(&r->plan);
	watch_free(r->watch);
	select_free(r->select);
	fields_free(r->fields);
	buf_free(&r->reversed);
	free(r);
}

const char *evs_read_stream_type(const struct evs_read *r, size_t *size)
{
	const struct select *s = r->select;
	bool has_type = s->stream != NULL && s->aggregate_type_size > 0;

	*size = has_type ? s->aggregate_type_size : 0;
	return has_type ? s->aggregate_type : NULL;
}

uint64_t evs_read_position(const struct evs_read *r)
{
	return r->high;
}

/* ---- what becomes of an event ---- */

/* Make text of a slot's events. */
static int render_slot(struct slot *slot, const struct segment_events *events, struct evs_error *err)
{
	const struct evs_read *r = slot->read;

	/* Room for most of it at once: what grows is copied, and a page that was never touched costs nothing. */
	if (events->n > 1)
		buf_room(&slot->out, events->bytes.size * 2);
	for (size_t i = 0; i < events->n; i++) {
		const struct record *record = &events->records[i];

		if (!array_grow(&slot->ends, &slot->ends_cap, slot->n, sizeof *slot->ends))
			return error_nomem(err);
		if (!format_event(&slot->out, r->store->names, r->format, r->fields, record))
			return slot->out.failed ? error_nomem(err) :
			       error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
		slot->ends[slot->n++] = (struct text_end){slot->out.size, record->position};
	}
	return EVS_OK;
}

/* Load a slot's piece, on any thread. */
static void run_slot(struct task *task, void *worker)
{
	struct slot *slot = (struct slot *)task;
	struct evs_read *r = slot->read;
	struct segment_events *events = r->render ? load_own(worker) : &slot->events;
	int made = EVS_OK;

	slot->n = slot->out.size = 0;
	slot->status = load_piece(worker, r->select, &slot->piece, events, &slot->err);
	free(slot->piece.wanted);
	slot->piece.wanted = NULL;
	if (slot->status != EVS_OK && slot->status != EVS_BAD_EVENT)
		return;
	if (r->render) {
		struct evs_error err;
		made = render_slot(slot, events, &err);
		if (made != EVS_OK)
			slot->err = err;
	} else {
		slot->n = events->n;
		if (r->prepare.run != NULL && !r->prepare.run(r->prepare.context, &slot->prepared, events->records, events->n))
			made = error_nomem(&slot->err);
	}
	if (made != EVS_OK)
		slot->status = made;
}

/* ---- slots ---- */

/* What looking at a piece costs, in events. */
static uint64_t cost(const struct piece *piece)
{
	uint64_t all = piece->last - piece->first + 1;

	return piece->wanted != NULL && piece->n_wanted * FRAME_EVENTS < all ? piece->n_wanted * FRAME_EVENTS : all;
}

static bool start_threads(struct evs_read *r)
{
	void *workers[WORKERS_MAX];
	unsigned n = pool_cores();

	if (n < 2)
		return false;
	for (; r->n_loaders < n; r->n_loaders++)
		if ((r->loaders[r->n_loaders] = load_new(r->store)) == NULL)
			return false;
	for (unsigned i = 0; i < n; i++)
		workers[i] = r->loaders[i];
	r->pool = pool_new(n, workers);
	return r->pool != NULL;
}

/* Plan pieces until all slots are in use. */
static int fill_slots(struct evs_read *r, struct evs_error *err)
{
	size_t first = r->under_way;
	uint64_t work = 0;
	int status = EVS_OK;

	if (r->n_slots == 0)
		r->n_slots = pool_cores() * SLOTS_A_WORKER;
	while (!r->planned_all && r->under_way < r->n_slots) {
		struct slot *slot = &r->slots[(r->oldest + r->under_way) % r->n_slots];
		status = plan_next(&r->plan, &slot->piece, err);
		if (status != EVS_OK)
			break;
		slot->read = r;
		slot->task.run = run_slot;
		work += cost(&slot->piece);
		r->under_way++;
		if (r->pool != NULL)
			pool_submit(r->pool, 0, &slot->task);
	}
	plan_pause(&r->plan);
	if (status == EVS_END) {
		r->planned_all = true;
		status = EVS_OK;
	}
	if (status == EVS_OK && r->pool == NULL && work >= WORTH_THREADS && r->under_way - first > 1 && start_threads(r))
		for (size_t i = 0; i < r->under_way; i++)
			pool_submit(r->pool, 0, &r->slots[(r->oldest + i) % r->n_slots].task);
	return status;
}

/* The next piece's result, in order. EVS_OK, EVS_END, or what went wrong. */
static int next_slot(struct evs_read *r, struct slot **out, struct evs_error *err)
{
	struct slot *slot;
	int status = EVS_OK;

	if (r->broken != NULL) {
		if (err != NULL)
			*err = r->broken->err;
		return r->broken->status;
	}
	if (r->under_way <= r->n_slots / 2 || r->pool != NULL)
		status = fill_slots(r, err);
	if (status != EVS_OK)
		return status;
	if (r->under_way == 0)
		return EVS_END;
	slot = &r->slots[r->oldest];
	if (r->pool != NULL) {
		pool_take(r->pool, 0, true);
	} else {
		if (r->n_loaders == 0) {
			if ((r->loaders[0] = load_new(r->store)) == NULL)
				return error_nomem(err);
			r->n_loaders = 1;
		}
		run_slot(&slot->task, r->loaders[0]);
	}
	r->oldest = (r->oldest + 1) % r->n_slots;
	r->under_way--;
	*out = slot;
	if (slot->status == EVS_BAD_EVENT && slot->n > 0) {
		r->broken = slot;
		return EVS_OK;
	}
	if (slot->status != EVS_OK && err != NULL)
		*err = slot->err;
	return slot->status;
}

/* Stop looking; what is under way is dropped. */
static void drop_slots(struct evs_read *r)
{
	while (r->under_way > 0) {
		if (r->pool != NULL)
			pool_take(r->pool, 0, true);
		free(r->slots[r->oldest].piece.wanted);
		r->slots[r->oldest].piece.wanted = NULL;
		r->oldest = (r->oldest + 1) % r->n_slots;
		r->under_way--;
	}
	r->planned_all = true;
}

static int find_last(struct evs_read *r, uint64_t enough, uint64_t *first, struct evs_error *err)
{
	uint64_t count = 0;
	struct slot *slot;
	int status = EVS_OK;

	*first = r->high + 1;
	if (enough == 0)
		return EVS_OK;
	r->plan.reverse = r->select->reverse = true;
	read_few(r, enough);
	while (count < enough && (status = next_slot(r, &slot, err)) == EVS_OK) {
		uint64_t take = slot->n < enough - count ? slot->n : enough - count;
		count += take;
		if (take > 0)
			*first = slot->events.records[slot->n - take].position;
	}
	drop_slots(r);
	r->plan.reverse = r->select->reverse = false;
	r->broken = NULL;
	return status == EVS_END ? EVS_OK : status;
}

/* ---- next ---- */

/* Have a slot at hand that is not used up. */
static int have_slot(struct evs_read *r, struct evs_error *err)
{
	int status;

	if (r->has_limit && r->left == 0)
		return EVS_END;
	while (r->current == NULL || r->next == r->current->n) {
		r->current = NULL;
		status = next_slot(r, &r->current, err);
		if (status != EVS_OK) {
			r->current = NULL;
			return status;
		}
		r->next = 0;
	}
	return EVS_OK;
}

int evs_read_next(struct evs_read *r, struct evs_event *event, struct evs_error *err)
{
	const struct record *record;
	int status = have_slot(r, err);

	if (status != EVS_OK)
		return status;
	record = &r->current->events.records[r->reverse ? r->current->n - 1 - r->next : r->next];
	r->next++;
	r->left--;
	if (r->has_limit && r->left == 0 && !r->reverse)
		r->high = record->position;
	*event = (struct evs_event){record->position, record->revision, record->recorded_us, record->body, record->size};
	return EVS_OK;
}

void read_set_prepare(struct evs_read *r, const struct read_prepare *prepare)
{
	r->prepare = *prepare;
}

int read_set_positions(struct evs_read *r, const uint64_t *positions, size_t n, struct evs_error *err)
{
	if (!plan_positions(&r->plan, positions, n))
		return error_nomem(err);
	/* Each is looked up by itself: what pieces say about their cost is too little for so many of them. */
	if (n * FRAME_EVENTS >= WORTH_THREADS && r->pool == NULL)
		start_threads(r);
	return EVS_OK;
}

int read_block(struct evs_read *r, const struct record **records, size_t *n, struct evs_error *err)
{
	int status = have_slot(r, err);

	if (status != EVS_OK)
		return status;
	*records = r->current->events.records + r->next;
	*n = r->current->n - r->next;
	if (r->has_limit && *n >= r->left) {
		*n = r->left;
		r->high = (*records)[*n - 1].position;
	}
	r->next += *n;
	r->left -= *n;
	return EVS_OK;
}

void *read_prepared(const struct evs_read *r)
{
	return r->current->prepared;
}

/* ---- render ---- */

/* A slot's texts in the order they are to be written, `n` of them. */
static bool reverse_texts(struct evs_read *r, const struct slot *slot, size_t n)
{
	r->reversed.size = 0;
	for (size_t i = slot->n; i-- > slot->n - n;) {
		size_t from = i == 0 ? 0 : slot->ends[i - 1].at;
		buf_put(&r->reversed, slot->out.data + from, slot->ends[i].at - from);
	}
	return !r->reversed.failed;
}

int evs_read_render(struct evs_read *r, enum evs_format format, const char *fields,
                    int (*write)(void *context, const void *text, size_t size), void *context, struct evs_error *err)
{
	struct slot *slot;
	int status = EVS_OK;

	r->render = true;
	r->format = format;
	if ((format == EVS_FIELDS || fields != NULL) && r->fields == NULL)
		status = fields_parse(fields == NULL ? "" : fields, &r->fields, err);
	while (status == EVS_OK && !(r->has_limit && r->left == 0) && (status = next_slot(r, &slot, err)) == EVS_OK) {
		size_t n = r->has_limit && slot->n > r->left ? r->left : slot->n;
		const void *text = slot->out.data;
		size_t size = n == 0 ? 0 : slot->ends[n - 1].at;
		if (n == 0)
			continue;
		r->left -= n;
		if (r->has_limit && r->left == 0 && !r->reverse)
			r->high = slot->ends[n - 1].position;
		if (r->reverse) {
			if (!reverse_texts(r, slot, n)) {
				status = error_nomem(err);
				break;
			}
			text = r->reversed.data;
			size = r->reversed.size;
		}
		if (write(context, text, size) != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "the output was closed");
	}
	drop_slots(r);
	return status == EVS_END ? EVS_OK : status;
}

/* ---- follow ---- */

/* Milliseconds, rounded up, until what comes is recorded later than the selector wants. */
static int64_t until_as_of(const struct evs_read *r)
{
	const int64_t as_of = r->select->as_of, now = moment_now_us();

	return as_of == INT64_MAX ? INT64_MAX : as_of < now ? 0 : (as_of - now) / 1000 + 1;
}

int evs_read_more(struct evs_read *r, int wait_ms, struct evs_error *err)
{
	const int64_t until = moment_steady_ns() + (int64_t)wait_ms * 1000000;
	uint64_t last;
	int status;

	if (r->reverse || r->high >= r->to || (r->has_limit && r->left == 0) || r->event_found)
		return EVS_END;
	if (r->watch == NULL && (r->watch = watch_new(r->store->path)) == NULL)
		return error_set(err, EVS_IO, errno, "cannot watch the store");
	for (;;) {
		int64_t left = wait_ms < 0 ? INT64_MAX : (until - moment_steady_ns()) / 1000000, as_of;
		status = evs_last_position(r->store, &last, err);
		if (status != EVS_OK)
			return status;
		if (last > r->high) {
			uint64_t low = r->high + 1 > r->from ? r->high + 1 : r->from;
			r->high = last < r->to ? last : r->to;
			return set_range(r, low, r->high, err);
		}
		as_of = until_as_of(r);
		if (left <= 0 || as_of <= 0)
			return EVS_END;
		left = as_of < left ? as_of : left;
		if (watch_wait(r->watch, left == INT64_MAX ? -1 : left > INT32_MAX ? INT32_MAX : (int)left) < 0)
			return errno == EINTR ? error_set(err, EVS_INTERRUPTED, 0, "interrupted") : error_set(err, EVS_IO, errno, "cannot watch the store");
	}
}
