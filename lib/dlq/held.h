/* A dead letter in memory, apart from the store: what evs_letter_get gives. */
#ifndef EVS_DLQ_HELD_H
#define EVS_DLQ_HELD_H

#include "base/buf.h"
#include "consume/group.h"
#include "consume/letter.h"
#include "store/dead.h"

struct held {
	struct evs_letter letter; /* first: the caller has its address */
	struct buf value;         /* as it is stored */
	struct dead dead;         /* borrows value */
	struct letter parts;      /* likewise, of DEAD_EVENT */
	struct evs_try *tries;
	struct buf event;
};

static inline const struct held *held_of(const struct evs_letter *letter)
{
	return (const struct held *)(const void *)letter;
}

/* The name of a letter's group, ended by 0. */
struct held_name {
	char text[GROUP_NAME_MAX + 1];
};
struct held_name held_group(const struct held *h);

#endif
