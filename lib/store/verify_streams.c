/* The streams of a run: each is there, at the revision that its events say. */
#include "store/verify.h"

#include "base/error.h"

/* Looking a stream up by its name. */
struct lookup {
	const struct run_stream *wanted;
	unsigned hits;
};

static void hit(void *context, const struct run_stream *s)
{
	struct lookup *l = context;
	const struct run_stream *w = l->wanted;

	l->hits += s->revision == w->revision && (s->type == NULL) == (w->type == NULL) && s->type_size == w->type_size &&
	           (s->type == NULL || memcmp(s->type, w->type, s->type_size) == 0);
}

static void note_stream(struct verify *v, const struct run *r, const struct run_stream *s, const char *what)
{
	char scratch[UUID_TEXT];
	struct span id = view_span(&s->id, v->store->names, scratch);

	verify_report(v, VERIFY_INDEX_STREAM, 0, "the run of the index of positions %llu to %llu has stream '%.*s' at revision %llu, %s",
	              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1), (int)id.size, id.text,
	              (unsigned long long)s->revision, what);
}

/* The hashes of a run's stream; its type is hashed as events have it: by its number where it has one. */
static uint64_t stream_hash(const struct verify *v, struct run_stream *s)
{
	const struct names *names = v->store->names;
	int number = s->type == NULL ? -1 : name_find(names, s->type, s->type_size);
	struct text type = {.kind = TEXT_NONE};
	uint8_t uuid[16];

	if (number >= 0)
		type = (struct text){.kind = TEXT_NAME, .name = (uint16_t)number};
	else if (s->type != NULL)
		view_text_of(&type, s->type, s->type_size, uuid);
	s->aggregate = term_hash(v->store->seed, TERM_AGGREGATE, &s->id, names);
	return term_stream(v->store->seed, s->aggregate, &type, names);
}

/* One stream of a run. Whether the stretch has events of it. */
static bool check_stream(struct verify *v, const struct run *r, const struct run_stream *s, uint64_t hash)
{
	const struct verify_stretch *x = &v->stretch;
	const struct verify_seen_stream *seen = verify_seen_find(&v->streams, hash);
	bool complete = x->ids.n == x->last - x->first + 1;
	struct lookup l = {s, 0};

	if (!run_may_have(r, run_mix(s->aggregate)))
		verify_report(v, VERIFY_INDEX_FILTER, 0,
		              "the filter of the run of positions %llu to %llu does not let one of its streams pass",
		              (unsigned long long)r->first, (unsigned long long)(r->first + r->count - 1));
	if (!run_find_streams(r, &s->id, s->aggregate, hit, &l) || l.hits != 1)
		note_stream(v, r, s, l.hits == 0 ? "where it is not found" : "twice");
	if (seen == NULL || seen->mark != x->number) {
		if (complete && r->first == x->first)
			note_stream(v, r, s, "but none of its events");
		return false;
	}
	/* The newest event may be one that could not be read. */
	if (s->revision != seen->revision && (complete || s->revision < seen->revision))
		note_stream(v, r, s, "its events say another");
	return true;
}

/* The streams of the stretch that are none of `there`. */
static bool find_missing(struct verify *v, struct verify_words *there)
{
	bool ok = true;

	verify_words_sort(there->words, there->n);
	for (size_t i = 0; i < v->streams.n_slots && ok; i++) {
		const struct verify_seen_stream *s = &v->streams.slots[i];
		if (s->hash != 0 && s->mark == v->stretch.number && verify_words_find(there->words, there->n, s->hash) == there->n)
			ok = verify_words_add(&v->stretch.missing, s->hash);
	}
	verify_words_sort(v->stretch.missing.words, v->stretch.missing.n);
	return ok;
}

int verify_streams(struct verify *v, const struct run *r)
{
	struct verify_words there = {0};
	uint64_t matched = 0;
	struct run_dump d;
	int status = verify_runs_dump(v, r, VERIFY_PART_STREAMS, &d);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	for (size_t i = 0; i < d.n_streams && status == EVS_OK; i++) {
		uint64_t hash = stream_hash(v, &d.streams[i]);
		matched += check_stream(v, r, &d.streams[i], hash);
		if (!verify_words_add(&there, hash))
			status = error_nomem(v->err);
	}
	if (status == EVS_OK && matched < v->stretch.streams && !find_missing(v, &there))
		status = error_nomem(v->err);
	verify_words_free(&there);
	run_dump_free(&d);
	return status;
}

/* Tell of a missing stream at its newest event. */
static int tell(struct verify *v, void *context, const struct record *r)
{
	const struct verify_words *missing = &v->stretch.missing;
	const struct verify_seen_stream *seen;
	char scratch[UUID_TEXT];
	struct view view;
	struct span id;
	uint64_t hash;

	(void)context;
	if (!view_open(&view, r->body, r->size) || !view_has_stream(&view))
		return EVS_OK;
	hash = term_hash(v->store->seed, TERM_AGGREGATE, &view.texts[NAME_AGGREGATE_ID], v->store->names);
	hash = term_stream(v->store->seed, hash, &view.texts[NAME_AGGREGATE_TYPE], v->store->names);
	seen = verify_seen_find(&v->streams, hash);
	if (seen == NULL || seen->revision != r->revision || verify_words_find(missing->words, missing->n, hash) == missing->n)
		return EVS_OK;
	id = view_span(&view.texts[NAME_AGGREGATE_ID], v->store->names, scratch);
	verify_report(v, VERIFY_INDEX_STREAM, r->position,
	              "stream '%.*s', at revision %llu with the event at position %llu, is missing in the index",
	              (int)id.size, id.text, (unsigned long long)r->revision, (unsigned long long)r->position);
	return EVS_OK;
}

int verify_streams_missing(struct verify *v)
{
	const struct verify_stretch *s = &v->stretch;

	return s->missing.n == 0 ? EVS_OK : verify_segments_walk(v, s->first, s->last, tell, NULL);
}
