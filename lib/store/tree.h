/*
 * The trees of pages in a store's file, as LMDB 0.9 lays them out, read by evs itself: LMDB believes every page, this
 * believes none. A page is looked at as a whole before anything in it is used, and must lie between the keys that lead to it:
 * so every walk ends, whatever the bytes are, and nothing outside the file is read. Keys sort as bytes, in LMDB's list of free
 * pages as numbers.
 *
 * The format is that of LMDB's mdb.c (struct MDB_page, MDB_node, MDB_db, MDB_meta; lmdb.tech), little-endian, 64 bits.
 */
#ifndef EVS_STORE_TREE_H
#define EVS_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/kv.h"

#define TREE_DEPTH_MAX 32       /* LMDB's cursors have no room for more */
#define TREE_NONE UINT64_MAX    /* the root of an empty tree */
#define TREE_META_BYTES 152     /* of a meta page, from its begin */
#define TREE_PAGE_HEAD 16

/* What the file says of a tree. */
struct tree {
	uint64_t root, entries, pages; /* pages: all that it says it has */
	unsigned depth;   /* levels; 0: it is empty */
	bool numbers;     /* its keys are u64 of the machine */
	bool damaged;     /* what the file says cannot be */
};

/* A meta page. */
struct tree_meta {
	uint64_t txn, last_page;
	uint32_t page_size;
	struct tree free, main;
	bool damaged; /* the trees cannot be so, which LMDB leaves behind in the older one where its writing failed */
};

/* The file, or as much of it as a snapshot has. It belongs to one thread, as its transaction does. */
struct tree_file {
	const uint8_t *bytes; /* where the file is mapped; NULL: pages are read from fd into `copies`, for one short walk by one thread */
	int fd;
	struct tree_copies *copies;
	uint64_t pages; /* that can be read */
	uint32_t page_size;
	uint64_t sound[256]; /* numbers of pages that were looked at, at their number modulo 256; 0: none */
};

/* A page that is damaged, and why. */
struct tree_fault {
	uint64_t page;
	const char *why;
};

/* Pages that were read, the caller's: to be zeroed at first, and each page to be freed. */
struct tree_copies {
	int failed; /* errno of a page that could not be read, 0: none */
	uint8_t *pages[TREE_DEPTH_MAX];
	unsigned n;
};

/* Read a meta page's first TREE_META_BYTES. False when it is none that evs could have written. */
bool tree_meta(const uint8_t *page, struct tree_meta *out);

/* Of the two meta pages the one of the newest commit. Returns NULL, or what is wrong with them. */
const char *tree_newest(const struct tree_meta pair[2], const struct tree_meta **newest);

/* Read the record of a table, which is the value of its name in LMDB's own table. */
void tree_of(struct tree *t, const struct tree_file *f, struct kv_bytes record);

/* ---- cursors ---- */

struct tree_cursor {
	struct tree_file *file;
	const struct tree *tree;
	bool placed;
	struct tree_fault fault; /* of the last call that returned EVS_CORRUPT */
	struct tree_level {
		uint64_t number;
		const uint8_t *page;
		unsigned n, at; /* nodes; the one that leads on */
		struct kv_bytes low, high; /* its keys are not before low, and before high; data NULL: no bound */
	} levels[TREE_DEPTH_MAX];
};

void tree_cursor(struct tree_cursor *c, struct tree_file *file, const struct tree *tree);

/* Move as kv_move does. EVS_OK, EVS_END; EVS_CORRUPT. *table, may be NULL: whether the value is the record of a table. */
int tree_move(struct tree_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, bool *table);

/*
 * Look at the pages that LMDB may touch when it changes a key, the first one or the last one: those that lead to it.
 * beside: when it deletes it or goes on from it: also those next to them. EVS_OK, EVS_CORRUPT.
 */
int tree_surroundings(struct tree_cursor *c, enum kv_move move, struct kv_bytes key, bool beside);

/* Whether a key belongs to the leaf that tree_surroundings looked at last. */
bool tree_covers(const struct tree_cursor *c, struct kv_bytes key);

/* ---- all pages ---- */

struct tree_walk {
	struct tree_file *file;
	uint8_t *seen; /* a bit a page: those that belong to something */
	void (*fault)(void *context, const struct tree_fault *fault); /* called for every damaged page */
	void (*leaf)(void *context, const uint8_t *page); /* may be NULL: called for every sound one */
	void *context;
	uint64_t faults, pages, entries; /* that were met */
	uint64_t unforgotten;            /* pages that were met and may be in memory */
};

/* Walk a whole tree; of what is damaged the rest is looked at. */
void tree_walk(struct tree_walk *w, const struct tree *tree);

/* Walk the tree of free pages, and the lists in it. */
void tree_walk_free(struct tree_walk *w, const struct tree *tree, uint64_t last_page);

/* What is wrong with a list of free pages, how many and then they, the greatest first; NULL: nothing. */
const char *tree_list_fault(struct kv_bytes list, uint64_t last_page);

/* ---- a page by itself ---- */

/* What is wrong with the leaf of this number; NULL: nothing. */
const char *tree_leaf_fault(const struct tree_file *f, uint64_t number);

/* How many keys a sound leaf has; one of them, and its value where that is whole (else false). */
unsigned tree_leaf_count(const uint8_t *page);
bool tree_leaf_at(const struct tree_file *f, const uint8_t *page, unsigned i, struct kv_bytes *key, struct kv_bytes *value,
                  bool *table);

/* The first page of a value that has pages of its own, its bytes to the end of the last of them. False: it is none. */
bool tree_overflow_at(const struct tree_file *f, uint64_t number, struct kv_bytes *value);

#endif
