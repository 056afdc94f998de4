/* CloudEvents 1.0 out (JSON event format); parse.h reads them. */
#ifndef EVS_EVENT_CLOUDEVENT_H
#define EVS_EVENT_CLOUDEVENT_H

#include "event/render.h"

/*
 * One line. eventId, eventType, timestamp, aggregateId are id, type, time, subject; aggregateType, correlationId,
 * causationId, version, position, revision, recordedAt are extensions in lower case (version: eventversion), tags
 * and metadata are JSON in a string; data is data; everything else keeps its name, but for two things: an own field that
 * has the name of an attribute gets evs in front of it, and what parse_line called ce-version is version again.
 */
bool cloudevent_render(struct buf *out, const struct names *names, const struct record *r);

/* The field of the envelope for an attribute: its enum name_fixed, or one of these. */
enum { CLOUDEVENT_OTHER = -1 /* none */, CLOUDEVENT_STORE = -2 /* what the store or the format says */ };
int cloudevent_attribute(const char *name, size_t size);

/* Whether a name is an attribute's, or one with evs in front of it: as that of an own field it gets evs in front. */
bool cloudevent_clashes(const char *name, size_t size);
#define CLOUDEVENT_OWN_SIZE 3 /* bytes of evs */

#endif
