/* Counts as a bar chart. */
#ifndef EVS_CMD_BARS_H
#define EVS_CMD_BARS_H

#include <stdbool.h>

#include "base/buf.h"
#include "evs.h"

struct bar {
	size_t at, size; /* its name in the text */
	uint64_t events;
};

/* Zeroed memory is an empty chart. */
struct bars {
	struct bar *list;
	size_t n, cap;
	struct buf text;
};

/* Add a count; it is copied. */
void bars_add(struct bars *b, const struct evs_count *count);

/* Put the chart into output_buf, the largest first where by_size. EVS_OK, EVS_NOMEM when an add ran out of memory. */
int bars_print(struct bars *b, bool by_size, struct evs_error *err);

void bars_release(struct bars *b);

#endif
