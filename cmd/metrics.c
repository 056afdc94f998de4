/* evs metrics: how a store, its groups and projections are, for Prometheus. */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "common/exposition.h"
#include "common/file.h"
#include "common/message.h"
#include "common/open.h"
#include "common/output.h"
#include "common/signals.h"
#include "evs.h"
#include "tools.h"

struct metrics_args {
	struct option_common common;
	const char *output;
};

#define ARG(name) offsetof(struct metrics_args, name)

static const struct option options[] = {
	{'o', "output", "FILE", OPTION_TEXT, ARG(output), 0, "file", "write it to FILE, which is replaced as a whole"},
};

static const struct option_group groups[] = {
	{"Options", options, OPTION_COUNT(options), 0},
	OPTION_COMMON_GROUP(struct metrics_args, common),
	{0},
};

static const struct option_operand operands[] = {
	{"STORE", "the store", "file"},
	{0},
};

#define STAT(member) offsetof(struct evs_stat, member)
static const struct family of_store[] = {
	{"evs_events_total", FAMILY_COUNTER, FAMILY_NUMBER, STAT(events), "Events that were appended to the store."},
	{"evs_last_position", FAMILY_GAUGE, FAMILY_NUMBER, STAT(last_position), "Position of the newest event."},
	{"evs_last_recorded_timestamp_seconds", FAMILY_GAUGE, FAMILY_MOMENT, STAT(last_recorded_us), "When the newest event was appended."},
	{"evs_streams", FAMILY_GAUGE, FAMILY_NUMBER, STAT(streams), "Streams in the store."},
	{"evs_event_types", FAMILY_GAUGE, FAMILY_NUMBER, STAT(types), "Event types in the store."},
	{"evs_store_size_bytes", FAMILY_GAUGE, FAMILY_NUMBER, STAT(file_bytes), "Size of the store's file."},
	{"evs_dead_letters", FAMILY_GAUGE, FAMILY_NUMBER, STAT(dead_letters), "Dead letters in the store, of all kinds."},
};

#define GROUP(member) offsetof(struct evs_group, member)
static const struct family of_group[] = {
	{"evs_group_position", FAMILY_GAUGE, FAMILY_NUMBER, GROUP(position), "Every event up to this position is done with."},
	{"evs_group_lag_events", FAMILY_GAUGE, FAMILY_NUMBER, GROUP(lag_events), "Events of the group that are not done with."},
	{"evs_group_lag_seconds", FAMILY_GAUGE, FAMILY_SECONDS, GROUP(lag_us), "How long the oldest of those has been there."},
	{"evs_group_handled_total", FAMILY_COUNTER, FAMILY_NUMBER, GROUP(handled), "Events that were handled."},
	{"evs_group_retried_total", FAMILY_COUNTER, FAMILY_NUMBER, GROUP(retried), "Tries that failed and were not the last."},
	{"evs_group_dead_lettered_total", FAMILY_COUNTER, FAMILY_NUMBER, GROUP(dead), "Events that were given up."},
	{"evs_group_emitted_total", FAMILY_COUNTER, FAMILY_NUMBER, GROUP(emitted), "Events that handlers emitted."},
	{"evs_group_waiting", FAMILY_GAUGE, FAMILY_NUMBER, GROUP(waiting), "Events that wait for another try, or behind one that does."},
	{"evs_group_parked", FAMILY_GAUGE, FAMILY_NUMBER, GROUP(parked), "Dead letters of parked streams."},
	{"evs_group_dead_letters", FAMILY_GAUGE, FAMILY_NUMBER, GROUP(letters), "Dead letters of the group that are there."},
	{"evs_group_members", FAMILY_GAUGE, FAMILY_SIZE, GROUP(n_members), "Processes that consume the group now."},
	{"evs_group_stuck", FAMILY_GAUGE, FAMILY_WHETHER, GROUP(stuck), "1 when the group was stopped at an event, else 0."},
	{"evs_group_last_commit_timestamp_seconds", FAMILY_GAUGE, FAMILY_MOMENT, GROUP(moved_us), "When the group last committed something."},
	{"evs_group_handler_duration_seconds", FAMILY_HISTOGRAM, FAMILY_DURATIONS, 0, "How long handlers took."},
};

#define PROJECTION(member) offsetof(struct evs_projection, member)
static const struct family of_projection[] = {
	{"evs_projection_position", FAMILY_GAUGE, FAMILY_NUMBER, PROJECTION(position), "The projection's checkpoint."},
	{"evs_projection_lag_events", FAMILY_GAUGE, FAMILY_NUMBER, PROJECTION(lag_events), "Events behind the checkpoint."},
	{"evs_projection_lag_seconds", FAMILY_GAUGE, FAMILY_SECONDS, PROJECTION(lag_us), "How long the oldest of those has been there."},
	{"evs_projection_applied_total", FAMILY_COUNTER, FAMILY_NUMBER, PROJECTION(events), "Events that were applied since the model was made."},
	{"evs_projection_dead_lettered_total", FAMILY_COUNTER, FAMILY_NUMBER, PROJECTION(dead), "Events that became dead letters, for the fold failed on them."},
	{"evs_projection_skipped_total", FAMILY_COUNTER, FAMILY_NUMBER, PROJECTION(skipped), "Events that were stepped over by hand."},
	{"evs_projection_states", FAMILY_GAUGE, FAMILY_NUMBER, PROJECTION(states), "States in the read model."},
	{"evs_projection_stuck", FAMILY_GAUGE, FAMILY_WHETHER, PROJECTION(stuck), "1 when the fold fails on the next event, else 0."},
	{"evs_projection_running", FAMILY_GAUGE, FAMILY_FLAG, PROJECTION(running), "1 while a run is under way, else 0."},
	{"evs_projection_last_commit_timestamp_seconds", FAMILY_GAUGE, FAMILY_MOMENT, PROJECTION(ran_us), "When a run last committed."},
};

_Static_assert(OPTION_COUNT(of_store) <= EXPOSITION_MAX && OPTION_COUNT(of_group) <= EXPOSITION_MAX &&
               OPTION_COUNT(of_projection) <= EXPOSITION_MAX, "an exposition has room for them");

struct metrics {
	char *store; /* its path, which tells it from others */
	struct exposition groups, projections;
};

static int on_group(void *context, const struct evs_group *g)
{
	struct metrics *m = context;
	const struct label labels[] = {{"store", m->store, strlen(m->store)}, {"group", g->name, g->name_size}, {0}};

	exposition_add(&m->groups, labels, g);
	return 0;
}

static int on_projection(void *context, const struct evs_projection *p)
{
	struct metrics *m = context;
	const struct label labels[] = {{"store", m->store, strlen(m->store)}, {"projection", p->name, p->name_size}, {0}};

	exposition_add(&m->projections, labels, p);
	return 0;
}

/* All of it, behind out. */
static int put_metrics(struct evs_store *store, struct metrics *m, struct buf *out, struct evs_error *err)
{
	const struct label labels[] = {{"store", m->store, strlen(m->store)}, {0}};
	struct exposition stores = {.families = of_store, .n = OPTION_COUNT(of_store)};
	struct evs_stat stat;
	int status = evs_stat(store, &stat, err);

	if (status == EVS_OK)
		status = evs_group_list(store, NULL, on_group, m, err);
	if (status == EVS_OK)
		status = evs_project_list(store, NULL, on_projection, m, err);
	if (status == EVS_OK) {
		exposition_add(&stores, labels, &stat);
		exposition_put(&stores, out);
		exposition_put(&m->groups, out);
		exposition_put(&m->projections, out);
	}
	if (status == EVS_OK && out->failed)
		status = error_nomem(err);
	exposition_release(&stores);
	return status;
}

/* Measure the open store, and write. Returns an exit status; what is wrong was said. */
static int run_metrics(const struct metrics_args *args, struct evs_store *store, const char *path)
{
	struct metrics m = {.store = realpath(path, NULL), .groups = {.families = of_group, .n = OPTION_COUNT(of_group)},
	                    .projections = {.families = of_projection, .n = OPTION_COUNT(of_projection)}};
	bool to_stdout = args->output == NULL || strcmp(args->output, "-") == 0;
	struct evs_error err = {0};
	struct buf text = {0};
	int status;

	signals_exit();
	status = m.store == NULL ? error_set(&err, EVS_IO, errno, "cannot find its path") : put_metrics(store, &m, to_stdout ? output_buf() : &text, &err);
	if (status != EVS_OK)
		status = message_failure(path, &err);
	else if (!to_stdout && file_replace(args->output, text.data, text.size, &err) != EVS_OK)
		status = message_text(&err);
	exposition_release(&m.groups);
	exposition_release(&m.projections);
	buf_free(&text);
	free(m.store);
	return status;
}

/* The tool. */
static int cmd_metrics(int argc, char **argv)
{
	struct metrics_args args = {0};
	struct evs_store *store = NULL;
	struct operands given;
	struct evs_error err;
	int status;

	if (!options_parse(&tool_metrics, argc, argv, &args, &given, &status))
		return status;
	if (open_store(given.list[0], EVS_READ, &store, &err) != EVS_OK)
		status = message_failure(given.list[0], &err);
	else
		status = run_metrics(&args, store, given.list[0]);
	evs_close(store);
	options_release(&tool_metrics, &args);
	return status;
}

const struct tool tool_metrics = {
	.name = "metrics",
	.run = cmd_metrics,
	.summary = "say how a store, its groups and projections are, for Prometheus",
	.usage = "STORE [options]",
	.about = "Print what is to be watched of a store, its consumer groups and its projections, in the text format of Prometheus.",
	.operands = operands,
	.least = 1,
	.most = 1,
	.exits = "0125",
	.groups = groups,
};
