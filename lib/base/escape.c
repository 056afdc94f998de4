#include "base/escape.h"

#include <setjmp.h>
#include <stdlib.h>

/* In front of what is given out: a ring of all blocks. */
struct block {
	_Alignas(max_align_t) struct block *next;
	struct block *previous;
};

static _Thread_local struct {
	bool active, whole;
	jmp_buf back;
	struct block ring;
} here;

static void link_in(struct block *b)
{
	b->next = &here.ring;
	b->previous = here.ring.previous;
	b->previous->next = b->next->previous = b;
}

static void unlink_block(struct block *b)
{
	b->previous->next = b->next;
	b->next->previous = b->previous;
}

bool escape_run(void (*work)(void *context), void *context)
{
	here.ring.next = here.ring.previous = &here.ring;
	here.active = true;
	here.whole = false;
	if (setjmp(here.back) == 0) {
		work(context);
		here.whole = true;
	}
	here.active = false;
	while (here.ring.next != &here.ring) {
		struct block *b = here.ring.next;
		unlink_block(b);
		free(b);
	}
	return here.whole;
}

bool escape_active(void)
{
	return here.active;
}

void *escape_take(size_t size)
{
	struct block *b = malloc(sizeof *b + size);

	if (b == NULL)
		longjmp(here.back, 1);
	link_in(b);
	return b + 1;
}

void *escape_resize(void *old, size_t size)
{
	struct block *b = (struct block *)old - 1, *grown;

	unlink_block(b);
	grown = realloc(b, sizeof *b + size);
	link_in(grown == NULL ? b : grown);
	if (grown == NULL)
		longjmp(here.back, 1);
	return grown + 1;
}

void escape_give(void *old)
{
	struct block *b = (struct block *)old - 1;

	unlink_block(b);
	free(b);
}
