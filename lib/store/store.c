#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/moment.h"
#include "store/fetch.h"

/* The records of `meta`; evs-store(5). */
static const char format_key[] = "format", state_key[] = "state";
enum { FORMAT_BYTES = 32, FORMAT_CHECK_AT = 24, STATE_BYTES = 48, STATE_CHECK_AT = 44, NAMES_CHECK_BYTES = 5 };

struct store_key store_key(uint64_t number)
{
	struct store_key k;

	put64be(k.bytes, number);
	return k;
}

/* ---- meta ---- */

/* A checksum whose lower half is not 0, which says that there is none. */
static uint64_t check_of(const uint8_t *bytes, size_t size)
{
	uint64_t check = hash64(bytes, size, 0);

	return (uint32_t)check == 0 ? check + 1 : check;
}

static void encode_state(const struct store_state *state, uint8_t record[STATE_BYTES])
{
	put64(record, state->last_position);
	put64(record + 8, (uint64_t)state->last_recorded);
	put64(record + 16, state->tail_first);
	put64(record + 24, state->tail_bytes);
	put64(record + 32, state->next_dead);
	put32(record + 40, state->dict);
	put32(record + STATE_CHECK_AT, (uint32_t)check_of(record, STATE_CHECK_AT));
}

/* format: version, seed, when it was made, checksum. */
static void new_format(uint8_t record[FORMAT_BYTES])
{
	memset(record, 0, FORMAT_BYTES);
	put32(record, EVS_FORMAT);
	random_bytes(record + 8, 8);
	put64(record + 16, (uint64_t)moment_now_us());
	put64(record + FORMAT_CHECK_AT, check_of(record, FORMAT_CHECK_AT));
}

bool store_read_format(struct kv_bytes record, uint64_t *seed, bool *checked)
{
	if (record.size != FORMAT_BYTES)
		return false;
	*seed = get64(record.data + 8);
	*checked = get64(record.data + FORMAT_CHECK_AT) != 0;
	return !*checked || get64(record.data + FORMAT_CHECK_AT) == check_of(record.data, FORMAT_CHECK_AT);
}

static int read_format(struct evs_store *s, struct kv_txn *txn, struct evs_error *err)
{
	struct kv_bytes v;
	int status = kv_get(txn, KV_META, format_key, strlen(format_key), &v, err);

	if (status != EVS_OK)
		return status;
	if (v.size < 4 || get32(v.data) == 0)
		return error_set(err, EVS_CORRUPT, 0, "the store's format record is damaged");
	if (get32(v.data) > EVS_FORMAT)
		return error_set(err, EVS_NEWER, 0, "the store has format %u, this evs knows up to %d; use a newer evs", get32(v.data),
		                 EVS_FORMAT);
	if (!store_read_format(v, &s->seed, &s->checked))
		return error_set(err, EVS_CORRUPT, 0, "the store's format record is damaged");
	return EVS_OK;
}

int store_put_state(struct kv_txn *txn, const struct store_state *state, struct evs_error *err)
{
	uint8_t record[STATE_BYTES];

	encode_state(state, record);
	return kv_put(txn, KV_META, state_key, strlen(state_key), record, sizeof record, err);
}

int store_change(struct evs_store *s, int (*change)(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err),
                 void *context, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	int status = store_begin(s, true, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = change(context, txn, &state, err);
	if (status == EVS_OK)
		status = store_put_state(txn, &state, err);
	if (status != EVS_OK) {
		kv_abort(txn);
		return status;
	}
	status = kv_commit(txn, err);
	if (status == EVS_OK)
		kv_notify(s->kv);
	return status;
}

bool store_read_state(struct kv_bytes record, bool checked, struct store_state *state)
{
	uint32_t check = record.size == STATE_BYTES ? get32(record.data + STATE_CHECK_AT) : 0;

	if (record.size != STATE_BYTES || (check == 0 ? checked : check != (uint32_t)check_of(record.data, STATE_CHECK_AT)))
		return false;
	state->last_position = get64(record.data);
	state->last_recorded = (int64_t)get64(record.data + 8);
	state->tail_first = get64(record.data + 16);
	state->tail_bytes = get64(record.data + 24);
	state->next_dead = get64(record.data + 32);
	state->dict = get32(record.data + 40);
	return state->tail_first != 0 && state->tail_first <= state->last_position + 1 && state->dict < STORE_DICTS;
}

static int read_state(struct evs_store *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	struct kv_bytes v = {NULL, 0};
	int status = kv_get(txn, KV_META, state_key, strlen(state_key), &v, err);

	if (status == EVS_END || (status == EVS_OK && !store_read_state(v, s->checked, state)))
		return error_set(err, EVS_CORRUPT, 0, "the store's state record is damaged");
	return status;
}

/* ---- names ---- */

/* Behind its names a record has a zero, and the checksum of what stands before that and of its key, each to be had without the other. */
static uint32_t names_check(struct kv_bytes names, uint64_t first)
{
	return (uint32_t)(hash64(names.data, names.size, 0) ^ hash_mix(first));
}

uint64_t store_names_first(struct kv_bytes names, uint32_t check)
{
	uint32_t wanted = names_check(names, 0) ^ check;
	uint64_t first = NAME_FIXED;

	while (first < NAME_LIMIT && (uint32_t)hash_mix(first) != wanted)
		first++;
	return first;
}

bool store_read_names(struct kv_bytes key, struct kv_bytes record, bool checked, uint64_t *first, struct kv_bytes *names)
{
	size_t at = 0;

	if (key.size != 8)
		return false;
	*first = get64be(key.data);
	while (at < record.size && record.data[at] != 0)
		at += 1 + (size_t)record.data[at];
	*names = (struct kv_bytes){record.data, at};
	if (at == record.size)
		return !checked;
	return record.size > at && record.size - at == NAMES_CHECK_BYTES &&
	       get32(record.data + at + 1) == names_check(*names, *first);
}

/* Read the names that other processes added. A record's key is the number of its first name. */
static int read_names(struct evs_store *s, struct kv_txn *txn, struct evs_error *err)
{
	struct store_key from = store_key(name_count(s->names));
	struct kv_bytes key = {from.bytes, sizeof from.bytes}, value;
	struct kv_bytes names;
	struct kv_cursor *c = NULL;
	uint64_t first;
	int status = kv_cursor_open(txn, KV_NAME, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_AT_OR_AFTER, &key, &value, err); status == EVS_OK;
	     status = kv_move(c, KV_NEXT, &key, &value, err)) {
		if (!store_read_names(key, value, s->checked, &first, &names) || first != name_count(s->names) ||
		    !name_decode(s->names, names.data, names.size)) {
			status = error_set(err, EVS_CORRUPT, 0, "the store's table of names is damaged");
			break;
		}
	}
	kv_cursor_close(c);
	s->names_stored = name_count(s->names);
	return status == EVS_END ? EVS_OK : status;
}

int store_put_names(struct evs_store *s, struct kv_txn *txn, unsigned first, struct evs_error *err)
{
	struct store_key key = store_key(first);
	uint8_t check[NAMES_CHECK_BYTES] = {0};
	struct buf names = {0};
	int status;

	if (first == name_count(s->names))
		return EVS_OK;
	name_encode(s->names, first, &names);
	put32(check + 1, names_check((struct kv_bytes){names.data, names.size}, first));
	buf_put(&names, check, sizeof check);
	status = names.failed ? error_nomem(err) : kv_put(txn, KV_NAME, key.bytes, sizeof key.bytes, names.data, names.size, err);
	buf_free(&names);
	return status;
}

/* ---- dictionaries ---- */

const struct zip_dict *store_dict(struct evs_store *s, struct kv_txn *txn, uint8_t id, bool for_writing, struct evs_error *err)
{
	struct store_key key = store_key(id);
	struct zip_dict *d;
	struct kv_bytes v = {NULL, 0};

	pthread_mutex_lock(&s->lock);
	d = s->dicts[id];
	if (d != NULL && (s->dicts_write[id] || !for_writing)) {
		pthread_mutex_unlock(&s->lock);
		return d;
	}
	if (id != 0 && kv_get(txn, KV_DICT, key.bytes, sizeof key.bytes, &v, err) != EVS_OK) {
		error_set(err, EVS_CORRUPT, 0, "the store lacks the dictionary %u of its segments", id);
		pthread_mutex_unlock(&s->lock);
		return NULL;
	}
	d = zip_dict_new(v.data, v.size, for_writing);
	if (d == NULL) {
		error_set(err, EVS_CORRUPT, 0, "cannot use the dictionary %u of the store: it is damaged, or memory ran out", id);
	} else {
		/* Readers may hold the one that could only read: it stays until the store is closed. */
		if (s->dicts[id] != NULL)
			zip_dict_adopt(d, s->dicts[id]);
		s->dicts[id] = d;
		s->dicts_write[id] = for_writing;
	}
	pthread_mutex_unlock(&s->lock);
	return d;
}

/* ---- transactions ---- */

static int begin_with(struct evs_store *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	int status = read_state(s, txn, state, err);

	if (status != EVS_OK)
		return status;
	pthread_mutex_lock(&s->lock);
	status = read_names(s, txn, err);
	pthread_mutex_unlock(&s->lock);
	return status;
}

int store_begin(struct evs_store *s, bool write, struct kv_txn **txn, struct store_state *state, struct evs_error *err)
{
	int status = kv_begin(s->kv, write, txn, err);

	if (status != EVS_OK)
		return status;
	status = begin_with(s, *txn, state, err);
	if (status != EVS_OK) {
		kv_abort(*txn);
		*txn = NULL;
	}
	return status;
}

int store_renew(struct evs_store *s, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	int status = kv_renew(txn, err);

	return status == EVS_OK ? begin_with(s, txn, state, err) : status;
}

/* ---- open and close ---- */

/* Open the file; a new one begins as an empty store. */
static int open_file(struct evs_store *s, enum kv_mode mode, struct evs_error *err)
{
	const struct store_state empty = {.tail_first = 1, .next_dead = 1};
	uint8_t format[FORMAT_BYTES], state[STATE_BYTES];
	const struct kv_record first[] = {{format_key, format, sizeof format}, {state_key, state, sizeof state}};
	struct kv_txn *txn;
	int status;

	new_format(format);
	encode_state(&empty, state);
	status = kv_open(s->path, mode, first, 2, &s->kv, err);
	if (status == EVS_OK)
		status = kv_begin(s->kv, false, &txn, err);
	if (status != EVS_OK)
		return status;
	status = read_format(s, txn, err);
	kv_abort(txn);
	return status == EVS_END ? error_set(err, EVS_NOT_STORE, 0, "not an evs store") : status;
}

int evs_open(const char *path, int flags, struct evs_store **out, struct evs_error *err)
{
	struct evs_store *s = calloc(1, sizeof *s);
	enum kv_mode mode = flags == EVS_CREATE ? KV_CREATE : flags == EVS_WRITE ? KV_WRITE : KV_READ;
	int status;

	*out = NULL;
	if (s == NULL)
		return error_nomem(err);
	if (path[0] == '\0') {
		free(s);
		return error_set(err, EVS_NO_STORE, 0, "the name of the store is empty");
	}
	pthread_mutex_init(&s->lock, NULL);
	s->writable = mode != KV_READ;
	s->path = strdup(path);
	s->names = name_table_new();
	s->fetch = fetch_new(s);
	if (s->path == NULL || s->names == NULL || s->fetch == NULL)
		status = error_nomem(err);
	else
		status = open_file(s, mode, err);
	if (status != EVS_OK) {
		evs_close(s);
		return status;
	}
	*out = s;
	return EVS_OK;
}

void evs_close(struct evs_store *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < STORE_DICTS; i++)
		zip_dict_free(s->dicts[i]);
	name_table_free(s->names);
	fetch_free(s->fetch);
	kv_close(s->kv);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

int evs_is_unlocked(const struct evs_store *store)
{
	return kv_is_unlocked(store->kv);
}

int evs_last_position(struct evs_store *store, uint64_t *position, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	int status = store_begin(store, false, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	*position = state.last_position;
	kv_abort(txn);
	return EVS_OK;
}
