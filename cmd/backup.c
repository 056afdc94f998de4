/* evs backup: a consistent, verified copy of a store while others write to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

struct backup_args {
	struct option_common common;
	bool force;
};

static const struct option options[] = {
	{'f', "force", NULL, OPTION_FLAG, offsetof(struct backup_args, force), 0, NULL, "replace DEST when it is there"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct backup_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{"DEST", "the copy, a new file; '-' writes it to standard output, where it cannot be verified", "file"},
	{0},
};

/* The names that a backup works with; owned by it. */
struct names {
	const char *dest;
	char *dest_lock, *copy, *copy_lock, *directory;
};

/* Whether another process has the store open whose lock file this is; its id is in *holder. */
static bool in_use(const char *lock_path, pid_t *holder)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int fd = open(lock_path, O_RDWR | O_CLOEXEC);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	*holder = lock.l_pid;
	close(fd);
	return held;
}

/* Whether DEST may be written. EVS_OK, or an error about DEST. */
static int check_dest(const char *store_path, const struct names *names, bool force, struct evs_error *err)
{
	struct stat dest, store;
	pid_t holder = 0;

	if (lstat(names->dest, &dest) != 0)
		return errno == ENOENT ? EVS_OK : error_set(err, EVS_IO, errno, "cannot examine it");
	if (!S_ISREG(dest.st_mode))
		return error_set(err, EVS_IO, 0, "is there and is no regular file; name a new file");
	if (stat(store_path, &store) == 0 && store.st_dev == dest.st_dev && store.st_ino == dest.st_ino)
		return error_set(err, EVS_IO, 0, "is the store itself; name another file");
	if (!force)
		return error_set(err, EVS_IO, 0, "is there already; --force replaces it");
	if (in_use(names->dest_lock, &holder))
		return error_set(err, EVS_IO, 0, "is open in another process (%ld); it cannot be replaced now", (long)holder);
	return EVS_OK;
}

/* Make the names. */
static bool make_names(struct names *names, const char *dest)
{
	const char *slash = strrchr(dest, '/');

	names->dest = dest;
	if (slash == NULL)
		names->directory = strdup(".");
	else
		names->directory = strndup(dest, slash == dest ? 1 : (size_t)(slash - dest));
	if (names->directory == NULL || asprintf(&names->dest_lock, "%s-lock", dest) < 0 ||
	    asprintf(&names->copy, "%s.XXXXXX", dest) < 0)
		return false;
	return true;
}

/* Free the names. */
static void free_names(struct names *names)
{
	free(names->dest_lock);
	free(names->copy);
	free(names->copy_lock);
	free(names->directory);
}

/* Create the temporary file: new, ours alone, and removed if a signal ends us. -1 with err. */
static int create_copy(struct names *names, struct evs_error *err)
{
	sigset_t all, before;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	fd = mkostemp(names->copy, O_CLOEXEC);
	if (fd < 0)
		error_set(err, error_status(errno), errno, "cannot create a file beside it");
	else if (asprintf(&names->copy_lock, "%s-lock", names->copy) < 0)
		error_nomem(err);
	if (fd >= 0) {
		signals_remove(0, names->copy);
		signals_remove(1, names->copy_lock);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return fd;
}

/* One finding is enough to know; the status says that there are some. */
static void ignore_finding(void *context, const struct evs_finding *finding)
{
	(void)context;
	(void)finding;
}

/* Open the copy as a store, read and check all of it. */
static int verify_copy(const struct names *names, struct evs_error *err)
{
	struct evs_verify_result result;
	struct evs_store *copy = NULL;
	int status = evs_open(names->copy, EVS_READ, &copy, err);

	if (status == EVS_OK)
		status = evs_verify(copy, ignore_finding, NULL, &result, err);
	evs_close(copy);
	unlink(names->copy_lock);
	if (status == EVS_CORRUPT)
		error_set(err, EVS_CORRUPT, 0, "the copy was damaged, and is not kept; evs verify of the store says whether that is");
	return status;
}

/* Give the copy its name, and have the directory remember it. */
static int move_copy(const struct names *names, bool force, struct evs_error *err)
{
	int fd, failed = 0;

	/* A link refuses to replace what has appeared in the meantime; not every file system has links. */
	if (force || (link(names->copy, names->dest) != 0 && errno != EEXIST)) {
		if (rename(names->copy, names->dest) != 0)
			return error_set(err, error_status(errno), errno, "cannot rename the copy");
		unlink(names->dest_lock); /* it belonged to the file that was replaced */
	} else if (access(names->copy, F_OK) == 0 && unlink(names->copy) != 0) {
		return error_set(err, EVS_IO, errno, "cannot remove the copy's first name");
	}
	fd = open(names->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		failed = errno;
	if (fd >= 0)
		close(fd);
	return failed == 0 || failed == EINVAL ? EVS_OK : error_set(err, EVS_IO, failed, "cannot sync its directory");
}

/* Copy, sync, verify, rename. */
static int copy_to_file(struct evs_store *store, struct names *names, bool force, struct evs_error *err)
{
	int fd = create_copy(names, err), status = EVS_OK;

	if (fd < 0 || names->copy_lock == NULL) {
		status = err->status;
	} else {
		status = evs_copy(store, fd, err);
		if (status == EVS_OK && fsync(fd) != 0)
			status = error_set(err, error_status(errno), errno, "cannot sync the copy");
	}
	if (fd >= 0 && close(fd) != 0 && status == EVS_OK)
		status = error_set(err, error_status(errno), errno, "cannot write the copy");
	if (status == EVS_OK)
		status = verify_copy(names, err);
	if (status == EVS_OK)
		status = move_copy(names, force, err);
	if (fd >= 0 && status != EVS_OK)
		unlink(names->copy);
	signals_remove(0, NULL);
	signals_remove(1, NULL);
	return status;
}

/* Back up to a file. Returns the exit status. */
static int backup_to_file(struct evs_store *store, const char *store_path, const char *dest, bool force)
{
	struct evs_error err = {0};
	struct names names = {0};
	int status;

	if (!make_names(&names, dest))
		status = error_nomem(&err);
	else
		status = check_dest(store_path, &names, force, &err);
	if (status == EVS_OK)
		status = copy_to_file(store, &names, force, &err);
	free_names(&names);
	return status == EVS_OK ? STATUS_DONE : message_failure(dest, &err);
}

/* Back up to standard output. Returns the exit status. */
static int backup_to_output(struct evs_store *store, const char *store_path)
{
	struct evs_error err = {0};

	if (output_is_terminal())
		return message_usage("a store is not for a terminal; redirect standard output");
	if (evs_copy(store, STDOUT_FILENO, &err) == EVS_OK || err.sys_errno == EPIPE)
		return STATUS_DONE;
	return message_failure(store_path, &err);
}

/* The tool. */
static int cmd_backup(int argc, char **argv)
{
	struct backup_args args = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_backup, argc, argv, &args, &given, &status))
		return status;
	signals_exit();
	if (open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		return message_failure(given.list[0], &err);
	if (strcmp(given.list[1], "-") == 0)
		status = backup_to_output(store, given.list[0]);
	else
		status = backup_to_file(store, given.list[0], given.list[1], args.force);
	evs_close(store);
	return status;
}

const struct tool tool_backup = {
	.name = "backup",
	.run = cmd_backup,
	.summary = "copy a store, consistent and verified, while others write to it",
	.usage = "STORE [options] DEST",
	.about = "Copy a store to a new file while others may write to it. The copy is what the store was at one moment; "
		 "it is verified and on disk before it gets its name.",
	.operands = operands,
	.least = 2,
	.most = 2,
	.exits = "0125",
	.groups = groups,
};
