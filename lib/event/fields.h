/* --fields: an event with nothing but the chosen fields, in the order they were chosen. */
#ifndef EVS_EVENT_FIELDS_H
#define EVS_EVENT_FIELDS_H

#include "evs.h"
#include "event/path.h"
#include "event/render.h"

struct fields;

/*
 * The value under a step of the object or array at p, of an event or inside one; *end, which p ends before, moves to its
 * end. NULL: there is none.
 */
const uint8_t *fields_child(const struct names *names, const uint8_t *p, const uint8_t **end, const struct path_step *step);

/* Read `.a,.b.c`. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int fields_parse(const char *text, struct fields **out, struct evs_error *err);
void fields_free(struct fields *f);

/*
 * One line: an object in which each chosen field stands where it stands in the event; absent ones are left out.
 * An index makes an array of the chosen elements. False when malformed or out of memory.
 */
bool fields_render(struct buf *out, const struct names *names, const struct fields *f, const struct record *r);

#endif
