#include "common/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "common/message.h"
#include "common/progress.h"
#include "common/usage.h"
#include "common/value.h"
#include "common/verbs.h"

#define OPTIONS_MAX 64 /* of a tool */

const struct option option_common[] = {
	{0, "progress", NULL, OPTION_SET, offsetof(struct option_common, progress), PROGRESS_ON, NULL,
	 "show how far the work is, also where standard error is no terminal"},
	{0, "no-progress", NULL, OPTION_SET, offsetof(struct option_common, progress), PROGRESS_OFF, NULL,
	 "never show it"},
	{'h', "help", NULL, OPTION_HELP, 0, 0, NULL, "print this help"},
	{'V', "version", NULL, OPTION_VERSION, 0, 0, NULL, "print the version"},
};
_Static_assert(OPTION_COUNT(option_common) == OPTION_COMMON_N, "OPTION_COMMON_N is how many there are");

/* A parse under way. */
struct parse {
	const struct tool *tool;
	char **argv;
	int argc, next;
	char *args;
	int status;
	bool given[OPTIONS_MAX]; /* by their number, over all groups */
};

/* An option as it stands on the command line. */
struct met {
	const struct option *option;
	size_t number;
	char *place; /* of its group's struct */
	char shown[72];
};

bool options_find(const struct tool *tool, const char *name, size_t size, char letter, struct option_found *found)
{
	found->number = 0;
	for (found->group = tool->groups; found->group->title != NULL; found->group++) {
		for (size_t i = 0; i < found->group->n; i++, found->number++) {
			const struct option *o = found->option = &found->group->options[i];

			if (name == NULL ? o->letter == letter : strncmp(o->name, name, size) == 0 && o->name[size] == '\0')
				return true;
		}
	}
	return false;
}

/* Find an option, as options_find. */
static bool find(struct parse *p, const char *name, size_t size, char letter, struct met *met)
{
	struct option_found found;

	if (!options_find(p->tool, name, size, letter, &found))
		return false;
	met->option = found.option;
	met->number = found.number;
	met->place = p->args + found.group->place;
	if (name == NULL)
		snprintf(met->shown, sizeof met->shown, "-%c", letter);
	else
		snprintf(met->shown, sizeof met->shown, "--%s", met->option->name);
	return true;
}

/* End the parse with a status. */
static bool end(struct parse *p, int status)
{
	p->status = status;
	return false;
}

/* End the parse at a long option that there is not, with the one that may be meant. */
static bool unknown(struct parse *p, const char *name, size_t size)
{
	struct nearest near = {.word = name, .size = size};

	for (const struct option_group *g = p->tool->groups; g->title != NULL; g++)
		for (size_t i = 0; i < g->n; i++)
			nearest_try(&near, g->options[i].name, strlen(g->options[i].name));
	if (near.best == NULL)
		return end(p, message_usage("unknown option '--%.*s'; %s --help lists them", (int)size, name, message_name()));
	return end(p, message_usage("unknown option '--%.*s', did you mean '--%s'? %s --help lists them", (int)size, name,
	                            near.best, message_name()));
}

/* Add a value to a list; it grows by one, for lists are short. */
static bool add_to_list(struct parse *p, const struct met *met, const char *value)
{
	const char **old, **list;
	size_t n;

	memcpy(&old, met->place + met->option->field, sizeof old);
	memcpy(&n, met->place + met->option->also, sizeof n);
	list = reallocarray(old, n + 1, sizeof *list);
	if (list == NULL) {
		message_print("out of memory");
		return end(p, STATUS_FAILED);
	}
	list[n++] = value;
	memcpy(met->place + met->option->field, &list, sizeof list);
	memcpy(met->place + met->option->also, &n, sizeof n);
	return true;
}

/* Store a number, and that there is one. */
static bool set_number(struct parse *p, const struct met *met, const char *value)
{
	bool positive = met->option->kind == OPTION_POSITIVE, given = true;
	uint64_t number;

	if (*value != '\0' && strspn(value, "0123456789") == strlen(value) && !value_number(value, &number))
		return end(p, message_usage("option '%s' takes no number above %" PRIu64 ", and not '%s'", met->shown, UINT64_MAX, value));
	if (!value_number(value, &number) || (positive && number == 0))
		return end(p, message_usage("option '%s' needs a number from %d, not '%s'", met->shown, positive, value));
	memcpy(met->place + met->option->field, &number, sizeof number);
	if (met->option->also != 0)
		memcpy(met->place + met->option->also, &given, sizeof given);
	return true;
}

/* Store the place of one of the choices. */
static bool set_choice(struct parse *p, const struct met *met, const char *value)
{
	int place = value_choice(met->option->argument, value);
	char list[256];
	size_t n = 0;

	if (place >= 0) {
		memcpy(met->place + met->option->field, &place, sizeof place);
		return true;
	}
	for (const char *c = met->option->argument; *c != '\0' && n < sizeof list - 3; c++) {
		if (*c == '|')
			list[n++] = ',';
		list[n++] = *c == '|' ? ' ' : *c;
	}
	return end(p, message_usage("option '%s' is one of %.*s, not '%s'", met->shown, (int)n, list, value));
}

/* Store a value. */
static bool set_value(struct parse *p, const struct met *met, const char *value)
{
	int64_t ms;

	switch (met->option->kind) {
	case OPTION_LIST:
		return add_to_list(p, met, value);
	case OPTION_NUMBER:
	case OPTION_POSITIVE:
		return set_number(p, met, value);
	case OPTION_CHOICE:
		return set_choice(p, met, value);
	case OPTION_DURATION:
		if (!value_duration(value, &ms))
			return end(p, message_usage("option '%s' needs a duration such as 500ms, 30s, 5m or 2h, not '%s'",
			                            met->shown, value));
		memcpy(met->place + met->option->field, &ms, sizeof ms);
		return true;
	case OPTION_TIME:
		if (!value_time(value))
			return end(p, message_usage("option '%s' needs a time such as 2026-05-14T10:30:00Z, 2026-05-14, -15m, -2h "
			                            "or -7d, not '%s'", met->shown, value));
		break;
	default:
		break;
	}
	memcpy(met->place + met->option->field, &value, sizeof value);
	return true;
}

/* Do what an option without a value says. */
static bool set_flag(struct parse *p, const struct met *met)
{
	const struct option *o = met->option;
	bool flag = true;
	int number = (int)o->also;

	switch (o->kind) {
	case OPTION_HELP:
		usage_help(p->tool);
		return end(p, STATUS_DONE);
	case OPTION_VERSION:
		usage_version();
		return end(p, STATUS_DONE);
	case OPTION_SET:
		memcpy(met->place + o->field, &number, sizeof number);
		return true;
	default:
		memcpy(met->place + o->field, &flag, sizeof flag);
		return true;
	}
}

/* Take an option with two values; the first may be attached to it. */
static bool take_pair(struct parse *p, const struct met *met, const char *attached)
{
	const char *pair[2];

	if (p->argc - p->next < 2 - (attached != NULL))
		return end(p, message_usage("option '%s' needs two values: %s", met->shown, met->option->argument));
	pair[0] = attached != NULL ? attached : p->argv[p->next++];
	pair[1] = p->argv[p->next++];
	memcpy(met->place + met->option->field, pair, sizeof pair);
	return true;
}

/* Take an option with its value: `attached` to it, or the next argument. */
static bool take(struct parse *p, const struct met *met, const char *attached)
{
	bool again = p->given[met->number];

	p->given[met->number] = true;
	if (met->option->argument == NULL && attached != NULL)
		return end(p, message_usage("option '%s' takes no value", met->shown));
	if (met->option->argument == NULL)
		return set_flag(p, met);
	/* Whoever gives two may want both, and would not learn that one was dropped. */
	if (again && met->option->kind != OPTION_LIST)
		return end(p, message_usage("option '%s' is given twice; give it once", met->shown));
	if (met->option->kind == OPTION_PAIR)
		return take_pair(p, met, attached);
	if (attached == NULL && p->next == p->argc)
		return end(p, message_usage("option '%s' needs a value: %s", met->shown, met->option->argument));
	return set_value(p, met, attached != NULL ? attached : p->argv[p->next++]);
}

/* --name, --name=value */
static bool take_long(struct parse *p, const char *name)
{
	size_t size = strcspn(name, "=");
	struct met met;

	if (!find(p, name, size, 0, &met))
		return unknown(p, name, size);
	return take(p, &met, name[size] == '=' ? name + size + 1 : NULL);
}

/* -f, -fr, -n5, -n 5 */
static bool take_letters(struct parse *p, const char *letters)
{
	struct met met;

	for (; *letters != '\0'; letters++) {
		if (!find(p, NULL, 0, *letters, &met))
			return end(p, message_usage("unknown option '-%c'; %s --help lists them", *letters, message_name()));
		if (met.option->argument != NULL)
			return take(p, &met, letters[1] != '\0' ? letters + 1 : NULL);
		if (!take(p, &met, NULL))
			return false;
	}
	return true;
}

/* Say what is wrong with the operands, in three parts, and how they are. */
static bool wrong_operands(struct parse *p, const char *lead, const char *operand, const char *rest)
{
	struct buf usage = {0};

	usage_line(p->tool, &usage);
	end(p, message_usage("%s%s%s; usage: %.*s", lead, operand, rest, (int)usage.size, (const char *)usage.data));
	buf_free(&usage);
	return false;
}

/* Whether there are as many operands as the tool wants. */
static bool check_operands(struct parse *p, struct operands *operands)
{
	const struct tool *tool = p->tool;

	if (operands->n < tool->least)
		return wrong_operands(p, "", tool->verbs != NULL && operands->n == 1 ? "VERB" : tool->operands[operands->n].name, " is missing");
	if (strcmp(tool->operands[0].name, "STORE") == 0 && operands->n > 0 && strcmp(operands->list[0], "-") == 0)
		return wrong_operands(p, "a store is a file and cannot be '-'", "", "");
	if (tool->verbs != NULL)
		return verbs_find(tool, operands) || end(p, STATUS_USAGE);
	if (operands->n > tool->most)
		return wrong_operands(p, "one operand too many: '", operands->list[tool->most], "'");
	return true;
}

/* Whether the options that were given go with the verb, and what it needs is among them. */
static bool check_verb(struct parse *p, const struct verb *verb)
{
	bool needed = verb == NULL || verb->needs == NULL;
	size_t number = 0;

	for (const struct option_group *g = p->tool->groups; verb != NULL && g->title != NULL; g++) {
		for (size_t i = 0; i < g->n; i++) {
			if (!p->given[number++])
				continue;
			if (!verbs_take(verb, g, &g->options[i])) {
				verbs_refuse(p->tool, verb, g, &g->options[i]);
				return end(p, STATUS_USAGE);
			}
			needed |= verb->needs != NULL && strcmp(g->options[i].name, verb->needs) == 0;
		}
	}
	if (!needed)
		verbs_miss(p->tool, verb);
	return needed || end(p, STATUS_USAGE);
}

bool options_parse(const struct tool *tool, int argc, char **argv, void *args, struct operands *operands, int *status)
{
	struct parse p = {.tool = tool, .argv = argv, .argc = argc, .next = 1, .args = args};
	bool options = true, good = true;

	*operands = (struct operands){.list = argv + 1};
	while (good && p.next < argc) {
		char *arg = argv[p.next++];

		if (!options || arg[0] != '-' || arg[1] == '\0')
			operands->list[operands->n++] = arg;
		else if (strcmp(arg, "--") == 0) {
			options = false;
			operands->n_before = operands->n;
		} else
			good = arg[1] == '-' ? take_long(&p, arg + 2) : take_letters(&p, arg + 1);
	}
	operands->list[operands->n] = NULL;
	operands->ended = !options;
	if (options)
		operands->n_before = operands->n;
	good = good && check_operands(&p, operands) && check_verb(&p, operands->verb);
	if (!good)
		options_release(tool, args);
	*status = p.status;
	return good;
}

void options_release(const struct tool *tool, void *args)
{
	static const size_t none = 0;

	for (const struct option_group *g = tool->groups; g->title != NULL; g++) {
		for (size_t i = 0; i < g->n; i++) {
			char *place = (char *)args + g->place;
			void *list;

			if (g->options[i].kind != OPTION_LIST)
				continue;
			memcpy(&list, place + g->options[i].field, sizeof list);
			free(list);
			memset(place + g->options[i].field, 0, sizeof list);
			memcpy(place + g->options[i].also, &none, sizeof none);
		}
	}
}
