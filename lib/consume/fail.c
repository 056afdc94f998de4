/* What becomes of events that could not be handled, and of those behind them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "consume/consume.h"
#include "consume/tries.h"

#define JITTER 0.1 /* of a delay, more or less */

static int done(struct evs_consume *c, struct item *item, enum item_outcome outcome)
{
	items_set(&c->items, item, ITEM_DONE);
	item->outcome = (uint8_t)outcome;
	if (c->done_ns == 0)
		c->done_ns = moment_steady_ns();
	return EVS_OK;
}

int fail_behind(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	const struct waiting one = {.position = item->position, .stream = item->stream, .slot = item->slot, .own = item->own};

	if (!waits_put(&c->waits, &one))
		return error_nomem(err);
	return done(c, item, OUTCOME_BEHIND);
}

/*
 * From now on the stream of an item is parked, whatever becomes of those before it: they may be sent again, and leave the
 * dead letters, before this one is there.
 */
static int park(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	size_t i = 0;

	while (i < c->n_parking && c->parking[i].stream != item->stream)
		i++;
	if (i == c->n_parking) {
		if (!array_grow(&c->parking, &c->parking_cap, c->n_parking, sizeof *c->parking))
			return error_nomem(err);
		c->parking[c->n_parking++] = (struct parking){.stream = item->stream};
	}
	c->parking[i].n++;
	c->parked++;
	return done(c, item, OUTCOME_PARKED);
}

int fail_parked(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	static const char reason[] = "it comes behind an event of its stream that is among the dead letters";

	free(item->text);
	item->text = strdup(reason);
	item->attempt = 0;
	if (item->text == NULL)
		return error_nomem(err);
	return park(c, item, err);
}

/* When the next try is due. */
static int64_t next_try(struct evs_consume *c, uint64_t attempt)
{
	const struct evs_consume_options *o = &c->options;
	double delay = (double)o->initial_delay_ms, chance;

	for (uint64_t i = 1; i < attempt && delay < (double)o->max_delay_ms; i++)
		delay *= o->backoff;
	if (delay > (double)o->max_delay_ms)
		delay = (double)o->max_delay_ms;
	c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
	chance = (double)(c->seed >> 33) / (double)(1u << 31);
	return moment_now_us() + (int64_t)(delay * 1000 * (1 - JITTER + 2 * JITTER * chance));
}

/* The items of a stream that wait in its lane go the way of the one before them. */
static int lane_follows(struct evs_consume *c, uint64_t stream, int (*follow)(struct evs_consume *c, struct item *item, struct evs_error *err),
                        struct evs_error *err)
{
	struct lane *lane = stream == 0 ? NULL : lane_find(&c->items, stream);
	int status = EVS_OK;

	while (lane != NULL && lane->waiting.first != ITEM_NONE && status == EVS_OK)
		status = follow(c, &c->items.list[line_take(&c->items, &lane->waiting)], err);
	lane_leave(&c->items, stream);
	return status;
}

/* Those of a stream that wait behind one that is parked now are parked too. */
static int waits_follow(struct evs_consume *c, uint16_t slot, uint64_t stream, uint64_t but, struct evs_error *err)
{
	struct item *new;
	int status = EVS_OK;

	for (uint32_t i = c->items.slots[slot].first; i != ITEM_NONE; i = c->items.list[i].next) {
		struct item *item = &c->items.list[i];
		if (item->state != ITEM_DONE || item->stream != stream || item->outcome != OUTCOME_BEHIND)
			continue;
		waits_remove(&c->waits, slot, item->position);
		items_set(&c->items, item, ITEM_IN_HAND);
		if ((status = fail_parked(c, item, err)) != EVS_OK)
			return status;
	}
	for (size_t i = 0; i < c->waits.n; i++) {
		struct waiting *w = &c->waits.list[i];
		if (w->slot != slot || w->stream != stream || w->taken || !w->stored || w->position == but)
			continue;
		new = items_add(&c->items, w->position, stream, slot, true);
		if (new == NULL)
			return error_nomem(err);
		w->taken = true;
		c->slots[slot].hands++;
		if ((status = fail_parked(c, new, err)) != EVS_OK)
			return status;
	}
	return EVS_OK;
}

/* It waits until it is due, and those behind it in its stream must wait with it. */
static int put_back(struct evs_consume *c, struct item *item, int64_t due_us, struct evs_error *err)
{
	const struct waiting one = {.position = item->position, .stream = item->stream, .slot = item->slot, .tries = item->attempt,
	                            .due_us = due_us, .stored = item->waited, .taken = item->waited, .own = item->own};

	item->due_us = due_us;
	return waits_put(&c->waits, &one) ? done(c, item, OUTCOME_RETRY) : error_nomem(err);
}

static int retry(struct evs_consume *c, struct item *item, int64_t due_us, struct evs_error *err)
{
	uint64_t stream = item->stream;
	int status = put_back(c, item, due_us, err);

	return status == EVS_OK ? lane_follows(c, stream, fail_behind, err) : status;
}

/* The group stops before it; it is due at once when the group goes on. */
static int stop_at(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	if (c->stuck == 0) {
		c->stuck = item->position;
		error_set(&c->stuck_why, EVS_BAD_EVENT, 0, "the event at position %llu could not be handled in %llu %s: %.300s",
		          (unsigned long long)item->position, (unsigned long long)item->attempt, item->attempt == 1 ? "try" : "tries", item->text);
	}
	return put_back(c, item, moment_now_us(), err);
}

static int stop(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	uint64_t stream = item->stream;
	int status = stop_at(c, item, err);

	return status == EVS_OK ? lane_follows(c, stream, fail_behind, err) : status;
}

static int give_up(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	const uint64_t stream = item->stream, position = item->position;
	const uint16_t slot = item->slot;
	int status;

	if (c->options.give_up == EVS_GIVE_UP_STOP)
		return stop(c, item, err);
	if (c->options.give_up == EVS_GIVE_UP_DLQ || stream == 0) {
		done(c, item, OUTCOME_DEAD);
		lane_leave(&c->items, stream);
		waits_look(&c->waits);
		return EVS_OK;
	}
	status = park(c, item, err);
	if (status == EVS_OK)
		status = lane_follows(c, stream, fail_parked, err);
	return status == EVS_OK ? waits_follow(c, slot, stream, position, err) : status;
}

int fail_late(struct evs_consume *c, struct item *item, struct evs_error *err)
{
	const uint64_t stream = item->stream, position = item->position;
	const uint16_t slot = item->slot;
	int status;

	if (c->options.give_up == EVS_GIVE_UP_STOP)
		return stop_at(c, item, err);
	if (c->options.give_up == EVS_GIVE_UP_DLQ || stream == 0)
		return done(c, item, OUTCOME_DEAD);
	status = park(c, item, err);
	return status == EVS_OK ? waits_follow(c, slot, stream, position, err) : status;
}

int evs_consume_fail(struct evs_consume *c, uint64_t ticket, const struct evs_failure *failure, struct evs_error *err)
{
	struct item *item = items_of(&c->items, ticket);
	struct buf tried = {0};

	if (item == NULL)
		return error_set(err, EVS_USAGE, 0, "there is no such event in hand");
	item->text = strdup(failure->reason);
	if (!tries_add(&tried, moment_now_us(), failure) || item->text == NULL) {
		buf_free(&tried);
		return error_nomem(err);
	}
	item->tried = tried.data;
	item->tried_size = tried.size;
	item->took_us = failure->took_us;
	if (failure->hopeless || item->attempt > c->options.max_retries)
		return give_up(c, item, err);
	return retry(c, item, next_try(c, item->attempt), err);
}
