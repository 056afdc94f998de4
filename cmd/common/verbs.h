/*
 * Tools that do several things: the operand behind the store, a verb, says which. The table of a tool's verbs gives its
 * help and completion, checks operands and options, opens the store, and is where the work is called from.
 */
#ifndef EVS_CMD_VERBS_H
#define EVS_CMD_VERBS_H

#include "base/buf.h"
#include "common/options.h"
#include "evs.h"

/* A tool ends its verbs with one without a name. */
struct verb {
	const char *name;
	const char *usage;     /* what stands behind it: "NAME [KEY]" */
	size_t least, most;    /* how many operands that are */
	const char *options;   /* which go with it beside the common ones: "fold sort"; NULL: none */
	const char *needs;     /* one of those that must be given; NULL: none must */
	const char *help;
	int flags;             /* of evs_open */
	/*
	 * Look whether options and operands make sense together, and read what they name; NULL: there is nothing to do. The
	 * store is not open yet. Returns an exit status; what is wrong was said.
	 */
	int (*prepare)(void *args, const struct operands *given);
	/* Do it. Returns the exit status. */
	int (*run)(void *args, struct evs_store *store, const struct operands *given);
	bool command;          /* what stands behind "--" is a command, and no operand */
};

/* In `options` of a verb: all selectors. */
#define VERB_SELECTORS "selectors"

/*
 * Run a tool that has verbs, from its command line to its exit status.
 *
 *   args  the tool's arguments, set to the defaults; what the verb put there beside the options is the caller's to free
 */
int verbs_run(const struct tool *tool, int argc, char **argv, void *args);

/* ---- for options.c and usage.c ---- */

/* Find the verb among the operands, at least one, and those behind it; false: what is wrong was said. */
bool verbs_find(const struct tool *tool, struct operands *operands);

/* Whether an option of a group goes with a verb. */
bool verbs_take(const struct verb *verb, const struct option_group *group, const struct option *option);

/* Say with which verbs an option goes. */
void verbs_refuse(const struct tool *tool, const struct verb *verb, const struct option_group *group, const struct option *option);

/* Say that what a verb needs was not given. */
void verbs_miss(const struct tool *tool, const struct verb *verb);

/* Put the words of all verbs, with this between them. */
void verbs_names(struct buf *out, const struct tool *tool, const char *between);

#endif
