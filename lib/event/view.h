/* One packed event looked at: where its envelope fields are. Nothing is copied. */
#ifndef EVS_EVENT_VIEW_H
#define EVS_EVENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/id.h"
#include "event/name.h"
#include "event/packed.h"

enum text_kind { TEXT_NONE, TEXT_STRING, TEXT_UUID, TEXT_NAME };

/* A string value of the envelope in its packed form. */
struct text {
	enum text_kind kind;
	uint32_t size;        /* bytes; 16 for TEXT_UUID */
	const uint8_t *bytes; /* NULL for TEXT_NAME */
	uint16_t name;        /* TEXT_NAME: the number */
};

#define VIEW_TEXTS (NAME_CAUSATION_ID + 1)

struct view {
	struct text texts[VIEW_TEXTS]; /* by enum name_fixed; TEXT_NONE where absent, always so for NAME_VERSION */
	uint32_t n_tags;
	const uint8_t *tags, *tags_end; /* n_tags packed strings */
	const uint8_t *data, *data_end; /* one packed value; NULL when absent */
	const uint8_t *fields;          /* the first key; n_fields keys and values */
	uint32_t n_fields;
};

/* A string's bytes as a user sees them. */
struct span {
	const char *text;
	size_t size;
};

/* All of a C string; of NULL: {NULL, 0}. */
static inline struct span span_text(const char *text)
{
	return (struct span){text, text == NULL ? 0 : strlen(text)};
}

/* Look at a packed event. False when it is not one. v borrows body. */
bool view_open(struct view *v, const uint8_t *body, size_t size);

/* The bytes of t; a UUID is written into scratch. Absent or unknown: size 0. */
struct span view_span(const struct text *t, const struct names *names, char scratch[UUID_TEXT]);

/* Read the next tag. Returns what follows it, or NULL. */
const uint8_t *view_tag(const uint8_t *p, const uint8_t *end, struct text *tag);

/* Make text of what a user wrote, in the form it has in an event: a canonical UUID as its 16 bytes. */
void view_text_of(struct text *t, const char *string, size_t size, uint8_t uuid[16]);

/* Whether two texts are the same string. Neither may be TEXT_NAME. */
static inline bool view_text_same(const struct text *a, const struct text *b)
{
	return a->kind == b->kind && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static inline bool view_has_stream(const struct view *v)
{
	return v->texts[NAME_AGGREGATE_ID].kind != TEXT_NONE;
}

#endif
