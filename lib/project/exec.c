#include "project/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/moment.h"
#include "base/spawn.h"
#include "event/parse.h"

#define READ_BYTES 65536
#define WRITE_BYTES 16384   /* of questions that are gathered before they are written */
#define MS ((int64_t)1000000)
#define QUIET (1000 * MS)   /* without an answer, until its input is closed */
#define PROMPT (250 * MS)   /* an answer that comes so soon then was waiting for that; a later one was in the making */
#define GRACE (2000 * MS)   /* that answers may take when all is to stop */

struct exec {
	char *command;
	const struct names *names;
	int64_t timeout;
	const volatile sig_atomic_t *stop;
	int64_t stopped; /* when stop was seen; 0: it was not */
	pid_t pid;       /* 0: there is no child */
	int in, out;     /* ends of pipes; -1: closed */
	struct buf questions;
	size_t written;  /* of questions */
	struct buf lines;
	size_t taken, searched; /* of lines: answers taken, bytes that have no newline behind those */
	uint64_t positions[EXEC_AHEAD];
	size_t oldest, n; /* of those under way */
	int64_t since;   /* what the oldest question is waiting from */
	int64_t quiet;   /* QUIET, or more for a command that takes its time */
	int64_t closed;  /* when its input was closed for that; 0: it was not, or has answered */
	struct buf answer;
};

int exec_new(const struct exec_options *options, const struct names *names, struct exec **out, struct evs_error *err)
{
	struct exec *x = calloc(1, sizeof *x);

	*out = NULL;
	if (x == NULL || (x->command = strdup(options->command)) == NULL) {
		free(x);
		return error_nomem(err);
	}
	x->names = names;
	x->timeout = (options->timeout_ms > 0 ? options->timeout_ms : EXEC_TIMEOUT_MS) * MS;
	x->stop = options->stop;
	x->quiet = QUIET;
	x->in = x->out = -1;
	*out = x;
	return EVS_OK;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Kill the child with all that it started, and forget it. */
static void end_child(struct exec *x)
{
	close_end(&x->in);
	close_end(&x->out);
	if (x->pid <= 0)
		return;
	kill(-x->pid, SIGKILL);
	while (waitpid(x->pid, NULL, 0) < 0 && errno == EINTR)
		;
	x->pid = 0;
}

void exec_free(struct exec *x)
{
	if (x == NULL)
		return;
	end_child(x);
	buf_free(&x->questions);
	buf_free(&x->lines);
	buf_free(&x->answer);
	free(x->command);
	free(x);
}

size_t exec_under_way(const struct exec *x)
{
	return x->n;
}

uint64_t exec_hash(const char *command)
{
	uint64_t hash = hash64(command, strlen(command), 1);

	return hash == 0 ? 1 : hash;
}

/* ---- the child ---- */

/* Run the command with these as its standard input and output. 0, or an errno. */
static int run(struct exec *x, int in, int out)
{
	char *const argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, x->command, NULL};
	const struct spawn_options options = {.argv = argv, .in = in, .out = out, .error = -1, .group = true};
	int failure = spawn_command(&options, &x->pid);

	if (failure != 0)
		x->pid = 0;
	return failure;
}

static int start(struct exec *x, struct evs_error *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, failure = 0;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		failure = errno;
	if (failure == 0 && (fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0))
		failure = errno;
	if (failure == 0)
		failure = run(x, in[0], out[1]);
	close_end(&in[0]);
	close_end(&out[1]);
	x->in = in[1];
	x->out = out[0];
	x->questions.size = x->written = 0;
	x->lines.size = x->taken = x->searched = 0;
	x->closed = 0;
	if (failure == 0)
		return EVS_OK;
	end_child(x);
	return error_set(err, error_status(failure), failure, "cannot run '%.100s'", x->command);
}

/* How a child ended, for a message. */
static void describe(int wait_status, char text[80])
{
	if (WIFSIGNALED(wait_status))
		snprintf(text, 80, "signal %d (%s)", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		snprintf(text, 80, "exit status %d%s", WEXITSTATUS(wait_status),
		         WEXITSTATUS(wait_status) == 127 ? " (the shell cannot find it)" : "");
}

/* When waiting is over that began at `since`; a stop leaves less time. */
static int64_t deadline(struct exec *x, int64_t since)
{
	int64_t at = since + x->timeout;

	if (x->stop == NULL || *x->stop == 0)
		return at;
	if (x->stopped == 0)
		x->stopped = moment_steady_ns();
	return at < x->stopped + GRACE ? at : x->stopped + GRACE;
}

/* Wait for the child, which has closed its output. False when it does not end in time; it is killed. */
static bool reap(struct exec *x, int *wait_status)
{
	const struct timespec pause = {.tv_nsec = 500000};
	int64_t since = moment_steady_ns();
	pid_t pid;

	close_end(&x->in);
	close_end(&x->out);
	while ((pid = waitpid(x->pid, wait_status, WNOHANG)) == 0 || (pid < 0 && errno == EINTR)) {
		if (moment_steady_ns() >= deadline(x, since)) {
			end_child(x);
			return false;
		}
		nanosleep(&pause, NULL);
	}
	x->pid = 0;
	return true;
}

/* ---- bytes to and fro ---- */

static bool all_written(const struct exec *x)
{
	return x->written == x->questions.size;
}

/* Write what the child takes. It may have closed its input: then it will not answer, which take says. */
static void give(struct exec *x)
{
	ssize_t n = write(x->in, x->questions.data + x->written, x->questions.size - x->written);

	if (n > 0)
		x->written += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_end(&x->in);
	if (x->in < 0 || all_written(x))
		x->questions.size = x->written = 0;
}

/* Read what the child has written. */
static int fetch(struct exec *x, struct evs_error *err)
{
	ssize_t n;

	if (x->taken > 0 && x->taken == x->searched && x->searched == x->lines.size)
		x->lines.size = x->taken = x->searched = 0;
	if (x->taken >= READ_BYTES) {
		memmove(x->lines.data, x->lines.data + x->taken, x->lines.size - x->taken);
		x->lines.size -= x->taken;
		x->searched -= x->taken;
		x->taken = 0;
	}
	if (!buf_room(&x->lines, READ_BYTES))
		return error_nomem(err);
	n = read(x->out, x->lines.data + x->lines.size, READ_BYTES);
	if (n > 0)
		x->lines.size += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(&x->out);
	return EVS_OK;
}

/* Wait until the child takes or gives bytes, at most until a moment, and take and give them. */
static int pump(struct exec *x, int64_t until, struct evs_error *err)
{
	struct pollfd wait[2] = {{.fd = x->out, .events = POLLIN}, {.fd = all_written(x) ? -1 : x->in, .events = POLLOUT}};
	int64_t left = (until - moment_steady_ns() + MS - 1) / MS;

	if (poll(wait, 2, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left) < 0)
		return errno == EINTR ? EVS_OK : error_set(err, EVS_IO, errno, "cannot wait for a command");
	if (wait[1].revents != 0)
		give(x);
	return wait[0].revents != 0 ? fetch(x, err) : EVS_OK;
}

/* ---- questions ---- */

/* Put a question behind the others. */
static int put_question(struct exec *x, const struct record *event, const uint8_t *state, size_t size, struct evs_error *err)
{
	struct buf *out = &x->questions;
	size_t start = out->size;
	bool good = true;

	buf_text(out, "{\"state\":");
	if (state == NULL)
		buf_text(out, "null");
	else
		good = render_value(out, x->names, state, state + size) == state + size;
	buf_text(out, ",\"event\":");
	if (event->position == 0)
		good = good && render_fields(out, x->names, event->body, event->size);
	else if (good && (good = render_event(out, x->names, event)))
		out->size--; /* the newline */
	buf_text(out, "}\n");
	if (good && !out->failed)
		return EVS_OK;
	if (out->failed)
		return error_nomem(err);
	out->size = start;
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu, or the state before it, is damaged",
	                 (unsigned long long)event->position);
}

/* ---- answers ---- */

/* Say what is wrong with the child at the oldest question. */
__attribute__((format(printf, 3, 4))) static int fail(struct exec *x, struct evs_error *err, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	end_child(x);
	return error_set(err, EVS_BAD_EVENT, 0, "the event at position %llu: the command %s",
	                 (unsigned long long)x->positions[x->oldest], text);
}

/* The next line that the child has written; at its end also one without a newline. */
static bool next_line(struct exec *x, const char **line, size_t *size)
{
	const uint8_t *from, *end;

	if (x->lines.size == x->taken)
		return false;
	from = x->lines.data + x->searched;
	end = memchr(from, '\n', x->lines.size - x->searched);
	if (end == NULL && x->out >= 0) {
		x->searched = x->lines.size;
		return false;
	}
	if (end == NULL)
		end = x->lines.data + x->lines.size;
	*line = (const char *)x->lines.data + x->taken;
	*size = (size_t)(end - x->lines.data) - x->taken;
	x->taken += *size + 1;
	if (x->taken > x->lines.size)
		x->taken = x->lines.size;
	x->searched = x->taken;
	return true;
}

/*
 * An answer has come. Where it was in the making when the input was closed the command is slow, to start perhaps, and is
 * left more time, so that it need not be started again and again.
 */
static void answered(struct exec *x)
{
	int64_t now = moment_steady_ns();

	if (x->closed != 0 && now > x->closed + PROMPT && 2 * (now - x->since) > x->quiet)
		x->quiet = 2 * (now - x->since);
	x->closed = 0;
	x->since = now;
}

/* Take a line as the answer to the oldest question. */
static int take_line(struct exec *x, const char *line, size_t size, struct exec_answer *answer, struct evs_error *err)
{
	struct evs_error why;
	int status;

	x->answer.size = 0;
	status = parse_value(line, size, &x->answer, &why);
	if (status == EVS_BAD_EVENT)
		return fail(x, err, "answered what is no JSON: %.100s: '%.*s'", why.message, size > 100 ? 100 : (int)size, line);
	if (status != EVS_OK || !buf_room(&x->answer, RENDER_PAD))
		return error_nomem(err);
	memset(x->answer.data + x->answer.size, 0, RENDER_PAD);
	answer->state = x->answer.data[0] == 0xc0 ? NULL : x->answer.data;
	answer->size = x->answer.size;
	answer->position = x->positions[x->oldest];
	x->oldest = (x->oldest + 1) % EXEC_AHEAD;
	x->n--;
	answered(x);
	return EVS_OK;
}

/* The child closed its output with questions open. */
static int ended(struct exec *x, struct evs_error *err)
{
	char how[80];
	int wait_status;

	if (!reap(x, &wait_status))
		return fail(x, err, "closed its output and did not end");
	describe(wait_status, how);
	return fail(x, err, "ended with %s and without an answer", how);
}

int exec_take(struct exec *x, struct exec_answer *answer, struct evs_error *err)
{
	const char *line;
	size_t size;
	int64_t now, end;
	int status;

	if (x->n == 0)
		return EVS_END;
	while (!next_line(x, &line, &size)) {
		if (x->out < 0)
			return ended(x, err);
		if (x->lines.size - x->taken > EXEC_ANSWER_MAX)
			return fail(x, err, "answered a line of more than %d bytes", EXEC_ANSWER_MAX);
		now = moment_steady_ns();
		end = deadline(x, x->since);
		if (now >= end) {
			if (x->stopped != 0)
				return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
			return fail(x, err, "gave no answer for %lld ms", (long long)(x->timeout / MS));
		}
		if (x->in >= 0 && all_written(x) && now >= x->since + x->quiet) {
			close_end(&x->in);
			x->closed = now;
		}
		status = pump(x, x->in >= 0 && all_written(x) && x->since + x->quiet < end ? x->since + x->quiet : end, err);
		if (status != EVS_OK)
			return status;
	}
	return take_line(x, line, size, answer, err);
}

/* ---- its end ---- */

/* It did something else than to end when it had nothing more to answer. */
static int fail_end(struct exec *x, struct evs_error *err, const char *what, const char *how)
{
	end_child(x);
	return error_set(err, EVS_BAD_EVENT, 0, "the command %s%s", what, how);
}

int exec_finish(struct exec *x, struct evs_error *err)
{
	int64_t since = moment_steady_ns();
	int wait_status, status;
	char how[80];

	if (x->pid == 0)
		return EVS_OK;
	close_end(&x->in);
	while (x->out >= 0 && x->lines.size == x->taken) {
		if (moment_steady_ns() >= deadline(x, since))
			return x->stopped != 0 ? error_set(err, EVS_INTERRUPTED, 0, "interrupted") :
			                         fail_end(x, err, "does not end when its input does", "");
		if ((status = pump(x, deadline(x, since), err)) != EVS_OK)
			return status;
	}
	if (x->lines.size > x->taken)
		return fail_end(x, err, "wrote more lines than it was asked for", "");
	if (!reap(x, &wait_status))
		return fail_end(x, err, "does not end when its input does", "");
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		return EVS_OK;
	describe(wait_status, how);
	return fail_end(x, err, "gave all answers and ended with ", how);
}

/* ---- and asking again ---- */

/* A child that was asked nothing has nothing to say. */
static int check_quiet(struct exec *x, struct evs_error *err)
{
	int status = pump(x, 0, err);

	if (status != EVS_OK || x->lines.size == x->taken)
		return status;
	return fail_end(x, err, "wrote more lines than it was asked for", "");
}

int exec_ask(struct exec *x, const struct record *event, const uint8_t *state, size_t size, struct evs_error *err)
{
	int status = EVS_OK;

	if (x->n == EXEC_AHEAD || (x->n > 0 && x->in < 0))
		return EVS_END;
	if (x->pid > 0 && x->in < 0) /* it was asked whether it is waiting, and has answered */
		status = exec_finish(x, err);
	if (status == EVS_OK && x->pid > 0 && x->n == 0)
		status = check_quiet(x, err);
	if (status == EVS_OK && x->pid == 0)
		status = start(x, err);
	if (status == EVS_OK)
		status = put_question(x, event, state, size, err);
	if (status != EVS_OK)
		return status;
	if (x->n == 0)
		x->since = moment_steady_ns();
	x->positions[(x->oldest + x->n++) % EXEC_AHEAD] = event->position;
	return x->questions.size - x->written >= WRITE_BYTES ? pump(x, 0, err) : EVS_OK;
}
