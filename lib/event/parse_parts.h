/*
 * What the parts of the parser share: pack.c (values), envelope.c (the fields of an event), foreign.c (those of CloudEvents and
 * of --map), parse.c (lines).
 */
#ifndef EVS_EVENT_PARSE_PARTS_H
#define EVS_EVENT_PARSE_PARTS_H

#include <string.h>

#include "base/id.h"
#include "event/json.h"
#include "event/packed.h"
#include "event/parse.h"

enum {
	PARSE_GUESSES = 1024,    /* numbers that share a guess: a wrong one costs a look-up */
	PARSE_INTERN_MAX = 64,   /* longer keys are data more than names */
};

/* succ: the number that came after a number last time. Keys come in the order of the last event nearly always. */
struct parser {
	const struct names *names;
	const struct parse_rules *rules;
	uint16_t succ[PARSE_GUESSES];
	unsigned previous;
	struct buf missing;
	uint64_t *missing_seen; /* MISSING_SLOTS hashes, once there is one */
	unsigned n_missing;
	bool intern; /* look names up at all */
	void *memory;
	size_t memory_size;
	struct buf scratch;
	/* Of the event at hand: where it begins, and where its UUIDs are. */
	uint8_t *start;
	uint32_t *uuids;
	size_t n_uuids, uuids_cap;
	bool no_memory;
};

/* How an event is being built. */
struct build {
	struct parser *parser;
	const yyjson_doc *doc;
	struct parsed *info;
	struct evs_error *err;
	uint8_t *o;       /* where the next byte goes */
	unsigned n;       /* fields written */
	uint32_t present; /* bit per enum name_fixed */
};

/* ---- values: pack.c ---- */

/* Remember a name without a number, once. */
void pack_note_missing(struct parser *p, const char *text, size_t size);

void pack_uuid(struct parser *p, uint8_t **o, const uint8_t uuid[16]);

/* One value, whole. The caller has made room. False when it is too deep. */
bool pack_value(struct parser *p, uint8_t **o, yyjson_val *v, unsigned depth);

/* A value of the top level: containers are wrapped. The same. */
bool pack_field(struct parser *p, uint8_t **o, yyjson_val *v);

/* An event or aggregate type: its number where it has one; -1 where it is put as a string. */
int pack_type(struct parser *p, uint8_t **o, const char *text, size_t size);

static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t x, y, u, v;

	if (n > 16)
		return memcmp(a, b, n) == 0;
	if (n >= 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		memcpy(&u, a + n - 8, 8);
		memcpy(&v, b + n - 8, 8);
		return x == y && u == v;
	}
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* The number of a key, or -1. */
static inline int pack_number(struct parser *p, const char *text, size_t size)
{
	unsigned guess = p->succ[p->previous % PARSE_GUESSES];
	const struct name *n;
	int number;

	if (!p->intern)
		return -1;
	n = name_get(p->names, guess);
	if (n != NULL && n->size == size && same_bytes(n->text, text, size)) {
		p->previous = guess;
		return (int)guess;
	}
	number = name_find(p->names, text, size);
	if (number >= 0) {
		p->succ[p->previous % PARSE_GUESSES] = (uint16_t)number;
		p->previous = (unsigned)number;
	} else if (size <= PARSE_INTERN_MAX) {
		pack_note_missing(p, text, size);
	}
	return number;
}

static inline void pack_string(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	uint8_t uuid[16];

	if (size == UUID_TEXT && uuid_parse(text, uuid))
		pack_uuid(p, o, uuid);
	else
		packed_put_text(o, text, size);
}

static inline void pack_key(struct parser *p, uint8_t **o, const char *text, size_t size)
{
	int number = pack_number(p, text, size);

	if (number >= 0)
		packed_put_uint16(o, (uint16_t)number);
	else
		packed_put_text(o, text, size);
}

/* ---- the fields of an event: envelope.c ---- */

/* What a value is, for messages. */
const char *envelope_type_name(yyjson_val *v);

int envelope_too_deep(struct build *b);

/* Check the text of a string field (enum name_fixed); put one that was checked. EVS_OK, EVS_BAD_EVENT. */
int envelope_check(struct build *b, unsigned field, const char *text, size_t size);
void envelope_put_text(struct build *b, unsigned field, const char *text, size_t size);

/* Check and put a field of the envelope, by its number. EVS_OK, EVS_BAD_EVENT. */
int envelope_put(struct build *b, unsigned field, yyjson_val *v);

/* The fields of an event as they came. The same. */
int envelope_put_own(struct build *b, yyjson_val *root);

/* What the option --type and its like give to an event that lacks it. The same. */
int envelope_put_fills(struct build *b);

/* eventId and timestamp, where they are absent. The content from start on is what a made id is made of. EVS_OK, EVS_NOMEM. */
int envelope_put_made(struct build *b, uint8_t *start, size_t header);

/* How many fields an event can gain; the bytes of the header of its map, where at most so many are to come; that header, for n. */
size_t envelope_fields_added(const struct parse_rules *rules);
size_t envelope_header(size_t most);
void envelope_put_header(uint8_t *start, size_t size, unsigned n);

/* ---- the fields of others: foreign.c ---- */

/* Put what a CloudEvent has, or the paths of --map lead to. EVS_OK, EVS_BAD_EVENT. */
int foreign_put_cloudevent(struct build *b, yyjson_val *root);
int foreign_put_mapped(struct build *b, yyjson_val *root);

/* Say at which path of the line it is that something is wrong. */
void foreign_name_path(const char *lead, const struct path *path, struct evs_error *err);

#endif
