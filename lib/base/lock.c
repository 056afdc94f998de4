#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef F_OFD_SETLK
enum { SET = F_OFD_SETLK, LOOK = F_OFD_GETLK };
#else
enum { SET = F_SETLK, LOOK = F_GETLK };
#endif

struct lock {
	int fd;
};

/* What is to be locked for a number. */
static struct flock place_of(uint64_t number)
{
	struct flock place;

	memset(&place, 0, sizeof place);
	place.l_type = F_WRLCK;
	place.l_whence = SEEK_SET;
	place.l_start = (off_t)(LOCK_FIRST + number % LOCK_FIRST);
	place.l_len = 1;
	return place;
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
