#include "store/select.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/hash.h"
#include "base/moment.h"

enum { NOT_ASKED, NO, YES };

/* ---- compiling ---- */

static bool copy(char **to, const char *from)
{
	return from == NULL || (*to = strdup(from)) != NULL;
}

static bool copy_list(char ***to, const char *const *from, size_t n)
{
	if (n == 0)
		return true;
	if ((*to = calloc(n, sizeof **to)) == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!copy(&(*to)[i], from[i]))
			return false;
	return true;
}

static int parse_time(const char *option, const char *text, bool is_end, int64_t *ns, struct evs_error *err)
{
	if (text == NULL || moment_parse_option(text, moment_now_us() * 1000, is_end, ns))
		return EVS_OK;
	return error_set(err, EVS_USAGE, 0, "%s: no time: '%s'; write 2026-05-14T10:30:00Z, 2026-05-14, or -15m, -2h, -7d", option, text);
}

static void text_of(struct text *t, const char *string, uint8_t uuid[16])
{
	if (string != NULL)
		view_text_of(t, string, strlen(string), uuid);
}

static int compile(struct select *s, const struct evs_selector *w, struct evs_error *err)
{
	int64_t as_of = MOMENT_MAX;
	int status;

	s->n_types = w->n_types;
	s->n_tags = w->n_tags;
	if (!copy(&s->stream, w->stream) || !copy(&s->aggregate_type, w->aggregate_type) || !copy(&s->event, w->event) ||
	    !copy(&s->correlation, w->correlation) || !copy(&s->causation, w->causation) || !copy(&s->source, w->source) ||
	    !copy_list(&s->types, w->types, w->n_types) || !copy_list(&s->tags, w->tags, w->n_tags))
		return error_nomem(err);
	s->aggregate_type_size = w->aggregate_type == NULL ? 0 : strlen(w->aggregate_type);
	text_of(&s->stream_text, s->stream, s->uuids[0]);
	text_of(&s->event_text, s->event, s->uuids[1]);
	text_of(&s->correlation_text, s->correlation, s->uuids[2]);
	text_of(&s->causation_text, s->causation, s->uuids[3]);
	text_of(&s->source_text, s->source, s->uuids[4]);
	s->tag_texts = calloc(s->n_tags + 1, sizeof *s->tag_texts);
	s->tag_uuids = calloc(s->n_tags + 1, sizeof *s->tag_uuids);
	s->type_known = s->n_types == 0 ? NULL : calloc(NAME_LIMIT, sizeof *s->type_known);
	if (s->tag_texts == NULL || s->tag_uuids == NULL || (s->n_types > 0 && s->type_known == NULL))
		return error_nomem(err);
	for (size_t i = 0; i < s->n_tags; i++)
		text_of(&s->tag_texts[i], s->tags[i], s->tag_uuids[i]);
	s->since = MOMENT_MIN;
	s->until = MOMENT_MAX;
	if ((status = parse_time("--since", w->since, false, &s->since, err)) != EVS_OK ||
	    (status = parse_time("--until", w->until, true, &s->until, err)) != EVS_OK ||
	    (status = parse_time("--as-of", w->as_of, true, &as_of, err)) != EVS_OK)
		return status;
	s->as_of = as_of == MOMENT_MAX ? INT64_MAX : as_of >= 0 ? as_of / 1000 : -((-(as_of + 1)) / 1000) - 1;
	if (w->where != NULL && (status = expr_parse("--where", w->where, EXPR_EVENT, &s->where, err)) != EVS_OK)
		return status;
	s->from_revision = w->from_revision;
	s->shard = w->shard;
	s->shards = w->shards;
	if (s->shards > 0 && (s->shard == 0 || s->shard > s->shards))
		return error_set(err, EVS_USAGE, 0, "--shard: %u/%u is no shard; write 1/4 to 4/4", s->shard, s->shards);
	s->plain = s->stream == NULL && s->aggregate_type == NULL && s->event == NULL && s->correlation == NULL &&
	           s->causation == NULL && s->source == NULL && s->n_types == 0 && s->n_tags == 0 && s->from_revision == 0 &&
	           s->shards == 0 && w->since == NULL && w->until == NULL && w->as_of == NULL &&
	           s->where == NULL;
	return EVS_OK;
}

int select_new(struct evs_store *store, const struct evs_selector *wanted, struct select **out, struct evs_error *err)
{
	struct select *s = calloc(1, sizeof *s);
	int status;

	*out = NULL;
	if (s == NULL)
		return error_nomem(err);
	s->store = store;
	status = compile(s, wanted, err);
	if (status != EVS_OK) {
		select_free(s);
		return status;
	}
	*out = s;
	return EVS_OK;
}

void select_free(struct select *s)
{
	if (s == NULL)
		return;
	free(s->stream);
	free(s->aggregate_type);
	free(s->event);
	free(s->correlation);
	free(s->causation);
	free(s->source);
	for (size_t i = 0; s->types != NULL && i < s->n_types; i++)
		free(s->types[i]);
	for (size_t i = 0; s->tags != NULL && i < s->n_tags; i++)
		free(s->tags[i]);
	free(s->types);
	free(s->type_known);
	free(s->tags);
	free(s->tag_texts);
	free(s->tag_uuids);
	expr_free(s->where);
	free(s);
}

/* ---- matching ---- */

static bool any_glob(const struct select *s, struct span text)
{
	for (size_t i = 0; i < s->n_types; i++)
		if (glob_match(s->types[i], text.text, text.size))
			return true;
	return false;
}

static bool type_matches(struct select *s, const struct text *type)
{
	char scratch[UUID_TEXT];
	bool yes;

	if (type->kind == TEXT_NAME && s->type_known[type->name] != NOT_ASKED)
		return s->type_known[type->name] == YES;
	yes = any_glob(s, view_span(type, s->store->names, scratch));
	if (type->kind == TEXT_NAME)
		s->type_known[type->name] = yes ? YES : NO;
	return yes;
}

static bool aggregate_matches(struct select *s, const struct text *type)
{
	char scratch[UUID_TEXT];
	struct span span;
	bool yes;

	if (type->kind == TEXT_NONE)
		return s->aggregate_type_size == 0;
	if (type->kind == TEXT_NAME && s->aggregate_known == (int)type->name + 1)
		return true;
	span = view_span(type, s->store->names, scratch);
	yes = span.size == s->aggregate_type_size && memcmp(span.text, s->aggregate_type, span.size) == 0;
	if (type->kind == TEXT_NAME && yes)
		s->aggregate_known = (int)type->name + 1;
	return yes;
}

static bool has_tag(const struct view *v, const struct text *wanted)
{
	const uint8_t *p = v->tags;
	struct text tag;

	for (uint32_t i = 0; i < v->n_tags; i++) {
		if ((p = view_tag(p, v->tags_end, &tag)) == NULL)
			return false;
		if (view_text_same(&tag, wanted))
			return true;
	}
	return false;
}

/* Streams are spread by a hash that is the same in every store and for ever; events without one by their eventId. */
static bool in_shard(const struct select *s, const struct view *v)
{
	char scratch[UUID_TEXT], type_scratch[UUID_TEXT];
	struct span id = view_span(&v->texts[view_has_stream(v) ? NAME_AGGREGATE_ID : NAME_EVENT_ID], s->store->names, scratch);
	struct span type = view_span(&v->texts[NAME_AGGREGATE_TYPE], s->store->names, type_scratch);
	uint64_t h = hash64(id.text, id.size, view_has_stream(v) ? hash64(type.text, type.size, 0) : 0);

	return h % s->shards == s->shard - 1;
}

static bool text_asked(const char *asked, const struct text *wanted, const struct view *v, unsigned field)
{
	return asked == NULL || view_text_same(&v->texts[field], wanted);
}

static bool in_time(const struct select *s, const struct view *v, bool *damaged)
{
	const struct text *t = &v->texts[NAME_TIMESTAMP];
	int64_t moment;

	if (s->since == MOMENT_MIN && s->until == MOMENT_MAX)
		return true;
	if (t->kind != TEXT_STRING || !moment_parse((const char *)t->bytes, t->size, &moment)) {
		*damaged = true;
		return false;
	}
	return moment >= s->since && moment <= s->until;
}

static int damaged_event(const struct record *r, struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)r->position);
}

int select_match(struct select *s, struct eval *eval, const struct record *r, struct evs_error *err)
{
	bool damaged = false, hit;
	struct view v;

	if (s->plain)
		return EVS_OK;
	if (r->recorded_us > s->as_of || r->revision < s->from_revision)
		return EVS_END;
	if (!view_open(&v, r->body, r->size))
		return damaged_event(r, err);
	hit = (s->n_types == 0 || type_matches(s, &v.texts[NAME_EVENT_TYPE])) &&
	      (s->stream == NULL || view_text_same(&v.texts[NAME_AGGREGATE_ID], &s->stream_text)) &&
	      (s->aggregate_type == NULL || aggregate_matches(s, &v.texts[NAME_AGGREGATE_TYPE])) &&
	      text_asked(s->event, &s->event_text, &v, NAME_EVENT_ID) &&
	      text_asked(s->correlation, &s->correlation_text, &v, NAME_CORRELATION_ID) &&
	      text_asked(s->causation, &s->causation_text, &v, NAME_CAUSATION_ID) &&
	      text_asked(s->source, &s->source_text, &v, NAME_SOURCE);
	for (size_t i = 0; i < s->n_tags && hit; i++)
		hit = has_tag(&v, &s->tag_texts[i]);
	hit = hit && in_time(s, &v, &damaged) && (s->shards == 0 || in_shard(s, &v));
	if (damaged)
		return damaged_event(r, err);
	return hit && s->where != NULL ? expr_holds(s->where, eval, r, NULL, err) : hit ? EVS_OK : EVS_END;
}

/* ---- terms ---- */

/* A type as the store has it: interned, or plain. */
static struct text stored_type(const struct select *s, const char *type, size_t size, uint8_t uuid[16])
{
	int number = name_find(s->store->names, type, size);
	struct text t = {.kind = TEXT_NAME, .name = (uint16_t)number};

	if (number < 0)
		view_text_of(&t, type, size, uuid);
	return t;
}

/* Whether the types that a glob stands for can be listed: where there may be some that have no number, only one can. */
static bool is_listed(const struct select *s, const char *glob)
{
	return glob_is_literal(glob) || name_count(s->store->names) < NAME_LIMIT;
}

/* Add the types that a glob stands for. */
static bool expand_glob(const struct select *s, const char *glob, struct term_group *g)
{
	unsigned count = name_count(s->store->names);
	uint8_t uuid[16];
	struct text t;

	if (glob_is_literal(glob)) {
		t = stored_type(s, glob, strlen(glob), uuid);
		return term_group_add(g, term_hash(s->store->seed, TERM_TYPE, &t, s->store->names));
	}
	for (unsigned i = 0; i < count; i++) {
		const struct name *n = name_get(s->store->names, i);
		t = (struct text){.kind = TEXT_NAME, .name = (uint16_t)i};
		if (glob_match(glob, n->text, n->size) && !term_group_add(g, term_hash(s->store->seed, TERM_TYPE, &t, s->store->names)))
			return false;
	}
	return true;
}

static bool add_group(struct term_group *groups, size_t cap, size_t *n, uint64_t hash)
{
	return *n >= cap || term_group_add(&groups[(*n)++], hash);
}

static bool add_types(const struct select *s, struct term_group *groups, size_t cap, size_t *n)
{
	bool ok = true;

	if (s->n_types == 0 || *n >= cap)
		return true;
	for (size_t i = 0; i < s->n_types; i++)
		if (!is_listed(s, s->types[i]))
			return true;
	for (size_t i = 0; i < s->n_types && ok; i++)
		ok = expand_glob(s, s->types[i], &groups[*n]);
	++*n;
	return ok;
}

bool select_groups(const struct select *s, struct term_group *groups, size_t cap, size_t *n)
{
	const struct names *names = s->store->names;
	uint64_t seed = s->store->seed;
	bool ok = true;

	*n = 0;
	if (s->stream != NULL && s->aggregate_type != NULL) {
		uint8_t uuid[16];
		struct text type = {.kind = TEXT_NONE};
		uint64_t aggregate = term_hash(seed, TERM_AGGREGATE, &s->stream_text, names);
		if (s->aggregate_type_size > 0)
			type = stored_type(s, s->aggregate_type, s->aggregate_type_size, uuid);
		ok = add_group(groups, cap, n, term_stream(seed, aggregate, &type, names));
	}
	if (ok && s->correlation != NULL)
		ok = add_group(groups, cap, n, term_hash(seed, TERM_CORRELATION, &s->correlation_text, names));
	if (ok && s->causation != NULL)
		ok = add_group(groups, cap, n, term_hash(seed, TERM_CAUSATION, &s->causation_text, names));
	for (size_t i = 0; i < s->n_tags && ok; i++)
		ok = add_group(groups, cap, n, term_hash(seed, TERM_TAG, &s->tag_texts[i], names));
	return ok && add_types(s, groups, cap, n);
}
