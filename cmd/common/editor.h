/* Text in the user's editor. */
#ifndef EVS_CMD_EDITOR_H
#define EVS_CMD_EDITOR_H

#include "base/buf.h"

/*
 * Have the user edit a text, with $VISUAL, $EDITOR or vi, in a file that nobody else can read; name ends the file's name.
 * Returns the exit status: STATUS_DONE with the new text in its place, or STATUS_FAILED, which was said why.
 */
int editor_edit(struct buf *text, const char *name);

#endif
