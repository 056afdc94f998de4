#include "common/pick.h"

#include <string.h>

/* What follows the string at p, which begins with its quote. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\' && p + 1 < end;
	return p < end ? p + 1 : end;
}

/* What follows the value at p. */
static const char *skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	do {
		if (p == end)
			return end;
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
			return p;
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	} while (depth > 0 || (p < end && *p != ',' && *p != '}' && *p != ']'));
	return p;
}

/* Read one byte of a string's inside; canonical JSON escapes only ASCII. */
static char next_byte(const char **p)
{
	static const char named[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *at, *s = *p;
	char byte;

	if (s[0] != '\\') {
		*p = s + 1;
		return s[0];
	}
	if (s[1] == 'u') {
		byte = (char)((s[4] - '0') << 4 | (s[5] <= '9' ? s[5] - '0' : (s[5] | 0x20) - 'a' + 10));
		*p = s + 6;
		return byte;
	}
	*p = s + 2;
	at = strchr(named, s[1]);
	return at == NULL ? s[1] : bytes[at - named];
}

/* Whether the key between its quotes is `name`. */
static bool key_is(const char *key, const char *end, const struct path_step *name)
{
	size_t n = 0;

	for (; key < end && n < name->size; n++)
		if (next_byte(&key) != name->key[n])
			return false;
	return key == end && n == name->size;
}

/* The member of the object at p, or NULL; of several of one name the last. */
static const char *find_member(const char *p, const char *end, const struct path_step *step)
{
	const char *found = NULL;

	if (p == end || *p != '{')
		return NULL;
	while (++p < end && *p == '"') {
		const char *after = skip_string(p, end);

		if (after < end && key_is(p + 1, after - 1, step))
			found = after + 1;
		if (after == end || (p = skip_value(after + 1, end)) == end || *p != ',')
			break;
	}
	return found;
}

/* How many elements the array at p has. */
static int64_t count_elements(const char *p, const char *end)
{
	int64_t n = 0;

	if (p + 1 < end && p[1] == ']')
		return 0;
	do {
		n++;
		p = skip_value(p + 1, end);
	} while (p < end && *p == ',');
	return n;
}

/* The element of the array at p, or NULL. */
static const char *find_element(const char *p, const char *end, int64_t index)
{
	int64_t n;

	if (p == end || *p != '[')
		return NULL;
	n = count_elements(p, end);
	if (index < 0)
		index += n;
	if (index < 0 || index >= n)
		return NULL;
	for (p++; index > 0; index--)
		p = skip_value(p, end) + 1;
	return p;
}

bool pick_value(const char *json, size_t size, const struct path *path, const char **value, size_t *value_size)
{
	const char *end = json + size, *p = json;

	for (size_t i = 0; i < path->n && p != NULL; i++) {
		const struct path_step *step = &path->steps[i];

		p = step->key != NULL ? find_member(p, end, step) : find_element(p, end, step->index);
	}
	if (p == NULL)
		return false;
	*value = p;
	*value_size = (size_t)(skip_value(p, end) - p);
	return true;
}

void pick_plain(struct buf *out, const char *value, size_t size)
{
	const char *end = value + size - 1;

	if (size == 4 && memcmp(value, "null", 4) == 0)
		return;
	if (size < 2 || value[0] != '"') {
		buf_put(out, value, size);
		return;
	}
	for (value++; value < end;)
		buf_byte(out, (uint8_t)next_byte(&value));
}

void pick_text(struct buf *out, const char *value, size_t size)
{
	if (size < 2 || value[0] != '"') {
		buf_put(out, value, size);
		return;
	}
	for (size_t i = 1; i + 1 < size; i++) {
		/* \" and \\ read better plain; what would disturb a table stays escaped. */
		if (value[i] == '\\' && (value[i + 1] == '"' || value[i + 1] == '\\'))
			i++;
		else if (value[i] == '\\')
			buf_byte(out, (uint8_t)value[i++]);
		buf_byte(out, (uint8_t)value[i]);
	}
}
