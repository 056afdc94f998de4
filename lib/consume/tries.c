#include "consume/tries.h"

#include "base/bytes.h"

enum { REASON_MAX = 1000 };

bool tries_next(const uint8_t **p, const uint8_t *end, struct tried *out)
{
	uint64_t at, took, exit_status, signal;
	const uint8_t *reason, *output;

	if (*p == end || (*p = get_varint(*p, end, &at)) == NULL || (*p = get_varint(*p, end, &took)) == NULL ||
	    (*p = get_varint(*p, end, &exit_status)) == NULL || (*p = get_varint(*p, end, &signal)) == NULL)
		return false;
	out->at_us = (int64_t)at;
	out->took_us = (int64_t)took;
	out->exit_status = (int)(exit_status & 0xffff) - 1;
	out->signal = (int)(signal & 0xffff);
	if ((*p = get_sized(*p, end, &reason, &out->reason.size)) == NULL || (*p = get_sized(*p, end, &output, &out->output.size)) == NULL)
		return false;
	out->reason.text = (const char *)reason;
	out->output.text = (const char *)output;
	return true;
}

bool tries_valid(const uint8_t *list, size_t size)
{
	const uint8_t *p = list, *end = list + size;
	struct tried t;

	while (p != end)
		if (!tries_next(&p, end, &t))
			return false;
	return true;
}

/* Leave out the second of a list that is full. False: it is not. */
static bool make_way(struct buf *list)
{
	const uint8_t *p = list->data, *end = p + list->size, *second = NULL, *third = NULL;
	struct tried t;
	unsigned n = 0;

	while (p != end && tries_next(&p, end, &t)) {
		n++;
		second = n == 1 ? p : second;
		third = n == 2 ? p : third;
	}
	if (n < TRIES_KEPT)
		return false;
	memmove(list->data + (second - list->data), third, (size_t)(end - third));
	list->size -= (size_t)(third - second);
	return true;
}

bool tries_append(struct buf *list, const uint8_t *record, size_t size)
{
	if (list->size > 0 && !tries_valid(list->data, list->size))
		list->size = 0;
	while (size > 0 && list->size > 0 && make_way(list))
		;
	buf_put(list, record, size);
	return !list->failed;
}

bool tries_add(struct buf *list, int64_t at_us, const struct evs_failure *f)
{
	size_t reason = strlen(f->reason), output = f->output_size;
	struct buf record = {0};
	bool good;

	reason = reason > REASON_MAX ? REASON_MAX : reason;
	output = output > TRIES_OUTPUT_MAX ? TRIES_OUTPUT_MAX : output;
	buf_varint(&record, (uint64_t)at_us);
	buf_varint(&record, f->took_us < 0 ? 0 : (uint64_t)f->took_us);
	buf_varint(&record, (uint64_t)(f->exit_status + 1));
	buf_varint(&record, (uint64_t)f->signal);
	buf_sized(&record, f->reason, reason);
	buf_sized(&record, output == 0 ? NULL : f->output + (f->output_size - output), output);
	good = !record.failed && tries_append(list, record.data, record.size);
	buf_free(&record);
	return good;
}
