/* Walking through history: replay/walk.h. What replay prints is in tests/replay.bats; here is what it stands on. */
#include "folder.h"
#include "replay/walk.h"

static const char account[] = "on \"opened\" { n = 0 } on \"added\" { n += .data; push l .data } on \"closed\" { delete }";
static const char by_key[] = "key .data on \"added\" { n += 1 }";

static const char events[] =
	"{\"eventType\":\"opened\",\"aggregateId\":\"a\",\"aggregateType\":\"T\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\n"
	"{\"eventType\":\"opened\",\"aggregateId\":\"b\",\"timestamp\":\"2026-01-02T00:00:00Z\"}\n"
	"{\"eventType\":\"added\",\"aggregateId\":\"a\",\"aggregateType\":\"T\",\"data\":5,\"timestamp\":\"2026-01-03T00:00:00Z\"}\n"
	"{\"eventType\":\"noted\",\"aggregateId\":\"a\",\"aggregateType\":\"T\",\"timestamp\":\"2026-01-04T00:00:00Z\"}\n"
	"{\"eventType\":\"added\",\"aggregateId\":\"b\",\"data\":7,\"timestamp\":\"2026-01-06T00:00:00Z\"}\n"
	"{\"eventType\":\"added\",\"aggregateId\":\"a\",\"aggregateType\":\"T\",\"data\":7,\"timestamp\":\"2026-01-05T00:00:00Z\"}\n"
	"{\"eventType\":\"closed\",\"aggregateId\":\"b\",\"timestamp\":\"2026-01-07T00:00:00Z\"}\n";

static const uint64_t not_3[] = {3}, not_3_6[] = {3, 6};

/* The steps of walks in short: the event's position (- for a draft), then key=state of those it counts for. */
static const struct {
	const char *fold, *key;
	struct source_limit limit;
	const uint64_t *without;
	size_t n_without;
	const char *with;
	const char *wanted;
} rows[] = {
	{account, "a", SOURCE_NO_LIMIT, NULL, 0, NULL,
	 "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 6 a={\"n\":12,\"l\":[5,7]} "},
	{account, NULL, SOURCE_NO_LIMIT, NULL, 0, NULL,
	 "1 a={\"n\":0} 2 b={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 5 b={\"n\":7,\"l\":[7]} 6 a={\"n\":12,\"l\":[5,7]} 7 b=null "},
	{account, "none", SOURCE_NO_LIMIT, NULL, 0, NULL, ""},
	{by_key, NULL, SOURCE_NO_LIMIT, NULL, 0, NULL, "3 5={\"n\":1} 5 7={\"n\":1} 6 7={\"n\":2} "},
	{by_key, "7", SOURCE_NO_LIMIT, NULL, 0, NULL, "5 7={\"n\":1} 6 7={\"n\":2} "},
	/* Up to a moment. */
	{account, "a", {.position = 4, .revision = UINT64_MAX, .moment = INT64_MAX}, NULL, 0, NULL, "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} "},
	{account, "a", {.position = 0, .revision = UINT64_MAX, .moment = INT64_MAX}, NULL, 0, NULL, ""},
	{account, "a", {.position = UINT64_MAX, .revision = 2, .moment = INT64_MAX}, NULL, 0, NULL, "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} "},
	{account, NULL, {.position = UINT64_MAX, .revision = 1, .moment = INT64_MAX}, NULL, 0, NULL, "1 a={\"n\":0} 2 b={\"n\":0} "},
	{account, NULL, {.position = UINT64_MAX, .revision = UINT64_MAX, .moment = 1767571200000000000}, NULL, 0, NULL, /* 2026-01-05 */
	 "1 a={\"n\":0} 2 b={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 6 a={\"n\":12,\"l\":[5,7]} "},
	/* Without. */
	{account, "a", SOURCE_NO_LIMIT, not_3, 1, NULL, "1 a={\"n\":0} 4 a={\"n\":0} 6 a={\"n\":7,\"l\":[7]} "},
	{account, "a", SOURCE_NO_LIMIT, not_3_6, 2, NULL, "1 a={\"n\":0} 4 a={\"n\":0} "},
	/* With: of the stream that is walked, of the one that it names, by time. */
	{account, "a", SOURCE_NO_LIMIT, NULL, 0, "{\"eventType\":\"added\",\"data\":1}", "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 6 a={\"n\":12,\"l\":[5,7]} - a={\"n\":13,\"l\":[5,7,1]} "},
	{account, "a", SOURCE_NO_LIMIT, NULL, 0, "{\"eventType\":\"added\",\"aggregateId\":\"b\",\"data\":1}", "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 6 a={\"n\":12,\"l\":[5,7]} "},
	{account, "a", SOURCE_NO_LIMIT, NULL, 0, "{\"eventType\":\"added\",\"aggregateId\":\"a\",\"aggregateType\":\"U\",\"data\":1}", "1 a={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 6 a={\"n\":12,\"l\":[5,7]} "},
	{account, NULL, SOURCE_NO_LIMIT, NULL, 0, "{\"eventType\":\"added\",\"aggregateId\":\"b\",\"data\":1,\"timestamp\":\"2026-01-06T00:00:00Z\"}",
	 "1 a={\"n\":0} 2 b={\"n\":0} 3 a={\"n\":5,\"l\":[5]} 4 a={\"n\":5,\"l\":[5]} 5 b={\"n\":7,\"l\":[7]} 6 a={\"n\":12,\"l\":[5,7]} - b={\"n\":8,\"l\":[7,1]} 7 b=null "},
	{account, "a", {.position = 1, .revision = UINT64_MAX, .moment = INT64_MAX}, NULL, 0, "{\"eventType\":\"added\",\"data\":1,\"timestamp\":\"2025-01-01T00:00:00Z\"}\n\n{\"eventType\":\"x\"}",
	 "- a={\"n\":1,\"l\":[1]} 1 a={\"n\":0,\"l\":[1]} - a={\"n\":0,\"l\":[1]} "},
};

static struct evs_store *new_store(void)
{
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);

	append_lines(store, NULL, events, strlen(events));
	return store;
}

static struct fold *parse(const char *text)
{
	struct fold *f;
	struct evs_error err;

	CHECK(fold_parse("t.fold", text, strlen(text), &f, &err) == EVS_OK, "%s", err.message);
	return f;
}

static void put_states(struct buf *out, const struct walk *w)
{
	const struct walk_state *s;

	for (size_t i = 0; (s = walk_touched(w, i)) != NULL; i++) {
		buf_put(out, s->key.text, s->key.size);
		buf_byte(out, '=');
		assert_true(value_render(out, walk_names(w), &s->value));
		buf_byte(out, ' ');
	}
}

static void steps_are_these(void **state)
{
	struct evs_store *store = new_store();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fold *f = parse(rows[i].fold);
		struct walk_options options = {.fold = f, .key = rows[i].key, .limit = rows[i].limit, .without = rows[i].without,
		                               .n_without = rows[i].n_without, .with = rows[i].with, .with_size = rows[i].with == NULL ? 0 : strlen(rows[i].with)};
		struct buf out = {0};
		struct evs_error err;
		struct walk *w;
		int status;

		CHECK(walk_open(store, &options, &w, &err) == EVS_OK, "row %zu: %s", i, err.message);
		while ((status = walk_next(w, &err)) == EVS_OK) {
			if (walk_record(w)->position == 0)
				buf_text(&out, "- ");
			else
				buf_printf(&out, "%d ", (int)walk_record(w)->position);
			put_states(&out, w);
		}
		CHECK(status == EVS_END, "row %zu: %s", i, err.message);
		assert_int_equal(walk_next(w, &err), EVS_END);
		CHECK(strcmp(text_of(&out), rows[i].wanted) == 0, "row %zu\n  is %s\n not %s", i, (const char *)out.data, rows[i].wanted);
		walk_close(w);
		fold_free(f);
		buf_free(&out);
	}
	evs_close(store);
}

/* Each event taken back leaves the state that was there before it; the walk goes on from there. */
static void an_event_can_be_taken_back(void **state)
{
	struct evs_store *store = new_store();
	struct fold *f = parse(account);
	struct walk_options options = {.fold = f, .key = "a", .limit = SOURCE_NO_LIMIT};
	struct buf before = {0}, after = {0};
	struct evs_error err;
	struct walk *w;

	(void)state;
	for (int lost = 1; lost <= 4; lost++) { /* the one that is taken back */
		const struct walk_state *s;
		uint64_t position = 0;
		assert_int_equal(walk_open(store, &options, &w, &err), EVS_OK);
		s = walk_state(w);
		assert_int_equal(s->position, 0);
		assert_true(value_is_null(&s->value));
		for (int i = 1; walk_next(w, &err) == EVS_OK; i++) {
			if (i == lost) {
				walk_back(w);
				walk_back(w);
				after.size = 0;
				assert_true(value_render(&after, walk_names(w), &s->value));
				assert_string_equal(text_of(&after), i == 1 ? "null" : text_of(&before));
				assert_int_equal(s->position, position);
			}
			before.size = 0;
			assert_true(value_render(&before, walk_names(w), &s->value));
			position = s->position;
		}
		assert_string_equal(text_of(&before), lost == 1 || lost == 3 ? "{\"n\":12,\"l\":[5,7]}" :
		                                      lost == 2              ? "{\"n\":7,\"l\":[7]}" : "{\"n\":5,\"l\":[5]}");
		walk_close(w);
	}
	buf_free(&before);
	buf_free(&after);
	fold_free(f);
	evs_close(store);
}

/* An event on which the fold fails is named and changes nothing; what comes behind it can be walked on to. */
static void a_failure_changes_nothing(void **state)
{
	struct evs_store *store = new_store();
	struct fold *f = parse("on \"*\" { n += 1; if .position == 3 { m = 1; fail \"no\" } }");
	struct walk_options options = {.fold = f, .key = "a", .limit = SOURCE_NO_LIMIT};
	struct buf out = {0};
	struct evs_error err;
	struct walk *w;

	(void)state;
	assert_int_equal(walk_open(store, &options, &w, &err), EVS_OK);
	assert_int_equal(walk_next(w, &err), EVS_OK);
	assert_int_equal(walk_next(w, &err), EVS_BAD_EVENT);
	assert_string_equal(err.message, "the event at position 3: t.fold:1: no");
	assert_int_equal(walk_state(w)->position, 1);
	while (walk_next(w, &err) == EVS_OK)
		;
	assert_int_equal(walk_state(w)->position, 6);
	assert_true(value_render(&out, walk_names(w), &walk_state(w)->value));
	assert_string_equal(text_of(&out), "{\"n\":3}");
	walk_close(w);
	fold_free(f);
	buf_free(&out);
	evs_close(store);
}

static void states_come_by_key_and_type(void **state)
{
	static const char more[] =
		"{\"eventType\":\"opened\",\"aggregateId\":\"a\",\"aggregateType\":\"S\"}\n"
		"{\"eventType\":\"opened\",\"aggregateId\":\"a\"}\n"
		"{\"eventType\":\"opened\",\"aggregateId\":\"\"}\n"
		"{\"eventType\":\"opened\",\"aggregateId\":\"aa\",\"aggregateType\":\"A\"}\n";
	static const char *const wanted[] = {"/", "a/", "a/S", "a/T", "aa/A", "b/"};
	struct evs_store *store = new_store();
	struct fold *f = parse(account);
	struct walk_options options = {.fold = f, .limit = SOURCE_NO_LIMIT};
	const struct walk_state **list;
	struct evs_error err;
	struct walk *w;
	size_t n;

	(void)state;
	append_lines(store, NULL, more, strlen(more));
	assert_int_equal(walk_open(store, &options, &w, &err), EVS_OK);
	while (walk_next(w, &err) == EVS_OK)
		;
	list = walk_states(w, &n, &err);
	assert_int_equal(n, COUNT(wanted));
	for (size_t i = 0; i < n; i++) {
		char name[40];
		snprintf(name, sizeof name, "%.*s/%.*s", (int)list[i]->key.size, list[i]->key.text, (int)list[i]->type.size,
		         list[i]->type.text == NULL ? "" : list[i]->type.text);
		assert_string_equal(name, wanted[i]);
		assert_int_equal(list[i]->type.text == NULL, name[strlen(name) - 1] == '/');
	}
	free(list);
	walk_close(w);
	fold_free(f);
	evs_close(store);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct evs_store *store = new_store();
	struct fold *f = parse(account);
	struct evs_selector selector = {.since = "yesterday"};
	struct walk_options options = {.fold = f, .limit = SOURCE_NO_LIMIT, .selector = &selector};
	struct evs_error err;
	struct walk *w;

	(void)state;
	assert_int_equal(walk_open(store, &options, &w, &err), EVS_USAGE);
	assert_null(w);
	options = (struct walk_options){.fold = f, .limit = SOURCE_NO_LIMIT, .with = "{}\n", .with_size = 3};
	assert_int_equal(walk_open(store, &options, &w, &err), EVS_BAD_EVENT);
	assert_non_null(strstr(err.message, "line 1: "));
	assert_null(w);
	walk_close(NULL);
	fold_free(f);
	evs_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(steps_are_these),
		FOLDER_TEST(an_event_can_be_taken_back),
		FOLDER_TEST(a_failure_changes_nothing),
		FOLDER_TEST(states_come_by_key_and_type),
		FOLDER_TEST(what_makes_no_sense_is_refused),
	};

	return RUN(tests);
}
