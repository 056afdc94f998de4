/* Expressions against what evs-fold(5) says of them: fold/expr.h, syntax.c, eval.c, functions.c. */
#include "event.h"
#include "fold/expr.h"

static const char event[] =
	"{\"eventType\":\"order.placed\",\"eventId\":\"e1\",\"timestamp\":\"2026-05-14T12:30:00.5+02:00\",\"aggregateId\":\"o1\","
	"\"aggregateType\":\"Order\",\"tags\":[\"a\",\"b\"],\"data\":{\"total\":59.80,\"n\":3,\"big\":123456789012345678901234567890,"
	"\"huge\":1e400,\"name\":\"Ada\",\"empty\":\"\",\"none\":null,\"yes\":true,\"no\":false,\"money\":\"12.50\",\"odd key\":1,"
	"\"id\":\"0190c2a7-7e5b-7000-8000-0123456789ab\",\"zwei\":\"z\\u00fcrich\","
	"\"items\":[{\"sku\":\"X1\",\"price\":29.90,\"quantity\":2},{\"sku\":\"X2\",\"price\":0.10,\"quantity\":3}],"
	"\"list\":[1,2.5,null,-3],\"words\":[\"b\",\"a\"],\"deep\":{\"er\":{\"est\":[10,20]}},\"map\":{\"7\":\"seven\"}},\"extra\":7}";

/* expression, what comes out as JSON; NULL: it fails on the event with a message that has `wrong` in it. */
static const struct {
	const char *text, *wanted, *wrong;
} rows[] = {
	/* Paths. */
	{".eventType", "\"order.placed\"", NULL},
	{".eventId", "\"e1\"", NULL},
	{".position", "7", NULL},
	{".revision", "2", NULL},
	{".recordedAt", "\"2026-05-14T10:30:01.000000Z\"", NULL},
	{".tags", "[\"a\",\"b\"]", NULL},
	{".tags[0]", "\"a\"", NULL},
	{".extra", "7", NULL},
	{".nothing", "null", NULL},
	{".data.total", "59.80", NULL},
	{".data.big", "123456789012345678901234567890", NULL},
	{".data.huge", "1e400", NULL},
	{"-.data.huge", "-1e400", NULL},
	{"abs(-.data.huge)", "1e400", NULL},
	{".data.id", "\"0190c2a7-7e5b-7000-8000-0123456789ab\"", NULL},
	{".data[\"odd key\"]", "1", NULL},
	{".data.\"odd key\"", "1", NULL},
	{".data.items[1].sku", "\"X2\"", NULL},
	{".data.items[-1].sku", "\"X2\"", NULL},
	{".data.items[2]", "null", NULL},
	{".data.items[0].price", "29.90", NULL},
	{".data.deep.er.est[1]", "20", NULL},
	{".data.map[7]", "\"seven\"", NULL},
	{".data.none.x.y", "null", NULL},
	{".data.absent.x[3].y", "null", NULL},
	{".data.name.x", NULL, "'x' is a field of an object, not of a string"},
	{".data.items.sku", NULL, "'sku' is a field of an object, not of a list; map() and others go through a list"},
	{".data.name[0]", NULL, "an index of a list, not of a string"},
	{"event.data.n", "3", NULL},
	{"event.eventType", "\"order.placed\"", NULL},
	{"has(.data.none)", "true", NULL},
	{"has(.data.nope)", "false", NULL},
	{"has(.data, \"n\")", "true", NULL},
	{"has(.data, \"nope\")", "false", NULL},
	{"has(.data.list, 3)", "true", NULL},
	{"has(.data.list, 4)", "false", NULL},
	{"len(.)", "11", NULL},
	/* Numbers. */
	{"0.1 + 0.2", "0.3", NULL},
	{"1 + 2 * 3", "7", NULL},
	{"(1 + 2) * 3", "9", NULL},
	{"7 - 2 - 1", "4", NULL},
	{"2 - -3", "5", NULL},
	{"-.data.n", "-3", NULL},
	{"29.90 * 2", "59.80", NULL},
	{"29.90 + 0.10", "30.00", NULL},
	{"1 / 3", "0.3333333333333333333333333333333333", NULL},
	{"2 / 3", "0.6666666666666666666666666666666667", NULL},
	{"6 / 3", "2", NULL},
	{"1 / 8", "0.125", NULL},
	{"7 % 3", "1", NULL},
	{"-7 % 3", "-1", NULL},
	{"7.5 % 2", "1.5", NULL},
	{"1 / 0", NULL, "division by zero"},
	{"1 % 0", NULL, "division by zero"},
	{".data.big * .data.big", "15241578753238836750495351562536198787501905199875019052100", NULL},
	{".data.big + 1", "123456789012345678901234567891", NULL},
	{"9223372036854775807 + 1", "9223372036854775808", NULL},
	{"-9223372036854775807 - 2", "-9223372036854775809", NULL},
	{"1e3 + 0", "1000", NULL},
	{"null + 1", "1", NULL},
	{"1 + null", "1", NULL},
	{"null + null", "null", NULL},
	{"null - 2", "-2", NULL},
	{"2 - null", "2", NULL},
	{"null * 2", "null", NULL},
	{"\"a\" + \"b\"", "\"ab\"", NULL},
	{"null + \"b\"", "\"b\"", NULL},
	{"[1] + [2, 3]", "[1,2,3]", NULL},
	{"\"a\" + 1", NULL, "'+' cannot put a string and a number together"},
	{"\"a\" - 1", NULL, "'-' needs numbers, not a string"},
	{"true * 2", NULL, "'*' needs numbers"},
	/* Comparing. */
	{"1 == 1.00", "true", NULL},
	{"1 == \"1\"", "false", NULL},
	{"null == .data.absent", "true", NULL},
	{".data.none == null", "true", NULL},
	{"[1, 2] == [1.0, 2]", "true", NULL},
	{"{a: 1, b: 2} == {b: 2, a: 1}", "true", NULL},
	{"1 != 2", "true", NULL},
	{"2 < 10", "true", NULL},
	{"\"2\" < \"10\"", "false", NULL},
	{"2 <= 2", "true", NULL},
	{"3 > 2", "true", NULL},
	{"3 >= 4", "false", NULL},
	{"null < 1", "false", NULL},
	{"1 >= null", "false", NULL},
	{"1e400 > .data.total", "true", NULL},
	{"1e1000000 > 1e999999", "true", NULL},
	{"1 < \"2\"", NULL, "num() makes a number of a string"},
	{"true < false", NULL, "'<' cannot compare"},
	{"\"a\" in .tags", "true", NULL},
	{"\"z\" in .tags", "false", NULL},
	{"\"n\" in .data", "true", NULL},
	{"2.50 in .data.list", "true", NULL},
	{"1 in null", "false", NULL},
	{"1 in 2", NULL, "'in' looks into a list or an object"},
	/* Logic. */
	{"true && false", "false", NULL},
	{"true || 1 / 0 == 1", "true", NULL},
	{"false && 1 / 0 == 1", "false", NULL},
	{"null || true", "true", NULL},
	{"!null", "true", NULL},
	{"!.data.yes", "false", NULL},
	{"1 && true", NULL, "a condition is true or false, not a number"},
	{"true ? 1 : 2", "1", NULL},
	{"null ? 1 : 2", "2", NULL},
	{"false ? 1 : true ? 2 : 3", "2", NULL},
	{".data.absent ?? .data.none ?? 5", "5", NULL},
	{".data.no ?? 5", "false", NULL},
	{"1 == 1 && 2 == 2 || false", "true", NULL},
	/* Lists. */
	{"sum(.data.items, .price * .quantity)", "60.10", NULL},
	{"sum(.data.list)", "0.5", NULL},
	{"sum(.data.absent)", "0", NULL},
	{"sum(.data.words)", NULL, "sum() takes numbers, not a string"},
	{"sum(.data.n)", NULL, "sum() takes a list, not a number"},
	{"count(.data.list)", "4", NULL},
	{"count(.data.list, . > 1)", "1", NULL},
	{"count(.data.absent)", "0", NULL},
	{"min(.data.list)", "-3", NULL},
	{"max(.data.items, .price)", "29.90", NULL},
	{"min(.data.words)", "\"a\"", NULL},
	{"min(3, 1, 2)", "1", NULL},
	{"max(.data.absent, .data.n)", "3", NULL},
	{"min([])", "null", NULL},
	{"avg(.data.items, .quantity)", "2.5", NULL},
	{"avg([])", "null", NULL},
	{"any(.data.items, .sku == \"X2\")", "true", NULL},
	{"any([], true)", "false", NULL},
	{"all(.data.items, .price > 1)", "false", NULL},
	{"all([], false)", "true", NULL},
	{"any([false, null, true])", "true", NULL},
	{"any([false, null])", "false", NULL},
	{"any([])", "false", NULL},
	{"any(.data.absent)", "false", NULL},
	{"any([true, 1])", "true", NULL},
	{"any([1, true])", NULL, "a condition is true or false, not a number"},
	{"all([true, true])", "true", NULL},
	{"all([true, null])", "false", NULL},
	{"all([])", "true", NULL},
	{"all(.data.absent)", "true", NULL},
	{"all([\"a\"])", NULL, "a condition is true or false, not a string"},
	{"all(map(.data.items, .quantity > 0))", "true", NULL},
	{"any(true)", NULL, "any() takes a list, not a boolean"},
	{"map(.data.items, .sku)", "[\"X1\",\"X2\"]", NULL},
	{"map(.data.items, event.data.n + .quantity)", "[5,6]", NULL},
	{"map(.data.items, {s: .sku, \"t u\": [.price]})", "[{\"s\":\"X1\",\"t u\":[29.90]},{\"s\":\"X2\",\"t u\":[0.10]}]", NULL},
	{"map(map(.data.items, .price), . * 2)", "[59.80,0.20]", NULL},
	{"sum(map(.data.items, sum(event.data.list)))", "1.0", NULL},
	/* Texts. */
	{"len(.data.name)", "3", NULL},
	{"len(.data.zwei)", "6", NULL},
	{"len(.data.list)", "4", NULL},
	{"len(null)", "0", NULL},
	{"len(1)", NULL, "len() takes a string, a list or an object"},
	{"lower(.data.name) + upper(.data.name)", "\"adaADA\"", NULL},
	{"lower(null)", "null", NULL},
	{"substr(\"z\xc3\xbcrich\", 1, 2)", "\"\xc3\xbcr\"", NULL},
	{"substr(\"abc\", 1)", "\"bc\"", NULL},
	{"substr(\"abc\", -2)", "\"bc\"", NULL},
	{"substr(\"abc\", 5)", "\"\"", NULL},
	{"substr(\"abc\", 0, 9)", "\"abc\"", NULL},
	{"contains(\"hello\", \"ell\")", "true", NULL},
	{"contains(.data.list, 1.0)", "true", NULL},
	{"contains(null, \"a\")", "false", NULL},
	{"startswith(.eventType, \"order.\")", "true", NULL},
	{"endswith(.eventType, \".paid\")", "false", NULL},
	{"endswith(\"a\", \"ba\")", "false", NULL},
	{"matches(.eventType, \"^order[.](placed|paid)$\")", "true", NULL},
	{"matches(.data.name, .data.name)", "true", NULL},
	{"matches(null, \"a\")", "false", NULL},
	{"matches(\"a\\u0000b\", \"b$\")", "true", NULL},
	{"matches(\"a\\u0000b\", \"^b\")", "false", NULL},
	{"matches(\"a\\u0000b\", \"^a[^x]b$\")", "true", NULL},
	{"matches(\"a\", \"(\" + \"\")", NULL, "the pattern of matches"},
	{"split(\"a,b,,c\", \",\")", "[\"a\",\"b\",\"\",\"c\"]", NULL},
	{"split(\"\xc3\xbc" "b\", \"\")", "[\"\xc3\xbc\",\"b\"]", NULL},
	{"split(\"\", \",\")", "[\"\"]", NULL},
	{"join(.data.words, \"-\")", "\"b-a\"", NULL},
	{"join([1, null, \"x\"], \", \")", "\"1, x\"", NULL},
	{"join([[1]], \",\")", NULL, "join() takes a list of strings"},
	/* Numbers and texts. */
	{"abs(-2.50)", "2.50", NULL},
	{"abs(.data.big)", "123456789012345678901234567890", NULL},
	{"round(2.5)", "3", NULL},
	{"round(-2.5)", "-3", NULL},
	{"round(2.345, 2)", "2.35", NULL},
	{"round(1234, -2)", "1200", NULL},
	{"round(1, 3)", "1", NULL},
	{"floor(-0.5)", "-1", NULL},
	{"ceil(0.1)", "1", NULL},
	{"num(.data.money) * 2", "25.00", NULL},
	{"num(\" 1e3 \")", "1e3", NULL},
	{"num(\"\")", "null", NULL},
	{"num(\"12x\")", NULL, "num() finds no number in \"12x\""},
	{"num(null)", "null", NULL},
	{"str(59.80) + str(true) + str([1])", "\"59.80true[1]\"", NULL},
	{"str(\"a\")", "\"a\"", NULL},
	/* Times. */
	{"time(.timestamp)", "1778754600.5", NULL},
	{"time(\"2026-05-14\")", "1778716800", NULL},
	{"time(\"2026-05-14T00:00:01Z\") - time(\"2026-05-13T23:59:59Z\")", "2", NULL},
	{"date(.timestamp)", "\"2026-05-14T10:30:00.5Z\"", NULL},
	{"date(1778754600)", "\"2026-05-14T10:30:00Z\"", NULL},
	{"date(0 - 1)", "\"1969-12-31T23:59:59Z\"", NULL},
	{"day(.timestamp)", "\"2026-05-14\"", NULL},
	{"hour(.timestamp)", "\"2026-05-14T10Z\"", NULL},
	{"time(hour(.timestamp)) - time(day(.timestamp))", "36000", NULL},
	{"date(\"1500-01-01\")", "\"1500-01-01T00:00:00Z\"", NULL},
	{"day(\"9999-12-31T23:59:59.9Z\")", "\"9999-12-31\"", NULL},
	{"time(\"9999-12-31T23:59:59.123456789Z\")", "253402300799.123456789", NULL},
	{"date(time(\"0000-01-01T00:00:00.25Z\"))", "\"0000-01-01T00:00:00.25Z\"", NULL},
	{"day(\"0000-01-01T00:00:00+01:00\")", NULL, "years 0 to 9999"},
	{"date(253402300800)", NULL, "years 0 to 9999"},
	{"now() == now()", "true", NULL},
	{"time(null)", "null", NULL},
	{"time(\"noon\")", NULL, "time() finds no time"},
	{"time(1e30)", NULL, "years 0 to 9999"},
	{"now() > 1700000000", "true", NULL},
	{"keys(.data.items[0])", "[\"sku\",\"price\",\"quantity\"]", NULL},
	{"keys({a: 1})", "[\"a\"]", NULL},
	{"keys(1)", NULL, "keys() takes an object"},
	/* Literals. */
	{"\"a\\n\\u00fc\\ud83d\\ude00\\\"\"", "\"a\\n\xc3\xbc\xf0\x9f\x98\x80\\\"\"", NULL},
	{"[1, [], {}]", "[1,[],{}]", NULL},
	{"[1, 2][1]", "2", NULL},
	{"{a: {b: 3}}.a.b", "3", NULL},
	{"{a: 1, a: 2}", "{\"a\":2}", NULL},
	{"1.50", "1.50", NULL},
	{"-0.0", "0.0", NULL},
	/* The state. */
	{"balance + 1", "41.50", NULL},
	{"owner.name", "\"ada\"", NULL},
	{"missing", "null", NULL},
	{"missing.x", "null", NULL},
};

/* What is wrong with texts, and where: the column. */
static const struct {
	const char *text, *wanted;
	unsigned column;
} mistakes[] = {
	{"", "a value is expected, not the end", 1},
	{"1 +", "a value is expected, not the end", 4},
	{"1 2", "an operator or the end is expected, not '2'", 3},
	{".a = 1", "equality is written ==", 4},
	{"(1", "')' is expected, not the end", 3},
	{"[1", "']' is expected", 3},
	{"{a 1}", "':' is expected", 4},
	{"{1: 2}", "the name of a field is expected", 2},
	{".data.", "a name is expected after '.'", 7},
	{"\"abc", "the string has no end", 1},
	{"\"a\\x\"", "not an escape", 3},
	{"\"\\ud800\"", "not an escape", 2},
	{"'a'", "double quotes", 1},
	{"1 & 2", "'and' is written &&", 3},
	{"true and false", "not 'and' (it is written &&)", 6},
	{"true OR false", "not 'OR' (it is written ||)", 6},
	{"not .a", "'not' is written !", 1},
	{"not(.a)", "did you mean '!'?", 1},
	{".a | len", "functions are called: len(.data.items)", 4},
	{".a // 0", "in place of null is written ??", 4},
	{".a <> 1", "not '<>' (it is written !=)", 4},
	{".a === 1", "not '===' (it is written ==)", 4},
	{".a =~ \"x\"", "matches(TEXT, PATTERN)", 4},
	{".a in (1, 2)", "a list is written [1, 2]", 9},
	{".a[].b", "sum, map, any and others go through a list", 4},
	{"len (.a)", "the ( of a function follows its name at once", 5},
	{".org:id == 1", "such a name is quoted", 5},
	{"length(.a)", "did you mean 'len'?", 1},
	{"matches(.a, \"\\\\d\")", "a digit is [0-9]", 1},
	{"summ(1)", "did you mean 'sum'?", 1},
	{"nonsense(1)", "unknown function 'nonsense'", 1},
	{"sum()", "sum takes at least 1 argument, not 0", 1},
	{"now(1)", "now takes 0 arguments, not 1", 1},
	{"len(1, 2)", "len takes 1 argument, not 2", 1},
	{"matches(.a, \"(\")", "the pattern of matches", 1},
	{"matches(.a, \"a{1000}{1000}\")", "repeats too much", 1},
	{"matches(.a, \"(a)\\\\1\")", "refers back", 1},
	{"01", "not a number", 1},
	{"1x", "not a number", 1},
	{"@", "no meaning", 1},
	{"true ? 1", "':' is expected", 9},
};

struct world {
	struct maker maker;
	struct buf bytes, state_bytes;
	struct record record;
	struct value state;
	struct arena arena;
	struct eval *eval;
};

static int begin(void **context)
{
	struct world *w = calloc(1, sizeof *w);
	static const char state[] = "{\"balance\":40.50,\"owner\":{\"name\":\"ada\"}}";
	struct parsed info;

	maker_begin(&w->maker);
	assert_int_equal(maker_parse(&w->maker, event, strlen(event), &w->bytes, &info, NULL), EVS_OK);
	w->record = (struct record){.position = 7, .revision = 2, .recorded_us = 1778754601000000, .body = w->bytes.data,
	                            .size = (uint32_t)w->bytes.size};
	assert_int_equal(parse_value(state, strlen(state), &w->state_bytes, NULL), EVS_OK);
	buf_room(&w->state_bytes, RENDER_PAD);
	w->arena.limit = 1 << 20;
	assert_non_null(value_read(&w->arena, w->state_bytes.data, w->state_bytes.data + w->state_bytes.size, &w->state));
	w->eval = eval_new(w->maker.names);
	assert_non_null(w->eval);
	*context = w;
	return 0;
}

static int end(void **context)
{
	struct world *w = *context;

	eval_free(w->eval);
	arena_free(&w->arena);
	buf_free(&w->bytes);
	buf_free(&w->state_bytes);
	maker_end(&w->maker);
	free(w);
	return 0;
}

static void test_values(void **context)
{
	struct world *w = *context;
	struct buf text = {0};
	struct evs_error err;
	struct value v;
	struct expr *e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		int status = expr_parse("--where", rows[i].text, EXPR_EVENT | EXPR_STATE, &e, &err);
		CHECK(status == EVS_OK, "%s: %s", rows[i].text, err.message);
		status = expr_value(e, w->eval, &w->record, &w->state, &v, &err);
		if (rows[i].wrong != NULL) {
			CHECK(status == EVS_BAD_EVENT && strstr(err.message, rows[i].wrong) != NULL && strstr(err.message, "position 7") != NULL,
			      "%s: %d %s", rows[i].text, status, status == EVS_OK ? "no failure" : err.message);
		} else {
			CHECK(status == EVS_OK, "%s: %s", rows[i].text, err.message);
			text.size = 0;
			assert_true(value_render(&text, w->maker.names, &v));
			CHECK(strcmp(text_of(&text), rows[i].wanted) == 0, "%s is %s, not %s", rows[i].text, text_of(&text), rows[i].wanted);
		}
		expr_free(e);
	}
	buf_free(&text);
}

/* Names that have no number yet get one while an expression is in use. */
static void test_new_names(void **context)
{
	struct world *w = *context;
	static const char later[] = "{\"eventType\":\"t\",\"timestamp\":\"2026-05-14T10:30:00Z\",\"data\":{\"fresh\":5}}";
	static const char plain[] = "{\"eventType\":\"t\",\"data\":{\"plain\":6}}";
	struct buf bytes = {0};
	struct parsed info;
	struct value v;
	struct expr *e;
	struct record r;

	assert_int_equal(expr_parse("x", ".data.fresh", EXPR_EVENT, &e, NULL), EVS_OK);
	assert_int_equal(expr_value(e, w->eval, &w->record, NULL, &v, NULL), EVS_OK);
	assert_true(value_is_null(&v));
	assert_int_equal(maker_parse(&w->maker, later, strlen(later), &bytes, &info, NULL), EVS_OK);
	r = (struct record){.position = 8, .body = bytes.data, .size = (uint32_t)bytes.size};
	assert_int_equal(expr_value(e, w->eval, &r, NULL, &v, NULL), EVS_OK);
	assert_true(v.kind == VALUE_NUMBER && v.number == 5);
	/* And where none is given, the name itself is compared. */
	w->maker.plain = true;
	bytes.size = 0;
	assert_int_equal(maker_parse(&w->maker, plain, strlen(plain), &bytes, &info, NULL), EVS_OK);
	w->maker.plain = false;
	expr_free(e);
	assert_int_equal(expr_parse("x", ".data.plain", EXPR_EVENT, &e, NULL), EVS_OK);
	r = (struct record){.position = 9, .body = bytes.data, .size = (uint32_t)bytes.size};
	assert_int_equal(expr_value(e, w->eval, &r, NULL, &v, NULL), EVS_OK);
	assert_true(v.kind == VALUE_NUMBER && v.number == 6);
	expr_free(e);
	buf_free(&bytes);
}

static void test_mistakes(void **context)
{
	struct evs_error err;
	struct expr *e;
	char where[40];

	(void)context;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		int status = expr_parse("--where", mistakes[i].text, EXPR_EVENT | EXPR_STATE, &e, &err);
		CHECK(status == EVS_USAGE && e == NULL, "%s: %d", mistakes[i].text, status);
		CHECK(strstr(err.message, mistakes[i].wanted) != NULL, "%s: %s", mistakes[i].text, err.message);
		snprintf(where, sizeof where, "--where: column %u: ", mistakes[i].column);
		CHECK(strncmp(err.message, where, strlen(where)) == 0, "%s: %s", mistakes[i].text, err.message);
	}
}

/* What may stand where. */
static void test_scopes(void **context)
{
	struct evs_error err;
	struct world *w = *context;
	struct value v;
	struct expr *e;

	assert_int_equal(expr_parse("x", "balance", EXPR_EVENT, &e, &err), EVS_USAGE);
	assert_non_null(strstr(err.message, "a field of the event is .balance or .data.balance"));
	assert_int_equal(expr_parse("x", "event.data", EXPR_STATE, &e, &err), EVS_USAGE);
	assert_int_equal(expr_parse("x", ".owner.name == \"ada\" && balance > 40", EXPR_STATE, &e, &err), EVS_OK);
	assert_int_equal(expr_holds(e, w->eval, NULL, &w->state, &err), EVS_OK);
	expr_free(e);
	/* In a list function . is the element, where there is no event, too. */
	assert_int_equal(expr_parse("x", "any([3, 39.5], . == balance - 1) && any([{b: 40.5}], .b == balance) && len(.) == 2", EXPR_STATE, &e, &err), EVS_OK);
	assert_int_equal(expr_holds(e, w->eval, NULL, &w->state, &err), EVS_OK);
	expr_free(e);
	assert_int_equal(expr_parse("x", "balance > 41", EXPR_STATE, &e, &err), EVS_OK);
	assert_int_equal(expr_holds(e, w->eval, NULL, &w->state, &err), EVS_END);
	expr_free(e);
	assert_int_equal(expr_parse("x", ".data.absent", EXPR_EVENT, &e, &err), EVS_OK);
	assert_int_equal(expr_holds(e, w->eval, &w->record, NULL, &err), EVS_END);
	assert_int_equal(expr_value(e, w->eval, NULL, NULL, &v, &err), EVS_OK);
	assert_true(value_is_null(&v));
	expr_free(e);
}

/* What is nested, long or without an end is refused, not followed. */
static void test_limits(void **context)
{
	struct world *w = *context;
	struct evs_error err;
	struct buf text = {0};
	struct value v;
	struct expr *e;

	for (int i = 0; i < 100000; i++)
		buf_text(&text, "(");
	assert_int_equal(expr_parse("x", text_of(&text), EXPR_EVENT, &e, &err), EVS_USAGE);
	assert_non_null(strstr(err.message, "nested deeper"));
	text.size = 0;
	for (int i = 0; i < 100000; i++)
		buf_text(&text, "-");
	assert_int_equal(expr_parse("x", text_of(&text), EXPR_EVENT, &e, &err), EVS_USAGE);
	text.size = 0;
	buf_text(&text, "1");
	for (int i = 0; i < 100000; i++)
		buf_text(&text, "+1");
	assert_int_equal(expr_parse("x", text_of(&text), EXPR_EVENT, &e, &err), EVS_USAGE);
	/* Work that multiplies: 4 elements, 14 levels deep. */
	text.size = 0;
	for (int i = 0; i < 14; i++)
		buf_text(&text, "sum(event.data.list, ");
	buf_text(&text, "1");
	for (int i = 0; i < 14; i++)
		buf_text(&text, ")");
	assert_int_equal(expr_parse("x", text_of(&text), EXPR_EVENT, &e, &err), EVS_OK);
	assert_int_equal(expr_value(e, w->eval, &w->record, NULL, &v, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "takes too long"));
	expr_free(e);
	buf_free(&text);
}

static void test_equals(void **context)
{
	struct buf out = {0};
	struct expr *e;

	(void)context;
	assert_int_equal(expr_parse("x", "n > 1 && (owner == \"ada\" && true)", EXPR_STATE, &e, NULL), EVS_OK);
	assert_true(expr_equals(e, "owner", &out));
	assert_int_equal(out.size, 4);
	assert_memory_equal(out.data, "\xa3" "ada", 4);
	assert_false(expr_equals(e, "n", &out));
	expr_free(e);
	assert_int_equal(expr_parse("x", "owner == \"ada\" || true", EXPR_STATE, &e, NULL), EVS_OK);
	assert_false(expr_equals(e, "owner", &out));
	expr_free(e);
	buf_free(&out);
}

/* Names where the fields of states are known: what is said, NULL: it is right. */
static const struct {
	unsigned scope;
	const char *text, *message;
} named[] = {
	{EXPR_STATE, "balance > 0 && .owner == 1 && .\"odd name\" == 2", NULL},
	{EXPR_STATE, "owner.name == 1 && .owner.balence == 1 && len(.) == 2", NULL},
	{EXPR_STATE, "any(owner, .x > balance)", NULL},
	{EXPR_STATE, "max(balance, .x)", NULL}, /* it may be a list */
	{EXPR_STATE, "balence > 0", "column 1: no state has a field 'balence'; did you mean 'balance'?"},
	{EXPR_STATE, "1 == .balence", "column 7: no state has a field 'balence'; did you mean 'balance'?"},
	{EXPR_STATE, ".\"odd nane\" == 1", "column 2: no state has a field 'odd nane'; did you mean 'odd name'?"},
	{EXPR_STATE, "x == 1", "column 1: no state has a field 'x'; they have owner, balance, odd name"},
	{EXPR_STATE, "sum(ownr)", "column 5: no state has a field 'ownr'; did you mean 'owner'?"},
	{EXPR_STATE, "any(owner, .x > balence)", "column 17: no state has a field 'balence'"},
	{EXPR_STATE, "any(owner, .x > 1) && .x == 1", "column 24: no state has a field 'x'"},
	{EXPR_EVENT | EXPR_STATE, ".balence == 1 && balance > 0", NULL},
	{EXPR_EVENT | EXPR_STATE, ".balence == 1 && balence > 0", "column 18: no state has a field 'balence'"},
};

static void test_fields(void **context)
{
	static const struct node_key fields[] = {{"owner", 5}, {"balance", 7}, {"odd name", 8}};
	struct evs_error err;
	struct expr *e;

	(void)context;
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		int status = expr_parse_fields("x", named[i].text, named[i].scope, fields, 3, &e, &err);

		if (status != (named[i].message == NULL ? EVS_OK : EVS_USAGE) ||
		    (status != EVS_OK && strstr(err.message, named[i].message) == NULL))
			fail_msg("%s: %s", named[i].text, status == EVS_OK ? "no mistake" : err.message);
		if (status == EVS_OK)
			expr_free(e);
		assert_int_equal(expr_parse("x", named[i].text, named[i].scope, &e, &err), EVS_OK);
		expr_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test_setup_teardown(test_values, begin, end),
		cmocka_unit_test_setup_teardown(test_new_names, begin, end),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test_setup_teardown(test_scopes, begin, end),
		cmocka_unit_test_setup_teardown(test_limits, begin, end),
		cmocka_unit_test(test_equals),
	};

	return RUN(tests);
}
