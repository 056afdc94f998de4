#include "dlq/log.h"

#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

enum { LOG_VERSION = 1, FIXED = 4 + 8 };

static void encode(struct buf *out, const struct evs_letter_entry *e)
{
	uint8_t fixed[FIXED] = {LOG_VERSION, (uint8_t)e->action, e->done, (uint8_t)e->kind};

	put64(fixed + 4, (uint64_t)e->at_us);
	buf_put(out, fixed, sizeof fixed);
	buf_varint(out, e->id);
	buf_varint(out, e->number);
	buf_sized(out, e->owner, e->owner_size);
	buf_sized(out, e->who, e->who_size);
	buf_sized(out, e->why, e->why_size);
	buf_sized(out, e->command, e->command_size);
	buf_sized(out, e->reason, e->reason_size);
	buf_sized(out, e->before, e->before_size);
	buf_sized(out, e->after, e->after_size);
}

bool log_decode(struct kv_bytes value, struct evs_letter_entry *e)
{
	const uint8_t *p = value.data + FIXED, *end = value.data + value.size, *data;
	struct {
		const char **text;
		size_t *size;
	} const texts[] = {
		{&e->owner, &e->owner_size}, {&e->who, &e->who_size}, {&e->why, &e->why_size}, {&e->command, &e->command_size},
		{&e->reason, &e->reason_size}, {&e->before, &e->before_size}, {&e->after, &e->after_size},
	};

	if (value.size < FIXED || value.data[0] != LOG_VERSION || value.data[1] < EVS_LETTER_RETRY || value.data[1] > EVS_LETTER_DROP ||
	    value.data[2] > 1 || value.data[3] > EVS_LETTER_EVENT)
		return false;
	e->action = (enum evs_letter_action)value.data[1];
	e->done = value.data[2] == 1;
	e->kind = (enum evs_letter_kind)value.data[3];
	e->at_us = (int64_t)get64(value.data + 4);
	if ((p = get_varint(p, end, &e->id)) == NULL || (p = get_varint(p, end, &e->number)) == NULL)
		return false;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if ((p = get_sized(p, end, &data, texts[i].size)) == NULL)
			return false;
		*texts[i].text = (const char *)data;
	}
	return p == end;
}

/* The number of the newest record, 0: there is none. */
static int find_last(struct kv_txn *txn, uint64_t *number, struct evs_error *err)
{
	struct kv_bytes key, value;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_DEADLOG, &c, err);

	*number = 0;
	if (status != EVS_OK)
		return status;
	status = kv_move(c, KV_LAST, &key, &value, err);
	if (status == EVS_OK && key.size != 8)
		status = error_set(err, EVS_CORRUPT, 0, "the record of what was done to dead letters is damaged");
	else if (status == EVS_OK)
		*number = get64be(key.data);
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int log_add(struct kv_txn *txn, const struct evs_letter_entry *entry, struct evs_error *err)
{
	struct store_key key;
	struct buf value = {0};
	uint64_t last;
	int status = find_last(txn, &last, err);

	if (status != EVS_OK)
		return status;
	key = store_key(last + 1);
	encode(&value, entry);
	status = value.failed ? error_nomem(err) : kv_append(txn, KV_DEADLOG, key.bytes, sizeof key.bytes, value.data, value.size, err);
	buf_free(&value);
	return status;
}

/* ---- reading it ---- */

/* Copy the next record, from a number on, out of its transaction. EVS_OK, EVS_END, ... */
static int next(struct evs_store *store, uint64_t *number, struct buf *copy, struct evs_error *err)
{
	struct store_key wanted = store_key(*number);
	struct kv_bytes key = {wanted.bytes, sizeof wanted.bytes}, value;
	struct store_state state;
	struct kv_cursor *c = NULL;
	struct kv_txn *txn;
	int status = store_begin(store, false, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = kv_cursor_open(txn, KV_DEADLOG, &c, err);
	if (status == EVS_OK)
		status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err);
	if (status == EVS_OK) {
		if (key.size != 8)
			status = error_set(err, EVS_CORRUPT, 0, "the record of what was done to dead letters is damaged");
	}
	if (status == EVS_OK) {
		*number = get64be(key.data);
		copy->size = 0;
		buf_put(copy, value.data, value.size);
		status = copy->failed ? error_nomem(err) : EVS_OK;
	}
	kv_cursor_close(c);
	kv_abort(txn);
	return status;
}

int evs_letter_log(struct evs_store *store, uint64_t id, int (*each)(void *context, const struct evs_letter_entry *entry), void *context,
                   struct evs_error *err)
{
	struct evs_letter_entry e;
	struct buf copy = {0};
	uint64_t number = 1;
	int status;

	for (; (status = next(store, &number, &copy, err)) == EVS_OK; number++) {
		if (!log_decode((struct kv_bytes){copy.data, copy.size}, &e))
			status = error_set(err, EVS_CORRUPT, 0, "record %llu of what was done to dead letters is damaged", (unsigned long long)number);
		else if ((id == 0 || e.id == id) && each(context, &e) != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		if (status != EVS_OK || number == UINT64_MAX)
			break;
	}
	buf_free(&copy);
	return status == EVS_END ? EVS_OK : status;
}
