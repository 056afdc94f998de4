/* Opening a store, for tools. */
#ifndef EVS_CMD_OPEN_H
#define EVS_CMD_OPEN_H

#include "evs.h"

/* evs_open; says on standard error where a reader is unknown to writers, and what that means. */
int open_store(const char *path, int flags, struct evs_store **out, struct evs_error *err);

#endif
