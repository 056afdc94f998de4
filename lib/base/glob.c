#include "base/glob.h"

#include <string.h>

/* Bytes in the UTF-8 character at s. */
static size_t char_size(const char *s, const char *end)
{
	size_t n = 1;

	while (s + n < end && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Match one byte against the set behind '['; *pattern moves behind ']'. A set that is not closed is a plain '['. */
static bool set_match(const char **pattern, unsigned char c, bool *is_set)
{
	const char *p = *pattern;
	bool negated = *p == '!' || *p == '^', hit = false, first = true;

	p += negated;
	for (; *p != '\0' && (*p != ']' || first); first = false) {
		unsigned char low = (unsigned char)*p++, high = low;
		if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
			high = (unsigned char)p[1];
			p += 2;
		}
		hit |= low <= c && c <= high;
	}
	*is_set = *p == ']';
	if (*is_set)
		*pattern = p + 1;
	return hit != negated;
}

/* Match the one pattern element at *p against the text at s; both move on. */
static bool step(const char **p, const char **s, const char *end)
{
	const char *pattern = *p;
	bool is_set = false, hit;

	if (*s == end || *pattern == '\0')
		return false;
	if (*pattern == '?') {
		*p = pattern + 1;
		*s += char_size(*s, end);
		return true;
	}
	if (*pattern == '[') {
		pattern++;
		hit = set_match(&pattern, (unsigned char)**s, &is_set);
		if (is_set) {
			*p = pattern;
			(*s)++;
			return hit;
		}
		pattern--;
	}
	if (*pattern == '\\' && pattern[1] != '\0')
		pattern++;
	if (*pattern != **s)
		return false;
	*p = pattern + 1;
	(*s)++;
	return true;
}

/* A mismatch goes back to the last * alone, so the work is bounded by pattern times text. */
bool glob_match(const char *pattern, const char *text, size_t size)
{
	const char *p = pattern, *s = text, *end = text + size, *star = NULL, *retry = NULL;

	for (;;) {
		if (*p == '*') {
			star = ++p;
			retry = s;
		} else if (s == end && *p == '\0') {
			return true;
		} else if (!step(&p, &s, end)) {
			if (star == NULL || retry == end)
				return false;
			p = star;
			s = ++retry;
		}
	}
}

bool glob_is_literal(const char *pattern)
{
	return strpbrk(pattern, "*?[\\") == NULL;
}
