/* The debugger: the table of its commands, from which they are found, completed and explained. */
#include "base/error.h"
#include "base/nearest.h"
#include "debug/inside.h"
#include "common/output.h"
#include "common/text.h"

#define BLANKS " \t\r" /* a line may end as on Windows */

static int help(struct debug *d, const char *args, struct evs_error *err);
static int quit(struct debug *d, const char *args, struct evs_error *err);
static int complete(struct debug *d, const char *args, struct evs_error *err);

const struct debug_command debug_commands[] = {
	{"next", NULL, "[N]", "go to the next event, or N events on",
	 "With N it stops at a breakpoint before that. `step` is the same.", false, DEBUG_NOTHING, debug_next},
	{"step", NULL, "[N]", "the same as next", NULL, false, DEBUG_NOTHING, debug_next},
	{"back", NULL, "[N]", "go to the event before, or N events back", "With N it stops at a breakpoint behind that.", false,
	 DEBUG_NOTHING, debug_back},
	{"goto", NULL, "POS|TIME|start|end", "go to a position, or to a moment",
	 "Where the event at POS is none of those that are looked at, it goes to the last one before. TIME is RFC 3339, also shortened "
	 "to 2026-05-14T10:30Z or a date, or -15m, -2h, -7d: it goes to the last event whose own timestamp is not after that.",
	 false, DEBUG_MOMENT, debug_goto},
	{"continue", "c", "[N]", "go on to the next breakpoint, or to the end; N times", "Ctrl-C stops it.", false, DEBUG_NOTHING,
	 debug_continue},
	{"reverse-continue", "rc", "[N]", "go back to the breakpoint before, or to the start; N times", "Ctrl-C stops it.", false,
	 DEBUG_NOTHING, debug_reverse},
	{"break", "b", "TYPE,...|EXPR|if EXPR", "stop at events of a type, or for which an expression holds",
	 "break order.* stops at types, globs with commas between them; break .data.total > 1000 at events for which it holds; "
	 "break if balance < 0 at events after which a state is so; break order.* if .data.total > 1000 wants both. Types with a comma or "
	 "the word if in them go into \"quotes\". An event of which EXPR makes no sense stops as well, and it is said why.",
	 true, DEBUG_STOP, debug_break},
	{"watch", NULL, "EXPR", "stop where an expression on the state changes", "It is watched for every state by itself.", true,
	 DEBUG_EXPR, debug_watch},
	{"delete", "d", "[N...]", "take away breakpoint N, or all", NULL, true, DEBUG_NOTHING, debug_delete},
	{"state", "s", "[PATH]", "show the state here, or what is at PATH in it",
	 "After the event here. Where that counts for several states, each is shown with its key in front. `print` is the same.",
	 false, DEBUG_STATE_PATH, debug_state},
	{"print", NULL, "[PATH]", "the same as state", NULL, false, DEBUG_STATE_PATH, debug_state},
	{"event", NULL, "[PATH]", "show the event here, or what is at PATH in it", NULL, false, DEBUG_EVENT_PATH, debug_event},
	{"diff", NULL, "[A [B]]", "show all that this event changed, or what is different between two moments",
	 "A and B are positions, times, start, end or here; without B it is here. A line a change: + is new, - is gone.", false,
	 DEBUG_MOMENT, debug_diff},
	{"blame", NULL, "PATH", "show the last event, up to here, that changed what is at PATH in the state", NULL, false,
	 DEBUG_STATE_PATH, debug_blame},
	{"history", NULL, "[N]", "show the last N events, up to here, of this state, and what each changed; 10", NULL, false,
	 DEBUG_NOTHING, debug_history},
	{"first", NULL, "EXPR", "go to the first event of all after which EXPR holds",
	 "A path with a point in front is a field of the event, a bare name one of the state: first .data.total > 1000, first balance < 0.",
	 false, DEBUG_EXPR, debug_first},
	{"find", NULL, "EXPR", "go to the next event after which EXPR holds", NULL, false, DEBUG_EXPR, debug_find_event},
	{"list", NULL, "[N]", "show the events around this one, N in all; 10", NULL, false, DEBUG_NOTHING, debug_list},
	{"trace", NULL, "", "show the tree of causes and effects around this event",
	 "Events name the eventId of their cause as their causationId. All of the store is looked at.", false, DEBUG_NOTHING, debug_trace},
	{"without", NULL, "POS,...", "show the state here had the events at these positions not happened, and what is different", NULL,
	 false, DEBUG_NOTHING, debug_without},
	{"info", NULL, "[breaks|streams [N]|types|store]", "say where it is; or which breakpoints, streams, types there are, or how large "
	 "the store is", NULL, false, DEBUG_INFO, debug_info},
	{"set", NULL, "key [K]", "look at one key alone from here on; without K at all", NULL, true, DEBUG_SET, debug_set},
	{"export", NULL, "[state|events] FILE", "write the state here to FILE, or the events up to here",
	 "Without states it is the events: lines that append takes. What FILE held is gone.", true, DEBUG_FILE, debug_export},
	{"!", NULL, "COMMAND", "run a command by sh, the event here on its standard input", "!jq .data", true, DEBUG_FILE, debug_shell},
	{"complete", NULL, "TEXT", "print what Tab offers behind TEXT", NULL, false, DEBUG_LINE, complete},
	{"help", "h", "[COMMAND]", "list the commands, or say more of one", NULL, false, DEBUG_COMMAND, help},
	{"quit", NULL, "", "leave; so does Ctrl-D", NULL, false, DEBUG_NOTHING, quit},
	{0},
};

/* ---- finding ---- */

/* Say that a word is no command. */
static const struct debug_command *unknown(const char *word, size_t size, struct evs_error *err)
{
	struct nearest near = {.word = word, .size = size};

	for (const struct debug_command *c = debug_commands; c->name != NULL; c++)
		nearest_try(&near, c->name, strlen(c->name));
	if (near.best == NULL)
		error_set(err, EVS_USAGE, 0, "no such command: '%.*s'; help lists them", (int)size, word);
	else
		error_set(err, EVS_USAGE, 0, "no such command: '%.*s', did you mean '%s'? help lists them", (int)size, word, near.best);
	return NULL;
}

/* Say which commands a word may mean. */
static const struct debug_command *ambiguous(const char *word, size_t size, struct evs_error *err)
{
	struct buf names = {0};

	for (const struct debug_command *c = debug_commands; c->name != NULL; c++)
		if (strncmp(c->name, word, size) == 0)
			buf_printf(&names, "%s%s", names.size == 0 ? "" : ", ", c->name);
	buf_byte(&names, '\0');
	error_set(err, EVS_USAGE, 0, "'%.*s' may be %s", (int)size, word, names.failed ? "several" : (const char *)names.data);
	buf_free(&names);
	return NULL;
}

const struct debug_command *debug_find(const char *word, size_t size, struct evs_error *err)
{
	const struct debug_command *found = NULL;
	unsigned n = 0;

	for (const struct debug_command *c = debug_commands; c->name != NULL; c++) {
		if (debug_is(word, size, c->name) || (c->alias != NULL && debug_is(word, size, c->alias)))
			return c;
		if (strncmp(c->name, word, size) != 0)
			continue;
		/* Of commands that are the same the first is meant. */
		if (found == NULL || found->run != c->run)
			n++;
		if (found == NULL)
			found = c;
	}
	if (n == 1)
		return found;
	return n == 0 ? unknown(word, size, err) : ambiguous(word, size, err);
}

const char *debug_split(const char *text, const char **word, size_t *size)
{
	text += strspn(text, BLANKS);
	*word = text;
	*size = text[0] == '!' ? 1 : strcspn(text, BLANKS);
	text += *size;
	return text + strspn(text, BLANKS);
}

int debug_do(struct debug *d, const char *text, struct evs_error *err)
{
	const struct debug_command *command;
	struct buf args = {0};
	const char *word, *rest;
	size_t size, end;
	int status;

	rest = debug_split(text, &word, &size);
	if (size == 0 && d->last.size > 0) /* Enter */
		rest = debug_split((const char *)d->last.data, &word, &size);
	if (size == 0 || word[0] == '#')
		return EVS_OK;
	command = debug_find(word, size, err);
	if (command == NULL)
		return EVS_USAGE;
	end = strlen(rest);
	while (end > 0 && strchr(BLANKS, rest[end - 1]) != NULL)
		end--;
	buf_put(&args, rest, end);
	buf_byte(&args, '\0');
	if (word < (const char *)d->last.data || word >= (const char *)d->last.data + d->last.size) {
		d->last.size = 0;
		if (!command->once) {
			buf_text(&d->last, word);
			buf_byte(&d->last, '\0');
		}
	}
	if (args.failed || d->last.failed)
		status = error_nomem(err);
	else
		status = command->run(d, (const char *)args.data, err);
	buf_free(&args);
	return status;
}

/* ---- those that are here ---- */

/* Put the usage of a command. */
static void put_usage(struct buf *out, const struct debug_command *c)
{
	buf_printf(out, "%s%s%s", c->name, c->usage[0] == '\0' || c->name[0] == '!' ? "" : " ", c->usage);
}

/* List all commands. */
static void help_all(struct debug *d)
{
	struct buf *out = output_buf(), usage = {0};
	unsigned columns = d->columns == 0 ? 100 : d->columns;

	for (const struct debug_command *c = debug_commands; c->name != NULL; c++) {
		usage.size = 0;
		put_usage(&usage, c);
		buf_printf(out, "%-26.*s", (int)usage.size, (const char *)usage.data);
		if (usage.size >= 26)
			buf_printf(out, "\n%26s", "");
		text_wrap(out, c->help, 26, columns);
	}
	buf_text(out, "\nA command may be shortened as long as it is the only one that begins so; b, c, d, h, rc and s are break, continue, delete,\n"
	              "help, reverse-continue and state. An empty line does the last command again. help COMMAND says more.\n");
	buf_free(&usage);
}

static int help(struct debug *d, const char *args, struct evs_error *err)
{
	const struct debug_command *c;
	struct buf *out = output_buf();
	unsigned columns = d->columns == 0 ? 100 : d->columns;

	if (*args == '\0') {
		help_all(d);
		return EVS_OK;
	}
	c = debug_find(args, strlen(args), err);
	if (c == NULL)
		return EVS_USAGE;
	put_usage(out, c);
	buf_byte(out, '\n');
	text_wrap(out, c->help, 0, columns);
	if (c->about != NULL)
		text_wrap(out, c->about, 0, columns);
	return EVS_OK;
}

static int quit(struct debug *d, const char *args, struct evs_error *err)
{
	if (*args != '\0')
		return error_set(err, EVS_USAGE, 0, "quit takes no '%s'", args);
	d->quit = true;
	return EVS_OK;
}

/* For qsort. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int complete(struct debug *d, const char *args, struct evs_error *err)
{
	struct line_words words = {0};

	(void)err;
	debug_complete(d, args, strlen(args), &words);
	if (words.n > 0)
		qsort(words.list, words.n, sizeof *words.list, by_text);
	for (size_t i = 0; i < words.n; i++)
		debug_print(d, "%.*s%s", (int)words.from, args, words.list[i]);
	line_words_release(&words);
	return EVS_OK;
}
