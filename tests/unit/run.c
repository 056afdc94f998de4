/* store/run.h: the index against a model that looks at everything. */
#include "base/hash.h"
#include "event/term.h"
#include "store/run.h"
#include "unit.h"

#define SEED 99 /* the store's */

struct stream {
	char id[32], type[32];
	bool has_type;
};

/* What a run was made of, in the order of positions. */
struct model {
	struct run_entry *events, *terms;
	struct run_stream *streams;
	struct stream *names;
	uint8_t (*uuids)[16];
	size_t n_events, n_terms, n_streams;
	uint64_t first;
	uint32_t count;
};

static int by_hash(const void *a, const void *b)
{
	const struct run_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static uint64_t any_hash(uint64_t *seed, size_t different)
{
	uint64_t n = chance_of(seed, different) + 1;

	return hash_mix(n * 0x9e3779b97f4a7c15u);
}

static void model_make(struct model *m, uint64_t first, uint32_t count, size_t terms, size_t streams, uint64_t *seed)
{
	*m = (struct model){.first = first, .count = count, .n_streams = streams};
	m->events = calloc(count + 1, sizeof *m->events);
	m->terms = calloc(4 * (size_t)count + 1, sizeof *m->terms);
	m->streams = calloc(streams + 1, sizeof *m->streams);
	m->names = calloc(streams + 1, sizeof *m->names);
	m->uuids = calloc(streams + 1, sizeof *m->uuids);
	for (uint32_t i = 0; i < count; i++) {
		m->events[m->n_events++] = (struct run_entry){chance(seed), i};
		for (size_t k = chance_of(seed, 5); k < 4; k++)
			m->terms[m->n_terms++] = (struct run_entry){any_hash(seed, terms), i};
	}
	for (size_t i = 0; i < streams; i++) {
		struct stream *name = &m->names[i];
		struct run_stream *s = &m->streams[i];
		size_t number = i / 3; /* up to three types of one id */
		if (number % 4 == 3)
			snprintf(name->id, sizeof name->id, "%s", "");
		else
			snprintf(name->id, sizeof name->id, "stream-%zu", number);
		name->has_type = i % 3 != 0;
		snprintf(name->type, sizeof name->type, "Type%zu", i % 3);
		if (number % 4 == 3) {
			put64(m->uuids[i], number);
			s->id = (struct text){.kind = TEXT_UUID, .size = 16, .bytes = m->uuids[i]};
		} else {
			s->id = (struct text){.kind = TEXT_STRING, .size = (uint32_t)strlen(name->id), .bytes = (const uint8_t *)name->id};
		}
		s->aggregate = term_hash(SEED, TERM_AGGREGATE, &s->id, NULL);
		s->type = name->has_type ? name->type : NULL;
		s->type_size = name->has_type ? (uint32_t)strlen(name->type) : 0;
		s->revision = chance_of(seed, 1000) + 1;
	}
}

static void model_free(struct model *m)
{
	free(m->events);
	free(m->terms);
	free(m->streams);
	free(m->names);
	free(m->uuids);
}

/* Build from copies: building sorts in place. */
static void model_build(const struct model *m, struct buf *out)
{
	struct run_input in = {.first = m->first, .count = m->count, .n_events = m->n_events, .n_terms = m->n_terms, .n_streams = m->n_streams};

	in.events = malloc((m->n_events + 1) * sizeof *in.events);
	in.terms = malloc((m->n_terms + 1) * sizeof *in.terms);
	in.streams = malloc((m->n_streams + 1) * sizeof *in.streams);
	memcpy(in.events, m->events, m->n_events * sizeof *in.events);
	memcpy(in.terms, m->terms, m->n_terms * sizeof *in.terms);
	memcpy(in.streams, m->streams, m->n_streams * sizeof *in.streams);
	assert_int_equal(run_build_whole(run_build_new(&in), out), EVS_OK);
	free(in.events);
	free(in.terms);
	free(in.streams);
}

struct found {
	const struct run_stream *wanted;
	size_t hits, all;
	uint64_t revision;
};

static void see(void *context, const struct run_stream *s)
{
	struct found *f = context;
	const struct run_stream *w = f->wanted;

	f->all++;
	if ((s->type == NULL) == (w->type == NULL) && s->type_size == w->type_size && (s->type == NULL || memcmp(s->type, w->type, s->type_size) == 0)) {
		f->hits++;
		f->revision = s->revision;
	}
}

static bool has(const uint32_t *list, size_t n, uint32_t position)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == position)
			return true;
	return false;
}

/* Everything that was put in is found, and nothing else. */
static void check_run(const struct run *r, const struct model *m, uint64_t *seed)
{
	uint32_t *positions = malloc((4 * (size_t)m->count + 4) * sizeof *positions);
	struct run_entry *sorted = malloc((m->n_terms + 1) * sizeof *sorted);
	size_t alarms = 0;

	assert_true(run_checksum_ok(r));
	assert_true(r->first == m->first && r->count == m->count && r->n_events == m->n_events && r->n_terms == m->n_terms);
	for (size_t i = 0; i < m->n_events; i += 1 + m->n_events / 2000) {
		size_t n = run_find_event(r, m->events[i].hash, positions, 64);
		CHECK(run_may_have(r, run_mix(m->events[i].hash)), "the filter does not know event %zu", i);
		CHECK(has(positions, n, m->events[i].position), "event %zu is not found", i);
	}
	for (int i = 0; i < 10000; i++)
		alarms += run_may_have(r, run_mix(chance(seed)));
	CHECK(alarms < 600, "%zu of 10000 false alarms", alarms);
	memcpy(sorted, m->terms, m->n_terms * sizeof *sorted);
	if (m->n_terms > 0)
		qsort(sorted, m->n_terms, sizeof *sorted, by_hash);
	for (size_t from = 0, to; from < m->n_terms; from = to) {
		/* Counted as often as they are, given once. */
		size_t n, all, want = 0;
		for (to = from; to < m->n_terms && sorted[to].hash == sorted[from].hash; to++)
			if (to == from || sorted[to].position != sorted[to - 1].position)
				sorted[from + want++].position = sorted[to].position;
		all = to - from;
		n = run_term(r, sorted[from].hash, positions, m->n_terms);
		CHECK(n == want, "a term has %zu positions, not %zu", n, want);
		CHECK(run_term_count(r, sorted[from].hash) == all, "a term counts %u, not %zu", run_term_count(r, sorted[from].hash), all);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(positions[i], sorted[from + i].position);
		if (want > 1)
			assert_int_equal(run_term(r, sorted[from].hash, positions, want - 1), want - 1);
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(run_term_count(r, any_hash(seed, 1000000) ^ 0x5555555555555555u), 0);
	for (size_t i = 0; i < m->n_streams; i++) {
		const struct run_stream *s = &m->streams[i];
		struct found f = {.wanted = s};
		CHECK(run_may_have(r, run_mix(s->aggregate)), "the filter does not know stream %zu", i);
		assert_true(run_find_streams(r, &s->id, s->aggregate, see, &f));
		CHECK(f.hits == 1 && f.revision == s->revision && f.all <= 3, "stream %zu: %zu hits, revision %llu", i, f.hits, (unsigned long long)f.revision);
	}
	free(positions);
	free(sorted);
}

/* A dump holds what was put in, but for the bits of hashes that are not kept. */
static void check_dump(const struct run *r, const struct model *m)
{
	struct run_dump d;
	struct run_entry *lists[2] = {malloc((m->n_events + 1) * sizeof **lists), malloc((m->n_terms + 1) * sizeof **lists)};

	assert_int_equal(run_dump(r, &d), EVS_OK);
	assert_int_equal(d.n_events, m->n_events);
	assert_int_equal(d.n_terms, m->n_terms);
	assert_int_equal(d.n_streams, m->n_streams);
	for (size_t i = 0; i < m->n_events; i++)
		lists[0][i] = (struct run_entry){RUN_HASH_KEPT(m->events[i].hash), m->events[i].position};
	for (size_t i = 0; i < m->n_terms; i++)
		lists[1][i] = (struct run_entry){RUN_HASH_KEPT(m->terms[i].hash), m->terms[i].position};
	for (int part = 0; part < 2; part++) {
		struct run_entry *got = part == 0 ? d.events : d.terms;
		size_t n = part == 0 ? m->n_events : m->n_terms;
		if (n == 0)
			continue;
		qsort(lists[part], n, sizeof *got, by_hash);
		qsort(got, n, sizeof *got, by_hash);
		for (size_t i = 0; i < n; i++)
			CHECK(got[i].hash == lists[part][i].hash && got[i].position == lists[part][i].position, "part %d, entry %zu", part, i);
	}
	free(lists[0]);
	free(lists[1]);
	run_dump_free(&d);
}

static const struct {
	uint32_t count;
	size_t terms, streams;
} sizes[] = {{1, 1, 0}, {1, 1, 1}, {2, 1, 3}, {10, 3, 6}, {1000, 5, 100}, {5000, 100000, 2000}, {70000, 12, 30}, {40000, 3000, 40000}};

static void finds_all(void **state)
{
	uint64_t seed = 51;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct model m;
		struct buf out = {0};
		struct run r;
		model_make(&m, 1 + i * 1000, sizes[i].count, sizes[i].terms, sizes[i].streams, &seed);
		model_build(&m, &out);
		uint8_t *exact = malloc(out.size);
		memcpy(exact, out.data, out.size);
		assert_true(run_open(&r, exact, out.size));
		check_run(&r, &m, &seed);
		check_dump(&r, &m);
		free(exact);
		buf_free(&out);
		model_free(&m);
	}
}

/* Runs merged are the run of all: positions shifted, of each stream the newest revision. */
static void merges(void **state)
{
	uint64_t seed = 53;

	(void)state;
	for (int round = 0; round < 6; round++) {
		enum { N = 8 };
		struct model parts[N], all = {.first = 1};
		struct buf bytes[N] = {{0}}, out = {0};
		struct run runs[N], r;
		size_t n = round == 0 ? 1 : 2 + (size_t)round;
		for (size_t i = 0; i < n; i++) {
			model_make(&parts[i], 1 + all.count, (uint32_t)(1 + chance_of(&seed, round < 3 ? 50 : 20000)), round % 2 == 0 ? 10 : 50000,
			           chance_of(&seed, 300), &seed);
			for (size_t k = 0; k < parts[i].n_streams; k++)
				parts[i].streams[k].revision += 1000 * i; /* streams of the same name go on in each part */
			model_build(&parts[i], &bytes[i]);
			assert_true(run_open(&runs[i], bytes[i].data, bytes[i].size));
			all.n_events += parts[i].n_events;
			all.n_terms += parts[i].n_terms;
			all.count += parts[i].count;
		}
		all.events = calloc(all.n_events + 1, sizeof *all.events);
		all.terms = calloc(all.n_terms + 1, sizeof *all.terms);
		all.streams = calloc(n * 300, sizeof *all.streams);
		all.n_events = all.n_terms = 0;
		for (size_t i = 0; i < n; i++) {
			uint32_t shift = (uint32_t)(parts[i].first - 1);
			for (size_t k = 0; k < parts[i].n_events; k++)
				all.events[all.n_events++] = (struct run_entry){parts[i].events[k].hash, parts[i].events[k].position + shift};
			for (size_t k = 0; k < parts[i].n_terms; k++)
				all.terms[all.n_terms++] = (struct run_entry){parts[i].terms[k].hash, parts[i].terms[k].position + shift};
			for (size_t k = 0; k < parts[i].n_streams; k++) {
				/* Stream k is of the same name in each part. */
				if (k >= all.n_streams)
					all.n_streams = k + 1;
				if (all.streams[k].revision < parts[i].streams[k].revision)
					all.streams[k] = parts[i].streams[k];
			}
		}
		assert_int_equal(run_build_whole(run_build_merged(runs, n, SEED), &out), EVS_OK);
		assert_true(run_open(&r, out.data, out.size));
		check_run(&r, &all, &seed);
		check_dump(&r, &all);
		for (size_t i = 0; i < n; i++) {
			buf_free(&bytes[i]);
			model_free(&parts[i]);
		}
		buf_free(&out);
		model_free(&all);
	}
}

static void use_all(const struct run *r, uint64_t *seed)
{
	uint32_t positions[64];
	struct found f = {.wanted = &(struct run_stream){0}};
	struct text id = {.kind = TEXT_STRING, .size = 8, .bytes = (const uint8_t *)"stream-0"};
	struct run_dump d;
	struct buf out = {0};

	run_checksum_ok(r);
	run_dump(r, &d);
	for (size_t i = 0; i < d.n_terms && i < 20; i++)
		run_term(r, d.terms[i].hash, positions, 64);
	run_dump_free(&d);
	for (int i = 0; i < 50; i++) {
		uint64_t h = chance(seed);
		run_may_have(r, run_mix(h));
		run_find_event(r, h, positions, 64);
		run_term_count(r, h);
		run_term(r, h, positions, 64);
		run_find_streams(r, &id, h, see, &f);
	}
	if (r->n_events <= r->size && r->n_streams <= r->size && r->n_terms <= r->size) /* counts_fit_the_bytes is about the rest */
		run_build_whole(run_build_merged(r, 1, SEED), &out);
	buf_free(&out);
}

static void damage_is_survived(void **state)
{
	struct model m;
	struct buf out = {0};
	struct run r;
	uint64_t seed = 57;

	(void)state;
	model_make(&m, 1, 200, 30, 40, &seed);
	model_build(&m, &out);
	for (int i = 0; i < 3000; i++) {
		uint8_t *exact = malloc(out.size);
		size_t size = i % 10 == 0 ? chance_of(&seed, out.size) : out.size;
		memcpy(exact, out.data, out.size);
		exact = realloc(exact, size == 0 ? 1 : size);
		for (size_t k = chance_of(&seed, 5); k < 5 && size > 0; k++)
			exact[chance_of(&seed, chance_of(&seed, 3) == 0 && size > 64 ? 64 : size)] = (uint8_t)chance(&seed);
		if (run_open(&r, exact, size))
			use_all(&r, &seed);
		free(exact);
	}
	for (size_t at = 0; at < out.size; at += 1 + chance_of(&seed, 30)) { /* the checksum sees any byte */
		out.data[at] ^= 0x10;
		CHECK(!run_open(&r, out.data, out.size) || !run_checksum_ok(&r), "byte %zu", at);
		out.data[at] ^= 0x10;
	}
	buf_free(&out);
	model_free(&m);
}

/* More entries than there are bytes for: who believes the head asks for gigabytes. */
static void counts_fit_the_bytes(void **state)
{
	struct model m;
	struct buf out = {0};
	struct run r;
	uint64_t seed = 59;

	(void)state;
	model_make(&m, 1, 200, 30, 40, &seed);
	model_build(&m, &out);
	for (size_t at = 16; at <= 24; at += 4) { /* events, terms, streams: evs-store(5) */
		uint32_t was = get32(out.data + at);
		put32(out.data + at, UINT32_MAX);
		CHECK(!run_open(&r, out.data, out.size), "4 billion entries in %zu bytes, says the head at %zu", out.size, at);
		put32(out.data + at, was);
		assert_true(run_open(&r, out.data, out.size));
	}
	buf_free(&out);
	model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_all),
		cmocka_unit_test(merges),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(counts_fit_the_bytes),
	};

	return RUN(tests);
}
