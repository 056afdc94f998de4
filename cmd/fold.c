/* evs fold: folds looked at as texts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/message.h"
#include "common/output.h"
#include "common/signals.h"
#include "fold/fold.h"
#include "tools.h"

struct fold_args {
	struct option_common common;
	bool write, check;
};

#define ARG(name) offsetof(struct fold_args, name)

static const struct option options[] = {
	{'w', "write", NULL, OPTION_FLAG, ARG(write), 0, NULL, "of fmt: write the files back, not to standard output"},
	{0, "check", NULL, OPTION_FLAG, ARG(check), 0, NULL, "of fmt: write nothing; exit 1 when a file would change"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct fold_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"VERB", "check: say what is wrong with folds; fmt: set them out in the one way", "check|fmt"},
	{"FILE", "folds; '-' is standard input", "file"},
	{0},
};

/* Say what is wrong with a fold. */
static int check_one(const char *path)
{
	struct buf text = {0};
	struct fold *fold = NULL;
	struct evs_error err;
	int status = file_read(path, &text, &err);

	if (status == EVS_OK)
		status = fold_parse(file_name(path), (const char *)text.data, text.size, &fold, &err);
	if (status != EVS_OK)
		message_text(&err);
	fold_free(fold);
	buf_free(&text);
	return status == EVS_OK ? STATUS_DONE : STATUS_FAILED;
}

/* Set a fold out. */
static int format_one(const struct fold_args *args, const char *path)
{
	struct buf text = {0}, out = {0};
	struct evs_error err;
	int status = file_read(path, &text, &err), result = STATUS_FAILED;
	bool same;

	if (status == EVS_OK)
		status = fold_format(file_name(path), (const char *)text.data, text.size, &out, &err);
	same = status == EVS_OK && text.size == out.size && memcmp(text.data, out.data, out.size) == 0;
	if (status == EVS_OK && args->write && strcmp(path, "-") != 0 && !same)
		status = file_replace(path, out.data, out.size, &err);
	if (status != EVS_OK) {
		message_text(&err);
	} else if (args->check) {
		if (!same)
			message_print("%s: not set out in the one way; evs fold fmt -w mends it", file_name(path));
		result = same ? STATUS_DONE : STATUS_FAILED;
	} else {
		result = !args->write || strcmp(path, "-") == 0 ? (output_write(out.data, out.size) == 0 ? STATUS_DONE : STATUS_FAILED) : STATUS_DONE;
	}
	buf_free(&text);
	buf_free(&out);
	return result;
}

/* The tool. */
static int cmd_fold(int argc, char **argv)
{
	struct fold_args args = {0};
	struct operands given;
	int status, worst = STATUS_DONE;
	bool fmt;

	if (!options_parse(&tool_fold, argc, argv, &args, &given, &status))
		return status;
	fmt = strcmp(given.list[0], "fmt") == 0;
	if (!fmt && strcmp(given.list[0], "check") != 0)
		return message_usage("the first operand is check or fmt, not '%s'", given.list[0]);
	if (!fmt && (args.write || args.check))
		return message_usage("option '--%s' goes with fmt", args.write ? "write" : "check");
	if (args.write && args.check)
		return message_usage("--write and --check exclude each other");
	signals_exit();
	for (size_t i = 1; i < given.n; i++) {
		status = fmt ? format_one(&args, given.list[i]) : check_one(given.list[i]);
		if (status > worst)
			worst = status;
	}
	return worst;
}

const struct tool tool_fold = {
	.name = "fold",
	.run = cmd_fold,
	.summary = "check and set out folds",
	.usage = "check|fmt FILE... [options]",
	.about = "Look at folds, the programs that turn events into states: evs-fold(5).",
	.operands = operands,
	.least = 2,
	.most = 1000000,
	.exits = "012",
	.groups = groups,
};
