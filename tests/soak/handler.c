/*
 * What groups hand their events to: logs what it does with each, so that storm can tell whether that was right.
 *
 *   handler LOG [emit TYPE | lines]
 *
 * An event is a line on standard input. While it is worked on its stream is locked in LOG; the system drops the lock with the
 * process, so another one that cannot have it is beside a living one. Lines of the log: begin, end, fail, dead or overlap, and
 * the position.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOPELESS_EVERY = 50, RETRY = 75, HOPELESS = 65 };

static int log_fd;

static void note(const char *what, unsigned long position)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s %lu\n", what, position);

	if (write(log_fd, line, (size_t)n) != n)
		exit(1);
}

static bool chance(int n)
{
	return rand() / 7 % n == 0;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* The text of a field, as far as its closing quote; empty: there is none. */
static void field(const char *line, const char *name, char out[256])
{
	const char *at = strstr(line, name);

	out[0] = '\0';
	if (at != NULL)
		sscanf(at + strlen(name), "%255[^\"]", out);
}

/* Lock a stream as long as the process lives, or until it is unlocked. */
static void lock_stream(const char *stream, short type, unsigned long position)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
	unsigned long hash = 5381;

	for (const char *p = stream; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	lock.l_start = (off_t)(hash % INT32_MAX);
	if (fcntl(log_fd, F_OFD_SETLK, &lock) != 0)
		note("overlap", position);
}

/* Work on an event. Returns what is to be done with it: 0, RETRY or HOPELESS. */
static int handle(const char *line, bool lines, const char *emit)
{
	const char *at = strstr(line, "\"position\":");
	unsigned long position = at == NULL ? 0 : strtoul(at + strlen("\"position\":"), NULL, 10);
	char stream[256], id[256];
	int status = 0;

	field(line, "\"aggregateId\":\"", stream);
	field(line, "\"eventId\":\"", id);
	lock_stream(stream, F_WRLCK, position);
	note("begin", position);
	if (chance(lines ? 100 : 8))
		sleep_ms(emit != NULL && chance(25) ? 500 : 2);
	if (position % HOPELESS_EVERY == 0)
		status = HOPELESS;
	else if (chance(lines ? 1000 : 40))
		status = RETRY;
	else if (emit != NULL)
		printf("{\"eventType\":\"%s\",\"aggregateId\":\"%s-%s\",\"causationId\":\"%s\"}\n", emit, emit, stream, id);
	note(status == 0 ? "end" : status == RETRY ? "fail" : "dead", position);
	return status;
}

int main(int argc, char **argv)
{
	const bool lines = argc == 3 && strcmp(argv[2], "lines") == 0;
	const char *emit = argc == 4 ? argv[3] : NULL;
	char *line = NULL, stream[256];
	size_t size = 0;
	int status = 0;

	log_fd = open(argv[1], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		return 1;
	srand((unsigned)getpid());
	while (status == 0 && getline(&line, &size, stdin) > 0) {
		status = handle(line, lines, emit);
		if (!lines)
			continue;
		field(line, "\"aggregateId\":\"", stream);
		lock_stream(stream, F_UNLCK, 0);
		puts(status == 0 ? "ok" : status == RETRY ? "retry by chance" : "dead it is hopeless");
		fflush(stdout);
		status = 0;
	}
	free(line);
	fflush(stdout);
	return status;
}
