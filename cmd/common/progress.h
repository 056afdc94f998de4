/* A line on standard error about work that takes over a second. */
#ifndef EVS_CMD_PROGRESS_H
#define EVS_CMD_PROGRESS_H

#include <stdint.h>

/* --progress and --no-progress. */
enum progress_mode { PROGRESS_AUTO, PROGRESS_ON, PROGRESS_OFF };

/* Begin. AUTO shows it where standard error is a terminal. */
void progress_begin(int mode);

/* Begun, and others print on the same terminal: no line is replaced by the next, each stays where it is. */
void progress_keep_lines(void);

/* How far the work is; 0 where a number is not known. Cheap: call it often. */
void progress_show(uint64_t events, uint64_t bytes);

/* Take the line away, before something else is printed or at the end. */
void progress_clear(void);

#endif
