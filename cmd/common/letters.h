/* Dead letters: which of them, and how they are shown. */
#ifndef EVS_CMD_LETTERS_H
#define EVS_CMD_LETTERS_H

#include "base/buf.h"
#include "evs.h"

#define LETTER_KINDS "line|fold|event"

/* Which. Zeroed but for kind, -1, are all. */
struct letter_filter {
	int kind;                   /* the place in LETTER_KINDS; -1: any */
	const char *group, *projection;
	const char *type;           /* a pattern of the event's type */
	const char *error;          /* what the reason contains, or the last try's standard error */
	const char *since, *until;  /* when they became dead letters; times of moment_parse_option */
};

bool letter_filter_any(const struct letter_filter *f);
bool letter_matches(struct evs_store *store, const struct letter_filter *f, const struct evs_letter *l);

/* Call each for those that match, in order; it may change them. EVS_OK; what each returned, if not that; or as evs_letter_get. */
int letter_each(struct evs_store *store, const struct letter_filter *f,
                int (*each)(void *context, struct evs_store *store, const struct evs_letter *l), void *context, struct evs_error *err);

/* A letter as one line of JSON: in short, or all of it. */
void letter_put(struct buf *out, struct evs_store *store, const struct evs_letter *l, bool all);

/* What it is about, byte for byte: the line, or the event. With a newline. */
void letter_put_raw(struct buf *out, struct evs_store *store, const struct evs_letter *l);

/* The record of a change as one line of JSON. */
void letter_put_entry(struct buf *out, const struct evs_letter_entry *e);

#endif
