/* No two events have the same eventId: hashes are sorted, and where two are equal all events are read again. */
#include "store/verify.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"

/* A hash that came twice: the first event that has it. */
struct first {
	uint64_t position; /* 0: not yet met */
	uint8_t id[16];
};

void verify_ids_hash(const struct text *id, uint8_t out[16])
{
	hash128(id->bytes, id->size, out);
	out[0] ^= (uint8_t)id->kind; /* a UUID's bytes may be a string too */
}

bool verify_ids_add(struct verify *v, const struct verify_event *e)
{
	return e->id % v->parts != v->part || verify_words_add(&v->ids, e->id);
}

/* Note the id of an event that was looked at before. */
static int add_again(struct verify *v, void *context, const struct record *r)
{
	struct verify_event e = {.position = r->position};
	struct view view;

	(void)context;
	if (!view_open(&view, r->body, r->size))
		return EVS_OK;
	e.id = term_hash(v->store->seed, TERM_EVENT, &view.texts[NAME_EVENT_ID], v->store->names);
	return verify_ids_add(v, &e) ? EVS_OK : error_nomem(v->err);
}

/* Keep one each of the sorted words that come more than once. */
static void keep_doubles(struct verify_words *w)
{
	size_t n = 0;

	for (size_t i = 1; i < w->n; i++)
		if (w->words[i] == w->words[i - 1] && (n == 0 || w->words[n - 1] != w->words[i]))
			w->words[n++] = w->words[i];
	w->n = n;
}

static void meet(struct verify *v, struct first *firsts, uint64_t position, uint64_t hash, const uint8_t id[16])
{
	struct first *f;
	size_t i = verify_words_find(v->ids.words, v->ids.n, hash);

	if (i == v->ids.n)
		return;
	f = &firsts[i];
	if (f->position == 0) {
		f->position = position;
		memcpy(f->id, id, sizeof f->id);
	} else if (memcmp(f->id, id, sizeof f->id) == 0) {
		verify_report(v, VERIFY_DUPLICATE_ID, position, "the event at position %llu has the eventId of the one at position %llu",
		              (unsigned long long)position, (unsigned long long)f->position);
	}
}

static int meet_record(struct verify *v, void *context, const struct record *r)
{
	struct view view;
	uint8_t id[16];

	if (!view_open(&view, r->body, r->size))
		return EVS_OK;
	verify_ids_hash(&view.texts[NAME_EVENT_ID], id);
	meet(v, context, r->position, term_hash(v->store->seed, TERM_EVENT, &view.texts[NAME_EVENT_ID], v->store->names), id);
	return EVS_OK;
}

/* Look for doubles among the ids that are noted. */
static int check_part(struct verify *v)
{
	struct first *firsts;
	int status;

	verify_words_sort(v->ids.words, v->ids.n);
	keep_doubles(&v->ids);
	if (v->ids.n == 0)
		return EVS_OK;
	if ((firsts = calloc(v->ids.n, sizeof *firsts)) == NULL)
		return error_nomem(v->err);
	status = verify_segments_walk(v, 1, v->end - 1, meet_record, firsts);
	for (size_t i = 0; i < v->n_tail && status == EVS_OK; i++)
		if (v->tail[i].position >= v->end)
			meet(v, firsts, v->tail[i].position, v->tail[i].id, v->tail[i].id_bytes);
	free(firsts);
	return status;
}

int verify_ids(struct verify *v)
{
	int status = check_part(v);

	for (v->part = 1; v->part < v->parts && status == EVS_OK; v->part++) {
		v->ids.n = 0;
		status = verify_segments_walk(v, 1, v->end - 1, add_again, NULL);
		for (size_t i = 0; i < v->n_tail && status == EVS_OK; i++)
			if (v->tail[i].position >= v->end && !verify_ids_add(v, &v->tail[i]))
				status = error_nomem(v->err);
		if (status == EVS_OK)
			status = check_part(v);
	}
	return status;
}
