/* A growable run of bytes. Zeroed memory is an empty buf; after a failed growth `failed` stays set. */
#ifndef EVS_BASE_BUF_H
#define EVS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *data;
	size_t size, cap;
	bool failed;
};

/* Grow so that `more` bytes fit behind size; use buf_room. */
bool buf_grow(struct buf *b, size_t more);
void buf_free(struct buf *b);

/* Make room for `more` bytes behind size. False, with failed set, when memory ran out. */
static inline bool buf_room(struct buf *b, size_t more)
{
	return b->cap - b->size >= more || buf_grow(b, more);
}

static inline void buf_put(struct buf *b, const void *data, size_t size)
{
	if (size != 0 && buf_room(b, size)) {
		memcpy(b->data + b->size, data, size);
		b->size += size;
	}
}

static inline void buf_byte(struct buf *b, uint8_t byte)
{
	if (buf_room(b, 1))
		b->data[b->size++] = byte;
}

static inline void buf_text(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

/* A varint, and bytes with their number as a varint in front (bytes.h reads them). */
void buf_varint(struct buf *b, uint64_t v);
void buf_sized(struct buf *b, const void *data, size_t size);

/* printf to the end of b. */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Make room for one more element in an array that doubles; false when memory ran out. */
bool array_grow(void *array_pointer, size_t *cap, size_t n, size_t element_size);

#endif
