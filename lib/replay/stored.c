#include "replay/stored.h"

#include <stdlib.h>

#include "base/error.h"
#include "event/same.h"
#include "store/store.h"

/* Compare a draft with the event that has its eventId. */
static int compare(const struct evs_store *store, const struct draft *draft, const char *id, const struct record *r, struct evs_error *err)
{
	int same = same_event(store->names, r->body, r->size, draft->record.body, draft->record.size, !draft->timed);

	if (same < 0)
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)r->position);
	if (same == 1)
		return EVS_OK;
	return error_set(err, EVS_CONFLICT, 0, "eventId '%s' is in the store at position %llu with other content", id,
	                 (unsigned long long)r->position);
}

/* The eventId that a draft came with, in *id, the caller's (free). EVS_END: none, or with a zero byte, which no selector asks for. */
static int id_of(const struct evs_store *store, const struct draft *draft, char **id, struct evs_error *err)
{
	char scratch[UUID_TEXT];
	struct span span;
	struct view view;

	*id = NULL;
	if (!draft->identified)
		return EVS_END;
	if (!view_open(&view, draft->record.body, draft->record.size))
		return error_nomem(err);
	span = view_span(&view.texts[NAME_EVENT_ID], store->names, scratch);
	if (memchr(span.text, '\0', span.size) != NULL)
		return EVS_END;
	*id = strndup(span.text, span.size);
	return *id == NULL ? error_nomem(err) : EVS_OK;
}

int stored_find(struct evs_store *store, const struct source_options *history, const struct draft *draft, struct evs_error *err)
{
	struct source_options options = *history;
	struct evs_selector selector = history->selector == NULL ? (struct evs_selector){0} : *history->selector;
	const struct draft *none;
	struct source *source = NULL;
	struct record record;
	char *id;
	int status = id_of(store, draft, &id, err);

	if (status == EVS_OK && selector.event != NULL && strcmp(selector.event, id) != 0)
		status = EVS_END;
	/* It is one event: how many are read of how many does not matter. */
	selector.event = id;
	selector.has_limit = selector.has_last = false;
	selector.limit = selector.last = 0;
	options.selector = &selector;
	options.with = NULL;
	if (status == EVS_OK)
		status = source_open(store, &options, &source, err);
	if (status == EVS_OK)
		status = source_next(source, &record, &none, err);
	if (status == EVS_OK)
		status = compare(store, draft, id, &record, err);
	source_close(source);
	free(id);
	return status;
}
