/* evs replay -i: a debugger for history, on a terminal, or with a script of the same commands. */
#ifndef EVS_CMD_DEBUG_H
#define EVS_CMD_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "evs.h"

struct debug_options {
	const char *command;  /* a file of commands that are run first; NULL: none */
	const char *at;       /* begin at this TIME; NULL: */
	bool has_position;    /* begin at this position; else before the first event */
	uint64_t position;
	int progress;         /* enum progress_mode */
};

/*
 * Debug the open store of a path, until the user leaves, or the script ends.
 *
 *   replay  what counts, and what makes states, if anything; its stop, on_progress, write and context are set here
 *
 * Returns the exit status.
 */
int debug_run(struct evs_store *store, const char *path, const struct evs_replay_options *replay, const struct debug_options *options);

#endif
