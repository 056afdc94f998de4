/* Any text taken for an append condition. */
#include "evs.h"
#include "fuzz.h"
#include "store/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)exact_copy(data, size, 1);
	struct evs_error err = {0};
	struct query *q;
	int status = query_parse(text, &q, &err);

	MUST(status == EVS_OK || status == EVS_USAGE);
	MUST((q != NULL) == (status == EVS_OK) && err.status == (status == EVS_OK ? 0 : EVS_USAGE));
	MUST(strlen(err.message) < sizeof err.message);
	query_free(q);
	free(text);
	return 0;
}
