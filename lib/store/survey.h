/* All pages of a store's file, table by table, whether or not it can be opened. */
#ifndef EVS_STORE_SURVEY_H
#define EVS_STORE_SURVEY_H

#include "store/tree.h"

/*
 * Look at all pages of all tables, also of those that are opened by name, and at the lists of free pages (as table "free"). fault, may
 * be NULL, is called for each that is damaged. EVS_OK, EVS_CORRUPT, EVS_NOMEM.
 */
int survey_pages(struct tree_file *file, const struct tree_meta *meta, survey_fault *fault, void *context, struct evs_error *err);

/* A file that is looked at without LMDB, whatever is in it. */
struct survey_file {
	int fd;
	size_t size;
	struct tree_file file;
	struct tree_meta meta; /* of the newest commit */
	const char *why;       /* it is not known; NULL: it is */
};

/* Open a file to look at it; nobody may write to it meanwhile. EVS_OK; EVS_NO_STORE, EVS_NOT_STORE, EVS_IO. */
int survey_open(const char *path, struct survey_file *f, struct evs_error *err);
void survey_close(struct survey_file *f);

#endif
