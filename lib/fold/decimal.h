/*
 * Exact decimal numbers: coefficient x 10^-scale, never a binary float.
 * Nearly all fit a 64-bit coefficient and a scale of 0 to 18; any other is kept as its digits, JSON's way, and
 * calculated by GMP (decimal_big.c). The scale follows General Decimal Arithmetic (Cowlishaw, version
 * 1.70): 29.90 + 0.10 is 30.00, 29.90 x 2 is 59.80, an exact quotient has the scale of the dividend less that of
 * the divisor where it can.
 */
#ifndef EVS_FOLD_DECIMAL_H
#define EVS_FOLD_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define DECIMAL_SCALE_MAX 18     /* of the small form */
#define DECIMAL_DIGITS_MAX 100000 /* of any number: more ends in DECIMAL_RANGE */
#define DECIMAL_QUOTIENT 34      /* significant digits of what is not exact */
#define DECIMAL_SMALL_TEXT 24    /* the longest small one as text: sign, 19 digits, point, zero */

struct decimal {
	const char *digits; /* a JSON number, `size` bytes, borrowed; NULL: the small form */
	uint32_t size;
	int32_t scale;       /* small: 0 to DECIMAL_SCALE_MAX */
	int64_t coefficient; /* small */
};

enum decimal_status {
	DECIMAL_OK,
	DECIMAL_ZERO,  /* a division by zero */
	DECIMAL_RANGE, /* more digits than DECIMAL_DIGITS_MAX */
	DECIMAL_NOMEM, /* the arena has no more */
};

/* Look at a JSON number. What the small form would not write as the same digits (1e3, -0, long) keeps them. */
struct decimal decimal_of(const char *digits, size_t size);

/* Whether text is a JSON number from beginning to end. */
bool decimal_is_number(const char *text, size_t size);

static inline struct decimal decimal_small(int64_t coefficient, int32_t scale)
{
	return (struct decimal){.coefficient = coefficient, .scale = scale};
}

/* *out may borrow its digits from the arena. */
enum decimal_status decimal_add(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out);
enum decimal_status decimal_subtract(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out);
enum decimal_status decimal_multiply(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out);
/* Exact where 34 digits are enough, else rounded to 34, half to even. */
enum decimal_status decimal_divide(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out);
/* What is left of a after b was taken from it a whole number of times; it has the sign of a. */
enum decimal_status decimal_remainder(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out);
enum decimal_status decimal_negate(struct arena *arena, struct decimal a, struct decimal *out);

/* -1, 0 or 1 in *order: by value, so that 1 and 1.00 are equal. */
enum decimal_status decimal_compare(struct decimal a, struct decimal b, int *order);

/* -1, 0 or 1: the sign. */
int decimal_sign(struct decimal a);

enum decimal_rounding { DECIMAL_HALF_UP /* away from zero */, DECIMAL_FLOOR, DECIMAL_CEIL };

/* To `places` digits behind the point; what has fewer stays as it is. places may be negative: tens, hundreds. */
enum decimal_status decimal_round(struct arena *arena, struct decimal a, int32_t places, enum decimal_rounding how,
                                  struct decimal *out);

/* A whole number that fits 64 bits; false when it is anything else. */
bool decimal_integer(struct decimal a, int64_t *out);

/* The digits of a: of the small form written into text. Returns how many; *digits is where. */
size_t decimal_text(const struct decimal *a, char text[DECIMAL_SMALL_TEXT], const char **digits);

#endif
