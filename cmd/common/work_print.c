/* No command: events are printed, and each is done with when its line is written as a whole. */
#include <stdlib.h>

#include "base/error.h"
#include "common/output.h"
#include "common/work.h"

/* An event that is printed. */
struct printed {
	uint64_t ticket;
	size_t end; /* of its line in what is written at once */
};

/* Make lines of what can be had. *n: how many. */
static int gather(struct job *job, struct printed *list, size_t *n, struct evs_error *err)
{
	struct buf *out = output_buf();
	struct evs_work work;
	size_t size;
	char *line;
	int status = EVS_OK;

	for (*n = 0; *n < job->batch && (status = work_next(job, &work, err)) == EVS_OK;) {
		line = evs_event_text(job->store, &work.event, EVS_JSON, &size);
		if (line == NULL)
			return error_nomem(err);
		buf_put(out, line, size);
		free(line);
		list[(*n)++] = (struct printed){work.ticket, out->size};
	}
	return status == EVS_END ? EVS_OK : status;
}

/* Print what can be had: done with is what the output took, also where it took no more. *n: how much there was. */
static int print_some(struct job *job, struct printed *list, size_t *n, struct evs_error *err)
{
	int status = gather(job, list, n, err);
	bool closed;

	if (status != EVS_OK || *n == 0)
		return status;
	closed = output_flush() != 0;
	for (size_t i = 0; i < *n && list[i].end <= output_flushed() && status == EVS_OK; i++)
		status = evs_consume_done(job->consume, list[i].ticket, 0, NULL, 0, err);
	return status == EVS_OK && closed ? error_set(err, EVS_INTERRUPTED, 0, "the output was closed") : status;
}

int work_print(struct job *job, struct evs_error *err)
{
	struct printed *list = calloc(job->batch, sizeof *list);
	int status = list == NULL ? error_nomem(err) : EVS_OK;
	size_t n;

	while (status == EVS_OK) {
		status = print_some(job, list, &n, err);
		if (status == EVS_OK)
			status = work_commit(job, err);
		if (status != EVS_OK || work_is_over(job) || output_abandoned())
			break;
		if (n == 0)
			status = work_wait(job, NULL, 0, err);
	}
	free(list);
	return status;
}
