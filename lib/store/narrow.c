#include "store/narrow.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
	WORTH = 512, /* looking up so many positions costs what reading one event does */
};

bool term_group_add(struct term_group *g, uint64_t hash)
{
	if (!array_grow(&g->hashes, &g->cap, g->n, sizeof *g->hashes))
		return false;
	g->hashes[g->n++] = hash;
	return true;
}

void term_group_release(struct term_group *g)
{
	free(g->hashes);
	*g = (struct term_group){0};
}

static int damaged(struct evs_error *err)
{
	return error_set(err, EVS_CORRUPT, 0, "a run of the index is damaged; evs verify says more");
}

/* Whether a run has so few events that asking for every term costs more than reading them. */
static bool useless(const struct run *r, const struct term_group *g)
{
	return g->n > r->count;
}

/* How many positions a group has, one that has several of its terms, or one of them twice, counted as often. */
static int count_group(const struct run *r, const struct term_group *g, uint64_t *count, struct evs_error *err)
{
	*count = useless(r, g) ? r->count : 0;
	for (size_t i = 0; i < g->n && !useless(r, g); i++) {
		uint32_t one = run_term_count(r, g->hashes[i]);
		if (one == UINT32_MAX)
			return damaged(err);
		*count += one;
	}
	return EVS_OK;
}

static bool is_marked(const uint8_t *marks, uint32_t position)
{
	return marks[position / 8] >> position % 8 & 1;
}

/* Mark a group's positions, and no others. scratch has room for `count` of them. */
static int mark_group(const struct run *r, const struct term_group *g, uint32_t *scratch, size_t count, uint8_t *marks, struct evs_error *err)
{
	memset(marks, useless(r, g) ? 0xff : 0, r->count / 8 + 1);
	for (size_t i = 0; i < g->n && !useless(r, g); i++) {
		size_t n = run_term(r, g->hashes[i], scratch, count);
		if (n == SIZE_MAX)
			return damaged(err);
		for (size_t k = 0; k < n; k++)
			marks[scratch[k] / 8] |= (uint8_t)(1 << scratch[k] % 8);
	}
	return EVS_OK;
}

/* The positions of the group that has the fewest. marks is scratch. */
static int first_group(const struct run *r, const struct term_group *g, uint64_t count, uint8_t *marks, uint32_t *positions, size_t *n,
                       struct evs_error *err)
{
	int status;

	if (g->n == 1) {
		*n = run_term(r, g->hashes[0], positions, count);
		return *n == SIZE_MAX ? damaged(err) : EVS_OK;
	}
	status = mark_group(r, g, positions, count, marks, err);
	*n = 0;
	for (uint32_t i = 0; i < r->count && status == EVS_OK; i++)
		if (is_marked(marks, i))
			positions[(*n)++] = i;
	return status;
}

/* Keep of the positions those that a further group has too. */
static int keep_group(const struct run *r, const struct term_group *g, uint64_t count, uint8_t *marks, uint32_t *positions, size_t *n,
                      struct evs_error *err)
{
	uint32_t *scratch = malloc((count + 1) * sizeof *scratch);
	size_t kept = 0;
	int status = scratch == NULL ? error_nomem(err) : mark_group(r, g, scratch, count, marks, err);

	for (size_t i = 0; i < *n && status == EVS_OK; i++)
		if (is_marked(marks, positions[i]))
			positions[kept++] = positions[i];
	*n = kept;
	free(scratch);
	return status;
}

/* How many each group has; *best: that of the fewest. */
static int count_groups(const struct run *r, const struct term_group *groups, size_t n_groups, uint64_t *counts, size_t *best,
                        struct evs_error *err)
{
	int status = EVS_OK;

	*best = 0;
	for (size_t i = 0; i < n_groups && status == EVS_OK; i++) {
		status = count_group(r, &groups[i], &counts[i], err);
		if (counts[i] < counts[*best])
			*best = i;
	}
	return status;
}

int narrow_run(const struct run *r, const struct term_group *groups, size_t n_groups, size_t most, uint32_t **positions, size_t *n,
               struct evs_error *err)
{
	uint64_t *counts = calloc(n_groups, sizeof *counts);
	uint8_t *marks = malloc(r->count / 8 + 1);
	size_t best = 0;
	int status = counts == NULL || marks == NULL ? error_nomem(err) : count_groups(r, groups, n_groups, counts, &best, err);

	*positions = NULL;
	*n = 0;
	if (status == EVS_OK && (n_groups > 1 || counts[best] <= most)) {
		*positions = malloc((counts[best] + 1) * sizeof **positions);
		status = *positions == NULL ? error_nomem(err) : first_group(r, &groups[best], counts[best], marks, *positions, n, err);
		for (size_t i = 0; i < n_groups && status == EVS_OK && *n > 0; i++)
			if (i != best && counts[i] / WORTH <= *n)
				status = keep_group(r, &groups[i], counts[i], marks, *positions, n, err);
	}
	if (status != EVS_OK || *n > most) {
		free(*positions);
		*positions = NULL;
		*n = 0;
	}
	free(counts);
	free(marks);
	return status;
}
