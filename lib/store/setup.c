#include "store/setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "event/json.h"
#include "event/render.h"

/* The texts among the options. */
static const struct {
	const char *name;
	size_t field;
} texts[] = {
	{"type", offsetof(struct evs_append_options, type)},
	{"stream", offsetof(struct evs_append_options, stream)},
	{"aggregateType", offsetof(struct evs_append_options, aggregate_type)},
	{"source", offsetof(struct evs_append_options, source)},
	{"correlationId", offsetof(struct evs_append_options, correlation)},
	{"causationId", offsetof(struct evs_append_options, causation)},
	{"map", offsetof(struct evs_append_options, map)},
};

static const char *const cloudevents = "cloudEvents", *const hash_ids = "hashIds", *const tags = "tags";

static void put_string(struct buf *out, const char *text)
{
	render_string(out, (const uint8_t *)text, strlen(text));
}

static void put_name(struct buf *out, const char *name, size_t begun)
{
	buf_text(out, out->size == begun ? "{" : ",");
	put_string(out, name);
	buf_text(out, ":");
}

void setup_text(struct buf *out, const struct evs_append_options *o)
{
	const char *text;
	size_t begun = out->size;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		memcpy(&text, (const char *)o + texts[i].field, sizeof text);
		if (text == NULL)
			continue;
		put_name(out, texts[i].name, begun);
		put_string(out, text);
	}
	if (o->cloudevents) {
		put_name(out, cloudevents, begun);
		buf_text(out, "true");
	}
	if (o->hash_ids) {
		put_name(out, hash_ids, begun);
		buf_text(out, "true");
	}
	if (o->n_tags > 0) {
		put_name(out, tags, begun);
		for (size_t i = 0; i < o->n_tags; i++) {
			buf_text(out, i == 0 ? "[" : ",");
			put_string(out, o->tags[i]);
		}
		buf_text(out, "]");
	}
	if (out->size > begun)
		buf_text(out, "}");
}

static int read_tags(struct setup *s, yyjson_val *list, struct evs_error *err)
{
	size_t n = yyjson_arr_size(list), i, most;
	yyjson_val *one;

	if (n == 0)
		return EVS_OK;
	s->tags = calloc(n, sizeof *s->tags);
	if (s->tags == NULL)
		return error_nomem(err);
	yyjson_arr_foreach(list, i, most, one)
		if ((s->tags[i] = yyjson_get_str(one)) == NULL)
			return error_set(err, EVS_CORRUPT, 0, "what is kept of how lines were appended is damaged");
	s->options.tags = s->tags;
	s->options.n_tags = n;
	return EVS_OK;
}

int setup_read(struct setup *out, const char *text, size_t size, struct evs_error *err)
{
	yyjson_val *root;
	int status = EVS_OK;

	*out = (struct setup){.options = {.expect = EVS_EXPECT_ANY}};
	if (size == 0)
		return EVS_OK;
	out->doc = yyjson_read(text, size, 0);
	root = yyjson_doc_get_root(out->doc);
	if (!yyjson_is_obj(root))
		status = error_set(err, EVS_CORRUPT, 0, "what is kept of how lines were appended is damaged");
	for (size_t i = 0; i < sizeof texts / sizeof *texts && status == EVS_OK; i++) {
		const char *value = yyjson_get_str(yyjson_obj_get(root, texts[i].name));
		memcpy((char *)&out->options + texts[i].field, &value, sizeof value);
	}
	if (status == EVS_OK) {
		out->options.cloudevents = yyjson_is_true(yyjson_obj_get(root, cloudevents));
		out->options.hash_ids = yyjson_is_true(yyjson_obj_get(root, hash_ids));
		status = read_tags(out, yyjson_obj_get(root, tags), err);
	}
	if (status != EVS_OK)
		setup_release(out);
	return status;
}

void setup_release(struct setup *s)
{
	yyjson_doc_free(s->doc);
	free(s->tags);
	*s = (struct setup){0};
}
