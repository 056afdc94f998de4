#include "common/candidates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "event/view.h"
#include "evs.h"
#include "store/store.h"

enum {
	EVENTS = 5000,      /* the newest, which are looked at */
	BYTES = 4 << 20,    /* and no more of them than that */
	TYPES = 256,        /* names of a store that are tried as types */
	LETTERS = 1000,
	STATES = 1000
};

/* Fields of an event by the kind of completion that they are for. */
static const struct {
	const char *kind;
	enum evs_field field;
} fields[] = {
	{"type", EVS_FIELD_TYPE},
	{"stream", EVS_FIELD_STREAM},
	{"aggregate-type", EVS_FIELD_AGGREGATE_TYPE},
	{"source", EVS_FIELD_SOURCE},
	{"event", EVS_FIELD_ID},
	{"correlation", EVS_FIELD_CORRELATION},
	{"causation", EVS_FIELD_CAUSATION},
};

/* ---- the list ---- */

/* Whether a text can stand on a line of its own and begins as what was typed. */
static bool fits(const struct candidates *c, const char *text, size_t size)
{
	size_t typed = strlen(c->typed);

	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || (i + 1 < size && (unsigned char)text[i] == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			return false; /* a control character */
	return size > 0 && size >= typed && memcmp(text, c->typed, typed) == 0;
}

static void add(struct candidates *c, const char *text, size_t size)
{
	char *copy;

	if (!fits(c, text, size) || !array_grow(&c->list, &c->cap, c->n, sizeof *c->list))
		return;
	if ((copy = strndup(text, size)) != NULL)
		c->list[c->n++] = copy;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Put the list in order, each text once. */
static void sort(struct candidates *c)
{
	size_t kept = 0;

	if (c->n > 1)
		qsort(c->list, c->n, sizeof *c->list, by_text);
	for (size_t i = 0; i < c->n; i++) {
		if (kept > 0 && strcmp(c->list[i], c->list[kept - 1]) == 0)
			free(c->list[i]);
		else
			c->list[kept++] = c->list[i];
	}
	c->n = kept;
}

void candidates_release(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i]);
	free(c->list);
}

/* ---- events ---- */

/* The tags of an event. */
static void add_tags(struct candidates *c, const struct evs_event *e)
{
	char scratch[UUID_TEXT];
	struct text text;
	struct view v;
	const uint8_t *p;

	if (!view_open(&v, e->packed, e->packed_size))
		return;
	p = v.tags;
	for (uint32_t i = 0; i < v.n_tags && p != NULL; i++) {
		if ((p = view_tag(p, v.tags_end, &text)) != NULL) {
			struct span tag = view_span(&text, NULL, scratch);

			add(c, tag.text, tag.size);
		}
	}
}

/* A field of the envelope of the newest events; NULL: their tags. */
static void add_events(struct candidates *c, struct evs_store *store, const enum evs_field *field)
{
	struct evs_selector newest = {.reverse = true, .has_limit = true, .limit = EVENTS};
	char scratch[EVS_FIELD_SCRATCH];
	struct evs_read *read;
	struct evs_event e;
	size_t bytes = 0, size;

	if (evs_read_new(store, &newest, &read, NULL) != EVS_OK)
		return;
	while (bytes < BYTES && evs_read_next(read, &e, NULL) == EVS_OK) {
		const char *text = field == NULL ? NULL : evs_event_field(store, &e, *field, scratch, &size);

		if (text != NULL)
			add(c, text, size);
		else if (field == NULL)
			add_tags(c, &e);
		bytes += e.packed_size;
	}
	evs_read_free(read);
}

/* Whether there is an event of a type; the index knows. */
static bool is_type(struct evs_store *store, const char *type)
{
	struct evs_selector one = {.types = &type, .n_types = 1, .has_limit = true, .limit = 1};
	struct evs_read *read;
	struct evs_event e;
	bool found;

	if (strpbrk(type, "*?[\\") != NULL || evs_read_new(store, &one, &read, NULL) != EVS_OK)
		return false;
	found = evs_read_next(read, &e, NULL) == EVS_OK;
	evs_read_free(read);
	return found;
}

/* Types that none of the newest events has: a store's names are keys of objects and types. */
static void add_types(struct candidates *c, struct evs_store *store)
{
	unsigned n = name_count(store->names), tried = 0;

	for (unsigned i = NAME_FIXED; i < n && tried < TYPES; i++) {
		const struct name *name = name_get(store->names, i);
		char text[NAME_BYTES_MAX + 1];

		if (!fits(c, name->text, name->size))
			continue;
		tried++;
		snprintf(text, sizeof text, "%.*s", (int)name->size, name->text);
		if (is_type(store, text))
			add(c, text, name->size);
	}
}

/* ---- what else a store has ---- */

static int add_group(void *context, const struct evs_group *group)
{
	add(context, group->name, group->name_size);
	return 0;
}

static int add_projection(void *context, const struct evs_projection *projection)
{
	add(context, projection->name, projection->name_size);
	return 0;
}

/* The keys of lines {"key":"...",...; one that is written with a backslash is left out. */
static int add_keys(void *context, const void *text, size_t size)
{
	static const char lead[] = "{\"key\":\"";
	const char *p = text, *end = p + size;

	while (p < end) {
		const char *next = memchr(p, '\n', (size_t)(end - p)), *quote;

		next = next == NULL ? end : next + 1;
		if ((size_t)(next - p) >= sizeof lead && memcmp(p, lead, sizeof lead - 1) == 0) {
			p += sizeof lead - 1;
			quote = memchr(p, '"', (size_t)(next - p));
			if (quote != NULL && memchr(p, '\\', (size_t)(quote - p)) == NULL)
				add(context, p, (size_t)(quote - p));
		}
		p = next;
	}
	return 0;
}

static int note_by_stream(void *context, const struct evs_projection *projection)
{
	*(bool *)context = projection->by_stream;
	return 0;
}

/* Keys of a projection's states: the first ones and, by stream, those that changed of late. */
static void add_states(struct candidates *c, struct evs_store *store)
{
	static const enum evs_field stream = EVS_FIELD_STREAM;
	struct evs_show_options show = {.name = c->projection, .has_limit = true, .limit = STATES, .write = add_keys, .context = c};
	bool by_stream = false;

	evs_project_list(store, c->projection, note_by_stream, &by_stream, NULL);
	evs_project_show(store, &show, NULL);
	if (by_stream)
		add_events(c, store, &stream);
}

static void add_letters(struct candidates *c, struct evs_store *store)
{
	struct evs_letter *letter;
	uint64_t id = 0;
	char text[24];

	for (unsigned i = 0; i < LETTERS && evs_letter_get(store, id + 1, true, &letter, NULL) == EVS_OK; i++) {
		id = letter->id;
		add(c, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, id));
		evs_letter_free(letter);
	}
}

/* Find those of a kind in an open store. */
static void find_kind(struct candidates *c, const char *kind, struct evs_store *store)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcmp(kind, fields[i].kind) == 0)
			add_events(c, store, &fields[i].field);
	if (strcmp(kind, "type") == 0)
		add_types(c, store);
	else if (strcmp(kind, "tag") == 0)
		add_events(c, store, NULL);
	else if (strcmp(kind, "group") == 0)
		evs_group_list(store, NULL, add_group, c, NULL);
	else if (strcmp(kind, "projection") == 0)
		evs_project_list(store, NULL, add_projection, c, NULL);
	else if (strcmp(kind, "key") == 0 && c->projection != NULL)
		add_states(c, store);
	else if (strcmp(kind, "letter") == 0)
		add_letters(c, store);
}

void candidates_find(struct candidates *c, const char *kind, const char *path)
{
	struct evs_store *store;

	if (evs_open(path, EVS_READ, &store, NULL) != EVS_OK)
		return;
	find_kind(c, kind, store);
	evs_close(store);
	sort(c);
}
