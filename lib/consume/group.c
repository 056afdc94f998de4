#include "consume/group.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "event/term.h"
#include "event/view.h"

enum { GROUP_VERSION = 1, FIXED = 1 + 4 };
static const char next_number[] = "groups"; /* in KV_META */

const int64_t evs_durations_us[EVS_DURATIONS] = {1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};

int group_check_name(const char *name, struct evs_error *err)
{
	return utf8_check_name("a group", name, GROUP_NAME_MAX, err);
}

unsigned group_slot(uint64_t stream, uint64_t position)
{
	return (unsigned)(hash_mix(stream != 0 ? stream : position) % GROUP_SLOTS);
}

bool group_stream(const struct evs_store *store, const struct record *r, uint64_t *stream)
{
	struct view v;

	*stream = 0;
	if (!view_open(&v, r->body, r->size))
		return false;
	if (view_has_stream(&v))
		*stream = term_stream(store->seed, term_hash(store->seed, TERM_AGGREGATE, &v.texts[NAME_AGGREGATE_ID], store->names),
		                      &v.texts[NAME_AGGREGATE_TYPE], store->names);
	return true;
}

uint64_t group_mark(const struct group *g)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (g->positions[i] < least)
			least = g->positions[i];
	return least;
}

void group_count_time(struct group *g, int64_t took_us)
{
	unsigned i = 0;

	while (i < EVS_DURATIONS && took_us > evs_durations_us[i])
		i++;
	g->buckets[i]++;
	g->took_us += took_us;
}

void group_release(struct group *g)
{
	free(g->reason);
	free(g->setup);
	free(g->selectors);
	g->reason = g->setup = g->selectors = NULL;
}

/* ---- decoding ---- */

/* A reader of bytes that notes when they end too soon. */
struct reader {
	const uint8_t *p, *end;
	bool failed;
};

static uint64_t take(struct reader *r)
{
	uint64_t v = 0;

	if (!r->failed && (r->p = get_varint(r->p, r->end, &v)) == NULL)
		r->failed = true;
	return r->failed ? 0 : v;
}

/* A text with its size in front; NULL where it is empty. */
static char *take_text(struct reader *r)
{
	uint64_t size = take(r);
	char *text = NULL;

	if (r->failed || size > (uint64_t)(r->end - r->p) || (size > 0 && (text = malloc(size + 1)) == NULL)) {
		r->failed = true;
		return NULL;
	}
	if (text != NULL) {
		memcpy(text, r->p, size);
		text[size] = '\0';
	}
	r->p += size;
	return text;
}

/* Runs of slots that have the same position. */
static void take_positions(struct reader *r, uint64_t positions[GROUP_SLOTS])
{
	uint64_t least = take(r), run, more;
	unsigned i = 0;

	while (i < GROUP_SLOTS && !r->failed) {
		run = take(r);
		more = take(r);
		if (run == 0 || run > GROUP_SLOTS - i || more > UINT64_MAX - least)
			r->failed = true;
		for (; !r->failed && run > 0; run--)
			positions[i++] = least + more;
	}
}

int group_decode(const uint8_t *bytes, size_t size, struct group *out)
{
	struct reader r = {.p = bytes + FIXED, .end = bytes + size};

	*out = (struct group){0};
	if (size < FIXED || bytes[0] != GROUP_VERSION)
		return EVS_CORRUPT;
	out->number = get32(bytes + 1);
	take_positions(&r, out->positions);
	out->waiting = take(&r);
	out->parked = take(&r);
	out->handled = take(&r);
	out->retried = take(&r);
	out->dead = take(&r);
	out->emitted = take(&r);
	out->made_us = (int64_t)take(&r);
	out->moved_us = (int64_t)take(&r);
	out->took_us = (int64_t)take(&r);
	for (unsigned i = 0; i <= EVS_DURATIONS; i++)
		out->buckets[i] = take(&r);
	out->stuck = take(&r);
	out->reason = take_text(&r);
	out->setup = take_text(&r);
	out->selectors = take_text(&r);
	if (!r.failed && r.p == r.end && out->number != 0)
		return EVS_OK;
	group_release(out);
	return EVS_CORRUPT;
}

int group_get(struct kv_txn *txn, const char *name, struct group *out, struct evs_error *err)
{
	struct kv_bytes value;
	int status;

	*out = (struct group){0};
	status = kv_get(txn, KV_GROUP, name, strlen(name), &value, err);
	if (status != EVS_OK)
		return status;
	status = group_decode(value.data, value.size, out);
	return status == EVS_OK ? status : error_set(err, status, 0, "the record of group '%s' is damaged", name);
}

/* ---- encoding ---- */

static void put_text(struct buf *b, const char *text)
{
	buf_sized(b, text, text == NULL ? 0 : strlen(text));
}

static void put_positions(struct buf *b, const struct group *g)
{
	uint64_t least = group_mark(g);
	unsigned from = 0;

	buf_varint(b, least);
	for (unsigned i = 1; i <= GROUP_SLOTS; i++) {
		if (i < GROUP_SLOTS && g->positions[i] == g->positions[from])
			continue;
		buf_varint(b, i - from);
		buf_varint(b, g->positions[from] - least);
		from = i;
	}
}

/* Give a new group the next number. */
static int number_group(struct kv_txn *txn, struct group *g, struct evs_error *err)
{
	struct kv_bytes value;
	uint8_t next[4];
	int status;

	if (g->number != 0)
		return EVS_OK;
	status = kv_get(txn, KV_META, next_number, sizeof next_number - 1, &value, err);
	if (status != EVS_OK && status != EVS_END)
		return status;
	if (status == EVS_OK && value.size != sizeof next)
		return error_set(err, EVS_CORRUPT, 0, "the number of groups is damaged");
	g->number = status == EVS_END ? 1 : get32(value.data) + 1;
	put32(next, g->number);
	return kv_put(txn, KV_META, next_number, sizeof next_number - 1, next, sizeof next, err);
}

int group_put(struct kv_txn *txn, const char *name, struct group *g, struct evs_error *err)
{
	struct buf b = {0};
	uint8_t fixed[FIXED] = {GROUP_VERSION};
	int status = number_group(txn, g, err);

	if (status != EVS_OK)
		return status;
	put32(fixed + 1, g->number);
	buf_put(&b, fixed, sizeof fixed);
	put_positions(&b, g);
	buf_varint(&b, g->waiting);
	buf_varint(&b, g->parked);
	buf_varint(&b, g->handled);
	buf_varint(&b, g->retried);
	buf_varint(&b, g->dead);
	buf_varint(&b, g->emitted);
	buf_varint(&b, (uint64_t)g->made_us);
	buf_varint(&b, (uint64_t)g->moved_us);
	buf_varint(&b, (uint64_t)g->took_us);
	for (unsigned i = 0; i <= EVS_DURATIONS; i++)
		buf_varint(&b, g->buckets[i]);
	buf_varint(&b, g->stuck);
	put_text(&b, g->reason);
	put_text(&b, g->setup);
	put_text(&b, g->selectors);
	status = b.failed ? error_nomem(err) : kv_put(txn, KV_GROUP, name, strlen(name), b.data, b.size, err);
	buf_free(&b);
	return status;
}
