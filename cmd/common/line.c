#include "common/line.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "common/message.h"
#include "common/output.h"
#include "common/signals.h"

enum {
	LOOK_MS = 500,       /* between two looks for a signal that came just before we slept */
	HISTORY_LINES = 2000 /* that are kept */
};

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

/* What is used of readline, by its own names. Functions are called, variables are set, through these. */
#define NAMES(each) \
	each(rl_callback_handler_install) each(rl_callback_handler_remove) each(rl_callback_read_char) each(rl_callback_sigcleanup) \
	each(rl_free_line_state) each(rl_cleanup_after_signal) each(rl_clear_visible_line) each(rl_on_new_line) each(rl_redisplay) \
	each(rl_set_prompt) each(rl_completion_matches) each(rl_filename_completion_function) each(rl_variable_bind) \
	each(rl_attempted_completion_function) each(rl_attempted_completion_over) each(rl_completion_suppress_append) \
	each(rl_completer_word_break_characters) each(rl_catch_signals) each(rl_line_buffer) each(rl_readline_name) \
	each(rl_point) each(rl_resize_terminal) \
	each(add_history) each(read_history) each(history_truncate_file) each(append_history) each(stifle_history) each(history_get) each(history_length)

#define DECLARE(name) __typeof__(name) *name;
static struct {
	const struct line_options *options;
	void *library; /* NULL: there is none */
	struct { NAMES(DECLARE) } rl;
	char *typed;   /* the line that readline gave; NULL: none, and */
	bool given;    /* it gave one, or the end */
	struct buf pending; /* without readline: what was read */
	bool ended;
} line;

/* ---- words ---- */

bool line_words_add(struct line_words *w, const char *text, size_t size)
{
	char *copy;

	for (size_t i = 0; i < w->n; i++)
		if (strlen(w->list[i]) == size && memcmp(w->list[i], text, size) == 0)
			return true;
	if (!array_grow(&w->list, &w->cap, w->n, sizeof *w->list) || (copy = strndup(text, size)) == NULL)
		return false;
	w->list[w->n++] = copy;
	return true;
}

void line_words_release(struct line_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct line_words){0};
}

/* ---- completion ---- */

/* For qsort. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A word as readline wants it: in place of what stands from `start` to the cursor. */
static char *fit_word(const struct line_words *w, size_t i, const char *buffer, size_t start)
{
	struct buf out = {0};
	const char *word = w->list[i];

	if (w->from > start)
		buf_put(&out, buffer + start, w->from - start);
	else if (strlen(word) >= start - w->from)
		word += start - w->from;
	buf_text(&out, word);
	buf_byte(&out, '\0');
	if (!out.failed)
		return (char *)out.data;
	buf_free(&out);
	return NULL;
}

/* The list that readline wants: what all begin with, then each. NULL: there are none, or no memory. */
static char **fit_words(struct line_words *w, const char *buffer, size_t start)
{
	char **list = calloc(w->n + 2, sizeof *list);
	size_t common = SIZE_MAX;

	qsort(w->list, w->n, sizeof *w->list, by_text);
	for (size_t i = 0; list != NULL && i < w->n; i++) {
		size_t same = 0;

		if ((list[i + 1] = fit_word(w, i, buffer, start)) == NULL)
			break;
		while (list[1][same] != '\0' && list[1][same] == list[i + 1][same])
			same++;
		common = same < common ? same : common;
	}
	if (list == NULL || list[1] == NULL) {
		free(list);
		return NULL;
	}
	list[0] = strndup(list[1], common);
	if (list[2] == NULL) { /* of one readline wants it alone */
		free(list[1]);
		list[1] = NULL;
	}
	return list;
}

/* Called by readline. */
static char **complete(const char *text, int start, int end)
{
	struct line_words words = {0};
	char **list = NULL;

	(void)end;
	line.options->complete(line.options->context, *line.rl.rl_line_buffer, (size_t)*line.rl.rl_point, &words);
	*line.rl.rl_attempted_completion_over = 1;
	if (words.files)
		list = line.rl.rl_completion_matches(text, line.rl.rl_filename_completion_function);
	else if (words.n > 0)
		list = fit_words(&words, *line.rl.rl_line_buffer, (size_t)start);
	*line.rl.rl_completion_suppress_append = words.open;
	line_words_release(&words);
	return list;
}

/* ---- beginning and ending ---- */

/* Load readline. */
static bool load(void)
{
	line.library = dlopen("libreadline.so." TEXT(RL_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL);
	if (line.library == NULL)
		return false;
#define LOAD(name) \
	if ((*(void **)&line.rl.name = dlsym(line.library, #name)) == NULL) \
		return false;
	NAMES(LOAD)
#undef LOAD
	return true;
}

/* Read the history, and have its file ready for what is added. */
static void begin_history(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	line.rl.stifle_history(HISTORY_LINES);
	line.rl.read_history(path);
}

void line_begin(const struct line_options *options)
{
	line.options = options;
	if (!load()) {
		message_print("libreadline.so." TEXT(RL_VERSION_MAJOR) " is not there: lines are read as the terminal gives them");
		if (line.library != NULL)
			dlclose(line.library);
		line.library = NULL;
		return;
	}
	*line.rl.rl_readline_name = "evs";
	*line.rl.rl_catch_signals = 0;
	*line.rl.rl_attempted_completion_function = complete;
	*line.rl.rl_completer_word_break_characters = " \t\n";
	line.rl.rl_variable_bind("enable-bracketed-paste", "off");
	if (options->history != NULL)
		begin_history(options->history);
}

void line_end(void)
{
	if (line.library != NULL && line.options->history != NULL)
		line.rl.history_truncate_file(line.options->history, HISTORY_LINES);
	buf_free(&line.pending);
	/* The library stays: it may have handlers in the process. */
	line.options = NULL;
}

void line_remember(const char *text)
{
	const HIST_ENTRY *last;

	if (line.library == NULL || text[0] == '\0')
		return;
	last = line.rl.history_get(*line.rl.history_length);
	if (last != NULL && strcmp(last->line, text) == 0)
		return;
	line.rl.add_history(text);
	/* At once: what was typed is there also after a crash, and in other sessions. */
	if (line.options->history != NULL)
		line.rl.append_history(1, line.options->history);
}

/* ---- reading ---- */

/* Called by readline. */
static void take_line(char *text)
{
	line.typed = text;
	line.given = true;
	line.rl.rl_callback_handler_remove();
}

/* Show what is new above the prompt. */
static void show_change(void)
{
	struct buf text = {0};
	bool other = line.options->changed(line.options->context, &text);

	if (text.size == 0 || text.failed) {
		buf_free(&text);
		return;
	}
	if (line.library != NULL)
		line.rl.rl_clear_visible_line();
	output_write(text.data, text.size);
	buf_free(&text);
	if (line.library == NULL)
		return;
	if (other)
		line.rl.rl_set_prompt(line.options->prompt(line.options->context));
	line.rl.rl_on_new_line();
	line.rl.rl_redisplay();
}

/* Let go of a line that is being typed. */
static enum line_result abandon(enum line_result result)
{
	if (line.library != NULL) {
		line.rl.rl_free_line_state();
		line.rl.rl_callback_sigcleanup();
		line.rl.rl_cleanup_after_signal();
		line.rl.rl_callback_handler_remove();
	}
	output_write(result == LINE_INTERRUPTED ? "^C\n" : "\n", result == LINE_INTERRUPTED ? 3 : 1);
	return result;
}

/* Wait until something was typed. False, with *result: a signal came. */
static bool wait_typed(enum line_result *result)
{
	for (;;) {
		struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = line.options->fd, .events = POLLIN}};
		int ready = poll(wait, 2, LOOK_MS);

		if (signals_caught != 0 || signals_interrupted != 0) {
			*result = abandon(signals_caught != 0 ? LINE_STOPPED : LINE_INTERRUPTED);
			return false;
		}
		if (ready < 0 && errno == EINTR && line.library != NULL)
			line.rl.rl_resize_terminal(); /* the only other signal that comes */
		if (ready > 0 && wait[1].revents != 0)
			show_change();
		if (ready > 0 && wait[0].revents != 0)
			return true;
	}
}

/* With readline. */
static enum line_result read_edited(struct buf *out)
{
	enum line_result result;

	line.given = false;
	line.rl.rl_callback_handler_install(line.options->prompt(line.options->context), take_line);
	while (!line.given) {
		if (!wait_typed(&result))
			return result;
		line.rl.rl_callback_read_char();
	}
	if (line.typed == NULL) {
		output_write("\n", 1);
		return LINE_END;
	}
	buf_text(out, line.typed);
	buf_byte(out, '\0');
	free(line.typed);
	return LINE_READ;
}

/* Without. */
static enum line_result read_plain(struct buf *out)
{
	const char *prompt = line.options->prompt(line.options->context);
	const uint8_t *newline;
	enum line_result result;
	size_t size;

	output_write(prompt, strlen(prompt));
	while ((newline = line.pending.size == 0 ? NULL : memchr(line.pending.data, '\n', line.pending.size)) == NULL) {
		ssize_t n;

		if (!wait_typed(&result)) {
			line.pending.size = 0;
			return result;
		}
		if (!buf_room(&line.pending, 4096))
			return LINE_END;
		n = read(STDIN_FILENO, line.pending.data + line.pending.size, 4096);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return LINE_END;
		line.pending.size += n > 0 ? (size_t)n : 0;
	}
	size = (size_t)(newline - line.pending.data);
	buf_put(out, line.pending.data, size);
	buf_byte(out, '\0');
	line.pending.size -= size + 1;
	memmove(line.pending.data, newline + 1, line.pending.size);
	return LINE_READ;
}

enum line_result line_read(struct buf *out)
{
	out->size = 0;
	return line.library != NULL ? read_edited(out) : read_plain(out);
}
