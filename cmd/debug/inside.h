/* What the files of the debugger have in common; for them alone. */
#ifndef EVS_CMD_DEBUG_INSIDE_H
#define EVS_CMD_DEBUG_INSIDE_H

#include "debug/debug.h"
#include "common/line.h"
#include "replay/session.h"

enum { STATES_SHOWN = 8 }; /* of an event; `state` shows as many, and says how many more there are */

struct debug {
	struct session *session;
	struct evs_store *store;
	struct watch *watch; /* of the store, on a terminal; NULL: none */
	const char *path;
	const struct evs_replay_options *replay;
	bool terminal; /* somebody is there */
	bool colour;
	unsigned columns; /* 0: no terminal */
	bool quit;
	struct buf last;  /* the command that Enter repeats, terminated; empty: none */
	struct buf prompt;
	struct line_words types; /* of events, for completion; known up to */
	uint64_t types_known;    /* this position */
};

/* ---- commands ---- */

/* What completes a command's argument. */
enum debug_argument {
	DEBUG_NOTHING, DEBUG_COMMAND, DEBUG_STOP, DEBUG_EXPR, DEBUG_STATE_PATH, DEBUG_EVENT_PATH, DEBUG_FILE, DEBUG_INFO, DEBUG_SET,
	DEBUG_MOMENT, DEBUG_LINE,
};

struct debug_command {
	const char *name;
	const char *alias;   /* a short form, though other commands begin so; NULL: none */
	const char *usage;   /* what stands behind it */
	const char *help;    /* in a line */
	const char *about;   /* the rest of what `help NAME` says; NULL: nothing */
	bool once;           /* Enter does not repeat it */
	enum debug_argument argument;
	/* Do it; args has no blanks around it. EVS_OK; or a failure, with err set. */
	int (*run)(struct debug *d, const char *args, struct evs_error *err);
};

/* They end with one without a name. */
extern const struct debug_command debug_commands[];

/* Do a line. EVS_OK, or a failure. */
int debug_do(struct debug *d, const char *text, struct evs_error *err);

/* The command that a word means; NULL, with err set: none, or several. */
const struct debug_command *debug_find(const char *word, size_t size, struct evs_error *err);

/* Where a command's argument begins in a line; *size of the word before it. */
const char *debug_split(const char *text, const char **word, size_t *size);

/* What may stand at the cursor of a line. */
void debug_complete(void *debug, const char *text, size_t cursor, struct line_words *out);

/* EVS_USAGE: the command is used otherwise. */
int debug_usage(const struct debug_command *command, struct evs_error *err);

/* ---- what is shown ---- */

/* Colours, by what is shown in them. */
enum debug_colour { COLOUR_NONE, COLOUR_PLACE, COLOUR_TYPE, COLOUR_STREAM, COLOUR_TIME, COLOUR_NEW, COLOUR_OLD, COLOUR_PATH, COLOUR_STOP };

/* A line in the making, that is broken between pieces where it is too long for the terminal. */
struct debug_line {
	struct debug *d;
	unsigned column;
};

/* Put a piece of text from data: escaped, shortened to `most` columns (0: not), in a colour. */
void debug_put(struct debug_line *line, enum debug_colour colour, const char *text, size_t size, unsigned most);

/* Put text of our own. */
void debug_say(struct debug_line *line, enum debug_colour colour, const char *text);

/* Put an event: position, time, type, stream. */
void debug_put_event(struct debug_line *line, const struct record *record);

/* Put what changed between two states. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
int debug_put_changes(struct debug_line *line, const struct value *from, const struct value *to, struct evs_error *err);

/* Put what the event at hand changed of all states. As session_states. */
int debug_put_states(struct debug_line *line, struct evs_error *err);

/* Print a line for the event at hand, with what it changed. As session_states. */
int debug_show_here(struct debug *d, struct evs_error *err);

/* Print a value as JSON: on a terminal set out, else a line. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
int debug_show_value(struct debug *d, const struct value *v, struct evs_error *err);
void debug_show_json(struct debug *d, const struct buf *json);

/* Print a line of our own. */
void debug_print(struct debug *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- words of arguments ---- */

/* Digits alone, from 1, or nothing: `otherwise`. False: neither. */
bool debug_count(const char *args, uint64_t otherwise, uint64_t *n);

/* The next word of *args, which moves behind it and the blanks that follow. Its size, 0: there is none. */
size_t debug_word(const char **args, const char **word);

/* Whether a word is this text. */
bool debug_is(const char *word, size_t size, const char *text);

/* ---- the commands, by file ---- */

/* debug_move.c */
int debug_next(struct debug *d, const char *args, struct evs_error *err);
int debug_back(struct debug *d, const char *args, struct evs_error *err);
int debug_goto(struct debug *d, const char *args, struct evs_error *err);
int debug_continue(struct debug *d, const char *args, struct evs_error *err);
int debug_reverse(struct debug *d, const char *args, struct evs_error *err);
int debug_find_event(struct debug *d, const char *args, struct evs_error *err);
int debug_first(struct debug *d, const char *args, struct evs_error *err);
int debug_break(struct debug *d, const char *args, struct evs_error *err);
int debug_watch(struct debug *d, const char *args, struct evs_error *err);
int debug_delete(struct debug *d, const char *args, struct evs_error *err);

/* The position that a moment means: digits, start, end, here, or a TIME. */
int debug_moment(struct debug *d, const char *word, size_t size, uint64_t *position, struct evs_error *err);

/* debug_look.c */
int debug_state(struct debug *d, const char *args, struct evs_error *err);
int debug_event(struct debug *d, const char *args, struct evs_error *err);
int debug_diff(struct debug *d, const char *args, struct evs_error *err);
int debug_blame(struct debug *d, const char *args, struct evs_error *err);
int debug_without(struct debug *d, const char *args, struct evs_error *err);
int debug_history(struct debug *d, const char *args, struct evs_error *err);
int debug_list(struct debug *d, const char *args, struct evs_error *err);
int debug_trace(struct debug *d, const char *args, struct evs_error *err);

/* debug_info.c */
int debug_info(struct debug *d, const char *args, struct evs_error *err);
int debug_info_breaks(struct debug *d, const char *args, struct evs_error *err);
int debug_set(struct debug *d, const char *args, struct evs_error *err);
int debug_export(struct debug *d, const char *args, struct evs_error *err);
int debug_shell(struct debug *d, const char *args, struct evs_error *err);
extern const char *const debug_info_words[]; /* end with NULL */

#endif
