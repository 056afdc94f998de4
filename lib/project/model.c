#include "project/model.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

enum {
	FOUND_MAX = 4096,  /* states that one snapshot is used for */
	SORT_WORTH = 1000, /* changes that are too few to be sorted by parts of their keys */
};

/* ---- reading ---- */

/* Layers of the index are first read where they are written, and there LMDB believes what a damaged page says. */
static int check_index(struct model *m, struct evs_error *err)
{
	struct pile index;
	uint32_t n = 0;
	int status;

	if (m->fold != NULL)
		fold_indexes(m->fold, &n);
	if (n == 0)
		return EVS_OK;
	status = pile_open(m->txn, m->projection, m->generation, PROJECTION_INDEX, &index, err);
	return status == EVS_END ? EVS_OK : status;
}

int model_begin(struct model *m, struct evs_error *err)
{
	struct kv_bytes packed;
	int status;

	m->arena.limit = EVS_LINE_MAX * 2ul;
	m->empty = false;
	status = model_find(m, (struct span){"", 0}, (struct span){0}, &packed, err);
	if (status != EVS_OK && status != EVS_END)
		return status;
	m->empty = pile_is_empty(&m->pile);
	status = check_index(m, err);
	model_pause(m);
	return status;
}

void model_release(struct model *m)
{
	kv_abort(m->txn);
	m->txn = NULL;
	m->active = false;
	arena_free(&m->arena);
}

void model_pause(struct model *m)
{
	if (m->active)
		kv_reset(m->txn);
	m->active = false;
}

/* Have a snapshot that is not too old. */
static int snap(struct model *m, struct evs_error *err)
{
	int status;

	if (m->active && ++m->found < FOUND_MAX)
		return EVS_OK;
	model_pause(m);
	status = m->txn == NULL ? kv_begin(m->store->kv, false, &m->txn, err) : kv_renew(m->txn, err);
	if (status != EVS_OK)
		return status;
	m->active = true;
	m->found = 0;
	status = pile_open(m->txn, m->projection, m->generation, PROJECTION_MODEL, &m->pile, err);
	return status == EVS_END ? EVS_OK : status;
}

int model_find(struct model *m, struct span key, struct span type, struct kv_bytes *packed, struct evs_error *err)
{
	struct buf none = {0};
	struct key_value v;
	struct key k;
	int status;

	if (m->empty)
		return EVS_END;
	status = snap(m, err);
	if (status != EVS_OK)
		return status;
	key_encode(&k, key, type);
	status = pile_get(&m->pile, k.bytes, k.size, packed, err);
	if (status != EVS_OK || k.size < KEY_MAX)
		return status;
	if (!key_decode(k.bytes, k.size, packed->data, packed->size, &none, &v))
		return error_set(err, EVS_CORRUPT, 0, "a state of the projection is damaged");
	*packed = (struct kv_bytes){v.rest, v.rest_size};
	return EVS_OK;
}

/* ---- changes ---- */

void changes_release(struct changes *c)
{
	free(c->states.list);
	free(c->index.list);
	arena_free(&c->bytes);
	buf_free(&c->change);
	buf_free(&c->before);
	buf_free(&c->after);
	*c = (struct changes){0};
}

/* Note the change at hand, of whose bytes key_size are the key. */
static bool note(struct changes *c, struct change_list *l, size_t key_size, bool remove, bool fresh)
{
	const uint8_t *bytes = c->change.failed ? NULL : arena_copy(&c->bytes, c->change.data, c->change.size);
	uint8_t first[8] = {0};

	if (bytes == NULL || !array_grow(&l->list, &l->cap, l->n, sizeof *l->list))
		return false;
	memcpy(first, bytes, key_size < sizeof first ? key_size : sizeof first);
	l->list[l->n++] = (struct change){.prefix = get64be(first), .key = bytes, .key_size = (uint32_t)key_size,
	                                  .value_size = (uint32_t)(c->change.size - key_size), .remove = remove, .fresh = fresh};
	return true;
}

/* Note that the index loses or gains an entry. */
static bool note_index(struct changes *c, const struct buf *field, const struct key *key, bool remove)
{
	uint8_t size[2];

	c->change.size = 0;
	buf_put(&c->change, field->data, field->size);
	buf_put(&c->change, key->bytes, key->size);
	if (!remove) {
		put16(size, (uint16_t)field->size);
		buf_put(&c->change, size, sizeof size);
	}
	return note(c, &c->index, field->size + key->size, remove, !remove);
}

/* What the index has for a field of a state; nothing where there is no state. */
static int put_field(struct model *m, struct buf *out, uint32_t number, const struct node_key *field,
                     const struct value *state, struct evs_error *err)
{
	struct value v;

	out->size = 0;
	if (state == NULL)
		return EVS_OK;
	arena_reset(&m->arena);
	value_member(state, m->store->names, &m->arena, field->text, field->size, -1, &v);
	if (!m->arena.failed)
		key_put_field(out, number, &v);
	return m->arena.failed || out->failed ? error_nomem(err) : EVS_OK;
}

/* Compare the indexed fields of a state before and after. */
static int change_index(struct model *m, struct changes *c, const struct key *key, struct kv_bytes before,
                        const struct state *after, struct evs_error *err)
{
	struct value old = {.kind = VALUE_PACKED, .packed = before.data, .size = (uint32_t)before.size};
	struct value new = state_value(after);
	uint32_t n_fields, n;
	const struct node_key *fields = fold_fields(m->fold, &n_fields);
	const uint32_t *indexes = fold_indexes(m->fold, &n);
	int status = EVS_OK;
	bool good;

	for (uint32_t i = 0; i < n && status == EVS_OK; i++) {
		const struct node_key *field = &fields[indexes[i]];

		status = put_field(m, &c->before, i, field, before.data == NULL ? NULL : &old, err);
		if (status == EVS_OK)
			status = put_field(m, &c->after, i, field, after->exists ? &new : NULL, err);
		if (status != EVS_OK)
			return status;
		if (c->before.size == c->after.size && (c->before.size == 0 || memcmp(c->before.data, c->after.data, c->after.size) == 0))
			continue;
		good = (c->before.size == 0 || note_index(c, &c->before, key, true)) &&
		       (c->after.size == 0 || note_index(c, &c->after, key, false));
		status = good ? EVS_OK : error_nomem(err);
	}
	return status;
}

/* Note the change of a state, whose new bytes are put behind its key; gone: there are none. */
static int change_state(struct model *m, struct changes *changes, const struct cached *e, const struct key *key, bool gone,
                        struct evs_error *err)
{
	struct kv_bytes before = {NULL, 0};
	uint32_t indexes = 0;
	int status;

	if (!note(changes, &changes->states, key->size, gone, !e->stored))
		return error_nomem(err);
	if (m->fold != NULL)
		fold_indexes(m->fold, &indexes);
	if (indexes == 0)
		return EVS_OK;
	status = model_find(m, cached_key(e), cached_type(e), &before, err);
	if (status == EVS_END)
		before.data = NULL;
	else if (status != EVS_OK)
		return status;
	return change_index(m, changes, key, before, &e->state, err);
}

/* Work out what one state changes. */
static int gather_one(struct model *m, struct cache *cache, struct cached *e, struct changes *changes, struct evs_error *err)
{
	bool gone = m->fold != NULL ? !e->state.exists : e->packed == NULL;
	struct buf *change = &changes->change;
	struct key key;
	size_t start;

	if (gone && !e->stored)
		return EVS_OK;
	key_encode(&key, cached_key(e), cached_type(e));
	change->size = 0;
	buf_put(change, key.bytes, key.size);
	if (!gone && key.size == KEY_MAX)
		key_put_whole(change, cached_key(e), cached_type(e));
	start = change->size;
	if (!gone && m->fold == NULL)
		buf_put(change, e->packed, e->packed_size);
	else if (!gone && !state_encode(&e->state, change))
		return error_nomem(err);
	if (!gone && m->fold != NULL)
		cache_weigh(cache, e, change->size - start);
	return change_state(m, changes, e, &key, gone, err);
}

static int by_key(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
	int order;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	order = memcmp(x->key, y->key, size);
	return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

/* Where a change is, while they are sorted. */
struct placed {
	uint64_t prefix;
	size_t at;
};

/* Sort by one byte of the prefix, from one place to another; what is equal stays in its order. False: they all have the same. */
static bool sort_byte(const struct placed *from, struct placed *to, size_t n, unsigned shift)
{
	size_t starts[257] = {0};

	for (size_t i = 0; i < n; i++)
		starts[(from[i].prefix >> shift & 0xff) + 1]++;
	if (starts[(from[0].prefix >> shift & 0xff) + 1] == n)
		return false;
	for (unsigned i = 1; i < 256; i++)
		starts[i] += starts[i - 1];
	for (size_t i = 0; i < n; i++)
		to[starts[from[i].prefix >> shift & 0xff]++] = from[i];
	return true;
}

/* Put changes where they belong, each in turn to the place whose change goes on to the next. */
static void put_in_order(struct change *list, struct placed *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct change first = list[i];
		size_t at = i, from;

		for (; (from = order[at].at) != i && from != at; at = from) {
			list[at] = list[from];
			order[at].at = at;
		}
		list[at] = first;
		order[at].at = at;
	}
}

/* Put changes in the order of their prefixes. */
static bool sort_prefixes(struct change_list *l)
{
	struct placed *places = malloc(2 * l->n * sizeof *places), *from = places, *to = places + l->n, *swap;

	if (places == NULL)
		return false;
	for (size_t i = 0; i < l->n; i++)
		places[i] = (struct placed){l->list[i].prefix, i};
	for (unsigned shift = 0; shift < 64; shift += 8) {
		if (!sort_byte(from, to, l->n, shift))
			continue;
		swap = from;
		from = to;
		to = swap;
	}
	put_in_order(l->list, from, l->n);
	free(places);
	return true;
}

/* Sort changes by their keys: many by the first bytes of these without comparing, what is then still equal by comparing. */
static bool sort(struct change_list *l)
{
	size_t n;

	if (l->n <= SORT_WORTH) {
		if (l->n > 1)
			qsort(l->list, l->n, sizeof *l->list, by_key);
		return true;
	}
	if (!sort_prefixes(l))
		return false;
	for (size_t i = 0; i < l->n; i += n) {
		for (n = 1; i + n < l->n && l->list[i + n].prefix == l->list[i].prefix; n++)
			;
		if (n > 1)
			qsort(l->list + i, n, sizeof *l->list, by_key);
	}
	return true;
}

/* Forget the changes of before, and have room for those of the states. */
static bool begin_changes(struct changes *c, const struct cache *cache)
{
	struct change *list;
	size_t n = 0;

	c->states.n = c->index.n = 0;
	c->bytes.limit = SIZE_MAX / 2;
	arena_reset(&c->bytes);
	for (size_t i = 0; i < cache->n; i++)
		n += cache->list[i]->changed;
	if (n <= c->states.cap)
		return true;
	if ((list = realloc(c->states.list, n * sizeof *list)) == NULL)
		return false;
	c->states.list = list;
	c->states.cap = n;
	return true;
}

int model_gather(struct model *m, struct cache *cache, struct changes *changes, struct evs_error *err)
{
	int status = begin_changes(changes, cache) ? EVS_OK : error_nomem(err);

	for (size_t i = 0; i < cache->n && status == EVS_OK; i++)
		if (cache->list[i]->changed)
			status = gather_one(m, cache, cache->list[i], changes, err);
	model_pause(m);
	if (status == EVS_OK && !(sort(&changes->states) && sort(&changes->index)))
		status = error_nomem(err);
	return status;
}

/* ---- writing ---- */

int model_apply(struct model *m, struct kv_txn *txn, const struct changes *changes, struct evs_error *err)
{
	const struct change_list *states = &changes->states, *index = &changes->index;
	int status = EVS_OK;

	if (states->n > 0)
		status = pile_apply(txn, m->projection, m->generation, PROJECTION_MODEL, states->list, states->n, err);
	if (status == EVS_OK && index->n > 0)
		status = pile_apply(txn, m->projection, m->generation, PROJECTION_INDEX, index->list, index->n, err);
	return status;
}
