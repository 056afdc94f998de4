/* The pages of a store's file, looked at before LMDB does: of a file that is damaged it believes everything. */
#ifndef EVS_STORE_PAGES_H
#define EVS_STORE_PAGES_H

#include <stdbool.h>

#include "evs.h"

enum pages_found { PAGES_STORE, PAGES_EMPTY, PAGES_MISSING };

/*
 * Look at the file at path. create: it may be empty or missing. EVS_OK; EVS_NO_STORE, EVS_NOT_STORE; EVS_CORRUPT: it is
 * truncated, or its first pages are damaged; EVS_IO, EVS_NOMEM.
 */
int pages_inspect(const char *path, bool create, enum pages_found *found, struct evs_error *err);

/* The directory entry of a new file is to survive a power cut too. */
int pages_sync_directory(const char *path, struct evs_error *err);

#endif
