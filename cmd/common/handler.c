#include "common/handler.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/moment.h"
#include "base/spawn.h"
#include "common/child.h"
#include "common/message.h"
#include "common/progress.h"

#define PIPE_FILL 65536            /* bytes that a new pipe takes without anybody reading */
#define PIPE_LARGE (1 << 20)
#define READ_BYTES 65536
#define OUTPUT_MAX ((size_t)64 << 20)
enum { GUARDED_MAX = 4096 };

static int ended_pipe[2] = {-1, -1}; /* a byte for each child that ends */
static int guard_pipe = -1;
static pid_t guard_pid;

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- the guard ---- */

/*
 * The guard is told the process groups of handlers: a positive number when one begins, negative when it has ended. It
 * holds what the tool holds open, and with it the locks, until it has killed those that are left.
 */
static void guard(int from)
{
	static pid_t groups[GUARDED_MAX];
	size_t n = 0;
	int32_t told;
	ssize_t got;

	while ((got = read(from, &told, sizeof told)) != 0) {
		if (got != (ssize_t)sizeof told)
			continue;
		if (told > 0 && n < GUARDED_MAX)
			groups[n++] = told;
		for (size_t i = 0; told < 0 && i < n; i++)
			if (groups[i] == -told)
				groups[i] = groups[--n];
	}
	while (n > 0)
		kill(-groups[--n], SIGKILL);
	_exit(0);
}

static void start_guard(void)
{
	int ends[2], nothing;
	sigset_t all, before;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return; /* it is a help, no more */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	guard_pid = fork();
	if (guard_pid == 0) {
		setsid();
		close(ends[1]);
		nothing = open("/dev/null", O_RDWR);
		for (int fd = STDIN_FILENO; nothing >= 0 && fd <= STDERR_FILENO; fd++)
			dup2(nothing, fd);
		guard(ends[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	guard_pipe = ends[1];
	fcntl(guard_pipe, F_SETFL, O_NONBLOCK);
}

static void tell_guard(pid_t group)
{
	int32_t told = (int32_t)group;

	if (guard_pipe >= 0 && write(guard_pipe, &told, sizeof told) != (ssize_t)sizeof told && errno == EPIPE) {
		close_end(&guard_pipe); /* somebody killed it: have another from now on */
		waitpid(guard_pid, NULL, 0);
		start_guard();
	}
}

/* ---- the end of children ---- */

static void on_child(int number)
{
	int saved = errno;
	ssize_t n = write(ended_pipe[1], "", 1);

	(void)n;
	(void)number;
	errno = saved;
}

bool handlers_begin(void)
{
	struct sigaction action;

	if (pipe2(ended_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		message_print("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = on_child;
	action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
	sigfillset(&action.sa_mask);
	sigaction(SIGCHLD, &action, NULL);
	start_guard();
	return true;
}

void handlers_end(void)
{
	close_end(&guard_pipe);
	if (guard_pid > 0)
		while (waitpid(guard_pid, NULL, 0) < 0 && errno == EINTR)
			;
	guard_pid = 0;
}

int handlers_fd(void)
{
	return ended_pipe[0];
}

void handlers_reap(struct handler *list, size_t n)
{
	char bytes[64];

	while (read(ended_pipe[0], bytes, sizeof bytes) > 0)
		;
	for (size_t i = 0; i < n; i++) {
		struct handler *h = &list[i];
		if (h->pid > 0 && !h->ended && waitpid(h->pid, &h->wait_status, WNOHANG) == h->pid) {
			h->ended = true;
			tell_guard(-h->pid);
		}
	}
}

/* ---- starting one ---- */

/* Give what fits; when all is given, close it. */
static void give(struct handler *h)
{
	ssize_t n;

	if (h->in < 0)
		return;
	if (h->given < h->input.size) {
		n = write(h->in, h->input.data + h->given, h->input.size - h->given);
		if (n > 0)
			h->given += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			close_end(&h->in); /* it wants no more */
	}
	if (h->given == h->input.size) {
		h->given = h->input.size = 0;
		if (!h->more_input)
			close_end(&h->in);
	}
}

int handler_start(struct handler *h, char *const *argv, char *const *environment, bool take_output, int64_t timeout_ms)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, error[2] = {-1, -1}, failure = 0;

	if (pipe2(in, O_CLOEXEC) != 0 || (take_output && pipe2(out, O_CLOEXEC) != 0) || pipe2(error, O_CLOEXEC) != 0)
		failure = errno;
	h->pid = 0;
	h->given = h->tail_size = 0;
	h->output.size = 0;
	h->timed_out = h->too_much = h->unread = h->ended = false;
	h->begun_ns = moment_steady_ns();
	h->deadline_ns = timeout_ms == 0 ? 0 : h->begun_ns + timeout_ms * 1000000;
	h->in = in[1];
	h->out = out[0];
	h->error = error[0];
	if (failure == 0)
		failure = spawn_command(&(struct spawn_options){.argv = argv, .environment = environment, .in = in[0], .out = out[1],
		                                                .error = error[1], .group = true}, &h->pid);
	close_end(&in[0]);
	close_end(&out[1]);
	close_end(&error[1]);
	if (failure != 0) {
		close_end(&h->in);
		close_end(&h->out);
		close_end(&h->error);
		h->pid = 0;
		return failure;
	}
	tell_guard(h->pid);
#ifdef F_SETPIPE_SZ
	if (h->input.size > PIPE_FILL || h->more_input)
		fcntl(h->in, F_SETPIPE_SZ, PIPE_LARGE); /* fewer wake-ups; fails harmlessly */
#endif
	fcntl(h->in, F_SETFL, O_NONBLOCK);
	fcntl(h->error, F_SETFL, O_NONBLOCK);
	if (h->out >= 0)
		fcntl(h->out, F_SETFL, O_NONBLOCK);
	give(h);
	return 0;
}

/* ---- at work ---- */

void handler_poll(const struct handler *h, struct pollfd wait[HANDLER_FDS])
{
	const bool at_work = h->pid > 0; /* one that was never started has no descriptors, and zeros for them */

	wait[0] = (struct pollfd){.fd = at_work && h->given < h->input.size ? h->in : -1, .events = POLLOUT};
	wait[1] = (struct pollfd){.fd = at_work ? h->out : -1, .events = POLLIN};
	wait[2] = (struct pollfd){.fd = at_work ? h->error : -1, .events = POLLIN};
}

/* Keep the end of what it wrote to standard error. */
static void keep_tail(struct handler *h, const char *text, size_t size)
{
	size_t keep;

	if (size >= HANDLER_TAIL) {
		memcpy(h->tail, text + size - HANDLER_TAIL, HANDLER_TAIL);
		h->tail_size = HANDLER_TAIL;
		return;
	}
	keep = h->tail_size + size > HANDLER_TAIL ? HANDLER_TAIL - size : h->tail_size;
	memmove(h->tail, h->tail + h->tail_size - keep, keep);
	memcpy(h->tail + keep, text, size);
	h->tail_size = keep + size;
}

/* Pass on what it says. False: there is no more for now. */
static bool take_error(struct handler *h)
{
	char text[8192];
	ssize_t n = read(h->error, text, sizeof text), put;

	if (n > 0) {
		keep_tail(h, text, (size_t)n);
		progress_clear();
		for (ssize_t at = 0; at < n; at += put)
			if ((put = write(STDERR_FILENO, text + at, (size_t)(n - at))) <= 0)
				break;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(&h->error);
	return false;
}

static bool take_output(struct handler *h)
{
	ssize_t n;

	if (h->output.size > OUTPUT_MAX || !buf_room(&h->output, READ_BYTES)) {
		h->too_much = true;
		handler_kill(h, SIGKILL);
		close_end(&h->out);
		return false;
	}
	n = read(h->out, h->output.data + h->output.size, READ_BYTES);
	if (n > 0) {
		h->output.size += (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		h->unread = n < 0; /* what it says is not all there */
		close_end(&h->out);
	}
	return false;
}

void handler_pump(struct handler *h, const struct pollfd wait[HANDLER_FDS])
{
	if (h->in >= 0 && (wait[0].revents != 0 || h->given < h->input.size))
		give(h);
	if (h->out >= 0 && wait[1].revents != 0)
		take_output(h);
	if (h->error >= 0 && wait[2].revents != 0)
		take_error(h);
	if (h->deadline_ns != 0 && !h->ended && moment_steady_ns() >= h->deadline_ns) {
		h->timed_out = true;
		h->deadline_ns = 0;
		handler_kill(h, SIGKILL);
	}
}

void handler_kill(struct handler *h, int signal)
{
	if (h->pid > 0 && !h->ended)
		kill(-h->pid, signal);
}

void handler_close_input(struct handler *h)
{
	h->more_input = false;
	give(h);
}

void handler_finish(struct handler *h)
{
	/* Children that it left behind may go on writing: what is there now is taken, no more. */
	for (size_t read_bytes = 0; h->error >= 0 && read_bytes < PIPE_FILL && take_error(h); read_bytes += 8192)
		;
	for (size_t read_bytes = 0; h->out >= 0 && read_bytes < PIPE_FILL && take_output(h); read_bytes += READ_BYTES)
		;
	close_end(&h->in);
	close_end(&h->out);
	close_end(&h->error);
	h->pid = 0;
}

void handler_release(struct handler *h)
{
	buf_free(&h->input);
	buf_free(&h->output);
}

void handler_how(const struct handler *h, int64_t timeout_ms, char text[HANDLER_HOW])
{
	if (h->timed_out)
		snprintf(text, HANDLER_HOW, "no end within %lld ms", (long long)timeout_ms);
	else if (h->too_much)
		snprintf(text, HANDLER_HOW, "it printed more than %zu MB", OUTPUT_MAX >> 20);
	else if (h->unread)
		snprintf(text, HANDLER_HOW, "what it printed cannot be read");
	else
		child_how(h->wait_status, text);
}
