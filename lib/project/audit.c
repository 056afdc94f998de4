/* evs_project_verify: projections, each with its model, then snapshots. */
#include "project/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "event/parse.h"
#include "event/render.h"
#include "project/exec.h"

enum { AT_A_TIME = 10000 }; /* records in one snapshot */

static const char *const kinds[AUDIT_KINDS] = {
	[AUDIT_FILE] = "file-damaged",
	[AUDIT_PROJECTION] = "projection-damaged",
	[AUDIT_PROJECTION_POSITION] = "projection-position",
	[AUDIT_STATE] = "projection-state",
	[AUDIT_INDEX_MISSING] = "projection-index-missing",
	[AUDIT_INDEX_STRAY] = "projection-index-stray",
	[AUDIT_SNAPSHOT] = "snapshot-damaged",
	[AUDIT_SNAPSHOT_POSITION] = "snapshot-position",
};

void audit_report(struct audit *a, enum audit_kind kind, uint64_t position, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	findings_add(&a->findings, kind, position, format, args);
	va_end(args);
}

int audit_renew(struct audit *a)
{
	if (a->txn == NULL)
		return store_begin(a->store, false, &a->txn, &a->state, a->err);
	kv_reset(a->txn);
	return store_renew(a->store, a->txn, &a->state, a->err);
}

int audit_packed(struct audit *a)
{
	const uint8_t *end = a->packed.data + a->packed.size;
	bool whole;

	a->text.size = 0;
	whole = render_value(&a->text, a->store->names, a->packed.data, end) == end;
	if (a->text.failed)
		return error_nomem(a->err);
	return whole && utf8_valid((const char *)a->text.data, a->text.size, NULL) ? EVS_OK : EVS_END;
}

/* ---- going through tables ---- */

/* Go on behind the last key, over so many records. EVS_OK: there are more; EVS_END. */
static int walk_some(struct audit *a, const struct audit_table *t, const struct pile *table, void *context, struct buf *last)
{
	struct kv_bytes key = {last->data, last->size}, value;
	struct pile_cursor *c;
	int status = pile_cursor_open(table, &c, a->err);

	if (status != EVS_OK)
		return status;
	status = pile_seek(c, key, &key, &value, a->err);
	if (status == EVS_OK && key.size == last->size && memcmp(key.data, last->data, key.size) == 0)
		status = pile_next(c, &key, &value, a->err);
	for (unsigned n = 0; status == EVS_OK && n < AT_A_TIME; n++) {
		last->size = 0;
		buf_put(last, key.data, key.size);
		status = last->failed ? error_nomem(a->err) : t->look(a, context, key, value);
		if (status == EVS_OK)
			status = pile_next(c, &key, &value, a->err);
	}
	pile_cursor_close(c);
	return status;
}

int audit_walk(struct audit *a, const struct audit_table *t, void *context)
{
	struct buf last = {0};
	struct pile table;
	int status = EVS_OK, renewed = EVS_OK;

	while (status == EVS_OK && (renewed = audit_renew(a)) == EVS_OK) {
		status = t->open(a, context, &table);
		if (status == EVS_OK)
			status = walk_some(a, t, &table, context, &last);
	}
	buf_free(&last);
	if (renewed != EVS_OK || status == EVS_NOMEM || status == EVS_BUSY)
		return renewed != EVS_OK ? renewed : status;
	if (status != EVS_END)
		audit_report(a, AUDIT_FILE, 0, "%s: %s", t->what, a->err->message);
	return EVS_OK;
}

/* ---- projections ---- */

/* A position of a generation that cannot be. */
static void check_positions(struct audit *a, const char *called, const struct generation *g)
{
	uint64_t last = a->state.last_position;

	if (g->checkpoint > last)
		audit_report(a, AUDIT_PROJECTION_POSITION, 0, "the checkpoint of %s is %" PRIu64 ", the newest event has position %" PRIu64,
		             called, g->checkpoint, last);
	if (g->stuck != 0 && (g->stuck <= g->checkpoint || g->stuck > last))
		audit_report(a, AUDIT_PROJECTION_POSITION, g->stuck, "%s is stuck at position %" PRIu64 ", its checkpoint is %" PRIu64
		             ", the newest event has position %" PRIu64, called, g->stuck, g->checkpoint, last);
}

/* What a generation is made by. *fold is the caller's; *good: it says what it is. */
static int check_source(struct audit *a, const char *called, const struct generation *g, struct fold **fold, bool *good)
{
	uint64_t hash = 0;
	int status;

	*fold = NULL;
	if (g->exec) {
		char *command = strndup(g->source.text, g->source.size);
		if (command == NULL)
			return error_nomem(a->err);
		hash = exec_hash(command);
		free(command);
	} else {
		status = fold_parse("fold", g->source.text, g->source.size, fold, a->err);
		if (status == EVS_NOMEM)
			return status;
		if (status == EVS_OK)
			hash = fold_hash(*fold);
	}
	*good = hash == g->hash && g->by_stream == (g->exec || fold_by_stream(*fold));
	if (!*good)
		audit_report(a, AUDIT_PROJECTION, 0, "the %s of %s is damaged", g->exec ? "command" : "fold", called);
	return EVS_OK;
}

/* The selectors of a generation. */
static int check_selectors(struct audit *a, const char *called, const struct generation *g)
{
	int status;

	a->packed.size = 0;
	status = parse_value(g->selectors.text, g->selectors.size, &a->packed, a->err);
	if (status == EVS_BAD_EVENT)
		audit_report(a, AUDIT_PROJECTION, 0, "the selectors of %s are damaged", called);
	return status == EVS_BAD_EVENT ? EVS_OK : status;
}

static int check_generation(struct audit *a, const char *name, const char *called, const struct projection *p,
                            const struct generation *g)
{
	struct fold *fold = NULL;
	bool good = false;
	int status = EVS_OK;

	if (g->number == 0)
		return EVS_OK;
	check_positions(a, called, g);
	status = check_selectors(a, called, g);
	if (status == EVS_OK)
		status = check_source(a, called, g, &fold, &good);
	if (status == EVS_OK && good)
		status = audit_model(a, name, called, p, g, fold);
	fold_free(fold);
	return status;
}

/* Check the projection of a name, if it is still there. */
static int check_projection(struct audit *a, const char *name)
{
	char called[64 + PROJECTION_NAME_MAX];
	struct projection p = {0};
	int status = audit_renew(a);

	if (status != EVS_OK)
		return status;
	status = projection_get(a->txn, name, &p, a->err);
	if (status == EVS_CORRUPT) {
		audit_report(a, AUDIT_PROJECTION, 0, "%s", a->err->message);
		status = EVS_END;
	}
	if (status == EVS_OK) {
		a->result->projections++;
		snprintf(called, sizeof called, "projection '%s'", name);
		status = check_generation(a, name, called, &p, &p.model);
	}
	if (status == EVS_OK) {
		snprintf(called, sizeof called, "the rebuild of projection '%s'", name);
		status = check_generation(a, name, called, &p, &p.next);
	}
	projection_release(&p);
	return status == EVS_END ? EVS_OK : status;
}

static int open_projections(struct audit *a, void *context, struct pile *table)
{
	(void)context;
	*table = pile_of_table(a->txn, KV_PROJECTION);
	return EVS_OK;
}

/* Note a name, with a zero behind it. */
static int note_name(struct audit *a, void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct buf *names = context;
	char name[KV_KEY_MAX + 1];

	(void)value;
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	if (strlen(name) != key.size || projection_check_name(name, NULL) != EVS_OK) {
		audit_report(a, AUDIT_PROJECTION, 0, "a projection has the name '%s', which is none", name);
		return EVS_OK;
	}
	buf_put(names, name, key.size + 1);
	return names->failed ? error_nomem(a->err) : EVS_OK;
}

static int check_projections(struct audit *a)
{
	static const struct audit_table table = {"the table of projections", open_projections, note_name};
	struct buf names = {0};
	int status = audit_walk(a, &table, &names);
	const char *at = (const char *)names.data, *end = at + names.size;

	for (; status == EVS_OK && at < end; at += strlen(at) + 1)
		status = check_projection(a, at);
	buf_free(&names);
	return status;
}

/* ---- all of it ---- */

int evs_project_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
                       struct evs_project_verify_result *result, struct evs_error *err)
{
	struct evs_error unused;
	struct audit a = {.store = store, .result = result, .err = err == NULL ? &unused : err,
	                  .arena = {.limit = EVS_LINE_MAX * 2ul}};
	int status;

	a.findings = (struct findings){.kinds = kinds, .counts = a.counts, .each = each, .context = context};
	*result = (struct evs_project_verify_result){0};
	status = check_projections(&a);
	if (status == EVS_OK)
		status = audit_snapshots(&a);
	result->findings = a.findings.n;
	kv_abort(a.txn);
	arena_free(&a.arena);
	buf_free(&a.scratch);
	buf_free(&a.packed);
	buf_free(&a.text);
	return findings_status(&a.findings, status, err);
}
