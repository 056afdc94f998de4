/* fold/decimal.h: exact numbers. What is expected follows General Decimal Arithmetic, written without its exponents. */
#include "fold/decimal.h"
#include "unit.h"

#define MIN "-9223372036854775808"
#define MAX "9223372036854775807"
#define NINES_34 "9999999999999999999999999999999999"
#define EXPONENT "1000000000"

/* The decimal of a text, whose bytes stand alone so that a read behind them is seen; free them. */
static struct decimal decimal_from(const char *text, char **bytes)
{
	size_t size = strlen(text);

	*bytes = malloc(size == 0 ? 1 : size);
	memcpy(*bytes, text, size);
	return decimal_of(*bytes, size);
}

/* The digits of d, owned by out. */
static const char *shown(const struct decimal *d, struct buf *out)
{
	char text[DECIMAL_SMALL_TEXT];
	const char *digits;
	size_t size = decimal_text(d, text, &digits);

	out->size = 0;
	buf_put(out, digits, size);
	return text_of(out);
}

/* What a operator b is, as text: "zero", "range" where it is none. */
static const char *worked_out(char operator, const char *a, const char *b, struct buf *out)
{
	static const char *const failures[] = {[DECIMAL_ZERO] = "zero", [DECIMAL_RANGE] = "range",
	                                       [DECIMAL_NOMEM] = "no memory"};
	struct arena arena = {.limit = (size_t)16 << 20};
	char *x_bytes, *y_bytes;
	struct decimal x = decimal_from(a, &x_bytes), y = decimal_from(b, &y_bytes), z = {0};
	enum decimal_status status;
	int32_t places = (int32_t)strtol(b, NULL, 10);
	const char *text;

	switch (operator) {
	case '+': status = decimal_add(&arena, x, y, &z); break;
	case '-': status = decimal_subtract(&arena, x, y, &z); break;
	case '*': status = decimal_multiply(&arena, x, y, &z); break;
	case '/': status = decimal_divide(&arena, x, y, &z); break;
	case '%': status = decimal_remainder(&arena, x, y, &z); break;
	case 'n': status = decimal_negate(&arena, x, &z); break;
	case 'h': status = decimal_round(&arena, x, places, DECIMAL_HALF_UP, &z); break;
	case 'f': status = decimal_round(&arena, x, places, DECIMAL_FLOOR, &z); break;
	default: status = decimal_round(&arena, x, places, DECIMAL_CEIL, &z); break;
	}
	text = status == DECIMAL_OK ? shown(&z, out) : failures[status];
	if (status == DECIMAL_OK)
		CHECK(decimal_is_number(text, strlen(text)), "%s %c %s is no number: %s", a, operator, b, text);
	free(x_bytes);
	free(y_bytes);
	arena_free(&arena);
	return text;
}

static void numbers_of_json(void **state)
{
	static const struct {
		const char *text;
		bool number, small;
	} rows[] = {
		{"0", true, true}, {"7", true, true}, {"-7", true, true}, {"10", true, true}, {"29.90", true, true},
		{"-0.5", true, true},
		{"0.0", true, true}, {"0.00", true, true}, {"-0.01", true, true}, {"1.000", true, true},
		{"123456789012345678", true, true}, {"-123456789012345678", true, true},
		{"1234567890123456.78", true, true},
		{"0.12345678901234567", true, true}, {"999999999999999999", true, true},
		/* The small form would not give these digits back. */
		{"-0", true, false}, {"-0.0", true, false}, {"1e3", true, false}, {"1E3", true, false},
		{"1e+3", true, false},
		{"1.5e-3", true, false}, {"0e0", true, false}, {"1e03", true, false}, {"1e400", true, false},
		{MAX, true, false}, {MIN, true, false},
		{"1234567890123456789", true, false}, {"9999999999999999999", true, false},
		{"0.123456789012345678", true, false},
		{"0.0000000000000000001", true, false}, {"18446744073709551616", true, false},
		/* Nothing JSON knows. */
		{"", false, false}, {"-", false, false}, {".", false, false}, {"-.", false, false},
		{".5", false, false}, {"5.", false, false},
		{"-5.", false, false}, {"-.5", false, false}, {"05", false, false}, {"-05", false, false},
		{"00", false, false}, {"00.5", false, false},
		{"1.2.3", false, false}, {"1-2", false, false}, {"--1", false, false}, {"+1", false, false},
		{"1e", false, false}, {"1e+", false, false},
		{"e5", false, false}, {"1e5.0", false, false}, {"1.e5", false, false}, {" 1", false, false},
		{"1 ", false, false}, {"1x", false, false},
		{"0x10", false, false}, {"Infinity", false, false}, {"NaN", false, false},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *bytes;
		struct decimal d = decimal_from(rows[i].text, &bytes);
		CHECK(decimal_is_number(rows[i].text, strlen(rows[i].text)) == rows[i].number, "'%s'", rows[i].text);
		CHECK((d.digits == NULL) == rows[i].small, "'%s' is %s", rows[i].text, d.digits == NULL ? "small" :
		      "digits");
		CHECK(strcmp(shown(&d, &out), rows[i].text) == 0, "'%s' is written as '%s'", rows[i].text, text_of(&out));
		free(bytes);
	}
	buf_free(&out);
}

/* Whatever the text is, its digits come back; what is small is a number. */
static void digits_come_back(void **state)
{
	static const char some[] = "00112345678999..-+eE";
	struct buf out = {0};
	uint64_t seed = 77;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char text[26], *bytes;
		size_t size = 1 + chance_of(&seed, sizeof text - 1), kinds = chance_of(&seed,
		                                                                       2) == 0 ? 14 : sizeof some - 1;
		struct decimal d;
		for (size_t k = 0; k < size; k++)
			text[k] = some[chance_of(&seed, kinds)];
		text[size - 1] = some[chance_of(&seed, 14)];
		text[size < sizeof text ? size : size - 1] = '\0';
		d = decimal_from(text, &bytes);
		CHECK(strcmp(shown(&d, &out), text) == 0, "'%s' is written as '%s'", text, text_of(&out));
		CHECK(d.digits != NULL || decimal_is_number(text, strlen(text)), "'%s'", text);
		free(bytes);
	}
	buf_free(&out);
}

static void calculates(void **state)
{
	static const struct {
		const char *a;
		char operator;
		const char *b, *out;
	} rows[] = {
		/* Sums have the greater scale, products the sum of both. */
		{"29.90", '+', "0.10", "30.00"}, {"0.1", '+', "0.2", "0.3"}, {"1", '+', "0.00", "1.00"},
		{"1.5", '+', "-1.50", "0.00"},
		{"-1", '+', "1", "0"}, {"1e3", '+', "1", "1001"}, {"1e3", '+', "0", "1000"}, {"-0", '+', "0", "0"},
		{"-0", '+', "5", "5"},
		{MAX, '+', "1", "9223372036854775808"}, {MIN, '+', "-1", "-9223372036854775809"}, {MAX, '+', MIN, "-1"},
		{"9223372036854775808", '+', "-1", MAX}, {"900000000000000000", '+', "0.01", "900000000000000000.01"},
		{"0.000000000000000001", '+', "0.0000000000000000001", "0.0000000000000000011"},
		{"5708990770823839524233143877797980545530986496", '+', "5708990770823839524233143877797980545530986496",
		 "11417981541647679048466287755595961091061972992"},
		{"1e20", '+', "1e-20", "100000000000000000000.00000000000000000001"}, {"1e400", '-', "1e400", "0"},
		{"1e400", '+', "1e400", "2e400"},
		{"30.00", '-', "0.1", "29.90"}, {"0", '-', "0.00", "0.00"}, {MIN, '-', "1", "-9223372036854775809"},
		{"5", '-', "-0", "5"},
		{"0", '-', MIN, "9223372036854775808"}, {"1e-30", '-', "1e-30", "0.000000000000000000"},
		{"29.90", '*', "2", "59.80"}, {"1.20", '*', "3.00", "3.6000"}, {"-3", '*', "0.5", "-1.5"},
		{"0", '*', "-5", "0"}, {"0.0", '*', "5.00", "0.000"},
		{MAX, '*', MAX, "85070591730234615847396907784232501249"}, {MIN, '*', "-1", "9223372036854775808"},
		{"0.0000000001", '*', "0.0000000001", "0.00000000000000000001"},
		{"0.0000000001", '*', "0.00000000", "0.000000000000000000"},
		{"1e400", '*', "1e-400", "1"}, {"1e400", '*', "1e400", "1e800"}, {"-0", '*', "5", "0"},
		{"12e5", '*', "3", "3600000"},
		{"1234567890123456789012345678901234567890", '*', "9876543210987654321098765432109876543210",
		 "12193263113702179522618503273386678859448712086533622923332237463801111263526900"},
		{"1.5e-60", '*', "2", "30e-61"}, {"15e50", '*', "2", "30e50"},
		{"1e40", '*', "1", "10000000000000000000000000000000000000000"}, {"1e41", '*', "1", "1e41"},
		{"1e-40", '*', "1", "0.0000000000000000000000000000000000000001"}, {"1e-41", '*', "1", "1e-41"},
		{"-1e-40", '*', "1", "-0.0000000000000000000000000000000000000001"},
		/* The scale of an exact quotient is the dividend's less the divisor's where it can. */
		{"6.00", '/', "2", "3.00"}, {"1.20", '/', "0.1", "12.0"}, {"5", '/', "0.10", "50"},
		{"2.4", '/', "0.3", "8"}, {"1", '/', "8", "0.125"}, {"100", '/', "10", "10"},
		{"1000", '/', "0.001", "1000000"}, {"1", '/', "4.00", "0.25"}, {"0", '/', "7", "0"},
		{"0.000", '/', "7", "0.000"}, {"0", '/', "0.10", "0"}, {"-7", '/', "2", "-3.5"},
		{"1", '/', "3", "0.3333333333333333333333333333333333"},
		{"2", '/', "3", "0.6666666666666666666666666666666667"},
		{"-2", '/', "3", "-0.6666666666666666666666666666666667"},
		{"2", '/', "-3", "-0.6666666666666666666666666666666667"},
		{"10", '/', "6", "1.666666666666666666666666666666667"},
		{"1e400", '/', "3", "3333333333333333333333333333333333e366"},
		{MIN, '/', "-1", "9223372036854775808"}, {"123456789", '/', "1e-5", "12345678900000"},
		{"520", '/', "7", "74.28571428571428571428571428571429"},
		{"1", '/', "0.999999999999999999999999999999999999999999999", "1.000000000000000000000000000000000"},
		/* 34 digits and a half, exactly: to even. A half and anything more: up. And never twice. */
		{"2000000000000000000000000000000001", '/', "199999999999999999999999999999999999999999999999999",
		 "0.00000000000000001000000000000000000000000000000001"},
		{"10000000000000000000000000000000005", '/', "10", "1000000000000000000000000000000000"},
		{"10000000000000000000000000000000015", '/', "10", "1000000000000000000000000000000002"},
		{"-10000000000000000000000000000000015", '/', "10", "-1000000000000000000000000000000002"},
		{"10000000000000000000000000000000005", '/', "1", "10000000000000000000000000000000000"},
		{"30000000000000000000000000000000015.3", '/', "3", "10000000000000000000000000000000010"},
		{"100000000000000000000000000000000049", '/', "1", "100000000000000000000000000000000000"},
		{"1000000000000000000000000000000000500000000000000000000000000000000000000001", '/', "1",
		 "1000000000000000000000000000000001e42"},
		{"99999999999999999999999999999999995", '/', "10", "10000000000000000000000000000000000"},
		{NINES_34 "9", '/', "1", "100000000000000000000000000000000000"}, {NINES_34, '/', "1", NINES_34},
		{"9.9999999999999999999999999999999999", '/', "1", "10.00000000000000000000000000000000"},
		{"12345678901234567890123456789012340000", '/', "1", "12345678901234567890123456789012340000"},
		{"1", '/', "0", "zero"}, {"1", '/', "0.00", "zero"}, {"1", '/', "-0", "zero"}, {"0", '/', "0", "zero"},
		{"1", '/', "0e5", "zero"}, {"1e400", '/', "0", "zero"},
		/* A remainder has the dividend's sign and the greater scale. */
		{"7", '%', "3", "1"}, {"-7", '%', "3", "-1"}, {"7", '%', "-3", "1"}, {"-7", '%', "-3", "-1"},
		{"7.50", '%', "2", "1.50"}, {"7", '%', "0.3", "0.1"}, {"6", '%', "3", "0"},
		{"1", '%', "0.100", "0.000"}, {MIN, '%', "-1", "0"}, {MIN, '%', "10", "-8"},
		{"9223372036854775808", '%', "10", "8"}, {"1e30", '%', "7", "1"}, {"3", '%', "1e30", "3"},
		{"-6", '%', "3", "0"}, {"5", '%', "0", "zero"}, {"5", '%', "0.0", "zero"}, {"1e400", '%', "-0", "zero"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = worked_out(rows[i].operator, rows[i].a, rows[i].b, &out);
		CHECK(strcmp(text, rows[i].out) == 0, "%s %c %s is %s, not %s", rows[i].a, rows[i].operator, rows[i].b,
		      text, rows[i].out);
	}
	buf_free(&out);
}

static void negates(void **state)
{
	static const char *const rows[][2] = {
		{"1", "-1"}, {"-1.50", "1.50"}, {"0", "0"}, {"0.00", "0.00"}, {"-0", "0"}, {"-0.0", "0.0"},
		{MIN, "9223372036854775808"}, {MAX, "-" MAX}, {"1e3", "-1000"},
		{"-1e400", "1e400"}, {"1e-400", "-1e-400"}, {"1e" EXPONENT, "-1e" EXPONENT}, {"1e1000000001", "range"},
	};
	struct arena arena = {0};
	struct buf out = {0};
	struct decimal d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = worked_out('n', rows[i][0], "0", &out);
		CHECK(strcmp(text, rows[i][1]) == 0, "-(%s) is %s", rows[i][0], text);
	}
	assert_int_equal(decimal_negate(&arena, decimal_small(INT64_MIN, 3), &d), DECIMAL_NOMEM);
	buf_free(&out);
}

static void rounds(void **state)
{
	static const struct {
		const char *number, *places, *half_up, *floor, *ceil;
	} rows[] = {
		{"2.5", "0", "3", "2", "3"}, {"-2.5", "0", "-3", "-3", "-2"}, {"2.4", "0", "2", "2", "3"},
		{"-2.4", "0", "-2", "-3", "-2"}, {"2.6", "0", "3", "2", "3"},
		{"0.5", "0", "1", "0", "1"}, {"-0.5", "0", "-1", "-1", "0"}, {"0.4", "0", "0", "0", "1"},
		{"-0.4", "0", "0", "-1", "0"}, {"1.005", "2", "1.01", "1.00", "1.01"},
		{"1.004999", "2", "1.00", "1.00", "1.01"}, {"2.00", "0", "2", "2", "2"},
		{"29.90", "1", "29.9", "29.9", "29.9"}, {"0.00", "1", "0.0", "0.0", "0.0"},
		/* What has fewer places stays as it is, whatever its form. */
		{"2.5", "1", "2.5", "2.5", "2.5"}, {"2.5", "2", "2.5", "2.5", "2.5"}, {"7", "0", "7", "7", "7"},
		{"1e3", "0", "1e3", "1e3", "1e3"}, {"1e400", "2", "1e400", "1e400", "1e400"},
		{"1e" EXPONENT, "2", "1e" EXPONENT, "1e" EXPONENT, "1e" EXPONENT}, {"-0", "0", "-0", "-0", "-0"},
		{MAX, "5", MAX, MAX, MAX},
		/* Tens, hundreds. */
		{"1250", "-2", "1300", "1200", "1300"}, {"-1250", "-2", "-1300", "-1300", "-1200"},
		{"1249.99", "-2", "1200", "1200", "1300"}, {"4", "-1", "0", "0", "10"}, {"5", "-1", "10", "0", "10"},
		{"5", "-3", "0", "0", "1000"}, {"-5", "-3", "0", "-1000", "0"}, {"0", "-3", "0", "0", "0"},
		{MAX, "-18", "9000000000000000000", "9000000000000000000", "10000000000000000000"},
		{"5", "-50", "0", "0", "1e50"}, {"-5", "-50", "0", "-1e50", "0"}, {"0", "-50", "0", "0", "0"},
		{"1e3", "-3", "1e3", "1e3", "1e3"}, {"1e3", "-4", "0", "0", "10000"},
		/* Digits. */
		{"123456789012345678901234567890.125", "2", "123456789012345678901234567890.13", "123456789012345678901234567890.12",
		 "123456789012345678901234567890.13"},
		{"-123456789012345678901234567890.125", "2", "-123456789012345678901234567890.13", "-123456789012345678901234567890.13",
		 "-123456789012345678901234567890.12"},
		{"99999999999999999999.5", "0", "100000000000000000000", "99999999999999999999", "100000000000000000000"},
		{"1e-400", "2", "0.00", "0.00", "0.01"}, {"-1e-400", "2", "0.00", "-0.01", "0.00"},
		{"1e-" EXPONENT, "2", "0.00", "0.00", "0.01"}, {"1.9e0", "0", "2", "1", "2"},
		{"5e-1", "0", "1", "0", "1"},
		{"0.999999999999999999", "17", "1.00000000000000000", "0.99999999999999999", "1.00000000000000000"},
		{"9.999999999999999999", "17", "10.00000000000000000", "9.99999999999999999", "10.00000000000000000"},
		{"0.00000000000000000005", "19", "0.0000000000000000001", "0.000000000000000000", "0.0000000000000000001"},
		/* The limits. */
		{"5", "-2147483648", "0", "0", "range"}, {"-5", "-2147483648", "0", "range", "0"},
		{"5", "2147483647", "5", "5", "5"}, {"1e99999999999", "2", "range", "range", "range"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const wanted[] = {rows[i].half_up, rows[i].floor, rows[i].ceil};
		for (size_t k = 0; k < 3; k++) {
			const char *text = worked_out("hfc"[k], rows[i].number, rows[i].places, &out);
			CHECK(strcmp(text, wanted[k]) == 0, "%s to %s places (%c) is %s, not %s", rows[i].number,
			      rows[i].places,
			      "hfc"[k], text, wanted[k]);
		}
	}
	buf_free(&out);
}

/* Each is greater than all before it, and equal to those beside it. */
static void compares(void **state)
{
	static const char *const rows[][4] = {
		{"-1e99999999999999999999"}, {"-1e" EXPONENT, "-10e999999999", "-0.1e1000000001"}, {"-1e400"},
		{"-9223372036854775809"}, {MIN, MIN ".0", "-9223372036854775.808e3"},
		{"-123456789012345678.01"}, {"-123456789012345678"}, {"-1.01"}, {"-1", "-1.00", "-10e-1", "-1e0"},
		{"-0.999999999999999999"}, {"-0.1"}, {"-1e-400"}, {"-1e-" EXPONENT},
		{"0", "-0", "0.00", "0e99999999999999999999"}, {"1e-99999999999999999999"},
		{"1e-" EXPONENT, "0.1e-999999999"}, {"1e-400"},
		{"0.000000000000000001", "1e-18", "0.0000000000000000010"},
		{"0.0000000000000000011"}, {"0.1", "0.10", "1e-1", "1000e-4"}, {"0.3"},
		{"0.30000000000000000000000000000000000000001"}, {"0.999999999999999999"},
		{"1", "1.0", "1.000", "10.0e-1"},
		{"1.000000000000000001"}, {"9"}, {"10", "1e1", "10.0", "1.0e+1"}, {"99.99"},
		{"100", "1E2", "100.00", "0.01e4"}, {"999999999999999999"},
		{"1000000000000000000", "1e18", "1000000000000000000.0"},
		{MAX, MAX ".000", "922337203685477.5807e4"}, {"9223372036854775808"}, {"9999999999999999999"},
		{"10000000000000000000", "1e19"}, {"1e400", "10e399", "1.000e400"},
		{"1.0000000000000000000001e400"}, {"1e999999999"}, {"1e" EXPONENT}, {"1e99999999999999999999"},
	};
	static const char *const unknown[][2] = {
		{"1e99999999999999999999", "1e99999999999999999998"},
		{"1e-99999999999999999999", "1e-99999999999999999998"},
		{"-1e99999999999999999999", "-2e99999999999999999999"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows) * 4; i++) {
		for (size_t k = 0; k < COUNT(rows) * 4; k++) {
			const char *a = rows[i / 4][i % 4], *b = rows[k / 4][k % 4];
			char *x_bytes, *y_bytes;
			struct decimal x, y;
			int order = 9, wanted = (i / 4 > k / 4) - (i / 4 < k / 4);
			if (a == NULL || b == NULL)
				continue;
			x = decimal_from(a, &x_bytes);
			y = decimal_from(b, &y_bytes);
			CHECK(decimal_compare(x, y, &order) == DECIMAL_OK, "%s with %s", a, b);
			CHECK(order == wanted, "%s with %s: %d", a, b, order);
			CHECK(decimal_sign(x) == (i / 4 > 13) - (i / 4 < 13), "the sign of %s: %d", a, decimal_sign(x));
			free(x_bytes);
			free(y_bytes);
		}
	}
	/* Out of all reason, and not told apart. */
	for (size_t i = 0; i < COUNT(unknown); i++) {
		const char *a = unknown[i][0], *b = unknown[i][1];
		int order;
		assert_int_equal(decimal_compare(decimal_of(a, strlen(a)), decimal_of(b, strlen(b)), &order),
		                 DECIMAL_RANGE);
	}
	/* The small form, where no product of 64 bits would do. */
	for (int32_t scale = 0; scale <= DECIMAL_SCALE_MAX; scale++) {
		int order;
		assert_int_equal(decimal_compare(decimal_small(INT64_MAX, 0), decimal_small(INT64_MAX - 1, scale),
		                                 &order), DECIMAL_OK);
		assert_int_equal(order, 1);
		assert_int_equal(decimal_compare(decimal_small(INT64_MIN, scale), decimal_small(INT64_MIN, 0), &order),
		                 DECIMAL_OK);
		assert_int_equal(order, scale > 0);
	}
}

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		bool whole;
		int64_t number;
	} rows[] = {
		{"0", true, 0}, {"-0", true, 0}, {"0.00", true, 0}, {"0e99999999999999999999", true, 0}, {"7", true, 7},
		{"-7.00", true, -7}, {"7.5", false, 0}, {"0.1", false, 0}, {MAX, true, INT64_MAX},
		{MIN, true, INT64_MIN}, {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0},
		{"9999999999999999999", false, 0}, {"99999999999999999999", false, 0}, {"1e3", true, 1000},
		{"1.5e1", true, 15},
		{"1.55e1", false, 0}, {"1e18", true, 1000000000000000000}, {"1e19", false, 0},
		{"1e" EXPONENT, false, 0}, {"1e99999999999999999999", false, 0}, {"1e-" EXPONENT, false, 0},
		{"10e-1", true, 1},
		{"1000000000000000000000e-21", true, 1}, {MAX "0e-1", true, INT64_MAX}, {MAX "1e-1", false, 0},
		{MIN ".0", true, INT64_MIN}, {MIN ".000000000000000000001", false, 0},
		{"1.00000000000000000000", true, 1},
		{"0.00000000000000000001e20", true, 1}, {"-12e2", true, -1200}, {"0.5e0", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t number = 0;
		char *bytes;
		struct decimal d = decimal_from(rows[i].text, &bytes);
		bool whole = decimal_integer(d, &number);
		CHECK(whole == rows[i].whole, "%s", rows[i].text);
		CHECK(!whole || number == rows[i].number, "%s is %lld", rows[i].text, (long long)number);
		free(bytes);
	}
}

/* Numbers and powers that no machine holds end in an error, at once. */
static void has_limits(void **state)
{
	static const struct {
		const char *a;
		char operator;
		const char *b, *out;
	} rows[] = {
		{"1e" EXPONENT, '+', "1", "range"}, {"1", '-', "1e-" EXPONENT, "range"},
		{"1e" EXPONENT, '+', "1e-" EXPONENT, "range"}, {"1e" EXPONENT, '%', "3", "range"},
		{"1e" EXPONENT, '*', "1e1", "range"},
		{"1e-" EXPONENT, '*', "0.1", "range"}, {"1e" EXPONENT, '/', "1e-" EXPONENT, "range"},
		{"1e1000000001", '+', "0", "range"}, {"1e99999999999999999999", '*', "1", "range"},
		{"1", '/', "1e-99999999999999999999", "range"}, {"1e100000", '+', "1", "range"},
		/* Where the other is nothing beside it, it is an answer. */
		{"1e" EXPONENT, '+', "0", "1e" EXPONENT}, {"0", '+', "1e" EXPONENT, "1e" EXPONENT},
		{"0", '-', "1e-" EXPONENT, "-1e-" EXPONENT}, {"1e" EXPONENT, '-', "0", "1e" EXPONENT},
		{"0", '-', "1e" EXPONENT, "-1e" EXPONENT},
		{"0", '+', "0e-99999999999999999999", "0.000000000000000000"}, {"5", '+', "0e-" EXPONENT, "5"},
		{"5", '%', "1e" EXPONENT, "5"}, {"0", '%', "1e" EXPONENT, "0"},
		{"-1e-" EXPONENT, '%', "5", "-1e-" EXPONENT},
		{"1e" EXPONENT, '*', "0", "0"}, {"0e99999999999999999999", '+', "1", "1"},
		{"1", '/', "1e" EXPONENT, "1e-" EXPONENT}, {"1e" EXPONENT, '*', "1", "1e" EXPONENT},
	};
	struct buf out = {0}, a = {0}, b = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = worked_out(rows[i].operator, rows[i].a, rows[i].b, &out);
		CHECK(strcmp(text, rows[i].out) == 0, "%s %c %s is %s", rows[i].a, rows[i].operator, rows[i].b, text);
	}
	/* DECIMAL_DIGITS_MAX digits are a number, one more is none. */
	for (size_t n = DECIMAL_DIGITS_MAX - 1; n <= DECIMAL_DIGITS_MAX + 1; n++) {
		bool fits = n < DECIMAL_DIGITS_MAX;
		a.size = 0;
		for (size_t i = 0; i < n; i++)
			buf_byte(&a, '9');
		assert_int_equal(strcmp(worked_out('+', text_of(&a), "1", &out), "range") == 0, !fits);
		assert_int_equal(strcmp(worked_out('-', text_of(&a), "0", &out), "range") == 0, n > DECIMAL_DIGITS_MAX);
		assert_int_equal(strcmp(worked_out('*', text_of(&a), "10", &out), "range") == 0, !fits);
		assert_string_equal(worked_out('/', text_of(&a), text_of(&a), &out), "1");
	}
	/* Before the work is done, where it would be much. */
	buf_put(&b, a.data, a.size);
	assert_string_equal(worked_out('*', text_of(&a), text_of(&b), &out), "range");
	buf_free(&out);
	buf_free(&a);
	buf_free(&b);
}

/* The least coefficient, which has no positive. */
static void least_coefficient(void **state)
{
	static const struct {
		char operator;
		int64_t a, b;
		const char *out;
	} rows[] = {
		{'/', INT64_MIN, -1, "9223372036854775808"}, {'%', INT64_MIN, -1, "0"}, {'%', INT64_MIN, 10, "-8"},
		{'*', INT64_MIN, -1, "9223372036854775808"}, {'-', 0, INT64_MIN, "9223372036854775808"},
		{'+', INT64_MIN, INT64_MIN, "-18446744073709551616"}, {'n', INT64_MIN, 0, "9223372036854775808"},
		{'/', INT64_MIN, INT64_MIN, "1"}, {'%', -1, INT64_MIN, "-1"}, {'/', INT64_MIN, 1, MIN},
	};
	struct arena arena = {.limit = 4096};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct decimal a = decimal_small(rows[i].a, 0), b = decimal_small(rows[i].b, 0), c = {0};
		enum decimal_status status = DECIMAL_OK;
		switch (rows[i].operator) {
		case '+': status = decimal_add(&arena, a, b, &c); break;
		case '-': status = decimal_subtract(&arena, a, b, &c); break;
		case '*': status = decimal_multiply(&arena, a, b, &c); break;
		case '/': status = decimal_divide(&arena, a, b, &c); break;
		case '%': status = decimal_remainder(&arena, a, b, &c); break;
		default: status = decimal_negate(&arena, a, &c); break;
		}
		CHECK(status == DECIMAL_OK && strcmp(shown(&c, &out), rows[i].out) == 0, "row %zu: %s", i, text_of(&out));
	}
	assert_string_equal(shown(&(struct decimal){.coefficient = INT64_MIN, .scale = 18}, &out), "-9.223372036854775808");
	assert_string_equal(shown(&(struct decimal){.coefficient = -1, .scale = 18}, &out), "-0.000000000000000001");
	buf_free(&out);
	arena_free(&arena);
}

/* Results, and digits that are worked on, come out of the arena. */
static void memory_has_a_limit(void **state)
{
	struct arena arena = {.limit = 64};
	char digits[100];
	struct decimal d = decimal_small(INT64_MAX, 0), out;

	(void)state;
	assert_int_equal(decimal_add(&arena, d, d, &out), DECIMAL_NOMEM);
	assert_true(arena.failed);
	arena_reset(&arena);
	assert_int_equal(decimal_add(&arena, d, decimal_small(INT64_MIN, 0), &out), DECIMAL_OK);
	memset(digits, '7', sizeof digits);
	assert_int_equal(decimal_divide(&arena, decimal_of(digits, sizeof digits), decimal_of(digits, sizeof digits),
	                                &out), DECIMAL_NOMEM);
	arena_reset(&arena);
	assert_int_equal(decimal_round(&arena, decimal_of(digits, sizeof digits), -100, DECIMAL_FLOOR, &out),
	                 DECIMAL_NOMEM);
	arena_free(&arena);
}

/* By chance: what is taken away was added, what is multiplied divides, and both forms agree. */
static void laws_hold(void **state)
{
	struct buf x = {0}, y = {0}, sum = {0}, out = {0};
	uint64_t seed = 4242;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct buf *const both[] = {&x, &y};
		for (size_t k = 0; k < 2; k++) {
			int digits = 1 + (int)chance_of(&seed, i % 2 == 0 ? 9 : 30), places = (int)chance_of(&seed, 8);
			both[k]->size = 0;
			if (chance_of(&seed, 2) == 0)
				buf_byte(both[k], '-');
			buf_byte(both[k], (uint8_t)('1' + chance_of(&seed, 9)));
			for (int d = 1; d < digits; d++)
				buf_byte(both[k], (uint8_t)('0' + chance_of(&seed, 10)));
			if (places > 0)
				buf_byte(both[k], '.');
			for (int d = 0; d < places; d++)
				buf_byte(both[k], (uint8_t)('0' + chance_of(&seed, 10)));
		}
		const char *a = text_of(&x), *b = text_of(&y), *back;
		struct decimal was, is;
		int order;
		sum.size = 0;
		buf_text(&sum, worked_out('+', a, b, &out));
		back = worked_out('-', text_of(&sum), b, &out);
		was = decimal_of(a, x.size);
		is = decimal_of(back, strlen(back));
		CHECK(decimal_compare(was, is, &order) == DECIMAL_OK && order == 0, "%s + %s is %s, less it %s", a, b,
		      text_of(&sum), back);
		sum.size = 0;
		buf_text(&sum, worked_out('*', a, b, &out));
		if (x.size < 17) { /* the quotient has 34 digits at the most */
			back = worked_out('/', text_of(&sum), b, &out);
			CHECK(strcmp(back, a) == 0, "%s * %s is %s, divided by it %s", a, b, text_of(&sum), back);
		}
		/* The same value as digits gives the same. */
		sum.size = 0;
		buf_text(&sum, a);
		buf_text(&sum, "e0");
		for (const char *operator = "+-*/%"; *operator != '\0'; operator++) {
			struct buf other = {0};
			const char *one = worked_out(*operator, a, b, &out);
			const char *two = worked_out(*operator, text_of(&sum), b, &other);
			CHECK(strcmp(one, two) == 0, "%s %c %s is %s, or %s", a, *operator, b, one, two);
			buf_free(&other);
		}
	}
	buf_free(&x);
	buf_free(&y);
	buf_free(&sum);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_json), cmocka_unit_test(digits_come_back),   cmocka_unit_test(calculates),
		cmocka_unit_test(negates),         cmocka_unit_test(rounds),             cmocka_unit_test(compares),
		cmocka_unit_test(whole_numbers),   cmocka_unit_test(has_limits),         cmocka_unit_test(least_coefficient),
		cmocka_unit_test(memory_has_a_limit), cmocka_unit_test(laws_hold),
	};

	return RUN(tests);
}
