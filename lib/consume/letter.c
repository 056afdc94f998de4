#include "consume/letter.h"

#include "base/bytes.h"
#include "base/error.h"

enum { LETTER_VERSION = 2, FIXED = 1 + 1 + 8 + 4, PARKED = 1, KEY = 4 + 8 };

void letter_encode(struct buf *out, const struct letter *l)
{
	uint8_t fixed[FIXED] = {LETTER_VERSION, l->parked ? PARKED : 0};

	put64(fixed + 2, l->stream);
	put32(fixed + 10, l->number);
	buf_put(out, fixed, sizeof fixed);
	buf_sized(out, l->group.text, l->group.size);
	buf_varint(out, l->tries);
	buf_sized(out, l->list, l->list_size);
	buf_sized(out, l->mended.text, l->mended.size);
}

bool letter_decode(const uint8_t *bytes, size_t size, struct letter *l)
{
	const uint8_t *p = bytes + FIXED, *end = bytes + size;
	const uint8_t *group, *mended;

	if (size < FIXED || bytes[0] != LETTER_VERSION || bytes[1] > PARKED)
		return false;
	*l = (struct letter){.parked = bytes[1] == PARKED, .stream = get64(bytes + 2), .number = get32(bytes + 10)};
	if ((p = get_sized(p, end, &group, &l->group.size)) == NULL || (p = get_varint(p, end, &l->tries)) == NULL ||
	    (p = get_sized(p, end, &l->list, &l->list_size)) == NULL || (p = get_sized(p, end, &mended, &l->mended.size)) == NULL)
		return false;
	l->group.text = (const char *)group;
	l->mended.text = (const char *)mended;
	return p == end;
}

/* ---- parked streams ---- */

static void key_of(uint32_t group, uint64_t stream, uint8_t key[KEY])
{
	put32(key, group);
	put64(key + 4, stream);
}

int letter_parked(struct kv_txn *txn, uint32_t group, uint64_t stream, uint64_t *n, struct evs_error *err)
{
	struct kv_bytes value;
	uint8_t key[KEY];
	int status;

	*n = 0;
	key_of(group, stream, key);
	status = kv_get(txn, KV_PARKED, key, KEY, &value, err);
	if (status == EVS_OK && value.size != sizeof *n)
		return error_set(err, EVS_CORRUPT, 0, "the record of a parked stream is damaged");
	if (status == EVS_OK)
		*n = get64(value.data);
	return status == EVS_END ? EVS_OK : status;
}

int letter_set_parked(struct kv_txn *txn, uint32_t group, uint64_t stream, uint64_t n, struct evs_error *err)
{
	uint8_t key[KEY], value[8];
	int status;

	key_of(group, stream, key);
	put64(value, n);
	if (n > 0)
		return kv_put(txn, KV_PARKED, key, KEY, value, sizeof value, err);
	status = kv_delete(txn, KV_PARKED, key, KEY, err);
	return status == EVS_END ? EVS_OK : status;
}

int letter_clear_parked(struct kv_txn *txn, uint32_t group, struct evs_error *err)
{
	uint8_t first[KEY];
	struct kv_bytes key, value;
	struct kv_cursor *c;
	int status;

	key_of(group, 0, first);
	do {
		key = (struct kv_bytes){first, KEY};
		status = kv_cursor_open(txn, KV_PARKED, &c, err);
		if (status != EVS_OK)
			return status;
		status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err);
		if (status == EVS_OK && memcmp(key.data, first, 4) != 0)
			status = EVS_END;
		if (status == EVS_OK)
			memcpy(first, key.data, KEY);
		kv_cursor_close(c);
		if (status == EVS_OK)
			status = kv_delete(txn, KV_PARKED, first, KEY, err);
	} while (status == EVS_OK);
	return status == EVS_END ? EVS_OK : status;
}
