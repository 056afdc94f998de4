#include "event/packed.h"

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
