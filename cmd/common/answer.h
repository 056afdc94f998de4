/* What a command of evs consume --lines answers to an event: ok, retry REASON or dead REASON. */
#ifndef EVS_CMD_ANSWER_H
#define EVS_CMD_ANSWER_H

#include "evs.h"

struct answer {
	bool good;
	struct evs_failure failure; /* where it is not; borrows reason */
	char reason[1000];
};

/* Read a line, without its newline. False: it is no answer. */
bool answer_read(const char *line, size_t size, struct answer *out);

#endif
