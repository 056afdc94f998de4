/* Sessions: beginning, and going to and fro; session_stop.c and session_look.c have the rest. */
#include <stdlib.h>

#include "base/error.h"
#include "replay/session_inside.h"

enum { BUDGET = 64 << 20 }; /* bytes of kept states */

/* ---- beginning ---- */

/* A time before now is one of now from here on. */
static bool fix_time(const char **text, char fixed[MOMENT_TEXT + 1], bool is_end)
{
	int64_t ns;

	if (*text == NULL || **text != '-' || !moment_parse_option(*text, moment_now_us() * 1000, is_end, &ns))
		return *text == NULL || **text != '-';
	moment_format_us(ns / 1000, fixed);
	fixed[MOMENT_TEXT] = '\0';
	*text = fixed;
	return true;
}

/* Of a limit, or a last, make bounds: what counts does not change when more events come. */
static int fix_limit(struct session *s, struct evs_error *err)
{
	struct evs_selector *b = &s->base;
	uint64_t first = 0, last = 0;
	struct evs_read *read = NULL;
	struct evs_event e;
	int status;

	if (!b->has_limit && !b->has_last)
		return EVS_OK;
	status = evs_read_new(s->store, b, &read, err);
	while (status == EVS_OK && (status = evs_read_next(read, &e, err)) == EVS_OK) {
		first = first == 0 ? e.position : first;
		last = e.position;
		if (session_stopped(s))
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	}
	evs_read_free(read);
	b->from = first > b->from ? first : b->from;
	if (b->has_limit || last == 0)
		b->to = last == 0 ? 1 : last;
	if (last == 0)
		b->after = 1; /* there is none, and none comes */
	b->has_limit = b->has_last = false;
	return status == EVS_END ? EVS_OK : status;
}

/* Know which events count. */
static int set_selectors(struct session *s, struct evs_error *err)
{
	struct evs_selector *b = &s->base;

	if (s->options->selector != NULL)
		*b = *s->options->selector;
	if (b->reverse)
		return error_set(err, EVS_USAGE, 0, "a session goes both ways: it has no use for a reverse");
	fix_time(&b->since, s->since, false);
	fix_time(&b->until, s->until, true);
	fix_time(&b->as_of, s->as_of, true);
	return fix_limit(s, err);
}

/* Have what makes states. */
static int set_machine(struct session *s, struct evs_error *err)
{
	const struct evs_replay_options *o = s->options;
	int status = EVS_OK;

	s->states = o->fold != NULL || o->exec != NULL;
	if (o->fold != NULL)
		status = fold_parse(o->fold_name, o->fold, o->fold_size, &s->fold, err);
	if (status != EVS_OK)
		return status;
	s->by_stream = s->fold == NULL || fold_by_stream(s->fold);
	s->all = (struct walk_options){.selector = &s->base, .fold = s->fold, .exec = o->exec, .timeout_ms = o->timeout_ms,
	                               .limit = SOURCE_NO_LIMIT, .stop = o->stop};
	if (!s->by_stream) {
		s->postings = postings_new(s->store, s->fold, &s->base, o->stop);
		s->run = fold_run_new(s->fold, s->store->names);
	}
	if (s->states)
		s->keep = keep_new(&(struct keep_options){s->store, &s->all, s->postings, BUDGET});
	s->eval = eval_new(s->store->names);
	s->keys = calloc(1, sizeof *s->keys);
	if (s->eval == NULL || s->keys == NULL || (s->states && s->keep == NULL) || (!s->by_stream && (s->postings == NULL || s->run == NULL)))
		return error_nomem(err);
	return EVS_OK;
}

int session_open(struct evs_store *store, const struct evs_replay_options *options, struct session **out, struct evs_error *err)
{
	struct session *s = calloc(1, sizeof *s);
	const char *key = options->key;
	int status;

	*out = NULL;
	if (s == NULL)
		return error_nomem(err);
	s->store = store;
	s->options = options;
	places_open(&s->places, store);
	status = set_machine(s, err);
	if (status == EVS_OK)
		status = set_selectors(s, err);
	if (status == EVS_OK && s->by_stream && key != NULL && s->base.stream != NULL && strcmp(key, s->base.stream) != 0)
		status = error_set(err, EVS_USAGE, 0, "the key is the stream: '%s' and '%s' are two", key, s->base.stream);
	if (status == EVS_OK && s->by_stream) {
		key = key == NULL ? s->base.stream : key;
		s->base.stream = NULL;
	}
	if (status == EVS_OK)
		status = evs_last_position(store, &s->last, err);
	if (status == EVS_OK)
		status = session_set_key(s, key, err);
	if (status == EVS_OK)
		*out = s;
	else
		session_close(s);
	return status;
}

void session_close(struct session *s)
{
	if (s == NULL)
		return;
	session_delete_stop(s, 0);
	scan_free(s->scan);
	window_free(s->window);
	keep_free(s->keep);
	postings_free(s->postings);
	fold_run_free(s->run);
	eval_free(s->eval);
	positions_release(&s->only);
	places_release(&s->places);
	if (s->keys != NULL)
		session_keys_release(s->keys);
	for (size_t i = 0; i < s->n_shown; i++) {
		kept_release(&s->shown[i].before);
		kept_release(&s->shown[i].after);
	}
	free(s->shown);
	free(s->keys);
	fold_free(s->fold);
	free(s->key);
	free(s->type);
	free(s);
}

/* ---- keys ---- */

/* What being about a key takes; it replaces what a session has, or is let go of. */
struct about {
	char *key, *type;
	struct evs_selector selector;
	struct positions only;
};

static void about_release(struct about *a)
{
	free(a->key);
	free(a->type);
	positions_release(&a->only);
}

/* A stream: know its type, so that it stays the one it is. */
static int about_stream(struct session *s, struct about *a, struct evs_error *err)
{
	struct evs_read *read;
	const char *type;
	size_t size;
	int status;

	a->selector.stream = a->key;
	status = evs_read_new(s->store, &a->selector, &read, err);
	if (status != EVS_OK)
		return status;
	type = evs_read_stream_type(read, &size);
	if (type != NULL && memchr(type, '\0', size) != NULL)
		status = error_set(err, EVS_USAGE, 0, "a stream whose aggregateType has the character \\u0000 in it cannot be looked at alone");
	else if (type != NULL && (a->type = strdup(type)) == NULL)
		status = error_nomem(err);
	if (a->type != NULL)
		a->selector.aggregate_type = a->type;
	evs_read_free(read);
	return status;
}

/* Another key: know its events. */
static int about_other(struct session *s, struct about *a, struct evs_error *err)
{
	int status = postings_reach(s->postings, UINT64_MAX, err);

	if (status == EVS_OK && !postings_find(s->postings, (struct span){a->key, strlen(a->key)}, 0, UINT64_MAX, &a->only))
		status = error_nomem(err);
	return status;
}

/* Open the window on what the session is about, where it is. */
static int open_window(struct session *s, uint64_t position, struct evs_error *err)
{
	struct window *before = s->window;
	int status = EVS_OK;

	s->window = window_new(&(struct window_options){
		.store = s->store, .selector = &s->selector, .accept = session_accepts, .context = s,
		.only = s->key != NULL && !s->by_stream ? &s->only : NULL});
	if (s->window == NULL) {
		s->window = before;
		return error_nomem(err);
	}
	window_free(before);
	if (position > 0)
		status = window_seek(s->window, position, err);
	return status;
}

int session_set_key(struct session *s, const char *key, struct evs_error *err)
{
	struct about a = {.selector = s->base};
	uint64_t position = session_position(s);
	int status = EVS_OK;

	if (key != NULL && (a.key = strdup(key)) == NULL)
		return error_nomem(err);
	if (key != NULL)
		status = s->by_stream ? about_stream(s, &a, err) : about_other(s, &a, err);
	if (status != EVS_OK) {
		about_release(&a);
		return status;
	}
	about_release(&(struct about){.key = s->key, .type = s->type, .only = s->only});
	s->key = a.key;
	s->type = a.type;
	s->only = a.only;
	s->selector = a.selector;
	s->walk = s->all;
	s->walk.selector = &s->selector;
	s->walk.key = s->key;
	session_forget_scan(s);
	return open_window(s, position, err);
}

/* ---- where it is ---- */

const struct record *session_record(const struct session *s)
{
	return s->window == NULL ? NULL : window_record(s->window);
}

uint64_t session_position(const struct session *s)
{
	const struct record *record = session_record(s);

	return record == NULL ? 0 : record->position;
}

uint64_t session_last(const struct session *s)
{
	return s->last;
}

int session_refresh(struct session *s, uint64_t *came, struct evs_error *err)
{
	uint64_t last;
	int status = evs_last_position(s->store, &last, err);

	*came = 0;
	if (status != EVS_OK || last <= s->last)
		return status;
	if (s->key != NULL && !s->by_stream) {
		status = postings_reach(s->postings, last, err);
		if (status == EVS_OK && !postings_find(s->postings, (struct span){s->key, strlen(s->key)}, s->last, last, &s->only))
			status = error_nomem(err);
		if (status != EVS_OK)
			return status;
		s->walk.positions = NULL; /* the list may have moved */
		session_forget_scan(s);
	}
	*came = last - s->last;
	s->last = last;
	return EVS_OK;
}

bool session_has_states(const struct session *s)
{
	return s->states;
}

const struct fold *session_fold(const struct session *s)
{
	return s->fold;
}

const char *session_key(const struct session *s)
{
	return s->key;
}

const struct names *session_names(const struct session *s)
{
	return s->store->names;
}

const struct evs_selector *session_selector(const struct session *s)
{
	return &s->selector;
}

/* ---- going ---- */

int session_step(struct session *s, bool forward, uint64_t n, uint64_t *moved, struct evs_error *err)
{
	int status = EVS_OK;

	for (*moved = 0; *moved < n && status == EVS_OK; *moved += status == EVS_OK) {
		if (*moved % 256 == 255 && session_stopped(s))
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		status = window_step(s->window, forward, err);
	}
	return status == EVS_END ? EVS_OK : status;
}

int session_goto(struct session *s, uint64_t position, struct evs_error *err)
{
	return window_seek(s->window, position, err);
}

/* Note the first event that is given as the one to go to. */
static int note_place(void *context, const struct record *record, struct evs_error *err)
{
	(void)err;
	*(uint64_t *)context = record->position;
	return EVS_END;
}

int session_each(struct session *s, uint64_t from, uint64_t to, bool forward,
                 int (*each)(void *context, const struct record *record, struct evs_error *err), void *context, struct evs_error *err)
{
	struct evs_selector selector = s->selector;
	struct evs_read *read = NULL;
	struct evs_event e;
	struct record record;
	int status;

	if (to == 0)
		return EVS_OK;
	selector.from = from > selector.from ? from : selector.from;
	selector.to = selector.to == 0 || to < selector.to ? to : selector.to;
	selector.reverse = !forward;
	status = evs_read_new(s->store, &selector, &read, err);
	while (status == EVS_OK && (status = evs_read_next(read, &e, err)) == EVS_OK) {
		record = (struct record){e.position, e.revision, e.recorded_us, e.packed, (uint32_t)e.packed_size};
		status = s->key != NULL && !s->by_stream ? session_accepts(s, &record, err) : EVS_OK;
		if (status == EVS_OK)
			status = each(context, &record, err);
		else if (status == EVS_END)
			status = EVS_OK;
	}
	evs_read_free(read);
	return status == EVS_END ? EVS_OK : status;
}

int session_moment(struct session *s, const char *time, uint64_t *position, struct evs_error *err)
{
	const char *until = s->selector.until;
	int64_t now = moment_now_us() * 1000, wanted, bound;
	int status;

	*position = 0;
	if (!moment_parse_option(time, now, true, &wanted))
		return error_set(err, EVS_USAGE, 0, "no time: '%s'; write 2026-05-14T10:30:00Z, 2026-05-14, or -15m, -2h, -7d", time);
	if (until == NULL || !moment_parse_option(until, now, true, &bound) || wanted < bound)
		s->selector.until = time;
	status = session_each(s, 0, s->last, false, note_place, position, err);
	s->selector.until = until;
	return status;
}

int session_event(struct session *s, uint64_t position, struct record *record, struct evs_error *err)
{
	return places_get(&s->places, position, record, err);
}
