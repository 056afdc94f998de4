/* base/pool.h: tasks come back in the order in which they were given. */
#include <stdatomic.h>
#include <unistd.h>

#include "base/pool.h"
#include "unit.h"

struct work {
	struct task task; /* first: the pool gives it back */
	size_t number;
	unsigned spin;
	void *worker;
};

static atomic_size_t ran;

static void run(struct task *task, void *worker)
{
	struct work *w = (struct work *)task;

	for (volatile unsigned i = 0; i < w->spin; i++)
		;
	w->worker = worker;
	atomic_fetch_add(&ran, 1);
}

static struct work *new_work(size_t n, uint64_t seed)
{
	struct work *w = calloc(n, sizeof *w);

	for (size_t i = 0; i < n; i++)
		w[i] = (struct work){.task = {.run = run}, .number = i, .spin = (unsigned)chance_of(&seed, 3000)};
	return w;
}

static void keeps_order(void **state)
{
	enum { N = 10000 };
	int ids[4];
	void *workers[] = {&ids[0], &ids[1], &ids[2], &ids[3]};

	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct pool *p = pool_new(threads, workers);
		struct work *lanes[POOL_LANES] = {new_work(N, 1), new_work(N, 2)};
		size_t given[POOL_LANES] = {0}, taken[POOL_LANES] = {0};
		uint64_t seed = threads;
		atomic_store(&ran, 0);
		assert_non_null(p);
		while (taken[0] + taken[1] < 2 * N) {
			unsigned lane = (unsigned)chance_of(&seed, POOL_LANES);
			if (given[lane] < N && chance_of(&seed, 2) == 0)
				pool_submit(p, lane, &lanes[lane][given[lane]++].task);
			bool wait = chance_of(&seed, 4) == 0;
			struct work *done = (struct work *)pool_take(p, lane, wait);
			if (done == NULL) {
				CHECK(!wait || given[lane] == taken[lane], "waited and got nothing");
				continue;
			}
			CHECK(done->number == taken[lane], "lane %u: %zu came in place of %zu", lane, done->number, taken[lane]);
			CHECK(done->worker >= (void *)ids && done->worker < (void *)(ids + threads), "not a worker of this pool");
			taken[lane]++;
			assert_int_equal(pool_count(p, lane), given[lane] - taken[lane]);
		}
		assert_int_equal(atomic_load(&ran), 2 * N);
		assert_null(pool_take(p, 0, true));
		pool_free(p);
		free(lanes[0]);
		free(lanes[1]);
	}
}

static atomic_bool hold;

static void held(struct task *task, void *worker)
{
	(void)worker;
	(void)task;
	while (atomic_load(&hold))
		usleep(100);
	atomic_fetch_add(&ran, 1);
}

/* Lane 0 is begun before lane 1; what was not begun is dropped by pool_free. */
static void later_stage_first(void **state)
{
	int id;
	void *workers[] = {&id};
	struct pool *p = pool_new(1, workers);
	struct work first = {.task = {.run = held}};
	struct work *w = new_work(20, 4);

	(void)state;
	atomic_store(&ran, 0);
	atomic_store(&hold, true);
	pool_submit(p, 1, &first.task);
	for (size_t i = 0; i < 10; i++)
		pool_submit(p, 1, &w[i].task);
	for (size_t i = 10; i < 20; i++)
		pool_submit(p, 0, &w[i].task);
	atomic_store(&hold, false);
	for (size_t i = 10; i < 20; i++)
		assert_ptr_equal(pool_take(p, 0, true), &w[i].task);
	pool_free(p);
	assert_true(atomic_load(&ran) >= 10 && atomic_load(&ran) <= 21);
	pool_free(NULL);
	free(w);
}

static void knows_cores(void **state)
{
	(void)state;
	assert_in_range(pool_cores(), 1, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(later_stage_first),
		cmocka_unit_test(knows_cores),
	};

	return RUN(tests);
}
