/*
 * Interned names: object keys and event types of a store, as small numbers.
 * Invariants: numbers are given in order and never change; the envelope's own are fixed. One thread adds;
 * any number of threads look up at the same time. Past NAME_LIMIT names, or for long ones, strings are
 * stored plainly: name_find and name_add say -1.
 */
#ifndef EVS_EVENT_NAME_H
#define EVS_EVENT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NAME_LIMIT 16384   /* names in a table */
#define NAME_BYTES_MAX 255 /* the longest that is interned */
#define NAME_PAD 32        /* bytes that may be read behind json */

/* The envelope (evs-store(5) fixes these numbers; 15 is free). */
enum name_fixed {
	NAME_EVENT_TYPE,
	NAME_EVENT_ID,
	NAME_TIMESTAMP,
	NAME_AGGREGATE_ID,
	NAME_AGGREGATE_TYPE,
	NAME_VERSION,
	NAME_SOURCE,
	NAME_CORRELATION_ID,
	NAME_CAUSATION_ID,
	NAME_TAGS,
	NAME_DATA,
	NAME_METADATA,
	NAME_POSITION,
	NAME_REVISION,
	NAME_RECORDED_AT,
	NAME_FIXED = 16 /* the first number that a store gives */
};

struct name {
	const char *text; /* its bytes */
	const char *json; /* the same as a JSON string and a colon, NAME_PAD readable bytes behind it */
	uint32_t size, json_size;
};

struct names;

/* The text of a fixed number. */
const char *name_fixed_text(enum name_fixed number);

struct names *name_table_new(void);
void name_table_free(struct names *t);

/* How many numbers are given, NAME_FIXED at least. */
unsigned name_count(const struct names *t);

/* The name of a number, NULL when there is none. Owned by the table. */
const struct name *name_get(const struct names *t, uint64_t number);

/* The number of a name, -1 when it has none. */
int name_find(const struct names *t, const char *text, size_t size);

/* Whether a name that has no number may get one. */
bool name_may_add(const struct names *t, size_t size);

/* Give a name a number, or return the one it has; -1 when it can have none, -2 when memory ran out. */
int name_add(struct names *t, const char *text, size_t size);

/* Take back the numbers from `count` on, as if never given. No other thread may be looking up. */
void name_truncate(struct names *t, unsigned count);

/* The names from number `first` on as bytes, each with its size in one byte in front; and back. */
void name_encode(const struct names *t, unsigned first, struct buf *out);
bool name_decode(struct names *t, const uint8_t *bytes, size_t size);

#endif
