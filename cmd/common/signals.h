/* SIGINT, SIGTERM and SIGHUP: either a flag to stop soon, or an end at once that leaves nothing behind. */
#ifndef EVS_CMD_SIGNALS_H
#define EVS_CMD_SIGNALS_H

#include <signal.h>

/* The signal that came, 0 before one does. */
extern volatile sig_atomic_t signals_caught;

/* How often what blocks was interrupted since it came. */
extern volatile sig_atomic_t signals_reminders;

/* Ctrl-C, where it ends no more than the work at hand: who begins work lowers it. */
extern volatile sig_atomic_t signals_interrupted;

/* From now on SIGINT sets signals_interrupted alone; the others set both, and act as after signals_catch. */
void signals_interrupt(void);

/* From now on a signal sets signals_caught and interrupts what blocks, again and again until the tool ends. */
void signals_catch(void);

/* From now on a signal ends the process with 128 + its number, the files of signals_remove removed. */
void signals_exit(void);

#define SIGNALS_REMOVE_MAX 2

/* Name a file to remove at such an end, or NULL; slot < SIGNALS_REMOVE_MAX. path is borrowed until it is replaced. */
void signals_remove(unsigned slot, const char *path);

#endif
