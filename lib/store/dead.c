#include "store/dead.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

enum { DEAD_VERSION = 2 };

/* Write a dead letter as it is stored. */
static bool encode(struct buf *value, const struct dead *d)
{
	uint8_t head[2 + 8 + 2 * VARINT_MAX], *p = head;

	*p++ = DEAD_VERSION;
	*p++ = (uint8_t)d->kind;
	put64(p, (uint64_t)d->recorded_us);
	p = put_varint(p + 8, d->line);
	p = put_varint(p, d->reason_size);
	buf_put(value, head, (size_t)(p - head));
	buf_put(value, d->reason, d->reason_size);
	if (d->kind == DEAD_LINE)
		buf_sized(value, d->setup, d->setup_size);
	buf_put(value, d->bytes, d->size);
	return !value->failed;
}

int dead_put(struct kv_txn *txn, struct store_state *state, const struct dead *d, struct evs_error *err)
{
	struct store_key key = store_key(state->next_dead);
	struct buf value = {0};
	int status = !encode(&value, d) ? error_nomem(err) :
	                                  kv_append(txn, KV_DEAD, key.bytes, sizeof key.bytes, value.data, value.size, err);

	buf_free(&value);
	if (status == EVS_OK)
		state->next_dead++;
	return status;
}

int dead_replace(struct kv_txn *txn, uint64_t number, const struct dead *d, struct evs_error *err)
{
	struct store_key key = store_key(number);
	struct buf value = {0};
	int status = !encode(&value, d) ? error_nomem(err) : kv_put(txn, KV_DEAD, key.bytes, sizeof key.bytes, value.data, value.size, err);

	buf_free(&value);
	return status;
}

bool dead_decode(struct kv_bytes value, struct dead *d)
{
	const uint8_t *p = value.data, *end = p + value.size, *setup;
	uint64_t reason;

	*d = (struct dead){0};
	if (value.size < 10 || p[0] != DEAD_VERSION || p[1] < DEAD_LINE || p[1] > DEAD_EVENT)
		return false;
	d->kind = (enum dead_kind)p[1];
	d->recorded_us = (int64_t)get64(p + 2);
	if ((p = get_varint(p + 10, end, &d->line)) == NULL || (p = get_varint(p, end, &reason)) == NULL ||
	    reason > (uint64_t)(end - p))
		return false;
	d->reason = (const char *)p;
	d->reason_size = reason;
	p += reason;
	if (d->kind == DEAD_LINE) {
		if ((p = get_sized(p, end, &setup, &d->setup_size)) == NULL)
			return false;
		d->setup = (const char *)setup;
	}
	d->bytes = p;
	d->size = (size_t)(end - p);
	return true;
}
