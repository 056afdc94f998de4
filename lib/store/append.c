/*
 * Appending: lines are cut into chunks, chunks parsed (by threads once there is more than one), and committed in
 * order. One thread reads and commits; the others parse, compress and index.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/moment.h"
#include "store/append.h"
#include "store/commit.h"
#include "store/known.h"
#include "store/setup.h"

enum {
	WORKERS_MAX = 16,
	CHUNKS_AHEAD = 32,      /* parsed or being parsed while a batch is committed */
	TEXTS_MAX = CHUNKS_AHEAD, /* memory for text that is kept for the next: what is touched for the first time costs more */
	STEADY_BYTES = 32 << 10, /* input that gave so much since its last pause is only taking a breath */
	FIRST_READ = 32 << 10,
	BREATH_MS = 1,
	PATIENCE_NS = 20000000, /* but its events do not wait longer than this */
	HELD_BYTES = 64 << 20,  /* of an input that is one whole, in memory before it has ended */
};

/* What a thread works with; begins with its struct zip * (commit_use_pool). */
struct worker {
	struct zip *zip;
	struct parser *parser;
	struct evs_append *append;
};

struct evs_append {
	struct evs_store *store;
	struct evs_append_options options;
	struct parse_rules parse;
	struct commit_rules rules;
	struct query *query;
	struct buf setup;
	struct commit *commit;
	struct known *known; /* of the newest commit, where there are threads; NULL: the thread that commits asks all runs */
	struct chunk *held, *held_last; /* parsed, of an input that is one whole and has not ended: nobody is to wait for that */
	size_t held_bytes;
	bool begun; /* the whole: nothing is held any longer */
	struct pool *pool;
	struct worker workers[WORKERS_MAX];
	unsigned n_workers;
	struct parser *parser; /* for when there are no threads */
	struct chunk *filling; /* text that is not yet a task */
	pthread_mutex_t texts_lock;
	struct buf texts[TEXTS_MAX]; /* memory for more of it; under texts_lock */
	size_t n_texts;
	bool discarding;       /* the rest of a line that is too long */
	bool at_start;         /* of an input: a byte order mark is no part of its first line */
	uint64_t line;         /* the next chunk's first */
	uint64_t bytes;        /* read */
	uint64_t since_pause;
	int64_t waiting_since; /* when the input first paused with events uncommitted; 0: they are not */
	bool failed;
};

/* ---- begin and end ---- */

static int set_rules(struct evs_append *a, struct evs_error *err)
{
	const struct evs_append_options *o = &a->options;
	int status = EVS_OK;

	a->parse.cloudevents = o->cloudevents;
	a->parse.hash_ids = o->hash_ids;
	a->parse.fill[NAME_EVENT_TYPE] = span_text(o->type);
	a->parse.fill[NAME_AGGREGATE_ID] = span_text(o->stream);
	a->parse.fill[NAME_AGGREGATE_TYPE] = span_text(o->aggregate_type);
	a->parse.fill[NAME_SOURCE] = span_text(o->source);
	a->parse.fill[NAME_CORRELATION_ID] = span_text(o->correlation);
	a->parse.fill[NAME_CAUSATION_ID] = span_text(o->causation);
	a->parse.typed_by = o->map != NULL ? "eventType=.path in --map, or --type" : "--type";
	a->parse.tags = o->tags;
	a->parse.n_tags = o->n_tags;
	a->rules = (struct commit_rules){.parse = &a->parse, .setup = &a->setup, .on_error = o->on_error, .expect = o->expect, .after = o->after,
	                                 .on_reject = o->on_reject, .on_receipt = o->on_receipt, .context = o->context};
	if (o->map != NULL && o->cloudevents)
		return error_set(err, EVS_USAGE, 0, "--map and --format cloudevents exclude each other");
	status = parse_check_fills(&a->parse, err);
	if (status == EVS_OK && o->map != NULL)
		status = parse_map(&a->parse, o->map, err);
	if (status == EVS_OK && o->fail_if != NULL)
		status = query_parse(o->fail_if, &a->query, err);
	if (status == EVS_OK && o->after != 0 && o->fail_if == NULL)
		status = error_set(err, EVS_USAGE, 0, "--after belongs to --fail-if");
	a->rules.fail_if = a->query;
	a->rules.whole = o->atomic || o->expect != EVS_EXPECT_ANY || o->fail_if != NULL;
	return status;
}

int evs_append_check(const struct evs_append_options *options, struct evs_error *err)
{
	struct evs_append a = {.options = *options};
	int status = set_rules(&a, err);

	query_free(a.query);
	parse_rules_release(&a.parse);
	return status;
}

int evs_append_new(struct evs_store *store, const struct evs_append_options *options, struct evs_append **out,
                   struct evs_error *err)
{
	struct evs_append *a = calloc(1, sizeof *a);
	int status;

	*out = NULL;
	if (a == NULL)
		return error_nomem(err);
	pthread_mutex_init(&a->texts_lock, NULL);
	a->store = store;
	a->options = *options;
	if (!store->writable)
		status = error_set(err, EVS_USAGE, 0, "the store is open for reading only");
	else
		status = set_rules(a, err);
	if (status == EVS_OK && options->on_error == EVS_DLQ) {
		setup_text(&a->setup, options);
		status = a->setup.failed ? error_nomem(err) : EVS_OK;
	}
	if (status == EVS_OK) {
		a->parser = parse_new(store->names, &a->parse);
		a->commit = commit_new(store, &a->rules, err);
		if (a->parser == NULL || a->commit == NULL)
			status = error_nomem(err);
	}
	if (status != EVS_OK) {
		evs_append_free(a);
		return status;
	}
	*out = a;
	return EVS_OK;
}

void evs_append_free(struct evs_append *a)
{
	struct task *task;

	if (a == NULL)
		return;
	if (a->commit != NULL)
		commit_abort(a->commit);
	while (a->pool != NULL && (task = pool_take(a->pool, 1, true)) != NULL) {
		known_release(((struct chunk *)task)->known);
		chunk_free((struct chunk *)task);
	}
	known_release(a->known);
	for (struct chunk *chunk; (chunk = a->held) != NULL;) {
		a->held = chunk->next;
		chunk_free(chunk);
	}
	pool_free(a->pool);
	for (unsigned i = 0; i < a->n_workers; i++) {
		zip_free(a->workers[i].zip);
		parse_free(a->workers[i].parser);
	}
	if (a->commit != NULL) {
		commit_use_pool(a->commit, NULL);
		commit_free(a->commit);
	}
	chunk_free(a->filling);
	while (a->n_texts > 0)
		buf_free(&a->texts[--a->n_texts]);
	pthread_mutex_destroy(&a->texts_lock);
	parse_free(a->parser);
	query_free(a->query);
	parse_rules_release(&a->parse);
	buf_free(&a->setup);
	free(a);
}

void append_with(struct evs_append *a, int (*with)(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err),
                 void *context)
{
	a->rules.with = with;
	a->rules.with_context = context;
}

void append_cause(struct evs_append *a, struct span correlation, struct span causation)
{
	a->parse.fill[NAME_CORRELATION_ID] = correlation;
	a->parse.fill[NAME_CAUSATION_ID] = causation;
}

void evs_append_result(const struct evs_append *a, struct evs_append_result *result)
{
	commit_result(a->commit, result);
}

/* ---- threads ---- */

/* Let go of a chunk's text; its memory is for the next. */
static void release_text(struct evs_append *a, struct chunk *chunk)
{
	struct buf text = chunk->text;

	chunk->text = (struct buf){0};
	text.size = 0;
	pthread_mutex_lock(&a->texts_lock);
	if (text.data != NULL && a->n_texts < TEXTS_MAX && text.cap <= 2 * CHUNK_BYTES) {
		a->texts[a->n_texts++] = text;
		text = (struct buf){0};
	}
	pthread_mutex_unlock(&a->texts_lock);
	buf_free(&text);
}

static void parse_task(struct task *task, void *worker)
{
	struct chunk *chunk = (struct chunk *)task;
	struct worker *w = worker;

	chunk_parse(chunk, w->parser);
	known_ask_all(chunk->known, chunk);
	/* The text is needed again by dead letters, and to give names their numbers. */
	if (w->append->options.on_error != EVS_DLQ && chunk->missing.size == 0)
		release_text(w->append, chunk);
}

/* Have the threads that parse ask the runs that there are now. Where that fails, the thread that commits asks all. */
static void renew_known(struct evs_append *a)
{
	known_release(a->known);
	known_open(a->store, &a->known, NULL);
}

/* Start the threads, at the first chunk that is full. Without them everything works too, on one core. */
static void start_pool(struct evs_append *a)
{
	void *workers[WORKERS_MAX];
	unsigned n;

	if (a->pool != NULL || a->n_workers > 0)
		return;
	n = pool_cores();
	for (; a->n_workers < n; a->n_workers++) {
		struct worker *w = &a->workers[a->n_workers];
		w->append = a;
		w->zip = zip_new();
		w->parser = parse_new(a->store->names, &a->parse);
		workers[a->n_workers] = w;
		if (w->zip == NULL || w->parser == NULL) {
			a->n_workers++;
			return;
		}
	}
	a->pool = pool_new(n, workers);
	if (a->pool != NULL)
		commit_use_pool(a->commit, a->pool);
}

/* ---- committing what was parsed ---- */

static bool stopped(const struct evs_append *a)
{
	return a->options.stop != NULL && *a->options.stop != 0;
}

/* Add to a message how much is safe. */
static void say_committed(const struct evs_append *a, struct evs_error *err)
{
	struct evs_append_result done;
	size_t n;

	if (err == NULL)
		return;
	commit_result(a->commit, &done);
	n = strlen(err->message);
	snprintf(err->message + n, sizeof err->message - n,
	         done.events == 1 ? "; %llu event before it is committed" : "; %llu events before it are committed",
	         (unsigned long long)done.events);
}

/* Add to a message that nothing is. */
static void say_nothing(struct evs_error *err)
{
	size_t n;

	if (err == NULL || strstr(err->message, "nothing was appended") != NULL)
		return;
	n = strlen(err->message);
	snprintf(err->message + n, sizeof err->message - n, "; nothing was appended");
}

/* What happens to the lines before one that ended the append. */
static int end_at(struct evs_append *a, int status, struct evs_error *err)
{
	struct evs_error second;

	a->failed = true;
	if (a->rules.whole || (status != EVS_BAD_EVENT && status != EVS_CONFLICT)) {
		commit_abort(a->commit);
		if (!a->rules.whole)
			say_committed(a, err);
		else if (status == EVS_BAD_EVENT || status == EVS_CONFLICT)
			say_nothing(err);
		return status;
	}
	if (commit_end(a->commit, true, &second) != EVS_OK) {
		if (err != NULL)
			*err = second;
		return second.status;
	}
	say_committed(a, err);
	return status;
}

static int commit_one(struct evs_append *a, struct chunk *chunk, struct evs_error *err)
{
	int status;

	chunk->first_line = a->line;
	a->line += chunk->n_lines;
	known_release(chunk->known);
	chunk->known = NULL;
	status = commit_chunk(a->commit, chunk, err);
	release_text(a, chunk);
	if (status == EVS_OK && commit_full(a->commit)) {
		status = commit_end(a->commit, false, err);
		if (a->pool != NULL && !a->rules.whole)
			renew_known(a);
	}
	if (status != EVS_OK)
		return end_at(a, status, err);
	return EVS_OK;
}

/* Commit what is held. */
static int release_held(struct evs_append *a, struct evs_error *err)
{
	struct chunk *chunk;
	int status = EVS_OK;

	a->begun = true;
	while (status == EVS_OK && (chunk = a->held) != NULL) {
		a->held = chunk->next;
		status = commit_one(a, chunk, err);
	}
	return status;
}

static bool has_bad_line(const struct chunk *chunk)
{
	for (size_t i = 0; i < chunk->n; i++)
		if (chunk->staged[i].error != NULL)
			return true;
	return false;
}

/* Hold a chunk until its input ends; but not more than there is memory for, nor where it is known to be in vain. */
static int hold(struct evs_append *a, struct chunk *chunk, struct evs_error *err)
{
	if (a->held == NULL)
		a->held = chunk;
	else
		a->held_last->next = chunk;
	a->held_last = chunk;
	chunk->next = NULL;
	a->held_bytes += chunk->packed.size + chunk->text.size + chunk->n * sizeof *chunk->staged;
	if (a->held_bytes < HELD_BYTES && (a->options.on_error != EVS_STOP || !has_bad_line(chunk)))
		return EVS_OK;
	return release_held(a, err);
}

/* What becomes of a chunk that was parsed. */
static int take_parsed(struct evs_append *a, struct chunk *chunk, struct evs_error *err)
{
	return a->rules.whole && !a->begun ? hold(a, chunk, err) : commit_one(a, chunk, err);
}

/* Take chunks that threads are done with: until at most `leave` are under way. */
static int drain(struct evs_append *a, size_t leave, struct evs_error *err)
{
	int status = EVS_OK;

	while (status == EVS_OK && a->pool != NULL) {
		struct task *task = pool_take(a->pool, 1, pool_count(a->pool, 1) > leave);
		if (task == NULL)
			break;
		status = take_parsed(a, (struct chunk *)task, err);
	}
	return status;
}

/* ---- cutting chunks ---- */

static struct chunk *get_chunk(struct evs_append *a)
{
	struct chunk *chunk = commit_spare(a->commit);

	if (chunk == NULL)
		chunk = chunk_new();
	if (chunk != NULL) {
		chunk->task.run = parse_task;
		chunk->seed = a->store->seed;
		chunk->names = a->store->names;
		pthread_mutex_lock(&a->texts_lock);
		if (chunk->text.cap == 0 && a->n_texts > 0)
			chunk->text = a->texts[--a->n_texts];
		pthread_mutex_unlock(&a->texts_lock);
	}
	return chunk;
}

static void show_progress(const struct evs_append *a)
{
	struct evs_append_result done;

	if (a->options.on_progress == NULL)
		return;
	commit_result(a->commit, &done);
	a->options.on_progress(a->options.context, done.events, a->bytes);
}

/* Hand over the first n bytes of the text that is being filled; the rest is the next chunk's. */
static int submit(struct evs_append *a, size_t n, struct evs_error *err)
{
	struct chunk *chunk = a->filling, *rest = NULL;
	int status;

	if (n == 0)
		return EVS_OK;
	if (a->at_start && n >= 3 && memcmp(chunk->text.data, "\xef\xbb\xbf", 3) == 0)
		memcpy(chunk->text.data, "   ", 3); /* white space, so that columns stay */
	a->at_start = false;
	if (n < chunk->text.size) {
		rest = get_chunk(a);
		if (rest != NULL)
			buf_put(&rest->text, chunk->text.data + n, chunk->text.size - n);
		if (rest == NULL || rest->text.failed) {
			chunk_free(rest);
			return error_nomem(err);
		}
	}
	chunk->text.size = n;
	a->filling = rest;
	show_progress(a);
	if (n >= CHUNK_BYTES / 2)
		start_pool(a);
	if (a->pool != NULL) {
		/* A whole is asked about when it is committed: nothing keeps a snapshot while its input is waited for. */
		if (a->known == NULL && !a->rules.whole && pool_count(a->pool, 1) == 0)
			renew_known(a);
		chunk->known = known_use(a->known);
		pool_submit(a->pool, 1, &chunk->task);
		return drain(a, CHUNKS_AHEAD, err);
	}
	if (n >= CHUNK_BYTES / 2 || a->held != NULL) {
		chunk_parse(chunk, a->parser);
		return take_parsed(a, chunk, err);
	}
	/* So little that other writers may wait while it is parsed; of a whole it is all there is. */
	if ((status = commit_begin(a->commit, err)) != EVS_OK) {
		chunk_free(chunk);
		return end_at(a, status, err);
	}
	a->begun = true;
	chunk_parse(chunk, a->parser);
	return commit_one(a, chunk, err);
}

/* Bytes of whole lines in the text that is being filled. */
static size_t whole_lines(const struct evs_append *a)
{
	const struct buf *text = &a->filling->text;
	const uint8_t *last = text->size == 0 ? NULL : memrchr(text->data, '\n', text->size);

	return last == NULL ? 0 : (size_t)(last - text->data) + 1;
}

/* Drop what has come of the rest of a line that is too long. */
static void discard(struct evs_append *a)
{
	struct buf *text = &a->filling->text;
	uint8_t *end = memchr(text->data, '\n', text->size);

	if (end == NULL) {
		text->size = 0;
		return;
	}
	a->discarding = false;
	text->size -= (size_t)(end + 1 - text->data);
	memmove(text->data, end + 1, text->size);
}

/* After text has grown: hand over full chunks. all: whatever lines are whole. */
static int take_text(struct evs_append *a, bool all, struct evs_error *err)
{
	struct buf *text = &a->filling->text;
	size_t whole;

	if (a->discarding && text->size > 0)
		discard(a);
	if (!all && text->size < CHUNK_BYTES)
		return EVS_OK;
	whole = whole_lines(a);
	if (whole == 0 && text->size > EVS_LINE_MAX + PARSE_LINE_MORE) {
		a->discarding = true;
		whole = text->size; /* long enough to be refused for its length */
	}
	return submit(a, whole, err);
}

static bool make_room(struct evs_append *a, size_t more, struct evs_error *err)
{
	if (a->filling == NULL && (a->filling = get_chunk(a)) == NULL) {
		error_nomem(err);
		return false;
	}
	if (!buf_room(&a->filling->text, more)) {
		error_nomem(err);
		return false;
	}
	return true;
}

/* ---- reading ---- */

/* Whether the input has nothing to give at the moment. */
static bool paused(struct evs_append *a, int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int64_t now;

	if (poll(&wait, 1, 0) != 0)
		return false;
	now = moment_steady_ns();
	if (a->waiting_since == 0)
		a->waiting_since = now;
	if (a->since_pause < STEADY_BYTES || now - a->waiting_since > PATIENCE_NS)
		return true;
	return poll(&wait, 1, BREATH_MS) == 0;
}

/* Everything that was handed over, durable. */
static int settle(struct evs_append *a, struct evs_error *err)
{
	int status = drain(a, 0, err);

	if (status == EVS_OK && !a->rules.whole) {
		status = commit_end(a->commit, true, err);
		if (status != EVS_OK) {
			a->failed = true;
			commit_abort(a->commit);
		}
	}
	a->since_pause = 0;
	a->waiting_since = 0;
	known_release(a->known);
	a->known = NULL;
	return status;
}

/* Have all lines that are whole durable. */
static int settle_lines(struct evs_append *a, struct evs_error *err)
{
	int status = take_text(a, true, err);

	return status == EVS_OK ? settle(a, err) : status;
}

/* The end of an input: the last line may lack its newline. */
static int end_of_input(struct evs_append *a, struct evs_error *err)
{
	int status = EVS_OK;

	if (a->filling != NULL) {
		if (a->discarding && a->filling->text.size > 0)
			discard(a);
		status = submit(a, a->filling->text.size, err);
	}
	a->discarding = false;
	if (status == EVS_OK)
		status = settle(a, err);
	return status == EVS_OK && a->held != NULL ? release_held(a, err) : status;
}

static int interrupted(struct evs_append *a, struct evs_error *err)
{
	int status = settle(a, err);

	a->failed = true;
	return status == EVS_OK ? error_set(err, EVS_INTERRUPTED, 0, "interrupted") : status;
}

static int read_failed(struct evs_append *a, struct evs_error *err)
{
	int saved = errno, status = settle(a, err);

	a->failed = true;
	if (status != EVS_OK)
		return status;
	error_set(err, EVS_IO, saved, "cannot read the input");
	if (a->rules.whole)
		say_nothing(err);
	else
		say_committed(a, err);
	return EVS_IO;
}

/* Wait for an input that gives what it has and does not wait itself. A signal ends it too. */
static void wait_input(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	poll(&wait, 1, -1);
}

static int begin_input(struct evs_append *a, struct evs_error *err)
{
	if (a->failed)
		return error_set(err, EVS_USAGE, 0, "the append has failed before");
	a->line = 1;
	a->at_start = true;
	return EVS_OK;
}

int evs_append_read(struct evs_append *a, int fd, struct evs_error *err)
{
	int status = begin_input(a, err);

#ifdef F_SETPIPE_SZ
	fcntl(fd, F_SETPIPE_SZ, 1 << 20); /* fewer wake-ups; fails harmlessly on what is no pipe */
#endif
	while (status == EVS_OK) {
		ssize_t n;
		if (stopped(a))
			return interrupted(a, err);
		/* The first look at an input is a small one: most have little to give. */
		size_t have = a->filling == NULL ? 0 : a->filling->text.size, room = CHUNK_BYTES / 4;
		if (a->bytes < FIRST_READ)
			room = FIRST_READ;
		else if (have < CHUNK_BYTES)
			room += CHUNK_BYTES - have;
		if (!make_room(a, room, err))
			return EVS_NOMEM;
		struct buf *text = &a->filling->text;
		n = read(fd, text->data + text->size, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			status = a->rules.whole ? EVS_OK : settle_lines(a, err);
			if (status == EVS_OK)
				wait_input(fd);
			continue;
		}
		if (n < 0)
			return read_failed(a, err);
		if (n == 0)
			return end_of_input(a, err);
		text->size += (size_t)n;
		a->bytes += (uint64_t)n;
		a->since_pause += (uint64_t)n;
		status = !a->rules.whole && paused(a, fd) ? settle_lines(a, err) : take_text(a, false, err);
	}
	return status;
}

int evs_append_lines(struct evs_append *a, const char *lines, size_t size, struct evs_error *err)
{
	int status = begin_input(a, err);

	while (status == EVS_OK && size > 0) {
		size_t n = size < CHUNK_BYTES ? size : CHUNK_BYTES;
		if (!make_room(a, n, err))
			return EVS_NOMEM;
		buf_put(&a->filling->text, lines, n);
		lines += n;
		size -= n;
		a->bytes += n;
		status = take_text(a, false, err);
	}
	return status == EVS_OK ? end_of_input(a, err) : status;
}

int evs_append_finish(struct evs_append *a, struct evs_error *err)
{
	int status;

	if (a->failed)
		return error_set(err, EVS_USAGE, 0, "the append has failed before");
	status = commit_end(a->commit, true, err);
	if (status != EVS_OK) {
		a->failed = true;
		commit_abort(a->commit);
	}
	return status;
}

uint64_t append_count_lines(const char *text, size_t size)
{
	uint64_t n = 0;

	for (const char *p = text, *end = text + size, *next; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next == NULL ? end : next + 1;
		n += strspn(p, " \t\r\n") < (size_t)(next - p);
	}
	return n;
}
