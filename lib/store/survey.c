#include "store/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"

/* A walk of all tables. */
struct survey {
	survey_fault *fault;
	void *context;
	struct tree_walk walk;
	const char *table; /* that is walked */
	uint64_t faults;
};

static void pass_fault(void *context, const struct tree_fault *fault)
{
	struct survey *s = context;

	s->faults++;
	if (s->fault != NULL)
		s->fault(s->context, s->table, fault->page, fault->why);
}

/* Walk the tables whose records are in a leaf of LMDB's own. */
static void walk_tables(void *context, const uint8_t *page)
{
	struct survey *s = context;
	struct tree_walk *w = &s->walk, own = *w;
	char name[KV_KEY_MAX + 1];
	struct kv_bytes key, value;
	struct tree t;
	bool table;

	w->leaf = NULL;
	for (unsigned i = 0; i < tree_leaf_count(page); i++) {
		if (!tree_leaf_at(w->file, page, i, &key, &value, &table) || !table)
			continue;
		if (key.size > KV_KEY_MAX) /* another process may have written over it by now */
			continue;
		memcpy(name, key.data, key.size);
		name[key.size] = '\0';
		s->table = name;
		tree_of(&t, w->file, value);
		tree_walk(w, &t);
	}
	s->table = "meta";
	*w = own;
}

int survey_pages(struct tree_file *file, const struct tree_meta *meta, survey_fault *fault, void *context, struct evs_error *err)
{
	struct survey s = {.fault = fault, .context = context, .table = "meta",
	                   .walk = {.file = file, .fault = pass_fault, .leaf = walk_tables, .context = &s}};

	if ((s.walk.seen = calloc(file->pages / 8 + 1, 1)) == NULL)
		return error_nomem(err);
	tree_walk(&s.walk, &meta->main);
	s.walk.leaf = NULL;
	s.table = "free";
	tree_walk_free(&s.walk, &meta->free, meta->last_page);
	free(s.walk.seen);
	return s.faults == 0 ? EVS_OK : error_set(err, EVS_CORRUPT, 0, "pages of the store are damaged; evs verify says which");
}

/* ---- a file ---- */

/* Find out the size of pages and the newest commit from the meta pages that are whole. */
static void find_meta(struct survey_file *f)
{
	struct tree_meta pair[2], *first = &pair[0], *second = &pair[1];
	const struct tree_meta *newest;
	bool has_first = f->size >= TREE_META_BYTES && tree_meta(f->file.bytes, first), has_second = false;
	uint32_t size = has_first ? first->page_size : 512, most = has_first ? first->page_size : 65536;

	for (; !has_second && size <= most; size *= 2)
		has_second = f->size >= size + TREE_META_BYTES && tree_meta(f->file.bytes + size, second) && second->page_size == size;
	f->file.page_size = has_first ? first->page_size : has_second ? second->page_size : 4096;
	f->file.pages = f->size / f->file.page_size;
	if (!has_first || !has_second) {
		f->why = has_first ? "the second page is damaged" : "the first page is damaged";
	} else if ((f->why = tree_newest(pair, &newest)) == NULL) {
		f->meta = *newest;
		if (f->meta.last_page < f->file.pages)
			f->file.pages = f->meta.last_page + 1;
	}
}

int survey_open(const char *path, struct survey_file *f, struct evs_error *err)
{
	struct stat st;
	void *map;

	memset(f, 0, sizeof *f);
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 && errno == ENOENT)
		return error_set(err, EVS_NO_STORE, 0, "no such store");
	if (f->fd < 0 || fstat(f->fd, &st) != 0)
		return error_set(err, EVS_IO, errno, "cannot open the store");
	if (!S_ISREG(st.st_mode) || st.st_size < 512)
		return error_set(err, EVS_NOT_STORE, 0, "not an evs store");
	f->size = (size_t)st.st_size;
	map = mmap(NULL, f->size, PROT_READ, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED) {
		f->size = 0;
		return error_set(err, error_status(errno), errno, "cannot read the store");
	}
	f->file.bytes = map;
	f->file.fd = -1; /* all is mapped */
	mapped_add(map, f->size);
	find_meta(f);
	return EVS_OK;
}

void survey_close(struct survey_file *f)
{
	mapped_remove(f->file.bytes);
	if (f->file.bytes != NULL)
		munmap((void *)(uintptr_t)f->file.bytes, f->size);
	if (f->fd >= 0)
		close(f->fd);
}
