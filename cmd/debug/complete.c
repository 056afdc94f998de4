/* The debugger: what Tab offers. */
#include <stdlib.h>

#include "debug/inside.h"
#include "event/path.h"
#include "event/render.h"

enum {
	SAMPLE = 200,            /* events around the one here whose fields are offered */
	KEYS_POSITIONS = 20000,  /* events before the end whose streams are offered */
	TYPES_POSITIONS = 1 << 20, /* likewise their types */
	DEPTH = 8                /* of paths */
};

/* Completion under way. */
struct completion {
	struct debug *d;
	const char *typed; /* what stands before the cursor of the word that is completed */
	size_t size;
	struct line_words *out;
};

/* Offer a word, if it goes on from what was typed. */
static void offer(struct completion *c, const char *text, size_t size)
{
	if (size >= c->size && memcmp(text, c->typed, c->size) == 0)
		line_words_add(c->out, text, size);
}

static void offer_text(struct completion *c, const char *text)
{
	offer(c, text, strlen(text));
}

/* ---- paths ---- */

/* A path that goes down a value. */
struct descent {
	struct completion *c;
	struct arena arena;
	struct buf path;
};

/* Offer the paths of an object's members, and theirs. */
static void descend(struct descent *p, const struct value *v, unsigned depth)
{
	struct value_iterator it;
	struct node_key key;
	struct value member;

	if (depth == DEPTH || !value_is_object(v) || !value_iterate(v, &it))
		return;
	while (value_next(&it, session_names(p->c->d->session), &p->arena, &key, &member)) {
		size_t size = p->path.size;

		path_put_key(&p->path, key.text, key.size);
		if (!p->path.failed) {
			offer(p->c, (const char *)p->path.data, p->path.size);
			descend(p, &member, depth + 1);
		}
		p->path.size = size;
	}
}

/* Offer the paths of a value behind a lead. */
static void offer_paths(struct completion *c, const char *lead, const struct value *v)
{
	struct descent p = {.c = c, .arena = {.limit = (size_t)16 << 20}};

	buf_text(&p.path, lead);
	descend(&p, v, 0);
	buf_free(&p.path);
	arena_free(&p.arena);
}

/* What events are offered. */
struct sample {
	struct completion *c;
	const char *lead;
	unsigned left;
};

static int offer_event(void *context, const struct record *record, struct evs_error *err)
{
	struct sample *s = context;
	struct arena arena = {.limit = (size_t)16 << 20};
	struct value v;

	(void)err;
	if (value_read(&arena, record->body, record->body + record->size, &v) != NULL)
		offer_paths(s->c, s->lead, &v);
	arena_free(&arena);
	return --s->left == 0 ? EVS_END : EVS_OK;
}

/* Offer the fields of events: of those up to here, and of those that come. */
static void offer_event_paths(struct completion *c, const char *lead)
{
	struct session *session = c->d->session;
	struct sample s = {.c = c, .lead = lead, .left = SAMPLE / 2};

	session_each(session, 1, session_position(session), false, offer_event, &s, NULL);
	s.left = SAMPLE / 2;
	session_each(session, session_position(session) + 1, session_last(session), true, offer_event, &s, NULL);
	for (const char *const *name = (const char *const[]){"position", "revision", "recordedAt", NULL}; *name != NULL; name++) {
		struct buf path = {0};

		buf_text(&path, lead);
		buf_text(&path, *name);
		offer(c, (const char *)path.data, path.size);
		buf_free(&path);
	}
}

/* Offer a field of states. */
static void offer_field(struct completion *c, const struct node_key *field)
{
	struct buf path = {0};

	path_put_key(&path, field->text, field->size);
	if (!path.failed)
		offer(c, (const char *)path.data, path.size);
	buf_free(&path);
}

/* Offer the fields of states: those that the fold sets, and what is in those here. */
static void offer_state_paths(struct completion *c)
{
	const struct session_state *list;
	const struct node_key *fields;
	size_t n, more;
	uint32_t n_fields = 0;

	if (session_fold(c->d->session) != NULL) {
		fields = fold_fields(session_fold(c->d->session), &n_fields);
		for (uint32_t i = 0; i < n_fields; i++)
			offer_field(c, &fields[i]);
	}
	if (session_states(c->d->session, STATES_SHOWN, &list, &n, &more, NULL) != EVS_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		offer_paths(c, "", &list[i].after.value);
		offer_paths(c, "", &list[i].before.value);
	}
}

/* ---- types and keys ---- */

static int note_type(void *context, const struct evs_count *count)
{
	struct debug *d = context;

	if (count->key != NULL)
		line_words_add(&d->types, count->key, count->key_size);
	return 0;
}

/* Offer types of events; of a very large store those of its last events. */
static void offer_types(struct completion *c)
{
	struct debug *d = c->d;
	uint64_t last = session_last(d->session);
	struct evs_selector selector = {.after = last > TYPES_POSITIONS ? last - TYPES_POSITIONS : 0};

	if (d->types_known < last || d->types.n == 0) {
		if (d->types_known > selector.after)
			selector.after = d->types_known;
		evs_stat_by(d->store, &selector, EVS_BY_TYPE, note_type, d, NULL);
		d->types_known = last;
	}
	for (size_t i = 0; i < d->types.n; i++)
		offer_text(c, d->types.list[i]);
}

/* Offer the stream of an event. */
static int offer_stream(void *context, const struct record *record, struct evs_error *err)
{
	struct completion *c = context;
	char scratch[UUID_TEXT];
	struct view view;
	struct span id;

	(void)err;
	if (!view_open(&view, record->body, record->size) || !view_has_stream(&view))
		return EVS_OK;
	id = view_span(&view.texts[NAME_AGGREGATE_ID], session_names(c->d->session), scratch);
	offer(c, id.text, id.size);
	return EVS_OK;
}

/* Offer keys: those of the states here, and by stream those of the newest events. */
static void offer_keys(struct completion *c)
{
	struct session *session = c->d->session;
	const struct session_state *list;
	uint64_t last = session_last(session);
	size_t n, more;

	if (session_states(session, SIZE_MAX, &list, &n, &more, NULL) == EVS_OK)
		for (size_t i = 0; i < n; i++)
			offer(c, list[i].key.text, list[i].key.size);
	if (session_fold(session) == NULL || fold_by_stream(session_fold(session)))
		session_each(session, last > KEYS_POSITIONS ? last - KEYS_POSITIONS : 1, last, true, offer_stream, c, NULL);
}

/* ---- arguments ---- */

/* Where the operand of an expression begins that the cursor stands behind: a path. */
static size_t operand_start(const char *text, size_t cursor)
{
	bool quoted = false;
	size_t at = cursor;

	while (at > 0) {
		char c = text[at - 1];

		if (c == '"' && at > 1 && (quoted || text[at - 2] == '[')) /* ["a b"] */
			quoted = !quoted && text[at - 2] != '[';
		else if (!quoted && strchr("_.[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c) == NULL)
			break;
		at--;
	}
	return at;
}

/* Offer what an expression may go on with. */
static void complete_expr(struct completion *c, const char *text, size_t from, size_t cursor)
{
	size_t start = operand_start(text, cursor);

	start = start < from ? from : start;
	c->out->from = start;
	c->out->open = true;
	c->typed = text + start;
	c->size = cursor - start;
	if (c->size > 0 && c->typed[0] == '.')
		offer_event_paths(c, ".");
	else
		offer_state_paths(c);
}

/* Offer types, or paths of an expression. */
static void complete_stop(struct completion *c, const char *text, size_t from, size_t cursor)
{
	const char *args = text + from, *lead = strstr(args, " if ");

	if (lead != NULL)
		complete_expr(c, text, (size_t)(lead + 4 - text), cursor);
	else if (strncmp(args, "if ", 3) == 0)
		complete_expr(c, text, from + 3, cursor);
	else if (args[0] != '\0' && strchr(".(!-", args[0]) != NULL)
		complete_expr(c, text, from, cursor);
	else
		offer_types(c);
}

static void offer_commands(struct completion *c)
{
	for (const struct debug_command *command = debug_commands; command->name != NULL; command++)
		if (command->name[0] != '!')
			offer_text(c, command->name);
}

/* Offer what a command's argument may be, which begins at `from`. */
static void complete_argument(struct completion *c, const struct debug_command *command, const char *text, size_t from, size_t cursor)
{
	switch (command->argument) {
	case DEBUG_NOTHING:
		break;
	case DEBUG_COMMAND:
		offer_commands(c);
		break;
	case DEBUG_STOP:
		complete_stop(c, text, from, cursor);
		break;
	case DEBUG_EXPR:
		complete_expr(c, text, from, cursor);
		break;
	case DEBUG_STATE_PATH:
		c->out->open = true;
		offer_state_paths(c);
		break;
	case DEBUG_EVENT_PATH:
		c->out->open = true;
		offer_event_paths(c, text[from] == '.' ? "." : "");
		break;
	case DEBUG_FILE:
		c->out->files = true;
		break;
	case DEBUG_INFO:
		for (size_t i = 0; debug_info_words[i] != NULL; i++)
			offer_text(c, debug_info_words[i]);
		break;
	case DEBUG_SET:
		if (strncmp(text + from, "key ", 4) != 0) {
			offer_text(c, "key");
			break;
		}
		c->out->from = from + 4;
		c->typed = text + from + 4;
		c->size = cursor - from - 4;
		offer_keys(c);
		break;
	case DEBUG_MOMENT:
		offer_text(c, "start");
		offer_text(c, "end");
		offer_text(c, "here");
		break;
	case DEBUG_LINE:
		debug_complete(c->d, text + from, cursor - from, c->out);
		c->out->from += from;
		break;
	}
}

void debug_complete(void *debug, const char *line, size_t cursor, struct line_words *out)
{
	struct completion c = {.d = debug, .out = out};
	const struct debug_command *command;
	char *text = strndup(line, cursor);
	const char *word, *args;
	size_t size, from;

	if (text == NULL)
		return;
	args = debug_split(text, &word, &size);
	out->from = (size_t)(word - text);
	c.typed = word;
	c.size = size;
	if (args == word + size && word[0] != '!') {
		offer_commands(&c);
	} else if ((command = debug_find(word, size, NULL)) != NULL) {
		from = (size_t)(args - text);
		out->from = from;
		c.typed = args;
		c.size = cursor - from;
		complete_argument(&c, command, text, from, cursor);
	}
	free(text);
}
