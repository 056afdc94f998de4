/* The tools that are built in: one line each, in the order that evs --help lists them. */
#ifndef EVS_CMD_TOOLS_H
#define EVS_CMD_TOOLS_H

#include "common/options.h"

#define TOOLS(each) each(append) each(cat) each(stat) each(fold) each(project) each(snapshot) each(replay) each(decide) each(consume) each(group) each(dlq) each(request) each(reply) each(metrics) each(verify) each(backup)

#define TOOLS_DECLARE(name) extern const struct tool tool_##name;
TOOLS(TOOLS_DECLARE)
#undef TOOLS_DECLARE

#endif
