#include "common/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t signals_caught;
volatile sig_atomic_t signals_reminders;
volatile sig_atomic_t signals_interrupted;

static const char *volatile doomed[SIGNALS_REMOVE_MAX];

/* Leave at once, with nothing left behind. */
static void leave(int number)
{
	for (unsigned i = 0; i < SIGNALS_REMOVE_MAX; i++)
		if (doomed[i] != NULL)
			unlink(doomed[i]);
	_exit(128 + number);
}

/*
 * Raise the flag. A signal that comes between a look at the flag and a call that blocks would be slept through,
 * so an alarm interrupts every second until the process ends. Who asks again a second later is not to wait any longer, as for a
 * lock that another process holds.
 */
static void raise_flag(int number)
{
	int saved = errno;

	if (number != SIGALRM && signals_reminders > 0)
		leave(number);
	if (number != SIGALRM)
		signals_caught = number;
	else if (signals_caught != 0 && signals_reminders < 100)
		signals_reminders++;
	alarm(1);
	errno = saved;
}

/* End the work at hand, and all where that was asked. */
static void interrupt(int number)
{
	signals_interrupted = 1;
	if (number != SIGINT)
		raise_flag(number);
}

/* Handle the signals that ask for an end, but not one that the caller (nohup, a shell's &) wants ignored. */
static void handle(void (*handler)(int))
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action, before;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	sigfillset(&action.sa_mask);
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	action.sa_handler = raise_flag;
	if (handler != leave)
		sigaction(SIGALRM, &action, NULL);
}

void signals_catch(void)
{
	handle(raise_flag);
}

void signals_interrupt(void)
{
	handle(interrupt);
}

void signals_exit(void)
{
	handle(leave);
}

void signals_remove(unsigned slot, const char *path)
{
	doomed[slot] = path;
}
