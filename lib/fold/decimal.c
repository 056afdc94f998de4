#include "fold/decimal.h"

#include <gmp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

_Static_assert(sizeof(long) == sizeof(int64_t), "GMP takes and gives 64-bit coefficients as long");

/* A number in GMP's hands: z x 10^-scale. */
struct big {
	mpz_t z;
	int64_t scale;
};

static const int64_t powers[DECIMAL_SCALE_MAX + 1] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
	1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
	1000000000000000000,
};

/* ---- texts ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_at(const char *text, size_t size, size_t at)
{
	size_t n = at;

	while (n < size && is_digit(text[n]))
		n++;
	return n - at;
}

bool decimal_is_number(const char *text, size_t size)
{
	size_t i = size > 0 && text[0] == '-', n = digits_at(text, size, i);

	if (n == 0 || (n > 1 && text[i] == '0'))
		return false;
	i += n;
	if (i < size && text[i] == '.') {
		n = digits_at(text, size, i + 1);
		if (n == 0)
			return false;
		i += 1 + n;
	}
	if (i < size && (text[i] == 'e' || text[i] == 'E')) {
		i++;
		i += i < size && (text[i] == '+' || text[i] == '-');
		n = digits_at(text, size, i);
		if (n == 0)
			return false;
		i += n;
	}
	return i == size;
}

struct decimal decimal_of(const char *digits, size_t size)
{
	struct decimal as_text = {.digits = digits, .size = (uint32_t)size};
	size_t first = size > 0 && digits[0] == '-', point = 0;
	uint64_t coefficient = 0; /* of 19 digits at the most */

	if (size <= first || size - first > DECIMAL_SCALE_MAX + 1 || !is_digit(digits[first]))
		return as_text;
	for (size_t i = first; i < size; i++) {
		unsigned d = (unsigned char)digits[i] - (unsigned)'0';
		if (d <= 9)
			coefficient = coefficient * 10 + d;
		else if (digits[i] == '.' && point == 0)
			point = i;
		else
			return as_text;
	}
	/* Nineteen digits, 05 and 5. (which are no JSON), and -0. */
	if ((point == 0 ? size - first > DECIMAL_SCALE_MAX : point == size - 1) ||
	    (digits[first] == '0' && size > first + 1 && point != first + 1) || (first == 1 && coefficient == 0))
		return as_text;
	return decimal_small(first == 1 ? -(int64_t)coefficient : (int64_t)coefficient, point == 0 ? 0 :
	                     (int32_t)(size - 1 - point));
}

/* Write an unsigned number's digits, at least `least` of them; returns how many. */
static size_t write_digits(uint64_t v, unsigned least, char *text)
{
	char reversed[20];
	size_t n = 0;

	do {
		reversed[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0 || n < least);
	for (size_t i = 0; i < n; i++)
		text[i] = reversed[n - 1 - i];
	return n;
}

size_t decimal_text(const struct decimal *a, char text[DECIMAL_SMALL_TEXT], const char **digits)
{
	uint64_t v = a->coefficient < 0 ? -(uint64_t)a->coefficient : (uint64_t)a->coefficient;
	size_t n = 0, scale = (size_t)a->scale;

	if (a->digits != NULL) {
		*digits = a->digits;
		return a->size;
	}
	*digits = text;
	if (a->coefficient < 0)
		text[n++] = '-';
	n += write_digits(v, (unsigned)scale + 1, text + n);
	if (scale > 0) {
		memmove(text + n - scale + 1, text + n - scale, scale);
		text[n - scale] = '.';
		n++;
	}
	return n;
}

/* ---- to GMP and back ---- */

enum {
	EXPONENT_MAX = 1000000000, /* of a number that is calculated with */
	PLAIN_ZEROS = 40,          /* zeros that are written out; more become an exponent */
};

/* Where the mantissa ends. */
static size_t mantissa_of(const char *digits, size_t size)
{
	size_t n = 0;

	while (n < size && digits[n] != 'e' && digits[n] != 'E')
		n++;
	return n;
}

/* The exponent behind an e, no further from 0 than `most`. */
static int64_t exponent_of(const char *digits, size_t size, size_t mantissa, int64_t most)
{
	size_t i = mantissa + 1;
	bool negative = i < size && digits[i] == '-';
	int64_t v = 0;

	for (i += i < size && (digits[i] == '-' || digits[i] == '+'); i < size && v < most; i++)
		v = v * 10 + (digits[i] - '0');
	v = v > most ? most : v;
	return negative ? -v : v;
}

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
	mantissa = mantissa_of(a->digits, a->size);
	exponent = exponent_of(a->digits, a->size, mantissa, EXPONENT_MAX + 1);
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
		n += write_digits((uint64_t)(b->scale < 0 ? -b->scale : b->scale), 1, digits + n);
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

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER };

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
static enum decimal_status calculate_apart(enum operation how, struct big *a, const struct big *b)
{
	if (how == REMAINDER)
		return is_far_less(a, b) ? DECIMAL_OK : DECIMAL_RANGE;
	if (mpz_sgn(b->z) == 0)
		return DECIMAL_OK;
	if (mpz_sgn(a->z) != 0)
		return DECIMAL_RANGE;
	if (how == ADD)
		mpz_set(a->z, b->z);
	else
		mpz_neg(a->z, b->z);
	a->scale = b->scale;
	return DECIMAL_OK;
}

static enum decimal_status calculate_big(enum operation how, struct big *a, struct big *b)
{
	if (how == MULTIPLY) {
		/* Asked before the work is done; sizes may be one too great, and the product's one less than their sum. */
		if (mpz_sizeinbase(a->z, 10) + mpz_sizeinbase(b->z, 10) > DECIMAL_DIGITS_MAX + 3)
			return DECIMAL_RANGE;
		mpz_mul(a->z, a->z, b->z);
		a->scale += b->scale;
		return DECIMAL_OK;
	}
	if (how == DIVIDE) {
		divide_big(a, b);
		return DECIMAL_OK;
	}
	if (align(a, b) != DECIMAL_OK)
		return calculate_apart(how, a, b);
	if (how == ADD)
		mpz_add(a->z, a->z, b->z);
	else if (how == SUBTRACT)
		mpz_sub(a->z, a->z, b->z);
	else
		mpz_tdiv_r(a->z, a->z, b->z);
	return DECIMAL_OK;
}

static enum decimal_status calculate_in(struct arena *arena, enum operation how, const struct decimal *a,
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
	enum operation how;
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

static enum decimal_status calculate(struct arena *arena, enum operation how, const struct decimal *a,
                                     const struct decimal *b, struct decimal *out)
{
	struct work w = {.arena = arena, .how = how, .a = a, .b = b, .out = out};

	return do_work(do_calculate, &w);
}

/* Both small ones' coefficients at the greater scale; false when that does not fit. */
static inline bool align_small(const struct decimal *a, const struct decimal *b, int64_t *x, int64_t *y)
{
	*x = a->coefficient;
	*y = b->coefficient;
	if (a->digits != NULL || b->digits != NULL)
		return false;
	if (a->scale < b->scale)
		return !__builtin_mul_overflow(*x, powers[b->scale - a->scale], x);
	return a->scale == b->scale || !__builtin_mul_overflow(*y, powers[a->scale - b->scale], y);
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
	return calculate(arena, ADD, &a, &b, out);
}

enum decimal_status decimal_subtract(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t x, y, difference;

	if (align_small(&a, &b, &x, &y) && !__builtin_sub_overflow(x, y, &difference)) {
		*out = decimal_small(difference, greater_scale(&a, &b));
		return DECIMAL_OK;
	}
	return calculate(arena, SUBTRACT, &a, &b, out);
}

enum decimal_status decimal_multiply(struct arena *arena, struct decimal a, struct decimal b, struct decimal *out)
{
	int64_t product;

	if (a.digits == NULL && b.digits == NULL && a.scale + b.scale <= DECIMAL_SCALE_MAX &&
	    !__builtin_mul_overflow(a.coefficient, b.coefficient, &product)) {
		*out = decimal_small(product, a.scale + b.scale);
		return DECIMAL_OK;
	}
	return calculate(arena, MULTIPLY, &a, &b, out);
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
	return calculate(arena, DIVIDE, &a, &b, out);
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
	return calculate(arena, REMAINDER, &a, &b, out);
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

enum decimal_status decimal_negate(struct arena *arena, struct decimal a, struct decimal *out)
{
	if (a.digits == NULL && a.coefficient != INT64_MIN) {
		*out = decimal_small(-a.coefficient, a.scale);
		return DECIMAL_OK;
	}
	return do_work(do_negate, &(struct work){.arena = arena, .a = &a, .out = out});
}

int decimal_sign(struct decimal a)
{
	if (a.digits == NULL)
		return (a.coefficient > 0) - (a.coefficient < 0);
	for (uint32_t i = 0; i < a.size && a.digits[i] != 'e' && a.digits[i] != 'E'; i++)
		if (a.digits[i] >= '1' && a.digits[i] <= '9')
			return a.digits[0] == '-' ? -1 : 1;
	return 0;
}

/* ---- by the digits: what needs no GMP, however great the exponent ---- */

#define EXPONENT_TOLD 100000000000000000 /* exponents beyond it are not told apart */

/* The digits of a number that is not 0, from the first that is not 0. */
struct run {
	const char *p, *end;
	int64_t magnitude; /* where the first one stands: 1 for 5, 2 for 50, 0 for 0.5 */
};

/* text: where those of a small one are written. */
static struct run run_of(const struct decimal *a, char text[DECIMAL_SMALL_TEXT])
{
	const char *digits, *p, *point;
	size_t size = decimal_text(a, text, &digits), mantissa = mantissa_of(digits, size);
	struct run r = {.end = digits + mantissa, .magnitude = exponent_of(digits, size, mantissa, EXPONENT_TOLD)};

	for (p = digits; p < r.end && !(*p >= '1' && *p <= '9'); p++)
		;
	r.p = p;
	if ((point = memchr(digits, '.', mantissa)) == NULL)
		point = r.end;
	r.magnitude += p < point ? point - p : point - p + 1;
	return r;
}

/* The next digit, 0 behind the last. */
static unsigned run_next(struct run *r)
{
	if (r->p < r->end && *r->p == '.')
		r->p++;
	return r->p < r->end ? (unsigned)(*r->p++ - '0') : 0;
}

enum decimal_status decimal_compare(struct decimal a, struct decimal b, int *order)
{
	int sign = decimal_sign(a), sign_b = decimal_sign(b);
	char text_a[DECIMAL_SMALL_TEXT], text_b[DECIMAL_SMALL_TEXT];
	struct run x, y;

	if (sign != sign_b || sign == 0) {
		*order = (sign > sign_b) - (sign < sign_b);
		return DECIMAL_OK;
	}
	if (a.digits == NULL && b.digits == NULL) {
		__int128 p = (__int128)a.coefficient * powers[a.scale < b.scale ? b.scale - a.scale : 0];
		__int128 q = (__int128)b.coefficient * powers[b.scale < a.scale ? a.scale - b.scale : 0];
		*order = (p > q) - (p < q);
		return DECIMAL_OK;
	}
	*order = 0;
	if (a.digits != NULL && b.digits != NULL && a.size == b.size && memcmp(a.digits, b.digits, a.size) == 0)
		return DECIMAL_OK;
	x = run_of(&a, text_a);
	y = run_of(&b, text_b);
	if ((x.magnitude > EXPONENT_TOLD / 2 && y.magnitude > EXPONENT_TOLD / 2) ||
	    (x.magnitude < -EXPONENT_TOLD / 2 && y.magnitude < -EXPONENT_TOLD / 2))
		return DECIMAL_RANGE;
	if (x.magnitude != y.magnitude) {
		*order = x.magnitude > y.magnitude ? sign : -sign;
		return DECIMAL_OK;
	}
	while (*order == 0 && (x.p < x.end || y.p < y.end)) {
		unsigned d = run_next(&x), e = run_next(&y);
		*order = d == e ? 0 : d > e ? sign : -sign;
	}
	return DECIMAL_OK;
}

bool decimal_integer(struct decimal a, int64_t *out)
{
	char text[DECIMAL_SMALL_TEXT];
	uint64_t v = 0;
	struct run r;

	if (a.digits == NULL) {
		*out = a.coefficient / powers[a.scale];
		return a.coefficient % powers[a.scale] == 0;
	}
	*out = 0;
	if (decimal_sign(a) == 0)
		return true;
	r = run_of(&a, text);
	if (r.magnitude <= 0 || r.magnitude > 19)
		return false;
	for (int64_t i = 0; i < r.magnitude; i++)
		v = v * 10 + run_next(&r); /* 19 digits fit 64 bits */
	while (r.p < r.end)
		if (run_next(&r) != 0)
			return false;
	if (v > (uint64_t)INT64_MAX + (decimal_sign(a) < 0))
		return false;
	*out = decimal_sign(a) < 0 ? (int64_t)-v : (int64_t)v;
	return true;
}

/* ---- rounding ---- */

/* Divide by 10^drop, 1 to 18. */
static int64_t round_small(int64_t v, int32_t drop, enum decimal_rounding how)
{
	int64_t q = v / powers[drop], rest = v % powers[drop];

	switch (how) {
	case DECIMAL_FLOOR: return q - (rest < 0);
	case DECIMAL_CEIL: return q + (rest > 0);
	case DECIMAL_HALF_UP: break;
	}
	return q + (rest >= powers[drop] / 2) - (rest <= -(powers[drop] / 2));
}

/* The same for a big one, that has more than `places`. */
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

enum decimal_status decimal_round(struct arena *arena, struct decimal a, int32_t places, enum decimal_rounding how,
                                  struct decimal *out)
{
	if (a.digits == NULL && places >= 0) {
		*out = a.scale <= places ? a : decimal_small(round_small(a.coefficient, a.scale - places, how), places);
		return DECIMAL_OK;
	}
	return do_work(do_round, &(struct work){.arena = arena, .a = &a, .places = places, .rounding = how, .out = out});
}
