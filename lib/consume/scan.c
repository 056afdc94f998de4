/* Which events a member takes. */
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "consume/consume.h"
#include "consume/letter.h"
#include "store/read.h"

enum {
	KEPT_MAX = 4096,      /* events that wait in lanes before no more are looked at */
	SLOT_WAITS_MAX = 1000, /* events of a slot that wait before no more of it are taken */
};

/* ---- the group ---- */

static int snap(struct evs_consume *c, struct evs_error *err)
{
	struct store_state state;
	int status;

	if (c->txn_active)
		kv_reset(c->txn);
	c->txn_active = false;
	status = c->txn == NULL ? store_begin(c->store, false, &c->txn, &state, err) : store_renew(c->store, c->txn, &state, err);
	c->txn_active = status == EVS_OK;
	return status;
}

static void unsnap(struct evs_consume *c)
{
	if (c->txn_active)
		kv_reset(c->txn);
	c->txn_active = false;
}

/* Take over what the store has of slots that are not held; of the others the member knows better. */
static int add_waiting(void *context, const struct wait *w)
{
	struct evs_consume *c = context;
	struct waiting one = {.position = w->position, .stream = w->stream, .tries = w->tries, .due_us = w->due_us,
	                      .slot = (uint16_t)w->slot, .stored = true, .seen = true};
	const struct waiting *there;

	if (w->slot >= GROUP_SLOTS || c->slots[w->slot].held)
		return EVS_OK;
	there = waits_find(&c->waits, one.slot, one.position);
	one.own = there != NULL && there->own;
	return waits_put(&c->waits, &one) ? EVS_OK : EVS_NOMEM;
}

static int look_at_waits(struct evs_consume *c, struct evs_error *err)
{
	int status = EVS_OK;

	for (size_t i = 0; i < c->waits.n; i++)
		c->waits.list[i].seen = c->slots[c->waits.list[i].slot].held;
	if (c->waiting > 0)
		status = wait_each(c->txn, c->number, add_waiting, c, err);
	waits_forget(&c->waits);
	return status == EVS_NOMEM ? error_nomem(err) : status;
}

int scan_look(struct evs_consume *c, struct evs_error *err)
{
	struct group g;
	int status = snap(c, err);

	if (status != EVS_OK)
		return status;
	status = group_get(c->txn, c->options.group, &g, err);
	if (status == EVS_OK && g.stuck != 0 && g.stuck != c->stuck_before)
		status = error_set(err, EVS_BAD_EVENT, 0, "another member stopped the group at position %llu: %.300s",
		                   (unsigned long long)g.stuck, g.reason == NULL ? "" : g.reason);
	if (status == EVS_OK) {
		memcpy(c->positions, g.positions, sizeof c->positions);
		c->parked = g.parked;
		c->waiting = g.waiting;
		c->stored_position = group_mark(&g);
		status = look_at_waits(c, err);
	}
	group_release(&g);
	unsnap(c);
	return status == EVS_END ? error_set(err, EVS_USAGE, 0, "group '%s' was removed while it was consumed", c->options.group) : status;
}

/* ---- slots ---- */

/*
 * Look at what the store says of slots that were just taken. A member that was killed in its commit may have made it, and yet
 * readers see that only when the next writer has put the lock file right: be that writer where what is emitted belongs to
 * several events. Of a single one settle_commit finds it out in time.
 */
static int look_at_taken(struct evs_consume *c, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	int status;

	if (c->options.emits && c->options.together) {
		if ((status = store_begin(c->store, true, &txn, &state, err)) != EVS_OK)
			return status;
		kv_abort(txn);
	}
	return scan_look(c, err);
}

/* A slot is this member's from now on; what the store says of it must have been looked at since. */
static void hold(struct evs_consume *c, unsigned i, bool covered)
{
	c->n_held += !c->slots[i].held;
	c->slots[i].held = true;
	c->slots[i].covered = covered;
	c->slots[i].busy = c->slots[i].stalled = false;
	c->slots[i].taken = c->positions[i];
}

int scan_take_all(struct evs_consume *c, struct evs_error *err)
{
	int status;

	if (c->lone || member_has_others(&c->member) || !member_take(&c->member, 0, GROUP_SLOTS))
		return EVS_OK;
	status = look_at_taken(c, err);
	if (status != EVS_OK)
		return status;
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (!c->slots[i].held)
			hold(c, i, false);
	c->lone = true;
	c->rewind = true;
	return EVS_OK;
}

/*
 * Take the slot of an event that the scan has come to. *had: it is this member's now, and the event is not done with.
 * It is left alone where the scan has passed over events of it that nobody has done with since.
 */
static int take_slot(struct evs_consume *c, unsigned i, uint64_t position, bool *had, struct evs_error *err)
{
	struct slot *s = &c->slots[i];
	int status;

	*had = false;
	if (!member_take(&c->member, i, 1)) {
		s->busy = true;
		s->skipped = position;
		c->passed = true;
		return EVS_OK;
	}
	status = look_at_taken(c, err);
	if (status == EVS_OK && c->positions[i] >= s->skipped && c->positions[i] >= c->scan_from) {
		hold(c, i, true);
		*had = c->positions[i] < position;
		return EVS_OK;
	}
	member_release(&c->member, i, 1);
	s->busy = true;
	s->skipped = position;
	c->passed = true;
	return status;
}

int scan_take_rest(struct evs_consume *c, struct evs_error *err)
{
	bool new[GROUP_SLOTS];
	int status;

	for (unsigned i = 0; i < GROUP_SLOTS; i++) {
		struct slot *s = &c->slots[i];
		new[i] = !s->held && !s->busy && s->skipped == 0 && member_take(&c->member, i, 1);
	}
	status = look_at_taken(c, err);
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (new[i] && (status != EVS_OK || c->positions[i] < c->scan_from))
			member_release(&c->member, i, 1);
		else if (new[i])
			hold(c, i, true);
	return status;
}

void scan_mark(struct evs_consume *c)
{
	for (unsigned i = 0; i < GROUP_SLOTS; i++) {
		struct slot *s = &c->slots[i];
		if (s->held && s->covered && !s->stalled && s->taken < c->position)
			s->taken = c->position;
	}
}

int scan_begin(struct evs_consume *c, struct evs_error *err)
{
	bool busy[GROUP_SLOTS] = {false};
	uint64_t least = UINT64_MAX;
	struct evs_selector selector = c->selector;
	int status;

	scan_mark(c);
	if (!c->lone)
		member_busy(&c->member, busy);
	status = scan_look(c, err);
	if (status != EVS_OK)
		return status;
	c->rewind = c->passed = false;
	for (unsigned i = 0; i < GROUP_SLOTS; i++) {
		struct slot *s = &c->slots[i];
		uint64_t from = s->held ? s->taken : c->positions[i];
		s->busy = busy[i];
		s->skipped = 0;
		s->covered = s->held;
		if (s->stalled && waits_of(&c->waits, (uint16_t)i) < SLOT_WAITS_MAX / 2)
			s->stalled = false;
		if (s->busy || s->stalled)
			c->passed = true;
		if (!s->busy && from < least)
			least = from;
	}
	c->scan_ns = moment_steady_ns();
	c->at_end = false;
	evs_read_free(c->read);
	c->read = NULL;
	c->n_records = c->at_record = 0;
	if (least == UINT64_MAX) { /* all are others' */
		c->at_end = true;
		return EVS_OK;
	}
	c->scan_from = c->position = least;
	if (selector.after < least)
		selector.after = least;
	status = evs_read_new(c->store, &selector, &c->read, err);
	if (status == EVS_OK)
		read_few(c->read, c->left);
	return status;
}

/* ---- events ---- */

/* Bring the reader's next block. EVS_END: all that is there was looked at. */
static int read_on(struct evs_consume *c, struct evs_error *err)
{
	int status = c->read == NULL ? EVS_END : read_block(c->read, &c->records, &c->n_records, err);
	uint64_t position;

	if (status == EVS_END && c->read != NULL && c->options.follow) {
		status = evs_read_more(c->read, 0, err);
		if (status == EVS_OK)
			status = read_block(c->read, &c->records, &c->n_records, err);
	}
	c->at_record = 0;
	if (status == EVS_OK)
		return EVS_OK;
	c->n_records = 0;
	c->at_end = true;
	if (status == EVS_END && c->read != NULL && (position = evs_read_position(c->read)) > c->position)
		c->position = position;
	return status;
}

int scan_is_parked(struct evs_consume *c, uint64_t stream, bool *parked, struct evs_error *err)
{
	uint64_t n = 0;
	int status;

	*parked = false;
	if (stream == 0 || (c->parked == 0 && c->n_parking == 0))
		return EVS_OK;
	*parked = true;
	for (size_t i = 0; i < c->n_parking; i++)
		if (c->parking[i].stream == stream)
			return EVS_OK;
	status = snap(c, err);
	if (status == EVS_OK)
		status = letter_parked(c->txn, c->number, stream, &n, err);
	unsnap(c);
	*parked = n > 0;
	return status;
}

/* What becomes of an event whose slot is held: *item is NULL unless it is in hand now. */
static int take(struct evs_consume *c, unsigned slot, uint64_t stream, const struct record *r, struct item **item, struct evs_error *err)
{
	bool parked = false, waits = stream != 0 && c->waits.n > 0 && waits_have(&c->waits, (uint16_t)slot, stream);
	struct lane *lane = NULL;
	struct item *new;
	int status;

	*item = NULL;
	if (c->waits.n > 0 && waits && waits_of(&c->waits, (uint16_t)slot) >= SLOT_WAITS_MAX) {
		c->slots[slot].stalled = c->passed = true;
		c->slots[slot].skipped = r->position;
		return EVS_OK;
	}
	if ((status = scan_is_parked(c, stream, &parked, err)) != EVS_OK)
		return status;
	if (stream != 0 && !c->options.together && !waits && !parked && (lane = lane_get(&c->items, stream)) == NULL)
		return error_nomem(err);
	new = items_add(&c->items, r->position, stream, (uint16_t)slot, false);
	if (new == NULL)
		return error_nomem(err);
	c->slots[slot].taken = r->position;
	if (parked)
		return fail_parked(c, new, err);
	if (waits)
		return fail_behind(c, new, err);
	new->own = true;
	c->left--;
	if (lane != NULL && lane->in_hand > 0) {
		items_set(&c->items, new, ITEM_KEPT);
		line_put(&c->items, &lane->waiting, (uint32_t)(new - c->items.list));
		return items_copy(new, r) ? EVS_OK : error_nomem(err);
	}
	if (lane != NULL)
		lane->in_hand = 1;
	*item = new;
	return EVS_OK;
}

int scan_next(struct evs_consume *c, struct item **item, struct record *record, struct evs_error *err)
{
	uint64_t stream;
	unsigned slot;
	bool had;
	int status = EVS_OK;

	*item = NULL;
	if (c->rewind && (status = scan_begin(c, err)) != EVS_OK)
		return status;
	while (status == EVS_OK && *item == NULL) {
		if (c->items.kept >= KEPT_MAX || c->left == 0)
			return EVS_END;
		if (c->at_record == c->n_records) {
			if ((status = read_on(c, err)) != EVS_OK)
				return status;
			continue;
		}
		*record = c->records[c->at_record++];
		if (!group_stream(c->store, record, &stream))
			return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
		slot = group_slot(stream, record->position);
		if (c->slots[slot].busy || c->slots[slot].stalled) {
			c->slots[slot].skipped = record->position;
			c->passed = true;
		} else {
			had = c->slots[slot].held && record->position > c->slots[slot].taken;
			if (!c->slots[slot].held && record->position > c->positions[slot])
				status = take_slot(c, slot, record->position, &had, err);
			if (status == EVS_OK && had)
				status = take(c, slot, stream, record, item, err);
		}
		c->position = record->position;
	}
	return status;
}

int scan_fetch(struct evs_consume *c, uint64_t position, struct record *record, struct evs_error *err)
{
	int status = snap(c, err);

	c->fetch.store = c->store;
	if (status == EVS_OK)
		status = fetch_record(&c->fetch, c->txn, position, record, err);
	if (status == EVS_OK) {
		c->event.size = 0;
		buf_put(&c->event, record->body, record->size);
		if (buf_room(&c->event, RENDER_PAD)) {
			memset(c->event.data + c->event.size, 0, RENDER_PAD);
			record->body = c->event.data;
		} else {
			status = error_nomem(err);
		}
	}
	unsnap(c);
	return status == EVS_END ? error_set(err, EVS_CORRUPT, 0, "the event at position %llu is missing", (unsigned long long)position) : status;
}

int scan_due(struct evs_consume *c, struct item **item, struct record *record, struct evs_error *err)
{
	int64_t now = moment_now_us();
	struct waiting *w;
	struct slot *s;
	size_t at = 0;
	int status;

	*item = NULL;
	while ((w = waits_due(&c->waits, now, c->left == 0, &at)) != NULL) {
		uint16_t slot = w->slot;
		uint64_t position = w->position;
		struct lane *lane = NULL;

		s = &c->slots[slot];
		if (!s->held) {
			/* What was looked at may be old: it is looked for again when the slot is this member's. */
			if (!member_take(&c->member, slot, 1))
				continue;
			if ((status = look_at_taken(c, err)) != EVS_OK)
				return status;
			hold(c, slot, false);
			c->rewind = true; /* what the scan has passed over of it is to be looked at */
			at = 0;
			continue;
		}
		if (w->stream != 0 && !c->options.together && ((lane = lane_get(&c->items, w->stream)) == NULL))
			return error_nomem(err);
		if ((status = scan_fetch(c, position, record, err)) != EVS_OK)
			return status;
		*item = items_add(&c->items, position, w->stream, slot, true);
		if (*item == NULL)
			return error_nomem(err);
		if (lane != NULL)
			lane->in_hand++;
		(*item)->attempt = w->tries + 1;
		c->left -= !w->own;
		(*item)->own = w->own = true;
		w->taken = true;
		s->hands++;
		return EVS_OK;
	}
	return EVS_END;
}
