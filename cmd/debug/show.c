/* The debugger: how events, states and changes are shown. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "debug/inside.h"
#include "common/output.h"
#include "common/text.h"

enum {
	VALUE_COLUMNS = 40, /* of a value in a line about an event; `state`, `event` and `diff` show all */
	NAME_COLUMNS = 60,  /* of a type, a stream, a path */
	INDENT = 4
};

/* ---- lines ---- */

static const char *const escapes[] = {
	[COLOUR_NONE] = "", [COLOUR_PLACE] = "1", [COLOUR_TYPE] = "1;36", [COLOUR_STREAM] = "35", [COLOUR_TIME] = "2",
	[COLOUR_NEW] = "32", [COLOUR_OLD] = "31", [COLOUR_PATH] = "33", [COLOUR_STOP] = "1;33",
};

void debug_put(struct debug_line *line, enum debug_colour colour, const char *text, size_t size, unsigned most)
{
	bool coloured = line->d->colour && escapes[colour][0] != '\0';
	struct buf shown = {0}, *out = output_buf();
	unsigned width;

	text_escape(&shown, text, size, false);
	width = text_width((const char *)shown.data, shown.size);
	if (most > 0 && width > most)
		width = most;
	if (line->d->columns > 0 && line->column > INDENT && line->column + width > line->d->columns) {
		buf_printf(out, "\n%*s", INDENT, "");
		line->column = INDENT;
		if (shown.size > 0 && text[0] == ' ') { /* what parts two pieces parts no lines */
			memmove(shown.data, shown.data + 1, --shown.size);
			width--;
		}
	}
	if (coloured)
		buf_printf(out, "\x1b[%sm", escapes[colour]);
	text_cell(out, (const char *)shown.data, shown.size, most > 0 ? width : 0, TEXT_LAST);
	if (coloured)
		buf_text(out, "\x1b[0m");
	line->column += width;
	out->failed |= shown.failed;
	buf_free(&shown);
}

void debug_say(struct debug_line *line, enum debug_colour colour, const char *text)
{
	debug_put(line, colour, text, strlen(text), 0);
}

void debug_print(struct debug *d, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	(void)d;
	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		output_buf()->failed = true;
		return;
	}
	text_escape(output_buf(), text, (size_t)n, true);
	buf_byte(output_buf(), '\n');
	free(text);
}

/* ---- events ---- */

void debug_put_event(struct debug_line *line, const struct record *record)
{
	const struct names *names = session_names(line->d->session);
	struct buf text = {0};
	char scratch[UUID_TEXT], digits[24];
	struct view view;
	struct span span;

	snprintf(digits, sizeof digits, "%" PRIu64, record->position);
	debug_say(line, COLOUR_PLACE, digits);
	if (!view_open(&view, record->body, record->size)) {
		debug_say(line, COLOUR_OLD, " damaged");
		return;
	}
	span = view_span(&view.texts[NAME_TIMESTAMP], names, scratch);
	debug_say(line, COLOUR_NONE, " ");
	debug_put(line, COLOUR_TIME, span.text, span.size, NAME_COLUMNS);
	span = view_span(&view.texts[NAME_EVENT_TYPE], names, scratch);
	debug_say(line, COLOUR_NONE, " ");
	debug_put(line, COLOUR_TYPE, span.text, span.size, NAME_COLUMNS);
	if (!view_has_stream(&view))
		return;
	if (view.texts[NAME_AGGREGATE_TYPE].kind != TEXT_NONE) {
		span = view_span(&view.texts[NAME_AGGREGATE_TYPE], names, scratch);
		buf_put(&text, span.text, span.size);
		buf_byte(&text, '/');
	}
	span = view_span(&view.texts[NAME_AGGREGATE_ID], names, scratch);
	buf_put(&text, span.text, span.size);
	debug_say(line, COLOUR_NONE, " ");
	debug_put(line, COLOUR_STREAM, (const char *)text.data, text.size, NAME_COLUMNS);
	buf_free(&text);
}

/* ---- changes ---- */

/* Changes on their way into a line. */
struct changes {
	struct debug_line *line;
	struct buf text, piece;
	bool any;
};

/* Put a piece: a lead of our own, and what follows it, on one line. */
static void put_piece(struct changes *c, enum debug_colour colour, const char *lead, const char *text, size_t size, unsigned most)
{
	c->piece.size = 0;
	buf_text(&c->piece, lead);
	buf_put(&c->piece, text, size);
	debug_put(c->line, colour, (const char *)c->piece.data, c->piece.size, most);
}

/* Put a value, shortened. */
static bool put_value(struct changes *c, enum debug_colour colour, const char *lead, const struct value *v)
{
	c->text.size = 0;
	if (!value_render(&c->text, session_names(c->line->d->session), v))
		return false;
	put_piece(c, colour, lead, (const char *)c->text.data, c->text.size, VALUE_COLUMNS);
	return true;
}

/* Put one change: +path value, -path value, or path value -> value. */
static bool put_change(void *context, const struct patch_change *change)
{
	struct changes *c = context;
	bool new = change->from == NULL, gone = change->to == NULL;

	if (c->any)
		debug_say(c->line, COLOUR_NONE, ",");
	c->any = true;
	put_piece(c, new ? COLOUR_NEW : gone ? COLOUR_OLD : COLOUR_PATH, new ? " +" : gone ? " -" : " ", change->path, change->path_size, NAME_COLUMNS);
	if (!new && !put_value(c, COLOUR_OLD, change->path_size > 0 ? " " : "", change->from))
		return false;
	if (!new && !gone)
		debug_say(c->line, COLOUR_NONE, " ->");
	return gone || put_value(c, COLOUR_NEW, new && change->path_size == 0 ? "" : " ", change->to);
}

int debug_put_changes(struct debug_line *line, const struct value *from, const struct value *to, struct evs_error *err)
{
	static struct node nothing;
	static struct node_key no_key;
	const struct value empty = {.kind = VALUE_OBJECT, .node = &nothing};
	struct changes c = {.line = line};
	bool good;

	nothing.keys = &no_key; /* an object, not a list */
	if (value_is_null(from) && value_is_object(to)) {
		debug_say(line, COLOUR_NEW, " new");
		c.any = true;
		from = &empty;
	} else if (!value_is_null(from) && value_is_null(to)) {
		debug_say(line, COLOUR_OLD, " deleted");
		return EVS_OK;
	}
	good = patch_each(session_names(line->d->session), from, to, put_change, &c);
	if (good && !c.any)
		debug_say(line, COLOUR_TIME, " no change");
	output_buf()->failed |= c.text.failed || c.piece.failed;
	buf_free(&c.text);
	buf_free(&c.piece);
	return good ? EVS_OK : error_set(err, EVS_CORRUPT, 0, "a state is damaged");
}

/* Put the key of a state; of a fold by stream it is the stream, which was said. */
static void put_own_key(struct debug_line *line, const struct session_state *s)
{
	const struct fold *fold = session_fold(line->d->session);

	if (fold == NULL || fold_by_stream(fold))
		return;
	debug_say(line, COLOUR_NONE, " ");
	debug_put(line, COLOUR_STREAM, s->key.text, s->key.size, NAME_COLUMNS);
}

int debug_put_states(struct debug_line *line, struct evs_error *err)
{
	struct debug *d = line->d;
	const struct session_state *list;
	size_t n, more;
	int status = session_states(d->session, STATES_SHOWN, &list, &n, &more, err);

	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		debug_say(line, COLOUR_NONE, i == 0 ? ":" : ";");
		put_own_key(line, &list[i]);
		if (list[i].after.failure.size > 0 && list[i].after.position == session_position(d->session)) {
			debug_say(line, COLOUR_OLD, " ");
			debug_put(line, COLOUR_OLD, (const char *)list[i].after.failure.data, list[i].after.failure.size, 0);
			continue;
		}
		status = debug_put_changes(line, &list[i].before.value, &list[i].after.value, err);
	}
	if (status == EVS_OK && more > 0) {
		char text[48];

		snprintf(text, sizeof text, "; and %zu more states", more);
		debug_say(line, COLOUR_NONE, text);
	}
	return status;
}

int debug_show_here(struct debug *d, struct evs_error *err)
{
	const struct record *record = session_record(d->session);
	struct debug_line line = {.d = d};
	int status = EVS_OK;

	if (record == NULL) {
		debug_print(d, "before the first event");
		return EVS_OK;
	}
	debug_put_event(&line, record);
	if (session_has_states(d->session))
		status = debug_put_states(&line, err);
	buf_byte(output_buf(), '\n');
	return status;
}

/* ---- values ---- */

void debug_show_json(struct debug *d, const struct buf *json)
{
	struct buf pretty = {0};

	if (!d->terminal) {
		buf_put(output_buf(), json->data, json->size);
		buf_byte(output_buf(), '\n');
		return;
	}
	render_pretty(&pretty, json->data, json->size, false);
	if (d->colour) {
		/* Colours are commands to a terminal: what data brings in was escaped before they are set. */
		struct buf escaped = {0};

		text_escape(&escaped, (const char *)json->data, json->size, false);
		pretty.size = 0;
		render_pretty(&pretty, escaped.data, escaped.size, true);
		buf_put(output_buf(), pretty.data, pretty.size);
		output_buf()->failed |= escaped.failed;
		buf_free(&escaped);
	} else {
		text_escape(output_buf(), (const char *)pretty.data, pretty.size, true);
	}
	output_buf()->failed |= pretty.failed;
	buf_free(&pretty);
}

int debug_show_value(struct debug *d, const struct value *v, struct evs_error *err)
{
	struct buf json = {0};
	bool good = value_render(&json, session_names(d->session), v);

	if (good)
		debug_show_json(d, &json);
	good = good && !json.failed;
	buf_free(&json);
	return good ? EVS_OK : error_set(err, EVS_CORRUPT, 0, "a value is damaged");
}

/* ---- words ---- */

bool debug_count(const char *args, uint64_t otherwise, uint64_t *n)
{
	*n = 0;
	if (*args == '\0') {
		*n = otherwise;
		return true;
	}
	for (; *args >= '0' && *args <= '9'; args++)
		if (__builtin_mul_overflow(*n, 10u, n) || __builtin_add_overflow(*n, (uint64_t)(*args - '0'), n))
			return false;
	return *args == '\0' && *n > 0;
}

size_t debug_word(const char **args, const char **word)
{
	size_t size = strcspn(*args, " \t");

	*word = *args;
	*args += size;
	*args += strspn(*args, " \t");
	return size;
}

bool debug_is(const char *word, size_t size, const char *text)
{
	return strlen(text) == size && memcmp(word, text, size) == 0;
}
