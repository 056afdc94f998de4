/* Dead letters tried again: lines are appended, events given to their group's command or another. */
#ifndef EVS_CMD_LETTER_RETRY_H
#define EVS_CMD_LETTER_RETRY_H

#include "common/job_setup.h"
#include "common/work.h"
#include "evs.h"

/* A stream of a group of which a parked letter stays: those behind it must wait. */
struct retry_held_up {
	uint64_t stream;
	uint32_t group;
};

struct retry {
	struct job job;              /* store and path are the caller's */
	char *const *command;        /* in place of the group's; NULL: that */
	struct evs_note note;        /* without the command */
	uint64_t tried;
	uint64_t stayed;             /* letters that failed again, or wait for one that did */
	bool missing;                /* one that was named is not there */
	struct handler handler;
	struct environment environment;
	struct retry_held_up *held_up;
	size_t n_held_up, cap;
	struct evs_letters_lock *lock;
	/* How the group of the last event is run. */
	struct buf group;            /* its name, ended by 0 */
	struct job_setup setup;      /* where `found` */
	bool found;
	enum job_mode mode;          /* in which this event is handled */
};

/* Begin: zeroed but for what is the caller's. EVS_OK, or a failure, which was said. End it in any case. */
int retry_begin(struct retry *r, struct evs_error *err);
void retry_end(struct retry *r);

/* Try one; why it stays, if it does, is said. EVS_OK; EVS_INTERRUPTED: a signal came; or what ends all: EVS_IO, EVS_FULL, ... */
int retry_letter(struct retry *r, const struct evs_letter *l, struct evs_error *err);

/* One is not to be tried: if it is parked, those behind it must wait. EVS_OK, EVS_NOMEM. */
int retry_pass(struct retry *r, const struct evs_letter *l, struct evs_error *err);

#endif
