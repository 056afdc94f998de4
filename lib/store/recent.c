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
	free(r->entries);
	*r = (struct recent){0};
}

/* The slot of a half, or the free one that it would take. */
static struct recent_slot *slot_of(struct recent_slot *slots, size_t n_slots, uint32_t half)
{
	size_t i = half & (n_slots - 1);

	while (slots[i].first != 0 && slots[i].half != half)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Keep the table at most half full. */
static bool grow(struct recent *r)
{
	size_t n_slots = r->n_slots == 0 ? 1024 : r->n_slots * 4;
	struct recent_slot *slots;

	if (r->used * 2 < r->n_slots)
		return true;
	if ((slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	for (size_t i = 0; i < r->n_slots; i++)
		if (r->slots[i].first != 0)
			*slot_of(slots, n_slots, r->slots[i].half) = r->slots[i];
	free(r->slots);
	r->slots = slots;
	r->n_slots = n_slots;
	return true;
}

static int add_entry(void *context, uint32_t half, uint64_t position)
{
	struct recent *r = context;
	struct recent_slot *slot;
	uint32_t at;

	if (r->first == 0)
		r->first = position;
	at = (uint32_t)(position - r->first);
	if (!grow(r) || !array_grow(&r->entries, &r->cap, r->n, sizeof *r->entries))
		return EVS_NOMEM;
	slot = slot_of(r->slots, r->n_slots, half);
	if (slot->first != 0 && r->entries[slot->last - 1].at == at)
		return EVS_OK; /* a tag may be there twice */
	r->entries[r->n++] = (struct recent_entry){.at = at};
	if (slot->first == 0) {
		*slot = (struct recent_slot){.half = half, .first = (uint32_t)r->n};
		r->used++;
	} else {
		r->entries[slot->last - 1].next = (uint32_t)r->n;
	}
	slot->last = (uint32_t)r->n;
	return EVS_OK;
}

static int make_table(struct recent *r, struct kv_txn *txn, struct evs_error *err)
{
	int status = recent_all(txn, add_entry, r, err);

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
	int status = EVS_OK;

	if (r->n_slots == 0 && r->asked++ < TABLE_AFTER)
		return read_blocks(txn, &half, pass_on, &f, err);
	if (r->n_slots == 0 && (status = make_table(r, txn, err)) != EVS_OK)
		return status;
	for (uint32_t i = slot_of(r->slots, r->n_slots, half)->first; i != 0 && status == EVS_OK; i = r->entries[i - 1].next)
		status = each(context, r->first + r->entries[i - 1].at);
	return status;
}
