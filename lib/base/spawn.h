/* Starting commands: with standard input, output and error, a process group and signals as they should be. */
#ifndef EVS_BASE_SPAWN_H
#define EVS_BASE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct spawn_options {
	char *const *argv;        /* argv[0] is looked for on the PATH */
	char *const *environment; /* NULL: the caller's */
	int in, out, error;       /* what it has for these; -1: the caller's */
	bool group;               /* in a process group of its own */
};

/* Start a command; SIGPIPE, which callers ignore, ends it, and no signal is blocked. 0 with *pid, or an errno. */
int spawn_command(const struct spawn_options *options, pid_t *pid);

/* Look for a command of that name as spawn_command does. 0, or the errno that says why it cannot be run. */
int spawn_find(const char *name);

#endif
