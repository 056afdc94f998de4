/* consume/: groups, waits, tries, letters and items, apart from a store at work. tests/consume.bats has the rest. */
#include "consume/items.h"
#include "consume/letter.h"
#include "consume/member.h"
#include "consume/tries.h"
#include "consume/waits.h"
#include "folder.h"

/* What is put into a store comes out. */
static void groups_come_back(void **state)
{
	struct evs_store *store = open_store(in_folder("group.evs"), EVS_CREATE);
	struct group g = {.waiting = 3, .parked = 1, .handled = 1u << 30, .stuck = 77, .reason = strdup("why"), .setup = strdup("{}")}, back;
	struct store_state s;
	struct kv_txn *txn;
	uint64_t seed = 3;

	(void)state;
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		g.positions[i] = i < 500 ? 1000 : 1000 + chance_of(&seed, 1000000);
	g.buckets[EVS_DURATIONS] = 5;
	assert_int_equal(store_begin(store, true, &txn, &s, NULL), EVS_OK);
	assert_int_equal(group_put(txn, "g", &g, NULL), EVS_OK);
	assert_int_equal(g.number, 1);
	assert_int_equal(group_get(txn, "none", &back, NULL), EVS_END);
	assert_int_equal(group_get(txn, "g", &back, NULL), EVS_OK);
	assert_memory_equal(back.positions, g.positions, sizeof g.positions);
	assert_int_equal(group_mark(&back), 1000);
	assert_int_equal(back.handled, g.handled);
	assert_int_equal(back.buckets[EVS_DURATIONS], 5);
	assert_int_equal(back.stuck, 77);
	assert_string_equal(back.reason, "why");
	assert_null(back.selectors);
	group_release(&back);
	kv_abort(txn);
	group_release(&g);
	evs_close(store);
}

/* No bytes are too strange to be refused. */
static void groups_of_chance(void **state)
{
	uint8_t bytes[200];
	uint64_t seed = 9;
	struct group g;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = chance_of(&seed, sizeof bytes);
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)chance(&seed);
		bytes[0] = 1;
		if (group_decode(bytes, n, &g) == EVS_OK)
			group_release(&g);
	}
}

static void slots_spread(void **state)
{
	unsigned counts[GROUP_SLOTS] = {0}, most = 0;

	(void)state;
	for (uint64_t p = 1; p <= 102400; p++)
		counts[group_slot(0, p)]++;
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		most = counts[i] > most ? counts[i] : most;
	CHECK(most < 200, "a slot has %u of 102400 events", most);
	assert_int_equal(group_slot(5, 1), group_slot(5, 99));
}

/* Of many tries the first and the newest stay. */
static void tries_are_kept(void **state)
{
	struct buf list = {0};
	const uint8_t *p;
	struct tried t;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		const struct evs_failure f = {.reason = "no", .exit_status = i % 256, .output = "tail", .output_size = 4, .took_us = 7};
		assert_true(tries_add(&list, i, &f));
	}
	assert_true(tries_valid(list.data, list.size));
	for (p = list.data; p != list.data + list.size; n++) {
		assert_true(tries_next(&p, list.data + list.size, &t));
		assert_int_equal(t.at_us, n == 0 ? 0 : 100 - TRIES_KEPT + (int)n);
		assert_int_equal(t.exit_status, t.at_us);
		assert_int_equal(t.output.size, 4);
	}
	assert_int_equal(n, TRIES_KEPT);
	for (size_t size = 1; size < list.size; size++)
		tries_valid(list.data, size);
	buf_free(&list);
}

static void letters_come_back(void **state)
{
	const struct letter l = {.group = {"mail", 4}, .stream = 9, .parked = true, .tries = 3, .list = (const uint8_t *)"xyz", .list_size = 3};
	struct letter back;
	struct buf b = {0};

	(void)state;
	letter_encode(&b, &l);
	assert_true(letter_decode(b.data, b.size, &back));
	assert_true(back.parked);
	assert_int_equal(back.stream, 9);
	assert_int_equal(back.tries, 3);
	assert_memory_equal(back.group.text, "mail", 4);
	assert_int_equal(back.list_size, 3);
	assert_memory_equal(back.list, "xyz", 3);
	for (size_t size = 0; size < b.size; size++)
		assert_false(letter_decode(b.data, size, &back));
	buf_free(&b);
}

/* Which are due: not one behind another of its stream, nor one that is taken, stored nowhere, or early. */
static void waits_are_due(void **state)
{
	struct waits w = {0};
	struct waiting *one;
	size_t at = 0;

	(void)state;
	assert_true(waits_put(&w, &(struct waiting){.position = 10, .stream = 1, .slot = 4, .due_us = 50, .stored = true}));
	assert_true(waits_put(&w, &(struct waiting){.position = 12, .stream = 1, .slot = 4, .due_us = 0, .stored = true}));
	assert_true(waits_put(&w, &(struct waiting){.position = 11, .stream = 2, .slot = 4, .due_us = 20, .stored = true}));
	assert_true(waits_put(&w, &(struct waiting){.position = 5, .stream = 3, .slot = 9, .due_us = 0, .stored = false}));
	assert_true(waits_have(&w, 4, 2));
	assert_false(waits_have(&w, 9, 2));
	assert_int_equal(waits_of(&w, 4), 3);
	assert_null(waits_due(&w, 10, false, &at));
	assert_int_equal(w.look_us, 20);
	one = waits_due(&w, 30, false, &at);
	assert_non_null(one);
	assert_int_equal(one->position, 11);
	one->taken = true;
	at = 0;
	waits_look(&w);
	assert_null(waits_due(&w, 30, false, &at));
	at = 0;
	one = waits_due(&w, 60, false, &at);
	assert_non_null(one);
	assert_int_equal(one->position, 10);
	waits_remove(&w, 4, 10);
	at = 0;
	one = waits_due(&w, 30, false, &at);
	assert_non_null(one);
	assert_int_equal(one->position, 12);
	/* Where only the member's own count. */
	at = 0;
	assert_false(waits_have_own(&w));
	assert_null(waits_due(&w, 30, true, &at));
	one->own = one->seen = true;
	waits_look(&w);
	at = 0;
	assert_true(waits_have_own(&w));
	assert_ptr_equal(waits_due(&w, 30, true, &at), one);
	/* Those that are not there any more. */
	waits_forget(&w);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.list[0].position, 12);
	waits_release(&w);
}

/* Lanes hand over in order; tickets are good once. */
static void items_and_lanes(void **state)
{
	struct items *s = malloc(sizeof *s);
	uint64_t tickets[3];

	(void)state;
	assert_non_null(s);
	items_init(s);
	for (uint64_t p = 1; p <= 3; p++) {
		struct lane *lane = lane_get(s, 7);
		struct item *item = items_add(s, p, 7, 2, false);
		tickets[p - 1] = items_ticket(s, item);
		if (p > 1) {
			items_set(s, item, ITEM_KEPT);
			line_put(s, &lane->waiting, (uint32_t)(item - s->list));
		} else {
			lane->in_hand = 1;
		}
	}
	assert_int_equal(s->in_hand, 1);
	assert_int_equal(s->kept, 2);
	assert_null(items_of(s, tickets[1]));
	items_set(s, items_of(s, tickets[0]), ITEM_DONE);
	lane_leave(s, 7);
	assert_int_equal(s->list[s->ready.first].position, 2);
	assert_null(items_of(s, tickets[0]));
	items_drop(s, &s->list[s->slots[2].first]);
	assert_int_equal(s->list[s->slots[2].first].position, 2);
	line_take(s, &s->ready);
	lane_leave(s, 7);
	assert_int_equal(s->list[line_take(s, &s->ready)].position, 3);
	lane_leave(s, 7);
	assert_null(lane_find(s, 7));
	items_release(s);
	free(s);
}

/* Locks of one member keep another out, and say who it is. */
static void members_hold_slots(void **state)
{
	char *path = strdup(in_folder("member.evs"));
	struct evs_store *store = open_store(path, EVS_CREATE);
	bool busy[GROUP_SLOTS] = {false};
	struct member a, b;
	uint64_t pids[4];

	(void)state;
	assert_int_equal(member_join(path, 1, &a, NULL), EVS_OK);
	assert_false(member_has_others(&a));
	assert_int_equal(member_join(path, 1, &b, NULL), EVS_OK);
	assert_true(member_has_others(&a));
	assert_int_equal(member_list(&b, pids, 4), 1);
	assert_int_equal(pids[0], getpid());
	assert_true(member_take(&a, 10, 5));
	assert_false(member_take(&b, 12, 1));
	assert_true(member_take(&b, 15, 1));
	assert_false(member_take(&b, 0, GROUP_SLOTS));
	member_busy(&b, busy);
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		CHECK(busy[i] == (i >= 10 && i < 15), "slot %u", i);
	member_release(&a, 11, 2);
	assert_true(member_take(&b, 12, 1));
	member_leave(&a);
	assert_true(member_take(&b, 0, GROUP_SLOTS));
	member_leave(&b);
	evs_close(store);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(groups_come_back),
		cmocka_unit_test(groups_of_chance),
		cmocka_unit_test(slots_spread),
		cmocka_unit_test(tries_are_kept),
		cmocka_unit_test(letters_come_back),
		cmocka_unit_test(waits_are_due),
		cmocka_unit_test(items_and_lanes),
		FOLDER_TEST(members_hold_slots),
	};

	return RUN(tests);
}
