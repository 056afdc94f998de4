/* Any bytes taken for a table of names: one that is read is written the same, and each name is found. */
#include "event/name.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = exact_copy(data, size, 0);
	struct names *t = name_table_new();
	bool ok = name_decode(t, bytes, size);
	struct buf out = {0};

	name_encode(t, NAME_FIXED, &out);
	MUST(!ok || (out.size == size && (size == 0 || memcmp(out.data, bytes, size) == 0)));
	for (unsigned i = 0; i < name_count(t); i++) {
		const struct name *n = name_get(t, i);
		MUST(n->json[n->json_size - 1] == ':' && name_find(t, n->text, n->size) == (int)i);
	}
	if (size > 0) {
		name_truncate(t, NAME_FIXED + data[0] % 8);
		MUST(name_count(t) <= NAME_FIXED + data[0] % 8u && name_add(t, "x\"y", 3) >= NAME_FIXED);
	}
	name_table_free(t);
	buf_free(&out);
	free(bytes);
	return 0;
}
