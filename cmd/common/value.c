#include "common/value.h"

#include <string.h>

#include "base/moment.h"

#define DURATION_MAX_MS ((int64_t)36525 * 86400000)

/* Read digits up to the first other byte; false when there are none or they are too many. */
static bool digits(const char **p, uint64_t *number)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			return false;
	}
	*number = n;
	return *p != start;
}

bool value_number(const char *text, uint64_t *number)
{
	return digits(&text, number) && *text == '\0';
}

bool value_fraction(const char *text, uint64_t *part, uint64_t *whole)
{
	return digits(&text, part) && *text == '/' && value_number(text + 1, whole);
}

bool value_time(const char *text)
{
	int64_t ns;

	return moment_parse_option(text, moment_now_us() * 1000, false, &ns);
}

/* Milliseconds in a unit; 0 when there is no such unit. */
static int64_t unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

bool value_duration(const char *text, int64_t *ms)
{
	uint64_t whole, fraction = 0, scale = 1;
	int64_t unit, total;

	if (!digits(&text, &whole) || whole > INT64_MAX)
		return false;
	if (*text == '.') {
		const char *start = ++text;
		if (!digits(&text, &fraction) || text - start > 6)
			return false;
		for (; start < text; start++)
			scale *= 10;
	}
	unit = unit_ms(text);
	if (unit == 0 || __builtin_mul_overflow((int64_t)whole, unit, &total) ||
	    __builtin_add_overflow(total, (int64_t)(fraction * (uint64_t)unit / scale), &total) || total > DURATION_MAX_MS)
		return false;
	*ms = total;
	return true;
}

size_t value_choice_next(const char **choices, const char **choice)
{
	size_t size = strcspn(*choices, "|");

	*choice = *choices;
	*choices += size + ((*choices)[size] == '|');
	return size;
}

int value_choice(const char *choices, const char *text)
{
	const char *choice;
	size_t size;

	for (int i = 0; (size = value_choice_next(&choices, &choice)) > 0; i++)
		if (strlen(text) == size && memcmp(text, choice, size) == 0)
			return i;
	return -1;
}
