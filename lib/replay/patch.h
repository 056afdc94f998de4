/* What changed between two values: JSON Patch (RFC 6902), its paths JSON Pointers (RFC 6901). */
#ifndef EVS_REPLAY_PATCH_H
#define EVS_REPLAY_PATCH_H

#include <stdbool.h>
#include <stddef.h>

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

/* One thing that changed; borrowed until the callback returns. */
struct patch_change {
	const char *op;           /* add, remove, replace */
	const char *pointer;      /* where: a JSON Pointer, */
	size_t pointer_size;
	const char *path;         /* and as evs-fold(5) writes it: lines.X1.qty, tills["till 7"], log[0]; empty: the whole */
	size_t path_size;
	const struct value *from; /* NULL: there was nothing */
	const struct value *to;   /* NULL: there is nothing */
};

/*
 * Call each for every operation that patch_write would write, in its order; it returns false to end.
 * False when a value is malformed, memory ran out, or each said so.
 */
bool patch_each(const struct names *names, const struct value *from, const struct value *to,
                bool (*each)(void *context, const struct patch_change *change), void *context);

#endif
