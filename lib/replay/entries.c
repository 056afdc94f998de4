#include "replay/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "event/render.h"

static size_t cost(const struct entry *e)
{
	return sizeof *e + (e->packed == NULL ? 0 : e->size + RENDER_PAD) + (e->failure == NULL ? 0 : strlen(e->failure));
}

static void entry_release(struct entry *e)
{
	free(e->packed);
	free(e->failure);
}

void entries_release(struct entries *s)
{
	for (size_t i = 0; i < s->n; i++)
		entry_release(&s->list[i]);
	free(s->list);
	*s = (struct entries){0};
}

struct entry *entries_at(const struct entries *s, uint64_t position)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->list[middle].position <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &s->list[low - 1];
}

bool entries_add(struct entries *s, struct entry *e)
{
	struct entry *before = entries_at(s, e->position);
	size_t at = before == NULL ? 0 : (size_t)(before - s->list) + 1;

	if (before != NULL && before->position == e->position) {
		if (e->covers > before->covers)
			before->covers = e->covers;
		entry_release(e);
		return true;
	}
	if (!array_grow(&s->list, &s->cap, s->n, sizeof *s->list)) {
		entry_release(e);
		return false;
	}
	memmove(&s->list[at + 1], &s->list[at], (s->n - at) * sizeof *s->list);
	s->list[at] = *e;
	s->n++;
	s->bytes += cost(e);
	return true;
}

void entries_thin(struct entries *s, bool (*keeps)(void *context, const struct entries *s, size_t i), void *context)
{
	size_t kept = 0;

	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (!keeps(context, s, i)) {
			entry_release(&s->list[i]);
			continue;
		}
		s->list[kept] = s->list[i];
		s->bytes += cost(&s->list[kept++]);
	}
	s->n = kept;
}
