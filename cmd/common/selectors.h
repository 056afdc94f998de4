/* The options that say which events a tool reads: evs-selectors(7). */
#ifndef EVS_CMD_SELECTORS_H
#define EVS_CMD_SELECTORS_H

#include "common/options.h"
#include "evs.h"

struct selectors {
	struct evs_selector selector;
	const char *shard;
	bool has_to, has_from_revision;
};

extern const struct option selectors_table[];
#define SELECTORS_N 20
#define SELECTORS_GROUP(type, member) \
	{"Selectors (all must match)", selectors_table, SELECTORS_N, offsetof(type, member)}

/* Complete the selector after the parse. False, with the reason said, when the options make no sense. */
bool selectors_finish(struct selectors *s);

/* Where --stream is a TYPE/ID that is no stream, but one whose type and id they are is there: say how to write it. */
void selectors_advise(const struct selectors *s, struct evs_store *store, const char *path);

/* Whether any selector was given. */
bool selectors_any(const struct selectors *s);

#endif
