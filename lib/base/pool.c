#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct lane {
	struct task *oldest, *newest; /* all tasks, in order */
	struct task *ready, *ready_end; /* those not yet begun, linked by next_ready */
	size_t count;
};

struct thread {
	struct pool *pool;
	void *worker;
	pthread_t id;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct lane lanes[POOL_LANES];
	const struct task *awaited; /* by who takes */
	bool stop;
	unsigned n;
	struct thread threads[];
};

static struct task *next_ready(struct pool *p)
{
	for (unsigned i = 0; i < POOL_LANES; i++) {
		struct task *task = p->lanes[i].ready;
		if (task != NULL) {
			p->lanes[i].ready = task->next_ready;
			return task;
		}
	}
	return NULL;
}

static void *thread_main(void *arg)
{
	struct thread *self = arg;
	struct pool *p = self->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct task *task;
		while (!p->stop && (task = next_ready(p)) == NULL)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		pthread_mutex_unlock(&p->lock);
		task->run(task, self->worker);
		pthread_mutex_lock(&p->lock);
		task->done = true;
		if (task == p->awaited)
			pthread_cond_signal(&p->finished);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct pool *pool_new(unsigned n, void *const *workers)
{
	struct pool *p = calloc(1, sizeof *p + n * sizeof p->threads[0]);
	sigset_t all, before;

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->finished, NULL);
	/* Signals belong to the thread that called. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (p->n = 0; p->n < n; p->n++) {
		struct thread *t = &p->threads[p->n];
		t->pool = p;
		t->worker = workers[p->n];
		if (pthread_create(&t->id, NULL, thread_main, t) != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (p->n == 0) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i].id, NULL);
	pthread_cond_destroy(&p->finished);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void pool_submit(struct pool *p, unsigned lane, struct task *task)
{
	struct lane *l = &p->lanes[lane];

	task->next = task->next_ready = NULL;
	task->done = false;
	pthread_mutex_lock(&p->lock);
	if (l->oldest == NULL)
		l->oldest = task;
	else
		l->newest->next = task;
	l->newest = task;
	if (l->ready == NULL)
		l->ready = task;
	else
		l->ready_end->next_ready = task;
	l->ready_end = task;
	l->count++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

struct task *pool_take(struct pool *p, unsigned lane, bool wait)
{
	struct lane *l = &p->lanes[lane];
	struct task *task;

	pthread_mutex_lock(&p->lock);
	task = l->oldest;
	p->awaited = task;
	while (task != NULL && !task->done && wait)
		pthread_cond_wait(&p->finished, &p->lock);
	p->awaited = NULL;
	if (task != NULL && task->done) {
		l->oldest = task->next;
		l->count--;
	} else {
		task = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	return task;
}

size_t pool_count(const struct pool *p, unsigned lane)
{
	return p->lanes[lane].count;
}

unsigned pool_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 16 ? 16 : (unsigned)n;
}
