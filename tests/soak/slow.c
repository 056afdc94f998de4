/* For LD_PRELOAD: a process that is put aside for SLOW_US microseconds before it changes a file's size. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

int ftruncate(int fd, off_t size)
{
	union {
		void *symbol;
		int (*call)(int fd, off_t size);
	} real = {dlsym(RTLD_NEXT, "ftruncate")};
	const char *us = getenv("SLOW_US");

	usleep(us == NULL ? 0 : (useconds_t)atoi(us));
	return real.call(fd, size);
}
