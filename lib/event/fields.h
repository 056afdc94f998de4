/* --fields: an event with nothing but the chosen fields, in the order they were chosen. */
#ifndef EVS_EVENT_FIELDS_H
#define EVS_EVENT_FIELDS_H

#include "evs.h"
#include "event/render.h"

struct fields;

/* Read `.a,.b.c`. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int fields_parse(const char *text, struct fields **out, struct evs_error *err);
void fields_free(struct fields *f);

/*
 * One line: an object in which each chosen field stands where it stands in the event; absent ones are left out.
 * An index makes an array of the chosen elements. False when malformed or out of memory.
 */
bool fields_render(struct buf *out, const struct names *names, const struct fields *f, const struct record *r);

#endif
