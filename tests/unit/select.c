/* Reading with selectors by chance, against a model that asks every event: store/select.h, plan.h, load.h, read.c. */
#include "base/glob.h"
#include "base/hash.h"
#include "base/moment.h"
#include "store/select.h"
#include "folder.h"

enum { TYPES = 10, STREAMS = 60, TAGS = 6, EVENTS = 36000, SMALL = 300 };

static const char *const types[TYPES] = {"order.placed", "order.paid", "order.shipped", "customer.moved", "customer.named", "W_Completeren aanvraag",
                                         "W_x", "x", "0190c2a7-7e5b-7000-8000-0123456789ab", "*"};
static const char *const globs[] = {"order.*", "*.placed", "order.placed", "x", "*", "W_*", "\\*", "?", "[a-n]*", "nothing", "nothing.*", "0190*",
                                    "0190c2a7-7e5b-7000-8000-0123456789ab", "order.pai?"};
static const char *const sources[] = {"web", "app", "0190c2a7-7e5b-7000-8000-00000000000a"};
static const char *const tags[TAGS] = {"vip", "new", "course:c1", "0190c2a7-7e5b-7000-8000-00000000000b", "", "rare"};

struct event {
	int type, stream, aggregate_type, source, correlation; /* -1: absent */
	unsigned tags; /* bits */
	int64_t moment, recorded;
	uint64_t revision;
};

struct world {
	struct evs_store *store;
	struct event *events; /* by position, from 1 */
	uint64_t n;
	uint64_t revisions[STREAMS]; /* each number is another pair of id and type */
};

static void put_text(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, ",\"%s\":\"%s\"", key, text);
}

static const char *stream_name(int stream)
{
	static char name[2][40];
	static int next;
	char *text = name[next++ % 2];

	if (stream % 5 == 4)
		snprintf(text, sizeof name[0], "0190c2a7-7e5b-7000-8000-%012d", stream / 2);
	else
		snprintf(text, sizeof name[0], "%d", stream / 2); /* two streams share an id, of different types */
	return text;
}

/* The aggregateType of a stream; NULL: none. */
static const char *stream_type(int stream)
{
	return stream % 2 == 0 ? "Order" : stream % 3 == 0 ? NULL : "Customer";
}

static void add_events(struct world *w, size_t n, bool at_once, uint64_t *seed)
{
	struct buf lines = {0};

	w->events = realloc(w->events, (w->n + n + 1) * sizeof *w->events);
	for (size_t i = 0; i < n; i++) {
		struct event *e = &w->events[++w->n];
		char time[MOMENT_TEXT];
		*e = (struct event){.type = (int)chance_of(seed, TYPES), .stream = -1, .aggregate_type = -1, .source = -1, .correlation = -1};
		if (e->type == 7 && chance_of(seed, 50) != 0) /* a rare one */
			e->type = 0;
		if (chance_of(seed, 10) != 0)
			e->stream = chance_of(seed, 4) == 0 ? 0 : (int)chance_of(seed, STREAMS); /* a hot one */
		if (chance_of(seed, 3) == 0)
			e->source = (int)chance_of(seed, COUNT(sources));
		if (chance_of(seed, 3) == 0)
			e->correlation = (int)chance_of(seed, 500);
		for (size_t t = 0; t < TAGS; t++)
			if (chance_of(seed, t == TAGS - 1 ? 1000 : 4) == 0)
				e->tags |= 1u << t;
		e->moment = INT64_C(1778716800000000) + (int64_t)chance_of(seed, 86400) * 1000000 * (int64_t)(1 + w->n / 10000);
		moment_format_us(e->moment, time);
		buf_printf(&lines, "{\"eventId\":\"%llu\",\"timestamp\":\"%.*s\"", (unsigned long long)w->n, MOMENT_TEXT, time);
		put_text(&lines, "eventType", types[e->type]);
		if (e->stream >= 0) {
			put_text(&lines, "aggregateId", stream_name(e->stream));
			if (stream_type(e->stream) != NULL)
				put_text(&lines, "aggregateType", stream_type(e->stream));
			e->revision = ++w->revisions[e->stream];
		}
		if (e->source >= 0)
			put_text(&lines, "source", sources[e->source]);
		if (e->correlation >= 0)
			buf_printf(&lines, ",\"correlationId\":\"c%d\",\"causationId\":\"d%d\"", e->correlation, e->correlation % 7);
		if (e->tags != 0) {
			buf_text(&lines, ",\"tags\":[");
			for (size_t t = 0, any = 0; t < TAGS; t++)
				if (e->tags & 1u << t)
					buf_printf(&lines, "%s\"%s\"", any++ == 0 ? "" : ",", tags[t]);
			buf_byte(&lines, ']');
		}
		buf_text(&lines, "}\n");
		if (!at_once || i + 1 == n) {
			append_lines(w->store, NULL, lines.data, lines.size);
			lines.size = 0;
		}
	}
	buf_free(&lines);
}

/* Positions, revisions and recordedAt of all events. */
static void read_all(struct world *w)
{
	struct evs_selector all = {0};
	struct evs_event e;
	struct evs_read *r;
	uint64_t n = 0;

	assert_int_equal(evs_read_new(w->store, &all, &r, NULL), EVS_OK);
	while (evs_read_next(r, &e, NULL) == EVS_OK) {
		n++;
		assert_int_equal(e.position, n);
		CHECK(e.revision == w->events[n].revision, "position %llu has revision %llu, not %llu", (unsigned long long)n,
		      (unsigned long long)e.revision, (unsigned long long)w->events[n].revision);
		assert_true(n == 1 || e.recorded_us >= w->events[n - 1].recorded);
		w->events[n].recorded = e.recorded_us;
	}
	assert_int_equal(n, w->n);
	evs_read_free(r);
}

/* A selector, and the room for what it borrows. */
struct asked {
	struct evs_selector s;
	const char *types[3], *tags[2];
	char stream[40], event[40], correlation[16], causation[16], since[MOMENT_TEXT + 1], until[MOMENT_TEXT + 1], as_of[MOMENT_TEXT + 1];
	int64_t since_us, until_us, as_of_us;
};

static void ask(struct asked *a, const struct world *w, uint64_t *seed)
{
	*a = (struct asked){.since_us = INT64_MIN, .until_us = INT64_MAX, .as_of_us = INT64_MAX};
	if (chance_of(seed, 3) == 0) {
		a->s.types = a->types;
		a->s.n_types = 1 + chance_of(seed, 3);
		for (size_t i = 0; i < a->s.n_types; i++)
			a->types[i] = chance_text(seed, globs, COUNT(globs));
	}
	if (chance_of(seed, 3) == 0) {
		a->s.tags = a->tags;
		a->s.n_tags = 1 + chance_of(seed, 2);
		for (size_t i = 0; i < a->s.n_tags; i++)
			a->tags[i] = chance_text(seed, tags, TAGS);
	}
	if (chance_of(seed, 4) == 0) {
		int stream = (int)chance_of(seed, STREAMS + 4);
		snprintf(a->stream, sizeof a->stream, "%s", stream_name(stream));
		a->s.stream = a->stream;
		a->s.aggregate_type = chance_of(seed, 2) == 0 ? "Order" : chance_of(seed, 3) == 0 ? "" : stream_type(stream);
	} else if (chance_of(seed, 6) == 0) {
		a->s.aggregate_type = chance_text(seed, (const char *const[]){"Nothing", "Order", "Customer", ""}, 4);
	}
	if (chance_of(seed, 8) == 0)
		a->s.source = chance_text(seed, sources, COUNT(sources));
	if (chance_of(seed, 8) == 0) {
		snprintf(a->correlation, sizeof a->correlation, "c%zu", chance_of(seed, 510));
		a->s.correlation = a->correlation;
	}
	if (chance_of(seed, 8) == 0) {
		snprintf(a->causation, sizeof a->causation, "d%zu", chance_of(seed, 8));
		a->s.causation = a->causation;
	}
	if (chance_of(seed, 12) == 0) {
		snprintf(a->event, sizeof a->event, "%zu", chance_of(seed, w->n + 10));
		a->s.event = a->event;
	}
	if (chance_of(seed, 4) == 0)
		a->s.from = chance_of(seed, w->n) + 1;
	if (chance_of(seed, 6) == 0)
		a->s.after = chance_of(seed, w->n + 5);
	if (chance_of(seed, 4) == 0)
		a->s.to = chance_of(seed, w->n + 100) + 1;
	if (chance_of(seed, 8) == 0)
		a->s.from_revision = chance_of(seed, 300) + 1;
	if (chance_of(seed, 5) == 0) {
		a->since_us = w->events[chance_of(seed, w->n) + 1].moment;
		moment_format_us(a->since_us, a->since);
		a->s.since = a->since;
	}
	if (chance_of(seed, 5) == 0) {
		a->until_us = w->events[chance_of(seed, w->n) + 1].moment;
		moment_format_us(a->until_us, a->until);
		a->s.until = a->until;
	}
	if (chance_of(seed, 6) == 0) {
		a->as_of_us = w->events[chance_of(seed, w->n) + 1].recorded;
		moment_format_us(a->as_of_us, a->as_of);
		a->s.as_of = a->as_of;
	}
	if (chance_of(seed, 6) == 0) {
		a->s.shards = (unsigned)chance_of(seed, 5) + 1;
		a->s.shard = (unsigned)chance_of(seed, a->s.shards) + 1;
	}
	if (chance_of(seed, 4) == 0) {
		a->s.has_limit = true;
		a->s.limit = chance_of(seed, chance_of(seed, 2) == 0 ? 5 : 30000);
	}
	if (chance_of(seed, 4) == 0) {
		a->s.has_last = true;
		a->s.last = chance_of(seed, chance_of(seed, 2) == 0 ? 5 : 30000);
	}
	a->s.reverse = chance_of(seed, 3) == 0;
}

/* evs-selectors(7), SHARDS. */
static unsigned shard_of(const struct event *e, uint64_t position, unsigned shards)
{
	char id[24];
	const char *name, *type;

	if (e->stream < 0) {
		int n = snprintf(id, sizeof id, "%llu", (unsigned long long)position);
		return (unsigned)(hash64(id, (size_t)n, 0) % shards) + 1;
	}
	name = stream_name(e->stream);
	type = stream_type(e->stream) == NULL ? "" : stream_type(e->stream);
	return (unsigned)(hash64(name, strlen(name), hash64(type, strlen(type), 0)) % shards) + 1;
}

static bool fits(const struct asked *a, const struct event *e, uint64_t position)
{
	const struct evs_selector *s = &a->s;
	bool hit = s->n_types == 0;

	for (size_t i = 0; i < s->n_types; i++)
		hit |= glob_match(a->types[i], types[e->type], strlen(types[e->type]));
	for (size_t i = 0; i < s->n_tags; i++) {
		bool has = false;
		for (size_t t = 0; t < TAGS; t++)
			has |= (e->tags & 1u << t) != 0 && strcmp(tags[t], a->tags[i]) == 0;
		hit &= has;
	}
	if (hit && s->stream != NULL)
		hit = e->stream >= 0 && strcmp(stream_name(e->stream), s->stream) == 0;
	if (s->aggregate_type != NULL && s->aggregate_type[0] == '\0') /* those that have none */
		hit &= e->stream < 0 || stream_type(e->stream) == NULL;
	else if (s->aggregate_type != NULL)
		hit &= e->stream >= 0 && stream_type(e->stream) != NULL && strcmp(stream_type(e->stream), s->aggregate_type) == 0;
	if (s->source != NULL)
		hit &= e->source >= 0 && strcmp(sources[e->source], s->source) == 0;
	if (s->correlation != NULL)
		hit &= e->correlation >= 0 && atoi(s->correlation + 1) == e->correlation;
	if (s->causation != NULL)
		hit &= e->correlation >= 0 && atoi(s->causation + 1) == e->correlation % 7;
	if (s->event != NULL)
		hit &= strtoull(s->event, NULL, 10) == position;
	hit &= position >= s->from && position > s->after && (s->to == 0 || position <= s->to);
	hit &= e->revision >= s->from_revision && e->moment >= a->since_us && e->moment <= a->until_us && e->recorded <= a->as_of_us;
	return hit && (s->shards == 0 || shard_of(e, position, s->shards) == s->shard);
}

/* How many aggregateTypes, none included, the asked stream has. */
static unsigned types_of_stream(const struct world *w, const char *stream, const char **only)
{
	bool order = false, customer = false, none = false;

	for (uint64_t i = 1; i <= w->n; i++) {
		const struct event *e = &w->events[i];
		if (e->stream < 0 || strcmp(stream_name(e->stream), stream) != 0)
			continue;
		*only = stream_type(e->stream);
		order |= *only != NULL && **only == 'O';
		customer |= *only != NULL && **only == 'C';
		none |= *only == NULL;
	}
	return (unsigned)order + (unsigned)customer + (unsigned)none;
}

/* What the model selects, in order of reading. Returns how many. */
static size_t expect(const struct world *w, const struct asked *a, uint64_t *out)
{
	size_t n = 0;

	for (uint64_t i = 1; i <= w->n; i++)
		if (fits(a, &w->events[i], i))
			out[n++] = i;
	if (a->s.has_last && n > a->s.last) {
		memmove(out, out + n - a->s.last, a->s.last * sizeof *out);
		n = a->s.last;
	}
	for (size_t i = 0; a->s.reverse && i < n / 2; i++) {
		uint64_t swap = out[i];
		out[i] = out[n - 1 - i];
		out[n - 1 - i] = swap;
	}
	return a->s.has_limit && n > a->s.limit ? a->s.limit : n;
}

static const char *shown(const struct asked *a)
{
	static char text[600];
	const struct evs_selector *s = &a->s;

	snprintf(text, sizeof text, "types %zu %s tags %zu %s stream %s aggregate %s source %s corr %s caus %s event %s from %llu after %llu to %llu rev %llu since %s until %s as-of %s shard %u/%u limit %d %llu last %d %llu reverse %d",
	         s->n_types, s->n_types > 0 ? a->types[0] : "", s->n_tags, s->n_tags > 0 ? a->tags[0] : "", s->stream == NULL ? "-" : s->stream,
	         s->aggregate_type == NULL ? "-" : s->aggregate_type, s->source == NULL ? "-" : s->source, s->correlation == NULL ? "-" : s->correlation, s->causation == NULL ? "-" : s->causation,
	         s->event == NULL ? "-" : s->event, (unsigned long long)s->from, (unsigned long long)s->after, (unsigned long long)s->to, (unsigned long long)s->from_revision,
	         s->since == NULL ? "-" : s->since, s->until == NULL ? "-" : s->until, s->as_of == NULL ? "-" : s->as_of, s->shard, s->shards, s->has_limit,
	         (unsigned long long)s->limit, s->has_last, (unsigned long long)s->last, s->reverse);
	return text;
}

static int gather(void *context, const void *text, size_t size)
{
	buf_put(context, text, size);
	return 0;
}

/* The same twice: event by event, and as text on every core. */
static void compare(const struct world *w, const struct asked *a, const uint64_t *wanted, size_t n)
{
	struct buf one = {0}, all = {0};
	struct evs_error err;
	struct evs_event e;
	struct evs_read *r;
	size_t got = 0, size;
	int status;

	assert_int_equal(evs_read_new(w->store, &a->s, &r, &err), EVS_OK);
	while ((status = evs_read_next(r, &e, &err)) == EVS_OK) {
		CHECK(got < n && e.position == wanted[got], "number %zu is %llu, not %llu: %s", got, (unsigned long long)e.position, (unsigned long long)(got < n ? wanted[got] : 0), shown(a));
		got++;
		if (n > 3000)
			continue;
		char *text = evs_event_text(w->store, &e, EVS_JSON, &size);
		buf_put(&one, text, size);
		free(text);
	}
	CHECK(status == EVS_END && got == n, "%zu events, not %zu: %s", got, n, shown(a));
	evs_read_free(r);
	if (n <= 3000) {
		assert_int_equal(evs_read_new(w->store, &a->s, &r, &err), EVS_OK);
		assert_int_equal(evs_read_render(r, EVS_JSON, NULL, gather, &all, &err), EVS_OK);
		CHECK(all.size == one.size && (all.size == 0 || memcmp(all.data, one.data, all.size) == 0), "texts differ: %s", shown(a));
		evs_read_free(r);
	}
	buf_free(&one);
	buf_free(&all);
}

static void selectors_agree_with_looking(void **state)
{
	struct world w = {.store = open_store(in_folder("a.evs"), EVS_CREATE)};
	uint64_t seed = 61, *wanted;
	size_t ambiguous = 0, empty = 0;

	(void)state;
	add_events(&w, EVENTS / 2, true, &seed);
	add_events(&w, 20, false, &seed);
	add_events(&w, EVENTS / 2, true, &seed);
	add_events(&w, SMALL, false, &seed);
	read_all(&w);
	wanted = malloc((w.n + 1) * sizeof *wanted);
	for (int i = 0; i < 500; i++) {
		struct asked a;
		struct evs_read *r;
		struct evs_error err;
		const char *only = NULL;
		size_t n;
		ask(&a, &w, &seed);
		if (a.s.stream != NULL && a.s.aggregate_type == NULL) {
			unsigned of = types_of_stream(&w, a.s.stream, &only);
			if (of > 1) {
				CHECK(evs_read_new(w.store, &a.s, &r, &err) == EVS_AMBIGUOUS, "%s", shown(&a));
				ambiguous++;
				continue;
			}
		}
		n = expect(&w, &a, wanted);
		empty += n == 0;
		compare(&w, &a, wanted, n);
	}
	CHECK(ambiguous > 2 && empty > 50 && empty < 400, "%zu ambiguous, %zu empty: the test asks too little", ambiguous, empty);
	free(wanted);
	free(w.events);
	evs_close(w.store);
}

/* A reader that goes on sees each later event once, whatever was sealed meanwhile. */
static void reading_goes_on(void **state)
{
	struct world w = {.store = open_store(in_folder("a.evs"), EVS_CREATE)};
	struct evs_store *other = open_store(in_folder("a.evs"), EVS_READ);
	struct evs_selector s = {.types = (const char *const[]){"order.*"}, .n_types = 1};
	struct evs_error err;
	struct evs_event e;
	struct evs_read *r;
	uint64_t seed = 67, at = 0;

	(void)state;
	assert_int_equal(evs_read_new(other, &s, &r, &err), EVS_OK);
	assert_int_equal(evs_read_more(r, 0, &err), EVS_END);
	for (int round = 0; round < 12; round++) {
		add_events(&w, round % 3 == 0 ? 9000 : 40, round % 3 == 0, &seed);
		if (round % 2 == 0) {
			assert_int_equal(evs_read_more(r, 5000, &err), EVS_OK);
			while (evs_read_next(r, &e, &err) == EVS_OK) {
				for (at++; w.events[at].type > 2; at++)
					;
				assert_int_equal(e.position, at);
			}
			assert_int_equal(evs_read_position(r), w.n);
		}
	}
	evs_read_free(r);
	evs_read_free(NULL);
	evs_close(other);
	evs_close(w.store);
	free(w.events);
}

static int stop(void *context, const void *text, size_t size)
{
	(void)text;
	(void)size;
	return --*(int *)context < 0;
}

static void wrong_selectors(void **state)
{
	static const struct {
		struct evs_selector s;
		const char *message;
	} rows[] = {
		{{.since = "yesterday"}, "--since"}, {{.until = "x"}, "--until"}, {{.as_of = ""}, "--as-of"}, {{.shard = 0, .shards = 4}, "--shard"},
		{{.shard = 5, .shards = 4}, "--shard"},
	};
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	struct world w = {.store = store};
	uint64_t seed = 5;
	struct evs_error err;
	struct evs_read *r;
	int left = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(evs_read_new(store, &rows[i].s, &r, &err) == EVS_USAGE, "row %zu", i);
		CHECK(strstr(err.message, rows[i].message) != NULL, "%s", err.message);
		assert_null(r);
	}
	add_events(&w, 100, true, &seed);
	assert_int_equal(evs_read_new(store, &(struct evs_selector){0}, &r, &err), EVS_OK);
	assert_int_equal(evs_read_render(r, EVS_JSON, NULL, stop, &left, &err), EVS_INTERRUPTED);
	evs_read_free(r);
	assert_int_equal(evs_read_new(store, &(struct evs_selector){0}, &r, &err), EVS_OK);
	assert_int_equal(evs_read_render(r, EVS_FIELDS, "x", stop, &left, &err), EVS_USAGE);
	evs_read_free(r);
	evs_close(store);
	free(w.events);
}

/* A text gives the selectors that it was made of. */
static void texts_are_read_back(void **state)
{
	static const char *const list[] = {"a.*", "", "\"b\"\n"};
	static const struct evs_selector rows[] = {
		{0},
		{.stream = "s", .aggregate_type = "", .types = list, .n_types = 3, .event = "e", .correlation = "c", .causation = "d", .source = "web",
		 .tags = list, .n_tags = 1, .from = 1, .after = UINT64_MAX, .to = 3, .from_revision = 4, .since = "-15m", .until = "2026-01-01",
		 .as_of = "2026-01-02T03:04:05Z", .where = ".data.total > 100", .shard = 2, .shards = 4},
		{.source = "\xff is no UTF-8", .to = 7},
	};
	static const char *const wrong[] = {"", "[]", "{\"type\":\"x\"}", "{\"type\":[]}", "{\"type\":[1]}", "{\"stream\":1}", "{\"to\":\"x\"}", "{\"to\":0}",
	                                    "{\"shard\":\"1\"}", "{\"stream\":\"s\""};
	struct select_read read;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf text = {0}, again = {0};
		select_text(&text, &rows[i]);
		buf_byte(&text, 0);
		assert_true(select_read(&read, (const char *)text.data));
		select_text(&again, &read.selector);
		buf_byte(&again, 0);
		assert_string_equal((const char *)again.data, (const char *)text.data);
		select_read_release(&read);
		buf_free(&text);
		buf_free(&again);
	}
	for (size_t i = 0; i < COUNT(wrong); i++)
		CHECK(!select_read(&read, wrong[i]), "%s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(selectors_agree_with_looking),
		FOLDER_TEST(reading_goes_on),
		FOLDER_TEST(wrong_selectors),
		cmocka_unit_test(texts_are_read_back),
	};

	return RUN(tests);
}
