#include "base/utf8.h"

#include <string.h>

#include "base/error.h"

size_t utf8_character(const char *text, size_t left)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = left == 0 ? 0 : p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool utf8_valid(const char *text, size_t size, size_t *bad)
{
	for (size_t i = 0, n; i < size; i += n) {
		n = utf8_character(text + i, size - i);
		if (n == 0) {
			if (bad != NULL)
				*bad = i;
			return false;
		}
	}
	return true;
}

size_t utf8_write(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

void utf8_put(struct buf *out, const char *text, size_t size)
{
	for (size_t i = 0, n; i < size; i += n == 0 ? 1 : n) {
		n = utf8_character(text + i, size - i);
		if (n == 0)
			buf_text(out, "\xef\xbf\xbd");
		else
			buf_put(out, text + i, n);
	}
}

size_t utf8_length(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

size_t utf8_offset(const char *text, size_t size, size_t n)
{
	size_t i = 0;

	for (; i < size; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && n-- == 0)
			break;
	return i;
}

int utf8_check_name(const char *of, const char *name, size_t max, struct evs_error *err)
{
	size_t size = strlen(name);

	if (size == 0 || size > max)
		return error_set(err, EVS_USAGE, 0, "the name of %s has 1 to %zu bytes, not %zu", of, max, size);
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return error_set(err, EVS_USAGE, 0, "the name of %s has no control characters: '%s'", of, name);
	if (!utf8_valid(name, size, NULL))
		return error_set(err, EVS_USAGE, 0, "the name of %s is UTF-8: '%s'", of, name);
	return EVS_OK;
}
