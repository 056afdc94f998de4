#include "store/verify_seen.h"

#include <stdbool.h>
#include <stdlib.h>

struct verify_seen_stream *verify_seen_find(const struct verify_seen *s, uint64_t hash)
{
	if (s->n_slots == 0)
		return NULL;
	for (size_t i = hash & (s->n_slots - 1); s->slots[i].hash != 0; i = (i + 1) & (s->n_slots - 1))
		if (s->slots[i].hash == hash)
			return &s->slots[i];
	return NULL;
}

static struct verify_seen_stream *free_slot(struct verify_seen_stream *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i].hash != 0)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Keep the table at most two thirds full. */
static bool grow(struct verify_seen *s)
{
	size_t n_slots = s->n_slots == 0 ? 1024 : s->n_slots * 2;
	struct verify_seen_stream *slots;

	if (s->n < s->n_slots / 3 * 2)
		return true;
	if ((slots = calloc(n_slots, sizeof *slots)) == NULL)
		return false;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].hash != 0)
			*free_slot(slots, n_slots, s->slots[i].hash) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	return true;
}

struct verify_seen_stream *verify_seen_get(struct verify_seen *s, uint64_t hash)
{
	struct verify_seen_stream *found = verify_seen_find(s, hash);

	if (found != NULL)
		return found;
	if (!grow(s))
		return NULL;
	found = free_slot(s->slots, s->n_slots, hash);
	*found = (struct verify_seen_stream){.hash = hash};
	s->n++;
	return found;
}

void verify_seen_free(struct verify_seen *s)
{
	free(s->slots);
	*s = (struct verify_seen){0};
}
