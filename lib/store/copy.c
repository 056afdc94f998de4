/* evs_copy: a consistent copy of the file, made within one read snapshot. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/store.h"

int evs_copy(struct evs_store *store, int fd, struct evs_error *err)
{
	struct stat st;
	int status;

	if (fstat(fd, &st) != 0)
		return error_set(err, error_status(errno), errno, "cannot write the copy");
	status = kv_copy(store->kv, fd, err);
	if (status != EVS_OK || !S_ISREG(st.st_mode))
		return status;
	/* Some file systems notice only now that there is no room. */
	while (fsync(fd) != 0)
		if (errno != EINTR)
			return error_set(err, error_status(errno), errno, "cannot sync the copy");
	return EVS_OK;
}
