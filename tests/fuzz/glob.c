/* A pattern and a text, a zero byte between them: patterns without sets and backslashes agree with trying all. */
#include "base/glob.h"
#include "fuzz.h"

static bool model(const char *p, const uint8_t *s, const uint8_t *end, unsigned *steps)
{
	if (++*steps > 100000)
		return false;
	if (*p == '\0')
		return s == end;
	if (*p == '*')
		return model(p + 1, s, end, steps) || (s < end && model(p, s + 1, end, steps));
	return s < end && (*p == '?' || (uint8_t)*p == *s) && model(p + 1, s + 1, end, steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
	size_t n = zero == NULL ? size : (size_t)(zero - data), rest = zero == NULL ? 0 : size - n - 1;
	char *pattern = (char *)exact_copy(data, n, 1);
	uint8_t *text = exact_copy(zero == NULL ? data : zero + 1, rest, 0);
	bool hit = glob_match(pattern, (const char *)text, rest), ascii = strpbrk(pattern, "[\\") == NULL;
	unsigned steps = 0;

	for (size_t i = 0; i < rest; i++)
		ascii &= text[i] < 0x80;
	if (glob_is_literal(pattern))
		MUST(hit == (rest == n && memcmp(pattern, text, n) == 0));
	else if (ascii && n < 40 && rest < 60) {
		bool wanted = model(pattern, text, text + rest, &steps);
		MUST(steps > 100000 || hit == wanted);
	}
	free(pattern);
	free(text);
	return 0;
}
