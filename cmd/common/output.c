#include "common/output.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/message.h"
#include "common/signals.h"
#include "common/value.h"

#define LARGE 65536

static struct {
	struct buf text;
	bool closed, stopped, patient;
	bool terminal, coloured;
	int failure; /* errno of the first write that failed */
	const char *promise;
	size_t flushed; /* bytes of the text that the last output_flush has written */
} output;

void output_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* ulimit -f: a write that fails says so */
	output_look();
}

void output_look(void)
{
	output.terminal = isatty(STDOUT_FILENO);
}

void output_be_patient(void)
{
	output.patient = true;
}

void output_promise(const char *what)
{
	output.promise = what;
}

/* After a write that failed: what to do about it. */
static void note_failure(int error)
{
	struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (error == EAGAIN)
		poll(&wait, 1, -1);
	else if (error == EPIPE)
		output.closed = true;
	else if (error != EINTR)
		output.failure = error;
}

/* Whether further writes are of no use. */
static bool is_over(void)
{
	return output.closed || output.stopped || output.failure != 0;
}

/* Write; returns how many bytes were, fewer than all where is_over. */
static size_t write_all(const char *p, size_t size)
{
	size_t done = 0;

	while (done < size && !is_over()) {
		ssize_t n = write(STDOUT_FILENO, p + done, size - done);

		if (n < 0)
			note_failure(errno);
		else
			done += (size_t)n;
		/* A pipe that took a part alone is full: a signal came. */
		if (done < size && signals_caught != 0 && (!output.patient || signals_reminders > 0))
			output.stopped = true;
	}
	return done;
}

/*
 * Text for a terminal, without what would control it: DEL, the C1 controls (ECMA-48), and C0's but for tab and newline; JSON has
 * these in strings alone, where the escape that is shown means the same. What colours the text is the tool's own.
 */
static void put_shown(struct buf *out, const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bool c1 = text[i] == 0xc2 && i + 1 < size && text[i + 1] >= 0x80 && text[i + 1] < 0xa0;
		if (c1)
			i++;
		if (c1 || text[i] == 0x7f || (text[i] < 0x20 && text[i] != '\t' && text[i] != '\n' && !(text[i] == 0x1b && output.coloured)))
			buf_printf(out, "\\u%04x", text[i]);
		else
			buf_byte(out, text[i]);
	}
}

/* As output_write; returns how much of the data was written: on a terminal all or nothing. */
static size_t write_shown(const void *data, size_t size)
{
	struct buf shown = {0};

	if (!output.terminal)
		return write_all(data, size);
	put_shown(&shown, data, size);
	if (shown.failed && output.failure == 0)
		output.failure = ENOMEM;
	size = write_all((const char *)shown.data, shown.size) == shown.size && !shown.failed ? size : 0;
	buf_free(&shown);
	return size;
}

int output_write(const void *data, size_t size)
{
	write_shown(data, size);
	return is_over() ? -1 : 0;
}

struct buf *output_buf(void)
{
	return &output.text;
}

int output_flush(void)
{
	if (output.text.failed && output.failure == 0)
		output.failure = ENOMEM;
	output.flushed = write_shown(output.text.data, output.text.size);
	output.text.size = 0;
	return is_over() ? -1 : 0;
}

size_t output_flushed(void)
{
	return output.flushed;
}

int output_flush_large(void)
{
	return output.text.size >= LARGE || output.text.failed ? output_flush() : 0;
}

bool output_closed(void)
{
	return output.closed;
}

/* The kind of file that standard output is, as in st_mode. */
static mode_t kind(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

/* Whether standard output is a pipe or socket, whose reader may go. */
static bool has_reader(void)
{
	mode_t mode = kind();

	return mode == S_IFIFO || mode == S_IFSOCK;
}

bool output_abandoned(void)
{
	struct pollfd look = {.fd = STDOUT_FILENO};

	if (has_reader() && poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)) != 0)
		output.closed = true;
	return output.closed;
}

/* A thread that sleeps until the reader is gone, and then has the alarm of signals_catch go off. */
static void *watch_reader(void *unused)
{
	struct pollfd look = {.fd = STDOUT_FILENO};

	(void)unused;
	if (poll(&look, 1, -1) > 0)
		kill(getpid(), SIGALRM);
	return NULL;
}

void output_watch_reader(void)
{
	sigset_t all, before;
	pthread_t thread;

	if (!has_reader())
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, NULL, watch_reader, NULL) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int output_finish(int status)
{
	output_flush();
	buf_free(&output.text);
	if (close(STDOUT_FILENO) != 0 && output.failure == 0 && errno != EINTR)
		output.failure = errno;
	if (output.failure == 0 || output.closed)
		return status;
	message_print("cannot write: %s%s%s", strerror(output.failure), output.promise == NULL ? "" : "; ", output.promise == NULL ? "" : output.promise);
	return status == STATUS_DONE ? STATUS_FAILED : status;
}

bool output_is_terminal(void)
{
	return output.terminal;
}

bool output_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	output.coloured = output.terminal && (no_color == NULL || *no_color == '\0') && term != NULL && strcmp(term, "dumb") != 0;
	return output.coloured;
}

unsigned output_columns(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (!output_is_terminal())
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return columns != NULL && value_number(columns, &n) && n > 0 && n < 10000 ? (unsigned)n : 80;
}
