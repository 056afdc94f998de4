/* Decimals in GMP's hands, whose one home this is. */
#include <gmp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "fold/decimal_parts.h"

_Static_assert(sizeof(long) == sizeof(int64_t), "GMP takes and gives 64-bit coefficients as long");

enum {
	EXPONENT_MAX = 1000000000, /* of a number that is calculated with */
	PLAIN_ZEROS = 40,          /* zeros that are written out; more become an exponent */
};

/* A number: z x 10^-scale. */
struct big {
	mpz_t z;
	int64_t scale;
};

/* ---- there and back ---- */

/* b->z must be initialised. Long digits are copied into the arena, so that its limit bounds the work too. */
static enum decimal_status to_big(struct arena *arena, const struct decimal *a, struct big *b)
{
	size_t n = 0, places = 0, mantissa;
	int64_t exponent;
	bool point = false;
	char small[64], *text = small;

	if (a->digits == NULL) {
		mpz_set_si(b->z, a->coefficient);
		b->scale = a->scale;
		return DECIMAL_OK;
	}
	mantissa = decimal_mantissa(a->digits, a->size);
	exponent = decimal_exponent(a->digits, a->size, mantissa, EXPONENT_MAX + 1);
	if (mantissa > DECIMAL_DIGITS_MAX + PLAIN_ZEROS + 3)
		return DECIMAL_RANGE;
	if (mantissa >= sizeof small && (text = arena_take(arena, mantissa + 1)) == NULL)
		return DECIMAL_NOMEM;
	for (size_t i = 0; i < mantissa; i++) {
		if (a->digits[i] == '.') {
			point = true;
		} else {
			text[n++] = a->digits[i];
			places += point;
		}
	}
	text[n] = '\0';
	mpz_set_str(b->z, text, 10);
	b->scale = (int64_t)places - exponent;
	return mpz_sgn(b->z) != 0 && (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX) ? DECIMAL_RANGE : DECIMAL_OK;
}

/* Put a point among n digits, `scale` of them or more behind it; returns how many characters it then is. */
static size_t put_point(char *digits, size_t n, size_t scale)
{
	size_t zeros = scale >= n ? scale - n + 1 : 0;

	memmove(digits + zeros, digits, n);
	memset(digits, '0', zeros);
	n += zeros;
	memmove(digits + n - scale + 1, digits + n - scale, scale);
	digits[n - scale] = '.';
	return n + 1;
}

/* Write a big number as JSON digits into the arena. */
static enum decimal_status write_big(struct arena *arena, const struct big *b, struct decimal *out)
{
	size_t cap = mpz_sizeinbase(b->z, 10), n;
	char *text, *digits;

	if (cap > DECIMAL_DIGITS_MAX + 1 || b->scale > EXPONENT_MAX || b->scale < -EXPONENT_MAX)
		return DECIMAL_RANGE;
	if ((text = arena_take(arena, cap + PLAIN_ZEROS + 32)) == NULL)
		return DECIMAL_NOMEM;
	mpz_get_str(text, 10, b->z);
	digits = text + (mpz_sgn(b->z) < 0);
	n = strlen(digits);
	if (n > DECIMAL_DIGITS_MAX)
		return DECIMAL_RANGE;
	if (b->scale > 0 && b->scale < (int64_t)n + PLAIN_ZEROS) {
		n = put_point(digits, n, (size_t)b->scale);
	} else if (b->scale <= 0 && b->scale >= -PLAIN_ZEROS) {
		memset(digits + n, '0', (size_t)-b->scale);
		n += (size_t)-b->scale;
	} else {
		digits[n++] = 'e';
		if (b->scale > 0)
			digits[n++] = '-';
		n += decimal_put_digits((uint64_t)(b->scale < 0 ? -b->scale : b->scale), 1, digits + n);
	}
	*out = (struct decimal){.digits = text, .size = (uint32_t)(digits + n - text)};
	return DECIMAL_OK;
}

/* z = 10^n */
static void power(mpz_t z, size_t n)
{
	mpz_ui_pow_ui(z, 10, n);
}

/* z x 10^n */
static void multiply_power(mpz_t z, size_t n)
{
	mpz_t p;

	mpz_init(p);
	power(p, n);
	mpz_mul(z, z, p);
	mpz_clear(p);
}

/* The small form where it fits, else digits. */
static enum decimal_status from_big(struct arena *arena, struct big *b, struct decimal *out)
{
	if (mpz_sgn(b->z) == 0 && (b->scale < 0 || b->scale > DECIMAL_SCALE_MAX))
		b->scale = b->scale < 0 ? 0 : DECIMAL_SCALE_MAX;
	if (b->scale < 0 && b->scale >= -DECIMAL_SCALE_MAX) { /* 2e3 is 2000 */
		multiply_power(b->z, (size_t)-b->scale);
		b->scale = 0;
	}
	if (b->scale >= 0 && b->scale <= DECIMAL_SCALE_MAX && mpz_fits_slong_p(b->z)) {
		*out = decimal_small(mpz_get_si(b->z), (int32_t)b->scale);
		return DECIMAL_OK;
	}
	return write_big(arena, b, out);
}

/* How many digits z has. */
static size_t digits_of(const mpz_t z)
{
	size_t n = mpz_sizeinbase(z, 10); /* or one too many */
	mpz_t p;

	mpz_init(p);
	power(p, n - 1);
	n -= n > 1 && mpz_cmpabs(z, p) < 0;
	mpz_clear(p);
	return n;
}

/* Give both the greater scale. */
static enum decimal_status align(struct big *a, struct big *b)
{
	struct big *less = a->scale < b->scale ? a : b;
	int64_t scale = a->scale < b->scale ? b->scale : a->scale;

	if (mpz_sgn(less->z) != 0) {
		if (scale - less->scale > DECIMAL_DIGITS_MAX)
			return DECIMAL_RANGE;
		multiply_power(less->z, (size_t)(scale - less->scale));
	}
	less->scale = scale;
	return DECIMAL_OK;
}

/* ---- calculation ---- */

/* Divide z by 10^drop, half to even; `more`: something that z does not show was left out of it. */
static void round_even(mpz_t z, size_t drop, bool more)
{
	int sign = mpz_sgn(z), half;
	mpz_t p, rest;

	mpz_inits(p, rest, NULL);
	power(p, drop);
	mpz_tdiv_qr(z, rest, z, p);
	mpz_mul_ui(rest, rest, 2);
	half = mpz_cmpabs(rest, p);
	if (half > 0 || (half == 0 && (more || mpz_odd_p(z)))) {
		if (sign < 0)
			mpz_sub_ui(z, z, 1);
		else
			mpz_add_ui(z, z, 1);
	}
	mpz_clears(p, rest, NULL);
}

/* a / b with 34 digits, b not 0. Leaves the quotient in a. */
static void divide_big(struct big *a, struct big *b)
{
	int64_t ideal = a->scale - b->scale, shift;
	size_t n;
	bool more;
	mpz_t rest;

	a->scale = ideal;
	if (mpz_sgn(a->z) == 0)
		return;
	/* So many zeros that one digit more than the 34 comes out at least, though sizes may be one too great. */
	shift = DECIMAL_QUOTIENT + 3 - ((int64_t)mpz_sizeinbase(a->z, 10) - (int64_t)mpz_sizeinbase(b->z, 10));
	if (shift > 0) {
		multiply_power(a->z, (size_t)shift);
		a->scale += shift;
	}
	mpz_init(rest);
	mpz_tdiv_qr(a->z, rest, a->z, b->z);
	more = mpz_sgn(rest) != 0;
	mpz_clear(rest);
	/* An exact quotient drops its zeros, down to its ideal scale. */
	while (!more && a->scale > ideal && mpz_divisible_ui_p(a->z, 10)) {
		mpz_divexact_ui(a->z, a->z, 10);
		a->scale--;
	}
	/* Twice where 99..9 became 100..0. */
	while ((n = digits_of(a->z)) > DECIMAL_QUOTIENT) {
		round_even(a->z, n - DECIMAL_QUOTIENT, more);
		a->scale -= (int64_t)(n - DECIMAL_QUOTIENT);
		more = false;
	}
}

/* Whether |a| < |b| for certain, by where their first digits stand. */
static bool is_far_less(const struct big *a, const struct big *b)
{
	return (int64_t)mpz_sizeinbase(a->z, 10) - a->scale < (int64_t)mpz_sizeinbase(b->z, 10) - 1 - b->scale;
}

/* Where no common scale can be had, of a + b, a - b, a % b: a, when b is nothing beside it; or what b alone makes. */
static enum decimal_status calculate_apart(enum decimal_operation how, struct big *a, const struct big *b)
{
	if (how == DECIMAL_REMAINDER)
		return is_far_less(a, b) ? DECIMAL_OK : DECIMAL_RANGE;
	if (mpz_sgn(b->z) == 0)
		return DECIMAL_OK;
	if (mpz_sgn(a->z) != 0)
		return DECIMAL_RANGE;
	if (how == DECIMAL_ADD)
		mpz_set(a->z, b->z);
	else
		mpz_neg(a->z, b->z);
	a->scale = b->scale;
	return DECIMAL_OK;
}

static enum decimal_status calculate_big(enum decimal_operation how, struct big *a, struct big *b)
{
	if (how == DECIMAL_MULTIPLY) {
		/* Asked before the work is done; sizes may be one too great, and the product's one less than their sum. */
		if (mpz_sizeinbase(a->z, 10) + mpz_sizeinbase(b->z, 10) > DECIMAL_DIGITS_MAX + 3)
			return DECIMAL_RANGE;
		mpz_mul(a->z, a->z, b->z);
		a->scale += b->scale;
		return DECIMAL_OK;
	}
	if (how == DECIMAL_DIVIDE) {
		divide_big(a, b);
		return DECIMAL_OK;
	}
	if (align(a, b) != DECIMAL_OK)
		return calculate_apart(how, a, b);
	if (how == DECIMAL_ADD)
		mpz_add(a->z, a->z, b->z);
	else if (how == DECIMAL_SUBTRACT)
		mpz_sub(a->z, a->z, b->z);
	else
		mpz_tdiv_r(a->z, a->z, b->z);
	return DECIMAL_OK;
}

static enum decimal_status calculate_in(struct arena *arena, enum decimal_operation how, const struct decimal *a,
                                        const struct decimal *b, struct decimal *out)
{
	struct big x, y;
	enum decimal_status status;

	mpz_init(x.z);
	mpz_init(y.z);
	status = to_big(arena, a, &x);
	if (status == DECIMAL_OK)
		status = to_big(arena, b, &y);
	if (status == DECIMAL_OK)
		status = calculate_big(how, &x, &y);
	if (status == DECIMAL_OK)
		status = from_big(arena, &x, out);
	mpz_clear(x.z);
	mpz_clear(y.z);
	return status;
}

/* Round a number that has more than `places`. */
static void round_big(struct big *b, int32_t places, enum decimal_rounding how)
{
	size_t all = mpz_sizeinbase(b->z, 10) + 1; /* every digit goes: the power need not be larger */
	size_t drop = b->scale - places < (int64_t)all ? (size_t)(b->scale - places) : all;
	mpz_t p, half;

	mpz_inits(p, half, NULL);
	power(p, drop);
	if (how == DECIMAL_FLOOR) {
		mpz_fdiv_q(b->z, b->z, p);
	} else if (how == DECIMAL_CEIL) {
		mpz_cdiv_q(b->z, b->z, p);
	} else {
		mpz_fdiv_q_2exp(half, p, 1);
		if (mpz_sgn(b->z) < 0)
			mpz_sub(b->z, b->z, half);
		else
			mpz_add(b->z, b->z, half);
		mpz_tdiv_q(b->z, b->z, p);
	}
	mpz_clears(p, half, NULL);
	b->scale = places;
}

/* ---- GMP knows no end of memory: it works within escape_run ---- */

static struct {
	void *(*take)(size_t size);
	void *(*resize)(void *old, size_t old_size, size_t size);
	void (*give)(void *old, size_t size);
} others; /* what others in this process gave GMP */

static void *take(size_t size)
{
	return escape_active() ? escape_take(size) : others.take(size);
}

static void *resize(void *old, size_t old_size, size_t size)
{
	return escape_active() ? escape_resize(old, size) : others.resize(old, old_size, size);
}

static void give(void *old, size_t size)
{
	if (escape_active())
		escape_give(old);
	else
		others.give(old, size);
}

static void give_gmp_memory(void)
{
	mp_get_memory_functions(&others.take, &others.resize, &others.give);
	mp_set_memory_functions(take, resize, give);
}

/* What is to be done with one number or two. */
struct work {
	struct arena *arena;
	enum decimal_operation how;
	const struct decimal *a, *b;
	int32_t places;
	enum decimal_rounding rounding;
	struct decimal *out;
	enum decimal_status status;
};

static enum decimal_status do_work(void (*function)(void *context), struct work *w)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, give_gmp_memory);
	return escape_run(function, w) ? w->status : DECIMAL_NOMEM;
}

static void do_calculate(void *context)
{
	struct work *w = context;

	w->status = calculate_in(w->arena, w->how, w->a, w->b, w->out);
}

enum decimal_status decimal_big(struct arena *arena, enum decimal_operation how, const struct decimal *a, const struct decimal *b,
                                struct decimal *out)
{
	struct work w = {.arena = arena, .how = how, .a = a, .b = b, .out = out};

	return do_work(do_calculate, &w);
}

static void do_negate(void *context)
{
	struct work *w = context;
	struct big b;

	mpz_init(b.z);
	w->status = to_big(w->arena, w->a, &b);
	mpz_neg(b.z, b.z);
	if (w->status == DECIMAL_OK)
		w->status = from_big(w->arena, &b, w->out);
	mpz_clear(b.z);
}

static void do_round(void *context)
{
	struct work *w = context;
	struct big b;

	mpz_init(b.z);
	w->status = to_big(w->arena, w->a, &b);
	if (w->status == DECIMAL_OK && b.scale <= w->places) {
		*w->out = *w->a;
	} else if (w->status == DECIMAL_OK) {
		round_big(&b, w->places, w->rounding);
		w->status = from_big(w->arena, &b, w->out);
	}
	mpz_clear(b.z);
}

enum decimal_status decimal_big_negate(struct arena *arena, const struct decimal *a, struct decimal *out)
{
	return do_work(do_negate, &(struct work){.arena = arena, .a = a, .out = out});
}

enum decimal_status decimal_big_round(struct arena *arena, const struct decimal *a, int32_t places, enum decimal_rounding how,
                                      struct decimal *out)
{
	return do_work(do_round, &(struct work){.arena = arena, .a = a, .places = places, .rounding = how, .out = out});
}
