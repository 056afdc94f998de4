#include "common/open.h"

#include "common/memory.h"
#include "common/message.h"

int open_store(const char *path, int flags, struct evs_store **out, struct evs_error *err)
{
	int status;

	if (flags == EVS_READ)
		memory_expect_much();
	status = evs_open(path, flags, out, err);
	if (status == EVS_OK && evs_is_unlocked(*out))
		message_print("%s: read without a lock, as %s-lock cannot be written: right unless somebody appends meanwhile", path, path);
	return status;
}
