/* The pages of a file, whatever they are: every walk ends, inside the file; what is salvaged from it is in order. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/survey.h"

static uint64_t last;

static int take(void *context, const void *text, size_t size)
{
	const uint8_t *line = text;

	(void)context;
	MUST(size > 1 && line[0] == '{' && line[size - 1] == '\n');
	last++;
	return 0;
}

static void pass_over(void *context, const char *table, uint64_t page, const char *why)
{
	(void)context;
	(void)page;
	MUST(table != NULL && why != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct evs_salvage_result result;
	struct survey_file f;
	struct evs_error err;
	char path[64];
	int fd = memfd_create("store", 0);

	MUST(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (survey_open(path, &f, &err) == EVS_OK && f.why == NULL)
		survey_pages(&f.file, &f.meta, pass_over, NULL, &err);
	survey_close(&f);
	last = 0;
	if (evs_salvage(path, take, NULL, NULL, &result, &err) == EVS_OK)
		MUST(result.events == last);
	close(fd);
	return 0;
}
