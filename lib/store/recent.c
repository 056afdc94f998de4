#include "store/recent.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/store.h"

enum {
	BLOCK_BYTES = 1800, /* a block shares a page of 4 KiB with another */
	TABLE_AFTER = 8,    /* look-ups */
};

static uint32_t half_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* ---- adding ---- */

int recent_begin(struct recent_writer *w, struct kv_txn *txn, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_RECENT, &c, err);

	if (status != EVS_OK)
		return status;
	w->block.size = 0;
	w->dirty = false;
	status = kv_move(c, KV_LAST, &key, &value, err);
	if (status == EVS_OK && key.size == 8 && value.size < BLOCK_BYTES) {
		w->first = get64be(key.data);
		buf_put(&w->block, value.data, value.size);
	}
	kv_cursor_close(c);
	if (w->block.failed)
		return error_nomem(err);
	return status == EVS_END ? EVS_OK : status;
}

static int put_block(struct recent_writer *w, struct kv_txn *txn, struct evs_error *err)
{
	struct store_key key = store_key(w->first);

	if (w->block.failed)
		return error_nomem(err);
	return w->dirty ? kv_put(txn, KV_RECENT, key.bytes, sizeof key.bytes, w->block.data, w->block.size, err) : EVS_OK;
}

/* An event: how many terms, and the halves. */
int recent_add(struct recent_writer *w, struct kv_txn *txn, uint64_t position, uint64_t event, const uint64_t *terms, uint32_t n,
               struct evs_error *err)
{
	uint8_t *p;
	int status = EVS_OK;

	if (w->block.size >= BLOCK_BYTES) {
		status = put_block(w, txn, err);
		w->block.size = 0;
	}
	if (w->block.size == 0)
		w->first = position;
	if (!buf_room(&w->block, VARINT_MAX + 4 * ((size_t)n + 1)))
		return error_nomem(err);
	p = put_varint(w->block.data + w->block.size, (uint64_t)n + 1);
	put32(p, half_of(event));
	p += 4;
	for (uint32_t i = 0; i < n; i++, p += 4)
		put32(p, half_of(terms[i]));
	w->block.size = (size_t)(p - w->block.data);
	w->dirty = true;
	return status;
}

int recent_end(struct recent_writer *w, struct kv_txn *txn, struct evs_error *err)
{
	int status = put_block(w, txn, err);

	recent_release(w);
	return status;
}

void recent_release(struct recent_writer *w)
{
	buf_free(&w->block);
	w->dirty = false;
}

/* ---- reading ---- */

static int damaged(struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "the index of the newest events is damaged; evs verify says more");
}

/* Every term of a block. wanted: only this half, and each event once; NULL: all. */
static int read_block(struct kv_bytes value, uint64_t position, const uint32_t *wanted,
                      int (*each)(void *context, uint32_t half, uint64_t position), void *context, struct evs_error *err)
{
	const uint8_t *p = value.data, *end = p + value.size;
	int status = EVS_OK;

	for (; p < end && status == EVS_OK; position++) {
		uint64_t n;
		if ((p = get_varint(p, end, &n)) == NULL || n > (uint64_t)(end - p) / 4)
			return damaged(err);
		for (uint64_t i = 0; i < n && status == EVS_OK; i++) {
			uint32_t half = get32(p + 4 * i);
			if (wanted != NULL && half != *wanted)
				continue;
			status = each(context, half, position);
			if (wanted != NULL)
				break;
		}
		p += 4 * n;
	}
	return status;
}

static int read_blocks(struct kv_txn *txn, const uint32_t *wanted, int (*each)(void *context, uint32_t half, uint64_t position),
                       void *context, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_RECENT, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		status = key.size == 8 ? read_block(value, get64be(key.data), wanted, each, context, err) : damaged(err);
		if (status != EVS_OK)
			break;
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int recent_all(struct kv_txn *txn, int (*each)(void *context, uint32_t half, uint64_t position), void *context,
               struct evs_error *err)
{
	return read_blocks(txn, NULL, each, context, err);
}

/* ---- the table ---- */

void recent_forget(struct recent *r)
{
	free(r->slots);
	*r = (struct recent){0};
}

/* Slots of one half stay in the order they were added. */
static void insert(struct recent_slot *slots, size_t n_slots, struct recent_slot slot)
{
	size_t i = slot.half & (n_slots - 1);

	while (slots[i].at != 0)
		i = (i + 1) & (n_slots - 1);
	slots[i] = slot;
}

static bool grow(struct recent *r)
{
	size_t n_slots = r->n_slots == 0 ? 1024 : r->n_slots * 4;
	struct recent_slot *slots;

	if (r->n * 2 < r->n_slots)
		return true;
	if ((slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	/* From a free slot on, so that chains are met from their beginning. */
	for (size_t from = 0, i; r->n_slots > 0 && from <= r->n_slots; from++) {
		if (from < r->n_slots && r->slots[from].at != 0)
			continue;
		for (size_t k = 1; k <= r->n_slots; k++) {
			i = (from + k) & (r->n_slots - 1);
			if (r->slots[i].at != 0)
				insert(slots, n_slots, r->slots[i]);
		}
		break;
	}
	free(r->slots);
	r->slots = slots;
	r->n_slots = n_slots;
	return true;
}

static int add_slot(void *context, uint32_t half, uint64_t position)
{
	struct recent *r = context;

	if (r->first == 0)
		r->first = position;
	if (!grow(r))
		return EVS_NOMEM;
	insert(r->slots, r->n_slots, (struct recent_slot){half, (uint32_t)(position - r->first) + 1});
	r->n++;
	return EVS_OK;
}

static int make_table(struct recent *r, struct kv_txn *txn, struct evs_error *err)
{
	int status = recent_all(txn, add_slot, r, err);

	if (status == EVS_NOMEM)
		error_nomem(err);
	if (status == EVS_OK && r->n_slots == 0 && !grow(r))
		status = error_nomem(err);
	return status;
}

struct find {
	int (*each)(void *context, uint64_t position);
	void *context;
};

static int pass_on(void *context, uint32_t half, uint64_t position)
{
	struct find *f = context;

	(void)half;
	return f->each(f->context, position);
}

int recent_find(struct recent *r, struct kv_txn *txn, uint64_t hash, int (*each)(void *context, uint64_t position), void *context,
                struct evs_error *err)
{
	struct find f = {each, context};
	uint32_t half = half_of(hash);
	uint64_t before = 0;
	int status = EVS_OK;

	if (r->n_slots == 0 && r->asked++ < TABLE_AFTER)
		return read_blocks(txn, &half, pass_on, &f, err);
	if (r->n_slots == 0 && (status = make_table(r, txn, err)) != EVS_OK)
		return status;
	for (size_t i = half & (r->n_slots - 1); r->slots[i].at != 0 && status == EVS_OK; i = (i + 1) & (r->n_slots - 1)) {
		uint64_t position = r->first + r->slots[i].at - 1;
		if (r->slots[i].half != half || position == before)
			continue;
		before = position; /* a tag may be there twice */
		status = each(context, position);
	}
	return status;
}
