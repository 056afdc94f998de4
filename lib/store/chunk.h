/* A chunk of input lines on its way to the store: parsed by any thread, committed in order by one. */
#ifndef EVS_STORE_CHUNK_H
#define EVS_STORE_CHUNK_H

#include "base/buf.h"
#include "base/pool.h"
#include "event/parse.h"
#include "event/term.h"

#define CHUNK_BYTES (1u << 20) /* of text; a longer line makes a longer chunk */

/* One line. */
struct staged {
	uint32_t at, size;           /* its packed event in the chunk's `packed` */
	uint32_t text_at, text_size; /* its line in the chunk's `text` */
	struct text stream_id, stream_type; /* TEXT_NONE: in no stream, of no type. They borrow the chunk's `packed` */
	struct terms terms;
	uint32_t terms_at, n_terms;  /* its posting terms in the chunk's `terms` */
	uint32_t uuids_at, n_uuids;  /* where its UUIDs are, in the chunk's `uuids` */
	int64_t moment;
	char *error;                 /* not NULL: the line is bad, and this is why (owned) */
	uint32_t line;               /* its number in the chunk, from 0 */
	bool id_made, time_made;
	bool known;                  /* a run may have its eventId, of those that were asked (known.h) */
	bool duplicate;              /* set when it is committed, as what follows */
	uint64_t position, revision;
};

struct chunk {
	struct task task; /* first: the pool gives it back */
	struct chunk *next;
	uint64_t seed;
	uint64_t first_line, n_lines; /* of its file, from 1; how many there are */
	const struct names *names;
	struct buf text, packed;
	struct staged *staged;
	size_t n, cap;
	uint64_t *terms;
	size_t n_terms, terms_cap;
	struct buf uuids; /* uint32_t each */
	struct buf missing; /* names without a number that were met */
	struct known *known; /* the runs to ask when it was parsed (append.c) */
	uint64_t asked_to; /* runs that end before this position were asked for the eventIds */
	bool no_memory;
};

struct chunk *chunk_new(void);
void chunk_free(struct chunk *c);

/* Make it empty again, its memory kept. */
void chunk_reset(struct chunk *c);

/* Leave out the lines from the i-th on. */
void chunk_truncate(struct chunk *c, size_t i);

/* Parse the whole text. What it held from an earlier parse is replaced. */
void chunk_parse(struct chunk *c, struct parser *parser);

#endif
