#include "store/verify_set.h"

#include <stdlib.h>

#include "base/buf.h"

/* ---- words ---- */

bool verify_words_grow(struct verify_words *w)
{
	return array_grow(&w->words, &w->cap, w->n, sizeof *w->words);
}

void verify_words_free(struct verify_words *w)
{
	free(w->words);
	*w = (struct verify_words){0};
}

static void insertion_sort(uint64_t *w, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t x = w[i];
		size_t j = i;
		for (; j > 0 && w[j - 1] > x; j--)
			w[j] = w[j - 1];
		w[j] = x;
	}
}

/* By the byte at shift and all below it, in place (the American flag sort: McIlroy, Bostic, McIlroy 1993). */
static void sort_from(uint64_t *w, size_t n, unsigned shift)
{
	size_t at[256] = {0}, end[256], from = 0;

	if (n <= 32) {
		insertion_sort(w, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		at[w[i] >> shift & 255]++;
	for (unsigned b = 0; b < 256; b++) {
		size_t size = at[b];
		at[b] = from;
		from += size;
		end[b] = from;
	}
	for (unsigned b = 0; b < 256; b++) {
		while (at[b] < end[b]) {
			uint64_t x = w[at[b]];
			for (unsigned to; (to = x >> shift & 255) != b;) {
				uint64_t other = w[at[to]];
				w[at[to]++] = x;
				x = other;
			}
			w[at[b]++] = x;
		}
	}
	from = 0;
	for (unsigned b = 0; shift > 0 && b < 256; b++) {
		sort_from(w + from, end[b] - from, shift - 8);
		from = end[b];
	}
}

void verify_words_sort(uint64_t *words, size_t n)
{
	sort_from(words, n, 56);
}

size_t verify_words_find(const uint64_t *sorted, size_t n, uint64_t word)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (sorted[mid] < word)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && sorted[low] == word ? low : n;
}

/* ---- streams ---- */

struct verify_stream *verify_streams_find(const struct verify_streams *s, uint64_t hash)
{
	if (s->n_slots == 0)
		return NULL;
	for (size_t i = hash & (s->n_slots - 1); s->slots[i].hash != 0; i = (i + 1) & (s->n_slots - 1))
		if (s->slots[i].hash == hash)
			return &s->slots[i];
	return NULL;
}

static struct verify_stream *free_slot(struct verify_stream *slots, size_t n_slots, uint64_t hash)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i].hash != 0)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Keep the table at most two thirds full. */
static bool grow(struct verify_streams *s)
{
	size_t n_slots = s->n_slots == 0 ? 1024 : s->n_slots * 2;
	struct verify_stream *slots;

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

struct verify_stream *verify_streams_get(struct verify_streams *s, uint64_t hash)
{
	struct verify_stream *found = verify_streams_find(s, hash);

	if (found != NULL)
		return found;
	if (!grow(s))
		return NULL;
	found = free_slot(s->slots, s->n_slots, hash);
	*found = (struct verify_stream){.hash = hash};
	s->n++;
	return found;
}

void verify_streams_free(struct verify_streams *s)
{
	free(s->slots);
	*s = (struct verify_streams){0};
}
