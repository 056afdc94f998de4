/* Tables, their keys, and cursors on them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/kv_parts.h"

/* NULL: LMDB's own table, in which it also keeps the others: a page less to write at every commit. */
const char *const kv_table_names[KV_TABLES] = {
	[KV_META] = NULL,  [KV_TAIL] = "tail", [KV_RECENT] = "recent", [KV_SEGMENT] = "segment",
	[KV_RUN] = "run",  [KV_NAME] = "name", [KV_DICT] = "dict",     [KV_DEAD] = "dead",
	[KV_PROJECTION] = "projection", [KV_SNAPSHOT] = "snapshot",
	[KV_GROUP] = "group", [KV_WAIT] = "wait", [KV_PARKED] = "parked", [KV_DEADLOG] = "deadlog",
};

/* ---- tables ---- */

/* LMDB's handle of a table; those of kv_table_open are it, counted behind the others. */
static MDB_dbi dbi_of(const struct kv_txn *txn, enum kv_table table)
{
	return table < KV_TABLES ? txn->kv->tables[table] : (MDB_dbi)table - KV_TABLES;
}

/* Find the tree of a table by its name in the snapshot. EVS_OK, EVS_END: it is not there, and empty. */
static int find_tree(struct kv_txn *txn, const char *name, struct tree *t, struct evs_error *err)
{
	struct kv_bytes wanted = {(const uint8_t *)name, strlen(name)}, key = wanted, value;
	struct tree_cursor c;
	bool table;
	int status;

	*t = (struct tree){.root = TREE_NONE};
	tree_cursor(&c, &txn->file, &txn->meta.main);
	status = tree_move(&c, KV_AT_OR_AFTER, &key, &value, &table);
	if (status == EVS_CORRUPT)
		return kv_fail_page(err, &c.fault);
	if (status == EVS_END || key.size != wanted.size || memcmp(key.data, wanted.data, key.size) != 0)
		return EVS_END;
	if (table)
		tree_of(t, &txn->file, value);
	else
		t->damaged = true;
	return EVS_OK;
}

/* The tree of a table in the snapshot; where it cannot be found it counts as damaged. */
static const struct tree *tree_in(struct kv_txn *txn, enum kv_table table)
{
	struct evs_error unused;

	if (table < KV_TABLES && !txn->known[table]) {
		txn->known[table] = true;
		if (find_tree(txn, kv_table_names[table], &txn->trees[table], &unused) == EVS_CORRUPT)
			txn->trees[table].damaged = true;
	}
	return &txn->trees[table];
}

/* The number of a table that was opened in a reading transaction: a tree's root tells it from others. */
static int number_tree(struct kv_txn *txn, const struct tree *t, enum kv_table *table, struct evs_error *err)
{
	unsigned i = 0;

	while (i < txn->opened && txn->trees[KV_TABLES + i].root != t->root)
		i++;
	if (i == KV_OPEN_MAX)
		return kv_fail(err, MDB_DBS_FULL, "read the store");
	if (i == txn->opened)
		txn->trees[KV_TABLES + txn->opened++] = *t;
	*table = (enum kv_table)(KV_TABLES + i);
	return EVS_OK;
}

int kv_table_open(struct kv_txn *txn, const char *name, bool create, enum kv_table *table, struct evs_error *err)
{
	struct tree t;
	MDB_dbi dbi;
	int status = find_tree(txn, name, &t, err), rc;

	if (status != EVS_OK && status != EVS_END)
		return status;
	if (!txn->write)
		return status == EVS_END ? EVS_END : number_tree(txn, &t, table, err);
	rc = mdb_dbi_open(txn->txn, name, create ? MDB_CREATE : 0, &dbi);
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	if (rc != 0)
		return kv_fail(err, rc, create ? "write to the store" : "read the store");
	*table = (enum kv_table)(KV_TABLES + dbi);
	txn->trees[*table] = t;
	return EVS_OK;
}

static void take_fault(void *context, const struct tree_fault *fault)
{
	struct tree_fault *first = context;

	if (first->why == NULL)
		*first = *fault;
}

/* Look at all pages of some trees. */
static int check_trees(struct kv_txn *txn, const struct tree *const *trees, size_t n, struct evs_error *err)
{
	struct tree_fault fault = {TREE_NONE, NULL};
	struct tree_walk w = {.file = &txn->file, .fault = take_fault, .context = &fault};

	if ((w.seen = calloc(txn->file.pages / 8 + 1, 1)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < n && w.faults == 0; i++)
		tree_walk(&w, trees[i]);
	free(w.seen);
	return w.faults == 0 ? EVS_OK : kv_fail_page(err, &fault);
}

/* Before LMDB does away with a table. */
static int check_table(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	const struct tree *t = tree_in(txn, table);

	return check_trees(txn, &t, 1, err);
}

int kv_table_drop(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	int status = check_table(txn, table, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_drop(txn->txn, dbi_of(txn, table), 1);
	return rc == 0 ? EVS_OK : kv_fail(err, rc, "write to the store");
}

/* Before LMDB changes a key; beside: before it deletes it. */
static int check_around(struct kv_txn *txn, enum kv_table table, enum kv_move move, struct kv_bytes key, bool beside,
                        struct evs_error *err)
{
	struct tree_cursor c;

	tree_cursor(&c, &txn->file, tree_in(txn, table));
	return tree_surroundings(&c, move, key, beside) == EVS_OK ? EVS_OK : kv_fail_page(err, &c.fault);
}

/* Read from the snapshot. */
static int get_from_tree(struct kv_txn *txn, enum kv_table table, struct kv_bytes wanted, struct kv_bytes *value, struct evs_error *err)
{
	struct kv_bytes key = wanted, found;
	struct tree_cursor c;
	int status;

	tree_cursor(&c, &txn->file, tree_in(txn, table));
	status = tree_move(&c, KV_AT_OR_AFTER, &key, &found, NULL);
	if (status == EVS_CORRUPT)
		return kv_fail_page(err, &c.fault);
	if (status == EVS_END || key.size != wanted.size || memcmp(key.data, wanted.data, key.size) != 0)
		return EVS_END;
	*value = found;
	return EVS_OK;
}

int kv_get(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, struct kv_bytes *value,
           struct evs_error *err)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key}, v;
	int rc, status;

	if (!txn->write)
		return get_from_tree(txn, table, (struct kv_bytes){key, key_size}, value, err);
	status = check_around(txn, table, KV_AT_OR_AFTER, (struct kv_bytes){key, key_size}, false, err);
	if (status != EVS_OK)
		return status;
	rc = mdb_get(txn->txn, dbi_of(txn, table), &k, &v);
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	if (rc != 0)
		return kv_fail(err, rc, "read the store");
	value->data = v.mv_data;
	value->size = v.mv_size;
	return EVS_OK;
}

static int put(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
               unsigned flags, struct evs_error *err)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key}, v = {size, (void *)(uintptr_t)value};
	int status = check_around(txn, table, flags == MDB_APPEND ? KV_LAST : KV_AT_OR_AFTER, (struct kv_bytes){key, key_size}, false, err);
	int rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_put(txn->txn, dbi_of(txn, table), &k, &v, flags);
	return rc == 0 ? EVS_OK : kv_fail_write(txn->kv, err, rc);
}

int kv_put(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
           struct evs_error *err)
{
	return put(txn, table, key, key_size, value, size, 0, err);
}

int kv_append(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
              struct evs_error *err)
{
	return put(txn, table, key, key_size, value, size, MDB_APPEND, err);
}

int kv_delete(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, struct evs_error *err)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key};
	int status = check_around(txn, table, KV_AT_OR_AFTER, (struct kv_bytes){key, key_size}, true, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_del(txn->txn, dbi_of(txn, table), &k, NULL);
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	return rc == 0 ? EVS_OK : kv_fail(err, rc, "write to the store");
}

int kv_clear(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	int status = check_table(txn, table, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_drop(txn->txn, dbi_of(txn, table), 0);
	return rc == 0 ? EVS_OK : kv_fail(err, rc, "write to the store");
}

uint64_t kv_count(struct kv_txn *txn, enum kv_table table)
{
	MDB_stat st;

	if (!txn->write)
		return tree_in(txn, table)->entries;
	return mdb_stat(txn->txn, dbi_of(txn, table), &st) == 0 ? st.ms_entries : 0;
}

int kv_cursor_open(struct kv_txn *txn, enum kv_table table, struct kv_cursor **out, struct evs_error *err)
{
	struct kv_cursor *c = malloc(sizeof *c);
	int rc;

	*out = NULL;
	if (c == NULL)
		return error_nomem(err);
	c->cursor = NULL;
	c->txn = txn;
	c->table = table;
	c->looked = false;
	tree_cursor(&c->at, &txn->file, tree_in(txn, table));
	if (txn->write && (rc = mdb_cursor_open(txn->txn, dbi_of(txn, table), &c->cursor)) != 0) {
		free(c);
		return kv_fail(err, rc, "read the store");
	}
	*out = c;
	return EVS_OK;
}

void kv_cursor_close(struct kv_cursor *c)
{
	if (c == NULL)
		return;
	if (c->cursor != NULL)
		mdb_cursor_close(c->cursor);
	free(c);
}

/* Before LMDB moves a cursor: what it is to go to, or on from, and what is beside that. */
static int check_move(struct kv_cursor *c, enum kv_move move, struct kv_bytes key, struct evs_error *err)
{
	MDB_val k = {0, NULL}, v;

	if (move == KV_NEXT || move == KV_PREVIOUS) {
		if (mdb_cursor_get(c->cursor, &k, &v, MDB_GET_CURRENT) != 0 || k.mv_data == NULL)
			move = move == KV_NEXT ? KV_FIRST : KV_LAST;
		key = (struct kv_bytes){k.mv_data, k.mv_size};
	}
	if (c->looked && move != KV_FIRST && move != KV_LAST && tree_covers(&c->at, key))
		return EVS_OK;
	c->looked = tree_surroundings(&c->at, move, key, true) == EVS_OK;
	return c->looked ? EVS_OK : kv_fail_page(err, &c->at.fault);
}

/* Whether a value that LMDB led to, in pages of the snapshot, is in the file. */
static int check_value(const struct kv_txn *txn, struct kv_bytes value, struct evs_error *err)
{
	const struct tree_fault fault = {TREE_NONE, "a value is not in the file"};
	uintptr_t at = (uintptr_t)value.data - txn->kv->map, end = txn->file.pages * txn->file.page_size;

	return at >= end || value.size <= end - at ? EVS_OK : kv_fail_page(err, &fault);
}

/* Move through LMDB. */
static int move_cursor(struct kv_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err)
{
	static const MDB_cursor_op ops[] = {
		[KV_FIRST] = MDB_FIRST,       [KV_LAST] = MDB_LAST,          [KV_NEXT] = MDB_NEXT,
		[KV_PREVIOUS] = MDB_PREV,     [KV_AT_OR_AFTER] = MDB_SET_RANGE, [KV_AT_OR_BEFORE] = MDB_SET_RANGE,
	};
	MDB_val k = {key->size, (void *)(uintptr_t)key->data}, v;
	int status = check_move(c, move, *key, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_cursor_get(c->cursor, &k, &v, ops[move]);
	if (move == KV_AT_OR_BEFORE) {
		if (rc == MDB_NOTFOUND)
			rc = mdb_cursor_get(c->cursor, &k, &v, MDB_LAST);
		else if (rc == 0 && (k.mv_size != key->size || memcmp(k.mv_data, key->data, key->size) != 0))
			rc = mdb_cursor_get(c->cursor, &k, &v, MDB_PREV);
	}
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	if (rc != 0)
		return kv_fail(err, rc, "read the store");
	*key = (struct kv_bytes){k.mv_data, k.mv_size};
	*value = (struct kv_bytes){v.mv_data, v.mv_size};
	return check_value(c->txn, *value, err);
}

int kv_move(struct kv_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err)
{
	int status;

	if (c->cursor != NULL)
		return move_cursor(c, move, key, value, err);
	status = tree_move(&c->at, move, key, value, NULL);
	return status == EVS_CORRUPT ? kv_fail_page(err, &c->at.fault) : status;
}

int kv_append_at(struct kv_cursor *c, struct kv_bytes key, struct kv_bytes value, struct evs_error *err)
{
	MDB_val k = {key.size, (void *)(uintptr_t)key.data}, v = {value.size, (void *)(uintptr_t)value.data};
	int status = c->looked ? EVS_OK : check_move(c, KV_LAST, key, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_cursor_put(c->cursor, &k, &v, MDB_APPEND);
	return rc == 0 ? EVS_OK : kv_fail_write(c->txn->kv, err, rc);
}
