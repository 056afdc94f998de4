/* Writing a run, part by part: from what is new (run_build) or from older runs (run_merge). */
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

/* Begin a run of so many entries at most. False: memory ran out. */
bool run_writer_init(struct run_writer *w, size_t n_events, size_t n_terms, size_t n_streams);
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

#endif
