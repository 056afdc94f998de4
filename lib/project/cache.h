/* States in memory, found by their keys. */
#ifndef EVS_PROJECT_CACHE_H
#define EVS_PROJECT_CACHE_H

#include "event/view.h"
#include "fold/fold.h"

/* A state; it stays where it is until the cache is cleared. */
struct cached {
	struct state state;     /* of a fold */
	uint8_t *packed;        /* of a command: owned, RENDER_PAD zeros behind it; NULL: no state */
	uint32_t packed_size;
	uint32_t number;        /* they are numbered from 0 as they come */
	uint32_t cost;          /* bytes of memory that the state is taken to have, beside this */
	uint32_t key_size;
	uint16_t type_size;
	bool typed;             /* it has an aggregateType */
	bool stored;            /* the model has it */
	bool changed;           /* since the last commit */
	bool asked;             /* a question about it is under way */
	struct value values[];  /* of state.fields; behind them key and type */
};

static inline const char *cached_bytes(const struct cached *c)
{
	return (const char *)(c->values + c->state.fields.n);
}

static inline struct span cached_key(const struct cached *c)
{
	return (struct span){cached_bytes(c), c->key_size};
}

static inline struct span cached_type(const struct cached *c)
{
	return (struct span){c->typed ? cached_bytes(c) + c->key_size : NULL, c->type_size};
}

struct cache_block;

struct cache_slot {
	uint64_t hash;
	struct cached *entry; /* NULL: free */
};

/* Zeroed memory with fold set (NULL: states are of a command) is an empty cache. */
struct cache {
	const struct fold *fold;
	struct cached **list; /* by number */
	size_t n, cap;
	struct cache_slot *slots;
	size_t n_slots;
	struct cache_block *block;
	size_t cost;          /* bytes of memory, about */
};

/*
 * The state of a key; made where there is none, *made then true: it does not exist, and what the model has is to be
 * given to cache_set. NULL: memory ran out.
 */
struct cached *cache_get(struct cache *c, struct span key, struct span type, bool *made);

/* The same where the hash of the key is known. */
uint64_t cache_hash(struct span key, struct span type);
struct cached *cache_get_hashed(struct cache *c, uint64_t hash, struct span key, struct span type, bool *made);

/* Have near what a cache_get for a hash will look at: first this, then that, last the texts of its state. */
void cache_prefetch_slot(const struct cache *c, uint64_t hash);
void cache_prefetch_entry(const struct cache *c, uint64_t hash);
void cache_prefetch_texts(const struct cache *c, uint64_t hash);

/* Give a state the packed one that the model has. False: malformed, or memory ran out. */
bool cache_set(struct cache *c, struct cached *e, const uint8_t *packed, size_t size);

/* Replace the packed state of a command; NULL: there is none. False when memory ran out. */
bool cache_put(struct cache *c, struct cached *e, const uint8_t *packed, size_t size);

/* Take its memory to be that of so many packed bytes. */
void cache_weigh(struct cache *c, struct cached *e, size_t packed_size);

/* Let go of all states; memory stays for the next ones. */
void cache_clear(struct cache *c);
void cache_release(struct cache *c);

#endif
