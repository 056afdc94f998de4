#include "common/receipt.h"

#include <inttypes.h>

#include "common/output.h"
#include "event/render.h"

void receipt_put(struct buf *out, const struct evs_receipt *r)
{
	output_promise("events whose receipts are lost are in the store");
	buf_text(out, "{\"eventId\":");
	render_string(out, (const uint8_t *)r->event_id, r->event_id_size);
	buf_printf(out, ",\"position\":%" PRIu64 ",\"stream\":", r->position);
	if (r->aggregate_id != NULL) {
		render_string(out, (const uint8_t *)r->aggregate_id, r->aggregate_id_size);
		buf_printf(out, ",\"revision\":%" PRIu64, r->revision);
	} else {
		buf_text(out, "null,\"revision\":null");
	}
	buf_printf(out, ",\"duplicate\":%s}\n", r->duplicate ? "true" : "false");
}
