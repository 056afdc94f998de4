#include "common/job_setup.h"

#include <stdlib.h>
#include <string.h>

#include "event/json.h"
#include "event/render.h"

static const char *const modes[] = {[JOB_PRINT] = "print", [JOB_EVENT] = "event", [JOB_BATCH] = "batch", [JOB_LINES] = "lines"};

void job_setup_put_command(struct buf *out, char *const *command)
{
	buf_text(out, "[");
	for (char *const *word = command; *word != NULL; word++) {
		buf_text(out, word == command ? "" : ",");
		render_string(out, (const uint8_t *)*word, strlen(*word));
	}
	buf_text(out, "]");
}

void job_setup_put(struct buf *out, const struct job_setup *setup)
{
	buf_text(out, "{\"command\":");
	job_setup_put_command(out, setup->command);
	buf_printf(out, ",\"mode\":\"%s\"", modes[setup->mode]);
	if (setup->emit)
		buf_text(out, ",\"emit\":true");
	if (setup->timeout_ms > 0)
		buf_printf(out, ",\"timeoutMs\":%lld", (long long)setup->timeout_ms);
	buf_text(out, "}");
}

static bool read_command(struct job_setup *s, yyjson_val *list)
{
	size_t n = yyjson_arr_size(list), i, most;
	yyjson_val *word;

	s->words = calloc(n + 1, sizeof *s->words);
	if (s->words == NULL)
		return false;
	yyjson_arr_foreach(list, i, most, word)
		if ((s->words[i] = (char *)(uintptr_t)yyjson_get_str(word)) == NULL)
			return false;
	s->command = s->words;
	return true;
}

static bool read_mode(struct job_setup *s, const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(modes[i], word) != 0)
			continue;
		s->mode = (enum job_mode)i;
		return (*s->command == NULL) == (s->mode == JOB_PRINT);
	}
	return false;
}

bool job_setup_read(struct job_setup *out, const char *text, size_t size)
{
	yyjson_val *root;

	*out = (struct job_setup){.doc = yyjson_read(text, size, YYJSON_READ_ALLOW_INVALID_UNICODE)}; /* words are any bytes */
	root = yyjson_doc_get_root(out->doc);
	if (!read_command(out, yyjson_obj_get(root, "command")) || !read_mode(out, yyjson_get_str(yyjson_obj_get(root, "mode")))) {
		job_setup_release(out);
		return false;
	}
	out->emit = yyjson_is_true(yyjson_obj_get(root, "emit"));
	out->timeout_ms = yyjson_get_sint(yyjson_obj_get(root, "timeoutMs"));
	return true;
}

void job_setup_release(struct job_setup *setup)
{
	free(setup->words);
	yyjson_doc_free(setup->doc);
	*setup = (struct job_setup){0};
}
