#include "project/projection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "event/render.h"

enum { VERSION = 2, FLAG_EXEC = 1, FLAG_BY_STREAM = 2 };
enum { NAMES_SHOWN = 300 }; /* bytes of a list of names in a message */

int projection_check_name(const char *name, struct evs_error *err)
{
	return utf8_check_name("a projection", name, PROJECTION_NAME_MAX, err);
}

/* ---- records ---- */

static void put_generation(struct buf *out, const struct generation *g)
{
	uint8_t fixed[17];

	buf_varint(out, g->number);
	if (g->number == 0)
		return;
	fixed[0] = (uint8_t)((g->exec ? FLAG_EXEC : 0) | (g->by_stream ? FLAG_BY_STREAM : 0));
	put64(fixed + 1, g->hash);
	put64(fixed + 9, (uint64_t)g->ran_us);
	buf_put(out, fixed, sizeof fixed);
	buf_varint(out, g->to);
	buf_varint(out, g->checkpoint);
	buf_varint(out, g->events);
	buf_varint(out, g->dead);
	buf_varint(out, g->skipped);
	buf_varint(out, g->stuck);
	buf_sized(out, g->reason.text, g->reason.size);
	buf_sized(out, g->source.text, g->source.size);
	buf_sized(out, g->selectors.text, g->selectors.size);
	buf_sized(out, g->skips.text, g->skips.size);
}

bool generation_skips(const struct generation *g, uint64_t position)
{
	const uint8_t *p = (const uint8_t *)g->skips.text, *end;
	uint64_t at;

	if (g->skips.size == 0)
		return false;
	end = p + g->skips.size;
	while (p < end && (p = get_varint(p, end, &at)) != NULL)
		if (at == position)
			return true;
	return false;
}

bool generation_skip(struct generation *g, uint64_t position, struct buf *bytes)
{
	buf_put(bytes, g->skips.text, g->skips.size);
	buf_varint(bytes, position);
	g->skips = (struct span){(const char *)bytes->data, bytes->size};
	return !bytes->failed;
}

int projection_put(struct kv_txn *txn, const char *name, const struct projection *p, struct evs_error *err)
{
	struct buf out = {0};
	uint8_t id[8];
	int status;

	put64(id, p->id);
	buf_byte(&out, VERSION);
	buf_put(&out, id, sizeof id);
	put_generation(&out, &p->model);
	put_generation(&out, &p->next);
	status = out.failed ? error_nomem(err) : kv_put(txn, KV_PROJECTION, name, strlen(name), out.data, out.size, err);
	buf_free(&out);
	return status;
}

static const uint8_t *get_span(const uint8_t *p, const uint8_t *end, struct span *s)
{
	const uint8_t *bytes;

	if (p != NULL && (p = get_sized(p, end, &bytes, &s->size)) != NULL)
		s->text = (const char *)bytes;
	return p;
}

/* Whether a list of positions is whole. */
static bool are_positions(struct span list)
{
	const uint8_t *p = (const uint8_t *)list.text;
	uint64_t at;

	for (const uint8_t *end = p + list.size; list.size > 0 && p < end;)
		if ((p = get_varint(p, end, &at)) == NULL)
			return false;
	return true;
}

static const uint8_t *get_generation(const uint8_t *p, const uint8_t *end, unsigned version, struct generation *g)
{
	uint64_t *const numbers[] = {&g->to, &g->checkpoint, &g->events, &g->dead, &g->skipped, &g->stuck};

	if (p == NULL || (p = get_varint(p, end, &g->number)) == NULL || g->number == 0)
		return p;
	if (end - p < 17)
		return NULL;
	g->exec = (p[0] & FLAG_EXEC) != 0;
	g->by_stream = (p[0] & FLAG_BY_STREAM) != 0;
	g->hash = get64(p + 1);
	g->ran_us = (int64_t)get64(p + 9);
	p += 17;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers && p != NULL; i++)
		p = get_varint(p, end, numbers[i]);
	p = get_span(p, end, &g->reason);
	p = get_span(p, end, &g->source);
	p = get_span(p, end, &g->selectors);
	if (version > 1 && p != NULL && (p = get_span(p, end, &g->skips)) != NULL && !are_positions(g->skips))
		return NULL;
	return p;
}

bool projection_decode(struct kv_bytes value, struct projection *p)
{
	const uint8_t *at, *end;

	*p = (struct projection){0};
	buf_put(&p->bytes, value.data, value.size);
	if (p->bytes.failed || value.size < 9 || p->bytes.data[0] < 1 || p->bytes.data[0] > VERSION)
		return false;
	p->id = get64(p->bytes.data + 1);
	end = p->bytes.data + p->bytes.size;
	at = get_generation(p->bytes.data + 9, end, p->bytes.data[0], &p->model);
	return get_generation(at, end, p->bytes.data[0], &p->next) == end;
}

void projection_release(struct projection *p)
{
	buf_free(&p->bytes);
}

int projection_get(struct kv_txn *txn, const char *name, struct projection *p, struct evs_error *err)
{
	struct kv_bytes value;
	int status = kv_get(txn, KV_PROJECTION, name, strlen(name), &value, err);

	*p = (struct projection){0};
	if (status != EVS_OK || projection_decode(value, p))
		return status;
	return p->bytes.failed ? error_nomem(err) : error_set(err, EVS_CORRUPT, 0, "the record of projection '%s' is damaged", name);
}

int projection_none(struct kv_txn *txn, const char *name, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c = NULL;
	struct buf names = {0};
	int status = kv_cursor_open(txn, KV_PROJECTION, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK && names.size < NAMES_SHOWN;
	     status = kv_move(c, KV_NEXT, &key, &value, err)) {
		buf_text(&names, names.size == 0 ? "'" : ", '");
		buf_put(&names, key.data, key.size);
		buf_byte(&names, '\'');
	}
	if (status == EVS_OK)
		buf_text(&names, " and more");
	kv_cursor_close(c);
	if (status == EVS_OK || status == EVS_END) {
		buf_byte(&names, '\0');
		status = names.failed     ? error_nomem(err) :
		         names.size == 1  ? error_set(err, EVS_END, 0, "there is no projection '%s', nor any other", name) :
		                            error_set(err, EVS_END, 0, "there is no projection '%s', but %s", name, (char *)names.data);
	}
	buf_free(&names);
	return status;
}

/* ---- tables ---- */

int projection_table(struct kv_txn *txn, const struct projection *p, const struct generation *g,
                     enum projection_table which, bool create, enum kv_table *table, struct evs_error *err)
{
	static const char *const kinds[] = {[PROJECTION_MODEL] = "model", [PROJECTION_INDEX] = "index", [PROJECTION_LAYERS] = "layers"};
	char name[64];

	snprintf(name, sizeof name, "%s/%016" PRIx64 ".%" PRIu64, kinds[which], p->id, g->number);
	return kv_table_open(txn, name, create, table, err);
}

int projection_drop_tables(struct kv_txn *txn, const struct projection *p, const struct generation *g, struct evs_error *err)
{
	static const enum projection_table tables[] = {PROJECTION_MODEL, PROJECTION_INDEX, PROJECTION_LAYERS};
	enum kv_table table;
	int status = EVS_OK;

	for (size_t i = 0; i < sizeof tables / sizeof *tables && g->number != 0 && status == EVS_OK; i++) {
		status = projection_table(txn, p, g, tables[i], false, &table, err);
		if (status == EVS_OK)
			status = kv_table_drop(txn, table, err);
		else if (status == EVS_END)
			status = EVS_OK;
	}
	return status;
}

/* ---- exclusion ---- */

static uint64_t lock_number(const char *name)
{
	return hash64(name, strlen(name), 0);
}

int projection_lock(const struct evs_store *store, const char *name, struct lock **out, struct evs_error *err)
{
	int saved;

	switch (lock_take(store->path, lock_number(name), out)) {
	case LOCK_OK:
		return EVS_OK;
	case LOCK_HELD:
		return error_set(err, EVS_BUSY, 0, "projection '%s' is being worked on by another process; nothing was done", name);
	default:
		saved = errno;
		return error_set(err, error_status(saved), saved, "cannot lock projection '%s'", name);
	}
}

bool projection_is_running(const struct evs_store *store, const char *name)
{
	return lock_look(store->path, lock_number(name)) == LOCK_HELD;
}

/* ---- selectors ---- */

bool projection_selects(const struct generation *g, struct span selectors)
{
	return g->selectors.size == selectors.size && memcmp(g->selectors.text, selectors.text, selectors.size) == 0;
}
