#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void need(bool ok)
{
	if (!ok) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
}

uint64_t disk_chance(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1du >> 16;
}

void disk_add(struct disk_file *f, struct disk_op op)
{
	need(array_grow(&f->pending, &f->cap, f->n, sizeof *f->pending));
	f->pending[f->n++] = op;
}

/* The file has this size, zeros where it was lengthened. */
static void resize(struct buf *b, size_t size)
{
	if (size > b->size) {
		need(buf_room(b, size - b->size));
		memset(b->data + b->size, 0, size - b->size);
	}
	b->size = size;
}

static void put(struct buf *b, const struct disk_op *op, size_t from, size_t to)
{
	if (from >= to)
		return;
	if (b->size < op->offset + to)
		resize(b, op->offset + to);
	memcpy(b->data + op->offset + from, op->data + from, to - from);
}

static void apply(struct buf *b, const struct disk_op *op, struct disk_fate fate)
{
	size_t at = fate.at <= op->offset ? 0 : fate.at - op->offset < op->size ? fate.at - op->offset : op->size;
	uint64_t seed = fate.at;

	if (fate.part == DISK_NOTHING)
		return;
	if (op->data == NULL) {
		resize(b, op->offset);
		return;
	}
	if (fate.part == DISK_ALL)
		put(b, op, 0, op->size);
	else if (fate.part == DISK_BEFORE)
		put(b, op, 0, at);
	else if (fate.part == DISK_FROM)
		put(b, op, at, op->size);
	for (size_t from = 0, to; fate.part == DISK_CHANCE && from < op->size; from = to) {
		to = from + DISK_SECTOR - (op->offset + from) % DISK_SECTOR;
		if (to > op->size)
			to = op->size;
		if (disk_chance(&seed) & 1)
			put(b, op, from, to);
	}
}

void disk_settle(struct disk_file *f, bool newest)
{
	const struct disk_fate all = {DISK_ALL, 0};

	for (size_t i = newest && f->n > 0 ? f->n - 1 : 0; i < f->n; i++)
		apply(&f->durable, &f->pending[i], all);
	f->n = newest && f->n > 0 ? f->n - 1 : 0;
}

void disk_build(const struct disk_file *f, const struct disk_fate *fates, size_t n, struct buf *out)
{
	out->size = 0;
	buf_put(out, f->durable.data, f->durable.size);
	need(!out->failed);
	for (size_t i = 0; i < n; i++)
		apply(out, &f->pending[i], fates[i]);
}

void disk_set_name(struct disk_names *names, const char *name, size_t size, uint64_t inode)
{
	struct disk_name *new;

	need(array_grow(&names->list, &names->cap, names->n, sizeof *names->list));
	new = &names->list[names->n++];
	snprintf(new->name, sizeof new->name, "%.*s", (int)size, name);
	new->inode = inode;
}

uint64_t disk_find_name(const struct disk_names *names, const char *name, size_t n)
{
	while (n-- > 0)
		if (strcmp(names->list[n].name, name) == 0)
			return names->list[n].inode;
	return 0;
}
