/* Sets that evs_verify keeps of what it saw: small for what they hold, millions of it. */
#ifndef EVS_STORE_VERIFY_SET_H
#define EVS_STORE_VERIFY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64-bit words in an array. Zeroed memory is an empty one. */
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

/* How far a stream is. */
struct verify_stream {
	uint64_t hash;          /* term_stream; 0: the slot is free */
	uint64_t revision : 40;
	uint64_t mark : 24;     /* the newest stretch that has events of it */
};

/* Zeroed memory is an empty set. */
struct verify_streams {
	struct verify_stream *slots;
	size_t n, n_slots;
};

/* The slot of a stream; NULL when it is not there. */
struct verify_stream *verify_streams_find(const struct verify_streams *s, uint64_t hash);

/* The same, made where it is missing. NULL: out of memory. */
struct verify_stream *verify_streams_get(struct verify_streams *s, uint64_t hash);

void verify_streams_free(struct verify_streams *s);

#endif
