#include "common/fill.h"

#include "evs.h"

#define FIELD(name) offsetof(struct evs_append_options, name)

const struct option fill_options[] = {
	{'t', "type", "TYPE", OPTION_TEXT, FIELD(type), 0, "type", "eventType"},
	{'s', "stream", "ID", OPTION_TEXT, FIELD(stream), 0, "stream", "aggregateId"},
	{0, "aggregate-type", "T", OPTION_TEXT, FIELD(aggregate_type), 0, "aggregate-type", "aggregateType"},
	{0, "source", "S", OPTION_TEXT, FIELD(source), 0, "source", "source"},
	{0, "tag", "TAG", OPTION_LIST, FIELD(tags), FIELD(n_tags), "tag", "tags; repeat it for more"},
	{0, "correlation", "ID", OPTION_TEXT, FIELD(correlation), 0, "correlation", "correlationId"},
	{0, "causation", "ID", OPTION_TEXT, FIELD(causation), 0, "causation", "causationId"},
};
_Static_assert(OPTION_COUNT(fill_options) == FILL_N, "FILL_N is how many there are");
