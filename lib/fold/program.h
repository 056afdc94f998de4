/* A parsed fold from the inside: what fold.c makes and run.c runs. */
#ifndef EVS_FOLD_PROGRAM_H
#define EVS_FOLD_PROGRAM_H

#include "fold/code.h"
#include "fold/fold.h"
#include "fold/look.h"

/* on GLOB, ... [when] [each] [key] { body } ; what is absent is CODE_NONE. */
struct fold_block {
	const char **globs;
	size_t n_globs, globs_cap;
	uint32_t when, each, key, body;
	bool when_uses_state;
};

struct fold {
	char *name;
	struct code code;
	uint64_t hash;
	uint32_t key; /* CODE_NONE: by stream */
	struct fold_block *blocks;
	uint32_t n_blocks;
	struct node_key *fields;
	uint32_t n_fields;
	uint32_t *indexes;
	uint32_t n_indexes;
	struct look_path *paths; /* those at the top level are linked from the first one on */
	uint32_t n_paths;
	size_t blocks_cap, fields_cap, indexes_cap, paths_cap;
};

#endif
