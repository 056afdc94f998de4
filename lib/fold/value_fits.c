/* How large a value is, before it is copied, written or compared. */
#include "event/render.h"
#include "fold/value.h"

/* Take size from *left; false, with *left 0, where there is less. */
static bool spend(uint64_t *left, uint64_t size)
{
	bool enough = size <= *left;

	*left = enough ? *left - size : 0;
	return enough;
}

bool value_fits(const struct value *v, unsigned levels, uint64_t *left)
{
	switch ((enum value_kind)v->kind) {
	case VALUE_DIGITS: case VALUE_TEXT:
		return spend(left, sizeof *v + v->size);
	case VALUE_PACKED:
		return spend(left, sizeof *v + v->size) && value_depth(v) <= levels;
	case VALUE_LIST: case VALUE_OBJECT:
		break;
	case VALUE_ABSENT: case VALUE_NULL: case VALUE_FALSE: case VALUE_TRUE: case VALUE_NUMBER:
		return spend(left, sizeof *v);
	}
	if (levels == 0 || !spend(left, sizeof *v + sizeof *v->node))
		return false;
	for (uint32_t i = 0; i < v->node->n; i++)
		if ((v->kind == VALUE_OBJECT && !spend(left, sizeof *v->node->keys + v->node->keys[i].size)) ||
		    !value_fits(&v->node->values[i], levels - 1, left))
			return false;
	return true;
}
