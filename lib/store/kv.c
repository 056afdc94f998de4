#include "store/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/mapped.h"
#include "store/pages.h"
#include "store/survey.h"
#include "store/tree.h"

#define MAP_SIZE ((size_t)1 << 40) /* address space, not disk */
#define MAP_SIZE_MIN ((size_t)1 << 32)
#define READERS_MAX 1022
#define FORGET_BYTES (32u << 20)
#define NEARLY_FULL (1u << 20) /* bytes: a larger write may have come to a stop */
#define DBS_MAX 128 /* tables open at a time */
#define DBS_ALL (DBS_MAX + 2) /* with LMDB's own two, in front of them */
#define OPENING_LOCK 0 /* of the lock file, in which LMDB locks its first bytes */
#define TRIES_MAX 100 /* to begin before two commits have come between */

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
	uintptr_t map; /* where LMDB has the file in memory; 0: that is not known yet, pages are read into `copies` */
	struct tree_copies *copies;
	_Atomic uint64_t pages; /* of the file, when that was last needed: it becomes longer, and shorter only by mishap */
	MDB_dbi tables[KV_TABLES]; /* where it may be written to */
	struct lock *opening; /* on the lock file */
	_Atomic uint64_t forgotten; /* bytes of values that are not needed soon and may be in memory still */
	bool unlocked;
	bool written; /* the lists of free pages were looked at */
};

/*
 * What is read in a reading transaction does not pass through LMDB, which keeps the snapshot alone: LMDB believes every page.
 * A writing one reads what it has written through LMDB; before that what LMDB is going to touch is looked at in the snapshot that it
 * began with, which has all pages that it did not write itself.
 */
struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
	struct tree_meta meta;
	struct tree_file file;
	struct tree trees[KV_TABLES + DBS_ALL]; /* as they are in the snapshot, where they are known; of kv_table_open behind the others */
	bool known[KV_TABLES];
	bool taken; /* the snapshot: meta, file and trees are its */
	unsigned opened; /* by kv_table_open, in a reading transaction */
};

struct kv_cursor {
	MDB_cursor *cursor; /* of a writing transaction */
	struct kv_txn *txn;
	enum kv_table table;
	struct tree_cursor at; /* of a writing transaction: what was looked at last */
	bool looked;
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

/* A page that is not what it should be. */
static int fail_page(struct evs_error *err, const struct tree_fault *fault)
{
	if (fault->page == TREE_NONE)
		return error_set(err, EVS_CORRUPT, 0, "the store is damaged: %s; evs verify says more", fault->why);
	return error_set(err, EVS_CORRUPT, 0, "page %llu of the store is damaged: %s; evs verify says more",
	                 (unsigned long long)fault->page, fault->why);
}

static int check_main(struct kv_txn *txn, struct evs_error *err);

/* ---- open and close ---- */

static int try_open_env(struct kv *kv, const char *path, unsigned flags)
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

/*
 * One process opens at a time. The first to have a file open makes LMDB's lock file anew; where it is killed on the way, or fails, those
 * who wait for it take what it left for what is so, and write over the last commits. Now the next one is the first.
 */
static int open_env(struct kv *kv, const char *path, unsigned flags)
{
	struct buf name = {0};
	int rc;

	buf_printf(&name, "%s-lock", path);
	buf_byte(&name, 0);
	if (name.failed || lock_wait((const char *)name.data, path, OPENING_LOCK, &kv->opening) != LOCK_OK) {
		rc = name.failed ? ENOMEM : errno;
		buf_free(&name);
		return rc;
	}
	rc = try_open_env(kv, path, flags);
	lock_leave(kv->opening);
	buf_free(&name);
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

/* Whether a file has the record that shows it to be ours. */
static bool has_first(const struct kv *kv, MDB_txn *txn, const struct kv_record *first)
{
	MDB_val k = {strlen(first->key), (void *)(uintptr_t)first->key}, v;

	return mdb_get(txn, kv->tables[KV_META], &k, &v) != MDB_NOTFOUND;
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
	if (rc == 0 && !has_first(kv, txn, first)) { /* another process may have been quicker */
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

/*
 * Find out where LMDB has the file in memory, which it does not tell: the record that shows the file to be ours is looked for in pages
 * that are read by themselves; then LMDB is asked for the same one. *ours: there is one; *empty: the file has nothing at all.
 */
static int find_map(struct kv *kv, const struct kv_record *first, bool *ours, bool *empty, struct evs_error *err)
{
	struct kv_bytes wanted = {(const uint8_t *)first->key, strlen(first->key)}, key = wanted, value;
	MDB_val k = {wanted.size, (void *)(uintptr_t)first->key}, v;
	struct tree_copies copies = {.n = 0};
	struct kv_txn *txn;
	struct tree_cursor c;
	int status;

	kv->copies = &copies;
	kv->map = 0;
	status = kv_begin(kv, false, &txn, err);
	if (status == EVS_OK) {
		*empty = txn->meta.main.depth == 0;
		tree_cursor(&c, &txn->file, &txn->meta.main);
		status = tree_move(&c, KV_AT_OR_AFTER, &key, &value, NULL);
		*ours = status == EVS_OK && key.size == wanted.size && memcmp(key.data, wanted.data, key.size) == 0;
		if (status == EVS_CORRUPT && copies.failed != 0)
			status = error_set(err, error_status(copies.failed), copies.failed, "cannot read the store");
		else if (status == EVS_CORRUPT)
			fail_page(err, &c.fault);
		/* Where its value had pages of its own it would not be one that evs wrote. */
		*ours = *ours && value.data > c.levels[c.tree->depth - 1].page && value.data < c.levels[c.tree->depth - 1].page + kv->page_size;
		if (*ours && mdb_dbi_open(txn->txn, NULL, 0, &kv->tables[KV_META]) == 0 && mdb_get(txn->txn, kv->tables[KV_META], &k, &v) == 0) {
			const struct tree_level *leaf = &c.levels[c.tree->depth - 1];
			kv->map = (uintptr_t)v.mv_data - (leaf->number * kv->page_size + (uintptr_t)(value.data - leaf->page));
		}
		kv_abort(txn);
	}
	for (unsigned i = 0; i < copies.n; i++)
		free(copies.pages[i]);
	kv->copies = NULL;
	*ours &= kv->map != 0;
	return status == EVS_END ? EVS_OK : status;
}

/* Have LMDB find the tables in a snapshot. *missing: some are not there. */
static int find_tables(struct kv *kv, bool *missing, struct evs_error *err)
{
	struct kv_txn *txn;
	int status = kv_begin(kv, false, &txn, err), rc = 0;

	if (status == EVS_OK && (status = check_main(txn, err)) != EVS_OK)
		kv_abort(txn);
	if (status != EVS_OK)
		return status;
	for (unsigned i = 0; i < KV_TABLES && rc == 0; i++)
		rc = mdb_dbi_open(txn->txn, table_names[i], 0, &kv->tables[i]);
	*missing = rc == MDB_NOTFOUND;
	if (rc != 0 && !*missing) {
		kv_abort(txn);
		return fail(err, rc, "open the store");
	}
	return kv_commit(txn, err); /* keeps the handles */
}

/* Open a file that LMDB has open, or make a store of it. */
static int open_tables(struct kv *kv, enum kv_mode mode, const struct kv_record *first, size_t n, struct evs_error *err)
{
	bool ours = false, empty = false, missing = false;
	int status = find_map(kv, first, &ours, &empty, err), rc = 0;

	if (status != EVS_OK)
		return status;
	if (!ours && !(empty && mode == KV_CREATE))
		return fail(err, MDB_INVALID, "open the store");
	if (mode == KV_READ)
		return EVS_OK;
	if (ours && (status = find_tables(kv, &missing, err)) != EVS_OK)
		return status;
	if (!ours || missing)
		rc = make_tables(kv, first, n);
	if (rc != 0)
		return fail(err, rc, ours ? "open the store" : "create the store");
	return ours ? EVS_OK : find_map(kv, first, &ours, &empty, err);
}

/* Make a store of the empty file at path, which nobody else knows. */
static int fill_new(const char *path, const struct kv_record *first, size_t n)
{
	struct kv kv = {.env = NULL};
	int rc = try_open_env(&kv, path, MDB_NOLOCK);

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

/*
 * The name of the file itself, owned by the caller: the lock file lies beside that, whatever links lead to it. A file that is
 * missing still is made: where a link leads to, or where make_new could not. NULL: errno says why.
 */
static char *real_name(const char *path, bool create)
{
	char *name = realpath(path, NULL);
	int fd;

	if (name != NULL || errno != ENOENT || !create)
		return name;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	close(fd);
	return realpath(path, NULL);
}

int kv_open(const char *path, enum kv_mode mode, const struct kv_record *first, size_t n, struct kv **out,
            struct evs_error *err)
{
	struct kv *kv = calloc(1, sizeof *kv);
	enum pages_found found;
	bool create;
	int status, rc, dead;
	char *real = NULL;
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
	real = real_name(path, mode == KV_CREATE);
	if (real == NULL) {
		status = error_set(err, errno == ENOENT && mode != KV_CREATE ? EVS_NO_STORE : EVS_IO, errno,
		                   mode == KV_CREATE ? "cannot create the store" : "cannot find the store");
		goto failed;
	}
	kv->unlocked = mode == KV_READ && cannot_lock(real);
	rc = kv->unlocked ? try_open_env(kv, real, MDB_RDONLY | MDB_NOLOCK) : open_env(kv, real, mode == KV_READ ? MDB_RDONLY : 0);
	if (rc != 0) {
		status = fail(err, rc, create ? "create the store" : "open the store, or the -lock file beside it");
		goto failed;
	}
	mdb_env_get_fd(kv->env, &kv->fd);
	mdb_env_stat(kv->env, &st);
	kv->page_size = st.ms_psize;
	mdb_reader_check(kv->env, &dead);
	status = open_tables(kv, mode, first, n, err);
	if (status != EVS_OK)
		goto failed;
	if (create && (status = pages_sync_directory(real, err)) != EVS_OK)
		goto failed;
	free(real);
	*out = kv;
	return EVS_OK;
failed:
	free(real);
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
	mapped_remove((const void *)kv->map);
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	lock_release(kv->opening);
	free(kv);
}

/* ---- transactions ---- */

/* Read the first bytes of a meta page. */
static bool get_meta(const struct kv_txn *txn, uint64_t number, uint8_t meta[TREE_META_BYTES])
{
	uint64_t at = number * txn->file.page_size;

	if (txn->file.bytes == NULL)
		return pread(txn->kv->fd, meta, TREE_META_BYTES, (off_t)at) == TREE_META_BYTES;
	memcpy(meta, txn->file.bytes + at, TREE_META_BYTES);
	return true;
}

/* Read the meta page of the snapshot; false where it is another's by now, or damaged. */
static bool read_meta(struct kv_txn *txn)
{
	uint64_t id = mdb_txn_id(txn->txn) - txn->write; /* of the transaction that left the snapshot */
	uint8_t meta[TREE_META_BYTES], again[TREE_META_BYTES];

	return get_meta(txn, id & 1, meta) && tree_meta(meta, &txn->meta) && !txn->meta.damaged && txn->meta.txn == id &&
	       txn->meta.page_size == txn->file.page_size && get_meta(txn, id & 1, again) && memcmp(meta, again, sizeof meta) == 0;
}

/* Look at what a transaction has before it. */
static int take_snapshot(struct kv_txn *txn, struct evs_error *err)
{
	const struct tree_fault fault = {TREE_NONE, "its first pages are not those of the newest commit"};
	struct kv *kv = txn->kv;
	int rc = 0;

	txn->taken = false;
	memset(&txn->file, 0, sizeof txn->file);
	memset(txn->known, 0, sizeof txn->known);
	txn->opened = 0;
	txn->file.bytes = (const uint8_t *)kv->map;
	txn->file.fd = kv->fd;
	txn->file.copies = kv->copies;
	txn->file.page_size = (uint32_t)kv->page_size;
	for (int i = 0; rc == 0 && !read_meta(txn); i++) {
		if (txn->write || i == TRIES_MAX)
			return fail_page(err, &fault);
		mdb_txn_reset(txn->txn); /* two commits came between */
		rc = mdb_txn_renew(txn->txn);
	}
	if (rc != 0)
		return fail(err, rc, "read the store");
	if (txn->meta.last_page >= kv->pages)
		kv->pages = kv_file_size(kv) / kv->page_size;
	/* Pages that are all free may be missing at the end. */
	txn->file.pages = txn->meta.last_page < kv->pages ? txn->meta.last_page + 1 : kv->pages;
	if (txn->file.bytes != NULL)
		mapped_add(txn->file.bytes, txn->file.pages * txn->file.page_size);
	txn->trees[KV_META] = txn->meta.main;
	txn->known[KV_META] = true;
	txn->taken = true;
	return EVS_OK;
}

/* Look at all of LMDB's own table, which every commit writes to. */
static int check_main(struct kv_txn *txn, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct tree_cursor c;
	struct tree t;
	bool table;
	int status;

	tree_cursor(&c, &txn->file, &txn->meta.main);
	while ((status = tree_move(&c, KV_NEXT, &key, &value, &table)) == EVS_OK) {
		if (!table)
			continue;
		tree_of(&t, &txn->file, value);
		c.fault = (struct tree_fault){c.levels[c.tree->depth - 1].number, "what it says of a table cannot be"};
		if (t.damaged)
			return fail_page(err, &c.fault);
	}
	return status == EVS_END ? EVS_OK : fail_page(err, &c.fault);
}

/* Look at the tree of free pages, which every commit takes pages from, and where nobody has written yet at its lists. */
static int check_free(struct kv_txn *txn, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct tree_cursor c;
	int status;

	tree_cursor(&c, &txn->file, &txn->meta.free);
	while ((status = tree_move(&c, KV_NEXT, &key, &value, NULL)) == EVS_OK) {
		c.fault.page = c.levels[c.tree->depth - 1].number;
		if (!txn->kv->written && (c.fault.why = tree_list_fault(value, txn->meta.last_page)) != NULL)
			return fail_page(err, &c.fault);
	}
	return status == EVS_END ? EVS_OK : fail_page(err, &c.fault);
}

static int check_before_writing(struct kv_txn *txn, struct evs_error *err)
{
	int status = check_main(txn, err);

	if (status == EVS_OK)
		status = check_free(txn, err);
	txn->kv->written |= status == EVS_OK;
	return status;
}

int kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct evs_error *err)
{
	struct kv_txn *txn = malloc(sizeof *txn);
	int rc, dead, status;

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
	status = take_snapshot(txn, err);
	if (status == EVS_OK && write)
		status = check_before_writing(txn, err);
	if (status != EVS_OK) {
		kv_abort(txn);
		return status;
	}
	*out = txn;
	return EVS_OK;
}

/* Whether the file is shorter than its newest meta page says. */
static bool is_short(const struct kv *kv, off_t *want)
{
	MDB_envinfo info;
	struct stat st;

	if (mdb_env_info(kv->env, &info) != 0 || fstat(kv->fd, &st) != 0)
		return false;
	*want = (off_t)((info.me_last_pgno + 1) * kv->page_size);
	return st.st_size < *want;
}

/*
 * Pages at the end that were taken and freed in one transaction are never written, which leaves the file shorter
 * than its meta page says. Make it whole, so that a file that is too short is a truncated one at a glance; after a power cut
 * pages.c looks at what is missing. Under the write lock: the next writer may have made it longer by now, and would lose its pages.
 */
static void extend_file(struct kv *kv)
{
	MDB_txn *txn;
	off_t want;

	if (!is_short(kv, &want) || mdb_txn_begin(kv->env, NULL, 0, &txn) != 0)
		return; /* the next commit tries again */
	if (is_short(kv, &want))
		(void)!ftruncate(kv->fd, want);
	mdb_txn_abort(txn);
}

static bool disk_full(const struct kv *kv)
{
	struct statvfs st;

	return fstatvfs(kv->fd, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < NEARLY_FULL;
}

/* Whether the file is near the size that this process may give it (ulimit -f). */
static bool at_limit(const struct kv *kv)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && kv_file_size(kv) + NEARLY_FULL > limit.rlim_cur;
}

/* Fail for a write: also a put writes, where a transaction has more pages than LMDB keeps in memory. */
static int fail_write(const struct kv *kv, struct evs_error *err, int rc)
{
	if (rc == EIO && disk_full(kv)) /* LMDB's word for a write that came to a stop */
		rc = ENOSPC;
	else if (rc == EIO && at_limit(kv))
		rc = EFBIG;
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

	if (rc != 0)
		return fail(err, rc, "read the store");
	txn->opened = 0;
	/* Where nothing was committed since, what was looked at is as it was. */
	return txn->taken && mdb_txn_id(txn->txn) == txn->meta.txn ? EVS_OK : take_snapshot(txn, err);
}

uint64_t kv_snapshot(const struct kv_txn *txn)
{
	return txn->meta.txn;
}

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
		return fail_page(err, &c.fault);
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
		if (find_tree(txn, table_names[table], &txn->trees[table], &unused) == EVS_CORRUPT)
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
	if (i == DBS_MAX)
		return fail(err, MDB_DBS_FULL, "read the store");
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
		return fail(err, rc, create ? "write to the store" : "read the store");
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
	return w.faults == 0 ? EVS_OK : fail_page(err, &fault);
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
	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
}

/* Before LMDB changes a key; beside: before it deletes it. */
static int check_around(struct kv_txn *txn, enum kv_table table, enum kv_move move, struct kv_bytes key, bool beside,
                        struct evs_error *err)
{
	struct tree_cursor c;

	tree_cursor(&c, &txn->file, tree_in(txn, table));
	return tree_surroundings(&c, move, key, beside) == EVS_OK ? EVS_OK : fail_page(err, &c.fault);
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
		return fail_page(err, &c.fault);
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
		return fail(err, rc, "read the store");
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
	int status = check_around(txn, table, KV_AT_OR_AFTER, (struct kv_bytes){key, key_size}, true, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_del(txn->txn, dbi_of(txn, table), &k, NULL);
	if (rc == MDB_NOTFOUND)
		return EVS_END;
	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
}

int kv_clear(struct kv_txn *txn, enum kv_table table, struct evs_error *err)
{
	int status = check_table(txn, table, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_drop(txn->txn, dbi_of(txn, table), 0);
	return rc == 0 ? EVS_OK : fail(err, rc, "write to the store");
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
		return fail(err, rc, "read the store");
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
	return c->looked ? EVS_OK : fail_page(err, &c->at.fault);
}

/* Whether a value that LMDB led to, in pages of the snapshot, is in the file. */
static int check_value(const struct kv_txn *txn, struct kv_bytes value, struct evs_error *err)
{
	const struct tree_fault fault = {TREE_NONE, "a value is not in the file"};
	uintptr_t at = (uintptr_t)value.data - txn->kv->map, end = txn->file.pages * txn->file.page_size;

	return at >= end || value.size <= end - at ? EVS_OK : fail_page(err, &fault);
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
		return fail(err, rc, "read the store");
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
	return status == EVS_CORRUPT ? fail_page(err, &c->at.fault) : status;
}

int kv_append_at(struct kv_cursor *c, struct kv_bytes key, struct kv_bytes value, struct evs_error *err)
{
	MDB_val k = {key.size, (void *)(uintptr_t)key.data}, v = {value.size, (void *)(uintptr_t)value.data};
	int status = c->looked ? EVS_OK : check_move(c, KV_LAST, key, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_cursor_put(c->cursor, &k, &v, MDB_APPEND);
	return rc == 0 ? EVS_OK : fail_write(c->txn->kv, err, rc);
}

/* ---- the file ---- */

void kv_forget(struct kv *kv, struct kv_bytes value)
{
	/* All at once, and seldom: threads wait for it, and the kernel maps many pages at a time. */
	if ((kv->forgotten += value.size) < FORGET_BYTES)
		return;
	kv->forgotten = 0;
	madvise((void *)kv->map, kv_file_size(kv), MADV_DONTNEED);
}

void kv_trim(const struct kv *kv, uint64_t most)
{
	unsigned long long all, resident, shared;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return;
	if (fscanf(f, "%llu %llu %llu", &all, &resident, &shared) == 3 && shared * (uint64_t)sysconf(_SC_PAGESIZE) > most)
		madvise((void *)kv->map, kv_file_size(kv), MADV_DONTNEED);
	fclose(f);
}

int kv_survey(struct kv_txn *txn, survey_fault *fault, void *context, struct evs_error *err)
{
	return survey_pages(&txn->file, &txn->meta, fault, context, err);
}

/* Look at all pages before LMDB goes through them. */
static int check_all(struct kv *kv, struct evs_error *err)
{
	struct kv_txn *txn;
	int status = kv_begin(kv, false, &txn, err);

	if (status != EVS_OK)
		return status;
	status = kv_survey(txn, NULL, NULL, err);
	kv_abort(txn);
	return status;
}

int kv_copy(struct kv *kv, int fd, struct evs_error *err)
{
	int status = check_all(kv, err), rc;

	if (status != EVS_OK)
		return status;
	rc = mdb_env_copyfd2(kv->env, fd, MDB_CP_COMPACT);
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
