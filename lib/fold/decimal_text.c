/* Decimals as digits: read, written, and compared without calculating, however great the exponent. */
#include <string.h>

#include "fold/decimal_parts.h"

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

size_t decimal_put_digits(uint64_t v, unsigned least, char *text)
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
	n += decimal_put_digits(v, (unsigned)scale + 1, text + n);
	if (scale > 0) {
		memmove(text + n - scale + 1, text + n - scale, scale);
		text[n - scale] = '.';
		n++;
	}
	return n;
}

size_t decimal_mantissa(const char *digits, size_t size)
{
	size_t n = 0;

	while (n < size && digits[n] != 'e' && digits[n] != 'E')
		n++;
	return n;
}

int64_t decimal_exponent(const char *digits, size_t size, size_t mantissa, int64_t most)
{
	size_t i = mantissa + 1;
	bool negative = i < size && digits[i] == '-';
	int64_t v = 0;

	for (i += i < size && (digits[i] == '-' || digits[i] == '+'); i < size && v < most; i++)
		v = v * 10 + (digits[i] - '0');
	v = v > most ? most : v;
	return negative ? -v : v;
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

/* ---- compared by the digits ---- */

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
	size_t size = decimal_text(a, text, &digits), mantissa = decimal_mantissa(digits, size);
	struct run r = {.end = digits + mantissa, .magnitude = decimal_exponent(digits, size, mantissa, EXPONENT_TOLD)};

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
		__int128 p = (__int128)a.coefficient * decimal_powers[a.scale < b.scale ? b.scale - a.scale : 0];
		__int128 q = (__int128)b.coefficient * decimal_powers[b.scale < a.scale ? a.scale - b.scale : 0];
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
		*out = a.coefficient / decimal_powers[a.scale];
		return a.coefficient % decimal_powers[a.scale] == 0;
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
