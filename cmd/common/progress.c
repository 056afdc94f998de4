#include "common/progress.h"

#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "common/message.h"
#include "common/text.h"

#define FIRST_NS 1000000000    /* of work before the first line */
#define TERMINAL_NS 200000000  /* between lines that replace each other */
#define LOG_NS 1000000000      /* between lines in a file */

static struct {
	bool on, terminal, visible;
	int64_t begun, next;
} progress;

/* Steady time, some milliseconds old: it is asked for with every event. */
static int64_t about_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void progress_begin(int mode)
{
	progress.terminal = mode != PROGRESS_OFF && isatty(STDERR_FILENO);
	progress.on = mode == PROGRESS_ON || (mode == PROGRESS_AUTO && progress.terminal);
	if (!progress.on)
		return;
	progress.begun = about_now();
	progress.next = progress.begun + FIRST_NS;
}

void progress_keep_lines(void)
{
	progress.terminal = false;
}

/* A count, its unit and its rate. */
static void put_part(struct buf *line, void (*put)(struct buf *, uint64_t), uint64_t n, const char *unit, int64_t ns)
{
	if (n == 0)
		return;
	buf_text(line, line->size == 0 ? "" : ", ");
	put(line, n);
	buf_printf(line, "%s (", unit);
	put(line, (uint64_t)((double)n * 1e9 / (double)ns));
	buf_text(line, "/s)");
}

/* Write the line, whole. */
static void print(const struct buf *text)
{
	struct buf line = {0};

	buf_printf(&line, "%s%s: %.*s%s", progress.terminal ? "\r" : "", message_name(), (int)text->size,
	           (const char *)text->data, progress.terminal ? "\x1b[K" : "\n");
	progress.visible = progress.terminal;
	if (!line.failed && write(STDERR_FILENO, line.data, line.size) < 0)
		progress.on = false;
	buf_free(&line);
}

void progress_show(uint64_t events, uint64_t bytes)
{
	struct buf text = {0};
	int64_t now;

	if (!progress.on || (now = about_now()) < progress.next)
		return;
	progress.next = now + (progress.terminal ? TERMINAL_NS : LOG_NS);
	put_part(&text, text_number, events, " events", now - progress.begun);
	put_part(&text, text_bytes, bytes, "", now - progress.begun);
	if (text.size > 0)
		print(&text);
	buf_free(&text);
}

void progress_clear(void)
{
	static const char erase[] = "\r\x1b[K";

	if (!progress.visible)
		return;
	progress.visible = false;
	if (write(STDERR_FILENO, erase, sizeof erase - 1) < 0)
		progress.on = false;
}
