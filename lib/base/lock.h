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

/*
 * Wait for the lock of a number on the file at path, which is made where it is missing, with mode 0600 and for the owner of the file
 * at `like`. It must be a regular file and no link. LOCK_OK: *out as lock_take;
 * lock_leave lets others have it, and keeps the file open until lock_release: closing it can end other locks of the process on it.
 */
enum lock_status lock_wait(const char *path, const char *like, uint64_t number, struct lock **out);
void lock_leave(struct lock *l); /* NULL is fine */

/* Whether it could be taken now: LOCK_OK it could. */
enum lock_status lock_look(const char *path, uint64_t number);

/* ---- many locks through one descriptor ---- */

struct lock_set;

/*
 * Begin with none; of a file that cannot be written none can be taken. LOCK_OK: *out is owned by the caller
 * (lock_set_close, which releases them all); LOCK_FAILED.
 */
enum lock_status lock_set_open(const char *path, struct lock_set **out);
void lock_set_close(struct lock_set *s); /* NULL is fine */

/* Take the n locks from number `first` on, all or none; release them, those that are held. */
enum lock_status lock_set_take(struct lock_set *s, uint64_t first, uint64_t n);
void lock_set_release(struct lock_set *s, uint64_t first, uint64_t n);

/*
 * Find the first of the n locks from `first` on that somebody else holds: LOCK_HELD with *at its number and *held how
 * many from there on are held likewise, within the n; LOCK_OK: none; LOCK_FAILED.
 */
enum lock_status lock_set_others(struct lock_set *s, uint64_t first, uint64_t n, uint64_t *at, uint64_t *held);

#endif
