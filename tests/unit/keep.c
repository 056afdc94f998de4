/* States that are kept: replay/keep.h. Whatever is kept or was let go of, each is the one that a fresh fold makes. */
#include "folder.h"
#include "replay/keep.h"
#include "store/store.h"

enum { EVENTS = 6000, STREAMS = 3, KEYS = 7, LOOKS = 3000 };

static const char by_stream[] = "on \"added\" { n += 1; last = .data.k; if .data.k == 5 { fail \"five\" } }";
static const char by_key[] = "key .data.k on \"added\" { n += 1; last = .data.k }";

/* Event i is of stream i % STREAMS and of key i % KEYS. */
static struct evs_store *new_store(void)
{
	struct evs_store *store = open_store(in_folder("a.evs"), EVS_CREATE);
	struct buf lines = {0};

	for (int i = 1; i <= EVENTS; i++)
		buf_printf(&lines, "{\"eventType\":\"added\",\"aggregateId\":\"s%d\",\"data\":{\"k\":%d}}\n", i % STREAMS, i % KEYS);
	append_lines(store, NULL, (const char *)lines.data, lines.size);
	buf_free(&lines);
	return store;
}

/* What the state must be, as text. */
static void wanted_state(struct buf *out, bool stream, int which, int position)
{
	int n = 0, last = -1, every = stream ? STREAMS : KEYS;

	for (int i = 1; i <= position; i++) {
		if (i % every != which || (stream && i % KEYS == 5))
			continue;
		n++;
		last = i % KEYS;
	}
	out->size = 0;
	if (n == 0)
		buf_text(out, "null");
	else
		buf_printf(out, "{\"n\":%d,\"last\":%d}", n, last);
}

/* The last event at or before a position that is of a stream or key. */
static uint64_t last_of(bool stream, int which, int position)
{
	while (position > 0 && position % (stream ? STREAMS : KEYS) != which)
		position--;
	return (uint64_t)position;
}

/* Look at states here and there, often near the last place, within a budget. */
static void look(const char *text, size_t budget)
{
	struct evs_store *store = new_store();
	struct walk_options walk = {.limit = SOURCE_NO_LIMIT};
	static const struct evs_selector all;
	struct buf wanted = {0}, found = {0};
	struct kept kept = {0};
	struct postings *postings;
	struct evs_error err;
	struct fold *f;
	struct keep *k;
	unsigned chance = 17;
	int position = 1;
	bool stream;

	CHECK(fold_parse("t.fold", text, strlen(text), &f, &err) == EVS_OK, "%s", err.message);
	stream = fold_by_stream(f);
	walk.fold = f;
	walk.selector = &all;
	postings = stream ? NULL : postings_new(store, f, &all, NULL);
	k = keep_new(&(struct keep_options){store, &walk, postings, budget});
	assert_non_null(k);
	for (int i = 0; i < LOOKS; i++) {
		char key[8];
		int which;

		chance = chance * 1103515245u + 12345u;
		if (chance >> 28 < 2)
			position = (int)((chance >> 8) % EVENTS) + 1;
		else
			position += chance >> 28 < 9 ? -1 : 1;
		position = position < 1 ? 1 : position > EVENTS ? EVENTS : position;
		which = (int)((chance >> 4) % (stream ? STREAMS : KEYS));
		snprintf(key, sizeof key, stream ? "s%d" : "%d", which);
		CHECK(keep_find(k, (struct span){key, strlen(key)}, (struct span){0}, (uint64_t)position, &kept, &err) == EVS_OK, "%s", err.message);
		wanted_state(&wanted, stream, which, position);
		found.size = 0;
		assert_true(value_render(&found, store->names, &kept.value));
		CHECK(found.size == wanted.size && memcmp(found.data, wanted.data, wanted.size) == 0, "look %d: at %d of %s it is %.*s, not %.*s", i,
		      position, key, (int)found.size, (const char *)found.data, (int)wanted.size, (const char *)wanted.data);
		assert_int_equal(kept.position, last_of(stream, which, position));
		assert_int_equal(kept.failure.size > 0, stream && kept.position > 0 && kept.position % KEYS == 5);
		assert_true(keep_bytes(k) <= budget + 1000);
	}
	kept_release(&kept);
	keep_free(k);
	postings_free(postings);
	fold_free(f);
	buf_free(&wanted);
	buf_free(&found);
	evs_close(store);
}

static void states_are_right_with_room(void **state)
{
	(void)state;
	look(by_stream, 1 << 24);
}

static void states_are_right_without_room(void **state)
{
	(void)state;
	look(by_stream, 20000);
}

static void states_by_another_key_are_right(void **state)
{
	(void)state;
	look(by_key, 1 << 24);
}

static void states_by_another_key_are_right_without_room(void **state)
{
	(void)state;
	look(by_key, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(states_are_right_with_room),
		FOLDER_TEST(states_are_right_without_room),
		FOLDER_TEST(states_by_another_key_are_right),
		FOLDER_TEST(states_by_another_key_are_right_without_room),
	};

	return RUN(tests);
}
