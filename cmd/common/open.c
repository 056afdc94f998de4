#include "common/open.h"

#include "common/message.h"

int open_store(const char *path, int flags, struct evs_store **out, struct evs_error *err)
{
	int status = evs_open(path, flags, out, err);

	if (status == EVS_OK && evs_is_unlocked(*out))
		message_print("%s: %s-lock cannot be written, so no writer knows of this reader: what it says holds as long as nobody appends", path, path);
	return status;
}
