/* How states are found in tables: their keys, and those of the index over their fields (evs-store(5)). */
#ifndef EVS_PROJECT_KEY_H
#define EVS_PROJECT_KEY_H

#include "base/buf.h"
#include "event/view.h"
#include "fold/value.h"

#define KEY_MAX 240      /* bytes of a key or of a field's value in the index */
#define KEY_CUT_SIZE 224 /* of a longer one so many bytes, and a hash of it all, make KEY_MAX */

/* A key as it sorts: by the aggregateId or the key's text, then by the aggregateType, none first. */
struct key {
	uint8_t bytes[KEY_MAX];
	size_t size; /* KEY_MAX: it was cut, and the value in the table begins with key_put_whole */
};

/* key, type: as in struct fold_target. */
void key_encode(struct key *out, struct span key, struct span type);

/* What keys of all types of an aggregateId begin with, as far as it was not cut. Returns its size. */
size_t key_prefix(uint8_t out[KEY_MAX], struct span key);

/* What a table holds under a key, taken apart. */
struct key_value {
	struct span key, type;
	const uint8_t *rest; /* of the value */
	size_t rest_size;
};

/* Take it apart. Spans borrow from the value or from scratch. False when it is damaged or memory ran out. */
bool key_decode(const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size, struct buf *scratch,
                struct key_value *out);

/* Put the whole key in front of a value whose key was cut. */
void key_put_whole(struct buf *out, struct span key, struct span type);

/*
 * Put what the index has for the value of a field: its number, and the value so that it sorts as it counts. False,
 * with nothing put, where it has nothing: for null, lists and objects.
 */
bool key_put_field(struct buf *out, uint32_t field, const struct value *v);

#endif
