/* Writing a run, part by part: run_build.c from what is new, run_merge.c from older runs. */
#ifndef EVS_STORE_RUN_WRITE_H
#define EVS_STORE_RUN_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/run.h"

/* A section being written: buckets in order. */
struct run_section {
	unsigned bits;
	struct buf at, body; /* where each bucket begins; the buckets */
	uint64_t bucket;     /* the next to begin */
};

struct run_writer {
	struct run_section events, terms, streams;
	struct buf filter;
	uint32_t n_words;
	size_t n_events, n_terms, n_streams;
	struct buf lists; /* scratch: the positions of a bucket's long terms */
	struct buf singles, heads;
};

/* How much a run will have: entries at most, and about how many bytes of them (0: not known). */
struct run_sizes {
	size_t n_events, n_terms, n_streams;
	size_t event_bytes, term_bytes, stream_bytes;
};

/* Begin a run. False: memory ran out. */
bool run_writer_init(struct run_writer *w, const struct run_sizes *most);
void run_writer_free(struct run_writer *w);

/* Sort entries by hash; equal ones keep their order. scratch has room for n. */
void run_sort(struct run_entry *e, size_t n, struct run_entry *scratch);
void run_sort_streams(struct run_stream *streams, size_t n);

/* Put sorted entries, buckets whole and in order. What fails shows in run_writer_finish. */
void run_put_events(struct run_writer *w, const struct run_entry *e, size_t n);
void run_put_terms(struct run_writer *w, const struct run_entry *e, size_t n);
void run_put_streams(struct run_writer *w, const struct run_stream *streams, size_t n);

/* Put the parts together behind out. False: memory ran out, or it is too large. */
bool run_writer_finish(struct run_writer *w, uint64_t first, uint32_t count, struct buf *out);

/* ---- run_merge.c ---- */

enum run_part { RUN_PART_EVENTS, RUN_PART_TERMS, RUN_PART_STREAMS };

/* Put one part of all these runs, oldest first. EVS_OK, EVS_CORRUPT, EVS_NOMEM. */
int run_merge_part(const struct run *runs, size_t n, enum run_part part, uint64_t seed, struct run_writer *w);

/* How much the merged run has. */
struct run_sizes run_merge_sizes(const struct run *runs, size_t n);

#endif
