/* What may be added to a store: no eventId twice, and what the conditions of an append allow. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "event/same.h"
#include "store/commit_parts.h"

/* ---- duplicates ---- */

/* The slot for a member; the table has room. */
static void put_id(uint64_t *slots, size_t n_slots, uint64_t hash, size_t member)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i] != 0)
		i = (i + 1) & (n_slots - 1);
	slots[i] = (hash >> 32 << 32) | (member + 1);
}

/* Keep the table at most half full. */
static bool grow_ids(struct commit *c)
{
	size_t n = c->n_id_slots == 0 ? 256 : c->n_id_slots * 4;
	uint64_t *slots;

	if (c->n_members * 2 < c->n_id_slots)
		return true;
	if ((slots = calloc(n, sizeof *slots)) == NULL)
		return false;
	for (size_t m = 0; m < c->n_members; m++)
		put_id(slots, n, c->members[m].event, m);
	free(c->id_slots);
	c->id_slots = slots;
	c->n_id_slots = n;
	return true;
}

bool commit_add_member(struct commit *c, struct chunk *chunk, struct staged *s)
{
	if (!array_grow(&c->members, &c->members_cap, c->n_members, sizeof *c->members) || !grow_ids(c))
		return false;
	put_id(c->id_slots, c->n_id_slots, s->terms.event, c->n_members);
	c->members[c->n_members++] = (struct member){s->terms.event, chunk, s};
	return true;
}

static bool event_id_of(const uint8_t *body, size_t size, struct text *id)
{
	struct view v;

	if (!view_open(&v, body, size))
		return false;
	*id = v.texts[NAME_EVENT_ID];
	return true;
}

/* A member of the batch with the same eventId, NULL when there is none. */
static const struct member *find_member(const struct commit *c, const struct chunk *chunk, const struct staged *s)
{
	if (c->n_id_slots == 0)
		return NULL;
	for (size_t i = s->terms.event & (c->n_id_slots - 1); c->id_slots[i] != 0; i = (i + 1) & (c->n_id_slots - 1)) {
		const struct member *m = &c->members[(uint32_t)c->id_slots[i] - 1];
		struct text a, b;
		if (c->id_slots[i] >> 32 == s->terms.event >> 32 && m->event == s->terms.event &&
		    event_id_of(m->chunk->packed.data + m->staged->at, m->staged->size, &a) &&
		    event_id_of(chunk->packed.data + s->at, s->size, &b) && view_text_same(&a, &b))
			return m;
	}
	return NULL;
}

/* Compare with an event that has the same eventId. EVS_OK: it is the same; EVS_CONFLICT. */
static int compare(struct commit *c, const struct chunk *chunk, struct staged *s, const uint8_t *body, size_t size,
                   uint64_t position, uint64_t revision, bool stored, struct evs_error *err)
{
	char scratch[UUID_TEXT];
	struct text id;
	struct span span = {"", 0};
	int same = same_event(c->store->names, body, size, chunk->packed.data + s->at, s->size, s->time_made);

	if (same < 0)
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	if (same == 1) {
		s->duplicate = true;
		s->position = position;
		s->revision = revision;
		return EVS_OK;
	}
	if (event_id_of(body, size, &id))
		span = view_span(&id, c->store->names, scratch);
	if (!stored)
		return error_set(err, EVS_CONFLICT, 0, "eventId '%.*s' came before in the input with other content", (int)span.size, span.text);
	return error_set(err, EVS_CONFLICT, 0, "eventId '%.*s' is in the store at position %llu with other content", (int)span.size,
	                 span.text, (unsigned long long)position);
}

int commit_check_duplicate(struct commit *c, const struct chunk *chunk, struct staged *s, struct evs_error *err)
{
	const struct member *m = find_member(c, chunk, s);
	struct record r;
	struct text id;
	int status;

	s->duplicate = false;
	if (m != NULL)
		return compare(c, chunk, s, m->chunk->packed.data + m->staged->at, m->staged->size, m->staged->position,
		               m->staged->revision, false, err);
	if (s->id_made || (!s->known && c->state.tail_first > c->state.last_position))
		return EVS_OK;
	if (!event_id_of(chunk->packed.data + s->at, s->size, &id))
		return error_nomem(err);
	status = index_find_event(&c->index, &id, s->terms.event, s->known, &r, err);
	if (status == EVS_END)
		return EVS_OK;
	return status == EVS_OK ? compare(c, chunk, s, r.body, r.size, r.position, r.revision, true, err) : status;
}

/* ---- conditions ---- */

int commit_check_fail_if(struct commit *c, struct evs_error *err)
{
	uint64_t found;
	int status;

	if (c->rules->fail_if == NULL)
		return EVS_OK;
	status = query_find(c->rules->fail_if, &c->index, c->rules->after, &found, err);
	if (status == EVS_OK && found != 0) {
		c->unmet = true;
		snprintf(c->unmet_why, sizeof c->unmet_why, "the append condition fails: the event at position %llu matches; nothing was appended",
		         (unsigned long long)found);
	}
	return status;
}

/* The expected revision, at the first event. */
static void check_expect(struct commit *c, uint64_t revision, const struct text *id)
{
	int64_t expect = c->rules->expect;
	char scratch[UUID_TEXT];
	struct span span = view_span(id, c->store->names, scratch);

	c->expect_from = revision;
	if (expect >= 0 && revision != (uint64_t)expect) {
		c->unmet = true;
		snprintf(c->unmet_why, sizeof c->unmet_why, "stream '%.*s' is at revision %llu, not %lld; nothing was appended",
		         (int)span.size, span.text, (unsigned long long)revision, (long long)expect);
	} else if (expect == EVS_EXPECT_EXISTS && revision == 0) {
		c->unmet = true;
		snprintf(c->unmet_why, sizeof c->unmet_why, "stream '%.*s' does not exist; nothing was appended", (int)span.size, span.text);
	}
}

int commit_refuse(struct commit *c, struct evs_error *err)
{
	return error_set(err, EVS_CONFLICT, 0, "%s",
	                 c->unmet_why[0] != '\0' ? c->unmet_why :
	                                           "some of the events are in the store already and some are not; nothing was appended");
}

/* Refuse an event of the store that does not stand where this append would have put it. */
static int refuse_place(struct commit *c, const struct chunk *chunk, const struct staged *s, uint64_t wanted, struct evs_error *err)
{
	bool by_revision = c->rules->expect != EVS_EXPECT_ANY;
	char scratch[UUID_TEXT];
	struct span span = {"", 0};
	struct text id;

	if (c->unmet)
		return commit_refuse(c, err);
	if (event_id_of(chunk->packed.data + s->at, s->size, &id))
		span = view_span(&id, c->store->names, scratch);
	return error_set(err, EVS_CONFLICT, 0, "eventId '%.*s' is in the store already, at %s %llu%s, not %llu; nothing was appended",
	                 (int)span.size, span.text, by_revision ? "revision" : "position",
	                 (unsigned long long)(by_revision ? s->revision : s->position), by_revision ? " of its stream" : "",
	                 (unsigned long long)wanted);
}

int commit_check_whole(struct commit *c, const struct chunk *chunk, const struct staged *s, uint32_t entry, struct evs_error *err)
{
	bool expects = c->rules->expect != EVS_EXPECT_ANY;
	uint64_t place;

	if (!expects && c->rules->fail_if == NULL)
		return EVS_OK;
	if (expects && entry == STREAM_NONE)
		return error_set(err, EVS_BAD_EVENT, 0, "the event is in no stream, but --expect is about one; give --stream");
	if (c->fresh + c->repeated == 0 && expects) {
		c->expect_stream = c->streams.entries[entry].hash;
		check_expect(c, c->streams.entries[entry].revision, &c->streams.entries[entry].id);
	}
	if (expects && c->streams.entries[entry].hash != c->expect_stream)
		return error_set(err, EVS_BAD_EVENT, 0, "the event is in another stream than those before it; --expect is about one stream");
	if (!s->duplicate)
		return c->unmet || c->repeated > 0 ? commit_refuse(c, err) : EVS_OK;
	place = expects ? s->revision : s->position;
	if (c->fresh > 0 && s->position >= c->first_fresh)
		return EVS_OK; /* it came twice in this input */
	if (c->fresh > 0)
		return commit_refuse(c, err);
	if (c->repeated == 0)
		c->next_repeat = c->rules->expect >= 0 ? (uint64_t)c->rules->expect + 1 : place;
	if (c->repeated > 0 && place < c->next_repeat && place >= c->next_repeat - c->repeated)
		return EVS_OK;
	if (place != c->next_repeat || s->position <= c->rules->after)
		return refuse_place(c, chunk, s, s->position <= c->rules->after ? c->rules->after + 1 : c->next_repeat, err);
	c->next_repeat++;
	c->repeated++;
	return EVS_OK;
}
