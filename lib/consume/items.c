#include "consume/items.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static const struct line no_line = {ITEM_NONE, ITEM_NONE};

void items_init(struct items *s)
{
	*s = (struct items){.free = ITEM_NONE, .free_lane = ITEM_NONE, .ready = no_line};
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		s->slots[i] = no_line;
	for (unsigned i = 0; i < LANE_BUCKETS; i++)
		s->buckets[i] = ITEM_NONE;
}

static void empty(struct item *item)
{
	free(item->copy);
	free(item->cause);
	free(item->text);
	free(item->tried);
	item->copy = item->tried = NULL;
	item->cause = item->text = NULL;
}

void items_release(struct items *s)
{
	for (size_t i = 0; i < s->n; i++)
		empty(&s->list[i]);
	free(s->list);
	free(s->lanes);
	items_init(s);
}

/* ---- items ---- */

static size_t *count_of(struct items *s, unsigned state)
{
	return state == ITEM_IN_HAND ? &s->in_hand : state == ITEM_KEPT ? &s->kept : &s->done;
}

struct item *items_add(struct items *s, uint64_t position, uint64_t stream, uint16_t slot, bool waited)
{
	struct line *line = &s->slots[slot];
	uint32_t at = s->free;
	struct item *item;

	if (at != ITEM_NONE)
		s->free = s->list[at].next;
	else if (s->n < ITEM_NONE && array_grow(&s->list, &s->cap, s->n, sizeof *s->list))
		at = (uint32_t)s->n++;
	else
		return NULL;
	item = &s->list[at];
	*item = (struct item){.position = position, .stream = stream, .attempt = 1, .number = ++s->made, .next = ITEM_NONE,
	                      .follower = ITEM_NONE, .slot = slot, .state = ITEM_IN_HAND, .waited = waited};
	s->in_hand++;
	if (waited)
		return item;
	if (line->first == ITEM_NONE)
		line->first = at;
	else
		s->list[line->last].next = at;
	line->last = at;
	return item;
}

uint64_t items_ticket(const struct items *s, const struct item *item)
{
	return item->number << 32 | (uint64_t)(item - s->list);
}

struct item *items_of(struct items *s, uint64_t ticket)
{
	uint32_t at = (uint32_t)ticket;
	struct item *item = at < s->n ? &s->list[at] : NULL;

	return item != NULL && item->state == ITEM_IN_HAND && (uint32_t)item->number == ticket >> 32 ? item : NULL;
}

struct item *items_at(struct items *s, uint64_t ticket)
{
	return &s->list[(uint32_t)ticket];
}

void items_set(struct items *s, struct item *item, enum item_state state)
{
	--*count_of(s, item->state);
	item->state = (uint8_t)state;
	++*count_of(s, state);
}

bool items_copy(struct item *item, const struct record *r)
{
	item->copy = malloc(r->size + RENDER_PAD);
	if (item->copy == NULL)
		return false;
	memcpy(item->copy, r->body, r->size);
	memset(item->copy + r->size, 0, RENDER_PAD);
	item->copy_size = r->size;
	item->revision = r->revision;
	item->recorded_us = r->recorded_us;
	return true;
}

void items_drop(struct items *s, struct item *item)
{
	struct line *line = &s->slots[item->slot];
	uint32_t at = (uint32_t)(item - s->list);

	if (!item->waited) {
		line->first = item->next;
		if (line->first == ITEM_NONE)
			line->last = ITEM_NONE;
	}
	--*count_of(s, item->state);
	empty(item);
	item->state = ITEM_FREE;
	item->next = s->free;
	s->free = at;
}

/* ---- lines ---- */

void line_put(struct items *s, struct line *l, uint32_t item)
{
	s->list[item].follower = ITEM_NONE;
	if (l->first == ITEM_NONE)
		l->first = item;
	else
		s->list[l->last].follower = item;
	l->last = item;
}

uint32_t line_take(struct items *s, struct line *l)
{
	uint32_t first = l->first;

	if (first == ITEM_NONE)
		return ITEM_NONE;
	l->first = s->list[first].follower;
	if (l->first == ITEM_NONE)
		l->last = ITEM_NONE;
	return first;
}

/* ---- lanes ---- */

static uint32_t *bucket_of(struct items *s, uint64_t stream)
{
	return &s->buckets[hash_mix(stream) % LANE_BUCKETS];
}

struct lane *lane_find(struct items *s, uint64_t stream)
{
	uint32_t at = *bucket_of(s, stream);

	while (at != ITEM_NONE && s->lanes[at].stream != stream)
		at = s->lanes[at].next;
	return at == ITEM_NONE ? NULL : &s->lanes[at];
}

struct lane *lane_get(struct items *s, uint64_t stream)
{
	struct lane *lane = lane_find(s, stream);
	uint32_t at = s->free_lane, *bucket = bucket_of(s, stream);

	if (lane != NULL)
		return lane;
	if (at != ITEM_NONE)
		s->free_lane = s->lanes[at].next;
	else if (s->n_lanes < ITEM_NONE && array_grow(&s->lanes, &s->lanes_cap, s->n_lanes, sizeof *s->lanes))
		at = (uint32_t)s->n_lanes++;
	else
		return NULL;
	s->lanes[at] = (struct lane){.stream = stream, .next = *bucket, .waiting = no_line};
	*bucket = at;
	return &s->lanes[at];
}

static void lane_drop(struct items *s, struct lane *lane)
{
	uint32_t at = (uint32_t)(lane - s->lanes), *link = bucket_of(s, lane->stream);

	while (*link != at)
		link = &s->lanes[*link].next;
	*link = lane->next;
	*lane = (struct lane){.next = s->free_lane};
	s->free_lane = at;
}

void lane_leave(struct items *s, uint64_t stream)
{
	struct lane *lane = stream == 0 ? NULL : lane_find(s, stream);
	uint32_t next;

	if (lane == NULL)
		return;
	if (lane->in_hand > 0)
		lane->in_hand--;
	if (lane->in_hand > 0)
		return;
	next = line_take(s, &lane->waiting);
	if (next != ITEM_NONE) {
		lane->in_hand = 1; /* as good as */
		line_put(s, &s->ready, next);
	} else {
		lane_drop(s, lane);
	}
}
