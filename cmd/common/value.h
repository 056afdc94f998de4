/* What users write behind an option: numbers, times, durations, choices. */
#ifndef EVS_CMD_VALUE_H
#define EVS_CMD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits alone, up to 2^64 - 1. */
bool value_number(const char *text, uint64_t *number);

/* 2/4: a number, a slash, a number; nothing else. */
bool value_fraction(const char *text, uint64_t *part, uint64_t *whole);

/* Whether it is a time that selectors know: RFC 3339, a date, -15m, -2h, -7d. */
bool value_time(const char *text);

/* 500ms, 30s, 5m, 2h, 7d, with a fraction or without, up to a hundred years; milliseconds. */
bool value_duration(const char *text, int64_t *ms);

/* The place of text among choices ("json|pretty|table"), or -1. */
int value_choice(const char *choices, const char *text);

/* The next of choices: *choices moves behind it. Its size; 0 when there is none. */
size_t value_choice_next(const char **choices, const char **choice);

#endif
