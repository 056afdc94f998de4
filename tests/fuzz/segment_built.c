/* A segment built from the input is read as it was; with one bit turned, nothing outside it is touched. */
#include "evs.h"
#include "fuzz.h"
#include "store/segment.h"

enum { EVENTS = 40 };

static struct zip *zip;
static struct zip_dict *dict;

/* items: what must come out, NULL where anything may. */
static void read_back(const struct segment *s, bool all, const struct segment_item *items)
{
	const uint32_t some[] = {0, s->count / 2, s->count - 1};
	struct segment_events e = {0};
	size_t n = s->count < 3 ? 1 : 3;

	if (segment_read(s, zip, dict, all ? NULL : some, n, &e, NULL) == EVS_OK) {
		MUST(e.n == (all ? s->count : n));
		for (size_t i = 0; i < e.n; i++) {
			const struct record *r = &e.records[i], *was = items == NULL ? r : &items[all ? i : some[i]].record;
			(void)*(const volatile uint8_t *)(r->body + r->size + RENDER_PAD - 1);
			MUST(r->size == was->size && memcmp(r->body, was->body, r->size) == 0);
			MUST(r->revision == was->revision && r->position == was->position && r->recorded_us == was->recorded_us);
		}
	} else
		MUST(items == NULL);
	segment_events_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_item items[EVENTS];
	struct buf built = {0};
	uint32_t uuids[EVENTS];
	struct segment s;
	size_t n = 0;

	if (zip == NULL && ((zip = zip_new()) == NULL || (dict = zip_dict_new(NULL, 0, true)) == NULL))
		return 0;
	for (size_t at = 3, step; at < size && n < EVENTS; n++, at += step) {
		step = data[at] % 64 + 1u < size - at ? data[at] % 64 + 1u : size - at;
		uuids[n] = data[at] % 8;
		items[n] = (struct segment_item){{n + 7, n, (int64_t)n, data + at, (uint32_t)step}, data[at] % 3, data[at], &uuids[n], step >= 24};
	}
	if (n > 0 && segment_build(zip, dict, 0, items, n, &built)) {
		uint8_t *bytes = exact_copy(built.data, built.size, 0);
		for (int turned = 0; turned < 2; turned++) {
			bool ok = segment_open(&s, bytes, built.size);
			MUST(turned || (ok && segment_checksum_ok(&s)));
			for (int all = 0; ok && all < 2; all++)
				read_back(&s, all, turned ? NULL : items);
			bytes[(data[0] | (size_t)data[1] << 8) % built.size] ^= (uint8_t)(1u << data[2] % 8);
		}
		free(bytes);
	}
	buf_free(&built);
	return 0;
}
