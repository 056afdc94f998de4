/* Events in the formats that evs.h names. */
#ifndef EVS_EVENT_FORMAT_H
#define EVS_EVENT_FORMAT_H

#include "event/fields.h"
#include "event/render.h"
#include "evs.h"

/* Put an event behind out; fields: those to show, for EVS_FIELDS and, where it is not NULL, EVS_PRETTY*. False when malformed or out of memory (out->failed). */
bool format_event(struct buf *out, const struct names *names, enum evs_format format, const struct fields *fields, const struct record *r);

#endif
