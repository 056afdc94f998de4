/* No command: events are printed, and are done with when they are written. */
#include <stdlib.h>

#include "base/error.h"
#include "common/output.h"
#include "common/work.h"

/* Print what can be had. *n: how much that was. */
static int print_some(struct job *job, uint64_t *tickets, size_t *n, struct evs_error *err)
{
	struct evs_work work;
	size_t size;
	char *line;
	int status = EVS_OK;

	for (*n = 0; *n < job->batch && (status = work_next(job, &work, err)) == EVS_OK;) {
		tickets[(*n)++] = work.ticket;
		line = evs_event_text(job->store, &work.event, EVS_JSON, &size);
		if (line == NULL)
			return error_nomem(err);
		buf_put(output_buf(), line, size);
		free(line);
	}
	if (status == EVS_END)
		status = EVS_OK;
	if (status == EVS_OK && *n > 0 && output_flush() != 0)
		return error_set(err, EVS_INTERRUPTED, 0, "the output was closed");
	for (size_t i = 0; i < *n && status == EVS_OK; i++)
		status = evs_consume_done(job->consume, tickets[i], 0, NULL, 0, err);
	return status;
}

int work_print(struct job *job, struct evs_error *err)
{
	uint64_t *tickets = calloc(job->batch, sizeof *tickets);
	int status = tickets == NULL ? error_nomem(err) : EVS_OK;
	size_t n;

	while (status == EVS_OK) {
		status = print_some(job, tickets, &n, err);
		if (status == EVS_OK)
			status = evs_consume_commit(job->consume, false, err);
		if (status != EVS_OK || work_is_over(job))
			break;
		if (n == 0)
			status = work_wait(job, NULL, 0, err);
	}
	free(tickets);
	return status;
}
