/* Commands that a tool runs: without a shell, found on the PATH. */
#ifndef EVS_CMD_CHILD_H
#define EVS_CMD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* How a command ended, for messages: "exit status 3", "signal 9 (Killed)". */
#define CHILD_HOW 80
void child_how(int wait_status, char text[CHILD_HOW]);

/* Whether it ended with exit status 0. */
bool child_succeeded(int wait_status);

/*
 * Run a command whose standard input is what the tool writes to its own standard output from now on; what the command
 * prints goes where that went before. -1, with the reason said, when it cannot be run.
 */
pid_t child_pipe_output(char *const *argv);

/*
 * Flush and close standard output, so that the command sees the end, and wait for it; when a signal asks the tool to
 * stop, the command is asked too. Returns its wait status.
 */
int child_end_output(pid_t pid);

enum child_result {
	CHILD_ENDED,   /* *wait_status says how */
	CHILD_NONE,    /* it cannot be run; it was said why */
	CHILD_FLOODS,  /* it printed more than `max` bytes, and was killed */
	CHILD_SLOW,    /* it did not end in time, and was killed */
	CHILD_STOPPED, /* a signal asked the tool to stop; the command was killed */
	CHILD_FAILED,  /* memory ran out, or a pipe failed; it was said why */
};

/* What a command is asked. */
struct child_question {
	const void *input; /* its standard input; it need not read it */
	size_t size;
	size_t max;        /* bytes that it may print */
	int64_t timeout_ms; /* that it may take */
};

/*
 * Run a command, and take what it prints behind out until it has ended and closed standard output. It has a process group
 * of its own: when it is killed, so is what it started.
 */
enum child_result child_talk(char *const *argv, const struct child_question *question, struct buf *out, int *wait_status);

#endif
