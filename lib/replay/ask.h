/*
 * Questions to a command, in a ring: an event is read and asked about before it is wanted, as long as its state does
 * not wait for an answer itself.
 */
#ifndef EVS_REPLAY_ASK_H
#define EVS_REPLAY_ASK_H

#include "project/exec.h"
#include "replay/source.h"
#include "replay/states.h"

struct ask_slot {
	struct record record;
	struct buf body; /* what record points to, RENDER_PAD zeros behind it */
	const struct draft *draft;
	struct states_entry *entry;
};

/* Zeroed memory with exec set is ready. */
struct ask {
	struct exec *exec;
	struct ask_slot slots[EXEC_AHEAD + 2]; /* the one given last, those asked about, and one that is held */
	size_t oldest, n; /* asked about */
	bool given;       /* slots[oldest] was given, and is still looked at */
	bool held;        /* one more stands behind them that cannot be asked about yet */
};

void ask_release(struct ask *a);

/* Whether one more event is wanted: there is room, and none is held. */
bool ask_wants(const struct ask *a);

/* Hold an event for a state; the record is copied. EVS_OK, EVS_NOMEM. */
int ask_hold(struct ask *a, const struct record *record, const struct draft *draft, struct states_entry *entry,
             struct evs_error *err);

/* Ask about the event that is held, if its state waits for nothing. EVS_OK: done; EVS_END: not yet; or as exec_ask. */
int ask_send(struct ask *a, struct evs_error *err);

/*
 * The oldest answer, put into its state; *slot is what it is about, until the next call. EVS_OK; EVS_END: there is no
 * question, the command has ended; or as exec_take and exec_finish.
 */
int ask_take(struct ask *a, struct ask_slot **slot, struct evs_error *err);

#endif
