#include "common/fault.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mapped.h"
#include "common/message.h"

static void put(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return; /* there is nobody to tell */
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 || !mapped_has(info->si_addr)) {
		/* What faulted is done once more, and ends it; what was sent is sent again. */
		signal(number, SIG_DFL);
		if (info->si_code <= 0)
			raise(number);
		return;
	}
	put(message_name());
	put(": the store has become shorter while it was read, or the disk cannot read it; evs verify says where, "
	    "evs cat --salvage prints what is whole\n");
	_exit(STATUS_DAMAGED);
}

void fault_begin(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}
