#include "replay/postings.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "store/read.h"
#include "store/store.h"

enum {
	BLOCK = 4096,        /* postings that lie together: what a block does not hold need not be looked through */
	READ_LEAST = 1 << 16 /* positions that are read at once: going on by one event is no reason to begin to read */
};

/* ---- lists of positions ---- */

size_t positions_from(const struct positions *p, uint64_t position)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->list[middle] < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool positions_have(const struct positions *p, uint64_t position)
{
	size_t at = positions_from(p, position);

	return at < p->n && p->list[at] == position;
}

void positions_release(struct positions *p)
{
	free(p->list);
	*p = (struct positions){0};
}

/* ---- postings ---- */

/* Ascending by position; the hashes lie apart, for it is they that are looked through. */
struct block {
	size_t n;
	uint32_t hashes[BLOCK];
	uint64_t positions[BLOCK];
};

struct postings {
	struct evs_store *store;
	const struct fold *fold;
	const struct evs_selector *selector;
	const volatile sig_atomic_t *stop;
	struct block **blocks;
	size_t n, cap;
	uint64_t known; /* all events up to this position */
};

struct postings *postings_new(struct evs_store *store, const struct fold *fold, const struct evs_selector *selector,
                              const volatile sig_atomic_t *stop)
{
	struct postings *p = calloc(1, sizeof *p);

	if (p != NULL)
		*p = (struct postings){.store = store, .fold = fold, .selector = selector, .stop = stop};
	return p;
}

void postings_free(struct postings *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->blocks[i]);
	free(p->blocks);
	free(p);
}

static uint32_t hash_of(struct span key)
{
	return (uint32_t)(hash64(key.text, key.size, 0) >> 32);
}

/* Add one behind all others. */
static bool add(struct postings *p, uint32_t hash, uint64_t position)
{
	struct block *b = p->n == 0 ? NULL : p->blocks[p->n - 1];

	if (b == NULL || b->n == BLOCK) {
		if (!array_grow(&p->blocks, &p->cap, p->n, sizeof *p->blocks) || (b = malloc(sizeof *b)) == NULL)
			return false;
		b->n = 0;
		p->blocks[p->n++] = b;
	}
	b->hashes[b->n] = hash;
	b->positions[b->n++] = position;
	return true;
}

/* ---- on the threads that load ---- */

/* What was found in a piece: the keys of its events. */
struct found {
	struct fold_run *run;
	struct target {
		uint64_t position;
		uint32_t hash;
	} *list;
	size_t n, cap;
};

static void found_free(void *prepared)
{
	struct found *f = prepared;

	fold_run_free(f->run);
	free(f->list);
	free(f);
}

static struct found *found_new(const struct postings *p)
{
	struct found *f = calloc(1, sizeof *f);

	if (f != NULL && (f->run = fold_run_new(p->fold, p->store->names)) == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

/* Find the keys of one event. What the fold fails on counts for none, and what is damaged is met again when it is read. */
static bool look(struct found *f, const struct record *record)
{
	size_t before = f->n;
	struct fold_target target;
	int status = fold_begin(f->run, record, NULL);

	while (status == EVS_OK && (status = fold_next(f->run, &target, NULL)) == EVS_OK) {
		uint32_t hash = hash_of(target.key);

		if (f->n > before && f->list[f->n - 1].hash == hash)
			continue;
		if (!array_grow(&f->list, &f->cap, f->n, sizeof *f->list))
			status = EVS_NOMEM;
		else
			f->list[f->n++] = (struct target){record->position, hash};
	}
	fold_end(f->run, false);
	return status != EVS_NOMEM;
}

static bool prepare(const void *context, void **prepared, const struct record *records, size_t n)
{
	struct found *f = *prepared;

	if (f == NULL && (f = *prepared = found_new(context)) == NULL)
		return false;
	f->n = 0;
	for (size_t i = 0; i < n; i++)
		if (!look(f, &records[i]))
			return false;
	return true;
}

/* ---- in order ---- */

/* Take what was found of the events that are read. */
static int take(struct postings *p, struct evs_read *read, struct evs_error *err)
{
	const struct record *records;
	size_t n;
	int status;

	while ((status = read_block(read, &records, &n, err)) == EVS_OK) {
		const struct found *f = read_prepared(read);

		for (size_t i = 0; i < f->n; i++)
			if (!add(p, f->list[i].hash, f->list[i].position))
				return error_nomem(err);
		p->known = records[n - 1].position;
		if (p->stop != NULL && *p->stop != 0)
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	}
	return status == EVS_END ? EVS_OK : status;
}

int postings_reach(struct postings *p, uint64_t position, struct evs_error *err)
{
	struct evs_selector selector = *p->selector;
	struct evs_read *read;
	uint64_t last;
	int status;

	if (position <= p->known)
		return EVS_OK;
	status = evs_last_position(p->store, &last, err);
	if (status != EVS_OK || last <= p->known)
		return status;
	if (position < p->known + READ_LEAST)
		position = p->known + READ_LEAST;
	if (position < last)
		last = position;
	if (selector.after < p->known)
		selector.after = p->known;
	if (selector.to == 0 || selector.to > last)
		selector.to = last;
	if (selector.after < selector.to) {
		status = evs_read_new(p->store, &selector, &read, err);
		if (status != EVS_OK)
			return status;
		read_set_prepare(read, &(struct read_prepare){.run = prepare, .free = found_free, .context = p});
		status = take(p, read, err);
		evs_read_free(read);
	}
	if (status == EVS_OK)
		p->known = last;
	return status;
}

bool postings_find(const struct postings *p, struct span key, uint64_t after, uint64_t to, struct positions *out)
{
	uint32_t hash = hash_of(key);

	for (size_t i = 0; i < p->n; i++) {
		const struct block *b = p->blocks[i];

		if (b->positions[b->n - 1] <= after)
			continue;
		if (b->positions[0] > to)
			break;
		for (size_t j = 0; j < b->n; j++) {
			if (b->hashes[j] != hash || b->positions[j] <= after || b->positions[j] > to ||
			    (out->n > 0 && out->list[out->n - 1] == b->positions[j]))
				continue;
			if (!array_grow(&out->list, &out->cap, out->n, sizeof *out->list))
				return false;
			out->list[out->n++] = b->positions[j];
		}
	}
	return true;
}
