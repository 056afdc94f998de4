/* The streams that a batch touches, with how far each is. Names are borrowed from the batch. */
#ifndef EVS_STORE_STREAMS_H
#define EVS_STORE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "event/view.h"

#define STREAM_NONE UINT32_MAX

struct stream_entry {
	uint64_t hash; /* term_stream */
	uint64_t aggregate;
	struct text id;
	uint8_t id16[16]; /* the bytes of an id of so many, near at hand */
	const char *type; /* NULL: none */
	uint32_t type_size;
	uint64_t revision; /* with what the batch adds */
	uint64_t sealed;   /* of its newest event that goes into a segment; 0: none does */
};

/* Zeroed memory is an empty set. */
struct streams {
	struct stream_entry *entries;
	uint64_t *slots; /* the hash's higher half, and entry + 1 */
	size_t n, cap, n_slots;
	char **owned; /* copies of types */
	size_t n_owned, owned_cap;
};

void streams_release(struct streams *s);
void streams_clear(struct streams *s);

/* The number of an entry, STREAM_NONE when there is none. */
uint32_t streams_find(const struct streams *s, uint64_t hash, const struct text *id);

/* Add one that is not there. id and type are borrowed. STREAM_NONE: out of memory. */
uint32_t streams_add(struct streams *s, uint64_t hash, uint64_t aggregate, const struct text *id, const struct text *type,
                     const struct names *names);

/* Whether it may be there; false: it is not. */
static inline bool streams_may_have(const struct streams *s, uint64_t hash)
{
	if (s->n_slots > 0)
		for (size_t i = hash & (s->n_slots - 1); s->slots[i] != 0; i = (i + 1) & (s->n_slots - 1))
			if (s->slots[i] >> 32 == hash >> 32)
				return true;
	return false;
}

static inline void streams_prefetch(const struct streams *s, uint64_t hash)
{
	if (s->n_slots > 0)
		__builtin_prefetch(&s->slots[hash & (s->n_slots - 1)]);
}

#endif
