/*
 * Handlers: commands that are run without a shell, each in a process group of its own, with something on standard input.
 * What they write to standard error is passed on, its end kept. Nothing they do or leave undone makes the tool wait but
 * for their end: they need not read, may flood, and may leave children behind.
 *
 * When the tool itself is killed, a guard kills the handlers that are at work before the tool's locks are dropped.
 */
#ifndef EVS_CMD_HANDLER_H
#define EVS_CMD_HANDLER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define HANDLER_TAIL 2048 /* bytes of its standard error that are kept */
#define HANDLER_FDS 3

struct handler {
	pid_t pid;          /* 0: none is at work */
	int in, out, error; /* ends of pipes; -1: closed */
	struct buf input;   /* what is still to be given begins at `given`; filled by the caller before it starts, or later */
	size_t given;
	bool more_input;    /* standard input stays open when all was given */
	struct buf output;  /* what it printed, where that is taken */
	char tail[HANDLER_TAIL];
	size_t tail_size;
	int64_t begun_ns, deadline_ns; /* of the steady clock; deadline 0: none */
	bool timed_out, too_much, unread;
	bool ended;
	int wait_status;
};

/* EX_TEMPFAIL and EX_DATAERR of sysexits.h. */
#define HANDLER_AGAIN 75
#define HANDLER_HOPELESS 65

/* Get ready: the guard is started. False, with the reason said. Call handlers_end before the tool ends. */
bool handlers_begin(void);
void handlers_end(void);

/* A descriptor that can be read when some handler has ended: then call handlers_reap. */
int handlers_fd(void);
void handlers_reap(struct handler *list, size_t n);

/*
 * Start a command. NULL in environment ends it; take_output: what it prints goes to `output`, else to where the tool's goes.
 * 0, or an errno.
 */
int handler_start(struct handler *h, char *const *argv, char *const *environment, bool take_output, int64_t timeout_ms);

/* What to poll for it, HANDLER_FDS entries; and what to do after that. */
void handler_poll(const struct handler *h, struct pollfd wait[HANDLER_FDS]);
void handler_pump(struct handler *h, const struct pollfd wait[HANDLER_FDS]);

/* Send a signal to it with all that it started. */
void handler_kill(struct handler *h, int signal);

/* Close standard input when all is given. */
void handler_close_input(struct handler *h);

/* After it has ended: take what is left in its pipes, and close them. */
void handler_finish(struct handler *h);
void handler_release(struct handler *h);

/* How it ended, for a message: "exit status 3", "signal 9 (Killed)", "no end within 30 s". */
#define HANDLER_HOW 160
void handler_how(const struct handler *h, int64_t timeout_ms, char text[HANDLER_HOW]);

#endif
