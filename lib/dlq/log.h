/* The record of what was done to dead letters (KV_DEADLOG, evs-store(5)). */
#ifndef EVS_DLQ_LOG_H
#define EVS_DLQ_LOG_H

#include "store/store.h"

/* Add one. EVS_OK, EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT. */
int log_add(struct kv_txn *txn, const struct evs_letter_entry *entry, struct evs_error *err);

/* Read one; *e borrows it. False: it is malformed. */
bool log_decode(struct kv_bytes value, struct evs_letter_entry *e);

#endif
