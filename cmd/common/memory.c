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
	LITTLE = 512 << 10, /* more than the heap has left, so that it grows */
	FEW = 2 << 20,      /* which who then needs little takes on small pages: a huge one is long to clear */
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
	uintptr_t from, to;
	void *grow;

	if (done)
		return;
	done = true;
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TOP_PAD, AHEAD);
	grow = malloc(LITTLE);
	mallopt(M_TOP_PAD, LITTLE);
	if (grow == NULL)
		return; /* address space is limited: the heap grows as it must */
	/* Behind it the allocator wrote what is left: a page that was touched cannot become part of a huge one. */
	from = ((uintptr_t)grow + LITTLE + FEW + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	to = (uintptr_t)sbrk(0) / HUGE_PAGE * HUGE_PAGE;
	free(grow);
#ifdef MADV_HUGEPAGE
	if (from < to)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
#endif
}
#else
void memory_begin(void)
{
}

void memory_expect_much(void)
{
}
#endif
