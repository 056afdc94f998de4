#include "consume/progress.h"

#include <string.h>

#include "consume/wait.h"
#include "store/read.h"
#include "store/select.h"

static int least(void *context, const struct wait *w)
{
	uint64_t *position = context;

	if (w->position < *position)
		*position = w->position;
	return EVS_OK;
}

int progress_first_wait(struct kv_txn *txn, const struct group *g, uint64_t *position, struct evs_error *err)
{
	*position = UINT64_MAX;
	return g->waiting == 0 ? EVS_OK : wait_each(txn, g->number, least, position, err);
}

/* Events that are not done with, as they are met. */
struct counting {
	const struct group *g;
	uint64_t n, first; /* UINT64_MAX: none */
	uint64_t seen;     /* all up to here were */
};

static void add(struct counting *c, uint64_t position, uint64_t n)
{
	c->n += n;
	if (position < c->first)
		c->first = position;
}

/* Look at the events that a reader gives. */
static int count_read(struct counting *c, struct evs_store *store, struct evs_read *r, struct evs_error *err)
{
	const struct record *records;
	uint64_t stream;
	size_t n;
	int status;

	while ((status = read_block(r, &records, &n, err)) == EVS_OK)
		for (size_t i = 0; i < n; i++) {
			uint64_t position = records[i].position;
			if (!group_stream(store, &records[i], &stream))
				return EVS_CORRUPT;
			if (position > c->g->positions[group_slot(stream, position)])
				add(c, position, 1);
			c->seen = position;
		}
	return status;
}

/* Look at those that match, up to `to`. Behind `seen` is then what the selectors make no sense of, or what is damaged. */
static int count_matching(struct counting *c, struct evs_store *store, const struct evs_selector *wanted, uint64_t to, struct evs_error *err)
{
	struct evs_selector selector = *wanted;
	struct evs_read *r = NULL;
	int status;

	if (selector.after < c->seen)
		selector.after = c->seen;
	if (selector.to == 0 || selector.to > to)
		selector.to = to;
	status = evs_read_new(store, &selector, &r, err);
	if (status == EVS_OK)
		status = count_read(c, store, r, err);
	evs_read_free(r);
	if (status == EVS_END)
		c->seen = to;
	return status == EVS_IO || status == EVS_NOMEM ? status : EVS_OK;
}

/* The greatest position of a slot. */
static uint64_t greatest(const struct group *g)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (g->positions[i] > most)
			most = g->positions[i];
	return most;
}

int progress_of(struct evs_store *store, const struct group *g, uint64_t wait, uint64_t last, struct progress *out, struct evs_error *err)
{
	struct counting c = {.g = g, .n = g->waiting, .first = wait, .seen = group_mark(g)};
	const uint64_t most = greatest(g);
	struct select_read read = {0};
	int status = EVS_OK;

	if (g->selectors != NULL && strcmp(g->selectors, "{}") != 0 && c.seen < last && select_read(&read, g->selectors))
		status = count_matching(&c, store, &read.selector, last, err);
	else if (c.seen < most && c.seen < last)
		status = count_matching(&c, store, &read.selector, most < last ? most : last, err);
	if (c.seen < last) /* not looked at: none of it is done with */
		add(&c, c.seen + 1, last - c.seen);
	select_read_release(&read);
	*out = (struct progress){.position = c.first - 1 < most ? c.first - 1 : most, .first_unfinished = c.first == UINT64_MAX ? 0 : c.first,
	                         .lag = c.n};
	return status;
}
