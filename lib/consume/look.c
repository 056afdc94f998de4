/* Groups looked at and changed from outside. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/moment.h"
#include "consume/group.h"
#include "consume/letter.h"
#include "consume/member.h"
#include "consume/progress.h"
#include "consume/wait.h"
#include "store/fetch.h"

enum { MEMBERS_MAX = 256 };

/* A group, copied out of its transaction: each is called without one. */
struct shown {
	struct evs_group group;
	uint64_t members[MEMBERS_MAX];
	struct group record;
	char *name;
	uint64_t wait; /* its first event that waits */
};

struct looking {
	struct evs_store *store;
	struct kv_txn *txn;
	struct store_state state;
	struct shown *list;
	size_t n, cap;
};

/* ---- one group ---- */

static int look_at_members(struct looking *l, struct shown *s, struct evs_error *err)
{
	struct member m;
	int status = member_look(l->store->path, s->record.number, &m, err);

	if (status == EVS_OK)
		s->group.n_members = member_list(&m, s->members, MEMBERS_MAX);
	member_leave(&m);
	return status;
}

/* Count the group's dead letters that are there. */
static int look_at_letters(struct looking *l, struct shown *s, struct evs_error *err)
{
	struct kv_bytes key, value;
	struct letter letter;
	struct kv_cursor *c;
	struct dead d;
	int status = s->record.dead == 0 ? EVS_END : kv_cursor_open(l->txn, KV_DEAD, &c, err);

	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err))
		s->group.letters += dead_decode(value, &d) && d.kind == DEAD_EVENT && letter_decode(d.bytes, d.size, &letter) &&
		                    letter.group.size == strlen(s->name) && memcmp(letter.group.text, s->name, letter.group.size) == 0;
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

static int look(struct looking *l, struct shown *s, struct evs_error *err)
{
	const struct group *g = &s->record;
	int status;

	s->group = (struct evs_group){.setup = g->setup, .selectors = g->selectors, .handled = g->handled,
	                              .retried = g->retried, .dead = g->dead, .emitted = g->emitted, .waiting = g->waiting, .parked = g->parked,
	                              .stuck = g->stuck, .reason = g->reason, .made_us = g->made_us, .moved_us = g->moved_us, .took_us = g->took_us};
	memcpy(s->group.durations, g->buckets, sizeof s->group.durations);
	status = progress_first_wait(l->txn, g, &s->wait, err);
	if (status == EVS_OK)
		status = look_at_letters(l, s, err);
	return status == EVS_OK ? look_at_members(l, s, err) : status;
}

/* ---- how far it is: events are read, without the transaction ---- */

/* For how long an event has been there. */
static int look_at_age(struct evs_store *store, uint64_t position, int64_t *us, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	struct record r;
	int status = store_begin(store, false, &txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = fetch_record(store->fetch, txn, position, &r, err);
	if (status == EVS_OK && moment_now_us() > r.recorded_us)
		*us = moment_now_us() - r.recorded_us;
	kv_abort(txn);
	return status == EVS_END ? EVS_OK : status;
}

static int look_at_progress(struct looking *l, struct shown *s, struct evs_error *err)
{
	struct progress p;
	int status = progress_of(l->store, &s->record, s->wait, l->state.last_position, &p, err);

	s->group.position = p.position;
	s->group.first_unfinished = p.first_unfinished;
	s->group.lag_events = p.lag;
	return status == EVS_OK && p.first_unfinished != 0 ? look_at_age(l->store, p.first_unfinished, &s->group.lag_us, err) : status;
}

/* ---- all of them ---- */

static int add(struct looking *l, struct kv_bytes key, struct kv_bytes value, struct evs_error *err)
{
	struct shown *s;

	if (!array_grow(&l->list, &l->cap, l->n, sizeof *l->list))
		return error_nomem(err);
	s = &l->list[l->n++];
	*s = (struct shown){.name = strndup((const char *)key.data, key.size)};
	if (s->name == NULL)
		return error_nomem(err);
	if (group_decode(value.data, value.size, &s->record) != EVS_OK)
		return error_set(err, EVS_CORRUPT, 0, "the record of group '%s' is damaged", s->name);
	return look(l, s, err);
}

static int gather(struct looking *l, const char *name, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct kv_cursor *c;
	int status;

	if (name != NULL) {
		status = kv_get(l->txn, KV_GROUP, name, strlen(name), &value, err);
		return status == EVS_OK ? add(l, (struct kv_bytes){(const uint8_t *)name, strlen(name)}, value, err) : status;
	}
	status = kv_cursor_open(l->txn, KV_GROUP, &c, err);
	if (status != EVS_OK)
		return status;
	for (status = kv_move(c, KV_FIRST, &key, &value, err); status == EVS_OK; status = kv_move(c, KV_NEXT, &key, &value, err))
		if ((status = add(l, key, value, err)) != EVS_OK)
			break;
	kv_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int evs_group_list(struct evs_store *store, const char *name, int (*each)(void *context, const struct evs_group *group),
                   void *context, struct evs_error *err)
{
	struct looking l = {.store = store};
	int status = name == NULL ? EVS_OK : group_check_name(name, err);

	if (status == EVS_OK)
		status = store_begin(store, false, &l.txn, &l.state, err);
	if (status == EVS_OK)
		status = gather(&l, name, err);
	kv_abort(l.txn);
	for (size_t i = 0; i < l.n && status == EVS_OK; i++) {
		struct evs_group *g = &l.list[i].group;
		g->name = l.list[i].name;
		g->name_size = strlen(g->name);
		g->members = l.list[i].members;
		status = look_at_progress(&l, &l.list[i], err);
		if (status == EVS_OK && each(context, g) != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	}
	for (size_t i = 0; i < l.n; i++) {
		group_release(&l.list[i].record);
		free(l.list[i].name);
	}
	free(l.list);
	return status;
}

/* ---- changes ---- */

/*
 * A group that nobody consumes, for a change. txn is the caller's where EVS_OK is returned; so is *m, which keeps others out.
 * made: NULL, or it is made where it is not there, and whether it was.
 */
static int begin_change(struct evs_store *store, const char *name, bool *made, struct kv_txn **txn, struct store_state *state, struct group *g,
                        struct member *m, struct evs_error *err)
{
	uint64_t pid = 0;
	int status = group_check_name(name, err);

	*m = (struct member){0};
	*g = (struct group){0};
	*txn = NULL;
	if (status == EVS_OK && !store->writable)
		status = error_set(err, EVS_USAGE, 0, "the store is open for reading only");
	if (status == EVS_OK)
		status = store_begin(store, true, txn, state, err);
	if (status == EVS_OK)
		status = group_get(*txn, name, g, err);
	if (made != NULL && (*made = status == EVS_END)) {
		g->made_us = moment_now_us();
		status = group_put(*txn, name, g, err);
	}
	if (status == EVS_OK)
		status = member_look(store->path, g->number, m, err);
	if (status == EVS_OK && (member_list(m, &pid, 1) > 0 || !member_take(m, 0, GROUP_SLOTS)))
		status = pid != 0 ? error_set(err, EVS_BUSY, 0, "group '%s' is consumed by process %llu; nothing was changed", name, (unsigned long long)pid) :
		                    error_set(err, EVS_BUSY, 0, "group '%s' is consumed by a process; nothing was changed", name);
	if (status == EVS_OK)
		return EVS_OK;
	kv_abort(*txn);
	*txn = NULL;
	group_release(g);
	member_leave(m);
	return status;
}

static int end_txn(struct kv_txn *txn, int status, struct evs_error *err)
{
	if (status == EVS_OK)
		return kv_commit(txn, err);
	kv_abort(txn);
	return status;
}

static void end_change(struct group *g, struct member *m)
{
	group_release(g);
	member_leave(m);
}

/* Have a group go on behind a position. */
static int write_reset(struct kv_txn *txn, const char *name, struct group *g, uint64_t position, struct evs_error *err)
{
	int status = wait_clear(txn, g->number, err);

	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		g->positions[i] = position;
	g->waiting = 0;
	g->stuck = 0;
	free(g->reason);
	g->reason = NULL;
	g->moved_us = moment_now_us();
	return status == EVS_OK ? group_put(txn, name, g, err) : status;
}

int evs_group_reset(struct evs_store *store, const char *name, uint64_t position, bool dry_run, uint64_t *before, struct evs_error *err)
{
	struct progress p = {.position = UINT64_MAX};
	struct store_state state;
	struct kv_txn *txn;
	struct member m;
	struct group g, old;
	uint64_t wait;
	bool made;
	int status = begin_change(store, name, &made, &txn, &state, &g, &m, err);

	if (status != EVS_OK)
		return status;
	old = g;
	status = progress_first_wait(txn, &g, &wait, err);
	if (status == EVS_OK && position > state.last_position) /* what comes up to there would be passed over */
		status = error_set(err, EVS_USAGE, 0, "there is no position %llu: the newest event is at position %llu; nothing was changed",
		                   (unsigned long long)position, (unsigned long long)state.last_position);
	if (status == EVS_OK)
		status = dry_run ? EVS_END : write_reset(txn, name, &g, position, err);
	status = end_txn(txn, status, err);
	if (status == EVS_END)
		status = EVS_OK;
	if (status == EVS_OK && !made)
		status = progress_of(store, &old, wait, state.last_position, &p, err);
	*before = p.position;
	end_change(&g, &m);
	return status;
}

int evs_group_drop(struct evs_store *store, const char *name, struct evs_error *err)
{
	struct store_state state;
	struct kv_txn *txn;
	struct member m;
	struct group g;
	int status = begin_change(store, name, NULL, &txn, &state, &g, &m, err);

	if (status != EVS_OK)
		return status;
	status = wait_clear(txn, g.number, err);
	if (status == EVS_OK)
		status = letter_clear_parked(txn, g.number, err);
	if (status == EVS_OK)
		status = kv_delete(txn, KV_GROUP, name, strlen(name), err);
	status = end_txn(txn, status, err);
	end_change(&g, &m);
	return status;
}
