/* What all unit tests share: cmocka, a check that names a table's row, numbers by chance that are the same each time. */
#ifndef EVS_TESTS_UNIT_H
#define EVS_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "evs.h"

/* Fail with a message of printf unless condition holds. */
#define CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			print_error("%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
			fail_msg(__VA_ARGS__); \
		} \
	} while (0)

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The next number of a sequence that a seed decides (xorshift64*, Vigna). */
static inline uint64_t chance(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1du;
}

/* One of 0 .. n - 1. */
static inline size_t chance_of(uint64_t *seed, size_t n)
{
	return (size_t)(chance(seed) >> 11) % n;
}

/* The same for tables of texts. */
static inline const char *chance_text(uint64_t *seed, const char *const *texts, size_t n)
{
	return texts[chance_of(seed, n)];
}

/* b as a text that ends with 0; owned by b. */
static inline const char *text_of(struct buf *b)
{
	buf_byte(b, 0);
	b->size--;
	assert_false(b->failed);
	return (const char *)b->data;
}

#define RUN(tests) cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL)

#endif
