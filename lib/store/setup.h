/*
 * How an append reads its lines, as a JSON object that is kept with the lines it put in the dead letters: to be read the
 * same way when they are sent again.
 */
#ifndef EVS_STORE_SETUP_H
#define EVS_STORE_SETUP_H

#include "base/buf.h"
#include "evs.h"

/* Put it behind out; nothing where lines are read as they are. out->failed: memory ran out. */
void setup_text(struct buf *out, const struct evs_append_options *options);

/* What was kept. */
struct setup {
	struct evs_append_options options; /* borrows the rest; only what says how to read is set */
	struct yyjson_doc *doc;
	const char **tags;
};

/* Read it; size 0 is none. EVS_OK: owned by the caller (setup_release); EVS_CORRUPT, EVS_NOMEM. */
int setup_read(struct setup *out, const char *text, size_t size, struct evs_error *err);
void setup_release(struct setup *s);

#endif
