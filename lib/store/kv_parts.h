/* What the parts of the key-value store share: kv_open.c (the file), kv_txn.c (transactions), kv.c (tables). */
#ifndef EVS_STORE_KV_PARTS_H
#define EVS_STORE_KV_PARTS_H

#include <lmdb.h>

#include "store/kv.h"
#include "store/tree.h"

#define KV_OPEN_MAX 128 /* tables open at a time */

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
	struct tree trees[KV_TABLES + KV_OPEN_MAX + 2]; /* as they are in the snapshot, where they are known; of kv_table_open behind the others */
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

extern const char *const kv_table_names[KV_TABLES]; /* NULL: LMDB's own */

/* Fill err from an LMDB result. */
int kv_fail(struct evs_error *err, int rc, const char *doing);

/* The same for a write: also a put writes, where a transaction has more pages than LMDB keeps in memory. */
int kv_fail_write(const struct kv *kv, struct evs_error *err, int rc);

/* The same for a page that is not what it should be. */
int kv_fail_page(struct evs_error *err, const struct tree_fault *fault);

/* Look at all of LMDB's own table, which every commit writes to. EVS_OK, EVS_CORRUPT. */
int kv_check_main(struct kv_txn *txn, struct evs_error *err);

#endif
