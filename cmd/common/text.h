/* Text for people: numbers, sizes, and columns of a terminal. */
#ifndef EVS_CMD_TEXT_H
#define EVS_CMD_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* 1,234,567 */
void text_number(struct buf *out, uint64_t number);

/* 812 B, 64.3 MiB */
void text_bytes(struct buf *out, uint64_t bytes);

/* Columns that UTF-8 text takes on a terminal. */
unsigned text_width(const char *text, size_t size);

enum text_align { TEXT_LEFT, TEXT_RIGHT, TEXT_LAST };

/*
 * Text in a cell of `width` columns, shortened with an ellipsis when it takes more (width 0: never), filled with
 * spaces when it takes less (TEXT_LAST: not). Control bytes are shown as a question mark.
 */
void text_cell(struct buf *out, const char *text, size_t size, unsigned width, enum text_align align);

/* Text with all that a terminal could take for a command shown as \xNN; lines: a line end is one, and stays. */
void text_escape(struct buf *out, const char *text, size_t size, bool lines);

/* Text broken into lines of at most `columns`, each but the first indented; ends with a newline. */
void text_wrap(struct buf *out, const char *text, unsigned indent, unsigned columns);

#endif
