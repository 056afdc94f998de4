#include "replay/search.h"

#include <stdlib.h>

#include "base/error.h"
#include "store/read.h"
#include "store/store.h"

/* What is found of the events of a piece, and what is known of types by their names' numbers. */
struct found {
	struct eval *eval;
	struct buf places; /* the hits, as places in the piece: uint32_t each */
	struct known {
		bool asked;
		uint64_t taken; /* by which stops: a bit each */
	} *known;
};

static void found_free(void *prepared)
{
	struct found *f = prepared;

	eval_free(f->eval);
	buf_free(&f->places);
	free(f->known);
	free(f);
}

static struct found *found_new(const struct search *s)
{
	struct found *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->eval = eval_new(s->store->names);
	f->known = calloc(NAME_LIMIT, sizeof *f->known);
	if (f->eval != NULL && f->known != NULL)
		return f;
	found_free(f);
	return NULL;
}

/* Which stops take a type. */
static uint64_t takers(const struct search *s, struct found *f, const struct text *type)
{
	struct known *known = type->kind == TEXT_NAME && type->name < NAME_LIMIT ? &f->known[type->name] : NULL;
	char scratch[UUID_TEXT];
	uint64_t taken = 0;

	if (known != NULL && known->asked)
		return known->taken;
	for (size_t i = 0; i < s->n; i++)
		taken |= (uint64_t)stop_takes(s->stops[i], view_span(type, s->store->names, scratch)) << i;
	if (known != NULL)
		*known = (struct known){true, taken};
	return taken;
}

/* Whether one of the stops stops at an event. */
static bool stops_at(const struct search *s, struct found *f, const struct record *record)
{
	struct view view;
	uint64_t taken;

	if (!view_open(&view, record->body, record->size))
		return true; /* it is damaged: that is said there */
	taken = takers(s, f, &view.texts[NAME_EVENT_TYPE]);
	for (size_t i = 0; taken != 0; i++, taken >>= 1)
		if ((taken & 1) != 0 && (s->stops[i]->expr == NULL || expr_holds(s->stops[i]->expr, f->eval, record, NULL, NULL) != EVS_END))
			return true;
	return false;
}

/* Called on the threads that load. */
static bool prepare(const void *context, void **prepared, const struct record *records, size_t n)
{
	const struct search *s = context;
	struct found *f = *prepared;

	if (f == NULL && (f = *prepared = found_new(s)) == NULL)
		return false;
	f->places.size = 0;
	for (uint32_t i = 0; i < n; i++)
		if ((s->only == NULL || positions_have(s->only, records[i].position)) && stops_at(s, f, &records[i]))
			buf_put(&f->places, &i, sizeof i);
	return !f->places.failed;
}

/* Go through the pieces. */
static int look(struct evs_read *read, bool first, uint64_t *position, struct evs_error *err)
{
	const struct record *records;
	bool any = false;
	uint32_t place;
	size_t n;
	int status;

	while ((status = read_block(read, &records, &n, err)) == EVS_OK) {
		const struct found *f = read_prepared(read);

		if (f->places.size == 0)
			continue;
		memcpy(&place, f->places.data + (first ? 0 : f->places.size - sizeof place), sizeof place);
		*position = records[place].position;
		any = true;
		if (first)
			break;
	}
	return status == EVS_OK || (status == EVS_END && any) ? EVS_OK : status;
}

/* Where every stop has types, and events are not selected by theirs, the index can say where these are. False: no memory. */
static bool set_types(const struct search *s, struct evs_selector *selector, const char ***types)
{
	size_t n = 0, at = 0;

	*types = NULL;
	for (size_t i = 0; i < s->n; i++) {
		if (s->stops[i]->types == NULL || selector->n_types > 0)
			return true;
		for (const char *glob = s->stops[i]->types; *glob != '\0'; glob += strlen(glob) + 1)
			n++;
	}
	*types = calloc(n, sizeof **types);
	for (size_t i = 0; i < s->n && *types != NULL; i++)
		for (const char *glob = s->stops[i]->types; *glob != '\0'; glob += strlen(glob) + 1)
			(*types)[at++] = glob;
	selector->types = *types;
	selector->n_types = at;
	return *types != NULL;
}

int search_run(const struct search *s, uint64_t low, uint64_t high, bool first, uint64_t *position, struct evs_error *err)
{
	struct evs_selector selector = *s->selector;
	struct evs_read *read = NULL;
	const char **types;
	int status;

	if (s->n == 0 || high < low || high == 0)
		return EVS_END;
	if (!set_types(s, &selector, &types))
		return error_nomem(err);
	if (low > selector.from)
		selector.from = low;
	if (selector.to == 0 || high < selector.to)
		selector.to = high;
	status = evs_read_new(s->store, &selector, &read, err);
	if (status == EVS_OK) {
		read_set_prepare(read, &(struct read_prepare){.run = prepare, .free = found_free, .context = s});
		status = look(read, first, position, err);
	}
	evs_read_free(read);
	free(types);
	return status;
}
