/* Messages on standard error, and the exit statuses. */
#ifndef EVS_CMD_MESSAGE_H
#define EVS_CMD_MESSAGE_H

#include "evs.h"

/* Exit statuses: part of the contract, so the values are fixed. */
enum message_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_CONFLICT = 3,
	STATUS_REJECTED = 4,
	STATUS_DAMAGED = 5,
	STATUS_TIMED_OUT = 124,
};

/* What an exit status means, in a few words; NULL when it has no meaning. */
const char *message_meaning(int status);

/* Set the program that messages come from: "append" makes "evs-append: ...", NULL "evs: ...". Borrowed. */
void message_program(const char *tool);

/* "evs-append" or "evs". */
const char *message_name(void);

/* Print "evs-append: " and the message as one line, control bytes escaped. */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* message_print for wrong usage. Returns STATUS_USAGE. */
int message_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Print what the library says about subject (a file); what is wrong with options and folds is not about it. Returns the exit
 * status that belongs to it. A stop that was asked for, by a signal or by a closed output, is silent.
 */
int message_failure(const char *subject, const struct evs_error *err);

/* The same where it is a place in a file of commands: "script:3". */
int message_at(const char *place, const struct evs_error *err);

/* message_failure where that something is not there (EVS_END) is a failure. */
int message_refusal(const char *subject, const struct evs_error *err);

/* Print a message of the library that names its own subject. Returns the exit status as message_failure. */
int message_text(const struct evs_error *err);

#endif
