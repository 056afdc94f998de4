#include "event/fields.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "event/packed.h"
#include "event/view.h"

/* A step that is shared by the paths that begin alike. */
struct node {
	struct path_step step; /* of the parent; the root's is unused */
	bool whole;            /* a path ends here */
	struct node *children, *last, *next;
};

struct fields {
	struct node root;
	struct path *paths; /* own the keys */
	size_t n, cap;
};

static bool same_step(const struct path_step *a, const struct path_step *b)
{
	if (a->key == NULL || b->key == NULL)
		return a->key == b->key && a->index == b->index;
	return a->size == b->size && memcmp(a->key, b->key, a->size) == 0;
}

/* The child for a step, made where it is missing. NULL: out of memory. */
static struct node *child_of(struct node *parent, const struct path_step *step)
{
	struct node *n;

	for (n = parent->children; n != NULL; n = n->next)
		if (same_step(&n->step, step))
			return n;
	if ((n = calloc(1, sizeof *n)) == NULL)
		return NULL;
	n->step = *step;
	if (parent->last == NULL)
		parent->children = n;
	else
		parent->last->next = n;
	parent->last = n;
	return n;
}

static bool add_path(struct fields *f, const struct path *path)
{
	struct node *n = &f->root;

	for (size_t i = 0; i < path->n; i++)
		if ((n = child_of(n, &path->steps[i])) == NULL)
			return false;
	n->whole = true;
	return true;
}

int fields_parse(const char *text, struct fields **out, struct evs_error *err)
{
	struct fields *f = calloc(1, sizeof *f);
	const char *p = text;

	*out = NULL;
	if (f == NULL)
		return error_nomem(err);
	do {
		const char *rest;
		struct path path;
		if (!path_parse(&path, p, ",", &rest) || path.n == 0 || path.steps[0].key == NULL) {
			path_free(&path);
			fields_free(f);
			return error_set(err, EVS_USAGE, 0, "--fields: no field at '%s'; write .eventType,.data.total", p);
		}
		if (!array_grow(&f->paths, &f->cap, f->n, sizeof *f->paths)) {
			path_free(&path);
			fields_free(f);
			return error_nomem(err);
		}
		f->paths[f->n++] = path;
		if (!add_path(f, &path)) {
			fields_free(f);
			return error_nomem(err);
		}
		p = *rest == ',' ? rest + 1 : NULL;
	} while (p != NULL);
	*out = f;
	return EVS_OK;
}

static void free_children(struct node *n)
{
	struct node *next;

	for (struct node *c = n->children; c != NULL; c = next) {
		next = c->next;
		free_children(c);
		free(c);
	}
}

void fields_free(struct fields *f)
{
	if (f == NULL)
		return;
	free_children(&f->root);
	for (size_t i = 0; i < f->n; i++)
		path_free(&f->paths[i]);
	free(f->paths);
	free(f);
}

/* ---- rendering ---- */

static bool key_is(const struct names *names, const struct packed *key, const struct path_step *step)
{
	const struct name *n;

	if (key->kind == PACKED_UINT)
		return (n = name_get(names, key->number)) != NULL && n->size == step->size && memcmp(n->text, step->key, n->size) == 0;
	if (key->kind == PACKED_UUID16) {
		char text[UUID_TEXT];
		uuid_format(key->bytes, text);
		return step->size == UUID_TEXT && memcmp(text, step->key, UUID_TEXT) == 0;
	}
	return key->kind == PACKED_STRING && key->size == step->size && memcmp(key->bytes, step->key, key->size) == 0;
}

const uint8_t *fields_child(const struct names *names, const uint8_t *p, const uint8_t **end, const struct path_step *step)
{
	struct packed v = {0}, key = {0};
	const uint8_t *after, *found = NULL, *found_end = NULL;

	p = packed_read(p, *end, &v);
	if (v.kind == PACKED_DOC) {
		*end = v.bytes + v.size;
		p = packed_read(v.bytes, *end, &v);
	}
	if (v.kind == PACKED_MAP && step->key != NULL) {
		for (uint32_t i = 0; i < v.size; i++) {
			p = packed_read(p, *end, &key);
			if (key.kind == PACKED_BAD || (after = packed_skip(p, *end)) == NULL)
				return NULL;
			if (key_is(names, &key, step)) { /* the last one counts */
				found = p;
				found_end = after;
			}
			p = after;
		}
	} else if (v.kind == PACKED_ARRAY && step->key == NULL) {
		int64_t at = step->index < 0 ? step->index + (int64_t)v.size : step->index;
		for (int64_t i = 0; i < (int64_t)v.size && at >= 0; i++) {
			if ((after = packed_skip(p, *end)) == NULL)
				return NULL;
			if (i == at) {
				found = p;
				found_end = after;
				break;
			}
			p = after;
		}
	}
	if (found != NULL)
		*end = found_end;
	return found;
}

/* What a node chose of the value at p. False: nothing was there, and out is as it was. */
static bool put_node(struct buf *out, const struct names *names, const struct node *n, const uint8_t *p, const uint8_t *end)
{
	size_t start = out->size;
	bool array = n->children != NULL && n->children->step.key == NULL, any = false;

	if (n->whole)
		return render_value(out, names, p, end) != NULL;
	buf_byte(out, array ? '[' : '{');
	for (const struct node *c = n->children; c != NULL; c = c->next) {
		const uint8_t *child_end = end, *child = fields_child(names, p, &child_end, &c->step);
		size_t before = out->size;
		if (child == NULL || (c->step.key == NULL) != array)
			continue;
		if (any)
			buf_byte(out, ',');
		if (!array) {
			render_string(out, (const uint8_t *)c->step.key, c->step.size);
			buf_byte(out, ':');
		}
		if (put_node(out, names, c, child, child_end))
			any = true;
		else
			out->size = before;
	}
	buf_byte(out, array ? ']' : '}');
	if (!any)
		out->size = start;
	return any;
}

/* A field of the top level: event and aggregate types may be interned, three fields are the store's. */
static bool put_top(struct buf *out, const struct names *names, const struct node *n, const struct record *r, const struct view *v)
{
	const char *key = n->step.key;
	char text[UUID_TEXT > MOMENT_TEXT ? UUID_TEXT : MOMENT_TEXT];
	const uint8_t *end = r->body + r->size, *p;

	if (strcmp(key, "position") == 0 && n->whole) {
		buf_printf(out, "%llu", (unsigned long long)r->position);
		return true;
	}
	if (strcmp(key, "revision") == 0 && n->whole) {
		if (r->revision != 0)
			buf_printf(out, "%llu", (unsigned long long)r->revision);
		return r->revision != 0;
	}
	if (strcmp(key, "recordedAt") == 0 && n->whole) {
		moment_format_us(r->recorded_us, text);
		render_string(out, (const uint8_t *)text, MOMENT_TEXT);
		return true;
	}
	for (unsigned f = 0; f < VIEW_TEXTS; f++) {
		if (n->whole && v->texts[f].kind == TEXT_NAME && strcmp(key, name_fixed_text(f)) == 0) {
			struct span s = view_span(&v->texts[f], names, text);
			render_string(out, (const uint8_t *)s.text, s.size);
			return true;
		}
	}
	p = fields_child(names, r->body, &end, &n->step);
	return p != NULL && put_node(out, names, n, p, end);
}

bool fields_render(struct buf *out, const struct names *names, const struct fields *f, const struct record *r)
{
	bool any = false;
	struct view v;

	if (!view_open(&v, r->body, r->size))
		return false;
	buf_byte(out, '{');
	for (const struct node *n = f->root.children; n != NULL; n = n->next) {
		size_t before = out->size;
		if (any)
			buf_byte(out, ',');
		render_string(out, (const uint8_t *)n->step.key, n->step.size);
		buf_byte(out, ':');
		if (put_top(out, names, n, r, &v))
			any = true;
		else
			out->size = before;
	}
	buf_text(out, "}\n");
	return !out->failed;
}
