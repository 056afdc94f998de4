#include "fold/functions_parts.h"

/* What a list function makes of the elements, one after another. */
struct gather {
	struct value best;    /* sum, least, greatest */
	uint64_t count;       /* elements that counted */
	bool holds;           /* any, all */
	struct eval_list list;
};

static bool take_best(struct eval *v, const struct code_node *n, struct gather *g, const struct value *e)
{
	struct value less;

	if (value_is_null(e))
		return true;
	g->count++;
	if (value_is_null(&g->best)) {
		g->best = *e;
		return true;
	}
	if (!eval_operator(v, n, n->function == FUNCTION_MIN ? CODE_LESS : CODE_GREATER, e, &g->best, &less))
		return false;
	if (less.kind == VALUE_TRUE)
		g->best = *e;
	return true;
}

/* Take one element; *stop when the others do not matter. */
static bool take(struct eval *v, const struct code_node *n, struct gather *g, const struct value *e, bool *stop)
{
	bool holds = e->kind == VALUE_TRUE;

	switch ((enum function_id)n->function) {
	case FUNCTION_SUM: case FUNCTION_AVG:
		if (value_is_null(e))
			return true;
		if (!value_is_number(e))
			return argument_wrong(v, n, "numbers", e);
		g->count++;
		return eval_operator(v, n, CODE_ADD, &g->best, e, &g->best);
	case FUNCTION_MIN: case FUNCTION_MAX:
		return take_best(v, n, g, e);
	case FUNCTION_MAP:
		return eval_list_add(v, &g->list, e);
	default:
		break;
	}
	if (n->function != FUNCTION_COUNT || n->n == 2) {
		if (!holds && e->kind != VALUE_FALSE && !value_is_null(e))
			return eval_fail(v, n, "a condition is true or false, not %s", value_name(e));
		*stop = (n->function == FUNCTION_ANY && holds) || (n->function == FUNCTION_ALL && !holds);
		if (*stop)
			g->holds = holds;
	}
	g->count += n->n == 1 || holds;
	return true;
}

static bool finish(struct eval *v, const struct code_node *n, struct gather *g, struct value *out)
{
	struct value count = value_integer((int64_t)g->count);

	switch ((enum function_id)n->function) {
	case FUNCTION_SUM:
		*out = value_is_null(&g->best) ? value_integer(0) : g->best;
		return true;
	case FUNCTION_AVG:
		if (g->count == 0) {
			*out = value_null();
			return true;
		}
		return eval_operator(v, n, CODE_DIVIDE, &g->best, &count, out);
	case FUNCTION_MIN: case FUNCTION_MAX:
		*out = g->best;
		return true;
	case FUNCTION_MAP:
		*out = eval_list_value(&g->list);
		return true;
	case FUNCTION_COUNT:
		*out = count;
		return true;
	default:
		*out = value_bool(g->holds);
		return true;
	}
}

/* sum count avg any all map, min and max of a list: the second argument is worked out for every element. */
static bool list_function(struct eval *v, const struct code_node *n, const struct value *list, struct value *out)
{
	struct gather g = {.best = value_null(), .holds = n->function == FUNCTION_ALL};
	struct value context = v->context, e;
	struct value_iterator it;
	bool stop = false, good = true;

	if (n->function == FUNCTION_MAP && !eval_list_begin(v, &g.list))
		return false;
	if (value_is_null(list))
		return finish(v, n, &g, out);
	if (!value_is_list(list))
		return argument_wrong(v, n, "a list", list);
	value_iterate(list, &it);
	while (good && !stop && value_next(&it, v->names, &v->arena, NULL, &e)) {
		if (++v->steps > EXPR_STEPS_MAX)
			good = eval_fail(v, n, "the event takes too long to work out");
		if (good && n->n == 2) {
			v->context = e;
			good = eval_node(v, argument_at(v, n, 1), &e);
		}
		good = good && take(v, n, &g, &e, &stop);
	}
	v->context = context;
	if (good && v->arena.failed)
		return eval_broken(v);
	return good && finish(v, n, &g, out);
}

/* min and max of their arguments. */
static bool plain_extreme(struct eval *v, const struct code_node *n, const struct value *first, struct value *out)
{
	struct gather g = {.best = value_null()};
	struct value e = *first;

	for (uint32_t i = 0; i < n->n; i++) {
		if (i > 0 && !eval_node(v, argument_at(v, n, i), &e))
			return false;
		if (!value_is_null(&e) && !value_is_number(&e) && e.kind != VALUE_TEXT)
			return argument_wrong(v, n, "numbers or strings", &e);
		if (!take_best(v, n, &g, &e))
			return false;
	}
	*out = g.best;
	return true;
}

bool functions_list(struct eval *v, const struct code_node *n, struct value *out)
{
	struct value first;

	if (!eval_node(v, argument_at(v, n, 0), &first))
		return false;
	if ((n->function == FUNCTION_MIN || n->function == FUNCTION_MAX) && (n->n > 2 || !value_is_list(&first)) &&
	    (n->n > 1 || !value_is_null(&first)))
		return plain_extreme(v, n, &first, out);
	return list_function(v, n, &first, out);
}
