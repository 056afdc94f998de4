/* Selectors as text, and back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/json.h"
#include "event/render.h"
#include "store/select.h"

enum kind { TEXT, LIST, NUMBER };

/* In the order in which they are written. */
static const struct member {
	const char *name;
	enum kind kind;
	size_t at, n_at; /* in struct evs_selector; n_at: how many a list has */
} members[] = {
#define MEMBER(name) offsetof(struct evs_selector, name)
	{"stream", TEXT, MEMBER(stream), 0},
	{"aggregate-type", TEXT, MEMBER(aggregate_type), 0},
	{"type", LIST, MEMBER(types), MEMBER(n_types)},
	{"event", TEXT, MEMBER(event), 0},
	{"correlation", TEXT, MEMBER(correlation), 0},
	{"causation", TEXT, MEMBER(causation), 0},
	{"tag", LIST, MEMBER(tags), MEMBER(n_tags)},
	{"source", TEXT, MEMBER(source), 0},
	{"from", NUMBER, MEMBER(from), 0},
	{"after", NUMBER, MEMBER(after), 0},
	{"to", NUMBER, MEMBER(to), 0},
	{"from-revision", NUMBER, MEMBER(from_revision), 0},
	{"since", TEXT, MEMBER(since), 0},
	{"until", TEXT, MEMBER(until), 0},
	{"as-of", TEXT, MEMBER(as_of), 0},
	{"where", TEXT, MEMBER(where), 0},
#undef MEMBER
};

enum { MEMBERS = sizeof members / sizeof *members };
static const char shard_name[] = "shard";

/* ---- writing ---- */

static void put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->size > 0 && out->data[out->size - 1] != '{' ? "," : "", name);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	put_name(out, name);
	render_string(out, (const uint8_t *)text, strlen(text));
}

static void put_list(struct buf *out, const char *name, const char *const *list, size_t n)
{
	if (n == 0)
		return;
	put_name(out, name);
	for (size_t i = 0; i < n; i++) {
		buf_byte(out, i == 0 ? '[' : ',');
		render_string(out, (const uint8_t *)list[i], strlen(list[i]));
	}
	buf_byte(out, ']');
}

static void put_number(struct buf *out, const char *name, uint64_t number)
{
	if (number == 0)
		return;
	put_name(out, name);
	buf_printf(out, "%" PRIu64, number);
}

static void put_member(struct buf *out, const struct member *m, const struct evs_selector *s)
{
	const char *at = (const char *)s + m->at, *text;
	const char *const *list;
	uint64_t number;
	size_t n;

	if (m->kind == TEXT) {
		memcpy(&text, at, sizeof text);
		put_text(out, m->name, text);
	} else if (m->kind == LIST) {
		memcpy(&list, at, sizeof list);
		memcpy(&n, (const char *)s + m->n_at, sizeof n);
		put_list(out, m->name, list, n);
	} else {
		memcpy(&number, at, sizeof number);
		put_number(out, m->name, number);
	}
}

void select_text(struct buf *out, const struct evs_selector *s)
{
	char shard[32];

	buf_byte(out, '{');
	for (size_t i = 0; i < MEMBERS; i++)
		put_member(out, &members[i], s);
	snprintf(shard, sizeof shard, "%u/%u", s->shard, s->shards);
	put_text(out, shard_name, s->shards == 0 ? NULL : shard);
	buf_byte(out, '}');
}

/* ---- reading ---- */

static bool read_list(const char ***list, size_t *n, yyjson_val *from)
{
	size_t i, most;
	yyjson_val *word;

	*n = yyjson_arr_size(from);
	*list = calloc(*n + 1, sizeof **list);
	if (*list == NULL)
		return false;
	yyjson_arr_foreach(from, i, most, word)
		if (((*list)[i] = yyjson_get_str(word)) == NULL)
			return false;
	return true;
}

static bool read_member(struct select_read *out, const struct member *m, yyjson_val *from)
{
	char *s = (char *)&out->selector;
	const char ***list = m->at == offsetof(struct evs_selector, types) ? &out->types : &out->tags;
	const char *text = yyjson_get_str(from);
	uint64_t number = yyjson_get_uint(from);
	size_t n;

	if (m->kind == TEXT) {
		memcpy(s + m->at, &text, sizeof text);
		return text != NULL;
	}
	if (m->kind == NUMBER) {
		memcpy(s + m->at, &number, sizeof number);
		return number != 0;
	}
	if (!read_list(list, &n, from))
		return false;
	memcpy(s + m->at, list, sizeof *list);
	memcpy(s + m->n_at, &n, sizeof n);
	return n > 0;
}

bool select_read(struct select_read *out, const char *text)
{
	yyjson_doc *doc = yyjson_read(text, strlen(text), YYJSON_READ_ALLOW_INVALID_UNICODE);
	yyjson_val *root = yyjson_doc_get_root(doc), *value;
	const char *shard;
	bool good = yyjson_is_obj(root);

	*out = (struct select_read){.doc = doc};
	for (size_t i = 0; i < MEMBERS && good; i++)
		if ((value = yyjson_obj_get(root, members[i].name)) != NULL)
			good = read_member(out, &members[i], value);
	shard = yyjson_get_str(yyjson_obj_get(root, shard_name));
	if (good && shard != NULL)
		good = sscanf(shard, "%u/%u", &out->selector.shard, &out->selector.shards) == 2;
	if (!good)
		select_read_release(out);
	return good;
}

void select_read_release(struct select_read *r)
{
	yyjson_doc_free(r->doc);
	free(r->types);
	free(r->tags);
	*r = (struct select_read){0};
}
