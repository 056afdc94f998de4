#include "store/plan.h"

#include <stdlib.h>

#include "base/error.h"

enum {
	DENSE = 8,          /* candidates in more than one of so many positions: reading on is as quick */
	PIECE_MAX = 1 << 16, /* positions of the tail in one piece */
};

void plan_pause(struct plan *p)
{
	if (p->active)
		kv_reset(p->txn);
	p->active = false;
}

static void release_index(struct plan *p)
{
	if (p->index_open)
		index_release(&p->index);
	p->index_open = false;
}

static void release_groups(struct plan *p)
{
	for (size_t i = 0; i < sizeof p->groups / sizeof p->groups[0]; i++)
		term_group_release(&p->groups[i]);
}

void plan_release(struct plan *p)
{
	plan_pause(p);
	release_index(p);
	kv_abort(p->txn);
	free(p->positions);
	buf_free(&p->directory.copy);
	p->txn = NULL;
	p->positions = NULL;
	release_groups(p);
}

/* Take a snapshot, and the index in it. */
static int resume(struct plan *p, struct evs_error *err)
{
	struct store_state state;
	int status;

	if (p->active)
		return EVS_OK;
	status = p->txn == NULL ? store_begin(p->store, false, &p->txn, &state, err) : store_renew(p->store, p->txn, &state, err);
	if (status != EVS_OK)
		return status;
	p->active = true;
	if (p->index_open && kv_snapshot(p->txn) == p->snapshot)
		return EVS_OK;
	release_index(p);
	p->snapshot = kv_snapshot(p->txn);
	status = index_open(&p->index, p->store, p->txn, &state, p->store->fetch, err);
	p->index_open = status == EVS_OK;
	return status;
}

int plan_range(struct plan *p, uint64_t low, uint64_t high, struct evs_error *err)
{
	int status = resume(p, err);

	p->low = low;
	p->high = high;
	p->run_first = 0;
	release_groups(p);
	if (!select_groups(p->select, p->groups, sizeof p->groups / sizeof p->groups[0], &p->n_groups))
		return error_nomem(err);
	return status;
}

bool plan_positions(struct plan *p, const uint64_t *positions, size_t n)
{
	if (n == 0) {
		p->high = 0;
		return true;
	}
	if (positions[n - 1] - positions[0] > UINT32_MAX)
		return true;
	free(p->positions);
	p->n_positions = n;
	p->positions = malloc(n * sizeof *p->positions);
	if (p->positions == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		p->positions[i] = (uint32_t)(positions[i] - positions[0]);
	/* As if one run had them as its candidates. */
	p->run_first = positions[0];
	p->run_last = positions[n - 1];
	p->dense = false;
	p->low = p->run_first > p->low ? p->run_first : p->low;
	p->high = p->run_last < p->high ? p->run_last : p->high;
	return true;
}

/* ---- candidates of a run ---- */

/* A type of the stream that is selected, and how far that is. */
struct progress {
	struct span type;
	uint64_t revision;
};

static void note_revision(void *context, const struct run_stream *s)
{
	struct progress *q = context;

	if (q->type.size == s->type_size && (s->type_size == 0 || memcmp(q->type.text, s->type, s->type_size) == 0))
		q->revision = s->revision;
}

/* The revision of the stream that is selected at the end of a run; 0: it has no event there. */
static int revision_at_end(const struct plan *p, const struct run *r, uint64_t *revision, struct evs_error *err)
{
	const struct select *s = p->select;
	struct progress q = {.type = {s->aggregate_type, s->aggregate_type_size}};
	uint64_t aggregate = term_hash(p->store->seed, TERM_AGGREGATE, &s->stream_text, NULL);

	if (!run_find_streams(r, &s->stream_text, aggregate, note_revision, &q))
		return error_set(err, EVS_CORRUPT, 0, "a run of the index is damaged; evs verify says more");
	*revision = q.revision;
	return EVS_OK;
}

/* The revision of the stream before a run. */
static int revision_before(const struct plan *p, const struct run *r, uint64_t *revision, struct evs_error *err)
{
	int status = EVS_OK;

	*revision = 0;
	for (const struct run *older = r; older-- > p->index.runs && *revision == 0 && status == EVS_OK;)
		status = revision_at_end(p, older, revision, err);
	return status;
}

/*
 * Begin no earlier in a run than the stream can have the revision that is asked for: behind the revision `before` its i-th candidate,
 * from 0, has before + i + 1 at most.
 */
static int skip_revisions(struct plan *p, const struct run *r, struct evs_error *err)
{
	uint64_t from = p->select->from_revision, before;
	uint32_t *positions = NULL;
	size_t n = 0;
	int status = revision_before(p, r, &before, err);

	if (status == EVS_OK && from > before + 1)
		status = narrow_run(r, &p->groups[0], 1, SIZE_MAX, &positions, &n, err);
	if (n > 0 && n > from - before - 1 && r->first + positions[from - before - 1] > p->low)
		p->low = r->first + positions[from - before - 1];
	free(positions);
	return status;
}

static int load_candidates(struct plan *p, const struct run *r, struct evs_error *err)
{
	const struct select *s = p->select;
	bool by_revision = s->from_revision > 1 && s->stream != NULL && s->aggregate_type != NULL;
	uint64_t end = UINT64_MAX;
	int status = by_revision ? revision_at_end(p, r, &end, err) : EVS_OK;

	free(p->positions);
	p->positions = NULL;
	p->n_positions = 0;
	p->run_first = r->first;
	p->run_last = r->first + r->count - 1;
	p->dense = false;
	if (status == EVS_OK && by_revision && end >= s->from_revision)
		status = skip_revisions(p, r, err);
	if (status != EVS_OK || end < s->from_revision)
		return status;
	if (p->n_groups > 0)
		status = narrow_run(r, p->groups, p->n_groups, r->count / DENSE, &p->positions, &p->n_positions, err);
	p->dense = p->positions == NULL;
	return status;
}

static const struct run *run_at(const struct plan *p, uint64_t position)
{
	for (size_t i = p->index.n_runs; i-- > 0;) {
		const struct run *r = &p->index.runs[i];
		if (position >= r->first && position - r->first < r->count)
			return r;
	}
	return NULL;
}

/* ---- pieces ---- */

/* Where the first candidate not before position is; n when there is none. */
static size_t candidate_from(const struct plan *p, uint64_t position)
{
	uint64_t relative = position - p->run_first;
	size_t low = 0, high = p->n_positions;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->positions[mid] < relative)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Take first..last off the range. */
static void consume(struct plan *p, uint64_t first, uint64_t last)
{
	if (p->reverse)
		p->high = first - 1;
	else
		p->low = last + 1;
}

/* Leave n positions of a piece, those that the reader comes to first. */
static void shorten(const struct plan *p, struct piece *piece, uint64_t n)
{
	if (piece->last - piece->first < n)
		return;
	if (p->reverse)
		piece->first = piece->last - n + 1;
	else
		piece->last = piece->first + n - 1;
}

/* The candidates between first and last as the piece's; where there is room for fewer it ends with the last of them. */
static int take_candidates(const struct plan *p, struct piece *piece, struct evs_error *err)
{
	size_t from = candidate_from(p, piece->first), to = candidate_from(p, piece->last + 1);

	if (p->room > 0 && to - from > p->room && p->reverse) {
		from = to - p->room;
		piece->first = p->run_first + p->positions[from];
	} else if (p->room > 0 && to - from > p->room) {
		to = from + p->room;
		piece->last = p->run_first + p->positions[to - 1];
	}
	piece->n_wanted = to - from;
	piece->wanted = malloc((piece->n_wanted + 1) * sizeof *piece->wanted);
	if (piece->wanted == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < piece->n_wanted; i++)
		piece->wanted[i] = (uint32_t)(p->run_first + p->positions[from + i] - piece->first);
	return EVS_OK;
}

/* Go to the next candidate of the run; false when the run has none left, and the range moves behind it. */
static bool next_candidate(struct plan *p, uint64_t at, uint64_t *candidate)
{
	size_t i = candidate_from(p, p->reverse ? at + 1 : at);

	if (p->reverse ? i == 0 : i == p->n_positions) {
		consume(p, p->run_first > p->low ? p->run_first : p->low, p->run_last < p->high ? p->run_last : p->high);
		return false;
	}
	*candidate = p->run_first + p->positions[p->reverse ? i - 1 : i];
	if (p->reverse ? *candidate < p->low : *candidate > p->high) {
		consume(p, p->low, p->high);
		return false;
	}
	return true;
}

/* Whether the times of a segment leave room for what is asked. */
static bool in_time(const struct select *s, const struct segment *g)
{
	return g->max_moment >= s->since && g->min_moment <= s->until && g->min_recorded <= s->as_of;
}

/* The tail, or what of it is in range; in pieces that are not too large. */
static void tail_piece(struct plan *p, uint64_t tail_first, struct piece *piece)
{
	piece->first = tail_first > p->low ? tail_first : p->low;
	piece->last = p->high;
	shorten(p, piece, p->room > 0 ? p->room : PIECE_MAX);
	consume(p, piece->first, piece->last);
}

/* One step: a piece, or EVS_INTERRUPTED when the range has only moved on. */
static int step(struct plan *p, struct piece *piece, struct evs_error *err)
{
	uint64_t at = p->reverse ? p->high : p->low;
	struct segment segment;
	int status;

	if (at >= p->index.state.tail_first) {
		tail_piece(p, p->index.state.tail_first, piece);
		return EVS_OK;
	}
	if (p->run_first == 0 || at < p->run_first || at > p->run_last) {
		const struct run *r = run_at(p, at);
		if (r == NULL)
			return error_set(err, EVS_CORRUPT, 0, "the index has no run for position %llu; evs verify says more", (unsigned long long)at);
		status = load_candidates(p, r, err);
		return status == EVS_OK ? EVS_INTERRUPTED : status; /* the range may have moved on */
	}
	if (!p->dense && !next_candidate(p, at, &at))
		return EVS_INTERRUPTED;
	status = fetch_segment(&p->directory, p->txn, at, &segment, err);
	if (status == EVS_END)
		return error_set(err, EVS_CORRUPT, 0, "no segment has position %llu; evs verify says more", (unsigned long long)at);
	if (status != EVS_OK)
		return status;
	piece->first = segment.first > p->low ? segment.first : p->low;
	piece->last = segment.first + segment.count - 1 < p->high ? segment.first + segment.count - 1 : p->high;
	if (!in_time(p->select, &segment)) {
		consume(p, piece->first, piece->last);
		return EVS_INTERRUPTED;
	}
	/* A run ends where a segment does: all candidates of the piece are in this run. */
	if (!p->dense)
		status = take_candidates(p, piece, err);
	else if (p->room > 0)
		shorten(p, piece, p->room);
	consume(p, piece->first, piece->last);
	return status;
}

int plan_next(struct plan *p, struct piece *piece, struct evs_error *err)
{
	int status = resume(p, err);

	*piece = (struct piece){0};
	while (status == EVS_OK || status == EVS_INTERRUPTED) {
		if (p->low > p->high || p->high == 0)
			return EVS_END;
		status = step(p, piece, err);
		if (status == EVS_OK) {
			p->room = p->room < PIECE_MAX ? p->room * 2 : 0;
			return EVS_OK;
		}
	}
	return status;
}
