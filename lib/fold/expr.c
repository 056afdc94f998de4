#include "fold/expr.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fold/eval.h"
#include "fold/syntax.h"

struct expr {
	struct code code;
	const struct code_node *root;
	bool of_event; /* . is the event, not the state */
	char *what;
};

int expr_parse(const char *what, const char *text, unsigned scope, struct expr **out, struct evs_error *err)
{
	return expr_parse_fields(what, text, scope, NULL, 0, out, err);
}

int expr_parse_fields(const char *what, const char *text, unsigned scope, const struct node_key *fields, uint32_t n_fields,
                      struct expr **out, struct evs_error *err)
{
	struct expr *e = calloc(1, sizeof *e);
	struct syntax s = {.scope = scope, .fields = fields, .n_fields = n_fields};
	char found[LEX_FOUND];
	uint32_t root;
	int status;

	*out = NULL;
	if (e == NULL || (e->what = strdup(what)) == NULL) {
		free(e);
		return error_nomem(err);
	}
	s.code = &e->code;
	e->of_event = scope & EXPR_EVENT;
	if (strlen(text) > EXPR_TEXT_MAX)
		status = error_set(err, EVS_USAGE, 0, "%s: longer than %u bytes", what, EXPR_TEXT_MAX);
	else
		status = lex_begin(&s.lex, what, text, strlen(text), false, false, err);
	if (status == EVS_OK)
		status = syntax_expression(&s, &root, err);
	if (status == EVS_OK && s.lex.token.kind != TOKEN_END)
		status = lex_is(&s.lex, "=") ? lex_fail(&s.lex, s.lex.token.text, err, "equality is written ==") :
		                               lex_fail(&s.lex, s.lex.token.text, err, "an operator or the end is expected, not %s", lex_found(&s.lex, found));
	if (status != EVS_OK) {
		expr_free(e);
		return status;
	}
	e->root = &e->code.nodes[root];
	*out = e;
	return EVS_OK;
}

void expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	code_release(&e->code);
	free(e->what);
	free(e);
}

static int failed(const struct expr *e, struct eval *v, struct evs_error *err)
{
	if (v->record != NULL)
		return error_set(err, v->status, 0, "%s: the event at position %llu: %s", e->what, (unsigned long long)v->record->position, v->message);
	return error_set(err, v->status, 0, "%s: %s", e->what, v->message);
}

/* Make v ready to work e out. */
static bool begin(const struct expr *e, struct eval *v, const struct record *record, const struct value *state)
{
	v->code = &e->code;
	v->root = state;
	v->slots = NULL;
	if (!eval_begin(v, record))
		return eval_broken(v);
	if (!e->of_event)
		v->context = state == NULL ? value_null() : *state;
	return true;
}

int expr_value(const struct expr *e, struct eval *v, const struct record *record, const struct value *state,
               struct value *out, struct evs_error *err)
{
	return begin(e, v, record, state) && eval_node(v, e->root, out) ? EVS_OK : failed(e, v, err);
}

int expr_holds(const struct expr *e, struct eval *v, const struct record *record, const struct value *state,
               struct evs_error *err)
{
	bool holds;

	if (!begin(e, v, record, state) || !eval_condition(v, e->root, &holds))
		return failed(e, v, err);
	return holds ? EVS_OK : EVS_END;
}

/* Look for the equality in what must hold. */
static const struct value *find_equal(const struct code *c, const struct code_node *n, const char *field)
{
	const struct code_node *a, *b;
	const struct value *found;

	if (n->op == CODE_AND) {
		found = find_equal(c, code_kid(c, n, 0), field);
		return found != NULL ? found : find_equal(c, code_kid(c, n, 1), field);
	}
	if (n->op != CODE_EQUAL)
		return NULL;
	a = code_kid(c, n, 0);
	b = code_kid(c, n, 1);
	if (a->op == CODE_CONST) {
		const struct code_node *other = a;
		a = b;
		b = other;
	}
	if (a->op != CODE_STATE || b->op != CODE_CONST || strlen(field) != a->constant.size ||
	    memcmp(field, a->constant.text, a->constant.size) != 0)
		return NULL;
	return &b->constant;
}

bool expr_equals(const struct expr *e, const char *field, struct buf *out)
{
	const struct value *literal = find_equal(&e->code, e->root, field);

	return literal != NULL && value_encode(out, literal);
}
