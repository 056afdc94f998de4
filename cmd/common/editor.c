#include "common/editor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "common/child.h"
#include "common/file.h"
#include "common/message.h"

/* A folder of one's own, and the file in it. */
struct place {
	char folder[PATH_MAX];
	char file[PATH_MAX + 80];
};

static bool make_folder(struct place *p, const char *name)
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
	return false;
}

static bool write_file(const struct place *p, const struct buf *text)
{
	int fd = open(p->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t at = 0;
	ssize_t n = 0;

	while (fd >= 0 && at < text->size && ((n = write(fd, text->data + at, text->size - at)) > 0 || errno == EINTR))
		at += n > 0 ? (size_t)n : 0;
	if (fd >= 0 && close(fd) == 0 && at == text->size)
		return true;
	message_print("cannot write %s: %s", p->file, strerror(errno));
	return false;
}

static const char *find_editor(void)
{
	const char *editor = getenv("VISUAL");

	if (editor == NULL || editor[0] == '\0')
		editor = getenv("EDITOR");
	return editor == NULL || editor[0] == '\0' ? "vi" : editor;
}

/* The editor may have arguments of its own: the shell reads it. */
static bool run_editor(const struct place *p)
{
	const char *editor = find_editor();
	char script[PATH_MAX], how[CHILD_HOW];
	char *argv[] = {(char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", script, (char *)(uintptr_t)"editor", (char *)(uintptr_t)p->file, NULL};
	void (*interrupt)(int), (*quit)(int);
	int failure, wait_status = 0;
	pid_t pid;

	snprintf(script, sizeof script, "%s \"$1\"", editor);
	failure = spawn_command(&(struct spawn_options){.argv = argv, .in = -1, .out = -1, .error = -1}, &pid);
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

int editor_edit(struct buf *text, const char *name)
{
	struct evs_error err;
	struct place p;
	int status = STATUS_FAILED;

	if (!make_folder(&p, name))
		return STATUS_FAILED;
	if (write_file(&p, text) && run_editor(&p)) {
		text->size = 0;
		status = file_read(p.file, text, &err) == EVS_OK ? STATUS_DONE : message_text(&err);
	}
	unlink(p.file);
	rmdir(p.folder);
	return status;
}
