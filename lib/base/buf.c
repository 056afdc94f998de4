#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

/* From now on nothing more goes in: what comes behind a hole would look whole. */
static bool fail(struct buf *b)
{
	b->failed = true;
	b->cap = b->size;
	return false;
}

bool buf_grow(struct buf *b, size_t more)
{
	size_t need, cap;
	uint8_t *data;

	if (b->failed || __builtin_add_overflow(b->size, more, &need) || need > SIZE_MAX / 2)
		return fail(b);
	cap = b->cap + b->cap / 2 + 64;
	if (cap < need)
		cap = need;
	if (b->size == 0) { /* nothing that is worth a copy */
		free(b->data);
		b->data = NULL;
		b->cap = 0;
	}
	data = realloc(b->data, cap);
	if (data == NULL)
		return fail(b);
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof *b);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !buf_room(b, (size_t)n + 1))
		return;
	va_start(args, format);
	vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, args);
	va_end(args);
	b->size += (size_t)n;
}

bool array_grow(void *array_pointer, size_t *cap, size_t n, size_t element_size)
{
	void *old, *new;
	size_t want = *cap == 0 ? 16 : *cap * 2, bytes;

	if (n < *cap)
		return true;
	memcpy(&old, array_pointer, sizeof old);
	if (__builtin_mul_overflow(want, element_size, &bytes) || (new = realloc(old, bytes)) == NULL)
		return false;
	memcpy(array_pointer, &new, sizeof new);
	*cap = want;
	return true;
}

void buf_varint(struct buf *b, uint64_t v)
{
	if (buf_room(b, VARINT_MAX))
		b->size = (size_t)(put_varint(b->data + b->size, v) - b->data);
}

void buf_sized(struct buf *b, const void *data, size_t size)
{
	buf_varint(b, size);
	buf_put(b, data, size);
}
