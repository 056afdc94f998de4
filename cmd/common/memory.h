/* How the process takes memory from the system: a page fault for every 4 KiB was a third of the time of a bulk append. */
#ifndef EVS_CMD_MEMORY_H
#define EVS_CMD_MEMORY_H

/* Call first: one heap for all threads, and what is freed is kept for the next batch. */
void memory_begin(void);

/*
 * More than a little will be needed: take address space for it, on huge pages where there are any. The first call counts. Where
 * a page fault takes 10 us, as on some virtual machines, one huge page is as quick as 20 of the 512 small ones in it.
 */
void memory_expect_much(void);

#endif
