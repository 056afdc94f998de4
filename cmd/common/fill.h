/* The options for fields of the envelope: of append for what an event lacks, of tools that make an event for all of it. */
#ifndef EVS_CMD_FILL_H
#define EVS_CMD_FILL_H

#include "common/options.h"

/* They are stored in a struct evs_append_options; the last two are correlation and causation. */
extern const struct option fill_options[];
#define FILL_N 7
#define FILL_N_UNLINKED 5
#define FILL_GROUP(title, n, type, member) {title, fill_options, n, offsetof(type, member)}

#endif
