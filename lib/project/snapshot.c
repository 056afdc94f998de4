#include "project/snapshot.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "event/render.h"
#include "project/key.h"

enum { VERSION = 1, HASH_BYTES = 8, POSITION_BYTES = 8 };
#define STATE_MAX ((uint64_t)1 << 31)

size_t snapshot_key(uint8_t out[SNAPSHOT_KEY_MAX], uint64_t hash, struct span key, struct span type)
{
	struct key k;

	key_encode(&k, key, type);
	put64be(out, hash);
	memcpy(out + HASH_BYTES, k.bytes, k.size);
	return HASH_BYTES + k.size;
}

/* ---- values ---- */

/* The value: the whole key where it was cut; a version; the place; the state compressed. */
static int put_value(struct buf *out, const struct zip_dict *dict, struct zip *zip, const struct snapshot *s, bool cut,
                     struct evs_error *err)
{
	uint8_t moment[8];
	size_t size;

	if (cut)
		key_put_whole(out, s->key, s->type);
	buf_byte(out, VERSION);
	put64(moment, (uint64_t)s->place.moment);
	buf_put(out, moment, sizeof moment);
	buf_varint(out, s->place.revision);
	buf_varint(out, s->place.covers - s->place.position);
	buf_varint(out, s->place.events);
	buf_varint(out, s->size);
	if (!buf_room(out, zip_bound(s->size)))
		return error_nomem(err);
	size = zip_pack(zip, dict, s->state, s->size, out->data + out->size, out->cap - out->size);
	out->size += size;
	return size == 0 || out->failed ? error_nomem(err) : EVS_OK;
}

bool snapshot_decode(struct kv_bytes key, struct kv_bytes value, struct buf *scratch, struct snapshot_found *f)
{
	struct key_value v;
	const uint8_t *p, *end;

	if (key.size < HASH_BYTES + POSITION_BYTES + 2)
		return false;
	f->hash = get64be(key.data);
	f->place.position = get64be(key.data + key.size - POSITION_BYTES);
	if (!key_decode(key.data + HASH_BYTES, key.size - HASH_BYTES - POSITION_BYTES, value.data, value.size, scratch, &v))
		return false;
	f->key = v.key;
	f->type = v.type;
	p = v.rest;
	end = p + v.rest_size;
	if (end - p < 9 || p[0] != VERSION)
		return false;
	f->place.moment = (int64_t)get64(p + 1);
	p = get_varint(p + 9, end, &f->place.revision);
	if (p == NULL || (p = get_varint(p, end, &f->place.covers)) == NULL || (p = get_varint(p, end, &f->place.events)) == NULL ||
	    (p = get_varint(p, end, &f->state_size)) == NULL)
		return false;
	f->place.covers += f->place.position;
	f->zipped = (struct kv_bytes){p, (size_t)(end - p)};
	return f->state_size <= STATE_MAX;
}

int snapshot_unpack(struct evs_store *store, struct kv_txn *txn, const struct snapshot_found *f, struct buf *state,
                    struct evs_error *err)
{
	const struct zip_dict *dict = store_dict(store, txn, 0, false, err);
	struct zip *zip = zip_new();
	int status = EVS_OK;

	if (dict == NULL || zip == NULL || !buf_room(state, f->state_size + RENDER_PAD))
		status = error_nomem(err);
	else if (!zip_unpack(zip, dict, f->zipped.data, f->zipped.size, state->data + state->size, f->state_size))
		status = error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged");
	if (status == EVS_OK) {
		state->size += f->state_size;
		memset(state->data + state->size, 0, RENDER_PAD);
	}
	zip_free(zip);
	return status;
}

int snapshot_encode(struct evs_store *store, struct kv_txn *txn, struct zip *zip, const struct snapshot *s, struct buf *out,
                    size_t *key_size, struct evs_error *err)
{
	const struct zip_dict *dict = store_dict(store, txn, 0, true, err);
	uint8_t key[SNAPSHOT_KEY_MAX];
	size_t size = snapshot_key(key, s->hash, s->key, s->type);

	if (dict == NULL)
		return error_nomem(err);
	put64be(key + size, s->place.position);
	buf_put(out, key, size + POSITION_BYTES);
	*key_size = size + POSITION_BYTES;
	return put_value(out, dict, zip, s, size == HASH_BYTES + KEY_MAX, err);
}

/* ---- one of them ---- */

/* Go back from the newest that may fit to the first that does. */
static int find(struct evs_store *store, struct kv_txn *txn, const struct snapshot_query *q, struct snapshot_place *place,
                struct buf *state, struct evs_error *err)
{
	uint8_t sought[SNAPSHOT_KEY_MAX];
	size_t size = snapshot_key(sought, q->hash, q->key, q->type);
	struct kv_bytes key = {sought, size + POSITION_BYTES}, value;
	struct kv_cursor *c = NULL;
	struct snapshot_found f;
	struct buf scratch = {0};
	int status = kv_cursor_open(txn, KV_SNAPSHOT, &c, err);

	put64be(sought + size, q->position);
	if (status == EVS_OK)
		status = kv_move(c, KV_AT_OR_BEFORE, &key, &value, err);
	while (status == EVS_OK) {
		if (key.size != size + POSITION_BYTES || memcmp(key.data, sought, size) != 0)
			status = EVS_END;
		else if (!snapshot_decode(key, value, &scratch, &f))
			status = error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged");
		else if (f.place.revision <= q->revision && f.place.moment <= q->moment)
			break;
		else
			status = kv_move(c, KV_PREVIOUS, &key, &value, err);
	}
	if (status == EVS_OK) {
		*place = f.place;
		status = snapshot_unpack(store, txn, &f, state, err);
	}
	kv_cursor_close(c);
	buf_free(&scratch);
	return status;
}

int snapshot_find(struct evs_store *store, const struct snapshot_query *q, struct snapshot_place *place, struct buf *state,
                  struct evs_error *err)
{
	struct kv_txn *txn;
	int status = kv_begin(store->kv, false, &txn, err);

	if (status != EVS_OK)
		return status;
	status = find(store, txn, q, place, state, err);
	kv_abort(txn);
	return status;
}
