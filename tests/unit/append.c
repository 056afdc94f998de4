/* evs_append: how lines are cut, numbered, committed and told about. */
#include <pthread.h>
#include <signal.h>

#include "folder.h"

struct told {
	uint64_t receipts, duplicates, last_position, rejects, reject_lines[64];
	char message[300];
	uint64_t stop_at; /* end at this receipt; 0: never */
};

static int on_receipt(void *context, const struct evs_receipt *r)
{
	struct told *t = context;

	t->receipts++;
	t->duplicates += r->duplicate;
	if (!r->duplicate) {
		assert_int_equal(r->position, t->last_position + 1);
		t->last_position = r->position;
	}
	return t->receipts == t->stop_at;
}

static void on_reject(void *context, uint64_t line, const char *message)
{
	struct told *t = context;

	if (t->rejects < COUNT(t->reject_lines))
		t->reject_lines[t->rejects] = line;
	t->rejects++;
	snprintf(t->message, sizeof t->message, "%s", message);
}

static const struct evs_append_options plain = {.expect = EVS_EXPECT_ANY};

/* Append lines; what was done in *done. */
static int append(struct evs_store *store, const struct evs_append_options *o, const void *lines, size_t size, struct evs_append_result *done,
                  struct evs_error *err)
{
	struct evs_append *a;
	int status = evs_append_new(store, o, &a, err);

	*done = (struct evs_append_result){0};
	if (status != EVS_OK)
		return status;
	status = evs_append_lines(a, lines, size, err);
	if (status == EVS_OK)
		status = evs_append_finish(a, err);
	evs_append_result(a, done);
	evs_append_free(a);
	return status;
}

static int gather(void *context, const void *text, size_t size)
{
	buf_put(context, text, size);
	return 0;
}

/* All events of a store as text, without recordedAt. */
static void dump(struct evs_store *store, struct buf *out)
{
	struct evs_read *r;
	struct evs_error err;

	out->size = 0;
	assert_int_equal(evs_read_new(store, &(struct evs_selector){0}, &r, &err), EVS_OK);
	CHECK(evs_read_render(r, EVS_FIELDS, ".eventId,.position,.revision,.eventType,.data", gather, out, &err) == EVS_OK, "%s", err.message);
	evs_read_free(r);
}

static void make_lines(struct buf *out, size_t n, uint64_t *seed)
{
	static const char *const ends[] = {"\n", "\n", "\n", "\r\n", " \n", "\n\n", "\n \t\r\n"};

	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "{\"eventType\":\"t%zu\",\"eventId\":\"%zu\",\"aggregateId\":\"s%zu\",\"data\":\"", chance_of(seed, 40), i, chance_of(seed, 300));
		for (size_t k = chance_of(seed, chance_of(seed, 200) == 0 ? 20000 : 120); k > 0; k--)
			buf_byte(out, 'x');
		buf_text(out, "\"}");
		buf_text(out, chance_text(seed, ends, COUNT(ends)));
	}
}

struct feed {
	int fd;
	const struct buf *bytes;
	uint64_t seed;
};

/* Write the bytes in pieces of any size, with pauses. */
static void *feed(void *context)
{
	struct feed *f = context;

	for (size_t at = 0; at < f->bytes->size;) {
		size_t n = chance_of(&f->seed, chance_of(&f->seed, 3) == 0 ? 70000 : 300) + 1;
		if (n > f->bytes->size - at)
			n = f->bytes->size - at;
		ssize_t did = write(f->fd, f->bytes->data + at, n);
		if (did < 0)
			break;
		at += (size_t)did;
		if (chance_of(&f->seed, 40) == 0)
			usleep((unsigned)chance_of(&f->seed, 3000));
	}
	close(f->fd);
	return NULL;
}

/* However the input comes, the same events are in the store. */
static void pieces_make_no_difference(void **state)
{
	struct buf lines = {0}, whole = {0}, pieces = {0};
	struct evs_append_result done;
	struct evs_error err;
	uint64_t seed = 73;

	(void)state;
	make_lines(&lines, 12000, &seed);
	struct evs_store *a = open_store(in_folder("a.evs"), EVS_CREATE), *b = open_store(in_folder("b.evs"), EVS_CREATE);
	CHECK(append(a, &plain, lines.data, lines.size, &done, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(done.events, 12000);
	assert_int_equal(done.position, 12000);
	for (int round = 0; round < 2; round++) { /* the second time all are duplicates */
		struct evs_append_options o = plain;
		struct told told = {.last_position = 0};
		struct evs_append *append_b;
		pthread_t thread;
		int ends[2];
		struct feed f = {.bytes = &lines, .seed = seed + (uint64_t)round};
		o.on_receipt = on_receipt;
		o.context = &told;
		assert_int_equal(pipe(ends), 0);
		f.fd = ends[1];
		assert_int_equal(evs_append_new(b, &o, &append_b, &err), EVS_OK);
		pthread_create(&thread, NULL, feed, &f);
		CHECK(evs_append_read(append_b, ends[0], &err) == EVS_OK && evs_append_finish(append_b, &err) == EVS_OK, "%s", err.message);
		pthread_join(thread, NULL);
		evs_append_result(append_b, &done);
		assert_int_equal(done.events, round == 0 ? 12000 : 0);
		assert_int_equal(done.duplicates, round == 0 ? 0 : 12000);
		assert_int_equal(told.receipts, 12000);
		assert_int_equal(told.duplicates, done.duplicates);
		evs_append_free(append_b);
		close(ends[0]);
	}
	dump(a, &whole);
	dump(b, &pieces);
	assert_int_equal(whole.size, pieces.size);
	assert_memory_equal(whole.data, pieces.data, whole.size);
	evs_close(a);
	evs_close(b);
	buf_free(&lines);
	buf_free(&whole);
	buf_free(&pieces);
}

/* The number of a bad line is right wherever it stands, and all before it is committed. */
static void bad_lines_are_numbered(void **state)
{
	uint64_t seed = 79;

	(void)state;
	for (int round = 0; round < 12; round++) {
		struct buf lines = {0};
		struct evs_append_result done;
		struct evs_error err;
		size_t n = chance_of(&seed, round < 6 ? 20 : 30000), line = 0;
		char name[32], wanted[32];
		for (size_t i = 0; i < n; i++) {
			line += buf_room(&lines, 1);
			buf_printf(&lines, "{\"eventType\":\"a\",\"data\":%zu}\n", i);
			if (chance_of(&seed, 30) == 0) {
				buf_text(&lines, "\r\n");
				line++;
			}
		}
		buf_text(&lines, "{\"eventType\":5}\n{\"eventType\":\"b\"}\n");
		snprintf(name, sizeof name, "%d.evs", round);
		snprintf(wanted, sizeof wanted, "line %zu: ", line + 1);
		struct evs_store *store = open_store(in_folder(name), EVS_CREATE);
		assert_int_equal(append(store, &plain, lines.data, lines.size, &done, &err), EVS_BAD_EVENT);
		CHECK(strncmp(err.message, wanted, strlen(wanted)) == 0, "'%s' is not about %s", err.message, wanted);
		assert_int_equal(done.events, n);
		assert_int_equal(evs_last_position(store, &done.position, &err), EVS_OK);
		assert_int_equal(done.position, n);
		/* All or nothing: nothing. */
		struct evs_append_options o = plain;
		o.atomic = true;
		snprintf(name, sizeof name, "%d-atomic.evs", round);
		struct evs_store *atomic = open_store(in_folder(name), EVS_CREATE);
		assert_int_equal(append(atomic, &o, lines.data, lines.size, &done, &err), EVS_BAD_EVENT);
		assert_non_null(strstr(err.message, "nothing was appended"));
		assert_int_equal(evs_last_position(atomic, &done.position, &err), EVS_OK);
		assert_int_equal(done.position, 0);
		evs_close(atomic);
		evs_close(store);
		buf_free(&lines);
	}
}

static void bad_lines_are_put_aside(void **state)
{
	struct buf lines = {0};
	struct evs_append_result done;
	struct evs_error err;
	struct evs_stat stat;

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_text(&lines, i % 1000 == 7 ? "not an event\n" : "{\"eventType\":\"a\"}\n");
	for (int dlq = 0; dlq < 2; dlq++) {
		struct told told = {0};
		struct evs_append_options o = plain;
		struct evs_store *store = open_store(in_folder(dlq ? "dlq.evs" : "skip.evs"), EVS_CREATE);
		o.on_error = dlq ? EVS_DLQ : EVS_SKIP;
		o.on_receipt = on_receipt;
		o.on_reject = on_reject;
		o.context = &told;
		CHECK(append(store, &o, lines.data, lines.size, &done, &err) == EVS_OK, "%s", err.message);
		assert_true(done.events == 49950 && done.rejected == 50 && told.rejects == 50 && told.receipts == 49950);
		for (uint64_t i = 0; i < 50; i++)
			assert_int_equal(told.reject_lines[i], 1000 * i + 8);
		assert_int_equal(evs_stat(store, &stat, &err), EVS_OK);
		assert_int_equal(stat.dead_letters, dlq ? 50 : 0);
		assert_int_equal(stat.events, 49950);
		evs_close(store);
	}
	buf_free(&lines);
}

/* A line that is too long is one line: those behind it keep their numbers. */
static void long_lines_are_refused(void **state)
{
	struct buf lines = {0};
	struct evs_append_result done;
	struct evs_error err;

	(void)state;
	buf_text(&lines, "{\"eventType\":\"a\"}\n{\"eventType\":\"a\",\"data\":\"");
	assert_true(buf_room(&lines, 40u << 20));
	memset(lines.data + lines.size, 'x', 40u << 20);
	lines.size += 40u << 20;
	buf_text(&lines, "\"}\n{\"eventType\":\"a\"}\nx\n{\"eventType\":\"a\"}\n");
	struct told told = {0};
	struct evs_append_options o = plain;
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	o.on_error = EVS_SKIP;
	o.on_reject = on_reject;
	o.context = &told;
	CHECK(append(store, &o, lines.data, lines.size, &done, &err) == EVS_OK, "%s", err.message);
	assert_int_equal(done.events, 3);
	assert_int_equal(told.rejects, 2);
	assert_int_equal(told.reject_lines[0], 2);
	assert_int_equal(told.reject_lines[1], 4);
	assert_int_equal(append(store, &plain, lines.data, lines.size, &done, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "line 2: "));
	assert_non_null(strstr(err.message, "16 MiB"));
	evs_close(store);
	buf_free(&lines);
}

/* What was acknowledged comes back, however large packing made it. */
static void what_is_taken_can_be_read(void **state)
{
	static const char *const maps[] = {"eventType=.k", "eventType=.k,source=.s,correlationId=.s,causationId=.s", "eventType=.k,source=.s,data=.d,metadata=.d"};
	static const char one[] = "{\"eventType\":\"b\"}\n";
	struct buf line = {0}, out = {0};
	struct evs_append_result done;
	struct evs_error err;
	struct evs_read *r;

	(void)state;
	buf_text(&line, "{\"k\":\"a\",\"d\":{\"d\":[0");
	while (line.size < 8u << 20)
		buf_text(&line, ",1e1");
	buf_text(&line, "]},\"s\":\"");
	assert_true(buf_room(&line, 7u << 20));
	memset(line.data + line.size, 'x', 7u << 20);
	line.size += 7u << 20;
	buf_text(&line, "\"}\n");
	for (size_t i = 0; i < COUNT(maps); i++) {
		char name[16];
		struct evs_append_options o = plain;
		o.map = maps[i];
		snprintf(name, sizeof name, "%zu.evs", i);
		struct evs_store *store = open_store(in_folder(name), EVS_CREATE);
		append_lines(store, NULL, one, strlen(one));
		if (append(store, &o, line.data, line.size, &done, &err) == EVS_OK) {
			append_lines(store, NULL, one, strlen(one));
			out.size = 0;
			assert_int_equal(evs_read_new(store, &(struct evs_selector){0}, &r, &err), EVS_OK);
			CHECK(evs_read_render(r, EVS_FIELDS, ".position", gather, &out, &err) == EVS_OK, "--map %s was taken, and now: %s", maps[i], err.message);
			assert_string_equal(text_of(&out), "{\"position\":1}\n{\"position\":2}\n{\"position\":3}\n");
			evs_read_free(r);
		} else {
			CHECK(err.status == EVS_BAD_EVENT, "%s", err.message);
		}
		evs_close(store);
	}
	buf_free(&line);
	buf_free(&out);
}

/* Very many types at once, met by several threads before any has a number: each is found by a pattern. */
static void many_names_are_found(void **state)
{
	enum { COMMON = 2300, ROUNDS = 60, FRESH = 20 }; /* more common ones than a parser notes at once */
	struct buf lines = {0};
	struct evs_append_result done;
	struct evs_error err;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < COMMON; i++)
			buf_printf(&lines, "{\"eventType\":\"common-%d\",\"data\":\"some text that makes chunks end in time, and some more of it\"}\n", i);
		for (int i = 0; i < FRESH && round % 3 == 2; i++)
			buf_printf(&lines, "{\"eventType\":\"fresh-%d\"}\n", 1000 + round / 3 * FRESH + i);
	}
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	CHECK(append(store, &plain, lines.data, lines.size, &done, &err) == EVS_OK, "%s", err.message);
	for (int ten = 100; ten < 100 + ROUNDS / 3 * FRESH / 10; ten++) {
		char pattern[24];
		struct evs_selector s = {.types = (const char *const[]){pattern}, .n_types = 1};
		struct evs_event e;
		struct evs_read *r;
		int n = 0;
		snprintf(pattern, sizeof pattern, "fresh-%d?", ten);
		assert_int_equal(evs_read_new(store, &s, &r, &err), EVS_OK);
		while (evs_read_next(r, &e, &err) == EVS_OK)
			n++;
		CHECK(n == 10, "--type '%s' finds %d of 10 events", pattern, n);
		evs_read_free(r);
	}
	evs_close(store);
	buf_free(&lines);
}

static const struct {
	const char *name, *lines;
	int64_t expect;
	const char *fail_if;
	uint64_t after;
	int status;
	uint64_t position; /* of the store behind it */
	const char *message;
} conditions[] = {
	{"a new stream", "{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"2\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_OK, 2, ""},
	{"its retry", "{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"2\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_OK, 2, ""},
	{"half a retry", "{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_OK, 2, ""},
	{"a retry in another order", "{\"eventType\":\"a\",\"eventId\":\"2\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_CONFLICT, 2, ""},
	{"a retry somewhere else", "{\"eventType\":\"a\",\"eventId\":\"2\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_CONFLICT, 2, ""},
	{"old and new", "{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n", 0, NULL, 0, EVS_CONFLICT, 2, ""},
	{"new and old", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"1\",\"aggregateId\":\"s\"}\n", 2, NULL, 0, EVS_CONFLICT, 2, ""},
	{"not there any more", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n", 1, NULL, 0, EVS_CONFLICT, 2, "stream 's' is at revision 2, not 1"},
	{"not there yet", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n", 3, NULL, 0, EVS_CONFLICT, 2, "stream 's' is at revision 2, not 3"},
	{"another type is another stream", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\",\"aggregateType\":\"T\"}\n", 2, NULL, 0, EVS_CONFLICT, 2, "at revision 0"},
	{"none", "{\"eventType\":\"a\",\"eventId\":\"3\"}\n", 2, NULL, 0, EVS_BAD_EVENT, 2, "in no stream"},
	{"two streams", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n{\"eventType\":\"a\",\"eventId\":\"4\",\"aggregateId\":\"t\"}\n", 2, NULL, 0, EVS_BAD_EVENT, 2, "in another stream"},
	{"a stream that must exist", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"t\"}\n", EVS_EXPECT_EXISTS, NULL, 0, EVS_CONFLICT, 2, "does not exist"},
	{"and does", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\",\"tags\":[\"x\",\"y\"]}\n", EVS_EXPECT_EXISTS, NULL, 0, EVS_OK, 3, ""},
	{"its retry", "{\"eventType\":\"a\",\"eventId\":\"3\",\"aggregateId\":\"s\",\"tags\":[\"x\",\"y\"]}\n", EVS_EXPECT_EXISTS, NULL, 0, EVS_OK, 3, ""},
	{"other content", "{\"eventType\":\"b\",\"eventId\":\"3\",\"aggregateId\":\"s\"}\n", EVS_EXPECT_ANY, NULL, 0, EVS_CONFLICT, 3, "eventId '3' is in the store at position 3 with other content"},
	{"a tag", "{\"eventType\":\"b\",\"eventId\":\"4\"}\n", EVS_EXPECT_ANY, "[{\"tags\":[\"x\"]}]", 0, EVS_CONFLICT, 3, "position 3 matches"},
	{"behind it", "{\"eventType\":\"b\",\"eventId\":\"4\",\"tags\":[\"x\"]}\n", EVS_EXPECT_ANY, "[{\"tags\":[\"x\"]}]", 3, EVS_OK, 4, ""},
	{"its retry", "{\"eventType\":\"b\",\"eventId\":\"4\",\"tags\":[\"x\"]}\n", EVS_EXPECT_ANY, "[{\"tags\":[\"x\"]}]", 3, EVS_OK, 4, ""},
	{"a later retry", "{\"eventType\":\"b\",\"eventId\":\"4\",\"tags\":[\"x\"]}\n", EVS_EXPECT_ANY, "[{\"tags\":[\"x\"]}]", 4, EVS_CONFLICT, 4, ""},
	{"all tags", "{\"eventType\":\"c\",\"eventId\":\"5\"}\n", EVS_EXPECT_ANY, "[{\"tags\":[\"x\",\"z\"]}]", 0, EVS_OK, 5, ""},
	{"any type", "{\"eventType\":\"c\",\"eventId\":\"6\"}\n", EVS_EXPECT_ANY, "[{\"types\":[\"z\",\"c\"]}]", 0, EVS_CONFLICT, 5, "position 5 matches"},
	{"any item", "{\"eventType\":\"c\",\"eventId\":\"6\"}\n", EVS_EXPECT_ANY, "[{\"types\":[\"z\"]},{\"types\":[\"b\"],\"tags\":[\"x\"]}]", 0, EVS_CONFLICT, 5, "position 4 matches"},
	{"type and tag of the same event", "{\"eventType\":\"c\",\"eventId\":\"6\"}\n", EVS_EXPECT_ANY, "[{\"types\":[\"c\"],\"tags\":[\"x\"]}]", 0, EVS_OK, 6, ""},
	{"both", "{\"eventType\":\"c\",\"eventId\":\"7\",\"aggregateId\":\"s\"}\n", 3, "[{\"types\":[\"z\"]}]", 0, EVS_OK, 7, ""},
	{"everything", "{\"eventType\":\"c\",\"eventId\":\"8\"}\n", EVS_EXPECT_ANY, "[{}]", 6, EVS_CONFLICT, 7, "position 7 matches"},
	{"everything behind the end", "{\"eventType\":\"c\",\"eventId\":\"8\"}\n", EVS_EXPECT_ANY, "[{}]", 7, EVS_OK, 8, ""},
};

/* Row by row, on the same store; in the second round the store is sealed into segments first. */
static void conditions_hold(void **state)
{
	struct evs_append_result done;
	struct evs_error err;

	(void)state;
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	for (size_t i = 0; i < COUNT(conditions); i++) {
		struct evs_append_options o = {.expect = conditions[i].expect, .fail_if = conditions[i].fail_if, .after = conditions[i].after};
		uint64_t position;
		err.message[0] = '\0';
		int status = append(store, &o, conditions[i].lines, strlen(conditions[i].lines), &done, &err);
		CHECK(status == conditions[i].status, "row %zu, %s: %d %s", i, conditions[i].name, status, err.message);
		CHECK(strstr(err.message, conditions[i].message) != NULL, "row %zu, %s: '%s'", i, conditions[i].name, err.message);
		assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
		CHECK(position == conditions[i].position, "row %zu, %s: the store is at %llu", i, conditions[i].name, (unsigned long long)position);
	}
	evs_close(store);
}

static void wrong_options(void **state)
{
	static const struct evs_append_options rows[] = {
		{.expect = EVS_EXPECT_ANY, .map = "x"}, {.expect = EVS_EXPECT_ANY, .map = "eventType=.a", .cloudevents = true},
		{.expect = EVS_EXPECT_ANY, .fail_if = "x"}, {.expect = EVS_EXPECT_ANY, .after = 3},
	};
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	struct evs_append *a;
	struct evs_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK(evs_append_new(store, &rows[i], &a, &err) == EVS_USAGE, "row %zu", i);
		assert_null(a);
	}
	evs_append_free(NULL);
	evs_close(store);
}

static void receipts_can_end_it(void **state)
{
	struct told told = {.stop_at = 3};
	struct evs_append_options o = plain;
	struct evs_append_result done;
	struct buf lines = {0};
	struct evs_error err;
	uint64_t position;

	(void)state;
	for (int i = 0; i < 10; i++)
		buf_text(&lines, "{\"eventType\":\"a\"}\n");
	o.on_receipt = on_receipt;
	o.context = &told;
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	assert_int_equal(append(store, &o, lines.data, lines.size, &done, &err), EVS_INTERRUPTED);
	assert_int_equal(told.receipts, 3);
	assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
	assert_int_equal(position, 10); /* receipts follow the commit */
	evs_close(store);
	buf_free(&lines);
}

static void a_flag_ends_it(void **state)
{
	static volatile sig_atomic_t stop = 1;
	struct evs_append_options o = plain;
	struct evs_append *a;
	struct evs_error err;
	int ends[2];

	(void)state;
	o.stop = &stop;
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(evs_append_new(store, &o, &a, &err), EVS_OK);
	assert_int_equal(evs_append_read(a, ends[0], &err), EVS_INTERRUPTED); /* though the pipe says nothing */
	assert_int_equal(evs_append_lines(a, "{\"eventType\":\"a\"}\n", 18, &err), EVS_USAGE);
	evs_append_free(a);
	assert_int_equal(evs_append_new(store, &plain, &a, &err), EVS_OK);
	close(ends[0]);
	assert_int_equal(evs_append_read(a, ends[0], &err), EVS_IO);
	evs_append_free(a);
	evs_close(store);
	close(ends[1]);
}

/* Without evs_append_finish nothing of an atomic append is there. */
static void unfinished_is_nothing(void **state)
{
	struct evs_append_options o = plain;
	struct evs_append *a;
	struct evs_error err;
	uint64_t position;

	(void)state;
	o.atomic = true;
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	assert_int_equal(evs_append_new(store, &o, &a, &err), EVS_OK);
	assert_int_equal(evs_append_lines(a, "{\"eventType\":\"a\"}\n", 18, &err), EVS_OK);
	evs_append_free(a);
	assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
	assert_int_equal(position, 0);
	append_lines(store, NULL, "{\"eventType\":\"a\"}\n", 18);
	assert_int_equal(evs_last_position(store, &position, NULL), EVS_OK);
	assert_int_equal(position, 1);
	evs_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(pieces_make_no_difference), FOLDER_TEST(bad_lines_are_numbered), FOLDER_TEST(bad_lines_are_put_aside),
		FOLDER_TEST(long_lines_are_refused),    FOLDER_TEST(what_is_taken_can_be_read), FOLDER_TEST(many_names_are_found),
		FOLDER_TEST(conditions_hold),           FOLDER_TEST(wrong_options),          FOLDER_TEST(receipts_can_end_it),
		FOLDER_TEST(a_flag_ends_it),            FOLDER_TEST(unfinished_is_nothing),
	};

	return RUN(tests);
}
