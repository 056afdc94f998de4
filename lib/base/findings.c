#include "base/findings.h"

#include <stdio.h>

#include "base/error.h"

void findings_add(struct findings *f, unsigned kind, uint64_t position, const char *format, va_list args)
{
	struct evs_error shown;
	char raw[sizeof shown.message];

	/* What follows from a piece that was left out for want of memory is none either. */
	f->no_memory = f->no_memory || error_memory_ran_out();
	if (f->no_memory)
		return;
	f->n++;
	if (++f->counts[kind] > FINDINGS_TOLD || f->each == NULL)
		return;
	vsnprintf(raw, sizeof raw, format, args);
	error_set(&shown, EVS_CORRUPT, 0, "%s", raw); /* escapes */
	f->each(f->context, &(struct evs_finding){f->kinds[kind], position, shown.message});
}

int findings_status(const struct findings *f, int status, struct evs_error *err)
{
	if ((status == EVS_OK || status == EVS_CORRUPT) && f->no_memory)
		return error_nomem(err);
	if ((status == EVS_OK || status == EVS_CORRUPT) && f->n > 0)
		return error_set(err, EVS_CORRUPT, 0, "%llu findings", (unsigned long long)f->n);
	return status;
}
