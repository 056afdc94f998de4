#include "common/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "common/progress.h"
#include "common/signals.h"
#include "common/text.h"

static char program[80] = "evs";

const char *message_meaning(int status)
{
	static const char *const meanings[] = {
		[STATUS_DONE] = "done",
		[STATUS_FAILED] = "failed",
		[STATUS_USAGE] = "wrong usage",
		[STATUS_CONFLICT] = "conflict",
		[STATUS_REJECTED] = "went on, but some events were rejected or are dead letters",
		[STATUS_DAMAGED] = "the store is damaged",
		[STATUS_TIMED_OUT] = "timed out",
	};

	return status >= 0 && status < (int)(sizeof meanings / sizeof *meanings) ? meanings[status] : NULL;
}

void message_program(const char *tool)
{
	snprintf(program, sizeof program, tool == NULL ? "evs" : "evs-%s", tool);
}

const char *message_name(void)
{
	return program;
}

/* A message where memory has run out: what is too long is cut off, what would be escaped is a question mark. */
static void put_without_memory(const char *subject, const char *text, size_t size)
{
	char line[700];
	int n = snprintf(line, sizeof line, "%s: %.200s%s%.*s", program, subject == NULL ? "" : subject, subject == NULL ? "" : ": ",
	                 size > 450 ? 450 : (int)size, text);
	size_t end = n < 0 ? 0 : (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;

	for (size_t i = 0; i < end; i++)
		if ((uint8_t)line[i] < 0x20 || (uint8_t)line[i] >= 0x7f)
			line[i] = '?';
	line[end++] = '\n';
	if (write(STDERR_FILENO, line, end) < 0)
		return; /* there is nobody to tell */
}

/*
 * One message, one write: those of several processes do not mix.
 *
 *   subject  what it is about; NULL: nothing
 *   lines    text may have several: the library, which has escaped its data, sets a caret below a line
 */
static void put(const char *subject, const char *text, size_t size, bool lines)
{
	struct buf out = {0};

	progress_clear();
	buf_printf(&out, "%s: ", program);
	if (subject != NULL) {
		text_escape(&out, subject, strlen(subject), false);
		buf_text(&out, ": ");
	}
	text_escape(&out, text, size, lines);
	buf_byte(&out, '\n');
	if (out.failed) {
		put_without_memory(subject, text, size);
	} else if (write(STDERR_FILENO, out.data, out.size) < 0) {
		out.failed = true; /* there is nobody to tell */
	}
	buf_free(&out);
}

__attribute__((format(printf, 1, 0))) static void print(const char *format, va_list args)
{
	char *text = NULL;
	int n = vasprintf(&text, format, args);

	put(NULL, n < 0 ? "out of memory" : text, n < 0 ? strlen("out of memory") : (size_t)n, false);
	if (n >= 0)
		free(text);
}

void message_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
}

int message_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
	return STATUS_USAGE;
}

/* The one mapper from the library's status to the exit status. */
static int exit_status(int status)
{
	switch (status) {
	case EVS_OK:
	case EVS_END:
		return STATUS_DONE;
	case EVS_USAGE:
	case EVS_AMBIGUOUS:
		return STATUS_USAGE;
	case EVS_CONFLICT:
		return STATUS_CONFLICT;
	case EVS_CORRUPT:
		return STATUS_DAMAGED;
	case EVS_INTERRUPTED:
		return signals_caught != 0 ? 128 + signals_caught : STATUS_DONE;
	default:
		return STATUS_FAILED;
	}
}

int message_at(const char *place, const struct evs_error *err)
{
	if (err->status != EVS_INTERRUPTED)
		put(place, err->message, strlen(err->message), true);
	return exit_status(err->status);
}

int message_failure(const char *subject, const struct evs_error *err)
{
	return message_at(err->status == EVS_USAGE ? NULL : subject, err);
}

int message_refusal(const char *subject, const struct evs_error *err)
{
	int status = message_failure(subject, err);

	return err->status == EVS_END ? STATUS_FAILED : status;
}

int message_text(const struct evs_error *err)
{
	return message_at(NULL, err);
}
