#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>

void text_number(struct buf *out, uint64_t number)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, number);

	for (int i = 0; i < n; i++) {
		buf_byte(out, (uint8_t)digits[i]);
		if ((n - i) % 3 == 1 && i + 1 < n)
			buf_byte(out, ',');
	}
}

void text_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	unsigned unit = 0;

	for (; n >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		n /= 1024;
	buf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

/* Read one character; a byte that is no UTF-8 is one by itself. Returns its size. */
static size_t next_char(const char *text, size_t size, uint32_t *code)
{
	unsigned char first = (unsigned char)text[0];
	size_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*code = first;
	if (n == 1 || n > size)
		return 1;
	*code = first & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
		*code = *code << 6 | ((unsigned char)text[i] & 0x3f);
	}
	return n;
}

struct range {
	uint32_t first, last;
};

/* Whether a character lies in one of n ranges. */
static bool in_ranges(uint32_t code, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* Columns of one character: combining marks take none, East Asian and emoji two. */
static unsigned char_width(uint32_t code)
{
	static const struct range none[] = {
		{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x610, 0x61a}, {0x64b, 0x65f}, {0x93c, 0x93c},
		{0x941, 0x948}, {0xe34, 0xe3a}, {0xe47, 0xe4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
		{0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
	};
	static const struct range two[] = {
		{0x1100, 0x115f}, {0x231a, 0x231b}, {0x23e9, 0x23ec}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2705, 0x2705},
		{0x274c, 0x274c}, {0x2753, 0x2755}, {0x2e80, 0x303e}, {0x3041, 0x33ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff},
		{0xa000, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
		{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
	};

	if (code < 0x300)
		return 1;
	if (in_ranges(code, none, sizeof none / sizeof *none))
		return 0;
	return in_ranges(code, two, sizeof two / sizeof *two) ? 2 : 1;
}

/* Whether a terminal could take the character for a command. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

unsigned text_width(const char *text, size_t size)
{
	unsigned width = 0;
	uint32_t code;

	for (size_t i = 0; i < size;) {
		i += next_char(text + i, size - i, &code);
		width += char_width(code);
	}
	return width;
}

/* Copy the characters that fit; returns the columns they take. */
static unsigned put_chars(struct buf *out, const char *text, size_t size, unsigned columns)
{
	unsigned used = 0;
	uint32_t code;

	for (size_t i = 0, n; i < size; i += n) {
		n = next_char(text + i, size - i, &code);
		if (used + char_width(code) > columns)
			break;
		used += char_width(code);
		if (is_control(code))
			buf_byte(out, '?');
		else
			buf_put(out, text + i, n);
	}
	return used;
}

void text_cell(struct buf *out, const char *text, size_t size, unsigned width, enum text_align align)
{
	unsigned need = text_width(text, size), used;

	if (align == TEXT_RIGHT)
		for (unsigned i = need; i < width; i++)
			buf_byte(out, ' ');
	if (width == 0 || need <= width) {
		used = put_chars(out, text, size, need);
	} else {
		used = put_chars(out, text, size, width - 1) + 1;
		buf_text(out, "\u2026");
	}
	if (align == TEXT_LEFT)
		for (; used < width; used++)
			buf_byte(out, ' ');
}

void text_escape(struct buf *out, const char *text, size_t size, bool lines)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t i = 0; i < size; i++) {
		bool c1 = bytes[i] == 0xc2 && i + 1 < size && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xa0;

		if ((bytes[i] >= 0x20 && bytes[i] != 0x7f && !c1) || (lines && bytes[i] == '\n'))
			buf_byte(out, bytes[i]);
		else
			buf_printf(out, "\\x%02x", bytes[i]);
		if (c1)
			buf_printf(out, "\\x%02x", bytes[++i]);
	}
}

void text_wrap(struct buf *out, const char *text, unsigned indent, unsigned columns)
{
	unsigned at = indent;

	for (size_t n; *text != '\0'; text += n + (text[n] == ' ')) {
		n = strcspn(text, " ");
		if (at > indent && at + 1 + n > columns) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_byte(out, ' ');
			at++;
		}
		buf_put(out, text, n);
		at += (unsigned)n;
	}
	buf_byte(out, '\n');
}
