#include "event/same.h"

#include <stdlib.h>

#include "base/buf.h"
#include "event/packed.h"
#include "event/render.h"

/* Render the fields of an event one a line; strings that are interned in one and plain in the other come out equal. */
static bool fields_text(struct buf *out, const struct names *names, const uint8_t *body, size_t size, bool ignore_time)
{
	const uint8_t *p, *end = body + size;
	struct packed head = {0}, key = {0};

	p = packed_read(body, end, &head);
	if (head.kind != PACKED_MAP)
		return false;
	for (uint32_t i = 0; i < head.size; i++) {
		/* An event of this one field renders it. */
		const uint8_t *at = p, *after;
		packed_read(p, end, &key);
		if ((after = packed_skip(p, end)) == NULL || (after = packed_skip(after, end)) == NULL)
			return false;
		p = after;
		if (ignore_time && key.kind == PACKED_UINT && key.number == NAME_TIMESTAMP)
			continue;
		uint8_t *one = malloc((size_t)(after - at) + 1 + RENDER_PAD);
		if (one == NULL)
			return false;
		one[0] = 0x81;
		memcpy(one + 1, at, (size_t)(after - at));
		memset(one + 1 + (after - at), 0, RENDER_PAD);
		bool ok = render_fields(out, names, one, (size_t)(after - at) + 1);
		free(one);
		if (!ok)
			return false;
		buf_byte(out, '\n');
	}
	return !out->failed;
}

int same_event(const struct names *names, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, bool ignore_time)
{
	struct buf x = {0}, y = {0};
	int same = -1;

	if (a_size == b_size && memcmp(a, b, a_size) == 0)
		return 1;
	if (fields_text(&x, names, a, a_size, ignore_time) && fields_text(&y, names, b, b_size, ignore_time))
		same = x.size == y.size && (x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
	buf_free(&x);
	buf_free(&y);
	return same;
}
