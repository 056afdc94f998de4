/* store/segment.h: events by chance in, the same events out; damage is noticed. */
#include "base/hash.h"
#include "event/packed.h"
#include "store/segment.h"
#include "unit.h"

struct model {
	struct segment_item *items;
	size_t n;
	uint8_t **bodies;
	uint32_t **uuids;
};

static bool note(void *context, uint32_t offset)
{
	struct segment_item *item = context;
	uint32_t *list = realloc((uint32_t *)(uintptr_t)item->uuids, (item->n_uuids + 1) * sizeof *list);

	list[item->n_uuids++] = offset;
	item->uuids = list;
	return true;
}

/* A packed value that is a map of strings, numbers and UUIDs. */
static size_t make_body(uint8_t *out, uint64_t *seed, size_t fields)
{
	static const char *const words[] = {"order.placed", "a", "", "customer", "0123456789abcdefghij"};
	uint8_t *p = out, uuid[16];

	packed_put_map(&p, fields);
	for (size_t i = 0; i < fields; i++) {
		packed_put_uint16(&p, (uint16_t)chance_of(seed, 300));
		switch (chance_of(seed, 4)) {
		case 0:
			memset(uuid, (int)chance_of(seed, 256), 16);
			packed_put_uuid(&p, uuid);
			break;
		case 1:
			packed_put_uint64(&p, chance(seed) >> chance_of(seed, 64));
			break;
		default: {
			const char *word = chance_text(seed, words, COUNT(words));
			packed_put_text(&p, word, strlen(word));
		}
		}
	}
	return (size_t)(p - out);
}

static void model_make(struct model *m, size_t n, size_t streams, uint64_t first, uint64_t *seed)
{
	int64_t recorded = INT64_C(1778754600000000);
	uint8_t body[8000];

	m->n = n;
	m->items = calloc(n, sizeof *m->items);
	for (size_t i = 0; i < n; i++) {
		struct segment_item *item = &m->items[i];
		size_t size = make_body(body, seed, chance_of(seed, chance_of(seed, 50) == 0 ? 200 : 12));
		uint8_t *copy = malloc(size);
		size_t stream = chance_of(seed, streams + 1);
		memcpy(copy, body, size);
		recorded += (int64_t)chance_of(seed, 1000);
		item->record = (struct record){first + i, stream == 0 ? 0 : chance_of(seed, 100000) + 1, recorded, copy, (uint32_t)size};
		item->stream = stream == 0 ? 0 : hash_mix(stream);
		item->moment = (int64_t)chance(seed);
		assert_true(packed_uuids(copy, size, note, item));
	}
}

static void model_free(struct model *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free((void *)(uintptr_t)m->items[i].record.body);
		free((void *)(uintptr_t)m->items[i].uuids);
	}
	free(m->items);
}

static void check_record(const struct record *got, const struct record *wanted)
{
	CHECK(got->position == wanted->position && got->revision == wanted->revision && got->recorded_us == wanted->recorded_us &&
	              got->size == wanted->size && memcmp(got->body, wanted->body, got->size) == 0,
	      "position %llu", (unsigned long long)wanted->position);
	for (size_t i = 0; i < RENDER_PAD; i++) /* readable */
		(void)*(volatile const uint8_t *)&got->body[got->size + i];
}

static void events_come_back(void **state)
{
	static const struct {
		size_t n, streams;
	} rows[] = {{1, 0}, {1, 1}, {2, 1}, {3, 3}, {100, 0}, {511, 7}, {512, 7}, {3000, 1}, {3000, 40}, {5000, 5000}, {SEGMENT_EVENTS_MAX, 100}};
	struct zip *zip = zip_new();
	struct zip_dict *dict = zip_dict_new(NULL, 0, true);
	struct segment_events e = {0};
	uint64_t seed = 41;

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		struct model m = {0};
		struct buf out = {0};
		struct segment s;
		int64_t least = INT64_MAX, most = INT64_MIN;
		uint32_t *wanted;
		size_t n_wanted = 0;
		model_make(&m, rows[row].n, rows[row].streams, UINT64_C(1) << (row * 4), &seed);
		buf_text(&out, "before");
		assert_true(segment_build(zip, dict, 9, m.items, m.n, &out));
		uint8_t *exact = malloc(out.size - 6); /* so that a read behind it is seen */
		memcpy(exact, out.data + 6, out.size - 6);
		assert_true(segment_open(&s, exact, out.size - 6));
		assert_true(segment_checksum_ok(&s));
		assert_true(s.first == m.items[0].record.position && s.count == m.n && s.dict_id == 9);
		for (size_t i = 0; i < m.n; i++) {
			least = m.items[i].moment < least ? m.items[i].moment : least;
			most = m.items[i].moment > most ? m.items[i].moment : most;
		}
		assert_true(s.min_moment == least && s.max_moment == most);
		assert_true(s.min_recorded == m.items[0].record.recorded_us && s.max_recorded == m.items[m.n - 1].record.recorded_us);
		assert_int_equal(segment_read(&s, zip, dict, NULL, 0, &e, NULL), EVS_OK);
		assert_int_equal(e.n, m.n);
		for (size_t i = 0; i < m.n; i++)
			check_record(&e.records[i], &m.items[i].record);
		wanted = malloc(m.n * sizeof *wanted);
		for (int round = 0; round < 30; round++) {
			size_t one_of = (size_t)1 << chance_of(&seed, 12);
			n_wanted = 0;
			for (size_t i = 0; i < m.n; i++)
				if (chance_of(&seed, one_of) == 0)
					wanted[n_wanted++] = (uint32_t)i;
			assert_int_equal(segment_read(&s, zip, dict, wanted, n_wanted, &e, NULL), EVS_OK);
			assert_int_equal(e.n, n_wanted);
			for (size_t i = 0; i < n_wanted; i++)
				check_record(&e.records[i], &m.items[wanted[i]].record);
		}
		wanted[0] = (uint32_t)m.n; /* where no event is */
		assert_int_equal(segment_read(&s, zip, dict, wanted, 1, &e, NULL), EVS_CORRUPT);
		free(wanted);
		free(exact);
		buf_free(&out);
		model_free(&m);
	}
	segment_events_free(&e);
	zip_dict_free(dict);
	zip_free(zip);
}

/* Events of a stream lie side by side: one of them costs one frame or two, not all. */
static void streams_lie_together(void **state)
{
	struct zip *zip = zip_new();
	struct zip_dict *dict = zip_dict_new(NULL, 0, true);
	struct model m = {0};
	struct buf out = {0};
	struct segment s;
	uint64_t seed = 43;

	(void)state;
	model_make(&m, 6000, 60, 1, &seed);
	assert_true(segment_build(zip, dict, 0, m.items, m.n, &out));
	assert_true(segment_open(&s, out.data, out.size));
	assert_in_range(s.n_frames, 10, 1000);
	for (size_t stream = 1; stream <= 60; stream++) {
		uint32_t least = UINT32_MAX, most = 0;
		for (size_t i = 0; i < m.n; i++) {
			uint32_t f = (uint32_t)s.frame_of[2 * i] | (uint32_t)s.frame_of[2 * i + 1] << 8;
			if (m.items[i].stream == hash_mix(stream)) {
				least = f < least ? f : least;
				most = f > most ? f : most;
			}
		}
		CHECK(most - least <= 1, "stream %zu lies in frames %u to %u of %u", stream, least, most, s.n_frames);
	}
	buf_free(&out);
	model_free(&m);
	zip_dict_free(dict);
	zip_free(zip);
}

/* Where a segment that is read in parts comes from. */
struct parts {
	const uint8_t *whole;
	uint8_t *there;
	size_t calls, bytes;
	int status;
};

static int fill(void *source, size_t from, size_t to)
{
	struct parts *p = source;

	memcpy(p->there + from, p->whole + from, to - from);
	p->calls++;
	p->bytes += to - from;
	return p->status;
}

/* Of a segment whose directory alone is there, the frames that are wanted are read, neighbours at once, and no others. */
static void frames_are_filled_in(void **state)
{
	struct zip *zip = zip_new();
	struct zip_dict *dict = zip_dict_new(NULL, 0, true);
	struct segment_events e = {0};
	struct parts parts = {0};
	struct model m = {0};
	struct buf out = {0};
	struct segment s, whole;
	size_t directory;
	uint64_t seed = 53;

	(void)state;
	model_make(&m, 6000, 60, 1, &seed);
	assert_true(segment_build(zip, dict, 0, m.items, m.n, &out));
	assert_true(segment_open(&whole, out.data, out.size));
	directory = (size_t)(whole.body - whole.bytes);
	parts.whole = out.data;
	parts.there = malloc(out.size);
	for (int round = 0; round < 100; round++) {
		uint32_t wanted[3] = {(uint32_t)chance_of(&seed, 2000), (uint32_t)(2000 + chance_of(&seed, 2000)), (uint32_t)(4000 + chance_of(&seed, 2000))};
		bool all = round == 0;
		memset(parts.there, 0xaa, out.size);
		memcpy(parts.there, out.data, directory);
		assert_true(segment_open(&s, parts.there, out.size));
		s.fill = fill;
		s.source = &parts;
		parts.calls = parts.bytes = 0;
		parts.status = EVS_OK;
		assert_int_equal(segment_read(&s, zip, dict, all ? NULL : wanted, 3, &e, NULL), EVS_OK);
		assert_int_equal(e.n, all ? m.n : 3);
		for (size_t i = 0; i < e.n; i++)
			check_record(&e.records[i], &m.items[all ? i : wanted[i]].record);
		if (all)
			assert_true(parts.calls == 1 && parts.bytes == out.size - directory);
		else
			CHECK(parts.calls <= 3 && parts.bytes < out.size / 2, "%zu calls for %zu of %zu bytes", parts.calls, parts.bytes, out.size);
		parts.status = EVS_IO;
		assert_int_equal(segment_read(&s, zip, dict, all ? NULL : wanted, 3, &e, NULL), EVS_IO);
		assert_int_equal(e.n, 0);
	}
	free(parts.there);
	segment_events_free(&e);
	buf_free(&out);
	model_free(&m);
	zip_dict_free(dict);
	zip_free(zip);
}

/* Whatever is wrong, reading stays inside, and what is said to be right is right. */
static void damage_is_noticed(void **state)
{
	struct zip *zip = zip_new();
	struct zip_dict *dict = zip_dict_new(NULL, 0, true);
	struct segment_events e = {0};
	struct model m = {0};
	struct buf out = {0};
	struct segment s;
	uint64_t seed = 47;
	size_t missed = 0;

	(void)state;
	model_make(&m, 300, 20, 5, &seed);
	assert_true(segment_build(zip, dict, 0, m.items, m.n, &out));
	for (size_t at = 0; at < out.size; at++) {
		uint8_t *exact = malloc(out.size);
		bool directory, read, right = true;
		memcpy(exact, out.data, out.size);
		exact[at] ^= (uint8_t)(1 << chance_of(&seed, 8));
		if (segment_open(&s, exact, out.size)) {
			directory = segment_checksum_ok(&s);
			read = segment_read(&s, zip, dict, NULL, 0, &e, NULL) == EVS_OK;
			for (size_t i = 0; read && i < e.n && i < m.n; i++)
				right &= e.records[i].position == m.items[i].record.position && e.records[i].revision == m.items[i].record.revision &&
				         e.records[i].size == m.items[i].record.size && memcmp(e.records[i].body, m.items[i].record.body, e.records[i].size) == 0;
			missed += directory && read;
			CHECK(!(directory && read) || right, "byte %zu is wrong and nobody says so", at);
		}
		free(exact);
	}
	CHECK(missed < 10, "%zu of %zu bytes are checked by nothing", missed, out.size); /* zstd's reserved bits say nothing */
	for (size_t cut = 0; cut < out.size; cut += 1 + chance_of(&seed, 20)) {
		uint8_t *exact = malloc(cut == 0 ? 1 : cut);
		memcpy(exact, out.data, cut);
		if (segment_open(&s, exact, cut))
			CHECK(segment_read(&s, zip, dict, NULL, 0, &e, NULL) != EVS_OK, "cut to %zu", cut);
		free(exact);
	}
	for (int i = 0; i < 20000; i++) { /* several bytes at once, the directory among them */
		uint8_t *exact = malloc(out.size);
		memcpy(exact, out.data, out.size);
		for (size_t k = chance_of(&seed, 6); k < 6; k++)
			exact[chance_of(&seed, chance_of(&seed, 2) == 0 ? 900 : out.size)] = (uint8_t)chance(&seed);
		if (segment_open(&s, exact, out.size)) {
			uint32_t some[] = {0, 17, 299}, bad = 0;
			segment_read(&s, zip, dict, NULL, 0, &e, &bad);
			segment_read(&s, zip, dict, some, 3, &e, &bad);
		}
		free(exact);
	}
	segment_events_free(&e);
	buf_free(&out);
	model_free(&m);
	zip_dict_free(dict);
	zip_free(zip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_back),
		cmocka_unit_test(streams_lie_together),
		cmocka_unit_test(frames_are_filled_in),
		cmocka_unit_test(damage_is_noticed),
	};

	return RUN(tests);
}
