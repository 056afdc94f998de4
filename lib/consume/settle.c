/* Outcomes and positions on their way into the store, together. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "consume/consume.h"
#include "consume/letter.h"
#include "consume/tries.h"
#include "store/append.h"

/* An item, and its place in the order in which they are written. */
struct numbered {
	uint64_t order;
	uint32_t at;
};

/* A commit under way. */
struct settling {
	struct evs_consume *c;
	struct numbered *items;
	size_t n, cap;
	bool stale;           /* some that emit were found to be done with */
	bool moved;           /* some position moves */
	uint64_t to[GROUP_SLOTS]; /* of slots that are held */
	/* What is added to the group. */
	struct evs_consume_result add;
	uint64_t position;    /* of the group, then */
};

/* ---- what can be committed ---- */

static bool is_emitting(const struct item *item)
{
	return item->outcome == OUTCOME_HANDLED && item->text_size > 0;
}

/* What is emitted is in the order in which its causes were taken; behind all that letters are parked in the order of positions. */
static uint64_t order_of(const struct item *item)
{
	return item->outcome == OUTCOME_PARKED ? ((uint64_t)1 << 63) + item->position : item->number;
}

static bool note(struct settling *s, uint32_t at)
{
	if (!array_grow(&s->items, &s->cap, s->n, sizeof *s->items))
		return false;
	s->items[s->n++] = (struct numbered){order_of(&s->c->items.list[at]), at};
	return true;
}

/* Where a slot's position would be when its line begins with an item; ITEM_NONE: it is empty. */
static uint64_t position_before(const struct evs_consume *c, unsigned slot, uint32_t first)
{
	return first == ITEM_NONE ? c->slots[slot].taken : c->items.list[first].position - 1;
}

/* Find what is done of slots' lines, and of what waited; no more than `most`. */
static bool find(struct settling *s, size_t most)
{
	struct evs_consume *c = s->c;
	uint32_t at;

	/* They are older than those of the slots' lines. */
	for (at = 0; at < c->items.n && s->n < most; at++)
		if (c->items.list[at].state == ITEM_DONE && c->items.list[at].waited && !note(s, at))
			return false;
	for (unsigned i = 0; i < GROUP_SLOTS; i++) {
		if (!c->slots[i].held)
			continue;
		for (at = c->items.slots[i].first; at != ITEM_NONE && c->items.list[at].state == ITEM_DONE && s->n < most; at = c->items.list[at].next)
			if (!note(s, at))
				return false;
		s->to[i] = position_before(c, i, at);
		s->moved |= s->to[i] > c->positions[i];
	}
	return true;
}

static int by_order(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

/* ---- one outcome ---- */

/* What is known of the tries of an item, the one that failed now included. */
static int list_tries(struct evs_consume *c, struct kv_txn *txn, const struct item *item, struct buf *list, struct evs_error *err)
{
	struct wait w;
	int status = item->waited ? wait_get(txn, c->number, item->slot, item->position, &w, err) : EVS_END;

	list->size = 0;
	if (status == EVS_OK)
		buf_put(list, w.list, w.list_size);
	else if (status != EVS_END)
		return status;
	return tries_append(list, item->tried, item->tried_size) ? EVS_OK : error_nomem(err);
}

/* It is to be tried again, or waits behind one that is. */
static int put_wait(struct evs_consume *c, struct kv_txn *txn, struct group *g, const struct item *item, struct buf *list, struct evs_error *err)
{
	bool behind = item->outcome == OUTCOME_BEHIND;
	const struct wait w = {.slot = item->slot, .position = item->position, .stream = item->stream, .tries = behind ? 0 : item->attempt,
	                       .due_us = item->due_us, .list = list->data, .list_size = list->size};

	g->waiting += !item->waited;
	return wait_put(txn, c->number, &w, err);
}

static int take_wait(struct evs_consume *c, struct kv_txn *txn, struct group *g, const struct item *item, struct evs_error *err)
{
	if (g->stuck == item->position) {
		g->stuck = 0;
		free(g->reason);
		g->reason = NULL;
	}
	if (!item->waited)
		return EVS_OK;
	g->waiting -= g->waiting > 0;
	return wait_delete(txn, c->number, item->slot, item->position, err);
}

static int put_letter(struct evs_consume *c, struct kv_txn *txn, struct store_state *state, struct group *g, const struct item *item,
                      const struct buf *list, struct evs_error *err)
{
	bool parked = item->outcome == OUTCOME_PARKED;
	const struct letter letter = {.group = {c->options.group, strlen(c->options.group)}, .number = c->number, .stream = item->stream, .parked = parked,
	                              .tries = item->attempt, .list = list->data, .list_size = list->size};
	struct buf bytes = {0};
	uint64_t n = 0;
	int status = EVS_OK;

	letter_encode(&bytes, &letter);
	if (bytes.failed)
		status = error_nomem(err);
	if (status == EVS_OK && parked)
		status = letter_parked(txn, c->number, item->stream, &n, err);
	if (status == EVS_OK && parked)
		status = letter_set_parked(txn, c->number, item->stream, n + 1, err);
	if (status == EVS_OK)
		status = dead_put(txn, state, &(struct dead){.kind = DEAD_EVENT, .recorded_us = moment_now_us(), .line = item->position,
		                                             .reason = item->text, .reason_size = strlen(item->text),
		                                             .bytes = bytes.data, .size = bytes.size}, err);
	g->parked += parked;
	g->dead++;
	buf_free(&bytes);
	return status;
}

static int apply(struct settling *s, struct kv_txn *txn, struct store_state *state, struct group *g, const struct item *item,
                 struct buf *list, struct evs_error *err)
{
	struct evs_consume *c = s->c;
	int status = EVS_OK;

	if (item->stale)
		return EVS_OK;
	if (item->outcome == OUTCOME_HANDLED || item->tried != NULL)
		group_count_time(g, item->took_us);
	if (item->outcome == OUTCOME_HANDLED) {
		s->add.handled++;
		s->add.emitted += append_count_lines(item->text, item->text_size);
		return take_wait(c, txn, g, item, err);
	}
	status = list_tries(c, txn, item, list, err);
	if (status != EVS_OK)
		return status;
	if (item->outcome == OUTCOME_RETRY || item->outcome == OUTCOME_BEHIND) {
		s->add.retried += item->outcome == OUTCOME_RETRY;
		return put_wait(c, txn, g, item, list, err);
	}
	s->add.dead++;
	status = take_wait(c, txn, g, item, err);
	return status == EVS_OK ? put_letter(c, txn, state, g, item, list, err) : status;
}

/* ---- the transaction ---- */

static int set_text(char **text, const char *to, struct evs_error *err)
{
	free(*text);
	*text = to == NULL ? NULL : strdup(to);
	return to != NULL && *text == NULL ? error_nomem(err) : EVS_OK;
}

/* Have the group say all of it. */
static int fill(struct settling *s, struct kv_txn *txn, struct store_state *state, struct group *g, struct evs_error *err)
{
	struct evs_consume *c = s->c;
	struct buf list = {0};
	int status = EVS_OK;

	s->add = (struct evs_consume_result){0};
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (c->slots[i].held && s->to[i] > g->positions[i])
			g->positions[i] = s->to[i];
	for (size_t i = 0; i < s->n && status == EVS_OK; i++)
		status = apply(s, txn, state, g, &c->items.list[s->items[i].at], &list, err);
	buf_free(&list);
	g->handled += s->add.handled;
	g->retried += s->add.retried;
	g->emitted += s->add.emitted;
	g->moved_us = moment_now_us();
	s->position = group_mark(g);
	if (status == EVS_OK && c->stuck != 0) {
		g->stuck = c->stuck;
		status = set_text(&g->reason, c->stuck_why.message, err);
	}
	if (status == EVS_OK && c->options.setup != NULL)
		status = set_text(&g->setup, c->options.setup, err);
	if (status == EVS_OK)
		status = set_text(&g->selectors, (const char *)c->selectors.data, err);
	return status;
}

/*
 * A member that is killed in its commit may have made it, and yet readers see it only when the next writer has put the lock
 * file right: what was taken meanwhile may be done with. Only now, under the write lock, is it known.
 */
static int find_stale(struct settling *s, struct kv_txn *txn, const struct group *g, struct evs_error *err)
{
	struct evs_consume *c = s->c;
	struct wait w;
	int status = EVS_OK;

	s->stale = false;
	for (size_t i = 0; i < s->n; i++) {
		struct item *item = &c->items.list[s->items[i].at];
		if (item->waited)
			status = wait_get(txn, c->number, item->slot, item->position, &w, err);
		if (status != EVS_OK && status != EVS_END)
			return status;
		if (!item->stale && (item->waited ? status == EVS_END : item->position <= g->positions[item->slot])) {
			item->stale = true;
			s->stale |= is_emitting(item);
		}
		status = EVS_OK;
	}
	return s->stale ? error_set(err, EVS_BUSY, 0, "another member has done with an event") : EVS_OK;
}

static int write_group(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	struct settling *s = context;
	const char *name = s->c->options.group;
	struct group g;
	int status = group_get(txn, name, &g, err);

	if (status == EVS_END)
		return error_set(err, EVS_USAGE, 0, "group '%s' was removed while it was consumed", name);
	if (status == EVS_OK)
		status = find_stale(s, txn, &g, err);
	if (status == EVS_OK)
		status = fill(s, txn, state, &g, err);
	if (status == EVS_OK)
		status = group_put(txn, name, &g, err);
	group_release(&g);
	return status;
}

/* Append what is emitted in the same transaction. */
static int write_with_events(struct settling *s, struct evs_error *err)
{
	const struct evs_append_options options = {.expect = EVS_EXPECT_ANY, .atomic = true};
	struct evs_consume *c = s->c;
	struct evs_append *a;
	int status = evs_append_new(c->store, &options, &a, err);

	if (status != EVS_OK)
		return status;
	append_with(a, write_group, s);
	for (size_t i = 0; i < s->n && status == EVS_OK; i++) {
		const struct item *item = &c->items.list[s->items[i].at];
		if (!is_emitting(item) || item->stale)
			continue;
		append_cause(a, (struct span){item->cause + item->cause_size, item->correlation_size}, (struct span){item->cause, item->cause_size});
		status = evs_append_lines(a, item->text, item->text_size, err);
	}
	if (status == EVS_OK)
		status = evs_append_finish(a, err);
	evs_append_free(a);
	return status;
}

/* Write it, again where some turned out to be done with. *emits: what one of them emits was part of it. */
static int write_all(struct settling *s, bool *emits, struct evs_error *err)
{
	int status;

	do {
		*emits = false;
		for (size_t i = 0; i < s->n; i++) {
			const struct item *item = &s->c->items.list[s->items[i].at];
			*emits |= is_emitting(item) && !item->stale;
		}
		s->stale = false;
		status = *emits ? write_with_events(s, err) : store_change(s->c->store, write_group, s, err);
	} while (status == EVS_BUSY && s->stale);
	return status;
}

/* ---- afterwards ---- */

/* The store knows now that an event is parked. */
static void settle_parked(struct evs_consume *c, const struct item *item)
{
	for (size_t i = 0; item->outcome == OUTCOME_PARKED && i < c->n_parking; i++) {
		if (c->parking[i].stream != item->stream)
			continue;
		if (--c->parking[i].n == 0)
			c->parking[i] = c->parking[--c->n_parking];
		return;
	}
}

/* What a committed outcome means for what waits. */
static void settle_wait(struct evs_consume *c, const struct item *item)
{
	struct waiting *w = waits_find(&c->waits, item->slot, item->position);

	if (w != NULL && !item->stale && (item->outcome == OUTCOME_RETRY || item->outcome == OUTCOME_BEHIND)) {
		w->stored = true;
		w->taken = false;
		waits_look(&c->waits);
	} else if (w != NULL) {
		waits_remove(&c->waits, item->slot, item->position);
	}
	if (item->waited && c->slots[item->slot].hands > 0)
		c->slots[item->slot].hands--;
}

static void finish(struct settling *s)
{
	struct evs_consume *c = s->c;

	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (c->slots[i].held && s->to[i] > c->positions[i])
			c->positions[i] = s->to[i];
	for (size_t i = 0; i < s->n; i++) {
		struct item *item = &c->items.list[s->items[i].at];
		bool dead = item->outcome == OUTCOME_DEAD || item->outcome == OUTCOME_PARKED;

		settle_wait(c, item);
		settle_parked(c, item);
		if (dead && !item->stale && c->options.on_dead != NULL)
			c->options.on_dead(c->options.context, item->position, item->text);
		items_drop(&c->items, item);
	}
	c->result.handled += s->add.handled;
	c->result.retried += s->add.retried;
	c->result.dead += s->add.dead;
	c->result.emitted += s->add.emitted;
	c->stored_position = s->position;
	c->done_ns = c->items.done > 0 ? moment_steady_ns() : 0;
}

/* What one item emits cannot be appended: that is how its try failed. */
static int blame(struct evs_consume *c, struct item *item, const struct evs_error *why, struct evs_error *err)
{
	struct buf tried = {0};
	const struct evs_failure failure = {.reason = why->message, .exit_status = 0, .took_us = item->took_us};
	char *text = strdup(why->message);

	if (text == NULL || !tries_add(&tried, moment_now_us(), &failure)) {
		free(text);
		buf_free(&tried);
		return error_nomem(err);
	}
	free(item->text);
	item->text = text;
	item->text_size = 0;
	item->tried = tried.data;
	item->tried_size = tried.size;
	return fail_late(c, item, err);
}

/* Commit at most so many outcomes. *n: how many there were. */
static int commit_some(struct evs_consume *c, size_t most, size_t *n, struct evs_error *err)
{
	struct settling *s = calloc(1, sizeof *s);
	struct evs_error why;
	bool emits;
	int status = EVS_OK;

	*n = 0;
	if (s == NULL)
		return error_nomem(err);
	s->c = c;
	if (!find(s, most)) {
		status = error_nomem(err);
	} else if (s->n > 0 || s->moved || c->stuck != 0) {
		if (s->n > 1)
			qsort(s->items, s->n, sizeof *s->items, by_order);
		status = write_all(s, &emits, &why);
		if (status == EVS_OK) {
			*n = s->n;
			finish(s);
		} else if ((status == EVS_CONFLICT || status == EVS_BAD_EVENT) && emits && most == 1) {
			status = blame(c, &c->items.list[s->items[0].at], &why, err);
			*n = 1;
		} else if (err != NULL) {
			*err = why;
		}
	} else {
		c->done_ns = c->items.done > 0 ? moment_steady_ns() : 0; /* they are behind one that is in hand */
	}
	free(s->items);
	free(s);
	return status;
}

int settle_together(struct evs_consume *c, struct evs_error *err)
{
	size_t n;

	scan_mark(c);
	return commit_some(c, SIZE_MAX, &n, err);
}

int settle_commit(struct evs_consume *c, struct evs_error *err)
{
	bool stopped;
	size_t n;
	int status;

	scan_mark(c);
	status = commit_some(c, SIZE_MAX, &n, err);
	if (status != EVS_CONFLICT && status != EVS_BAD_EVENT)
		return status;
	/* One of them is to blame: by itself it says which. */
	do {
		stopped = c->stuck != 0;
		status = commit_some(c, 1, &n, err);
	} while (status == EVS_OK && n > 0 && !stopped);
	return status;
}

void settle_release(struct evs_consume *c)
{
	unsigned from = 0;

	for (unsigned i = 0; i <= GROUP_SLOTS; i++) {
		struct slot *s = i < GROUP_SLOTS ? &c->slots[i] : NULL;
		bool goes = s != NULL && s->held && s->hands == 0 && c->items.slots[i].first == ITEM_NONE;

		if (goes) {
			s->held = s->covered = s->stalled = false;
			c->n_held--;
			continue;
		}
		if (i > from)
			member_release(&c->member, from, i - from);
		from = i + 1;
	}
	if (c->n_held < GROUP_SLOTS)
		c->lone = false;
}

int settle_advance(struct evs_consume *c, struct evs_error *err)
{
	int status = scan_take_rest(c, err);

	if (status == EVS_OK)
		status = settle_commit(c, err);
	settle_release(c);
	return status;
}
