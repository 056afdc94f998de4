#include "project/ahead.h"

#include <stddef.h>
#include <stdlib.h>

#define BODY_AHEAD 6  /* records between asking for a body and looking at it */
#define BODY_BYTES 256 /* of it that are asked for */
#define LINE 64
#define EVENT_BYTES (4 * LINE) /* of what was found out of an event that are worth it */

#define CHUNK_BYTES ((size_t)128 << 10)

/* Memory for events. */
struct chunk {
	struct chunk *next;
	_Alignas(max_align_t) char bytes[];
};

/* What was found out of a block's events. */
struct prepared {
	struct look *look;
	size_t room, chunk_size; /* bytes that an event takes at the most, and of a chunk */
	struct chunk *chunks, *last; /* those from chunks to last are in use, others follow */
	char *at, *end;          /* what is left of the last one */
	struct ahead_event *first, **link; /* the events, and where the next one is to be linked */
};

/* ---- on the threads that load ---- */

static void prepared_free(void *prepared)
{
	struct prepared *p = prepared;

	for (struct chunk *c = p->chunks, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	look_free(p->look);
	free(p);
}

static struct prepared *prepared_new(const struct ahead_plan *plan)
{
	struct prepared *p = calloc(1, sizeof *p);

	if (p == NULL || (p->look = look_new(plan->fold, plan->names)) == NULL) {
		free(p);
		return NULL;
	}
	p->room = sizeof(struct ahead_event) + look_room(p->look) + _Alignof(struct ahead_event);
	p->chunk_size = p->room > CHUNK_BYTES ? p->room : CHUNK_BYTES;
	return p;
}

/* Have room for an event; those that are there stay where they are. */
static bool have_room(struct prepared *p)
{
	struct chunk **c = p->last == NULL ? &p->chunks : &p->last->next;

	if ((size_t)(p->end - p->at) >= p->room)
		return true;
	if (*c == NULL) {
		if ((*c = malloc(sizeof **c + p->chunk_size)) == NULL)
			return false;
		(*c)->next = NULL;
	}
	p->last = *c;
	p->at = p->last->bytes;
	p->end = p->at + p->chunk_size;
	return true;
}

/* Forget the events of before. */
static void begin_events(struct prepared *p)
{
	p->last = NULL;
	p->at = p->end = NULL;
	p->first = NULL;
	p->link = &p->first;
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

/* Look at an event. False when memory ran out. */
static bool look(const struct ahead_plan *plan, struct prepared *p, const struct record *record)
{
	const size_t align = _Alignof(struct ahead_event);
	struct ahead_event *e;
	size_t used;

	if (!have_room(p))
		return false;
	e = (struct ahead_event *)(void *)p->at;
	*e = (struct ahead_event){.event.record = record};
	used = look_at(p->look, record, e + 1, &e->event);
	e->good = used > 0;
	if (e->good)
		find_key(plan, e);
	p->at += (sizeof *e + used + align - 1) / align * align;
	*p->link = e;
	p->link = &e->next;
	return true;
}

static bool prepare(const void *context, void **prepared, const struct record *records, size_t n)
{
	const struct ahead_plan *plan = context;
	struct prepared *p = *prepared;

	if (p == NULL && (p = *prepared = prepared_new(plan)) == NULL)
		return false;
	begin_events(p);
	look_renew(p->look);
	for (size_t i = 0; i < n; i++) {
		/* Records lie in the order of their streams. */
		for (size_t at = 0; i + BODY_AHEAD < n && at < BODY_BYTES; at += LINE)
			__builtin_prefetch(records[i + BODY_AHEAD].body + at);
		if (!look(plan, p, &records[i]))
			return false;
	}
	return true;
}

void ahead_prepare(struct evs_read *r, const struct ahead_plan *plan)
{
	read_set_prepare(r, &(struct read_prepare){.run = prepare, .free = prepared_free, .context = plan});
}

/* ---- going through ---- */

/* Have near what a step looks for, and go on to the next event. */
static inline void do_step(const struct ahead *a, const struct ahead_event **step,
                           void (*prefetch)(const struct cache *c, uint64_t hash))
{
	const struct ahead_event *e = *step;

	if (e == NULL)
		return;
	if (e->key.text != NULL)
		prefetch(a->cache, e->hash);
	*step = e->next;
}

/* What was found out of an event may be near another core. */
static void do_first_step(struct ahead *a)
{
	for (size_t at = LINE; a->slots != NULL && at < EVENT_BYTES; at += LINE)
		__builtin_prefetch((const char *)a->slots + at);
	do_step(a, &a->slots, cache_prefetch_slot);
}

void ahead_begin(struct ahead *a, const struct evs_read *r)
{
	const struct prepared *p = read_prepared(r);

	a->given = a->slots = a->entries = a->texts = p->first;
	for (int i = 0; i < AHEAD_SLOT; i++)
		do_first_step(a);
	for (int i = 0; i < AHEAD_ENTRY; i++)
		do_step(a, &a->entries, cache_prefetch_entry);
	for (int i = 0; i < AHEAD_TEXTS; i++)
		do_step(a, &a->texts, cache_prefetch_texts);
}

const struct ahead_event *ahead_next(struct ahead *a)
{
	const struct ahead_event *e = a->given;

	do_first_step(a);
	do_step(a, &a->entries, cache_prefetch_entry);
	do_step(a, &a->texts, cache_prefetch_texts);
	if (e != NULL)
		a->given = e->next;
	return e;
}
