/* The debugger: what there is, settings, files and other commands. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "common/child.h"
#include "debug/inside.h"
#include "common/output.h"
#include "common/signals.h"
#include "common/summary.h"
#include "common/text.h"

enum { STREAMS_SHOWN = 20 };

const char *const debug_info_words[] = {"breaks", "streams", "types", "store", NULL};

/* ---- info ---- */

int debug_info_breaks(struct debug *d, const char *args, struct evs_error *err)
{
	struct stop *stop;

	(void)args;
	(void)err;
	if (session_stop(d->session, 0) == NULL)
		debug_print(d, "no breakpoints");
	for (size_t i = 0; (stop = session_stop(d->session, i)) != NULL; i++)
		debug_print(d, "%-3u %s %s, met %" PRIu64 " time%s", stop->id, stop->kind == STOP_WATCH ? "watch" : "break", stop->text,
		            stop->hits, stop->hits == 1 ? "" : "s");
	return EVS_OK;
}

/* Counts that are gathered. */
struct counted {
	struct count {
		char *text;
		uint64_t events;
	} *list;
	size_t n, cap;
};

static int gather(void *context, const struct evs_count *count)
{
	struct counted *c = context;
	struct buf text = {0};

	if (count->key == NULL)
		return 0;
	if (count->aggregate_type != NULL) {
		buf_put(&text, count->aggregate_type, count->aggregate_type_size);
		buf_byte(&text, '/');
	}
	buf_put(&text, count->key, count->key_size);
	buf_byte(&text, '\0');
	if (text.failed || !array_grow(&c->list, &c->cap, c->n, sizeof *c->list)) {
		buf_free(&text);
		return -1;
	}
	c->list[c->n++] = (struct count){(char *)text.data, count->events};
	return 0;
}

/* For qsort: the largest first, then by text. */
static int by_events(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return x->events != y->events ? (x->events < y->events ? 1 : -1) : strcmp(x->text, y->text);
}

/* Print how many events there are by a key, `most` lines. */
static int show_counts(struct debug *d, enum evs_group_by by, uint64_t most, struct evs_error *err)
{
	struct counted c = {0};
	int status = evs_stat_by(d->store, session_selector(d->session), by, gather, &c, err);

	if (status == EVS_OK && c.n > 0)
		qsort(c.list, c.n, sizeof *c.list, by_events);
	for (size_t i = 0; i < c.n; i++) {
		if (status == EVS_OK && i < most)
			debug_print(d, "%8" PRIu64 "  %s", c.list[i].events, c.list[i].text);
		free(c.list[i].text);
	}
	free(c.list);
	if (status == EVS_OK && c.n > most)
		debug_print(d, "and %zu more; info streams %zu lists all", c.n - (size_t)most, c.n);
	return status;
}

/* Sum up the whole store. */
static int show_store(struct debug *d, struct evs_error *err)
{
	static const struct selectors none;
	struct summary summary = {0};
	int status = summary_make(d->store, &none, &summary, err);

	if (status != EVS_OK)
		return status;
	debug_print(d, "%-13s %s", "store", d->path);
	summary_table(output_buf(), &summary);
	return EVS_OK;
}

/* Say where it is, and what it is about. */
static int show_place(struct debug *d)
{
	const struct record *record = session_record(d->session);
	const char *key = session_key(d->session);
	struct debug_line line = {.d = d};
	size_t n = 0;

	while (session_stop(d->session, n) != NULL)
		n++;
	debug_print(d, "store   %s, up to position %" PRIu64, d->path, session_last(d->session));
	debug_say(&line, COLOUR_NONE, "here    ");
	if (record == NULL)
		debug_say(&line, COLOUR_NONE, "before the first event");
	else
		debug_put_event(&line, record);
	buf_byte(output_buf(), '\n');
	debug_print(d, "states  %s", d->replay->fold != NULL ? d->replay->fold_name : d->replay->exec != NULL ? d->replay->exec : "none");
	debug_print(d, "key     %s", key != NULL ? key : "all");
	debug_print(d, "breaks  %zu", n);
	return EVS_OK;
}

int debug_info(struct debug *d, const char *args, struct evs_error *err)
{
	const char *word;
	size_t size = debug_word(&args, &word), found = 0, match = 0;
	uint64_t n;

	if (size == 0)
		return show_place(d);
	for (size_t i = 0; debug_info_words[i] != NULL; i++) {
		if (strncmp(debug_info_words[i], word, size) != 0)
			continue;
		found += debug_is(word, size, debug_info_words[i]) ? 100 : 1; /* all of a word is meant, also where others begin so */
		if (found == 1 || found >= 100)
			match = i;
	}
	if (found != 1 && found < 100)
		return error_set(err, EVS_USAGE, 0, "info about what? breaks, streams, types or store, not '%.*s'", (int)size, word);
	if (match != 1 && *args != '\0')
		return error_set(err, EVS_USAGE, 0, "info %s takes no '%s'", debug_info_words[match], args);
	switch (match) {
	case 0:
		return debug_info_breaks(d, args, err);
	case 1:
		if (!debug_count(args, STREAMS_SHOWN, &n))
			return error_set(err, EVS_USAGE, 0, "a number from 1 is expected, not '%s'", args);
		return show_counts(d, EVS_BY_STREAM, n, err);
	case 2:
		return show_counts(d, EVS_BY_TYPE, UINT64_MAX, err);
	default:
		return show_store(d, err);
	}
}

/* ---- settings ---- */

int debug_set(struct debug *d, const char *args, struct evs_error *err)
{
	const char *word;
	size_t size = debug_word(&args, &word);
	int status;

	if (!debug_is(word, size, "key"))
		return error_set(err, EVS_USAGE, 0, "set what? write set key K, or set key for all");
	status = session_set_key(d->session, *args == '\0' ? NULL : args, err);
	return status == EVS_OK ? debug_show_here(d, err) : status;
}

/* ---- files ---- */

/* Whether a file is the store itself. */
static bool is_store(const struct debug *d, int fd)
{
	struct stat file, store;

	return fstat(fd, &file) == 0 && stat(d->path, &store) == 0 && file.st_dev == store.st_dev && file.st_ino == store.st_ino;
}

/* A file in the writing. */
struct export {
	struct debug *d;
	FILE *file;
	struct buf line;
	uint64_t events;
};

static int export_event(void *context, const struct record *record, struct evs_error *err)
{
	struct export *e = context;

	e->line.size = 0;
	if (!render_event(&e->line, session_names(e->d->session), record))
		return error_set(err, EVS_CORRUPT, 0, "the event at position %" PRIu64 " is damaged", record->position);
	if (signals_interrupted != 0 || signals_caught != 0)
		return error_set(err, EVS_INTERRUPTED, 0, "interrupted");
	e->events++;
	return fwrite(e->line.data, 1, e->line.size, e->file) == e->line.size ? EVS_OK : error_set(err, EVS_IO, errno, "cannot write");
}

/* Write the states here. */
static int export_states(struct export *e, struct evs_error *err)
{
	const struct session_state *list;
	size_t n, more;
	int status = session_states(e->d->session, SIZE_MAX, &list, &n, &more, err);

	for (size_t i = 0; i < n && status == EVS_OK; i++) {
		e->line.size = 0;
		if (!value_render(&e->line, session_names(e->d->session), &list[i].after.value))
			return error_set(err, EVS_CORRUPT, 0, "a state is damaged");
		buf_byte(&e->line, '\n');
		if (e->line.failed)
			return error_nomem(err);
		if (fwrite(e->line.data, 1, e->line.size, e->file) != e->line.size)
			return error_set(err, EVS_IO, errno, "cannot write");
	}
	return status;
}

int debug_export(struct debug *d, const char *args, struct evs_error *err)
{
	const char *rest = args, *word;
	size_t size = debug_word(&rest, &word);
	bool states = session_has_states(d->session);
	struct export e = {.d = d};
	int status = EVS_OK, fd;

	if (*rest != '\0' && (debug_is(word, size, "state") || debug_is(word, size, "events"))) {
		if (word[0] == 's' && !states)
			return error_set(err, EVS_USAGE, 0, "there are no states: begin with --fold FILE or --exec CMD");
		states = word[0] == 's';
		args = rest;
	}
	if (*args == '\0')
		return error_set(err, EVS_USAGE, 0, "export to which file? write export FILE, export state FILE or export events FILE");
	fd = open(args, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0 && is_store(d, fd)) {
		close(fd);
		return error_set(err, EVS_USAGE, 0, "'%s' is the store itself", args);
	}
	if (fd < 0 || ftruncate(fd, 0) != 0 || (e.file = fdopen(fd, "w")) == NULL) {
		status = error_set(err, EVS_IO, errno, "cannot write '%s'", args);
		if (fd >= 0)
			close(fd);
		return status;
	}
	status = states ? export_states(&e, err) : session_each(d->session, 1, session_position(d->session), true, export_event, &e, err);
	if (fclose(e.file) != 0 && status == EVS_OK)
		status = error_set(err, EVS_IO, errno, "cannot write '%s'", args);
	buf_free(&e.line);
	if (status == EVS_OK && states)
		debug_print(d, "wrote the state to %s", args);
	else if (status == EVS_OK)
		debug_print(d, "wrote %" PRIu64 " events to %s", e.events, args);
	return status;
}

/* ---- other commands ---- */

/* A file without a name that holds the event here, to be read from its start; before the first event it is empty. -1 with errno. */
static int event_file(const struct debug *d)
{
	const struct record *record = session_record(d->session);
	FILE *file = tmpfile();
	struct buf json = {0};
	int fd = -1;

	if (file == NULL)
		return -1;
	if (record != NULL && !render_event(&json, session_names(d->session), record))
		errno = ENOMEM;
	else if (fwrite(json.data == NULL ? (const void *)"" : json.data, 1, json.size, file) == json.size && fflush(file) == 0 && fseek(file, 0, SEEK_SET) == 0)
		fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	buf_free(&json);
	fclose(file);
	return fd;
}

int debug_shell(struct debug *d, const char *args, struct evs_error *err)
{
	char *copy = strdup(args), *argv[] = {(char[]){"sh"}, (char[]){"-c"}, copy, NULL};
	struct spawn_options options = {.argv = argv, .in = copy == NULL ? -1 : event_file(d), .out = -1, .error = -1};
	int failure = options.in < 0 ? errno : 0, how = 0;
	char text[CHILD_HOW];
	pid_t pid;

	if (*args == '\0') {
		free(copy);
		if (options.in >= 0)
			close(options.in);
		return error_set(err, EVS_USAGE, 0, "which command? write !jq .data");
	}
	output_flush();
	if (failure == 0)
		failure = spawn_command(&options, &pid);
	if (options.in >= 0)
		close(options.in);
	free(copy);
	if (failure != 0)
		return error_set(err, EVS_IO, failure, "cannot run '%s'", args);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	signals_interrupted = 0; /* it was the command's */
	if (child_succeeded(how))
		return EVS_OK;
	child_how(how, text);
	return error_set(err, EVS_IO, 0, "'%s' ended with %s", args, text);
}
