/* event/render.h, event/cloudevent.h: packed events as text. */
#include "event.h"
#include "event/cloudevent.h"

#define EVENT "{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14T10:30:00Z\""

/* A line to a record. */
static struct record record_of(struct maker *m, const char *line, uint64_t revision, struct buf *packed)
{
	struct parsed info;
	struct evs_error err;

	packed->size = 0;
	CHECK(maker_parse(m, line, strlen(line), packed, &info, &err) == EVS_OK, "%s: %s", line, err.message);
	return (struct record){7, revision, INT64_C(1778754600123456), packed->data, (uint32_t)packed->size};
}

/* The model: one byte after another. */
static void model_string(struct buf *out, const uint8_t *text, size_t size)
{
	out->size = 0;
	buf_byte(out, '"');
	for (size_t i = 0; i < size; i++) {
		uint8_t c = text[i];
		const char *short_form = c == 8 ? "\\b" : c == 9 ? "\\t" : c == 10 ? "\\n" : c == 12 ? "\\f" : c == 13 ? "\\r" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
		if (short_form != NULL)
			buf_text(out, short_form);
		else if (c < 0x20)
			buf_printf(out, "\\u%04x", c);
		else
			buf_byte(out, c);
	}
	buf_byte(out, '"');
}

/* Strings of all lengths with each byte at each place: blocks of 16 and what is left of them. */
static void strings_are_escaped(void **state)
{
	struct buf packed = {0}, out = {0}, model = {0};
	uint8_t text[70];

	(void)state;
	for (size_t size = 0; size <= 50; size++) {
		for (unsigned byte = 0; byte < 256; byte += byte < 0x24 || (byte > 0x58 && byte < 0x60) || byte > 0x7c ? 1 : 5) {
			for (size_t at = 0; at < (size == 0 ? 1 : size); at++) {
				uint8_t *p;
				memset(text, 'x', sizeof text);
				text[at] = (uint8_t)byte;
				if (size > 20)
					text[size - 1] = (uint8_t)byte;
				model_string(&model, text, size);
				out.size = 0;
				render_string(&out, text, size);
				assert_int_equal(out.size, model.size);
				assert_memory_equal(out.data, model.data, model.size);
				packed.size = 0;
				assert_true(buf_room(&packed, size + 10 + RENDER_PAD));
				memset(packed.data, '"', packed.cap); /* what lies behind is none of its business */
				p = packed.data;
				packed_put_text(&p, text, size);
				out.size = 0;
				assert_ptr_equal(render_value(&out, NULL, packed.data, p), p);
				assert_int_equal(out.size, model.size);
				assert_memory_equal(out.data, model.data, model.size);
			}
		}
	}
	buf_free(&packed);
	buf_free(&out);
	buf_free(&model);
}

static void numbers_are_decimal(void **state)
{
	uint64_t seed = 31;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t v = i < 300 ? (uint64_t)i : i < 700 ? UINT64_MAX - (uint64_t)i + 300 : chance(&seed) >> chance_of(&seed, 64);
		uint8_t bytes[16 + RENDER_PAD], *p = bytes;
		struct buf out = {0};
		char model[24];
		packed_put_uint64(&p, v);
		assert_ptr_equal(render_value(&out, NULL, bytes, p), p);
		snprintf(model, sizeof model, "%llu", (unsigned long long)v);
		assert_string_equal(text_of(&out), model);
		out.size = 0;
		p = bytes;
		packed_put_int64(&p, (int64_t)v);
		assert_ptr_equal(render_value(&out, NULL, bytes, p), p);
		snprintf(model, sizeof model, "%lld", (long long)v);
		assert_string_equal(text_of(&out), model);
		buf_free(&out);
	}
}

static void event_is_a_line(void **state)
{
	struct maker m = {0};
	struct buf packed = {0}, out = {0};
	struct record r;

	(void)state;
	maker_begin(&m);
	r = record_of(&m, EVENT ",\"x\":[1]}", 3, &packed);
	assert_true(render_event(&out, m.names, &r));
	assert_string_equal(text_of(&out), EVENT ",\"x\":[1],\"position\":7,\"revision\":3,\"recordedAt\":\"2026-05-14T10:30:00.123456Z\"}\n");
	r.revision = 0;
	r.position = UINT64_MAX;
	out.size = 0;
	assert_true(render_event(&out, m.names, &r));
	assert_string_equal(text_of(&out), EVENT ",\"x\":[1],\"position\":18446744073709551615,\"recordedAt\":\"2026-05-14T10:30:00.123456Z\"}\n");
	buf_free(&packed);
	buf_free(&out);
	maker_end(&m);
}

static void data_alone(void **state)
{
	static const struct {
		const char *line, *out;
	} rows[] = {
		{EVENT "}", "null\n"}, {EVENT ",\"data\":null}", "null\n"}, {EVENT ",\"data\":{\"a\":29.90}}", "{\"a\":29.90}\n"},
		{EVENT ",\"data\":\"x\\n\"}", "\"x\\n\"\n"}, {EVENT ",\"data\":-0}", "-0\n"}, {EVENT ",\"data\":[]}", "[]\n"},
	};
	struct maker m = {0};
	struct buf packed = {0}, out = {0};

	(void)state;
	maker_begin(&m);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct record r = record_of(&m, rows[i].line, 0, &packed);
		out.size = 0;
		assert_true(render_data(&out, m.names, &r));
		assert_string_equal(text_of(&out), rows[i].out);
	}
	buf_free(&packed);
	buf_free(&out);
	maker_end(&m);
}

static void pretty_is_indented(void **state)
{
	static const struct {
		const char *json, *out;
	} rows[] = {
		{"{}", "{}\n"}, {"[]", "[]\n"}, {"1", "1\n"}, {"\"a{b}[c],:\"", "\"a{b}[c],:\"\n"}, {"[1,2]", "[\n  1,\n  2\n]\n"},
		{"{\"a\":{},\"b\":[],\"c\":[{}]}\n", "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    {}\n  ]\n}\n"},
		{"{\"a\\\"\":\"\\\\\",\"b\":-1.5e3}", "{\n  \"a\\\"\": \"\\\\\",\n  \"b\": -1.5e3\n}\n"},
		{"[[[]],null,true]", "[\n  [\n    []\n  ],\n  null,\n  true\n]\n"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		out.size = 0;
		render_pretty(&out, (const uint8_t *)rows[i].json, strlen(rows[i].json), false);
		assert_string_equal(text_of(&out), rows[i].out);
	}
	out.size = 0;
	render_pretty(&out, (const uint8_t *)"{\"a\":\"s\",\"b\":1}", 15, true);
	assert_string_equal(text_of(&out), "{\n  \033[34;1m\"a\"\033[0m: \033[32m\"s\"\033[0m,\n  \033[34;1m\"b\"\033[0m: \033[33m1\033[0m\n}\n");
	buf_free(&out);
}

/* Bytes written out in hexadecimal. */
static const char *hex(const struct buf *b, struct buf *out)
{
	out->size = 0;
	for (size_t i = 0; i < b->size; i++)
		buf_printf(out, "%02x", b->data[i]);
	return text_of(out);
}

static void msgpack_is_plain(void **state)
{
	static const struct {
		const char *data, *hex;
	} rows[] = {
		{"null", "c0"}, {"true", "c3"}, {"false", "c2"}, {"1", "01"}, {"-1", "ff"}, {"300", "cd012c"}, {"18446744073709551615", "cfffffffffffffffff"},
		{"-9223372036854775808", "d38000000000000000"}, {"18446744073709551616", "b43138343436373434303733373039353531363136"},
		{"0.5", "cb3fe0000000000000"}, {"29.90", "cb403de66666666666"}, {"-1.5e3", "cbc097700000000000"}, {"1e400", "a5316534 3030"},
		{"0.1234567890123456", "b2302e31323334353637383930313233343536"}, {"-0", "cb8000000000000000"}, {"0.0", "cb0000000000000000"}, {"\"x\"", "a178"},
		{"[1,[2]]", "92019102"}, {"{\"k\":\"v\"}", "81a16ba176"}, {"{\"eventType\":5}", "81a96576656e745479706505"},
		{"\"0190c2a7-7e5b-7000-8000-0123456789ab\"", "d92430313930633261372d376535622d373030302d383030302d303132333435363738396162"},
	};
	static const char head[] = "86a96576656e7454797065a174a76576656e744964a131a974696d657374616d70b4323032362d30352d31345431303a33303a30305aa464617461";
	static const char tail[] = "a8706f736974696f6e07aa7265636f726465644174bb323032362d30352d31345431303a33303a30302e3132333435365a";

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct maker m = {.plain = plain};
		struct buf packed = {0}, out = {0}, text = {0}, line = {0}, wanted = {0};
		maker_begin(&m);
		for (size_t i = 0; i < COUNT(rows); i++) {
			line.size = out.size = wanted.size = 0;
			buf_printf(&line, EVENT ",\"data\":%s}", rows[i].data);
			buf_text(&wanted, head);
			for (const char *p = rows[i].hex; *p != '\0'; p++)
				if (*p != ' ')
					buf_byte(&wanted, (uint8_t)*p);
			buf_text(&wanted, tail);
			struct record r = record_of(&m, text_of(&line), 0, &packed);
			assert_true(render_msgpack(&out, m.names, &r));
			assert_string_equal(hex(&out, &text), text_of(&wanted));
		}
		buf_free(&packed);
		buf_free(&out);
		buf_free(&text);
		buf_free(&line);
		buf_free(&wanted);
		maker_end(&m);
	}
}

static void cloudevents_come_out(void **state)
{
#define CE "{\"specversion\":\"1.0\",\"type\":\"t\",\"id\":\"1\",\"time\":\"2026-05-14T10:30:00Z\""
#define END ",\"position\":7,\"recordedat\":\"2026-05-14T10:30:00.123456Z\"}\n"
	static const struct {
		const char *line, *out;
	} rows[] = {
		{EVENT "}", CE ",\"source\":\"urn:evs:none\"" END},
		{EVENT ",\"source\":\"/s\",\"data\":{\"a\":1.0}}", CE ",\"source\":\"/s\",\"data\":{\"a\":1.0}" END},
		{EVENT ",\"aggregateId\":\"0190c2a7-7e5b-7000-8000-0123456789ab\",\"aggregateType\":\"A\",\"version\":2,\"correlationId\":\"c\",\"causationId\":\"d\"}",
		 CE ",\"subject\":\"0190c2a7-7e5b-7000-8000-0123456789ab\",\"aggregatetype\":\"A\",\"eventversion\":2,\"correlationid\":\"c\",\"causationid\":\"d\",\"source\":\"urn:evs:none\"" END},
		{EVENT ",\"tags\":[\"x\\\"y\"],\"metadata\":{\"u\":[1]}}", CE ",\"tags\":\"[\\\"x\\\\\\\"y\\\"]\",\"metadata\":\"{\\\"u\\\":[1]}\",\"source\":\"urn:evs:none\"" END},
		{EVENT ",\"source\":\"\",\"id\":1,\"evstime\":2,\"evsx\":3,\"ce-version\":4,\"ce-x\":5}",
		 CE ",\"evsid\":1,\"evsevstime\":2,\"evsx\":3,\"version\":4,\"ce-x\":5,\"source\":\"urn:evs:none\"" END},
		{"{\"eventType\":\"t\",\"eventId\":\"1\",\"timestamp\":\"2026-05-14 10:30:00\"}", CE ",\"source\":\"urn:evs:none\"" END},
		{EVENT ",\"other\":{\"a\":1},\"\":2}", CE ",\"other\":{\"a\":1},\"\":2,\"source\":\"urn:evs:none\"" END},
	};

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct maker m = {.plain = plain};
		struct buf packed = {0}, out = {0};
		maker_begin(&m);
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct record r = record_of(&m, rows[i].line, 0, &packed);
			out.size = 0;
			assert_true(cloudevent_render(&out, m.names, &r));
			assert_string_equal(text_of(&out), rows[i].out);
			r.revision = 2;
			out.size = 0;
			assert_true(cloudevent_render(&out, m.names, &r));
			assert_non_null(strstr(text_of(&out), ",\"position\":7,\"revision\":2,"));
		}
		buf_free(&packed);
		buf_free(&out);
		maker_end(&m);
	}
}

/* Cut anywhere, or with any byte wrong, an event is shown or refused; reading stays inside. */
static void damage_is_survived(void **state)
{
	static const char line[] = EVENT ",\"aggregateId\":\"0190c2a7-7e5b-7000-8000-0123456789ab\",\"tags\":[\"x\"],\"data\":{\"k\":[1,-2,0.5,null,\"long enough for a block\"]}}";
	struct maker m = {0};
	struct buf packed = {0}, out = {0};
	bool (*const renders[])(struct buf *, const struct names *, const struct record *) = {render_event, render_data, render_msgpack, cloudevent_render};
	struct record r;

	(void)state;
	maker_begin(&m);
	r = record_of(&m, line, 1, &packed);
	for (size_t at = 0; at < r.size; at++) {
		for (unsigned byte = 0; byte < 257; byte++) {
			struct record wrong = r;
			size_t size = byte == 256 ? at : r.size; /* the last round cuts */
			uint8_t *exact = malloc(size + RENDER_PAD);
			memcpy(exact, r.body, size);
			memset(exact + size, 0, RENDER_PAD);
			if (byte < 256)
				exact[at] = (uint8_t)byte;
			wrong.body = exact;
			wrong.size = (uint32_t)size;
			for (size_t k = 0; k < COUNT(renders); k++) {
				out.size = 0;
				bool ok = renders[k](&out, m.names, &wrong);
				CHECK(!ok || byte < 256, "format %zu shows an event that is cut to %zu", k, at);
			}
			free(exact);
		}
	}
	buf_free(&packed);
	buf_free(&out);
	maker_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_escaped), cmocka_unit_test(numbers_are_decimal), cmocka_unit_test(event_is_a_line),
		cmocka_unit_test(data_alone),          cmocka_unit_test(pretty_is_indented),  cmocka_unit_test(msgpack_is_plain),
		cmocka_unit_test(cloudevents_come_out), cmocka_unit_test(damage_is_survived),
	};

	return RUN(tests);
}
