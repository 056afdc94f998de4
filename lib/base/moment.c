#include "base/moment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000
#define DAY ((int64_t)86400)

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Hinnant, chrono-compatible dates). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned year_of_era = (unsigned)(y - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + (int64_t)day_of_era - 719468;
}

static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

/* Read exactly n digits. */
static bool digits(const char **p, const char *end, unsigned n, unsigned *value)
{
	unsigned v = 0;

	if ((size_t)(end - *p) < n)
		return false;
	for (; n > 0; n--, (*p)++) {
		unsigned d = (unsigned)(unsigned char)**p - '0';
		if (d > 9)
			return false;
		v = v * 10 + d;
	}
	*value = v;
	return true;
}

static bool accept(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

static int64_t clamp_ns(struct moment m)
{
	int64_t v;

	if (__builtin_mul_overflow(m.seconds, (int64_t)NS_PER_S, &v) || __builtin_add_overflow(v, m.ns, &v))
		return m.seconds < 0 ? MOMENT_MIN : MOMENT_MAX;
	return v;
}

/* YYYY-MM-DD; false when there is no such day. */
static bool parse_date(const char **p, const char *end, int64_t *days)
{
	static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day, last;

	if (!digits(p, end, 4, &year) || !accept(p, end, '-') || !digits(p, end, 2, &month) || !accept(p, end, '-') ||
	    !digits(p, end, 2, &day) || month < 1 || month > 12)
		return false;
	last = month_days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		last = 29;
	if (day < 1 || day > last)
		return false;
	*days = days_of(year, month, day);
	return true;
}

/* Z or +HH:MM, in seconds; nothing at the end means UTC. */
static bool parse_offset(const char **p, const char *end, int64_t *offset)
{
	unsigned hours, minutes;
	int64_t sign;

	*offset = 0;
	if (*p == end || accept(p, end, 'Z') || accept(p, end, 'z'))
		return true;
	if (**p != '+' && **p != '-')
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	if (!digits(p, end, 2, &hours) || !accept(p, end, ':') || !digits(p, end, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset = sign * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

/* Everything behind the date. *cut: seconds are left out, which only a caller who wants to know of it allows. */
static bool parse_rest(const char *p, const char *end, int64_t days, bool *cut, struct moment *m)
{
	unsigned hour, minute, second = 0;
	uint32_t scale = NS_PER_S / 10;
	int64_t offset;

	if (p == end || (*p != 'T' && *p != 't' && *p != ' '))
		return false;
	p++;
	if (!digits(&p, end, 2, &hour) || !accept(&p, end, ':') || !digits(&p, end, 2, &minute) || hour > 23 || minute > 59)
		return false;
	m->ns = 0;
	if (accept(&p, end, ':')) {
		if (!digits(&p, end, 2, &second) || second > 60)
			return false;
		if (accept(&p, end, '.')) {
			if (p == end || *p < '0' || *p > '9')
				return false;
			for (; p < end && *p >= '0' && *p <= '9'; p++, scale /= 10)
				m->ns += (uint32_t)(*p - '0') * scale;
		}
	} else if (cut == NULL) {
		return false;
	} else {
		*cut = true;
	}
	if (!parse_offset(&p, end, &offset) || p != end)
		return false;
	m->seconds = days * DAY + (int64_t)(hour * 3600 + minute * 60 + second) - offset;
	return true;
}

bool moment_read(const char *text, size_t size, struct moment *m)
{
	const char *p = text, *end = text + size;
	int64_t days;

	return parse_date(&p, end, &days) && parse_rest(p, end, days, NULL, m);
}

bool moment_parse(const char *text, size_t size, int64_t *ns)
{
	struct moment m;

	if (!moment_read(text, size, &m))
		return false;
	*ns = clamp_ns(m);
	return true;
}

/* -15m and the like. */
static bool parse_ago(const char *text, int64_t now_ns, int64_t *ns)
{
	char *unit;
	long long n = strtoll(text + 1, &unit, 10);
	int64_t seconds;

	if (text[1] < '0' || text[1] > '9' || unit[0] == '\0' || unit[1] != '\0')
		return false;
	switch (unit[0]) {
	case 's': seconds = 1; break;
	case 'm': seconds = 60; break;
	case 'h': seconds = 3600; break;
	case 'd': seconds = 86400; break;
	case 'w': seconds = 7 * 86400; break;
	default: return false;
	}
	if (__builtin_mul_overflow((int64_t)n, seconds * NS_PER_S, &seconds) ||
	    __builtin_sub_overflow(now_ns, seconds, ns))
		*ns = MOMENT_MIN;
	return true;
}

bool moment_parse_option(const char *text, int64_t now_ns, bool is_end, int64_t *ns)
{
	const char *p = text, *end = text + strlen(text);
	bool cut = false;
	struct moment m;
	int64_t days;

	if (*text == '-')
		return parse_ago(text, now_ns, ns);
	if (!parse_date(&p, end, &days))
		return false;
	if (p == end)
		m = (struct moment){days * DAY + (is_end ? DAY - 1 : 0), is_end ? NS_PER_S - 1 : 0};
	else if (!parse_rest(p, end, days, &cut, &m))
		return false;
	if (is_end && cut) {
		m.seconds += 59;
		m.ns = NS_PER_S - 1;
	}
	*ns = clamp_ns(m);
	return true;
}

static void two(char *text, unsigned v)
{
	text[0] = (char)('0' + v / 10);
	text[1] = (char)('0' + v % 10);
}

/* The nearest moment that has a year of four digits, in UTC. */
static struct moment writable(struct moment m)
{
	const struct moment first = {days_of(0, 1, 1) * DAY, 0}, last = {days_of(10000, 1, 1) * DAY - 1, NS_PER_S - 1};

	return moment_compare(m, first) < 0 ? first : moment_compare(m, last) > 0 ? last : m;
}

void moment_format(struct moment moment, char *text)
{
	struct moment m = writable(moment);
	int64_t days = m.seconds / DAY, rest = m.seconds % DAY, year;
	uint32_t us = m.ns / 1000;
	unsigned month, day;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	date_of(days, &year, &month, &day);
	two(text, (unsigned)year / 100);
	two(text + 2, (unsigned)year % 100);
	text[4] = '-';
	two(text + 5, month);
	text[7] = '-';
	two(text + 8, day);
	text[10] = 'T';
	two(text + 11, (unsigned)(rest / 3600));
	text[13] = ':';
	two(text + 14, (unsigned)(rest / 60 % 60));
	text[16] = ':';
	two(text + 17, (unsigned)(rest % 60));
	text[19] = '.';
	two(text + 20, us / 10000);
	two(text + 22, us / 100 % 100);
	two(text + 24, us % 100);
	text[26] = 'Z';
}

struct moment moment_of_ns(int64_t ns)
{
	int64_t seconds = ns / NS_PER_S, fraction = ns % NS_PER_S;

	return fraction < 0 ? (struct moment){seconds - 1, (uint32_t)(fraction + NS_PER_S)} : (struct moment){seconds, (uint32_t)fraction};
}

struct moment moment_of_us(int64_t us)
{
	int64_t seconds = us / 1000000, fraction = us % 1000000;

	return fraction < 0 ? (struct moment){seconds - 1, (uint32_t)(fraction + 1000000) * 1000} :
	                      (struct moment){seconds, (uint32_t)fraction * 1000};
}

void moment_format_us(int64_t us, char *text)
{
	moment_format(moment_of_us(us), text);
}

int64_t moment_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t moment_steady_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
