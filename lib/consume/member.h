/*
 * Members of a group, and the slots that each holds: locks on bytes far behind the end of the store's file, which the
 * system drops when their process ends, whatever way. A member's own byte says its process id.
 */
#ifndef EVS_CONSUME_MEMBER_H
#define EVS_CONSUME_MEMBER_H

#include "base/lock.h"
#include "evs.h"

struct member {
	struct lock_set *locks;
	uint64_t base; /* number of the group's first lock */
};

/* Look at a group's locks; owned by the caller (member_leave). EVS_OK, EVS_IO, EVS_NOMEM. */
int member_look(const char *path, uint32_t group, struct member *out, struct evs_error *err);

/* The same, and be a member from now on. */
int member_join(const char *path, uint32_t group, struct member *out, struct evs_error *err);
void member_leave(struct member *m);

/* Whether there are other members. */
bool member_has_others(const struct member *m);

/* The process ids of the others, at most `most`; 0: one that is not known. Returns how many. */
size_t member_list(const struct member *m, uint64_t *pids, size_t most);

/* Take n slots from a number on, all or none. False: somebody else holds one. */
bool member_take(const struct member *m, unsigned slot, unsigned n);
void member_release(const struct member *m, unsigned slot, unsigned n);

/* Mark in busy[] each slot that somebody else holds. */
void member_busy(const struct member *m, bool *busy);

#endif
