#include "project/advance.h"

#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/moment.h"
#include "store/dead.h"
#include "store/read.h"

enum {
	BATCH = 1 << 20,     /* events a transaction */
	DEAD_MAX = 1000,     /* put aside in a transaction */
	LOOK_EVENTS = 64,    /* between two looks at the clock by a first run */
};
#define MEMORY_MAX ((size_t)256 << 20) /* that states and what they took from events may have */
#define MS ((int64_t)1000000)
#define LONG (1000 * MS)   /* that a first run may take before it is announced */
#define PAUSE_MAX (6 * MS) /* that a commit leaves others the store when following */
#define PAUSE_SHARE 16     /* and so many times as long as it took */
#define IDLE_MS 1000       /* after which a checkpoint that stepped over events is committed for its own sake */

/* ---- committing ---- */

static void clear_dead(struct advance *a)
{
	for (size_t i = 0; i < a->n_dead; i++)
		free(a->dead[i].reason);
	a->n_dead = 0;
}

static bool is_letter_of(const struct dead *d, const char *name)
{
	return d->kind == DEAD_FOLD && d->size == strlen(name) && memcmp(d->bytes, name, d->size) == 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Find out, once, for which events the projection has letters. */
static int find_letters(struct advance *a, struct kv_txn *txn, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	struct dead d;
	int status = a->letters_known ? EVS_END : kv_cursor_open(txn, KV_DEAD, &c, err);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err)) {
		if (!dead_decode(value, &d) || !is_letter_of(&d, a->options->name)) /* what is damaged verify tells */
			continue;
		if (!array_grow(&a->letters, &a->letters_cap, a->n_letters, sizeof *a->letters)) {
			status = error_nomem(err);
			break;
		}
		a->letters[a->n_letters++] = d.line;
	}
	kv_cursor_close(c);
	a->letters_known = status == EVS_END;
	if (a->n_letters > 0)
		qsort(a->letters, a->n_letters, sizeof *a->letters, by_number);
	return status == EVS_END ? EVS_OK : status;
}

static bool has_letter(const struct advance *a, uint64_t position)
{
	return a->n_letters > 0 && bsearch(&position, a->letters, a->n_letters, sizeof *a->letters, by_number) != NULL;
}

/* Make dead letters of the events that were put aside; one each, however often a rebuild meets them. */
static int put_dead(struct advance *a, struct kv_txn *txn, struct store_state *state, struct evs_error *err)
{
	const char *name = a->options->name;
	int status = a->n_dead == 0 ? EVS_OK : find_letters(a, txn, err);

	for (size_t i = 0; i < a->n_dead && status == EVS_OK; i++) {
		if (has_letter(a, a->dead[i].position))
			continue;
		const struct dead d = {.kind = DEAD_FOLD, .recorded_us = moment_now_us(), .line = a->dead[i].position,
		                       .reason = a->dead[i].reason, .reason_size = strlen(a->dead[i].reason),
		                       .bytes = (const uint8_t *)name, .size = strlen(name)};
		status = dead_put(txn, state, &d, err);
	}
	return status == EVS_OK && a->n_dead > 0 ? store_put_state(txn, state, err) : status;
}

/* Have the record say how far the generation is. */
static void set_record(struct advance *a)
{
	struct generation *g = a->generation;

	g->checkpoint = a->position;
	g->events += a->applied;
	g->dead += a->n_dead;
	g->skipped += a->skipped;
	g->ran_us = moment_now_us();
	g->stuck = a->stuck;
	g->reason = (struct span){a->why.message, a->stuck == 0 ? 0 : strlen(a->why.message)};
}

/* What a rebuild made takes the place of the model. */
static int swap(struct advance *a, struct kv_txn *txn, struct evs_error *err)
{
	struct projection *p = a->projection;
	int status = projection_drop_tables(txn, p, &p->model, err);

	p->model = p->next;
	p->next = (struct generation){0};
	a->generation = &p->model;
	return status;
}

/* Write everything in one transaction. */
static int write_all(struct advance *a, bool at_end, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	int status = store_begin(a->store, true, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	set_record(a);
	status = model_apply(&a->model, txn, &a->changes, err);
	if (status == EVS_OK)
		status = put_dead(a, txn, &state, err);
	if (status == EVS_OK && at_end && a->generation == &a->projection->next)
		status = swap(a, txn, err);
	if (status == EVS_OK)
		status = projection_put(txn, a->options->name, a->projection, err);
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

/* What was committed is what the store has now. */
static void settle(struct advance *a)
{
	for (size_t i = 0; i < a->cache.n; i++) {
		struct cached *e = a->cache.list[i];
		if (e->changed)
			e->stored = a->fold != NULL ? e->state.exists : e->packed != NULL;
		e->changed = false;
	}
	for (size_t i = 0; i < a->n_dead && a->options->on_dead != NULL; i++)
		a->options->on_dead(a->options->context, a->dead[i].position, a->dead[i].reason);
	a->result->events += a->applied;
	a->result->dead += a->n_dead;
	a->result->position = a->position;
	a->model.generation = a->generation;
	a->model.empty = a->model.empty && a->changes.states.n == 0;
	clear_dead(a);
	a->seen = a->applied = a->skipped = 0;
	a->bytes = 0;
	a->idle_since = 0;
	a->commits++;
	if (a->cache.cost > MEMORY_MAX / 2)
		cache_clear(&a->cache);
}

/* Commit what was done; at_end: the generation has all there is. */
static int commit(struct advance *a, bool at_end, struct evs_error *err)
{
	int64_t begun, pause;
	int status = advance_drain(a, !a->options->follow || a->seen >= BATCH / 1000, err);

	if (status == EVS_OK)
		status = model_gather(&a->model, &a->cache, &a->changes, err);
	if (status != EVS_OK)
		return status;
	begun = moment_steady_ns();
	status = write_all(a, at_end, err);
	if (status != EVS_OK)
		return status;
	pause = (moment_steady_ns() - begun) * PAUSE_SHARE;
	a->pause_until = moment_steady_ns() + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	settle(a);
	a->alone = false;
	return EVS_OK;
}

/* A first run that takes long can be seen before it commits: by its record, which says that nothing was done yet. */
static int announce(struct advance *a, struct evs_error *err)
{
	struct kv_txn *txn;
	int status;

	a->announced = true;
	status = kv_begin(a->store->kv, true, &txn, err);
	if (status != EVS_OK)
		return status;
	status = projection_put(txn, a->options->name, a->projection, err);
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

/* ---- events ---- */

int advance_fail(struct advance *a, uint64_t position, struct evs_error *err)
{
	struct advance_dead *d;

	if (generation_skips(a->generation, position)) {
		a->position = position;
		a->skipped++;
		return EVS_OK;
	}
	if (a->options->on_failure == EVS_FAILURE_STOP) {
		a->position = position - 1;
		a->stuck = position;
		a->why = *err;
		return EVS_BAD_EVENT;
	}
	if (!array_grow(&a->dead, &a->dead_cap, a->n_dead, sizeof *a->dead))
		return error_nomem(err);
	d = &a->dead[a->n_dead];
	*d = (struct advance_dead){position, strdup(err->message)};
	if (d->reason == NULL)
		return error_nomem(err);
	a->n_dead++;
	a->position = position;
	return EVS_OK;
}

struct cached *advance_state(struct advance *a, uint64_t hash, struct span key, struct span type, int *status,
                             struct evs_error *err)
{
	struct kv_bytes packed;
	struct cached *e;
	bool made;

	*status = EVS_OK;
	e = cache_get_hashed(&a->cache, hash, key, type, &made);
	if (e == NULL) {
		*status = error_nomem(err);
		return NULL;
	}
	if (!made)
		return e;
	*status = model_find(&a->model, key, type, &packed, err);
	if (*status == EVS_END)
		*status = EVS_OK;
	else if (*status == EVS_OK && !cache_set(&a->cache, e, packed.data, packed.size))
		*status = error_set(err, EVS_CORRUPT, 0, "a state of projection '%s' is damaged, or memory ran out", a->options->name);
	return *status == EVS_OK ? e : NULL;
}

/* Whether two texts are the same bytes of memory: then nothing needs to be compared, or hashed again. */
static bool is_same(struct span a, struct span b)
{
	return a.text == b.text && a.size == b.size;
}

/* Have the fold change the states that an event concerns. */
static int fold_event(struct advance *a, const struct ahead_event *event, struct evs_error *err)
{
	const struct record *record = event->event.record;
	struct fold_target target;
	struct cached *e;
	bool any = false;
	uint64_t hash;
	int status = fold_begin_looked(a->run, &event->event, err);

	while (status == EVS_OK && (status = fold_next(a->run, &target, err)) == EVS_OK) {
		hash = event->key.text != NULL && is_same(target.key, event->key) && is_same(target.type, event->type) ?
		       event->hash : cache_hash(target.key, target.type);
		e = advance_state(a, hash, target.key, target.type, &status, err);
		if (e == NULL)
			break;
		status = fold_apply(a->run, &e->state, err);
		e->changed = any = true;
	}
	fold_end(a->run, status == EVS_END);
	if (status == EVS_BAD_EVENT)
		return advance_fail(a, record->position, err);
	if (status != EVS_END)
		return status;
	a->position = record->position;
	if (any) {
		a->applied++;
		a->bytes += record->size;
	}
	return EVS_OK;
}

/* Take one event. */
static int take(struct advance *a, const struct ahead_event *event, struct evs_error *err)
{
	if (!event->good)
		return error_set(err, EVS_CORRUPT, 0, "the event at position %llu is damaged", (unsigned long long)event->event.record->position);
	a->seen++;
	advance_tell(a);
	return a->fold != NULL ? fold_event(a, event, err) : advance_ask(a, event, err);
}

static bool is_full(const struct advance *a)
{
	uint64_t batch = a->options->batch == 0 ? BATCH : a->options->batch;

	return a->seen >= batch || a->n_dead >= DEAD_MAX || a->cache.cost + a->bytes >= MEMORY_MAX;
}

/* ---- reading ---- */

static void close_read(struct advance *a)
{
	evs_read_free(a->read);
	a->read = NULL;
	a->ahead = (struct ahead){.cache = &a->cache};
}

/* Read from behind the checkpoint. */
static int open_read(struct advance *a, struct evs_error *err)
{
	struct evs_selector selector = {0};
	int status;

	if (a->options->selector != NULL)
		selector = *a->options->selector;
	if (a->generation->checkpoint > selector.after)
		selector.after = a->generation->checkpoint;
	close_read(a);
	a->position = a->generation->checkpoint;
	status = evs_read_new(a->store, &selector, &a->read, err);
	if (status == EVS_OK)
		ahead_prepare(a->read, &a->plan);
	return status;
}

static bool is_stopped(const struct advance *a)
{
	return a->options->stop != NULL && *a->options->stop != 0;
}

/* Whether there is something to commit beside the checkpoint. */
static bool has_changes(const struct advance *a)
{
	return a->applied > 0 || a->n_dead > 0 || a->skipped > 0 || a->generation->stuck != 0;
}

/* Sleep until there are events, a signal came, or it is time to commit. */
static int wait_more(struct advance *a, int wait_ms, struct evs_error *err)
{
	int status = evs_read_more(a->read, wait_ms, err);

	return status == EVS_END || status == EVS_INTERRUPTED ? EVS_OK : status;
}

/* Sleep until it is time to commit, or a signal came. Events that come meanwhile wake nobody: their writers would pay for it. */
static int rest(const struct advance *a)
{
	int64_t left = a->pause_until - moment_steady_ns();
	const struct timespec time = {.tv_nsec = left > 0 ? left : 0};

	nanosleep(&time, NULL);
	return EVS_OK;
}

/* Whether it is time to commit when all that is there was read; else *wait_ms is how long to wait for events at most. */
static bool is_due(struct advance *a, int *wait_ms)
{
	int64_t now = moment_steady_ns();

	*wait_ms = -1;
	if (a->generation == &a->projection->next || a->generation->ran_us == 0)
		return true;
	if (has_changes(a))
		return now >= a->pause_until;
	if (a->position == a->generation->checkpoint)
		return false;
	if (a->idle_since == 0)
		a->idle_since = now;
	*wait_ms = IDLE_MS;
	return now >= a->idle_since + IDLE_MS * MS;
}

/* Whether the last commit was all that there is to do. */
static bool is_committed(const struct advance *a)
{
	return a->commits > 0 && !has_changes(a) && a->position == a->generation->checkpoint && a->generation == &a->projection->model;
}

/* All that is there was read. EVS_OK: go on; EVS_END: done. */
static int at_end(struct advance *a, struct evs_error *err)
{
	uint64_t to = a->generation->to, position = evs_read_position(a->read);
	bool more = a->options->follow && (to == 0 || position < to);
	int wait_ms, status = advance_drain(a, false, err);

	if (status != EVS_OK)
		return status;
	if (position > a->position)
		a->position = position;
	if (!more && is_committed(a))
		return EVS_END;
	if (!more) {
		/* What was read is not needed any longer, and a commit needs as much memory. */
		close_read(a);
		status = commit(a, true, err);
		return status == EVS_OK ? EVS_END : status;
	}
	if (is_due(a, &wait_ms))
		return commit(a, true, err);
	return has_changes(a) ? rest(a) : wait_more(a, wait_ms, err);
}

/* Read the next events. EVS_OK; EVS_END: all that there is to do is done. */
static int more(struct advance *a, struct evs_error *err)
{
	const struct record *records;
	size_t n;
	int status = read_block(a->read, &records, &n, err);

	if (status == EVS_OK)
		ahead_begin(&a->ahead, a->read);
	return status == EVS_END ? at_end(a, err) : status;
}

/* Take events until something ends it: EVS_END at the end. */
static int go(struct advance *a, struct evs_error *err)
{
	const struct ahead_event *event;
	int status = EVS_OK;

	while (status == EVS_OK) {
		if (is_stopped(a))
			return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
		if (!a->announced && a->seen % LOOK_EVENTS == 0 && moment_steady_ns() >= a->begun + LONG &&
		    (status = announce(a, err)) != EVS_OK)
			break;
		event = ahead_next(&a->ahead);
		status = event != NULL ? take(a, event, err) : more(a, err);
		if (status == EVS_OK && is_full(a))
			status = commit(a, false, err);
	}
	return status;
}

/* Begin again, with a command that is asked one thing at a time. */
static int again(struct advance *a, struct evs_error *err)
{
	int status = advance_alone(a, err);

	model_pause(&a->model);
	cache_clear(&a->cache);
	clear_dead(a);
	a->seen = a->applied = a->skipped = 0;
	a->bytes = 0;
	return status == EVS_OK ? open_read(a, err) : status;
}

static int begin(struct advance *a, struct evs_error *err)
{
	const struct exec_options exec = {.command = a->options->exec, .timeout_ms = a->options->timeout_ms, .stop = a->options->stop};
	int status;

	a->result->position = a->generation->checkpoint;
	a->cache.fold = a->fold;
	a->plan = (struct ahead_plan){.fold = a->fold, .names = a->store->names, .by_stream = a->generation->by_stream};
	a->model = (struct model){.store = a->store, .projection = a->projection, .generation = a->generation, .fold = a->fold};
	status = model_begin(&a->model, err);
	if (status == EVS_OK && a->fold == NULL)
		status = exec_new(&exec, a->store->names, &a->exec, err);
	else if (status == EVS_OK && (a->run = fold_run_new(a->fold, a->store->names)) == NULL)
		status = error_nomem(err);
	if (status == EVS_OK)
		status = open_read(a, err);
	a->announced = a->generation->ran_us != 0 || a->generation == &a->projection->next;
	a->begun = moment_steady_ns();
	/* A command may take any time for its first answer. */
	return status == EVS_OK && a->fold == NULL && !a->announced ? announce(a, err) : status;
}

int advance_run(struct advance *a, struct evs_error *err)
{
	struct evs_error why;
	int status = begin(a, err), committed;

	while (status == EVS_OK) {
		status = go(a, err);
		if (status == ADVANCE_AGAIN)
			status = again(a, err);
	}
	if (status == EVS_INTERRUPTED || status == EVS_BAD_EVENT) {
		committed = commit(a, false, &why);
		if (committed < 0) {
			status = committed;
			if (err != NULL)
				*err = why;
		}
	}
	return status == EVS_END ? EVS_OK : status;
}

void advance_release(struct advance *a)
{
	close_read(a);
	fold_run_free(a->run);
	exec_free(a->exec);
	changes_release(&a->changes);
	model_release(&a->model);
	cache_release(&a->cache);
	clear_dead(a);
	free(a->dead);
	free(a->letters);
}
