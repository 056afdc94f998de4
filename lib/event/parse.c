#include <stdlib.h>

#include "base/error.h"
#include "event/parse_parts.h"
#include "event/render.h"

enum {
	SMALL_LINE = 256 << 10,   /* lines up to this keep their working memory between calls */
	ENVELOPE_ROOM = 4096,     /* what filled-in fields and headers can take, tags apart */
};

struct parser *parse_new(const struct names *names, const struct parse_rules *rules)
{
	struct parser *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->names = names;
	p->rules = rules;
	p->intern = names != NULL;
	return p;
}

void parse_free(struct parser *p)
{
	if (p == NULL)
		return;
	buf_free(&p->missing);
	free(p->missing_seen);
	buf_free(&p->scratch);
	free(p->uuids);
	free(p->memory);
	free(p);
}

/* Say why a text is no JSON; line: of an event, which must be one line. */
static void no_json(const yyjson_read_err *why, bool line, struct evs_error *err)
{
	const char *what = "no JSON: ", *which = why->msg;

	if (why->code == YYJSON_READ_ERROR_UNEXPECTED_END) {
		what = "";
		which = line ? "the line ends inside a JSON value; an event is one line" : "the text ends inside a JSON value";
	} else if (why->code == YYJSON_READ_ERROR_UNEXPECTED_CONTENT) {
		what = "";
		which = line ? "more follows the JSON object; an event is one line" : "more follows the JSON value";
	}
	error_set(err, EVS_BAD_EVENT, 0, "column %zu: %s%s", why->pos + 1, what, which);
}

/* A document in the parser's own memory, or in memory of its own when the line is long. */
static yyjson_doc *read_doc(struct parser *p, const char *text, size_t size, struct evs_error *err)
{
	yyjson_read_err why;
	yyjson_doc *doc;
	yyjson_alc pool;

	if (size <= SMALL_LINE && p != NULL) {
		size_t need = json_memory(size);
		if (need > p->memory_size) {
			free(p->memory);
			p->memory_size = need * 2;
			if ((p->memory = malloc(p->memory_size)) == NULL) {
				p->memory_size = 0;
				error_nomem(err);
				return NULL;
			}
		}
		yyjson_alc_pool_init(&pool, p->memory, p->memory_size);
		doc = yyjson_read_opts((char *)(uintptr_t)text, size, JSON_FLAGS, &pool, &why);
	} else {
		doc = yyjson_read_opts((char *)(uintptr_t)text, size, JSON_FLAGS, NULL, &why);
	}
	if (doc == NULL && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		error_nomem(err);
	else if (doc == NULL)
		no_json(&why, p != NULL, err);
	return doc;
}

static int too_long(struct evs_error *err)
{
	return error_set(err, EVS_BAD_EVENT, 0, "the line is longer than 16 MiB");
}

/* The event has no eventType. */
static int without_type(const struct parse_rules *rules, struct evs_error *err)
{
	const struct path *path = &rules->map[NAME_EVENT_TYPE];
	int status = error_set(err, EVS_BAD_EVENT, 0, "field 'eventType' is missing; every event needs one%s%s",
	                       rules->typed_by == NULL ? "" : ", or give ", rules->typed_by == NULL ? "" : rules->typed_by);

	if (path->n > 0)
		foreign_name_path("nothing at", path, err);
	return status;
}

int parse_line(struct parser *p, const char *line, size_t size, struct buf *out, struct parsed *info, struct evs_error *err)
{
	struct build b = {.parser = p, .info = info, .err = err};
	const struct parse_rules *rules = p->rules;
	yyjson_doc *doc = NULL;
	yyjson_val *root;
	/* Packing at most doubles a text; a mapped event can hold each part of it once more a field. */
	size_t header, room = (rules->mapped ? NAME_FIXED : 2) * size + ENVELOPE_ROOM;
	unsigned missing = p->n_missing;
	uint8_t *start;
	int status;

	*info = (struct parsed){0};
	if (size > 0 && line[size - 1] == '\r')
		size--;
	if (size > PARSE_LINE_MAX + PARSE_LINE_MORE)
		return too_long(err);
	for (size_t i = 0; i < rules->n_tags; i++)
		room += strlen(rules->tags[i]) + 8;
	for (unsigned i = 0; i < NAME_FIXED; i++)
		room += rules->fill[i].text == NULL ? 0 : rules->fill[i].size + 8;
	if (!buf_room(out, room))
		return error_nomem(err);
	doc = read_doc(p, line, size, err);
	if (doc == NULL)
		return err == NULL ? EVS_BAD_EVENT : err->status;
	b.doc = doc;
	root = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(root)) {
		status = error_set(err, EVS_BAD_EVENT, 0, "column 1: an event is a JSON object, not %s", envelope_type_name(root));
		goto out;
	}
	if (size > PARSE_LINE_MAX && yyjson_obj_get(root, name_fixed_text(NAME_RECORDED_AT)) == NULL) {
		status = too_long(err);
		goto out;
	}
	start = p->start = out->data + out->size;
	p->n_uuids = 0;
	header = envelope_header(unsafe_yyjson_get_len(root) + envelope_fields_added(rules));
	b.o = start + header;
	if (rules->mapped)
		status = foreign_put_mapped(&b, root);
	else if (rules->cloudevents)
		status = foreign_put_cloudevent(&b, root);
	else
		status = envelope_put_own(&b, root);
	if (status == EVS_OK)
		status = envelope_put_fills(&b);
	if (status == EVS_OK && !(b.present & 1u << NAME_EVENT_TYPE))
		status = without_type(rules, err);
	if (status == EVS_OK)
		status = envelope_put_made(&b, start, header);
	if (status == EVS_OK && (size_t)(b.o - start) > PARSE_PACKED_MAX)
		status = error_set(err, EVS_BAD_EVENT, 0, "the event would be stored in %zu bytes, over the limit of 32 MiB", (size_t)(b.o - start));
	if (status != EVS_OK)
		goto out;
	envelope_put_header(start, header, b.n);
	if (p->no_memory) {
		p->no_memory = false;
		status = error_nomem(err);
		goto out;
	}
	info->new_names = p->n_missing != missing;
	info->uuids = p->uuids;
	info->n_uuids = p->n_uuids;
	out->size = (size_t)(b.o - out->data);
out:
	yyjson_doc_free(doc);
	return status;
}

int parse_value(const char *text, size_t size, struct buf *out, struct evs_error *err)
{
	struct parser plain = {0};
	yyjson_doc *doc = read_doc(NULL, text, size, err);
	uint8_t *o;
	bool ok;

	if (doc == NULL)
		return err == NULL ? EVS_BAD_EVENT : err->status;
	ok = buf_room(out, 2 * size + ENVELOPE_ROOM);
	if (!ok) {
		yyjson_doc_free(doc);
		return error_nomem(err);
	}
	o = plain.start = out->data + out->size;
	ok = pack_value(&plain, &o, yyjson_doc_get_root(doc), 0);
	out->size = (size_t)(o - out->data);
	yyjson_doc_free(doc);
	free(plain.uuids);
	return ok ? EVS_OK : error_set(err, EVS_BAD_EVENT, 0, "nested deeper than %d levels", DEPTH_LIMIT);
}
