/* What a store has that a user may be about to write: the names of its types, streams, groups and so on. */
#ifndef EVS_CMD_CANDIDATES_H
#define EVS_CMD_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

/* Which; zeroed memory is none of anything. */
struct candidates {
	const char *typed;      /* they begin so */
	const char *projection; /* whose keys, for "key" */
	char **list;            /* out: in order, each once */
	size_t n, cap;
};

/*
 * Find those of a kind: "type", "stream", "aggregate-type", "source", "event", "correlation", "causation", "tag", "group",
 * "projection", "key" or "letter". What events have is looked for in the newest ones alone, so that an answer is there before it is
 * waited for; types that a store knows are found wherever they are. A store that cannot be read has none.
 */
void candidates_find(struct candidates *c, const char *kind, const char *store);
void candidates_release(struct candidates *c);

#endif
