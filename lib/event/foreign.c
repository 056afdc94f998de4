#include <stdio.h>

#include "base/error.h"
#include "event/cloudevent.h"
#include "event/parse_parts.h"

/* ---- CloudEvents 1.0, JSON format ---- */

/* Keep an attribute under a name that no field of the envelope has: ce-version, as CloudEvents over HTTP write it. */
static int put_foreign(struct build *b, const char *text, size_t size, yyjson_val *value)
{
	char name[32];
	int n = snprintf(name, sizeof name, "ce-%.*s", (int)size, text);

	pack_key(b->parser, &b->o, name, (size_t)n);
	b->n++;
	return pack_field(b->parser, &b->o, value) ? EVS_OK : envelope_too_deep(b);
}

/* tags and metadata travel as JSON in a string, for attributes are scalars; a string that is something else is not evs's. */
static int put_embedded(struct build *b, unsigned field, yyjson_val *v)
{
	yyjson_doc *inner = yyjson_read(yyjson_get_str(v), yyjson_get_len(v), JSON_FLAGS);
	yyjson_val *root = yyjson_doc_get_root(inner);
	int status;

	if (field == NAME_TAGS ? yyjson_is_arr(root) : yyjson_is_obj(root))
		status = envelope_put(b, field, root);
	else
		status = put_foreign(b, name_fixed_text(field), strlen(name_fixed_text(field)), v);
	yyjson_doc_free(inner);
	return status;
}

/* Digits where a string is wanted. */
static int put_digits(struct build *b, unsigned field, yyjson_val *v)
{
	int status = envelope_check(b, field, yyjson_get_raw(v), yyjson_get_len(v));

	if (status == EVS_OK)
		envelope_put_text(b, field, yyjson_get_raw(v), yyjson_get_len(v));
	return status;
}

static int put_attribute(struct build *b, const char *text, size_t size, yyjson_val *value)
{
	int field = cloudevent_attribute(text, size), number;

	if (field == CLOUDEVENT_STORE || (field == NAME_SOURCE && yyjson_equals_str(value, EVS_NO_SOURCE)))
		return EVS_OK;
	if (field >= 0 && yyjson_is_null(value) && field != NAME_DATA)
		return EVS_OK; /* "a null attribute is an absent one" (JSON format, 2.2) */
	if ((field == NAME_TAGS || field == NAME_METADATA) && yyjson_is_str(value))
		return put_embedded(b, (unsigned)field, value);
	if ((field == NAME_AGGREGATE_TYPE || field == NAME_CORRELATION_ID || field == NAME_CAUSATION_ID) && yyjson_is_raw(value))
		return put_digits(b, (unsigned)field, value);
	if (field >= 0)
		return envelope_put(b, (unsigned)field, value);
	if (cloudevent_clashes(text, size)) { /* evs put it in front */
		text += CLOUDEVENT_OWN_SIZE;
		size -= CLOUDEVENT_OWN_SIZE;
	}
	number = name_find(b->parser->names, text, size);
	if (number == NAME_TIMESTAMP || number == NAME_VERSION)
		return yyjson_is_null(value) ? EVS_OK : put_foreign(b, text, size, value);
	if (number >= 0 && number < NAME_FIXED - 1)
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents attribute: their names are lower-case letters and digits");
	pack_key(b->parser, &b->o, text, size);
	b->n++;
	return pack_field(b->parser, &b->o, value) ? EVS_OK : envelope_too_deep(b);
}

/* Whether an attribute is there. "A null attribute is an absent one" (JSON format, 2.2). */
static bool has(yyjson_val *root, const char *attribute)
{
	yyjson_val *v = yyjson_obj_get(root, attribute);

	return v != NULL && !yyjson_is_null(v);
}

int foreign_put_cloudevent(struct build *b, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *key, *value;

	if (!yyjson_equals_str(yyjson_obj_get(root, "specversion"), "1.0"))
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents 1.0: 'specversion' is not \"1.0\"");
	if (!has(root, "id") && !b->parser->rules->hash_ids)
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents 1.0: 'id' is missing; --event-id hash makes one of the content");
	if (!has(root, "source") && b->parser->rules->fill[NAME_SOURCE].text == NULL)
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents 1.0: 'source' is missing, or give --source");
	if (has(root, "data") && has(root, "data_base64"))
		return error_set(b->err, EVS_BAD_EVENT, 0, "no CloudEvents 1.0: 'data' and 'data_base64' exclude each other");
	yyjson_obj_foreach(root, i, n, key, value) {
		const char *text = unsafe_yyjson_get_str(key);
		size_t size = unsafe_yyjson_get_len(key);
		int status = put_attribute(b, text, size, value);
		if (status != EVS_OK) {
			error_prefix(b->err, "column %zu: attribute '%.*s': ", (size_t)(text - b->doc->str_pool),
			             size > 64 ? 64 : (int)size, text);
			return status;
		}
	}
	return EVS_OK;
}

/* ---- --map ---- */

/* The value of a key; of several with the same name the last one counts. */
static yyjson_val *member(yyjson_val *object, const char *name, size_t size)
{
	yyjson_val *key, *value, *found = NULL;
	size_t i, n;

	yyjson_obj_foreach(object, i, n, key, value) {
		if (unsafe_yyjson_get_len(key) == size && memcmp(unsafe_yyjson_get_str(key), name, size) == 0)
			found = value;
	}
	return found;
}

static yyjson_val *follow(yyjson_val *v, const struct path *path)
{
	for (size_t i = 0; i < path->n && v != NULL; i++) {
		const struct path_step *s = &path->steps[i];
		if (s->key != NULL) {
			v = member(v, s->key, s->size);
		} else {
			int64_t n = (int64_t)yyjson_arr_size(v), at = s->index < 0 ? s->index + n : s->index;
			v = at >= 0 && at < n ? yyjson_arr_get(v, (size_t)at) : NULL;
		}
	}
	return v;
}

void foreign_name_path(const char *lead, const struct path *path, struct evs_error *err)
{
	struct buf text = {0};

	path_put(&text, path);
	error_prefix(err, "%s %.*s: ", lead, (int)text.size, (const char *)text.data);
	buf_free(&text);
}

int foreign_put_mapped(struct build *b, yyjson_val *root)
{
	const struct parse_rules *rules = b->parser->rules;
	int status = EVS_OK;

	for (unsigned field = 0; field <= NAME_METADATA && status == EVS_OK; field++) {
		yyjson_val *v;
		if (rules->map[field].steps == NULL)
			continue;
		v = follow(root, &rules->map[field]);
		if (v == NULL || (yyjson_is_null(v) && field != NAME_DATA))
			continue;
		if (yyjson_is_raw(v) && field <= NAME_CAUSATION_ID && field != NAME_VERSION && field != NAME_TIMESTAMP)
			status = put_digits(b, field, v);
		else
			status = envelope_put(b, field, v);
		if (status == EVS_BAD_EVENT)
			foreign_name_path("at", &rules->map[field], b->err);
	}
	if (status == EVS_OK && rules->map[NAME_DATA].steps == NULL)
		status = envelope_put(b, NAME_DATA, root);
	return status;
}

int parse_map(struct parse_rules *rules, const char *text, struct evs_error *err)
{
	const char *p = text;

	rules->mapped = true;
	while (*p != '\0') {
		size_t size = strcspn(p, "=,");
		const char *rest;
		struct path path;
		unsigned field = 0;
		while (field <= NAME_METADATA && (strlen(name_fixed_text(field)) != size || memcmp(name_fixed_text(field), p, size) != 0))
			field++;
		if (p[size] != '=' && field <= NAME_METADATA)
			return error_set(err, EVS_USAGE, 0, "--map: '%.*s' lacks its path; write %.*s=.path,...", (int)size, p, (int)size, p);
		if (field > NAME_METADATA)
			return error_set(err, EVS_USAGE, 0, "--map: '%.*s' is no field of the envelope; write FIELD=.path,...", (int)size, p);
		if (!path_parse(&path, p + size + 1, ",", &rest))
			return error_set(err, EVS_USAGE, 0, "--map: no path at '%s'; a path looks like .user.id", rest);
		if (path.n == 0)
			return error_set(err, EVS_USAGE, 0, "--map: the path of '%s' names no field", name_fixed_text(field));
		if (rules->map[field].steps != NULL) {
			path_free(&path);
			return error_set(err, EVS_USAGE, 0, "--map: '%s' is there twice; an event has it once", name_fixed_text(field));
		}
		rules->map[field] = path;
		p = *rest == ',' ? rest + 1 : rest;
	}
	return EVS_OK;
}

void parse_rules_release(struct parse_rules *rules)
{
	for (unsigned i = 0; i < NAME_FIXED; i++)
		path_free(&rules->map[i]);
}
