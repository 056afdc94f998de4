/* base/id.h: UUIDs. */
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/id.h"
#include "unit.h"

static void reads_and_writes(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t uuid[16], back[16];
		char text[UUID_TEXT], model[UUID_TEXT + 1];
		put64(uuid, chance(&seed));
		put64(uuid + 8, chance(&seed));
		snprintf(model, sizeof model, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", uuid[0], uuid[1],
		         uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9], uuid[10], uuid[11], uuid[12],
		         uuid[13], uuid[14], uuid[15]);
		uuid_format(uuid, text);
		assert_memory_equal(text, model, UUID_TEXT);
		assert_true(uuid_parse(text, back));
		assert_memory_equal(uuid, back, 16);
	}
}

/* Any other byte at any place makes it no canonical UUID. */
static void refuses_other_texts(void **state)
{
	static const char good[] = "0123abcd-4567-89ab-cdef-0123456789ab";
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < UUID_TEXT; i++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			char text[UUID_TEXT + 1];
			bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
			bool ok = good[i] == '-' ? byte == '-' : hex;
			memcpy(text, good, sizeof text);
			text[i] = (char)byte;
			CHECK(uuid_parse(text, out) == ok, "byte %02x at %zu", byte, i);
		}
	}
}

static void v7_is_ordered_and_unique(void **state)
{
	uint8_t before[16] = {0}, now[16];
	uint64_t ms = 1778747400000;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* Also where the clock stands still or goes back. */
		uuid_v7(ms + (uint64_t)(i / 1000) - (i % 7 == 0 ? 5 : 0), now);
		assert_int_equal(now[6] >> 4, 7);
		assert_int_equal(now[8] >> 6, 2);
		CHECK(memcmp(before, now, 16) < 0, "number %d is not above the one before", i);
		memcpy(before, now, 16);
	}
	uuid_v7(ms + 1000, now);
	assert_int_equal(get64be(now) >> 16, ms + 1000);
}

/* A child does not make the parent's ids again. */
static void v7_differs_after_fork(void **state)
{
	uint8_t mine[16], child[16];
	int ends[2], status;
	pid_t pid;

	(void)state;
	uuid_v7(1, mine);
	assert_int_equal(pipe(ends), 0);
	if ((pid = fork()) == 0) {
		uuid_v7(1, child);
		_exit(write(ends[1], child, 16) == 16 ? 0 : 1);
	}
	uuid_v7(1, mine);
	assert_int_equal(read(ends[0], child, 16), 16);
	waitpid(pid, &status, 0);
	assert_memory_not_equal(mine, child, 16);
	close(ends[0]);
	close(ends[1]);
}

static void v8_keeps_the_hash(void **state)
{
	uint8_t hash[16], uuid[16];

	(void)state;
	random_bytes(hash, sizeof hash);
	memcpy(uuid, hash, 16);
	uuid_v8(uuid);
	assert_int_equal(uuid[6] >> 4, 8);
	assert_int_equal(uuid[8] >> 6, 2);
	assert_int_equal(uuid[6] & 15, hash[6] & 15);
	assert_int_equal(uuid[8] & 63, hash[8] & 63);
	for (size_t i = 0; i < 16; i++)
		assert_true(i == 6 || i == 8 || uuid[i] == hash[i]);
}

static void random_bytes_fill_all(void **state)
{
	uint8_t bytes[64] = {0}, seen[64] = {0};

	(void)state;
	for (int i = 0; i < 64; i++) {
		random_bytes(bytes, sizeof bytes);
		for (size_t k = 0; k < sizeof bytes; k++)
			seen[k] |= bytes[k];
	}
	for (size_t k = 0; k < sizeof bytes; k++)
		assert_int_not_equal(seen[k], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),       cmocka_unit_test(refuses_other_texts),
		cmocka_unit_test(v7_is_ordered_and_unique), cmocka_unit_test(v7_differs_after_fork),
		cmocka_unit_test(v8_keeps_the_hash),      cmocka_unit_test(random_bytes_fill_all),
	};

	return RUN(tests);
}
