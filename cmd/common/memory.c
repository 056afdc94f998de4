#include "common/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>

enum {
	AHEAD = 384 << 20, /* address space, not memory: what a bulk append touches at the most */
	HUGE_PAGE = 2 << 20,
	PAGE = 4 << 10,
	GROW = 31 << 20, /* more than the heap has left, so that it grows, and less than what is mapped by itself */
	STEP = 512 << 10, /* by which the heap grows behind AHEAD */
};

void memory_begin(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

void memory_expect_much(void)
{
	static bool done;
	uintptr_t top, from, to;
	void *volatile grow; /* or the compiler leaves it out */

	if (done)
		return;
	done = true;
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	/*
	 * A page that was touched cannot become part of a huge one. So the allocator's first word about the new memory comes to lie
	 * in the page before a huge one, and its word about what is left behind GROW.
	 */
	top = (uintptr_t)sbrk(0) + PAGE;
	from = (top + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	sbrk((intptr_t)(from - top));
	mallopt(M_TOP_PAD, AHEAD);
	grow = malloc(GROW);
	mallopt(M_TOP_PAD, STEP);
	if (grow == NULL)
		return; /* address space is limited: the heap grows as it must */
	to = (uintptr_t)sbrk(0) / HUGE_PAGE * HUGE_PAGE;
#ifdef MADV_HUGEPAGE
	if (from < to)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
#endif
	free(grow);
}
#else
void memory_begin(void)
{
}

void memory_expect_much(void)
{
}
#endif
