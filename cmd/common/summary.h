/* What a store holds, or what the selected events are, in a few numbers. */
#ifndef EVS_CMD_SUMMARY_H
#define EVS_CMD_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/moment.h"
#include "common/selectors.h"
#include "evs.h"

struct summary {
	uint64_t events, streams, types;
	struct moment first, last; /* events > 0; as what follows */
	int64_t first_recorded_us, last_recorded_us;
	bool whole; /* no selectors: what follows is known */
	struct evs_stat store;
};

/* Sum up the selected events; s is zeroed. Statuses as evs_stat and evs_stat_by. */
int summary_make(struct evs_store *store, const struct selectors *selectors, struct summary *s, struct evs_error *err);

/* One JSON object, a line. */
void summary_json(struct buf *out, const struct summary *s);

/* Lines for people. */
void summary_table(struct buf *out, const struct summary *s);

#endif
