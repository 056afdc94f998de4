/* How a group is run, as the store keeps it: a JSON object, {"command":["./h"],"mode":"event","emit":true,"timeoutMs":500}. */
#ifndef EVS_CMD_JOB_SETUP_H
#define EVS_CMD_JOB_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum job_mode { JOB_PRINT, JOB_EVENT, JOB_BATCH, JOB_LINES };

struct job_setup {
	char *const *command; /* ended by NULL; of JOB_PRINT there is none */
	enum job_mode mode;
	bool emit;
	int64_t timeout_ms;   /* 0: none */
	/* Of one that was read. */
	struct yyjson_doc *doc;
	char **words;
};

void job_setup_put(struct buf *out, const struct job_setup *setup);

/* The command as a JSON array. */
void job_setup_put_command(struct buf *out, char *const *command);

/* Read one. False: it is none, or memory ran out. Owned by the caller (job_setup_release). */
bool job_setup_read(struct job_setup *out, const char *text, size_t size);
void job_setup_release(struct job_setup *setup);

#endif
