/* Dead letters as they are read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/lock.h"
#include "consume/group.h"
#include "consume/tries.h"
#include "dlq/held.h"
#include "store/fetch.h"

/* Beside the locks of groups and those of projections, which are numbers by chance. */
#define LETTERS_LOCK (((uint64_t)1 << 60) - 1)

struct held_name held_group(const struct held *h)
{
	struct held_name name = {{0}};
	size_t size = h->parts.group.size < GROUP_NAME_MAX ? h->parts.group.size : GROUP_NAME_MAX;

	memcpy(name.text, h->parts.group.text, size);
	return name;
}

/* ---- reading one ---- */

static int list_tries(struct held *h, struct evs_error *err)
{
	const uint8_t *p = h->parts.list, *end = p + h->parts.list_size;
	size_t cap = 0, n = 0;
	struct tried t;

	while (p != end && tries_next(&p, end, &t)) {
		if (!array_grow(&h->tries, &cap, n, sizeof *h->tries))
			return error_nomem(err);
		h->tries[n++] = (struct evs_try){t.at_us, t.took_us, t.exit_status, t.signal, t.reason.text, t.output.text, t.reason.size, t.output.size};
	}
	h->letter.tries = h->tries;
	h->letter.n_tries = n;
	return EVS_OK;
}

/* The event that it is about, if it can be read. */
static int take_event(struct evs_store *store, struct kv_txn *txn, struct held *h, struct evs_error *err)
{
	struct record r;
	int status = fetch_record(store->fetch, txn, h->letter.position, &r, err);

	if (status == EVS_OK) {
		buf_put(&h->event, r.body, r.size);
		if (buf_room(&h->event, RENDER_PAD)) {
			memset(h->event.data + r.size, 0, RENDER_PAD);
			h->letter.event = (struct evs_event){r.position, r.revision, r.recorded_us, h->event.data, r.size};
		} else {
			status = error_nomem(err);
		}
	}
	return status == EVS_END || status == EVS_CORRUPT ? EVS_OK : status;
}

/* All that is known of one is its number. */
static int damaged(struct held *h)
{
	h->letter = (struct evs_letter){.id = h->letter.id, .kind = EVS_LETTER_DAMAGED, .reason = "its record is damaged", .reason_size = 21};
	return EVS_OK;
}

static int take_parts(struct held *h, struct evs_error *err)
{
	struct evs_letter *l = &h->letter;

	if (h->dead.kind == DEAD_FOLD) {
		l->owner = (const char *)h->dead.bytes;
		l->owner_size = h->dead.size;
		return EVS_OK;
	}
	if (!letter_decode(h->dead.bytes, h->dead.size, &h->parts) || !tries_valid(h->parts.list, h->parts.list_size))
		return damaged(h);
	l->owner = h->parts.group.text;
	l->owner_size = h->parts.group.size;
	l->stream = h->parts.stream;
	l->group = h->parts.number;
	l->parked = h->parts.parked;
	l->attempts = h->parts.tries;
	if (h->parts.mended.size > 0) {
		l->text = h->parts.mended.text;
		l->text_size = h->parts.mended.size;
	}
	return list_tries(h, err);
}

static int take(struct evs_store *store, struct kv_txn *txn, uint64_t id, struct kv_bytes value, struct held *h, struct evs_error *err)
{
	struct evs_letter *l = &h->letter;
	int status;

	l->id = id;
	buf_put(&h->value, value.data, value.size);
	if (h->value.failed)
		return error_nomem(err);
	if (!dead_decode((struct kv_bytes){h->value.data, h->value.size}, &h->dead))
		return damaged(h);
	l->kind = (enum evs_letter_kind)h->dead.kind;
	l->recorded_us = h->dead.recorded_us;
	l->reason = h->dead.reason;
	l->reason_size = h->dead.reason_size;
	if (h->dead.kind == DEAD_LINE) {
		l->line = h->dead.line;
		l->text = (const char *)h->dead.bytes;
		l->text_size = h->dead.size;
		l->setup = h->dead.setup_size > 0 ? h->dead.setup : NULL;
		l->setup_size = h->dead.setup_size;
		return EVS_OK;
	}
	l->position = h->dead.line;
	status = take_parts(h, err);
	return status == EVS_OK && l->kind != EVS_LETTER_DAMAGED ? take_event(store, txn, h, err) : status;
}

/* Find the record. EVS_OK, EVS_END, ... */
static int find(struct kv_txn *txn, uint64_t id, bool next, uint64_t *found, struct kv_bytes *value, struct evs_error *err)
{
	struct store_key wanted = store_key(id);
	struct kv_bytes key = {wanted.bytes, sizeof wanted.bytes};
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_DEAD, &c, err);

	if (status != EVS_OK)
		return status;
	status = kv_move(c, KV_AT_OR_AFTER, &key, value, err);
	if (status == EVS_OK && key.size != sizeof wanted.bytes)
		status = error_set(err, EVS_CORRUPT, 0, "the number of a dead letter is damaged");
	if (status == EVS_OK) {
		*found = get64be(key.data);
		if (!next && *found != id)
			status = EVS_END;
	}
	kv_cursor_close(c);
	return status;
}

int evs_letter_get(struct evs_store *store, uint64_t id, bool next, struct evs_letter **out, struct evs_error *err)
{
	struct held *h = calloc(1, sizeof *h);
	struct store_state state;
	struct kv_txn *txn = NULL;
	struct kv_bytes value;
	uint64_t found = 0;
	int status = h == NULL ? error_nomem(err) : store_begin(store, false, &txn, &state, err);

	*out = NULL;
	if (status == EVS_OK)
		status = find(txn, id, next, &found, &value, err);
	if (status == EVS_OK)
		status = take(store, txn, found, value, h, err);
	kv_abort(txn);
	if (status == EVS_OK)
		*out = &h->letter;
	else if (h != NULL)
		evs_letter_free(&h->letter);
	return status;
}

void evs_letter_free(struct evs_letter *letter)
{
	struct held *h = (struct held *)(void *)letter;

	if (h == NULL)
		return;
	buf_free(&h->value);
	buf_free(&h->event);
	free(h->tries);
	free(h);
}

/* ---- order ---- */

/* Whether a record is a parked letter of the same group and stream. */
static bool goes_before(const struct held *h, struct kv_bytes value)
{
	struct letter other;
	struct dead d;

	return dead_decode(value, &d) && d.kind == DEAD_EVENT && letter_decode(d.bytes, d.size, &other) && other.parked &&
	       other.stream == h->parts.stream && other.number == h->parts.number;
}

int evs_letter_blocker(struct evs_store *store, const struct evs_letter *letter, uint64_t *id, struct evs_error *err)
{
	const struct held *h = held_of(letter);
	struct kv_bytes key = {NULL, 0}, value;
	struct store_state state;
	struct kv_cursor *c;
	struct kv_txn *txn;
	int status;

	*id = 0;
	if (!letter->parked)
		return EVS_OK;
	status = store_begin(store, false, &txn, &state, err);
	if (status != EVS_OK)
		return status;
	status = kv_cursor_open(txn, KV_DEAD, &c, err);
	if (status == EVS_OK) {
		for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err))
			if (key.size != 8 || get64be(key.data) >= letter->id || goes_before(h, value))
				break;
		if (status == EVS_OK && key.size == 8 && get64be(key.data) < letter->id)
			*id = get64be(key.data);
		kv_cursor_close(c);
	}
	kv_abort(txn);
	return status == EVS_END ? EVS_OK : status;
}

/* ---- one at a time ---- */

int evs_letters_lock(struct evs_store *store, struct evs_letters_lock **out, struct evs_error *err)
{
	struct lock *lock = NULL;
	int saved;

	*out = NULL;
	switch (lock_take(store->path, LETTERS_LOCK, &lock)) {
	case LOCK_OK:
		*out = (struct evs_letters_lock *)lock;
		return EVS_OK;
	case LOCK_HELD:
		return error_set(err, EVS_BUSY, 0, "the dead letters are being tried by another process; nothing was done");
	default:
		saved = errno;
		return error_set(err, error_status(saved), saved, "cannot lock the dead letters");
	}
}

void evs_letters_unlock(struct evs_letters_lock *lock)
{
	lock_release((struct lock *)lock);
}
