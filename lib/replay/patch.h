/* What changed between two values: JSON Patch (RFC 6902), its paths JSON Pointers (RFC 6901). */
#ifndef EVS_REPLAY_PATCH_H
#define EVS_REPLAY_PATCH_H

#include <stdbool.h>

#include "base/buf.h"
#include "fold/value.h"

#define PATCH_EMPTY 2 /* bytes of a patch that changes nothing: [] */

/*
 * Put the list of operations (add, remove, replace) that makes `to` of `from` behind out. Values are compared by
 * their digits: 29.9 and 29.90 differ. The same two values always give the same list.
 *
 *   names  of keys in packed values
 *
 * False when a value is malformed or memory ran out.
 */
bool patch_write(struct buf *out, const struct names *names, const struct value *from, const struct value *to);

#endif
