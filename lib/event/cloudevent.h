/* CloudEvents 1.0 out (JSON event format); parse.h reads them. */
#ifndef EVS_EVENT_CLOUDEVENT_H
#define EVS_EVENT_CLOUDEVENT_H

#include "event/render.h"

/*
 * One line. eventId, eventType, timestamp, aggregateId are id, type, time, subject; aggregateType, correlationId,
 * causationId, version, position, revision, recordedAt are extensions in lower case (version: eventversion), tags
 * and metadata are JSON in a string; data is data; everything else keeps its name.
 */
bool cloudevent_render(struct buf *out, const struct names *names, const struct record *r);

#endif
