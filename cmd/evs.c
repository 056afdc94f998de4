/* evs: runs the tool it is asked for. All built-in tools are this one program, evs-TOOL is a link to it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/spawn.h"
#include "common/complete.h"
#include "common/fault.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/output.h"
#include "common/text.h"
#include "common/usage.h"
#include "tools.h"

#define TOOLS_ENTRY(name) &tool_##name,
static const struct tool *const tools[] = {TOOLS(TOOLS_ENTRY)};
#define TOOLS_N (sizeof tools / sizeof *tools)

/* Evs's own words beside the tools. */
static const struct {
	const char *name, *help;
} own_words[] = {
	{"help", "open the manual of a tool or topic; begin with concepts, the map of all"},
	{"--help", "print this help"},
	{"--version", "print the version"},
};
#define OWN_WORDS_N (sizeof own_words / sizeof *own_words)

/* What evs help knows beside the tools: manuals, and the sections in which they are. */
static const struct {
	const char *name, *page, *sections, *help;
} topics[] = {
	{"concepts", "evs", "7", "the words, the event and how the tools work together"},
	{"selectors", "evs-selectors", "7", "which events a tool reads"},
	{"language", "evs-fold", "5", "expressions and folds"},
	{"store", "evs-store", "5", "the file, to the byte"},
	{"reliability", "evs-reliability", "7", "what is promised, what is not, and how it is tested"},
	{"libevs", "libevs", "3", "use an event store from C"},
	{"evs", "evs", "1", "what all tools share"},
};
#define TOPICS_N (sizeof topics / sizeof *topics)

/* The built-in tool of a name, or NULL. */
static const struct tool *find_tool(const char *name)
{
	for (size_t i = 0; i < TOOLS_N; i++)
		if (strcmp(tools[i]->name, name) == 0)
			return tools[i];
	return NULL;
}

/* evs --help */
static void put_help(struct buf *out)
{
	buf_text(out, "Usage: evs TOOL STORE [options] [operands]\n"
	              "       evs help [TOOL|TOPIC]\n"
	              "\n"
	              "An event store in one file. Events go in and come out as lines of JSON.\n"
	              "\n"
	              "Tools:\n");
	for (size_t i = 0; i < TOOLS_N; i++)
		buf_printf(out, "  %-10s  %s\n", tools[i]->name, tools[i]->summary);
	for (size_t i = 0; i < OWN_WORDS_N; i++)
		if (own_words[i].name[0] != '-')
			buf_printf(out, "  %-10s  %s\n", own_words[i].name, own_words[i].help);
	buf_text(out, "\nTopics of evs help:\n");
	for (size_t i = 0; i < TOPICS_N; i++)
		buf_printf(out, "  %-11s  %s\n", topics[i].name, topics[i].help);
	buf_text(out, "\n"
	              "evs TOOL --help lists a tool's options.\n"
	              "A program evs-NAME on the PATH is a tool too: evs NAME.\n");
}

/* The hidden evs --complete WORD...: what may stand in the place of the last of the words behind evs. */
static void put_completion(char **words, size_t n)
{
	const char *typed = n == 0 ? "" : words[n - 1];
	const struct tool *tool = n < 2 ? NULL : find_tool(words[0]);

	if (tool != NULL) {
		complete_words(tool, words + 1, n - 1);
		return;
	}
	/* What a program of somebody else takes is not known. */
	if (n > 1 && strcmp(words[0], "help") != 0) {
		buf_text(output_buf(), "\tfile\n");
		return;
	}
	for (size_t i = 0; i < TOOLS_N; i++)
		complete_offer(typed, tools[i]->name, tools[i]->summary);
	for (size_t i = 0; n < 2 && i < OWN_WORDS_N; i++)
		complete_offer(typed, own_words[i].name, own_words[i].help);
	for (size_t i = 0; n == 2 && i < TOPICS_N; i++)
		complete_offer(typed, topics[i].name, topics[i].help);
}

/* Say that there is no such tool. Returns the exit status. */
static int no_tool(const char *name)
{
	struct nearest near = {.word = name, .size = strlen(name)};

	for (size_t i = 0; i < TOOLS_N; i++)
		nearest_try(&near, tools[i]->name, strlen(tools[i]->name));
	nearest_try(&near, "help", 4);
	message_usage("'%s' is no evs tool; evs --help lists them", name);
	if (near.best != NULL)
		message_usage("did you mean '%s'?", near.best);
	return STATUS_USAGE;
}

/* Become evs-NAME of the PATH; argv[0] is NAME. Returns the exit status where that fails. */
static int run_program(char **argv)
{
	char name[NAME_MAX];

	if (strchr(argv[0], '/') != NULL || strlen(argv[0]) > sizeof name - 5)
		return no_tool(argv[0]);
	snprintf(name, sizeof name, "evs-%s", argv[0]);
	argv[0] = name;
	execvp(name, argv);
	if (errno == ENOENT)
		return no_tool(name + 4);
	message_print("cannot run '%s': %s", name, strerror(errno));
	return STATUS_FAILED;
}

/* The directory of this executable, in path. False where the system does not tell. */
static bool own_directory(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

/* Whether there is a page at directory/below/PAGE.SECTION; its path is left in path. */
static bool is_page(char path[PATH_MAX], const char *directory, const char *below, const char *page, char section)
{
	static const char *const packings[] = {"", ".gz"};

	for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
		int n = snprintf(path, PATH_MAX, "%s/%s/%s.%c%s", directory, below, page, section, packings[i]);

		if (n > 0 && n < PATH_MAX && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* Find a page ("evs-cat") of the first section that has it, beside the executable: in the source tree, or as installed. */
static bool find_page(const char *page, const char *sections, char path[PATH_MAX])
{
	char directory[PATH_MAX], installed[] = "../share/man/man1";

	if (!own_directory(directory))
		return false;
	for (const char *section = sections; *section != '\0'; section++) {
		installed[sizeof installed - 2] = *section;
		if (is_page(path, directory, "../../man", page, *section) ||
		    is_page(path, directory, installed, page, *section))
			return true;
	}
	return false;
}

/* Become a viewer of a page. Returns where it is not beside the executable, and where there is no viewer. */
static void view_page(const char *page, const char *sections)
{
	char path[PATH_MAX];

	if (!find_page(page, sections, path))
		return;
	execlp("man", "man", path, (char *)NULL);
	execlp("mandoc", "mandoc", "-a", path, (char *)NULL);
}

/* Whether man knows a page. */
static bool man_has(const char *sections, const char *page)
{
	const char *const args[] = {"man", "-w", "-s", sections, page, NULL};
	posix_spawn_file_actions_t quiet;
	int wait_status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&quiet) != 0)
		return false;
	if (posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
	    posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO) == 0 &&
	    posix_spawnp(&pid, args[0], &quiet, NULL, (char *const *)(uintptr_t)args, environ) == 0)
		while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&quiet);
	return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}

/* evs help TOPIC: the manual, or where there is none a tool's help. Returns the exit status. */
static int help(const char *topic)
{
	const struct tool *tool = find_tool(strncmp(topic, "evs-", 4) == 0 ? topic + 4 : topic);
	const char *sections = "1", *name = tool != NULL ? tool->name : topic;
	bool known = tool != NULL;
	char page[NAME_MAX];

	if (strchr(topic, '/') != NULL || strlen(topic) > sizeof page - 5)
		return no_tool(topic);
	snprintf(page, sizeof page, "evs-%s", name);
	for (size_t i = 0; i < TOPICS_N; i++) {
		if (strcmp(topic, topics[i].name) != 0)
			continue;
		snprintf(page, sizeof page, "%s", topics[i].page);
		sections = topics[i].sections;
		known = true;
	}
	if (!known && spawn_find(page) != 0)
		return no_tool(topic);
	view_page(page, sections);
	if (tool != NULL) {
		usage_help(tool);
		return STATUS_DONE;
	}
	/* A program of somebody else may have a manual too. */
	if (man_has(sections, page))
		execlp("man", "man", "-s", sections, page, (char *)NULL);
	message_print("there is no manual of '%s' here, or no man to show it; evs --help lists tools and topics", topic);
	return STATUS_FAILED;
}

/* Run a built-in tool. */
static int run_tool(const struct tool *tool, int argc, char **argv)
{
	output_begin();
	fault_begin();
	message_program(tool->name);
	return output_finish(tool->run(argc, argv));
}

/* evs WORD ... with argv[0] the word. */
static int run_word(int argc, char **argv)
{
	const struct tool *tool = find_tool(argv[0]);

	if (tool != NULL)
		return run_tool(tool, argc, argv);
	if (argv[0][0] != '-' && strcmp(argv[0], "help") != 0)
		return run_program(argv);
	if (strcmp(argv[0], "help") == 0 && argc > 1 && argv[1][0] == '-') /* of evs itself */
		return run_word(argc - 1, argv + 1);
	if (strcmp(argv[0], "help") == 0 && argc > 2)
		return message_usage("one operand too many: '%s'; usage: evs help [TOOL|TOPIC]", argv[2]);
	if (strcmp(argv[0], "help") == 0 && argc == 2 && strcmp(argv[1], "help") != 0)
		return output_finish(help(argv[1]));
	if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
		put_help(output_buf());
	else if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0)
		usage_version();
	else if (strcmp(argv[0], "--complete") == 0)
		put_completion(argv + 1, (size_t)argc - 1);
	else
		return message_usage("unknown option '%s'; evs --help lists the tools, whose options follow their name",
		                     argv[0]);
	output_begin();
	return output_finish(STATUS_DONE);
}

/* Fill the three standard descriptors, so that no store is ever opened as one of them and written to as output. */
static void fill_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	const struct tool *tool;
	const char *name;

	fill_descriptors();
	memory_begin();
	if (argc < 1)
		return STATUS_USAGE;
	name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
	if (strncmp(name, "evs-", 4) == 0 && (tool = find_tool(name + 4)) != NULL)
		return run_tool(tool, argc, argv);
	if (argc < 2) {
		struct buf *out = output_buf();

		put_help(out);
		return write(STDERR_FILENO, out->data, out->size) < 0 ? STATUS_FAILED : STATUS_USAGE;
	}
	return run_word(argc - 1, argv + 1);
}
