#include "project/ahead.h"

void ahead_begin(struct ahead *a, const struct record *records, size_t n)
{
	a->records = records;
	a->n = n;
	a->at = a->looked = a->entries = a->values = a->texts = 0;
}

/* Look at an event: which state is it about? */
static void look(struct ahead *a, size_t i)
{
	struct ahead_event *e = &a->ring[i % AHEAD_RING];
	const struct text *type = &e->view.texts[NAME_AGGREGATE_TYPE];

	e->record = &a->records[i];
	e->good = view_open(&e->view, e->record->body, e->record->size);
	e->has_stream = e->good && a->by_stream && view_has_stream(&e->view);
	if (!e->has_stream)
		return;
	e->key = view_span(&e->view.texts[NAME_AGGREGATE_ID], a->names, e->id_text);
	e->type = type->kind == TEXT_NONE ? (struct span){0} : view_span(type, a->names, e->type_text);
	e->hash = cache_hash(e->key, e->type);
	cache_prefetch_slot(a->cache, e->hash);
}

/* Do a step of an event that was looked at, as far as `distance` ahead; `before` is how far the step before is. */
static void step(struct ahead *a, size_t *done, size_t before, size_t distance, void (*prefetch)(const struct cache *c, uint64_t hash))
{
	for (; *done < before && *done <= a->at + distance; ++*done)
		if (a->ring[*done % AHEAD_RING].has_stream)
			prefetch(a->cache, a->ring[*done % AHEAD_RING].hash);
}

const struct ahead_event *ahead_next(struct ahead *a)
{
	for (; a->looked < a->n && a->looked <= a->at + AHEAD_SLOT; a->looked++)
		look(a, a->looked);
	step(a, &a->entries, a->looked, AHEAD_ENTRY, cache_prefetch_entry);
	step(a, &a->values, a->entries, AHEAD_VALUES, cache_prefetch_values);
	step(a, &a->texts, a->values, AHEAD_TEXTS, cache_prefetch_texts);
	return a->at == a->n ? NULL : &a->ring[a->at++ % AHEAD_RING];
}
