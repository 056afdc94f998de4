#include "project/pile.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

/*
 * A layer's record: how many changes, how many keys it adds, the changes, where each change ends. A change is the size of
 * its key with a mark where the key is taken away, the key, the value.
 */
enum { AT_COUNT = 0, AT_GROWN = 4, HEAD_BYTES = 12, END_BYTES = 4, CHANGE_HEAD = 2, REMOVED = 0x8000 };
enum {
	KEY_BYTES = 5,  /* of a record: the table, its number */
	GROWTH = 4,     /* a layer has so many times the bytes of the next newer one */
	LOOK_AHEAD = 8, /* changes that are fetched into the processor before they are written */
	BASE_SHARE = 8, /* layers go into the B-tree when they have more changes than this part of its keys, */
};
#define LAYERS_BYTES ((uint64_t)64 << 20) /* or more bytes */

/* ---- layers ---- */

/* A change in a layer. */
struct entry {
	struct kv_bytes key, value;
	bool removed;
};

static struct kv_bytes change_key(const struct change *c)
{
	return (struct kv_bytes){c->key, c->key_size};
}

static struct kv_bytes change_value(const struct change *c)
{
	return (struct kv_bytes){c->key + c->key_size, c->remove ? 0 : c->value_size};
}

static int damaged(struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "changes of a projection are damaged; --rebuild makes it anew");
}

static bool open_layer(struct kv_bytes record, struct pile_layer *l)
{
	if (record.size < HEAD_BYTES)
		return false;
	l->n = get32(record.data + AT_COUNT);
	l->grown = (int64_t)get64(record.data + AT_GROWN);
	if (l->n == 0 || l->n > (record.size - HEAD_BYTES) / END_BYTES || l->grown > (int64_t)l->n || l->grown < -(int64_t)l->n)
		return false;
	l->list = NULL;
	l->changes = record.data + HEAD_BYTES;
	l->ends = record.data + record.size - (size_t)l->n * END_BYTES;
	l->size = get32(record.data + record.size - END_BYTES);
	return l->size == (size_t)(l->ends - l->changes);
}

/* Look at a change. False when it is damaged. */
static bool entry_at(const struct pile_layer *l, uint32_t i, struct entry *out)
{
	const struct change *c = l->list == NULL ? NULL : &l->list[i];
	uint32_t from, to;
	unsigned head;

	if (c != NULL) {
		*out = (struct entry){change_key(c), change_value(c), c->remove};
		return true;
	}
	from = i == 0 ? 0 : get32(l->ends + (size_t)(i - 1) * END_BYTES);
	to = get32(l->ends + (size_t)i * END_BYTES);
	if (from > to || to > l->size || to - from < CHANGE_HEAD)
		return false;
	head = get16(l->changes + from);
	from += CHANGE_HEAD;
	out->removed = (head & REMOVED) != 0;
	out->key = (struct kv_bytes){l->changes + from, head & (REMOVED - 1)};
	if (out->key.size == 0 || out->key.size > to - from)
		return false;
	from += (uint32_t)out->key.size;
	out->value = (struct kv_bytes){l->changes + from, to - from};
	return true;
}

static int compare(struct kv_bytes a, struct kv_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The first change whose key is not before one. False when it is damaged. */
static bool find(const struct pile_layer *l, struct kv_bytes key, uint32_t *out)
{
	uint32_t low = 0, high = l->n;
	struct entry e;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (!entry_at(l, mid, &e))
			return false;
		if (compare(e.key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*out = low;
	return true;
}

/* Going through several layers at once. */
struct merge {
	const struct pile_layer *layers; /* the newest first */
	size_t n;
	uint32_t at[PILE_LAYERS + 1];    /* changes that were gone over */
};

/* The change with the first key of those that come next, of the newest layer. EVS_OK, EVS_END, EVS_CORRUPT. */
static int first_entry(const struct merge *m, struct entry *out, struct evs_error *err)
{
	bool any = false;
	struct entry e;

	for (size_t i = 0; i < m->n; i++) {
		if (m->at[i] == m->layers[i].n)
			continue;
		if (!entry_at(&m->layers[i], m->at[i], &e))
			return damaged(err);
		if (!any || compare(e.key, out->key) < 0)
			*out = e;
		any = true;
	}
	return any ? EVS_OK : EVS_END;
}

/* Step over a key, which is the first one. */
static void step_over(struct merge *m, struct kv_bytes key)
{
	struct entry e;

	for (size_t i = 0; i < m->n; i++)
		if (m->at[i] < m->layers[i].n && entry_at(&m->layers[i], m->at[i], &e) && compare(e.key, key) == 0)
			m->at[i]++;
}

/* ---- seeing ---- */

/* The keys of a table's layers begin so. */
static uint8_t layers_of(enum projection_table which)
{
	return which == PROJECTION_MODEL ? 0 : 1;
}

static void put_key(uint8_t out[KEY_BYTES], enum projection_table which, uint32_t number)
{
	out[0] = layers_of(which);
	for (unsigned i = 0; i < 4; i++)
		out[1 + i] = (uint8_t)(number >> (24 - 8 * i));
}

/* Find the layers of a table. */
static int open_layers(struct pile *p, enum kv_table table, enum projection_table which, struct evs_error *err)
{
	uint8_t last[KEY_BYTES];
	struct kv_bytes key = {last, sizeof last}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(p->txn, table, &c, err);

	if (status != EVS_OK)
		return status;
	put_key(last, which, UINT32_MAX);
	for (status = kv_move(c, KV_AT_OR_BEFORE, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_PREVIOUS, &key, &value, err)) {
		struct pile_layer *l = &p->layers[p->n_layers];

		if (key.size != KEY_BYTES || key.data[0] != layers_of(which))
			break;
		if (p->n_layers == PILE_LAYERS || !open_layer(value, l)) {
			status = damaged(err);
			break;
		}
		l->number = (uint32_t)get64be((const uint8_t[8]){0, 0, 0, 0, key.data[1], key.data[2], key.data[3], key.data[4]});
		p->n_layers++;
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int pile_open(struct kv_txn *txn, const struct projection *p, const struct generation *g, enum projection_table which,
              struct pile *out, struct evs_error *err)
{
	enum kv_table layers;
	int status;

	out->txn = txn;
	out->n_layers = 0;
	status = projection_table(txn, p, g, which, false, &out->base, err);
	out->has_base = status == EVS_OK;
	if (status != EVS_OK)
		return status;
	status = projection_table(txn, p, g, PROJECTION_LAYERS, false, &layers, err);
	if (status == EVS_OK)
		return open_layers(out, layers, which, err);
	return status == EVS_END ? EVS_OK : status;
}

struct pile pile_of_table(struct kv_txn *txn, enum kv_table table)
{
	return (struct pile){.txn = txn, .base = table, .has_base = true};
}

bool pile_is_empty(const struct pile *p)
{
	return p->n_layers == 0 && (!p->has_base || kv_count(p->txn, p->base) == 0);
}

uint64_t pile_count(const struct pile *p)
{
	uint64_t n = p->has_base ? kv_count(p->txn, p->base) : 0;

	for (size_t i = 0; i < p->n_layers; i++)
		n += (uint64_t)p->layers[i].grown;
	return n;
}

int pile_get(const struct pile *p, const void *key, size_t key_size, struct kv_bytes *value, struct evs_error *err)
{
	const struct kv_bytes sought = {key, key_size};
	struct entry e;
	uint32_t at;

	for (size_t i = 0; i < p->n_layers; i++) {
		const struct pile_layer *l = &p->layers[i];
		if (!find(l, sought, &at) || (at < l->n && !entry_at(l, at, &e)))
			return damaged(err);
		if (at == l->n || compare(e.key, sought) != 0)
			continue;
		*value = e.value;
		return e.removed ? EVS_END : EVS_OK;
	}
	return p->has_base ? kv_get(p->txn, p->base, key, key_size, value, err) : EVS_END;
}

/* Check one layer; below is what it lies on. */
static int check_layer(const struct pile_layer *l, const struct pile *below, struct evs_error *err)
{
	struct entry e, before = {0};
	struct kv_bytes value;
	int64_t grown = 0;
	int status;

	for (uint32_t i = 0; i < l->n; i++, before = e) {
		if (!entry_at(l, i, &e) || compare(before.key, e.key) >= 0)
			return damaged(err);
		status = pile_get(below, e.key.data, e.key.size, &value, err);
		if (status < 0)
			return status;
		grown += (status == EVS_END) - e.removed;
	}
	return grown == l->grown ? EVS_OK : damaged(err);
}

int pile_check(const struct pile *p, struct evs_error *err)
{
	struct pile below = *p;
	int status = EVS_OK;

	for (size_t i = p->n_layers; i-- > 0 && status == EVS_OK;) {
		below.n_layers = p->n_layers - 1 - i;
		memcpy(below.layers, &p->layers[i + 1], below.n_layers * sizeof below.layers[0]);
		status = check_layer(&p->layers[i], &below, err);
	}
	return status;
}

/* ---- going through ---- */

struct pile_cursor {
	const struct pile *pile;
	struct merge layers;
	struct kv_cursor *base;
	struct kv_bytes key, value; /* of the base, at which it is */
	bool ended, used;           /* the base is at its end; its key was given */
};

int pile_cursor_open(const struct pile *p, struct pile_cursor **out, struct evs_error *err)
{
	struct pile_cursor *c = calloc(1, sizeof *c);
	int status = EVS_OK;

	*out = NULL;
	if (c == NULL)
		return error_nomem(err);
	c->pile = p;
	c->layers.layers = p->layers;
	c->layers.n = p->n_layers;
	if (p->has_base)
		status = kv_cursor_open(p->txn, p->base, &c->base, err);
	if (status != EVS_OK) {
		free(c);
		return status;
	}
	*out = c;
	return EVS_OK;
}

void pile_cursor_close(struct pile_cursor *c)
{
	if (c == NULL)
		return;
	kv_cursor_close(c->base);
	free(c);
}

/* Move the base's cursor. */
static int move_base(struct pile_cursor *c, enum kv_move move, struct evs_error *err)
{
	int status = c->base == NULL ? EVS_END : kv_move(c->base, move, &c->key, &c->value, err);

	c->used = false;
	c->ended = status == EVS_END;
	return status == EVS_END ? EVS_OK : status;
}

int pile_seek(struct pile_cursor *c, struct kv_bytes at, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err)
{
	int status;

	for (size_t i = 0; i < c->layers.n; i++) {
		c->layers.at[i] = 0;
		if (at.size > 0 && !find(&c->layers.layers[i], at, &c->layers.at[i]))
			return damaged(err);
	}
	c->key = at;
	status = move_base(c, at.size == 0 ? KV_FIRST : KV_AT_OR_AFTER, err);
	return status == EVS_OK ? pile_next(c, key, value, err) : status;
}

/* The next key of all, removed ones too. Statuses as pile_next. */
static int next_entry(struct pile_cursor *c, struct entry *out, struct evs_error *err)
{
	int status = c->used ? move_base(c, KV_NEXT, err) : EVS_OK, order;

	if (status == EVS_OK)
		status = first_entry(&c->layers, out, err);
	if (status < 0 || (status == EVS_END && c->ended))
		return status;
	order = status == EVS_END ? 1 : c->ended ? -1 : compare(out->key, c->key);
	if (order > 0)
		*out = (struct entry){.key = c->key, .value = c->value};
	else
		step_over(&c->layers, out->key);
	c->used = order >= 0;
	return EVS_OK;
}

int pile_next(struct pile_cursor *c, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err)
{
	struct entry e = {0};
	int status;

	do
		status = next_entry(c, &e, err);
	while (status == EVS_OK && e.removed);
	*key = e.key;
	*value = e.value;
	return status;
}

/* ---- changing ---- */

/* Changes as a layer that is in no record. */
static struct pile_layer layer_of(const struct change *changes, size_t n)
{
	struct pile_layer l = {.list = changes, .n = (uint32_t)n};

	for (size_t i = 0; i < n; i++)
		l.grown += changes[i].remove ? -1 : changes[i].fresh;
	return l;
}

/* Bytes of a layer's record, at the most. */
static size_t record_size(const struct pile_layer *l)
{
	size_t size = HEAD_BYTES + (size_t)l->n * (CHANGE_HEAD + END_BYTES) + l->size;

	for (uint32_t i = 0; l->list != NULL && i < l->n; i++)
		size += l->list[i].key_size + l->list[i].value_size;
	return size;
}

/* A record in the making. */
struct made {
	struct buf record, ends;
	uint32_t n;
};

static void add_entry(struct made *m, const struct entry *e)
{
	uint8_t head[CHANGE_HEAD], end[END_BYTES];

	put16(head, (uint16_t)(e->key.size | (e->removed ? REMOVED : 0)));
	buf_put(&m->record, head, sizeof head);
	buf_put(&m->record, e->key.data, e->key.size);
	buf_put(&m->record, e->value.data, e->value.size);
	put32(end, (uint32_t)(m->record.size - HEAD_BYTES));
	buf_put(&m->ends, end, sizeof end);
	m->n++;
}

/* Have room for all of several layers, and the head of a record. */
static bool begin_made(struct made *m, const struct pile_layer *layers, size_t n)
{
	size_t size = 0, ends = 0;

	for (size_t i = 0; i < n; i++) {
		size += record_size(&layers[i]);
		ends += (size_t)layers[i].n * END_BYTES;
	}
	if (size > UINT32_MAX || !buf_room(&m->record, size + HEAD_BYTES) || !buf_room(&m->ends, ends))
		return false;
	m->record.size = HEAD_BYTES;
	return true;
}

/* Make one record of several layers, the newest first. */
static int merge_layers(const struct pile_layer *layers, size_t n, struct buf *out, struct evs_error *err)
{
	struct merge m = {.layers = layers, .n = n};
	struct made made = {0};
	struct entry e = {0};
	int64_t grown = 0;
	int status = begin_made(&made, layers, n) ? EVS_OK : error_nomem(err);

	for (size_t i = 0; i < n; i++)
		grown += layers[i].grown;
	while (status == EVS_OK && (status = first_entry(&m, &e, err)) == EVS_OK) {
		add_entry(&made, &e);
		step_over(&m, e.key);
	}
	buf_put(&made.record, made.ends.data, made.ends.size);
	buf_free(&made.ends);
	*out = made.record;
	if (status != EVS_END || out->failed)
		return status != EVS_END ? status : error_nomem(err);
	put32(out->data + AT_COUNT, made.n);
	put64(out->data + AT_GROWN, (uint64_t)grown);
	return EVS_OK;
}

/* Make a change in the B-tree. */
static int change_base(struct kv_txn *txn, enum kv_table base, struct kv_bytes key, struct kv_bytes value, bool remove,
                       struct evs_error *err)
{
	int status;

	if (!remove)
		return kv_put(txn, base, key.data, key.size, value.data, value.size, err);
	status = kv_delete(txn, base, key.data, key.size, err);
	return status == EVS_END ? EVS_OK : status;
}

/* Fill the B-tree, in which there is nothing: no key is there that a change could take away. */
static int fill_base(struct kv_txn *txn, enum kv_table base, const struct change *changes, size_t n, struct evs_error *err)
{
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, base, &c, err);

	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		if (i + LOOK_AHEAD < n) {
			__builtin_prefetch(changes[i + LOOK_AHEAD].key);
			__builtin_prefetch(changes[i + LOOK_AHEAD].key + 64);
		}
		if (!changes[i].remove)
			status = kv_append_at(c, change_key(&changes[i]), change_value(&changes[i]), err);
	}
	kv_cursor_close(c);
	return status;
}

/* Make changes in the B-tree; there are no layers. */
static int apply_to_base(struct kv_txn *txn, enum kv_table base, const struct change *changes, size_t n, struct evs_error *err)
{
	int status = EVS_OK;

	if (kv_count(txn, base) == 0)
		return fill_base(txn, base, changes, n, err);
	for (size_t i = 0; i < n && status == EVS_OK; i++)
		status = change_base(txn, base, change_key(&changes[i]), change_value(&changes[i]), changes[i].remove, err);
	return status;
}

/* Remove the records of the k newest layers. *number: of the oldest of them; stays where k = 0. */
static int remove_layers(const struct pile *p, enum kv_table table, enum projection_table which, size_t k, uint32_t *number,
                         struct evs_error *err)
{
	uint8_t key[KEY_BYTES];
	int status = EVS_OK;

	for (size_t i = 0; i < k && status == EVS_OK; i++) {
		*number = p->layers[i].number;
		put_key(key, which, *number);
		status = kv_delete(p->txn, table, key, sizeof key, err);
	}
	return status;
}

/* Make the changes of all layers in the B-tree. */
static int flatten(const struct pile *p, enum kv_table table, enum projection_table which, struct evs_error *err)
{
	struct buf all = {0};
	struct pile_layer l = {0};
	struct entry e = {0};
	uint32_t number;
	int status = merge_layers(p->layers, p->n_layers, &all, err);

	if (status == EVS_OK)
		status = remove_layers(p, table, which, p->n_layers, &number, err);
	if (status == EVS_OK && !open_layer((struct kv_bytes){all.data, all.size}, &l))
		status = damaged(err);
	for (uint32_t i = 0; i < l.n && status == EVS_OK; i++)
		status = entry_at(&l, i, &e) ? change_base(p->txn, p->base, e.key, e.value, e.removed, err) : damaged(err);
	buf_free(&all);
	return status;
}

/* Put changes upon the layers that there are; those that are not much larger become one with them. */
static int pile_up(const struct pile *p, enum kv_table table, enum projection_table which, const struct change *changes, size_t n,
                   struct evs_error *err)
{
	struct pile_layer parts[PILE_LAYERS + 1] = {layer_of(changes, n)};
	uint32_t number = p->n_layers > 0 ? p->layers[0].number + 1 : 1;
	uint64_t bytes = record_size(&parts[0]);
	struct buf record = {0};
	uint8_t key[KEY_BYTES];
	size_t k = 0;
	int status;

	for (; k < p->n_layers && record_size(&p->layers[k]) < bytes * GROWTH; k++) {
		bytes += record_size(&p->layers[k]);
		parts[k + 1] = p->layers[k];
	}
	status = merge_layers(parts, k + 1, &record, err);
	if (status == EVS_OK)
		status = remove_layers(p, table, which, k, &number, err);
	put_key(key, which, number);
	if (status == EVS_OK)
		status = kv_put(p->txn, table, key, sizeof key, record.data, record.size, err);
	buf_free(&record);
	return status;
}

/* Whether layers with so many changes more would be too much beside the B-tree. */
static bool is_much(const struct pile *p, const struct change *changes, size_t n)
{
	uint64_t all = n, bytes = 0;

	if (p->n_layers == PILE_LAYERS || (p->n_layers > 0 && p->layers[0].number == UINT32_MAX))
		return true; /* only what is damaged has so many */
	for (size_t i = 0; i < p->n_layers; i++) {
		all += p->layers[i].n;
		bytes += p->layers[i].size;
	}
	if (all > kv_count(p->txn, p->base) / BASE_SHARE)
		return true;
	for (size_t i = 0; i < n && bytes <= LAYERS_BYTES; i++)
		bytes += changes[i].key_size + changes[i].value_size;
	return bytes > LAYERS_BYTES;
}

int pile_apply(struct kv_txn *txn, const struct projection *p, const struct generation *g, enum projection_table which,
               const struct change *changes, size_t n, struct evs_error *err)
{
	enum kv_table base, layers;
	struct pile pile;
	int status = projection_table(txn, p, g, which, true, &base, err);

	if (status == EVS_OK)
		status = projection_table(txn, p, g, PROJECTION_LAYERS, true, &layers, err);
	if (status == EVS_OK)
		status = pile_open(txn, p, g, which, &pile, err);
	if (status != EVS_OK)
		return status;
	if (!is_much(&pile, changes, n))
		return pile_up(&pile, layers, which, changes, n, err);
	if (pile.n_layers > 0)
		status = flatten(&pile, layers, which, err);
	return status == EVS_OK ? apply_to_base(txn, base, changes, n, err) : status;
}
