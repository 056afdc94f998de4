#include "replay/keep.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "replay/entries.h"

enum {
	TRACKS = 256,       /* keys whose states are kept */
	PASS_MAX = 1024,    /* states that one walk keeps: more, and every other one is let go */
	TRACK_MAX = 8192,   /* of one key */
	NEAR = 64,          /* states on either side that are all kept */
	SPREAD = 32,        /* further off two are kept where they are apart a 32nd of the distance */
	EXEC_AHEAD_STEPS = 32 /* events that a command is asked about beyond the one that is wanted: starting it takes long */
};

/* What is kept of one key. */
struct track {
	uint64_t hash, used;
	char *key, *type; /* type NULL: none */
	struct entries entries;
};

struct keep {
	struct keep_options options;
	bool by_stream;
	struct track tracks[TRACKS];
	size_t n;
	uint64_t clock;
};

/* ---- what to let go of ---- */

/* From where the distance counts. */
struct spread {
	size_t at;         /* the entry that was looked for */
	uint64_t position; /* its */
	uint64_t last;     /* the last one that was kept */
	uint64_t share;    /* of the distance that must lie between two */
	size_t near;
};

/* Whether an entry is near, or far enough from the last one that was kept. */
static bool is_apart(void *context, const struct entries *s, size_t i)
{
	struct spread *p = context;
	uint64_t here = s->list[i].position, distance = here > p->position ? here - p->position : p->position - here;

	if (i + p->near < p->at || i > p->at + p->near)
		if (i > 0 && (here - p->last) < distance / p->share)
			return false;
	p->last = here;
	return true;
}

/* Let go of entries of a key, those that are far off first. */
static void thin_track(struct track *t, uint64_t position, size_t budget)
{
	struct spread p = {.share = SPREAD, .near = NEAR};

	while ((t->entries.bytes > budget || t->entries.n > TRACK_MAX) && t->entries.n > 2 && (p.near > 0 || p.share > 1)) {
		const struct entry *e = entries_at(&t->entries, position);

		p.at = e == NULL ? 0 : (size_t)(e - t->entries.list);
		p.position = position;
		entries_thin(&t->entries, is_apart, &p);
		p.share = p.share > 1 ? p.share / 2 : 1;
		p.near /= 2;
	}
}

static void track_release(struct track *t)
{
	entries_release(&t->entries);
	free(t->key);
	free(t->type);
	*t = (struct track){0};
}

/* Let go of the key that was not looked for longest; keep: not of this one. False: there is no other. */
static bool drop_oldest(struct keep *k, const struct track *keep)
{
	struct track *oldest = NULL;

	for (size_t i = 0; i < k->n; i++)
		if (k->tracks[i].key != NULL && &k->tracks[i] != keep && (oldest == NULL || k->tracks[i].used < oldest->used))
			oldest = &k->tracks[i];
	if (oldest != NULL)
		track_release(oldest);
	return oldest != NULL;
}

size_t keep_bytes(const struct keep *k)
{
	size_t bytes = 0;

	for (size_t i = 0; i < k->n; i++)
		bytes += k->tracks[i].entries.bytes;
	return bytes;
}

/* Stay within the budget. */
static void trim(struct keep *k, struct track *t, uint64_t position)
{
	while (keep_bytes(k) > k->options.budget && drop_oldest(k, t))
		;
	thin_track(t, position, k->options.budget);
}

/* ---- keys ---- */

struct keep *keep_new(const struct keep_options *options)
{
	struct keep *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->options = *options;
	k->by_stream = options->walk->fold == NULL || fold_by_stream(options->walk->fold);
	return k;
}

void keep_forget(struct keep *k)
{
	for (size_t i = 0; i < k->n; i++)
		track_release(&k->tracks[i]);
	k->n = 0;
}

void keep_free(struct keep *k)
{
	if (k == NULL)
		return;
	keep_forget(k);
	free(k);
}

static bool is_text(const char *text, struct span span)
{
	return text == NULL ? span.text == NULL : span.text != NULL && strlen(text) == span.size && memcmp(text, span.text, span.size) == 0;
}

/* The track of a key, made where there is none. NULL: it failed, *status says how. */
static struct track *track_of(struct keep *k, struct span key, struct span type, int *status, struct evs_error *err)
{
	uint64_t hash = hash64(key.text, key.size, type.text == NULL ? 1 : hash64(type.text, type.size, 0));
	struct track *t = NULL;

	*status = EVS_OK;
	if (memchr(key.text, '\0', key.size) != NULL || (type.size > 0 && memchr(type.text, '\0', type.size) != NULL)) {
		*status = error_set(err, EVS_USAGE, 0, "a key with the character \\u0000 in it cannot be looked at alone");
		return NULL;
	}
	for (size_t i = 0; i < k->n; i++)
		if (k->tracks[i].key != NULL && k->tracks[i].hash == hash && is_text(k->tracks[i].key, key) && is_text(k->tracks[i].type, type))
			t = &k->tracks[i];
	if (t == NULL) {
		for (size_t i = 0; i < k->n && t == NULL; i++)
			if (k->tracks[i].key == NULL)
				t = &k->tracks[i];
		if (t == NULL && k->n == TRACKS) {
			drop_oldest(k, NULL);
			return track_of(k, key, type, status, err);
		}
		if (t == NULL)
			t = &k->tracks[k->n++];
		*t = (struct track){.hash = hash, .key = strndup(key.text, key.size),
		                    .type = type.text == NULL ? NULL : strndup(type.text, type.size)};
		if (t->key == NULL || (type.text != NULL && t->type == NULL)) {
			track_release(t);
			*status = error_nomem(err);
			return NULL;
		}
	}
	t->used = ++k->clock;
	return t;
}

/* ---- walks from a kept state ---- */

struct keep_walk {
	struct walk_options options; /* the walk borrows them */
	struct evs_selector selector;
	struct positions positions;
	struct walk *walk;
};

void keep_walk_close(struct keep_walk *w)
{
	if (w == NULL)
		return;
	walk_close(w->walk);
	positions_release(&w->positions);
	free(w);
}

struct walk *keep_walk(struct keep_walk *w)
{
	return w->walk;
}

/* Begin to walk behind an entry; NULL: with the first event, or a snapshot. without: events that did not happen; NULL: all did. */
static int begin(struct keep *k, const struct track *t, const struct entry *from, uint64_t to, const struct positions *without,
                 struct keep_walk **out, struct evs_error *err)
{
	static const uint8_t nothing[RENDER_PAD];
	static const uint64_t nowhere[1];
	struct keep_walk *w = calloc(1, sizeof *w);
	struct walk_begin state;
	int status = EVS_OK;

	*out = NULL;
	if (w == NULL)
		return error_nomem(err);
	w->options = *k->options.walk;
	w->options.key = t->key;
	w->options.limit.position = to;
	if (without != NULL) {
		w->options.without = without->list;
		w->options.n_without = without->n;
	}
	if (w->options.selector != NULL)
		w->selector = *w->options.selector;
	w->options.selector = &w->selector;
	if (k->by_stream) {
		w->selector.stream = t->key;
		w->selector.aggregate_type = t->type == NULL ? "" : t->type;
	} else {
		status = postings_reach(k->options.postings, to, err);
		if (status == EVS_OK && !postings_find(k->options.postings, (struct span){t->key, strlen(t->key)}, from == NULL ? 0 : from->covers, to, &w->positions))
			status = error_nomem(err);
		w->options.positions = w->positions.n == 0 ? nowhere : w->positions.list;
		w->options.n_positions = w->positions.n;
	}
	if (from != NULL && from->position > 0) {
		state = (struct walk_begin){from->position, from->revision, from->packed == NULL ? nothing : from->packed, from->size};
		w->options.begin = &state;
	}
	if (status == EVS_OK)
		status = walk_open(k->options.store, &w->options, &w->walk, err);
	w->options.begin = NULL;
	if (status == EVS_OK)
		*out = w;
	else
		keep_walk_close(w);
	return status;
}

int keep_walk_open(struct keep *k, struct span key, struct span type, uint64_t before, uint64_t to, uint64_t *began,
                   struct keep_walk **out, struct evs_error *err)
{
	int status;
	struct track *t = track_of(k, key, type, &status, err);
	const struct entry *from;

	*out = NULL;
	*began = 0;
	if (t == NULL)
		return status;
	from = before == 0 ? NULL : entries_at(&t->entries, before - 1);
	status = begin(k, t, from, to, NULL, out, err);
	if (status == EVS_OK)
		*began = walk_began((*out)->walk);
	return status;
}

/* ---- making states ---- */

/* A walk whose states are kept. */
struct pass {
	struct keep *k;
	struct walk *walk;
	struct entries made;
	uint64_t position, revision; /* of the event at hand */
	bool saved;                  /* the state after it is kept */
	uint64_t events, every;      /* of so many the state after one is kept */
	uint64_t wanted, beyond;     /* up to this event; events that were walked behind it */
};

/* Of the entries of a pass every other one, but of the last ones all: with a command what is wanted is among them. */
static bool is_even(void *context, const struct entries *s, size_t i)
{
	const struct pass *p = context;

	return i % 2 == 0 || i + (p->k->options.walk->fold == NULL ? EXEC_AHEAD_STEPS + 2 : 1) >= s->n;
}

/* Keep the state as it is after the event at hand. failure: why there is no other; NULL: there is. */
static int save(struct pass *p, uint64_t covers, const char *failure, struct evs_error *err)
{
	struct entry e = {.position = p->position, .revision = p->revision, .covers = covers};
	struct buf packed = {0};

	if (!walk_save(p->walk, &packed) || !buf_room(&packed, RENDER_PAD)) {
		buf_free(&packed);
		return error_nomem(err);
	}
	e.size = packed.size;
	memset(packed.data + packed.size, 0, RENDER_PAD);
	if (packed.size > 0) /* no more memory than it needs */
		e.packed = realloc(packed.data, packed.size + RENDER_PAD);
	if (e.packed == NULL)
		buf_free(&packed);
	if (failure != NULL)
		e.failure = strdup(failure);
	if ((e.size > 0 && e.packed == NULL) || (failure != NULL && e.failure == NULL) || !entries_add(&p->made, &e))
		return error_nomem(err);
	p->saved = true;
	if (p->made.n > PASS_MAX || p->made.bytes > p->k->options.budget / 4) {
		entries_thin(&p->made, is_even, p);
		p->every = p->every < UINT64_MAX / 2 ? p->every * 2 : p->every;
	}
	return EVS_OK;
}

/* Take one step. EVS_END: it is done. */
static int pass_step(struct pass *p, struct evs_error *err)
{
	bool exec = p->k->options.walk->fold == NULL;
	int status = walk_next(p->walk, err);
	const struct record *record = walk_record(p->walk);
	bool failed = status == EVS_BAD_EVENT && !exec;

	if (status != EVS_OK && !failed)
		return status;
	if (p->saved && p->made.n > 0)
		p->made.list[p->made.n - 1].covers = record->position - 1;
	p->saved = false;
	p->position = record->position;
	p->revision = p->k->by_stream ? record->revision : 0;
	p->events++;
	/* A state that a command made is the work of a process: all are kept at first. */
	if (failed || exec || p->events % p->every == 0)
		status = save(p, p->position, failed ? err->message : NULL, err);
	if (p->position > p->wanted && ++p->beyond >= EXEC_AHEAD_STEPS)
		return EVS_END;
	return status;
}

/* Keep what a pass has made. */
static int settle(struct track *t, struct pass *p, struct evs_error *err)
{
	int status = EVS_OK;

	for (size_t i = 0; i < p->made.n; i++)
		if (!entries_add(&t->entries, &p->made.list[i]))
			status = error_nomem(err);
	free(p->made.list);
	return status;
}

/* Make the state at a position, from the entry before it, NULL: there is none. */
static int make(struct keep *k, struct track *t, struct entry *from, uint64_t position, struct evs_error *err)
{
	bool exec = k->options.walk->fold == NULL;
	struct pass p = {.k = k, .every = 1, .wanted = position};
	struct keep_walk *w;
	struct evs_error own;
	uint64_t covers = position;
	int status = EVS_OK, settled;

	if (exec)
		status = evs_last_position(k->options.store, &covers, err);
	if (status == EVS_OK)
		status = begin(k, t, from, covers, NULL, &w, err);
	if (status != EVS_OK)
		return status;
	p.walk = w->walk;
	p.position = walk_state(w->walk)->position;
	p.revision = walk_state(w->walk)->revision;
	status = save(&p, p.position, NULL, &own);
	while (status == EVS_OK)
		status = pass_step(&p, &own);
	if (status == EVS_END && p.beyond < EXEC_AHEAD_STEPS) {
		status = p.saved ? EVS_OK : save(&p, covers, NULL, &own);
		if (status == EVS_OK)
			p.made.list[p.made.n - 1].covers = covers;
	} else if (status == EVS_END || (exec && p.position >= position && p.position > 0)) {
		status = EVS_OK; /* what is wrong with the events beyond is said when they are met */
	}
	settled = settle(t, &p, err);
	keep_walk_close(w);
	if (status != EVS_OK && err != NULL)
		*err = own;
	return status != EVS_OK ? status : settled;
}

/* ---- looking ---- */

void kept_release(struct kept *s)
{
	buf_free(&s->packed);
	buf_free(&s->failure);
	arena_free(&s->arena);
	*s = (struct kept){0};
}

/* Copy an entry. */
static int give(const struct entry *e, struct kept *out, struct evs_error *err)
{
	out->position = e->position;
	out->revision = e->revision;
	out->packed.size = out->failure.size = 0;
	out->value = value_null();
	out->arena.limit = SIZE_MAX / 2;
	arena_reset(&out->arena);
	buf_put(&out->packed, e->packed, e->size);
	if (e->failure != NULL)
		buf_text(&out->failure, e->failure);
	if (out->failure.failed || !buf_room(&out->packed, RENDER_PAD))
		return error_nomem(err);
	memset(out->packed.data + out->packed.size, 0, RENDER_PAD);
	if (e->size > 0 && value_read(&out->arena, out->packed.data, out->packed.data + out->packed.size, &out->value) == NULL)
		return out->arena.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "a state is damaged");
	return EVS_OK;
}

int keep_find(struct keep *k, struct span key, struct span type, uint64_t position, struct kept *out, struct evs_error *err)
{
	int status;
	struct track *t = track_of(k, key, type, &status, err);
	struct entry *e;

	if (t == NULL)
		return status;
	e = entries_at(&t->entries, position);
	if (e == NULL || e->covers < position) {
		status = make(k, t, e, position, err);
		if (status != EVS_OK)
			return status;
		e = entries_at(&t->entries, position);
		if (e == NULL)
			return error_set(err, EVS_CORRUPT, 0, "the state at position %llu cannot be made", (unsigned long long)position);
	}
	status = give(e, out, err);
	trim(k, t, position);
	return status;
}

int keep_without(struct keep *k, struct span key, struct span type, uint64_t position, const struct positions *without,
                 struct kept *out, struct evs_error *err)
{
	struct keep_walk *w = NULL;
	struct entry e = {0};
	struct buf packed = {0};
	int status;
	struct track *t = track_of(k, key, type, &status, err);

	if (t == NULL)
		return status;
	status = begin(k, t, entries_at(&t->entries, without->list[0] - 1), position, without, &w, err);
	while (status == EVS_OK || (status == EVS_BAD_EVENT && k->options.walk->fold != NULL))
		status = walk_next(w->walk, err);
	if (status == EVS_END) {
		e.position = walk_state(w->walk)->position;
		e.revision = walk_state(w->walk)->revision;
		status = walk_save(w->walk, &packed) ? EVS_OK : error_nomem(err);
		e.packed = packed.data;
		e.size = packed.size;
	}
	if (status == EVS_OK)
		status = give(&e, out, err);
	buf_free(&packed);
	keep_walk_close(w);
	return status;
}
