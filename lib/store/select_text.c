/* Selectors as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "event/render.h"
#include "store/select.h"

static void put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->size > 0 && out->data[out->size - 1] != '{' ? "," : "", name);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	put_name(out, name);
	render_string(out, (const uint8_t *)text, strlen(text));
}

static void put_list(struct buf *out, const char *name, const char *const *list, size_t n)
{
	if (n == 0)
		return;
	put_name(out, name);
	for (size_t i = 0; i < n; i++) {
		buf_byte(out, i == 0 ? '[' : ',');
		render_string(out, (const uint8_t *)list[i], strlen(list[i]));
	}
	buf_byte(out, ']');
}

static void put_position(struct buf *out, const char *name, uint64_t position)
{
	if (position == 0)
		return;
	put_name(out, name);
	buf_printf(out, "%" PRIu64, position);
}

void select_text(struct buf *out, const struct evs_selector *s)
{
	char shard[32];

	buf_byte(out, '{');
	put_text(out, "stream", s->stream);
	put_text(out, "aggregate-type", s->aggregate_type);
	put_list(out, "type", s->types, s->n_types);
	put_text(out, "event", s->event);
	put_text(out, "correlation", s->correlation);
	put_text(out, "causation", s->causation);
	put_list(out, "tag", s->tags, s->n_tags);
	put_text(out, "source", s->source);
	put_position(out, "from", s->from);
	put_position(out, "after", s->after);
	put_position(out, "to", s->to);
	put_position(out, "from-revision", s->from_revision);
	put_text(out, "since", s->since);
	put_text(out, "until", s->until);
	put_text(out, "as-of", s->as_of);
	put_text(out, "where", s->where);
	snprintf(shard, sizeof shard, "%u/%u", s->shard, s->shards);
	put_text(out, "shard", s->shards == 0 ? NULL : shard);
	buf_byte(out, '}');
}
