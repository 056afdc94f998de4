/* The states of a walk, found by their key. */
#ifndef EVS_REPLAY_STATES_H
#define EVS_REPLAY_STATES_H

#include "fold/fold.h"
#include "replay/walk.h"

/* One of them with what it stands on; it never moves. */
struct states_entry {
	struct walk_state shown;
	struct state state;    /* of a fold */
	struct buf packed, before; /* of a command: the state, RENDER_PAD zeros behind it, and the one before; empty: none */
	struct arena arena;    /* what the value of a command's state needs beside packed */
	uint64_t hash;
	struct walk_state back; /* position, revision, drafted before the event at hand */
	uint64_t event;        /* the walk's count of events when it was last concerned */
	bool asked;            /* the command has been asked for the state after an event, and has not answered */
	char *bytes;           /* key and type */
};

/* Zeroed memory is an empty set. */
struct states {
	struct states_entry **list;
	uint64_t *slots; /* the hash's higher half, and entry + 1 */
	size_t n, cap, n_slots;
};

/* The state of a key, NULL where there is none. */
struct states_entry *states_find(const struct states *s, struct span key, struct span type);

/*
 * The same, made where there is none: a state that does not exist. Key and type are copied.
 *
 *   fold  of the state; NULL: it is a command's
 *
 * NULL: memory ran out.
 */
struct states_entry *states_get(struct states *s, const struct fold *fold, struct span key, struct span type);

/* Give a command's state a new value, packed, NULL: none; the one before is kept. False: no memory, or malformed. */
bool states_put(struct states_entry *e, const uint8_t *packed, size_t size);

/* Put the state back that was there before the last states_put, once. */
void states_put_back(struct states_entry *e);

/* The order of two: by key, then by type (none comes first), as bytes. */
int states_order(const struct walk_state *a, const struct walk_state *b);

/* All of them in that order; owned by the caller (free). NULL: no memory. */
const struct walk_state **states_sorted(const struct states *s);

void states_release(struct states *s);

#endif
