/* 64-bit words in an array that grows to millions. Zeroed memory is an empty one. */
#ifndef EVS_STORE_VERIFY_WORDS_H
#define EVS_STORE_VERIFY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct verify_words {
	uint64_t *words;
	size_t n, cap;
};

bool verify_words_grow(struct verify_words *w);

/* False: out of memory. */
static inline bool verify_words_add(struct verify_words *w, uint64_t word)
{
	if (w->n == w->cap && !verify_words_grow(w))
		return false;
	w->words[w->n++] = word;
	return true;
}

void verify_words_free(struct verify_words *w);

/* Sort ascending, in place. */
void verify_words_sort(uint64_t *words, size_t n);

/* Where a word is in sorted ones; n when it is not there. */
size_t verify_words_find(const uint64_t *sorted, size_t n, uint64_t word);

#endif
