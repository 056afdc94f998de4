/* The debugger: going on and back, and where to stop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/moment.h"
#include "debug/inside.h"
#include "common/output.h"
#include "common/signals.h"

/* ---- arriving ---- */

/* Say at which breakpoints it is. As session_stops. */
static int show_stops(struct debug *d, struct evs_error *err)
{
	struct debug_line line = {.d = d};
	struct stop *stop;
	bool stops;
	int status = EVS_OK;

	for (size_t i = 0; status == EVS_OK && (stop = session_stop(d->session, i)) != NULL; i++) {
		struct buf why = {0};
		char lead[48];

		status = session_stops(d->session, stop, &stops, &why, err);
		if (status == EVS_OK && stops) {
			stop->hits++;
			line.column = 0;
			snprintf(lead, sizeof lead, "%s %u", stop->kind == STOP_WATCH ? "Watch" : "Breakpoint", stop->id);
			debug_say(&line, COLOUR_STOP, lead);
			debug_say(&line, COLOUR_NONE, ", ");
			debug_put(&line, COLOUR_NONE, stop->text, strlen(stop->text), 0);
			if (why.size > 0) {
				debug_say(&line, COLOUR_NONE, ": ");
				debug_put(&line, COLOUR_NONE, (const char *)why.data, why.size, 200);
			}
			buf_byte(output_buf(), '\n');
		}
		buf_free(&why);
	}
	return status;
}

/* Say that there was nothing to stop at. */
static void show_end(struct debug *d, bool forward)
{
	debug_print(d, forward ? "The end: no breakpoint was met." : "The start: no breakpoint was met.");
}

/* Show where a run has come to, and why. */
static int show_arrival(struct debug *d, int status, bool forward, struct evs_error *err)
{
	int shown;

	if (status != EVS_OK && status != EVS_END && status != EVS_INTERRUPTED)
		return status;
	if (status == EVS_INTERRUPTED && signals_caught != 0)
		return status;
	if (status == EVS_INTERRUPTED)
		debug_print(d, "Interrupted.");
	signals_interrupted = 0;
	shown = status == EVS_OK ? show_stops(d, err) : EVS_OK;
	if (status == EVS_END)
		show_end(d, forward);
	return shown == EVS_OK ? debug_show_here(d, err) : shown;
}

/* ---- steps ---- */

/* Go n events; several of them end at a breakpoint, as in gdb. */
static int step(struct debug *d, bool forward, uint64_t n, struct evs_error *err)
{
	uint64_t from = session_position(d->session), moved = 0, to;
	int status = session_step(d->session, forward, n, &moved, err);

	if (status != EVS_OK)
		return show_arrival(d, status, forward, err);
	if (moved == 0) {
		debug_print(d, forward ? "This is the last event." : "This is the start, before the first event.");
		return EVS_OK;
	}
	if (n > 1 && session_stop(d->session, 0) != NULL) {
		to = session_position(d->session);
		status = session_goto(d->session, from, err);
		if (status == EVS_OK)
			status = session_run(d->session, forward, to, err);
		if (status != EVS_END)
			return show_arrival(d, status, forward, err);
		status = session_goto(d->session, to, err);
	}
	return status == EVS_OK ? debug_show_here(d, err) : status;
}

/* A count that a command was given. */
static int wrong_count(const char *args, struct evs_error *err)
{
	return error_set(err, EVS_USAGE, 0, "a number from 1 is expected, not '%s'", args);
}

int debug_next(struct debug *d, const char *args, struct evs_error *err)
{
	uint64_t n;

	return debug_count(args, 1, &n) ? step(d, true, n, err) : wrong_count(args, err);
}

int debug_back(struct debug *d, const char *args, struct evs_error *err)
{
	uint64_t n;

	return debug_count(args, 1, &n) ? step(d, false, n, err) : wrong_count(args, err);
}

int debug_moment(struct debug *d, const char *word, size_t size, uint64_t *position, struct evs_error *err)
{
	char text[64];

	if (size == 0 || size >= sizeof text)
		return error_set(err, EVS_USAGE, 0, "no moment: '%.*s'; write a position, a time, start, end or here", (int)size, word);
	memcpy(text, word, size);
	text[size] = '\0';
	*position = 0;
	if (debug_is(word, size, "start") || debug_is(word, size, "0"))
		return EVS_OK;
	if (debug_is(word, size, "end"))
		*position = session_last(d->session);
	else if (debug_is(word, size, "here"))
		*position = session_position(d->session);
	if (debug_is(word, size, "end") || debug_is(word, size, "here"))
		return EVS_OK;
	if (debug_count(text, 0, position)) {
		if (*position <= session_last(d->session))
			return EVS_OK;
		return error_set(err, EVS_USAGE, 0, "there is no event at position %s: the last is at %" PRIu64, text, session_last(d->session));
	}
	if (!moment_parse_option(text, moment_now_us() * 1000, true, &(int64_t){0}))
		return error_set(err, EVS_USAGE, 0, "no moment: '%s'; write a position such as 42, a time such as 2026-05-14T10:30Z, start, "
		                 "end or here", text);
	return session_moment(d->session, text, position, err);
}

int debug_goto(struct debug *d, const char *args, struct evs_error *err)
{
	uint64_t position;
	const char *word;
	size_t size = debug_word(&args, &word);
	int status = *args != '\0' ? error_set(err, EVS_USAGE, 0, "goto goes to one moment, not also to '%s'", args)
	                           : debug_moment(d, word, size, &position, err);

	if (status == EVS_OK)
		status = session_goto(d->session, position, err);
	return status == EVS_OK ? debug_show_here(d, err) : status;
}

/* Run to a breakpoint, n times. */
static int run(struct debug *d, bool forward, const char *args, struct evs_error *err)
{
	int status = EVS_OK;
	uint64_t n;

	if (!debug_count(args, 1, &n))
		return wrong_count(args, err);
	while (n-- > 0 && status == EVS_OK)
		status = session_run(d->session, forward, forward ? UINT64_MAX : 0, err);
	return show_arrival(d, status, forward, err);
}

int debug_continue(struct debug *d, const char *args, struct evs_error *err)
{
	return run(d, true, args, err);
}

int debug_reverse(struct debug *d, const char *args, struct evs_error *err)
{
	return run(d, false, args, err);
}

/* Fail where an event was found because the expression makes no sense of it. */
static int check_sense(struct debug *d, const struct stop *stop, struct evs_error *err)
{
	struct buf why = {0};
	bool stops;
	int status = session_stops(d->session, stop, &stops, &why, err);

	if (status == EVS_OK && why.size > 0)
		status = error_set(err, EVS_BAD_EVENT, 0, "%.*s", (int)why.size, (const char *)why.data);
	buf_free(&why);
	return status;
}

/* Go to the first event behind a position for which an expression holds. */
static int seek(struct debug *d, const char *what, const char *expr, uint64_t after, struct evs_error *err)
{
	struct stop stop;
	int status;

	if (*expr == '\0')
		return error_set(err, EVS_USAGE, 0, "%s what? write %s .data.total > 100, or %s balance < 0", what, what, what);
	status = stop_parse(&stop, what, expr, NULL, expr, false, session_has_states(d->session), session_fold(d->session), err);
	if (status != EVS_OK)
		return status;
	status = session_find(d->session, &stop, after, err);
	if (status == EVS_OK)
		status = check_sense(d, &stop, err);
	stop_release(&stop);
	if (status == EVS_END)
		return error_set(err, EVS_END, 0, "there is no event %safter which it holds: %s", after == 0 ? "" : "behind this one ", expr);
	return status == EVS_OK ? debug_show_here(d, err) : status;
}

int debug_find_event(struct debug *d, const char *args, struct evs_error *err)
{
	return seek(d, "find", args, session_position(d->session), err);
}

int debug_first(struct debug *d, const char *args, struct evs_error *err)
{
	return seek(d, "first", args, 0, err);
}

/* ---- where to stop ---- */

#define OPERATORS "<>=!&|+/%()?" /* what has one of them and is no type that is there is an expression */

/* Whether what is broken at is an expression, not types, at first sight. */
static bool is_expression(const char *text)
{
	return strchr(".(!-", text[0]) != NULL;
}

/* Whether some name of the store could be a type of a stop: of one that no event has, it is said. */
static bool is_met(const struct debug *d, const struct stop *stop)
{
	const struct names *names = session_names(d->session);
	unsigned n = name_count(names);

	for (unsigned i = NAME_FIXED; i < n; i++) {
		const struct name *name = name_get(names, i);

		if (name != NULL && stop_takes(stop, (struct span){name->text, name->size}))
			return true;
	}
	return n >= NAME_LIMIT;
}

/* Take the quotes off types that are in some. */
static char *unquote(char *types)
{
	size_t size = strlen(types);

	while (size > 0 && (types[size - 1] == ' ' || types[size - 1] == '\t'))
		types[--size] = '\0';
	if (size > 1 && types[0] == '"' && types[size - 1] == '"') {
		types[size - 1] = '\0';
		return types + 1;
	}
	return types;
}

static int parse_stop(struct debug *d, const char *args, const char *types, const char *expr, struct stop *stop, struct evs_error *err)
{
	return stop_parse(stop, "break", args, types, expr, false, session_has_states(d->session), session_fold(d->session), err);
}

/* break TYPES, break TYPES if EXPR, break if EXPR, break EXPR: take them apart, and parse. */
static int parse_break(struct debug *d, const char *args, struct stop *stop, struct evs_error *err)
{
	char *types = NULL;
	const char *expr = NULL, *lead = strstr(args, " if ");
	int status;

	if (strncmp(args, "if ", 3) == 0) {
		expr = args + 3;
	} else if (is_expression(args)) {
		expr = args;
	} else {
		types = strndup(args, lead == NULL ? strlen(args) : (size_t)(lead - args));
		expr = lead == NULL ? NULL : lead + 4;
		if (types == NULL)
			return error_nomem(err);
	}
	status = parse_stop(d, args, types == NULL ? NULL : unquote(types), expr, stop, err);
	free(types);
	return status;
}

int debug_break(struct debug *d, const char *args, struct evs_error *err)
{
	struct stop stop;
	bool met;
	int status;

	if (*args == '\0')
		return error_set(err, EVS_USAGE, 0, "break where? write break order.*, break .data.total > 1000, or break if balance < 0");
	status = parse_break(d, args, &stop, err);
	if (status != EVS_OK)
		return status;
	met = stop.types == NULL || is_met(d, &stop);
	if (!met && strstr(args, " if ") == NULL && strpbrk(args, OPERATORS) != NULL) {
		stop_release(&stop);
		met = true;
		status = parse_stop(d, args, NULL, args, &stop, err);
		if (status != EVS_OK)
			return status;
	}
	status = session_add_stop(d->session, &stop, err);
	if (status != EVS_OK)
		stop_release(&stop);
	else
		debug_print(d, "Breakpoint %u: %s%s", stop.id, args, met ? "" : " (no event has such a type so far)");
	return status;
}

int debug_watch(struct debug *d, const char *args, struct evs_error *err)
{
	struct stop stop;
	int status;

	if (*args == '\0')
		return error_set(err, EVS_USAGE, 0, "watch what? write watch balance");
	status = stop_parse(&stop, "watch", args, NULL, args, true, session_has_states(d->session), session_fold(d->session), err);
	if (status != EVS_OK)
		return status;
	status = session_add_stop(d->session, &stop, err);
	if (status != EVS_OK)
		stop_release(&stop);
	else
		debug_print(d, "Watch %u: %s", stop.id, args);
	return status;
}

int debug_delete(struct debug *d, const char *args, struct evs_error *err)
{
	const char *word;
	uint64_t id;
	size_t size;

	if (*args == '\0')
		session_delete_stop(d->session, 0);
	while ((size = debug_word(&args, &word)) > 0) {
		char text[24];

		snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1), word);
		if (!debug_count(text, 0, &id) || id > UINT32_MAX || !session_delete_stop(d->session, (unsigned)id))
			return error_set(err, EVS_USAGE, 0, "there is no breakpoint '%s'; info breaks lists them", text);
	}
	return EVS_OK;
}
