/*
 * Option tables. A tool describes itself once, in a struct tool; that parses its command line, prints its --help
 * and feeds the completion of shells.
 */
#ifndef EVS_CMD_OPTIONS_H
#define EVS_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What an option's value is, and what lies at its field. */
enum option_kind {
	OPTION_FLAG,     /* bool, made true; no value */
	OPTION_SET,      /* int, made `also`; no value */
	OPTION_TEXT,     /* const char * */
	OPTION_PAIR,     /* const char *[2]; the value is two words */
	OPTION_LIST,     /* const char *const *, repeatable; how many: a size_t at `also` */
	OPTION_NUMBER,   /* uint64_t */
	OPTION_POSITIVE, /* uint64_t, from 1 */
	OPTION_TIME,     /* const char *, checked to be a time */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_CHOICE,   /* int: the place in `argument`, "json|pretty|table" */
	OPTION_HELP,     /* the two that end the parse; no field */
	OPTION_VERSION,
};

struct option {
	char letter;          /* 0: no short form */
	const char *name;     /* without the dashes */
	const char *argument; /* how help names the value; NULL: there is none */
	enum option_kind kind;
	size_t field;         /* offset of where the value goes, from the group's place */
	size_t also;          /* by kind; for numbers the offset of a bool that one was given, 0: none */
	const char *complete; /* what completes the value, complete.h; NULL: what the kind says */
	const char *help;
};

/* Options that belong together. A tool ends its groups with one without a title. */
struct option_group {
	const char *title;
	const struct option *options;
	size_t n;
	size_t place; /* offset of the struct that `field` counts in, from the tool's arguments */
};

#define OPTION_COUNT(table) (sizeof(table) / sizeof *(table))

/* What every tool knows; include OPTION_COMMON_GROUP. */
struct option_common {
	int progress; /* enum progress_mode */
};
extern const struct option option_common[];
#define OPTION_COMMON_N 4
#define OPTION_COMMON_GROUP(type, member) {"Common options", option_common, OPTION_COMMON_N, offsetof(type, member)}

/* An operand, for help and completion. A tool ends its operands with one without a name. */
struct option_operand {
	const char *name, *help;
	const char *complete; /* what completes it, complete.h; NULL: nothing does */
};

struct tool {
	const char *name;    /* "append" */
	int (*run)(int argc, char **argv);
	const char *summary; /* its line in evs --help */
	const char *usage;   /* behind its name: "STORE [options] [FILE...]" */
	const char *about;   /* a paragraph */
	const struct option_operand *operands;
	size_t least, most;  /* how many operands; the first `least` are named as in `operands` */
	const char *exits;   /* the exit statuses it has: "012" */
	int exit_more;       /* another one, of more than a digit; 0: none */
	const struct option_group *groups;
	/*
	 * What it does, by the operand behind its store, verbs.h; NULL: one thing. `usage` is then what stands behind "STORE
	 * VERB"; `least` is 2, or 1: the verb may be left out, and the first one is meant.
	 */
	const struct verb *verbs;
};

/* What the parse leaves: operands in order, a NULL behind them. Borrowed from argv. */
struct operands {
	char **list;
	size_t n;
	size_t n_before; /* of them before "--" */
	bool ended;      /* there was a "--" */
	/* Of a tool that has verbs: which, and the operands behind it. */
	const struct verb *verb;
	char **rest;
	size_t n_rest;
	char **command; /* those behind "--", of a verb that takes a command; NULL: there are none */
};

/*
 * Parse a command line.
 *
 *   argv      argv[0] is skipped; operands are moved to the front of it
 *   args      the tool's arguments, set to the defaults; options are written into it
 *   operands  out
 *   status    out, where it returns false: the exit status
 *
 * Returns true to go on, or false when all is done (--help was printed) or wrong (it was said why). With true the
 * lists in args are owned by the caller (options_release).
 */
bool options_parse(const struct tool *tool, int argc, char **argv, void *args, struct operands *operands, int *status);

/* Find the option of a long name (name, size), or where name is NULL of a letter. */
struct option_found {
	const struct option *option;
	const struct option_group *group;
	size_t number; /* over all groups */
};
bool options_find(const struct tool *tool, const char *name, size_t size, char letter, struct option_found *found);

/* Free the lists that a parse made. */
void options_release(const struct tool *tool, void *args);

#endif
