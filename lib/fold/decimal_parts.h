/* What the parts of decimals share: decimal.c (the small form), decimal_big.c (GMP), decimal_text.c (digits). */
#ifndef EVS_FOLD_DECIMAL_PARTS_H
#define EVS_FOLD_DECIMAL_PARTS_H

#include "fold/decimal.h"

/* 10^n */
extern const int64_t decimal_powers[DECIMAL_SCALE_MAX + 1];

/* ---- decimal_text.c ---- */

/* Where the mantissa of a JSON number ends. */
size_t decimal_mantissa(const char *digits, size_t size);

/* The exponent behind it, no further from 0 than `most`. */
int64_t decimal_exponent(const char *digits, size_t size, size_t mantissa, int64_t most);

/* Write an unsigned number's digits, at least `least` of them; returns how many. */
size_t decimal_put_digits(uint64_t v, unsigned least, char *text);

/* ---- decimal_big.c: of numbers of any form ---- */

enum decimal_operation { DECIMAL_ADD, DECIMAL_SUBTRACT, DECIMAL_MULTIPLY, DECIMAL_DIVIDE, DECIMAL_REMAINDER };

/* a + b, and so on; of the last two b is not 0. */
enum decimal_status decimal_big(struct arena *arena, enum decimal_operation how, const struct decimal *a, const struct decimal *b,
                                struct decimal *out);

/* As decimal_negate and decimal_round. */
enum decimal_status decimal_big_negate(struct arena *arena, const struct decimal *a, struct decimal *out);
enum decimal_status decimal_big_round(struct arena *arena, const struct decimal *a, int32_t places, enum decimal_rounding how,
                                      struct decimal *out);

#endif
