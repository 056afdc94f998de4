#include "common/editor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "common/child.h"
#include "common/file.h"
#include "common/message.h"

static bool make_folder(struct editor *p, const char *name)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(p->folder, sizeof p->folder, "%s/evs-edit-XXXXXX", tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp);

	if (n < 0 || (size_t)n >= sizeof p->folder)
		errno = ENAMETOOLONG;
	else if (mkdtemp(p->folder) != NULL) {
		snprintf(p->file, sizeof p->file, "%s/%s", p->folder, name);
		return true;
	}
	message_print("cannot make a folder for the file to edit: %s", strerror(errno));
	p->folder[0] = '\0';
	return false;
}

static bool write_file(const struct editor *p, const struct buf *text)
{
	int fd = open(p->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t at = 0;
	ssize_t n = 0;

	while (fd >= 0 && at < text->size && ((n = write(fd, text->data + at, text->size - at)) > 0 || errno == EINTR))
		at += n > 0 ? (size_t)n : 0;
	if (fd >= 0 && close(fd) == 0 && at == text->size)
		return true;
	message_print("cannot write '%s': %s", p->file, strerror(errno));
	return false;
}

/* The editor that was chosen, or on a terminal vi; NULL: there is none, which was said. */
static const char *find_editor(void)
{
	const char *editor = getenv("VISUAL");

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	if (editor != NULL && editor[0] != '\0')
		return editor;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return "vi";
	message_print("there is no terminal to edit on; have VISUAL or EDITOR name an editor that needs none");
	return NULL;
}

/* The editor may have arguments of its own: the shell reads it. */
static bool run_editor(const struct editor *p, const char *editor)
{
	struct buf script = {0};
	char how[CHILD_HOW];
	char *argv[] = {(char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", NULL, (char *)(uintptr_t)"editor", (char *)(uintptr_t)p->file, NULL};
	void (*interrupt)(int), (*quit)(int);
	int failure, wait_status = 0;
	pid_t pid;

	buf_text(&script, editor);
	buf_text(&script, " \"$1\"");
	buf_byte(&script, 0);
	argv[2] = (char *)script.data;
	failure = script.failed ? ENOMEM : spawn_command(&(struct spawn_options){.argv = argv, .in = -1, .out = -1, .error = -1}, &pid);
	buf_free(&script);
	if (failure != 0) {
		message_print("cannot run '%s': %s", editor, strerror(failure));
		return false;
	}
	/* Keys that end programs are the editor's meanwhile. */
	interrupt = signal(SIGINT, SIG_IGN);
	quit = signal(SIGQUIT, SIG_IGN);
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, interrupt);
	signal(SIGQUIT, quit);
	if (child_succeeded(wait_status))
		return true;
	child_how(wait_status, how);
	message_print("the editor '%s' ended with %s; nothing was changed (VISUAL or EDITOR says which one to use)", editor, how);
	return false;
}

/* Read what the editor left, which must be a file still. */
static int read_file(const struct editor *e, struct buf *text)
{
	struct evs_error err;
	struct stat st;

	if (lstat(e->file, &st) != 0 || !S_ISREG(st.st_mode)) {
		message_print("the editor left no file %s; nothing was changed", e->file);
		return STATUS_FAILED;
	}
	text->size = 0;
	return file_read(e->file, text, &err) == EVS_OK ? STATUS_DONE : message_text(&err);
}

int editor_edit(struct editor *e, struct buf *text, const char *name)
{
	const char *editor = find_editor();

	if (editor == NULL || !make_folder(e, name) || !write_file(e, text) || !run_editor(e, editor))
		return STATUS_FAILED;
	return read_file(e, text);
}

/* Remove all files of a folder, also those that editors leave beside their own. */
static void empty_folder(const char *path)
{
	char file[PATH_MAX + 256];
	struct dirent *entry;
	DIR *folder = opendir(path);

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    (size_t)snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < sizeof file)
			unlink(file);
	if (folder != NULL)
		closedir(folder);
}

void editor_end(struct editor *e, bool keep)
{
	if (e->folder[0] == '\0')
		return;
	if (keep) {
		message_print("what was typed is in %s", e->file);
		return;
	}
	empty_folder(e->folder);
	rmdir(e->folder);
}
