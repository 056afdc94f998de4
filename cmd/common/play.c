#include "common/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/moment.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/signals.h"
#include "event/view.h"

#define NS_PER_S 1000000000

bool play_speed(const char *text, double *factor)
{
	const char *digits = text;
	char *end;

	if (strcmp(text, "max") == 0) {
		*factor = 0;
		return true;
	}
	digits += strspn(digits, "0123456789");
	if (*digits == '.' && digits != text)
		digits += 1 + strspn(digits + 1, "0123456789");
	if (digits == text || strcmp(digits, "x") != 0)
		return false;
	*factor = strtod(text, &end);
	return isfinite(*factor) && *factor > 0;
}

/* When an event happened. */
static int moment_of(const struct evs_event *event, int64_t *moment, struct evs_error *err)
{
	struct view view;

	if (view_open(&view, event->packed, event->packed_size)) {
		const struct text *t = &view.texts[NAME_TIMESTAMP];

		if (t->kind == TEXT_STRING && moment_parse((const char *)t->bytes, t->size, moment))
			return EVS_OK;
	}
	return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)event->position);
}

/*
 * Sleep until a moment of the steady clock. False when a signal came or the reader is gone, which is looked for every
 * second: output_watch_reader would keep the pipe to a command open.
 */
static bool sleep_until(int64_t due)
{
	int64_t now, ns;

	while ((now = moment_steady_ns()) < due) {
		ns = due - now < NS_PER_S ? due - now : NS_PER_S;
		if (signals_caught != 0 || output_abandoned())
			return false;
		nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}, NULL);
	}
	return signals_caught == 0;
}

/* Wait until an event is due; what was printed before is seen by then. False: stop. */
static bool wait_due(double ahead_ns, int64_t begun)
{
	double due = (double)begun + ahead_ns;

	if (due <= (double)moment_steady_ns())
		return signals_caught == 0;
	if (output_flush() != 0)
		return false;
	progress_clear();
	return sleep_until(due < 9e18 ? (int64_t)due : INT64_MAX);
}

/* Print one event. */
static int print(struct evs_store *store, const struct evs_event *event, struct evs_error *err)
{
	size_t size;
	char *text = evs_event_text(store, event, EVS_JSON, &size);

	if (text == NULL)
		return error_set(err, EVS_NOMEM, 0, "the event at position %llu is damaged, or memory ran out",
		                 (unsigned long long)event->position);
	buf_put(output_buf(), text, size);
	free(text);
	return output_flush_large() == 0 ? EVS_OK : (err->status = EVS_INTERRUPTED);
}

int play_events(struct evs_store *store, const struct evs_selector *selector, double factor, struct evs_error *err)
{
	int64_t begun = 0, first = 0, moment = 0;
	struct evs_read *r = NULL;
	struct evs_event event;
	int status = evs_read_new(store, selector, &r, err);

	while (status == EVS_OK && (status = evs_read_next(r, &event, err)) == EVS_OK) {
		if (factor > 0)
			status = moment_of(&event, &moment, err);
		if (begun == 0) {
			begun = moment_steady_ns();
			first = moment;
		}
		if (status == EVS_OK && factor > 0 && !wait_due(((double)moment - (double)first) / factor, begun))
			status = err->status = EVS_INTERRUPTED;
		if (status == EVS_OK && signals_caught != 0)
			status = err->status = EVS_INTERRUPTED;
		if (status == EVS_OK)
			status = print(store, &event, err);
	}
	evs_read_free(r);
	return status == EVS_END ? EVS_OK : status;
}
