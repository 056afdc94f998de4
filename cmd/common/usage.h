/* What a tool's table says on standard output. */
#ifndef EVS_CMD_USAGE_H
#define EVS_CMD_USAGE_H

#include "common/options.h"

void usage_help(const struct tool *tool);
void usage_version(void);

/* A line an option, tab-separated: long, short, kind of the value, help. */
void usage_complete(const struct tool *tool);

#endif
