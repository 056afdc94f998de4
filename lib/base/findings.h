/* Telling of what is wrong in a store: findings, each of a kind that programs know. */
#ifndef EVS_BASE_FINDINGS_H
#define EVS_BASE_FINDINGS_H

#include <stdarg.h>

#include "evs.h"

#define FINDINGS_TOLD 1000 /* of one kind; the rest is counted */

struct findings {
	const char *const *kinds; /* their words; both are the caller's */
	uint64_t *counts;         /* by kind, zeroed at first */
	void (*each)(void *context, const struct evs_finding *finding); /* NULL: they are counted alone */
	void *context;
	uint64_t n;               /* how many there are */
	bool no_memory;           /* memory ran out: what was not told may be none */
};

/* Add one; position 0: it is about no event. The text is printf's, and what the file brings in is escaped. */
void findings_add(struct findings *f, unsigned kind, uint64_t position, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

/* What a check comes to that ended with status: EVS_CORRUPT with how many there are, EVS_NOMEM, or the status itself. */
int findings_status(const struct findings *f, int status, struct evs_error *err);

#endif
