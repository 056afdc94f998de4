/*
 * Standard output: whole writes of text, checked once at the end. A closed pipe is a quiet end; anything else that
 * keeps a byte from being written fails the run.
 */
#ifndef EVS_CMD_OUTPUT_H
#define EVS_CMD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Call first: SIGPIPE becomes an error of write. */
void output_begin(void);

/* Standard output has become another file. */
void output_look(void);

/*
 * From now on a reader has a second to take what is being written when a signal comes. Without this a signal ends
 * the write at once.
 */
void output_be_patient(void);

/* Something to say where standard output cannot be written: what that does not undo. Static. */
void output_promise(const char *what);

/* Write everything; on a terminal control characters are shown, not obeyed. -1: it failed, the reader closed the pipe, or a signal came; then all further writes fail too. */
int output_write(const void *data, size_t size);

/* Text to write with output_flush; append to it at will. */
struct buf *output_buf(void);

/* Write what is in the output_buf. As output_write. */
int output_flush(void);

/* How many bytes of the text the last output_flush has written, which are not all of them where it failed. */
size_t output_flushed(void);

/* Flush when the output_buf has grown large. */
int output_flush_large(void);

/* Whether the reader closed the pipe: further output is of no use. */
bool output_closed(void);

/* Whether the reader closed the pipe by now, though nothing was written; never true for files and terminals. */
bool output_abandoned(void);

/* From now on a reader that closes the pipe interrupts what blocks, as signals do; needs signals_catch before. */
void output_watch_reader(void);

/* Flush, close, and report a failure. Returns status; STATUS_FAILED where that was STATUS_DONE and a write failed. */
int output_finish(int status);

bool output_is_terminal(void);

/* Whether to use colours: on a terminal that has them, unless NO_COLOR is set. Who asks escapes what is not his own. */
bool output_colour(void);

/* The terminal's width; 0 where it is no terminal. */
unsigned output_columns(void);

#endif
