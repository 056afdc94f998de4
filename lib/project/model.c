#include "project/model.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

enum {
	FOUND_MAX = 4096,  /* states that one snapshot is used for */
	CHANGE_BYTES = 96, /* that a change is likely to take */
};

/* ---- reading ---- */

int model_begin(struct model *m, struct evs_error *err)
{
	struct kv_bytes packed;
	int status;

	m->arena.limit = EVS_LINE_MAX * 2ul;
	m->empty = false;
	status = model_find(m, (struct span){"", 0}, (struct span){0}, &packed, err);
	if (status != EVS_OK && status != EVS_END)
		return status;
	m->empty = pile_count(&m->pile) == 0;
	model_pause(m);
	return EVS_OK;
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
	buf_free(&c->bytes);
	buf_free(&c->before);
	buf_free(&c->after);
	*c = (struct changes){0};
}

/* Note a change whose key begins at `at` in the bytes and has key_size of them; the rest is its value. */
static bool note(struct changes *c, struct change_list *l, size_t at, size_t key_size, bool remove, bool fresh)
{
	struct change *change;
	uint8_t first[8] = {0};

	if (c->bytes.failed || !array_grow(&l->list, &l->cap, l->n, sizeof *l->list))
		return false;
	memcpy(first, c->bytes.data + at, key_size < sizeof first ? key_size : sizeof first);
	change = &l->list[l->n++];
	*change = (struct change){.prefix = get64be(first), .at = at, .key_size = (uint32_t)key_size,
	                          .value_size = (uint32_t)(c->bytes.size - at - key_size), .remove = remove, .fresh = fresh};
	return true;
}

/* Note that the index loses or gains an entry. */
static bool note_index(struct changes *c, const struct buf *field, const struct key *key, bool remove)
{
	size_t at = c->bytes.size;
	uint8_t size[2];

	buf_put(&c->bytes, field->data, field->size);
	buf_put(&c->bytes, key->bytes, key->size);
	if (!remove) {
		put16(size, (uint16_t)field->size);
		buf_put(&c->bytes, size, sizeof size);
	}
	return note(c, &c->index, at, field->size + key->size, remove, !remove);
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

/* Note the change of a state; packed: what it is now, NULL: nothing. */
static int change_state(struct model *m, struct changes *changes, const struct cached *e, struct kv_bytes packed, struct evs_error *err)
{
	struct span key = cached_key(e), type = cached_type(e);
	size_t at = changes->bytes.size;
	struct kv_bytes before = {NULL, 0};
	uint32_t indexes = 0;
	struct key k;
	int status;

	key_encode(&k, key, type);
	buf_put(&changes->bytes, k.bytes, k.size);
	if (packed.data != NULL && k.size == KEY_MAX)
		key_put_whole(&changes->bytes, key, type);
	buf_put(&changes->bytes, packed.data, packed.size);
	if (!note(changes, &changes->states, at, k.size, packed.data == NULL, !e->stored))
		return error_nomem(err);
	if (m->fold != NULL)
		fold_indexes(m->fold, &indexes);
	if (indexes == 0)
		return EVS_OK;
	status = model_find(m, key, type, &before, err);
	if (status == EVS_END)
		before.data = NULL;
	else if (status != EVS_OK)
		return status;
	return change_index(m, changes, &k, before, &e->state, err);
}

/* Work out what one state changes. */
static int gather_one(struct model *m, struct cache *cache, struct cached *e, struct changes *changes, struct buf *packed,
                      struct evs_error *err)
{
	struct kv_bytes now = {e->packed, e->packed_size};

	if (m->fold != NULL && e->state.exists) {
		packed->size = 0;
		if (!state_encode(&e->state, packed))
			return error_nomem(err);
		now = (struct kv_bytes){packed->data, packed->size};
		cache_weigh(cache, e, packed->size);
	}
	if (now.data == NULL && !e->stored)
		return EVS_OK;
	return change_state(m, changes, e, now, err);
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

/* Now that the bytes stay where they are: say where each key is, and sort. */
static void sort(struct changes *c, struct change_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->list[i].key = c->bytes.data + l->list[i].at;
	if (l->n > 1)
		qsort(l->list, l->n, sizeof *l->list, by_key);
}

int model_gather(struct model *m, struct cache *cache, struct changes *changes, struct evs_error *err)
{
	struct buf packed = {0};
	int status = EVS_OK;
	size_t n = 0;

	changes->states.n = changes->index.n = 0;
	changes->bytes.size = 0;
	for (size_t i = 0; i < cache->n; i++)
		n += cache->list[i]->changed;
	if (!buf_room(&changes->bytes, n * CHANGE_BYTES))
		return error_nomem(err);
	for (size_t i = 0; i < cache->n && status == EVS_OK; i++)
		if (cache->list[i]->changed)
			status = gather_one(m, cache, cache->list[i], changes, &packed, err);
	buf_free(&packed);
	model_pause(m);
	sort(changes, &changes->states);
	sort(changes, &changes->index);
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
