/*
 * Folds: programs that turn events into states; the language is evs-fold(5).
 * Invariants: a parsed fold is read-only and shared; a run of it is one thread's. Between fold_begin and fold_end
 * every change to a state is noted, so that an event on which the fold fails leaves no trace.
 */
#ifndef EVS_FOLD_FOLD_H
#define EVS_FOLD_FOLD_H

#include "event/render.h"
#include "event/view.h"
#include "evs.h"
#include "fold/value.h"

struct fold;

/*
 * Parse a fold.
 *
 *   name  of the file, for messages
 *
 * EVS_OK; EVS_USAGE with a message of three lines (name:line:column: what is wrong, the line, a caret); EVS_NOMEM.
 */
int fold_parse(const char *name, const char *text, size_t size, struct fold **out, struct evs_error *err);
void fold_free(struct fold *f); /* NULL is fine */

/* The same text, set out in the one way, behind out; comments stay. As fold_parse. */
int fold_format(const char *name, const char *text, size_t size, struct buf *out, struct evs_error *err);

/* Equal for folds that are the same but for white space and comments. Never 0. */
uint64_t fold_hash(const struct fold *f);

/* Whether there is one state a stream, made of its events alone: the fold has no key line, and no `on` a key. */
bool fold_by_stream(const struct fold *f);

/*
 * The key of an event that was looked at, by the fold's key line: NULL where there is no such line, or where the key is
 * another than a text of the event.
 */
const struct value *fold_key_value(const struct fold *f, const struct value *values);

/* The fields that states can have, in the order they first stand in the fold. Owned by the fold. */
const struct node_key *fold_fields(const struct fold *f, uint32_t *n);

/* The fields of its index lines, as places in fold_fields. Owned by the fold. */
const uint32_t *fold_indexes(const struct fold *f, uint32_t *n);

/* ---- states ---- */

/* A state: an object whose fields are fold_fields, VALUE_ABSENT where not set. */
struct state {
	bool exists, placed; /* placed: the fields' values lie in the caller's memory */
	struct node fields;  /* keys are the fold's */
};

/* An empty state, that does not exist. False when memory ran out. The fold must outlive it. */
bool state_init(struct state *s, const struct fold *f);
void state_release(struct state *s); /* zeroed memory is fine */

/* The same in memory of the caller, for as many values as fold_fields says, which must outlive it. */
void state_place(struct state *s, const struct fold *f, struct value *values);

/* Read what state_encode wrote. False when it is malformed or memory ran out; s is then empty. */
bool state_decode(struct state *s, const uint8_t *packed, size_t size);

/* Write an existing state as a packed map behind out. False when memory ran out. */
bool state_encode(const struct state *s, struct buf *out);

/* An existing state as a value, which borrows it; null where it does not exist. */
struct value state_value(const struct state *s);

/* ---- running ---- */

struct fold_run;

/* names are borrowed until fold_run_free. NULL: no memory. */
struct fold_run *fold_run_new(const struct fold *f, const struct names *names);
void fold_run_free(struct fold_run *r); /* NULL is fine */

/* A state that the event at hand changes. */
struct fold_target {
	struct span type; /* by stream: the aggregateType; text NULL: none, or not by stream */
	struct span key;  /* the aggregateId, or the key's text */
};

/*
 * Begin an event; the record is borrowed until fold_end.
 * EVS_OK; EVS_END: it is none of this fold's; EVS_CORRUPT.
 */
int fold_begin(struct fold_run *r, const struct record *record, struct evs_error *err);

/* The same for a record that was looked at already. */
int fold_begin_viewed(struct fold_run *r, const struct record *record, const struct view *view, struct evs_error *err);

/* A well-formed event, of which is known what the fold reads in it: look.h. */
struct fold_event {
	const struct record *record;
	struct text type;           /* its eventType */
	struct span key, kind;      /* aggregateId and aggregateType of its stream; text NULL where there is none */
	const struct value *values; /* of the fold's paths */
};

/* Begin such an event, borrowed until fold_end. */
int fold_begin_looked(struct fold_run *r, const struct fold_event *event, struct evs_error *err);

/*
 * The next state that the event changes; out is valid until the next call. An event may have the same one twice.
 * EVS_OK; EVS_END; EVS_BAD_EVENT: the fold fails on the event, the message names the event's position and the
 * fold's line; EVS_CORRUPT, EVS_NOMEM.
 */
int fold_next(struct fold_run *r, struct fold_target *out, struct evs_error *err);

/* Change that state, once, after fold_next. The state must live until fold_end. Statuses as fold_next but EVS_END. */
int fold_apply(struct fold_run *r, struct state *s, struct evs_error *err);

/* End the event: its changes stay (keep), or are all taken back. */
void fold_end(struct fold_run *r, bool keep);

#endif
