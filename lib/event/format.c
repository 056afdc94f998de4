#include "event/format.h"

#include "event/cloudevent.h"

/* Indented JSON, of these fields alone or (NULL) of all. */
static bool put_pretty(struct buf *out, const struct names *names, bool colour, const struct fields *fields, const struct record *r)
{
	struct buf json = {0};
	size_t start = out->size;

	if (fields != NULL ? fields_render(&json, names, fields, r) : render_event(&json, names, r))
		render_pretty(out, json.data, json.size, colour);
	buf_free(&json);
	return out->size > start && !out->failed;
}

bool format_event(struct buf *out, const struct names *names, enum evs_format format, const struct fields *fields, const struct record *r)
{
	switch (format) {
	case EVS_JSON:
		return render_event(out, names, r);
	case EVS_DATA:
		return render_data(out, names, r);
	case EVS_MSGPACK:
		return render_msgpack(out, names, r);
	case EVS_CLOUDEVENTS:
		return cloudevent_render(out, names, r);
	case EVS_FIELDS:
		return fields_render(out, names, fields, r);
	case EVS_PRETTY:
	case EVS_PRETTY_COLOUR:
		break;
	}
	return put_pretty(out, names, format == EVS_PRETTY_COLOUR, fields, r);
}
