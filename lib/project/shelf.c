/* Snapshots that are there: listed and removed. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fold/fold.h"
#include "project/key.h"
#include "project/snapshot.h"

enum { AT_A_TIME = 500, REMOVE_AT_A_TIME = 10000 }; /* records in one transaction */

/* Which snapshots are looked at. */
struct shelf {
	struct evs_store *store;
	const struct evs_snapshot_selector *which;
	uint64_t hash; /* 0: all */
	/* What the keys of all that are wanted begin with, and behind it, as far as a key can go, what is greater than any of them. */
	uint8_t prefix[SNAPSHOT_KEY_MAX];
	size_t prefix_size;
};

static void set_prefix(struct shelf *s)
{
	memset(s->prefix, 0xff, sizeof s->prefix);
	if (s->hash == 0)
		return;
	put64be(s->prefix, s->hash);
	s->prefix_size = sizeof s->hash;
	if (s->which->key != NULL)
		s->prefix_size += key_prefix(s->prefix + s->prefix_size, (struct span){s->which->key, strlen(s->which->key)});
}

static bool has_prefix(const struct shelf *s, struct kv_bytes key)
{
	return key.size >= s->prefix_size && memcmp(key.data, s->prefix, s->prefix_size) == 0;
}

static int open_shelf(struct shelf *s, struct evs_store *store, const struct evs_snapshot_selector *which, struct evs_error *err)
{
	struct fold *fold;
	int status;

	*s = (struct shelf){.store = store, .which = which};
	if (which->fold == NULL)
		return EVS_OK;
	status = fold_parse(which->fold_name, which->fold, which->fold_size, &fold, err);
	if (status == EVS_OK)
		s->hash = fold_hash(fold);
	fold_free(fold);
	set_prefix(s);
	return status;
}

static bool is_text(const char *wanted, struct span text)
{
	return strlen(wanted) == text.size && (text.size == 0 || memcmp(wanted, text.text, text.size) == 0);
}

static bool is_wanted(const struct shelf *s, const struct snapshot_found *f)
{
	const char *type = s->which->aggregate_type;

	return (s->hash == 0 || s->hash == f->hash) && (s->which->key == NULL || is_text(s->which->key, f->key)) &&
	       (type == NULL || (type[0] == '\0' ? f->type.text == NULL : f->type.text != NULL && is_text(type, f->type)));
}

/* A state of one fold, in front of the positions of its snapshots. */
static bool same_state(struct kv_bytes a, const struct buf *b)
{
	return a.size == b->size && memcmp(a.data, b->data, a.size - sizeof(uint64_t)) == 0;
}

/* ---- going through them ---- */

/* A snapshot for a caller; strings lie in the text of the batch, at their places. */
struct shown {
	struct evs_snapshot snapshot;
	size_t key, type, state;
};

struct batch {
	struct shown list[AT_A_TIME];
	size_t n;
	struct buf text, packed, scratch;
	struct buf last; /* the key that was looked at last */
	bool end;
};

/* Put the state as JSON behind the text. */
static int put_state(struct shelf *s, struct kv_txn *txn, const struct snapshot_found *f, struct batch *b, struct evs_error *err)
{
	int status;

	b->packed.size = 0;
	status = snapshot_unpack(s->store, txn, f, &b->packed, err);
	if (status != EVS_OK)
		return status;
	if (render_value(&b->text, s->store->names, b->packed.data, b->packed.data + b->packed.size) != b->packed.data + b->packed.size)
		return b->text.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged");
	return EVS_OK;
}

/* Add one to the batch; newest: in place of an older one of the same state, which is the last. */
static int add(struct shelf *s, struct kv_txn *txn, const struct snapshot_found *f, size_t bytes, bool again, bool state,
               struct batch *b, struct evs_error *err)
{
	struct shown *shown = &b->list[again && b->n > 0 ? b->n - 1 : b->n++];
	int status = EVS_OK;

	shown->snapshot = (struct evs_snapshot){.hash = f->hash, .key_size = f->key.size, .aggregate_type_size = f->type.size,
	                                        .position = f->place.position, .revision = f->place.revision,
	                                        .events = f->place.events, .bytes = bytes};
	shown->key = b->text.size;
	buf_put(&b->text, f->key.text, f->key.size);
	shown->type = f->type.text == NULL ? SIZE_MAX : b->text.size;
	buf_put(&b->text, f->type.text, f->type.size);
	shown->state = b->text.size;
	if (state)
		status = put_state(s, txn, f, b, err);
	shown->snapshot.state_size = state ? b->text.size - shown->state : 0;
	return status == EVS_OK && b->text.failed ? error_nomem(err) : status;
}

/* Fill the batch with what comes behind the last key. The batch does not end between the snapshots of a state. */
static int fill(struct shelf *s, struct kv_txn *txn, bool newest, bool state, struct batch *b, struct evs_error *err)
{
	struct kv_bytes key = {b->last.data, b->last.size}, value;
	struct snapshot_found f;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_SNAPSHOT, &c, err);

	if (b->last.size == 0)
		key = (struct kv_bytes){s->prefix, s->prefix_size};
	b->n = 0;
	b->text.size = 0;
	if (status != EVS_OK)
		return status;
	status = kv_move(c, key.size == 0 ? KV_FIRST : KV_AT_OR_AFTER, &key, &value, err);
	if (status == EVS_OK && key.size == b->last.size && memcmp(key.data, b->last.data, key.size) == 0)
		status = kv_move(c, KV_NEXT, &key, &value, err);
	for (; status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		bool again = newest && b->last.size > 0 && same_state(key, &b->last);

		if (b->n == AT_A_TIME && !again)
			break;
		if (!has_prefix(s, key)) {
			status = EVS_END;
			break;
		}
		if (!snapshot_decode(key, value, &b->scratch, &f)) {
			status = error_set(err, EVS_CORRUPT, 0, "a snapshot is damaged");
			break;
		}
		if (is_wanted(s, &f) && (status = add(s, txn, &f, key.size + value.size, again, state, b, err)) != EVS_OK)
			break;
		b->last.size = 0;
		buf_put(&b->last, key.data, key.size);
	}
	kv_cursor_close(c);
	b->end = status == EVS_END;
	return b->last.failed ? error_nomem(err) : status == EVS_END ? EVS_OK : status;
}

/* Hand out a batch. */
static int give(struct batch *b, bool state, int (*each)(void *context, const struct evs_snapshot *snapshot), void *context,
                struct evs_error *err)
{
	const char *text = (const char *)b->text.data;

	for (size_t i = 0; i < b->n; i++) {
		struct evs_snapshot *shown = &b->list[i].snapshot;

		shown->key = text + b->list[i].key;
		shown->aggregate_type = b->list[i].type == SIZE_MAX ? NULL : text + b->list[i].type;
		shown->state = state ? text + b->list[i].state : NULL;
		if (each(context, shown) != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	}
	return EVS_OK;
}

int evs_snapshot_list(struct evs_store *store, const struct evs_snapshot_selector *which, bool newest, bool state,
                      int (*each)(void *context, const struct evs_snapshot *snapshot), void *context, struct evs_error *err)
{
	struct batch *b = calloc(1, sizeof *b);
	struct store_state store_state;
	struct shelf s = {0};
	struct kv_txn *txn;
	int status = b == NULL ? error_nomem(err) : open_shelf(&s, store, which, err);

	while (status == EVS_OK && !b->end) {
		status = store_begin(store, false, &txn, &store_state, err);
		if (status != EVS_OK)
			break;
		status = fill(&s, txn, newest, state, b, err);
		kv_abort(txn);
		if (status == EVS_OK)
			status = give(b, state, each, context, err);
	}
	if (b != NULL) {
		buf_free(&b->text);
		buf_free(&b->packed);
		buf_free(&b->scratch);
		buf_free(&b->last);
	}
	free(b);
	return status;
}

/* ---- removing ---- */

/* What is to be removed, found from the newest to the oldest of each state. */
struct removal {
	struct buf keys;            /* each behind its size in two bytes */
	size_t n;
	struct buf last;            /* the key that was looked at last */
	uint64_t kept;              /* of its state */
	bool end;
};

/* Gather the keys of some that are to go. */
static int gather(struct shelf *s, struct kv_txn *txn, uint64_t keep, struct removal *r, struct evs_error *err)
{
	struct kv_bytes key = {r->last.data, r->last.size}, value;
	struct buf scratch = {0};
	struct snapshot_found f;
	struct kv_cursor *c;
	int status = kv_cursor_open(txn, KV_SNAPSHOT, &c, err);

	if (status != EVS_OK)
		return status;
	if (r->last.size == 0 && s->prefix_size > 0)
		key = (struct kv_bytes){s->prefix, sizeof s->prefix};
	r->n = 0;
	r->keys.size = 0;
	status = kv_move(c, key.size == 0 ? KV_LAST : KV_AT_OR_BEFORE, &key, &value, err);
	if (status == EVS_OK && key.size == r->last.size && memcmp(key.data, r->last.data, key.size) == 0)
		status = kv_move(c, KV_PREVIOUS, &key, &value, err);
	for (; status == EVS_OK && r->n < REMOVE_AT_A_TIME; status = kv_move(c, KV_PREVIOUS, &key, &value, err)) {
		uint8_t size[2] = {(uint8_t)(key.size >> 8), (uint8_t)key.size};
		bool good = snapshot_decode(key, value, &scratch, &f);

		if (!has_prefix(s, key)) {
			status = EVS_END;
			break;
		}
		if (r->last.size == 0 || !same_state(key, &r->last))
			r->kept = 0;
		r->last.size = 0;
		buf_put(&r->last, key.data, key.size);
		/* What is damaged is of no use: it goes with the rest. */
		if ((good && !is_wanted(s, &f)) || (good && r->kept++ < keep) || (!good && (s->hash != 0 || s->which->key != NULL)))
			continue;
		buf_put(&r->keys, size, sizeof size);
		buf_put(&r->keys, key.data, key.size);
		r->n++;
	}
	kv_cursor_close(c);
	buf_free(&scratch);
	r->end = status == EVS_END;
	return r->keys.failed || r->last.failed ? error_nomem(err) : status == EVS_END ? EVS_OK : status;
}

/* Remove what was gathered. */
static int remove_all(struct kv_txn *txn, const struct removal *r, struct evs_error *err)
{
	const uint8_t *p = r->keys.data;
	int status = EVS_OK;

	for (size_t i = 0; i < r->n && status == EVS_OK; i++) {
		size_t size = (size_t)p[0] << 8 | p[1];

		status = kv_delete(txn, KV_SNAPSHOT, p + 2, size, err);
		status = status == EVS_END ? EVS_OK : status;
		p += 2 + size;
	}
	return status;
}

int evs_snapshot_drop(struct evs_store *store, const struct evs_snapshot_selector *which, uint64_t keep, uint64_t *dropped,
                      struct evs_error *err)
{
	struct removal r = {0};
	struct shelf s;
	struct kv_txn *txn;
	int status = open_shelf(&s, store, which, err);

	*dropped = 0;
	if (status == EVS_OK && !store->writable)
		status = error_set(err, EVS_USAGE, 0, "the store is open for reading alone");
	while (status == EVS_OK && !r.end) {
		status = kv_begin(store->kv, true, &txn, err);
		if (status != EVS_OK)
			break;
		status = gather(&s, txn, keep, &r, err);
		if (status == EVS_OK)
			status = remove_all(txn, &r, err);
		if (status == EVS_OK)
			status = kv_commit(txn, err);
		else
			kv_abort(txn);
		*dropped += status == EVS_OK ? r.n : 0;
	}
	buf_free(&r.keys);
	buf_free(&r.last);
	return status;
}
