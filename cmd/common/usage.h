/* What a tool's table says on standard output. */
#ifndef EVS_CMD_USAGE_H
#define EVS_CMD_USAGE_H

#include "base/buf.h"
#include "common/options.h"

/* Put a tool's line: "evs cat STORE [options]". */
void usage_line(const struct tool *tool, struct buf *out);

void usage_help(const struct tool *tool);
void usage_version(void);

#endif
