#include "common/letters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/moment.h"
#include "base/utf8.h"
#include "common/json.h"

static const char *const kinds[] = {[EVS_LETTER_DAMAGED] = "damaged", [EVS_LETTER_LINE] = "line", [EVS_LETTER_FOLD] = "fold", [EVS_LETTER_EVENT] = "event"};

/* ---- which ---- */

bool letter_filter_any(const struct letter_filter *f)
{
	return f->kind >= 0 || f->group != NULL || f->projection != NULL || f->type != NULL || f->error != NULL || f->since != NULL || f->until != NULL;
}

static bool is(const char *wanted, const char *text, size_t size)
{
	return text != NULL && strlen(wanted) == size && memcmp(wanted, text, size) == 0;
}

static bool has_type(struct evs_store *store, const struct evs_letter *l, const char *pattern)
{
	char scratch[EVS_FIELD_SCRATCH];
	const char *type;
	size_t size;

	if (l->event.packed == NULL)
		return false;
	type = evs_event_field(store, &l->event, EVS_FIELD_TYPE, scratch, &size);
	return type != NULL && glob_match(pattern, type, size);
}

/* Whether it became one between two times; those of a selector's --since and --until. */
static bool is_between(const struct evs_letter *l, const char *since, const char *until)
{
	int64_t now = moment_now_us() * 1000, ns;

	if (since != NULL && moment_parse_option(since, now, false, &ns) && l->recorded_us < ns / 1000)
		return false;
	return until == NULL || !moment_parse_option(until, now, true, &ns) || l->recorded_us <= ns / 1000;
}

/* Whether the reason contains a text, or what the handler of the newest try wrote to standard error. */
static bool says(const struct evs_letter *l, const char *text)
{
	const struct evs_try *t = l->n_tries == 0 ? NULL : &l->tries[l->n_tries - 1];
	size_t size = strlen(text);

	return memmem(l->reason, l->reason_size, text, size) != NULL || (t != NULL && memmem(t->output, t->output_size, text, size) != NULL);
}

bool letter_matches(struct evs_store *store, const struct letter_filter *f, const struct evs_letter *l)
{
	if ((f->kind >= 0 && f->kind + 1 != (int)l->kind) ||
	    (f->group != NULL && (l->kind != EVS_LETTER_EVENT || !is(f->group, l->owner, l->owner_size))) ||
	    (f->projection != NULL && (l->kind != EVS_LETTER_FOLD || !is(f->projection, l->owner, l->owner_size))))
		return false;
	if (f->error != NULL && !says(l, f->error))
		return false;
	return is_between(l, f->since, f->until) && (f->type == NULL || has_type(store, l, f->type));
}

int letter_each(struct evs_store *store, const struct letter_filter *f,
                int (*each)(void *context, struct evs_store *store, const struct evs_letter *l), void *context, struct evs_error *err)
{
	struct evs_letter *l;
	int status;

	for (uint64_t id = 1; (status = evs_letter_get(store, id, true, &l, err)) == EVS_OK; id++) {
		id = l->id;
		status = letter_matches(store, f, l) ? each(context, store, l) : EVS_OK;
		evs_letter_free(l);
		if (status != EVS_OK)
			return err->status == status ? status : error_set(err, status, 0, "%s", status == EVS_NOMEM ? "out of memory" : "interrupted");
	}
	return status == EVS_END ? EVS_OK : status;
}

/* ---- as JSON ---- */

/* RFC 4648. */
static void put_base64(struct buf *out, const char *name, const char *text, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = (const uint8_t *)text;

	buf_printf(out, ",\"%s\":\"", name);
	for (size_t at = 0; at < size; at += 3) {
		size_t left = size - at;
		uint32_t bits = (uint32_t)p[at] << 16 | (left > 1 ? (uint32_t)p[at + 1] << 8 : 0) | (left > 2 ? p[at + 2] : 0u);
		buf_byte(out, (uint8_t)digits[bits >> 18]);
		buf_byte(out, (uint8_t)digits[bits >> 12 & 63]);
		buf_byte(out, left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=');
		buf_byte(out, left > 2 ? (uint8_t)digits[bits & 63] : '=');
	}
	buf_text(out, "\"");
}

/* A field of its event, if it has it. */
static void put_field(struct buf *out, struct evs_store *store, const struct evs_letter *l, const char *name, enum evs_field field)
{
	char scratch[EVS_FIELD_SCRATCH];
	const char *text;
	size_t size;

	if (l->event.packed == NULL)
		return;
	text = evs_event_field(store, &l->event, field, scratch, &size);
	if (text != NULL)
		json_put_text(out, name, text, size);
}

static void put_short(struct buf *out, struct evs_store *store, const struct evs_letter *l)
{
	buf_printf(out, "{\"id\":%" PRIu64 ",\"kind\":\"%s\"", l->id, kinds[l->kind]);
	if (l->kind == EVS_LETTER_DAMAGED) {
		json_put_text(out, "reason", l->reason, l->reason_size);
		return;
	}
	if (l->kind == EVS_LETTER_LINE) {
		buf_printf(out, ",\"line\":%" PRIu64, l->line);
	} else {
		json_put_text(out, l->kind == EVS_LETTER_FOLD ? "projection" : "group", l->owner, l->owner_size);
		buf_printf(out, ",\"position\":%" PRIu64, l->position);
		put_field(out, store, l, "eventType", EVS_FIELD_TYPE);
		put_field(out, store, l, "aggregateId", EVS_FIELD_STREAM);
	}
	if (l->kind == EVS_LETTER_EVENT)
		buf_printf(out, ",\"attempts\":%" PRIu64 "%s", l->attempts, l->parked ? ",\"parked\":true" : "");
	json_put_moment(out, "recordedAt", l->recorded_us);
	json_put_text(out, "reason", l->reason, l->reason_size);
}

/* The last line that the handler of the newest try wrote to standard error. */
static void put_last_line(struct buf *out, const struct evs_letter *l)
{
	const struct evs_try *t = l->n_tries == 0 ? NULL : &l->tries[l->n_tries - 1];
	size_t end = t == NULL ? 0 : t->output_size, begin;

	while (end > 0 && strchr(" \t\r\n", t->output[end - 1]) != NULL)
		end--;
	for (begin = end; begin > 0 && t->output[begin - 1] != '\n'; begin--)
		;
	if (end > 0)
		json_put_text(out, "stderr", t->output + begin, end - begin);
}

static void put_how(struct buf *out, const struct evs_try *t)
{
	if (t->signal != 0)
		buf_printf(out, ",\"signal\":%d", t->signal);
	else if (t->exit_status >= 0)
		buf_printf(out, ",\"exitStatus\":%d", t->exit_status);
}

static void put_tries(struct buf *out, const struct evs_letter *l)
{
	buf_text(out, ",\"tries\":[");
	for (size_t i = 0; i < l->n_tries; i++) {
		const struct evs_try *t = &l->tries[i];
		char at[MOMENT_TEXT];

		moment_format_us(t->at_us, at);
		buf_printf(out, "%s{\"at\":\"%.*s\",\"tookSeconds\":%.3f", i == 0 ? "" : ",", MOMENT_TEXT, at, (double)t->took_us / 1e6);
		put_how(out, t);
		json_put_text(out, "reason", t->reason, t->reason_size);
		json_put_text(out, "stderr", t->output, t->output_size);
		buf_text(out, "}");
	}
	buf_text(out, "]");
}

/* An event's text without its newline, null where it cannot be read. */
static void put_event(struct buf *out, struct evs_store *store, const struct evs_letter *l)
{
	size_t size = 0;
	char *text = l->event.packed == NULL ? NULL : evs_event_text(store, &l->event, EVS_JSON, &size);

	buf_text(out, ",\"event\":");
	if (text != NULL)
		buf_put(out, text, size - (size > 0 && text[size - 1] == '\n'));
	else
		buf_text(out, "null");
	free(text);
}

static void put_rest(struct buf *out, struct evs_store *store, const struct evs_letter *l)
{
	if (l->kind == EVS_LETTER_LINE) {
		if (utf8_valid(l->text, l->text_size, NULL))
			json_put_text(out, "text", l->text, l->text_size);
		else
			put_base64(out, "base64", l->text, l->text_size);
		if (l->setup_size > 0)
			json_put_value(out, "append", l->setup, l->setup_size);
		return;
	}
	if (l->n_tries > 0) {
		json_put_moment(out, "firstFailedAt", l->tries[0].at_us);
		json_put_moment(out, "lastFailedAt", l->tries[l->n_tries - 1].at_us);
		put_how(out, &l->tries[l->n_tries - 1]);
	}
	if (l->kind == EVS_LETTER_EVENT)
		put_tries(out, l);
	put_event(out, store, l);
	if (l->text != NULL) {
		buf_text(out, ",\"mended\":");
		buf_put(out, l->text, l->text_size);
	}
}

void letter_put(struct buf *out, struct evs_store *store, const struct evs_letter *l, bool all)
{
	put_short(out, store, l);
	if (!all)
		put_last_line(out, l);
	else if (l->kind != EVS_LETTER_DAMAGED)
		put_rest(out, store, l);
	buf_text(out, "}\n");
}

void letter_put_raw(struct buf *out, struct evs_store *store, const struct evs_letter *l)
{
	size_t size = 0;
	char *text;

	if (l->text != NULL) {
		buf_put(out, l->text, l->text_size);
		buf_text(out, "\n");
	} else if (l->event.packed != NULL) {
		text = evs_event_text(store, &l->event, EVS_JSON, &size);
		buf_put(out, text, text == NULL ? 0 : size);
		out->failed |= text == NULL;
		free(text);
	}
}

/* ---- the record ---- */

static void put_if(struct buf *out, const char *name, const char *text, size_t size)
{
	if (size > 0)
		json_put_text(out, name, text, size);
}

void letter_put_entry(struct buf *out, const struct evs_letter_entry *e)
{
	static const char *const actions[] = {[EVS_LETTER_RETRY] = "retry", [EVS_LETTER_MEND] = "edit", [EVS_LETTER_DROP] = "drop"};
	char at[MOMENT_TEXT];

	moment_format_us(e->at_us, at);
	buf_printf(out, "{\"at\":\"%.*s\"", MOMENT_TEXT, at);
	json_put_text(out, "who", e->who, e->who_size);
	buf_printf(out, ",\"action\":\"%s\",\"done\":%s,\"id\":%" PRIu64 ",\"kind\":\"%s\"", actions[e->action], e->done ? "true" : "false", e->id,
	           kinds[e->kind]);
	put_if(out, e->kind == EVS_LETTER_FOLD ? "projection" : "group", e->owner, e->owner_size);
	if (e->kind != EVS_LETTER_DAMAGED)
		buf_printf(out, ",\"%s\":%" PRIu64, e->kind == EVS_LETTER_LINE ? "line" : "position", e->number);
	put_if(out, "why", e->why, e->why_size);
	if (e->command_size > 0)
		json_put_value(out, "command", e->command, e->command_size);
	put_if(out, "reason", e->reason, e->reason_size);
	put_if(out, "before", e->before, e->before_size);
	put_if(out, "after", e->after, e->after_size);
	buf_text(out, "}\n");
}
