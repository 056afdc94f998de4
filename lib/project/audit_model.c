#include "base/bytes.h"
#include "base/error.h"
#include "project/audit.h"
#include "project/key.h"

/* A model that is checked. */
struct checked {
	const char *name, *called;
	const struct projection *projection;
	const struct generation *generation;
	const struct fold *fold;    /* NULL: of a command */
	struct state state;         /* of the fold */
	struct pile states, index;  /* in the snapshot at hand */
	struct layers_seen {
		size_t n;
		struct pile_layer list[PILE_LAYERS];
	} seen[2];                  /* layers that were checked last */
	bool index_damaged;         /* it is told of when it is gone through */
	struct buf entry;           /* of the index */
};

/* ---- tables ---- */

/* Check a table's layers, unless they are those that were checked last: a snapshot is taken every now and then. */
static int check_layers(struct audit *a, struct layers_seen *seen, const struct pile *table)
{
	bool same = seen->n == table->n_layers;
	int status;

	for (size_t i = 0; i < seen->n && same; i++) {
		const struct pile_layer *x = &seen->list[i], *y = &table->layers[i];
		same = x->number == y->number && x->n == y->n && x->size == y->size && x->grown == y->grown;
	}
	if (same)
		return EVS_OK;
	status = pile_check(table, a->err);
	seen->n = status == EVS_OK ? table->n_layers : 0;
	memcpy(seen->list, table->layers, seen->n * sizeof seen->list[0]);
	return status;
}

/* Open a table of the generation, if that is still there: its number stays when a rebuild becomes the model. */
static int open_table(struct audit *a, struct checked *c, enum projection_table which, struct pile *table)
{
	struct projection now;
	uint64_t number = c->generation->number;
	int status = projection_get(a->txn, c->name, &now, a->err);

	if (status == EVS_OK && (now.id != c->projection->id || (now.model.number != number && now.next.number != number)))
		status = EVS_END;
	projection_release(&now);
	if (status == EVS_OK)
		status = pile_open(a->txn, c->projection, c->generation, which, table, a->err);
	return status == EVS_OK ? check_layers(a, &c->seen[which == PROJECTION_INDEX], table) : status;
}

static int open_states(struct audit *a, void *context, struct pile *table)
{
	struct checked *c = context;
	int status = open_table(a, c, PROJECTION_MODEL, &c->states);

	*table = c->states;
	if (status != EVS_OK)
		return status;
	status = open_table(a, c, PROJECTION_INDEX, &c->index);
	c->index_damaged = status == EVS_CORRUPT;
	return status == EVS_END || c->index_damaged ? EVS_OK : status;
}

static int open_index(struct audit *a, void *context, struct pile *table)
{
	struct checked *c = context;
	int status = open_table(a, c, PROJECTION_MODEL, &c->states);

	if (status == EVS_OK)
		status = open_table(a, c, PROJECTION_INDEX, &c->index);
	*table = c->index;
	return status;
}

/* ---- states ---- */

/*
 * Whether a record of the model is a state: its key one that a state can have, its value what the fold or the command makes.
 * v is then what it says, and the state is in a->packed. EVS_OK, EVS_END, EVS_NOMEM.
 */
static int read_state(struct audit *a, struct checked *c, struct kv_bytes key, struct kv_bytes value, struct key_value *v)
{
	struct key again;
	int status;

	if (!key_decode(key.data, key.size, value.data, value.size, &a->scratch, v))
		return a->scratch.failed ? error_nomem(a->err) : EVS_END;
	key_encode(&again, v->key, v->type);
	if (again.size != key.size || memcmp(again.bytes, key.data, key.size) != 0 || (v->type.text != NULL && !c->generation->by_stream))
		return EVS_END;
	a->packed.size = 0;
	buf_put(&a->packed, v->rest, v->rest_size);
	if (!buf_room(&a->packed, RENDER_PAD))
		return error_nomem(a->err);
	memset(a->packed.data + a->packed.size, 0, RENDER_PAD);
	status = audit_packed(a);
	if (status == EVS_OK && c->fold != NULL && !state_decode(&c->state, a->packed.data, a->packed.size))
		status = EVS_END;
	return status;
}

/* What the index is to have for a field of the state at hand; false: nothing. */
static bool put_entry(struct audit *a, struct checked *c, uint32_t number)
{
	uint32_t n;
	const struct node_key *field = &fold_fields(c->fold, &n)[fold_indexes(c->fold, &n)[number]];
	const struct value state = state_value(&c->state);
	struct value v;

	c->entry.size = 0;
	arena_reset(&a->arena);
	value_member(&state, a->store->names, &a->arena, field->text, field->size, -1, &v);
	return key_put_field(&c->entry, number, &v);
}

/* Look for the entries of the state at hand in the index. */
static int find_entries(struct audit *a, struct checked *c, struct kv_bytes key, const struct key_value *v)
{
	uint32_t n = 0;
	struct kv_bytes value;
	int status = EVS_OK;

	if (c->fold != NULL && !c->index_damaged)
		fold_indexes(c->fold, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (!put_entry(a, c, i))
			continue;
		buf_put(&c->entry, key.data, key.size);
		if (c->entry.failed || a->arena.failed)
			return error_nomem(a->err);
		status = pile_get(&c->index, c->entry.data, c->entry.size, &value, a->err);
		if (status == EVS_END)
			audit_report(a, AUDIT_INDEX_MISSING, 0, "%s: the state of '%.*s' cannot be found by one of its fields", c->called,
			             v->key.size > 100 ? 100 : (int)v->key.size, v->key.text);
		else if (status != EVS_OK)
			return status;
	}
	return EVS_OK;
}

static int look_at_state(struct audit *a, void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct checked *c = context;
	struct key_value v;
	int status = read_state(a, c, key, value, &v);

	a->result->states++;
	if (status == EVS_OK)
		return find_entries(a, c, key, &v);
	if (status != EVS_END)
		return status;
	audit_report(a, AUDIT_STATE, 0, "a state of %s is damaged", c->called);
	return EVS_OK;
}

/* ---- the index ---- */

/* Whether an entry of the index is what the state has that it leads to. EVS_OK; EVS_END: it is not. */
static int check_entry(struct audit *a, struct checked *c, struct kv_bytes entry, struct kv_bytes sized)
{
	uint32_t n = 0, number;
	size_t size;
	struct kv_bytes key, value;
	struct key_value v;
	int status;

	if (c->fold != NULL)
		fold_indexes(c->fold, &n);
	size = sized.size == 2 ? get16(sized.data) : 0;
	if (size < 3 || size >= entry.size || (number = (uint32_t)entry.data[0] << 8 | entry.data[1]) >= n)
		return EVS_END;
	key = (struct kv_bytes){entry.data + size, entry.size - size};
	status = pile_get(&c->states, key.data, key.size, &value, a->err);
	if (status != EVS_OK)
		return status;
	status = read_state(a, c, key, value, &v);
	if (status != EVS_OK)
		return status == EVS_END ? EVS_OK : status; /* it was told of as a state */
	if (!put_entry(a, c, number))
		return EVS_END;
	if (c->entry.failed || a->arena.failed)
		return error_nomem(a->err);
	return c->entry.size == size && memcmp(c->entry.data, entry.data, size) == 0 ? EVS_OK : EVS_END;
}

static int look_at_entry(struct audit *a, void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct checked *c = context;
	int status = check_entry(a, c, key, value);

	if (status != EVS_END)
		return status;
	audit_report(a, AUDIT_INDEX_STRAY, 0, "%s: the index leads to a state by a field that it does not have", c->called);
	return EVS_OK;
}

int audit_model(struct audit *a, const char *name, const char *called, const struct projection *p, const struct generation *g,
                const struct fold *fold)
{
	static const struct audit_table states = {"the states of a projection", open_states, look_at_state};
	static const struct audit_table index = {"the index of a projection", open_index, look_at_entry};
	struct checked c = {.name = name, .called = called, .projection = p, .generation = g, .fold = fold};
	int status = EVS_OK;

	if (fold != NULL && !state_init(&c.state, fold))
		status = error_nomem(a->err);
	if (status == EVS_OK)
		status = audit_walk(a, &states, &c);
	if (status == EVS_OK)
		status = audit_walk(a, &index, &c);
	state_release(&c.state);
	buf_free(&c.entry);
	return status;
}
