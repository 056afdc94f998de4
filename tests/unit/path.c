/* event/path.h: .a.b[0]["c d"]. */
#include "event/path.h"
#include "unit.h"

/* A path written out: each key between quotes, each index between brackets. */
static void show(const struct path *path, struct buf *out)
{
	out->size = 0;
	for (size_t i = 0; i < path->n; i++) {
		const struct path_step *s = &path->steps[i];
		if (s->key == NULL) {
			buf_printf(out, "[%lld]", (long long)s->index);
		} else {
			buf_byte(out, '\'');
			buf_put(out, s->key, s->size);
			buf_byte(out, '\'');
		}
	}
}

static void reads(void **state)
{
	static const struct {
		const char *text, *steps, *rest;
	} rows[] = {
		{".", "", ""}, {".,x", "", ",x"}, {".a", "'a'", ""}, {".a.b.c", "'a''b''c'", ""}, {".a,.b", "'a'", ",.b"},
		{".a[0]", "'a'[0]", ""}, {".a[-1]", "'a'[-1]", ""}, {".[0]", "[0]", ""}, {".[\"a b\"]", "'a b'", ""},
		{".a[\"b.c\"][2].d", "'a''b.c'[2]'d'", ""}, {".a[\"x\\\"y\\\\z\"]", "'a''x\"y\\z'", ""}, {".a[\"\"]", "'a'''", ""},
		{".a[\"b,c\"],.d", "'a''b,c'", ",.d"}, {".data.items[0].price", "'data''items'[0]'price'", ""},
		{".a b", "'a b'", ""}, {".\303\251", "'\303\251'", ""}, {".a]", "'a]'", ""}, {".a\"", "'a\"'", ""},
	};
	struct buf shown = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path path;
		const char *rest;
		CHECK(path_parse(&path, rows[i].text, ",", &rest), "%s", rows[i].text);
		show(&path, &shown);
		CHECK(strcmp(text_of(&shown), rows[i].steps) == 0, "%s is %s", rows[i].text, text_of(&shown));
		CHECK(strcmp(rest, rows[i].rest) == 0, "%s leaves '%s'", rows[i].text, rest);
		path_free(&path);
		assert_int_equal(path.n, 0);
	}
	buf_free(&shown);
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		int at; /* where it is wrong, -1: anywhere */
	} rows[] = {
		{"", 0}, {"a", 0}, {",", 0}, {"..", -1}, {".a.", -1}, {".a..b", -1}, {".a[", -1}, {".a[]", -1}, {".a[x]", -1}, {".a[0", -1},
		{".a[\"b]", -1}, {".a[\"b\"", -1}, {".a[0x]", -1}, {".a.[0]", -1}, {".a[0]b", -1}, {".a,", -2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path path;
		const char *rest;
		bool ok = path_parse(&path, rows[i].text, ",", &rest);
		CHECK(ok == (rows[i].at == -2), "'%s'", rows[i].text);
		CHECK(rest >= rows[i].text && rest <= rows[i].text + strlen(rows[i].text), "'%s'", rows[i].text);
		if (rows[i].at >= 0)
			CHECK(rest == rows[i].text + rows[i].at, "'%s' is wrong at %td", rows[i].text, rest - rows[i].text);
		if (ok)
			path_free(&path);
		else
			CHECK(path.steps == NULL, "'%s' leaves something to free", rows[i].text);
	}
}

static void has_a_limit(void **state)
{
	char text[3 * PATH_STEPS_MAX];
	struct path path;
	const char *rest;

	(void)state;
	for (size_t i = 0; i <= PATH_STEPS_MAX; i++)
		memcpy(text + 2 * i, ".a", 3);
	assert_false(path_parse(&path, text, "", &rest));
	text[2 * PATH_STEPS_MAX] = '\0';
	assert_true(path_parse(&path, text, "", &rest));
	assert_int_equal(path.n, PATH_STEPS_MAX);
	path_free(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(has_a_limit),
	};

	return RUN(tests);
}
