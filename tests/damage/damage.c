/*
 * Damages a store in every way that README.md names, and judges what evs makes of each state: through libevs, in a process of its own
 * a state.
 *
 *   damage STORE FOLDER FLIPS SEED
 *
 * FOLDER takes the states. The last line counts; the exit status is 1 where a state was judged wrong.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "evs.h"
#include "store/segment.h"
#include "store/survey.h"

enum { PATIENCE_S = 10, TOLD = 20, ALL_FROM = 1000 /* flips */ };

/* What a page holds of the events: these positions are lost with it, at most. */
struct bears {
	uint64_t first, last; /* 0: none */
};

static struct {
	struct buf bytes, lines;
	size_t *line_at; /* by position; behind the last one the end */
	uint64_t n;      /* events */
	uint32_t page_size;
	struct bears *bears;
	uint64_t pages;
	char path[512];
} whole;

/* The state at hand. */
static struct {
	char name[128];
	struct buf bytes;
	uint8_t *may_be_lost; /* by position */
	uint64_t lost_limit;  /* positions from here on may be lost too */
} state;

static unsigned states, survived, said, silent, wrong;

/* ---- the whole store ---- */

static void die(const char *what)
{
	fprintf(stderr, "damage: %s\n", what);
	exit(2);
}

static void slurp(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		die(path);
	do {
		if (!buf_room(out, 1 << 20))
			die("out of memory");
		n = fread(out->data + out->size, 1, 1 << 20, f);
		out->size += n;
	} while (n > 0);
	fclose(f);
}

static int take(void *context, const void *text, size_t size)
{
	buf_put(context, text, size);
	return 0;
}

static void bear(uint64_t page, uint64_t first, uint64_t last)
{
	struct bears *b = &whole.bears[page];

	b->first = b->first == 0 || first < b->first ? first : b->first;
	b->last = last > b->last ? last : b->last;
}

/* Note which pages of a table hold which events. all: any of its pages may be needed by all of them. */
static void note_table(struct tree_file *f, const struct tree_meta *meta, const char *name, bool all)
{
	struct kv_bytes key = {(const uint8_t *)name, strlen(name)}, value;
	struct tree_cursor c;
	struct segment g;
	struct tree t;
	bool table;

	tree_cursor(&c, f, &meta->main);
	if (tree_move(&c, KV_AT_OR_AFTER, &key, &value, &table) != EVS_OK || !table)
		die("a table is not there");
	tree_of(&t, f, value);
	tree_cursor(&c, f, &t);
	while (tree_move(&c, KV_NEXT, &key, &value, NULL) == EVS_OK) {
		uint64_t leaf = c.levels[t.depth - 1].number, first = get64be(key.data), last = first;
		uint64_t page = (uint64_t)(value.data - f->bytes) / f->page_size, to = (uint64_t)(value.data + value.size - 1 - f->bytes) / f->page_size;
		if (all) {
			first = 1;
			last = whole.n;
		} else if (strcmp(name, "segment") == 0) {
			if (!segment_open(&g, value.data, value.size))
				die("a segment is damaged");
			last = first + g.count - 1;
		}
		/* Pages of a segment say of themselves what they are; the key of a long record of the tail is in its leaf alone. */
		if (page == leaf || strcmp(name, "segment") != 0)
			bear(leaf, first, last);
		for (; page <= to; page++)
			bear(page, first, last);
	}
}

static void learn(const char *path)
{
	struct evs_error err;
	struct evs_read *r;
	struct evs_store *store;
	struct survey_file f;
	static const struct evs_selector every;

	slurp(path, &whole.bytes);
	if (evs_open(path, EVS_READ, &store, &err) != EVS_OK || evs_read_new(store, &every, &r, &err) != EVS_OK ||
	    evs_read_render(r, EVS_JSON, NULL, take, &whole.lines, &err) != EVS_OK)
		die(err.message);
	evs_last_position(store, &whole.n, &err);
	evs_read_free(r);
	evs_close(store);
	whole.line_at = calloc(whole.n + 2, sizeof *whole.line_at);
	for (size_t at = 0, i = 1; at < whole.lines.size; i++) {
		whole.line_at[i] = at;
		at = (size_t)((uint8_t *)memchr(whole.lines.data + at, '\n', whole.lines.size - at) - whole.lines.data) + 1;
		whole.line_at[i + 1] = at;
	}
	if (survey_open(path, &f, &err) != EVS_OK || f.why != NULL)
		die("the store is damaged already");
	whole.page_size = f.file.page_size;
	whole.pages = whole.bytes.size / whole.page_size;
	whole.bears = calloc(whole.pages, sizeof *whole.bears);
	note_table(&f.file, &f.meta, "tail", false);
	note_table(&f.file, &f.meta, "segment", false);
	note_table(&f.file, &f.meta, "name", true);
	note_table(&f.file, &f.meta, "dict", true);
	survey_close(&f);
	state.may_be_lost = calloc(whole.n + 2, 1);
}

/* ---- judging, in a process of its own ---- */

static struct evs_error ignored;

enum verdict { JUDGED_WELL = 0, JUDGED_SAID = 10, JUDGED_WRONG = 11 };

__attribute__((format(printf, 1, 2))) static _Noreturn void judge_wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "FOUND %s: ", state.name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(JUDGED_WRONG);
}

/* Every line is that of its position, and only what may be lost is. */
static void judge_salvage(const struct buf *out, const struct evs_salvage_result *result)
{
	const char *key = "\"position\":";
	uint64_t next = 1, position;

	for (size_t at = 0, size; at < out->size; at += size, next = position + 1) {
		const char *line = (const char *)out->data + at, *p, *found = NULL;
		size = (size_t)((const char *)memchr(line, '\n', out->size - at) - line) + 1;
		for (p = line; (p = memmem(p, size - (size_t)(p - line), key, strlen(key))) != NULL; p++)
			found = p;
		position = found == NULL ? 0 : strtoull(found + strlen(key), NULL, 10);
		if (position < next || position > whole.n)
			judge_wrong("salvage prints position %" PRIu64 " where %" PRIu64 " is next", position, next);
		if (size != whole.line_at[position + 1] - whole.line_at[position] ||
		    memcmp(line, whole.lines.data + whole.line_at[position], size) != 0)
			judge_wrong("salvage prints another event at position %" PRIu64, position);
		for (; next < position; next++)
			if (!state.may_be_lost[next] && next < state.lost_limit)
				judge_wrong("salvage does not have position %" PRIu64 ", which is not damaged", next);
	}
	for (; next <= whole.n; next++)
		if (!state.may_be_lost[next] && next < state.lost_limit)
			judge_wrong("salvage does not have position %" PRIu64 " at the end, which is not damaged", next);
	if (result->end_known && result->events + result->lost != whole.n)
		judge_wrong("salvage counts %" PRIu64 " and %" PRIu64 " lost of %" PRIu64, result->events, result->lost, whole.n);
}

static int cat(struct evs_store *store, const struct evs_selector *selector, struct buf *out)
{
	struct evs_read *r = NULL;
	int status = evs_read_new(store, selector, &r, &ignored);

	if (status == EVS_OK)
		status = evs_read_render(r, EVS_JSON, NULL, take, out, &ignored);
	evs_read_free(r);
	return status;
}

static int each_projection(void *context, const struct evs_projection *p)
{
	char name[256];
	struct buf out = {0};
	struct evs_show_options show = {.name = name, .write = take, .context = &out};

	snprintf(name, sizeof name, "%.*s", (int)p->name_size, p->name);
	evs_project_show(context, &show, &ignored);
	buf_free(&out);
	return 0;
}

static int each_group(void *context, const struct evs_group *group)
{
	(void)context;
	(void)group;
	return 0;
}

static int each_snapshot(void *context, const struct evs_snapshot *snapshot)
{
	(void)context;
	(void)snapshot;
	return 0;
}

static int each_entry(void *context, const struct evs_letter_entry *entry)
{
	(void)context;
	(void)entry;
	return 0;
}

/* What the tools read beside events. */
static void read_rest(struct evs_store *store)
{
	static const struct evs_snapshot_selector all;
	const struct evs_selector stream = {.stream = "s1"}, event = {.event = "a-7"};
	struct evs_letter *letter;
	struct evs_stat stat;
	struct buf out = {0};
	uint64_t id = 0;

	cat(store, &stream, &out);
	cat(store, &event, &out);
	buf_free(&out);
	evs_stat(store, &stat, &ignored);
	evs_project_list(store, NULL, each_projection, store, &ignored);
	evs_group_list(store, NULL, each_group, NULL, &ignored);
	evs_snapshot_list(store, &all, false, true, each_snapshot, NULL, &ignored);
	while (evs_letter_get(store, id + 1, true, &letter, &ignored) == EVS_OK) {
		id = letter->id;
		evs_letter_free(letter);
	}
	evs_letter_log(store, 0, each_entry, NULL, &ignored);
}

/* Write into it: some events, and so many that the tail is sealed. */
static void write_more(const char *path)
{
	static const struct evs_append_options options = {.expect = EVS_EXPECT_ANY};
	const struct evs_snapshot_selector all = {0};
	struct evs_append *a = NULL;
	struct evs_store *store;
	struct buf lines = {0};
	uint64_t n;

	if (evs_open(path, EVS_WRITE, &store, &ignored) != EVS_OK)
		return;
	for (int many = 0; many < (states % 8 == 0 ? 2 : 1); many++) { /* the many take most of the time */
		for (int i = 0; i < (many ? 4000 : 2); i++)
			buf_printf(&lines, "{\"eventType\":\"new\",\"aggregateId\":\"s%d\",\"data\":{\"pad\":\"%0300d\"}}\n", i % 9, i);
		if (evs_append_new(store, &options, &a, &ignored) == EVS_OK && evs_append_lines(a, (char *)lines.data, lines.size, &ignored) == EVS_OK)
			evs_append_finish(a, &ignored);
		evs_append_free(a);
		a = NULL;
	}
	buf_free(&lines);
	evs_snapshot_drop(store, &all, 0, &n, &ignored);
	evs_group_reset(store, "mail", 1, false, &n, &ignored);
	evs_group_drop(store, "slow", &ignored);
	evs_project_drop(store, "acc", &ignored);
	evs_close(store);
}

/* What verify finds. */
static int verify(struct evs_store *store)
{
	struct evs_project_verify_result projections;
	struct evs_consume_verify_result groups;
	struct evs_verify_result events;
	int status = evs_verify(store, NULL, NULL, &events, &ignored), more;

	more = evs_project_verify(store, NULL, NULL, &projections, &ignored);
	status = status == EVS_OK ? more : status;
	more = evs_consume_verify(store, NULL, NULL, &groups, &ignored);
	return status == EVS_OK ? more : status;
}

static _Noreturn void judge(const char *path)
{
	static const struct evs_selector every;
	struct evs_salvage_result result;
	struct evs_verify_result pages;
	struct evs_store *store = NULL;
	struct buf out = {0};
	int status = evs_open(path, EVS_READ, &store, &ignored), found = status;
	FILE *null = fopen("/dev/null", "w"); /* the process ends soon */
	bool same = false;

	if (status == EVS_OK) {
		found = verify(store);
		status = cat(store, &every, &out);
		same = out.size == whole.lines.size && memcmp(out.data, whole.lines.data, out.size) == 0;
		if (status == EVS_OK && !same)
			judge_wrong("cat ends well and prints something else");
		if (found == EVS_OK && !same)
			judge_wrong("verify finds nothing, and cat cannot print it");
		read_rest(store);
		if (null != NULL)
			evs_copy(store, fileno(null), &ignored);
	} else {
		evs_verify_file(path, NULL, NULL, &pages, &ignored);
	}
	evs_close(store);
	out.size = 0;
	status = evs_salvage(path, take, NULL, &out, &result, &ignored);
	if (status == EVS_OK)
		judge_salvage(&out, &result);
	else if (status != EVS_NOT_STORE && status != EVS_IO)
		judge_wrong("salvage ends with %d", status);
	write_more(path);
	_exit(found == EVS_OK ? JUDGED_WELL : JUDGED_SAID);
}

/* ---- states ---- */

__attribute__((format(printf, 1, 2))) static void begin(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(state.name, sizeof state.name, format, args);
	va_end(args);
	state.bytes.size = 0;
	buf_put(&state.bytes, whole.bytes.data, whole.bytes.size);
	memset(state.may_be_lost, 0, whole.n + 2);
	state.lost_limit = whole.n + 1;
}

/* What a page bears may be lost. */
static void damage_page(uint64_t page)
{
	const struct bears *b = &whole.bears[page];

	if (b->first != 0)
		memset(state.may_be_lost + b->first, 1, b->last - b->first + 1);
}

static void try_state(void)
{
	const char *more = getenv("EVS_TEST_PATIENCE");
	unsigned patience = more == NULL ? PATIENCE_S : (unsigned)strtoul(more, NULL, 10);
	FILE *f = fopen(whole.path, "wb");
	char lock[600];
	int how;
	pid_t pid;

	if (f == NULL || fwrite(state.bytes.data, 1, state.bytes.size, f) != state.bytes.size || fclose(f) != 0)
		die("cannot write a state");
	snprintf(lock, sizeof lock, "%s-lock", whole.path);
	unlink(lock);
	states++;
	if ((pid = fork()) == 0) {
		alarm(patience);
		judge(whole.path);
	}
	if (pid < 0 || waitpid(pid, &how, 0) != pid)
		die("cannot start a process");
	if (WIFSIGNALED(how)) {
		fprintf(stderr, "FOUND %s: signal %d (%s)\n", state.name, WTERMSIG(how), strsignal(WTERMSIG(how)));
		wrong++;
	} else if (WEXITSTATUS(how) == JUDGED_SAID) {
		said++;
	} else if (WEXITSTATUS(how) == JUDGED_WELL) {
		silent++;
	} else {
		wrong++;
	}
	if (wrong == TOLD) {
		fprintf(stderr, "damage: %d states that are judged wrong are enough\n", TOLD);
		exit(1);
	}
}

static void flip(size_t at, uint8_t by)
{
	state.bytes.data[at] ^= by;
	damage_page(at / whole.page_size);
}

static uint64_t chance(uint64_t *seed)
{
	return hash_mix(*seed += 0x9e3779b97f4a7c15u);
}

/* Every page zeroed, and full of ones; of values that have pages of their own, unless all is tried, one in ten. */
static void try_pages(bool all)
{
	for (uint64_t page = 0; page < whole.pages; page++) {
		const uint8_t *bytes = whole.bytes.data + page * whole.page_size;
		bool tree = get64(bytes) == page && get16(bytes + 10) <= 4;
		for (unsigned ones = 0; ones < 2; ones++) {
			/* Not all: of the pages of trees each in one way, of the others one in ten. */
			bool chosen = tree ? (page + ones) % 2 == 0 : (page * 2 + ones) % 20 == 0;

			if (!all && !chosen)
				continue;
			begin("page %" PRIu64 " is all %s", page, ones ? "ones" : "zeros");
			memset(state.bytes.data + page * whole.page_size, ones ? 255 : 0, whole.page_size);
			damage_page(page);
			try_state();
		}
	}
}

/* Pages in each other's place. */
static void try_swaps(unsigned n, uint64_t *seed)
{
	struct buf page = {0};

	for (unsigned i = 0; i < n; i++) {
		uint64_t a = chance(seed) % whole.pages, b = chance(seed) % whole.pages;
		begin("pages %" PRIu64 " and %" PRIu64 " are swapped", a, b);
		page.size = 0;
		buf_put(&page, state.bytes.data + a * whole.page_size, whole.page_size);
		memmove(state.bytes.data + a * whole.page_size, state.bytes.data + b * whole.page_size, whole.page_size);
		memcpy(state.bytes.data + b * whole.page_size, page.data, whole.page_size);
		damage_page(a);
		damage_page(b);
		try_state();
	}
	buf_free(&page);
}

static void try_cuts(unsigned n, bool all, uint64_t *seed)
{
	uint64_t cuts = all ? whole.pages : 0;

	for (uint64_t i = 0; i < cuts + n; i++) {
		size_t size = i < cuts ? i * whole.page_size : chance(seed) % whole.bytes.size;
		if (!all && i % 2 == 0)
			size -= size % whole.page_size;
		begin("cut at %zu", size);
		state.bytes.size = size;
		for (uint64_t page = size / whole.page_size; page < whole.pages; page++)
			damage_page(page);
		if (size < 2 * (size_t)whole.page_size)
			state.lost_limit = 0;
		try_state();
	}
}

/* One byte anywhere; then several at once. */
static void try_flips(unsigned n, uint64_t *seed)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned many = i % 8 == 7 ? 5 : 1;
		begin("flip %u", i);
		for (unsigned k = 0; k < many; k++)
			flip(chance(seed) % whole.bytes.size, (uint8_t)(chance(seed) % 255 + 1));
		try_state();
	}
}

/* Bytes of the heads of pages, of the tables of their nodes, and of the nodes' heads. */
static void try_heads(unsigned n, uint64_t *seed)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t page = chance(seed) % whole.pages;
		const uint8_t *bytes = whole.bytes.data + page * whole.page_size;
		unsigned lower = get16(bytes + 12), at;
		if (page < 2)
			at = (unsigned)(chance(seed) % TREE_META_BYTES);
		else if (chance(seed) % 2 == 0 || lower <= 16 || lower > whole.page_size)
			at = (unsigned)(chance(seed) % (lower > 16 && lower < whole.page_size ? lower : 16));
		else
			at = get16(bytes + 16 + chance(seed) % ((lower - 16) / 2) * 2) + (unsigned)(chance(seed) % 16);
		begin("byte %u of page %" PRIu64, at, page);
		flip(page * whole.page_size + at % whole.page_size, (uint8_t)(i % 3 == 0 ? 1u << chance(seed) % 8 : chance(seed) % 255 + 1));
		try_state();
	}
}

int main(int argc, char **argv)
{
	uint64_t seed;
	unsigned flips;

	if (argc != 5)
		die("usage: damage STORE FOLDER FLIPS SEED");
	flips = (unsigned)strtoul(argv[3], NULL, 10);
	seed = strtoull(argv[4], NULL, 10);
	snprintf(whole.path, sizeof whole.path, "%s/damaged.evs", argv[2]);
	learn(argv[1]);
	try_pages(flips >= ALL_FROM);
	try_swaps(flips / 20, &seed);
	try_cuts(flips / 10, flips >= ALL_FROM, &seed);
	try_heads(flips, &seed);
	try_flips(flips, &seed);
	survived = said + silent;
	printf("damage: %u states of %" PRIu64 " pages and %" PRIu64 " events survived (%u found damaged, %u damaged where it does no harm), %u judged wrong\n",
	       survived, whole.pages, whole.n, said, silent, wrong);
	return wrong > 0;
}
