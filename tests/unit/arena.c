/* base/arena.h: memory let go of all at once. */
#include <stdalign.h>

#include "base/arena.h"
#include "unit.h"

/* Pieces of all sizes are aligned, and none reaches into another. */
static void pieces_are_apart(void **state)
{
	static uint8_t *pieces[3000];
	static size_t sizes[COUNT(pieces)];
	struct arena a = {.limit = (size_t)1 << 30};
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(pieces); i++) {
			sizes[i] = i % 100 == 0 ? chance_of(&seed, 100000) : chance_of(&seed, 100);
			pieces[i] = arena_take(&a, sizes[i]);
			CHECK(pieces[i] != NULL, "piece %zu", i);
			CHECK((uintptr_t)pieces[i] % alignof(max_align_t) == 0, "piece %zu at %p", i, (void *)pieces[i]);
			memset(pieces[i], (int)(i % 251), sizes[i]);
		}
		for (size_t i = 0; i < COUNT(pieces); i++)
			for (size_t k = 0; k < sizes[i]; k++)
				CHECK(pieces[i][k] == i % 251, "piece %zu, byte %zu", i, k);
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_free(&a);
}

static void copies(void **state)
{
	struct arena a = {.limit = 4096};
	const char text[] = "some bytes\0and more";
	char *copy = arena_copy(&a, text, sizeof text), *none = arena_copy(&a, NULL, 0);

	(void)state;
	assert_non_null(copy);
	assert_ptr_not_equal(copy, text);
	assert_memory_equal(copy, text, sizeof text);
	assert_non_null(none);
	assert_ptr_not_equal(none, copy);
	assert_ptr_not_equal(arena_take(&a, 0), none);
	arena_free(&a);
}

static void has_a_limit(void **state)
{
	static const struct {
		size_t limit, first, second;
		bool ok_first, ok_second;
	} rows[] = {
		{0, 0, 1, false, false},
		{64, 64, 1, true, false},
		{64, 65, 64, false, true},
		{64, 32, 32, true, true},
		{64, 32, 33, true, false},
		{64, 63, 1, true, false}, /* 64 with what alignment takes */
		{100000, 100000, 0, true, false},
		{100000, 50000, 50000, true, true},
		{SIZE_MAX, SIZE_MAX, 1, false, true},
		{SIZE_MAX, SIZE_MAX - 20, SIZE_MAX / 2 + 1, false, false},
		{SIZE_MAX, 1, SIZE_MAX - 1, true, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = {.limit = rows[i].limit};
		void *first = arena_take(&a, rows[i].first);
		CHECK((first != NULL) == rows[i].ok_first, "row %zu", i);
		CHECK(a.failed == !rows[i].ok_first, "row %zu", i);
		CHECK((arena_take(&a, rows[i].second) != NULL) == rows[i].ok_second, "row %zu, the second", i);
		CHECK(a.failed == !(rows[i].ok_first && rows[i].ok_second), "row %zu", i);
		CHECK(a.used <= a.limit, "row %zu: %zu", i, a.used);
		CHECK(arena_copy(&a, "", rows[i].limit == SIZE_MAX ? SIZE_MAX : rows[i].limit + 1) == NULL && a.failed,
		      "row %zu, a copy", i);
		/* A reset makes it as good as new. */
		arena_reset(&a);
		CHECK(!a.failed && !a.full && a.used == 0 && a.limit == rows[i].limit, "row %zu", i);
		CHECK((arena_take(&a, rows[i].first) != NULL) == rows[i].ok_first, "row %zu, again", i);
		arena_free(&a);
	}
}

/* The work on one small event after another asks the system for nothing. */
static void a_block_stays(void **state)
{
	struct arena a = {.limit = (size_t)1 << 30};
	void *first = arena_take(&a, 100);

	(void)state;
	for (int i = 0; i < 1000; i++)
		memset(arena_take(&a, 1000), i, 1000);
	memset(arena_take(&a, 1 << 20), 1, 1 << 20);
	arena_reset(&a);
	assert_ptr_equal(arena_take(&a, 100), first);
	arena_free(&a);
	/* A great one does not. */
	arena_take(&a, 1 << 20);
	arena_reset(&a);
	assert_null(a.block);
	assert_non_null(arena_take(&a, 1));
	arena_free(&a);
	assert_null(a.block);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart),
		cmocka_unit_test(copies),
		cmocka_unit_test(has_a_limit),
		cmocka_unit_test(a_block_stays),
	};

	return RUN(tests);
}
