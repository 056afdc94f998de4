/*
 * Locks between processes on a byte of a file, which end with their process: open-file-description locks on Linux,
 * elsewhere fcntl's locks, which also end when the process closes any other descriptor of the file.
 */
#ifndef EVS_BASE_LOCK_H
#define EVS_BASE_LOCK_H

#include <stdint.h>

struct lock;

/* Bytes for locks lie far behind what a file holds. */
#define LOCK_FIRST ((uint64_t)1 << 62)

enum lock_status {
	LOCK_OK,
	LOCK_HELD,  /* by somebody else */
	LOCK_FAILED /* errno says why */
};

/*
 * Take the lock of a number on the file at path, which must be writable; it does not wait.
 * LOCK_OK: *out is owned by the caller (lock_release).
 */
enum lock_status lock_take(const char *path, uint64_t number, struct lock **out);
void lock_release(struct lock *l); /* NULL is fine */

/* Whether it could be taken now: LOCK_OK it could. */
enum lock_status lock_look(const char *path, uint64_t number);

#endif
