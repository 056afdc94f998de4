/* Any text taken for a time: what is read can be written, and means the same. */
#include "base/moment.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)exact_copy(data, size, 1), written[MOMENT_TEXT];
	uint8_t *exact = exact_copy(data, size, 0);
	int64_t ns, again, end;

	if (moment_parse((const char *)exact, size, &ns) && ns != MOMENT_MIN && ns != MOMENT_MAX) {
		int64_t us = ns / 1000 - (ns % 1000 < 0);
		moment_format_us(us, written);
		MUST(moment_parse(written, sizeof written, &again) && again / 1000 - (again % 1000 < 0) == us);
	}
	if (moment_parse_option(text, 1778747400000000000, false, &ns)) {
		MUST(moment_parse_option(text, 1778747400000000000, true, &end));
		MUST(end >= ns);
	}
	free(exact);
	free(text);
	return 0;
}
