/*
 * Ordered tables of bytes in one file, with transactions. The one home of LMDB: nothing above knows it.
 * Keys sort as bytes and have 1..KV_KEY_MAX bytes. What kv_get and cursors return is borrowed from the
 * transaction, until it ends or, in a writing one, until the next write.
 */
#ifndef EVS_STORE_KV_H
#define EVS_STORE_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evs.h"

#define KV_KEY_MAX 511

/* KV_TABLES and above: tables of kv_table_open. */
enum kv_table {
	KV_META, KV_TAIL, KV_RECENT, KV_SEGMENT, KV_RUN, KV_NAME, KV_DICT, KV_DEAD, KV_PROJECTION, KV_SNAPSHOT,
	KV_GROUP, KV_WAIT, KV_PARKED, KV_DEADLOG, KV_TABLES
};

struct kv;
struct kv_txn;
struct kv_cursor;

struct kv_bytes {
	const uint8_t *data;
	size_t size;
};

enum kv_mode { KV_READ, KV_WRITE, KV_CREATE };

/* A record that a new file begins with, in KV_META. */
struct kv_record {
	const char *key;
	const void *value;
	size_t size;
};

/*
 * Open the file. EVS_NO_STORE: there is none; EVS_NOT_STORE: it is empty or another kind of file (left untouched);
 * EVS_CORRUPT: it is truncated. KV_CREATE makes one that is missing or empty, tables and the n records of `first`
 * in one transaction; a file that lacks the key of first[0] is not one of ours.
 */
int kv_open(const char *path, enum kv_mode mode, const struct kv_record *first, size_t n, struct kv **out,
            struct evs_error *err);
void kv_close(struct kv *kv);

/* KV_READ where the lock file cannot be written: writers do not know of this reader, and may write over what it reads. */
bool kv_is_unlocked(const struct kv *kv);

/* A writing transaction waits for the one before it, in any process. A transaction is one thread's, with its cursors. */
int kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct evs_error *err);

/* On disk when it returns EVS_OK. The transaction is gone in any case. */
int kv_commit(struct kv_txn *txn, struct evs_error *err);
void kv_abort(struct kv_txn *txn); /* NULL is fine */

/* Have on disk what other processes committed, also those that did not live to sync it themselves. */
int kv_sync(struct kv *kv, struct evs_error *err);

/* Let go of a reading transaction's snapshot, and take a new one. */
void kv_reset(struct kv_txn *txn);
int kv_renew(struct kv_txn *txn, struct evs_error *err);

/* The number of the commit that left the snapshot: where it is the same after kv_renew, values read before are valid again. */
uint64_t kv_snapshot(const struct kv_txn *txn);

/*
 * Open a table whose name is made at run time, such as "model/1"; the name is not given to another table ever.
 *
 *   create  make it where it is not there; needs a writing transaction
 *   table   out, stands for the table wherever an enum kv_table does, until the transaction ends
 *
 * EVS_OK; EVS_END: there is none; EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT. One thread of a process at a time calls this.
 */
int kv_table_open(struct kv_txn *txn, const char *name, bool create, enum kv_table *table, struct evs_error *err);

/* Remove such a table with all it holds, and its name. */
int kv_table_drop(struct kv_txn *txn, enum kv_table table, struct evs_error *err);

/* EVS_OK, EVS_END when there is no such key, or an error. */
int kv_get(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, struct kv_bytes *value,
           struct evs_error *err);
int kv_put(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
           struct evs_error *err);

/* A put whose key is behind all others of the table. */
int kv_append(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, const void *value, size_t size,
              struct evs_error *err);
int kv_delete(struct kv_txn *txn, enum kv_table table, const void *key, size_t key_size, struct evs_error *err);
int kv_clear(struct kv_txn *txn, enum kv_table table, struct evs_error *err);

/* How many keys a table has. */
uint64_t kv_count(struct kv_txn *txn, enum kv_table table);

int kv_cursor_open(struct kv_txn *txn, enum kv_table table, struct kv_cursor **out, struct evs_error *err);
void kv_cursor_close(struct kv_cursor *c); /* before its transaction ends */

enum kv_move {
	KV_FIRST,
	KV_LAST,
	KV_NEXT,
	KV_PREVIOUS,
	KV_AT_OR_AFTER, /* the first key not before `key` */
	KV_AT_OR_BEFORE /* the last key not behind `key` */
};

/* Move; key is read for KV_AT_OR_* only. EVS_OK with *key and *value set, EVS_END, or an error. */
int kv_move(struct kv_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, struct evs_error *err);

/* kv_append at a cursor, which then need not look for the end each time. */
int kv_append_at(struct kv_cursor *c, struct kv_bytes key, struct kv_bytes value, struct evs_error *err);

/* A value read from the file is not needed soon: once there is much of this, all of the file leaves the process's memory. */
void kv_forget(struct kv *kv, struct kv_bytes value);

/*
 * Copy size bytes of a value from `at` on, without having the file's pages there in the process's memory: for values that
 * are large and many. EVS_OK; EVS_CORRUPT: the file is shorter by now; EVS_IO.
 */
int kv_peek(const struct kv_txn *txn, const uint8_t *at, size_t size, uint8_t *copy, struct evs_error *err);

/*
 * Keep the process small: when more than `most` bytes of the file are in its memory, let go of them all; what is
 * needed again comes from the page cache. Values that were read stay valid.
 */
void kv_trim(const struct kv *kv, uint64_t most);

/* A page of a table is damaged. */
typedef void survey_fault(void *context, const char *table, uint64_t page, const char *why);

/* Look at all pages of a reading transaction: survey.h. */
int kv_survey(struct kv_txn *txn, survey_fault *fault, void *context, struct evs_error *err);

/* Write a consistent copy of the file to fd while others write. A file with damaged pages is not copied: EVS_CORRUPT. */
int kv_copy(struct kv *kv, int fd, struct evs_error *err);

/* Tell who watches the file that a commit is visible. */
void kv_notify(const struct kv *kv);

/* Bytes of the file. */
uint64_t kv_file_size(const struct kv *kv);

#endif
