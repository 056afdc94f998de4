#include "store/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/pages.h"

#define MAP_SIZE ((size_t)1 << 40) /* address space, not disk */
#define MAP_SIZE_MIN ((size_t)1 << 32)
#define READERS_MAX 1022
#define NEARLY_FULL (1u << 20) /* bytes: a larger write may have come to a stop */
#define NO_TABLE ((MDB_dbi)-1)
#define DBS_MAX 128 /* tables open at a time */

/* NULL: LMDB's own table, in which it also keeps the others: a page less to write at every commit. */
static const char *const table_names[KV_TABLES] = {
	[KV_META] = NULL,  [KV_TAIL] = "tail", [KV_RECENT] = "recent", [KV_SEGMENT] = "segment",
	[KV_RUN] = "run",  [KV_NAME] = "name", [KV_DICT] = "dict",     [KV_DEAD] = "dead",
	[KV_PROJECTION] = "projection", [KV_SNAPSHOT] = "snapshot",
	[KV_GROUP] = "group", [KV_WAIT] = "wait", [KV_PARKED] = "parked", [KV_DEADLOG] = "deadlog",
};

struct kv {
	MDB_env *env;
	int fd;
	size_t page_size;
	uintptr_t map; /* where the file is in memory */
	bool unlocked;
	MDB_dbi tables[KV_TABLES];
};

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
};

/* Whether bytes that LMDB hands out lie in the file: of a damaged page it believes every size. */
static bool in_file(const struct kv_txn *txn, const MDB_val *v)
{
	MDB_envinfo info;
	uintptr_t at = (uintptr_t)v->mv_data, page;
	uint64_t size, number;

	if (txn->write || mdb_env_info(txn->kv->env, &info) != 0)
		return true; /* pages that were written lie in memory */
	if (txn->kv->map == 0) { /* the first value that is read lies in a tree page, which says its number */
		page = at & ~(uintptr_t)(txn->kv->page_size - 1);
		memcpy(&number, (const void *)page, sizeof number);
		txn->kv->map = page - number * txn->kv->page_size;
	}
	size = (info.me_last_pgno + 1) * txn->kv->page_size;
	return at >= txn->kv->map && at - txn->kv->map <= size && v->mv_size <= size - (at - txn->kv->map);
}

struct kv_cursor {
	MDB_cursor *cursor;
	const struct kv_txn *txn;
};

/* Fill err from an LMDB result. */
static int fail(struct evs_error *err, int rc, const char *doing)
{
	switch (rc) {
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_TXN:
		return error_set(err, EVS_CORRUPT, 0, "cannot %s: the file is damaged (%s); evs verify says where", doing,
		                 mdb_strerror(rc));
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return error_set(err, EVS_NOT_STORE, 0, "not an evs store");
	case MDB_MAP_FULL:
		return error_set(err, EVS_FULL, 0, "cannot %s: the store has reached its greatest size", doing);
	case MDB_READERS_FULL:
		return error_set(err, EVS_BUSY, 0, "cannot %s: as many readers are at work on it as there can be; try again when one is done", doing);
	case MDB_MAP_RESIZED:
		return error_set(err, EVS_NOMEM, 0, "cannot %s: the store is larger than this process's address space", doing);
	default:
		if (rc > 0)
			return error_set(err, error_status(rc), rc, "cannot %s", doing);
		return error_set(err, EVS_IO, 0, "cannot %s: %s", doing, mdb_strerror(rc));
	}
}

/* ---- open and close ---- */

static int open_env(struct kv *kv, const char *path, unsigned flags)
{
	int rc = 0;

	flags |= MDB_NOSUBDIR | MDB_NOTLS;
	/* A limit on address space (ulimit -v) leaves room for less. */
	for (size_t size = MAP_SIZE; size >= MAP_SIZE_MIN; size /= 4) {
		if ((rc = mdb_env_create(&kv->env)) != 0)
			return rc;
		mdb_env_set_maxdbs(kv->env, DBS_MAX);
		mdb_env_set_maxreaders(kv->env, READERS_MAX);
		mdb_env_set_mapsize(kv->env, size);
		rc = mdb_env_open(kv->env, path, flags, 0600);
		if (rc != ENOMEM)
			break;
		mdb_env_close(kv->env);
		kv->env = NULL;
	}
	errno = 0; /* of a size that was too much */
	return rc;
}

/* Whether a reader cannot write itself down in the lock file: on a read-only file system, or in another user's folder. */
static bool cannot_lock(const char *path)
{
	struct buf name = {0};
	bool cannot = false;

	buf_printf(&name, "%s-lock", path);
	buf_byte(&name, 0);
	if (!name.failed && faccessat(AT_FDCWD, (const char *)name.data, R_OK | W_OK, AT_EACCESS) != 0)
		cannot = errno != ENOENT || faccessat(AT_FDCWD, dirname((char *)name.data), W_OK | X_OK, AT_EACCESS) != 0;
	buf_free(&name);
	return cannot;
}

static int get_first(struct kv *kv, MDB_txn *txn, const struct kv_record *first)
{
	MDB_val k = {strlen(first->key), (void *)(uintptr_t)first->key}, v;

	return mdb_get(txn, kv->tables[KV_META], &k, &v);
}

/* Find the tables. *ours: the file has them; *empty: it has nothing at all. */
static int find_tables(struct kv *kv, const struct kv_record *first, bool *ours, bool *empty)
{
	MDB_stat st;
	MDB_txn *txn;
	int rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < KV_TABLES && rc == 0; i++) {
		rc = mdb_dbi_open(txn, table_names[i], 0, &kv->tables[i]);
		if (rc == MDB_NOTFOUND) {
			kv->tables[i] = NO_TABLE;
			rc = 0;
		}
	}
	if (rc == 0 && (rc = mdb_stat(txn, kv->tables[KV_META], &st)) == 0) {
		rc = get_first(kv, txn, first);
		*ours = rc == 0;
		*empty = st.ms_entries == 0;
		if (rc == MDB_NOTFOUND)
			rc = 0;
	}
	if (rc == 0)
		return mdb_txn_commit(txn); /* keeps the handles */
	mdb_txn_abort(txn);
	return rc;
}

/* Make the tables that are missing, and of a new file the first records: all or none. */
static int make_tables(struct kv *kv, const struct kv_record *first, size_t n)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(kv->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < KV_TABLES && rc == 0; i++)
		rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &kv->tables[i]);
	if (rc == 0 && get_first(kv, txn, first) == MDB_NOTFOUND) { /* another process may have been quicker */
		for (size_t i = 0; i < n && rc == 0; i++) {
			MDB_val k = {strlen(first[i].key), (void *)(uintptr_t)first[i].key};
			MDB_val v = {first[i].size, (void *)(uintptr_t)first[i].value};
			rc = mdb_put(txn, kv->tables[KV_META], &k, &v, 0);
		}
	}
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* Find the tables, or make them. */
static int open_tables(struct kv *kv, enum kv_mode mode, const struct kv_record *first, size_t n)
{
	bool ours = false, empty = false, missing = false;
	int rc = find_tables(kv, first, &ours, &empty);

	if (rc != 0)
		return rc;
	if (!ours && !(empty && mode == KV_CREATE))
		return MDB_INVALID;
	for (unsigned i = 0; i < KV_TABLES; i++)
		missing |= kv->tables[i] == NO_TABLE;
	return missing && mode != KV_READ ? make_tables(kv, first, n) : 0;
}

/* Make a store of the empty file at path, which nobody else knows. */
static int fill_new(const char *path, const struct kv_record *first, size_t n)
{
	struct kv kv = {.env = NULL};
	int rc = open_env(&kv, path, MDB_NOLOCK);

	if (rc == 0)
		rc = make_tables(&kv, first, n);
	if (kv.env != NULL)
		mdb_env_close(kv.env);
	return rc;
}

/*
 * Make a new store under a name of its own, and give it its name when it is whole: a power cut leaves a store or none. Where
 * that cannot be (a file system without links, a dangling symbolic link) it is made in its place when it is opened.
 */
static int make_new(const char *path, const struct kv_record *first, size_t n, struct evs_error *err)
{
	struct buf name = {0};
	int fd, rc = 0;

	buf_printf(&name, "%s.XXXXXX", path);
	buf_byte(&name, 0);
	if (name.failed) {
		buf_free(&name);
		return error_nomem(err);
	}
	fd = mkostemp((char *)name.data, O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		rc = fill_new((const char *)name.data, first, n);
		if (rc == 0)
			(void)!link((const char *)name.data, path); /* another process may have been quicker */
		unlink((const char *)name.data);
	}
	buf_free(&name);
	return rc == 0 ? EVS_OK : fail(err, rc, "create the store");
}

int kv_open(const char *path, enum kv_mode mode, const struct kv_record *first, size_t n, struct kv **out,
            struct evs_error *err)
{
	struct kv *kv = calloc(1, sizeof *kv);
	enum pages_found found;
	bool create;
	int status, rc, dead;
	MDB_stat st;

	*out = NULL;
	if (kv == NULL)
		return error_nomem(err);
	status = pages_inspect(path, mode == KV_CREATE, &found, err);
	if (status == EVS_OK && found == PAGES_MISSING)
		status = make_new(path, first, n, err);
	if (status != EVS_OK)
		goto failed;
	create = found != PAGES_STORE;
	kv->unlocked = mode == KV_READ && cannot_lock(path);
	rc = open_env(kv, path, kv->unlocked ? MDB_RDONLY | MDB_NOLOCK : mode == KV_READ ? MDB_RDONLY : 0);
	if (rc != 0) {
		status = fail(err, rc, create ? "create the store" : "open the store, or the -lock file beside it");
		goto failed;
	}
	mdb_env_get_fd(kv->env, &kv->fd);
	mdb_env_stat(kv->env, &st);
	kv->page_size = st.ms_psize;
	mdb_reader_check(kv->env, &dead);
	rc = open_tables(kv, mode, first, n);
	if (rc != 0) {
		status = fail(err, rc, create ? "create the store" : "open the store");
		goto failed;
	}
	if (create && (status = pages_sync_directory(path, err)) != EVS_OK)
		goto failed;
	*out = kv;
	return EVS_OK;
failed:
	kv_close(kv);
	return status;
}

bool kv_is_unlocked(const struct kv *kv)
{
	return kv->unlocked;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	free(kv);
}

/* ---- transactions ---- */

int kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct evs_error *err)
{
	struct kv_txn *txn = malloc(sizeof *txn);
	int rc, dead;

	*out = NULL;
	if (txn == NULL)
		return error_nomem(err);
	txn->kv = kv;
	txn->write = write;
	rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
	if (rc == MDB_READERS_FULL && mdb_reader_check(kv->env, &dead) == 0 && dead > 0)
		rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn->txn);
	if (rc != 0) {
		free(txn);
		return fail(err, rc, write ? "write to the store" : "read the store");
	}
	*out = txn;
	return EVS_OK;
}

/*
 * Pages at the end that were taken and freed in one transaction are never written, which leaves the file shorter
 * than its meta page says. Make it whole, so that a file that is too short is a truncated one at a glance; after a power cut
 * pages.c looks at what is missing.
 */
static void extend_file(struct kv *kv)
{
	MDB_envinfo info;
	struct stat st;
	off_t want;

	if (mdb_env_info(kv->env, &info) != 0 || fstat(kv->fd, &st) != 0)
		return;
	want = (off_t)((info.me_last_pgno + 1) * kv->page_size);
	if (st.st_size < want && ftruncate(kv->fd, want) != 0)
		return; /* the next commit tries again */
}

static bool disk_full(const struct kv *kv)
{
	struct statvfs st;

	return fstatvfs(kv->fd, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < NEARLY_FULL;
}

/* Fail for a write: also a put writes, where a transaction has more pages than LMDB keeps in memory. */
static int fail_write(const struct kv *kv, struct evs_error *err, int rc)
{
	if (rc == EIO && disk_full(kv)) /* LMDB's word for a write that came to a stop */
		rc = ENOSPC;
	return fail(err, rc, "write to the store");
}

int kv_commit(struct kv_txn *txn, struct evs_error *err)
{
	struct kv *kv = txn->kv;
	bool write = txn->write;
	int rc = mdb_txn_commit(txn->txn);

	free(txn);
	if (rc != 0)
		return fail_write(kv, err, rc);
	if (write)
		extend_file(kv);
	return EVS_OK;
}

int kv_sync(struct kv *kv, struct evs_error *err)
{
	int rc = mdb_env_sync(kv->env, 1);

	return rc == 0 ? EVS_OK : fail_write(kv, err, rc);
}

void kv_abort(struct kv_txn *txn)
{
	if (txn == NULL)
		return;
	mdb_txn_abort(txn->txn);
	free(txn);
}

void kv_reset(struct kv_txn *txn)
{
	mdb_txn_reset(txn->txn);
}

int kv_renew(struct kv_txn *txn, struct evs_error *err)
{
	int rc = mdb_txn_renew(txn->txn);

	return rc == 0 ? EVS_OK : fail(err, rc, "read the store");
}

/* ---- tables ---- */

/* LMDB's handle of a table; those of kv_table_open are it, counted behind the others. */
static MDB_dbi dbi_of(const struct kv_txn *txn, enum kv_table table)
{
	return table < KV_TABLES ? txn->kv->tables[table] : (MDB_dbi)table - KV_TABLES;
}

int kv_table_open(struct kv_txn *txn, const char *name, bool create, enum kv_table *table, struct evs_error *err)
{
	MDB_dbi dbi;
	int rc = mdb_dbi_open(txn->txn, name, create ? MDB_CREATE : 0, &dbi);

	if (rc == MDB_NOTFOUND)
		return EVS_END;
	if (rc != 0)
		return fail(err, rc, create ? "write to the store" : "read the store");
	*table = (enum kv_table)(KV_TABLES + dbi);
	return EVS_OK;
}

int kv_table_drop(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	int rc = mdb_drop(txn->txn, dbi_of(txn, table), 1);

	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
}

int kv_get(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, struct kv_bytes *value,
           struct evs_error *err)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key}, v;
	int rc;

	if (dbi_of(txn, table) == NO_TABLE)
		return EVS_END;
	rc = mdb_get(txn->txn, dbi_of(txn, table), &k, &v);
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	if (rc != 0)
		return fail(err, rc, "read the store");
	if (!in_file(txn, &v))
		return fail(err, MDB_CORRUPTED, "read the store");
	value->data = v.mv_data;
	value->size = v.mv_size;
	return EVS_OK;
}

static int put(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
               unsigned flags, struct evs_error *err)
{
	MDB_val k = {key_size, (void *)(uintptr_t)key}, v = {size, (void *)(uintptr_t)value};
	int rc = mdb_put(txn->txn, dbi_of(txn, table), &k, &v, flags);

	return rc == 0 ? EVS_OK : fail_write(txn->kv, err, rc);
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
	int rc = mdb_del(txn->txn, dbi_of(txn, table), &k, NULL);

	if (rc == MDB_NOTFOUND)
		return EVS_END;
	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
}

int kv_clear(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	int rc = mdb_drop(txn->txn, dbi_of(txn, table), 0);

	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
}

uint64_t kv_count(struct kv_txn *txn, enum kv_table table)
{
	MDB_stat st;

	if (dbi_of(txn, table) == NO_TABLE || mdb_stat(txn->txn, dbi_of(txn, table), &st) != 0)
		return 0;
	return st.ms_entries;
}

int kv_cursor_open(struct kv_txn *txn, enum kv_table table, struct kv_cursor **out, struct evs_error *err)
{
	struct kv_cursor *c = calloc(1, sizeof *c);
	int rc;

	*out = NULL;
	if (c == NULL)
		return error_nomem(err);
	if (dbi_of(txn, table) != NO_TABLE) {
		rc = mdb_cursor_open(txn->txn, dbi_of(txn, table), &c->cursor);
		if (rc != 0) {
			free(c);
			return fail(err, rc, "read the store");
		}
	}
	c->txn = txn;
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

int kv_move(struct kv_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err)
{
	static const MDB_cursor_op ops[] = {
		[KV_FIRST] = MDB_FIRST,       [KV_LAST] = MDB_LAST,          [KV_NEXT] = MDB_NEXT,
		[KV_PREVIOUS] = MDB_PREV,     [KV_AT_OR_AFTER] = MDB_SET_RANGE, [KV_AT_OR_BEFORE] = MDB_SET_RANGE,
	};
	MDB_val k = {key->size, (void *)(uintptr_t)key->data}, v;
	int rc;

	if (c->cursor == NULL)
		return EVS_END;
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
		return fail(err, rc, "read the store");
	if (!in_file(c->txn, &k) || !in_file(c->txn, &v))
		return fail(err, MDB_CORRUPTED, "read the store");
	*key = (struct kv_bytes){k.mv_data, k.mv_size};
	*value = (struct kv_bytes){v.mv_data, v.mv_size};
	return EVS_OK;
}

int kv_append_at(struct kv_cursor *c, struct kv_bytes key, struct kv_bytes value, struct evs_error *err)
{
	MDB_val k = {key.size, (void *)(uintptr_t)key.data}, v = {value.size, (void *)(uintptr_t)value.data};
	int rc = mdb_cursor_put(c->cursor, &k, &v, MDB_APPEND);

	return rc == 0 ? EVS_OK : fail_write(c->txn->kv, err, rc);
}

/* ---- the file ---- */

void kv_forget(const struct kv *kv, struct kv_bytes value)
{
	uintptr_t page = kv->page_size, from = ((uintptr_t)value.data + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)value.data + value.size) & ~(page - 1);

	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

void kv_trim(const struct kv *kv, uint64_t most)
{
	unsigned long long all, resident, shared;
	MDB_envinfo info;
	FILE *f;

	if (kv->map == 0 || (f = fopen("/proc/self/statm", "re")) == NULL)
		return;
	if (fscanf(f, "%llu %llu %llu", &all, &resident, &shared) == 3 && shared * (uint64_t)sysconf(_SC_PAGESIZE) > most &&
	    mdb_env_info(kv->env, &info) == 0)
		madvise((void *)kv->map, (info.me_last_pgno + 1) * kv->page_size, MADV_DONTNEED);
	fclose(f);
}

int kv_copy(struct kv *kv, int fd, struct evs_error *err)
{
	int rc = mdb_env_copyfd2(kv->env, fd, MDB_CP_COMPACT);

	return rc == 0 ? EVS_OK : fail(err, rc, "copy the store");
}

void kv_notify(const struct kv *kv)
{
	futimens(kv->fd, NULL);
}

uint64_t kv_file_size(const struct kv *kv)
{
	struct stat st;

	return fstat(kv->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}
