#include "fold/look.h"

#include <stdlib.h>
#include <string.h>

#include "fold/program.h"

struct look {
	const struct fold *fold;
	const struct names *names;
	unsigned seen; /* how many names there were when numbers were looked up */
	int64_t *numbers; /* of the paths' keys; -1: none */
};

/* ---- the paths of a fold ---- */

/* The path of a key, among those that begin at *first; made where there is none. CODE_NONE: no memory. */
static uint32_t path_of(struct fold *f, uint32_t first, uint32_t parent, int field, const struct value *key)
{
	uint32_t last = CODE_NONE, i;

	for (i = first; i != CODE_NONE; last = i, i = f->paths[i].next)
		if (f->paths[i].key.size == key->size && memcmp(f->paths[i].key.text, key->text, key->size) == 0)
			return i;
	if (!array_grow(&f->paths, &f->paths_cap, f->n_paths, sizeof *f->paths))
		return CODE_NONE;
	f->paths[f->n_paths] = (struct look_path){.key = {key->text, key->size}, .field = field, .first = CODE_NONE, .next = CODE_NONE};
	if (last != CODE_NONE)
		f->paths[last].next = f->n_paths;
	else if (parent != CODE_NONE)
		f->paths[parent].first = f->n_paths;
	return f->n_paths++;
}

/* The field of the event that a view has at hand, -1 for others. */
static int field_of(const struct value *key)
{
	static const enum name_fixed fields[] = {
		NAME_DATA, NAME_EVENT_TYPE, NAME_EVENT_ID, NAME_TIMESTAMP, NAME_AGGREGATE_ID, NAME_AGGREGATE_TYPE, NAME_SOURCE,
		NAME_CORRELATION_ID, NAME_CAUSATION_ID,
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *text = name_fixed_text(fields[i]);
		if (strlen(text) == key->size && memcmp(text, key->text, key->size) == 0)
			return (int)fields[i];
	}
	return -1;
}

bool look_find_paths(struct fold *f)
{
	for (uint32_t i = 0; i < f->code.n; i++) {
		struct code_node *n = &f->code.nodes[i];
		const struct code_node *of = n->op == CODE_MEMBER ? code_kid(&f->code, n, 0) : NULL;
		int field = -1;

		if (of == NULL)
			continue;
		if (of->op == CODE_CONTEXT || of->op == CODE_EVENT) {
			field = field_of(&n->constant);
			if (field < 0)
				continue;
			n->of_event = of->op == CODE_EVENT;
			n->path = path_of(f, f->n_paths > 0 ? 0 : CODE_NONE, CODE_NONE, field, &n->constant);
		} else if (of->path != CODE_NONE && (f->paths[of->path].field == NAME_DATA || f->paths[of->path].field < 0)) {
			n->of_event = of->of_event;
			n->path_steps = (uint16_t)(of->path_steps + 1);
			n->path = path_of(f, f->paths[of->path].first, of->path, -1, &n->constant);
		} else {
			continue;
		}
		if (n->path == CODE_NONE)
			return false;
	}
	return true;
}

/* ---- the values of an event ---- */

enum { NEAR_MAX = 48 }; /* bytes of a text that is copied to where the values are */

/* How many values there are of an event. */
static uint32_t count(const struct look *l)
{
	return l->fold == NULL ? 0 : l->fold->n_paths;
}

struct look *look_new(const struct fold *fold, const struct names *names)
{
	struct look *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->fold = fold;
	l->names = names;
	l->numbers = calloc(count(l) + 1, sizeof *l->numbers);
	if (l->numbers == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void look_free(struct look *l)
{
	if (l == NULL)
		return;
	free(l->numbers);
	free(l);
}

void look_renew(struct look *l)
{
	unsigned names = name_count(l->names);

	for (uint32_t i = 0; l->seen != names && i < count(l); i++)
		l->numbers[i] = name_find(l->names, l->fold->paths[i].key.text, l->fold->paths[i].key.size);
	l->seen = names;
}

size_t look_room(const struct look *l)
{
	return count(l) * (sizeof(struct value) + NEAR_MAX) + 2 * NEAR_MAX;
}

/* Whether the packed key of an object, which is no number, is a path's. */
static bool is_key(const struct look *l, uint32_t path, const struct packed *key)
{
	const struct node_key *sought = &l->fold->paths[path].key;
	char text[UUID_TEXT];

	if (key->kind == PACKED_STRING)
		return key->size == sought->size && memcmp(key->bytes, sought->text, sought->size) == 0;
	if (sought->size != UUID_TEXT)
		return false;
	uuid_format(key->bytes, text);
	return memcmp(text, sought->text, UUID_TEXT) == 0;
}

/* The path of a key, among those from `first` on; CODE_NONE: none leads there. */
static uint32_t find_path(const struct look *l, uint32_t first, const struct packed *key)
{
	uint32_t path = first;

	if (key->kind == PACKED_UINT)
		while (path != CODE_NONE && key->number != (uint64_t)l->numbers[path])
			path = l->fold->paths[path].next;
	else
		while (path != CODE_NONE && !is_key(l, path, key))
			path = l->fold->paths[path].next;
	return path;
}

/* Give the paths from one on that are inside the same, and those inside them, a kind. */
static void set_kind(const struct look *l, uint32_t first, uint8_t kind, struct value *values)
{
	for (uint32_t i = first; i != CODE_NONE; i = l->fold->paths[i].next) {
		values[i] = (struct value){.kind = kind};
		set_kind(l, l->fold->paths[i].first, kind, values);
	}
}

/* Find the members of a packed object that the paths from `first` on lead to. False where it is malformed. */
static bool find_members(const struct look *l, uint32_t first, const struct value *object, struct value *values)
{
	const uint8_t *end = object->packed + object->size, *p, *after;
	struct packed head = {0}, key = {0};
	struct arena none = {0}; /* what needs memory stays unknown */
	uint32_t path;

	p = packed_read(object->packed, end, &head);
	for (uint32_t i = 0; i < head.size; i++) {
		p = packed_read(p, end, &key);
		if (key.kind != PACKED_UINT && key.kind != PACKED_STRING && key.kind != PACKED_UUID16)
			return false;
		path = find_path(l, first, &key);
		after = path == CODE_NONE ? packed_skip(p, end) : value_read(&none, p, end, &values[path]);
		if (after == NULL) {
			if (path == CODE_NONE || (after = packed_skip(p, end)) == NULL)
				return false;
			values[path].kind = LOOK_UNKNOWN;
		}
		p = after;
	}
	return true;
}

/* Find what the paths from `first` on lead to inside a value. */
static void look_inside(const struct look *l, uint32_t first, const struct value *in, struct value *values)
{
	bool found = false;

	for (uint32_t i = first; i != CODE_NONE; i = l->fold->paths[i].next)
		values[i].kind = VALUE_ABSENT;
	if (first != CODE_NONE && in->kind == VALUE_PACKED && !value_is_list(in))
		found = find_members(l, first, in, values);
	for (uint32_t i = first; i != CODE_NONE && found; i = l->fold->paths[i].next)
		if (l->fold->paths[i].first != CODE_NONE)
			look_inside(l, l->fold->paths[i].first, &values[i], values);
	if (!found)
		set_kind(l, first, value_is_null(in) ? VALUE_ABSENT : LOOK_UNKNOWN, values);
}

/* A string field of the envelope. */
static struct value text_value(const struct look *l, const struct text *t)
{
	const struct name *name;

	switch (t->kind) {
	case TEXT_NONE:
		return (struct value){.kind = VALUE_ABSENT};
	case TEXT_STRING:
		return value_text((const char *)t->bytes, t->size);
	case TEXT_NAME:
		if ((name = name_get(l->names, t->name)) != NULL)
			return value_text(name->text, name->size);
		break;
	case TEXT_UUID:
		break;
	}
	return (struct value){.kind = LOOK_UNKNOWN};
}

/* The data of an event. */
static struct value data_value(const struct view *view)
{
	struct arena none = {0};
	struct value v = {.kind = VALUE_ABSENT};

	if (view->data != NULL && value_read(&none, view->data, view->data_end, &v) == NULL)
		v.kind = LOOK_UNKNOWN;
	return v;
}

/* Find what all paths lead to. The first one is a field of the event, and links to the others that are. */
static void find_values(const struct look *l, const struct view *view, struct value *values)
{
	for (uint32_t i = count(l) > 0 ? 0 : CODE_NONE; i != CODE_NONE; i = l->fold->paths[i].next) {
		const struct look_path *path = &l->fold->paths[i];
		values[i] = path->field == NAME_DATA ? data_value(view) : text_value(l, &view->texts[path->field]);
		look_inside(l, path->first, &values[i], values);
	}
}

/* Copy a text of an event, if it is short. Names are near anyway. */
static const char *bring_near(char **to, const char *text, size_t size)
{
	char *copy = *to;

	if (size > NEAR_MAX)
		return text;
	memcpy(copy, text, size);
	*to += size;
	return copy;
}

/* The text of a field of the envelope. */
static struct span near_span(const struct look *l, const struct text *t, char **to)
{
	struct span s;

	if (t->kind == TEXT_NONE)
		return (struct span){0};
	if (t->kind == TEXT_UUID) {
		s = view_span(t, l->names, *to);
		*to += UUID_TEXT;
		return s;
	}
	s = view_span(t, l->names, NULL);
	if (t->kind == TEXT_STRING)
		s.text = bring_near(to, s.text, s.size);
	return s;
}

size_t look_at(const struct look *l, const struct record *record, void *memory, struct fold_event *out)
{
	struct value *values = memory;
	char *texts = (char *)(values + count(l));
	struct view view;

	if (!view_open(&view, record->body, record->size))
		return 0;
	find_values(l, &view, values);
	for (uint32_t i = 0; i < count(l); i++)
		if (values[i].kind == VALUE_TEXT && l->fold->paths[i].field < 0)
			values[i].text = bring_near(&texts, values[i].text, values[i].size);
	*out = (struct fold_event){.record = record, .type = view.texts[NAME_EVENT_TYPE], .values = values};
	if (view_has_stream(&view)) {
		out->key = near_span(l, &view.texts[NAME_AGGREGATE_ID], &texts);
		out->kind = near_span(l, &view.texts[NAME_AGGREGATE_TYPE], &texts);
	}
	return (size_t)(texts - (char *)memory) + 1;
}
