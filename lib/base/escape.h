/*
 * Memory for a library that knows no way out when it gets none (GMP aborts): within escape_run running out ends the work
 * instead, and everything that it took is free again.
 */
#ifndef EVS_BASE_ESCAPE_H
#define EVS_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Run work(context); false: memory ran out on the way. Nothing that it takes may outlive it; no escape_run within it. */
bool escape_run(void (*work)(void *context), void *context);

/* Whether this thread is within escape_run. Only then: */
bool escape_active(void);
void *escape_take(size_t size);
void *escape_resize(void *old, size_t size);
void escape_give(void *old);

#endif
