#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"

/* A meta page; evs-store(5). */
enum {
	META_MAGIC_AT = 16, META_VERSION_AT = 20, META_PAGE_SIZE_AT = 40, META_FREE_ROOT_AT = 80, META_LAST_PAGE_AT = 136,
	META_TXN_AT = 144, META_BYTES = 152
};
#define META_MAGIC 0xBEEFC0DEu

/* A page of a tree. */
enum { PAGE_FLAGS_AT = 10, PAGE_LOWER_AT = 12, PAGE_HEAD = 16, PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4 };
enum { NODE_FLAGS_AT = 4, NODE_KEY_SIZE_AT = 6, NODE_HEAD = 8, NODE_BIG = 1 };

enum {
	MISSING_MAX = 1 << 20, /* pages */
	DEPTH_MAX = 16,
};

struct meta {
	uint64_t txn, last_page, free_root;
	uint32_t page_size;
};

/* Read one meta page; false when it is none. */
static bool read_meta(int fd, off_t at, struct meta *out)
{
	uint8_t meta[META_BYTES];

	if (pread(fd, meta, sizeof meta, at) != (ssize_t)sizeof meta || get32(meta + META_MAGIC_AT) != META_MAGIC ||
	    (get32(meta + META_VERSION_AT) & 0xffff) != 1)
		return false;
	out->txn = get64(meta + META_TXN_AT);
	out->last_page = get64(meta + META_LAST_PAGE_AT);
	out->free_root = get64(meta + META_FREE_ROOT_AT);
	out->page_size = get32(meta + META_PAGE_SIZE_AT);
	return true;
}

/* ---- pages that are missing at the end ---- */

/* Which pages of the file's end are missing, and which of these LMDB's tree of free pages names. */
struct missing {
	int fd;
	uint32_t page_size;
	uint64_t first, n; /* pages */
	uint64_t found;
	uint64_t budget;   /* pages to read at most: a damaged tree may have no end */
	uint8_t *free;     /* a byte a missing page */
};

static bool read_pages(struct missing *m, uint64_t page, uint64_t n, uint8_t *out)
{
	size_t size = (size_t)n * m->page_size;

	if (page >= m->first || n > m->first - page || n > m->budget)
		return false;
	m->budget -= n;
	return pread(m->fd, out, size, (off_t)(page * m->page_size)) == (ssize_t)size;
}

/* A list of free pages: their number, and they. */
static bool take_list(struct missing *m, const uint8_t *list, size_t size)
{
	uint64_t n = size < 8 ? 0 : get64(list), page;

	if (size < 8 || n > size / 8 - 1)
		return false;
	for (uint64_t i = 1; i <= n; i++) {
		page = get64(list + 8 * i);
		if (page >= m->first && page - m->first < m->n && m->free[page - m->first] == 0) {
			m->free[page - m->first] = 1;
			m->found++;
		}
	}
	return true;
}

/* A list that has pages of its own. */
static bool take_overflow(struct missing *m, uint64_t page, uint64_t size)
{
	uint64_t n = (PAGE_HEAD + size + m->page_size - 1) / m->page_size;
	uint8_t *pages;
	bool ok;

	if (size > m->first * m->page_size || n > m->budget || (pages = malloc((size_t)n * m->page_size)) == NULL)
		return false;
	ok = read_pages(m, page, n, pages) && (get16(pages + PAGE_FLAGS_AT) & PAGE_OVERFLOW) != 0 &&
	     take_list(m, pages + PAGE_HEAD, (size_t)size);
	free(pages);
	return ok;
}

static bool take_node(struct missing *m, const uint8_t *page, size_t at)
{
	const uint8_t *node = page + at;
	size_t left = m->page_size - at, key, size;

	if (left < NODE_HEAD)
		return false;
	key = get16(node + NODE_KEY_SIZE_AT);
	size = get32(node);
	left -= NODE_HEAD;
	if (key > left)
		return false;
	left -= key;
	node += NODE_HEAD + key;
	if ((get16(page + at + NODE_FLAGS_AT) & NODE_BIG) != 0)
		return left >= 8 && take_overflow(m, get64(node), size);
	return size <= left && take_list(m, node, size);
}

/* The tree below a page. */
static bool take_tree(struct missing *m, uint64_t number, unsigned depth)
{
	uint8_t *page = malloc(m->page_size);
	bool ok = page != NULL && depth > 0 && read_pages(m, number, 1, page);
	unsigned flags = 0, lower = 0;

	if (ok) {
		flags = get16(page + PAGE_FLAGS_AT);
		lower = get16(page + PAGE_LOWER_AT);
		ok = lower >= PAGE_HEAD && lower <= m->page_size && (flags & (PAGE_BRANCH | PAGE_LEAF)) != 0;
	}
	for (unsigned i = PAGE_HEAD; ok && i + 2 <= lower; i += 2) {
		size_t at = get16(page + i);
		if ((flags & PAGE_LEAF) != 0)
			ok = take_node(m, page, at);
		else
			ok = at + NODE_HEAD <= m->page_size &&
			     take_tree(m, get32(page + at) | (uint64_t)get16(page + at + NODE_FLAGS_AT) << 32, depth - 1);
	}
	free(page);
	return ok;
}

/*
 * Whether nothing but free pages is missing: a transaction that takes pages at the end and frees them does not write them, and
 * a power cut may come before the file was lengthened (kv.c).
 */
static bool only_free_missing(int fd, const struct meta *meta, uint64_t size)
{
	struct missing m = {.fd = fd, .page_size = meta->page_size, .first = size / meta->page_size};
	bool ok;

	m.n = meta->last_page + 1 - m.first;
	m.budget = m.first;
	if (meta->free_root == UINT64_MAX || m.n > MISSING_MAX || (m.free = calloc(1, (size_t)m.n)) == NULL)
		return false;
	ok = take_tree(&m, meta->free_root, DEPTH_MAX) && m.found == m.n;
	free(m.free);
	return ok;
}

/* ---- the file ---- */

/* Say what is wrong with the file at fd, if LMDB could not have written it. */
static int check_file(int fd, off_t size, struct evs_error *err)
{
	struct meta meta[2];
	int newest;

	if (!read_meta(fd, 0, &meta[0]))
		return error_set(err, EVS_NOT_STORE, 0, "not an evs store");
	if (meta[0].page_size < 512 || meta[0].page_size > 65536 || (meta[0].page_size & (meta[0].page_size - 1)) != 0)
		return error_set(err, EVS_CORRUPT, 0, "the store's first page is damaged");
	if (!read_meta(fd, (off_t)meta[0].page_size, &meta[1]))
		return error_set(err, EVS_CORRUPT, 0, "the store is truncated or its second page is damaged; restore it from a backup");
	newest = meta[1].txn > meta[0].txn;
	meta[newest].page_size = meta[0].page_size;
	if (meta[newest].last_page < UINT64_MAX / meta[0].page_size &&
	    ((meta[newest].last_page + 1) * meta[0].page_size <= (uint64_t)size || only_free_missing(fd, &meta[newest], (uint64_t)size)))
		return EVS_OK;
	return error_set(err, EVS_CORRUPT, 0, "the store is truncated: it has %lld of at least %llu bytes; restore it from a backup",
	                 (long long)size, (unsigned long long)((meta[newest].last_page + 1) * meta[0].page_size));
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
