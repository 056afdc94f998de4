/*
 * Worker threads that run tasks at once and hand them back in the order they were given.
 * Invariants: a lane holds tasks in submission order; pool_take returns its oldest one, when done. Tasks of
 * lane 0 are begun before those of lane 1 (the later stage first, so that a pipeline drains). One thread owns
 * the pool and makes all calls; tasks are owned by the caller before submit and after take.
 */
#ifndef EVS_BASE_POOL_H
#define EVS_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define POOL_LANES 2

struct pool;

struct task {
	void (*run)(struct task *task, void *worker); /* worker: this thread's own pointer of pool_new */
	struct task *next, *next_ready;               /* the pool's */
	bool done;                                    /* the pool's */
};

/* Start n threads; workers[i] is passed to the tasks thread i runs. NULL when none could be started. */
struct pool *pool_new(unsigned n, void *const *workers);

/* Runs what is under way to its end, drops the rest (the caller still owns those tasks), stops the threads. */
void pool_free(struct pool *p);

void pool_submit(struct pool *p, unsigned lane, struct task *task);

/* The oldest task of the lane: waits for it when `wait`, else NULL unless it is done. NULL when the lane is empty. */
struct task *pool_take(struct pool *p, unsigned lane, bool wait);

/* How many tasks the lane holds, done or not. */
size_t pool_count(const struct pool *p, unsigned lane);

/* How many threads use the machine best: its cores, from 1 to 16. */
unsigned pool_cores(void);

#endif
