/*
 * Moments: RFC 3339 texts and the numbers behind them.
 * Most moments are nanoseconds since 1970-01-01T00:00:00Z in 64 bits; what lies outside 1678 to 2261 is clamped
 * to MOMENT_MIN or MOMENT_MAX. recordedAt is kept in microseconds.
 */
#ifndef EVS_BASE_MOMENT_H
#define EVS_BASE_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOMENT_MIN INT64_MIN
#define MOMENT_MAX INT64_MAX

/* Read an RFC 3339 date and time; without an offset it is UTC. False when it is not one. */
bool moment_parse(const char *text, size_t size, int64_t *ns);

/* A moment of any year that RFC 3339 can write: seconds since 1970, and nanoseconds from there on. */
struct moment {
	int64_t seconds;
	uint32_t ns;
};

static inline int moment_compare(struct moment a, struct moment b)
{
	if (a.seconds != b.seconds)
		return a.seconds < b.seconds ? -1 : 1;
	return a.ns < b.ns ? -1 : a.ns > b.ns;
}

/* The same, without bounds. */
bool moment_read(const char *text, size_t size, struct moment *m);

/*
 * Read what a user writes for a moment: RFC 3339, seconds left out, a date, or -15m, -2h, -7d, -30s before now.
 * is_end: a date alone means its last nanosecond and not its first; likewise a minute without seconds.
 */
bool moment_parse_option(const char *text, int64_t now_ns, bool is_end, int64_t *ns);

/*
 * Write a moment, or microseconds since 1970, as 2026-05-14T10:30:00.123456Z: MOMENT_TEXT bytes, not terminated; of a year that
 * has no four digits the nearest that has.
 */
#define MOMENT_TEXT 27
void moment_format(struct moment m, char *text);
void moment_format_us(int64_t us, char *text);

/* The moment of nanoseconds, and of microseconds, since 1970. */
struct moment moment_of_ns(int64_t ns);
struct moment moment_of_us(int64_t us);

int64_t moment_now_us(void);

/* A steady clock for measuring, in nanoseconds. */
int64_t moment_steady_ns(void);

#endif
