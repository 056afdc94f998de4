/* Text in the user's editor. */
#ifndef EVS_CMD_EDITOR_H
#define EVS_CMD_EDITOR_H

#include <limits.h>
#include <stdbool.h>

#include "base/buf.h"

/* Where the text is while it is edited. Zeroed memory is nowhere. */
struct editor {
	char folder[PATH_MAX];
	char file[PATH_MAX + 80];
};

/*
 * Have the user edit a text, with $VISUAL, $EDITOR or vi, in a file that nobody else can read; name ends the file's name.
 * Returns the exit status: STATUS_DONE with the new text in its place, or STATUS_FAILED, which was said why. End it.
 */
int editor_edit(struct editor *e, struct buf *text, const char *name);

/* Remove the file, or keep it, so that what was typed is not lost, and say where. */
void editor_end(struct editor *e, bool keep);

#endif
