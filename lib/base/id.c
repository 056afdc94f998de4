#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"

/* The value of a lower-case hexadecimal digit plus one; 0 for anything else. */
static const uint8_t digit_value[256] = {
	['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* Where the two digits of each byte stand in the text. */
static const uint8_t digit_at[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

bool uuid_parse(const char *text, uint8_t out[16])
{
	const unsigned char *t = (const unsigned char *)text;
	unsigned bad = 0;

	if (t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-')
		return false;
	for (int i = 0; i < 16; i++) {
		unsigned high = digit_value[t[digit_at[i]]] - 1u, low = digit_value[t[digit_at[i] + 1]] - 1u;
		bad |= high | low;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return bad < 16;
}

/* Eight bytes of 0..15 as eight hexadecimal digits, in one word. */
static uint64_t nibbles_to_digits(uint64_t nibbles)
{
	uint64_t over9 = (nibbles + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
	return nibbles + 0x3030303030303030u + over9 * 0x27;
}

/* Four bytes as eight digits. */
static uint64_t digits_of(const uint8_t *bytes)
{
	uint32_t v32;
	uint64_t v;

	memcpy(&v32, bytes, 4);
	v = le32toh(v32);
	v = (v | v << 16) & 0x0000ffff0000ffffu;
	v = (v | v << 8) & 0x00ff00ff00ff00ffu;
	v = (v >> 4 & 0x000f000f000f000fu) | (v & 0x000f000f000f000fu) << 8;
	return htole64(nibbles_to_digits(v));
}

void uuid_format(const uint8_t uuid[16], char *text)
{
	uint64_t a = digits_of(uuid), b = digits_of(uuid + 4), c = digits_of(uuid + 8), d = digits_of(uuid + 12);

	memcpy(text, &a, 8);
	text[8] = '-';
	memcpy(text + 9, &b, 4);
	text[13] = '-';
	memcpy(text + 14, (char *)&b + 4, 4);
	text[18] = '-';
	memcpy(text + 19, &c, 4);
	text[23] = '-';
	memcpy(text + 24, (char *)&c + 4, 4);
	memcpy(text + 28, &d, 8);
}

void random_bytes(void *out, size_t size)
{
	uint8_t *p = out;

	while (size > 0) {
		ssize_t n = getrandom(p, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort(); /* no kernel that runs this lacks it */
		p += n;
		size -= (size_t)n;
	}
}

/*
 * The 74 free bits are a counter from a random start (RFC 9562, 6.2 method 2, with the whole field as the
 * counter): ids of one process are ordered, and those of two differ by the random start.
 */
void uuid_v7(uint64_t unix_ms, uint8_t out[16])
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t counter, salt, last_ms;
	static pid_t owner;
	uint64_t low, ms;

	pthread_mutex_lock(&lock);
	if (owner != getpid()) {
		random_bytes(&counter, sizeof counter);
		random_bytes(&salt, sizeof salt);
		counter >>= 8;
		owner = getpid();
		last_ms = 0;
	}
	if (unix_ms > last_ms)
		last_ms = unix_ms;
	ms = last_ms;
	low = counter++;
	pthread_mutex_unlock(&lock);

	put64be(out, ms << 16 | 0x7000 | (low >> 52 & 0x0fff));
	put64be(out + 8, 0x8000000000000000u | (low << 10 & 0x3ffffffffffffc00u) | (salt & 0x3ff));
}

void uuid_v8(uint8_t hash[16])
{
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
}
