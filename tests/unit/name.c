/* event/name.h: names and their numbers. */
#include <pthread.h>
#include <stdatomic.h>

#include "event/name.h"
#include "unit.h"

static void envelope_is_fixed(void **state)
{
	static const char *const names[] = {
		"eventType", "eventId", "timestamp", "aggregateId", "aggregateType", "version", "source", "correlationId",
		"causationId", "tags", "data", "metadata", "position", "revision", "recordedAt", "",
	};
	struct names *t = name_table_new();

	(void)state;
	assert_int_equal(name_count(t), NAME_FIXED);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(name_fixed_text((enum name_fixed)i), names[i]);
		assert_int_equal(name_find(t, names[i], strlen(names[i])), i);
	}
	assert_null(name_get(t, NAME_FIXED));
	assert_null(name_get(t, UINT64_MAX));
	assert_int_equal(name_find(t, "eventtype", 9), -1);
	name_table_free(t);
	name_table_free(NULL);
}

static void numbers_are_given_in_order(void **state)
{
	struct names *t = name_table_new();
	char text[32];

	(void)state;
	for (unsigned i = NAME_FIXED; i < NAME_LIMIT; i++) {
		snprintf(text, sizeof text, "name-%u", i);
		assert_int_equal(name_find(t, text, strlen(text)), -1);
		assert_int_equal(name_add(t, text, strlen(text)), i);
		assert_int_equal(name_add(t, text, strlen(text)), i);
	}
	assert_int_equal(name_count(t), NAME_LIMIT);
	assert_false(name_may_add(t, 4));
	assert_int_equal(name_add(t, "more", 4), -1);
	for (unsigned i = NAME_FIXED; i < NAME_LIMIT; i++) {
		const struct name *n = name_get(t, i);
		snprintf(text, sizeof text, "name-%u", i);
		assert_int_equal(name_find(t, text, strlen(text)), i);
		CHECK(n->size == strlen(text) && memcmp(n->text, text, n->size) == 0, "%s", text);
	}
	name_table_free(t);
}

static void keeps_any_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *json;
	} rows[] = {
		{"a\0b", 3, "\"a\\u0000b\":"}, {"a", 1, "\"a\":"}, {"\"\\\n\x7f", 4, "\"\\\"\\\\\\n\x7f\":"}, {"a\0c", 3, "\"a\\u0000c\":"},
		{"\303\251", 2, "\"\303\251\":"},
	};
	char longest[NAME_BYTES_MAX + 1];
	struct names *t = name_table_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int number = name_add(t, rows[i].text, rows[i].size);
		const struct name *n = name_get(t, (uint64_t)number);
		assert_int_equal(number, NAME_FIXED + i);
		assert_int_equal(n->json_size, strlen(rows[i].json));
		assert_memory_equal(n->json, rows[i].json, n->json_size);
		for (int k = 0; k < NAME_PAD; k++) /* readable */
			assert_int_equal(n->json[n->json_size + (uint32_t)k], 0);
	}
	memset(longest, 'x', sizeof longest);
	assert_true(name_add(t, longest, NAME_BYTES_MAX) > 0);
	assert_int_equal(name_add(t, longest, NAME_BYTES_MAX + 1), -1);
	name_table_free(t);
}

static void is_encoded_and_decoded(void **state)
{
	struct names *a = name_table_new(), *b = name_table_new();
	struct buf bytes = {0};
	char text[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "n%d", i * i);
		name_add(a, text, strlen(text));
	}
	name_encode(a, NAME_FIXED, &bytes);
	assert_true(name_decode(b, bytes.data, bytes.size));
	assert_int_equal(name_count(b), name_count(a));
	for (unsigned i = 0; i < name_count(a); i++)
		assert_int_equal(name_find(b, name_get(a, i)->text, name_get(a, i)->size), i);
	/* A name that is there already has lost its number; one that is cut off is none. */
	assert_false(name_decode(b, bytes.data, bytes.size));
	assert_false(name_decode(b, (const uint8_t *)"\5abc", 4));
	assert_false(name_decode(b, (const uint8_t *)"\377", 1));
	assert_true(name_decode(b, NULL, 0));
	buf_free(&bytes);
	name_table_free(a);
	name_table_free(b);
}

static void numbers_are_taken_back(void **state)
{
	struct names *t = name_table_new();
	char text[32];

	(void)state;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 700; i++) {
			snprintf(text, sizeof text, "r%d-%d", i < 300 ? 0 : round, i);
			assert_int_equal(name_add(t, text, strlen(text)), NAME_FIXED + i);
		}
		name_truncate(t, NAME_FIXED + 300);
		assert_int_equal(name_count(t), NAME_FIXED + 300);
		assert_int_equal(name_find(t, text, strlen(text)), -1);
		assert_int_equal(name_find(t, "r0-299", 6), NAME_FIXED + 299);
	}
	name_truncate(t, NAME_LIMIT);
	assert_int_equal(name_count(t), NAME_FIXED + 300);
	name_table_free(t);
}

struct looking {
	struct names *names;
	atomic_bool stop;
	atomic_size_t wrong;
};

/* What is found is right, at any time. */
static void *look(void *context)
{
	struct looking *l = context;
	uint64_t seed = (uint64_t)(uintptr_t)&seed | 1;
	char text[32];

	while (!atomic_load(&l->stop)) {
		unsigned i = (unsigned)chance_of(&seed, 8000) + NAME_FIXED;
		const struct name *n;
		snprintf(text, sizeof text, "name-%u", i);
		int number = name_find(l->names, text, strlen(text));
		n = name_get(l->names, i);
		if ((number != -1 && number != (int)i) || (n != NULL && memcmp(n->text, text, strlen(text)) != 0))
			atomic_fetch_add(&l->wrong, 1);
	}
	return NULL;
}

static void others_look_up_meanwhile(void **state)
{
	struct looking l = {.names = name_table_new()};
	pthread_t threads[3];
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, &l), 0);
	for (unsigned i = NAME_FIXED; i < 8000; i++) {
		snprintf(text, sizeof text, "name-%u", i);
		assert_int_equal(name_add(l.names, text, strlen(text)), i);
	}
	atomic_store(&l.stop, true);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&l.wrong), 0);
	name_table_free(l.names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelope_is_fixed),      cmocka_unit_test(numbers_are_given_in_order),
		cmocka_unit_test(keeps_any_bytes),        cmocka_unit_test(is_encoded_and_decoded),
		cmocka_unit_test(numbers_are_taken_back), cmocka_unit_test(others_look_up_meanwhile),
	};

	return RUN(tests);
}
