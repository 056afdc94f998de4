#include "event/term.h"

#include "base/hash.h"

uint64_t term_hash(uint64_t seed, enum term_kind kind, const struct text *text, const struct names *names)
{
	uint64_t salted = seed + 2 * (uint64_t)kind * 0x9e3779b97f4a7c15u;
	char unused[UUID_TEXT];
	struct span s;

	if (text->kind == TEXT_UUID)
		return hash64(text->bytes, 16, salted + 0x9e3779b97f4a7c15u);
	s = view_span(text, names, unused);
	return hash64(s.text, s.size, salted);
}

uint64_t term_stream(uint64_t seed, uint64_t aggregate, const struct text *type, const struct names *names)
{
	uint64_t of_type = type->kind == TEXT_NONE ? 1 : term_hash(seed, TERM_STREAM, type, names);
	uint64_t h = hash_mix(aggregate ^ (of_type << 23 | of_type >> 41));

	return h == 0 ? 1 : h;
}

bool term_all(uint64_t seed, const struct view *v, const struct names *names, struct terms *out,
              bool (*each)(void *context, uint64_t hash), void *context)
{
	static const struct {
		uint8_t field, kind;
	} lists[] = {
		{NAME_EVENT_TYPE, TERM_TYPE}, {NAME_CORRELATION_ID, TERM_CORRELATION}, {NAME_CAUSATION_ID, TERM_CAUSATION}};
	const uint8_t *p = v->tags;
	struct text tag;

	out->event = term_hash(seed, TERM_EVENT, &v->texts[NAME_EVENT_ID], names);
	out->stream = out->aggregate = 0;
	if (view_has_stream(v)) {
		out->aggregate = term_hash(seed, TERM_AGGREGATE, &v->texts[NAME_AGGREGATE_ID], names);
		out->stream = term_stream(seed, out->aggregate, &v->texts[NAME_AGGREGATE_TYPE], names);
		if (!each(context, out->stream))
			return false;
	}
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		const struct text *t = &v->texts[lists[i].field];
		if (t->kind != TEXT_NONE && !each(context, term_hash(seed, lists[i].kind, t, names)))
			return false;
	}
	for (uint32_t i = 0; i < v->n_tags; i++) {
		p = view_tag(p, v->tags_end, &tag);
		if (p == NULL || !each(context, term_hash(seed, TERM_TAG, &tag, names)))
			return false;
	}
	return true;
}
