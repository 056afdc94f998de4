/* For unit tests that need files: a fresh folder for each test, removed behind it; and stores in it. */
#ifndef EVS_TESTS_UNIT_FOLDER_H
#define EVS_TESTS_UNIT_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char folder[128];

static inline int folder_new(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof folder, "%.90s/evs-unit-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int folder_remove(void **state)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	(void)state;
	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, e->d_name[0] == '.' ? AT_REMOVEDIR : 0);
	if (d != NULL)
		closedir(d);
	return rmdir(folder);
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_new, folder_remove)

/* The path of a file in the folder; up to four at once. */
static inline const char *in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static inline void put_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static inline void get_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	out->size = 0;
	do {
		assert_true(buf_room(out, 65536));
		n = read(fd, out->data + out->size, 65536);
		assert_true(n >= 0);
		out->size += (size_t)n;
	} while (n > 0);
	close(fd);
}

static inline struct evs_store *open_store(const char *path, int flags)
{
	struct evs_store *store;
	struct evs_error err;

	CHECK(evs_open(path, flags, &store, &err) == EVS_OK, "%s: %s", path, err.message);
	return store;
}

/* Append lines, all of them good. */
static inline void append_lines(struct evs_store *store, const struct evs_append_options *options, const void *lines, size_t size)
{
	static const struct evs_append_options plain = {.expect = EVS_EXPECT_ANY};
	struct evs_append *a;
	struct evs_error err;

	CHECK(evs_append_new(store, options == NULL ? &plain : options, &a, &err) == EVS_OK, "%s", err.message);
	CHECK(evs_append_lines(a, lines, size, &err) == EVS_OK && evs_append_finish(a, &err) == EVS_OK, "%s", err.message);
	evs_append_free(a);
}

#endif
