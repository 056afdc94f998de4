/* A store as it is found after a power cut or a call that failed: looked at through libevs, in a process of its own. */
#ifndef EVS_TESTS_CRASH_STATE_H
#define EVS_TESTS_CRASH_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	STATE_APPEND = 1, /* append an event, which must be given the next position */
	STATE_AGAIN = 2,  /* and verify the store once more */
	STATE_COMPARE = 4, /* events are, byte for byte, what they were in the states before */
};

struct state {
	bool missing;       /* there is no file */
	uint64_t events;
	uint64_t digest;    /* of everything: two stores with the same hold the same */
	uint64_t shape;     /* of what does not depend on the clock or on chance */
	char problem[1000];  /* what is wrong; "": nothing */
};

/* A process that looks at stores: when it crashes or hangs that is what it found. */
struct looker {
	pid_t pid;
	int ask, answer;
};

void looker_look(struct looker *l, const char *path, unsigned what, struct state *out);
void looker_end(struct looker *l);

#endif
