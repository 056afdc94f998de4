/*
 * Runs: the index of a stretch of consecutive positions in one value (evs-store(5)): which eventIds are there,
 * which streams and how far each is, and where each term stands. Written once, merged as they multiply.
 *
 * Invariants: positions in a run are relative to its first. Hashes count with their highest RUN_HASH_BITS bits.
 * Sections are cut into buckets by the highest bits, so that a lookup reads one bucket. A filter says of most
 * eventIds and streams that are not there that they are not. Answers are candidates, but for streams, whose
 * names are kept.
 */
#ifndef EVS_STORE_RUN_H
#define EVS_STORE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "event/view.h"

#define RUN_EVENTS_MAX (2u << 20)   /* merging stops here; relative positions fit 3 bytes */
#define RUN_ENTRIES_MAX (16u << 20) /* and here: what a run holds fits in memory */

/* A hash at a position. */
struct run_entry {
	uint64_t hash;
	uint32_t position;
};

/* A stream and the revision it has at the end of the run. */
struct run_stream {
	uint64_t aggregate; /* TERM_AGGREGATE of id */
	struct text id;     /* TEXT_STRING or TEXT_UUID */
	const char *type;   /* NULL: none */
	uint32_t type_size;
	uint64_t revision;
};

/* What a run is made of. Entries are in order of position; all arrays are sorted in place. */
struct run_input {
	uint64_t first;
	uint32_t count; /* events: 1..RUN_EVENTS_MAX */
	struct run_entry *events, *terms;
	struct run_stream *streams; /* each once */
	size_t n_events, n_terms, n_streams;
};

/* A run looked at. Borrows its bytes. */
struct run {
	const uint8_t *bytes;
	size_t size;
	uint64_t first;
	uint32_t count;
	uint32_t n_events, n_terms, n_streams;
	unsigned event_bits, term_bits, stream_bits;
	uint32_t n_words;
	const uint8_t *filter;
	const uint8_t *events_at, *events, *streams_at, *streams, *terms_at, *terms, *end;
};

/* Look at a run's head. False when it is damaged. */
bool run_open(struct run *r, const uint8_t *bytes, size_t size);
bool run_checksum_ok(const struct run *r);

/* Bring the filter's word for a hash near. */
static inline const uint8_t *run_word(const struct run *r, uint64_t mixed)
{
	return r->filter + 8 * (size_t)(((unsigned __int128)mixed * r->n_words) >> 64);
}

uint64_t run_mix(uint64_t hash);

static inline void run_prefetch(const struct run *r, uint64_t mixed)
{
	__builtin_prefetch(run_word(r, mixed));
}

/* What a key sets in its word of the filter (a register-blocked Bloom filter: Putze, Sanders, Singler 2007). */
static inline uint64_t run_filter_bits(uint64_t mixed)
{
	return UINT64_C(1) << (mixed & 63) | UINT64_C(1) << (mixed >> 6 & 63) | UINT64_C(1) << (mixed >> 12 & 63) |
	       UINT64_C(1) << (mixed >> 18 & 63);
}

/* Whether the run may have an event or aggregate of this hash (run_mix of it). */
static inline bool run_may_have(const struct run *r, uint64_t mixed)
{
	uint64_t bits = run_filter_bits(mixed);

	return (get64(run_word(r, mixed)) & bits) == bits;
}

/* Candidates for an eventId: at most cap relative positions. Returns how many. */
size_t run_find_event(const struct run *r, uint64_t hash, uint32_t *positions, size_t cap);

/* The same in two steps: where the bytes are that tell, *size of them, and whether they, or a copy of them, have a candidate. */
const uint8_t *run_event_bucket(const struct run *r, uint64_t hash, size_t *size);
bool run_bucket_has(const struct run *r, const uint8_t *bucket, size_t size, uint64_t hash);

/* Call each for the streams of an aggregateId. False when the run is damaged. */
bool run_find_streams(const struct run *r, const struct text *id, uint64_t aggregate,
                      void (*each)(void *context, const struct run_stream *s), void *context);

/* How many positions a term has in the run; one that an event has twice counts twice. */
uint32_t run_term_count(const struct run *r, uint64_t hash);

/* Write a term's relative positions, ascending, each once; at most cap. Returns how many; SIZE_MAX when the run is damaged. */
size_t run_term(const struct run *r, uint64_t hash, uint32_t *positions, size_t cap);

/* Everything a run holds, for checking it. Entries carry the kept bits of their hash alone. EVS_OK, EVS_CORRUPT, EVS_NOMEM. */
struct run_dump {
	struct run_entry *events, *terms;
	struct run_stream *streams; /* borrow the run's bytes */
	size_t n_events, n_terms, n_streams, events_cap, terms_cap, streams_cap;
};

int run_dump(const struct run *r, struct run_dump *out);

/* Add what one bucket holds, positions moved by shift. The same. */
int run_dump_events(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d);
int run_dump_terms(const struct run *r, uint64_t bucket, uint32_t shift, struct run_dump *d);
int run_dump_streams(const struct run *r, uint64_t bucket, struct run_dump *d);
void run_dump_free(struct run_dump *d);

/* The bits of a hash that a run keeps. */
#define RUN_HASH_BITS 40
#define RUN_HASH_KEPT(hash) ((hash) & ~((UINT64_C(1) << (64 - RUN_HASH_BITS)) - 1))

/* ---- building ---- */

struct run_build;

/* Begin to build a run of what is new; in's arrays are borrowed until run_build_finish. NULL when memory ran out. */
struct run_build *run_build_new(const struct run_input *in);

/* Begin to merge n runs of adjacent positions, oldest first, borrowed likewise. seed is the store's (terms). NULL when memory ran out. */
struct run_build *run_build_merged(const struct run *runs, size_t n, uint64_t seed);

/* Sort and encode the events with the streams, and the terms: two threads may do so at the same time. */
void run_build_events(struct run_build *b);
void run_build_terms(struct run_build *b);

/* After both: put the run behind out. EVS_OK, EVS_NOMEM, EVS_CORRUPT: a run that is merged is damaged. b is freed in any case. */
int run_build_finish(struct run_build *b, struct buf *out);

/* Both halves and the end of it, of a build that may be NULL: EVS_NOMEM then. */
int run_build_whole(struct run_build *b, struct buf *out);

#endif
