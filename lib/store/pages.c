#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/tree.h"

/* Where a file of LMDB says that it is one: in its first page. */
enum { META_MAGIC_AT = 16 };
#define META_MAGIC 0xBEEFC0DEu

/* Read one meta page; false when it is none. */
static bool read_meta(int fd, off_t at, struct tree_meta *out)
{
	uint8_t meta[TREE_META_BYTES];

	return pread(fd, meta, sizeof meta, at) == (ssize_t)sizeof meta && tree_meta(meta, out);
}

/* How many of the pages behind the file's end LMDB's lists of free pages name. */
static uint64_t count_free(struct tree_file *f, const struct tree_meta *meta)
{
	struct kv_bytes key = {NULL, 0}, list;
	struct tree_cursor c;
	uint64_t n = 0;
	int status;

	tree_cursor(&c, f, &meta->free);
	while ((status = tree_move(&c, KV_NEXT, &key, &list, NULL)) == EVS_OK) {
		if (tree_list_fault(list, meta->last_page) != NULL)
			return 0;
		for (uint64_t i = 1; i <= get64(list.data); i++)
			n += get64(list.data + 8 * i) >= f->pages;
	}
	return status == EVS_END ? n : 0;
}

/*
 * Whether nothing but free pages is missing: a transaction that takes pages at the end and frees them does not write them, and
 * a power cut may come before the file was lengthened (kv_txn.c).
 */
static bool only_free_missing(int fd, const struct tree_meta *meta, uint64_t size)
{
	struct tree_file f = {.pages = size / meta->page_size, .page_size = meta->page_size};
	void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	bool ok;

	if (map == MAP_FAILED)
		return false;
	f.bytes = map;
	ok = count_free(&f, meta) == meta->last_page + 1 - f.pages;
	munmap(map, (size_t)size);
	return ok;
}

/* ---- the file ---- */

/* Whether bytes begin as those of an LMDB file do. */
static bool has_magic(int fd)
{
	uint8_t magic[4];

	return pread(fd, magic, sizeof magic, META_MAGIC_AT) == (ssize_t)sizeof magic && get32(magic) == META_MAGIC;
}

/* Say what is wrong with the file at fd, if LMDB could not have written it. */
static int check_file(int fd, off_t size, struct evs_error *err)
{
	struct tree_meta meta[2];
	const struct tree_meta *newest;
	const char *why;
	uint64_t wanted;

	if (!has_magic(fd))
		return error_set(err, EVS_NOT_STORE, 0, "not an evs store");
	if (!read_meta(fd, 0, &meta[0]))
		return error_set(err, EVS_CORRUPT, 0, "the store's first page is damaged; evs cat --salvage prints what is whole");
	if (!read_meta(fd, (off_t)meta[0].page_size, &meta[1]) || meta[1].page_size != meta[0].page_size)
		return error_set(err, EVS_CORRUPT, 0,
		                 "the store is truncated or its second page is damaged; evs cat --salvage prints what is whole");
	if ((why = tree_newest(meta, &newest)) != NULL)
		return error_set(err, EVS_CORRUPT, 0, "the store is damaged: %s; evs cat --salvage prints what is whole", why);
	wanted = (newest->last_page + 1) * newest->page_size;
	if (wanted <= (uint64_t)size || only_free_missing(fd, newest, (uint64_t)size))
		return EVS_OK;
	return error_set(err, EVS_CORRUPT, 0,
	                 "the store is truncated: it has %lld of at least %llu bytes; evs cat --salvage prints what is whole",
	                 (long long)size, (unsigned long long)wanted);
}

/* Others may write meanwhile: what looks damaged is looked at again. */
static int check_patiently(int fd, struct evs_error *err)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	struct stat st;
	int status = EVS_OK;

	for (int i = 0; i < 4; i++) {
		if (fstat(fd, &st) != 0)
			return error_set(err, EVS_IO, errno, "cannot examine the store");
		status = check_file(fd, st.st_size, err);
		if (status != EVS_CORRUPT)
			break;
		nanosleep(&pause, NULL);
	}
	return status;
}

int pages_inspect(const char *path, bool create, enum pages_found *found, struct evs_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status;
	struct stat st;

	*found = PAGES_STORE;
	if (fd < 0 && errno == ENOENT) {
		*found = PAGES_MISSING;
		return create ? EVS_OK : error_set(err, EVS_NO_STORE, 0, "no such store");
	}
	if (fd < 0)
		return error_set(err, EVS_IO, errno, "cannot open the store");
	if (fstat(fd, &st) != 0) {
		status = error_set(err, EVS_IO, errno, "cannot examine the store");
	} else if (!S_ISREG(st.st_mode)) {
		status = error_set(err, EVS_NOT_STORE, 0, "not an evs store but %s", S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
	} else if (st.st_size == 0) {
		*found = PAGES_EMPTY;
		status = create ? EVS_OK : error_set(err, EVS_NOT_STORE, 0, "an empty file, not an evs store");
	} else {
		status = check_patiently(fd, err);
	}
	close(fd);
	return status;
}

int pages_sync_directory(const char *path, struct evs_error *err)
{
	char *copy = strdup(path);
	int fd, status = EVS_OK;

	if (copy == NULL)
		return error_nomem(err);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		status = error_set(err, EVS_IO, errno, "cannot sync the directory of the store");
	if (fd >= 0)
		close(fd);
	free(copy);
	return status;
}
