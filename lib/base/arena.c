#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 10 };

struct arena_block {
	struct arena_block *before;
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

/* A new block with room for size bytes at least. */
static bool add_block(struct arena *a, size_t size)
{
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct arena_block *b = malloc(sizeof *b + room);

	if (b == NULL)
		return false;
	b->before = a->block;
	b->size = room;
	b->used = 0;
	a->block = b;
	return true;
}

void *arena_take(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	bool fits = size <= SIZE_MAX / 2;
	void *p;

	/* What is lost to alignment counts as given out. */
	size = size == 0 ? align : (size + align - 1) / align * align;
	fits = fits && size <= a->limit && a->used <= a->limit - size;
	if (!fits || ((a->block == NULL || a->block->size - a->block->used < size) && !add_block(a, size))) {
		a->failed = true;
		a->full |= !fits;
		return NULL;
	}
	a->used += size;
	p = a->block->bytes + a->block->used;
	a->block->used += size;
	return p;
}

void *arena_copy(struct arena *a, const void *bytes, size_t size)
{
	void *p = arena_take(a, size);

	if (p != NULL && size != 0)
		memcpy(p, bytes, size);
	return p;
}

void arena_reset(struct arena *a)
{
	a->used = 0;
	a->failed = a->full = false;
	while (a->block != NULL && (a->block->before != NULL || a->block->size > BLOCK_BYTES)) {
		struct arena_block *before = a->block->before;
		free(a->block);
		a->block = before;
	}
	if (a->block != NULL)
		a->block->used = 0;
}

void arena_free(struct arena *a)
{
	while (a->block != NULL) {
		struct arena_block *before = a->block->before;
		free(a->block);
		a->block = before;
	}
}
