/* What the files of a session have in common; for them alone. */
#ifndef EVS_REPLAY_SESSION_INSIDE_H
#define EVS_REPLAY_SESSION_INSIDE_H

#include "base/moment.h"
#include "replay/places.h"
#include "replay/scan.h"
#include "replay/search.h"
#include "replay/session.h"
#include "replay/window.h"

struct session {
	struct evs_store *store;
	const struct evs_replay_options *options;
	struct evs_selector base;      /* which events count, of any key */
	struct evs_selector selector;  /* and of its key, where that is a stream */
	char *key, *type;              /* NULL: none */
	char since[MOMENT_TEXT + 1], until[MOMENT_TEXT + 1], as_of[MOMENT_TEXT + 1]; /* what was said as a time before now */
	struct fold *fold;
	bool states, by_stream;
	struct walk_options all, walk; /* of any key, of its key */
	struct postings *postings;     /* of a fold that is not by stream */
	struct fold_run *run;          /* to find the keys of an event by; likewise */
	struct positions only;         /* where its key is no stream: the events that count, and very few others */
	struct window *window;
	struct keep *keep;             /* NULL: there are no states */
	struct places places;
	struct eval *eval;
	uint64_t last;
	/* Stops, and those of them that need no states, and those that do. */
	struct stop *stops[STOPS_MAX];
	const struct stop *by_event[STOPS_MAX], *by_state[STOPS_MAX];
	size_t n_stops, n_by_event, n_by_state;
	unsigned next_id;
	struct scan *scan;             /* NULL: not begun */
	bool scan_set;                 /* it has the stops that there are */
	/* session_states: what is shown of the event at hand. */
	struct session_keys *keys;
	struct session_state *shown;
	size_t n_shown;
};

/* Which keys an event counts for, by the fold; zeroed memory is none. */
struct session_keys {
	struct session_named {
		size_t key, key_size, type, type_size; /* in text */
		bool has_type;
	} *list;
	size_t n, cap, more; /* more: how many there are beyond */
	struct buf text;
};

/* Find them, `most` at most. What the fold fails on counts for those named before. EVS_OK, EVS_NOMEM, EVS_CORRUPT. */
int session_find_keys(struct session *s, const struct record *record, size_t most, struct session_keys *keys, struct evs_error *err);
void session_keys_release(struct session_keys *keys);

/* For a window: whether an event counts for the session's key. EVS_OK, EVS_END, or a failure. */
int session_accepts(void *session, const struct record *record, struct evs_error *err);

/* Whether it was asked to stop what takes long. */
static inline bool session_stopped(const struct session *s)
{
	return s->options->stop != NULL && *s->options->stop != 0;
}

/* The scan of another key begins anew. */
void session_forget_scan(struct session *s);

#endif
