/* Sleep until a file changes: inotify on Linux, a short sleep elsewhere. */
#ifndef EVS_BASE_WATCH_H
#define EVS_BASE_WATCH_H

struct watch;

/* Watch the file at path. NULL with errno set on failure. */
struct watch *watch_new(const char *path);
void watch_free(struct watch *w);

/*
 * Sleep until the file was changed since the last call, or timeout_ms passed (-1: no limit), or a signal came.
 * Returns 1 when it changed, 0 on the timeout, -1 with errno on failure (EINTR: a signal).
 */
int watch_wait(struct watch *w, int timeout_ms);

/* The descriptor to poll beside others; -1 where there is none. */
int watch_fd(const struct watch *w);

#endif
