#include "store/query.h"

#include <stdlib.h>

#include "base/error.h"
#include "event/parse.h"
#include "store/narrow.h"

enum { ITEMS_MAX = 1000, TERMS_MAX = 10000 };

struct item {
	struct text *types, *tags;
	size_t n_types, n_tags;
};

/* Texts borrow packed. */
struct query {
	struct buf packed;
	struct item *items;
	size_t n, cap;
};

/* ---- reading ---- */

static int wrong(struct evs_error *err, const char *what)
{
	return error_set(err, EVS_USAGE, 0, "--fail-if: the query %s; it looks like [{\"types\":[\"order.placed\"],\"tags\":[\"order:1\"]}]", what);
}

/* An array of strings. */
static const uint8_t *read_texts(const uint8_t *p, const uint8_t *end, struct text **out, size_t *n)
{
	struct packed v = {0};

	p = packed_read(p, end, &v);
	if (v.kind != PACKED_ARRAY || v.size > TERMS_MAX || *out != NULL)
		return NULL;
	*out = calloc(v.size + 1, sizeof **out);
	if (*out == NULL)
		return NULL;
	*n = v.size;
	for (size_t i = 0; i < *n; i++)
		if ((p = view_tag(p, end, &(*out)[i])) == NULL)
			return NULL;
	return p;
}

static bool key_is(const struct packed *key, const char *text)
{
	return key->kind == PACKED_STRING && key->size == strlen(text) && memcmp(key->bytes, text, key->size) == 0;
}

static const uint8_t *read_item(struct query *q, const uint8_t *p, const uint8_t *end)
{
	struct packed v = {0}, key = {0};
	struct item *item;

	p = packed_read(p, end, &v);
	if (v.kind != PACKED_MAP || q->n >= ITEMS_MAX || !array_grow(&q->items, &q->cap, q->n, sizeof *q->items))
		return NULL;
	item = &q->items[q->n++];
	*item = (struct item){0};
	for (uint32_t i = 0; i < v.size && p != NULL; i++) {
		p = packed_read(p, end, &key);
		if (key_is(&key, "types"))
			p = read_texts(p, end, &item->types, &item->n_types);
		else if (key_is(&key, "tags"))
			p = read_texts(p, end, &item->tags, &item->n_tags);
		else
			return NULL;
	}
	return p;
}

static int read_query(struct query *q, struct evs_error *err)
{
	const uint8_t *p = q->packed.data, *end = p + q->packed.size;
	struct packed v = {0}, key = {0};

	p = packed_read(p, end, &v);
	if (v.kind == PACKED_MAP && v.size == 1) {
		p = packed_read(p, end, &key);
		if (!key_is(&key, "items"))
			return wrong(err, "is no array of items");
		p = packed_read(p, end, &v);
	}
	if (v.kind != PACKED_ARRAY)
		return wrong(err, "is no array of items");
	if (v.size == 0)
		return wrong(err, "has no items ([{}] matches every event)");
	for (uint32_t i = 0; i < v.size; i++)
		if ((p = read_item(q, p, end)) == NULL)
			return wrong(err, "has an item that is not {\"types\":[strings],\"tags\":[strings]}");
	return EVS_OK;
}

int query_parse(const char *text, struct query **out, struct evs_error *err)
{
	struct query *q = calloc(1, sizeof *q);
	int status;

	*out = NULL;
	if (q == NULL)
		return error_nomem(err);
	status = parse_value(text, strlen(text), &q->packed, err);
	if (status == EVS_BAD_EVENT) {
		error_prefix(err, "--fail-if: the query is no JSON: ");
		status = EVS_USAGE;
		if (err != NULL)
			err->status = EVS_USAGE;
	}
	if (status == EVS_OK)
		status = read_query(q, err);
	if (status != EVS_OK) {
		query_free(q);
		return status;
	}
	*out = q;
	return EVS_OK;
}

void query_free(struct query *q)
{
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->n; i++) {
		free(q->items[i].types);
		free(q->items[i].tags);
	}
	free(q->items);
	buf_free(&q->packed);
	free(q);
}

/* ---- matching ---- */

static bool same_text(const struct text *a, const struct text *b, const struct names *names)
{
	char x[UUID_TEXT], y[UUID_TEXT];
	struct span s = view_span(a, names, x), t = view_span(b, names, y);

	return s.size == t.size && memcmp(s.text, t.text, s.size) == 0;
}

static bool item_matches(const struct item *item, const struct view *v, const struct names *names)
{
	bool hit = item->n_types == 0;

	for (size_t i = 0; i < item->n_types && !hit; i++)
		hit = same_text(&item->types[i], &v->texts[NAME_EVENT_TYPE], names);
	for (size_t i = 0; i < item->n_tags && hit; i++) {
		const uint8_t *p = v->tags;
		struct text tag;
		hit = false;
		for (uint32_t k = 0; k < v->n_tags && !hit && p != NULL; k++)
			if ((p = view_tag(p, v->tags_end, &tag)) != NULL)
				hit = view_text_same(&tag, &item->tags[i]);
	}
	return hit;
}

struct search {
	const struct index *x;
	const struct item *item;
	uint64_t after, found;
	struct evs_error *err;
};

static int confirm(void *context, uint64_t position)
{
	struct search *s = context;
	struct record r;
	struct view v;
	int status;

	if (position <= s->after)
		return EVS_OK;
	status = fetch_record(s->x->fetch, s->x->txn, position, &r, s->err);
	if (status != EVS_OK || !view_open(&v, r.body, r.size))
		return error_set(s->err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)position);
	if (!item_matches(s->item, &v, s->x->store->names))
		return EVS_OK;
	s->found = position;
	return EVS_INTERRUPTED;
}

static uint64_t type_hash(const struct index *x, const struct text *type)
{
	char scratch[UUID_TEXT];
	struct span s = view_span(type, NULL, scratch);
	int number = name_find(x->store->names, s.text, s.size);
	struct text interned = {.kind = TEXT_NAME, .name = (uint16_t)number};

	return term_hash(x->store->seed, TERM_TYPE, number >= 0 ? &interned : type, x->store->names);
}

/* What the index is asked for: the item's tags, each a group, and its types, which are one. */
static bool make_groups(const struct search *s, struct term_group *groups, size_t *n)
{
	const struct item *item = s->item;
	const struct names *names = s->x->store->names;
	bool ok = true;

	for (*n = 0; *n < item->n_tags && ok; ++*n)
		ok = term_group_add(&groups[*n], term_hash(s->x->store->seed, TERM_TAG, &item->tags[*n], names));
	for (size_t i = 0; i < item->n_types && ok; i++)
		ok = term_group_add(&groups[*n], type_hash(s->x, &item->types[i]));
	*n += item->n_types > 0;
	return ok;
}

static int each_recent(const struct search *s, const struct term_group *g, int (*each)(void *context, uint64_t position), void *context)
{
	int status = EVS_OK;

	for (size_t i = 0; i < g->n && status == EVS_OK; i++)
		status = index_each_recent(s->x, g->hashes[i], each, context, s->err);
	return status;
}

static int count_one(void *context, uint64_t position)
{
	(void)position;
	++*(size_t *)context;
	return EVS_OK;
}

/* Of the tail the events of the group that has the fewest there. */
static int search_tail(struct search *s, const struct term_group *groups, size_t n_groups)
{
	size_t least = SIZE_MAX, best = 0;
	int status = EVS_OK;

	for (size_t i = 0; i < n_groups && n_groups > 1 && status == EVS_OK; i++) {
		size_t n = 0;
		status = each_recent(s, &groups[i], count_one, &n);
		if (n < least) {
			least = n;
			best = i;
		}
	}
	return status == EVS_OK ? each_recent(s, &groups[best], confirm, s) : status;
}

static int search_run(struct search *s, const struct run *r, const struct term_group *groups, size_t n_groups)
{
	uint32_t *positions;
	size_t n;
	int status = narrow_run(r, groups, n_groups, SIZE_MAX, &positions, &n, s->err);

	while (n > 0 && status == EVS_OK)
		status = confirm(s, r->first + positions[--n]);
	free(positions);
	return status;
}

static int search_groups(struct search *s, const struct term_group *groups, size_t n)
{
	int status = search_tail(s, groups, n);

	for (size_t i = s->x->n_runs; status == EVS_OK && i-- > 0;) {
		const struct run *r = &s->x->runs[i];
		if (r->first + r->count - 1 <= s->after)
			break;
		status = search_run(s, r, groups, n);
	}
	return status;
}

static int search_item(struct search *s)
{
	struct term_group *groups;
	size_t n = 0;
	int status;

	if (s->item->n_tags == 0 && s->item->n_types == 0) {
		s->found = s->x->state.last_position > s->after ? s->x->state.last_position : 0;
		return EVS_OK;
	}
	groups = calloc(s->item->n_tags + 1, sizeof *groups);
	if (groups == NULL)
		return error_nomem(s->err);
	status = make_groups(s, groups, &n) ? search_groups(s, groups, n) : error_nomem(s->err);
	for (size_t i = 0; i <= s->item->n_tags; i++)
		term_group_release(&groups[i]);
	free(groups);
	return status;
}

int query_find(const struct query *q, const struct index *x, uint64_t after, uint64_t *position, struct evs_error *err)
{
	*position = 0;
	for (size_t i = 0; i < q->n; i++) {
		struct search s = {.x = x, .item = &q->items[i], .after = after, .err = err};
		int status = search_item(&s);
		if (s.found != 0) {
			*position = s.found;
			return EVS_OK;
		}
		if (status != EVS_OK)
			return status;
	}
	return EVS_OK;
}
