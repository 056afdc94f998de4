/* evs_copy: a consistent copy of the file, made within one read snapshot. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/store.h"

int evs_copy(struct evs_store *store, int fd, struct evs_error *err)
{
	struct stat to, own;
	int status;

	if (fstat(fd, &to) != 0)
		return error_set(err, error_status(errno), errno, "cannot write the copy");
	if (stat(store->path, &own) == 0 && own.st_dev == to.st_dev && own.st_ino == to.st_ino)
		return error_set(err, EVS_USAGE, 0, "cannot copy a store into itself");
	status = kv_copy(store->kv, fd, err);
	if (status != EVS_OK || !S_ISREG(to.st_mode))
		return status;
	/* Some file systems notice only now that there is no room. */
	while (fsync(fd) != 0)
		if (errno != EINTR)
			return error_set(err, error_status(errno), errno, "cannot sync the copy");
	return EVS_OK;
}
