/*
 * libevs: an event store in one file. The one public header; see libevs(3), and evs(7) for the words.
 *
 * Handles belong to one thread at a time. Functions that can fail take `struct evs_error *err` last (it may be
 * NULL) and return an enum evs_status. The library never prints, exits or reads the environment.
 */
#ifndef EVS_H
#define EVS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#pragma GCC visibility push(default) /* what follows is what libevs.so exports */
#endif

#define EVS_VERSION "0.1.0"
#define EVS_FORMAT 1              /* of the file, evs-store(5) */
#define EVS_LINE_MAX 16777216     /* bytes of one event's JSON */
#define EVS_NO_SOURCE "urn:evs:none" /* the CloudEvents source of an event that has none */

/* Values are fixed. 0 is done, positive is an end that is no failure, negative is a failure. */
enum evs_status {
	EVS_OK = 0,
	EVS_END = 1,           /* nothing more, or not there */
	EVS_IO = -1,           /* the system refused; sys_errno says why */
	EVS_NOMEM = -2,
	EVS_FULL = -3,         /* no space on the disk; the store is whole */
	EVS_USAGE = -4,        /* an argument makes no sense */
	EVS_BAD_EVENT = -5,    /* the input is no event */
	EVS_CONFLICT = -6,     /* expected revision, append condition, or reused eventId */
	EVS_CORRUPT = -7,      /* the file is damaged */
	EVS_NOT_STORE = -8,    /* the file is something else */
	EVS_NEWER = -9,        /* the file is of a newer format */
	EVS_NO_STORE = -10,    /* there is no file */
	EVS_BUSY = -11,        /* too many readers, or a run of the same projection is under way */
	EVS_INTERRUPTED = -12, /* the caller's stop flag was raised */
	EVS_AMBIGUOUS = -13,   /* --stream without a type fits several streams */
	EVS_CHANGED = -14,     /* made with another fold or other selectors; not as it was when it was looked at */
};

struct evs_error {
	int status;
	int sys_errno; /* 0 where the system is not the cause */
	char message[512];
};

struct evs_store;

enum evs_open_flags { EVS_READ = 0, EVS_WRITE = 1, EVS_CREATE = 3 };

/*
 * Open a store.
 *
 *   path   of the file; beside it lies path-lock
 *   flags  EVS_READ, EVS_WRITE, or EVS_CREATE to write and make a missing or empty file a store (mode 0600)
 *   out    the handle, owned by the caller (evs_close)
 *
 * Returns EVS_OK, or with *out NULL and the file untouched: EVS_NO_STORE, EVS_NOT_STORE, EVS_NEWER, EVS_CORRUPT,
 * EVS_IO, EVS_NOMEM, EVS_FULL.
 */
int evs_open(const char *path, int flags, struct evs_store **out, struct evs_error *err);
void evs_close(struct evs_store *store); /* NULL is fine */

/*
 * 1 where a reader could not write path-lock (a read-only file system, a folder of someone else's), else 0. Such a reader sees the
 * store as it is when nobody writes; writers do not know of it and may write over what it reads, which it finds damaged then.
 */
int evs_is_unlocked(const struct evs_store *store);

/* The position of the newest event, 0 when there is none; in *position. EVS_OK, or as evs_open. */
int evs_last_position(struct evs_store *store, uint64_t *position, struct evs_error *err);

/* ------------------------------------------------------------------ append */

#define EVS_EXPECT_ANY (-1)    /* no expectation */
#define EVS_EXPECT_EXISTS (-2) /* the stream has an event */

enum evs_on_error {
	EVS_STOP, /* the first bad line ends the append; all before it is committed */
	EVS_DLQ,  /* bad lines go to the dead letters, byte for byte */
	EVS_SKIP  /* bad lines are reported and left out */
};

/* One event's place. Strings are borrowed until the callback returns. */
struct evs_receipt {
	const char *event_id;
	size_t event_id_size;
	uint64_t position;
	const char *aggregate_type; /* NULL: none */
	size_t aggregate_type_size;
	const char *aggregate_id;   /* NULL: in no stream */
	size_t aggregate_id_size;
	uint64_t revision;          /* 0: in no stream */
	bool duplicate;             /* it was there already */
};

/* What an append was told. Zeroed (with expect = EVS_EXPECT_ANY) it is a plain append. Borrowed until evs_append_free. */
struct evs_append_options {
	/* Values for fields that an event lacks; NULL: none. */
	const char *type, *stream, *aggregate_type, *source, *correlation, *causation;
	const char *const *tags;
	size_t n_tags;
	const char *map;      /* eventType=.kind,... : build the envelope from foreign JSON; NULL: none */
	bool cloudevents;     /* lines are CloudEvents 1.0 */
	bool hash_ids;        /* an absent eventId is derived from the content */
	bool atomic;          /* all of the input is one transaction */
	int64_t expect;       /* revision of the input's one stream, EVS_EXPECT_ANY or EVS_EXPECT_EXISTS; implies atomic */
	const char *fail_if;  /* QUERY: nothing is appended if an event behind `after` matches; implies atomic */
	uint64_t after;
	enum evs_on_error on_error;
	const volatile sig_atomic_t *stop; /* when it turns non-zero the batch in hand is committed and the call returns */
	/* Called for each event when it is on disk, in input order. Non-zero ends the append with EVS_INTERRUPTED. */
	int (*on_receipt)(void *context, const struct evs_receipt *receipt);
	/* Called for each bad line, where on_error is not EVS_STOP. line counts from 1. */
	void (*on_reject)(void *context, uint64_t line, const char *message);
	/* Called now and then with how far the append is. */
	void (*on_progress)(void *context, uint64_t events, uint64_t bytes);
	void *context;
};

/* What an append did so far; committed and durable. */
struct evs_append_result {
	uint64_t events;     /* appended */
	uint64_t duplicates; /* skipped: there already */
	uint64_t rejected;   /* bad lines, dead-lettered or skipped */
	uint64_t position;   /* of the newest event appended; 0: none */
};

struct evs_append;

/* Whether options make sense, without a store: EVS_OK, EVS_USAGE, EVS_NOMEM. evs_append_new asks too. */
int evs_append_check(const struct evs_append_options *options, struct evs_error *err);

/*
 * Begin an append.
 *
 *   store    open for writing; borrowed until evs_append_free
 *   options  borrowed likewise
 *   out      owned by the caller (evs_append_free)
 *
 * Returns EVS_OK, EVS_USAGE (map, fail_if or a combination of options makes no sense), EVS_NOMEM.
 */
int evs_append_new(struct evs_store *store, const struct evs_append_options *options, struct evs_append **out,
                   struct evs_error *err);

/*
 * Append all lines of a file descriptor, to its end. Batches are committed when they are full or when the
 * descriptor has nothing to give at once. Lines without a newline at the end count. Call again for more files;
 * line numbers start anew each time.
 *
 * Returns EVS_OK, EVS_BAD_EVENT ("line 17: ...", all before it committed, unless atomic), EVS_CONFLICT,
 * EVS_INTERRUPTED, EVS_FULL, EVS_IO, EVS_NOMEM, EVS_CORRUPT. After a failure only evs_append_free is of use.
 */
int evs_append_read(struct evs_append *a, int fd, struct evs_error *err);

/* The same for lines in memory, borrowed until return. */
int evs_append_lines(struct evs_append *a, const char *lines, size_t size, struct evs_error *err);

/* Commit what is still uncommitted: with atomic, everything. Statuses as evs_append_read. */
int evs_append_finish(struct evs_append *a, struct evs_error *err);

/* What was done up to now, also after a failure. */
void evs_append_result(const struct evs_append *a, struct evs_append_result *result);

void evs_append_free(struct evs_append *a); /* NULL is fine; what was not committed is dropped */

/* -------------------------------------------------------------------- read */

/* Which events: evs-selectors(7). Zeroed selects all. Borrowed until evs_read_new returns. */
struct evs_selector {
	const char *stream;         /* aggregateId */
	const char *aggregate_type;
	const char *const *types;   /* globs: one must match */
	size_t n_types;
	const char *event, *correlation, *causation, *source;
	const char *const *tags;    /* all must be there */
	size_t n_tags;
	uint64_t from, after, to;   /* positions; 0: no bound */
	uint64_t from_revision;     /* 0: no bound */
	const char *since, *until;  /* the event's own timestamp */
	const char *as_of;          /* recordedAt */
	const char *where;          /* an expression on the event, evs-fold(5) */
	unsigned shard, shards;     /* 2 of 4; shards = 0: all */
	uint64_t limit, last;       /* at most so many: the first, the last */
	bool has_limit, has_last;
	bool reverse;
};

/* An event that was read. Bytes are borrowed until the next call on its reader. */
struct evs_event {
	uint64_t position;
	uint64_t revision;   /* 0: in no stream */
	int64_t recorded_us; /* microseconds since 1970-01-01T00:00:00Z */
	const uint8_t *packed; /* lib/event/packed.h */
	size_t packed_size;
};

enum evs_format { EVS_JSON, EVS_PRETTY, EVS_PRETTY_COLOUR, EVS_CLOUDEVENTS, EVS_MSGPACK, EVS_DATA, EVS_FIELDS };

struct evs_read;

/*
 * Begin to read. Reads up to the newest event there is at the time; evs_read_more goes on from there.
 *
 * Returns EVS_OK, EVS_USAGE (a selector makes no sense), EVS_AMBIGUOUS, EVS_IO, EVS_NOMEM, EVS_CORRUPT, EVS_BAD_EVENT
 * (`where` makes no sense of an event: it compares a string with a number, say).
 */
int evs_read_new(struct evs_store *store, const struct evs_selector *selector, struct evs_read **out,
                 struct evs_error *err);

/* The next event. EVS_OK, EVS_END, EVS_BAD_EVENT, EVS_CORRUPT, EVS_IO, EVS_NOMEM. No transaction is held between calls. */
int evs_read_next(struct evs_read *r, struct evs_event *event, struct evs_error *err);

/*
 * All events that are left, as text, on every core. Do not mix with evs_read_next.
 *
 *   fields  for EVS_FIELDS, and EVS_PRETTY* where it is not NULL: `.a,.b.c`, the only ones to show; else NULL
 *   write   called with whole lines, in order; non-zero ends with EVS_INTERRUPTED
 */
int evs_read_render(struct evs_read *r, enum evs_format format, const char *fields,
                    int (*write)(void *context, const void *text, size_t size), void *context, struct evs_error *err);

/*
 * After the end: sleep until the store has events that were not read. wait_ms -1: no limit.
 * EVS_OK: there are (read on); EVS_END: the time passed; EVS_INTERRUPTED: a signal came; EVS_IO.
 */
int evs_read_more(struct evs_read *r, int wait_ms, struct evs_error *err);

/* How far the reader looked: every event up to this position was read or does not match. */
uint64_t evs_read_position(const struct evs_read *r);

/* The aggregateType of the stream that the selector names, or was found to mean, and its size; NULL: none. Borrowed until evs_read_free. */
const char *evs_read_stream_type(const struct evs_read *r, size_t *size);

void evs_read_free(struct evs_read *r); /* NULL is fine */

/* One event as text: owned by the caller (free). *size without the terminating 0. NULL: out of memory or damaged. */
char *evs_event_text(struct evs_store *store, const struct evs_event *event, enum evs_format format, size_t *size);

enum evs_field {
	EVS_FIELD_TYPE, EVS_FIELD_ID, EVS_FIELD_TIMESTAMP, EVS_FIELD_STREAM, EVS_FIELD_AGGREGATE_TYPE, EVS_FIELD_SOURCE,
	EVS_FIELD_CORRELATION, EVS_FIELD_CAUSATION,
	EVS_FIELD_REPLY_TO /* metadata.replyTo, the tag that a reply is to have: evs-request(1) */
};
#define EVS_FIELD_SCRATCH 36

/*
 * A field of an event's envelope, its *size bytes not terminated; borrowed from the event, the store or scratch, which has
 * EVS_FIELD_SCRATCH bytes. NULL: the event has none, or one that is no string, or is damaged.
 */
const char *evs_event_field(struct evs_store *store, const struct evs_event *event, enum evs_field field, char *scratch, size_t *size);

/* ----------------------------------------------------------------- project */

enum evs_on_failure {
	EVS_FAILURE_STOP, /* the run ends before the event on which the fold fails, and the projection is stuck there */
	EVS_FAILURE_DLQ   /* the event is put in the dead letters, and the run goes on */
};

/* A run of a projection. Borrowed until evs_project_run returns. */
struct evs_project_options {
	const char *name;          /* 1 to 200 bytes of UTF-8 without control characters */
	const char *fold;          /* the text of a fold, evs-fold(5) */
	size_t fold_size;
	const char *fold_name;     /* of its file, for messages */
	const char *exec;          /* in place of a fold a command, evs-fold(5); NULL: none. SIGPIPE must be ignored */
	int64_t timeout_ms;        /* that it may take for an answer; 0: 30 s */
	const struct evs_selector *selector; /* which events; no limit, last or reverse, and no times before now; NULL: all */
	bool follow;               /* go on with the events that come */
	bool rebuild;              /* make the model anew beside the one that is there, and put it in its place at the end */
	const char *key;           /* with rebuild: mend the state of this key alone; NULL: all. By stream it is the aggregateId, */
	const char *aggregate_type; /* and this its type; NULL: the one there is, "": none */
	enum evs_on_failure on_failure;
	uint64_t batch;            /* at most so many events a transaction; 0: 1,048,576 */
	const volatile sig_atomic_t *stop; /* when it turns non-zero what was read is committed and the call returns; NULL: never */
	/* Called for each event that was put in the dead letters, when that is on disk. */
	void (*on_dead)(void *context, uint64_t position, const char *message);
	void (*on_progress)(void *context, uint64_t events); /* called with each event: do little; NULL: not */
	void *context;
};

/* What a run did; committed and durable. */
struct evs_project_result {
	uint64_t events;   /* applied to states */
	uint64_t dead;     /* put in the dead letters */
	uint64_t position; /* the checkpoint: what is there up to it is in the states, or does not match */
};

/*
 * Bring a projection up to the newest event; what it has never run is made. States and checkpoint are committed together.
 * One run of a projection at a time, in any process.
 *
 *   store   open for writing
 *   result  out, set also after a failure
 *
 * Returns EVS_OK; EVS_BUSY: another run is under way; EVS_CHANGED: the fold, the command or the selectors are not those
 * that the model was made with, and `rebuild` was not asked for; EVS_BAD_EVENT: the fold fails on an event, and all before
 * it is committed, or `where` does; EVS_END: with a key, there is no such projection; EVS_INTERRUPTED: stopped; EVS_USAGE,
 * EVS_AMBIGUOUS, EVS_FULL, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_project_run(struct evs_store *store, const struct evs_project_options *options, struct evs_project_result *result,
                    struct evs_error *err);

/*
 * Step over the event on which a projection is stuck, and no other.
 * EVS_OK; EVS_END: there is no such projection, or it is not stuck there; EVS_BUSY: it is running; EVS_FULL, EVS_IO, ...
 */
int evs_project_skip(struct evs_store *store, const char *name, uint64_t position, struct evs_error *err);

/* Remove a projection with its model; dead letters stay. EVS_OK; EVS_END: there is none; EVS_BUSY: it is running; EVS_FULL, EVS_IO, ... */
int evs_project_drop(struct evs_store *store, const char *name, struct evs_error *err);

/* Which states, and in which order. Zeroed, with a name, it is all by their keys. */
struct evs_show_options {
	const char *name;           /* of the projection */
	const char *key;            /* this state alone; NULL: all */
	const char *aggregate_type; /* states of this type; NULL: any, but of a key the one there is; "": none */
	const char *where;          /* an expression on the state, evs-fold(5); NULL: all states */
	const char *sort;           /* an expression by which they come, with a - in front the greatest first; NULL: by key */
	uint64_t limit;             /* at most so many */
	bool has_limit;
	int (*write)(void *context, const void *text, size_t size); /* called with whole lines; non-zero ends with EVS_INTERRUPTED */
	void *context;
};

/*
 * Write the states of a projection as they are together at one moment, a line {"key":...,"aggregateType":...,"state":...}
 * each. `field == literal` in `where`, for a field that the fold indexes, does not look at the other states.
 *
 * Returns EVS_OK; EVS_END: there is no such projection, or no state of the key; EVS_AMBIGUOUS; EVS_USAGE; EVS_BAD_EVENT:
 * `where` or `sort` makes no sense of a state; EVS_INTERRUPTED, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_project_show(struct evs_store *store, const struct evs_show_options *options, struct evs_error *err);

/*
 * Call each for the name of every field that states of a projection can have, in order; those of a command are the ones
 * that its states have. Non-zero ends with EVS_INTERRUPTED. *by_stream: states have an aggregateType.
 */
int evs_project_fields(struct evs_store *store, const char *name, int (*each)(void *context, const char *field, size_t size),
                       void *context, bool *by_stream, struct evs_error *err);

/* How a projection is. Strings are borrowed until the callback returns. */
struct evs_projection {
	const char *name;
	size_t name_size;
	const char *source;    /* the fold's text, or the command */
	size_t source_size;
	bool exec;             /* it is a command */
	bool by_stream;
	const char *selectors; /* as a JSON object */
	size_t selectors_size;
	uint64_t states, events, dead, skipped; /* there are; applied, dead-lettered, stepped over since it was made */
	uint64_t position;     /* the checkpoint */
	uint64_t lag_events;   /* how many events are behind it */
	int64_t lag_us;        /* how long the oldest of those is there */
	uint64_t stuck;        /* the position on which the fold fails; 0: it does not */
	const char *reason;    /* why */
	size_t reason_size;
	int64_t ran_us;        /* when a run last committed, microseconds since 1970; 0: none has yet */
	bool running;          /* a run is under way now */
	/* A rebuild that is not at its end. */
	bool rebuilding;
	uint64_t rebuild_position, rebuild_stuck;
	const char *rebuild_reason;
	size_t rebuild_reason_size;
};

/*
 * Call each for every projection in order of the name, or for the one of `name` (NULL: all). EVS_OK; EVS_END: there is no
 * such projection; EVS_INTERRUPTED: each returned non-zero; EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_project_list(struct evs_store *store, const char *name,
                     int (*each)(void *context, const struct evs_projection *p), void *context,
                     struct evs_error *err);

/* ---------------------------------------------------------------- snapshot */

/* Which snapshots. Zeroed selects all. Borrowed until return. */
struct evs_snapshot_selector {
	const char *fold;           /* of this fold; NULL: of all */
	size_t fold_size;
	const char *fold_name;      /* of its file, for messages */
	const char *key;            /* of this state; NULL: of all. By stream it is the aggregateId, */
	const char *aggregate_type; /* and this its type; NULL: any, "": none */
};

/* A snapshot. Strings are borrowed until the callback returns. */
struct evs_snapshot {
	uint64_t hash;              /* of the fold */
	const char *key;
	size_t key_size;
	const char *aggregate_type; /* NULL: none, or not by stream */
	size_t aggregate_type_size;
	uint64_t position;          /* of the last event in it */
	uint64_t revision;          /* of that in its stream; 0: not by stream */
	uint64_t events;            /* how many are in it */
	size_t bytes;               /* that it takes */
	const char *state;          /* as JSON, where that was asked for */
	size_t state_size;
};

/*
 * Take snapshots of the states of a fold, as all events make them: of each state one as it is now, or with `every` one
 * after each so many of its own events. They are put in the place of those that stand at the same positions.
 *
 *   store  open for writing
 *   which  the fold, and the one state that is wanted
 *   stop   as in struct evs_project_options; NULL: never
 *   taken  out: how many, also after a failure
 *
 * EVS_OK; EVS_END: there is no such state; EVS_BAD_EVENT: the fold fails on an event, and what was taken before stays;
 * EVS_USAGE, EVS_AMBIGUOUS, EVS_INTERRUPTED, EVS_FULL, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_snapshot_take(struct evs_store *store, const struct evs_snapshot_selector *which, uint64_t every,
                      const volatile sig_atomic_t *stop, void (*on_progress)(void *context, uint64_t events), void *context,
                      uint64_t *taken, struct evs_error *err);

/*
 * Call each for every snapshot, in order of the fold, the key and the position; newest: only for the newest of each state.
 * state: with the state. EVS_OK; EVS_INTERRUPTED: each returned non-zero; EVS_USAGE, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_snapshot_list(struct evs_store *store, const struct evs_snapshot_selector *which, bool newest, bool state,
                      int (*each)(void *context, const struct evs_snapshot *snapshot), void *context, struct evs_error *err);

/* Remove snapshots but the newest `keep` of each state. *dropped: how many, also after a failure. EVS_OK, EVS_USAGE, EVS_FULL, ... */
int evs_snapshot_drop(struct evs_store *store, const struct evs_snapshot_selector *which, uint64_t keep, uint64_t *dropped,
                      struct evs_error *err);

/* ------------------------------------------------------------------ replay */

enum evs_replay_show {
	EVS_REPLAY_STATE,   /* the state, or all there are */
	EVS_REPLAY_HISTORY, /* the state after each event */
	EVS_REPLAY_DIFF,    /* what changed between two moments, as JSON Patch (RFC 6902) */
	EVS_REPLAY_FIRST,   /* the first event after which an expression holds, with the state before and after it */
	EVS_REPLAY_BLAME,   /* the last event that changed a field of the state */
};

/* What to replay. Zeroed, with a fold, it shows the states as they are now. Borrowed until evs_replay returns. */
struct evs_replay_options {
	const struct evs_selector *selector; /* which events count; NULL: all */
	const char *fold;          /* the text of a fold, evs-fold(5) */
	size_t fold_size;
	const char *fold_name;     /* of its file, for messages */
	const char *exec;          /* in place of a fold a command, evs-project(1); NULL: none. SIGPIPE must be ignored */
	int64_t timeout_ms;        /* that it may take for an answer; 0: 30 s */
	const char *key;           /* the one state to look at; by stream its aggregateId, and the selector's aggregate_type; NULL: all */
	/* The moment up to which events count; all that are given. */
	const char *at;            /* TIME: their own timestamp is not after it; NULL: any */
	bool has_position, has_revision;
	uint64_t position, revision;
	/* What did not happen, or did. */
	const uint64_t *without;   /* positions */
	size_t n_without;
	const char *with;          /* lines of JSON, as append takes them; NULL: none */
	size_t with_size;
	/* What to show. */
	enum evs_replay_show show;
	const char *from, *to;     /* EVS_REPLAY_DIFF: TIME, or a position */
	const char *first;         /* EVS_REPLAY_FIRST: an expression on the event and the state */
	const char *blame;         /* EVS_REPLAY_BLAME: a path in the state */
	const volatile sig_atomic_t *stop; /* when it turns non-zero the call returns EVS_INTERRUPTED; NULL: it never does */
	void (*on_progress)(void *context, uint64_t events); /* called with each event: do little; NULL: not */
	int (*write)(void *context, const void *text, size_t size); /* called with whole lines; non-zero ends with EVS_INTERRUPTED */
	void *context;
};

/*
 * Show states as they were, evs-replay(1) says in which form. A snapshot that fits is where it starts.
 *
 * Returns EVS_OK; EVS_END: EVS_REPLAY_FIRST or EVS_REPLAY_BLAME found no event, or EVS_REPLAY_HISTORY none of the
 * key, the message says so; EVS_USAGE, EVS_AMBIGUOUS, EVS_BAD_EVENT (the fold fails on an event, or a line of `with` is
 * none), EVS_CONFLICT (an event of `with` has an eventId that stands for another one), EVS_INTERRUPTED, EVS_IO, EVS_NOMEM,
 * EVS_CORRUPT.
 */
int evs_replay(struct evs_store *store, const struct evs_replay_options *options, struct evs_error *err);

/* ------------------------------------------------------------------ decide */

/* What a decision is about. Borrowed until evs_decide returns. */
struct evs_decide_options {
	const char *stream;         /* aggregateId */
	const char *aggregate_type; /* NULL: the one there is */
	const char *fold;           /* the text of a fold by stream, evs-fold(5) */
	size_t fold_size;
	const char *fold_name;      /* of its file, for messages */
	const char *exec;           /* in place of a fold a command, evs-project(1); NULL: none. SIGPIPE must be ignored */
	int64_t timeout_ms;         /* that it may take for an answer; 0: 30 s */
	const char *command;        /* one JSON value: what is asked for; NULL: null */
	size_t command_size;
	unsigned tries;             /* how often to decide at most, from 1 */
	/*
	 * Decide: question is the line {"state":...,"revision":N,"command":...}, with its newline; the answer is the lines
	 * of the events to append, borrowed until the next call or evs_decide returns. EVS_OK; EVS_END: the command is
	 * rejected; a failure, with err filled. evs_decide returns these two as they are, with nothing appended.
	 */
	int (*decide)(void *context, const char *question, size_t size, const char **answer, size_t *answer_size, struct evs_error *err);
	int (*on_receipt)(void *context, const struct evs_receipt *receipt); /* as in evs_append_options; NULL: none */
	const volatile sig_atomic_t *stop; /* when it turns non-zero the call returns EVS_INTERRUPTED; NULL: it never does */
	void *context;
};

/*
 * Load the state of a stream, decide, and append the events, in one transaction and only if the stream is still at the
 * revision of the state; else do it all again. Events that lack aggregateId and aggregateType are given the stream's.
 *
 *   store  open for writing
 *
 * Where all events are in the store already it was decided before: nothing is appended, and the receipts say so.
 *
 * Returns EVS_OK: the events are on disk, or there were none; or with nothing appended: EVS_CONFLICT: the stream was
 * changed every time; EVS_END (rejected), EVS_BAD_EVENT (the fold fails on an event, or what was decided is no event of the
 * stream), EVS_USAGE, EVS_AMBIGUOUS, EVS_INTERRUPTED, EVS_FULL, EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_decide(struct evs_store *store, const struct evs_decide_options *options, struct evs_error *err);

/* ----------------------------------------------------------------- consume */

/* The least upper bounds by which the times that handlers take are counted. */
#define EVS_DURATIONS 14
extern const int64_t evs_durations_us[EVS_DURATIONS];

/* What becomes of an event when its last try has failed. */
enum evs_give_up {
	EVS_GIVE_UP_DLQ,  /* it goes to the dead letters */
	EVS_GIVE_UP_PARK, /* so do all later events of its stream, behind it, until it is sent again and succeeds */
	EVS_GIVE_UP_STOP, /* the group stops before it */
};

/* How a group is to be consumed. Borrowed until evs_consume_free. */
struct evs_consume_options {
	const char *group;         /* 1 to 200 bytes of UTF-8 without control characters; a new one begins at the first event */
	const struct evs_selector *selector; /* which events; its limit is how many this member takes; no last or reverse; NULL: all */
	bool follow;               /* go on with the events that come */
	uint64_t in_hand;          /* how many events may be in hand at once, from 1 */
	bool together;             /* also several of one stream: they are handled in the order in which they were given */
	uint64_t max_retries;      /* tries after the first */
	int64_t initial_delay_ms;  /* before the second try, */
	double backoff;            /* times this for each further one, */
	int64_t max_delay_ms;      /* at most this; a part by chance comes off or on */
	enum evs_give_up give_up;
	bool emits;                /* what handlers print are events: evs_consume_done is given lines */
	const char *setup;         /* how it is run, a JSON object that is kept with the group; NULL: it stays as it is */
	/* Called when it is on disk that an event went to the dead letters. */
	void (*on_dead)(void *context, uint64_t position, const char *reason);
	void *context;
};

/* An event in hand. */
struct evs_work {
	uint64_t ticket;           /* to say what became of it */
	struct evs_event event;    /* bytes are borrowed until the next call of evs_consume_next */
	uint64_t attempt;          /* which try this is, from 1 */
	uint64_t stream;           /* the same number for events of one stream, 0: in none */
};

/* How a try failed. Borrowed until return. */
struct evs_failure {
	const char *reason;        /* a line */
	int exit_status;           /* of the handler, -1: it has none */
	int signal;                /* that ended it, 0: none */
	const char *output;        /* the end of what it wrote to standard error */
	size_t output_size;
	int64_t took_us;
	bool hopeless;             /* do not try again */
};

struct evs_consume;

/*
 * Become a member of a group, which shares its events with the other members, in any process: an event is in one hand at
 * a time, those of one stream in order. When a member's process ends, whatever way, the others go on with its events.
 *
 *   store  open for writing; borrowed until evs_consume_free, as are the options
 *   out    owned by the caller (evs_consume_free)
 *
 * EVS_OK; EVS_USAGE: options make no sense; EVS_CHANGED: another member has other selectors; EVS_AMBIGUOUS, EVS_IO,
 * EVS_NOMEM, EVS_CORRUPT.
 */
int evs_consume_new(struct evs_store *store, const struct evs_consume_options *options, struct evs_consume **out,
                    struct evs_error *err);

/* Leave. What is in hand, and what was done since the last commit, is given to others again. NULL is fine. */
void evs_consume_free(struct evs_consume *c);

/*
 * Take the next event in hand. EVS_OK; EVS_END: there is none to be had now, see evs_consume_wait; EVS_BAD_EVENT:
 * another member has stopped the group, or `where` makes no sense of an event; EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_consume_next(struct evs_consume *c, struct evs_work *work, struct evs_error *err);

/*
 * An event was handled, took_us long. What it gave rise to is appended in the transaction that says so.
 *
 *   lines, size  events, as append takes them; size 0: none. They are given the correlationId of the event and its
 *                eventId as causationId where they lack these
 *
 * EVS_OK; EVS_BAD_EVENT: a line is no event, and the event is still in hand; EVS_NOMEM.
 */
int evs_consume_done(struct evs_consume *c, uint64_t ticket, int64_t took_us, const char *lines, size_t size, struct evs_error *err);

/*
 * n events were handled at once, the earliest first. What they gave rise to is appended in the name of the last one, in a
 * transaction at once that says of all of them that they are done with. As evs_consume_done; and EVS_CONFLICT, EVS_BAD_EVENT where
 * it cannot be appended: all of them are still in hand.
 */
int evs_consume_done_all(struct evs_consume *c, const uint64_t *tickets, size_t n, int64_t took_us, const char *lines, size_t size,
                         struct evs_error *err);

/* A try failed: the event is tried again later, or given up. EVS_OK, EVS_NOMEM. */
int evs_consume_fail(struct evs_consume *c, uint64_t ticket, const struct evs_failure *failure, struct evs_error *err);

/*
 * Give an event back: it is taken in hand again when it is its turn. With `together`, those of a stream that were taken
 * behind one that failed are given back, in order, before evs_consume_next is called. EVS_OK, EVS_NOMEM.
 */
int evs_consume_return(struct evs_consume *c, uint64_t ticket, struct evs_error *err);

/*
 * Commit what was done and failed, if it is time; now: in any case. Call it when evs_consume_wait says so, and often.
 * EVS_OK; EVS_BAD_EVENT: the group is stopped now, err says at which event and why; EVS_FULL, EVS_IO, EVS_NOMEM, ...
 */
int evs_consume_commit(struct evs_consume *c, bool now, struct evs_error *err);

/* How many milliseconds at most until evs_consume_commit and evs_consume_next are to be called again; -1: when there is something new. */
int evs_consume_wait(const struct evs_consume *c);

/* A descriptor that can be read when the store was changed: call evs_consume_changed then, and evs_consume_next. */
int evs_consume_fd(const struct evs_consume *c);
void evs_consume_changed(struct evs_consume *c);

/*
 * Whether all is done that there was to do when it began, with `follow` never; or the limit is reached, and what was taken is
 * through with its last try.
 */
bool evs_consume_over(const struct evs_consume *c);

/* How many events this member has handled, had tried again, and given up; committed. */
struct evs_consume_result {
	uint64_t handled, retried, dead, emitted;
};
void evs_consume_result(const struct evs_consume *c, struct evs_consume_result *result);

/* ------------------------------------------------------------------- group */

/* How a group is. Borrowed until the callback returns. */
struct evs_group {
	const char *name;
	size_t name_size;
	const char *setup;         /* how it was last run, a JSON object; NULL: not said */
	const char *selectors;     /* likewise which events it takes */
	uint64_t position;         /* every event up to it is done with; what is among the dead letters is */
	uint64_t first_unfinished; /* the oldest of its events that is not done with; 0: none */
	uint64_t lag_events;       /* how many of its events are not done with */
	int64_t lag_us;            /* how long first_unfinished has been there */
	uint64_t handled, retried, dead, emitted, waiting, parked; /* events; see struct evs_consume_result */
	uint64_t letters;          /* of its dead letters that are there */
	uint64_t stuck;            /* the event that stopped it; 0: none */
	const char *reason;        /* why; NULL: none */
	int64_t made_us, moved_us;
	uint64_t durations[EVS_DURATIONS + 1]; /* handlers that took at most evs_durations_us, the last: longer */
	int64_t took_us;           /* all of them together */
	const uint64_t *members;   /* process ids; 0: one that is not known */
	size_t n_members;
};

/*
 * Call each for every group in order of the name, or for the one of `name` (NULL: all). EVS_OK; EVS_END: there is no such
 * group; EVS_INTERRUPTED: each returned non-zero; EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_group_list(struct evs_store *store, const char *name, int (*each)(void *context, const struct evs_group *group),
                   void *context, struct evs_error *err);

/*
 * Set a group to a position: the next event that it handles is the one behind it. What waits is forgotten, and a stop
 * lifted; dead letters stay. A group that is not there is made. *before: where it was, UINT64_MAX where it was not there.
 * dry_run: say that alone. EVS_OK; EVS_USAGE: the position is beyond the newest event; EVS_BUSY: it has members; EVS_FULL, EVS_IO,
 * EVS_NOMEM, EVS_CORRUPT.
 */
int evs_group_reset(struct evs_store *store, const char *name, uint64_t position, bool dry_run, uint64_t *before,
                    struct evs_error *err);

/* Remove a group; dead letters stay. Likewise; EVS_END: there is no such group. */
int evs_group_drop(struct evs_store *store, const char *name, struct evs_error *err);

/* -------------------------------------------------------------------- dlq */

enum evs_letter_kind {
	EVS_LETTER_DAMAGED = 0, /* its record is damaged: nothing but its id is known, and it can be dropped */
	EVS_LETTER_LINE = 1,  /* a line that append refused */
	EVS_LETTER_FOLD = 2,  /* an event on which a projection's fold failed */
	EVS_LETTER_EVENT = 3, /* an event that a group could not handle */
};

/* How an event was tried. */
struct evs_try {
	int64_t at_us, took_us;
	int exit_status, signal;   /* -1, 0: none */
	const char *reason, *output; /* not terminated; the end of what the handler wrote to standard error */
	size_t reason_size, output_size;
};

/* A dead letter. Texts are not terminated. */
struct evs_letter {
	uint64_t id;
	enum evs_letter_kind kind;
	int64_t recorded_us;       /* when it became one */
	const char *reason;        /* why it is one, by the last try */
	size_t reason_size;
	uint64_t line;             /* EVS_LETTER_LINE: its number in its input */
	uint64_t position;         /* of the others */
	const char *owner;         /* the group or the projection; NULL: none */
	size_t owner_size;
	const char *text;          /* EVS_LETTER_LINE: the line; EVS_LETTER_EVENT: the event as it was mended, NULL: it was not */
	size_t text_size;
	const char *setup;         /* EVS_LETTER_LINE: how append was to read it, a JSON object; NULL: as an event */
	size_t setup_size;
	struct evs_event event;    /* of a position; packed NULL: it is damaged */
	uint64_t stream;           /* EVS_LETTER_EVENT: the same number for events of one stream, 0: in none */
	uint32_t group;            /* EVS_LETTER_EVENT: the group's number, which no other group has, also under its name */
	bool parked;               /* EVS_LETTER_EVENT: later ones of its stream wait behind it */
	uint64_t attempts;         /* EVS_LETTER_EVENT: that failed; 0: it came behind a parked one */
	const struct evs_try *tries; /* the first and the newest of them */
	size_t n_tries;
};

/* What the record of a change says beside what was done. Borrowed until return. */
struct evs_note {
	const char *who;
	const char *why;           /* NULL: it was not said */
	const char *command;       /* that was run, a JSON array; NULL: none */
};

/*
 * The dead letter of a number, or with `next` the first that has this or a greater one. EVS_OK: owned by the caller
 * (evs_letter_free); EVS_END: there is none; EVS_IO, EVS_NOMEM, EVS_CORRUPT.
 */
int evs_letter_get(struct evs_store *store, uint64_t id, bool next, struct evs_letter **out, struct evs_error *err);
void evs_letter_free(struct evs_letter *letter); /* NULL is fine */

/* The parked letter before which one must not be tried, because its event is an earlier one of the stream; *id 0: there is none. */
int evs_letter_blocker(struct evs_store *store, const struct evs_letter *letter, uint64_t *id, struct evs_error *err);

/*
 * Have no other process try dead letters; the lock ends with the process. EVS_OK: owned by the caller (evs_letters_unlock);
 * EVS_BUSY: another does; EVS_IO, EVS_NOMEM.
 */
struct evs_letters_lock;
int evs_letters_lock(struct evs_store *store, struct evs_letters_lock **out, struct evs_error *err);
void evs_letters_unlock(struct evs_letters_lock *lock); /* NULL is fine */

/*
 * Changes, each a transaction with its record. The letter is one that evs_letter_get gave; EVS_CHANGED: it is not as it was
 * then, or is gone, and nothing was done. Otherwise EVS_OK, EVS_USAGE, EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT.
 */

/*
 * An event was handled: its letter goes. What the handler emitted is appended in the same transaction, with the event as its
 * cause; size 0: nothing. EVS_BAD_EVENT, EVS_CONFLICT: that cannot be appended, and the letter stays.
 */
int evs_letter_done(struct evs_store *store, const struct evs_letter *letter, int64_t took_us, const char *lines, size_t size,
                    const struct evs_note *note, struct evs_error *err);

/* It failed once more: the letter says so from now on. */
int evs_letter_fail(struct evs_store *store, const struct evs_letter *letter, const struct evs_failure *failure,
                    const struct evs_note *note, struct evs_error *err);

/*
 * Append a line, read as it was to be; its letter goes. EVS_BAD_EVENT: it is refused again, which the letter says from now
 * on.
 */
int evs_letter_append(struct evs_store *store, const struct evs_letter *letter, const struct evs_note *note, struct evs_error *err);

/*
 * Have another text in place of the line, or of the event for its handler; what was there stays in the record. An event is
 * JSON, on several lines if need be, with the same eventId. EVS_BAD_EVENT: it is none, or the text is more than a line.
 */
int evs_letter_mend(struct evs_store *store, const struct evs_letter *letter, const char *text, size_t size, const struct evs_note *note,
                    struct evs_error *err);

/* Remove a letter. */
int evs_letter_drop(struct evs_store *store, const struct evs_letter *letter, const struct evs_note *note, struct evs_error *err);

enum evs_letter_action { EVS_LETTER_RETRY = 1, EVS_LETTER_MEND = 2, EVS_LETTER_DROP = 3 };

/* The record of a change. Texts are not terminated. Borrowed until the callback returns. */
struct evs_letter_entry {
	enum evs_letter_action action;
	bool done;                 /* false: the letter stayed because it failed */
	int64_t at_us;
	uint64_t id;               /* of the letter */
	enum evs_letter_kind kind;
	uint64_t number;           /* its line, or position */
	const char *owner, *who, *why, *command; /* as in the letter and the note; size 0: none */
	size_t owner_size, who_size, why_size, command_size;
	const char *reason;        /* why it failed, or of the letter that was dropped */
	size_t reason_size;
	const char *before, *after; /* the text as it was and, mended, as it became; size 0: there was none but the event */
	size_t before_size, after_size;
};

/* Call each for every record in order, or for those of one letter (id 0: all). EVS_OK; EVS_INTERRUPTED: each returned non-zero; ... */
int evs_letter_log(struct evs_store *store, uint64_t id, int (*each)(void *context, const struct evs_letter_entry *entry), void *context,
                   struct evs_error *err);

/* ------------------------------------------------------------ look after it */

struct evs_stat {
	uint64_t events, streams, types;
	uint64_t last_position;
	uint64_t file_bytes;
	uint64_t segments, runs, tail_events, names, dead_letters;
	/* The least and greatest timestamp; events > 0. What lies outside 1678 to 2261 is INT64_MIN or INT64_MAX. */
	int64_t first_moment_ns, last_moment_ns;
	int64_t first_recorded_us, last_recorded_us;
};

int evs_stat(struct evs_store *store, struct evs_stat *out, struct evs_error *err);

enum evs_group_by { EVS_BY_STREAM, EVS_BY_TYPE, EVS_BY_AGGREGATE_TYPE, EVS_BY_SOURCE, EVS_BY_DAY, EVS_BY_HOUR };

/* A count of evs_stat_by. Strings are borrowed until the callback returns. */
struct evs_count {
	const char *key; /* NULL: the events that have none */
	size_t key_size;
	const char *aggregate_type; /* EVS_BY_STREAM only; NULL: none */
	size_t aggregate_type_size;
	uint64_t events;
	const char *first, *last; /* timestamps as they were written, of the earliest and the latest */
	size_t first_size, last_size;
};

/* Count the selected events by a key; each is called in order of the key. */
int evs_stat_by(struct evs_store *store, const struct evs_selector *selector, enum evs_group_by by,
                int (*each)(void *context, const struct evs_count *count), void *context, struct evs_error *err);

/* Something evs_verify found. */
struct evs_finding {
	const char *kind;    /* a word for programs; evs-verify(1) lists them */
	uint64_t position;   /* the event it is about; 0: none */
	const char *message;
};

struct evs_verify_result {
	uint64_t events, segments, frames, runs, entries; /* looked at */
	uint64_t findings;
};

/*
 * Read everything and check it. Returns EVS_OK with findings = 0, EVS_CORRUPT when there are findings, or what
 * kept it from looking.
 */
int evs_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
               struct evs_verify_result *result, struct evs_error *err);

/*
 * Look at the pages of a file that evs_open finds damaged, and at nothing else; nobody may write to it meanwhile. Returns as
 * evs_verify; EVS_NO_STORE, EVS_NOT_STORE.
 */
int evs_verify_file(const char *path, void (*each)(void *context, const struct evs_finding *finding), void *context,
                    struct evs_verify_result *result, struct evs_error *err);

struct evs_salvage_result {
	uint64_t events; /* that were written */
	uint64_t lost;   /* positions in front of the last one that is known of, whose event is not */
	bool end_known;  /* false: there may have been more events behind that */
};

/*
 * Write the events of a damaged file that are whole, in order of position, each as a line of JSON; LMDB does not read it. What the
 * file's trees do not lead to is looked for in all of its pages. Nobody may write to it meanwhile.
 *
 *   write   as of evs_read_render
 *   lost    may be NULL: called for each stretch of positions whose events are lost
 *
 * EVS_OK, also where events are lost; EVS_NO_STORE, EVS_NOT_STORE, EVS_INTERRUPTED (write returned not 0), EVS_NOMEM, EVS_IO.
 */
int evs_salvage(const char *path, int (*write)(void *context, const void *text, size_t size),
                void (*lost)(void *context, uint64_t first, uint64_t last), void *context, struct evs_salvage_result *result,
                struct evs_error *err);

struct evs_project_verify_result {
	uint64_t projections, states, snapshots; /* looked at */
	uint64_t findings;
};

/*
 * Check projections, their models and the indexes over these, and snapshots, which evs_verify leaves out. What is wrong
 * with them is mended without a backup: a projection is made anew, a snapshot dropped. Returns as evs_verify.
 */
int evs_project_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
                       struct evs_project_verify_result *result, struct evs_error *err);

struct evs_consume_verify_result {
	uint64_t groups, letters; /* looked at */
	uint64_t findings;
};

/*
 * Check groups, what waits in them, and dead letters with the record of what was done to them, beyond what evs_verify looks
 * at. Returns as evs_verify.
 */
int evs_consume_verify(struct evs_store *store, void (*each)(void *context, const struct evs_finding *finding), void *context,
                       struct evs_consume_verify_result *result, struct evs_error *err);

/*
 * Write a consistent copy of the store to a descriptor while others write; synced where that is possible.
 * EVS_OK, EVS_IO, EVS_FULL, EVS_NOMEM, EVS_CORRUPT, EVS_BUSY; EVS_USAGE: the descriptor is the store's own file.
 */
int evs_copy(struct evs_store *store, int fd, struct evs_error *err);

#if defined __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
