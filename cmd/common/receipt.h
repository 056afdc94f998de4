/* Receipts: where an event that was appended stands. */
#ifndef EVS_CMD_RECEIPT_H
#define EVS_CMD_RECEIPT_H

#include "base/buf.h"
#include "evs.h"

/* One JSON object, a line. */
void receipt_put(struct buf *out, const struct evs_receipt *r);

#endif
