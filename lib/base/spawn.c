#include "base/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

/* Close what the command is not to have. */
static void close_others(posix_spawn_file_actions_t *files)
{
#if defined __GLIBC__ && defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
	posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
	return;
#endif
#endif
	for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			posix_spawn_file_actions_addclose(files, fd);
}

static void set_files(posix_spawn_file_actions_t *files, const struct spawn_options *o)
{
	const int from[] = {o->in, o->out, o->error};

	for (int to = STDIN_FILENO; to <= STDERR_FILENO; to++)
		if (from[to] >= 0)
			posix_spawn_file_actions_adddup2(files, from[to], to);
	if (o->close)
		close_others(files);
}

int spawn_command(const struct spawn_options *o, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t set;
	int failure;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	set_files(&files, o);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (o->group ? POSIX_SPAWN_SETPGROUP : 0)));
	failure = posix_spawnp(pid, o->argv[0], &files, &attributes, o->argv, o->environment == NULL ? environ : o->environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return failure;
}
