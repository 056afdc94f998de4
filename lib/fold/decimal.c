/* Arithmetic on decimals: what fits the small form here, the rest in decimal_big.c. */
#include "fold/decimal_parts.h"

const int64_t decimal_powers[DECIMAL_SCALE_MAX + 1] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
	1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
	1000000000000000000,
};

/* Both small ones' coefficients at the greater scale; false when that does not fit. */
static inline bool align_small(const struct decimal *a, const struct decimal *b, int64_t *x, int64_t *y)
{
	*x = a->coefficient;
	*y = b->coefficient;
	if (a->digits != NULL || b->digits != NULL)
		return false;
	if (a->scale < b->scale)
		return !__builtin_mul_overflow(*x, decimal_powers[b->scale - a->scale], x);
	return a->scale == b->scale || !__builtin_mul_overflow(*y, decimal_powers[a->scale - b->scale], y);
}

static int32_t greater_scale(const struct decimal *a, const struct decimal *b)
{
	return a->scale > b->scale ? a->scale : b->scale;
}

enum decimal_status decimal_add(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t x, y, sum;

	if (align_small(&a, &b, &x, &y) && !__builtin_add_overflow(x, y, &sum)) {
		*out = decimal_small(sum, greater_scale(&a, &b));
		return DECIMAL_OK;
	}
	return decimal_big(arena, DECIMAL_ADD, &a, &b, out);
}

enum decimal_status decimal_subtract(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t x, y, difference;

	if (align_small(&a, &b, &x, &y) && !__builtin_sub_overflow(x, y, &difference)) {
		*out = decimal_small(difference, greater_scale(&a, &b));
		return DECIMAL_OK;
	}
	return decimal_big(arena, DECIMAL_SUBTRACT, &a, &b, out);
}

enum decimal_status decimal_multiply(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t product;

	if (a.digits == NULL && b.digits == NULL && a.scale + b.scale <= DECIMAL_SCALE_MAX &&
	    !__builtin_mul_overflow(a.coefficient, b.coefficient, &product)) {
		*out = decimal_small(product, a.scale + b.scale);
		return DECIMAL_OK;
	}
	return decimal_big(arena, DECIMAL_MULTIPLY, &a, &b, out);
}

enum decimal_status decimal_divide(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	if (decimal_sign(b) == 0)
		return DECIMAL_ZERO;
	if (a.digits == NULL && b.digits == NULL && a.scale >= b.scale && b.coefficient != -1 &&
	    a.coefficient % b.coefficient == 0) {
		*out = decimal_small(a.coefficient / b.coefficient, a.scale - b.scale);
		return DECIMAL_OK;
	}
	return decimal_big(arena, DECIMAL_DIVIDE, &a, &b, out);
}

enum decimal_status decimal_remainder(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t x, y;

	if (decimal_sign(b) == 0)
		return DECIMAL_ZERO;
	if (align_small(&a, &b, &x, &y)) {
		*out = decimal_small(y == -1 ? 0 : x % y, greater_scale(&a, &b));
		return DECIMAL_OK;
	}
	return decimal_big(arena, DECIMAL_REMAINDER, &a, &b, out);
}

enum decimal_status decimal_negate(struct arena *arena, struct decimal a, struct decimal *out)
{
	if (a.digits == NULL && a.coefficient != INT64_MIN) {
		*out = decimal_small(-a.coefficient, a.scale);
		return DECIMAL_OK;
	}
	return decimal_big_negate(arena, &a, out);
}

/* ---- rounding ---- */

/* Divide by 10^drop, 1 to 18. */
static int64_t round_small(int64_t v, int32_t drop, enum decimal_rounding how)
{
	int64_t q = v / decimal_powers[drop], rest = v % decimal_powers[drop];

	switch (how) {
	case DECIMAL_FLOOR: return q - (rest < 0);
	case DECIMAL_CEIL: return q + (rest > 0);
	case DECIMAL_HALF_UP: break;
	}
	return q + (rest >= decimal_powers[drop] / 2) - (rest <= -(decimal_powers[drop] / 2));
}

enum decimal_status decimal_round(struct arena *arena, struct decimal a, int32_t places, enum decimal_rounding how,
                                  struct decimal *out)
{
	if (a.digits == NULL && places >= 0) {
		*out = a.scale <= places ? a : decimal_small(round_small(a.coefficient, a.scale - places, how), places);
		return DECIMAL_OK;
	}
	return decimal_big_round(arena, &a, places, how, out);
}
