/* base/moment.h: RFC 3339 in, microseconds out, and what users write for a time. */
#include <time.h>

#include "base/moment.h"
#include "unit.h"

#define S INT64_C(1000000000)

static void reads_rfc3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00", 0},
		{"1970-01-01t00:00:00z", 0},
		{"1970-01-01 00:00:00Z", 0},
		{"1970-01-01T00:00:00.000000001Z", 1},
		{"1970-01-01T00:00:00.1Z", 100000000},
		{"1970-01-01T00:00:00.1234567891234Z", 123456789},
		{"1969-12-31T23:59:59.999999999Z", -1},
		{"1970-01-01T02:00:00+02:00", 0},
		{"1969-12-31T19:00:00-05:00", 0},
		{"1970-01-01T05:45:00+05:45", 0},
		{"1970-01-01T00:00:00-00:00", 0},
		{"1970-01-01T00:00:00+23:59", -86340 * S},
		{"2000-02-29T12:34:56.789Z", 951827696 * S + 789000000},
		{"2024-02-29T00:00:00Z", 1709164800 * S},
		{"2016-12-31T23:59:60Z", 1483228800 * S},
		{"2026-05-14T10:30:00+02:00", 1778747400 * S},
		{"1600-01-01T00:00:00Z", MOMENT_MIN},
		{"0000-01-01T00:00:00Z", MOMENT_MIN},
		{"9999-12-31T23:59:59.999999999Z", MOMENT_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ns = 42;
		CHECK(moment_parse(rows[i].text, strlen(rows[i].text), &ns), "%s", rows[i].text);
		CHECK(ns == rows[i].ns, "%s is %lld, not %lld", rows[i].text, (long long)ns, (long long)rows[i].ns);
	}
}

static void refuses_the_rest(void **state)
{
	static const char *const rows[] = {
		"", "x", "2026", "2026-05-14", "2026-05-14T", "2026-05-14T10", "2026-05-14T10:30", "2026-05-14T10:30Z",
		"2026-05-14T10:30:0Z", "2026-05-14T10:30:00.Z", "2026-05-14T10:30:00.5.5Z", "2026-05-14T10:30:00ZZ",
		"2026-05-14T10:30:00 Z", "2026-05-14T10:30:00+2:00", "2026-05-14T10:30:00+0200", "2026-05-14T10:30:00+02",
		"2026-05-14T10:30:00+24:00", "2026-05-14T10:30:00+02:60", "2026-05-14T24:00:00Z", "2026-05-14T10:60:00Z",
		"2026-05-14T10:30:61Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"26-05-14T10:30:00Z", "+2026-05-14T10:30:00Z", "-2026-05-14T10:30:00Z", "2026/05/14T10:30:00Z",
		" 2026-05-14T10:30:00Z", "2026-05-14T10:30:00Z ", "2026-05-14_10:30:00Z", "2026-5-14T10:30:00Z",
		"now", "-15m", "1778747400",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ns;
		CHECK(!moment_parse(rows[i], strlen(rows[i]), &ns), "'%s' was taken", rows[i]);
	}
}

/* A text in the middle of others ends where its size says. */
static void keeps_to_size(void **state)
{
	static const char text[] = "2026-05-14T10:30:00.123456789";
	int64_t ns;

	(void)state;
	for (size_t size = 0; size <= strlen(text); size++) {
		char *exact = malloc(size + 1);
		memcpy(exact, text, size);
		exact = realloc(exact, size == 0 ? 1 : size); /* a byte read behind it is one that the sanitizer sees */
		CHECK(moment_parse(exact, size, &ns) == (size == 19 || size > 20), "size %zu", size);
		free(exact);
	}
}

/* The C library's calendar is the model. */
static void agrees_with_the_c_library(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		int64_t us = (int64_t)chance_of(&seed, INT64_C(568024668) * 1000000000 / 1000) - INT64_C(284012334) * 1000000;
		time_t seconds = us / 1000000 - (us % 1000000 < 0);
		char text[MOMENT_TEXT + 1] = {0}, model[64];
		struct tm tm;
		int64_t ns;
		gmtime_r(&seconds, &tm);
		strftime(model, 21, "%Y-%m-%dT%H:%M:%S.", &tm);
		snprintf(model + 20, 9, "%06dZ", (int)(us - (int64_t)seconds * 1000000));
		moment_format_us(us, text);
		CHECK(strcmp(text, model) == 0, "%lld is %s, not %s", (long long)us, text, model);
		CHECK(moment_parse(text, MOMENT_TEXT, &ns) && ns == us * 1000, "%s", text);
	}
}

static void reads_options(void **state)
{
	static const int64_t now = INT64_C(1778747400) * S; /* 2026-05-14T08:30:00Z */
	static const struct {
		const char *text;
		int64_t begin, end;
	} rows[] = {
		{"2026-05-14", 1778716800 * S, 1778803200 * S - 1},
		{"2026-05-14T08:30", 1778747400 * S, 1778747460 * S - 1},
		{"2026-05-14T08:30Z", 1778747400 * S, 1778747460 * S - 1},
		{"2026-05-14T10:30+02:00", 1778747400 * S, 1778747460 * S - 1},
		{"2026-05-14 08:30:00", 1778747400 * S, 1778747400 * S},
		{"2026-05-14T08:30:00Z", 1778747400 * S, 1778747400 * S},
		{"2026-05-14T08:30:00.5Z", 1778747400 * S + S / 2, 1778747400 * S + S / 2},
		{"2026-05-14T08:30:00.123456789Z", 1778747400 * S + 123456789, 1778747400 * S + 123456789},
		{"-30s", now - 30 * S, now - 30 * S},
		{"-15m", now - 900 * S, now - 900 * S},
		{"-2h", now - 7200 * S, now - 7200 * S},
		{"-7d", now - 7 * 86400 * S, now - 7 * 86400 * S},
		{"-4w", now - 28 * 86400 * S, now - 28 * 86400 * S},
		{"-0s", now, now},
		{"-999999d", MOMENT_MIN, MOMENT_MIN},
		{"1500-01-01", MOMENT_MIN, MOMENT_MIN},
		{"9999-12-31", MOMENT_MAX, MOMENT_MAX},
	};
	static const char *const wrong[] = {
		"", "-", "-m", "-15", "-15x", "-15mm", "-1 5m", "--15m", "15m", "+15m", "-1.5h", "yesterday", "2026",
		"2026-05", "2026-05-14T", "2026-05-14T08", "2026-02-30", "2026-05-14T08:30:00+02", "2026-05-14Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ns;
		CHECK(moment_parse_option(rows[i].text, now, false, &ns), "%s", rows[i].text);
		CHECK(ns == rows[i].begin, "%s begins at %lld, not %lld", rows[i].text, (long long)ns, (long long)rows[i].begin);
		CHECK(moment_parse_option(rows[i].text, now, true, &ns), "%s", rows[i].text);
		CHECK(ns == rows[i].end, "%s ends at %lld, not %lld", rows[i].text, (long long)ns, (long long)rows[i].end);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		int64_t ns;
		CHECK(!moment_parse_option(wrong[i], now, false, &ns), "'%s' was taken", wrong[i]);
	}
}

static void clocks_go_on(void **state)
{
	int64_t before = moment_steady_ns(), now = moment_now_us();

	(void)state;
	assert_true(moment_steady_ns() >= before);
	assert_true(now / 1000000 >= time(NULL) - 2 && now / 1000000 <= time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_rfc3339),     cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(keeps_to_size),     cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(reads_options),     cmocka_unit_test(clocks_go_on),
	};

	return RUN(tests);
}
