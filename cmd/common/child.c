#include "common/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/moment.h"
#include "base/spawn.h"
#include "common/message.h"
#include "common/output.h"
#include "common/signals.h"

#define READ_BYTES 65536
#define MS ((int64_t)1000000)

void child_how(int wait_status, char text[CHILD_HOW])
{
	if (WIFSIGNALED(wait_status))
		snprintf(text, CHILD_HOW, "signal %d (%s)", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		snprintf(text, CHILD_HOW, "exit status %d", WEXITSTATUS(wait_status));
}

bool child_succeeded(int wait_status)
{
	return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}

/* Start a command with `in` as its standard input, and `out` as its output where that is not -1. group: in one of its own. */
static pid_t start(char *const *argv, int in, int out, bool group)
{
	const struct spawn_options options = {.argv = argv, .in = in, .out = out, .error = -1, .group = group};
	pid_t pid = -1;
	int failure = spawn_command(&options, &pid);

	if (failure == 0)
		return pid;
	message_print("cannot run '%s': %s", argv[0], strerror(failure));
	return -1;
}

/* A pipe that commands do not inherit. */
static bool make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == 0)
		return true;
	message_print("cannot make a pipe: %s", strerror(errno));
	ends[0] = ends[1] = -1;
	return false;
}

/* Close an end that is open. */
static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Wait for a command; it is asked to end when a signal asks that of the tool, and made to when it does not listen.
 * asked: whom kill asks, it alone or its group.
 */
static int wait_for(pid_t pid, pid_t asked)
{
	int status = 0;

	for (;;) {
		if (signals_caught != 0)
			kill(asked, signals_reminders > 1 ? SIGKILL : SIGTERM);
		if (waitpid(pid, &status, 0) == pid || errno != EINTR)
			return status;
	}
}

pid_t child_pipe_output(char *const *argv)
{
	int ends[2];
	pid_t pid;

	if (!make_pipe(ends))
		return -1;
	pid = start(argv, ends[0], -1, false);
	if (pid >= 0 && dup2(ends[1], STDOUT_FILENO) < 0)
		message_print("cannot write to '%s': %s", argv[0], strerror(errno));
	output_look();
	close(ends[0]);
	close(ends[1]);
	return pid;
}

int child_end_output(pid_t pid)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	output_flush();
	if (nothing < 0 || dup2(nothing, STDOUT_FILENO) < 0)
		close(STDOUT_FILENO);
	close_end(&nothing);
	return wait_for(pid, pid);
}

/* ---- a command that is asked one thing ---- */

/* A talk under way. */
struct talk {
	int in, out; /* ends of pipes; -1: closed */
	const char *input;
	size_t left;
	struct buf *answer;
	size_t max;
	int64_t end; /* when the time is over, by moment_steady_ns */
};

/* Milliseconds to the end, for poll. */
static int left_ms(const struct talk *t)
{
	int64_t left = (t->end - moment_steady_ns() + MS - 1) / MS;

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Give what the command takes of its input. A command that takes no more has not failed. */
static void give(struct talk *t)
{
	ssize_t n = write(t->in, t->input, t->left);

	if (n > 0) {
		t->input += n;
		t->left -= (size_t)n;
	}
	if (t->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&t->in);
}

/* Take what it printed. */
static bool take(struct talk *t)
{
	ssize_t n;

	if (!buf_room(t->answer, READ_BYTES)) {
		message_print("out of memory");
		return false;
	}
	n = read(t->out, t->answer->data + t->answer->size, READ_BYTES);
	if (n > 0)
		t->answer->size += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&t->out);
	return true;
}

/* Give and take until the command has closed its standard output and taken its input, or wants no more of it. */
static enum child_result talk(struct talk *t)
{
	while (t->out >= 0 || t->in >= 0) {
		struct pollfd wait[2] = {{.fd = t->out, .events = POLLIN}, {.fd = t->in, .events = POLLOUT}};
		int ready;

		if (signals_caught != 0)
			return CHILD_STOPPED;
		ready = poll(wait, 2, left_ms(t));
		if (ready == 0 && left_ms(t) == 0)
			return CHILD_SLOW;
		if (ready <= 0)
			continue;
		if (wait[1].revents != 0)
			give(t);
		if (wait[0].revents != 0 && !take(t))
			return CHILD_FAILED;
		if (t->answer->size > t->max)
			return CHILD_FLOODS;
	}
	return CHILD_ENDED;
}

/* Wait for the end of a command that has closed its standard output. */
static enum child_result await_end(const struct talk *t, pid_t pid, int *wait_status)
{
	const struct timespec pause = {.tv_nsec = 500000};

	while (waitpid(pid, wait_status, WNOHANG) != pid) {
		if (signals_caught != 0)
			return CHILD_STOPPED;
		if (left_ms(t) == 0)
			return CHILD_SLOW;
		nanosleep(&pause, NULL);
	}
	return CHILD_ENDED;
}

/* Talk to a command that was started, and see it end. */
static enum child_result talk_to_end(struct talk *t, pid_t pid, int *wait_status)
{
	enum child_result result;

	fcntl(t->in, F_SETFL, O_NONBLOCK);
	result = talk(t);
	close_end(&t->in);
	close_end(&t->out);
	if (result == CHILD_ENDED)
		result = await_end(t, pid, wait_status);
	if (result == CHILD_ENDED)
		return result;
	if (result != CHILD_STOPPED)
		kill(-pid, SIGKILL);
	*wait_status = wait_for(pid, -pid);
	return result;
}

enum child_result child_talk(char *const *argv, const struct child_question *question, struct buf *out, int *wait_status)
{
	struct talk t = {.in = -1, .out = -1, .input = question->input, .left = question->size, .answer = out, .max = question->max};
	int in[2] = {-1, -1}, answer[2] = {-1, -1};
	pid_t pid = -1;

	if (make_pipe(in) && make_pipe(answer))
		pid = start(argv, in[0], answer[1], true);
	close_end(&in[0]);
	close_end(&answer[1]);
	t.in = in[1];
	t.out = answer[0];
	t.end = moment_steady_ns() + question->timeout_ms * MS;
	if (pid >= 0)
		return talk_to_end(&t, pid, wait_status);
	close_end(&t.in);
	close_end(&t.out);
	return CHILD_NONE;
}
