/*
 * Commands as folds: events of different streams are under way together. A command that leaves out a line, or writes one
 * too many, has answers go to the wrong states; so nothing is committed before all were taken, and when something is
 * wrong all is done again from the checkpoint, one question at a time, to find the event that is to blame.
 */
#include "base/error.h"
#include "project/advance.h"

/* A child that does not do as it should is not to be blamed on an event, unless it was asked one thing at a time. */
static int mistrust(struct advance *a, int status, struct evs_error *err)
{
	if (status != EVS_BAD_EVENT)
		return status;
	if (!a->alone)
		return ADVANCE_AGAIN;
	if (err != NULL)
		err->status = EVS_IO;
	return EVS_IO;
}

static int new_child(struct advance *a, struct evs_error *err)
{
	const struct exec_options exec = {.command = a->options->exec, .timeout_ms = a->options->timeout_ms, .stop = a->options->stop};

	exec_free(a->exec);
	a->exec = NULL;
	a->oldest = 0;
	return exec_new(&exec, a->store->names, &a->exec, err);
}

int advance_alone(struct advance *a, struct evs_error *err)
{
	a->alone = true;
	return new_child(a, err);
}

/* The command fails on the oldest event that it was asked about, the only one. */
static int fail(struct advance *a, struct evs_error *err)
{
	struct cached *e = a->asked[a->oldest];
	int status = advance_fail(a, a->asked_at[a->oldest], err), begun;

	e->asked = false;
	begun = new_child(a, status == EVS_OK ? err : NULL);
	return begun == EVS_OK ? status : begun;
}

/* Take the oldest answer. */
static int take(struct advance *a, struct evs_error *err)
{
	struct cached *e = a->asked[a->oldest];
	struct exec_answer answer;
	int status = exec_take(a->exec, &answer, err);

	if (status == EVS_BAD_EVENT)
		return a->alone ? fail(a, err) : ADVANCE_AGAIN;
	if (status != EVS_OK)
		return status;
	a->oldest = (a->oldest + 1) % EXEC_AHEAD;
	e->asked = false;
	e->changed = true;
	if (!cache_put(&a->cache, e, answer.state, answer.size))
		return error_nomem(err);
	a->position = answer.position;
	a->applied++;
	advance_tell(a);
	return EVS_OK;
}

int advance_drain(struct advance *a, bool finish, struct evs_error *err)
{
	int status = EVS_OK;

	if (a->fold != NULL)
		return EVS_OK;
	while (status == EVS_OK && exec_under_way(a->exec) > 0)
		status = take(a, err);
	if (status == EVS_OK && finish)
		status = mistrust(a, exec_finish(a->exec, err), err);
	return status;
}

/* Have an answer for what the question waits for: the state itself, or room. */
static int make_ready(struct advance *a, const struct cached *e, struct evs_error *err)
{
	size_t ahead = a->alone ? 1 : EXEC_AHEAD;
	int status = EVS_OK;

	while (status == EVS_OK && (e->asked || exec_under_way(a->exec) >= ahead))
		status = take(a, err);
	return status;
}

int advance_ask(struct advance *a, const struct ahead_event *event, struct evs_error *err)
{
	const struct record *record = event->event.record;
	struct cached *e;
	int status;

	if (event->key.text == NULL)
		return EVS_OK;
	e = advance_state(a, event->hash, event->event.key, event->event.kind, &status, err);
	if (e == NULL)
		return status;
	while ((status = make_ready(a, e, err)) == EVS_OK) {
		status = exec_ask(a->exec, record, e->packed, e->packed_size, err);
		if (status == EVS_OK) {
			size_t newest = (a->oldest + exec_under_way(a->exec) - 1) % EXEC_AHEAD;
			a->asked[newest] = e;
			a->asked_at[newest] = record->position;
			e->asked = true;
			a->bytes += record->size;
			return EVS_OK;
		}
		if (status != EVS_END)
			return mistrust(a, status, err);
		if ((status = take(a, err)) != EVS_OK)
			return status;
	}
	return status;
}
