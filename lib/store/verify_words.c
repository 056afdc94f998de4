#include "store/verify_words.h"

#include <stdlib.h>

#include "base/buf.h"

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
