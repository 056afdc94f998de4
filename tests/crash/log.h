/*
 * The log of what a workload did to files of a folder: records in the order in which things happened, written by the shim
 * and by `record`, read by `replay`. Native byte order: the log lives as long as one test.
 */
#ifndef EVS_TESTS_CRASH_LOG_H
#define EVS_TESTS_CRASH_LOG_H

#include <stdint.h>

#define LOG_MAGIC 0x4c535645u

enum log_kind {
	LOG_BASE,     /* name: a file that was there before, whole and durable; data: what is in it */
	LOG_CREATE,   /* name: a new file */
	LOG_WRITE,    /* data at offset; durable with the next LOG_SYNC of its file */
	LOG_DSYNC,    /* the write before it was through a descriptor that is O_DSYNC: that alone is durable */
	LOG_SYNC,     /* fsync or fdatasync of a file has returned */
	LOG_TRUNCATE, /* to the size `offset` */
	LOG_LINK,     /* name: one more name of a file */
	LOG_RENAME,   /* name: the new one; data: the old one */
	LOG_UNLINK,   /* name: of a file, no more */
	LOG_DIRSYNC,  /* fsync of the folder has returned */
	LOG_OUTPUT,   /* data: was about to be written to standard output; what it acknowledges must be durable */
	LOG_EXIT,     /* a command has ended; offset: its exit status, 128 and more for a signal */
};

struct log_record {
	uint32_t magic;
	uint16_t kind, name_size; /* the name follows, then the data */
	uint64_t file;            /* inode number */
	uint64_t offset, size;
};

#endif
