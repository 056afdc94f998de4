#include "replay/patch.h"

#include <stdlib.h>

#include "event/path.h"
#include "event/render.h"

#define MEMORY_MAX ((size_t)1 << 30) /* of what is looked at in two values */

/* A patch under way. */
struct patch {
	const struct names *names;
	bool (*each)(void *context, const struct patch_change *change);
	void *context;
	struct arena arena;
	struct buf pointer, path; /* to where it is */
	struct buf left, right;   /* two values as text */
};

/* Where to cut them to come back. */
struct mark {
	size_t pointer, path;
};

/* An element of a list or a member of an object. */
struct part {
	struct node_key key;
	struct value value;
	uint32_t place;
	bool met; /* the other side has this key */
};

/* The parts of a list or an object. */
struct parts {
	struct part *list;
	uint32_t n;
};

static bool differ(struct patch *p, const struct value *from, const struct value *to);

/* Take a list or an object apart. False when it is malformed or memory ran out. */
static bool take_apart(struct patch *p, const struct value *v, struct parts *parts)
{
	struct value_iterator it;
	uint32_t n = value_count(v);

	if (v->kind == VALUE_PACKED && packed_skip(v->packed, v->packed + v->size) != v->packed + v->size)
		return false;
	parts->list = arena_take(&p->arena, (size_t)n * sizeof *parts->list + 1);
	if (parts->list == NULL || !value_iterate(v, &it))
		return false;
	for (parts->n = 0; parts->n < n; parts->n++) {
		struct part *part = &parts->list[parts->n];

		*part = (struct part){.place = parts->n};
		if (!value_next(&it, p->names, &p->arena, &part->key, &part->value))
			break;
	}
	return !p->arena.failed && parts->n == n;
}

/* Order by key, equal keys by place. */
static int by_key(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	uint32_t size = x->key.size < y->key.size ? x->key.size : y->key.size;
	int order = memcmp(x->key.text, y->key.text, size);

	if (order == 0)
		order = (x->key.size > y->key.size) - (x->key.size < y->key.size);
	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

/* Whether two members have one key. */
static bool same_key(const struct part *a, const struct part *b)
{
	return a->key.size == b->key.size && memcmp(a->key.text, b->key.text, a->key.size) == 0;
}

/* Whether sorted parts have a key twice: no pointer tells such members apart. */
static bool ambiguous(const struct parts *sorted)
{
	for (uint32_t i = 1; i < sorted->n; i++)
		if (same_key(&sorted->list[i - 1], &sorted->list[i]))
			return true;
	return false;
}

/* Whether two values are the same text. False as well when they cannot be written: p->left or p->right has failed. */
static bool same(struct patch *p, const struct value *a, const struct value *b)
{
	p->left.size = p->right.size = 0;
	if (!value_render(&p->left, p->names, a) || !value_render(&p->right, p->names, b)) {
		p->left.failed = true;
		return false;
	}
	return p->left.size == p->right.size && memcmp(p->left.data, p->right.data, p->left.size) == 0;
}

/* Where it is. */
static struct mark mark(const struct patch *p)
{
	return (struct mark){p->pointer.size, p->path.size};
}

/* Come back to there. */
static void leave(struct patch *p, struct mark back)
{
	p->pointer.size = back.pointer;
	p->path.size = back.path;
}

/* Go down to a member. */
static struct mark enter_key(struct patch *p, const struct node_key *key)
{
	struct mark back = mark(p);

	buf_byte(&p->pointer, '/');
	for (uint32_t i = 0; i < key->size; i++) {
		if (key->text[i] == '~')
			buf_text(&p->pointer, "~0");
		else if (key->text[i] == '/')
			buf_text(&p->pointer, "~1");
		else
			buf_byte(&p->pointer, (uint8_t)key->text[i]);
	}
	path_put_key(&p->path, key->text, key->size);
	return back;
}

/* Go down to an element. */
static struct mark enter_element(struct patch *p, uint32_t index)
{
	struct mark back = mark(p);

	buf_printf(&p->pointer, "/%u", index);
	buf_printf(&p->path, "[%u]", index);
	return back;
}

/* Tell one operation; from or to NULL: it has none. */
static bool operation(struct patch *p, const char *op, const struct value *from, const struct value *to)
{
	const struct patch_change change = {
		.op = op, .from = from, .to = to,
		.pointer = (const char *)p->pointer.data, .pointer_size = p->pointer.size,
		.path = (const char *)p->path.data, .path_size = p->path.size,
	};

	return !p->pointer.failed && !p->path.failed && p->each(p->context, &change);
}

/* What two objects have in common is looked into; what one side lacks is removed or added. */
static bool differ_members(struct patch *p, struct parts *from, struct parts *to, const struct parts *sorted)
{
	bool good = true;

	for (uint32_t i = 0; i < from->n && good; i++) {
		struct part *part = &from->list[i], *other;
		struct part wanted = {.key = part->key};
		uint32_t low = 0, high = sorted->n;
		struct mark back = enter_key(p, &part->key);

		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			if (by_key(&sorted->list[middle], &wanted) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < sorted->n && same_key(&sorted->list[low], part)) {
			other = &to->list[sorted->list[low].place];
			other->met = true;
			good = differ(p, &part->value, &other->value);
		} else {
			good = operation(p, "remove", &part->value, NULL);
		}
		leave(p, back);
	}
	for (uint32_t i = 0; i < to->n && good; i++) {
		struct mark back;

		if (to->list[i].met)
			continue;
		back = enter_key(p, &to->list[i].key);
		good = operation(p, "add", NULL, &to->list[i].value);
		leave(p, back);
	}
	return good;
}

/* A copy of parts, sorted by key. */
static bool sort(struct patch *p, const struct parts *parts, struct parts *sorted)
{
	sorted->n = parts->n;
	sorted->list = arena_take(&p->arena, (size_t)parts->n * sizeof *parts->list + 1);
	if (sorted->list == NULL)
		return false;
	if (parts->n > 0)
		memcpy(sorted->list, parts->list, parts->n * sizeof *parts->list);
	qsort(sorted->list, sorted->n, sizeof *sorted->list, by_key);
	return true;
}

/* Objects: member by member, where every member can be pointed at. */
static bool differ_objects(struct patch *p, const struct value *from, const struct value *to)
{
	struct parts a, b, sorted_a, sorted_b;

	if (!take_apart(p, from, &a) || !take_apart(p, to, &b) || !sort(p, &a, &sorted_a) || !sort(p, &b, &sorted_b))
		return false;
	if (ambiguous(&sorted_a) || ambiguous(&sorted_b))
		return same(p, from, to) || (!p->left.failed && operation(p, "replace", from, to));
	return differ_members(p, &a, &b, &sorted_b);
}

/* Lists: what is the same at both ends stays, the rest is changed in place, then cut or grown. */
static bool differ_lists(struct patch *p, const struct value *from, const struct value *to)
{
	uint32_t head = 0, tail = 0, least, common;
	struct parts a, b;
	bool good = true;
	struct mark back;

	if (!take_apart(p, from, &a) || !take_apart(p, to, &b))
		return false;
	least = a.n < b.n ? a.n : b.n;
	while (head < least && same(p, &a.list[head].value, &b.list[head].value))
		head++;
	while (tail < least - head && same(p, &a.list[a.n - 1 - tail].value, &b.list[b.n - 1 - tail].value))
		tail++;
	if (p->left.failed)
		return false;
	common = least - tail;
	for (uint32_t i = head; i < common && good; i++) {
		back = enter_element(p, i);
		good = differ(p, &a.list[i].value, &b.list[i].value);
		leave(p, back);
	}
	for (uint32_t i = a.n - tail; i > common && good; i--) {
		back = enter_element(p, i - 1);
		good = operation(p, "remove", &a.list[i - 1].value, NULL);
		leave(p, back);
	}
	for (uint32_t i = common; i < b.n - tail && good; i++) {
		back = enter_element(p, i);
		good = operation(p, "add", NULL, &b.list[i].value);
		leave(p, back);
	}
	return good;
}

/* Write what makes `to` of `from`, at the path. */
static bool differ(struct patch *p, const struct value *from, const struct value *to)
{
	if (value_is_object(from) && value_is_object(to))
		return differ_objects(p, from, to);
	if (value_is_list(from) && value_is_list(to))
		return differ_lists(p, from, to);
	return same(p, from, to) || (!p->left.failed && operation(p, "replace", from, to));
}

bool patch_each(const struct names *names, const struct value *from, const struct value *to,
                bool (*each)(void *context, const struct patch_change *change), void *context)
{
	struct patch p = {.names = names, .each = each, .context = context, .arena = {.limit = MEMORY_MAX}};
	bool good = differ(&p, from, to);

	arena_free(&p.arena);
	buf_free(&p.pointer);
	buf_free(&p.path);
	buf_free(&p.left);
	buf_free(&p.right);
	return good;
}

/* ---- as JSON ---- */

/* A patch as it is written. */
struct written {
	struct buf *out;
	const struct names *names;
	bool any; /* an operation was written */
};

/* Write one operation. */
static bool write_operation(void *context, const struct patch_change *change)
{
	struct written *w = context;

	buf_printf(w->out, "%s{\"op\":\"%s\",\"path\":", w->any ? "," : "", change->op);
	w->any = true;
	render_string(w->out, (const uint8_t *)change->pointer, change->pointer_size);
	if (change->to != NULL) {
		buf_text(w->out, ",\"value\":");
		if (!value_render(w->out, w->names, change->to))
			return false;
	}
	buf_byte(w->out, '}');
	return !w->out->failed;
}

bool patch_write(struct buf *out, const struct names *names, const struct value *from, const struct value *to)
{
	struct written w = {.out = out, .names = names};
	bool good;

	buf_byte(out, '[');
	good = patch_each(names, from, to, write_operation, &w);
	buf_byte(out, ']');
	return good && !out->failed;
}
