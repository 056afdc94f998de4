/* Appending as a part of something larger, for who commits what it comes from. */
#ifndef EVS_STORE_APPEND_H
#define EVS_STORE_APPEND_H

#include "event/view.h"
#include "evs.h"
#include "store/store.h"

/*
 * Have each transaction of an append, before it is committed, carry what `with` does in it. It is called also where no
 * event is appended, if there were lines. A failure is the append's, which is dropped.
 */
void append_with(struct evs_append *a, int (*with)(void *context, struct kv_txn *txn, struct store_state *state, struct evs_error *err),
                 void *context);

/* Give events that lack them these from the next evs_append_lines on; text NULL: nothing. Borrowed until the append ends. */
void append_cause(struct evs_append *a, struct span correlation, struct span causation);

/* How many lines there are that are not blank. */
uint64_t append_count_lines(const char *text, size_t size);

#endif
