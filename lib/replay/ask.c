#include "replay/ask.h"

#include "base/error.h"

enum { SLOTS = EXEC_AHEAD + 2 };

void ask_release(struct ask *a)
{
	exec_free(a->exec);
	for (size_t i = 0; i < SLOTS; i++)
		buf_free(&a->slots[i].body);
	*a = (struct ask){0};
}

bool ask_wants(const struct ask *a)
{
	return !a->held && a->n < EXEC_AHEAD;
}

/* The slot behind those that were asked about. */
static struct ask_slot *free_slot(struct ask *a)
{
	return &a->slots[(a->oldest + a->given + a->n) % SLOTS];
}

int ask_hold(struct ask *a, const struct record *record, const struct draft *draft, struct states_entry *entry,
             struct evs_error *err)
{
	struct ask_slot *s = free_slot(a);

	s->body.size = 0;
	buf_put(&s->body, record->body, record->size);
	if (!buf_room(&s->body, RENDER_PAD))
		return error_nomem(err);
	memset(s->body.data + s->body.size, 0, RENDER_PAD);
	s->record = *record;
	s->record.body = s->body.data;
	s->draft = draft;
	s->entry = entry;
	a->held = true;
	return EVS_OK;
}

int ask_send(struct ask *a, struct evs_error *err)
{
	struct ask_slot *s = free_slot(a);
	int status;

	if (!a->held || s->entry->asked)
		return EVS_END;
	status = exec_ask(a->exec, &s->record, s->entry->packed.size == 0 ? NULL : s->entry->packed.data, s->entry->packed.size,
	                  err);
	if (status != EVS_OK)
		return status;
	s->entry->asked = true;
	a->held = false;
	a->n++;
	return EVS_OK;
}

int ask_take(struct ask *a, struct ask_slot **slot, struct evs_error *err)
{
	struct exec_answer answer;
	struct ask_slot *s;
	int status;

	if (a->given)
		a->oldest = (a->oldest + 1) % SLOTS;
	a->given = false;
	if (a->n == 0) {
		status = exec_finish(a->exec, err);
		return status == EVS_OK ? EVS_END : status;
	}
	status = exec_take(a->exec, &answer, err);
	if (status != EVS_OK)
		return status;
	s = &a->slots[a->oldest];
	a->n--;
	a->given = true;
	s->entry->asked = false;
	*slot = s;
	return states_put(s->entry, answer.state, answer.size) ? EVS_OK : error_nomem(err);
}
