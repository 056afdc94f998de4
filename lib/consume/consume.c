#include "consume/consume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/moment.h"
#include "event/parse.h"
#include "event/view.h"
#include "store/select.h"

#define MS ((int64_t)1000000)
#define COMMIT_EVERY (100 * MS)  /* what is done waits at most so long for its commit */
#define DONE_MAX 16384           /* or for so many */
#define LOOK_EVERY (20 * MS)     /* for other members, and for what they let go */
#define AGAIN_EVERY (200 * MS)   /* the scan begins again while it still goes on */
#define WAIT_MAX_US ((int64_t)INT32_MAX * 1000)
#define ADVANCE_AFTER (1000 * MS) /* of nothing to do, or beside others, the positions of slots that nobody holds are moved on */

/* ---- begin and end ---- */

static int check(const struct evs_consume_options *o, struct evs_error *err)
{
	const struct evs_selector *s = o->selector;

	if (s != NULL && (s->has_last || s->reverse))
		return error_set(err, EVS_USAGE, 0, "a group takes all events that match, in their order: no last or reverse");
	if (o->in_hand == 0 || o->backoff < 1 || o->initial_delay_ms < 0 || o->max_delay_ms < 0)
		return error_set(err, EVS_USAGE, 0, "a delay is not negative, and it grows by a factor of at least 1");
	return group_check_name(o->group, err);
}

/* Make the group where there is none yet. */
static int make_group(struct evs_consume *c, struct group *g, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	int status = store_begin(c->store, true, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = group_get(txn, c->options.group, g, err); /* another may have been quicker */
	if (status == EVS_END) {
		g->made_us = moment_now_us();
		g->selectors = strdup((const char *)c->selectors.data);
		status = group_put(txn, c->options.group, g, err);
	}
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

/* Whether the selectors make sense: before a group is made for them. */
static int check_selector(struct evs_consume *c, struct evs_error *err)
{
	struct evs_read *read;
	int status = evs_read_new(c->store, &c->selector, &read, err);

	evs_read_free(read);
	return status;
}

/* Join the group, which is made where it is not there. */
static int join(struct evs_consume *c, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	struct group g;
	int status = store_begin(c->store, false, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = group_get(txn, c->options.group, &g, err);
	kv_abort(txn);
	if (status == EVS_END && (status = check_selector(c, err)) == EVS_OK)
		status = make_group(c, &g, err);
	c->number = g.number;
	c->stuck_before = g.stuck;
	if (status == EVS_OK)
		status = member_join(c->store->path, c->number, &c->member, err);
	if (status == EVS_OK && (g.selectors == NULL || strcmp(g.selectors, (const char *)c->selectors.data) != 0) &&
	    member_has_others(&c->member))
		status = error_set(err, EVS_CHANGED, 0, "group '%s' has a member with other selectors, %.200s; all of its members need the same",
		                   c->options.group, g.selectors == NULL ? "{}" : g.selectors);
	group_release(&g);
	return status;
}

static int begin(struct evs_consume *c, struct evs_error *err)
{
	const struct evs_selector all = {0};
	uint64_t last = 0;
	int status = EVS_OK;

	select_text(&c->selectors, c->options.selector == NULL ? &all : c->options.selector);
	buf_byte(&c->selectors, 0);
	if (c->selectors.failed)
		return error_nomem(err);
	status = join(c, err);

	if (status == EVS_OK && !c->options.follow)
		status = evs_last_position(c->store, &last, err);
	if (!c->options.follow && (c->selector.to == 0 || c->selector.to > last))
		c->selector.to = last;
	if (status == EVS_OK && (c->watch = watch_new(c->store->path)) == NULL)
		status = error_set(err, EVS_IO, errno, "cannot watch the store");
	if (status == EVS_OK)
		status = scan_take_all(c, err);
	return status == EVS_OK ? scan_begin(c, err) : status;
}

int evs_consume_new(struct evs_store *store, const struct evs_consume_options *options, struct evs_consume **out, struct evs_error *err)
{
	struct evs_consume *c;
	int status = store->writable ? check(options, err) : error_set(err, EVS_USAGE, 0, "the store is open for reading only");

	*out = NULL;
	if (status != EVS_OK)
		return status;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(err);
	c->store = store;
	c->options = *options;
	if (options->selector != NULL)
		c->selector = *options->selector;
	c->left = c->selector.has_limit ? c->selector.limit : UINT64_MAX;
	c->selector.has_limit = false; /* the scan also meets events that are not this member's */
	c->seed = (uint64_t)moment_now_us() ^ (uint64_t)getpid() << 32;
	items_init(&c->items);
	status = begin(c, err);
	if (status != EVS_OK) {
		evs_consume_free(c);
		return status;
	}
	*out = c;
	return EVS_OK;
}

void evs_consume_free(struct evs_consume *c)
{
	if (c == NULL)
		return;
	evs_read_free(c->read);
	kv_abort(c->txn);
	fetch_release(&c->fetch);
	items_release(&c->items);
	waits_release(&c->waits);
	watch_free(c->watch);
	member_leave(&c->member);
	parse_free(c->parser);
	buf_free(&c->event);
	buf_free(&c->selectors);
	free(c->parking);
	free(c);
}

/* ---- taking ---- */

/* Keep what emitted events will be given of their cause. */
static int note_cause(struct evs_consume *c, struct item *item, const struct record *r, struct evs_error *err)
{
	char id_text[UUID_TEXT], correlation_text[UUID_TEXT];
	struct span id, correlation;
	struct view v;

	if (!c->options.emits || item->cause != NULL)
		return EVS_OK;
	if (!view_open(&v, r->body, r->size))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)r->position);
	id = view_span(&v.texts[NAME_EVENT_ID], c->store->names, id_text);
	correlation = view_span(&v.texts[NAME_CORRELATION_ID], c->store->names, correlation_text);
	if (correlation.size == 0)
		correlation = id; /* it is where the chain begins */
	item->cause = malloc(id.size + correlation.size + 1);
	if (item->cause == NULL)
		return error_nomem(err);
	memcpy(item->cause, id.text, id.size);
	memcpy(item->cause + id.size, correlation.text, correlation.size);
	item->cause_size = id.size;
	item->correlation_size = correlation.size;
	return EVS_OK;
}

/* One that was kept until its turn. EVS_END: there is none. */
static int take_ready(struct evs_consume *c, struct item **item, struct record *r, struct evs_error *err)
{
	uint32_t at = line_take(&c->items, &c->items.ready);

	if (at == ITEM_NONE)
		return EVS_END;
	*item = &c->items.list[at];
	items_set(&c->items, *item, ITEM_IN_HAND);
	if ((*item)->copy == NULL)
		return scan_fetch(c, (*item)->position, r, err);
	*r = (struct record){(*item)->position, (*item)->revision, (*item)->recorded_us, (*item)->copy, (*item)->copy_size};
	return EVS_OK;
}

/* Whether there may be something that was not there when the scan ended. */
static bool is_worth(const struct evs_consume *c)
{
	uint64_t last;

	return !c->at_end || c->rewind || c->passed ||
	       (c->options.follow && (evs_last_position(c->store, &last, NULL) != EVS_OK || last > c->position));
}

static int take_new(struct evs_consume *c, struct item **item, struct record *r, struct evs_error *err)
{
	int64_t age = moment_steady_ns() - c->scan_ns;
	int status = EVS_OK;

	if (c->passed && age >= (c->at_end ? LOOK_EVERY : AGAIN_EVERY))
		c->rewind = true;
	else if (!is_worth(c))
		return EVS_END;
	if (c->n_held == 0)
		status = scan_take_all(c, err);
	return status == EVS_OK ? scan_next(c, item, r, err) : status;
}

int evs_consume_next(struct evs_consume *c, struct evs_work *work, struct evs_error *err)
{
	struct item *item;
	struct record r;
	int status = EVS_END;

	if (c->stuck != 0 || c->items.in_hand >= c->options.in_hand)
		return EVS_END; /* where it stops, evs_consume_commit says so */
	if (c->waits.n > 0)
		status = scan_due(c, &item, &r, err);
	if (status == EVS_END)
		status = take_ready(c, &item, &r, err);
	if (status == EVS_END && c->left > 0)
		status = take_new(c, &item, &r, err);
	if (status != EVS_OK)
		return status;
	c->idle_ns = 0;
	status = note_cause(c, item, &r, err);
	if (status != EVS_OK)
		return status;
	*work = (struct evs_work){.ticket = items_ticket(&c->items, item), .attempt = item->attempt, .stream = item->stream,
	                          .event = {r.position, r.revision, r.recorded_us, r.body, r.size}};
	return EVS_OK;
}

/* ---- giving back ---- */

/* Whether lines are events. *any: there are some. */
static int check_lines(struct evs_consume *c, const char *lines, size_t size, bool *any, struct evs_error *err)
{
	static const struct parse_rules rules;
	struct evs_error why;
	struct parsed info;
	uint64_t line = 0;
	int status = EVS_OK;

	*any = false;
	if (c->parser == NULL && (c->parser = parse_new(c->store->names, &rules)) == NULL)
		return error_nomem(err);
	for (const char *p = lines, *end = lines + size, *next; p < end && status == EVS_OK; p = next + 1) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next == NULL ? end : next;
		line++;
		while (p < next && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		if (p == next)
			continue;
		*any = true;
		c->event.size = 0;
		status = parse_line(c->parser, p, (size_t)(next - p), &c->event, &info, &why);
		parse_missing_clear(c->parser);
	}
	if (status == EVS_OK)
		return EVS_OK;
	return error_set(err, status, 0, "line %llu of what it printed is no event: %.400s", (unsigned long long)line, why.message);
}

/* One that waited is handled. What it emits can still be refused, so that the next of its stream waits for the commit then. */
static void note_handled(struct evs_consume *c, const struct item *item)
{
	struct waiting *w = waits_find(&c->waits, item->slot, item->position);

	if (w != NULL)
		w->done = item->text_size == 0;
	waits_look(&c->waits);
}

/* An event was handled, and what it emits is known. */
static int set_handled(struct evs_consume *c, struct item *item, int64_t took_us, const char *lines, size_t size, struct evs_error *err)
{
	item->text = size > 0 ? malloc(size) : NULL;
	if (size > 0 && item->text == NULL)
		return error_nomem(err);
	if (size > 0)
		memcpy(item->text, lines, size);
	item->text_size = size;
	item->took_us = took_us;
	item->outcome = OUTCOME_HANDLED;
	items_set(&c->items, item, ITEM_DONE);
	if (item->waited)
		note_handled(c, item);
	if (c->done_ns == 0)
		c->done_ns = moment_steady_ns();
	return EVS_OK;
}

/* It turned out that it was not. */
static void unset_handled(struct evs_consume *c, struct item *item)
{
	struct waiting *w = item->waited ? waits_find(&c->waits, item->slot, item->position) : NULL;

	free(item->text);
	item->text = NULL;
	item->text_size = 0;
	items_set(&c->items, item, ITEM_IN_HAND);
	if (w != NULL)
		w->done = false;
}

int evs_consume_done(struct evs_consume *c, uint64_t ticket, int64_t took_us, const char *lines, size_t size, struct evs_error *err)
{
	struct item *item = items_of(&c->items, ticket);
	bool any = false;
	int status;

	if (item == NULL || (size > 0 && !c->options.emits))
		return error_set(err, EVS_USAGE, 0, "there is no such event in hand, or nothing is emitted");
	if (size > 0 && c->options.together)
		return evs_consume_done_all(c, &ticket, 1, took_us, lines, size, err);
	status = size == 0 ? EVS_OK : check_lines(c, lines, size, &any, err);
	if (status == EVS_OK)
		status = set_handled(c, item, took_us, lines, any ? size : 0, err);
	if (status == EVS_OK && !c->options.together)
		lane_leave(&c->items, item->stream);
	return status;
}

int evs_consume_done_all(struct evs_consume *c, const uint64_t *tickets, size_t n, int64_t took_us, const char *lines, size_t size,
                         struct evs_error *err)
{
	size_t marked = 0;
	bool any = false;
	int status;

	if (n == 0 || !c->options.emits || !c->options.together)
		return error_set(err, EVS_USAGE, 0, "nothing is emitted, or events are not handled together");
	for (size_t i = 0; i < n; i++)
		if (items_of(&c->items, tickets[i]) == NULL)
			return error_set(err, EVS_USAGE, 0, "there is no such event in hand");
	status = check_lines(c, lines, size, &any, err);
	if (status == EVS_OK)
		status = settle_commit(c, err); /* what else there is can fail by itself */
	for (; marked < n && status == EVS_OK; marked++) {
		struct item *item = items_of(&c->items, tickets[marked]);
		if (item == NULL) { /* it is there twice */
			status = error_set(err, EVS_USAGE, 0, "an event is named twice");
			break;
		}
		status = set_handled(c, item, took_us, lines, any && marked == n - 1 ? size : 0, err);
	}
	if (status == EVS_OK)
		status = settle_together(c, err);
	for (size_t i = 0; i < marked && status != EVS_OK; i++)
		unset_handled(c, items_at(&c->items, tickets[i]));
	return status;
}

int evs_consume_return(struct evs_consume *c, uint64_t ticket, struct evs_error *err)
{
	struct item *item = items_of(&c->items, ticket);
	struct waiting *w;
	bool parked;
	int status;

	if (item == NULL)
		return error_set(err, EVS_USAGE, 0, "there is no such event in hand");
	if (item->waited) {
		w = waits_find(&c->waits, item->slot, item->position);
		if (w != NULL)
			w->taken = false;
		waits_look(&c->waits);
		c->slots[item->slot].hands--;
		if (!c->options.together)
			lane_leave(&c->items, item->stream);
		items_drop(&c->items, item);
		return EVS_OK;
	}
	if (item->stream != 0 && waits_have(&c->waits, item->slot, item->stream))
		return fail_behind(c, item, err);
	if ((status = scan_is_parked(c, item->stream, &parked, err)) != EVS_OK)
		return status;
	if (parked)
		return fail_parked(c, item, err);
	if (c->options.emits && c->options.together)
		return fail_behind(c, item, err); /* those behind it must not wait for it with what they emit */
	items_set(&c->items, item, ITEM_KEPT);
	line_put(&c->items, &c->items.ready, (uint32_t)(item - c->items.list));
	return EVS_OK;
}

/* ---- committing ---- */

static bool is_due(const struct evs_consume *c, int64_t now)
{
	return c->done_ns != 0 && (now - c->done_ns >= COMMIT_EVERY || c->items.done >= DONE_MAX ||
	                           (c->items.in_hand == 0 && c->items.ready.first == ITEM_NONE && (c->at_end || c->left == 0)));
}

/* Whether nothing is in hand, and all that can be had was. */
static bool is_idle(const struct evs_consume *c)
{
	return c->items.in_hand == 0 && c->items.kept == 0 && c->items.done == 0 && c->at_end && !c->rewind;
}

/* Let others have slots, or take all when they are gone. */
static int look_around(struct evs_consume *c, int64_t now, struct evs_error *err)
{
	if (now - c->looked_ns < LOOK_EVERY)
		return EVS_OK;
	c->looked_ns = now;
	if (member_has_others(&c->member)) {
		settle_release(c);
		return EVS_OK;
	}
	return c->lone || is_idle(c) ? EVS_OK : scan_take_all(c, err);
}

static int rest(struct evs_consume *c, int64_t now, bool at_once, struct evs_error *err)
{
	if (c->n_held > 0)
		settle_release(c);
	if (c->position <= c->stored_position || c->read == NULL) {
		c->idle_ns = 0;
		return EVS_OK;
	}
	if (c->idle_ns == 0)
		c->idle_ns = now;
	if (!at_once && now - c->idle_ns < ADVANCE_AFTER)
		return EVS_OK;
	c->idle_ns = 0;
	return settle_advance(c, err);
}

/* A position moves over what nobody has also where a member is never idle: else it would wait for slots that have no events. */
static int keep_up(struct evs_consume *c, int64_t now, struct evs_error *err)
{
	if (c->lone || c->read == NULL || c->position <= c->stored_position)
		c->kept_up_ns = now;
	if (now - c->kept_up_ns < ADVANCE_AFTER)
		return EVS_OK;
	c->kept_up_ns = now;
	return settle_advance(c, err);
}

int evs_consume_commit(struct evs_consume *c, bool now, struct evs_error *err)
{
	int64_t at = moment_steady_ns();
	int status = EVS_OK;

	if (c->stuck != 0 || is_due(c, at) || (now && c->done_ns != 0))
		status = settle_commit(c, err);
	if (status == EVS_OK && c->stuck != 0) {
		if (err != NULL)
			*err = c->stuck_why;
		return EVS_BAD_EVENT;
	}
	if (status == EVS_OK)
		status = is_idle(c) ? rest(c, at, now, err) : keep_up(c, at, err);
	return status == EVS_OK ? look_around(c, at, err) : status;
}

/* Nanoseconds as milliseconds, rounded up; 0 for what has passed. */
static int left(int64_t ns)
{
	return ns <= 0 ? 0 : ns > INT32_MAX * MS ? INT32_MAX : (int)((ns + MS - 1) / MS);
}

static void sooner(int *wait_ms, int than)
{
	if (*wait_ms < 0 || than < *wait_ms)
		*wait_ms = than;
}

int evs_consume_wait(const struct evs_consume *c)
{
	const int look_ms = (int)(LOOK_EVERY / MS); /* also for what is overdue: whoever waits has enough in hand */
	int64_t now = moment_steady_ns(), due;
	int wait_ms = -1;

	if (is_due(c, now))
		return 0;
	if (c->done_ns != 0)
		sooner(&wait_ms, left(c->done_ns + COMMIT_EVERY - now));
	if (c->waits.n > 0 && c->waits.look_us != INT64_MAX) {
		due = c->waits.look_us - moment_now_us();
		sooner(&wait_ms, due <= 0 ? look_ms : due > WAIT_MAX_US ? INT32_MAX : left(due * 1000));
	}
	if (c->passed)
		sooner(&wait_ms, now >= c->scan_ns + LOOK_EVERY ? look_ms : left(c->scan_ns + LOOK_EVERY - now));
	if (c->n_held > 0)
		sooner(&wait_ms, 2 * look_ms);
	if (c->idle_ns != 0)
		sooner(&wait_ms, left(c->idle_ns + ADVANCE_AFTER - now));
	return wait_ms;
}

int evs_consume_fd(const struct evs_consume *c)
{
	return watch_fd(c->watch);
}

void evs_consume_changed(struct evs_consume *c)
{
	watch_wait(c->watch, 0);
	if (c->passed && moment_steady_ns() - c->scan_ns >= LOOK_EVERY / 10)
		c->rewind = true;
}

bool evs_consume_over(const struct evs_consume *c)
{
	if (c->left == 0)
		return c->items.in_hand == 0 && c->items.kept == 0 && !waits_have_own(&c->waits);
	if (c->options.follow && (c->selector.to == 0 || c->position < c->selector.to))
		return false;
	return is_idle(c) && !c->passed && c->waits.n == 0;
}

void evs_consume_result(const struct evs_consume *c, struct evs_consume_result *result)
{
	*result = c->result;
}
