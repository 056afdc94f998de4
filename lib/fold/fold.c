#include "fold/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "fold/eval.h"
#include "fold/expr.h"
#include "fold/syntax.h"

enum {
	FIELDS_MAX = 1000, /* of a state */
	BLOCKS_MAX = 1000, /* "on" */
	STATEMENTS_MAX = 1000, /* in one block */
	STEPS_MAX = 64,    /* of a target's path */
	NESTING_MAX = 50,  /* if in if */
	KEYWORDS = 7,
};

/* What the parse works with. */
struct parse_fold {
	struct syntax syntax;
	struct fold *fold;
	unsigned nesting;
	bool *assigned; /* by field: some statement sets it */
	const char **met; /* by field: where it was met first */
	size_t assigned_cap, met_cap;
	bool no_memory;
};

/* ---- fields of the state ---- */

/* The place of a field; a new one is added. */
static uint32_t slot_of(void *context, const char *name, size_t size)
{
	struct parse_fold *p = context;
	struct fold *f = p->fold;
	char *copy;

	for (uint32_t i = 0; i < f->n_fields; i++)
		if (f->fields[i].size == size && memcmp(f->fields[i].text, name, size) == 0)
			return i;
	if (!array_grow(&f->fields, &f->fields_cap, f->n_fields, sizeof *f->fields) ||
	    !array_grow(&p->assigned, &p->assigned_cap, f->n_fields, sizeof *p->assigned) ||
	    !array_grow(&p->met, &p->met_cap, f->n_fields, sizeof *p->met) || (copy = code_text(&f->code, size)) == NULL) {
		p->no_memory = true;
		return 0;
	}
	memcpy(copy, name, size);
	f->fields[f->n_fields] = (struct node_key){copy, (uint32_t)size};
	p->assigned[f->n_fields] = false;
	p->met[f->n_fields] = name;
	return f->n_fields++;
}

/* A field that is read and never set is a slip. */
static int check_fields(struct parse_fold *p, struct evs_error *err)
{
	const struct fold *f = p->fold;

	if (f->n_fields > FIELDS_MAX)
		return lex_fail(&p->syntax.lex, p->met[FIELDS_MAX], err, "a state has at most %d fields", FIELDS_MAX);
	for (uint32_t i = 0; i < f->n_fields; i++)
		if (!p->assigned[i] && lex_is_cut(&p->syntax.lex, p->met[i]))
			return lex_fail(&p->syntax.lex, p->met[i], err, "no statement sets '%.*s'; a name such as user-id is quoted: .\"user-id\"",
			                f->fields[i].size > 60 ? 60 : (int)f->fields[i].size, f->fields[i].text);
		else if (!p->assigned[i])
			return lex_fail(&p->syntax.lex, p->met[i], err, "no statement sets '%.*s'; a field of the event is .%.*s",
			                f->fields[i].size > 60 ? 60 : (int)f->fields[i].size, f->fields[i].text,
			                f->fields[i].size > 60 ? 60 : (int)f->fields[i].size, f->fields[i].text);
	return EVS_OK;
}

/* ---- statements ---- */

static int fail_here(struct parse_fold *p, struct evs_error *err, const char *wanted)
{
	char found[LEX_FOUND];

	return lex_fail(&p->syntax.lex, p->syntax.lex.token.text, err, "%s, not %s", wanted, lex_found(&p->syntax.lex, found));
}

static int new_node(struct parse_fold *p, enum code_op op, const char *at, uint32_t *node, struct evs_error *err)
{
	*node = code_add(&p->fold->code, op, lex_line(&p->syntax.lex, at));
	return *node == CODE_NONE ? error_nomem(err) : EVS_OK;
}

/* The field, and the path inside it, that a statement changes. */
static int target(struct parse_fold *p, uint32_t *slot, uint32_t *kids, uint32_t *n, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	struct token name = s->lex.token;

	if (name.kind != TOKEN_NAME)
		return fail_here(p, err, "the name of a field of the state is expected");
	if (syntax_reserved(name.text, name.size))
		return lex_fail(&s->lex, name.text, err, "'%.*s' is a word of the language, no field can be called so", (int)name.size, name.text);
	*slot = slot_of(p, name.text, name.size);
	if (p->no_memory)
		return error_nomem(err);
	p->assigned[*slot] = true;
	*n = 0;
	TRY(lex_next(&s->lex, err));
	return syntax_steps(s, kids, n, STEPS_MAX, err);
}

/* field = e, += -= *=; push field e; add field e; unset field */
static int change(struct parse_fold *p, enum code_op op, const char *at, uint32_t *node, struct evs_error *err)
{
	static const struct {
		const char *mark;
		enum code_op op;
	} marks[] = {{"=", CODE_SET}, {"+=", CODE_SET_ADD}, {"-=", CODE_SET_SUBTRACT}, {"*=", CODE_SET_MULTIPLY}};
	struct syntax *s = &p->syntax;
	uint32_t kids[STEPS_MAX + 1], n, slot = 0;
	bool found = op != CODE_SET;

	TRY(target(p, &slot, kids, &n, err));
	for (size_t i = 0; i < 4 && !found; i++) {
		if (lex_is(&s->lex, marks[i].mark)) {
			op = marks[i].op;
			found = true;
			TRY(lex_next(&s->lex, err));
		}
	}
	if (!found)
		return fail_here(p, err, "'=', '+=', '-=' or '*=' is expected");
	if (op != CODE_UNSET) {
		TRY(syntax_expression(s, &kids[n], err));
		n++;
	}
	TRY(new_node(p, op, at, node, err));
	p->fold->code.nodes[*node].slot = slot;
	return code_children(&p->fold->code, *node, kids, n) ? EVS_OK : error_nomem(err);
}

static int block(struct parse_fold *p, uint32_t *node, struct evs_error *err);

/* if e { } else if e { } else { } */
static int if_statement(struct parse_fold *p, uint32_t *node, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	const char *at = s->lex.token.text;
	uint32_t kids[3], n = 2;

	if (++p->nesting > NESTING_MAX)
		return lex_fail(&s->lex, at, err, "nested deeper than %d levels", NESTING_MAX);
	TRY(lex_next(&s->lex, err));
	TRY(syntax_expression(s, &kids[0], err));
	TRY(block(p, &kids[1], err));
	if (lex_is_name(&s->lex, "else")) {
		TRY(lex_next(&s->lex, err));
		n = 3;
		if (lex_is_name(&s->lex, "if"))
			TRY(if_statement(p, &kids[2], err));
		else
			TRY(block(p, &kids[2], err));
	}
	p->nesting--;
	TRY(new_node(p, CODE_IF, at, node, err));
	return code_children(&p->fold->code, *node, kids, n) ? EVS_OK : error_nomem(err);
}

/* Whether the name at hand is a field that is set, although it looks like a word of the language. */
static bool is_assigned(const struct parse_fold *p)
{
	struct lex ahead = p->syntax.lex;

	if (lex_next(&ahead, NULL) != EVS_OK)
		return false;
	return lex_is(&ahead, "=") || lex_is(&ahead, "+=") || lex_is(&ahead, "-=") || lex_is(&ahead, "*=") ||
	       (!ahead.token.spaced && (lex_is(&ahead, ".") || lex_is(&ahead, "[")));
}

static int statement(struct parse_fold *p, uint32_t *node, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	const char *at = s->lex.token.text;
	uint32_t kid;

	if (s->lex.token.kind != TOKEN_NAME)
		return fail_here(p, err, "a statement is expected");
	if (is_assigned(p))
		return change(p, CODE_SET, at, node, err);
	if (lex_is_name(&s->lex, "if"))
		return if_statement(p, node, err);
	if (lex_is_name(&s->lex, "push") || lex_is_name(&s->lex, "add") || lex_is_name(&s->lex, "unset")) {
		enum code_op op = *at == 'p' ? CODE_PUSH : *at == 'a' ? CODE_ADD_TO_SET : CODE_UNSET;
		TRY(lex_next(&s->lex, err));
		return change(p, op, at, node, err);
	}
	if (lex_is_name(&s->lex, "else"))
		return lex_fail(&s->lex, at, err, "else follows the } of its if, without a ; between them");
	if (lex_is_name(&s->lex, "delete")) {
		TRY(lex_next(&s->lex, err));
		if (s->lex.token.kind == TOKEN_NAME && s->lex.token.newlines == 0)
			return lex_fail(&s->lex, s->lex.token.text, err, "delete takes the whole state away; a field is taken away by unset");
		return new_node(p, CODE_DELETE, at, node, err);
	}
	if (lex_is_name(&s->lex, "fail")) {
		TRY(lex_next(&s->lex, err));
		TRY(syntax_expression(s, &kid, err));
		TRY(new_node(p, CODE_FAIL, at, node, err));
		return code_children(&p->fold->code, *node, &kid, 1) ? EVS_OK : error_nomem(err);
	}
	return change(p, CODE_SET, at, node, err);
}

/* { statement; statement ... } ; a new line ends a statement too. */
static int block(struct parse_fold *p, uint32_t *node, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	const char *at = s->lex.token.text;
	uint32_t *kids = NULL, n = 0, kid;
	size_t cap = 0;
	int status;

	status = syntax_expect(s, "{", err);
	while (status == EVS_OK && !lex_is(&s->lex, "}")) {
		if (lex_is(&s->lex, ";")) {
			status = lex_next(&s->lex, err);
			continue;
		}
		if (n == STATEMENTS_MAX) {
			status = lex_fail(&s->lex, s->lex.token.text, err, "a block has at most %d statements", STATEMENTS_MAX);
			break;
		}
		status = statement(p, &kid, err);
		if (status == EVS_OK && !array_grow(&kids, &cap, n, sizeof *kids))
			status = error_nomem(err);
		if (status == EVS_OK)
			kids[n++] = kid;
		if (status == EVS_OK && !lex_is(&s->lex, ";") && !lex_is(&s->lex, "}") && s->lex.token.newlines == 0)
			status = s->lex.token.kind == TOKEN_END ? lex_fail(&s->lex, at, err, "the block that begins here has no '}'") :
			                                          fail_here(p, err, "';', a new line or '}' is expected");
		if (status == EVS_OK && s->lex.token.kind == TOKEN_END)
			status = lex_fail(&s->lex, at, err, "the block that begins here has no '}'");
	}
	if (status == EVS_OK)
		status = lex_next(&s->lex, err);
	if (status == EVS_OK)
		status = new_node(p, CODE_BLOCK, at, node, err);
	if (status == EVS_OK && !code_children(&p->fold->code, *node, kids, n))
		status = error_nomem(err);
	free(kids);
	return status;
}

/* ---- the file ---- */

/* An expression that is worked out before there is a state. */
static int stateless(struct parse_fold *p, const char *what, uint32_t *node, struct evs_error *err)
{
	const char *at = p->syntax.lex.token.text;

	p->syntax.uses_state = false;
	TRY(syntax_expression(&p->syntax, node, err));
	if (p->no_memory)
		return error_nomem(err);
	return p->syntax.uses_state ? lex_fail(&p->syntax.lex, at, err, "%s cannot depend on the state; a field of the event is .name", what) : EVS_OK;
}

/* GLOB[, GLOB...] */
static int globs(struct parse_fold *p, struct fold_block *b, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	uint32_t node;

	for (;;) {
		if (s->lex.token.kind != TOKEN_STRING)
			return fail_here(p, err, "an event type in double quotes is expected, such as \"order.*\"");
		TRY(syntax_string(s, &node, err));
		if (!array_grow(&b->globs, &b->globs_cap, b->n_globs, sizeof *b->globs))
			return error_nomem(err);
		b->globs[b->n_globs++] = p->fold->code.nodes[node].constant.text; /* code_text ends it with a 0 */
		if (!lex_is(&s->lex, ","))
			return EVS_OK;
		TRY(lex_next(&s->lex, err));
	}
}

/* on GLOB, ... [when e] [each e] [key e] { } */
static int on_block(struct parse_fold *p, struct fold_block *b, struct evs_error *err)
{
	struct syntax *s = &p->syntax;

	b->when = b->each = b->key = CODE_NONE;
	TRY(lex_next(&s->lex, err));
	TRY(globs(p, b, err));
	if (lex_is_name(&s->lex, "when")) {
		TRY(lex_next(&s->lex, err));
		s->uses_state = false;
		TRY(syntax_expression(s, &b->when, err));
		b->when_uses_state = s->uses_state;
	}
	if (lex_is_name(&s->lex, "each")) {
		TRY(lex_next(&s->lex, err));
		TRY(stateless(p, "each", &b->each, err));
	}
	if (lex_is_name(&s->lex, "key")) {
		TRY(lex_next(&s->lex, err));
		TRY(stateless(p, "a key", &b->key, err));
	}
	if (p->no_memory)
		return error_nomem(err);
	if (lex_is_name(&s->lex, "when") || lex_is_name(&s->lex, "each") || lex_is_name(&s->lex, "key"))
		return fail_here(p, err, "'{' is expected (when, each and key stand in this order, each once)");
	if (!lex_is(&s->lex, "{"))
		return fail_here(p, err, b->when == CODE_NONE && b->each == CODE_NONE && b->key == CODE_NONE ?
		                             "'when', 'each', 'key' or '{' is expected" : "'{' is expected");
	return block(p, &b->body, err);
}

static int index_line(struct parse_fold *p, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	struct fold *f = p->fold;
	uint32_t slot;

	TRY(lex_next(&s->lex, err));
	if (s->lex.token.kind != TOKEN_NAME)
		return fail_here(p, err, "the name of a field of the state is expected");
	slot = slot_of(p, s->lex.token.text, s->lex.token.size);
	if (p->no_memory || !array_grow(&f->indexes, &f->indexes_cap, f->n_indexes, sizeof *f->indexes))
		return error_nomem(err);
	for (uint32_t i = 0; i < f->n_indexes; i++)
		if (f->indexes[i] == slot)
			return lex_fail(&s->lex, s->lex.token.text, err, "there is an index of this field already");
	f->indexes[f->n_indexes++] = slot;
	TRY(lex_next(&s->lex, err));
	if (lex_is(&s->lex, ",") || lex_is(&s->lex, ".") || lex_is(&s->lex, "["))
		return lex_fail(&s->lex, s->lex.token.text, err, "an index line has one field, and no path inside it");
	return EVS_OK;
}

static int top_level(struct parse_fold *p, struct evs_error *err)
{
	struct syntax *s = &p->syntax;
	struct fold *f = p->fold;

	while (s->lex.token.kind != TOKEN_END) {
		if (lex_is_name(&s->lex, "on")) {
			if (f->n_blocks == BLOCKS_MAX)
				return lex_fail(&s->lex, s->lex.token.text, err, "a fold has at most %d 'on'", BLOCKS_MAX);
			if (!array_grow(&f->blocks, &f->blocks_cap, f->n_blocks, sizeof *f->blocks))
				return error_nomem(err);
			f->blocks[f->n_blocks] = (struct fold_block){0};
			TRY(on_block(p, &f->blocks[f->n_blocks++], err));
		} else if (lex_is_name(&s->lex, "key")) {
			if (f->key != CODE_NONE)
				return lex_fail(&s->lex, s->lex.token.text, err, "there is a key line already");
			TRY(lex_next(&s->lex, err));
			TRY(stateless(p, "the key", &f->key, err));
		} else if (lex_is_name(&s->lex, "index")) {
			TRY(index_line(p, err));
		} else {
			return fail_here(p, err, "'on', 'key' or 'index' is expected");
		}
		while (lex_is(&s->lex, ";"))
			TRY(lex_next(&s->lex, err));
	}
	if (f->n_blocks == 0)
		return lex_fail(&s->lex, s->lex.end, err, "the fold has no 'on \"TYPE\" { ... }', so it does nothing");
	return check_fields(p, err);
}

/* The hash of the words, whatever is between them; a new line ends a statement as ; does, so neither counts. */
static int hash_words(struct fold *f, const char *name, const char *text, size_t size, struct evs_error *err)
{
	struct buf words = {0};
	bool after_value = false;
	struct lex x;
	int status;

	for (status = lex_begin(&x, name, text, size, true, false, err); status == EVS_OK && x.token.kind != TOKEN_END;
	     status = lex_next(&x, err)) {
		/* Only behind a value does it matter whether white space stands before these. */
		bool joined = after_value && !x.token.spaced && (lex_is(&x, ".") || lex_is(&x, "[") || lex_is(&x, "("));
		after_value = (x.token.kind != TOKEN_MARK && !lex_is_in(&x)) || lex_is(&x, ")") || lex_is(&x, "]") || lex_is(&x, "}");
		if (lex_is(&x, ";"))
			continue;
		buf_byte(&words, joined ? 1 : 2);
		buf_put(&words, x.token.text, x.token.size);
	}
	if (status == EVS_OK && words.failed)
		status = error_nomem(err);
	f->hash = hash64(words.data, words.size, 0) | 1;
	buf_free(&words);
	return status;
}

int fold_parse(const char *name, const char *text, size_t size, struct fold **out, struct evs_error *err)
{
	struct fold *f = calloc(1, sizeof *f);
	struct parse_fold p = {.fold = f};
	int status;

	*out = NULL;
	if (f == NULL || (f->name = strdup(name)) == NULL) {
		free(f);
		return error_nomem(err);
	}
	f->key = CODE_NONE;
	p.syntax = (struct syntax){.code = &f->code, .scope = EXPR_EVENT | EXPR_STATE, .slot_of = slot_of, .context = &p};
	if (size > EXPR_TEXT_MAX)
		status = error_set(err, EVS_USAGE, 0, "%s: longer than %u bytes", name, EXPR_TEXT_MAX);
	else
		status = lex_begin(&p.syntax.lex, name, text, size, true, false, err);
	if (status == EVS_OK)
		status = top_level(&p, err);
	if (status == EVS_OK && p.no_memory)
		status = error_nomem(err);
	if (status == EVS_OK && !look_find_paths(f))
		status = error_nomem(err);
	if (status == EVS_OK)
		status = hash_words(f, name, text, size, err);
	free(p.assigned);
	free(p.met);
	if (status != EVS_OK) {
		fold_free(f);
		return status;
	}
	*out = f;
	return EVS_OK;
}

void fold_free(struct fold *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->n_blocks; i++)
		free(f->blocks[i].globs);
	free(f->blocks);
	free(f->fields);
	free(f->indexes);
	free(f->paths);
	code_release(&f->code);
	free(f->name);
	free(f);
}

/* ---- what there is to know ---- */

uint64_t fold_hash(const struct fold *f)
{
	return f->hash;
}

bool fold_by_stream(const struct fold *f)
{
	bool keyed = f->key != CODE_NONE;

	for (uint32_t i = 0; i < f->n_blocks; i++)
		keyed |= f->blocks[i].key != CODE_NONE;
	return !keyed;
}

const struct value *fold_key_value(const struct fold *f, const struct value *values)
{
	uint32_t path = f->key == CODE_NONE ? CODE_NONE : f->code.nodes[f->key].path;

	return path != CODE_NONE && values[path].kind == VALUE_TEXT ? &values[path] : NULL;
}

const struct node_key *fold_fields(const struct fold *f, uint32_t *n)
{
	*n = f->n_fields;
	return f->fields;
}

const uint32_t *fold_indexes(const struct fold *f, uint32_t *n)
{
	*n = f->n_indexes;
	return f->indexes;
}
