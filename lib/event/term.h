/*
 * Terms: the 64-bit hashes under which an index finds events. A hash finds candidates; the event decides.
 * Hashes are seeded by the store, so that nobody can prepare strings that collide.
 */
#ifndef EVS_EVENT_TERM_H
#define EVS_EVENT_TERM_H

#include <stddef.h>
#include <stdint.h>

#include "event/view.h"

enum term_kind { TERM_EVENT, TERM_STREAM, TERM_AGGREGATE, TERM_TYPE, TERM_CORRELATION, TERM_CAUSATION, TERM_TAG };

/* The hash of a string as a term. */
uint64_t term_hash(uint64_t seed, enum term_kind kind, const struct text *text, const struct names *names);

/* The hash of a stream: of an aggregateId's own hash (TERM_AGGREGATE) and its type, absent included. */
uint64_t term_stream(uint64_t seed, uint64_t aggregate, const struct text *type, const struct names *names);

/* What one event is found under, but for its eventId. */
struct terms {
	uint64_t event;     /* TERM_EVENT */
	uint64_t aggregate; /* TERM_AGGREGATE; meaningful where stream is not 0 */
	uint64_t stream;    /* 0: no stream */
};

/*
 * Hash an event's terms. Those that are looked up by posting list (stream, type, correlation, causation, tags)
 * go to `each`. Returns false when a tag is malformed or each returned false.
 */
bool term_all(uint64_t seed, const struct view *v, const struct names *names, struct terms *out,
              bool (*each)(void *context, uint64_t hash), void *context);

#endif
