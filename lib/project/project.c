/* Projections: which generation a run is about. */
#include <stdlib.h>

#include "base/error.h"
#include "base/id.h"
#include "project/advance.h"
#include "project/mend.h"
#include "store/select.h"

/* A run, before it is known what there is to do. */
struct setup {
	struct evs_store *store;
	const struct evs_project_options *options;
	struct fold *fold; /* NULL: a command */
	struct buf selectors;
	struct projection projection;
	struct generation wanted; /* by what a model is to be made */
};

/* ---- what was asked ---- */

/* What a selector asks must be the same whenever it is asked. */
static int check_selector(const struct evs_selector *s, struct evs_error *err)
{
	const char *const times[] = {s->since, s->until, s->as_of};

	if (s->has_limit || s->has_last || s->reverse)
		return error_set(err, EVS_USAGE, 0, "a projection takes all events that match, in their order: no limit, last or reverse");
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i] != NULL && times[i][0] == '-')
			return error_set(err, EVS_USAGE, 0, "'%s' is another time at every run; a projection needs one such as 2026-05-14T10:30:00Z",
			                 times[i]);
	return EVS_OK;
}

static int check(const struct setup *s, struct evs_error *err)
{
	const struct evs_project_options *o = s->options;
	int status = projection_check_name(o->name, err);

	if (status != EVS_OK)
		return status;
	if (!s->store->writable)
		return error_set(err, EVS_USAGE, 0, "the store is open for reading alone");
	if ((o->fold == NULL) == (o->exec == NULL))
		return error_set(err, EVS_USAGE, 0, "a projection has a fold or a command, one of them");
	if (o->key != NULL && (!o->rebuild || o->follow))
		return error_set(err, EVS_USAGE, 0, "a key belongs to a rebuild, which does not follow");
	if (o->key == NULL && o->aggregate_type != NULL)
		return error_set(err, EVS_USAGE, 0, "a type belongs to a key");
	return o->selector == NULL ? EVS_OK : check_selector(o->selector, err);
}

/* Make sense of the options. */
static int prepare(struct setup *s, struct evs_error *err)
{
	static const struct evs_selector all;
	const struct evs_project_options *o = s->options;
	const struct evs_selector *selector = o->selector == NULL ? &all : o->selector;
	int status = check(s, err);

	if (status == EVS_OK && o->fold != NULL)
		status = fold_parse(o->fold_name, o->fold, o->fold_size, &s->fold, err);
	if (status != EVS_OK)
		return status;
	select_text(&s->selectors, selector);
	s->wanted = (struct generation){
		.number = 1,
		.hash = s->fold != NULL ? fold_hash(s->fold) : exec_hash(o->exec),
		.exec = s->fold == NULL,
		.by_stream = s->fold == NULL || fold_by_stream(s->fold),
		.source = s->fold != NULL ? (struct span){o->fold, o->fold_size} : (struct span){o->exec, strlen(o->exec)},
		.selectors = {(const char *)s->selectors.data, s->selectors.size},
		.to = selector->to,
	};
	return s->selectors.failed ? error_nomem(err) : EVS_OK;
}

static bool is_made_by(const struct generation *g, const struct generation *wanted)
{
	return g->number != 0 && g->hash == wanted->hash && g->exec == wanted->exec && projection_selects(g, wanted->selectors);
}

/* Say what is another than it was. */
static int changed(const struct setup *s, struct evs_error *err)
{
	const struct projection *p = &s->projection;
	bool others = p->model.exec == s->wanted.exec && p->model.hash == s->wanted.hash; /* the selectors are others */
	const char *what = others ? "selectors" : s->wanted.exec ? "command" : "fold";

	if (is_made_by(&p->next, &s->wanted))
		return error_set(err, EVS_CHANGED, 0, "a rebuild of projection '%s' with this %s is not at its end; --rebuild goes on with it",
		                 s->options->name, what);
	return error_set(err, EVS_CHANGED, 0, "projection '%s' was made with %s %s; --rebuild makes it anew", s->options->name,
	                 others ? "other" : "another", what);
}

/* ---- what there is ---- */

/* Read the record. *there: there is one. */
static int load(struct setup *s, bool *there, struct evs_error *err)
{
	struct kv_txn *txn;
	int status = kv_begin(s->store->kv, false, &txn, err);

	if (status != EVS_OK)
		return status;
	status = projection_get(txn, s->options->name, &s->projection, err);
	*there = status == EVS_OK;
	if (status == EVS_END)
		status = s->options->key != NULL ? projection_none(txn, s->options->name, err) : EVS_OK;
	kv_abort(txn);
	return status;
}

/* Begin a rebuild: what is left of another one goes. */
static int begin_rebuild(struct setup *s, struct evs_error *err)
{
	struct projection *p = &s->projection;
	struct generation next = s->wanted;
	struct kv_txn *txn;
	int status = kv_begin(s->store->kv, true, &txn, err);

	if (p->model.exec == next.exec && p->model.hash == next.hash) /* another fold may well not fail there */
		next.skips = p->model.skips;
	if (status != EVS_OK)
		return status;
	next.number = (p->next.number > p->model.number ? p->next.number : p->model.number) + 1;
	status = projection_drop_tables(txn, p, &p->next, err);
	p->next = next;
	if (status == EVS_OK)
		status = projection_put(txn, s->options->name, p, err);
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

/* Find the generation that the run is about. */
static int choose(struct setup *s, struct generation **generation, struct evs_error *err)
{
	struct projection *p = &s->projection;
	bool there;
	int status = load(s, &there, err);

	*generation = &p->model;
	if (status != EVS_OK)
		return status;
	if (!there)
		random_bytes(&p->id, sizeof p->id);
	if (s->options->key == NULL && p->model.ran_us == 0) { /* nothing was made of events yet: it may be anything */
		p->model = s->wanted;
		return EVS_OK;
	}
	if (s->options->key != NULL)
		return mend_is_made_by(&p->model, &s->wanted, s->options) ? EVS_OK : changed(s, err);
	if (!s->options->rebuild)
		return is_made_by(&p->model, &s->wanted) ? EVS_OK : changed(s, err);
	*generation = &p->next;
	return is_made_by(&p->next, &s->wanted) ? EVS_OK : begin_rebuild(s, err);
}

/* Run with the lock held. */
static int run(struct setup *s, struct evs_project_result *result, struct evs_error *err)
{
	struct generation *generation;
	int status = choose(s, &generation, err);

	if (status != EVS_OK)
		return status;
	if (s->options->key != NULL)
		return mend_run(s->store, s->options, &s->projection, s->fold, result, err);
	struct advance a = {.store = s->store, .options = s->options, .projection = &s->projection, .generation = generation,
	                    .fold = s->fold, .result = result};
	status = advance_run(&a, err);
	advance_release(&a);
	return status;
}

int evs_project_run(struct evs_store *store, const struct evs_project_options *options, struct evs_project_result *result,
                    struct evs_error *err)
{
	struct setup s = {.store = store, .options = options};
	struct lock *lock = NULL;
	int status = prepare(&s, err);

	*result = (struct evs_project_result){0};
	if (status == EVS_OK)
		status = projection_lock(store, options->name, &lock, err);
	if (status == EVS_OK)
		status = run(&s, result, err);
	lock_release(lock);
	projection_release(&s.projection);
	buf_free(&s.selectors);
	fold_free(s.fold);
	return status;
}

/* ---- skip and drop ---- */

/* Begin to change a projection: the lock, a writing transaction, the record; all are the caller's also after a failure. */
static int begin_change(struct evs_store *store, const char *name, struct lock **lock, struct kv_txn **txn,
                        struct projection *p, struct evs_error *err)
{
	int status = projection_check_name(name, err);

	*lock = NULL;
	*txn = NULL;
	*p = (struct projection){0};
	if (status == EVS_OK && !store->writable)
		status = error_set(err, EVS_USAGE, 0, "the store is open for reading alone");
	if (status == EVS_OK)
		status = projection_lock(store, name, lock, err);
	if (status == EVS_OK)
		status = kv_begin(store->kv, true, txn, err);
	if (status == EVS_OK)
		status = projection_get(*txn, name, p, err);
	return status == EVS_END ? projection_none(*txn, name, err) : status;
}

/* End it. */
static int end_change(int status, struct lock *lock, struct kv_txn *txn, struct projection *p, struct evs_error *err)
{
	if (status == EVS_OK)
		status = kv_commit(txn, err);
	else
		kv_abort(txn);
	projection_release(p);
	lock_release(lock);
	return status;
}

int evs_project_drop(struct evs_store *store, const char *name, struct evs_error *err)
{
	struct projection p;
	struct lock *lock;
	struct kv_txn *txn;
	int status = begin_change(store, name, &lock, &txn, &p, err);

	if (status == EVS_OK)
		status = projection_drop_tables(txn, &p, &p.model, err);
	if (status == EVS_OK)
		status = projection_drop_tables(txn, &p, &p.next, err);
	if (status == EVS_CORRUPT && txn != NULL)
		status = EVS_OK; /* what a damaged record says of tables is not to be trusted: they stay, and nothing leads there */
	if (status == EVS_OK)
		status = kv_delete(txn, KV_PROJECTION, name, strlen(name), err);
	return end_change(status, lock, txn, &p, err);
}

/* Say where it is stuck, in place of there. */
static int not_stuck(const struct projection *p, const char *name, uint64_t position, struct evs_error *err)
{
	uint64_t stuck = p->model.stuck != 0 ? p->model.stuck : p->next.stuck;

	if (stuck == 0)
		return error_set(err, EVS_END, 0, "projection '%s' is not stuck", name);
	return error_set(err, EVS_END, 0, "projection '%s' is stuck at position %llu, not %llu", name, (unsigned long long)stuck,
	                 (unsigned long long)position);
}

int evs_project_skip(struct evs_store *store, const char *name, uint64_t position, struct evs_error *err)
{
	struct projection p;
	struct lock *lock;
	struct kv_txn *txn;
	int status = begin_change(store, name, &lock, &txn, &p, err);
	struct generation *const generations[] = {&p.model, &p.next};
	struct buf skips[2] = {{0}, {0}};
	bool any = false;

	for (size_t i = 0; i < 2 && status == EVS_OK; i++) {
		struct generation *g = generations[i];
		if (g->number == 0 || g->stuck == 0 || g->stuck != position)
			continue;
		g->checkpoint = position;
		g->stuck = 0;
		g->reason.size = 0;
		g->skipped++;
		any = true;
		if (!generation_skip(g, position, &skips[i]))
			status = error_nomem(err);
	}
	if (status == EVS_OK)
		status = any ? projection_put(txn, name, &p, err) : not_stuck(&p, name, position, err);
	for (size_t i = 0; i < 2; i++)
		buf_free(&skips[i]);
	return end_change(status, lock, txn, &p, err);
}
