#include "common/exposition.h"

#include <inttypes.h>

#include "base/utf8.h"
#include "evs.h"

/* A label's text. */
static void put_label(struct buf *out, const struct label *l)
{
	struct buf clean = {0};

	utf8_put(&clean, l->text, l->size);
	for (size_t i = 0; i < clean.size; i++) {
		if (clean.data[i] == '\n' || clean.data[i] == '"' || clean.data[i] == '\\')
			buf_byte(out, '\\');
		buf_byte(out, clean.data[i] == '\n' ? 'n' : clean.data[i]);
	}
	out->failed |= clean.failed;
	buf_free(&clean);
}

/* name{label="text",...} and a space; le: the bound of a bucket, NULL: none. */
static void put_series(struct buf *out, const char *name, const char *suffix, const struct label *labels, const char *le)
{
	buf_printf(out, "%s%s{", name, suffix);
	for (const struct label *l = labels; l->name != NULL; l++) {
		buf_printf(out, "%s%s=\"", l == labels ? "" : ",", l->name);
		put_label(out, l);
		buf_byte(out, '"');
	}
	if (le != NULL)
		buf_printf(out, ",le=\"%s\"", le);
	buf_text(out, "} ");
}

static void put_seconds(struct buf *out, int64_t us)
{
	buf_printf(out, "%.6f\n", (double)us / 1e6);
}

/* The buckets of a group's durations, each with all that are smaller; their sum and how many there are. */
static void put_durations(struct buf *out, const char *name, const struct label *labels, const struct evs_group *g)
{
	uint64_t count = 0;
	char le[32];

	for (size_t i = 0; i <= EVS_DURATIONS; i++) {
		count += g->durations[i];
		if (i < EVS_DURATIONS)
			snprintf(le, sizeof le, "%g", (double)evs_durations_us[i] / 1e6);
		put_series(out, name, "_bucket", labels, i < EVS_DURATIONS ? le : "+Inf");
		buf_printf(out, "%" PRIu64 "\n", count);
	}
	put_series(out, name, "_sum", labels, NULL);
	put_seconds(out, g->took_us);
	put_series(out, name, "_count", labels, NULL);
	buf_printf(out, "%" PRIu64 "\n", count);
}

/* One sample. */
static void put_sample(struct buf *out, const struct family *f, const struct label *labels, const void *thing)
{
	const void *field = (const char *)thing + f->field;

	if (f->form == FAMILY_DURATIONS) {
		put_durations(out, f->name, labels, thing);
		return;
	}
	if (f->form == FAMILY_MOMENT && *(const int64_t *)field == 0)
		return;
	put_series(out, f->name, "", labels, NULL);
	switch (f->form) {
	case FAMILY_NUMBER:
		buf_printf(out, "%" PRIu64 "\n", *(const uint64_t *)field);
		break;
	case FAMILY_SIZE:
		buf_printf(out, "%zu\n", *(const size_t *)field);
		break;
	case FAMILY_SECONDS:
	case FAMILY_MOMENT:
		put_seconds(out, *(const int64_t *)field);
		break;
	case FAMILY_FLAG:
		buf_printf(out, "%d\n", *(const bool *)field);
		break;
	case FAMILY_WHETHER:
		buf_printf(out, "%d\n", *(const uint64_t *)field != 0);
		break;
	case FAMILY_DURATIONS:
		break;
	}
}

void exposition_add(struct exposition *x, const struct label *labels, const void *thing)
{
	for (size_t i = 0; i < x->n; i++)
		put_sample(&x->blocks[i], &x->families[i], labels, thing);
}

void exposition_put(const struct exposition *x, struct buf *out)
{
	static const char *const kinds[] = {[FAMILY_GAUGE] = "gauge", [FAMILY_COUNTER] = "counter", [FAMILY_HISTOGRAM] = "histogram"};

	for (size_t i = 0; i < x->n; i++) {
		const struct family *f = &x->families[i];

		out->failed |= x->blocks[i].failed;
		if (x->blocks[i].size == 0)
			continue;
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
		buf_put(out, x->blocks[i].data, x->blocks[i].size);
	}
}

void exposition_release(struct exposition *x)
{
	for (size_t i = 0; i < x->n; i++)
		buf_free(&x->blocks[i]);
}
