/* Packed events as text: the canonical JSON, and the formats made from it. */
#ifndef EVS_EVENT_RENDER_H
#define EVS_EVENT_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/name.h"

#define RENDER_PAD 16   /* bytes that must be readable behind every packed event */
#define DEPTH_LIMIT 512 /* levels of arrays and objects inside a field of an event */

/* An event of a store: the packed fields, and what the store adds. */
struct record {
	uint64_t position;
	uint64_t revision; /* 0: in no stream */
	int64_t recorded_us;
	const uint8_t *body;
	uint32_t size;
};

/* A JSON string, with its quotes; from bytes that need no pad. */
void render_string(struct buf *out, const uint8_t *text, size_t size);

/* One packed value as JSON, from bytes with RENDER_PAD behind them. Returns what follows it, NULL when malformed. */
const uint8_t *render_value(struct buf *out, const struct names *names, const uint8_t *p, const uint8_t *end);

/* The event's own fields as a JSON object, without a newline. False when malformed or out of memory. */
bool render_fields(struct buf *out, const struct names *names, const uint8_t *body, size_t size);

/* The whole event as one line: own fields, position, revision, recordedAt, newline. */
bool render_event(struct buf *out, const struct names *names, const struct record *r);

/* Canonical JSON set out on indented lines, with a newline; colours where wanted. */
void render_pretty(struct buf *out, const uint8_t *json, size_t size, bool colour);

/* The value under `data` alone, or null; a newline. */
bool render_data(struct buf *out, const struct names *names, const struct record *r);

/*
 * Plain MessagePack with string keys. A number that is no 64-bit integer becomes a double when it has at most
 * 15 digits, else a string of its digits.
 */
bool render_msgpack(struct buf *out, const struct names *names, const struct record *r);

#endif
