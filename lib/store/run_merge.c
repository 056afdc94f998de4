#include <stdlib.h>
#include <string.h>

#include "event/term.h"
#include "evs.h"
#include "store/run_format.h"
#include "store/run_write.h"

static unsigned part_bits(const struct run *r, enum run_part part)
{
	return part == RUN_PART_EVENTS ? r->event_bits : part == RUN_PART_TERMS ? r->term_bits : r->stream_bits;
}

/* Gather what run r has under a prefix that is no longer than its buckets' bits. */
static int gather(const struct run *r, enum run_part part, uint64_t prefix, unsigned prefix_bits, uint32_t shift, struct run_dump *d)
{
	unsigned more = part_bits(r, part) - prefix_bits;
	int status = EVS_OK;

	for (uint64_t b = prefix << more; b < (prefix + 1) << more && status == EVS_OK; b++) {
		if (part == RUN_PART_EVENTS)
			status = run_dump_events(r, b, shift, d);
		else if (part == RUN_PART_TERMS)
			status = run_dump_terms(r, b, shift, d);
		else
			status = run_dump_streams(r, b, d);
	}
	return status;
}

/* Of each stream the newest revision; streams come oldest run first. Sorted by aggregate, kept in place. */
static void newest_streams(struct run_dump *d, uint64_t seed)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_streams; i++)
		d->streams[i].aggregate = term_hash(seed, TERM_AGGREGATE, &d->streams[i].id, NULL);
	run_sort_streams(d->streams, d->n_streams);
	for (size_t i = 0; i < d->n_streams; i++) {
		struct run_stream *s = &d->streams[i], *same = NULL;
		for (size_t k = n; k-- > 0 && d->streams[k].aggregate == s->aggregate && same == NULL;) {
			struct run_stream *t = &d->streams[k];
			if (view_text_same(&t->id, &s->id) && (t->type == NULL) == (s->type == NULL) && t->type_size == s->type_size &&
			    memcmp(t->type == NULL ? "" : t->type, s->type == NULL ? "" : s->type, s->type_size) == 0)
				same = t;
		}
		if (same == NULL)
			d->streams[n++] = *s;
		else if (same->revision < s->revision)
			same->revision = s->revision;
	}
	d->n_streams = n;
}

/* Prefix by prefix. */
int run_merge_part(const struct run *runs, size_t n, enum run_part part, uint64_t seed, struct run_writer *w)
{
	struct run_dump d = {0};
	struct run_entry *scratch = NULL;
	size_t scratch_cap = 0;
	unsigned bits = BITS_MAX;
	int status = EVS_OK;

	for (size_t i = 0; i < n; i++)
		bits = part_bits(&runs[i], part) < bits ? part_bits(&runs[i], part) : bits;
	for (uint64_t prefix = 0; prefix < UINT64_C(1) << bits && status == EVS_OK; prefix++) {
		size_t entries;
		d.n_events = d.n_terms = d.n_streams = 0;
		for (size_t i = 0; i < n && status == EVS_OK; i++)
			status = gather(&runs[i], part, prefix, bits, (uint32_t)(runs[i].first - runs[0].first), &d);
		entries = d.n_events + d.n_terms;
		if (status == EVS_OK && entries > scratch_cap) {
			free(scratch);
			scratch_cap = entries * 2;
			scratch = malloc(scratch_cap * sizeof *scratch);
			if (scratch == NULL)
				status = EVS_NOMEM;
		}
		if (status != EVS_OK)
			break;
		if (part == RUN_PART_EVENTS) {
			run_sort(d.events, d.n_events, scratch);
			run_put_events(w, d.events, d.n_events);
		} else if (part == RUN_PART_TERMS) {
			run_sort(d.terms, d.n_terms, scratch);
			run_put_terms(w, d.terms, d.n_terms);
		} else {
			newest_streams(&d, seed);
			run_put_streams(w, d.streams, d.n_streams);
		}
	}
	free(scratch);
	run_dump_free(&d);
	return status;
}

struct run_sizes run_merge_sizes(const struct run *runs, size_t n)
{
	struct run_sizes all = {0};

	for (size_t i = 0; i < n; i++) {
		const struct run *r = &runs[i];
		all.n_events += r->n_events;
		all.n_terms += r->n_terms;
		all.n_streams += r->n_streams;
		all.event_bytes += (size_t)(r->streams - r->events);
		all.stream_bytes += (size_t)(r->terms - r->streams);
		all.term_bytes += (size_t)(r->end - r->terms);
	}
	return all;
}
