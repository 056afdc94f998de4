/*
 * Rebuild a store as a power cut at every point of a log (log.h) could leave it, and look at each state: it must open, verify,
 * take an append, and hold what one of its commits left: no older one than was acknowledged, no newer one than had begun.
 *
 * replay [options] LOG NAME     NAME: of the store among the log's files
 *
 *   --scratch FOLDER  for the states; in memory
 *   --seed N          of what is left to chance
 *   --rounds N        states by chance for each group of writes between two syncs
 *   --tears N         at most so many places in a write to tear it at
 *   --every N         look at every Nth state alone, beside those right before and after each commit
 *   --again N COMMAND with every Nth state that is whole: COMMAND STATE must end with 0
 *   --ignore-sync     take syncs for nothing: then much must be lost, or this test is one that cannot fail
 *
 * The last line counts. 0: all is well; 1: something is not.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "disk.h"
#include "state.h"

enum { PAGE = 4096, META_BYTES = 152, FINDINGS_SHOWN = 10, AGAIN_EVERY = 8, TEAR_METAS = 6, SECTORS = 8 };

enum kind { PREFIX, DROPPED, TORN, CHANCE, NAMES, KINDS };

static const char *const kind_names[KINDS] = {
	[PREFIX] = "cut off", [DROPPED] = "writes dropped", [TORN] = "torn", [CHANCE] = "by chance", [NAMES] = "names lost",
};

/* What was seen of a state with the same bytes. */
struct seen {
	uint64_t key, digest, events;
	bool bad;
};

/* What a commit left. */
struct step {
	uint64_t digest, events;
};

struct replay {
	const char *target, *scratch, *again;
	uint64_t seed;
	unsigned rounds, tears, every, again_every;
	bool ignore_sync;
	/* The log. */
	const uint8_t *log;
	size_t log_size;
	struct log_record record;
	unsigned number; /* of the record */
	/* The disk. */
	struct disk_file *files;
	size_t n_files, files_cap;
	struct disk_names names;
	/* What is known of it. */
	struct step *steps;
	size_t n_steps, steps_cap, floor;
	struct seen *seen;
	size_t n_seen, seen_cap, seen_slots;
	struct looker looker;
	struct buf image;
	struct disk_fate *fates;
	size_t fates_cap;
	char path[512];
	uint64_t meta_key; /* of the meta pages when the store was last looked at as the system sees it */
	/* The count. */
	unsigned long states[KINDS], looked, turn, repeated, findings, beyond, beyond_bad, acknowledged;
	unsigned metas_torn;
};

/* ---- findings ---- */

__attribute__((format(printf, 2, 3))) static void find(struct replay *r, const char *format, ...)
{
	char message[2000];
	va_list args;

	if (++r->findings > FINDINGS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	printf("FOUND after record %u (%s at %" PRIu64 "): %s\n", r->number,
	       r->record.kind == LOG_WRITE ? "write" : r->record.kind == LOG_TRUNCATE ? "truncate" : r->record.kind == LOG_SYNC ? "sync" : "other",
	       r->record.offset, message);
}

/* ---- looking at states ---- */

static void write_state(struct replay *r, const char *path)
{
	char lock[600];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || pwrite(fd, r->image.data, r->image.size, 0) != (ssize_t)r->image.size || ftruncate(fd, (off_t)r->image.size) != 0) {
		perror(path);
		exit(1);
	}
	close(fd);
	snprintf(lock, sizeof lock, "%s-lock", path);
	unlink(lock);
}

/* The slot of a state among those that were seen. */
static struct seen *slot_of(struct replay *r, uint64_t key)
{
	size_t i;

	if (r->n_seen * 2 >= r->seen_slots) {
		struct seen *old = r->seen;
		size_t n = r->seen_slots;
		r->seen_slots = n == 0 ? 1024 : n * 4;
		if ((r->seen = calloc(r->seen_slots, sizeof *r->seen)) == NULL)
			exit(1);
		for (size_t k = 0; k < n; k++)
			if (old[k].key != 0)
				*slot_of(r, old[k].key) = old[k];
		free(old);
	}
	for (i = key & (r->seen_slots - 1); r->seen[i].key != 0 && r->seen[i].key != key; i = (i + 1) & (r->seen_slots - 1))
		;
	return &r->seen[i];
}

/* Run what goes on with a state. */
static void go_on(struct replay *r)
{
	char path[600], command[2048];
	int how;

	snprintf(path, sizeof path, "%s/again.evs", r->scratch);
	write_state(r, path);
	snprintf(command, sizeof command, "%s %s >&2", r->again, path);
	how = system(command);
	if (how != 0)
		find(r, "'%s' fails on a state that looks whole (%d)", command, how);
}

/* Have the image looked at, or remember what was seen. */
static struct seen *see(struct replay *r, bool missing)
{
	uint64_t key = missing ? 1 : hash64(r->image.data, r->image.size, 7) | 2;
	struct seen *seen = slot_of(r, key);
	struct state s;

	if (seen->key != 0) {
		r->repeated++;
		return seen;
	}
	if (missing)
		unlink(r->path);
	else
		write_state(r, r->path);
	r->looked++;
	looker_look(&r->looker, r->path, STATE_APPEND | STATE_COMPARE | (r->looked % AGAIN_EVERY == 0 ? STATE_AGAIN : 0), &s);
	*seen = (struct seen){key, s.digest, s.events, s.problem[0] != '\0'};
	r->n_seen++;
	if (seen->bad)
		find(r, "%s", s.problem);
	else if (r->again != NULL && !missing && r->looked % r->again_every == 0)
		go_on(r);
	return seen;
}

/* Count a state, look at it, and ask whether it is one that may be. */
static void judge(struct replay *r, enum kind kind, bool missing)
{
	const struct seen *seen;

	r->states[kind]++;
	if (r->every > 1 && r->turn++ % r->every != 0)
		return;
	seen = see(r, missing);
	if (seen->bad)
		return;
	for (size_t i = r->floor; i < r->n_steps; i++)
		if (r->steps[i].digest == seen->digest)
			return;
	for (size_t i = 0; i < r->floor && i < r->n_steps; i++) {
		if (r->steps[i].digest == seen->digest) {
			find(r, "LOST: %s: it is as commit %zu left it, with %" PRIu64 " events, but commit %zu was acknowledged, with %" PRIu64,
			     kind_names[kind], i, seen->events, r->floor, r->steps[r->floor].events);
			return;
		}
	}
	find(r, "%s: what it holds (%" PRIu64 " events) is what no commit left", kind_names[kind], seen->events);
}

/* ---- what the system sees: everything that was written ---- */

static struct disk_file *file_of(struct replay *r, uint64_t inode)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].inode == inode)
			return &r->files[i];
	if (!array_grow(&r->files, &r->files_cap, r->n_files, sizeof *r->files))
		exit(1);
	r->files[r->n_files] = (struct disk_file){.inode = inode};
	return &r->files[r->n_files++];
}

static struct disk_file *target(struct replay *r)
{
	uint64_t inode = disk_find_name(&r->names, r->target, r->names.n);

	return inode == 0 ? NULL : file_of(r, inode);
}

/* Fates for all ops of a file: all of them there. */
static void all_there(struct replay *r, const struct disk_file *f)
{
	while (f->n >= r->fates_cap)
		if (!array_grow(&r->fates, &r->fates_cap, f->n, sizeof *r->fates))
			exit(1);
	for (size_t i = 0; i < f->n; i++)
		r->fates[i] = (struct disk_fate){DISK_ALL, 0};
}

/* Look at the store as a process would find it now; a commit is a step. */
static void look_now(struct replay *r)
{
	struct disk_file *f = target(r);
	uint64_t key = 1;
	struct seen *seen;

	r->image.size = 0;
	if (f != NULL) {
		all_there(r, f);
		disk_build(f, r->fates, f->n, &r->image);
		key = hash64(r->image.data, r->image.size < 2 * PAGE ? r->image.size : 2 * PAGE, f->inode);
	}
	if (key == r->meta_key) {
		judge(r, PREFIX, f == NULL); /* nothing was committed */
		return;
	}
	r->meta_key = key;
	seen = see(r, f == NULL);
	r->states[PREFIX]++;
	if (seen->bad)
		return;
	if (r->n_steps > 0 && r->steps[r->n_steps - 1].digest == seen->digest)
		return;
	if (!array_grow(&r->steps, &r->steps_cap, r->n_steps, sizeof *r->steps))
		exit(1);
	r->steps[r->n_steps].digest = seen->digest;
	r->steps[r->n_steps++].events = seen->events;
}

/* ---- what a cut may leave ---- */

static void build(struct replay *r, const struct disk_file *f, size_t n, enum kind kind)
{
	disk_build(f, r->fates, n, &r->image);
	judge(r, kind, false);
}

/* Tear a write at some of its sector bounds: with all others there, with those before it alone, and by itself. */
static void tear(struct replay *r, const struct disk_file *f, size_t i)
{
	const struct disk_op *op = &f->pending[i];
	uint64_t first = op->offset / DISK_SECTOR + 1, last = (op->offset + op->size + DISK_SECTOR - 1) / DISK_SECTOR, step;

	if (op->data == NULL || first >= last)
		return;
	step = (last - first + r->tears - 1) / r->tears;
	if (step > SECTORS)
		step -= step % SECTORS - 1; /* some at pages' bounds, some within */
	for (uint64_t at = first; at < last; at += step) {
		for (enum disk_part part = DISK_BEFORE; part <= DISK_FROM; part++) {
			all_there(r, f);
			r->fates[i] = (struct disk_fate){part, at * DISK_SECTOR};
			build(r, f, f->n, TORN);
			build(r, f, i + 1, TORN);
			for (size_t k = 0; k < f->n; k++)
				if (k != i)
					r->fates[k].part = DISK_NOTHING;
			build(r, f, f->n, TORN);
		}
	}
}

/* Cut short within a sector the write of a meta page, which LMDB takes for whole or not there: nothing is promised then. */
static void tear_meta(struct replay *r, const struct disk_file *f, size_t i)
{
	const struct disk_op *op = &f->pending[i];
	struct state s;

	if (op->data == NULL || op->size > META_BYTES || op->offset >= 2 * PAGE || r->metas_torn >= TEAR_METAS)
		return;
	r->metas_torn++;
	for (uint64_t at = 8; at < op->size; at += 8) {
		all_there(r, f);
		r->fates[i] = (struct disk_fate){DISK_BEFORE, op->offset + at};
		disk_build(f, r->fates, f->n, &r->image);
		write_state(r, r->path);
		looker_look(&r->looker, r->path, 0, &s);
		r->beyond++;
		r->beyond_bad += s.problem[0] != '\0';
	}
}

static void by_chance(struct replay *r, const struct disk_file *f)
{
	for (unsigned k = 0; k < r->rounds; k++) {
		size_t n = 1 + (size_t)disk_chance(&r->seed) % f->n;
		unsigned there = (unsigned)disk_chance(&r->seed) % 9 + 1, torn = (unsigned)disk_chance(&r->seed) % 5;
		for (size_t i = 0; i < n; i++) {
			r->fates[i] = (struct disk_fate){DISK_NOTHING, disk_chance(&r->seed) | 1};
			if (disk_chance(&r->seed) % 10 < there)
				r->fates[i].part = disk_chance(&r->seed) % 10 < torn ? DISK_CHANCE : DISK_ALL;
		}
		build(r, f, n, CHANCE);
	}
}

/* Everything that can become of a group of writes that is under way. */
static void cut_group(struct replay *r, const struct disk_file *f)
{
	if (f == NULL || f->n == 0)
		return;
	all_there(r, f);
	build(r, f, 0, PREFIX);
	for (size_t i = 0; i < f->n; i++) {
		all_there(r, f);
		r->fates[i].part = DISK_NOTHING;
		build(r, f, f->n, DROPPED);
		for (size_t k = 0; k < f->n; k++)
			r->fates[k].part = k == i ? DISK_ALL : DISK_NOTHING;
		build(r, f, f->n, DROPPED);
		tear(r, f, i);
		if (!r->ignore_sync)
			tear_meta(r, f, i);
	}
	all_there(r, f);
	by_chance(r, f);
}

/* The names as a cut may leave them. */
static void cut_names(struct replay *r)
{
	for (size_t n = r->names.n_durable; n < r->names.n; n++) {
		uint64_t inode = disk_find_name(&r->names, r->target, n);
		struct disk_file *f = inode == 0 ? NULL : file_of(r, inode);
		r->image.size = 0;
		if (f != NULL) {
			all_there(r, f);
			disk_build(f, r->fates, f->n, &r->image);
		}
		judge(r, NAMES, f == NULL);
		if (f != NULL)
			cut_group(r, f);
	}
}

/* ---- the log ---- */

/* Whether there is one more record; its data is at *data. */
static bool next_record(struct replay *r, size_t *at, const char **name, const uint8_t **data)
{
	if (*at + sizeof r->record > r->log_size)
		return false;
	memcpy(&r->record, r->log + *at, sizeof r->record);
	*name = (const char *)r->log + *at + sizeof r->record;
	*data = (const uint8_t *)*name + r->record.name_size;
	*at += sizeof r->record + r->record.name_size + r->record.size;
	if (r->record.magic != LOG_MAGIC || *at > r->log_size) {
		fputs("replay: the log is damaged\n", stderr);
		exit(1);
	}
	r->number++;
	return true;
}

/* What the output acknowledges: the greatest position in it. */
static void acknowledge(struct replay *r, const char *text, size_t size)
{
	static const char key[] = "\"position\":";
	uint64_t position = 0, n;
	size_t i;

	for (const char *p = text, *end = text + size; (p = memmem(p, (size_t)(end - p), key, sizeof key - 1)) != NULL;) {
		for (p += sizeof key - 1, n = 0; p < end && *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		position = n > position ? n : position;
	}
	if (position == 0)
		return;
	r->acknowledged++;
	for (i = 0; i < r->n_steps && r->steps[i].events < position; i++)
		;
	if (i == r->n_steps)
		find(r, "LOST: position %" PRIu64 " is acknowledged, and not yet written", position);
	else if (i > r->floor)
		r->floor = i;
}

static void end_of_command(struct replay *r)
{
	if (r->record.offset == 128 + SIGKILL)
		return; /* it was killed: it acknowledged nothing */
	if (r->record.offset != 0 && r->record.offset != 4)
		find(r, "a command of the workload ended with %" PRIu64, r->record.offset);
	r->acknowledged++;
	if (r->n_steps > 0)
		r->floor = r->n_steps - 1;
}

static void take_name(struct replay *r, const char *name, const uint8_t *data)
{
	const struct log_record *e = &r->record;
	char old[256];

	if (e->kind == LOG_RENAME) {
		snprintf(old, sizeof old, "%.*s", (int)e->size, (const char *)data);
		disk_set_name(&r->names, name, e->name_size, disk_find_name(&r->names, old, r->names.n));
		disk_set_name(&r->names, old, strlen(old), 0);
	} else {
		disk_set_name(&r->names, name, e->name_size, e->kind == LOG_UNLINK ? 0 : e->file);
	}
	look_now(r);
	cut_group(r, target(r));
	cut_names(r);
}

static void take_record(struct replay *r, const char *name, const uint8_t *data)
{
	const struct log_record *e = &r->record;
	struct disk_file *f = e->file == 0 ? NULL : file_of(r, e->file);

	switch ((enum log_kind)e->kind) {
	case LOG_BASE:
		buf_put(&f->durable, data, e->size);
		disk_set_name(&r->names, name, e->name_size, e->file);
		r->names.n_durable = r->names.n;
		break;
	case LOG_WRITE:
	case LOG_TRUNCATE:
		disk_add(f, (struct disk_op){e->offset, e->kind == LOG_WRITE ? data : NULL, e->size});
		if (f == target(r))
			look_now(r);
		break;
	case LOG_DSYNC:
	case LOG_SYNC:
		if (f == target(r))
			cut_group(r, f);
		if (!r->ignore_sync || e->kind == LOG_DSYNC)
			disk_settle(f, e->kind == LOG_DSYNC);
		break;
	case LOG_CREATE:
	case LOG_LINK:
	case LOG_RENAME:
	case LOG_UNLINK:
		take_name(r, name, data);
		break;
	case LOG_DIRSYNC:
		r->names.n_durable = r->names.n;
		break;
	case LOG_OUTPUT:
		acknowledge(r, (const char *)data, e->size);
		break;
	case LOG_EXIT:
		end_of_command(r);
		break;
	}
	/* After what was acknowledged the cut may come too. */
	if (e->kind == LOG_OUTPUT || e->kind == LOG_EXIT) {
		look_now(r);
		cut_group(r, target(r));
		cut_names(r);
	}
}

static void run(struct replay *r)
{
	const char *name;
	const uint8_t *data;
	size_t at = 0;
	bool begun = false;

	while (next_record(r, &at, &name, &data)) {
		if (!begun && r->record.kind != LOG_BASE) {
			begun = true;
			look_now(r);
		}
		take_record(r, name, data);
	}
}

/* ---- the program ---- */

static void open_log(struct replay *r, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (r->log = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	r->log_size = (size_t)st.st_size;
	close(fd);
}

static unsigned number(char **argv, int *i)
{
	return argv[*i + 1] == NULL ? 0 : (unsigned)strtoul(argv[++*i], NULL, 10);
}

static int usage(void)
{
	fputs("usage: replay [options] LOG NAME\n", stderr);
	return 2;
}

static int sum_up(const struct replay *r, const char *log)
{
	unsigned long all = 0;
	const char *slash = strrchr(log, '/');

	for (int k = 0; k < KINDS; k++)
		all += r->states[k];
	printf("%s: %lu crash states (", slash == NULL ? log : slash + 1, all);
	for (int k = 0; k < KINDS; k++)
		printf("%s%lu %s", k == 0 ? "" : ", ", r->states[k], kind_names[k]);
	printf("), %lu different ones opened, %zu commits, %lu acknowledgements, %lu findings", r->looked, r->n_steps, r->acknowledged, r->findings);
	printf("; beyond LMDB's promise %lu torn meta pages, %lu of them harmful\n", r->beyond, r->beyond_bad);
	return r->findings == 0 && r->n_steps > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct replay r = {.seed = 1, .rounds = 20, .tears = 8, .every = 1, .scratch = "/dev/shm"};
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--scratch") == 0 && i + 1 < argc)
			r.scratch = argv[++i];
		else if (strcmp(argv[i], "--seed") == 0)
			r.seed = number(argv, &i) * 2654435761u + 1;
		else if (strcmp(argv[i], "--rounds") == 0)
			r.rounds = number(argv, &i);
		else if (strcmp(argv[i], "--tears") == 0)
			r.tears = number(argv, &i) + (strcmp(argv[i], "0") == 0);
		else if (strcmp(argv[i], "--every") == 0)
			r.every = number(argv, &i);
		else if (strcmp(argv[i], "--again") == 0 && i + 2 < argc)
			r.again_every = number(argv, &i), r.again = argv[++i];
		else if (strcmp(argv[i], "--ignore-sync") == 0)
			r.ignore_sync = true;
		else
			return usage();
	}
	if (argc - i != 2)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_log(&r, argv[i]);
	r.target = argv[i + 1];
	snprintf(r.path, sizeof r.path, "%s/state.evs", r.scratch);
	run(&r);
	looker_end(&r.looker);
	return sum_up(&r, argv[i]);
}
