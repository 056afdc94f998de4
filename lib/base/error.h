/* Errors and messages: filled once, where most is known. */
#ifndef EVS_BASE_ERROR_H
#define EVS_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#include "evs.h"

/*
 * Fill err (may be NULL) and return status. The message is printf's; where sys_errno is not 0 its text is
 * added behind it. Control bytes that arguments bring in are shown escaped. EVS_CORRUPT right after memory ran out, as errno
 * says, is EVS_NOMEM.
 */
int error_set(struct evs_error *err, int status, int sys_errno, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Put text before the message that err holds already. Returns the status in err. */
int error_prefix(struct evs_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether memory has run out just now, as errno says: what could not be read for that looks damaged, and need not be. */
bool error_memory_ran_out(void);

/* EVS_NOMEM with its one message. */
int error_nomem(struct evs_error *err);

/* The status that belongs to an errno: EVS_NOMEM, EVS_FULL or EVS_IO. */
int error_status(int sys_errno);

#endif
