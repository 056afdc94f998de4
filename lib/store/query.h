/* Append conditions of a Dynamic Consistency Boundary (dcb.events, Specification). */
#ifndef EVS_STORE_QUERY_H
#define EVS_STORE_QUERY_H

#include "store/index.h"

struct query;

/*
 * Read a QUERY: a JSON array of items {"types":[...],"tags":[...]}, or an object with it under "items". An event
 * matches an item when its type is one of `types` and it has all `tags`; an absent or empty list asks nothing.
 * EVS_OK, EVS_USAGE, EVS_NOMEM.
 */
int query_parse(const char *text, struct query **out, struct evs_error *err);
void query_free(struct query *q);

/*
 * Find an event behind position `after` that matches; *position, 0 when there is none.
 * EVS_OK, EVS_CORRUPT, EVS_NOMEM, EVS_IO.
 */
int query_find(const struct query *q, const struct index *x, uint64_t after, uint64_t *position, struct evs_error *err);

#endif
