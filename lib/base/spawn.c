#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* Close what the command is not to have. 0, or an errno. */
static int close_others(posix_spawn_file_actions_t *files)
{
#if defined __GLIBC__ && defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
	return posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#endif
#endif
	int failure = 0;

	for (int fd = STDERR_FILENO + 1; fd < 256 && failure == 0; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			failure = posix_spawn_file_actions_addclose(files, fd);
	return failure;
}

/* 0, or an errno: a command that has not the files it is to have must not run. */
static int set_files(posix_spawn_file_actions_t *files, const struct spawn_options *o)
{
	const int from[] = {o->in, o->out, o->error};
	int failure = 0;

	for (int to = STDIN_FILENO; to <= STDERR_FILENO && failure == 0; to++)
		if (from[to] >= 0)
			failure = posix_spawn_file_actions_adddup2(files, from[to], to);
	return failure == 0 ? close_others(files) : failure;
}

/* 0, or why a file cannot be run. */
static int look_at(const char *file)
{
	struct stat st;

	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		return EISDIR;
	return access(file, X_OK) == 0 ? 0 : errno;
}

int spawn_find(const char *name)
{
	const char *path = getenv("PATH"), *end;
	char file[PATH_MAX];
	int why, failure = ENOENT;

	if (strchr(name, '/') != NULL)
		return look_at(name);
	if (path == NULL)
		return 0; /* spawn_command knows where to look then */
	for (; path != NULL; path = *end == '\0' ? NULL : end + 1) {
		end = strchrnul(path, ':');
		if ((size_t)snprintf(file, sizeof file, "%.*s%s%s", (int)(end - path), path, end == path ? "" : "/", name) >= sizeof file)
			continue;
		if ((why = look_at(file)) == 0)
			return 0;
		if (why == EACCES)
			failure = why;
	}
	return failure;
}

int spawn_command(const struct spawn_options *o, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t set;
	int failure;

	failure = posix_spawn_file_actions_init(&files);
	if (failure != 0)
		return failure;
	failure = posix_spawnattr_init(&attributes);
	if (failure != 0) {
		posix_spawn_file_actions_destroy(&files);
		return failure;
	}
	failure = set_files(&files, o);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (o->group ? POSIX_SPAWN_SETPGROUP : 0)));
	if (failure == 0)
		failure = posix_spawnp(pid, o->argv[0], &files, &attributes, o->argv, o->environment == NULL ? environ : o->environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return failure;
}
