#include "consume/member.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "consume/group.h"

/* A group's locks: its slots, then a byte for each process id, then some for processes whose id is taken by another machine's view. */
#define GROUP_LOCKS ((uint64_t)1 << 24)
#define LOCKS_FROM ((uint64_t)1 << 60)
#define PIDS_FROM ((uint64_t)1 << 22)
#define STRANGERS_FROM ((uint64_t)1 << 23)
#define STRANGERS 4096

int member_look(const char *path, uint32_t group, struct member *out, struct evs_error *err)
{
	*out = (struct member){.base = LOCKS_FROM + group * GROUP_LOCKS};
	if (lock_set_open(path, &out->locks) == LOCK_OK)
		return EVS_OK;
	return error_set(err, error_status(errno), errno, "cannot open the store to lock it");
}

/* Take the byte of the process, or one of those that say nothing. */
static enum lock_status take_own(struct member *m)
{
	uint64_t pid = (uint64_t)getpid();
	enum lock_status status = pid < PIDS_FROM ? lock_set_take(m->locks, m->base + PIDS_FROM + pid, 1) : LOCK_HELD;

	for (uint64_t i = 0; i < STRANGERS && status == LOCK_HELD; i++)
		status = lock_set_take(m->locks, m->base + STRANGERS_FROM + (pid + i) % STRANGERS, 1);
	return status;
}

int member_join(const char *path, uint32_t group, struct member *out, struct evs_error *err)
{
	int status = member_look(path, group, out, err), saved;

	if (status != EVS_OK || take_own(out) == LOCK_OK)
		return status;
	saved = errno;
	member_leave(out);
	return error_set(err, error_status(saved), saved, "cannot lock the store; a group needs a file system with locks");
}

void member_leave(struct member *m)
{
	lock_set_close(m->locks);
	m->locks = NULL;
}

bool member_has_others(const struct member *m)
{
	uint64_t at, n;

	return lock_set_others(m->locks, m->base + PIDS_FROM, GROUP_LOCKS - PIDS_FROM, &at, &n) == LOCK_HELD;
}

size_t member_list(const struct member *m, uint64_t *pids, size_t most)
{
	uint64_t from = m->base + PIDS_FROM, at, n;
	const uint64_t end = m->base + GROUP_LOCKS;
	size_t count = 0;

	while (from < end && lock_set_others(m->locks, from, end - from, &at, &n) == LOCK_HELD) {
		for (uint64_t i = 0; i < n && count < most; i++) {
			uint64_t number = at + i - m->base;
			pids[count++] = number < STRANGERS_FROM ? number - PIDS_FROM : 0;
		}
		from = at + n;
	}
	return count;
}

bool member_take(const struct member *m, unsigned slot, unsigned n)
{
	return lock_set_take(m->locks, m->base + slot, n) == LOCK_OK;
}

void member_release(const struct member *m, unsigned slot, unsigned n)
{
	lock_set_release(m->locks, m->base + slot, n);
}

void member_busy(const struct member *m, bool *busy)
{
	uint64_t from = m->base, at, n;
	const uint64_t end = m->base + GROUP_SLOTS;

	while (from < end && lock_set_others(m->locks, from, end - from, &at, &n) == LOCK_HELD) {
		for (uint64_t i = 0; i < n; i++)
			busy[at + i - m->base] = true;
		from = at + n;
	}
}
