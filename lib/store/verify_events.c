#include "store/verify.h"

#include "base/error.h"
#include "base/moment.h"
#include "event/json.h"

#define REVISION_MAX ((UINT64_C(1) << 40) - 1) /* of struct verify_seen_stream */

static bool add_term(void *context, uint64_t hash)
{
	struct verify *v = context;

	v->no_memory |= !verify_words_add(&v->terms, hash);
	return !v->no_memory;
}

/* Whether the event's text is JSON again: its strings are UTF-8, its numbers numbers. */
static bool parses_back(struct verify *v)
{
	yyjson_alc memory;
	yyjson_doc *doc;

	v->json.size = 0;
	if (!buf_room(&v->json, json_memory(v->text.size)) || !yyjson_alc_pool_init(&memory, v->json.data, v->json.cap)) {
		v->no_memory = true;
		return false;
	}
	doc = yyjson_read_opts((char *)v->text.data, v->text.size, JSON_FLAGS, &memory, NULL);
	return yyjson_is_obj(yyjson_doc_get_root(doc)); /* the memory is the pool's */
}

static bool renders(struct verify *v, const struct record *r)
{
	v->text.size = 0;
	if (render_event(&v->text, v->store->names, r))
		return parses_back(v);
	v->no_memory |= v->text.failed;
	return false;
}

/* What is wrong with an event; NULL: nothing. */
static const char *fault(struct verify *v, const struct record *r, struct verify_event *e)
{
	const struct names *names = v->store->names;
	char scratch[UUID_TEXT];
	struct terms terms;
	struct span span;
	struct view view;

	if (!view_open(&view, r->body, r->size))
		return "it is no event";
	if (view.texts[NAME_EVENT_ID].size == 0)
		return "its eventId is empty";
	span = view_span(&view.texts[NAME_TIMESTAMP], names, scratch);
	if (!moment_parse(span.text, span.size, &e->moment))
		return "its timestamp is no time";
	v->terms.n = 0;
	if (!term_all(v->store->seed, &view, names, &terms, add_term, v))
		return "its tags are no strings";
	if (!renders(v, r))
		return "it cannot be made JSON";
	e->position = r->position;
	e->revision = r->revision;
	e->recorded_us = r->recorded_us;
	e->id = terms.event;
	e->stream = terms.stream;
	return NULL;
}

int verify_events_look(struct verify *v, const struct record *r, struct verify_event *e)
{
	const char *why = fault(v, r, e);

	if (v->no_memory)
		return error_nomem(v->err);
	if (why == NULL)
		return EVS_OK;
	verify_report(v, VERIFY_EVENT, r->position, "the event at position %llu is damaged: %s", (unsigned long long)r->position, why);
	return EVS_CORRUPT;
}

/* Each event of a stream is one revision further. Events that could not be read account for as many gaps. */
static void check_revision(struct verify *v, const struct verify_event *e, struct verify_seen_stream *s)
{
	uint64_t before = s->revision, missed = e->revision - before - 1;

	if (e->revision <= before || e->revision > REVISION_MAX || missed > v->lost)
		verify_report(v, VERIFY_REVISION_GAP, e->position,
		              "the event at position %llu has revision %llu, the one before it in its stream %llu",
		              (unsigned long long)e->position, (unsigned long long)e->revision, (unsigned long long)before);
	else
		v->lost -= missed;
	s->revision = e->revision & REVISION_MAX;
}

int verify_events_next(struct verify *v, const struct verify_event *e)
{
	struct verify_seen_stream *s;

	v->result->events++;
	if (e->recorded_us < v->last_recorded)
		verify_report(v, VERIFY_RECORDED_ORDER, e->position,
		              "the event at position %llu was recorded before the one in front of it",
		              (unsigned long long)e->position);
	v->last_recorded = e->recorded_us;
	if (!verify_ids_add(v, e))
		return error_nomem(v->err);
	if (e->stream == 0) {
		if (e->revision != 0)
			verify_report(v, VERIFY_REVISION_GAP, e->position,
			              "the event at position %llu is in no stream and has revision %llu",
			              (unsigned long long)e->position, (unsigned long long)e->revision);
		return EVS_OK;
	}
	if ((s = verify_seen_get(&v->streams, e->stream)) == NULL)
		return error_nomem(v->err);
	check_revision(v, e, s);
	if (v->stretch.open && e->position <= v->stretch.last && s->mark != v->stretch.number) {
		s->mark = v->stretch.number;
		v->stretch.streams++;
	}
	return EVS_OK;
}
