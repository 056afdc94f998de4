#include "store/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

/* A meta page; evs-store(5). */
enum {
	META_MAGIC_AT = 16, META_VERSION_AT = 20, META_FREE_AT = 40, META_MAIN_AT = 88, META_LAST_PAGE_AT = 136, META_TXN_AT = 144,
};
#define META_MAGIC 0xBEEFC0DEu

/* The record of a tree: its pad is the size of pages, in that of the free ones. */
enum {
	RECORD_PAD_AT = 0, RECORD_FLAGS_AT = 4, RECORD_DEPTH_AT = 6, RECORD_BRANCHES_AT = 8, RECORD_LEAVES_AT = 16,
	RECORD_OVERFLOW_AT = 24, RECORD_ENTRIES_AT = 32, RECORD_ROOT_AT = 40, RECORD_BYTES = 48, RECORD_NUMBERS = 8,
	RECORD_ONE_FILE = 0x4000, /* of the free pages' tree: the environment is no folder */
};

/* A page, and a node in it. */
enum {
	PAGE_FLAGS_AT = 10, PAGE_LOWER_AT = 12, PAGE_UPPER_AT = 14, PAGE_RUN_AT = 12,
	PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8,
};
enum { NODE_FLAGS_AT = 4, NODE_KEY_SIZE_AT = 6, NODE_HEAD = 8, NODE_BIG = 1, NODE_TABLE = 2 };
enum { PAGE_SIZE_MAX = 65536, LEAST_PAGE = 2, FORGET_PAGES = 8192 };
enum { LONG_RUN = 32 }; /* pages of a value of which who asks for it may copy the little that is wanted: kv_peek */

/* ---- what the file says of itself ---- */

static void read_record(struct tree *t, const uint8_t *record, uint64_t pages, unsigned flags)
{
	unsigned has = get16(record + RECORD_FLAGS_AT);

	*t = (struct tree){.root = get64(record + RECORD_ROOT_AT), .entries = get64(record + RECORD_ENTRIES_AT),
	                   .depth = get16(record + RECORD_DEPTH_AT), .numbers = flags == RECORD_NUMBERS};
	t->pages = get64(record + RECORD_BRANCHES_AT) + get64(record + RECORD_LEAVES_AT) + get64(record + RECORD_OVERFLOW_AT);
	if (t->numbers)
		has &= ~(unsigned)RECORD_ONE_FILE;
	t->damaged = has != flags || t->depth > TREE_DEPTH_MAX || (t->depth == 0) != (t->root == TREE_NONE);
	if (t->depth == 0)
		t->damaged |= t->entries != 0 || t->pages != 0;
	else
		t->damaged |= t->root < LEAST_PAGE || t->root >= pages || t->pages > pages;
}

bool tree_meta(const uint8_t *page, struct tree_meta *out)
{
	uint32_t size = get32(page + META_FREE_AT);

	if (get32(page + META_MAGIC_AT) != META_MAGIC || (get32(page + META_VERSION_AT) & 0xffff) != 1 || size < 512 ||
	    size > PAGE_SIZE_MAX || (size & (size - 1)) != 0 || (get16(page + PAGE_FLAGS_AT) & PAGE_META) == 0)
		return false;
	out->page_size = size;
	out->last_page = get64(page + META_LAST_PAGE_AT);
	out->txn = get64(page + META_TXN_AT);
	if (out->last_page < LEAST_PAGE - 1 || out->last_page >= (UINT64_C(1) << 48))
		return false;
	read_record(&out->free, page + META_FREE_AT, out->last_page + 1, RECORD_NUMBERS);
	read_record(&out->main, page + META_MAIN_AT, out->last_page + 1, 0);
	out->damaged = out->free.damaged || out->main.damaged;
	return true;
}

const char *tree_newest(const struct tree_meta pair[2], const struct tree_meta **newest)
{
	uint64_t first = pair[0].txn, second = pair[1].txn;

	*newest = &pair[second > first];
	/* Each commit writes the older one of the two. */
	if ((first & 1) != 0 || second - first + 1 > 2 || (second == first && first != 0))
		return "the first two pages are of commits that do not belong together";
	if ((*newest)->damaged)
		return second > first ? "the second page is damaged" : "the first page is damaged";
	return NULL;
}

void tree_of(struct tree *t, const struct tree_file *f, struct kv_bytes record)
{
	if (record.size == RECORD_BYTES)
		read_record(t, record.data, f->pages, 0);
	else
		*t = (struct tree){.root = TREE_NONE, .damaged = true};
}

/* ---- pages ---- */

/* Copy the first bytes of a page: how many there are, or -1. */
static ssize_t read_begin(const struct tree_file *f, uint64_t number, uint8_t *copy, size_t size)
{
	ssize_t n;

	while ((n = pread(f->fd, copy, size, (off_t)(number * f->page_size))) < 0 && errno == EINTR)
		;
	return n;
}

/* A page of a file that is not in memory; NULL: it cannot be read. */
static const uint8_t *read_page(const struct tree_file *f, uint64_t number)
{
	struct tree_copies *c = f->copies;
	uint8_t *page = c->n < TREE_DEPTH_MAX ? malloc(f->page_size) : NULL;
	ssize_t n;

	if (page == NULL) {
		c->failed = ENOMEM;
		return NULL;
	}
	c->pages[c->n++] = page;
	n = read_begin(f, number, page, f->page_size);
	if (n < 0)
		c->failed = errno;
	return n == (ssize_t)f->page_size ? page : NULL;
}

static const uint8_t *page_at(const struct tree_file *f, uint64_t number)
{
	return f->bytes == NULL ? read_page(f, number) : f->bytes + number * f->page_size;
}

unsigned tree_leaf_count(const uint8_t *page)
{
	return (get16(page + PAGE_LOWER_AT) - (unsigned)TREE_PAGE_HEAD) / 2;
}

static const uint8_t *node_at(const uint8_t *page, unsigned i)
{
	return page + get16(page + TREE_PAGE_HEAD + 2 * i);
}

static struct kv_bytes node_key(const uint8_t *node)
{
	return (struct kv_bytes){node + NODE_HEAD, get16(node + NODE_KEY_SIZE_AT)};
}

/* The page that a node of a branch leads to. */
static uint64_t node_child(const uint8_t *node)
{
	return get32(node) | (uint64_t)get16(node + NODE_FLAGS_AT) << 32;
}

/* Bytes of a node in its page. */
static size_t node_size(const uint8_t *node, bool leaf)
{
	size_t size = NODE_HEAD + (size_t)get16(node + NODE_KEY_SIZE_AT);

	if (leaf)
		size += (get16(node + NODE_FLAGS_AT) & NODE_BIG) != 0 ? 8 : get32(node);
	return (size + 1) & ~(size_t)1;
}

static int compare(struct kv_bytes a, struct kv_bytes b, bool numbers)
{
	uint64_t x, y;
	int order;

	if (numbers) {
		x = get64(a.data);
		y = get64(b.data);
		return x < y ? -1 : x > y;
	}
	/* Most keys differ early. */
	if (a.size >= 8 && b.size >= 8 && (x = get64be(a.data)) != (y = get64be(b.data)))
		return x < y ? -1 : 1;
	order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
	return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* What is wrong with a node that begins at `at`, before anything else of it is read; NULL: nothing. */
static const char *node_fault(const struct tree_file *f, const uint8_t *page, size_t at, bool leaf, bool first, bool numbers)
{
	const uint8_t *node = page + at;
	size_t key, flags;

	if (f->page_size - at < NODE_HEAD)
		return "a node does not fit";
	key = get16(node + NODE_KEY_SIZE_AT);
	flags = get16(node + NODE_FLAGS_AT);
	if (node_size(node, leaf) > f->page_size - at)
		return "a node does not fit";
	/* The first key of a branch is before all others, whatever it is. */
	if (key > KV_KEY_MAX || (!(first && !leaf) && (numbers ? key != 8 : key == 0)))
		return "a key has a size that it cannot have";
	if (!leaf)
		return node_child(node) < LEAST_PAGE || node_child(node) >= f->pages ? "it leads to a page that is not there" : NULL;
	return flags != 0 && flags != NODE_BIG && flags != NODE_TABLE ? "a node has flags that it cannot have" : NULL;
}

/*
 * What is wrong with the nodes of a page, which lie one behind another from its upper bound to its end, in any order, and
 * whose keys ascend; NULL: nothing.
 */
static const char *nodes_fault(const struct tree_file *f, const uint8_t *page, unsigned n, bool leaf, bool numbers)
{
	uint64_t begins[PAGE_SIZE_MAX / 2 / 64]; /* a bit for each place where a node can be */
	size_t upper = get16(page + PAGE_UPPER_AT), at;
	struct kv_bytes before = {NULL, 0}, key;
	const char *why;

	memset(begins, 0, f->page_size / 2 / 8);
	for (unsigned i = 0; i < n; i++) {
		at = get16(page + TREE_PAGE_HEAD + 2 * i);
		if (at < upper || at >= f->page_size || (at & 1) != 0 || (begins[at / 128] >> (at / 2 % 64) & 1) != 0)
			return "a node is where none can be";
		begins[at / 128] |= UINT64_C(1) << (at / 2 % 64);
		if ((why = node_fault(f, page, at, leaf, i == 0, numbers)) != NULL)
			return why;
		key = node_key(page + at);
		if (before.data != NULL && compare(before, key, numbers) >= 0)
			return "its keys are not in order";
		if (leaf || i > 0)
			before = key;
	}
	for (at = upper; at < f->page_size; at += node_size(page + at, leaf))
		if ((begins[at / 128] >> (at / 2 % 64) & 1) == 0)
			return "its nodes leave gaps";
	return NULL;
}

/* What is wrong with a page of a tree by itself; NULL: nothing. */
static const char *page_fault(const struct tree_file *f, const uint8_t *page, uint64_t number, bool leaf, bool numbers)
{
	unsigned lower, upper, n;

	if (page == NULL)
		return "it is not in the file";
	if (get64(page) != number)
		return "it has the number of another page";
	if (get16(page + PAGE_FLAGS_AT) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return leaf ? "it is no leaf" : "it is no branch";
	lower = get16(page + PAGE_LOWER_AT);
	upper = get16(page + PAGE_UPPER_AT);
	n = lower < TREE_PAGE_HEAD ? 0 : tree_leaf_count(page);
	if ((lower & 1) != 0 || lower > upper || upper > f->page_size || n < (leaf ? 1 : 2))
		return "its bounds are none";
	return nodes_fault(f, page, n, leaf, numbers);
}

const char *tree_leaf_fault(const struct tree_file *f, uint64_t number)
{
	return page_fault(f, number < LEAST_PAGE || number >= f->pages ? NULL : page_at(f, number), number, true, false);
}

/* The same, remembered for this snapshot, and whether the page lies between the keys that lead to it. */
static const char *level_fault(struct tree_file *f, const struct tree *t, struct tree_level *l, bool leaf)
{
	uint64_t *sound = &f->sound[l->number % (sizeof f->sound / sizeof f->sound[0])];
	unsigned first = leaf ? 0 : 1;
	const char *why;

	l->page = l->number < LEAST_PAGE || l->number >= f->pages ? NULL : page_at(f, l->number);
	why = l->page != NULL && *sound == l->number ? NULL : page_fault(f, l->page, l->number, leaf, t->numbers);
	if (why != NULL)
		return why;
	/* What was sound in another tree may be of another kind in this one. */
	if (get16(l->page + PAGE_FLAGS_AT) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return leaf ? "it is no leaf" : "it is no branch";
	l->n = tree_leaf_count(l->page);
	if ((l->low.data != NULL && compare(node_key(node_at(l->page, first)), l->low, t->numbers) < 0) ||
	    (l->high.data != NULL && compare(node_key(node_at(l->page, l->n - 1)), l->high, t->numbers) >= 0))
		return "its keys are not those that belong there";
	if (!t->numbers)
		*sound = l->number;
	return NULL;
}

/* Where the value of a leaf's node is. False with fault: the pages that it lies in are damaged. */
static bool node_value(const struct tree_file *f, const uint8_t *node, struct kv_bytes *value, struct tree_fault *fault)
{
	struct kv_bytes key = node_key(node);
	const uint8_t *data = key.data + key.size, *page;
	uint8_t begin[TREE_PAGE_HEAD];
	uint64_t number, run;

	value->data = data;
	value->size = get32(node);
	if ((get16(node + NODE_FLAGS_AT) & NODE_BIG) == 0)
		return true;
	number = get64(data);
	run = (TREE_PAGE_HEAD + (uint64_t)value->size + f->page_size - 1) / f->page_size;
	*fault = (struct tree_fault){number, "it is not in the file"};
	if (number < LEAST_PAGE || number >= f->pages || run > f->pages - number)
		return false;
	fault->why = "it is not the first of a value's pages";
	if (run >= LONG_RUN && f->bytes != NULL && f->fd >= 0) {
		page = read_begin(f, number, begin, sizeof begin) == (ssize_t)sizeof begin ? begin : NULL;
	} else {
		page = page_at(f, number);
	}
	if (page == NULL || get64(page) != number || get16(page + PAGE_FLAGS_AT) != PAGE_OVERFLOW || get32(page + PAGE_RUN_AT) != run)
		return false;
	value->data = (page == begin ? f->bytes + number * f->page_size : page) + TREE_PAGE_HEAD;
	return true;
}

bool tree_leaf_at(const struct tree_file *f, const uint8_t *page, unsigned i, struct kv_bytes *key, struct kv_bytes *value,
                  bool *table)
{
	const uint8_t *node = node_at(page, i);
	struct tree_fault fault;

	*key = node_key(node);
	*table = (get16(node + NODE_FLAGS_AT) & NODE_TABLE) != 0;
	return node_value(f, node, value, &fault);
}

bool tree_overflow_at(const struct tree_file *f, uint64_t number, struct kv_bytes *value)
{
	const uint8_t *page = page_at(f, number);
	uint64_t run = get32(page + PAGE_RUN_AT);

	if (get64(page) != number || get16(page + PAGE_FLAGS_AT) != PAGE_OVERFLOW || run == 0 || run > f->pages - number)
		return false;
	*value = (struct kv_bytes){page + TREE_PAGE_HEAD, run * f->page_size - TREE_PAGE_HEAD};
	return true;
}

/* ---- cursors ---- */

void tree_cursor(struct tree_cursor *c, struct tree_file *file, const struct tree *tree)
{
	c->file = file;
	c->tree = tree;
	c->placed = false;
}

/* Where a search goes on in a page: at its first node, its last, or by key. */
enum side { SIDE_FIRST, SIDE_LAST, SIDE_KEY };

/* The first node of a leaf whose key is not before `key`; of a branch the last one whose key is not behind it. */
static unsigned search(const struct tree_cursor *c, const struct tree_level *l, struct kv_bytes key, bool leaf)
{
	unsigned low = leaf ? 0 : 1, high = l->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = compare(node_key(node_at(l->page, middle)), key, c->tree->numbers);
		if (leaf ? order < 0 : order <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return leaf ? low : low - 1;
}

/* Make the level below `depth` the child of its node. */
static void enter_child(struct tree_cursor *c, unsigned depth)
{
	const struct tree_level *l = &c->levels[depth];
	struct tree_level *below = &c->levels[depth + 1];

	below->number = node_child(node_at(l->page, l->at));
	below->low = l->at == 0 ? l->low : node_key(node_at(l->page, l->at));
	below->high = l->at + 1 == l->n ? l->high : node_key(node_at(l->page, l->at + 1));
}

/* Look at the page of level `depth` and those that follow, down to a leaf. */
static int descend(struct tree_cursor *c, unsigned depth, enum side side, struct kv_bytes key)
{
	for (;; depth++) {
		struct tree_level *l = &c->levels[depth];
		bool leaf = depth + 1 == c->tree->depth;
		c->fault = (struct tree_fault){l->number, level_fault(c->file, c->tree, l, leaf)};
		if (c->fault.why != NULL)
			return EVS_CORRUPT;
		l->at = side == SIDE_FIRST ? 0 : side == SIDE_LAST ? l->n - 1 : search(c, l, key, leaf);
		if (leaf)
			return EVS_OK;
		enter_child(c, depth);
	}
}

/* From the root. */
static int descend_all(struct tree_cursor *c, enum side side, struct kv_bytes key)
{
	c->placed = false;
	c->fault = (struct tree_fault){c->tree->root, "what the file says of its tree cannot be"};
	if (c->tree->damaged)
		return EVS_CORRUPT;
	if (c->tree->depth == 0)
		return EVS_END;
	c->levels[0] = (struct tree_level){.number = c->tree->root};
	return descend(c, 0, side, key);
}

/* To the node before or behind. */
static int step(struct tree_cursor *c, bool forwards)
{
	unsigned depth = c->tree->depth - 1;
	struct kv_bytes none = {NULL, 0};

	for (;; depth--) {
		struct tree_level *l = &c->levels[depth];
		if (forwards ? l->at + 1 < l->n : l->at > 0) {
			l->at = forwards ? l->at + 1 : l->at - 1;
			break;
		}
		if (depth == 0)
			return EVS_END;
	}
	if (depth + 1 == c->tree->depth)
		return EVS_OK;
	enter_child(c, depth);
	return descend(c, depth + 1, forwards ? SIDE_FIRST : SIDE_LAST, none);
}

/* The first key not before `key`. */
static int seek(struct tree_cursor *c, struct kv_bytes key)
{
	struct tree_level *leaf = &c->levels[c->tree->depth - 1];
	int status = descend_all(c, SIDE_KEY, key);

	if (status != EVS_OK || leaf->at < leaf->n)
		return status;
	leaf->at--;
	return step(c, true);
}

static int seek_before(struct tree_cursor *c, struct kv_bytes key)
{
	const struct tree_level *leaf = &c->levels[c->tree->depth - 1];
	int status = seek(c, key);

	if (status == EVS_END)
		return descend_all(c, SIDE_LAST, key);
	if (status != EVS_OK || compare(node_key(node_at(leaf->page, leaf->at)), key, c->tree->numbers) == 0)
		return status;
	return step(c, false);
}

static int move_to(struct tree_cursor *c, enum kv_move move, struct kv_bytes key)
{
	switch (move) {
	case KV_FIRST:
		return descend_all(c, SIDE_FIRST, key);
	case KV_LAST:
		return descend_all(c, SIDE_LAST, key);
	case KV_NEXT:
		return c->placed ? step(c, true) : descend_all(c, SIDE_FIRST, key);
	case KV_PREVIOUS:
		return c->placed ? step(c, false) : descend_all(c, SIDE_LAST, key);
	case KV_AT_OR_AFTER:
		return c->tree->depth == 0 ? EVS_END : seek(c, key);
	case KV_AT_OR_BEFORE:
		return c->tree->depth == 0 ? EVS_END : seek_before(c, key);
	}
	return EVS_END;
}

int tree_move(struct tree_cursor *c, enum kv_move move, struct kv_bytes *key, struct kv_bytes *value, bool *table)
{
	const struct tree_level *leaf;
	const uint8_t *node;
	int status = c->tree->damaged ? descend_all(c, SIDE_FIRST, *key) : move_to(c, move, *key);

	if (status != EVS_OK)
		return status;
	c->placed = true;
	leaf = &c->levels[c->tree->depth - 1];
	node = node_at(leaf->page, leaf->at);
	if (!node_value(c->file, node, value, &c->fault))
		return EVS_CORRUPT;
	*key = node_key(node);
	if (table != NULL)
		*table = (get16(node + NODE_FLAGS_AT) & NODE_TABLE) != 0;
	return EVS_OK;
}

/* Look at the pages beside those of a cursor, with what leads from them to their first and last leaf. */
static int look_beside(struct tree_cursor *c)
{
	struct tree_cursor other = *c;
	struct kv_bytes none = {NULL, 0};
	int status = EVS_OK;

	for (unsigned depth = 0; depth + 1 < c->tree->depth && status == EVS_OK; depth++) {
		const struct tree_level *l = &c->levels[depth];
		for (unsigned i = 0; i < 4 && status == EVS_OK; i++) {
			if (i < 2 ? l->at == 0 : l->at + 1 == l->n)
				continue;
			other.levels[depth].at = i < 2 ? l->at - 1 : l->at + 1;
			enter_child(&other, depth);
			status = descend(&other, depth + 1, i % 2 == 0 ? SIDE_FIRST : SIDE_LAST, none);
		}
		memcpy(other.levels, c->levels, sizeof other.levels[0] * c->tree->depth);
	}
	c->fault = other.fault;
	return status;
}

int tree_surroundings(struct tree_cursor *c, enum kv_move move, struct kv_bytes key, bool beside)
{
	enum side side = move == KV_FIRST ? SIDE_FIRST : move == KV_LAST ? SIDE_LAST : SIDE_KEY;
	struct tree_level *leaf;
	struct kv_bytes value;
	int status = descend_all(c, side, key);

	if (status == EVS_END)
		return EVS_OK;
	if (status != EVS_OK)
		return status;
	leaf = &c->levels[c->tree->depth - 1];
	if (leaf->at < leaf->n && !node_value(c->file, node_at(leaf->page, leaf->at), &value, &c->fault))
		return EVS_CORRUPT;
	return beside ? look_beside(c) : EVS_OK;
}

bool tree_covers(const struct tree_cursor *c, struct kv_bytes key)
{
	const struct tree_level *leaf;

	if (c->tree->depth == 0)
		return true;
	leaf = &c->levels[c->tree->depth - 1];
	return (leaf->low.data == NULL || compare(key, leaf->low, c->tree->numbers) >= 0) &&
	       (leaf->high.data == NULL || compare(key, leaf->high, c->tree->numbers) < 0);
}

/* ---- all pages ---- */

static void report(struct tree_walk *w, uint64_t page, const char *why)
{
	struct tree_fault fault = {page, why};

	w->faults++;
	w->fault(w->context, &fault);
}

/* Let go of the memory that pages take which were looked at: of a large file they are more than there is. */
static void forget(struct tree_walk *w, uint64_t n)
{
	w->unforgotten += n;
	if (w->file->bytes == NULL || w->unforgotten < FORGET_PAGES)
		return;
	w->unforgotten = 0;
	madvise((void *)(uintptr_t)w->file->bytes, w->file->pages * w->file->page_size, MADV_DONTNEED);
}

/* Take pages for one use; false when one of them has another. */
static bool claim(struct tree_walk *w, uint64_t page, uint64_t n)
{
	w->pages += n;
	forget(w, n);
	for (uint64_t i = page; i < page + n; i++) {
		if ((w->seen[i / 8] >> (i % 8) & 1) != 0) {
			report(w, i, "it is in two places at once");
			return false;
		}
		w->seen[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	return true;
}

static void walk_values(struct tree_walk *w, const struct tree_level *l)
{
	struct kv_bytes value;
	struct tree_fault fault;

	for (unsigned i = 0; i < l->n; i++) {
		const uint8_t *node = node_at(l->page, i);
		if ((get16(node + NODE_FLAGS_AT) & NODE_BIG) == 0)
			continue;
		if (!node_value(w->file, node, &value, &fault))
			report(w, fault.page, fault.why);
		else
			claim(w, get64(node_key(node).data + node_key(node).size), get32(value.data - TREE_PAGE_HEAD + PAGE_RUN_AT));
	}
}

/* The page at c->levels[depth], and all below it. */
static void walk_page(struct tree_walk *w, struct tree_cursor *c, unsigned depth)
{
	struct tree_level *l = &c->levels[depth];
	bool leaf = depth + 1 == c->tree->depth;
	const char *why = level_fault(w->file, c->tree, l, leaf);

	if (why != NULL) {
		report(w, l->number, why);
		return;
	}
	if (!claim(w, l->number, 1))
		return;
	if (leaf) {
		w->entries += l->n;
		walk_values(w, l);
		if (w->leaf != NULL)
			w->leaf(w->context, l->page);
		return;
	}
	for (l->at = 0; l->at < l->n; l->at++) {
		enter_child(c, depth);
		walk_page(w, c, depth + 1);
	}
}

void tree_walk(struct tree_walk *w, const struct tree *tree)
{
	struct tree_cursor c;
	uint64_t before = w->faults;

	w->pages = w->entries = 0;
	tree_cursor(&c, w->file, tree);
	if (tree->damaged) {
		report(w, tree->root, "what the file says of its tree cannot be");
	} else if (tree->depth > 0) {
		c.levels[0] = (struct tree_level){.number = tree->root};
		walk_page(w, &c, 0);
		if (w->faults == before && (w->pages != tree->pages || w->entries != tree->entries))
			report(w, tree->root, "the file says that there are more or fewer below it");
	}
}

const char *tree_list_fault(struct kv_bytes list, uint64_t last_page)
{
	uint64_t n = list.size < 8 ? 0 : get64(list.data), before = last_page + 1;

	if (list.size < 8 || n > list.size / 8 - 1)
		return "a list of free pages has a size that it cannot have";
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t page = get64(list.data + 8 * i);
		if (page < LEAST_PAGE || page >= before)
			return "a list of free pages is not in order";
		before = page;
	}
	return NULL;
}

void tree_walk_free(struct tree_walk *w, const struct tree *tree, uint64_t last_page)
{
	struct kv_bytes key = {NULL, 0}, list;
	struct tree_cursor c;
	uint64_t before = w->faults;
	const char *why;

	tree_walk(w, tree);
	if (w->faults != before)
		return;
	tree_cursor(&c, w->file, tree);
	while (tree_move(&c, KV_NEXT, &key, &list, NULL) == EVS_OK) {
		if ((why = tree_list_fault(list, last_page)) != NULL) {
			report(w, c.levels[tree->depth - 1].number, why);
			continue;
		}
		for (uint64_t i = get64(list.data); i > 0; i--) {
			uint64_t page = get64(list.data + 8 * i);
			if (page < w->file->pages && !claim(w, page, 1))
				break;
		}
	}
}
