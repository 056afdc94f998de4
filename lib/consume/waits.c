#include "consume/waits.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void waits_release(struct waits *w)
{
	free(w->list);
	*w = (struct waits){0};
}

/* The first that does not lie before a place. */
static size_t place_of(const struct waits *w, uint16_t slot, uint64_t position)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct waiting *m = &w->list[middle];
		if (m->slot < slot || (m->slot == slot && m->position < position))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct waiting *waits_find(struct waits *w, uint16_t slot, uint64_t position)
{
	size_t at = place_of(w, slot, position);

	return at < w->n && w->list[at].slot == slot && w->list[at].position == position ? &w->list[at] : NULL;
}

bool waits_put(struct waits *w, const struct waiting *one)
{
	struct waiting *there = waits_find(w, one->slot, one->position);
	size_t at;

	waits_look(w);
	if (there != NULL) {
		*there = *one;
		return true;
	}
	if (!array_grow(&w->list, &w->cap, w->n, sizeof *w->list))
		return false;
	at = place_of(w, one->slot, one->position);
	memmove(w->list + at + 1, w->list + at, (w->n - at) * sizeof *w->list);
	w->list[at] = *one;
	w->n++;
	return true;
}

void waits_remove(struct waits *w, uint16_t slot, uint64_t position)
{
	struct waiting *there = waits_find(w, slot, position);

	if (there == NULL)
		return;
	w->n--;
	memmove(there, there + 1, (w->n - (size_t)(there - w->list)) * sizeof *there);
	waits_look(w);
}

bool waits_have(const struct waits *w, uint16_t slot, uint64_t stream)
{
	for (size_t i = w->n == 0 ? 0 : place_of(w, slot, 0); i < w->n && w->list[i].slot == slot; i++)
		if (w->list[i].stream == stream)
			return true;
	return false;
}

bool waits_have_own(const struct waits *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i].own)
			return true;
	return false;
}

size_t waits_of(const struct waits *w, uint16_t slot)
{
	return w->n == 0 ? 0 : place_of(w, slot, UINT64_MAX) - place_of(w, slot, 0);
}

/* Whether an earlier one of its stream is still to be handled. */
static bool is_behind(const struct waits *w, size_t at)
{
	const struct waiting *one = &w->list[at];

	for (size_t i = place_of(w, one->slot, 0); one->stream != 0 && i < at; i++)
		if (w->list[i].stream == one->stream && !w->list[i].done)
			return true;
	return false;
}

struct waiting *waits_due(struct waits *w, int64_t now_us, bool own, size_t *at)
{
	int64_t next = INT64_MAX;
	bool all = *at == 0;

	if (w->n == 0 || now_us < w->look_us)
		return NULL;
	for (size_t i = *at; i < w->n; i++) {
		struct waiting *one = &w->list[i];
		if (one->taken || !one->stored || (own && !one->own) || (one->due_us >= next && one->due_us > now_us) || is_behind(w, i))
			continue;
		if (one->due_us <= now_us) {
			*at = i + 1;
			return one;
		}
		next = one->due_us;
	}
	if (all)
		w->look_us = next;
	return NULL;
}

void waits_forget(struct waits *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->list[i].seen)
			w->list[n++] = w->list[i];
	w->n = n;
	waits_look(w);
}

void waits_look(struct waits *w)
{
	w->look_us = 0;
}
