/* Any bytes taken for the records of groups, of events that wait, of dead letters and of what was done to those. */
#include "consume/group.h"
#include "consume/letter.h"
#include "consume/tries.h"
#include "consume/wait.h"
#include "dlq/log.h"
#include "fuzz.h"
#include "store/dead.h"
#include "store/setup.h"

static void read_tries(const uint8_t *list, size_t size)
{
	const struct evs_failure failure = {.reason = "again", .exit_status = 1, .output = "no", .output_size = 2};
	struct buf more = {0};

	buf_put(&more, list, size);
	MUST(tries_add(&more, 1, &failure) && tries_valid(more.data, more.size));
	buf_free(&more);
}

/* What was read is written as it was. */
static void read_letter(const uint8_t *bytes, size_t size)
{
	struct buf again = {0};
	struct letter l;

	if (!letter_decode(bytes, size, &l))
		return;
	read_tries(l.list, l.list_size);
	letter_encode(&again, &l);
	MUST(again.size <= size);
	MUST(letter_decode(again.data, again.size, &l));
	buf_free(&again);
}

static void read_dead(const uint8_t *bytes, size_t size)
{
	struct setup setup;
	struct dead d;

	if (!dead_decode((struct kv_bytes){bytes, size}, &d))
		return;
	if (d.kind == DEAD_EVENT)
		read_letter(d.bytes, d.size);
	if (d.kind == DEAD_LINE && setup_read(&setup, d.setup, d.setup_size, NULL) == EVS_OK)
		setup_release(&setup);
}

static void read_wait(const uint8_t *bytes, size_t size)
{
	size_t half = size < 14 ? size : 14;
	struct wait w;
	uint32_t group;

	if (wait_decode((struct kv_bytes){bytes, half}, (struct kv_bytes){bytes + half, size - half}, &group, &w, NULL) == EVS_OK)
		read_tries(w.list, w.list_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = exact_copy(data, size, 0);
	struct evs_letter_entry entry;
	struct group group;

	if (group_decode(bytes, size, &group) == EVS_OK)
		group_release(&group);
	read_letter(bytes, size);
	read_dead(bytes, size);
	read_wait(bytes, size);
	log_decode((struct kv_bytes){bytes, size}, &entry);
	free(bytes);
	return 0;
}
