#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 32

/* The least of three. */
static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static unsigned edits(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= nb; j++)
		last[j] = before[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

void nearest_try(struct nearest *n, const char *known, size_t size)
{
	unsigned distance, limit = n->size < 3 ? 0 : n->size < 6 ? 1 : 2;

	if (size > WORD_MAX || n->size > WORD_MAX)
		return;
	/* A word cut short is as near as can be. */
	if (n->size >= 2 && n->size < size && memcmp(n->word, known, n->size) == 0)
		distance = 0;
	else
		distance = edits(n->word, n->size, known, size);
	if (distance <= limit && (n->best == NULL || distance < n->distance)) {
		n->best = known;
		n->best_size = size;
		n->distance = distance;
	}
}
