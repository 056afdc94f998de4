/*
 * evs_salvage: what is whole in a damaged file. First what the trees of the newest commit lead to, as far as they are sound, is
 * gathered; then, where that is not all, what any other page holds. That may be old, or of a transaction that never was committed: it
 * counts only where the trees have nothing, and all that is found agrees. Checksums say what is whole; a record that needs names or a
 * dictionary that are lost is lost with them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/fetch.h"
#include "store/survey.h"

#define LOST_NAME "\x7f" "evs-lost-name-" /* stands for one; an event in whose text it is is lost */
#define DICT_MAGIC 0xEC30A437u /* of zstd */

enum kind { KIND_EVENT, KIND_SEGMENT, KIND_NAMES, KIND_DICT, KINDS };

/* A value that was found, and what its key says. */
struct find {
	uint64_t first; /* position, number */
	uint32_t count;
	bool led; /* a tree of the newest commit leads to it */
	struct kv_bytes value;
};

struct finds {
	struct find *list;
	size_t n, cap;
};

/* An event that was read; where it lies is in `bytes` until all are read, at an offset. */
struct event {
	struct record record;
	size_t at;
	bool led, doubtful;
};

struct salvage {
	struct survey_file f;
	struct evs_salvage_result *result;
	int (*write)(void *context, const void *text, size_t size);
	void (*lost)(void *context, uint64_t first, uint64_t last);
	void *context;
	struct evs_error *err;
	bool no_memory;

	enum kind gathering;    /* of the table that is walked */
	struct finds finds[KINDS];
	bool has_format, checked, has_state;
	struct store_state state;
	uint64_t claimed; /* the last position that any state record speaks of */

	struct names *names;
	bool names_lost;
	struct zip_dict *dicts[STORE_DICTS];
	struct zip *zip;
	struct segment_events unpacked;
	struct buf mended, bytes, text;
	struct event *events; /* of the stretch of positions at hand */
	size_t events_cap;
	uint64_t next; /* position */
};

static const char *const tables[KINDS] = {"tail", "segment", "name", "dict"};

/* ---- gathering ---- */

static void add(struct salvage *s, enum kind kind, struct find find)
{
	struct finds *f = &s->finds[kind];

	if (!array_grow(&f->list, &f->cap, f->n, sizeof *f->list))
		s->no_memory = true;
	else
		f->list[f->n++] = find;
}

/* Whether a value can be one of a kind; *find becomes what it says. */
static bool is_segment(struct kv_bytes value, struct find *find)
{
	struct segment g;

	if (!segment_open(&g, value.data, value.size) || g.first == 0 || g.first > UINT64_MAX - SEGMENT_EVENTS_MAX)
		return false;
	*find = (struct find){.first = g.first, .count = g.count, .value = value};
	return true;
}

static bool is_event(uint64_t position, struct kv_bytes value, struct find *find)
{
	struct record r;

	*find = (struct find){.first = position, .count = 1, .value = value};
	return position != 0 && position != UINT64_MAX && fetch_decode_tail(value, position, &r);
}

static bool is_names(const struct salvage *s, struct kv_bytes key, struct kv_bytes value, struct find *find)
{
	struct kv_bytes list;
	uint64_t first;

	if (!store_read_names(key, value, !s->has_format || s->checked, &first, &list) || list.size == 0 || first >= NAME_LIMIT)
		return false;
	*find = (struct find){.first = first, .value = list};
	return true;
}

static bool is_dict(uint64_t number, struct kv_bytes value, struct find *find)
{
	*find = (struct find){.first = number, .value = value};
	return number > 0 && number < STORE_DICTS && value.size > 8 && get32(value.data) == DICT_MAGIC;
}

static bool is_kind(const struct salvage *s, enum kind kind, struct kv_bytes key, struct kv_bytes value, struct find *find)
{
	uint64_t number = key.size == 8 ? get64be(key.data) : 0;

	switch (kind) {
	case KIND_EVENT:
		return is_event(number, value, find);
	case KIND_SEGMENT:
		return is_segment(value, find) && find->first == number;
	case KIND_NAMES:
		return is_names(s, key, value, find);
	default:
		return is_dict(number, value, find);
	}
}

/* The number of a key in a leaf of the tail; neighbours are one apart, which shows a key that is not what it was. */
static bool has_neighbour(const struct tree_file *f, const uint8_t *page, unsigned i)
{
	unsigned n = tree_leaf_count(page);
	struct kv_bytes key, other, value;
	bool table;

	tree_leaf_at(f, page, i, &key, &value, &table);
	for (int step = -1; step <= 1 && key.size == 8; step += 2) {
		if ((step < 0 && i == 0) || (step > 0 && i + 1 == n))
			continue;
		tree_leaf_at(f, page, step < 0 ? i - 1 : i + 1, &other, &value, &table);
		if (other.size == 8 && get64be(other.data) == get64be(key.data) + (uint64_t)step)
			return true;
	}
	return n == 1;
}

/* A record of the store's own table. led: of the newest commit. */
static void take_meta(struct salvage *s, struct kv_bytes key, struct kv_bytes value, bool led)
{
	struct store_state state;
	uint64_t seed;
	bool checked;

	if (key.size == 6 && memcmp(key.data, "format", 6) == 0 && value.size >= 4 && get32(value.data) == EVS_FORMAT &&
	    store_read_format(value, &seed, &checked) && (led || (!s->has_format && checked))) {
		s->has_format = true;
		s->checked = checked;
	}
	if (key.size == 5 && memcmp(key.data, "state", 5) == 0 && store_read_state(value, !led || s->checked, &state) &&
	    state.last_position < UINT64_MAX) {
		if (led) {
			s->state = state;
			s->has_state = true;
		}
		if (state.last_position > s->claimed)
			s->claimed = state.last_position;
	}
}

/* A leaf that a tree leads to. */
static void take_led(void *context, const uint8_t *page)
{
	struct salvage *s = context;
	struct kv_bytes key, value;
	struct find find;
	bool table;

	for (unsigned i = 0; i < tree_leaf_count(page); i++) {
		if (!tree_leaf_at(&s->f.file, page, i, &key, &value, &table) || !is_kind(s, s->gathering, key, value, &find) ||
		    (s->gathering == KIND_EVENT && !has_neighbour(&s->f.file, page, i)))
			continue;
		find.led = true;
		add(s, s->gathering, find);
	}
}

static void take_main(void *context, const uint8_t *page)
{
	struct salvage *s = context;
	struct kv_bytes key, value;
	bool table;

	for (unsigned i = 0; i < tree_leaf_count(page); i++)
		if (tree_leaf_at(&s->f.file, page, i, &key, &value, &table) && !table)
			take_meta(s, key, value, true);
}

static void pass_over(void *context, const struct tree_fault *fault)
{
	(void)context;
	(void)fault;
}

/* Walk the table of each kind. */
static void take_tables(struct salvage *s, struct tree_walk *w)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct kv_bytes wanted = {(const uint8_t *)tables[kind], strlen(tables[kind])}, key = wanted, value;
		struct tree_cursor c;
		struct tree t;
		bool table = false;
		tree_cursor(&c, &s->f.file, &s->f.meta.main);
		if (tree_move(&c, KV_AT_OR_AFTER, &key, &value, &table) != EVS_OK || !table || key.size != wanted.size ||
		    memcmp(key.data, wanted.data, key.size) != 0)
			continue;
		tree_of(&t, &s->f.file, value);
		s->gathering = kind;
		tree_walk(w, &t);
	}
}

static void gather_led(struct salvage *s)
{
	struct tree_walk w = {.file = &s->f.file, .fault = pass_over, .leaf = take_main, .context = s};

	if (s->f.why != NULL)
		return;
	w.seen = calloc(s->f.file.pages / 8 + 1, 1);
	s->no_memory |= w.seen == NULL;
	if (w.seen == NULL)
		return;
	tree_walk(&w, &s->f.meta.main);
	w.leaf = take_led;
	take_tables(s, &w);
	free(w.seen);
}

/* A leaf, whoever leads to it: what its records are, only they can tell. */
static void take_stray(struct salvage *s, const uint8_t *page)
{
	struct kv_bytes key, value;
	struct find find;
	bool table;

	for (unsigned i = 0; i < tree_leaf_count(page); i++) {
		if (!tree_leaf_at(&s->f.file, page, i, &key, &value, &table) || table)
			continue;
		take_meta(s, key, value, false);
		for (unsigned kind = 0; kind < KINDS; kind++)
			if (is_kind(s, kind, key, value, &find) && (kind != KIND_EVENT || has_neighbour(&s->f.file, page, i)))
				add(s, kind, find);
	}
}

/* Names in pages of their own say where they end, and their checksum from which number on they are. */
static void take_stray_names(struct salvage *s, struct kv_bytes value)
{
	struct find find = {.value = value};
	size_t at = 0;

	while (at < value.size && value.data[at] != 0)
		at += 1 + (size_t)value.data[at];
	if (at == 0 || value.size < at + 5)
		return;
	find.value.size = at;
	find.first = store_names_first(find.value, get32(value.data + at + 1));
	if (find.first < NAME_LIMIT)
		add(s, KIND_NAMES, find);
}

/* Pages of one value. */
static void take_stray_value(struct salvage *s, struct kv_bytes value)
{
	struct find find;
	size_t size = segment_size(value.data, value.size);

	if (size > 0 && is_segment((struct kv_bytes){value.data, size}, &find)) {
		add(s, KIND_SEGMENT, find);
	} else if (is_dict(1, value, &find)) {
		/* Behind it are zeros to the end of its last page. */
		while (find.value.size > 8 && find.value.data[find.value.size - 1] == 0)
			find.value.size--;
		add(s, KIND_DICT, find);
	} else {
		take_stray_names(s, value);
	}
}

/* All pages. What trees lead to is found once more, and then not needed; but what leads to a page may be wrong about it. */
static void gather_strays(struct salvage *s)
{
	struct tree_file *f = &s->f.file;
	struct kv_bytes value;

	f->pages = s->f.size / f->page_size;
	for (uint64_t i = 0; i < f->pages; i++) {
		if (tree_leaf_fault(f, i) == NULL)
			take_stray(s, f->bytes + i * f->page_size);
		else if (tree_overflow_at(f, i, &value))
			take_stray_value(s, value);
	}
}

/* By number, those that trees lead to first. */
static int by_first(const void *a, const void *b)
{
	const struct find *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (int)y->led - (int)x->led;
}

static void sort_finds(struct salvage *s)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (s->finds[kind].n > 0)
			qsort(s->finds[kind].list, s->finds[kind].n, sizeof(struct find), by_first);
}

/* ---- what events need ---- */

/* Give numbers that are lost to names that nothing has, up to `to`. */
static bool skip_names(struct salvage *s, uint64_t to)
{
	char name[64];

	while (name_count(s->names) < to) {
		int n = snprintf(name, sizeof name, LOST_NAME "%u", name_count(s->names));
		s->names_lost = true;
		if (name_add(s->names, name, (size_t)n) < 0)
			return false;
	}
	return true;
}

static void make_names(struct salvage *s)
{
	const struct finds *f = &s->finds[KIND_NAMES];

	for (size_t i = 0; i < f->n && !s->no_memory; i++) {
		unsigned before = name_count(s->names);
		if (f->list[i].first < before)
			continue;
		s->no_memory |= !skip_names(s, f->list[i].first);
		if (!name_decode(s->names, f->list[i].value.data, f->list[i].value.size))
			name_truncate(s->names, before);
	}
}

static const struct zip_dict *find_dict(struct salvage *s, uint8_t id)
{
	const struct finds *f = &s->finds[KIND_DICT];

	for (size_t i = 0; i < f->n && s->dicts[id] == NULL; i++)
		if (f->list[i].first == id)
			s->dicts[id] = zip_dict_new(f->list[i].value.data, f->list[i].value.size, false);
	if (id == 0 && s->dicts[0] == NULL)
		s->dicts[0] = zip_dict_new(NULL, 0, false);
	return s->dicts[id];
}

/* ---- events ---- */

/* Note an event of the stretch that begins at `first`. */
static void note(struct salvage *s, uint64_t first, const struct record *r, bool led)
{
	struct event *e = &s->events[r->position - first];

	if (e->record.position == 0) {
		*e = (struct event){.record = *r, .at = s->bytes.size, .led = led};
		buf_put(&s->bytes, r->body, r->size);
		if (buf_room(&s->bytes, RENDER_PAD))
			memset(s->bytes.data + s->bytes.size, 0, RENDER_PAD);
		s->bytes.size += s->bytes.failed ? 0 : RENDER_PAD;
		s->no_memory |= s->bytes.failed;
		return;
	}
	/* What two pages say of one event is the same, or one of them is not of the store's history. */
	if (e->led == led && (e->record.size != r->size || memcmp(s->bytes.data + e->at, r->body, r->size) != 0 ||
	                      e->record.recorded_us != r->recorded_us || e->record.revision != r->revision))
		e->doubtful = true;
}

static void note_unpacked(struct salvage *s, uint64_t first, bool led)
{
	for (size_t i = 0; i < s->unpacked.n; i++)
		note(s, first, &s->unpacked.records[i], led);
}

/* The events of a segment some of whose frames are damaged. */
static void read_frames(struct salvage *s, const struct segment *g, const struct zip_dict *dict, uint64_t first, bool led)
{
	uint32_t *wanted = malloc(g->count * sizeof *wanted);

	s->no_memory |= wanted == NULL;
	for (uint32_t f = 0; f < g->n_frames && wanted != NULL; f++) {
		size_t n = 0;
		for (uint32_t i = 0; i < g->count; i++)
			if (get16(g->frame_of + 2 * (size_t)i) == f)
				wanted[n++] = i;
		if (n > 0 && segment_read(g, s->zip, dict, wanted, n, &s->unpacked, NULL) == EVS_OK)
			note_unpacked(s, first, led);
	}
	free(wanted);
}

static void read_segment(struct salvage *s, const struct find *find, uint64_t first)
{
	const struct zip_dict *dict;
	struct segment g;

	if (!segment_open(&g, find->value.data, find->value.size) || (dict = find_dict(s, g.dict_id)) == NULL)
		return;
	if (!segment_checksum_ok(&g)) {
		s->mended.size = 0;
		buf_put(&s->mended, find->value.data, find->value.size);
		if (s->mended.failed || !segment_mend(s->mended.data, s->mended.size, s->zip, dict, &s->unpacked) ||
		    !segment_open(&g, s->mended.data, s->mended.size))
			return;
	}
	if (segment_read(&g, s->zip, dict, NULL, 0, &s->unpacked, NULL) == EVS_OK)
		note_unpacked(s, first, find->led);
	else
		read_frames(s, &g, dict, first, find->led);
}

/* Whether the stretch that begins at `first` has all events of a find. */
static bool has_all(const struct salvage *s, const struct find *find, uint64_t first)
{
	for (uint64_t i = find->first - first; i < find->first - first + find->count; i++)
		if (s->events[i].record.position == 0 || !s->events[i].led)
			return false;
	return true;
}

static void read_find(struct salvage *s, enum kind kind, const struct find *find, uint64_t first)
{
	struct record r;

	if (!find->led && has_all(s, find, first))
		return;
	if (kind == KIND_SEGMENT)
		read_segment(s, find, first);
	else if (fetch_decode_tail(find->value, find->first, &r))
		note(s, first, &r, find->led);
}

/* Whether an event's text is what it was. */
static bool render(struct salvage *s, const struct event *e)
{
	struct record r = e->record;

	r.body = s->bytes.data + e->at;
	s->text.size = 0;
	if (r.position == 0 || e->doubtful || !render_event(&s->text, s->names, &r))
		return false;
	return !s->names_lost || memmem(s->text.data, s->text.size, &LOST_NAME[1], strlen(LOST_NAME) - 1) == NULL;
}

/* Positions up to `to`, not included, are lost. */
static void lose(struct salvage *s, uint64_t to)
{
	if (s->next >= to)
		return;
	s->result->lost += to - s->next;
	if (s->lost != NULL)
		s->lost(s->context, s->next, to - 1);
	s->next = to;
}

/* Write the events of a stretch of positions that are whole. */
static int write_stretch(struct salvage *s, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t position = first + i;
		if (position < s->next || (s->has_state && position > s->state.last_position) || !render(s, &s->events[i]))
			continue;
		lose(s, position);
		s->next = position + 1;
		s->result->events++;
		if (s->write(s->context, s->text.data, s->text.size) != 0)
			return s->err->status = EVS_INTERRUPTED;
	}
	return EVS_OK;
}

/* The finds from *i and *k on that share positions. Returns how many positions these are. */
static uint64_t next_stretch(const struct finds *segments, const struct finds *tail, size_t *i, size_t *k, uint64_t first)
{
	uint64_t end = first;

	for (;;) {
		const struct find *g = *i < segments->n ? &segments->list[*i] : NULL, *t = *k < tail->n ? &tail->list[*k] : NULL;
		if (g != NULL && (g->first == first || g->first < end)) {
			end = g->first + g->count > end ? g->first + g->count : end;
			++*i;
		} else if (t != NULL && (t->first == first || t->first < end)) {
			end = t->first + 1 > end ? t->first + 1 : end;
			++*k;
		} else {
			return end - first;
		}
	}
}

/* One stretch after the other. */
static int write_events(struct salvage *s)
{
	const struct finds *segments = &s->finds[KIND_SEGMENT], *tail = &s->finds[KIND_EVENT];
	size_t i = 0, k = 0;
	int status = EVS_OK;

	while ((i < segments->n || k < tail->n) && status == EVS_OK && !s->no_memory) {
		uint64_t first = i == segments->n || (k < tail->n && tail->list[k].first < segments->list[i].first) ? tail->list[k].first :
		                                                                                                    segments->list[i].first;
		size_t from_segment = i, from_tail = k;
		uint64_t n = next_stretch(segments, tail, &i, &k, first);
		s->bytes.size = 0;
		if (n > s->events_cap) {
			free(s->events);
			s->events = malloc((size_t)n * sizeof *s->events);
			s->events_cap = s->events == NULL ? 0 : (size_t)n;
		}
		if (s->events == NULL)
			return error_nomem(s->err);
		memset(s->events, 0, (size_t)n * sizeof *s->events);
		for (int led = 1; led >= 0; led--) {
			for (size_t j = from_segment; j < i; j++)
				if (segments->list[j].led == (led != 0))
					read_find(s, KIND_SEGMENT, &segments->list[j], first);
			for (size_t j = from_tail; j < k; j++)
				if (tail->list[j].led == (led != 0))
					read_find(s, KIND_EVENT, &tail->list[j], first);
		}
		status = write_stretch(s, first, n);
	}
	return status;
}

/* ---- all of it ---- */

static int salvage(struct salvage *s)
{
	int status;

	s->names = name_table_new();
	s->zip = zip_new();
	if (s->names == NULL || s->zip == NULL)
		return error_nomem(s->err);
	gather_led(s);
	gather_strays(s);
	sort_finds(s);
	make_names(s);
	s->next = 1;
	status = write_events(s);
	if (status == EVS_OK && s->no_memory)
		status = error_nomem(s->err);
	if (status != EVS_OK)
		return status;
	lose(s, (s->has_state ? s->state.last_position : s->claimed) + 1);
	s->result->end_known = s->has_state;
	return EVS_OK;
}

static void release(struct salvage *s)
{
	survey_close(&s->f);
	for (unsigned i = 0; i < STORE_DICTS; i++)
		zip_dict_free(s->dicts[i]);
	for (unsigned i = 0; i < KINDS; i++)
		free(s->finds[i].list);
	name_table_free(s->names);
	zip_free(s->zip);
	segment_events_free(&s->unpacked);
	buf_free(&s->mended);
	buf_free(&s->bytes);
	buf_free(&s->text);
	free(s->events);
}

int evs_salvage(const char *path, int (*write)(void *context, const void *text, size_t size),
                void (*lost)(void *context, uint64_t first, uint64_t last), void *context, struct evs_salvage_result *result,
                struct evs_error *err)
{
	struct evs_error unused;
	struct salvage s = {.write = write, .lost = lost, .context = context, .result = result, .err = err == NULL ? &unused : err};
	int status = survey_open(path, &s.f, s.err);

	*result = (struct evs_salvage_result){0};
	if (status == EVS_OK)
		status = salvage(&s);
	release(&s);
	return status;
}
