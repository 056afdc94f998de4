/* The file: opening, making and copying it, and how much of it is in memory. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/mapped.h"
#include "store/kv_parts.h"
#include "store/pages.h"
#include "store/survey.h"

#define MAP_SIZE ((size_t)1 << 40) /* address space, not disk */
#define MAP_SIZE_MIN ((size_t)1 << 28)
#define READERS_MAX 1022
#define FORGET_BYTES (32u << 20)
#define LOCK_SUFFIX "-lock" /* LMDB's own */
#define OPENING_LOCK 0 /* of the lock file, in which LMDB locks its first bytes */

/* ---- open and close ---- */

static int try_open_env(struct kv *kv, const char *path, unsigned flags)
{
	int rc = 0;

	flags |= MDB_NOSUBDIR | MDB_NOTLS;
	/* A limit on address space (ulimit -v) leaves room for less. */
	for (size_t size = MAP_SIZE; size >= MAP_SIZE_MIN; size /= 4) {
		if ((rc = mdb_env_create(&kv->env)) != 0)
			return rc;
		mdb_env_set_maxdbs(kv->env, KV_OPEN_MAX);
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

	buf_printf(&name, "%s" LOCK_SUFFIX, path);
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

	buf_printf(&name, "%s" LOCK_SUFFIX, path);
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
		rc = mdb_dbi_open(txn, kv_table_names[i], MDB_CREATE, &kv->tables[i]);
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
			kv_fail_page(err, &c.fault);
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

	if (status == EVS_OK && (status = kv_check_main(txn, err)) != EVS_OK)
		kv_abort(txn);
	if (status != EVS_OK)
		return status;
	for (unsigned i = 0; i < KV_TABLES && rc == 0; i++)
		rc = mdb_dbi_open(txn->txn, kv_table_names[i], 0, &kv->tables[i]);
	*missing = rc == MDB_NOTFOUND;
	if (rc != 0 && !*missing) {
		kv_abort(txn);
		return kv_fail(err, rc, "open the store");
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
		return kv_fail(err, MDB_INVALID, "open the store");
	if (mode == KV_READ)
		return EVS_OK;
	if (ours && (status = find_tables(kv, &missing, err)) != EVS_OK)
		return status;
	if (!ours || missing)
		rc = make_tables(kv, first, n);
	if (rc != 0)
		return kv_fail(err, rc, ours ? "open the store" : "create the store");
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
	return rc == 0 ? EVS_OK : kv_fail(err, rc, "create the store");
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

/* Whether the name is so short that its lock file can have one: else a file would be made that can never be opened. */
static bool lock_has_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(slash == NULL ? path : slash + 1) + strlen(LOCK_SUFFIX) <= NAME_MAX;
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
		status = lock_has_name(path) ? make_new(path, first, n, err) :
		                               error_set(err, EVS_IO, ENAMETOOLONG, "cannot create the store, whose lock file has this name and %s", LOCK_SUFFIX);
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
		status = kv_fail(err, rc, rc == ENOMEM ? "map the store; ulimit -v may be too low" : create ? "create the store" :
		                                         "open the store, or the -lock file beside it");
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

/* ---- the file ---- */

void kv_forget(struct kv *kv, struct kv_bytes value)
{
	/* All at once, and seldom: threads wait for it, and the kernel maps many pages at a time. */
	if (atomic_fetch_add(&kv->forgotten, value.size) + value.size < FORGET_BYTES)
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
	return rc == 0 ? EVS_OK : kv_fail(err, rc, "copy the store");
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
