/* The debugger: what events and states are, and how they came to be so. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "debug/inside.h"
#include "common/output.h"
#include "fold/expr.h"
#include "replay/field.h"
#include "replay/trace.h"

enum { LISTED = 10 }; /* events that `list` and `history` show, where nothing else is said */

/* The states here: one at least, or before the first event, where no key was set, none. EVS_USAGE: there are none at all. */
static int states_here(struct debug *d, const struct session_state **list, size_t *n, size_t *more, struct evs_error *err)
{
	int status;

	if (!session_has_states(d->session))
		return error_set(err, EVS_USAGE, 0, "there are no states: begin with --fold FILE or --exec CMD");
	status = session_states(d->session, STATES_SHOWN, list, n, more, err);
	if (status != EVS_OK || *n > 0 || session_record(d->session) == NULL)
		return status;
	return error_set(err, EVS_END, 0, "this event counts for no state");
}

/* The event here. */
static int event_here(const struct debug *d, const struct record **record, struct evs_error *err)
{
	*record = session_record(d->session);
	return *record != NULL ? EVS_OK : error_set(err, EVS_END, 0, "it is before the first event, which next goes to");
}

/* Name a state where there are several. */
static void put_key(struct debug *d, const struct session_state *s, size_t n)
{
	struct debug_line line = {.d = d};

	if (n < 2)
		return;
	debug_put(&line, COLOUR_STREAM, s->key.text, s->key.size, 0);
	debug_say(&line, COLOUR_NONE, ": ");
}

/* Say that there are more states than are shown. */
static void put_more(struct debug *d, size_t more)
{
	if (more > 0)
		debug_print(d, "and %zu more states; set key K looks at one", more);
}

/* ---- what there is ---- */

/* Show what was found at a path. */
static void show_field(struct debug *d, const struct field *f)
{
	struct buf text = {0};

	field_put(&text, &f->text);
	debug_show_json(d, &text);
	output_buf()->failed |= text.failed;
	buf_free(&text);
}

int debug_state(struct debug *d, const char *args, struct evs_error *err)
{
	const struct session_state *list;
	struct field f = {0};
	size_t n, more;
	int status = states_here(d, &list, &n, &more, err);

	if (status == EVS_OK)
		status = field_parse(&f, "state", *args == '\0' ? "." : args, err);
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		status = field_text(&f, session_names(d->session), &list[i].after.value, err);
		if (status != EVS_OK)
			break;
		put_key(d, &list[i], n);
		show_field(d, &f);
	}
	if (status == EVS_OK && n == 0)
		show_field(d, &f);
	field_release(&f);
	if (status == EVS_OK)
		put_more(d, more);
	return status;
}

/* Show what is at a path in an event. */
static int show_in_event(struct debug *d, const struct record *record, const char *path, struct evs_error *err)
{
	struct eval *eval = eval_new(session_names(d->session));
	struct expr *whole = NULL;
	struct value event;
	struct field f = {0};
	int status = eval == NULL ? error_nomem(err) : field_parse(&f, "event", path, err);

	if (status == EVS_OK)
		status = expr_parse("event", ".", EXPR_EVENT, &whole, err);
	if (status == EVS_OK)
		status = expr_value(whole, eval, record, NULL, &event, err);
	if (status == EVS_OK)
		status = field_text(&f, session_names(d->session), &event, err);
	if (status == EVS_OK)
		show_field(d, &f);
	field_release(&f);
	expr_free(whole);
	eval_free(eval);
	return status;
}

int debug_event(struct debug *d, const char *args, struct evs_error *err)
{
	const struct record *record;
	struct buf json = {0};
	int status = event_here(d, &record, err);

	if (status != EVS_OK || *args != '\0')
		return status != EVS_OK ? status : show_in_event(d, record, args, err);
	if (!render_event(&json, session_names(d->session), record)) {
		status = error_set(err, EVS_CORRUPT, 0, "the event at position %" PRIu64 " is damaged", record->position);
	} else {
		json.size--; /* the newline */
		debug_show_json(d, &json);
	}
	buf_free(&json);
	return status;
}

/* ---- what changed ---- */

/* Print all of a change on a line of its own. */
static bool put_change(void *context, const struct patch_change *change)
{
	struct debug *d = context;
	struct debug_line line = {.d = d};
	struct buf text = {0};
	bool new = change->from == NULL, gone = change->to == NULL;
	bool good = true;

	debug_say(&line, new ? COLOUR_NEW : gone ? COLOUR_OLD : COLOUR_PATH, new ? "+" : gone ? "-" : " ");
	debug_put(&line, COLOUR_PATH, change->path_size == 0 ? "." : change->path, change->path_size == 0 ? 1 : change->path_size, 0);
	if (!new) {
		good = value_render(&text, session_names(d->session), change->from);
		debug_say(&line, COLOUR_NONE, " ");
		debug_put(&line, COLOUR_OLD, (const char *)text.data, text.size, 0);
	}
	if (!gone) {
		text.size = 0;
		good = good && value_render(&text, session_names(d->session), change->to);
		debug_say(&line, COLOUR_NONE, new ? " " : " -> ");
		debug_put(&line, COLOUR_NEW, (const char *)text.data, text.size, 0);
	}
	buf_byte(output_buf(), '\n');
	buf_free(&text);
	return good;
}

/* Print all that changed between two values. */
static int show_changes(struct debug *d, const struct value *from, const struct value *to, struct evs_error *err)
{
	size_t before = output_buf()->size;

	if (!patch_each(session_names(d->session), from, to, put_change, d))
		return error_set(err, EVS_CORRUPT, 0, "a state is damaged");
	if (output_buf()->size == before)
		debug_print(d, "no change");
	return EVS_OK;
}

/* Read the moments of diff. */
static int parse_diff(struct debug *d, const char *args, uint64_t moments[2], struct evs_error *err)
{
	const char *word;
	size_t size = debug_word(&args, &word);
	int status = debug_moment(d, word, size, &moments[0], err);

	moments[1] = session_position(d->session);
	if (status != EVS_OK || *args == '\0')
		return status;
	size = debug_word(&args, &word);
	if (*args != '\0')
		return error_set(err, EVS_USAGE, 0, "diff is between two moments, not also '%s'", args);
	return debug_moment(d, word, size, &moments[1], err);
}

int debug_diff(struct debug *d, const char *args, struct evs_error *err)
{
	const struct session_state *list;
	struct kept from = {0}, to = {0};
	uint64_t moments[2];
	size_t n, more;
	int status = states_here(d, &list, &n, &more, err);

	if (status == EVS_OK && *args != '\0')
		status = parse_diff(d, args, moments, err);
	if (status == EVS_OK && n == 0 && *args != '\0')
		status = error_set(err, EVS_USAGE, 0, "diff of which state? before the first event there is none: set key K, or go to an event");
	else if (status == EVS_OK && n == 0)
		debug_print(d, "no change");
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		if (n > 1)
			debug_print(d, "%.*s:", (int)list[i].key.size, list[i].key.text);
		if (*args == '\0') {
			status = show_changes(d, &list[i].before.value, &list[i].after.value, err);
			continue;
		}
		status = session_state_at(d->session, list[i].key, list[i].type, moments[0], &from, err);
		if (status == EVS_OK)
			status = session_state_at(d->session, list[i].key, list[i].type, moments[1], &to, err);
		if (status == EVS_OK)
			status = show_changes(d, &from.value, &to.value, err);
	}
	kept_release(&from);
	kept_release(&to);
	if (status == EVS_OK)
		put_more(d, more);
	return status;
}

/* Put what a line says of the event at a position. */
static int put_event_at(struct debug_line *line, uint64_t position, struct evs_error *err)
{
	struct record record;
	int status = session_event(line->d->session, position, &record, err);

	if (status == EVS_OK)
		debug_put_event(line, &record);
	return status;
}

/* Print the line of an event by its position. */
static int show_event(struct debug *d, uint64_t position, struct evs_error *err)
{
	struct debug_line line = {.d = d};
	int status = put_event_at(&line, position, err);

	if (status == EVS_OK)
		buf_byte(output_buf(), '\n');
	return status;
}

int debug_blame(struct debug *d, const char *args, struct evs_error *err)
{
	const struct session_state *list;
	struct session_blame blame;
	bool any = false;
	size_t n, more;
	int status = states_here(d, &list, &n, &more, err);

	if (status == EVS_OK && *args == '\0')
		status = error_set(err, EVS_USAGE, 0, "blame what? write blame balance, or blame lines.X1.qty");
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		struct debug_line line = {.d = d};

		status = session_blame(d->session, list[i].key, list[i].type, args, &blame, err);
		if (status == EVS_END) {
			status = EVS_OK;
			continue;
		}
		if (status != EVS_OK)
			break;
		any = true;
		put_key(d, &list[i], n);
		status = show_event(d, blame.position, err);
		debug_say(&line, COLOUR_NONE, " ");
		debug_put(&line, COLOUR_PATH, args, strlen(args), 0);
		debug_say(&line, COLOUR_NONE, " ");
		debug_put(&line, COLOUR_OLD, (const char *)blame.before.data, blame.before.size, 0);
		debug_say(&line, COLOUR_NONE, " -> ");
		debug_put(&line, COLOUR_NEW, (const char *)blame.after.data, blame.after.size, 0);
		buf_byte(output_buf(), '\n');
		session_blame_release(&blame);
	}
	if (status == EVS_OK && !any)
		return error_set(err, EVS_END, 0, "no event up to here has set '%s'", args);
	return status;
}

/* 17 or 17,20: positions, sorted. */
static int parse_positions(struct debug *d, const char *args, struct positions *p, struct evs_error *err)
{
	while (*args != '\0') {
		size_t size = strcspn(args, ", \t"), at;
		uint64_t position;
		char text[24];

		if (size == 0 || size >= sizeof text)
			break;
		memcpy(text, args, size);
		text[size] = '\0';
		if (!debug_count(text, 0, &position) || position > session_last(d->session))
			return error_set(err, EVS_USAGE, 0, "there is no event at position '%s'", text);
		if (position > session_position(d->session))
			return error_set(err, EVS_USAGE, 0, "event %s comes after this one: goto a later event first", text);
		if (!array_grow(&p->list, &p->cap, p->n, sizeof *p->list))
			return error_nomem(err);
		at = positions_from(p, position);
		memmove(p->list + at + 1, p->list + at, (p->n++ - at) * sizeof *p->list);
		p->list[at] = position;
		args += size;
		args += strspn(args, ", \t");
	}
	if (*args == '\0' && p->n > 0)
		return EVS_OK;
	return error_set(err, EVS_USAGE, 0, "without which events? write positions: without 17, or without 17,20");
}

int debug_without(struct debug *d, const char *args, struct evs_error *err)
{
	const struct session_state *list;
	struct positions without = {0};
	struct kept state = {0};
	size_t n, more;
	int status = states_here(d, &list, &n, &more, err);

	if (status == EVS_OK)
		status = parse_positions(d, args, &without, err);
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		if (n > 1)
			debug_print(d, "%.*s:", (int)list[i].key.size, list[i].key.text);
		status = session_without(d->session, list[i].key, list[i].type, &without, &state, err);
		if (status == EVS_OK)
			status = debug_show_value(d, &state.value, err);
		if (status == EVS_OK)
			status = show_changes(d, &list[i].after.value, &state.value, err);
	}
	kept_release(&state);
	positions_release(&without);
	if (status == EVS_OK)
		put_more(d, more);
	return status;
}

/* ---- events around ---- */

/* Print the line of an event of a state's history. */
static int show_past(struct debug *d, const struct session_state *s, uint64_t position, struct kept states[2], struct evs_error *err)
{
	struct debug_line line = {.d = d};
	int status = put_event_at(&line, position, err);

	if (status != EVS_OK)
		return status;
	debug_say(&line, COLOUR_NONE, ":");
	status = session_state_at(d->session, s->key, s->type, position, &states[1], err);
	if (status == EVS_OK)
		status = session_state_at(d->session, s->key, s->type, position - 1, &states[0], err);
	if (status == EVS_OK && states[1].failure.size > 0 && states[1].position == position)
		debug_put(&line, COLOUR_OLD, (const char *)states[1].failure.data, states[1].failure.size, 0);
	else if (status == EVS_OK)
		status = debug_put_changes(&line, &states[0].value, &states[1].value, err);
	buf_byte(output_buf(), '\n');
	return status;
}

int debug_history(struct debug *d, const char *args, struct evs_error *err)
{
	const struct session_state *list;
	struct kept states[2] = {{0}, {0}};
	size_t n, more;
	uint64_t most;
	int status = states_here(d, &list, &n, &more, err);

	if (status == EVS_OK && !debug_count(args, LISTED, &most))
		status = error_set(err, EVS_USAGE, 0, "a number from 1 is expected, not '%s'", args);
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		struct positions past = {0};

		if (n > 1)
			debug_print(d, "%.*s:", (int)list[i].key.size, list[i].key.text);
		status = session_history(d->session, list[i].key, list[i].type, most, &past, err);
		for (size_t j = 0; j < past.n && status == EVS_OK; j++)
			status = show_past(d, &list[i], past.list[j], states, err);
		positions_release(&past);
	}
	kept_release(&states[0]);
	kept_release(&states[1]);
	if (status == EVS_OK)
		put_more(d, more);
	return status;
}

int debug_list(struct debug *d, const char *args, struct evs_error *err)
{
	uint64_t here = session_position(d->session), n, back = 0, moved = 1;
	int status;

	if (!debug_count(args, LISTED, &n))
		return error_set(err, EVS_USAGE, 0, "a number from 1 is expected, not '%s'", args);
	status = session_step(d->session, false, n / 2, &back, err);
	for (uint64_t i = 0; i < n && moved > 0 && status == EVS_OK; i++) {
		const struct record *record = session_record(d->session);
		struct debug_line line = {.d = d};

		if (record != NULL) {
			debug_say(&line, COLOUR_STOP, record->position == here ? "> " : "  ");
			debug_put_event(&line, record);
			buf_byte(output_buf(), '\n');
		} else {
			debug_print(d, "%s before the first event", here == 0 ? ">" : " ");
		}
		status = session_step(d->session, true, 1, &moved, err);
	}
	return status == EVS_OK ? session_goto(d->session, here, err) : status;
}

/* Print an event of a tree. */
static int show_traced(void *context, const struct trace_event *event, struct evs_error *err)
{
	struct debug_line line = {.d = context};

	(void)err;
	debug_say(&line, COLOUR_STOP, event->here ? "> " : "  ");
	for (unsigned i = 0; i < event->depth; i++)
		debug_say(&line, COLOUR_NONE, "  ");
	debug_put_event(&line, event->record);
	buf_byte(output_buf(), '\n');
	return EVS_OK;
}

int debug_trace(struct debug *d, const char *args, struct evs_error *err)
{
	const struct record *record;
	bool more;
	int status = *args != '\0' ? error_set(err, EVS_USAGE, 0, "trace is about the event here: it takes no '%s'", args)
	                           : event_here(d, &record, err);

	if (status == EVS_OK)
		status = trace_tell(d->store, record, show_traced, d, &more, err);
	if (status == EVS_OK && more)
		debug_print(d, "and more");
	return status;
}
