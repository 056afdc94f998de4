/*
 * record LOG FOLDER               begin a log: what is in FOLDER is there, whole and durable
 * record LOG FOLDER COMMAND...    run a command with the shim, which logs what evs does to files of FOLDER, and log its end
 *
 * Ends as the command does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static int die(const char *what)
{
	fprintf(stderr, "record: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(int fd, struct log_record r, const char *name, const void *data)
{
	struct iovec all[] = {{&r, sizeof r}, {(void *)(uintptr_t)name, r.name_size}, {(void *)(uintptr_t)data, r.size}};

	r.magic = LOG_MAGIC;
	if (writev(fd, all, 3) != (ssize_t)(sizeof r + r.name_size + r.size))
		die("the log");
}

static void put_file(int log, const char *folder, const char *name)
{
	char path[2 * PATH_MAX];
	struct stat st;
	void *data;
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL || read(fd, data, (size_t)st.st_size) != st.st_size)
		die(path);
	put(log, (struct log_record){.kind = LOG_BASE, .name_size = (uint16_t)strlen(name), .file = st.st_ino, .size = (uint64_t)st.st_size},
	    name, data);
	free(data);
	close(fd);
}

static void begin(const char *path, const char *folder)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	DIR *d = opendir(folder);
	struct dirent *e;
	size_t n;

	if (fd < 0 || d == NULL)
		die(path);
	while ((e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n > 4 && strcmp(e->d_name + n - 4, ".evs") == 0)
			put_file(fd, folder, e->d_name);
	}
	closedir(d);
	close(fd);
}

int main(int argc, char **argv)
{
	char root[PATH_MAX], shim[PATH_MAX];
	const char *slash;
	pid_t child;
	int fd, how;

	if (argc < 3 || realpath(argv[2], root) == NULL)
		die("usage: record LOG FOLDER [COMMAND...]");
	if (argc == 3) {
		begin(argv[1], root);
		return 0;
	}
	slash = strrchr(argv[0], '/');
	snprintf(shim, sizeof shim, "%.*s/shim.so", slash == NULL ? 1 : (int)(slash - argv[0]), slash == NULL ? "." : argv[0]);
	child = fork();
	if (child == 0) {
		setenv("CRASH_ROOT", root, 1);
		setenv("CRASH_LOG", argv[1], 1);
		setenv("LD_PRELOAD", shim, 1);
		execvp(argv[3], argv + 3);
		die(argv[3]);
	}
	if (child < 0 || waitpid(child, &how, 0) != child)
		die(argv[3]);
	how = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	fd = open(argv[1], O_WRONLY | O_APPEND);
	if (fd < 0)
		die(argv[1]);
	put(fd, (struct log_record){.kind = LOG_EXIT, .offset = (uint64_t)how}, "", "");
	return how;
}
