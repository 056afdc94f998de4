#include "replay/window.h"

#include <stdlib.h>

#include "base/error.h"
#include "replay/places.h"

enum { EVENTS = 1024, DROP = 256 }; /* that are kept, and let go of at once */

/* A copy of an event. */
struct event {
	struct record record;
	uint8_t body[];
};

struct window {
	struct window_options options;
	struct event *list[EVENTS];
	size_t n, at;      /* at: the place of the event it is at, + 1; 0: before the first */
	bool first_known;  /* there is no event before list[0] */
	struct evs_read *forward, *back; /* behind the last, before the first of the list; NULL: not open */
	struct places places;
};

struct window *window_new(const struct window_options *options)
{
	struct window *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->options = *options;
	w->first_known = true;
	if (options->only != NULL)
		places_open(&w->places, options->store);
	return w;
}

/* Stop reading in one direction. */
static void end_read(struct evs_read **read)
{
	evs_read_free(*read);
	*read = NULL;
}

/* Forget all events. */
static void clear(struct window *w)
{
	end_read(&w->forward);
	end_read(&w->back);
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	w->n = w->at = 0;
	w->first_known = true;
}

void window_free(struct window *w)
{
	if (w == NULL)
		return;
	clear(w);
	places_release(&w->places);
	free(w);
}

/* ---- reading ---- */

/* The next of the given positions that is one of the history's, on from `from` or back. */
static int next_given(struct window *w, bool forward, uint64_t from, struct record *record, struct evs_error *err)
{
	const struct positions *only = w->options.only;
	size_t i = positions_from(only, forward ? from : from + 1);
	int status = EVS_END;

	while (status == EVS_END && (forward ? i < only->n : i > 0)) {
		status = places_get(&w->places, only->list[forward ? i++ : --i], record, err);
		if (status == EVS_OK)
			status = w->options.accept(w->options.context, record, err);
	}
	return status;
}

/* The next that is selected, likewise; the reader goes on from where it was. */
static int next_selected(struct window *w, bool forward, uint64_t from, struct record *record, struct evs_error *err)
{
	struct evs_read **read = forward ? &w->forward : &w->back;
	struct evs_selector selector = *w->options.selector;
	struct evs_event e;
	int status = EVS_OK;

	if (*read == NULL) {
		if (forward && from > selector.from)
			selector.from = from;
		if (!forward && (selector.to == 0 || from < selector.to))
			selector.to = from;
		selector.reverse = !forward;
		status = evs_read_new(w->options.store, &selector, read, err);
	}
	if (status == EVS_OK)
		status = evs_read_next(*read, &e, err);
	if (status == EVS_OK)
		*record = (struct record){e.position, e.revision, e.recorded_us, e.packed, (uint32_t)e.packed_size};
	else
		end_read(read);
	return status;
}

/* Copy the next event on from a position, or back. EVS_OK, EVS_END, or a failure. */
static int next_event(struct window *w, bool forward, uint64_t from, struct event **out, struct evs_error *err)
{
	struct record record;
	int status;

	if (!forward && from == 0)
		return EVS_END;
	status = w->options.only != NULL ? next_given(w, forward, from, &record, err) : next_selected(w, forward, from, &record, err);
	if (status != EVS_OK)
		return status;
	*out = malloc(sizeof **out + record.size + RENDER_PAD);
	if (*out == NULL)
		return error_nomem(err);
	(*out)->record = record;
	(*out)->record.body = (*out)->body;
	memcpy((*out)->body, record.body, record.size);
	memset((*out)->body + record.size, 0, RENDER_PAD);
	return EVS_OK;
}

/* ---- going ---- */

/* Take an event to the end of the list; the first ones make room. */
static void append(struct window *w, struct event *e)
{
	if (w->n == EVENTS) {
		for (size_t i = 0; i < DROP; i++)
			free(w->list[i]);
		memmove(w->list, w->list + DROP, (EVENTS - DROP) * sizeof w->list[0]);
		w->n -= DROP;
		w->at -= DROP;
		w->first_known = false;
		end_read(&w->back);
	}
	w->list[w->n++] = e;
	w->at = w->n;
}

/* Take an event to the front; the last ones make room. */
static void prepend(struct window *w, struct event *e)
{
	if (w->n == EVENTS) {
		for (size_t i = EVENTS - DROP; i < EVENTS; i++)
			free(w->list[i]);
		w->n -= DROP;
		end_read(&w->forward);
	}
	memmove(w->list + 1, w->list, w->n * sizeof w->list[0]);
	w->list[0] = e;
	w->n++;
	w->at = 1;
}

int window_step(struct window *w, bool forward, struct evs_error *err)
{
	struct event *e;
	int status;

	if (forward && w->at < w->n) {
		w->at++;
		return EVS_OK;
	}
	if (!forward && (w->at > 1 || (w->at == 1 && w->first_known))) {
		w->at--;
		return EVS_OK;
	}
	if (!forward && w->at == 0)
		return EVS_END;
	if (forward) {
		status = next_event(w, true, w->n == 0 ? 1 : w->list[w->n - 1]->record.position + 1, &e, err);
		if (status == EVS_OK)
			append(w, e);
		return status;
	}
	status = next_event(w, false, w->list[0]->record.position - 1, &e, err);
	if (status == EVS_OK)
		prepend(w, e);
	if (status != EVS_END)
		return status;
	w->first_known = true;
	w->at = 0;
	return EVS_OK;
}

/* Go to a position within the list. False: it is not there. */
static bool seek_near(struct window *w, uint64_t position)
{
	if (w->n == 0 || position > w->list[w->n - 1]->record.position)
		return false;
	if (position < w->list[0]->record.position) {
		w->at = 0;
		return w->first_known;
	}
	for (size_t low = 0, high = w->n; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (w->list[middle]->record.position <= position)
			low = middle + 1;
		else
			high = middle;
		w->at = low;
	}
	return true;
}

int window_seek(struct window *w, uint64_t position, struct evs_error *err)
{
	struct event *e;
	int status;

	if (seek_near(w, position))
		return EVS_OK;
	clear(w);
	if (position == 0)
		return EVS_OK;
	status = next_event(w, false, position, &e, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	append(w, e);
	w->first_known = false;
	return EVS_OK;
}

const struct record *window_record(const struct window *w)
{
	return w->at == 0 ? NULL : &w->list[w->at - 1]->record;
}
