/*
 * Paths of the event that a fold reads, such as .data.total, found in one pass over an event before its turn comes, on
 * any thread. What is not found so is left to eval, which looks for one path at a time.
 */
#ifndef EVS_FOLD_LOOK_H
#define EVS_FOLD_LOOK_H

#include "fold/fold.h"

/* The kind of a value that was not found out. */
#define LOOK_UNKNOWN 254

/* A path: a field of the event, or what a member is of that another path leads to. */
struct look_path {
	struct node_key key; /* owned by the code */
	int field;           /* of the event, enum name_fixed; -1: none, but inside another */
	uint32_t first, next; /* the first path inside this one, the next inside the same; CODE_NONE: none */
};

/* Note the paths of a parsed fold in it, and their numbers in its nodes. False when memory ran out. */
bool look_find_paths(struct fold *f);

struct look;

/* Of use to one thread at a time. fold (NULL: there are no paths) and names are borrowed. NULL: no memory. */
struct look *look_new(const struct fold *fold, const struct names *names);
void look_free(struct look *l); /* NULL is fine */

/* Know the names that there are by now. Call it when events were loaded, before they are looked at. */
void look_renew(struct look *l);

/* Bytes that look_at takes at the most, beside the event. */
size_t look_room(const struct look *l);

/*
 * Look at an event.
 *
 *   memory  look_room bytes, aligned for a value: its values, VALUE_ABSENT where a path leads to nothing, LOOK_UNKNOWN
 *           where it was not found out, and short texts, so that all lies together
 *   out     borrows memory, the record, its body and names
 *
 * Returns how many bytes of memory are in use, 0: the event is malformed.
 */
size_t look_at(const struct look *l, const struct record *record, void *memory, struct fold_event *out);

#endif
