/* base/glob.h: shell patterns. */
#include "base/glob.h"
#include "unit.h"

static void matches(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool hit;
	} rows[] = {
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}, {"a", "aa", false},
		{"*", "", true}, {"*", "anything.at.all", true}, {"**", "x", true},
		{"order.*", "order.placed", true}, {"order.*", "order.", true}, {"order.*", "order", false},
		{"order.*", "reorder.placed", false}, {"*.placed", "order.placed", true}, {"*.placed", "a.b.placed", true},
		{"*.placed", "placed", false}, {"o*d", "ordered", true}, {"o*d", "order", false},
		{"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxaxxcxxbxx", false},
		{"?", "a", true}, {"?", "", false}, {"?", "ab", false}, {"?", "\303\251", true}, {"??", "\303\251", false},
		{"?", "\342\202\254", true}, {"?", "\360\237\230\200", true}, {"a?c", "a\303\251c", true},
		{"*??", "\303\251", false}, {"*?", "\303\251", true},
		{"[abc]", "b", true}, {"[abc]", "d", false}, {"[a-c]", "b", true}, {"[a-c]", "d", false}, {"[!a-c]", "d", true},
		{"[!a-c]", "b", false}, {"[^a-c]", "d", true}, {"[^a-c]", "b", false}, {"[]]", "]", true}, {"[!]]", "x", true},
		{"[!]]", "]", false}, {"[a-]", "-", true}, {"[-a]", "-", true}, {"[a", "[a", true}, {"[", "[", true},
		{"a[0-9]b", "a5b", true}, {"a[0-9]b", "ab", false}, {"[ab][cd]", "bc", true}, {"[z-a]", "m", false},
		{"\\*", "*", true}, {"\\*", "a", false}, {"\\?", "?", true}, {"\\[a]", "[a]", true}, {"\\\\", "\\", true},
		{"\\", "\\", true}, {"a\\b", "ab", true}, {"Order", "order", false},
		{"W_*", "W_Completeren aanvraag", true}, {"W_*", "O_SENT", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t size = strlen(rows[i].text);
		char *exact = malloc(size == 0 ? 1 : size);
		memcpy(exact, rows[i].text, size);
		CHECK(glob_match(rows[i].pattern, exact, size) == rows[i].hit, "'%s' and '%s'", rows[i].pattern, rows[i].text);
		free(exact);
	}
}

/* The model: every way to share out the text is tried. */
static bool model(const char *p, const char *s)
{
	if (*p == '\0')
		return *s == '\0';
	if (*p == '*')
		return model(p + 1, s) || (*s != '\0' && model(p, s + 1));
	return *s != '\0' && (*p == '?' || *p == *s) && model(p + 1, s + 1);
}

static void agrees_with_trying_all(void **state)
{
	uint64_t seed = 3;
	char pattern[9], text[11];

	(void)state;
	for (int i = 0; i < 300000; i++) {
		size_t n = chance_of(&seed, sizeof pattern), m = chance_of(&seed, sizeof text);
		for (size_t k = 0; k < n; k++)
			pattern[k] = "ab*?*"[chance_of(&seed, 5)];
		for (size_t k = 0; k < m; k++)
			text[k] = "ab"[chance_of(&seed, 2)];
		pattern[n] = text[m] = '\0';
		CHECK(glob_match(pattern, text, m) == model(pattern, text), "'%s' and '%s'", pattern, text);
	}
}

/* The work is bounded by pattern times text: trying all would take for ever. */
static void is_quick(void **state)
{
	char pattern[130], text[2000];

	(void)state;
	for (size_t i = 0; i < 64; i++)
		memcpy(pattern + 2 * i, "a*", 2);
	memcpy(pattern + 128, "b", 2);
	memset(text, 'a', sizeof text);
	assert_false(glob_match(pattern, text, sizeof text));
}

static void knows_literals(void **state)
{
	(void)state;
	assert_true(glob_is_literal("order.placed"));
	assert_true(glob_is_literal(""));
	assert_false(glob_is_literal("order.*"));
	assert_false(glob_is_literal("order.?"));
	assert_false(glob_is_literal("[ab]"));
	assert_false(glob_is_literal("a\\b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(agrees_with_trying_all),
		cmocka_unit_test(is_quick),
		cmocka_unit_test(knows_literals),
	};

	return RUN(tests);
}
