#include "common/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "common/progress.h"
#include "common/signals.h"

static char program[80] = "evs";

const char *message_meaning(int status)
{
	static const char *const meanings[] = {
		[STATUS_DONE] = "done",
		[STATUS_FAILED] = "failed",
		[STATUS_USAGE] = "wrong usage",
		[STATUS_CONFLICT] = "conflict",
		[STATUS_REJECTED] = "went on, but rejected some events",
		[STATUS_DAMAGED] = "the store is damaged",
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

/* Copy text, with all that a terminal could take for a command shown as \xNN. */
static void put_escaped(struct buf *out, const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bool c1 = text[i] == 0xc2 && i + 1 < size && text[i + 1] >= 0x80 && text[i + 1] < 0xa0;

		if (text[i] >= 0x20 && text[i] != 0x7f && !c1)
			buf_byte(out, text[i]);
		else
			buf_printf(out, "\\x%02x", text[i]);
		if (c1)
			buf_printf(out, "\\x%02x", text[++i]);
	}
}

/* One line, one write: lines of several processes do not mix. */
__attribute__((format(printf, 1, 0))) static void print(const char *format, va_list args)
{
	struct buf line = {0};
	char *text = NULL;
	int n = vasprintf(&text, format, args);

	progress_clear();
	buf_printf(&line, "%s: ", program);
	if (n >= 0)
		put_escaped(&line, (const uint8_t *)text, (size_t)n);
	buf_byte(&line, '\n');
	/* There is nobody to tell when this fails. */
	if (!line.failed && write(STDERR_FILENO, line.data, line.size) < 0)
		line.failed = true;
	buf_free(&line);
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

int message_failure(const char *subject, const struct evs_error *err)
{
	if (err->status != EVS_INTERRUPTED)
		message_print("%s: %s", subject, err->message);
	return exit_status(err->status);
}
