#include "project/ahead.h"

#include <stdlib.h>

#define BODY_AHEAD 6  /* records between asking for a body and looking at it */
#define BODY_BYTES 256 /* of it that are asked for */
#define LINE 64

/* What was found out of a block's events. */
struct prepared {
	struct look *look;
	char *events; /* struct ahead_event, each with what is behind it */
	size_t size, cap;
};

/* ---- on the threads that load ---- */

static void prepared_free(void *prepared)
{
	struct prepared *p = prepared;

	look_free(p->look);
	free(p->events);
	free(p);
}

static struct prepared *prepared_new(const struct ahead_plan *plan)
{
	struct prepared *p = calloc(1, sizeof *p);

	if (p != NULL && (p->look = look_new(plan->fold, plan->names)) == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

/* Which state is an event about? By the fold's key, where that is a text of the event; most keys are. */
static void find_key(const struct ahead_plan *plan, struct ahead_event *e)
{
	const struct value *key = plan->by_stream ? NULL : fold_key_value(plan->fold, e->event.values);

	if (plan->by_stream && e->event.key.text != NULL) {
		e->key = e->event.key;
		e->type = e->event.kind;
	} else if (key != NULL) {
		e->key = (struct span){key->text, key->size};
	}
	if (e->key.text != NULL)
		e->hash = cache_hash(e->key, e->type);
}

/* Look at an event, behind those before it; there is room. */
static void look(const struct ahead_plan *plan, struct prepared *p, const struct record *record)
{
	const size_t align = _Alignof(struct ahead_event);
	struct ahead_event *e;
	size_t used;

	e = (struct ahead_event *)(void *)(p->events + p->size);
	*e = (struct ahead_event){.event.record = record};
	used = look_at(p->look, record, e + 1, &e->event);
	e->good = used > 0;
	if (e->good)
		find_key(plan, e);
	e->size = (uint32_t)((sizeof *e + used + align - 1) / align * align);
	p->size += e->size;
}

/* Have memory for so many bytes; what was there is not needed. */
static bool have_room(struct prepared *p, size_t size)
{
	if (p->cap >= size)
		return true;
	free(p->events);
	p->events = malloc(size);
	p->cap = p->events == NULL ? 0 : size;
	return p->events != NULL;
}

static bool prepare(const void *context, void **prepared, const struct record *records, size_t n)
{
	const struct ahead_plan *plan = context;
	struct prepared *p = *prepared;

	if (p == NULL && (p = *prepared = prepared_new(plan)) == NULL)
		return false;
	/* Room for all: nothing may move, for events point to what is behind them. */
	p->size = 0;
	if (!have_room(p, n * (sizeof(struct ahead_event) + look_room(p->look) + _Alignof(struct ahead_event))))
		return false;
	look_renew(p->look);
	for (size_t i = 0; i < n; i++) {
		/* Records lie in the order of their streams. */
		for (size_t at = 0; i + BODY_AHEAD < n && at < BODY_BYTES; at += LINE)
			__builtin_prefetch(records[i + BODY_AHEAD].body + at);
		look(plan, p, &records[i]);
	}
	return true;
}

void ahead_prepare(struct evs_read *r, const struct ahead_plan *plan)
{
	read_set_prepare(r, &(struct read_prepare){.run = prepare, .free = prepared_free, .context = plan});
}

/* ---- going through ---- */

void ahead_begin(struct ahead *a, const struct evs_read *r, size_t n)
{
	const struct prepared *p = read_prepared(r);
	const struct ahead_step first = {(const struct ahead_event *)(const void *)p->events, 0};

	a->n = n;
	a->given = a->slots = a->entries = a->texts = first;
}

/* Go on to the next event. */
static const struct ahead_event *go_on(struct ahead_step *step)
{
	const struct ahead_event *e = step->next;

	step->next = (const struct ahead_event *)(const void *)((const char *)e + e->size);
	step->at++;
	return e;
}

/* Do a step for the events up to `distance` ahead. */
static void do_step(const struct ahead *a, struct ahead_step *step, size_t distance,
                    void (*prefetch)(const struct cache *c, uint64_t hash))
{
	while (step->at < a->n && step->at <= a->given.at + distance) {
		const struct ahead_event *e = go_on(step);
		if (e->key.text != NULL)
			prefetch(a->cache, e->hash);
	}
}

const struct ahead_event *ahead_next(struct ahead *a)
{
	do_step(a, &a->slots, AHEAD_SLOT, cache_prefetch_slot);
	do_step(a, &a->entries, AHEAD_ENTRY, cache_prefetch_entry);
	do_step(a, &a->texts, AHEAD_TEXTS, cache_prefetch_texts);
	return a->given.at == a->n ? NULL : go_on(&a->given);
}
