/* The debugger: its commands are read from a terminal, or from a script. */
#include "debug/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/watch.h"
#include "debug/inside.h"
#include "common/file.h"
#include "common/message.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"
#include "common/text.h"

#define READ_BYTES 65536

/* ---- a command ---- */

/* Do a line, and have what it printed shown. */
static int do_line(struct debug *d, const char *text, int progress, struct evs_error *err)
{
	int status;

	*err = (struct evs_error){0};
	d->columns = output_columns();
	progress_begin(progress);
	status = debug_do(d, text, err);
	progress_clear();
	output_flush();
	return status;
}

/* ---- scripts ---- */

/* Lines that are read as they come, so that a program can talk to the debugger. */
struct script {
	int fd;
	const char *name;
	struct buf text;
	size_t at;   /* where the next line begins */
	bool ended;
	uint64_t line;
};

/* The next line, terminated, without its end; *more: there is one. */
static int next_line(struct script *s, struct buf *out, bool *more, struct evs_error *err)
{
	const uint8_t *newline;
	size_t size;

	out->size = 0;
	while ((newline = s->at == s->text.size ? NULL : memchr(s->text.data + s->at, '\n', s->text.size - s->at)) == NULL && !s->ended) {
		ssize_t n;

		s->text.size -= s->at;
		if (s->at > 0)
			memmove(s->text.data, s->text.data + s->at, s->text.size);
		s->at = 0;
		if (!buf_room(&s->text, READ_BYTES))
			return error_nomem(err);
		n = read(s->fd, s->text.data + s->text.size, READ_BYTES);
		if (n < 0 && errno == EINTR && signals_caught != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		if (n < 0 && errno != EINTR)
			return error_set(err, EVS_IO, errno, "cannot read '%s'", s->name);
		s->ended = n == 0;
		s->text.size += n > 0 ? (size_t)n : 0;
	}
	size = newline == NULL ? s->text.size - s->at : (size_t)(newline - (s->text.data + s->at));
	*more = newline != NULL || size > 0;
	s->line++;
	buf_put(out, s->text.data + s->at, size);
	buf_byte(out, '\0');
	s->at += size + (newline != NULL);
	return out->failed ? error_nomem(err) : EVS_OK;
}

/* Run a script to its end, or to its first command that fails, which is said with its line. Returns the exit status. */
static int run_script(struct debug *d, struct script *s, int progress)
{
	struct evs_error err = {0};
	struct buf line = {0}, subject = {0};
	uint64_t came;
	bool more = true;
	int status = EVS_OK, exit_status = STATUS_DONE;

	while (status == EVS_OK && !d->quit && !output_closed() && (status = next_line(s, &line, &more, &err)) == EVS_OK && more) {
		status = session_refresh(d->session, &came, &err);
		if (status == EVS_OK)
			status = do_line(d, (const char *)line.data, progress, &err);
	}
	if (status != EVS_OK && !output_closed()) {
		buf_printf(&subject, "%s:%" PRIu64, s->name, s->line);
		buf_byte(&subject, '\0');
		err.status = err.status == 0 ? status : err.status;
		exit_status = message_at(subject.failed ? s->name : (const char *)subject.data, &err);
		if (err.status != EVS_INTERRUPTED && err.status != EVS_CORRUPT)
			exit_status = STATUS_FAILED;
	}
	buf_free(&subject);
	buf_free(&line);
	buf_free(&s->text);
	return exit_status;
}

/* Run a file of commands. */
static int run_file(struct debug *d, const char *path, int progress)
{
	struct script s = {.fd = open(path, O_RDONLY | O_CLOEXEC), .name = path};
	struct evs_error err;
	int status;

	if (s.fd < 0) {
		error_set(&err, EVS_IO, errno, "cannot open '%s'", path);
		return message_text(&err);
	}
	status = run_script(d, &s, progress);
	close(s.fd);
	d->last.size = 0;
	return status;
}

/* ---- a terminal ---- */

/* Announce events that came. Called while a line is typed, and before one is asked for. */
static bool announce(void *context, struct buf *out)
{
	struct debug *d = context;
	struct evs_error err;
	uint64_t came;

	if (d->watch != NULL)
		watch_wait(d->watch, 0); /* what it told of is looked at now */
	if (session_refresh(d->session, &came, &err) != EVS_OK || came == 0)
		return false;
	text_number(out, came);
	buf_printf(out, " new event%s: the last is at %" PRIu64 " now\n", came == 1 ? "" : "s", session_last(d->session));
	return true;
}

/* evs 1042/262200 order.placed Order/17> */
static const char *prompt(void *context)
{
	struct debug *d = context;
	const struct record *record = session_record(d->session);
	const struct names *names = session_names(d->session);
	char scratch[UUID_TEXT];
	struct buf data = {0};
	struct view view;
	struct span span;

	d->prompt.size = 0;
	buf_printf(&d->prompt, "evs %" PRIu64 "/%" PRIu64, session_position(d->session), session_last(d->session));
	if (record != NULL && view_open(&view, record->body, record->size)) {
		span = view_span(&view.texts[NAME_EVENT_TYPE], names, scratch);
		buf_byte(&data, ' ');
		buf_put(&data, span.text, span.size);
		if (view_has_stream(&view)) {
			span = view_span(&view.texts[NAME_AGGREGATE_TYPE], names, scratch);
			buf_byte(&data, ' ');
			buf_put(&data, span.text, span.size);
			buf_text(&data, span.size == 0 ? "" : "/");
			span = view_span(&view.texts[NAME_AGGREGATE_ID], names, scratch);
			buf_put(&data, span.text, span.size);
		}
	}
	text_escape(&d->prompt, (const char *)data.data, data.size, false);
	buf_text(&d->prompt, "> ");
	buf_byte(&d->prompt, '\0');
	buf_free(&data);
	return d->prompt.failed ? "evs> " : (const char *)d->prompt.data;
}

/* Make the folders of a path that end with '/' behind place `from`. */
static void make_folders(char *path, size_t from)
{
	for (char *slash = strchr(path + from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700); /* where that fails, opening the file does */
		*slash = '/';
	}
}

/* The file that the history is kept in, the caller's (free); its folder is made. NULL: there is no place for one. */
static char *history_file(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (state != NULL && state[0] == '/')
		n = asprintf(&path, "%s/evs/replay_history", state);
	else if (home != NULL && home[0] == '/')
		n = asprintf(&path, "%s/.local/state/evs/replay_history", home);
	if (n < 0)
		return NULL;
	make_folders(path, 1);
	return path;
}

/* Read lines until the user leaves. Returns the exit status. */
static int run_terminal(struct debug *d, int progress)
{
	char *history = history_file();
	const struct line_options options = {.history = history, .complete = debug_complete, .changed = announce, .prompt = prompt,
	                                     .fd = d->watch == NULL ? -1 : watch_fd(d->watch), .context = d};
	enum line_result result = LINE_INTERRUPTED;
	struct buf line = {0}, text = {0};
	struct evs_error err;

	line_begin(&options);
	while (!d->quit && !output_closed()) {
		text.size = 0;
		announce(d, &text);
		output_write(text.data, text.size);
		signals_interrupted = 0;
		result = line_read(&line);
		if (result == LINE_END || result == LINE_STOPPED)
			break;
		if (result == LINE_INTERRUPTED)
			continue;
		line_remember((const char *)line.data);
		if (do_line(d, (const char *)line.data, progress, &err) != EVS_OK && err.status != EVS_INTERRUPTED) {
			text_escape(output_buf(), err.message, strlen(err.message), true);
			buf_byte(output_buf(), '\n');
		} else if (err.status == EVS_INTERRUPTED) {
			buf_text(output_buf(), "Interrupted.\n");
		}
		output_flush();
		if (signals_caught != 0)
			break;
	}
	line_end();
	free(history);
	buf_free(&line);
	buf_free(&text);
	return signals_caught != 0 ? 128 + signals_caught : STATUS_DONE;
}

/* ---- all of it ---- */

/* Write nothing: for options that want it. */
static int write_nothing(void *context, const void *text, size_t size)
{
	(void)context;
	(void)text;
	(void)size;
	return 0;
}

static void on_progress(void *context, uint64_t events)
{
	(void)context;
	progress_show(events, 0);
}

/* Go where it is to begin. */
static int begin(struct debug *d, const struct debug_options *options, struct evs_error *err)
{
	uint64_t position = options->position;
	int status = EVS_OK;

	if (options->at != NULL)
		status = session_moment(d->session, options->at, &position, err);
	if (status == EVS_OK && (options->at != NULL || options->has_position))
		status = session_goto(d->session, position, err);
	return status;
}

/* Run what there is to run. Returns the exit status. */
static int run(struct debug *d, const struct debug_options *options)
{
	struct script script = {.fd = STDIN_FILENO, .name = "script"};
	int status = STATUS_DONE;

	if (options->command != NULL)
		status = run_file(d, options->command, options->progress);
	if (d->quit || (status != STATUS_DONE && !d->terminal))
		return status;
	if (!d->terminal)
		return run_script(d, &script, options->progress);
	d->watch = watch_new(d->path);
	status = run_terminal(d, options->progress);
	watch_free(d->watch);
	return status;
}

int debug_run(struct evs_store *store, const char *path, const struct evs_replay_options *replay, const struct debug_options *options)
{
	struct evs_replay_options own = *replay;
	struct debug d = {.store = store, .path = path, .replay = &own};
	struct evs_error err = {0};
	int status;

	d.terminal = isatty(STDIN_FILENO) && output_is_terminal();
	d.colour = output_colour();
	d.columns = output_columns();
	if (d.terminal)
		signals_interrupt();
	else
		signals_catch();
	own.stop = d.terminal ? &signals_interrupted : &signals_caught;
	own.on_progress = on_progress;
	own.write = write_nothing;
	progress_begin(options->progress);
	status = session_open(store, &own, &d.session, &err);
	if (status == EVS_OK)
		status = begin(&d, options, &err);
	progress_clear();
	if (status != EVS_OK)
		status = message_refusal(path, &err);
	else
		status = run(&d, options);
	session_close(d.session);
	buf_free(&d.last);
	buf_free(&d.prompt);
	line_words_release(&d.types);
	return status;
}
