#include "event/path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "event/render.h"

static bool add_step(struct path *path, char *key, size_t size, int64_t index)
{
	struct path_step *steps;

	if (path->n == PATH_STEPS_MAX)
		return false;
	steps = realloc(path->steps, (path->n + 1) * sizeof *steps);
	if (steps == NULL)
		return false;
	path->steps = steps;
	steps[path->n++] = (struct path_step){.key = key, .size = size, .index = index};
	return true;
}

static bool add_key(struct path *path, const char *text, size_t size)
{
	char *key = malloc(size + 1);

	if (key == NULL)
		return false;
	memcpy(key, text, size);
	key[size] = '\0';
	if (!add_step(path, key, size, 0)) {
		free(key);
		return false;
	}
	return true;
}

/* .name */
static bool parse_name(struct path *path, const char **p, const char *stops)
{
	size_t n = strcspn(*p, ".[");

	for (size_t i = 0; i < n; i++) {
		if (strchr(stops, (*p)[i]) != NULL) {
			n = i;
			break;
		}
	}
	if (n == 0 || !add_key(path, *p, n))
		return false;
	*p += n;
	return true;
}

/* "name"] with \" and \\ inside */
static bool parse_quoted(struct path *path, const char **p)
{
	const char *s = *p + 1;
	char *key = malloc(strlen(s) + 1);
	size_t n = 0;

	if (key == NULL)
		return false;
	for (; *s != '"' && *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		key[n++] = *s;
	}
	*p = s;
	key[n] = '\0';
	if (s[0] != '"' || s[1] != ']' || !add_step(path, key, n, 0)) {
		free(key);
		return false;
	}
	*p = s + 2;
	return true;
}

/* 12] or -1] */
static bool parse_index(struct path *path, const char **p)
{
	char *end;
	long long index = strtoll(*p, &end, 10);

	if (end == *p || *end != ']' || !add_step(path, NULL, 0, index))
		return false;
	*p = end + 1;
	return true;
}

bool path_parse(struct path *path, const char *text, const char *stops, const char **rest)
{
	const char *p = text;

	*path = (struct path){0};
	*rest = p;
	if (*p != '.')
		return false;
	if (p[1] == '\0' || strchr(stops, p[1]) != NULL) {
		*rest = p + 1;
		return true;
	}
	while (*p != '\0' && strchr(stops, *p) == NULL) {
		bool ok = false;
		if (*p == '.' && p[1] != '[') {
			p++;
			ok = parse_name(path, &p, stops);
		} else if (*p == '[' || (*p == '.' && p[1] == '[' && path->n == 0)) {
			p += *p == '.' ? 2 : 1;
			ok = *p == '"' ? parse_quoted(path, &p) : parse_index(path, &p);
		}
		*rest = p;
		if (!ok) {
			path_free(path);
			return false;
		}
	}
	return true;
}

void path_free(struct path *path)
{
	for (size_t i = 0; i < path->n; i++)
		free(path->steps[i].key);
	free(path->steps);
	*path = (struct path){0};
}

/* Whether a key is written behind a point as it is. */
static bool is_name(const char *key, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = key[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
			return false;
	}
	return size > 0;
}

void path_put_key(struct buf *out, const char *key, size_t size)
{
	if (is_name(key, size)) {
		if (out->size > 0 && out->data[out->size - 1] != '.')
			buf_byte(out, '.');
		buf_put(out, key, size);
		return;
	}
	buf_byte(out, '[');
	render_string(out, (const uint8_t *)key, size);
	buf_byte(out, ']');
}

void path_put(struct buf *out, const struct path *path)
{
	buf_byte(out, '.');
	for (size_t i = 0; i < path->n; i++) {
		const struct path_step *s = &path->steps[i];

		if (s->key != NULL)
			path_put_key(out, s->key, s->size);
		else
			buf_printf(out, "[%" PRId64 "]", s->index);
	}
}
