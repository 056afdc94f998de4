#include "common/summary.h"

#include <inttypes.h>

#include "common/text.h"

/* Moments outside of what has nanoseconds in 64 bits. */
#define EARLY "1677-01-01"
#define LATE "2263-01-01"

/* ,"name":"2026-05-14T10:30:00.000000Z", or null where there are no events */
static void put_time(struct buf *out, const char *name, const struct summary *s, struct moment at)
{
	char text[MOMENT_TEXT];

	moment_format(at, text);
	if (s->events == 0)
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":\"%.*s\"", name, MOMENT_TEXT, text);
}

void summary_json(struct buf *out, const struct summary *s)
{
	buf_printf(out, "{\"events\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"types\":%" PRIu64, s->events, s->streams,
	           s->types);
	put_time(out, "firstTime", s, s->first);
	put_time(out, "lastTime", s, s->last);
	put_time(out, "firstRecordedAt", s, moment_of_us(s->first_recorded_us));
	put_time(out, "lastRecordedAt", s, moment_of_us(s->last_recorded_us));
	if (s->whole) {
		buf_printf(out, ",\"bytes\":%" PRIu64 ",\"bytesPerEvent\":", s->store.file_bytes);
		if (s->events == 0)
			buf_text(out, "null");
		else
			buf_printf(out, "%.1f", (double)s->store.file_bytes / (double)s->events);
		buf_printf(out, ",\"segments\":%" PRIu64 ",\"tailEvents\":%" PRIu64 ",\"deadLetters\":%" PRIu64,
		           s->store.segments, s->store.tail_events, s->store.dead_letters);
	}
	buf_text(out, "}\n");
}

/* A line of the table: a name and a number. */
static void put_count(struct buf *out, const char *name, uint64_t number)
{
	buf_printf(out, "%-14s", name);
	text_number(out, number);
	buf_byte(out, '\n');
}

/* A line of the table: from when to when. */
static void put_span(struct buf *out, const char *name, struct moment first, struct moment last)
{
	char texts[2][MOMENT_TEXT];

	moment_format(first, texts[0]);
	moment_format(last, texts[1]);
	/* Seconds are enough for people. */
	buf_printf(out, "%-14s%.19sZ to %.19sZ\n", name, texts[0], texts[1]);
}

void summary_table(struct buf *out, const struct summary *s)
{
	put_count(out, "events", s->events);
	put_count(out, "streams", s->streams);
	put_count(out, "types", s->types);
	if (s->events > 0) {
		put_span(out, "happened", s->first, s->last);
		put_span(out, "recorded", moment_of_us(s->first_recorded_us), moment_of_us(s->last_recorded_us));
	}
	if (!s->whole)
		return;
	buf_printf(out, "%-14s", "size");
	text_bytes(out, s->store.file_bytes);
	if (s->events > 0)
		buf_printf(out, ", %.1f bytes an event", (double)s->store.file_bytes / (double)s->events);
	buf_printf(out, "\n%-14s", "segments");
	text_number(out, s->store.segments);
	buf_text(out, ", and ");
	text_number(out, s->store.tail_events);
	buf_text(out, " events not yet in one\n");
	put_count(out, "dead letters", s->store.dead_letters);
}

/* Take in the count of a type. */
static int add_type(void *context, const struct evs_count *count)
{
	struct summary *s = context;
	struct moment first = {0}, last = {0};

	moment_read(count->first, count->first_size, &first);
	moment_read(count->last, count->last_size, &last);
	if (s->types == 0 || moment_compare(first, s->first) < 0)
		s->first = first;
	if (s->types == 0 || moment_compare(last, s->last) > 0)
		s->last = last;
	s->types++;
	s->events += count->events;
	return 0;
}

/* Take in the count of a stream. */
static int add_stream(void *context, const struct evs_count *count)
{
	((struct summary *)context)->streams += count->key != NULL;
	return 0;
}

/* When the first selected event was recorded, or in reverse the last one. */
static int find_recorded(struct evs_store *store, struct evs_selector selector, bool reverse, int64_t *us,
                         struct evs_error *err)
{
	struct evs_read *r = NULL;
	struct evs_event event;
	int status;

	/* With a limit the newest is not the last of all that match, but the last of those few: read up to it. */
	bool one = !selector.has_limit || (reverse == selector.reverse && selector.limit > 0);

	selector.reverse = one ? reverse : selector.reverse;
	if (one) {
		selector.has_limit = true;
		selector.limit = 1;
	}
	status = evs_read_new(store, &selector, &r, err);
	while (status == EVS_OK && (status = evs_read_next(r, &event, err)) == EVS_OK)
		*us = event.recorded_us;
	evs_read_free(r);
	return status == EVS_END ? EVS_OK : status;
}

/* The first and the last moment of a whole store. Those that have no nanoseconds in 64 bits are looked up in their events. */
static int find_moments(struct evs_store *store, struct summary *s, struct evs_error *err)
{
	const int64_t first = s->store.first_moment_ns, last = s->store.last_moment_ns;
	const struct evs_selector early = {.until = EARLY}, late = {.since = LATE};
	struct summary found = {0};
	int status = EVS_OK;

	s->first = moment_of_ns(first);
	s->last = moment_of_ns(last);
	if (first == MOMENT_MIN || last == MOMENT_MIN) {
		status = evs_stat_by(store, &early, EVS_BY_TYPE, add_type, &found, err);
		s->first = first == MOMENT_MIN ? found.first : s->first;
		s->last = last == MOMENT_MIN ? found.last : s->last;
	}
	if (status == EVS_OK && (first == MOMENT_MAX || last == MOMENT_MAX)) {
		found = (struct summary){0};
		status = evs_stat_by(store, &late, EVS_BY_TYPE, add_type, &found, err);
		s->first = first == MOMENT_MAX ? found.first : s->first;
		s->last = last == MOMENT_MAX ? found.last : s->last;
	}
	return status;
}

int summary_make(struct evs_store *store, const struct selectors *selectors, struct summary *s, struct evs_error *err)
{
	const struct evs_selector *selector = &selectors->selector;
	int status;

	s->whole = !selectors_any(selectors);
	if (s->whole) {
		status = evs_stat(store, &s->store, err);
		s->events = s->store.events;
		s->streams = s->store.streams;
		s->types = s->store.types;
		s->first_recorded_us = s->store.first_recorded_us;
		s->last_recorded_us = s->store.last_recorded_us;
		return status == EVS_OK && s->events > 0 ? find_moments(store, s, err) : status;
	}
	status = evs_stat_by(store, selector, EVS_BY_TYPE, add_type, s, err);
	if (status == EVS_OK)
		status = evs_stat_by(store, selector, EVS_BY_STREAM, add_stream, s, err);
	if (status == EVS_OK)
		status = find_recorded(store, *selector, false, &s->first_recorded_us, err);
	return status == EVS_OK ? find_recorded(store, *selector, true, &s->last_recorded_us, err) : status;
}
