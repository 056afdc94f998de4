#include "fold/syntax.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/nearest.h"
#include "event/name.h"
#include "fold/expr.h"
#include "fold/functions.h"

enum { KIDS_MAX = 256 }; /* arguments, elements or steps at one place */

static int ternary(struct syntax *s, uint32_t *node, struct evs_error *err);

/* ---- small things ---- */

static int next(struct syntax *s, struct evs_error *err)
{
	return lex_next(&s->lex, err);
}

static int fail_here(struct syntax *s, struct evs_error *err, const char *wanted)
{
	char found[LEX_FOUND];

	return lex_fail(&s->lex, s->lex.token.text, err, "%s, not %s", wanted, lex_found(&s->lex, found));
}

static int new_node(struct syntax *s, enum code_op op, const char *at, uint32_t *node, struct evs_error *err)
{
	*node = code_add(s->code, op, lex_line(&s->lex, at));
	return *node == CODE_NONE ? error_nomem(err) : EVS_OK;
}

static int set_children(struct syntax *s, uint32_t node, const uint32_t *kids, uint32_t n, struct evs_error *err)
{
	return code_children(s->code, node, kids, n) ? EVS_OK : error_nomem(err);
}

/* A constant node of a text that is copied. */
static int text_node(struct syntax *s, const char *text, size_t size, const char *at, uint32_t *node, struct evs_error *err)
{
	char *copy = code_text(s->code, size);

	if (copy == NULL)
		return error_nomem(err);
	memcpy(copy, text, size);
	TRY(new_node(s, CODE_CONST, at, node, err));
	s->code->nodes[*node].constant = value_text(copy, size);
	return EVS_OK;
}

int syntax_expect(struct syntax *s, const char *mark, struct evs_error *err)
{
	char wanted[32];

	if (lex_is(&s->lex, mark))
		return next(s, err);
	snprintf(wanted, sizeof wanted, "'%s' is expected", mark);
	return fail_here(s, err, wanted);
}

int syntax_string(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	char *text = code_text(s->code, s->lex.token.size);
	int64_t size;

	if (text == NULL)
		return error_nomem(err);
	size = lex_string(&s->lex, text, err);
	if (size < 0)
		return EVS_USAGE;
	text[size] = '\0';
	TRY(new_node(s, CODE_CONST, s->lex.token.text, node, err));
	s->code->nodes[*node].constant = value_text(text, (size_t)size);
	return next(s, err);
}

bool syntax_reserved(const char *name, size_t size)
{
	static const char *const words[] = {"true", "false", "null", "in", "event"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == size && memcmp(words[i], name, size) == 0)
			return true;
	return false;
}

/* ---- fields ---- */

enum { FIELDS_SHOWN = 200 }; /* bytes of their list in a message */

/* Say that no state has a field, with the one that may be meant, or those that there are. */
static int no_field(struct syntax *s, const char *name, size_t size, const char *at, struct evs_error *err)
{
	struct nearest near = {.word = name, .size = size};
	char list[FIELDS_SHOWN + 8] = "";
	int shown = size > 60 ? 60 : (int)size;
	size_t n = 0;

	for (uint32_t i = 0; i < s->n_fields; i++)
		nearest_try(&near, s->fields[i].text, s->fields[i].size);
	if (near.best != NULL)
		return lex_fail(&s->lex, at, err, "no state has a field '%.*s'; did you mean '%.*s'?", shown, name, (int)near.best_size, near.best);
	for (uint32_t i = 0; i < s->n_fields; i++) {
		if (n + s->fields[i].size + 2 > FIELDS_SHOWN) {
			snprintf(list + n, sizeof list - n, ", ...");
			break;
		}
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%.*s", i == 0 ? "" : ", ", (int)s->fields[i].size, s->fields[i].text);
	}
	return lex_fail(&s->lex, at, err, "no state has a field '%.*s'; %s%s", shown, name, n == 0 ? "states have none" : "they have ", list);
}

/* Whether a name can be a field of the state. EVS_OK, EVS_USAGE. */
static int check_field(struct syntax *s, const char *name, size_t size, const char *at, struct evs_error *err)
{
	for (uint32_t i = 0; i < s->n_fields; i++)
		if (s->fields[i].size == size && memcmp(s->fields[i].text, name, size) == 0)
			return EVS_OK;
	return s->fields == NULL ? EVS_OK : no_field(s, name, size, at, err);
}

/* ---- paths ---- */

/* One step: .name, ."name" or [expression]. The key is a node. */
static int step(struct syntax *s, uint32_t *key, struct evs_error *err)
{
	if (lex_is(&s->lex, "[")) {
		TRY(next(s, err));
		if (lex_is(&s->lex, "]"))
			return lex_fail(&s->lex, s->lex.token.text, err, "an index is expected; sum, map, any and others go through a list");
		TRY(ternary(s, key, err));
		return syntax_expect(s, "]", err);
	}
	TRY(next(s, err)); /* the dot */
	if (s->lex.token.spaced || (s->lex.token.kind != TOKEN_NAME && s->lex.token.kind != TOKEN_STRING))
		return fail_here(s, err, "a name is expected after '.'");
	if (s->lex.token.kind == TOKEN_STRING)
		return syntax_string(s, key, err);
	TRY(text_node(s, s->lex.token.text, s->lex.token.size, s->lex.token.text, key, err));
	return next(s, err);
}

/* Whether the token at hand goes on with a path. */
static bool goes_inside(const struct syntax *s)
{
	return !s->lex.token.spaced && (lex_is(&s->lex, ".") || lex_is(&s->lex, "["));
}

int syntax_steps(struct syntax *s, uint32_t *kids, uint32_t *n, uint32_t cap, struct evs_error *err)
{
	while (goes_inside(s)) {
		if (*n == cap)
			return lex_fail(&s->lex, s->lex.token.text, err, "the path has more than %u steps", cap);
		TRY(step(s, &kids[*n], err));
		++*n;
	}
	return EVS_OK;
}

/* Make `node` what the key leads to inside it. */
static int go_inside(struct syntax *s, uint32_t key, const char *at, uint32_t *node, struct evs_error *err)
{
	const struct code_node *k = &s->code->nodes[key];
	bool member = k->op == CODE_CONST && k->constant.kind == VALUE_TEXT;
	uint32_t kids[2] = {*node, key};

	TRY(new_node(s, member ? CODE_MEMBER : CODE_INDEX, at, node, err));
	if (member)
		s->code->nodes[*node].constant = s->code->nodes[key].constant;
	return set_children(s, *node, kids, member ? 1 : 2, err);
}

static int postfix(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	for (unsigned n = 0; goes_inside(s); n++) {
		const char *at = s->lex.token.text;
		uint32_t key;
		if (n == KIDS_MAX)
			return lex_fail(&s->lex, at, err, "the path has more than %d steps", KIDS_MAX);
		TRY(step(s, &key, err));
		TRY(go_inside(s, key, at, node, err));
	}
	return EVS_OK;
}

/* . and what follows it at once */
static int context_path(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at = s->lex.token.text;

	TRY(new_node(s, CODE_CONTEXT, at, node, err));
	/* The dot alone is the whole; .name and .[ lead inside. */
	if (s->lex.p < s->lex.end && *s->lex.p == '[') {
		TRY(next(s, err));
		return postfix(s, node, err);
	}
	if (s->lex.p < s->lex.end && (*s->lex.p == '"' || strchr(" \t\r\n;,)]}=!<>&|?:+-*/%.#(", *s->lex.p) == NULL)) {
		const char *name = s->lex.p;
		const struct value *text;
		uint32_t key;
		TRY(step(s, &key, err));
		text = &s->code->nodes[key].constant;
		if (!(s->scope & EXPR_EVENT) && s->inside == 0 && text->kind == VALUE_TEXT)
			TRY(check_field(s, text->text, text->size, name, err));
		TRY(go_inside(s, key, at, node, err));
		return postfix(s, node, err);
	}
	return next(s, err);
}

/* ---- primaries ---- */

/* Elements between brackets, a comma between them; the closing mark is passed. each: all but the first look at elements of that. */
static int elements(struct syntax *s, const char *closing, bool each, uint32_t *kids, uint32_t *n, struct evs_error *err)
{
	*n = 0;
	while (!lex_is(&s->lex, closing)) {
		bool inside = each && *n > 0;
		if (*n == KIDS_MAX)
			return lex_fail(&s->lex, s->lex.token.text, err, "more than %d at one place", KIDS_MAX);
		s->inside += inside;
		TRY(ternary(s, &kids[*n], err));
		s->inside -= inside;
		++*n;
		if (!lex_is(&s->lex, ","))
			break;
		TRY(next(s, err));
	}
	return syntax_expect(s, closing, err);
}

/* A literal pattern is compiled now, so that a mistake in it is found now. */
static int literal_pattern(struct syntax *s, uint32_t node, const char *at, struct evs_error *err)
{
	struct code_node *n = &s->code->nodes[node];
	const struct code_node *pattern = n->n == 2 ? code_kid(s->code, n, 1) : NULL;
	const char *why;

	if (n->function != FUNCTION_MATCHES || pattern->op != CODE_CONST || pattern->constant.kind != VALUE_TEXT)
		return EVS_OK;
	n->regex = functions_pattern(pattern->constant.text, pattern->constant.size, &why);
	return n->regex != NULL ? EVS_OK : lex_fail(&s->lex, at, err, "the pattern of matches: %s", why);
}

static int call(struct syntax *s, const struct token *name, uint32_t *node, struct evs_error *err)
{
	int function = functions_find(name->text, name->size);
	const char *near = functions_nearest(name->text, name->size);
	uint32_t kids[KIDS_MAX], n;

	if (function < 0 && near != NULL)
		return lex_fail(&s->lex, name->text, err, "unknown function '%.*s'; did you mean '%s'?", (int)name->size, name->text, near);
	if (function < 0)
		return lex_fail(&s->lex, name->text, err, "unknown function '%.*s'", name->size > 60 ? 60 : (int)name->size, name->text);
	TRY(next(s, err)); /* ( */
	TRY(elements(s, ")", functions_each(function), kids, &n, err));
	if (n < functions[function].least || n > functions[function].most)
		return lex_fail(&s->lex, name->text, err, "%s takes %s%u argument%s, not %u", functions[function].name,
		                n < functions[function].least && functions[function].most > functions[function].least ? "at least " :
		                n > functions[function].most && functions[function].most > functions[function].least  ? "at most " : "",
		                n < functions[function].least ? functions[function].least : functions[function].most,
		                (n < functions[function].least ? functions[function].least : functions[function].most) == 1 ? "" : "s", n);
	TRY(new_node(s, CODE_CALL, name->text, node, err));
	s->code->nodes[*node].function = (uint8_t)function;
	TRY(set_children(s, *node, kids, n, err));
	return literal_pattern(s, *node, name->text, err);
}

/* EVS_USAGE where a name cannot be meant for a field of the state: not .x, len (x), and where there is none user-id. */
static int stray_name(struct syntax *s, const struct token *name, struct evs_error *err)
{
	const struct token *t = &s->lex.token;
	bool is_not = name->size == 3 && strncasecmp(name->text, "not", 3) == 0;

	if (t->newlines == 0 && is_not && (lex_is(&s->lex, ".") || lex_is(&s->lex, "(") || functions_find(t->text, t->size) >= 0))
		return lex_fail(&s->lex, name->text, err, "'not' is written !");
	if (t->newlines == 0 && lex_is(&s->lex, "(") && functions_find(name->text, name->size) >= 0)
		return lex_fail(&s->lex, t->text, err, "the ( of a function follows its name at once");
	if (!(s->scope & EXPR_STATE) && lex_is_cut(&s->lex, name->text))
		return lex_fail(&s->lex, name->text, err, "there is no field to subtract; a name such as user-id is quoted: .\"user-id\"");
	return EVS_OK;
}

/* Whether it is the name of a field of the envelope. */
static bool in_envelope(const struct token *name)
{
	for (enum name_fixed i = 0; i <= NAME_RECORDED_AT; i++)
		if (strlen(name_fixed_text(i)) == name->size && memcmp(name_fixed_text(i), name->text, name->size) == 0)
			return true;
	return false;
}

/* A name: a word of the language, a call, or a field of the state. */
static int name_primary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	struct token name = s->lex.token;
	struct value constant = value_null();
	int shown = name.size > 60 ? 60 : (int)name.size;

	if (lex_is_name(&s->lex, "event") && !(s->scope & EXPR_EVENT))
		return lex_fail(&s->lex, name.text, err, "there is no event here, only a state");
	if (syntax_reserved(name.text, name.size) && !lex_is_name(&s->lex, "in")) {
		if (lex_is_name(&s->lex, "true") || lex_is_name(&s->lex, "false"))
			constant = value_bool(lex_is_name(&s->lex, "true"));
		TRY(new_node(s, lex_is_name(&s->lex, "event") ? CODE_EVENT : CODE_CONST, name.text, node, err));
		s->code->nodes[*node].constant = constant;
		return next(s, err);
	}
	TRY(next(s, err));
	if (lex_is(&s->lex, "(") && !s->lex.token.spaced)
		return call(s, &name, node, err);
	TRY(stray_name(s, &name, err));
	if (!(s->scope & EXPR_STATE))
		return lex_fail(&s->lex, name.text, err, "a bare name is a field of a state, and there is none here; a field of the event is .%.*s%s%.*s",
		                shown, name.text, in_envelope(&name) ? "" : " or .data.", in_envelope(&name) ? 0 : shown, name.text);
	TRY(check_field(s, name.text, name.size, name.text, err));
	s->uses_state = true;
	TRY(text_node(s, name.text, name.size, name.text, node, err));
	s->code->nodes[*node].op = CODE_STATE;
	if (s->slot_of != NULL)
		s->code->nodes[*node].slot = s->slot_of(s->context, name.text, name.size);
	return EVS_OK;
}

static int number_primary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const struct token *t = &s->lex.token;
	char *digits = code_text(s->code, t->size);

	if (digits == NULL)
		return error_nomem(err);
	memcpy(digits, t->text, t->size);
	TRY(new_node(s, CODE_CONST, t->text, node, err));
	s->code->nodes[*node].constant = value_decimal(decimal_of(digits, t->size));
	return next(s, err);
}

static int list_primary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at = s->lex.token.text;
	uint32_t kids[KIDS_MAX], n;

	TRY(next(s, err));
	TRY(elements(s, "]", false, kids, &n, err));
	TRY(new_node(s, CODE_LIST, at, node, err));
	TRY(set_children(s, *node, kids, n, err));
	return postfix(s, node, err);
}

/* {name: e, "any text": e} */
static int object_primary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at = s->lex.token.text;
	uint32_t kids[KIDS_MAX], n = 0;

	TRY(next(s, err));
	while (!lex_is(&s->lex, "}")) {
		if (n + 2 > KIDS_MAX)
			return lex_fail(&s->lex, s->lex.token.text, err, "more than %d fields", KIDS_MAX / 2);
		if (s->lex.token.kind == TOKEN_STRING) {
			TRY(syntax_string(s, &kids[n], err));
		} else if (s->lex.token.kind == TOKEN_NAME) {
			TRY(text_node(s, s->lex.token.text, s->lex.token.size, s->lex.token.text, &kids[n], err));
			TRY(next(s, err));
		} else {
			return fail_here(s, err, "the name of a field is expected");
		}
		TRY(syntax_expect(s, ":", err));
		TRY(ternary(s, &kids[n + 1], err));
		n += 2;
		if (!lex_is(&s->lex, ","))
			break;
		TRY(next(s, err));
	}
	TRY(syntax_expect(s, "}", err));
	TRY(new_node(s, CODE_OBJECT, at, node, err));
	TRY(set_children(s, *node, kids, n, err));
	return postfix(s, node, err);
}

static int primary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	switch (s->lex.token.kind) {
	case TOKEN_NUMBER:
		return number_primary(s, node, err);
	case TOKEN_STRING:
		TRY(syntax_string(s, node, err));
		return postfix(s, node, err);
	case TOKEN_NAME:
		if (lex_is_name(&s->lex, "in"))
			break;
		TRY(name_primary(s, node, err));
		return postfix(s, node, err);
	default:
		break;
	}
	if (lex_is(&s->lex, "."))
		return context_path(s, node, err);
	if (lex_is(&s->lex, "(")) {
		TRY(next(s, err));
		TRY(ternary(s, node, err));
		if (lex_is(&s->lex, ","))
			return lex_fail(&s->lex, s->lex.token.text, err, "')' is expected, not ','; a list is written [1, 2]");
		TRY(syntax_expect(s, ")", err));
		return postfix(s, node, err);
	}
	if (lex_is(&s->lex, "["))
		return list_primary(s, node, err);
	if (lex_is(&s->lex, "{"))
		return object_primary(s, node, err);
	return fail_here(s, err, "a value is expected");
}

/* ---- operators ---- */

static int unary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at = s->lex.token.text;
	bool negate = lex_is(&s->lex, "-");
	uint32_t kid;

	if (!negate && !lex_is(&s->lex, "!"))
		return primary(s, node, err);
	if (++s->depth > EXPR_DEPTH_MAX)
		return lex_fail(&s->lex, at, err, "nested deeper than %d levels", EXPR_DEPTH_MAX);
	TRY(next(s, err));
	TRY(unary(s, &kid, err));
	s->depth--;
	TRY(new_node(s, negate ? CODE_NEGATE : CODE_NOT, at, node, err));
	return set_children(s, *node, &kid, 1, err);
}

/* Binary operators, the loosest first; all of a level group from the left. */
static const struct {
	const char *mark;
	uint8_t level, op;
} operators[] = {
	{"||", 0, CODE_OR}, {"&&", 1, CODE_AND}, {"==", 2, CODE_EQUAL}, {"!=", 2, CODE_UNEQUAL}, {"<", 3, CODE_LESS},
	{"<=", 3, CODE_LESS_EQUAL}, {">", 3, CODE_GREATER}, {">=", 3, CODE_GREATER_EQUAL}, {"in", 3, CODE_IN},
	{"+", 4, CODE_ADD}, {"-", 4, CODE_SUBTRACT}, {"*", 5, CODE_MULTIPLY}, {"/", 5, CODE_DIVIDE}, {"%", 5, CODE_REMAINDER},
};
enum { LEVELS = 6 };

static int operator_at(const struct syntax *s, unsigned level)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (operators[i].level == level && (lex_is(&s->lex, operators[i].mark) || lex_is_name(&s->lex, operators[i].mark)))
			return operators[i].op;
	return -1;
}

static int binary(struct syntax *s, unsigned level, uint32_t *node, struct evs_error *err)
{
	unsigned before = s->depth;
	int op;

	if (level == LEVELS)
		return unary(s, node, err);
	TRY(binary(s, level + 1, node, err));
	while ((op = operator_at(s, level)) >= 0) {
		const char *at = s->lex.token.text;
		uint32_t kids[2] = {*node, 0};
		/* a + b + c ... is as deep to evaluate as it is long */
		if (++s->depth > EXPR_DEPTH_MAX)
			return lex_fail(&s->lex, at, err, "nested deeper than %d levels", EXPR_DEPTH_MAX);
		TRY(next(s, err));
		TRY(binary(s, level + 1, &kids[1], err));
		TRY(new_node(s, (enum code_op)op, at, node, err));
		TRY(set_children(s, *node, kids, 2, err));
	}
	s->depth = before;
	return EVS_OK;
}

/* a ?? b ?? c */
static int defaulted(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at;
	uint32_t kids[2];

	TRY(binary(s, 0, node, err));
	if (!lex_is(&s->lex, "??"))
		return EVS_OK;
	at = s->lex.token.text;
	if (++s->depth > EXPR_DEPTH_MAX)
		return lex_fail(&s->lex, at, err, "nested deeper than %d levels", EXPR_DEPTH_MAX);
	TRY(next(s, err));
	kids[0] = *node;
	TRY(defaulted(s, &kids[1], err));
	s->depth--;
	TRY(new_node(s, CODE_DEFAULT, at, node, err));
	return set_children(s, *node, kids, 2, err);
}

static int ternary(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	const char *at = s->lex.token.text;
	uint32_t kids[3];

	if (++s->depth > EXPR_DEPTH_MAX)
		return lex_fail(&s->lex, at, err, "nested deeper than %d levels", EXPR_DEPTH_MAX);
	TRY(defaulted(s, node, err));
	if (lex_is(&s->lex, "?")) {
		kids[0] = *node;
		at = s->lex.token.text;
		TRY(next(s, err));
		TRY(ternary(s, &kids[1], err));
		TRY(syntax_expect(s, ":", err));
		TRY(ternary(s, &kids[2], err));
		TRY(new_node(s, CODE_CHOICE, at, node, err));
		TRY(set_children(s, *node, kids, 3, err));
	}
	s->depth--;
	return EVS_OK;
}

int syntax_expression(struct syntax *s, uint32_t *node, struct evs_error *err)
{
	s->depth = 0;
	return ternary(s, node, err);
}
