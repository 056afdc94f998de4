/* Any 36 bytes taken for a UUID: what is read is written the same, and any 16 bytes come back. */
#include "base/id.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t uuid[16], again[16];
	char written[UUID_TEXT];

	if (size >= UUID_TEXT) {
		char *text = (char *)exact_copy(data, UUID_TEXT, 0);
		if (uuid_parse(text, uuid)) {
			uuid_format(uuid, written);
			MUST(memcmp(written, text, UUID_TEXT) == 0);
		}
		free(text);
	}
	if (size >= 16) {
		uuid_format(data, written);
		MUST(uuid_parse(written, again) && memcmp(again, data, 16) == 0);
	}
	return 0;
}
