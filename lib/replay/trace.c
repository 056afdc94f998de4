#include "replay/trace.h"

#include <stdlib.h>

#include "base/error.h"
#include "event/view.h"
#include "store/store.h"

enum { DEPTH_MAX = 200 };

/* Positions of events, found by reading. */
struct list {
	uint64_t *positions;
	size_t n, cap;
};

struct trace {
	struct evs_store *store;
	uint64_t here;
	int (*each)(void *context, const struct trace_event *event, struct evs_error *err);
	void *context;
	struct list told;
	bool more;
};

/* A copy of an event. */
struct copy {
	struct record record;
	uint8_t body[];
};

static struct copy *copy_of(const struct record *record)
{
	struct copy *c = malloc(sizeof *c + record->size + RENDER_PAD);

	if (c == NULL)
		return NULL;
	c->record = *record;
	c->record.body = c->body;
	memcpy(c->body, record->body, record->size);
	memset(c->body + record->size, 0, RENDER_PAD);
	return c;
}

/* A field of an event as a string of its own. NULL: it has none, or one that cannot be looked for; *status says of failures. */
static char *field_of(const struct trace *t, const struct record *record, enum name_fixed field, int *status, struct evs_error *err)
{
	char scratch[UUID_TEXT], *text;
	struct span span;
	struct view view;

	if (!view_open(&view, record->body, record->size)) {
		*status = error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)record->position);
		return NULL;
	}
	span = view_span(&view.texts[field], t->store->names, scratch);
	if (view.texts[field].kind == TEXT_NONE || memchr(span.text, '\0', span.size) != NULL)
		return NULL;
	text = strndup(span.text, span.size);
	if (text == NULL)
		*status = error_nomem(err);
	return text;
}

/* Whether a position is in a list. */
static bool is_in(const struct list *l, uint64_t position)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->positions[i] == position)
			return true;
	return false;
}

static bool put_in(struct list *l, uint64_t position)
{
	if (!array_grow(&l->positions, &l->cap, l->n, sizeof *l->positions))
		return false;
	l->positions[l->n++] = position;
	return true;
}

/* Read events into copies: the first one, or all, of which there may be TRACE_EVENTS. */
static int read_all(struct trace *t, const struct evs_selector *selector, struct copy **list, size_t most, size_t *n, struct evs_error *err)
{
	struct evs_read *read = NULL;
	struct evs_event e;
	int status = evs_read_new(t->store, selector, &read, err);

	for (*n = 0; status == EVS_OK && (status = evs_read_next(read, &e, err)) == EVS_OK; (*n)++) {
		if (*n == most) {
			t->more |= most > 1;
			break;
		}
		list[*n] = copy_of(&(struct record){e.position, e.revision, e.recorded_us, e.packed, (uint32_t)e.packed_size});
		if (list[*n] == NULL) {
			status = error_nomem(err);
			break;
		}
	}
	evs_read_free(read);
	return status == EVS_END ? EVS_OK : status;
}

/* The cause of all causes of an event, in *root, which is the event to begin with. */
static int climb(struct trace *t, struct copy **root, struct evs_error *err)
{
	struct list seen = {0};
	struct copy *cause;
	int status = EVS_OK;
	size_t n = 1;

	while (status == EVS_OK && n == 1 && seen.n < DEPTH_MAX) {
		char *id = field_of(t, &(*root)->record, NAME_CAUSATION_ID, &status, err);

		n = 0;
		if (id != NULL)
			status = read_all(t, &(struct evs_selector){.event = id}, &cause, 1, &n, err);
		free(id);
		if (n == 0)
			break;
		/* Events can be made to cause each other. */
		if (is_in(&seen, cause->record.position) || cause->record.position == t->here) {
			free(cause);
			break;
		}
		if (!put_in(&seen, cause->record.position))
			status = error_nomem(err);
		free(*root);
		*root = cause;
	}
	free(seen.positions);
	return status;
}

/* Tell of an event and of all that it caused. */
static int tell(struct trace *t, const struct record *record, unsigned depth, struct evs_error *err)
{
	struct copy **effects = NULL;
	char *id = NULL;
	size_t n = 0;
	int status;

	if (is_in(&t->told, record->position))
		return EVS_OK;
	if (t->told.n == TRACE_EVENTS || depth == DEPTH_MAX) {
		t->more = true;
		return EVS_OK;
	}
	status = put_in(&t->told, record->position) ? EVS_OK : error_nomem(err);
	if (status == EVS_OK)
		status = t->each(t->context, &(struct trace_event){record, depth, record->position == t->here}, err);
	if (status == EVS_OK)
		id = field_of(t, record, NAME_EVENT_ID, &status, err);
	if (id != NULL && (effects = calloc(TRACE_EVENTS, sizeof(struct copy *))) == NULL)
		status = error_nomem(err);
	if (id != NULL && status == EVS_OK)
		status = read_all(t, &(struct evs_selector){.causation = id}, effects, TRACE_EVENTS, &n, err);
	for (size_t i = 0; i < n; i++) {
		if (status == EVS_OK)
			status = tell(t, &effects[i]->record, depth + 1, err);
		free(effects[i]);
	}
	free(effects);
	free(id);
	return status;
}

int trace_tell(struct evs_store *store, const struct record *event,
               int (*each)(void *context, const struct trace_event *event, struct evs_error *err), void *context, bool *more,
               struct evs_error *err)
{
	struct trace t = {.store = store, .here = event->position, .each = each, .context = context};
	struct copy *root = copy_of(event);
	int status = root == NULL ? error_nomem(err) : climb(&t, &root, err);

	if (status == EVS_OK)
		status = tell(&t, &root->record, 0, err);
	*more = t.more;
	free(root);
	free(t.told.positions);
	return status;
}
