#include "store/dead.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

enum { DEAD_VERSION = 1 };

int dead_put(struct kv_txn *txn, struct store_state *state, const struct dead *d, struct evs_error *err)
{
	struct store_key key = store_key(state->next_dead);
	uint8_t head[2 + 8 + 2 * VARINT_MAX], *p = head;
	struct buf value = {0};
	int status;

	*p++ = DEAD_VERSION;
	*p++ = (uint8_t)d->kind;
	put64(p, (uint64_t)d->recorded_us);
	p = put_varint(p + 8, d->line);
	p = put_varint(p, d->reason_size);
	buf_put(&value, head, (size_t)(p - head));
	buf_put(&value, d->reason, d->reason_size);
	buf_put(&value, d->bytes, d->size);
	status = value.failed ? error_nomem(err) :
	                        kv_append(txn, KV_DEAD, key.bytes, sizeof key.bytes, value.data, value.size, err);
	buf_free(&value);
	if (status == EVS_OK)
		state->next_dead++;
	return status;
}
