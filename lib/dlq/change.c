/* What is done to dead letters: each a transaction that also writes its record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "consume/group.h"
#include "consume/tries.h"
#include "dlq/held.h"
#include "dlq/log.h"
#include "event/json.h"
#include "event/parse.h"
#include "store/append.h"
#include "store/setup.h"

/* A change under way. */
struct change {
	const struct held *h;
	struct evs_letter_entry entry;
	const struct dead *to; /* what the letter becomes; NULL: it goes */
	int64_t took_us;       /* that a handler took; -1: none was run */
	uint64_t emitted;
	char refused[512];     /* why the line is not appended; "": it is */
};

static struct change begin(const struct evs_letter *l, enum evs_letter_action action, bool done, const struct evs_note *note)
{
	return (struct change){
		.h = held_of(l),
		.took_us = -1,
		.entry = {.action = action, .done = done, .at_us = moment_now_us(), .id = l->id, .kind = l->kind,
		          .number = l->kind == EVS_LETTER_LINE ? l->line : l->position, .owner = l->owner, .owner_size = l->owner_size,
		          .who = note->who, .who_size = strlen(note->who), .why = note->why, .why_size = note->why == NULL ? 0 : strlen(note->why),
		          .command = note->command, .command_size = note->command == NULL ? 0 : strlen(note->command)},
	};
}

static void set_reason(struct change *c, const char *text, size_t size)
{
	c->entry.reason = text;
	c->entry.reason_size = size;
}

/* ---- in the transaction ---- */

static int check_unchanged(const struct change *c, struct kv_txn *txn, struct evs_error *err)
{
	const struct held *h = c->h;
	struct store_key key = store_key(h->letter.id);
	struct kv_bytes value;
	int status = kv_get(txn, KV_DEAD, key.bytes, sizeof key.bytes, &value, err);

	if (status == EVS_OK && (value.size != h->value.size || memcmp(value.data, h->value.data, value.size) != 0))
		return error_set(err, EVS_CHANGED, 0, "dead letter %llu was changed by another process meanwhile", (unsigned long long)h->letter.id);
	if (status == EVS_END)
		return error_set(err, EVS_CHANGED, 0, "dead letter %llu is no longer there: another process was quicker", (unsigned long long)h->letter.id);
	return status;
}

/* A parked letter goes: those behind it are one nearer. */
static int unpark(const struct held *h, struct kv_txn *txn, struct group *g, struct evs_error *err)
{
	uint64_t n;
	int status;

	if (h->parts.number != g->number)
		return EVS_OK; /* another group has the name now */
	status = letter_parked(txn, g->number, h->parts.stream, &n, err);
	if (status != EVS_OK || n == 0)
		return status;
	g->parked -= g->parked > 0;
	return letter_set_parked(txn, g->number, h->parts.stream, n - 1, err);
}

/* Have the letter's group know; one that was dropped need not. */
static int tell_group(const struct change *c, struct kv_txn *txn, struct evs_error *err)
{
	struct held_name name = held_group(c->h);
	struct group g;
	int status = group_get(txn, name.text, &g, err);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	if (c->took_us >= 0)
		group_count_time(&g, c->took_us);
	if (c->to == NULL && c->entry.action == EVS_LETTER_RETRY)
		g.handled++;
	g.emitted += c->emitted;
	if (c->to == NULL && c->h->parts.parked)
		status = unpark(c->h, txn, &g, err);
	if (status == EVS_OK)
		status = group_put(txn, name.text, &g, err);
	group_release(&g);
	return status;
}

static int apply(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	const struct change *c = context;
	struct store_key key = store_key(c->h->letter.id);
	int status = check_unchanged(c, txn, err);

	(void)state;
	if (c->refused[0] != '\0')
		return error_set(err, EVS_BAD_EVENT, 0, "%s", c->refused);
	if (status == EVS_OK)
		status = log_add(txn, &c->entry, err);
	if (status == EVS_OK && c->h->letter.kind == EVS_LETTER_EVENT)
		status = tell_group(c, txn, err);
	if (status == EVS_OK && c->to != NULL)
		return dead_replace(txn, c->h->letter.id, c->to, err);
	return status == EVS_OK ? kv_delete(txn, KV_DEAD, key.bytes, sizeof key.bytes, err) : status;
}

static int commit(struct evs_store *store, struct change *c, struct evs_error *err)
{
	if (!store->writable)
		return error_set(err, EVS_USAGE, 0, "the store is open for reading only");
	return store_change(store, apply, c, err);
}

/* The same with lines that are appended. */
static int commit_with(struct evs_store *store, struct change *c, const struct evs_append_options *options, struct span correlation,
                       struct span causation, const char *lines, size_t size, struct evs_error *err)
{
	struct evs_append *a;
	int status = evs_append_new(store, options, &a, err);

	if (status != EVS_OK)
		return status;
	append_with(a, apply, c);
	if (causation.text != NULL)
		append_cause(a, correlation, causation);
	status = evs_append_lines(a, lines, size, err);
	if (status == EVS_OK)
		status = evs_append_finish(a, err);
	evs_append_free(a);
	return status;
}

/* ---- events ---- */

/* A field of a letter's event, perhaps in scratch; text NULL: it has none. */
static struct span field_of(struct evs_store *store, const struct evs_letter *l, enum evs_field field, char scratch[EVS_FIELD_SCRATCH])
{
	size_t size = 0;
	const char *text = evs_event_field(store, &l->event, field, scratch, &size);

	return (struct span){text, size};
}

int evs_letter_done(struct evs_store *store, const struct evs_letter *l, int64_t took_us, const char *lines, size_t size,
                    const struct evs_note *note, struct evs_error *err)
{
	const struct evs_append_options options = {.expect = EVS_EXPECT_ANY, .atomic = true};
	struct change c = begin(l, EVS_LETTER_RETRY, true, note);
	char cause_scratch[EVS_FIELD_SCRATCH], correlation_scratch[EVS_FIELD_SCRATCH];
	struct span cause, correlation;

	if (l->kind != EVS_LETTER_EVENT || l->event.packed == NULL)
		return error_set(err, EVS_USAGE, 0, "dead letter %llu is of no event that a group can handle", (unsigned long long)l->id);
	c.took_us = took_us;
	c.emitted = size == 0 ? 0 : append_count_lines(lines, size);
	if (c.emitted == 0)
		return commit(store, &c, err);
	cause = field_of(store, l, EVS_FIELD_ID, cause_scratch);
	correlation = field_of(store, l, EVS_FIELD_CORRELATION, correlation_scratch);
	if (cause.text == NULL)
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)l->position);
	if (correlation.text == NULL)
		correlation = cause; /* it is where the chain begins */
	return commit_with(store, &c, &options, correlation, cause, lines, size, err);
}

int evs_letter_fail(struct evs_store *store, const struct evs_letter *l, const struct evs_failure *failure, const struct evs_note *note,
                    struct evs_error *err)
{
	struct change c = begin(l, EVS_LETTER_RETRY, false, note);
	struct letter parts = c.h->parts;
	struct dead to = c.h->dead;
	struct buf list = {0}, bytes = {0};
	int status = EVS_NOMEM;

	if (l->kind != EVS_LETTER_EVENT)
		return error_set(err, EVS_USAGE, 0, "dead letter %llu is of no event that a group can handle", (unsigned long long)l->id);
	buf_put(&list, parts.list, parts.list_size);
	if (tries_add(&list, c.entry.at_us, failure)) {
		parts.list = list.data;
		parts.list_size = list.size;
		parts.tries++;
		letter_encode(&bytes, &parts);
	}
	to.reason = failure->reason;
	to.reason_size = strlen(failure->reason);
	to.bytes = bytes.data;
	to.size = bytes.size;
	set_reason(&c, to.reason, to.reason_size);
	c.to = &to;
	c.took_us = failure->took_us;
	status = list.failed || bytes.failed || bytes.size == 0 ? error_nomem(err) : commit(store, &c, err);
	buf_free(&list);
	buf_free(&bytes);
	return status;
}

/* ---- lines ---- */

/* The line is refused again. */
static int refuse(struct evs_store *store, const struct evs_letter *l, const char *why, const struct evs_note *note, struct evs_error *err)
{
	struct change c = begin(l, EVS_LETTER_RETRY, false, note);
	struct dead to = c.h->dead;

	to.reason = why;
	to.reason_size = strlen(why);
	set_reason(&c, to.reason, to.reason_size);
	c.to = &to;
	return commit(store, &c, err);
}

static void note_refusal(void *context, uint64_t line, const char *message)
{
	struct change *c = context;

	(void)line;
	snprintf(c->refused, sizeof c->refused, "%s", message);
}

int evs_letter_append(struct evs_store *store, const struct evs_letter *l, const struct evs_note *note, struct evs_error *err)
{
	struct change c = begin(l, EVS_LETTER_RETRY, true, note);
	struct setup setup;
	int status;

	if (l->kind != EVS_LETTER_LINE)
		return error_set(err, EVS_USAGE, 0, "dead letter %llu is no line of append", (unsigned long long)l->id);
	status = setup_read(&setup, l->setup, l->setup_size, err);
	if (status != EVS_OK)
		return status;
	if (append_count_lines(l->text, l->text_size) != 1)
		snprintf(c.refused, sizeof c.refused, "it is blank");
	setup.options.atomic = true;
	setup.options.on_error = EVS_SKIP;
	setup.options.on_reject = note_refusal;
	setup.options.context = &c;
	if (c.refused[0] == '\0')
		status = commit_with(store, &c, &setup.options, span_text(NULL), span_text(NULL), l->text, l->text_size, err);
	setup_release(&setup);
	if (c.refused[0] == '\0')
		return status;
	status = refuse(store, l, c.refused, note, err);
	return status == EVS_OK ? error_set(err, EVS_BAD_EVENT, 0, "%s", c.refused) : status;
}

/* ---- mending ---- */

/* JSON on one line, behind out; what is no JSON stays as it is. False: memory ran out. */
static bool put_line(struct buf *out, const char *text, size_t size)
{
	yyjson_doc *doc = yyjson_read(text, size, JSON_FLAGS);
	size_t line_size = 0;
	char *line = doc == NULL ? NULL : yyjson_write(doc, 0, &line_size);

	buf_put(out, line == NULL ? text : line, line == NULL ? size : line_size);
	free(line);
	yyjson_doc_free(doc);
	return !out->failed;
}

/* Whether a text can be in place of the event for its handler. */
static int check_event(struct evs_store *store, const struct evs_letter *l, const struct buf *line, struct evs_error *err)
{
	static const struct parse_rules rules;
	struct parser *parser = parse_new(store->names, &rules);
	struct buf packed = {0};
	char scratch[UUID_TEXT], old_scratch[EVS_FIELD_SCRATCH];
	struct span old = field_of(store, l, EVS_FIELD_ID, old_scratch), new;
	struct parsed info;
	int status = parser == NULL ? error_nomem(err) : parse_line(parser, (const char *)line->data, line->size, &packed, &info, err);

	if (status == EVS_OK && old.text != NULL) {
		new = view_span(&info.view.texts[NAME_EVENT_ID], store->names, scratch);
		if (info.id_made || new.size != old.size || memcmp(new.text, old.text, new.size) != 0)
			status = error_set(err, EVS_BAD_EVENT, 0, "the eventId is to stay '%.*s': a handler knows the event by it", (int)old.size, old.text);
	}
	parse_free(parser);
	buf_free(&packed);
	return status;
}

/* What the letter is when it holds another text. */
static int mend(struct evs_store *store, const struct evs_letter *l, const struct buf *line, const struct evs_note *note, struct evs_error *err)
{
	struct change c = begin(l, EVS_LETTER_MEND, true, note);
	struct letter parts = c.h->parts;
	struct dead to = c.h->dead;
	struct buf bytes = {0};
	int status;

	if (l->kind == EVS_LETTER_EVENT) {
		parts.mended = (struct span){(const char *)line->data, line->size};
		letter_encode(&bytes, &parts);
	} else {
		buf_put(&bytes, line->data, line->size);
	}
	to.bytes = bytes.data;
	to.size = bytes.size;
	c.to = &to;
	c.entry.before = l->text;
	c.entry.before_size = l->text_size;
	c.entry.after = (const char *)line->data;
	c.entry.after_size = line->size;
	status = bytes.failed ? error_nomem(err) : commit(store, &c, err);
	buf_free(&bytes);
	return status;
}

int evs_letter_mend(struct evs_store *store, const struct evs_letter *l, const char *text, size_t size, const struct evs_note *note,
                    struct evs_error *err)
{
	struct buf line = {0};
	int status = EVS_OK;

	if (l->kind == EVS_LETTER_FOLD)
		return error_set(err, EVS_USAGE, 0, "dead letter %llu is of a projection: it is the fold that can be mended", (unsigned long long)l->id);
	while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL && text[size - 1] != '\0')
		size--;
	if (!put_line(&line, text, size))
		status = error_nomem(err);
	else if (line.size == 0 || memchr(line.data, '\n', line.size) != NULL)
		status = error_set(err, EVS_BAD_EVENT, 0, "it is %s, and no JSON", line.size == 0 ? "empty" : "more than one line");
	else if (l->kind == EVS_LETTER_EVENT)
		status = check_event(store, l, &line, err);
	if (status == EVS_OK)
		status = mend(store, l, &line, note, err);
	buf_free(&line);
	return status;
}

/* ---- dropping ---- */

int evs_letter_drop(struct evs_store *store, const struct evs_letter *l, const struct evs_note *note, struct evs_error *err)
{
	struct change c = begin(l, EVS_LETTER_DROP, true, note);

	set_reason(&c, l->reason, l->reason_size);
	c.entry.before = l->text;
	c.entry.before_size = l->text_size;
	return commit(store, &c, err);
}
