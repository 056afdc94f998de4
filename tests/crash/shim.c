/*
 * Loaded into evs with LD_PRELOAD: logs what it does to the files of a folder (log.h), and has calls fail.
 *
 *   CRASH_ROOT  the folder; files whose names end in -lock do not count, they mean nothing after a power cut
 *   CRASH_LOG   append to this log
 *   CRASH_FAIL  CLASS:N:ERRNO, the N-th call of a class fails once; N+: so do all that follow. ERRNO 0: a write is short;
 *               -1: a write is done, and the process killed before it is durable
 *   CRASH_MARK  a file that is made when a call was made to fail; with .count behind it, one that says at the end how many
 *               calls of the class there were
 *
 * Does nothing in programs of another name: handlers that evs starts inherit the environment.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"

enum class { NONE, WRITE, SYNC, TRUNCATE, OPEN, READ, MEMORY, MAP, NAME, THREAD, SPAWN, CLASSES };

static const char *const class_names[CLASSES] = {
	[WRITE] = "write", [SYNC] = "sync", [TRUNCATE] = "truncate", [OPEN] = "open", [READ] = "read", [MEMORY] = "memory",
	[MAP] = "map", [NAME] = "name", [THREAD] = "thread", [SPAWN] = "spawn",
};

static struct {
	bool recording;
	int fd; /* of the log */
	char root[PATH_MAX];
	size_t root_size;
	struct stat root_st;
	enum class class;
	long at;
	bool lasting;
	int error;
	const char *mark;
	atomic_long calls;
} shim;

/* So that the log has the order in which things happened. Handlers of signals write too: none comes in between. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static void begin_order(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
	pthread_mutex_lock(&order);
}

static void end_order(const sigset_t *before)
{
	pthread_mutex_unlock(&order);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ---- failing ---- */

static _Thread_local bool exempt; /* within a function of the C library that breaks where it finds no memory */

/* Whether this call of a class is to fail; errno is set then. */
static bool failing(enum class class)
{
	long n;
	int fd;

	if (class != shim.class || exempt)
		return false;
	n = atomic_fetch_add(&shim.calls, 1) + 1;
	if (n < shim.at || (n > shim.at && !shim.lasting))
		return false;
	if (n == shim.at && shim.mark != NULL && (fd = (int)syscall(SYS_openat, AT_FDCWD, shim.mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) >= 0)
		syscall(SYS_close, fd);
	errno = shim.error;
	return true;
}

/* ---- logging ---- */

/* Whether a descriptor is of a file of the folder; its name there, cut at what was added to it when it was removed. */
static bool ours(int fd, char name[static NAME_MAX + 1], struct stat *st)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (!shim.recording || fstat(fd, st) != 0 || !S_ISREG(st->st_mode))
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= (ssize_t)shim.root_size + 1 || memcmp(path, shim.root, shim.root_size) != 0 || path[shim.root_size] != '/')
		return false;
	path[n] = '\0';
	snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, path + shim.root_size + 1);
	n = (ssize_t)strlen(name);
	return n < 5 || strcmp(name + n - 5, "-lock") != 0;
}

/* Whether a path is of a file of the folder; its name there. */
static bool names_ours(const char *path, char name[static NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	struct stat st;
	size_t n;

	if (!shim.recording)
		return false;
	snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1, slash == NULL ? "." : path);
	snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, slash == NULL ? path : slash + 1);
	n = strlen(name);
	return stat(directory, &st) == 0 && st.st_dev == shim.root_st.st_dev && st.st_ino == shim.root_st.st_ino &&
	       (n < 5 || strcmp(name + n - 5, "-lock") != 0);
}

static void put(enum log_kind kind, uint64_t file, const char *name, uint64_t offset, const struct iovec *data, int n, size_t size)
{
	struct log_record r = {.magic = LOG_MAGIC, .kind = (uint16_t)kind, .file = file, .offset = offset, .size = size};
	struct iovec all[IOV_MAX + 2] = {{&r, sizeof r}};
	int used = 1;

	if (name != NULL) {
		r.name_size = (uint16_t)strlen(name);
		all[used++] = (struct iovec){(void *)(uintptr_t)name, r.name_size};
	}
	for (int i = 0; i < n && size > 0 && used < IOV_MAX; i++) {
		all[used] = data[i];
		if (all[used].iov_len > size)
			all[used].iov_len = size;
		size -= all[used++].iov_len;
	}
	if (syscall(SYS_writev, shim.fd, all, used) < 0)
		abort(); /* a log with a gap would lie */
}

static void put_bytes(enum log_kind kind, uint64_t file, const char *name, uint64_t offset, const void *data, size_t size)
{
	struct iovec one = {(void *)(uintptr_t)data, size};

	put(kind, file, name, offset, &one, 1, size);
}

__attribute__((constructor)) static void begin(void)
{
	const char *root = getenv("CRASH_ROOT"), *path = getenv("CRASH_LOG"), *fail = getenv("CRASH_FAIL"), *colon;
	int fd;

	if (root == NULL || strncmp(program_invocation_short_name, "evs", 3) != 0)
		return;
	if (path != NULL && (fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)) >= 0) {
		shim.fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
		close(fd);
		snprintf(shim.root, sizeof shim.root, "%s", root);
		shim.root_size = strlen(shim.root);
		shim.recording = shim.fd >= 0 && stat(root, &shim.root_st) == 0;
	}
	if (fail == NULL || (colon = strchr(fail, ':')) == NULL)
		return;
	shim.mark = getenv("CRASH_MARK");
	shim.at = strtol(colon + 1, NULL, 10);
	shim.lasting = strchr(colon, '+') != NULL;
	shim.error = (int)strtol(strrchr(fail, ':') + 1, NULL, 10);
	for (int i = 1; i < CLASSES; i++)
		if (strncmp(fail, class_names[i], (size_t)(colon - fail)) == 0 && class_names[i][colon - fail] == '\0')
			shim.class = (enum class)i;
}

__attribute__((destructor)) static void end(void)
{
	char path[PATH_MAX], text[24];
	int fd, n;

	if (shim.class == NONE || shim.mark == NULL)
		return;
	snprintf(path, sizeof path, "%s.count", shim.mark);
	n = snprintf(text, sizeof text, "%ld", atomic_load(&shim.calls));
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && syscall(SYS_write, fd, text, n) == n)
		syscall(SYS_close, fd);
}

/* ---- writing ---- */

static size_t size_of(const struct iovec *data, int n)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += data[i].iov_len;
	return size;
}

/* Write, with pwrite where offset is not negative, and log it. killed: no more than that becomes of the process. */
static ssize_t write_logged(int fd, const struct iovec *data, int n, off_t offset, bool killed)
{
	char name[NAME_MAX + 1];
	struct stat st;
	sigset_t before;
	off_t at = offset;
	ssize_t done;
	bool logged;

	begin_order(&before);
	logged = ours(fd, name, &st);
	if (shim.recording && fd == STDOUT_FILENO && !logged)
		put(LOG_OUTPUT, 0, NULL, 0, data, n, size_of(data, n));
	if (logged && offset < 0)
		at = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
	done = offset < 0 ? syscall(SYS_writev, fd, data, n) : syscall(SYS_pwritev, fd, data, n, offset, 0);
	if (logged && done > 0) {
		put(LOG_WRITE, st.st_ino, name, (uint64_t)at, data, n, (size_t)done);
		if (killed)
			kill(getpid(), SIGKILL);
		if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0)
			put(LOG_DSYNC, st.st_ino, name, (uint64_t)at, NULL, 0, 0);
	}
	end_order(&before);
	return done;
}

/* The same, or fail: on files alone, pipes have no full disks. */
static ssize_t write_all(int fd, const struct iovec *data, int n, off_t offset)
{
	struct stat st;
	struct iovec half;

	if (shim.class != WRITE || fd == STDERR_FILENO || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !failing(WRITE))
		return write_logged(fd, data, n, offset, false);
	if (shim.error == -1)
		return write_logged(fd, data, n, offset, true);
	if (shim.error != 0 || data[0].iov_len < 2)
		return -1;
	half = (struct iovec){data[0].iov_base, data[0].iov_len / 2};
	return write_logged(fd, &half, 1, offset, false);
}

ssize_t write(int fd, const void *data, size_t size)
{
	struct iovec one = {(void *)(uintptr_t)data, size};

	return write_all(fd, &one, 1, -1);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	struct iovec one = {(void *)(uintptr_t)data, size};

	return write_all(fd, &one, 1, offset);
}

ssize_t writev(int fd, const struct iovec *data, int n)
{
	return write_all(fd, data, n, -1);
}

ssize_t pwritev(int fd, const struct iovec *data, int n, off_t offset)
{
	return write_all(fd, data, n, offset);
}

static int sync_file(int fd, long call)
{
	char name[NAME_MAX + 1];
	struct stat st;
	sigset_t before;
	int failed;

	if (failing(SYNC))
		return -1;
	begin_order(&before);
	failed = (int)syscall(call, fd);
	if (failed == 0 && ours(fd, name, &st))
		put(LOG_SYNC, st.st_ino, name, 0, NULL, 0, 0);
	else if (failed == 0 && shim.recording && fstat(fd, &st) == 0 && st.st_dev == shim.root_st.st_dev && st.st_ino == shim.root_st.st_ino)
		put(LOG_DIRSYNC, 0, NULL, 0, NULL, 0, 0);
	end_order(&before);
	return failed;
}

int fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

int ftruncate(int fd, off_t size)
{
	char name[NAME_MAX + 1];
	struct stat st;
	sigset_t before;
	int failed;

	if (failing(TRUNCATE))
		return -1;
	begin_order(&before);
	failed = (int)syscall(SYS_ftruncate, fd, size);
	if (failed == 0 && ours(fd, name, &st))
		put(LOG_TRUNCATE, st.st_ino, name, (uint64_t)size, NULL, 0, 0);
	end_order(&before);
	return failed;
}

/* ---- names ---- */

/* A descriptor that was opened: is it of a new file, or of one that was emptied? */
static int opened(int fd, bool existed, int flags)
{
	char name[NAME_MAX + 1];
	struct stat st;
	sigset_t before;

	if (fd < 0 || !ours(fd, name, &st))
		return fd;
	begin_order(&before);
	if (!existed)
		put(LOG_CREATE, st.st_ino, name, 0, NULL, 0, 0);
	else if ((flags & O_TRUNC) != 0)
		put(LOG_TRUNCATE, st.st_ino, name, 0, NULL, 0, 0);
	end_order(&before);
	return fd;
}

int open(const char *path, int flags, ...)
{
	struct stat st;
	mode_t mode = 0;
	bool existed = true;
	va_list args;

	if (failing(OPEN))
		return -1;
	va_start(args, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (shim.recording && (flags & O_CREAT) != 0)
		existed = stat(path, &st) == 0;
	return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), existed, flags);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return failing(OPEN) ? -1 : opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, 0), true, flags);
}

int mkostemp(char *template, int flags)
{
	int (*real)(char *, int);

	if (failing(OPEN))
		return -1;
	*(void **)&real = dlsym(RTLD_NEXT, "mkostemp");
	return opened(real(template, flags), false, flags);
}

int link(const char *from, const char *to)
{
	char name[NAME_MAX + 1];
	struct stat st;
	sigset_t before;
	int failed;

	if (failing(NAME))
		return -1;
	begin_order(&before);
	failed = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (failed == 0 && names_ours(to, name) && stat(to, &st) == 0)
		put(LOG_LINK, st.st_ino, name, 0, NULL, 0, 0);
	end_order(&before);
	return failed;
}

int rename(const char *from, const char *to)
{
	char old[NAME_MAX + 1], new[NAME_MAX + 1];
	sigset_t before;
	int failed;

	if (failing(NAME))
		return -1;
	begin_order(&before);
	failed = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (failed == 0 && names_ours(to, new) && names_ours(from, old))
		put_bytes(LOG_RENAME, 0, new, 0, old, strlen(old));
	end_order(&before);
	return failed;
}

int unlink(const char *path)
{
	char name[NAME_MAX + 1];
	sigset_t before;
	int failed;

	begin_order(&before);
	failed = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (failed == 0 && names_ours(path, name))
		put(LOG_UNLINK, 0, name, 0, NULL, 0, 0);
	end_order(&before);
	return failed;
}

/* ---- what is made to fail only ---- */

ssize_t read(int fd, void *data, size_t size)
{
	return failing(READ) ? -1 : syscall(SYS_read, fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	return failing(READ) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return failing(MAP) ? MAP_FAILED : (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
	return failing(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return failing(MEMORY) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return failing(MEMORY) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return failing(MEMORY) ? NULL : __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	void *p = failing(MEMORY) ? NULL : __libc_memalign(align, size);

	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

/* glibc 2.36 aborts here, or worse (nss_database.c): none of our doing. */
struct passwd *getpwuid(uid_t uid)
{
	struct passwd *(*real)(uid_t), *user;

	*(void **)&real = dlsym(RTLD_NEXT, "getpwuid");
	exempt = true;
	user = real(uid);
	exempt = false;
	return user;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (failing(THREAD))
		return errno;
	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attributes, run, context);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const env[])
{
	int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);

	if (failing(SPAWN))
		return errno;
	*(void **)&real = dlsym(RTLD_NEXT, "posix_spawnp");
	return real(pid, file, actions, attributes, argv, env);
}
