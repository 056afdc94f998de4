/* evs_stat_by: the selected events counted by a key. Memory grows with the keys, not with the events. */
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/moment.h"
#include "event/view.h"
#include "store/store.h"

enum { BLOCK_BYTES = 64 << 10, SLOT_LEAST = 32 };

/* Memory that is given back all at once. */
struct block {
	struct block *next;
	size_t used, size;
	char bytes[];
};

/* The timestamp of one event of a group. */
struct extreme {
	struct moment at;
	uint64_t position;
	char *text; /* in a block, room for `cap` bytes */
	size_t size, cap;
};

/* Events with the same key. */
struct group {
	uint64_t hash;
	char *text; /* in a block: the type, if it has one, and the key */
	uint32_t type_size, key_size;
	bool has_type, has_key;
	uint64_t events;
	struct extreme first, last;
};

struct count {
	struct evs_store *store;
	enum evs_group_by by;
	struct group **groups;
	size_t n, cap;
	uint32_t *slots; /* of groups, + 1 */
	size_t n_slots;
	struct block *blocks;
};

/* What an event counts under. Borrows the event, and its own scratch. */
struct key {
	struct span type, text; /* text NULL: it has none */
	char scratch[2][UUID_TEXT], time[MOMENT_TEXT];
};

static void *take(struct count *c, size_t size)
{
	struct block *b = c->blocks;
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (b == NULL || b->size - b->used < size) {
		size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		if ((b = malloc(sizeof *b + room)) == NULL)
			return NULL;
		*b = (struct block){.next = c->blocks, .size = room};
		c->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += size;
	return p;
}

static void count_release(struct count *c)
{
	while (c->blocks != NULL) {
		struct block *next = c->blocks->next;
		free(c->blocks);
		c->blocks = next;
	}
	free(c->groups);
	free(c->slots);
}

/* ---- keys ---- */

/* The UTC day or hour. */
static void time_key(struct key *key, enum evs_group_by by, struct moment at)
{
	moment_format(at, key->time);
	key->time[13] = 'Z';
	key->text = (struct span){key->time, by == EVS_BY_DAY ? 10 : 14};
}

static void field_key(const struct count *c, const struct view *v, unsigned field, struct span *out, char scratch[UUID_TEXT])
{
	*out = view_span(&v->texts[field], c->store->names, scratch);
	if (v->texts[field].kind == TEXT_NONE)
		out->text = NULL;
}

static void key_of(const struct count *c, const struct view *v, struct moment at, struct key *key)
{
	key->type = (struct span){NULL, 0};
	switch (c->by) {
	case EVS_BY_STREAM:
		field_key(c, v, NAME_AGGREGATE_ID, &key->text, key->scratch[0]);
		if (key->text.text != NULL)
			field_key(c, v, NAME_AGGREGATE_TYPE, &key->type, key->scratch[1]);
		break;
	case EVS_BY_TYPE:
		field_key(c, v, NAME_EVENT_TYPE, &key->text, key->scratch[0]);
		break;
	case EVS_BY_AGGREGATE_TYPE:
		field_key(c, v, NAME_AGGREGATE_TYPE, &key->text, key->scratch[0]);
		break;
	case EVS_BY_SOURCE:
		field_key(c, v, NAME_SOURCE, &key->text, key->scratch[0]);
		break;
	case EVS_BY_DAY:
	case EVS_BY_HOUR:
		time_key(key, c->by, at);
		break;
	}
}

static uint64_t hash_key(const struct key *key)
{
	uint64_t seed = key->type.text == NULL ? 1 : hash64(key->type.text, key->type.size, 2);

	return key->text.text == NULL ? 0 : hash64(key->text.text, key->text.size, seed);
}

static bool same_bytes(bool has, const char *bytes, size_t size, struct span span)
{
	return has == (span.text != NULL) && size == span.size && (size == 0 || memcmp(bytes, span.text, size) == 0);
}

/* ---- groups ---- */

/* Keep the table at most half full. */
static bool grow_slots(struct count *c)
{
	size_t n_slots = c->n_slots == 0 ? 256 : c->n_slots * 2;
	uint32_t *slots;

	if (c->n * 2 < c->n_slots)
		return true;
	if (c->n >= UINT32_MAX || (slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	for (size_t g = 0; g < c->n; g++) {
		size_t i = c->groups[g]->hash & (n_slots - 1);
		while (slots[i] != 0)
			i = (i + 1) & (n_slots - 1);
		slots[i] = (uint32_t)g + 1;
	}
	free(c->slots);
	c->slots = slots;
	c->n_slots = n_slots;
	return true;
}

static struct group *new_group(struct count *c, const struct key *key, uint64_t hash)
{
	struct group *g = take(c, sizeof *g);

	if (g == NULL || !array_grow(&c->groups, &c->cap, c->n, sizeof *c->groups))
		return NULL;
	*g = (struct group){.hash = hash, .type_size = (uint32_t)key->type.size, .key_size = (uint32_t)key->text.size,
	                    .has_type = key->type.text != NULL, .has_key = key->text.text != NULL};
	if ((g->text = take(c, key->type.size + key->text.size)) == NULL)
		return NULL;
	if (g->has_type)
		memcpy(g->text, key->type.text, key->type.size);
	if (g->has_key)
		memcpy(g->text + g->type_size, key->text.text, key->text.size);
	c->groups[c->n] = g;
	return g;
}

/* The group of a key, made where there is none. NULL: out of memory. */
static struct group *group_of(struct count *c, const struct key *key)
{
	uint64_t hash = hash_key(key);
	size_t i;

	if (!grow_slots(c))
		return NULL;
	for (i = hash & (c->n_slots - 1); c->slots[i] != 0; i = (i + 1) & (c->n_slots - 1)) {
		struct group *g = c->groups[c->slots[i] - 1];
		if (g->hash == hash && same_bytes(g->has_key, g->text + g->type_size, g->key_size, key->text) &&
		    same_bytes(g->has_type, g->text, g->type_size, key->type))
			return g;
	}
	if (new_group(c, key, hash) == NULL)
		return NULL;
	c->slots[i] = (uint32_t)++c->n;
	return c->groups[c->n - 1];
}

/* Note a timestamp. Its room is used again: the texts of a group are of about the same length. */
static bool set_extreme(struct count *c, struct extreme *m, struct moment at, uint64_t position, struct span time)
{
	if (m->cap < time.size) {
		size_t cap = SLOT_LEAST;
		while (cap < time.size)
			cap *= 2;
		if ((m->text = take(c, cap)) == NULL)
			return false;
		m->cap = cap;
	}
	memcpy(m->text, time.text, time.size);
	m->size = time.size;
	m->at = at;
	m->position = position;
	return true;
}

/* Of events of the same moment the one with the lowest position counts. */
static bool add_extremes(struct count *c, struct group *g, struct moment at, uint64_t position, struct span time)
{
	bool tied = g->events > 0 && position < g->first.position;

	if (g->events == 0 || moment_compare(at, g->first.at) < tied)
		if (!set_extreme(c, &g->first, at, position, time))
			return false;
	tied = g->events > 0 && position < g->last.position;
	if (g->events == 0 || moment_compare(at, g->last.at) > -(int)tied)
		return set_extreme(c, &g->last, at, position, time);
	return true;
}

static int add_event(struct count *c, const struct evs_event *e, struct evs_error *err)
{
	char scratch[UUID_TEXT];
	struct group *g;
	struct span time;
	struct key key;
	struct view v;
	struct moment at;

	if (!view_open(&v, e->packed, e->packed_size))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)e->position);
	time = view_span(&v.texts[NAME_TIMESTAMP], c->store->names, scratch);
	if (!moment_read(time.text, time.size, &at))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)e->position);
	key_of(c, &v, at, &key);
	if ((g = group_of(c, &key)) == NULL || !add_extremes(c, g, at, e->position, time))
		return error_nomem(err);
	g->events++;
	return EVS_OK;
}

/* ---- order ---- */

static int compare_bytes(bool has_a, const char *a, size_t a_size, bool has_b, const char *b, size_t b_size)
{
	size_t least = a_size < b_size ? a_size : b_size;
	int order = least == 0 ? 0 : memcmp(a, b, least);

	if (has_a != has_b)
		return has_a ? 1 : -1;
	return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* No key first, then by type (none first) and key. */
static int by_key(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
	int order;

	if (!x->has_key || !y->has_key)
		return x->has_key - y->has_key;
	order = compare_bytes(x->has_type, x->text, x->type_size, y->has_type, y->text, y->type_size);
	if (order != 0)
		return order;
	return compare_bytes(true, x->text + x->type_size, x->key_size, true, y->text + y->type_size, y->key_size);
}

static int give(struct count *c, int (*each)(void *context, const struct evs_count *count), void *context, struct evs_error *err)
{
	if (c->n > 0)
		qsort(c->groups, c->n, sizeof *c->groups, by_key);
	for (size_t i = 0; i < c->n; i++) {
		const struct group *g = c->groups[i];
		struct evs_count count = {.events = g->events, .first = g->first.text, .first_size = g->first.size,
		                          .last = g->last.text, .last_size = g->last.size};
		if (g->has_key) {
			count.key = g->text + g->type_size;
			count.key_size = g->key_size;
		}
		if (g->has_type) {
			count.aggregate_type = g->text;
			count.aggregate_type_size = g->type_size;
		}
		if (each(context, &count) != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "the output was closed");
	}
	return EVS_OK;
}

int evs_stat_by(struct evs_store *store, const struct evs_selector *selector, enum evs_group_by by,
                int (*each)(void *context, const struct evs_count *count), void *context, struct evs_error *err)
{
	struct count c = {.store = store, .by = by};
	struct evs_read *read = NULL;
	struct evs_event e;
	int status = evs_read_new(store, selector, &read, err);

	while (status == EVS_OK && (status = evs_read_next(read, &e, err)) == EVS_OK)
		status = add_event(&c, &e, err);
	evs_read_free(read);
	if (status == EVS_END)
		status = give(&c, each, context, err);
	count_release(&c);
	return status;
}
