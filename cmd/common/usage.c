#include "common/usage.h"

#include <string.h>

#include "common/message.h"
#include "common/output.h"
#include "common/text.h"
#include "common/verbs.h"

#define COLUMNS 80    /* of help */
#define INDENT 26     /* of what an option does */

/* "  -n, --limit N", and what it does beside it or on the next line. */
static void put_line(struct buf *out, const char *label, size_t size, const char *help)
{
	buf_put(out, label, size);
	if (size + 2 > INDENT)
		buf_printf(out, "\n%*s", INDENT, "");
	else
		buf_printf(out, "%*s", INDENT - (int)size, "");
	text_wrap(out, help, INDENT, COLUMNS);
}

/* An option's line. */
static void put_option(struct buf *out, const struct option *o)
{
	struct buf label = {0};

	if (o->letter != 0)
		buf_printf(&label, "  -%c, --%s", o->letter, o->name);
	else
		buf_printf(&label, "      --%s", o->name);
	if (o->argument != NULL)
		buf_printf(&label, " %s", o->argument);
	put_line(out, (const char *)label.data, label.size, o->help);
	buf_free(&label);
}

/* The verbs, each with what stands behind it and its help. */
static void put_verbs(struct buf *out, const struct tool *tool)
{
	struct buf label = {0};

	buf_text(out, "\nVerbs:\n");
	for (const struct verb *v = tool->verbs; v->name != NULL; v++) {
		label.size = 0;
		buf_printf(&label, "  %s%s%s", v->name, v->usage[0] == '\0' ? "" : " ", v->usage);
		put_line(out, (const char *)label.data, label.size, v->help);
	}
	buf_free(&label);
}

/* The operands, each with its help. */
static void put_operands(struct buf *out, const struct tool *tool)
{
	struct buf label = {0};

	buf_text(out, "\nOperands:\n");
	for (const struct option_operand *o = tool->operands; o->name != NULL; o++) {
		label.size = 0;
		buf_printf(&label, "  %s", o->name);
		put_line(out, (const char *)label.data, label.size, o->help);
	}
	buf_free(&label);
}

/* "Exit status: 0 done, 1 failed, ..." */
static void put_exits(struct buf *out, const struct tool *tool)
{
	struct buf text = {0};

	for (const char *digit = tool->exits; *digit != '\0'; digit++)
		buf_printf(&text, "%s%c %s", text.size == 0 ? "" : ", ", *digit, message_meaning(*digit - '0'));
	if (tool->exit_more != 0)
		buf_printf(&text, ", %d %s", tool->exit_more, message_meaning(tool->exit_more));
	buf_byte(&text, '\0');
	buf_text(out, "\nExit status: ");
	text_wrap(out, (const char *)text.data, sizeof "Exit status: " - 1, COLUMNS);
	buf_free(&text);
}

void usage_line(const struct tool *tool, struct buf *out)
{
	buf_printf(out, "evs %s ", tool->name);
	if (tool->verbs != NULL) {
		buf_text(out, tool->least == 1 ? "STORE [" : "STORE ");
		verbs_names(out, tool, "|");
		buf_text(out, tool->least == 1 ? "] " : " ");
	}
	buf_text(out, tool->usage);
}

void usage_help(const struct tool *tool)
{
	struct buf *out = output_buf();

	buf_text(out, "Usage: ");
	usage_line(tool, out);
	buf_text(out, "\n\n");
	text_wrap(out, tool->about, 0, COLUMNS);
	if (tool->verbs != NULL)
		put_verbs(out, tool);
	put_operands(out, tool);
	for (const struct option_group *g = tool->groups; g->title != NULL; g++) {
		buf_printf(out, "\n%s:\n", g->title);
		for (size_t i = 0; i < g->n; i++)
			put_option(out, &g->options[i]);
	}
	put_exits(out, tool);
	buf_printf(out, "Manual:      evs help %s\n", tool->name);
}

void usage_version(void)
{
	buf_printf(output_buf(), "%s %s\n", message_name(), EVS_BUILD_VERSION);
}
