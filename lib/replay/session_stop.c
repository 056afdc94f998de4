/* Sessions: where to stop, and running there. */
#include <stdlib.h>

#include "base/error.h"
#include "replay/session_inside.h"

/* Positions that are looked at at once, at first and at most: a stop that is near is found without reading far. */
enum { LEAST = 8192, MOST = 1 << 19 };

/* ---- stops ---- */

void session_forget_scan(struct session *s)
{
	scan_free(s->scan);
	s->scan = NULL;
	s->scan_set = false;
}

/* Sort them by what they need. */
static void sort_stops(struct session *s)
{
	s->n_by_event = s->n_by_state = 0;
	for (size_t i = 0; i < s->n_stops; i++) {
		if (s->stops[i]->kind == STOP_EVENT)
			s->by_event[s->n_by_event++] = s->stops[i];
		else
			s->by_state[s->n_by_state++] = s->stops[i];
	}
	s->scan_set = false;
}

int session_add_stop(struct session *s, struct stop *stop, struct evs_error *err)
{
	struct stop *own = malloc(sizeof *own);

	if (own == NULL)
		return error_nomem(err);
	if (s->n_stops == STOPS_MAX) {
		free(own);
		return error_set(err, EVS_USAGE, 0, "there are %d breakpoints and watches already; delete some", STOPS_MAX);
	}
	*own = *stop;
	own->id = ++s->next_id;
	stop->id = own->id;
	s->stops[s->n_stops++] = own;
	sort_stops(s);
	return EVS_OK;
}

bool session_delete_stop(struct session *s, unsigned id)
{
	size_t kept = 0, before = s->n_stops;

	for (size_t i = 0; i < s->n_stops; i++) {
		if (id != 0 && s->stops[i]->id != id) {
			s->stops[kept++] = s->stops[i];
			continue;
		}
		stop_release(s->stops[i]);
		free(s->stops[i]);
	}
	s->n_stops = kept;
	sort_stops(s);
	return kept < before || id == 0;
}

struct stop *session_stop(struct session *s, size_t i)
{
	return i < s->n_stops ? s->stops[i] : NULL;
}

/* ---- running ---- */

/* Have a scan with the stops that need states; here: where the session is. */
static int set_scan(struct session *s, struct evs_error *err)
{
	int status;

	if (s->n_by_state == 0 || s->scan_set)
		return EVS_OK;
	s->walk.positions = s->key != NULL && !s->by_stream && s->only.n > 0 ? s->only.list : NULL;
	s->walk.n_positions = s->only.n;
	if (s->scan == NULL && (s->scan = scan_new(s->store, &s->walk, s->options)) == NULL)
		return error_nomem(err);
	status = scan_set(s->scan, s->by_state, s->n_by_state, session_position(s), err);
	s->scan_set = status == EVS_OK;
	return status;
}

/* Be at the last event up to a position, and return what a run has to say. */
static int arrive(struct session *s, uint64_t position, int status, struct evs_error *err)
{
	int arrived = session_goto(s, position, status == EVS_OK || status == EVS_END ? err : NULL);

	return arrived == EVS_OK ? status : arrived;
}

/* What is searched for events. */
static struct search search_of(const struct session *s, const struct stop *const *stops, size_t n)
{
	return (struct search){s->store, &s->selector, s->key != NULL && !s->by_stream ? &s->only : NULL, stops, n};
}

/* Tell how many events were looked at. */
static void tell_progress(const struct session *s, uint64_t events)
{
	if (s->options->on_progress != NULL)
		s->options->on_progress(s->options->context, events);
}

static int run_forward(struct session *s, uint64_t bound, struct evs_error *err)
{
	const struct search search = search_of(s, s->by_event, s->n_by_event);
	uint64_t low = session_position(s) + 1, width = LEAST, to, hit = 0;

	if (s->n_by_event + s->n_by_state == 0)
		return arrive(s, bound, EVS_END, err);
	for (; low <= bound; low = to + 1, width = width < MOST ? width * 2 : MOST) {
		int status, scanned = EVS_END;

		to = bound - low < width ? bound : low + width - 1;
		status = search_run(&search, low, to, true, &hit, err);
		if (status != EVS_OK && status != EVS_END)
			return status;
		to = status == EVS_OK ? hit : to;
		if (s->n_by_state > 0)
			scanned = scan_after(s->scan, low, to, &hit, err);
		if (scanned == EVS_INTERRUPTED)
			return arrive(s, scan_position(s->scan) < to ? scan_position(s->scan) : to, scanned, err);
		if (scanned != EVS_OK && scanned != EVS_END)
			return scanned;
		if (status == EVS_OK || scanned == EVS_OK)
			return arrive(s, hit, EVS_OK, err);
		tell_progress(s, to - session_position(s));
		if (session_stopped(s))
			return arrive(s, to, error_set(err, EVS_INTERRUPTED, 0, "interrupted"), err);
	}
	return arrive(s, bound, EVS_END, err);
}

static int run_back(struct session *s, uint64_t bound, struct evs_error *err)
{
	const struct search search = search_of(s, s->by_event, s->n_by_event);
	uint64_t high = session_position(s), width = LEAST, low, hit = 0, floor = bound > 0 ? bound : 1, state_hit = 0;
	int status = EVS_END;

	if (high == 0)
		return EVS_END;
	high--;
	if (s->n_by_state > 0)
		status = scan_before(s->scan, high, &state_hit, err);
	if (status != EVS_OK && status != EVS_END)
		return status;
	if (status == EVS_OK && state_hit >= floor)
		floor = state_hit;
	else
		state_hit = 0;
	for (; s->n_by_event > 0 && high >= floor; high = low - 1, width = width < MOST ? width * 2 : MOST) {
		low = high - floor < width ? floor : high - width + 1;
		status = search_run(&search, low, high, false, &hit, err);
		if (status == EVS_OK)
			return arrive(s, hit, EVS_OK, err);
		if (status != EVS_END)
			return status;
		tell_progress(s, session_position(s) - low);
		if (session_stopped(s))
			return arrive(s, low, error_set(err, EVS_INTERRUPTED, 0, "interrupted"), err);
	}
	return state_hit > 0 ? arrive(s, state_hit, EVS_OK, err) : arrive(s, bound, EVS_END, err);
}

int session_run(struct session *s, bool forward, uint64_t bound, struct evs_error *err)
{
	int status = set_scan(s, err);

	if (status != EVS_OK)
		return status;
	if (forward && bound > s->last)
		bound = s->last;
	return forward ? run_forward(s, bound, err) : run_back(s, bound, err);
}

/* The first event behind a position after which a state says so, by a scan of its own. */
static int find_state(struct session *s, const struct stop *stop, uint64_t after, uint64_t *hit, struct evs_error *err)
{
	struct scan *scan;
	int status;

	s->walk.positions = s->key != NULL && !s->by_stream && s->only.n > 0 ? s->only.list : NULL;
	s->walk.n_positions = s->only.n;
	scan = scan_new(s->store, &s->walk, s->options);
	if (scan == NULL)
		return error_nomem(err);
	status = scan_set(scan, &stop, 1, 0, err);
	if (status == EVS_OK)
		status = scan_after(scan, after + 1, s->last, hit, err);
	scan_free(scan);
	return status;
}

int session_find(struct session *s, const struct stop *stop, uint64_t after, struct evs_error *err)
{
	const struct search search = search_of(s, &stop, 1);
	uint64_t hit = 0, to, width = LEAST;
	int status = EVS_END;

	if (stop->kind != STOP_EVENT)
		status = find_state(s, stop, after, &hit, err);
	for (uint64_t low = after + 1; stop->kind == STOP_EVENT && status == EVS_END && low <= s->last; low = to + 1) {
		if (session_stopped(s))
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		tell_progress(s, low - after);
		to = s->last - low < width ? s->last : low + width - 1;
		width = width < MOST ? width * 2 : MOST;
		status = search_run(&search, low, to, true, &hit, err);
	}
	return status == EVS_OK ? arrive(s, hit, EVS_OK, err) : status;
}
