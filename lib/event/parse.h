/* One line of JSON to one packed event: the envelope checked, filled and put in its stored form. */
#ifndef EVS_EVENT_PARSE_H
#define EVS_EVENT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/name.h"
#include "event/path.h"
#include "event/view.h"
#include "evs.h"

#define PARSE_LINE_MAX ((size_t)16 << 20)
#define PARSE_LINE_MORE 512 /* bytes that a line may have beside, where a store wrote it: what the store has filled in and added */
#define PARSE_PACKED_MAX (2 * PARSE_LINE_MAX) /* of an event; a mapped one can hold parts of its line again and again */

/* What a line means. Read-only and shared by all parsers. */
struct parse_rules {
	bool cloudevents;
	bool hash_ids;                        /* an absent eventId is made from the content */
	struct span fill[NAME_FIXED];         /* by enum name_fixed: the value of an absent string field; text NULL: none */
	const char *const *tags;              /* for events without tags */
	size_t n_tags;
	bool mapped;                          /* the fields come from map[], the whole object is data */
	struct path map[NAME_FIXED];          /* by enum name_fixed; n = 0 where not mapped */
	const char *typed_by;                 /* what else gives a line its eventType, for messages; NULL: nothing does */
};

/* Read `eventType=.kind,aggregateId=.user.id` into rules. EVS_OK, EVS_USAGE, EVS_NOMEM. */
int parse_map(struct parse_rules *rules, const char *text, struct evs_error *err);
void parse_rules_release(struct parse_rules *rules);

/* Whether what the options give to events that lack it may stand there. EVS_OK, EVS_USAGE. */
int parse_check_fills(const struct parse_rules *rules, struct evs_error *err);

/* What a parse found out beside the packed event. */
struct parsed {
	bool id_made;   /* eventId is a new UUIDv7: it cannot be in any store */
	bool time_made; /* timestamp was absent: its MOMENT_TEXT bytes are the last ones of the event */
	bool new_names; /* a name without a number was met (parse_missing) */
	int64_t moment; /* the timestamp in nanoseconds */
	struct view view; /* of the event, without `fields`; borrows out */
	const uint32_t *uuids; /* where the event's UUIDs are, as packed_uuids; valid until the next parse_line */
	size_t n_uuids;
};

struct parser; /* one thread's */

/* names and rules are borrowed until parse_free. */
struct parser *parse_new(const struct names *names, const struct parse_rules *rules);
void parse_free(struct parser *p);

/*
 * Parse a line and put its packed event behind out.
 * EVS_OK, or with nothing written: EVS_BAD_EVENT (message: "column 42: ..." or the field that is wrong), EVS_NOMEM.
 */
int parse_line(struct parser *p, const char *line, size_t size, struct buf *out, struct parsed *info,
               struct evs_error *err);

/* Names that were met and could be interned, since the last call to parse_missing_clear: each a size byte and its bytes. */
const struct buf *parse_missing(const struct parser *p);
void parse_missing_clear(struct parser *p);

/*
 * Any one JSON text to one packed value, its keys plain strings. For small texts such as a QUERY.
 * EVS_OK, EVS_BAD_EVENT with "column N: ...", EVS_NOMEM.
 */
int parse_value(const char *text, size_t size, struct buf *out, struct evs_error *err);

#endif
