/* Any bytes taken for a segment. */
#include "evs.h"
#include "fuzz.h"
#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zip *zip;
	static struct zip_dict *dict;
	uint8_t *bytes = exact_copy(data, size, 0);
	struct segment_events e = {0};
	uint32_t bad, some[] = {0, 3, 4, 100};
	struct segment s;

	if (zip == NULL) {
		zip = zip_new();
		dict = zip_dict_new(NULL, 0, false);
	}
	if (segment_open(&s, bytes, size)) {
		segment_checksum_ok(&s);
		for (int round = 0; round < 2; round++) {
			if (segment_read(&s, zip, dict, round == 0 ? NULL : some, round == 0 ? 0 : 4, &e, &bad) != EVS_OK)
				continue;
			MUST(e.n == (round == 0 ? s.count : 4));
			for (size_t i = 0; i < e.n; i++) {
				volatile uint8_t last = e.records[i].body[e.records[i].size + RENDER_PAD - 1];
				(void)last;
			}
		}
	}
	segment_events_free(&e);
	free(bytes);
	return 0;
}
