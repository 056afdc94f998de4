#include "event/packed.h"

#define FOUR(first, step) (first), (first) + (step), (first) + 2 * (step), (first) + 3 * (step)
#define SIXTEEN(first, step) FOUR(first, step), FOUR((first) + 4 * (step), step), FOUR((first) + 8 * (step), step), FOUR((first) + 12 * (step), step)
#define INTEGERS SIXTEEN(1, 0), SIXTEEN(1, 0)

const uint16_t packed_sizes[256] = {
	INTEGERS, INTEGERS, INTEGERS, INTEGERS,
	SIXTEEN(1, 2 * PACKED_SIZES), /* objects */
	SIXTEEN(1, PACKED_SIZES), /* lists */
	SIXTEEN(1, 1), SIXTEEN(17, 1), /* strings */
	1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 9, /* null, false, true; unsigned integers */
	2, 3, 5, 9, 3, 4, 6, 10, 18, 0, 0, 0, 0, 0, 0, 0, /* integers; extensions */
	INTEGERS,
};

/* The UUIDs of all values from p to end; a document's are found inside it. */
static bool walk(const uint8_t *bytes, const uint8_t *p, const uint8_t *end, unsigned depth,
                 bool (*each)(void *context, uint32_t offset), void *context)
{
	struct packed v = {0};

	while (p < end) {
		p = packed_read(p, end, &v);
		if (v.kind == PACKED_BAD || depth > 1)
			return false;
		if (v.kind == PACKED_UUID16 && !each(context, (uint32_t)(v.bytes - bytes)))
			return false;
		if (v.kind == PACKED_DOC && !walk(bytes, v.bytes, v.bytes + v.size, depth + 1, each, context))
			return false;
	}
	return true;
}

bool packed_uuids(const uint8_t *bytes, size_t size, bool (*each)(void *context, uint32_t offset), void *context)
{
	return size <= UINT32_MAX && walk(bytes, bytes, bytes + size, 0, each, context);
}
