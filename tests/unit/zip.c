/* base/zip.h: what is packed comes back, and damage is noticed. */
#include "base/zip.h"
#include "unit.h"

/* Text that repeats itself a little, as events do. */
static size_t fill(uint8_t *out, size_t cap, uint64_t *seed)
{
	static const char *const words[] = {"order.placed", "customer", "2026-05-14", "{\"total\":", "29.90}", "EUR", "42", "\n"};
	size_t n = 0;

	while (n + 16 < cap) {
		const char *word = chance_text(seed, words, COUNT(words));
		memcpy(out + n, word, strlen(word));
		n += strlen(word);
		out[n++] = (uint8_t)chance_of(seed, 256);
	}
	return n;
}

static struct zip_dict *trained(uint8_t *bytes, size_t *size)
{
	uint8_t *samples = malloc(2000 * 600);
	size_t sizes[2000], n = 0;
	uint64_t seed = 77;

	for (size_t i = 0; i < 2000; i++)
		n += sizes[i] = fill(samples + n, 300 + chance_of(&seed, 300), &seed);
	*size = zip_train(samples, sizes, 2000, bytes, 30 << 10);
	free(samples);
	return zip_dict_new(bytes, *size, true);
}

static void comes_back(void **state)
{
	uint8_t dict_bytes[30 << 10], in[70000], out[70000];
	size_t dict_size;
	struct zip_dict *dicts[] = {zip_dict_new(NULL, 0, true), trained(dict_bytes, &dict_size)};
	struct zip_dict *reading = zip_dict_new(dict_bytes, dict_size, false);
	struct zip *z = zip_new();
	uint64_t seed = 2;

	(void)state;
	assert_in_range(dict_size, 1000, 30 << 10);
	for (int i = 0; i < 300; i++) {
		struct zip_dict *d = dicts[i % 2];
		size_t n = i < 4 ? (size_t)i : fill(in, 20 + chance_of(&seed, sizeof in - 20), &seed);
		size_t cap = zip_bound(n), size;
		uint8_t *packed = malloc(cap);
		size = zip_pack(z, d, in, n, packed, cap);
		CHECK(size > 0 && size <= cap, "%zu bytes", n);
		memset(out, 0xaa, sizeof out);
		CHECK(zip_unpack(z, d, packed, size, out, n) && memcmp(in, out, n) == 0, "%zu bytes", n);
		if (i % 2 == 1)
			CHECK(zip_unpack(z, reading, packed, size, out, n), "with a dictionary for reading");
		CHECK(n < 100 || size < n, "%zu bytes became %zu", n, size);
		CHECK(n == 0 || !zip_unpack(z, d, packed, size, out, n - 1), "a wrong size was taken");
		CHECK(!zip_unpack(z, d, packed, size, out, n + 1), "a wrong size was taken");
		CHECK(!zip_unpack(z, d, packed, size - 1, out, n), "a cut frame was taken");
		free(packed);
	}
	zip_free(z);
	zip_dict_free(dicts[0]);
	zip_dict_free(dicts[1]);
	zip_dict_free(reading);
}

/* A frame in which one bit is wrong never gives other bytes. */
static void damage_is_noticed(void **state)
{
	struct zip_dict *d = zip_dict_new(NULL, 0, true);
	struct zip *z = zip_new();
	uint8_t in[3000], out[3000], packed[4000];
	uint64_t seed = 8;
	size_t n = fill(in, sizeof in, &seed), size = zip_pack(z, d, in, n, packed, sizeof packed);

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit++) {
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(!zip_unpack(z, d, packed, size, out, n) || memcmp(in, out, n) == 0, "bit %zu", bit);
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(zip_unpack(z, d, packed, size, out, n));
	zip_free(z);
	zip_dict_free(d);
}

static void too_little_to_learn(void **state)
{
	uint8_t dict[30 << 10];
	size_t sizes[] = {3};

	(void)state;
	assert_int_equal(zip_train("abc", sizes, 1, dict, sizeof dict), 0);
	assert_int_equal(zip_train("", sizes, 0, dict, sizeof dict), 0);
}

static void owns_the_older(void **state)
{
	struct zip_dict *a = zip_dict_new(NULL, 0, false), *b = zip_dict_new(NULL, 0, true);

	(void)state;
	zip_dict_adopt(b, a);
	zip_dict_free(b); /* the sanitizer sees whether a is left */
	zip_dict_free(NULL);
	zip_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(too_little_to_learn),
		cmocka_unit_test(owns_the_older),
	};

	return RUN(tests);
}
