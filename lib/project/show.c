/* States of a projection, looked up and written as JSON. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fold/expr.h"
#include "project/key.h"
#include "project/pile.h"
#include "fold/fold.h"

enum { TYPES_SHOWN = 5, ROWS_SPARE = 1000 };
#define WRITE_BYTES ((size_t)1 << 18)

/* A state that is to be written. */
struct row {
	size_t at, size;   /* of its line */
	struct value sort; /* owned */
};

struct show {
	struct evs_store *store;
	const struct evs_show_options *options;
	struct projection projection;
	struct fold *fold; /* NULL: a command */
	struct kv_txn *txn;
	struct pile model;
	struct expr *where, *sort;
	bool descending;
	struct eval *eval;
	struct arena arena;
	struct buf scratch, packed, text;
	struct row *rows;
	size_t n, cap;
	bool pruned;  /* what does not come before the row `worst` is not among those that are wanted */
	size_t worst;
};

/* ---- one state ---- */

static int damaged(const struct show *s, struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "a state of projection '%s' is damaged", s->options->name);
}

/* The state of a record; it lives until the next call. */
static int read_state(struct show *s, const struct key_value *v, struct value *state, struct evs_error *err)
{
	s->packed.size = 0;
	buf_put(&s->packed, v->rest, v->rest_size);
	if (s->packed.failed || !buf_room(&s->packed, RENDER_PAD))
		return error_nomem(err);
	memset(s->packed.data + s->packed.size, 0, RENDER_PAD);
	arena_reset(&s->arena);
	if (value_read(&s->arena, s->packed.data, s->packed.data + s->packed.size, state) == s->packed.data + s->packed.size)
		return EVS_OK;
	return s->arena.failed ? error_nomem(err) : damaged(s, err);
}

/* Say which state an expression fails on. */
static int failed(const struct key_value *v, int status, struct evs_error *err)
{
	if (status == EVS_BAD_EVENT)
		error_prefix(err, "the state of '%.*s': ", v->key.size > 100 ? 100 : (int)v->key.size, v->key.text);
	return status;
}

static bool put_line(struct show *s, const struct key_value *v, const struct value *state)
{
	buf_text(&s->text, "{\"key\":");
	render_string(&s->text, (const uint8_t *)v->key.text, v->key.size);
	if (v->type.text != NULL) {
		buf_text(&s->text, ",\"aggregateType\":");
		render_string(&s->text, (const uint8_t *)v->type.text, v->type.size);
	}
	buf_text(&s->text, ",\"state\":");
	if (!value_render(&s->text, s->store->names, state))
		return false;
	buf_text(&s->text, "}\n");
	return true;
}

/* ---- order ---- */

/* What sorts before what, of different kinds. */
static int rank(const struct value *v)
{
	switch ((enum value_kind)v->kind) {
	case VALUE_ABSENT: case VALUE_NULL: return 0;
	case VALUE_FALSE: return 1;
	case VALUE_TRUE: return 2;
	case VALUE_NUMBER: case VALUE_DIGITS: return 3;
	case VALUE_TEXT: return 4;
	default: return value_is_list(v) ? 5 : 6;
	}
}

static int compare(const struct value *a, const struct value *b)
{
	uint32_t size = a->size < b->size ? a->size : b->size;
	int order = rank(a) - rank(b);

	if (order != 0)
		return order;
	if (value_is_number(a) && decimal_compare(value_number(a), value_number(b), &order) == DECIMAL_OK)
		return order;
	if (a->kind != VALUE_TEXT)
		return 0;
	order = size == 0 ? 0 : memcmp(a->text, b->text, size);
	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Equal ones stay in the order of their keys, also where the greatest come first. */
static int ascending(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare(&x->sort, &y->sort);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int descending(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare(&y->sort, &x->sort);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* In the order in which they were found. */
static int by_place(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void sort_rows(struct show *s)
{
	if (s->n > 1)
		qsort(s->rows, s->n, sizeof *s->rows, s->descending ? descending : ascending);
}

/* Whether a state cannot be among those that are wanted: as many come before it, or are its equals and were found before it. */
static bool is_beaten(const struct show *s, const struct value *sort)
{
	const struct value *worst;

	if (!s->pruned)
		return false;
	worst = &s->rows[s->worst].sort;
	return (s->descending ? compare(worst, sort) : compare(sort, worst)) >= 0;
}

/* Where there are many more rows than are wanted, leave those that come first. */
static void prune(struct show *s)
{
	const struct evs_show_options *o = s->options;
	size_t end = 0, worst_at;

	if (!o->has_limit || o->limit == 0 || o->limit > SIZE_MAX / 2 - ROWS_SPARE || s->n < o->limit * 2 + ROWS_SPARE)
		return;
	sort_rows(s);
	for (size_t i = o->limit; i < s->n; i++)
		value_drop(&s->rows[i].sort);
	s->n = o->limit;
	worst_at = s->rows[s->n - 1].at;
	qsort(s->rows, s->n, sizeof *s->rows, by_place);
	for (size_t i = 0; i < s->n; i++) {
		struct row *row = &s->rows[i];
		if (row->at == worst_at)
			s->worst = i;
		memmove(s->text.data + end, s->text.data + row->at, row->size);
		row->at = end;
		end += row->size;
	}
	s->text.size = end;
	s->pruned = true;
}

/* ---- rows ---- */

/* Take a record as a row, if it is wanted. */
static int add(struct show *s, const struct key_value *v, struct evs_error *err)
{
	struct row row = {.at = s->text.size};
	struct value state, sort;
	int status = read_state(s, v, &state, err);

	if (status == EVS_OK && s->where != NULL)
		status = expr_holds(s->where, s->eval, NULL, &state, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : failed(v, status, err);
	if (s->sort != NULL) {
		status = expr_value(s->sort, s->eval, NULL, &state, &sort, err);
		if (status != EVS_OK)
			return failed(v, status, err);
		if (is_beaten(s, &sort))
			return EVS_OK;
		if (!value_keep(&sort, &row.sort))
			return error_nomem(err);
	}
	if (!put_line(s, v, &state) || s->text.failed || !array_grow(&s->rows, &s->cap, s->n, sizeof *s->rows)) {
		value_drop(&row.sort);
		return s->text.failed ? error_nomem(err) : damaged(s, err);
	}
	row.size = s->text.size - row.at;
	s->rows[s->n++] = row;
	if (s->sort != NULL)
		prune(s);
	return EVS_OK;
}

/* Whether no more rows are wanted. */
static bool is_enough(const struct show *s)
{
	return s->sort == NULL && s->options->has_limit && s->n >= s->options->limit;
}

/* ---- which states ---- */

static bool is_of_type(const struct show *s, struct span type)
{
	const char *wanted = s->options->aggregate_type;

	if (wanted == NULL || wanted[0] == '\0')
		return wanted == NULL || type.text == NULL;
	return type.text != NULL && strlen(wanted) == type.size && memcmp(wanted, type.text, type.size) == 0;
}

/* Take a record, if it is of the type that is wanted. */
static int take(struct show *s, struct kv_bytes key, struct kv_bytes value, struct evs_error *err)
{
	struct key_value v;

	if (!key_decode(key.data, key.size, value.data, value.size, &s->scratch, &v))
		return damaged(s, err);
	return is_of_type(s, v.type) ? add(s, &v, err) : EVS_OK;
}

static int take_all(struct show *s, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct pile_cursor *c;
	int status = pile_cursor_open(&s->model, &c, err);

	if (status != EVS_OK)
		return status;
	status = pile_seek(c, key, &key, &value, err);
	while (status == EVS_OK && !is_enough(s)) {
		status = take(s, key, value, err);
		if (status == EVS_OK)
			status = pile_next(c, &key, &value, err);
	}
	pile_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* Find the indexed field that `where` wants to be equal to something. *entry: what index entries begin with then. */
static bool find_index(const struct show *s, struct arena *arena, struct buf *entry)
{
	uint32_t n_fields, n = 0;
	const struct node_key *fields = s->fold == NULL ? NULL : fold_fields(s->fold, &n_fields);
	const uint32_t *indexes = s->fold == NULL ? NULL : fold_indexes(s->fold, &n);
	struct buf literal = {0};
	struct value v;
	bool found = false;

	for (uint32_t i = 0; s->where != NULL && i < n && !found; i++) {
		char *name = strndup(fields[indexes[i]].text, fields[indexes[i]].size);

		literal.size = 0;
		found = name != NULL && expr_equals(s->where, name, &literal) &&
		        value_read(arena, literal.data, literal.data + literal.size, &v) != NULL && key_put_field(entry, i, &v);
		free(name);
	}
	buf_free(&literal);
	return found && !entry->failed;
}

/* Take the states that the index has for a value. */
static int take_indexed(struct show *s, const struct buf *entry, struct evs_error *err)
{
	struct kv_bytes key = {entry->data, entry->size}, value, state;
	struct pile_cursor *c;
	struct pile index;
	int status = pile_open(s->txn, &s->projection, &s->projection.model, PROJECTION_INDEX, &index, err);

	if (status == EVS_OK)
		status = pile_cursor_open(&index, &c, err);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status;
	status = pile_seek(c, key, &key, &value, err);
	while (status == EVS_OK && !is_enough(s)) {
		if (key.size <= entry->size || memcmp(key.data, entry->data, entry->size) != 0)
			break;
		if (value.size == 2 && get16(value.data) == entry->size) {
			struct kv_bytes at = {key.data + entry->size, key.size - entry->size};
			status = pile_get(&s->model, at.data, at.size, &state, err);
			if (status == EVS_END)
				status = error_set(err, EVS_CORRUPT, 0, "the index of projection '%s' leads nowhere; --rebuild makes it anew", s->options->name);
			if (status == EVS_OK)
				status = take(s, at, state, err);
		}
		if (status == EVS_OK)
			status = pile_next(c, &key, &value, err);
	}
	pile_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* The states of all types that a key has; their types are listed behind the scratch's text. */
static int take_types(struct show *s, struct span key, size_t *found, struct buf *types, struct evs_error *err)
{
	uint8_t prefix[KEY_MAX];
	size_t size = key_prefix(prefix, key);
	struct kv_bytes at = {prefix, size}, value;
	struct key_value v;
	struct pile_cursor *c;
	int status = pile_cursor_open(&s->model, &c, err);

	if (status != EVS_OK)
		return status;
	for (status = pile_seek(c, at, &at, &value, err); status == EVS_OK; status = pile_next(c, &at, &value, err)) {
		if (at.size < size || memcmp(at.data, prefix, size) != 0)
			break;
		if (!key_decode(at.data, at.size, value.data, value.size, &s->scratch, &v)) {
			status = damaged(s, err);
			break;
		}
		if (v.key.size != key.size || memcmp(v.key.text, key.text, key.size) != 0)
			continue;
		if (++*found <= TYPES_SHOWN) {
			buf_text(types, *found > 1 ? ", " : "");
			buf_printf(types, "%.*s", v.type.text == NULL ? 6 : (int)v.type.size, v.type.text == NULL ? "(none)" : v.type.text);
		}
		if ((status = add(s, &v, err)) != EVS_OK)
			break;
	}
	pile_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

/* The state of one key and type. */
static int take_exact(struct show *s, struct span key, struct span type, size_t *found, struct evs_error *err)
{
	struct kv_bytes value;
	struct key k;
	int status;

	key_encode(&k, key, type);
	status = pile_get(&s->model, k.bytes, k.size, &value, err);
	*found = status == EVS_OK;
	if (status == EVS_OK)
		status = take(s, (struct kv_bytes){k.bytes, k.size}, value, err);
	return status == EVS_END ? EVS_OK : status;
}

static int take_key(struct show *s, struct evs_error *err)
{
	const struct evs_show_options *o = s->options;
	struct span key = {o->key, strlen(o->key)}, type = {0};
	struct buf types = {0};
	size_t found = 0;
	int status = EVS_OK;

	if (o->aggregate_type != NULL && o->aggregate_type[0] != '\0')
		type = (struct span){o->aggregate_type, strlen(o->aggregate_type)};
	if (s->projection.model.by_stream && o->aggregate_type == NULL)
		status = take_types(s, key, &found, &types, err);
	else
		status = take_exact(s, key, type, &found, err);
	buf_byte(&types, '\0');
	if (status == EVS_OK && found == 0)
		status = error_set(err, EVS_END, 0, "projection '%s' has no state of '%.100s'", o->name, o->key);
	else if (status == EVS_OK && found > 1)
		status = error_set(err, EVS_AMBIGUOUS, 0, "projection '%s' has states of '%.100s' in several aggregate types: %.200s%s; add --aggregate-type (\"\" for none)",
		                   o->name, o->key, types.failed ? "" : (char *)types.data, found > TYPES_SHOWN ? " and more" : "");
	buf_free(&types);
	return status;
}

static int take_wanted(struct show *s, struct evs_error *err)
{
	struct buf entry = {0};
	int status;

	if (s->options->aggregate_type != NULL && !s->projection.model.by_stream)
		return error_set(err, EVS_USAGE, 0, "the states of projection '%s' are by a key of the fold, and have no aggregate type", s->options->name);
	if (s->options->key != NULL)
		return take_key(s, err);
	status = find_index(s, &s->arena, &entry) ? take_indexed(s, &entry, err) : take_all(s, err);
	buf_free(&entry);
	return status;
}

/* ---- writing ---- */

/* Write the rows, no transaction being held. */
static int write_rows(struct show *s, struct evs_error *err)
{
	const struct evs_show_options *o = s->options;
	size_t n = o->has_limit && o->limit < s->n ? o->limit : s->n;
	struct buf out = {0};
	int status = EVS_OK;

	if (s->sort != NULL)
		sort_rows(s);
	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		buf_put(&out, s->text.data + s->rows[i].at, s->rows[i].size);
		if (out.failed)
			status = error_nomem(err);
		else if (out.size >= WRITE_BYTES || i + 1 == n) {
			if (o->write(o->context, out.data, out.size) != 0)
				status = error_set(err, EVS_INTERRUPTED, 0, "the output was closed");
			out.size = 0;
		}
	}
	buf_free(&out);
	return status;
}

/* ---- a projection ---- */

static void release(struct show *s)
{
	kv_abort(s->txn);
	projection_release(&s->projection);
	fold_free(s->fold);
	expr_free(s->where);
	expr_free(s->sort);
	eval_free(s->eval);
	arena_free(&s->arena);
	buf_free(&s->scratch);
	buf_free(&s->packed);
	buf_free(&s->text);
	for (size_t i = 0; i < s->n; i++)
		value_drop(&s->rows[i].sort);
	free(s->rows);
}

/* Find the projection and its states. */
static int open_projection(struct show *s, const char *name, struct evs_error *err)
{
	const struct generation *g = &s->projection.model;
	struct store_state state;
	int status = store_begin(s->store, false, &s->txn, &state, err);

	if (status == EVS_OK)
		status = projection_get(s->txn, name, &s->projection, err);
	if (status == EVS_END)
		status = projection_none(s->txn, name, err);
	if (status == EVS_OK && !g->exec)
		status = fold_parse(name, g->source.text, g->source.size, &s->fold, err);
	if (status == EVS_USAGE)
		status = error_set(err, EVS_CORRUPT, 0, "the fold of projection '%s' is damaged", name);
	if (status != EVS_OK)
		return status;
	s->arena.limit = EVS_LINE_MAX * 2ul;
	status = pile_open(s->txn, &s->projection, g, PROJECTION_MODEL, &s->model, err);
	return status == EVS_END ? EVS_OK : status;
}

/* Parse what says which states, and in which order. Names are fields that the fold sets; of a command's states any may be. */
static int parse_expressions(struct show *s, struct evs_error *err)
{
	const struct evs_show_options *o = s->options;
	uint32_t n = 0;
	const struct node_key *fields = s->fold == NULL ? NULL : fold_fields(s->fold, &n);
	int status = EVS_OK;

	s->descending = o->sort != NULL && o->sort[0] == '-';
	if (o->where != NULL)
		status = expr_parse_fields("--where", o->where, EXPR_STATE, fields, n, &s->where, err);
	if (status == EVS_OK && o->sort != NULL)
		status = expr_parse_fields("--sort", o->sort + s->descending, EXPR_STATE, fields, n, &s->sort, err);
	return status;
}

int evs_project_show(struct evs_store *store, const struct evs_show_options *options, struct evs_error *err)
{
	struct show s = {.store = store, .options = options};
	int status = open_projection(&s, options->name, err);

	if (status == EVS_OK)
		status = parse_expressions(&s, err);
	if (status == EVS_OK && (s.eval = eval_new(store->names)) == NULL)
		status = error_nomem(err);
	if (status == EVS_OK)
		status = take_wanted(&s, err);
	kv_abort(s.txn);
	s.txn = NULL;
	if (status == EVS_OK)
		status = write_rows(&s, err);
	release(&s);
	return status;
}

/* ---- fields ---- */

/* Note the fields of one state of a command. */
static int note_fields(struct show *s, struct node *fields, const struct key_value *v, struct evs_error *err)
{
	struct value_iterator it;
	struct node_key key;
	struct value state, field;
	int status = read_state(s, v, &state, err);

	if (status != EVS_OK || !value_is_object(&state) || !value_iterate(&state, &it))
		return status;
	while (value_next(&it, s->store->names, &s->arena, &key, &field))
		if (node_find(fields, key.text, key.size) < 0 && !node_add(fields, key.text, key.size, value_null()))
			return error_nomem(err);
	return it.at == it.n ? EVS_OK : damaged(s, err);
}

/* All fields that states of a command have. */
static int gather_fields(struct show *s, struct node *fields, struct evs_error *err)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct pile_cursor *c;
	struct key_value v;
	int status = pile_cursor_open(&s->model, &c, err);

	if (status != EVS_OK)
		return status;
	status = pile_seek(c, key, &key, &value, err);
	while (status == EVS_OK) {
		status = key_decode(key.data, key.size, value.data, value.size, &s->scratch, &v) ? note_fields(s, fields, &v, err) : damaged(s, err);
		if (status == EVS_OK)
			status = pile_next(c, &key, &value, err);
	}
	pile_cursor_close(c);
	return status == EVS_END ? EVS_OK : status;
}

int evs_project_fields(struct evs_store *store, const char *name, int (*each)(void *context, const char *field, size_t size),
                       void *context, bool *by_stream, struct evs_error *err)
{
	const struct evs_show_options options = {.name = name};
	struct show s = {.store = store, .options = &options};
	struct node *gathered = node_new(true);
	const struct node_key *fields = NULL;
	uint32_t n = 0;
	int status = gathered == NULL ? error_nomem(err) : open_projection(&s, name, err);

	if (status == EVS_OK)
		*by_stream = s.projection.model.by_stream;
	if (status == EVS_OK && s.fold != NULL) {
		fields = fold_fields(s.fold, &n);
	} else if (status == EVS_OK) {
		status = gather_fields(&s, gathered, err);
		fields = gathered->keys;
		n = gathered->n;
	}
	kv_abort(s.txn);
	s.txn = NULL;
	for (uint32_t i = 0; status == EVS_OK && i < n; i++)
		if (each(context, fields[i].text, fields[i].size) != 0)
			status = error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	node_free(gathered);
	release(&s);
	return status;
}
