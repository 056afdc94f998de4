#include "common/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "common/message.h"
#include "common/signals.h"

#define READ_BYTES 65536
#define NEW_MODE (S_IFREG | 0644)

const char *file_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* Read to the end. 0, or the errno. */
static int read_all(int fd, struct buf *out)
{
	size_t start = out->size;

	for (;;) {
		ssize_t n;

		if (!buf_room(out, READ_BYTES))
			return ENOMEM;
		n = read(fd, out->data + out->size, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		out->size += (size_t)n;
		if (out->size - start > FILE_BYTES_MAX)
			return EFBIG;
	}
}

int file_read(const char *path, struct buf *out, struct evs_error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), failure;

	if (fd < 0)
		return error_set(err, EVS_IO, errno, "cannot open '%s'", path);
	failure = read_all(fd, out);
	if (!is_stdin)
		close(fd);
	return failure == 0 ? EVS_OK : error_set(err, error_status(failure), failure, "cannot read '%s'", file_name(path));
}

int file_read_fold(const char *path, struct buf *text, const char **fold, size_t *size, const char **name)
{
	struct evs_error err;

	if (path == NULL)
		return STATUS_DONE;
	signals_exit();
	if (file_read(path, text, &err) != EVS_OK)
		return message_text(&err);
	*fold = text->data == NULL ? "" : (const char *)text->data;
	*size = text->size;
	*name = file_name(path);
	return STATUS_DONE;
}

int file_read_json(const char *path, struct buf *text, const char **json, size_t *size)
{
	struct evs_error err;
	size_t at = 0;

	*json = NULL;
	*size = 0;
	if (path == NULL && isatty(STDIN_FILENO))
		return STATUS_DONE;
	signals_exit();
	if (file_read(path == NULL ? "-" : path, text, &err) != EVS_OK)
		return message_text(&err);
	while (at < text->size && isspace(text->data[at]))
		at++;
	if (at < text->size) {
		*json = (const char *)text->data;
		*size = text->size;
	}
	return STATUS_DONE;
}

/* Write everything, durably. 0, or the errno. */
static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd) == 0 ? 0 : errno;
}

int file_replace(const char *path, const void *data, size_t size, struct evs_error *err)
{
	char *real = realpath(path, NULL), *temporary = NULL; /* a link stays one */
	struct stat st = {.st_mode = NEW_MODE};
	int fd = -1, failure = 0;

	if (real == NULL && errno == ENOENT)
		real = strdup(path);
	if (real == NULL || (stat(real, &st) != 0 && errno != ENOENT))
		failure = errno;
	else if (!S_ISREG(st.st_mode)) /* a device or a pipe would be gone */
		failure = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
	else if (asprintf(&temporary, "%s.XXXXXX", real) < 0)
		failure = ENOMEM;
	else if ((fd = mkostemp(temporary, O_CLOEXEC)) < 0 || fchmod(fd, st.st_mode & 07777) != 0)
		failure = errno;
	else
		failure = write_all(fd, data, size);
	if (fd >= 0 && close(fd) != 0 && failure == 0)
		failure = errno;
	if (failure == 0 && rename(temporary, real) != 0)
		failure = errno;
	if (failure != 0 && fd >= 0)
		unlink(temporary);
	free(temporary);
	free(real);
	return failure == 0 ? EVS_OK : error_set(err, error_status(failure), failure, "cannot write '%s'", path);
}
