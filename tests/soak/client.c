/*
 * A client of one store among others: reads and appends under conditions, as long as it is told to, and notes when each
 * was called and when it was done. A note is one write(2), so what a SIGKILL leaves is calls that were not done.
 *
 *   client STORE LOG NAME SEED MILLISECONDS
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evs.h"

enum {
	PLACES = 2,     /* streams at a time, and tags */
	ERA_MS = 400,   /* after which there are new ones, so that what is read stays short */
	TEXT = 65536,
	LARGE_EVERY = 8, /* events one is large, so that the tail is sealed now and then */
	LARGE = 20000,
};
#define MS INT64_C(1000000)

static struct evs_store *store;
static const char *name;
static int notes;
static unsigned seed, calls, made;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static unsigned chance(unsigned n)
{
	return (unsigned)rand_r(&seed) / 7 % n;
}

__attribute__((format(printf, 2, 3))) static void note(const char *what, const char *format, ...)
{
	static char line[TEXT + 256];
	int n = snprintf(line, sizeof line, "%s.%u %s %" PRId64 " ", name, calls, what, now_ns()), more;
	va_list list;

	va_start(list, format);
	more = vsnprintf(line + n, sizeof line - (size_t)n, format, list);
	va_end(list);
	n += more;
	line[n++] = '\n';
	if (write(notes, line, (size_t)n) != n)
		exit(2);
}

static void expect_ok(int status, const struct evs_error *err)
{
	if (status == EVS_OK || status == EVS_END)
		return;
	fprintf(stderr, "client %s, call %u: %s\n", name, calls, err->message);
	exit(1);
}

/* The present stream or tag of this number. */
static void place(char *text, size_t size, char kind, unsigned n)
{
	snprintf(text, size, "%c%u-%" PRId64, kind, n, now_ns() / MS / ERA_MS);
}

/* Read a stream or what has a tag. Returns how many there are; *position: up to which the store was looked at. */
static uint64_t read_place(const char *kind, const char *which, uint64_t *position)
{
	static char ids[TEXT];
	char scratch[EVS_FIELD_SCRATCH];
	const char *id, *const tags[] = {which};
	const bool stream = strcmp(kind, "stream") == 0;
	const struct evs_selector selector = {.stream = stream ? which : NULL, .tags = tags, .n_tags = !stream};
	struct evs_read *reader;
	struct evs_event event;
	struct evs_error err;
	size_t size, used = 0;
	uint64_t n = 0;
	int status;

	calls++;
	ids[0] = '\0';
	note("call", "read %s=%s", kind, which);
	expect_ok(evs_read_new(store, &selector, &reader, &err), &err);
	while ((status = evs_read_next(reader, &event, &err)) == EVS_OK && used < sizeof ids - 300) {
		id = evs_event_field(store, &event, EVS_FIELD_ID, scratch, &size);
		used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%.*s", n == 0 ? "" : ",", (int)size, id);
		n++;
	}
	expect_ok(status, &err);
	note("done", "ids=%s", ids);
	*position = evs_read_position(reader);
	evs_read_free(reader);
	return n;
}

static void read_last(void)
{
	uint64_t position;
	struct evs_error err;

	calls++;
	note("call", "last");
	expect_ok(evs_last_position(store, &position, &err), &err);
	note("done", "position=%" PRIu64, position);
}

/* Where the first event of an append stands. */
struct placed {
	uint64_t position;
	bool duplicate;
};

static int on_receipt(void *context, const struct evs_receipt *r)
{
	struct placed *p = context;

	if (p->position == 0)
		*p = (struct placed){r->position, r->duplicate};
	return 0;
}

/* Append the events NAME-first, and on, with a condition; `told` is how the notes say it. */
static void append(unsigned first, unsigned n, const char *stream, const char *tag, struct evs_append_options *options, const char *told)
{
	static char lines[4 * LARGE];
	char ids[256];
	struct placed placed = {0};
	struct evs_append *a;
	struct evs_error err;
	int used = 0, named = 0, status;

	for (unsigned i = first; i < first + n; i++) {
		used += snprintf(lines + used, sizeof lines - (size_t)used,
		                 "{\"eventType\":\"t\",\"eventId\":\"%s-%u\",\"aggregateId\":\"%s\",\"tags\":[\"%s\"],\"data\":\"%*s\"}\n",
		                 name, i, stream, tag, i % LARGE_EVERY == 0 ? LARGE : 1, "");
		named += snprintf(ids + named, sizeof ids - (size_t)named, "%s%s-%u", i == first ? "" : ",", name, i);
	}
	options->atomic = true;
	options->on_receipt = on_receipt;
	options->context = &placed;
	calls++;
	note("call", "append ids=%s stream=%s tag=%s%s", ids, stream, tag, told);
	expect_ok(evs_append_new(store, options, &a, &err), &err);
	status = evs_append_lines(a, lines, (size_t)used, &err);
	if (status == EVS_OK)
		status = evs_append_finish(a, &err);
	evs_append_free(a);
	if (status == EVS_CONFLICT) {
		note("done", "refused %s", err.message);
		return;
	}
	expect_ok(status, &err);
	note("done", "%s=%" PRIu64, placed.duplicate ? "duplicate" : "at", placed.position);
}

static unsigned next_events(unsigned n)
{
	unsigned first = made;

	made += n;
	return first;
}

static void append_expecting(const char *stream, const char *tag)
{
	struct evs_append_options options = {.expect = EVS_EXPECT_EXISTS};
	char told[64];
	uint64_t position;
	unsigned n = 1 + chance(3), how = chance(10);

	snprintf(told, sizeof told, " expect=exists");
	if (how > 0) {
		options.expect = how == 1 ? 0 : (int64_t)read_place("stream", stream, &position);
		snprintf(told, sizeof told, " expect=%" PRId64, options.expect);
	}
	append(next_events(n), n, stream, tag, &options, told);
}

static void append_unless(const char *stream, const char *tag)
{
	struct evs_append_options options = {.expect = EVS_EXPECT_ANY};
	char query[64], told[128];
	unsigned n = 1 + chance(2);

	if (chance(8) > 0)
		read_place("tag", tag, &options.after);
	snprintf(query, sizeof query, "[{\"tags\":[\"%s\"]}]", tag);
	snprintf(told, sizeof told, " fail-if=%s after=%" PRIu64, tag, options.after);
	options.fail_if = query;
	append(next_events(n), n, stream, tag, &options, told);
}

/* Append one event without a condition, sometimes twice. */
static void append_plain(const char *stream, const char *tag)
{
	unsigned first = next_events(1);

	for (unsigned times = 1 + (chance(3) == 0); times > 0; times--)
		append(first, 1, stream, tag, &(struct evs_append_options){.expect = EVS_EXPECT_ANY}, "");
}

static void act(void)
{
	char stream[32], tag[32];
	uint64_t position;
	unsigned what = chance(20);

	place(stream, sizeof stream, 's', chance(PLACES));
	place(tag, sizeof tag, 't', chance(PLACES));
	if (what < 6)
		append_expecting(stream, tag);
	else if (what < 11)
		append_unless(stream, tag);
	else if (what < 13)
		append_plain(stream, tag);
	else if (what < 16)
		read_place("stream", stream, &position);
	else if (what < 18)
		read_place("tag", tag, &position);
	else
		read_last();
}

int main(int argc, char **argv)
{
	struct evs_error err;
	int64_t end;

	if (argc != 6)
		return 2;
	name = argv[3];
	seed = (unsigned)strtoul(argv[4], NULL, 10);
	end = now_ns() + strtoll(argv[5], NULL, 10) * MS;
	notes = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (notes < 0)
		return 2;
	expect_ok(evs_open(argv[1], EVS_CREATE, &store, &err), &err);
	while (now_ns() < end)
		act();
	evs_close(store);
	return 0;
}
