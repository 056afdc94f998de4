/*
 * Lines that a user types on a terminal: with readline where it is there, which is loaded when the first line is asked
 * for, so that no other tool starts later for it; else as the terminal gives them.
 */
#ifndef EVS_CMD_LINE_H
#define EVS_CMD_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What may stand at the cursor; zeroed memory is nothing. */
struct line_words {
	char **list;     /* each takes the place of what stands from byte `from` to the cursor */
	size_t n, cap, from;
	bool open;       /* more may follow without a blank: they are parts of a path */
	bool files;      /* names of files may */
};

/* Add a word, copied, once. False: no memory. */
bool line_words_add(struct line_words *w, const char *text, size_t size);
void line_words_release(struct line_words *w);

struct line_options {
	const char *history; /* a file, made where it is not there; NULL: none */
	void (*complete)(void *context, const char *line, size_t cursor, struct line_words *out);
	int fd;              /* when it can be read, `changed` is called; -1: none */
	bool (*changed)(void *context, struct buf *out); /* put lines to show above the prompt; true: the prompt is another, too */
	const char *(*prompt)(void *context);
	void *context;
};

/* Begin; the options are borrowed until line_end. */
void line_begin(const struct line_options *options);
void line_end(void);

enum line_result {
	LINE_READ,
	LINE_END,         /* there are no more: Ctrl-D */
	LINE_INTERRUPTED, /* Ctrl-C: what was typed is gone */
	LINE_STOPPED,     /* a signal asks the tool to stop */
};

/* Read a line, without its end, terminated. */
enum line_result line_read(struct buf *out);

/* Keep a line in the history. */
void line_remember(const char *line);

#endif
