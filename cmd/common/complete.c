#include "common/complete.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/candidates.h"
#include "common/output.h"
#include "common/value.h"
#include "common/verbs.h"

#define PATIENCE_S 2 /* then nothing is offered: nobody's Tab key waits for a disk */

/* A command line up to the word that is being typed. */
struct line {
	const struct tool *tool;
	const char *store;           /* the first operand; NULL: none yet */
	const char *before;          /* the newest operand; NULL: none yet */
	const struct verb *verb;     /* NULL: none yet */
	size_t n;                    /* operands, those behind "--" too */
	bool dashes;                 /* "--" was there */
	size_t behind;               /* operands since then */
	const struct option *option; /* wants a value; NULL: none does */
	size_t values;               /* how many */
	const char *typed;
};

void complete_offer(const char *typed, const char *word, const char *help)
{
	if (strncmp(word, typed, strlen(typed)) != 0)
		return;
	buf_text(output_buf(), word);
	if (help != NULL)
		buf_printf(output_buf(), "\t%s", help);
	buf_byte(output_buf(), '\n');
}

/* ---- values ---- */

/* Offer a value behind a lead: nothing, or an option with its "=". */
static void offer_value(const struct buf *lead, const char *typed, const char *value, size_t size)
{
	if (strncmp(value, typed, strlen(typed)) == 0)
		buf_printf(output_buf(), "%.*s%.*s\n", (int)lead->size, (const char *)lead->data, (int)size, value);
}

/* Offer words, "json|pretty". */
static void offer_choices(const struct buf *lead, const char *typed, const char *choices)
{
	const char *choice;
	size_t size, typed_size = strlen(typed);

	while ((size = value_choice_next(&choices, &choice)) > 0)
		if (size >= typed_size)
			offer_value(lead, typed, choice, size);
}

/* Offer times: some while ago, and today. */
static void offer_times(const struct buf *lead, const char *typed)
{
	time_t now = time(NULL);
	char today[16];
	struct tm tm;

	offer_choices(lead, typed, "-15m|-1h|-1d|-7d");
	if (gmtime_r(&now, &tm) != NULL && strftime(today, sizeof today, "%Y-%m-%d", &tm) > 0)
		offer_value(lead, typed, today, strlen(today));
}

/* Offer what a store has of a kind. */
static void offer_candidates(const struct line *l, const struct buf *lead, const char *typed, const char *kind)
{
	struct candidates found = {.typed = typed, .projection = l->before};

	if (l->store == NULL)
		return;
	candidates_find(&found, kind, l->store);
	for (size_t i = 0; i < found.n; i++)
		offer_value(lead, typed, found.list[i], strlen(found.list[i]));
	candidates_release(&found);
}

/* Offer what `complete` of an option or operand says; NULL: nothing. */
static void offer_completion(const struct line *l, const struct buf *lead, const char *typed, const char *complete)
{
	if (complete == NULL)
		return;
	if (strchr(complete, '|') != NULL)
		offer_choices(lead, typed, complete);
	else if (strcmp(complete, "file") == 0 || strcmp(complete, "command") == 0)
		buf_printf(output_buf(), "\t%s\n", complete);
	else
		offer_candidates(l, lead, typed, complete);
}

/* Offer values of an option. */
static void offer_values(const struct line *l, const struct buf *lead, const char *typed, const struct option *o)
{
	if (o->complete != NULL)
		offer_completion(l, lead, typed, o->complete);
	else if (o->kind == OPTION_CHOICE)
		offer_choices(lead, typed, o->argument);
	else if (o->kind == OPTION_TIME || o->kind == OPTION_PAIR)
		offer_times(lead, typed);
}

/* Offer options that go with what stands there. */
static void offer_options(const struct line *l)
{
	struct buf word = {0};

	for (const struct option_group *g = l->tool->groups; g->title != NULL; g++) {
		for (size_t i = 0; i < g->n; i++) {
			if (l->verb != NULL && !verbs_take(l->verb, g, &g->options[i]))
				continue;
			word.size = 0;
			buf_printf(&word, "--%s", g->options[i].name);
			buf_byte(&word, '\0');
			complete_offer(l->typed, (const char *)word.data, g->options[i].help);
		}
	}
	buf_free(&word);
}

/* ---- operands ---- */

/* Whether an operand is a command, which stands behind "--" alone. */
static bool is_command(const struct option_operand *o)
{
	return o->complete != NULL && strcmp(o->complete, "command") == 0;
}

/* The operand that a word of a usage ("[KEY]", "ID...|--all") names; NULL: none. */
static const struct option_operand *named_operand(const struct tool *tool, const char *word, size_t size)
{
	size_t skip = word[0] == '[', n = strcspn(word + skip, "].|");

	if (n > size - skip)
		n = size - skip;
	for (const struct option_operand *o = tool->operands; o->name != NULL; o++)
		if (strlen(o->name) == n && memcmp(o->name, word + skip, n) == 0 && !is_command(o))
			return o;
	return NULL;
}

/* The operand behind a verb and n others, which its usage says; the last one may be repeated. */
static const struct option_operand *verb_operand(const struct tool *tool, const struct verb *verb, size_t n)
{
	const struct option_operand *found = NULL, *o;
	size_t size;

	if (n >= verb->most)
		return NULL;
	for (const char *word = verb->usage; *word != '\0'; word += size + strspn(word + size, " ")) {
		size = strcspn(word, " ");
		if ((o = named_operand(tool, word, size)) == NULL)
			continue;
		found = o;
		if (n-- == 0)
			break;
	}
	return found;
}

/* The operand of a tool without verbs behind n others; the last one may be repeated. */
static const struct option_operand *plain_operand(const struct tool *tool, size_t n)
{
	const struct option_operand *o = tool->operands;

	if (n >= tool->most)
		return NULL;
	while (n-- > 0 && o[1].name != NULL && !is_command(&o[1]))
		o++;
	return o;
}

/* Offer verbs. */
static void offer_verbs(const struct line *l)
{
	for (const struct verb *v = l->tool->verbs; v->name != NULL; v++)
		complete_offer(l->typed, v->name, v->help);
}

/* Whether what stands behind "--" is a command. */
static bool takes_command(const struct line *l)
{
	return l->tool->verbs != NULL ? l->verb != NULL && l->verb->command : strstr(l->tool->usage, "-- COMMAND") != NULL;
}

static void offer_operand(const struct line *l)
{
	static const struct buf nothing = {0};
	const struct option_operand *o;

	if (l->dashes && takes_command(l)) {
		offer_completion(l, &nothing, l->typed, l->behind == 0 ? "command" : "file");
		return;
	}
	if (l->tool->verbs != NULL && l->n == 1) {
		offer_verbs(l);
		return;
	}
	if (l->tool->verbs == NULL || l->n == 0)
		o = plain_operand(l->tool, l->n);
	else
		o = l->verb == NULL ? NULL : verb_operand(l->tool, l->verb, l->n - 2);
	if (o != NULL)
		offer_completion(l, &nothing, l->typed, o->complete);
}

/* ---- the line ---- */

/* The option of a word "--name=value", "-n5", and where its value is attached: *value, NULL where none is. */
static const struct option *word_option(const struct tool *tool, const char *word, const char **value)
{
	size_t size = strcspn(word, "=");
	struct option_found found;

	*value = NULL;
	if (word[1] == '-') {
		if (!options_find(tool, word + 2, size - 2, 0, &found))
			return NULL;
		*value = word[size] == '=' ? word + size + 1 : NULL;
		return found.option;
	}
	for (const char *letter = word + 1; *letter != '\0'; letter++) {
		if (!options_find(tool, NULL, 0, *letter, &found))
			return NULL;
		if (found.option->argument == NULL && letter[1] != '\0')
			continue;
		*value = letter[1] != '\0' ? letter + 1 : NULL;
		return found.option;
	}
	return NULL;
}

/* Take an operand. */
static void take_operand(struct line *l, const char *word)
{
	const struct verb *v = l->tool->verbs;

	if (l->n == 0)
		l->store = word;
	for (; l->n == 1 && v != NULL && v->name != NULL; v++)
		if (strcmp(v->name, word) == 0)
			l->verb = v;
	l->before = word;
	l->n++;
	l->behind += l->dashes;
}

/* Take a word that stands before the one that is being typed. */
static void take(struct line *l, const char *word)
{
	const char *attached;

	if (l->values > 0) {
		l->values--;
	} else if (l->dashes || word[0] != '-' || word[1] == '\0') {
		take_operand(l, word);
	} else if (strcmp(word, "--") == 0) {
		l->dashes = true;
	} else if ((l->option = word_option(l->tool, word, &attached)) != NULL && l->option->argument != NULL) {
		l->values = (l->option->kind == OPTION_PAIR ? 2u : 1u) - (attached != NULL);
	}
}

/* Offer what may stand where an option is typed: its name, or its value where that is attached. */
static void offer_option(const struct line *l)
{
	const char *value;
	const struct option *o = word_option(l->tool, l->typed, &value);
	struct buf lead = {0};

	if (value == NULL || o == NULL || o->argument == NULL) {
		offer_options(l);
		return;
	}
	buf_put(&lead, l->typed, (size_t)(value - l->typed));
	offer_values(l, &lead, value, o);
	buf_free(&lead);
}

void complete_words(const struct tool *tool, char **words, size_t n)
{
	static const struct buf nothing = {0};
	struct line l = {.tool = tool, .typed = words[n - 1]};

	alarm(PATIENCE_S);
	for (size_t i = 0; i + 1 < n; i++)
		take(&l, words[i]);
	if (l.values > 0)
		offer_values(&l, &nothing, l.typed, l.option);
	else if (l.typed[0] == '-' && !l.dashes)
		offer_option(&l);
	else
		offer_operand(&l);
}
