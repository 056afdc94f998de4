/* The text format of Prometheus: families of samples, each family in one block. */
#ifndef EVS_CMD_EXPOSITION_H
#define EVS_CMD_EXPOSITION_H

#include "base/buf.h"

enum family_kind { FAMILY_GAUGE, FAMILY_COUNTER, FAMILY_HISTOGRAM };

/* What lies at a family's field, and how it is shown. */
enum family_form {
	FAMILY_NUMBER,    /* uint64_t */
	FAMILY_SIZE,      /* size_t */
	FAMILY_SECONDS,   /* int64_t, microseconds */
	FAMILY_MOMENT,    /* likewise, since 1970; 0: there is none, and no sample */
	FAMILY_FLAG,      /* bool: 1 or 0 */
	FAMILY_WHETHER,   /* uint64_t: 1 where it is not 0 */
	FAMILY_DURATIONS, /* of a struct evs_group, as a whole */
};

struct family {
	const char *name;
	enum family_kind kind;
	enum family_form form;
	size_t field; /* offset in what is measured */
	const char *help;
};

struct label {
	const char *name; /* NULL: the labels end */
	const char *text; /* any bytes */
	size_t size;
};

#define EXPOSITION_MAX 16

/* The families of one kind of thing. Set families and n, at most EXPOSITION_MAX, the rest zeroed. */
struct exposition {
	const struct family *families;
	size_t n;
	struct buf blocks[EXPOSITION_MAX];
};

/* Add a sample of each family: thing is what their fields lie in. */
void exposition_add(struct exposition *x, const struct label *labels, const void *thing);

/* Put all blocks that have a sample behind out; out->failed where memory ran out. */
void exposition_put(const struct exposition *x, struct buf *out);
void exposition_release(struct exposition *x);

#endif
