#include "common/selectors.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/value.h"

#define FIELD(name) offsetof(struct selectors, selector.name)

const struct option selectors_table[] = {
	{'s', "stream", "ID", OPTION_TEXT, FIELD(stream), 0, "stream", "events of the stream with this aggregateId"},
	{0, "aggregate-type", "T", OPTION_TEXT, FIELD(aggregate_type), 0, "aggregate-type", "events of streams of this aggregateType"},
	{'t', "type", "GLOB", OPTION_LIST, FIELD(types), FIELD(n_types), "type",
	 "events of this eventType; order.* takes all that begin so; repeat it for more types"},
	{0, "event", "ID", OPTION_TEXT, FIELD(event), 0, "event", "the event with this eventId"},
	{0, "correlation", "ID", OPTION_TEXT, FIELD(correlation), 0, "correlation", "events with this correlationId"},
	{0, "causation", "ID", OPTION_TEXT, FIELD(causation), 0, "causation", "events with this causationId"},
	{0, "tag", "TAG", OPTION_LIST, FIELD(tags), FIELD(n_tags), "tag",
	 "events with this tag; repeated: with all of them"},
	{0, "source", "S", OPTION_TEXT, FIELD(source), 0, "source", "events from this source"},
	{0, "from", "POS", OPTION_NUMBER, FIELD(from), 0, NULL, "events at positions from POS on"},
	{0, "after", "POS", OPTION_NUMBER, FIELD(after), 0, NULL, "events at positions greater than POS"},
	{0, "to", "POS", OPTION_NUMBER, FIELD(to), offsetof(struct selectors, has_to), NULL, "events at positions up to POS"},
	{0, "from-revision", "N", OPTION_NUMBER, FIELD(from_revision), offsetof(struct selectors, has_from_revision), NULL,
	 "events from this revision of their stream on"},
	{0, "since", "TIME", OPTION_TIME, FIELD(since), 0, NULL,
	 "events whose timestamp is not before TIME: RFC 3339, a date, or -15m, -2h, -7d"},
	{0, "until", "TIME", OPTION_TIME, FIELD(until), 0, NULL, "events whose timestamp is not after TIME"},
	{0, "as-of", "TIME", OPTION_TIME, FIELD(as_of), 0, NULL, "events that the store had at TIME (recordedAt)"},
	{0, "where", "EXPR", OPTION_TEXT, FIELD(where), 0, NULL,
	 "events for which EXPR holds, such as '.data.total > 100'; evs-fold(5)"},
	{0, "shard", "I/N", OPTION_TEXT, offsetof(struct selectors, shard), 0, NULL,
	 "the Ith of N shards; a stream is always in the same one"},
	{'n', "limit", "N", OPTION_NUMBER, FIELD(limit), FIELD(has_limit), NULL, "at most the first N"},
	{0, "last", "N", OPTION_NUMBER, FIELD(last), FIELD(has_last), NULL, "at most the last N"},
	{'r', "reverse", NULL, OPTION_FLAG, FIELD(reverse), 0, NULL, "the newest first"},
};
_Static_assert(OPTION_COUNT(selectors_table) == SELECTORS_N, "SELECTORS_N is how many there are");

bool selectors_finish(struct selectors *s)
{
	uint64_t part, whole;

	if (s->has_to && s->selector.to == 0) { /* before the first position there is nothing */
		s->selector.has_limit = true;
		s->selector.limit = 0;
	}
	if (s->has_from_revision && s->selector.from_revision == 0) /* in the library that is: also events that have none */
		s->selector.from_revision = 1;
	if (s->shard == NULL)
		return true;
	if (!value_fraction(s->shard, &part, &whole) || part < 1 || part > whole || whole > UINT_MAX) {
		message_usage("option '--shard' needs I/N such as 2/4, the second of four, not '%s'", s->shard);
		return false;
	}
	s->selector.shard = (unsigned)part;
	s->selector.shards = (unsigned)whole;
	return true;
}

/* Whether a stream has an event. */
static bool is_there(struct evs_store *store, const char *type, const char *id)
{
	const struct evs_selector newest = {.stream = id, .aggregate_type = type, .has_last = true, .last = 1};
	struct evs_read *r = NULL;
	struct evs_event event;
	int status = evs_read_new(store, &newest, &r, NULL);

	if (status == EVS_OK)
		status = evs_read_next(r, &event, NULL);
	evs_read_free(r);
	return status == EVS_OK || status == EVS_AMBIGUOUS;
}

void selectors_advise(const struct selectors *s, struct evs_store *store, const char *path)
{
	const char *name = s->selector.stream, *slash = name == NULL ? NULL : strchr(name, '/');
	char *type;

	if (slash == NULL || s->selector.aggregate_type != NULL || is_there(store, NULL, name))
		return;
	type = strndup(name, (size_t)(slash - name));
	if (type != NULL && is_there(store, type, slash + 1))
		message_print("%s: there is no stream '%s'; a type and an ID are given apart: --aggregate-type '%s' --stream '%s'", path, name, type,
		              slash + 1);
	free(type);
}

bool selectors_any(const struct selectors *s)
{
	static const struct evs_selector none;

	return memcmp(&s->selector, &none, sizeof none) != 0;
}
