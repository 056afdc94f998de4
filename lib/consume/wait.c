#include "consume/wait.h"

#include "base/bytes.h"
#include "base/error.h"

enum { WAIT_VERSION = 1, KEY = 4 + 2 + 8, FIXED = 1 + 8 + 8, CLEAR_AT_A_TIME = 256 };

struct key {
	uint8_t bytes[KEY];
};

static struct key key_of(uint32_t group, unsigned slot, uint64_t position)
{
	struct key k;

	for (unsigned i = 0; i < 4; i++)
		k.bytes[i] = (uint8_t)(group >> (24 - 8 * i));
	k.bytes[4] = (uint8_t)(slot >> 8);
	k.bytes[5] = (uint8_t)slot;
	put64be(k.bytes + 6, position);
	return k;
}

int wait_decode(struct kv_bytes key, struct kv_bytes value, uint32_t *group, struct wait *out, struct evs_error *err)
{
	const uint8_t *p = value.data + FIXED;

	if (key.size == KEY && value.size > FIXED && value.data[0] == WAIT_VERSION &&
	    (p = get_varint(p, value.data + value.size, &out->tries)) != NULL) {
		*group = (uint32_t)(get64be(key.data) >> 32);
		out->slot = (unsigned)key.data[4] << 8 | key.data[5];
		out->position = get64be(key.data + 6);
		out->stream = get64(value.data + 1);
		out->due_us = (int64_t)get64(value.data + 9);
		out->list = p;
		out->list_size = (size_t)(value.data + value.size - p);
		return EVS_OK;
	}
	return error_set(err, EVS_CORRUPT, 0, "the record of an event that waits for its next try is damaged");
}

int wait_put(struct kv_txn *txn, uint32_t group, const struct wait *w, struct evs_error *err)
{
	struct key k = key_of(group, w->slot, w->position);
	uint8_t head[FIXED] = {WAIT_VERSION};
	struct buf value = {0};
	int status;

	put64(head + 1, w->stream);
	put64(head + 9, (uint64_t)w->due_us);
	buf_put(&value, head, sizeof head);
	buf_varint(&value, w->tries);
	buf_put(&value, w->list, w->list_size);
	status = value.failed ? error_nomem(err) : kv_put(txn, KV_WAIT, k.bytes, KEY, value.data, value.size, err);
	buf_free(&value);
	return status;
}

int wait_get(struct kv_txn *txn, uint32_t group, unsigned slot, uint64_t position, struct wait *out, struct evs_error *err)
{
	struct key k = key_of(group, slot, position);
	struct kv_bytes value;
	int status = kv_get(txn, KV_WAIT, k.bytes, KEY, &value, err);

	return status == EVS_OK ? wait_decode((struct kv_bytes){k.bytes, KEY}, value, &group, out, err) : status;
}

int wait_delete(struct kv_txn *txn, uint32_t group, unsigned slot, uint64_t position, struct evs_error *err)
{
	struct key k = key_of(group, slot, position);
	int status = kv_delete(txn, KV_WAIT, k.bytes, KEY, err);

	return status == EVS_END ? EVS_OK : status;
}

int wait_each(struct kv_txn *txn, uint32_t group, int (*each)(void *context, const struct wait *w), void *context,
              struct evs_error *err)
{
	struct key first = key_of(group, 0, 0);
	struct kv_bytes key = {first.bytes, KEY}, value;
	struct kv_cursor *c;
	struct wait w;
	int status = kv_cursor_open(txn, KV_WAIT, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		if (key.size < 4 || memcmp(key.data, first.bytes, 4) != 0)
			break;
		if ((status = wait_decode(key, value, &group, &w, err)) != EVS_OK || (status = each(context, &w)) != EVS_OK)
			break;
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* Some that are to be removed. */
struct some {
	size_t n;
	struct wait list[CLEAR_AT_A_TIME];
};

static int gather(void *context, const struct wait *w)
{
	struct some *s = context;

	s->list[s->n++] = *w;
	return s->n < CLEAR_AT_A_TIME ? EVS_OK : EVS_END;
}

int wait_clear(struct kv_txn *txn, uint32_t group, struct evs_error *err)
{
	struct some s;
	int status;

	do {
		s.n = 0;
		status = wait_each(txn, group, gather, &s, err);
		for (size_t i = 0; i < s.n && status == EVS_OK; i++)
			status = wait_delete(txn, group, s.list[i].slot, s.list[i].position, err);
	} while (status == EVS_OK && s.n == CLEAR_AT_A_TIME);
	return status;
}
