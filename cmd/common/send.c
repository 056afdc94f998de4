#include "common/send.h"

#include <stdlib.h>

#include "base/error.h"
#include "common/file.h"
#include "common/message.h"
#include "event/parse.h"
#include "event/render.h"

/* {"name": or ,"name": */
static void put_name(struct buf *line, const char *name)
{
	buf_printf(line, "%c\"%s\":", line->size == 0 ? '{' : ',', name);
}

void send_put(struct buf *line, const char *name, const char *text, size_t size)
{
	if (text == NULL)
		return;
	put_name(line, name);
	render_string(line, (const uint8_t *)text, size);
}

void send_put_text(struct buf *line, const char *name, const char *text)
{
	send_put(line, name, text, text == NULL ? 0 : strlen(text));
}

void send_put_tags(struct buf *line, const char *const *tags, size_t n, const char *more, size_t more_size)
{
	if (n == 0 && more == NULL)
		return;
	put_name(line, "tags");
	for (size_t i = 0; i < n; i++) {
		buf_byte(line, i == 0 ? '[' : ',');
		render_string(line, (const uint8_t *)tags[i], strlen(tags[i]));
	}
	if (more != NULL) {
		buf_byte(line, n == 0 ? '[' : ',');
		render_string(line, (const uint8_t *)more, more_size);
	}
	buf_byte(line, ']');
}

/* Put JSON as data, in its canonical form: it becomes a part of a line. */
static int put_data(struct buf *line, const char *json, size_t size, struct evs_error *err)
{
	struct names *names = name_table_new();
	struct buf packed = {0};
	int status = names == NULL ? error_nomem(err) : parse_value(json, size, &packed, err);

	if (status == EVS_BAD_EVENT)
		error_prefix(err, "standard input is no JSON value: ");
	if (status == EVS_OK && !buf_room(&packed, RENDER_PAD))
		status = error_nomem(err);
	if (status == EVS_OK) {
		memset(packed.data + packed.size, 0, RENDER_PAD);
		put_name(line, "data");
		if (render_value(line, names, packed.data, packed.data + packed.size) == NULL)
			status = error_nomem(err);
	}
	buf_free(&packed);
	name_table_free(names);
	return status;
}

int send_put_input(struct buf *line)
{
	struct evs_error err = {0};
	struct buf text = {0};
	const char *json;
	size_t size;
	int status = file_read_json(NULL, &text, &json, &size);

	if (status == STATUS_DONE && json != NULL && put_data(line, json, size, &err) != EVS_OK)
		status = message_text(&err);
	buf_free(&text);
	return status;
}

/* Take "WORD N: " off a message: a place in a line is of no meaning to somebody who wrote none. */
static void drop_place(char *message, const char *word)
{
	const char *colon = strncmp(message, word, strlen(word)) == 0 ? strstr(message, ": ") : NULL;

	if (colon != NULL)
		memmove(message, colon + 2, strlen(colon + 2) + 1);
}

int send_append(struct evs_store *store, struct buf *line, int (*on_receipt)(void *context, const struct evs_receipt *receipt),
                void *context, struct evs_error *err)
{
	const struct evs_append_options options = {.expect = EVS_EXPECT_ANY, .atomic = true, .on_receipt = on_receipt, .context = context};
	struct evs_append *a = NULL;
	int status;

	buf_text(line, "}\n");
	status = line->failed ? error_nomem(err) : evs_append_new(store, &options, &a, err);
	if (status == EVS_OK)
		status = evs_append_lines(a, (const char *)line->data, line->size, err);
	if (status == EVS_OK)
		status = evs_append_finish(a, err);
	evs_append_free(a);
	if (status != EVS_OK) {
		drop_place(err->message, "line ");
		drop_place(err->message, "column ");
	}
	return status;
}
