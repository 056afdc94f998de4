/* Building a run in two halves, which two threads may do: of what is new, or of older runs. */
#include <stdlib.h>
#include <string.h>

#include "evs.h"
#include "store/run_write.h"

struct run_build {
	struct run_input in;    /* what is new; with runs only where they begin and how many events they have */
	const struct run *runs; /* to merge; NULL: none */
	size_t n_runs;
	uint64_t seed;
	struct run_writer w;
	int events_status, terms_status;
};

static struct run_build *build_new(const struct run_sizes *sizes)
{
	struct run_build *b = calloc(1, sizeof *b);

	if (b != NULL && !run_writer_init(&b->w, sizes)) {
		run_writer_free(&b->w);
		free(b);
		return NULL;
	}
	return b;
}

struct run_build *run_build_new(const struct run_input *in)
{
	struct run_sizes sizes = {.n_events = in->n_events, .n_terms = in->n_terms, .n_streams = in->n_streams};
	struct run_build *b = build_new(&sizes);

	if (b != NULL)
		b->in = *in;
	return b;
}

struct run_build *run_build_merged(const struct run *runs, size_t n, uint64_t seed)
{
	struct run_sizes sizes = run_merge_sizes(runs, n);
	struct run_build *b = build_new(&sizes);

	if (b == NULL)
		return NULL;
	b->runs = runs;
	b->n_runs = n;
	b->seed = seed;
	b->in.first = runs[0].first;
	b->in.count = (uint32_t)(runs[n - 1].first + runs[n - 1].count - runs[0].first);
	return b;
}

/* Sort entries by hash, those of equal hash by position: first into heaps by their highest bits, then each heap. */
static bool sort_entries(struct run_entry *e, size_t n)
{
	unsigned bits = 1;
	uint32_t *start;
	struct run_entry *to;

	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		e[i].hash = RUN_HASH_KEPT(e[i].hash);
	while (bits < 16 && n >> bits > 24)
		bits++;
	start = calloc((UINT64_C(1) << bits) + 1, sizeof *start);
	to = malloc((n + 1) * sizeof *to);
	if (start == NULL || to == NULL) {
		free(start);
		free(to);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		start[(e[i].hash >> (64 - bits)) + 1]++;
	for (size_t b = 0; b < UINT64_C(1) << bits; b++)
		start[b + 1] += start[b];
	for (size_t i = 0; i < n; i++) {
		to[start[e[i].hash >> (64 - bits)]] = e[i];
		start[e[i].hash >> (64 - bits)]++;
	}
	/* start[b] is now the end of heap b; e serves as scratch. */
	for (size_t b = 0, from = 0; b < UINT64_C(1) << bits; b++) {
		run_sort(to + from, start[b] - from, e);
		from = start[b];
	}
	memcpy(e, to, n * sizeof *e);
	free(start);
	free(to);
	return true;
}

void run_build_events(struct run_build *b)
{
	if (b->runs != NULL) {
		b->events_status = run_merge_part(b->runs, b->n_runs, RUN_PART_EVENTS, b->seed, &b->w);
		if (b->events_status == EVS_OK)
			b->events_status = run_merge_part(b->runs, b->n_runs, RUN_PART_STREAMS, b->seed, &b->w);
	} else if (sort_entries(b->in.events, b->in.n_events)) {
		run_put_events(&b->w, b->in.events, b->in.n_events);
		run_sort_streams(b->in.streams, b->in.n_streams);
		run_put_streams(&b->w, b->in.streams, b->in.n_streams);
	} else {
		b->events_status = EVS_NOMEM;
	}
}

void run_build_terms(struct run_build *b)
{
	if (b->runs != NULL)
		b->terms_status = run_merge_part(b->runs, b->n_runs, RUN_PART_TERMS, b->seed, &b->w);
	else if (sort_entries(b->in.terms, b->in.n_terms))
		run_put_terms(&b->w, b->in.terms, b->in.n_terms);
	else
		b->terms_status = EVS_NOMEM;
}

int run_build_finish(struct run_build *b, struct buf *out)
{
	int status = b->events_status != EVS_OK ? b->events_status : b->terms_status;

	if (status == EVS_OK && !run_writer_finish(&b->w, b->in.first, b->in.count, out))
		status = EVS_NOMEM;
	run_writer_free(&b->w);
	free(b);
	return status;
}

int run_build_whole(struct run_build *b, struct buf *out)
{
	if (b == NULL)
		return EVS_NOMEM;
	run_build_events(b);
	run_build_terms(b);
	return run_build_finish(b, out);
}
