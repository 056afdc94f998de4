/* evs_verify: read everything and check it; verify.h says in which order. */
#include "store/verify.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/dead.h"
#include "store/survey.h"

enum {
	IDS_MAX = 16 << 20,  /* ids in memory at a time */
};

static const char *const kinds[VERIFY_KINDS] = {
	[VERIFY_FILE] = "file-damaged",
	[VERIFY_PAGE] = "page-damaged",
	[VERIFY_STATE] = "state",
	[VERIFY_NAMES] = "names",
	[VERIFY_DICTIONARY] = "dictionary",
	[VERIFY_DEAD_LETTER] = "dead-letter",
	[VERIFY_SEGMENT] = "segment-damaged",
	[VERIFY_SEGMENT_CHECKSUM] = "segment-checksum",
	[VERIFY_SEGMENT_TIMES] = "segment-times",
	[VERIFY_FRAME] = "frame-damaged",
	[VERIFY_EVENT] = "event-damaged",
	[VERIFY_POSITION_GAP] = "position-gap",
	[VERIFY_POSITION_OVERLAP] = "position-overlap",
	[VERIFY_RECORDED_ORDER] = "recorded-order",
	[VERIFY_REVISION_GAP] = "revision-gap",
	[VERIFY_DUPLICATE_ID] = "duplicate-id",
	[VERIFY_RUN] = "run-damaged",
	[VERIFY_RUN_CHECKSUM] = "run-checksum",
	[VERIFY_RUN_GAP] = "run-gap",
	[VERIFY_RUN_OVERLAP] = "run-overlap",
	[VERIFY_INDEX_MISSING] = "index-missing",
	[VERIFY_INDEX_STRAY] = "index-stray",
	[VERIFY_INDEX_STREAM] = "index-stream",
	[VERIFY_INDEX_ORDER] = "index-order",
	[VERIFY_INDEX_FILTER] = "index-filter",
};

void verify_report(struct verify *v, enum verify_kind kind, uint64_t position, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	findings_add(&v->findings, kind, position, format, args);
	va_end(args);
}

int verify_unreadable(struct verify *v, int status, const char *what)
{
	if (status == EVS_NOMEM || status == EVS_BUSY)
		return status;
	verify_report(v, VERIFY_FILE, 0, "%s: %s", what, v->err->message);
	return EVS_OK;
}

int verify_renew(struct verify *v)
{
	int status;

	kv_reset(v->txn);
	status = store_renew(v->store, v->txn, &v->state, v->err);
	if (status == EVS_CORRUPT)
		verify_report(v, VERIFY_STATE, 0, "%s", v->err->message);
	return status;
}

/* ---- pages ---- */

static void report_page(void *context, const char *table, uint64_t page, const char *why)
{
	struct verify *v = context;

	if (page == TREE_NONE)
		verify_report(v, VERIFY_PAGE, 0, "table '%s': %s", table, why);
	else
		verify_report(v, VERIFY_PAGE, 0, "page %llu, of table '%s': %s", (unsigned long long)page, table, why);
}

/* All pages, before what lies in them is looked at. */
static int check_pages(struct verify *v)
{
	int status = kv_survey(v->txn, report_page, v, v->err);

	return status == EVS_CORRUPT ? EVS_OK : status;
}

/* ---- small tables ---- */

/* Read all names anew, from the first on. */
static int check_names(struct verify *v)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_bytes list;
	struct names *names = name_table_new();
	uint64_t first;
	struct kv_cursor *c = NULL;
	int status = names == NULL ? error_nomem(v->err) : kv_cursor_open(v->txn, KV_NAME, &c, v->err);

	if (status == EVS_OK)
		status = kv_move(c, KV_FIRST, &key, &value, v->err);
	for (; status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, v->err)) {
		if (!store_read_names(key, value, v->store->checked, &first, &list) || first != name_count(names) ||
		    !name_decode(names, list.data, list.size)) {
			verify_report(v, VERIFY_NAMES, 0, "the table of names is damaged behind name %u", name_count(names) - 1);
			status = EVS_END;
			break;
		}
	}
	kv_cursor_close(c);
	name_table_free(names);
	return status == EVS_END ? EVS_OK : verify_unreadable(v, status, "the table of names");
}

/* The newest segment ends before the tail; where there is no tail it tells when the last event was recorded. */
static int check_last_segment(struct verify *v)
{
	const struct store_state *s = &v->begun;
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	struct segment g;
	int status = kv_cursor_open(v->txn, KV_SEGMENT, &c, v->err);

	if (status == EVS_OK)
		status = kv_move(c, KV_LAST, &key, &value, v->err);
	if (status == EVS_OK && segment_open(&g, value.data, value.size)) {
		if (g.first + g.count > s->tail_first)
			verify_report(v, VERIFY_POSITION_OVERLAP, s->tail_first,
			              "the newest segment has positions %llu to %llu, the tail begins at %llu",
			              (unsigned long long)g.first, (unsigned long long)(g.first + g.count - 1),
			              (unsigned long long)s->tail_first);
		if (s->tail_first > s->last_position && g.max_recorded != s->last_recorded)
			verify_report(v, VERIFY_STATE, s->last_position,
			              "the state record has another recordedAt for the newest event than its segment");
	}
	kv_cursor_close(c);
	return status == EVS_END || status == EVS_OK ? EVS_OK : verify_unreadable(v, status, "the newest segment");
}

static int check_dictionary(struct verify *v)
{
	struct store_key key = store_key(v->begun.dict);
	struct kv_bytes value;
	int status = v->begun.dict == 0 ? EVS_OK : kv_get(v->txn, KV_DICT, key.bytes, sizeof key.bytes, &value, v->err);

	if (status == EVS_END) {
		verify_report(v, VERIFY_DICTIONARY, 0, "the dictionary %u that new segments are to use is not there", v->begun.dict);
		return EVS_OK;
	}
	return status == EVS_OK ? EVS_OK : verify_unreadable(v, status, "the dictionary");
}

static int check_dead_letters(struct verify *v)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct dead letter;
	struct kv_cursor *c;
	int status = kv_cursor_open(v->txn, KV_DEAD, &c, v->err);

	if (status == EVS_OK)
		status = kv_move(c, KV_FIRST, &key, &value, v->err);
	for (; status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, v->err)) {
		uint64_t number = key.size == 8 ? get64be(key.data) : 0;
		if (number == 0 || number >= v->begun.next_dead)
			verify_report(v, VERIFY_DEAD_LETTER, 0, "a dead letter has the number %llu, the next is to get %llu",
			              (unsigned long long)number,
			              (unsigned long long)v->begun.next_dead);
		if (!dead_decode(value, &letter))
			verify_report(v, VERIFY_DEAD_LETTER, 0, "dead letter %llu is damaged", (unsigned long long)number);
	}
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : verify_unreadable(v, status, "the dead letters");
}

/* ---- all of it ---- */

static int first_snapshot(struct verify *v)
{
	int (*const checks[])(struct verify *) = {check_pages, check_names, check_dictionary, check_dead_letters,
	                                          check_last_segment, verify_runs, verify_tail};
	int status = EVS_OK;

	for (size_t i = 0; i < sizeof checks / sizeof checks[0] && status == EVS_OK; i++)
		status = checks[i](v);
	return status;
}

/* No snapshot: where the file is to blame, the state record or the table of names is, and nothing else can be read. */
static int unusable(struct verify *v, int status)
{
	struct evs_error why = *v->err;

	if (status != EVS_CORRUPT)
		return status;
	if (kv_begin(v->store->kv, false, &v->txn, v->err) == EVS_OK) {
		check_pages(v);
		check_names(v);
	}
	if (v->findings.n == 0)
		verify_report(v, VERIFY_STATE, 0, "%s", why.message);
	return status;
}

static int check(struct verify *v)
{
	int status = store_begin(v->store, false, &v->txn, &v->state, v->err);

	if (status != EVS_OK)
		return unusable(v, status);
	v->begun = v->state;
	v->end = v->begun.tail_first;
	v->last_recorded = INT64_MIN;
	v->parts = (unsigned)(v->begun.last_position / IDS_MAX) + 1;
	status = first_snapshot(v);
	if (status == EVS_OK)
		status = verify_segments(v);
	v->lost += v->tail_lost;
	for (size_t i = 0; i < v->n_tail && status == EVS_OK; i++)
		if (v->tail[i].position >= v->end) /* it has not become part of a segment meanwhile */
			status = verify_events_next(v, &v->tail[i]);
	return status == EVS_OK ? verify_ids(v) : status;
}

static void release(struct verify *v)
{
	kv_abort(v->txn);
	zip_free(v->zip);
	segment_events_free(&v->events);
	verify_words_free(&v->terms);
	verify_words_free(&v->ids);
	verify_words_free(&v->stretch.ids);
	verify_words_free(&v->stretch.terms);
	verify_words_free(&v->stretch.missing);
	free(v->stretch.readable);
	verify_seen_free(&v->streams);
	buf_free(&v->text);
	buf_free(&v->json);
	free(v->tail);
}

int evs_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
               struct evs_verify_result *result, struct evs_error *err)
{
	struct evs_error unused;
	struct verify v = {.store = store, .result = result, .err = err == NULL ? &unused : err};
	int status;

	v.findings = (struct findings){.kinds = kinds, .counts = v.counts, .each = each, .context = context};
	*result = (struct evs_verify_result){0};
	if ((v.zip = zip_new()) == NULL)
		return error_nomem(err);
	status = check(&v);
	release(&v);
	result->findings = v.findings.n;
	return findings_status(&v.findings, status, err);
}

int evs_verify_file(const char *path, void (*each)(void *context, const struct evs_finding *finding), void *context,
                    struct evs_verify_result *result, struct evs_error *err)
{
	struct evs_error unused;
	struct verify v = {.result = result, .err = err == NULL ? &unused : err};
	struct survey_file f;
	int status = survey_open(path, &f, v.err);

	v.findings = (struct findings){.kinds = kinds, .counts = v.counts, .each = each, .context = context};
	*result = (struct evs_verify_result){0};
	if (status == EVS_OK && f.why != NULL)
		verify_report(&v, VERIFY_PAGE, 0, "%s", f.why);
	else if (status == EVS_OK)
		status = survey_pages(&f.file, &f.meta, report_page, &v, v.err);
	survey_close(&f);
	result->findings = v.findings.n;
	return findings_status(&v.findings, status, err);
}
