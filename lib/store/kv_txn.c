/* Transactions, and what goes wrong with them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "store/kv_parts.h"

#define NEARLY_FULL (1u << 20) /* bytes: a larger write may have come to a stop */
#define TRIES_MAX 100 /* to begin before two commits have come between */

/* ---- what goes wrong ---- */

int kv_fail(struct evs_error *err, int rc, const char *doing)
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

int kv_fail_page(struct evs_error *err, const struct tree_fault *fault)
{
	if (fault->page == TREE_NONE)
		return error_set(err, EVS_CORRUPT, 0, "the store is damaged: %s; evs verify says more", fault->why);
	return error_set(err, EVS_CORRUPT, 0, "page %llu of the store is damaged: %s; evs verify says more",
	                 (unsigned long long)fault->page, fault->why);
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
	const struct tree_fault fault = {TREE_NONE, "its first pages are not those of the newest commit, or a program still has another store open that was here"};
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
			return kv_fail_page(err, &fault);
		mdb_txn_reset(txn->txn); /* two commits came between */
		rc = mdb_txn_renew(txn->txn);
	}
	if (rc != 0)
		return kv_fail(err, rc, "read the store");
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

int kv_check_main(struct kv_txn *txn, struct evs_error *err)
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
			return kv_fail_page(err, &c.fault);
	}
	return status == EVS_END ? EVS_OK : kv_fail_page(err, &c.fault);
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
			return kv_fail_page(err, &c.fault);
	}
	return status == EVS_END ? EVS_OK : kv_fail_page(err, &c.fault);
}

static int check_before_writing(struct kv_txn *txn, struct evs_error *err)
{
	int status = kv_check_main(txn, err);

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
		return kv_fail(err, rc, write ? "write to the store" : "read the store");
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

int kv_fail_write(const struct kv *kv, struct evs_error *err, int rc)
{
	if (rc == EIO && disk_full(kv)) /* LMDB's word for a write that came to a stop */
		rc = ENOSPC;
	else if (rc == EIO && at_limit(kv))
		rc = EFBIG;
	return kv_fail(err, rc, "write to the store");
}

int kv_commit(struct kv_txn *txn, struct evs_error *err)
{
	struct kv *kv = txn->kv;
	bool write = txn->write;
	int rc = mdb_txn_commit(txn->txn);

	free(txn);
	if (rc != 0)
		return kv_fail_write(kv, err, rc);
	if (write)
		extend_file(kv);
	return EVS_OK;
}

int kv_sync(struct kv *kv, struct evs_error *err)
{
	int rc = mdb_env_sync(kv->env, 1);

	return rc == 0 ? EVS_OK : kv_fail_write(kv, err, rc);
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
		return kv_fail(err, rc, "read the store");
	txn->opened = 0;
	/* Where nothing was committed since, what was looked at is as it was. */
	return txn->taken && mdb_txn_id(txn->txn) == txn->meta.txn ? EVS_OK : take_snapshot(txn, err);
}

uint64_t kv_snapshot(const struct kv_txn *txn)
{
	return txn->meta.txn;
}

/* ---- large values ---- */

int kv_peek(const struct kv_txn *txn, const uint8_t *at, size_t size, uint8_t *copy, struct evs_error *err)
{
	uintptr_t from = (uintptr_t)at - (uintptr_t)txn->file.bytes;
	ssize_t n;

	/* What was written in this very transaction is in memory alone. */
	if (txn->file.bytes == NULL || from >= txn->file.pages * txn->file.page_size) {
		memcpy(copy, at, size);
		return EVS_OK;
	}
	for (size_t done = 0; done < size; done += (size_t)n) {
		while ((n = pread(txn->file.fd, copy + done, size - done, (off_t)(from + done))) < 0 && errno == EINTR)
			;
		if (n < 0)
			return error_set(err, error_status(errno), errno, "cannot read the store");
		if (n == 0)
			return error_set(err, EVS_CORRUPT, 0, "the store has become shorter while it was read; evs verify says more");
	}
	return EVS_OK;
}
