#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "evs.h"

enum { PATIENCE_MS = 60000 };

static void problem(struct state *s, const char *what, const char *message)
{
	if (s->problem[0] == '\0')
		snprintf(s->problem, sizeof s->problem, "%s: %s", what, message);
}

/* ---- what there is ---- */

/* Something that is hashed: into the digest, and into the shape where it does not depend on the clock. */
struct sum {
	struct state *s;
	struct evs_store *store;
	uint64_t chain; /* of the events' bytes, in order */
};

/* What the chain was after each event, in the states before: an event stays what it was. */
static struct {
	uint64_t *chains;
	size_t n, cap;
} known;
static bool compare_events;

static void add_bytes(uint64_t *hash, const void *data, size_t size)
{
	*hash = hash64(data, size, *hash);
}

static void add_number(struct state *s, uint64_t n)
{
	add_bytes(&s->digest, &n, sizeof n);
	add_bytes(&s->shape, &n, sizeof n);
}

static int add_lines(void *context, const void *text, size_t size)
{
	struct sum *sum = context;
	struct state *s = sum->s;

	for (const char *p = text, *end = p + size, *next; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next == NULL ? end : next + 1;
		add_bytes(&sum->chain, p, (size_t)(next - p));
		if (s->events == known.n && array_grow(&known.chains, &known.cap, known.n, sizeof *known.chains))
			known.chains[known.n++] = sum->chain;
		if (s->events < known.n && known.chains[s->events] != sum->chain && compare_events)
			problem(s, "events", "one is not what it was");
		s->events++;
	}
	return 0;
}

static int add_group(void *context, const struct evs_group *g)
{
	struct sum *sum = context;

	add_bytes(&sum->s->digest, g->name, g->name_size);
	/* A group's position passes by events that are none of its: that depends on when it looked. */
	add_bytes(&sum->s->digest, &g->position, sizeof g->position);
	add_bytes(&sum->s->digest, &g->first_unfinished, sizeof g->first_unfinished);
	add_number(sum->s, g->handled);
	add_number(sum->s, g->emitted);
	add_number(sum->s, g->dead);
	add_number(sum->s, g->letters);
	add_number(sum->s, g->waiting);
	add_number(sum->s, g->parked);
	add_number(sum->s, g->stuck);
	add_bytes(&sum->s->digest, &g->retried, sizeof g->retried);
	return 0;
}

static int add_state(void *context, const void *text, size_t size)
{
	struct state *s = context;

	add_bytes(&s->digest, text, size);
	add_bytes(&s->shape, text, size);
	return 0;
}

static int add_projection(void *context, const struct evs_projection *p)
{
	struct sum *sum = context;
	struct evs_show_options show = {.name = p->name, .write = add_state, .context = sum->s};
	struct evs_error err;
	char name[201];

	snprintf(name, sizeof name, "%.*s", (int)p->name_size, p->name);
	show.name = name;
	add_number(sum->s, p->states);
	add_number(sum->s, p->events);
	add_number(sum->s, p->dead);
	add_number(sum->s, p->position);
	add_number(sum->s, p->stuck);
	add_number(sum->s, p->rebuilding);
	if (evs_project_show(sum->store, &show, &err) != EVS_OK)
		problem(sum->s, "project show", err.message);
	return 0;
}

static int add_snapshot(void *context, const struct evs_snapshot *n)
{
	struct sum *sum = context;

	add_number(sum->s, n->position);
	add_number(sum->s, n->events);
	add_state(sum->s, n->key, n->key_size);
	add_state(sum->s, n->state, n->state_size);
	return 0;
}

static int add_entry(void *context, const struct evs_letter_entry *e)
{
	struct sum *sum = context;

	add_number(sum->s, e->id);
	add_number(sum->s, (uint64_t)e->action);
	add_number(sum->s, e->done);
	add_bytes(&sum->s->digest, &e->at_us, sizeof e->at_us);
	return 0;
}

static int add_letters(struct sum *sum, struct evs_error *err)
{
	struct evs_letter *letter;
	uint64_t id = 0;
	int status;

	while ((status = evs_letter_get(sum->store, id + 1, true, &letter, err)) == EVS_OK) {
		id = letter->id;
		add_number(sum->s, id);
		add_number(sum->s, (uint64_t)letter->kind);
		add_number(sum->s, letter->position);
		add_bytes(&sum->s->digest, &letter->attempts, sizeof letter->attempts);
		add_bytes(&sum->s->digest, &letter->recorded_us, sizeof letter->recorded_us);
		evs_letter_free(letter);
	}
	return status == EVS_END ? EVS_OK : status;
}

/* Everything that a store holds, as hashes. */
static void sum_up(struct evs_store *store, struct state *s)
{
	static const struct evs_snapshot_selector all;
	static const struct evs_selector every;
	struct sum sum = {.s = s, .store = store, .chain = 1};
	struct evs_read *r = NULL;
	struct evs_error err = {0};
	int status = evs_read_new(store, &every, &r, &err);

	if (status == EVS_OK)
		status = evs_read_render(r, EVS_JSON, NULL, add_lines, &sum, &err);
	evs_read_free(r);
	add_bytes(&s->digest, &sum.chain, sizeof sum.chain);
	add_number(s, s->events);
	if (status == EVS_OK)
		status = evs_group_list(store, NULL, add_group, &sum, &err);
	if (status == EVS_OK)
		status = evs_project_list(store, NULL, add_projection, &sum, &err);
	if (status == EVS_OK)
		status = evs_snapshot_list(store, &all, false, true, add_snapshot, &sum, &err);
	if (status == EVS_OK)
		status = add_letters(&sum, &err);
	if (status == EVS_OK)
		status = evs_letter_log(store, 0, add_entry, &sum, &err);
	if (status != EVS_OK)
		problem(s, "cannot be read", err.message);
}

/* ---- whether it is whole ---- */

static void note(void *context, const struct evs_finding *finding)
{
	problem(context, finding->kind, finding->message);
}

static void verify(struct evs_store *store, struct state *s)
{
	struct evs_verify_result events;
	struct evs_project_verify_result projections;
	struct evs_consume_verify_result groups;
	struct evs_error err;

	if (evs_verify(store, note, s, &events, &err) != EVS_OK || evs_project_verify(store, note, s, &projections, &err) != EVS_OK ||
	    evs_consume_verify(store, note, s, &groups, &err) != EVS_OK)
		problem(s, "verify", err.message);
}

static void append(const char *path, unsigned what, struct state *s)
{
	static const char line[] = "{\"eventType\":\"after.cut\",\"data\":{\"n\":1}}\n";
	static const struct evs_append_options options = {.expect = EVS_EXPECT_ANY};
	struct evs_append_result result;
	struct evs_append *a = NULL;
	struct evs_store *store;
	struct evs_error err = {0};

	if (evs_open(path, EVS_CREATE, &store, &err) != EVS_OK) {
		problem(s, "cannot be opened for writing", err.message);
		return;
	}
	if (evs_append_new(store, &options, &a, &err) != EVS_OK || evs_append_lines(a, line, sizeof line - 1, &err) != EVS_OK ||
	    evs_append_finish(a, &err) != EVS_OK) {
		problem(s, "cannot be appended to", err.message);
	} else {
		evs_append_result(a, &result);
		if (result.position != s->events + 1)
			problem(s, "append", "the next event is not given the next position");
	}
	evs_append_free(a);
	if ((what & STATE_AGAIN) != 0 && s->problem[0] == '\0')
		verify(store, s);
	evs_close(store);
}

static void look(const char *path, unsigned what, struct state *s)
{
	struct evs_store *store;
	struct evs_error err;

	compare_events = (what & STATE_COMPARE) != 0;
	*s = (struct state){.digest = 2, .shape = 3};
	if (access(path, F_OK) != 0) {
		s->missing = true;
		s->digest = s->shape = 0;
	} else if (evs_open(path, EVS_READ, &store, &err) != EVS_OK) {
		problem(s, "cannot be opened", err.message);
		return;
	} else {
		sum_up(store, s);
		verify(store, s);
		evs_close(store);
	}
	if ((what & STATE_APPEND) != 0)
		append(path, what, s);
}

/* ---- the process ---- */

struct question {
	unsigned what;
	char path[512];
};

static void serve(int ask, int answer)
{
	struct question q;
	struct state s;

	while (read(ask, &q, sizeof q) == (ssize_t)sizeof q) {
		alarm(PATIENCE_MS / 1000);
		look(q.path, q.what, &s);
		alarm(0);
		if (write(answer, &s, sizeof s) != (ssize_t)sizeof s)
			break;
	}
	_exit(0);
}

static void start(struct looker *l)
{
	int ask[2], answer[2];

	if (pipe(ask) != 0 || pipe(answer) != 0 || (l->pid = fork()) < 0) {
		perror("cannot start a process");
		exit(1);
	}
	if (l->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		serve(ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	l->ask = ask[1];
	l->answer = answer[0];
}

void looker_end(struct looker *l)
{
	if (l->pid <= 0)
		return;
	close(l->ask);
	close(l->answer);
	waitpid(l->pid, NULL, 0);
	l->pid = 0;
}

void looker_look(struct looker *l, const char *path, unsigned what, struct state *out)
{
	struct question q = {.what = what};
	int how = 0;

	if (l->pid <= 0)
		start(l);
	snprintf(q.path, sizeof q.path, "%s", path);
	if (write(l->ask, &q, sizeof q) == (ssize_t)sizeof q && read(l->answer, out, sizeof *out) == (ssize_t)sizeof *out)
		return;
	*out = (struct state){0};
	close(l->ask);
	close(l->answer);
	waitpid(l->pid, &how, 0);
	l->pid = 0;
	snprintf(out->problem, sizeof out->problem, "looking at it ends with signal %d (%s)", WIFSIGNALED(how) ? WTERMSIG(how) : 0,
	         WIFSIGNALED(how) ? strsignal(WTERMSIG(how)) : "none");
}
