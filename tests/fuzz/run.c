/* Any bytes taken for a run of the index. */
#include "evs.h"
#include "fuzz.h"
#include "store/run.h"

static void see(void *context, const struct run_stream *s)
{
	volatile uint8_t byte = s->id.size > 0 ? s->id.bytes[s->id.size - 1] : 0;

	(void)byte;
	++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = exact_copy(data, size, 0);
	uint32_t positions[16];
	struct run_dump d;
	struct buf out = {0};
	size_t n, seen = 0;
	struct run r, again, two[2];

	if (run_open(&r, bytes, size)) {
		struct text id = {.kind = TEXT_STRING, .size = 1, .bytes = (const uint8_t *)"a"};
		run_checksum_ok(&r);
		for (uint64_t i = 0; i < 300; i++) {
			uint64_t hash = i << 56 | i * 0x9e3779b97f4a7c15u >> 8;
			run_may_have(&r, run_mix(hash));
			run_term_count(&r, hash);
			MUST(run_find_event(&r, hash, positions, 16) <= 16);
			n = run_term(&r, hash, positions, 16);
			MUST(n <= 16 || n == SIZE_MAX);
			for (size_t k = 0; n <= 16 && k < n; k++)
				MUST(positions[k] < r.count);
			run_find_streams(&r, &id, hash, see, &seen);
		}
		if (run_dump(&r, &d) == EVS_OK && run_build_whole(run_build_merged(&r, 1, 7), &out) == EVS_OK)
			MUST(run_open(&again, out.data, out.size) && run_checksum_ok(&again));
		two[0] = two[1] = r;
		two[1].first += r.count;
		out.size = 0;
		if (2 * (uint64_t)r.count <= RUN_EVENTS_MAX && run_build_whole(run_build_merged(two, 2, 7), &out) == EVS_OK)
			MUST(run_open(&again, out.data, out.size) && again.count == 2 * r.count && again.n_events == 2 * d.n_events);
		run_dump_free(&d);
	}
	buf_free(&out);
	free(bytes);
	return 0;
}
