#include "common/open.h"
#include "common/verbs.h"

#include <string.h>

#include "common/message.h"
#include "common/selectors.h"

/* ---- options ---- */

/* Whether a word is among words with blanks between them. */
static bool has_word(const char *words, const char *word)
{
	size_t size = strlen(word), n;

	for (; words != NULL && *words != '\0'; words += n + (words[n] != '\0')) {
		n = strcspn(words, " ");
		if (n == size && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

bool verbs_take(const struct verb *verb, const struct option_group *group, const struct option *option)
{
	return group->options == option_common || has_word(verb->options, option->name) ||
	       (group->options == selectors_table && has_word(verb->options, VERB_SELECTORS));
}

/* Put a name behind i of n others: "a", "a and b", "a, b and c". */
static void put_name(struct buf *out, const char *name, size_t i, size_t n, const char *last)
{
	buf_text(out, i == 0 ? "" : i + 1 == n ? last : ", ");
	buf_text(out, name);
}

void verbs_refuse(const struct tool *tool, const struct verb *verb, const struct option_group *group, const struct option *option)
{
	struct buf names = {0};
	size_t n = 0, i = 0;

	for (const struct verb *v = tool->verbs; v->name != NULL; v++)
		n += verbs_take(v, group, option);
	for (const struct verb *v = tool->verbs; v->name != NULL; v++)
		if (verbs_take(v, group, option))
			put_name(&names, v->name, i++, n, " and ");
	buf_byte(&names, '\0');
	message_usage("option '--%s' goes with %s, not with %s", option->name, (const char *)names.data, verb->name);
	buf_free(&names);
}

/* Say what is wrong with how a verb is used, in three parts. */
static void say_usage(const struct tool *tool, const struct verb *v, const char *lead, const char *what, const char *rest)
{
	message_usage("%s%s%s; usage: evs %s STORE %s%s%s", lead, what, rest, tool->name, v->name, v->usage[0] == '\0' ? "" : " ", v->usage);
}

void verbs_miss(const struct tool *tool, const struct verb *verb)
{
	say_usage(tool, verb, "--", verb->needs, " is missing");
}

/* ---- operands ---- */

void verbs_names(struct buf *out, const struct tool *tool, const char *between)
{
	for (const struct verb *v = tool->verbs; v->name != NULL; v++) {
		buf_text(out, v == tool->verbs ? "" : between);
		buf_text(out, v->name);
	}
}

/* Say that a word is no verb. */
static bool no_verb(const struct tool *tool, const char *word)
{
	struct buf names = {0};
	size_t n = 0;

	while (tool->verbs[n].name != NULL)
		n++;
	for (size_t i = 0; i < n; i++)
		put_name(&names, tool->verbs[i].name, i, n, " or ");
	buf_byte(&names, '\0');
	message_usage("the second operand is %s, not '%s'", (const char *)names.data, word);
	buf_free(&names);
	return false;
}

bool verbs_find(const struct tool *tool, struct operands *operands)
{
	const struct verb *v = tool->verbs;
	bool named = operands->n > 1;

	while (named && v->name != NULL && strcmp(v->name, operands->list[1]) != 0)
		v++;
	if (v->name == NULL)
		return no_verb(tool, operands->list[1]);
	operands->verb = v;
	operands->rest = operands->list + 1 + named;
	operands->n_rest = operands->n - 1 - named;
	if (v->command && operands->n_before < operands->n) {
		operands->n_rest = operands->n_before > 1u + named ? operands->n_before - 1 - named : 0;
		operands->command = operands->rest + operands->n_rest;
	}
	if (operands->n_rest < v->least)
		say_usage(tool, v, "an operand is missing", "", "");
	else if (operands->n_rest > v->most)
		say_usage(tool, v, "one operand too many: '", operands->rest[v->most], "'");
	return operands->n_rest >= v->least && operands->n_rest <= v->most;
}

/* ---- a run ---- */

int verbs_run(const struct tool *tool, int argc, char **argv, void *args)
{
	struct evs_store *store = NULL;
	struct operands given;
	const struct verb *verb;
	struct evs_error err;
	int status;

	if (!options_parse(tool, argc, argv, args, &given, &status))
		return status;
	verb = given.verb;
	status = verb->prepare == NULL ? STATUS_DONE : verb->prepare(args, &given);
	if (status == STATUS_DONE && open_store(given.list[0], verb->flags, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else if (status == STATUS_DONE)
		status = verb->run(args, store, &given);
	evs_close(store);
	options_release(tool, args);
	return status;
}
