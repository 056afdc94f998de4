/*
 * floor: the least that one durable event can cost on LMDB, process and all.
 *
 *   floor put FILE < LINE       store one line under the next number, durably
 *   floor bulk FILE < NDJSON    store every line, a transaction each 64 MiB
 *   floor count FILE            how many lines are there
 *   floor cat FILE              print them
 *
 * No index, no duplicate check, no JSON: what an event store adds to this is
 * what the benchmark measures.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <lmdb.h>

#define MAP_BYTES ((size_t)1 << 40)
#define BATCH_BYTES ((size_t)64 << 20)

/* Leave with LMDB's reason, if there is one. */
static void must(int rc, const char *what)
{
    if (rc != MDB_SUCCESS) {
        fprintf(stderr, "floor: cannot %s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

/* The number after the last one in the file. */
static size_t next_key(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    size_t next = 1;

    must(mdb_cursor_open(txn, dbi, &cursor), "read");
    if (mdb_cursor_get(cursor, &key, &value, MDB_LAST) == MDB_SUCCESS) {
        memcpy(&next, key.mv_data, sizeof(next));
        next++;
    }
    mdb_cursor_close(cursor);
    return next;
}

/* Store lines from standard input, at most `limit`. */
static void put_lines(MDB_env *env, size_t limit)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = getline(&line, &capacity, stdin);

    while (size > 0 && limit > 0) {
        MDB_txn *txn;
        MDB_dbi dbi;
        size_t batch = 0;

        must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
        must(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi), "begin");
        size_t n = next_key(txn, dbi);
        while (size > 0 && limit > 0 && batch < BATCH_BYTES) {
            MDB_val key = {sizeof(n), &n};
            MDB_val value = {(size_t)size, line};

            must(mdb_put(txn, dbi, &key, &value, MDB_APPEND), "put");
            batch += (size_t)size;
            n++;
            if (--limit > 0)
                size = getline(&line, &capacity, stdin);
        }
        must(mdb_txn_commit(txn), "commit");
    }
    free(line);
}

/* Print how many lines there are, or the lines. */
static void get_lines(MDB_env *env, int count_only)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;

    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi), "begin");
    must(mdb_stat(txn, dbi, &stat), "read");
    if (count_only) {
        printf("%zu\n", stat.ms_entries);
    } else {
        must(mdb_cursor_open(txn, dbi, &cursor), "read");
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS)
            fwrite(value.mv_data, 1, value.mv_size, stdout);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
}

int main(int argc, char **argv)
{
    MDB_env *env;
    const char *what = argc == 3 ? argv[1] : "";

    if (strcmp(what, "put") != 0 && strcmp(what, "bulk") != 0 && strcmp(what, "count") != 0 &&
        strcmp(what, "cat") != 0) {
        fputs("usage: floor put|bulk|count|cat FILE\n", stderr);
        return 2;
    }
    must(mdb_env_create(&env), "start");
    must(mdb_env_set_mapsize(env, MAP_BYTES), "start");
    must(mdb_env_open(env, argv[2], MDB_NOSUBDIR, 0600), "open");
    if (strcmp(what, "put") == 0)
        put_lines(env, 1);
    else if (strcmp(what, "bulk") == 0)
        put_lines(env, SIZE_MAX);
    else
        get_lines(env, strcmp(what, "count") == 0);
    mdb_env_close(env);
    if (fflush(stdout) != 0) {
        perror("floor: cannot write");
        return 1;
    }
    return 0;
}
