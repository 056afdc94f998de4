/*
 * A folder on a disk that loses power: what of the files and of their names is durable, and what is under way.
 * What is under way of a file may be there, be missing, or be there in part, sector by sector; changes of names get lost
 * from the last on, as in a journal.
 */
#ifndef EVS_TESTS_CRASH_DISK_H
#define EVS_TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "log.h"

#define DISK_SECTOR 512

/* A write, or with data NULL a change of the size to `offset`. Borrows from the log. */
struct disk_op {
	uint64_t offset;
	const uint8_t *data;
	size_t size;
};

struct disk_file {
	uint64_t inode;
	struct buf durable;
	struct disk_op *pending;
	size_t n, cap;
};

/* How much of a pending op is on disk. */
enum disk_part { DISK_ALL, DISK_NOTHING, DISK_BEFORE, DISK_FROM, DISK_CHANCE };

struct disk_fate {
	enum disk_part part;
	uint64_t at; /* DISK_BEFORE, DISK_FROM: of the file's byte; DISK_CHANCE: decides which sectors are there */
};

struct disk_name {
	char name[256];
	uint64_t inode; /* 0: it is gone */
};

/* A folder's names: the first n_durable changes are on disk. Later ones win. */
struct disk_names {
	struct disk_name *list;
	size_t n, cap, n_durable;
};

/* The next of a sequence that a seed decides. */
uint64_t disk_chance(uint64_t *seed);

/* A write or a change of size is under way. */
void disk_add(struct disk_file *f, struct disk_op op);

/* The newest op, or all, are durable. */
void disk_settle(struct disk_file *f, bool newest);

/* Make what is found after a cut: fates for the first n ops; those behind did not begin. */
void disk_build(const struct disk_file *f, const struct disk_fate *fates, size_t n, struct buf *out);

/* A name is of another file now. */
void disk_set_name(struct disk_names *names, const char *name, size_t size, uint64_t inode);

/* The file of a name after the first n changes; 0: none. */
uint64_t disk_find_name(const struct disk_names *names, const char *name, size_t n);

#endif
