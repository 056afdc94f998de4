#include "base/findings.h"

#include <stdio.h>

#include "base/error.h"

void findings_add(struct findings *f, unsigned kind, uint64_t position, const char *format, va_list args)
{
	struct evs_error shown;
	char raw[sizeof shown.message];

	f->n++;
	if (++f->counts[kind] > FINDINGS_TOLD || f->each == NULL)
		return;
	vsnprintf(raw, sizeof raw, format, args);
	error_set(&shown, EVS_CORRUPT, 0, "%s", raw); /* escapes */
	f->each(f->context, &(struct evs_finding){f->kinds[kind], position, shown.message});
}
