#include "base/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__

#include <sys/inotify.h>

struct watch {
	int fd;
};

struct watch *watch_new(const char *path)
{
	struct watch *w = malloc(sizeof *w);

	if (w == NULL)
		return NULL;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0 || inotify_add_watch(w->fd, path, IN_MODIFY | IN_ATTRIB) < 0) {
		int saved = errno;
		watch_free(w);
		errno = saved;
		return NULL;
	}
	return w;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int watch_wait(struct watch *w, int timeout_ms)
{
	struct pollfd wait = {.fd = w->fd, .events = POLLIN};
	char events[4096];
	int n = poll(&wait, 1, timeout_ms);

	if (n <= 0)
		return n;
	while (read(w->fd, events, sizeof events) > 0)
		;
	return 1;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

#else

struct watch {
	char unused;
};

struct watch *watch_new(const char *path)
{
	(void)path;
	return calloc(1, sizeof(struct watch));
}

void watch_free(struct watch *w)
{
	free(w);
}

int watch_wait(struct watch *w, int timeout_ms)
{
	(void)w;
	if (poll(NULL, 0, timeout_ms < 0 || timeout_ms > 20 ? 20 : timeout_ms) < 0)
		return -1;
	return 1;
}

int watch_fd(const struct watch *w)
{
	(void)w;
	return -1;
}

#endif
