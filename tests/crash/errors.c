/*
 * Have every call of a command fail, one after the other: it must say so on standard error and end with 1, or do without it
 * and do all of its work; the store must be whole, with all that was acknowledged in it; and run again the command must do
 * what it would have done at once.
 *
 * errors [options] COMMAND...    in the current folder, which is what it is before each run
 *
 *   --scratch FOLDER    where copies of it are made, and emptied
 *   --shim FILE         to load
 *   --store NAME        the store
 *   --input FILE        is standard input
 *   --most N            at most so many of the calls of each class, evenly chosen
 *   --calls "CLASS:ERRNO..." which calls, and how they fail (shim.c); CLASS+: it and all that follow
 *   --adds              run again it adds something
 *   --same-output       what it prints is the same each time
 *
 * The last line counts. 0: all is well; 1: something is not.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "state.h"

enum { PATIENCE_S = 30, FILES_MAX = 32, FINDINGS_SHOWN = 12, HANGS = 1000 };

struct file {
	char name[256];
	struct buf bytes;
};

/* How a run ended. */
struct ending {
	int status; /* 128 and more: a signal; HANGS */
	bool fired;
	long calls;
	struct buf out, err;
};

struct errors {
	const char *scratch, *shim, *store, *input, *calls, *what;
	long most;
	bool same_output, adds;
	char **command;
	struct file files[FILES_MAX];
	size_t n_files;
	struct ending wanted;
	uint64_t shape;
	struct looker looker;
	unsigned long injected, failed, borne, findings;
};

/* ---- files ---- */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void get(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = 1;

	out->size = 0;
	while (fd >= 0 && n > 0 && buf_room(out, 1 << 16)) {
		n = read(fd, out->data + out->size, 1 << 16);
		out->size += n > 0 ? (size_t)n : 0;
	}
	buf_byte(out, 0);
	out->size--;
	if (fd >= 0)
		close(fd);
}

static bool is_lock(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, "-lock") == 0;
}

static void take_files(struct errors *e)
{
	DIR *d = opendir(".");
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		struct file *f = &e->files[e->n_files];
		if (entry->d_name[0] == '.' || is_lock(entry->d_name))
			continue;
		if (++e->n_files == FILES_MAX)
			die("too many files");
		snprintf(f->name, sizeof f->name, "%s", entry->d_name);
		get(f->name, &f->bytes);
	}
	closedir(d);
}

/* The scratch folder is as the folder was. */
static void lay_files(const struct errors *e)
{
	DIR *d = opendir(e->scratch);
	struct dirent *entry;

	if (d == NULL || chdir(e->scratch) != 0)
		die(e->scratch);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			unlink(entry->d_name);
	closedir(d);
	for (size_t i = 0; i < e->n_files; i++) {
		int fd = open(e->files[i].name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, e->files[i].bytes.data, e->files[i].bytes.size) != (ssize_t)e->files[i].bytes.size)
			die(e->files[i].name);
		close(fd);
	}
}

/* A file that is there after all was done once more, and was not to be; NULL: none. */
static const char *left_over(const struct errors *e)
{
	static char name[256];
	DIR *d = opendir(".");
	struct dirent *entry;
	const char *found = NULL;

	while (found == NULL && (entry = readdir(d)) != NULL) {
		bool known = entry->d_name[0] == '.' || is_lock(entry->d_name) || strcmp(entry->d_name, e->store) == 0 || strncmp(entry->d_name, "x-", 2) == 0;
		for (size_t i = 0; i < e->n_files; i++)
			known |= strcmp(entry->d_name, e->files[i].name) == 0;
		if (!known) {
			snprintf(name, sizeof name, "%s", entry->d_name);
			found = name;
		}
	}
	closedir(d);
	return found;
}

/* ---- running ---- */

static void redirect(int to, const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0 || dup2(fd, to) < 0)
		_exit(126);
	close(fd);
}

static void run_child(const struct errors *e, const char *fail)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	redirect(0, e->input == NULL ? "/dev/null" : e->input, O_RDONLY);
	redirect(1, "x-out", O_WRONLY | O_CREAT | O_TRUNC);
	redirect(2, "x-err", O_WRONLY | O_CREAT | O_TRUNC);
	if (fail != NULL) {
		setenv("CRASH_ROOT", e->scratch, 1);
		setenv("CRASH_FAIL", fail, 1);
		setenv("CRASH_MARK", "x-mark", 1);
		setenv("LD_PRELOAD", e->shim, 1);
	}
	execvp(e->command[0], e->command);
	_exit(127);
}

static void run_command(const struct errors *e, const char *fail, struct ending *end)
{
	const struct timespec patience = {.tv_sec = PATIENCE_S};
	struct buf count = {0};
	sigset_t child;
	pid_t pid;
	int how;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	unlink("x-mark");
	unlink("x-mark.count");
	pid = fork();
	if (pid == 0)
		run_child(e, fail);
	if (pid < 0)
		die("fork");
	if (waitpid(pid, &how, WNOHANG) == pid || (sigtimedwait(&child, NULL, &patience) > 0 && waitpid(pid, &how, WNOHANG) == pid) ||
	    (sigtimedwait(&child, NULL, &patience) > 0 && waitpid(pid, &how, WNOHANG) == pid)) {
		end->status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	} else {
		kill(pid, SIGKILL);
		waitpid(pid, &how, 0);
		end->status = HANGS;
	}
	kill(-pid, SIGKILL);
	end->fired = access("x-mark", F_OK) == 0;
	get("x-mark.count", &count);
	end->calls = strtol((const char *)count.data, NULL, 10);
	buf_free(&count);
	get("x-out", &end->out);
	get("x-err", &end->err);
}

/* ---- judging ---- */

__attribute__((format(printf, 4, 5))) static void find(struct errors *e, const char *fail, const struct ending *end, const char *format, ...)
{
	char message[1200];
	va_list args;

	if (++e->findings > FINDINGS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	printf("FOUND %s %s: %s; status %d, stderr: %.*s\n", e->what, fail, message, end->status, (int)end->err.size, (const char *)end->err.data);
}

/* The greatest position that the output acknowledges. */
static uint64_t acknowledged(const struct buf *out)
{
	static const char key[] = "\"position\":";
	uint64_t position = 0, n;

	for (const char *p = (const char *)out->data; (p = strstr(p, key)) != NULL;) {
		p += sizeof key - 1;
		n = strtoull(p, NULL, 10);
		position = n > position ? n : position;
	}
	return position;
}

static void judge(struct errors *e, const char *fail, const struct ending *end)
{
	struct state s;
	uint64_t said = e->same_output ? 0 : acknowledged(&end->out);

	looker_look(&e->looker, e->store, 0, &s);
	if (s.problem[0] != '\0')
		find(e, fail, end, "the store is not whole: %s", s.problem);
	if (s.events < said)
		find(e, fail, end, "LOST: %" PRIu64 " events were acknowledged, %" PRIu64 " are there", said, s.events);
	if (end->status == HANGS) {
		find(e, fail, end, "it hangs");
	} else if (end->status == e->wanted.status) {
		e->borne++;
		if (s.shape != e->shape)
			find(e, fail, end, "it says that it is done, but it is not");
		if (e->same_output && (end->out.size != e->wanted.out.size || memcmp(end->out.data, e->wanted.out.data, end->out.size) != 0))
			find(e, fail, end, "it says that it is done, but the output is not whole");
	} else if (end->status != 1) {
		find(e, fail, end, "it does not end with 1");
	} else {
		e->failed++;
		if (end->err.size == 0)
			find(e, fail, end, "it does not say why it failed");
		if (strstr((const char *)end->err.data, "damaged") != NULL || strstr((const char *)end->err.data, "truncated") != NULL)
			find(e, fail, end, "it says that the store is damaged, and it is whole");
	}
}

/* Run it with a call failing, and then once more without. False: there is no such call. */
static bool try_one(struct errors *e, const char *fail, struct ending *end)
{
	struct ending again = {0};
	const char *left;
	struct state s;

	lay_files(e);
	run_command(e, fail, end);
	if (!end->fired)
		return false;
	e->injected++;
	judge(e, fail, end);
	run_command(e, NULL, &again);
	looker_look(&e->looker, e->store, 0, &s);
	if (again.status != e->wanted.status && again.status != 0)
		find(e, fail, &again, "the next run fails");
	else if (s.problem[0] != '\0' || (s.shape != e->shape && !e->adds))
		find(e, fail, &again, "after the next run the store is not as it should be: %s", s.problem);
	if ((left = left_over(e)) != NULL)
		find(e, fail, end, "a file is left: %s", left);
	buf_free(&again.out);
	buf_free(&again.err);
	return true;
}

/* All calls of one class. */
static void try_calls(struct errors *e, const char *class, size_t class_size, bool lasting, int number)
{
	struct ending end = {0};
	char fail[64];
	long step = 1;

	snprintf(fail, sizeof fail, "%.*s:1000000000:%d", (int)class_size, class, number);
	lay_files(e);
	run_command(e, fail, &end);
	if (end.calls > e->most)
		step = (end.calls + e->most - 1) / e->most;
	for (long n = 1; n <= end.calls + 3; n += step) {
		struct ending one = {0};
		bool fired;
		snprintf(fail, sizeof fail, "%.*s:%ld%s:%d", (int)class_size, class, n, lasting ? "+" : "", number);
		fired = try_one(e, fail, &one);
		buf_free(&one.out);
		buf_free(&one.err);
		if (!fired && n > end.calls)
			break;
	}
	buf_free(&end.out);
	buf_free(&end.err);
}

static void try_all(struct errors *e)
{
	const char *p = e->calls;

	while (*(p += strspn(p, " ")) != '\0') {
		size_t size = strcspn(p, ":+ ");
		const char *colon = strchr(p, ':');
		if (colon == NULL)
			die("--calls");
		try_calls(e, p, size, p[size] == '+', (int)strtol(colon + 1, NULL, 10));
		p += strcspn(p, " ");
	}
}

int main(int argc, char **argv)
{
	struct errors e = {.most = 1000000, .calls = "", .store = "a.evs"};
	sigset_t child;
	struct state s;
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--same-output") == 0)
			e.same_output = true;
		else if (strcmp(argv[i], "--adds") == 0)
			e.adds = true;
		else if (strcmp(argv[i], "--scratch") == 0)
			e.scratch = argv[++i];
		else if (strcmp(argv[i], "--shim") == 0)
			e.shim = argv[++i];
		else if (strcmp(argv[i], "--store") == 0)
			e.store = argv[++i];
		else if (strcmp(argv[i], "--input") == 0)
			e.input = argv[++i];
		else if (strcmp(argv[i], "--calls") == 0)
			e.calls = argv[++i];
		else if (strcmp(argv[i], "--most") == 0)
			e.most = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--what") == 0)
			e.what = argv[++i];
		else
			break;
	}
	if (i >= argc || e.scratch == NULL || e.shim == NULL || e.what == NULL) {
		fputs("usage: errors --what NAME --scratch FOLDER --shim FILE [options] COMMAND...\n", stderr);
		return 2;
	}
	e.command = argv + i;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	take_files(&e);
	lay_files(&e);
	looker_look(&e.looker, e.store, 0, &s); /* starts its process before signals are blocked */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	run_command(&e, NULL, &e.wanted);
	looker_look(&e.looker, e.store, 0, &s);
	e.shape = s.shape;
	if ((e.wanted.status != 0 && e.wanted.status != 4) || s.problem[0] != '\0')
		find(&e, "nothing", &e.wanted, "it fails: %s", s.problem);
	else
		try_all(&e);
	looker_end(&e.looker);
	printf("%s: %lu calls failed, %lu times it ended with 1, %lu times it did without, %lu findings\n", e.what, e.injected, e.failed,
	       e.borne, e.findings);
	return e.findings == 0 && e.injected > 0 ? 0 : 1;
}
