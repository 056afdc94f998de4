/* store/tree.h: a small file of pages made by hand, sound, then with each thing wrong that a page can have. */
#include "base/bytes.h"
#include "store/tree.h"
#include "unit.h"

enum { PAGE = 512, PAGES = 8, ROOT = 2, LEFT = 3, RIGHT = 4, LARGE = 5 };
enum { FLAGS_AT = 10, LOWER_AT = 12, UPPER_AT = 14, NODE_HEAD = 8 }; /* of a page, of a node */
enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4, BIG = 1 };

struct image {
	uint8_t bytes[PAGES * PAGE];
	struct tree_file file;
	struct tree tree;
};

static uint8_t *page_of(struct image *m, uint64_t number)
{
	return m->bytes + number * PAGE;
}

static void begin_page(struct image *m, uint64_t number, unsigned flags)
{
	uint8_t *page = page_of(m, number);

	put64(page, number);
	put16(page + FLAGS_AT, (uint16_t)flags);
	put16(page + LOWER_AT, TREE_PAGE_HEAD);
	put16(page + UPPER_AT, PAGE);
}

/* Put a node behind those of a page, with `word` as its first 4 bytes: the size of its value, or the page it leads to. */
static void add_node(struct image *m, uint64_t number, uint32_t word, unsigned flags, const char *key, const void *value, size_t size)
{
	uint8_t *page = page_of(m, number);
	size_t key_size = strlen(key);
	unsigned lower = get16(page + LOWER_AT), upper = get16(page + UPPER_AT) - (unsigned)((NODE_HEAD + key_size + size + 1) & ~(size_t)1);

	put32(page + upper, word);
	put16(page + upper + 4, (uint16_t)flags);
	put16(page + upper + 6, (uint16_t)key_size);
	memcpy(page + upper + NODE_HEAD, key, key_size);
	if (size > 0)
		memcpy(page + upper + NODE_HEAD + key_size, value, size);
	put16(page + lower, (uint16_t)upper);
	put16(page + LOWER_AT, (uint16_t)(lower + 2));
	put16(page + UPPER_AT, (uint16_t)upper);
}

/* A root over two leaves; the value of "echo" has pages of its own. */
static void make(struct image *m)
{
	uint8_t large[8];

	memset(m, 0, sizeof *m);
	m->file = (struct tree_file){.bytes = m->bytes, .fd = -1, .pages = PAGES, .page_size = PAGE};
	m->tree = (struct tree){.root = ROOT, .entries = 5, .pages = 5, .depth = 2};
	begin_page(m, ROOT, BRANCH);
	add_node(m, ROOT, LEFT, 0, "", NULL, 0);
	add_node(m, ROOT, RIGHT, 0, "delta", NULL, 0);
	begin_page(m, LEFT, LEAF);
	add_node(m, LEFT, 3, 0, "alpha", "one", 3);
	add_node(m, LEFT, 0, 0, "bravo", NULL, 0);
	add_node(m, LEFT, 5, 0, "charlie", "three", 5);
	begin_page(m, RIGHT, LEAF);
	add_node(m, RIGHT, 4, 0, "delta", "four", 4);
	put64(large, LARGE);
	add_node(m, RIGHT, 900, BIG, "echo", large, sizeof large);
	begin_page(m, LARGE, OVERFLOW);
	put32(page_of(m, LARGE) + LOWER_AT, 2);
	memset(page_of(m, LARGE) + TREE_PAGE_HEAD, 'x', 900);
}

static bool is(struct kv_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

/* Whether bytes lie in the file. */
static bool inside(const struct image *m, struct kv_bytes b)
{
	return b.data >= m->bytes && b.size <= sizeof m->bytes && b.data <= m->bytes + sizeof m->bytes - b.size;
}

static void moves(void **state)
{
	static const char *const keys[] = {"alpha", "bravo", "charlie", "delta", "echo"};
	static const struct {
		enum kv_move move;
		const char *key, *found; /* NULL: there is none */
	} rows[] = {
		{KV_FIRST, "", "alpha"}, {KV_LAST, "", "echo"}, {KV_AT_OR_AFTER, "a", "alpha"}, {KV_AT_OR_AFTER, "bravo", "bravo"},
		{KV_AT_OR_AFTER, "bravoo", "charlie"}, {KV_AT_OR_AFTER, "charliee", "delta"}, {KV_AT_OR_AFTER, "foxtrot", NULL},
		{KV_AT_OR_BEFORE, "a", NULL}, {KV_AT_OR_BEFORE, "alpha", "alpha"}, {KV_AT_OR_BEFORE, "d", "charlie"},
		{KV_AT_OR_BEFORE, "delta", "delta"}, {KV_AT_OR_BEFORE, "foxtrot", "echo"},
	};
	struct kv_bytes key = {NULL, 0}, value;
	struct tree_cursor c;
	struct image m;

	(void)state;
	make(&m);
	tree_cursor(&c, &m.file, &m.tree);
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_int_equal(tree_move(&c, KV_NEXT, &key, &value, NULL), EVS_OK);
		CHECK(is(key, keys[i]), "forwards: %s", keys[i]);
	}
	assert_int_equal(value.size, 900);
	assert_int_equal(value.data[899], 'x');
	assert_int_equal(tree_move(&c, KV_NEXT, &key, &value, NULL), EVS_END);
	tree_cursor(&c, &m.file, &m.tree);
	for (size_t i = COUNT(keys); i-- > 0;) {
		assert_int_equal(tree_move(&c, KV_PREVIOUS, &key, &value, NULL), EVS_OK);
		CHECK(is(key, keys[i]), "backwards: %s", keys[i]);
	}
	assert_int_equal(tree_move(&c, KV_PREVIOUS, &key, &value, NULL), EVS_END);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int status;
		key = (struct kv_bytes){(const uint8_t *)rows[i].key, strlen(rows[i].key)};
		status = tree_move(&c, rows[i].move, &key, &value, NULL);
		CHECK(status == (rows[i].found == NULL ? EVS_END : EVS_OK), "row %zu: status %d", i, status);
		CHECK(rows[i].found == NULL || is(key, rows[i].found), "row %zu: not %s", i, rows[i].found);
	}
}

/* Go through all keys. Returns EVS_END, or EVS_CORRUPT with *fault. */
static int go_through(struct image *m, struct tree_fault *fault)
{
	struct kv_bytes key = {NULL, 0}, value;
	struct tree_cursor c;
	int status, n = 0;

	tree_cursor(&c, &m->file, &m->tree);
	while ((status = tree_move(&c, KV_NEXT, &key, &value, NULL)) == EVS_OK) {
		CHECK(inside(m, key) && inside(m, value), "key %d is outside the file", n);
		CHECK(++n < 1000, "the walk does not end");
	}
	*fault = c.fault;
	return status;
}

/* Where the last node that was added to a page is in the file. */
static unsigned last_node(uint64_t number)
{
	struct image m;

	make(&m);
	return (unsigned)number * PAGE + get16(page_of(&m, number) + UPPER_AT);
}

static void damage(void **state)
{
	const unsigned right = RIGHT * PAGE, left = LEFT * PAGE, root = ROOT * PAGE, large = LARGE * PAGE;
	const unsigned echo = last_node(RIGHT), charlie = last_node(LEFT), delta = last_node(ROOT);
	const struct {
		unsigned at, value, page; /* two bytes there become value; the page that is damaged then */
		const char *why;
	} rows[] = {
		{right, 7, RIGHT, "it has the number of another page"},
		{right + FLAGS_AT, BRANCH, RIGHT, "it is no leaf"},
		{root + FLAGS_AT, LEAF, ROOT, "it is no branch"},
		{right + LOWER_AT, TREE_PAGE_HEAD + 3, RIGHT, "its bounds are none"},
		{right + LOWER_AT, TREE_PAGE_HEAD, RIGHT, "its bounds are none"},
		{right + LOWER_AT, PAGE, RIGHT, "its bounds are none"},
		{right + UPPER_AT, PAGE + 2, RIGHT, "its bounds are none"},
		{root + LOWER_AT, TREE_PAGE_HEAD + 2, ROOT, "its bounds are none"}, /* a branch has two ways at least */
		{left + TREE_PAGE_HEAD, 18, LEFT, "a node is where none can be"},
		{left + TREE_PAGE_HEAD, PAGE, LEFT, "a node is where none can be"},
		{left + TREE_PAGE_HEAD, PAGE - 15, LEFT, "a node is where none can be"},
		{left + TREE_PAGE_HEAD + 4, charlie + 20 - LEFT * PAGE, LEFT, "a node is where none can be"}, /* two in one place */
		{left + TREE_PAGE_HEAD, PAGE - 4, LEFT, "a node does not fit"},
		{charlie, 600, LEFT, "a node does not fit"},
		{charlie, 3, LEFT, "its nodes leave gaps"},
		{left + UPPER_AT, charlie - LEFT * PAGE - 8, LEFT, "its nodes leave gaps"},
		{charlie + 6, 0, LEFT, "a key has a size that it cannot have"},
		{charlie + 4, 8, LEFT, "a node has flags that it cannot have"},
		{charlie + NODE_HEAD, 'a' + 256 * 'a', LEFT, "its keys are not in order"},
		{charlie + NODE_HEAD, 'z' + 256 * 'z', LEFT, "its keys are not those that belong there"},
		{delta, 1, ROOT, "it leads to a page that is not there"},
		{delta, PAGES, ROOT, "it leads to a page that is not there"},
		{delta, LEFT, LEFT, "its keys are not those that belong there"}, /* reached twice */
		{echo + NODE_HEAD + 4, PAGES, PAGES, "it is not in the file"},
		{echo + NODE_HEAD + 4, LEFT, LEFT, "it is not the first of a value's pages"},
		{echo, 5000, LARGE, "it is not in the file"},
		{large + LOWER_AT, 1, LARGE, "it is not the first of a value's pages"},
		{large + FLAGS_AT, LEAF, LARGE, "it is not the first of a value's pages"},
	};
	struct tree_fault fault;
	struct image m;

	(void)state;
	make(&m);
	assert_int_equal(go_through(&m, &fault), EVS_END);
	for (size_t i = 0; i < COUNT(rows); i++) {
		make(&m);
		put16(m.bytes + rows[i].at, (uint16_t)rows[i].value);
		CHECK(go_through(&m, &fault) == EVS_CORRUPT, "row %zu is not found: %s", i, rows[i].why);
		CHECK(fault.page == rows[i].page && strcmp(fault.why, rows[i].why) == 0, "row %zu: page %llu: %s, not page %u: %s", i,
		      (unsigned long long)fault.page, fault.why, rows[i].page, rows[i].why);
	}
}

/* Any bit: every walk ends, and nothing outside the file comes out of it. */
static void any_bit(void **state)
{
	unsigned found = 0, all = 0;
	struct tree_fault fault;
	struct image m;

	(void)state;
	for (unsigned bit = ROOT * PAGE * 8; bit < PAGES * PAGE * 8; bit++, all++) {
		make(&m);
		m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		found += go_through(&m, &fault) == EVS_CORRUPT;
	}
	CHECK(found > 300, "%u of %u bits are found", found, all); /* the others are free space, values, or another key in its place */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves), cmocka_unit_test(damage), cmocka_unit_test(any_bit),
	};

	return RUN(tests);
}
