#include "common/json.h"

#include "base/moment.h"
#include "base/utf8.h"
#include "event/render.h"

void json_put_string(struct buf *out, const char *text, size_t size)
{
	struct buf clean = {0};

	utf8_put(&clean, text, size);
	render_string(out, clean.size == 0 ? (const uint8_t *)"" : clean.data, clean.size);
	out->failed |= clean.failed;
	buf_free(&clean);
}

static void put_name(struct buf *out, const char *name)
{
	buf_printf(out, ",\"%s\":", name);
}

void json_put_text(struct buf *out, const char *name, const char *text, size_t size)
{
	put_name(out, name);
	json_put_string(out, text, size);
}

void json_put_moment(struct buf *out, const char *name, int64_t us)
{
	char text[MOMENT_TEXT];

	moment_format_us(us, text);
	json_put_text(out, name, text, sizeof text);
}

void json_put_value(struct buf *out, const char *name, const char *json, size_t size)
{
	put_name(out, name);
	utf8_put(out, json, size);
}
