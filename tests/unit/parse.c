/* event/parse.h: the envelope checked and filled, --map, CloudEvents, fidelity. */
#include "event.h"

#define TIME "\"timestamp\":\"2026-05-14T10:30:00Z\""
#define HEAD "{\"eventType\":\"a\",\"eventId\":\"1\"," TIME

/* What comes out when `in` goes in behind HEAD; NULL: the same. */
static const struct {
	const char *in, *out;
} values[] = {
	{"null", NULL}, {"true", NULL}, {"false", NULL}, {"\"\"", NULL}, {"[]", NULL}, {"{}", NULL}, {"[[],{},[[]]]", NULL},
	{"0", NULL}, {"-0", NULL}, {"1", NULL}, {"-1", NULL}, {"127", NULL}, {"128", NULL}, {"255", NULL}, {"256", NULL},
	{"-32", NULL}, {"-33", NULL}, {"65535", NULL}, {"65536", NULL}, {"4294967295", NULL}, {"4294967296", NULL},
	{"9223372036854775807", NULL}, {"9223372036854775808", NULL}, {"-9223372036854775808", NULL},
	{"-9223372036854775809", NULL}, {"18446744073709551615", NULL}, {"18446744073709551616", NULL},
	{"123456789012345678901234567890", NULL}, {"-123456789012345678901234567890", NULL}, {"0.10", NULL}, {"29.90", NULL},
	{"1E+2", NULL}, {"1e2", NULL}, {"1E2", NULL}, {"1e-2", NULL}, {"1e400", NULL}, {"-1e-400", NULL}, {"0e0", NULL},
	{"0.0", NULL}, {"-0.0", NULL}, {"1.7976931348623157e308", NULL}, {"0.1000000000000000055511151231257827", NULL},
	{"{\"a\":1,\"a\":2,\"a\":{\"a\":3}}", NULL}, {"{\"\":1,\"\":{\"\":\"\"}}", NULL}, {"{\"z\":1,\"a\":2,\"M\":3}", NULL},
	{" [ 1 , 2 ,\t{ \"a\" : null } ] ", "[1,2,{\"a\":null}]"},
	{"\"\\u0000\"", NULL}, {"\"a\\u0000b\"", NULL}, {"\"\\\"\\\\\"", NULL}, {"\"\\/\"", "\"/\""}, {"\"\\u002f\"", "\"/\""},
	{"\"\\b\\f\\n\\r\\t\"", NULL}, {"\"\\u0008\\u000C\\u000a\\u000D\\u0009\"", "\"\\b\\f\\n\\r\\t\""},
	{"\"\\u001F\\u001e\"", "\"\\u001f\\u001e\""}, {"\"\\u007f\"", "\"\x7f\""}, {"\"\\u00e9\"", "\"\303\251\""},
	{"\"\\u20AC\"", "\"\342\202\254\""}, {"\"\\ud83d\\uDE00\"", "\"\360\237\230\200\""}, {"\"\\uFFFF\"", "\"\357\277\277\""},
	{"\"\360\237\230\200\"", NULL}, {"{\"\\u0061\":1}", "{\"a\":1}"}, {"{\"\\u0000\":1,\"\\n\":2}", NULL},
	{"\"0190c2a7-7e5b-7000-8000-0123456789ab\"", NULL}, {"\"0190C2A7-7e5b-7000-8000-0123456789ab\"", NULL},
	{"{\"0190c2a7-7e5b-7000-8000-0123456789ab\":[\"0190c2a7-7e5b-7000-8000-0123456789ab\"]}", NULL},
	{"{\"eventType\":5,\"eventId\":[],\"tags\":\"x\",\"position\":1,\"recordedAt\":null}", NULL},
	{"[1.0,-0,1e5,{\"n\":[true,[false,[null]]]}]", NULL},
};

static void values_come_back(void **state)
{
	struct maker m = {0};
	struct buf text = {0}, line = {0}, wanted = {0};
	struct evs_error err;
	const char *fields[] = {"data", "other", "\\u0000k"};

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		m.plain = plain;
		maker_begin(&m);
		for (size_t i = 0; i < COUNT(values); i++) {
			for (size_t f = 0; f < COUNT(fields); f++) {
				const char *out = values[i].out == NULL ? values[i].in : values[i].out;
				line.size = wanted.size = 0;
				buf_printf(&line, HEAD ",\"%s\":%s}", fields[f], values[i].in);
				buf_printf(&wanted, HEAD ",\"%s\":%s}", fields[f], out);
				CHECK(maker_text(&m, (char *)line.data, line.size, &text, &err) == EVS_OK, "%s: %s", text_of(&line), err.message);
				CHECK(strcmp(text_of(&text), text_of(&wanted)) == 0, "%s is %s", text_of(&line), text_of(&text));
				/* The canonical form is its own. */
				CHECK(maker_text(&m, (char *)wanted.data, wanted.size, &text, &err) == EVS_OK &&
				              strcmp(text_of(&text), text_of(&wanted)) == 0, "%s is not canonical", text_of(&wanted));
			}
		}
		maker_end(&m);
	}
	buf_free(&text);
	buf_free(&line);
	buf_free(&wanted);
}

static const struct {
	const char *line, *message; /* a part of it; NULL: the line is good */
} envelopes[] = {
	{"{\"eventType\":\"a\"}", NULL},
	{" \t{\"eventType\":\"a\"}\r", NULL},
	{"{\"eventType\":\"a\",\"version\":1}", NULL},
	{"{\"eventType\":\"a\",\"version\":-3}", NULL},
	{"{\"eventType\":\"a\",\"version\":123456789012345678901234567890}", NULL},
	{"{\"eventType\":\"a\",\"aggregateId\":\"\"}", NULL},
	{"{\"eventType\":\"a\",\"aggregateType\":\"\"}", NULL},
	{"{\"eventType\":\"a\",\"source\":\"\",\"correlationId\":\"\",\"causationId\":\"\"}", NULL},
	{"{\"eventType\":\"a\",\"tags\":[]}", NULL},
	{"{\"eventType\":\"a\",\"tags\":[\"\",\"x\",\"x\"]}", NULL},
	{"{\"eventType\":\"a\",\"metadata\":{}}", NULL},
	{"{\"eventType\":\"a\",\"data\":null}", NULL},
	{"{\"eventType\":\"a\",\"timestamp\":\"2026-05-14T10:30:00\"}", NULL},
	{"{\"eventType\":\"a\",\"x\":1,\"x\":2}", NULL},
	{"", "column 1"},
	{"x", "column 1"},
	{"{", "ends inside"},
	{"{\"eventType\":\"a\"", "ends inside"},
	{"{\"eventType\":\"a\"}}", "column 18"},
	{"{\"eventType\":\"a\"} x", "column 19"},
	{"{\"eventType\":\"a\",}", "column 17"},
	{"{\"eventType\":'a'}", "column 14"},
	{"{eventType:\"a\"}", "column 2"},
	{"{\"eventType\":\"a\",\"data\":01}", "column 25"},
	{"{\"eventType\":\"a\",\"data\":1.}", "column"},
	{"{\"eventType\":\"a\",\"data\":.5}", "column 25"},
	{"{\"eventType\":\"a\",\"data\":+1}", "column 25"},
	{"{\"eventType\":\"a\",\"data\":NaN}", "column 25"},
	{"{\"eventType\":\"a\",\"data\":Infinity}", "column 25"},
	{"{\"eventType\":\"a\",\"data\":nul}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\t\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\x\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\u12\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\ud800\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\ud800x\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\udc00\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\\ud800\\u0041\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\377\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\300\200\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\355\240\200\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\364\220\200\200\"}", "column"},
	{"{\"eventType\":\"a\",\"data\":\"\303\"}", "column"},
	{"{\"eventType\":\"a\",\"\377\":1}", "column"},
	{"\357\273\277{\"eventType\":\"a\"}", "column 1"},
	{"{\"eventType\":\"a\"}/* */", "column"},
	{"// x", "column"},
	{"[]", "an array"}, {"\"x\"", "a string"}, {"42", "a number"}, {"null", "null"}, {"true", "true or false"},
	{"{}", "'eventType' is missing"},
	{"{\"eventtype\":\"a\"}", "'eventType' is missing"},
	{"{\"eventType\":\"\"}", "'eventType' is empty"},
	{"{\"eventType\":5}", "'eventType' must be a string, not a number"},
	{"{\"eventType\":null}", "'eventType' must be a string, not null"},
	{"{\"eventType\":[\"a\"]}", "'eventType' must be a string, not an array"},
	{"{\"eventType\":\"a\",\"eventType\":\"a\"}", "'eventType' is there twice"},
	{"{\"eventType\":\"a\",\"eventId\":\"\"}", "'eventId' is empty"},
	{"{\"eventType\":\"a\",\"eventId\":7}", "'eventId' must be a string"},
	{"{\"eventType\":\"a\",\"eventId\":null}", "'eventId' must be a string, not null"},
	{"{\"eventType\":\"a\",\"eventId\":\"1\",\"eventId\":\"1\"}", "'eventId' is there twice"},
	{"{\"eventType\":\"a\",\"timestamp\":\"\"}", "'timestamp' is empty"},
	{"{\"eventType\":\"a\",\"timestamp\":\"yesterday\"}", "'timestamp' is no RFC 3339 time"},
	{"{\"eventType\":\"a\",\"timestamp\":1778747400}", "'timestamp' must be an RFC 3339 string such as 2026-05-14T10:30:00Z, not a number"},
	{"{\"eventType\":\"a\",\"timestamp\":\"2026-02-30T00:00:00Z\"}", "'timestamp' is no RFC 3339 time"},
	{"{\"eventType\":\"a\",\"aggregateId\":42}", "'aggregateId' must be a string, not a number"},
	{"{\"eventType\":\"a\",\"aggregateType\":true}", "'aggregateType' must be a string, not true or false"},
	{"{\"eventType\":\"a\",\"version\":\"1\"}", "'version' must be an integer, not a string"},
	{"{\"eventType\":\"a\",\"version\":1.5}", "'version' must be an integer"},
	{"{\"eventType\":\"a\",\"version\":1e3}", "'version' must be an integer"},
	{"{\"eventType\":\"a\",\"version\":null}", "'version' must be an integer, not null"},
	{"{\"eventType\":\"a\",\"source\":{}}", "'source' must be a string, not an object"},
	{"{\"eventType\":\"a\",\"correlationId\":1}", "'correlationId' must be a string"},
	{"{\"eventType\":\"a\",\"causationId\":[]}", "'causationId' must be a string"},
	{"{\"eventType\":\"a\",\"tags\":\"x\"}", "'tags' must be an array of strings, not a string"},
	{"{\"eventType\":\"a\",\"tags\":[\"x\",1]}", "'tags' must hold strings, not a number"},
	{"{\"eventType\":\"a\",\"tags\":{}}", "'tags' must be an array of strings"},
	{"{\"eventType\":\"a\",\"tags\":[],\"tags\":[]}", "'tags' is there twice"},
	{"{\"eventType\":\"a\",\"metadata\":[]}", "'metadata' must be an object, not an array"},
	{"{\"eventType\":\"a\",\"metadata\":null}", "'metadata' must be an object, not null"},
	{"{\"eventType\":\"a\",\"data\":1,\"data\":2}", "'data' is there twice"},
};

static void envelope_is_checked(void **state)
{
	struct maker m = {0};
	struct buf text = {0};
	struct evs_error err;

	(void)state;
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(envelopes); i++) {
		const char *line = envelopes[i].line, *message = envelopes[i].message;
		int status = maker_text(&m, line, strlen(line), &text, &err);
		CHECK(status == (message == NULL ? EVS_OK : EVS_BAD_EVENT), "%s: %s", line, status == EVS_OK ? "taken" : err.message);
		CHECK(message == NULL || strstr(err.message, message) != NULL, "%s: '%s' says nothing of '%s'", line, err.message, message);
	}
	maker_end(&m);
	buf_free(&text);
}

static void ids_have_255_bytes(void **state)
{
	static const struct {
		const char *field;
		bool limited;
	} rows[] = {{"eventId", true}, {"aggregateId", true}, {"aggregateType", true}, {"source", false}, {"correlationId", false}};
	struct maker m = {0};
	struct buf line = {0}, text = {0};
	struct evs_error err;
	char id[257];

	(void)state;
	maker_begin(&m);
	memset(id, 'x', sizeof id);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int size = 254; size <= 256; size++) {
			line.size = 0;
			buf_printf(&line, "{\"eventType\":\"a\",\"%s\":\"%.*s\"}", rows[i].field, size, id);
			CHECK((maker_text(&m, (char *)line.data, line.size, &text, &err) == EVS_OK) == (size < 256 || !rows[i].limited),
			      "%s of %d bytes", rows[i].field, size);
		}
	}
	line.size = 0;
	buf_printf(&line, "{\"eventType\":\"%.*s\"}", 255, id);
	assert_int_equal(maker_text(&m, (char *)line.data, line.size, &text, &err), EVS_OK);
	line.size = 0;
	buf_printf(&line, "{\"eventType\":\"%.*s\"}", 256, id);
	assert_int_equal(maker_text(&m, (char *)line.data, line.size, &text, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "256 bytes, over the limit of 255"));
	maker_end(&m);
	buf_free(&line);
	buf_free(&text);
}

static void depth_is_limited(void **state)
{
	struct maker m = {0};
	struct buf line = {0}, text = {0};
	struct evs_error err;

	(void)state;
	maker_begin(&m);
	for (unsigned depth = DEPTH_LIMIT - 2; depth <= DEPTH_LIMIT + 2; depth++) {
		for (int object = 0; object < 2; object++) {
			line.size = 0;
			buf_text(&line, HEAD ",\"data\":");
			for (unsigned i = 0; i < depth; i++)
				buf_text(&line, object ? "{\"k\":" : "[");
			buf_text(&line, object ? "1" : "");
			for (unsigned i = 0; i < depth; i++)
				buf_byte(&line, object ? '}' : ']');
			buf_byte(&line, '}');
			int status = maker_text(&m, (char *)line.data, line.size, &text, &err);
			CHECK(status == (depth <= DEPTH_LIMIT ? EVS_OK : EVS_BAD_EVENT), "%u levels", depth);
			if (status == EVS_OK)
				CHECK(text.size == line.size && memcmp(text.data, line.data, line.size) == 0, "%u levels", depth);
			else
				assert_non_null(strstr(err.message, "deeper than 512 levels"));
		}
	}
	maker_end(&m);
	buf_free(&line);
	buf_free(&text);
}

static void lines_have_16_mib(void **state)
{
	struct maker m = {0};
	struct buf text = {0};
	struct evs_error err;
	size_t most = PARSE_LINE_MAX;
	char *line = malloc(most + 1);

	(void)state;
	maker_begin(&m);
	memset(line, 'x', most + 1);
	memcpy(line, HEAD ",\"data\":\"", strlen(HEAD ",\"data\":\""));
	memcpy(line + most - 2, "\"}", 2);
	CHECK(maker_text(&m, line, most, &text, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(text.size, most);
	memcpy(line + most - 2, "x\"}", 3);
	assert_int_equal(maker_text(&m, line, most + 1, &text, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "16 MiB"));
	/* The worst that packing can do to a text: an array of numbers that are kept as digits. */
	size_t n = strlen(HEAD ",\"data\":["), i;
	memcpy(line, HEAD ",\"data\":[", n);
	for (i = n; i + 5 < most; i += 3)
		memcpy(line + i, "-0,", 3);
	memcpy(line + i, "0]}", 3);
	CHECK(maker_text(&m, line, i + 3, &text, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(text.size, i + 3);
	assert_memory_equal(text.data, line, i + 3);
	free(line);
	maker_end(&m);
	buf_free(&text);
}

/* The room that is made for a packed event is enough for any event: the sanitizer looks. */
static void any_shape_fits(void **state)
{
	static const char *const pieces[] = {"[]", "{}", "-0", "0", "\"\"", "1e1", "300", "70000", "null", "0.1", "{\"\":0}", "[-0]", "\"0190c2a7-7e5b-7000-8000-0123456789ab\""};
	struct maker m = {0};
	struct buf line = {0}, text = {0};
	struct evs_error err;
	uint64_t seed = 23;

	(void)state;
	maker_begin(&m);
	for (int i = 0; i < 400; i++) {
		size_t n = chance_of(&seed, i % 10 == 0 ? 70000 : 300);
		const char *piece = chance_text(&seed, pieces, COUNT(pieces));
		line.size = 0;
		buf_text(&line, HEAD);
		for (size_t k = 0; k < n; k++)
			buf_printf(&line, ",\"\":%s", i % 3 == 0 ? piece : chance_text(&seed, pieces, COUNT(pieces)));
		buf_byte(&line, '}');
		CHECK(maker_text(&m, (char *)line.data, line.size, &text, &err) == EVS_OK, "%s", err.message);
		assert_int_equal(text.size, line.size);
		assert_memory_equal(text.data, line.data, line.size);
	}
	maker_end(&m);
	buf_free(&line);
	buf_free(&text);
}

/* Wherever a line is cut or a byte is changed, nothing worse than a refusal happens. */
static void any_byte_may_be_wrong(void **state)
{
	static const char line[] = "{\"eventType\":\"a\\u00e9\",\"tags\":[\"x\",\"y\"],\"data\":{\"n\":[-1.5e3,true,null],\"s\":\"\\ud83d\\ude00\"}}";
	struct maker m = {.plain = true};
	struct buf text = {0};
	struct evs_error err;
	char wrong[sizeof line];

	(void)state;
	maker_begin(&m);
	for (size_t cut = 0; cut < strlen(line); cut++)
		CHECK(maker_text(&m, line, cut, &text, &err) == EVS_BAD_EVENT, "cut to %zu", cut);
	for (size_t at = 0; at < strlen(line); at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			memcpy(wrong, line, sizeof line);
			wrong[at] = (char)byte;
			maker_text(&m, wrong, strlen(line), &text, &err);
		}
	}
	maker_end(&m);
	buf_free(&text);
}

static void the_stores_fields_are_ignored(void **state)
{
	struct maker m = {0};
	struct buf text = {0};
	struct evs_error err;
	static const char line[] = "{\"position\":\"x\",\"eventType\":\"a\",\"revision\":null,\"eventId\":\"1\"," TIME ",\"recordedAt\":[],\"position\":2}";

	(void)state;
	maker_begin(&m);
	assert_int_equal(maker_text(&m, line, strlen(line), &text, &err), EVS_OK);
	assert_string_equal(text_of(&text), HEAD "}");
	maker_end(&m);
	buf_free(&text);
}

static void what_lacks_is_filled(void **state)
{
	static const char *const tags[] = {"t1", "0190c2a7-7e5b-7000-8000-0123456789ab"};
	static const struct {
		const char *line, *out;
	} rows[] = {
		{"{\"eventId\":\"1\"," TIME "}",
		 "{\"eventId\":\"1\"," TIME ",\"eventType\":\"T\",\"aggregateId\":\"S\",\"aggregateType\":\"A\",\"source\":\"src\","
		 "\"correlationId\":\"co\",\"causationId\":\"ca\",\"tags\":[\"t1\",\"0190c2a7-7e5b-7000-8000-0123456789ab\"]}"},
		{"{\"tags\":[],\"causationId\":\"\",\"eventType\":\"own\",\"aggregateId\":\"\",\"aggregateType\":\"\",\"source\":\"\",\"correlationId\":\"\",\"eventId\":\"1\"," TIME "}",
		 "{\"tags\":[],\"causationId\":\"\",\"eventType\":\"own\",\"aggregateId\":\"\",\"aggregateType\":\"\",\"source\":\"\",\"correlationId\":\"\",\"eventId\":\"1\"," TIME "}"},
	};
	struct maker m = {.rules = {.tags = tags, .n_tags = 2}};
	struct buf text = {0};
	struct evs_error err;

	(void)state;
	m.rules.fill[NAME_EVENT_TYPE] = span_text("T");
	m.rules.fill[NAME_AGGREGATE_ID] = span_text("S");
	m.rules.fill[NAME_AGGREGATE_TYPE] = span_text("A");
	m.rules.fill[NAME_SOURCE] = span_text("src");
	m.rules.fill[NAME_CORRELATION_ID] = span_text("co");
	m.rules.fill[NAME_CAUSATION_ID] = span_text("ca");
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(maker_text(&m, rows[i].line, strlen(rows[i].line), &text, &err) == EVS_OK, "%s", err.message);
		assert_string_equal(text_of(&text), rows[i].out);
	}
	maker_end(&m);
	buf_free(&text);
}

static void fills_are_checked_too(void **state)
{
	struct maker m = {0};
	struct buf text = {0};
	struct evs_error err;

	(void)state;
	m.rules.fill[NAME_EVENT_TYPE] = span_text("");
	maker_begin(&m);
	assert_int_equal(maker_text(&m, "{}", 2, &text, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "'eventType' is empty"));
	maker_end(&m);
	buf_free(&text);
}

/* eventId and timestamp are made where they are absent, and parsed says so. */
static void ids_and_times_are_made(void **state)
{
	static const struct {
		const char *line;
		bool id, time;
	} rows[] = {
		{"{\"eventType\":\"a\"}", true, true},
		{"{\"eventType\":\"a\",\"eventId\":\"1\"}", false, true},
		{"{\"eventType\":\"a\"," TIME "}", true, false},
		{HEAD "}", false, false},
	};
	struct maker m = {0};

	(void)state;
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf packed = {0};
		struct parsed info;
		struct view v;
		assert_int_equal(maker_parse(&m, rows[i].line, strlen(rows[i].line), &packed, &info, NULL), EVS_OK);
		assert_true(info.id_made == rows[i].id && info.time_made == rows[i].time);
		assert_true(view_open(&v, packed.data, packed.size));
		assert_int_equal(v.texts[NAME_EVENT_ID].kind, rows[i].id ? TEXT_UUID : TEXT_STRING);
		CHECK(rows[i].time || info.moment == INT64_C(1778754600) * 1000000000, "%lld", (long long)info.moment);
		buf_free(&packed);
	}
	maker_end(&m);
}

static void hash_ids_are_of_the_content(void **state)
{
	/* Rows of the same group have the same id, others another. */
	static const struct {
		int group;
		const char *line;
	} rows[] = {
		{1, "{\"eventType\":\"a\",\"data\":{\"x\":1}}"},
		{1, "{ \"eventType\" : \"\\u0061\", \"data\": {\"x\":1} }"},
		{1, "{\"eventType\":\"a\",\"data\":{\"x\":1},\"position\":7}"},
		{2, "{\"eventType\":\"a\",\"data\":{\"x\":1.0}}"},
		{3, "{\"eventType\":\"a\",\"data\":{\"x\":1},\"timestamp\":\"2026-05-14T10:30:00Z\"}"},
		{4, "{\"eventType\":\"b\",\"data\":{\"x\":1}}"},
		{5, "{\"data\":{\"x\":1},\"eventType\":\"a\"}"},
		{6, "{\"eventType\":\"a\",\"data\":{\"x\":1},\"aggregateId\":\"1\"}"},
	};
	char ids[COUNT(rows)][UUID_TEXT];

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct maker m = {.rules = {.hash_ids = true}, .plain = plain};
			struct buf packed = {0};
			char id[UUID_TEXT];
			struct parsed info;
			maker_begin(&m);
			assert_int_equal(maker_parse(&m, rows[i].line, strlen(rows[i].line), &packed, &info, NULL), EVS_OK);
			assert_false(info.id_made);
			assert_int_equal(view_span(&info.view.texts[NAME_EVENT_ID], m.names, id).size, UUID_TEXT);
			assert_int_equal(id[14], '8');
			/* Whether names have numbers makes no difference. */
			CHECK(plain == 0 || memcmp(ids[i], id, UUID_TEXT) == 0, "row %zu", i);
			memcpy(ids[i], id, UUID_TEXT);
			buf_free(&packed);
			maker_end(&m);
		}
	}
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; k < COUNT(rows); k++)
			CHECK((memcmp(ids[i], ids[k], UUID_TEXT) == 0) == (rows[i].group == rows[k].group), "rows %zu and %zu", i, k);
}

/* What parse says beside the packed event is what the packed event says. */
static void view_agrees(void **state)
{
	static const char line[] = "{\"eventType\":\"a\"," TIME ",\"aggregateId\":\"0190c2a7-7e5b-7000-8000-0123456789ab\",\"aggregateType\":\"T\",\"tags\":[\"x\",\"y\"],\"data\":{\"u\":\"0190c2a7-7e5b-7000-8000-0123456789ac\"}}";
	struct maker m = {0};
	struct buf packed = {0};
	struct parsed info;
	struct view v;

	(void)state;
	maker_begin(&m);
	assert_int_equal(maker_parse(&m, line, strlen(line), &packed, &info, NULL), EVS_OK);
	assert_true(view_open(&v, packed.data, packed.size));
	for (unsigned f = 0; f < VIEW_TEXTS; f++) {
		char a[UUID_TEXT], b[UUID_TEXT];
		struct span x = view_span(&v.texts[f], m.names, a), y = view_span(&info.view.texts[f], m.names, b);
		CHECK(v.texts[f].kind == info.view.texts[f].kind && x.size == y.size && memcmp(x.text, y.text, x.size) == 0, "field %u", f);
	}
	assert_int_equal(v.n_tags, 2);
	assert_int_equal(info.view.n_tags, 2);
	assert_int_equal(info.n_uuids, 3); /* aggregateId, data.u and the made eventId */
	for (size_t i = 0; i < info.n_uuids; i++)
		assert_true(info.uuids[i] + 16 <= packed.size && packed.data[info.uuids[i] - 1] == PACKED_UUID);
	buf_free(&packed);
	maker_end(&m);
}

static void maps_foreign_json(void **state)
{
	static const struct {
		const char *map, *line, *out; /* out: of the own fields without eventId and timestamp, or what the error says */
	} rows[] = {
		{"eventType=.kind", "{\"kind\":\"k\",\"x\":1}", "{\"eventType\":\"k\",\"data\":{\"kind\":\"k\",\"x\":1}}"},
		{"eventType=.kind,aggregateId=.user.id", "{\"user\":{\"id\":42},\"kind\":\"k\"}",
		 "{\"eventType\":\"k\",\"aggregateId\":\"42\",\"data\":{\"user\":{\"id\":42},\"kind\":\"k\"}}"},
		{"eventType=.a[1].b[-1]", "{\"a\":[0,{\"b\":[1,\"last\"]}]}", "{\"eventType\":\"last\",\"data\":{\"a\":[0,{\"b\":[1,\"last\"]}]}}"},
		{"eventType=.[\"a b\"],data=.p", "{\"a b\":\"k\",\"p\":{\"q\":1.50}}", "{\"eventType\":\"k\",\"data\":{\"q\":1.50}}"},
		{"eventType=.k,version=.v,tags=.t,metadata=.m,source=.s,correlationId=.co,causationId=.ca,aggregateType=.at",
		 "{\"k\":7,\"v\":3,\"t\":[\"x\"],\"m\":{\"u\":1},\"s\":1.5,\"co\":-1,\"ca\":\"c\",\"at\":\"T\"}",
		 "{\"eventType\":\"7\",\"aggregateType\":\"T\",\"version\":3,\"source\":\"1.5\",\"correlationId\":\"-1\",\"causationId\":\"c\",\"tags\":[\"x\"],"
		 "\"metadata\":{\"u\":1},\"data\":{\"k\":7,\"v\":3,\"t\":[\"x\"],\"m\":{\"u\":1},\"s\":1.5,\"co\":-1,\"ca\":\"c\",\"at\":\"T\"}}"},
		{"eventType=.k,aggregateId=.gone,source=.nil", "{\"k\":\"a\",\"nil\":null}", "{\"eventType\":\"a\",\"data\":{\"k\":\"a\",\"nil\":null}}"},
		{"eventType=.k,data=.nil", "{\"k\":\"a\",\"nil\":null}", "{\"eventType\":\"a\",\"data\":null}"},
		{"eventType=.k,data=.gone", "{\"k\":\"a\"}", "{\"eventType\":\"a\"}"},
		{"eventType=.k,data=.d", "{\"k\":\"a\",\"d\":1,\"k\":\"b\"}", "{\"eventType\":\"b\",\"data\":1}"}, /* the last one counts */
		{"eventType=.gone", "{\"k\":\"a\"}", "!nothing at .gone: field 'eventType' is missing; every event needs one, or give --more"},
		{"eventType=.k", "{\"k\":{}}", "!'eventType' must be a string, not an object"},
		{"eventType=.k,timestamp=.t", "{\"k\":\"a\",\"t\":1778747400}", "!'timestamp' must be an RFC 3339 string such as 2026-05-14T10:30:00Z, not a number"},
		{"eventType=.k,timestamp=.t", "{\"k\":\"a\",\"t\":\"x\"}", "!'timestamp' is no RFC 3339 time"},
		{"eventType=.k,tags=.t", "{\"k\":\"a\",\"t\":\"x\"}", "!'tags' must be an array"},
		{"eventType=.k", "[{\"k\":\"a\"}]", "!an event is a JSON object"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maker m = {0};
		struct buf text = {0};
		struct evs_error err;
		int status;
		assert_int_equal(parse_map(&m.rules, rows[i].map, &err), EVS_OK);
		m.rules.typed_by = "--more";
		maker_begin(&m);
		status = maker_text(&m, rows[i].line, strlen(rows[i].line), &text, &err);
		if (rows[i].out[0] == '!') {
			CHECK(status == EVS_BAD_EVENT && strstr(err.message, rows[i].out + 1) != NULL, "%s: %s", rows[i].line, err.message);
		} else {
			CHECK(status == EVS_OK, "%s: %s", rows[i].line, err.message);
			char *made = strstr((char *)(uintptr_t)text_of(&text), ",\"eventId\":\"");
			assert_non_null(made);
			snprintf(made, 2, "}");
			CHECK(strcmp((char *)text.data, rows[i].out) == 0, "%s is %s", rows[i].line, (char *)text.data);
		}
		buf_free(&text);
		maker_end(&m);
	}
}

static void refuses_wrong_maps(void **state)
{
	static const char *const rows[] = {
		"kind=.a", "eventType", "eventType=", "eventType=kind", "eventType=.", "eventType=.a.", "eventType=.a[", "position=.a",
		"revision=.a", "recordedAt=.a", "eventType=.a,x", "=.a", "eventtype=.a", "eventType=.a[0",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct parse_rules rules = {0};
		struct evs_error err;
		CHECK(parse_map(&rules, rows[i], &err) == EVS_USAGE, "'%s' was taken", rows[i]);
		CHECK(strncmp(err.message, "--map: ", 7) == 0, "%s", err.message);
		parse_rules_release(&rules);
	}
}

static void reads_cloudevents(void **state)
{
#define CE "{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\""
	static const struct {
		const char *line, *out;
	} rows[] = {
		{"{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/s\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\",\"subject\":\"42\","
		 "\"datacontenttype\":\"application/json\",\"data\":{\"a\":1.0}}",
		 "{\"eventType\":\"t\",\"source\":\"/s\",\"eventId\":\"1\"," TIME ",\"aggregateId\":\"42\",\"datacontenttype\":\"application/json\",\"data\":{\"a\":1.0}}"},
		{"{\"id\":\"1\",\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"urn:evs:none\",\"time\":\"2026-05-14T10:30:00Z\"}",
		 "{\"eventId\":\"1\",\"eventType\":\"t\"," TIME "}"},
		{"{\"specversion\":\"1.0\",\"type\":\"t\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\",\"subject\":null,\"source\":\"urn:evs:none\",\"data\":null}",
		 "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"data\":null}"},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\",\"aggregatetype\":\"A\",\"correlationid\":\"co\",\"causationid\":\"ca\","
		 "\"eventversion\":2,\"tags\":\"[\\\"x\\\"]\",\"metadata\":\"{\\\"u\\\":1}\",\"position\":5,\"revision\":6,\"recordedat\":\"x\",\"traceparent\":\"00-a\"}",
		 "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"aggregateType\":\"A\",\"correlationId\":\"co\",\"causationId\":\"ca\",\"version\":2,\"tags\":[\"x\"],\"metadata\":{\"u\":1},\"traceparent\":\"00-a\"}"},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\",\"tags\":[\"x\"],\"metadata\":{\"u\":1}}",
		 "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"tags\":[\"x\"],\"metadata\":{\"u\":1}}"},
		{"{\"type\":\"t\",\"id\":\"1\"}", "!'specversion' is not \"1.0\""},
		{"{\"specversion\":\"0.3\",\"type\":\"t\",\"id\":\"1\"}", "!'specversion' is not \"1.0\""},
		{"{\"specversion\":1.0,\"type\":\"t\",\"id\":\"1\"}", "!'specversion' is not \"1.0\""},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"id\":\"1\"}", "!'eventType' is missing"},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":1}", "!attribute 'id': field 'eventId' must be a string"},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":\"1\",\"time\":\"now\"}", "!attribute 'time'"},
		{CE ",\"tags\":\"x\",\"metadata\":\"[]\"}", "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"ce-tags\":\"x\",\"ce-metadata\":\"[]\"}"},
		{CE ",\"version\":\"3\",\"timestamp\":\"soon\"}", "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"ce-version\":\"3\",\"ce-timestamp\":\"soon\"}"},
		{CE ",\"version\":null,\"correlationid\":5}", "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"correlationId\":\"5\"}"},
		{CE ",\"evsid\":\"own\",\"evsevstype\":1,\"evsother\":2}", "{\"eventType\":\"t\",\"eventId\":\"1\"," TIME ",\"id\":\"own\",\"evstype\":1,\"evsother\":2}"},
		{CE ",\"eventType\":\"u\"}", "!attribute 'eventType': no CloudEvents attribute"},
		{"{\"specversion\":\"1.0\",\"source\":\"urn:evs:none\",\"type\":\"t\",\"id\":\"1\",\"id\":\"2\"}", "!'eventId' is there twice"},
	};
	struct maker m = {.rules = {.cloudevents = true}};
	struct buf text = {0};
	struct evs_error err;

	(void)state;
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int status = maker_text(&m, rows[i].line, strlen(rows[i].line), &text, &err);
		if (rows[i].out[0] == '!')
			CHECK(status == EVS_BAD_EVENT && strstr(err.message, rows[i].out + 1) != NULL, "%s: %s", rows[i].line, err.message);
		else
			CHECK(status == EVS_OK && strcmp(text_of(&text), rows[i].out) == 0, "%s is %s", rows[i].line,
			      status == EVS_OK ? text_of(&text) : err.message);
	}
	maker_end(&m);
	buf_free(&text);
}

/* An extension attribute cannot pass for a field of the envelope: the packed event says what parse said. */
static void extensions_are_no_envelope(void **state)
{
	static const char *const names[] = {"eventType", "eventId", "timestamp", "aggregateId", "aggregateType", "version", "source2",
	                                    "correlationId", "causationId", "position", "revision", "recordedAt"};
	static const char *const values_of[] = {"5", "\"x\"", "[1]", "null", "{\"a\":1}"};
	struct maker m = {.rules = {.cloudevents = true}};
	struct evs_error err;

	(void)state;
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t k = 0; k < COUNT(values_of); k++) {
			struct buf line = {0}, packed = {0}, again = {0}, text = {0};
			struct parsed info;
			struct view v;
			buf_printf(&line, "{\"specversion\":\"1.0\",\"type\":\"t\",\"id\":\"1\",\"source\":\"s\",\"subject\":\"42\",\"time\":\"2026-05-14T10:30:00Z\",\"%s\":%s}", names[i], values_of[k]);
			if (maker_parse(&m, (char *)line.data, line.size, &packed, &info, &err) == EVS_OK) {
				CHECK(view_open(&v, packed.data, packed.size), "%s makes a damaged event", text_of(&line));
				for (unsigned f = 0; f < VIEW_TEXTS; f++)
					CHECK(v.texts[f].kind == info.view.texts[f].kind && v.texts[f].size == info.view.texts[f].size &&
					              (v.texts[f].bytes == NULL || memcmp(v.texts[f].bytes, info.view.texts[f].bytes, v.texts[f].size) == 0),
					      "%s: field %u is indexed as one thing and stored as another", text_of(&line), f);
				CHECK(render_fields(&text, m.names, packed.data, packed.size), "%s cannot be shown", text_of(&line));
				/* What comes out is an event that can go in. */
				m.rules.cloudevents = false;
				CHECK(maker_text(&m, (char *)text.data, text.size, &again, &err) == EVS_OK, "%s comes out as %s: %s", text_of(&line), text_of(&text), err.message);
				m.rules.cloudevents = true;
			}
			buf_free(&line);
			buf_free(&packed);
			buf_free(&again);
			buf_free(&text);
		}
	}
	maker_end(&m);
}

static void reads_one_value(void **state)
{
	struct evs_error err;
	struct buf packed = {0}, text = {0};

	(void)state;
	assert_int_equal(parse_value(" [1,{\"a\":\"b\"}] ", 15, &packed, &err), EVS_OK);
	assert_true(buf_room(&packed, RENDER_PAD));
	assert_non_null(render_value(&text, NULL, packed.data, packed.data + packed.size));
	assert_string_equal(text_of(&text), "[1,{\"a\":\"b\"}]");
	packed.size = 0;
	assert_int_equal(parse_value("[1,", 3, &packed, &err), EVS_BAD_EVENT);
	assert_int_equal(parse_value("", 0, &packed, &err), EVS_BAD_EVENT);
	assert_int_equal(parse_value("1 2", 3, &packed, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "column 3"));
	buf_free(&packed);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(envelope_is_checked),
		cmocka_unit_test(ids_have_255_bytes),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(lines_have_16_mib),
		cmocka_unit_test(any_shape_fits),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(the_stores_fields_are_ignored),
		cmocka_unit_test(what_lacks_is_filled),
		cmocka_unit_test(fills_are_checked_too),
		cmocka_unit_test(ids_and_times_are_made),
		cmocka_unit_test(hash_ids_are_of_the_content),
		cmocka_unit_test(view_agrees),
		cmocka_unit_test(maps_foreign_json),
		cmocka_unit_test(refuses_wrong_maps),
		cmocka_unit_test(reads_cloudevents),
		cmocka_unit_test(extensions_are_no_envelope),
		cmocka_unit_test(reads_one_value),
	};

	return RUN(tests);
}
