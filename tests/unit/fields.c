/* event/fields.h: --fields. */
#include "event.h"
#include "event/fields.h"

#define UUID "0190c2a7-7e5b-7000-8000-0123456789ab"

static const char line[] = "{\"eventType\":\"t\",\"eventId\":\"" UUID "\",\"timestamp\":\"2026-05-14T10:30:00Z\",\"aggregateType\":\"A\",\"aggregateId\":\"42\","
                           "\"tags\":[\"x\",\"y\"],\"data\":{\"a\":{\"b\":1.50,\"c\":null},\"l\":[10,{\"k\":\"v\"},30],\"\":5,\"" UUID "\":6,\"d\":1,\"d\":2},\"own\":\"\\u0001\"}";

static const struct {
	const char *fields, *out;
} rows[] = {
	{".eventType", "{\"eventType\":\"t\"}"},
	{".position,.revision,.recordedAt", "{\"position\":7,\"revision\":3,\"recordedAt\":\"2026-05-14T10:30:00.123456Z\"}"},
	{".aggregateId,.aggregateType", "{\"aggregateId\":\"42\",\"aggregateType\":\"A\"}"},
	{".eventId,.own", "{\"eventId\":\"" UUID "\",\"own\":\"\\u0001\"}"},
	{".gone", "{}"},
	{".gone,.eventType,.gone2", "{\"eventType\":\"t\"}"},
	{".data.a.b", "{\"data\":{\"a\":{\"b\":1.50}}}"},
	{".data.a.c", "{\"data\":{\"a\":{\"c\":null}}}"},
	{".data.a.gone", "{}"},
	{".data.a.b.c", "{}"},
	{".data.a.c,.data.a.b", "{\"data\":{\"a\":{\"c\":null,\"b\":1.50}}}"},
	{".data.a.b,.eventType,.data.a.c", "{\"data\":{\"a\":{\"b\":1.50,\"c\":null}},\"eventType\":\"t\"}"},
	{".data.a,.data.a.b", "{\"data\":{\"a\":{\"b\":1.50,\"c\":null}}}"},
	{".data.l[0]", "{\"data\":{\"l\":[10]}}"},
	{".data.l[-1],.data.l[0]", "{\"data\":{\"l\":[30,10]}}"},
	{".data.l[1].k", "{\"data\":{\"l\":[{\"k\":\"v\"}]}}"},
	{".data.l[3]", "{}"},
	{".data.l[-4]", "{}"},
	{".data.a[0]", "{}"},
	{".data.l.k", "{}"},
	{".tags", "{\"tags\":[\"x\",\"y\"]}"},
	{".tags[1]", "{\"tags\":[\"y\"]}"},
	{".data[\"\"]", "{\"data\":{\"\":5}}"},
	{".data[\"" UUID "\"]", "{\"data\":{\"" UUID "\":6}}"},
	{".data." UUID, "{\"data\":{\"" UUID "\":6}}"},
	{".data.d", "{\"data\":{\"d\":2}}"},
	{".eventType,.eventType", "{\"eventType\":\"t\"}"},
	{".timestamp.x", "{}"},
	{".aggregateType.x", "{}"},
	{".position.x", "{}"},
	{".recordedAt[0]", "{}"},
};

static void chooses(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct maker m = {.plain = plain};
		struct buf packed = {0}, out = {0};
		struct evs_error err;
		struct parsed info;
		maker_begin(&m);
		assert_int_equal(maker_parse(&m, line, strlen(line), &packed, &info, &err), EVS_OK);
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct record r = {7, 3, INT64_C(1778754600123456), packed.data, (uint32_t)packed.size};
			struct fields *f;
			CHECK(fields_parse(rows[i].fields, &f, &err) == EVS_OK, "%s: %s", rows[i].fields, err.message);
			out.size = 0;
			assert_true(fields_render(&out, m.names, f, &r));
			out.size--;
			CHECK(out.data[out.size] == '\n' && strcmp(text_of(&out), rows[i].out) == 0, "%s is %s", rows[i].fields, text_of(&out));
			fields_free(f);
		}
		buf_free(&packed);
		buf_free(&out);
		maker_end(&m);
	}
}

static void refuses(void **state)
{
	static const char *const wrong[] = {"", "eventType", ".", ".[0]", ".a,", ",.a", ".a..b", ".a[", ".a,b", ".a,.", ".a .b,c"};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct evs_error err;
		struct fields *f = (struct fields *)&err;
		CHECK(fields_parse(wrong[i], &f, &err) == EVS_USAGE, "'%s' was taken", wrong[i]);
		assert_null(f);
	}
	fields_free(NULL);
}

static void damage_is_survived(void **state)
{
	struct maker m = {0};
	struct buf packed = {0}, out = {0};
	struct evs_error err;
	struct parsed info;
	struct fields *f;

	(void)state;
	maker_begin(&m);
	assert_int_equal(maker_parse(&m, line, strlen(line), &packed, &info, &err), EVS_OK);
	assert_int_equal(fields_parse(".eventType,.data.a.b,.data.l[-1],.data.l[1].k,.tags[0],.own.x", &f, &err), EVS_OK);
	for (size_t at = 0; at < packed.size; at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			uint8_t *exact = malloc(packed.size + RENDER_PAD);
			memcpy(exact, packed.data, packed.size + RENDER_PAD);
			exact[at] = (uint8_t)byte;
			out.size = 0;
			fields_render(&out, m.names, f, &(struct record){1, 1, 0, exact, (uint32_t)packed.size});
			free(exact);
		}
	}
	fields_free(f);
	buf_free(&packed);
	buf_free(&out);
	maker_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses),
		cmocka_unit_test(refuses),
		cmocka_unit_test(damage_is_survived),
	};

	return RUN(tests);
}
