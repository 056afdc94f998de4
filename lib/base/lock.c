#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef F_OFD_SETLK
enum { SET = F_OFD_SETLK, WAIT = F_OFD_SETLKW, LOOK = F_OFD_GETLK };
#else
enum { SET = F_SETLK, WAIT = F_SETLKW, LOOK = F_GETLK };
#endif

struct lock {
	int fd;
};

struct lock_set {
	int fd;
};

/* What is to be locked for n numbers. */
static struct flock places_of(uint64_t first, uint64_t n)
{
	struct flock place;

	memset(&place, 0, sizeof place);
	place.l_type = F_WRLCK;
	place.l_whence = SEEK_SET;
	place.l_start = (off_t)(LOCK_FIRST + first % LOCK_FIRST);
	place.l_len = (off_t)n;
	return place;
}

static struct flock place_of(uint64_t number)
{
	return places_of(number, 1);
}

enum lock_status lock_take(const char *path, uint64_t number, struct lock **out)
{
	struct flock place = place_of(number);
	struct lock *l = malloc(sizeof *l);
	enum lock_status status = LOCK_FAILED;
	int saved;

	*out = NULL;
	if (l == NULL)
		return LOCK_FAILED;
	l->fd = open(path, O_RDWR | O_CLOEXEC);
	if (l->fd >= 0 && fcntl(l->fd, SET, &place) == 0) {
		*out = l;
		return LOCK_OK;
	}
	if (l->fd >= 0 && (errno == EAGAIN || errno == EACCES))
		status = LOCK_HELD;
	saved = errno;
	lock_release(l);
	errno = saved;
	return status;
}

/* Open a file to lock, make it where it is missing. -1: errno says why. */
static int open_or_make(const char *path, const char *like)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		fd = open(path, flags | O_CREAT | O_EXCL, 0600);
		if (fd >= 0 && geteuid() == 0 && stat(like, &st) == 0)
			(void)!fchown(fd, st.st_uid, st.st_gid); /* else its owner could not use it */
		if (fd < 0 && errno == EEXIST)
			fd = open(path, flags);
	}
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

enum lock_status lock_wait(const char *path, const char *like, uint64_t number, struct lock **out)
{
	struct flock place = place_of(number);
	struct lock *l = malloc(sizeof *l);
	int failed = -1, saved;

	*out = NULL;
	if (l == NULL)
		return LOCK_FAILED;
	l->fd = open_or_make(path, like);
	while (l->fd >= 0 && (failed = fcntl(l->fd, WAIT, &place)) != 0 && errno == EINTR)
		;
	if (failed == 0) {
		*out = l;
		return LOCK_OK;
	}
	saved = errno;
	lock_release(l);
	errno = saved;
	return LOCK_FAILED;
}

void lock_leave(struct lock *l)
{
	struct flock all = places_of(0, 0); /* to the end of all */

	all.l_type = F_UNLCK;
	if (l != NULL)
		fcntl(l->fd, SET, &all);
}

void lock_release(struct lock *l)
{
	if (l == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

enum lock_status lock_look(const char *path, uint64_t number)
{
	struct flock place = place_of(number);
	int fd = open(path, O_RDONLY | O_CLOEXEC), failed, saved;

	if (fd < 0)
		return LOCK_FAILED;
	failed = fcntl(fd, LOOK, &place);
	saved = errno;
	close(fd);
	errno = saved;
	if (failed != 0)
		return LOCK_FAILED;
	return place.l_type == F_UNLCK ? LOCK_OK : LOCK_HELD;
}

/* ---- many locks through one descriptor ---- */

enum lock_status lock_set_open(const char *path, struct lock_set **out)
{
	struct lock_set *s = malloc(sizeof *s);

	*out = NULL;
	if (s == NULL)
		return LOCK_FAILED;
	s->fd = open(path, O_RDWR | O_CLOEXEC);
	if (s->fd < 0)
		s->fd = open(path, O_RDONLY | O_CLOEXEC); /* enough to look */
	if (s->fd < 0) {
		free(s);
		return LOCK_FAILED;
	}
	*out = s;
	return LOCK_OK;
}

void lock_set_close(struct lock_set *s)
{
	if (s == NULL)
		return;
	close(s->fd);
	free(s);
}

enum lock_status lock_set_take(struct lock_set *s, uint64_t first, uint64_t n)
{
	struct flock place = places_of(first, n);

	if (fcntl(s->fd, SET, &place) == 0)
		return LOCK_OK;
	return errno == EAGAIN || errno == EACCES ? LOCK_HELD : LOCK_FAILED;
}

void lock_set_release(struct lock_set *s, uint64_t first, uint64_t n)
{
	struct flock place = places_of(first, n);

	place.l_type = F_UNLCK;
	fcntl(s->fd, SET, &place);
}

enum lock_status lock_set_others(struct lock_set *s, uint64_t first, uint64_t n, uint64_t *at, uint64_t *held)
{
	enum lock_status status = LOCK_OK;

	/* The system names any of them: what lies before it is asked about again. */
	while (n > 0) {
		struct flock place = places_of(first, n);
		const off_t from = place.l_start, end = from + place.l_len;
		off_t begin, stop;

		if (fcntl(s->fd, LOOK, &place) != 0)
			return LOCK_FAILED;
		if (place.l_type == F_UNLCK)
			break;
		begin = place.l_start < from ? from : place.l_start;
		stop = place.l_len == 0 || place.l_start + place.l_len > end ? end : place.l_start + place.l_len;
		*at = first + (uint64_t)(begin - from);
		*held = (uint64_t)(stop - begin);
		n = (uint64_t)(begin - from);
		status = LOCK_HELD;
	}
	return status;
}
