/* Folds on events: fold/fold.h, apply.c, state.c, undo.c, format.c. */
#include "event.h"
#include "fold/look.h"

enum { STATES_MAX = 40, LOOK_VALUES = 128 };

/* Events in short: what they are made of is `eventType aggregateId data`. */
static const struct {
	const char *fold;
	const char *events[8];
	const char *wanted; /* key=state, in the order of their coming; "FAIL text" behind it where an event fails */
} rows[] = {
	/* By stream. */
	{"on \"*\" { n += 1 }", {"a s1 {}", "a s2 {}", "b s1 {}", "a - {}"}, "s1={\"n\":2} s2={\"n\":1}"},
	{"on \"a\" { n += 1 }\non \"*\" { m += 1 }", {"a s1 {}", "b s1 {}"}, "s1={\"n\":1,\"m\":2}"},
	{"on \"a\", \"b*\" { n += 1 }", {"a s1 {}", "bcd s1 {}", "c s1 {}"}, "s1={\"n\":2}"},
	/* By key. */
	{"key .data.k\non \"*\" { n += 1 }", {"a s1 {\"k\":\"x\"}", "a s2 {\"k\":\"x\"}", "a s1 {}", "a - {\"k\":1.50}", "a - {\"k\":true}"},
	 "x={\"n\":2} 1.50={\"n\":1} true={\"n\":1}"},
	{"key .data.k\non \"*\" { n += 1 }", {"a s1 {\"k\":[1]}"}, "FAIL the event at position 1: t.fold:1: a key is a string, a number or a boolean, not a list"},
	/* A bank account, as in the manual. */
	{"key .data.account\n"
	 "on \"account.created\" { owner = .data.owner; balance = 0 }\n"
	 "on \"deposit.made\" { balance += .data.amount }\n"
	 "on \"withdrawal.made\", \"transfer.*\" when .data.amount > 0 { balance -= .data.amount }\n"
	 "on \"account.closed\" { delete }\nindex owner\n",
	 {"account.created - {\"account\":\"A\",\"owner\":\"ada\"}", "deposit.made - {\"account\":\"A\",\"amount\":100.10}",
	  "withdrawal.made - {\"account\":\"A\",\"amount\":0.20}", "transfer.out - {\"account\":\"A\",\"amount\":-5}",
	  "account.created - {\"account\":\"B\",\"owner\":\"bob\"}", "account.closed - {\"account\":\"B\"}"},
	 "A={\"owner\":\"ada\",\"balance\":99.90} B=null"},
	/* when, each, key. */
	{"on \"o\" each .data.items key .sku { stock -= .q; seen += event.data.w }",
	 {"o s1 {\"w\":10,\"items\":[{\"sku\":\"X\",\"q\":2},{\"sku\":\"Y\",\"q\":1},{\"sku\":\"X\",\"q\":3}]}", "o s1 {}"},
	 "X={\"stock\":-5,\"seen\":20} Y={\"stock\":-1,\"seen\":10}"},
	{"key .data.w\non \"o\" each .data.items { n += .q }", {"o - {\"w\":10,\"items\":[{\"q\":2},{\"q\":1}]}"}, "10={\"n\":3}"},
	{"on \"o\" each .data.n { n += 1 }", {"o s1 {\"n\":3}"}, "FAIL the event at position 1: t.fold:1: each goes through a list, not a number"},
	{"on \"o\" when .data.x { n += 1 }", {"o s1 {\"x\":3}"}, "FAIL the event at position 1: t.fold:1: a condition is true or false, not a number"},
	{"on \"o\" when n < 2 || n == null { n += 1 }", {"o s {}", "o s {}", "o s {}", "o s {}"}, "s={\"n\":2}"},
	{"on \"o\" when n != 7 each .data.l { n = . }", {"o s {\"l\":[1,7,3]}"}, "s={\"n\":7}"},
	/* Statements. */
	{"on \"*\" { a = 1; b = a + 1\nc = b * 2 }", {"x s {}"}, "s={\"a\":1,\"b\":2,\"c\":4}"},
	{"on \"*\" { n = 5; n -= 2; n *= 1.5; n += .data.absent }", {"x s {}"}, "s={\"n\":4.5}"},
	{"on \"*\" { x = .data }", {"x s {\"a\":[1,{\"b\":2.50}],\"c\":1e400}"}, "s={\"x\":{\"a\":[1,{\"b\":2.50}],\"c\":1e400}}"},
	{"on \"*\" { lines[.data.sku].qty += 1; lines[.data.sku].last = .eventType }", {"x s {\"sku\":\"A\"}", "y s {\"sku\":\"B\"}", "z s {\"sku\":\"A\"}"},
	 "s={\"lines\":{\"A\":{\"qty\":2,\"last\":\"z\"},\"B\":{\"qty\":1,\"last\":\"y\"}}}"},
	{"on \"*\" { by[.data.n] += 1 }", {"x s {\"n\":7}", "x s {\"n\":7}"}, "s={\"by\":{\"7\":2}}"},
	{"on \"*\" { x = .data.l; x[0] = 9; x[-1] += 1; x[2] = 5 }", {"x s {\"l\":[1,2]}"}, "s={\"x\":[9,3,5]}"},
	{"on \"*\" { x = .data.l; x[7] = 9 }", {"x s {\"l\":[1,2]}"}, "FAIL the event at position 1: t.fold:1: the list has 2 elements, no element 7"},
	{"on \"*\" { x = .data.d; x.in.side = 3 }", {"x s {\"d\":{\"in\":{\"a\":1}}}"}, "s={\"x\":{\"in\":{\"a\":1,\"side\":3}}}"},
	{"on \"*\" { x = 1; x.y = 2 }", {"x s {}"}, "FAIL the event at position 1: t.fold:1: there is a number where a field is to be changed inside"},
	{"on \"*\" { x[.data.k] = 2 }", {"x s {}"}, "FAIL the event at position 1: t.fold:1: the key inside is null"},
	{"on \"*\" { push l .data.v; push l.m 1 }", {"x s {\"v\":1}"}, "FAIL the event at position 1: t.fold:1: an element of a list is found by a whole number, not by a string"},
	{"on \"*\" { push l .data.v }", {"x s {\"v\":1}", "x s {\"v\":[2]}", "x s {}"}, "s={\"l\":[1,[2],null]}"},
	{"on \"*\" { push l -1; push o.p {a: 1} }", {"x s {}"}, "s={\"l\":[-1],\"o\":{\"p\":[{\"a\":1}]}}"},
	{"on \"*\" { x = \"a\"; push x 1 }", {"x s {}"}, "FAIL the event at position 1: t.fold:1: there is a string where a list is to be changed inside"},
	{"on \"*\" { x = {}; push x 1 }", {"x s {}"}, "FAIL the event at position 1: t.fold:1: push needs a list, not an object"},
	{"on \"*\" { add l .data.v }", {"x s {\"v\":1}", "x s {\"v\":2}", "x s {\"v\":1.0}", "x s {\"v\":\"1\"}"}, "s={\"l\":[1,2,\"1\"]}"},
	{"on \"a\" { x = 1; y.z = 2; y.w = 3 } on \"b\" { unset x; unset y.z; unset y.q; unset m.n }\non \"c\" { m = 1 }", {"a s {}", "b s {}"}, "s={\"y\":{\"w\":3}}"},
	{"on \"a\" { l = [1, 2, 3]; unset l[1] }", {"a s {}"}, "s={\"l\":[1,3]}"},
	{"on \"*\" { if .data.n > 2 { big += 1 } else if .data.n == 2 { two += 1 } else { small += 1 } }",
	 {"x s {\"n\":3}", "x s {\"n\":2}", "x s {\"n\":1}", "x s {}"}, "s={\"big\":1,\"two\":1,\"small\":2}"},
	{"on \"*\" { if .data.n == 1 { n = 1 } }", {"x s {\"n\":2}"}, ""},
	{"on \"a\" { n = 1 } on \"d\" { delete; m = 2 }", {"a s {}", "d s {}"}, "s={\"m\":2}"},
	{"on \"a\" { n += 1 } on \"d\" { delete }", {"a s {}", "d s {}", "a s {}"}, "s={\"n\":1}"},
	/* Failing takes everything back. */
	{"on \"*\" { n += 1; l = .data.l; push l 1; m.a.b += 1; if .data.bad { unset m.a; unset n; fail \"no \" + .data.why } }",
	 {"x s {\"l\":[0]}", "x s {\"l\":[5],\"bad\":true,\"why\":\"good\"}"},
	 "s={\"n\":1,\"l\":[0,1],\"m\":{\"a\":{\"b\":1}}} FAIL the event at position 2: t.fold:1: no good"},
	{"on \"*\" { n += 1; delete; x = 1; y = 1 / .data.d }", {"x s {\"d\":1}", "x s {\"d\":0}"}, "s={\"x\":1,\"y\":1} FAIL the event at position 2: t.fold:1: division by zero"},
	{"on \"*\" each .data.l key .k { n += .v }", {"x s {\"l\":[{\"k\":\"a\",\"v\":1},{\"k\":\"b\",\"v\":\"x\"},{\"k\":\"b\",\"v\":1}]}"},
	 "a=null b={\"n\":\"x\"} FAIL the event at position 1: t.fold:1: '+' cannot put a string and a number together; num() makes a number of a string"},
	{"on \"*\"\n{\n\tn += 1\n\tm = .data.a - .data.b\n}", {"x s {\"a\":1,\"b\":true}"}, "FAIL the event at position 1: t.fold:4: '-' needs numbers, not a boolean"},
	/* Sums and values that are at hand: of any scale and size, null, absent, over other kinds; and taken back. */
	{"on \"*\" { n += .data.v }", {"x s {\"v\":1}", "x s {}", "x s {\"v\":null}", "x s {\"v\":0.50}", "x s {\"v\":9223372036854775807}"},
	 "s={\"n\":9223372036854775808.50}"},
	{"on \"*\" { n += .data.v; m += 1 }", {"x s {\"v\":9223372036854775807}", "x s {\"v\":1}", "x s {\"v\":1e2}"}, "s={\"n\":9223372036854775908,\"m\":3}"},
	{"on \"*\" { n += .data.v }", {"x s {\"v\":\"a\"}", "x s {\"v\":1}"},
	 "s={\"n\":\"a\"} FAIL the event at position 2: t.fold:1: '+' cannot put a string and a number together; num() makes a number of a string, str() a string of a number"},
	{"on \"*\" { n = .data.v; m += 1; t = .data.t; if .data.bad { fail \"no\" } }",
	 {"x s {\"v\":[1],\"t\":\"a\"}", "x s {\"v\":2,\"t\":\"another text\"}", "x s {\"bad\":true,\"t\":7}"},
	 "s={\"n\":2,\"m\":2,\"t\":\"another text\"} FAIL the event at position 3: t.fold:1: no"},
	{"on \"*\" { n = .data.v; t = .data.t; u = 1 }", {"x s {\"v\":2,\"t\":\"a\"}", "x s {\"v\":[2],\"t\":true}", "x s {\"t\":\"b\"}"}, "s={\"n\":null,\"t\":\"b\",\"u\":1}"},
	/* Paths of the event: what they lead to, and that nothing is there. */
	{"on \"*\" { a = .data.x; b = event.data.x.y; c = .data.x.y.z; d = has(.data.n); e = has(.data.x.y.q); f = .data.u; g = .data.big }",
	 {"t s {\"x\":{\"y\":{\"z\":1}},\"n\":null,\"u\":\"0190f1c4-7a3b-7cc1-9a3e-2b8f4c5d6e7f\",\"big\":18446744073709551615}"},
	 "s={\"a\":{\"y\":{\"z\":1}},\"b\":{\"z\":1},\"c\":1,\"d\":true,\"e\":false,\"f\":\"0190f1c4-7a3b-7cc1-9a3e-2b8f4c5d6e7f\",\"g\":18446744073709551615}"},
	{"on \"*\" { t = .eventType; k = .aggregateType; a = .aggregateId; s = .source; w = .timestamp; p = .position; d = .data }",
	 {"t s [1]"}, "s={\"t\":\"t\",\"k\":\"T\",\"a\":\"s\",\"s\":null,\"w\":\"2026-05-14T10:30:00Z\",\"p\":1,\"d\":[1]}"},
	{"on \"*\" { x = .data.k; y = .data.k.l }", {"t s {\"k\":1,\"k\":{\"l\":2,\"l\":3}}", "t s {\"k\":{},\"k\":null}", "t s {}"}, "s={\"x\":null,\"y\":null}"},
	{"on \"*\" { x = .data.k; y = .data.k.l }", {"t s {\"k\":1,\"k\":{\"l\":2,\"l\":3}}"}, "s={\"x\":{\"l\":2,\"l\":3},\"y\":3}"},
	{"on \"*\" { y = .data.k.l }", {"t s {\"k\":\"text\"}"}, "FAIL the event at position 1: t.fold:1: 'l' is a field of an object, not of a string"},
	{"on \"*\" { y = .data.k.l }", {"t s {\"k\":[1]}"}, "FAIL the event at position 1: t.fold:1: 'l' is a field of an object, not of a list; map() and others go through a list"},
	{"on \"*\" each .data.l { n += .data.v; m += event.data.v; o = .data }", {"t s {\"v\":5,\"l\":[{\"data\":{\"v\":1}},{\"v\":7}]}"}, "s={\"n\":1,\"m\":10,\"o\":null}"},
	{"on \"*\" { n = sum(.data.l, .data.v) + .data.v }", {"t s {\"v\":5,\"l\":[{\"data\":{\"v\":1}},{\"data\":{\"v\":2}}]}"}, "s={\"n\":8}"},
	{"key .data.k\non \"*\" { n += 1 }", {"a - {\"k\":\"0190f1c4-7a3b-7cc1-9a3e-2b8f4c5d6e7f\"}", "a - {\"k\":\"b\",\"k\":\"c\"}"},
	 "0190f1c4-7a3b-7cc1-9a3e-2b8f4c5d6e7f={\"n\":1} c={\"n\":1}"},
	/* Words of the language as fields. */
	{"on \"*\" { add = 1; push = 2; delete += 3; if.x = 4; fail = 5; key = 6; on = 7 }", {"x s {}"},
	 "s={\"add\":1,\"push\":2,\"delete\":3,\"if\":{\"x\":4},\"fail\":5,\"key\":6,\"on\":7}"},
	{"on \"*\" { x = y; y = .data.v }", {"x s {\"v\":\"long enough to be a text of its own\"}", "x s {\"v\":2}"}, "s={\"x\":\"long enough to be a text of its own\",\"y\":2}"},
};

static const struct {
	const char *text, *wanted;
} mistakes[] = {
	{"", "t.fold:1:1: the fold has no 'on"},
	{"# nothing\n", "t.fold:2:1: the fold has no 'on"},
	{"x", "t.fold:1:1: 'on', 'key' or 'index' is expected, not 'x'"},
	{"on a {}", "t.fold:1:4: an event type in double quotes is expected"},
	{"on \"a\" x", "t.fold:1:8: 'when', 'each', 'key' or '{' is expected, not 'x'"},
	{"on \"a\" when true x", "t.fold:1:18: '{' is expected"},
	{"on \"a\" {\n x = 1", "t.fold:1:8: the block that begins here has no '}'"},
	{"on \"a\" { x = 1 y = 2 }", "t.fold:1:16: ';', a new line or '}' is expected, not 'y'"},
	{"on \"a\" { x }", "t.fold:1:12: '=', '+=', '-=' or '*=' is expected, not '}'"},
	{"on \"a\" { = 1 }", "t.fold:1:10: a statement is expected, not '='"},
	{"on \"a\" { event = 1 }", "t.fold:1:10: 'event' is a word of the language"},
	{"on \"a\" { x = y }", "t.fold:1:14: no statement sets 'y'; a field of the event is .y"},
	{"on \"a\" { x = 1 }\nindex y", "t.fold:2:7: no statement sets 'y'"},
	{"on \"a\" { x = 1 }\nindex x\nindex x", "t.fold:3:7: there is an index of this field already"},
	{"key x\non \"a\" { x = 1 }", "t.fold:1:5: the key cannot depend on the state; a field of the event is .name"},
	{"key .a key .b on \"a\" { x = 1 }", "t.fold:1:8: there is a key line already"},
	{"on \"a\" each x { x = 1 }", "t.fold:1:13: each cannot depend on the state"},
	{"on \"a\" key x { x = 1 }", "t.fold:1:12: a key cannot depend on the state"},
	{"on \"a\" { if true x = 1 }", "t.fold:1:18: '{' is expected"},
	{"on \"a\" each .l when true { x = 1 }", "t.fold:1:16: '{' is expected (when, each and key stand in this order, each once), not 'when'"},
	{"on \"a\" { if .b { x = 1 }; else { x = 2 } }", "t.fold:1:27: else follows the } of its if"},
	{"on \"a\" { x = 1; delete x }", "t.fold:1:24: delete takes the whole state away; a field is taken away by unset"},
	{"on \"a\" { x = .user-id }", "t.fold:1:20: no statement sets 'id'; a name such as user-id is quoted"},
	{"on \"a\" { x = not .b }", "t.fold:1:14: 'not' is written !"},
	{"on \"a\" { x = 1 }\nindex x, y", "t.fold:2:8: an index line has one field"},
	{"on \"a\" each .l when true { x = 1 }", "t.fold:1:16: '{' is expected (when, each and key stand in this order, each once), not 'when'"},
	{"on \"a\" { if .b { x = 1 }; else { x = 2 } }", "t.fold:1:27: else follows the } of its if"},
	{"on \"a\" { x = 1; delete x }", "t.fold:1:24: delete takes the whole state away; a field is taken away by unset"},
	{"on \"a\" { x = .user-id }", "t.fold:1:20: no statement sets 'id'; a name such as user-id is quoted"},
	{"on \"a\" { x = not .b }", "t.fold:1:14: 'not' is written !"},
	{"on \"a\" { x = 1 }\nindex x, y", "t.fold:2:8: an index line has one field"},
	{"on \"a\" { push 1 2 }", "t.fold:1:15: the name of a field of the state is expected"},
};

struct world {
	struct maker maker;
	struct fold *fold;
	struct fold_run *run;
	struct look *look; /* NULL: events are not looked at before their turn */
	struct state states[STATES_MAX];
	char keys[STATES_MAX][64];
	size_t n;
	uint64_t position;
};

static struct state *find_state(struct world *w, struct span key)
{
	for (size_t i = 0; i < w->n; i++)
		if (strlen(w->keys[i]) == key.size && memcmp(w->keys[i], key.text, key.size) == 0)
			return &w->states[i];
	assert_true(w->n < STATES_MAX && key.size < sizeof w->keys[0]);
	memcpy(w->keys[w->n], key.text, key.size);
	assert_true(state_init(&w->states[w->n], w->fold));
	return &w->states[w->n++];
}

/* Begin an event as a projection does, or as all others do. */
static int begin(struct world *w, const struct record *r, struct fold_event *event, struct value *memory, struct evs_error *err)
{
	if (w->look == NULL)
		return fold_begin(w->run, r, err);
	look_renew(w->look);
	assert_true(look_room(w->look) <= LOOK_VALUES * sizeof *memory);
	assert_in_range(look_at(w->look, r, memory, event), 1, look_room(w->look));
	return fold_begin_looked(w->run, event, err);
}

/* Give the fold an event written in short. */
static int give(struct world *w, const char *brief, struct evs_error *err)
{
	struct buf line = {0}, packed = {0};
	struct fold_target target;
	struct fold_event event;
	struct value memory[LOOK_VALUES];
	struct parsed info;
	struct record r;
	char type[64], id[64];
	int at = 0, status;

	assert_int_equal(sscanf(brief, "%63s %63s %n", type, id, &at), 2);
	buf_printf(&line, "{\"eventType\":\"%s\",\"timestamp\":\"2026-05-14T10:30:00Z\"", type);
	if (strcmp(id, "-") != 0)
		buf_printf(&line, ",\"aggregateId\":\"%s\",\"aggregateType\":\"T\"", id);
	buf_printf(&line, ",\"data\":%s}", brief + at);
	assert_int_equal(maker_parse(&w->maker, (const char *)line.data, line.size, &packed, &info, err), EVS_OK);
	r = (struct record){.position = ++w->position, .body = packed.data, .size = (uint32_t)packed.size};
	status = begin(w, &r, &event, memory, err);
	while (status == EVS_OK && (status = fold_next(w->run, &target, err)) == EVS_OK)
		status = fold_apply(w->run, find_state(w, target.key), err);
	fold_end(w->run, status == EVS_END);
	buf_free(&line);
	buf_free(&packed);
	return status == EVS_END ? EVS_OK : status;
}

static void world_begin(struct world *w, const char *text, bool look)
{
	struct evs_error err;

	*w = (struct world){0};
	maker_begin(&w->maker);
	CHECK(fold_parse("t.fold", text, strlen(text), &w->fold, &err) == EVS_OK, "%s: %s", text, err.message);
	w->run = fold_run_new(w->fold, w->maker.names);
	assert_non_null(w->run);
	if (look)
		assert_non_null(w->look = look_new(w->fold, w->maker.names));
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		state_release(&w->states[i]);
	fold_run_free(w->run);
	look_free(w->look);
	fold_free(w->fold);
	maker_end(&w->maker);
}

/* All states as text, each written, read and written again. */
static void show(struct world *w, struct buf *out)
{
	for (size_t i = 0; i < w->n; i++) {
		struct value v = state_value(&w->states[i]);
		struct buf packed = {0}, again = {0};
		struct state copy;
		if (v.kind == VALUE_NULL && !w->states[i].exists && strstr(w->keys[i], "gone") != NULL)
			continue;
		buf_printf(out, "%s%s=", out->size > 0 ? " " : "", w->keys[i]);
		assert_true(value_render(out, w->maker.names, &v));
		if (!w->states[i].exists)
			continue;
		assert_true(state_encode(&w->states[i], &packed));
		buf_room(&packed, RENDER_PAD);
		assert_true(state_init(&copy, w->fold));
		assert_true(state_decode(&copy, packed.data, packed.size));
		assert_true(state_encode(&copy, &again));
		assert_int_equal(again.size, packed.size);
		assert_memory_equal(again.data, packed.data, packed.size);
		state_release(&copy);
		buf_free(&packed);
		buf_free(&again);
	}
}

/* All rows, events being looked at before their turn or not: that makes no difference. */
static void run_rows(bool look)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf text = {0};
		struct world w;
		struct evs_error err = {0};
		int status = EVS_OK;
		world_begin(&w, rows[i].fold, look);
		for (size_t e = 0; e < COUNT(rows[i].events) && rows[i].events[e] != NULL && status == EVS_OK; e++)
			status = give(&w, rows[i].events[e], &err);
		for (size_t k = 0; k < w.n; k++) /* a state that was only looked at is none */
			if (!w.states[k].exists && status == EVS_BAD_EVENT && w.n == 1) {
				state_release(&w.states[0]);
				w.n = 0;
			}
		show(&w, &text);
		if (status != EVS_OK)
			buf_printf(&text, "%sFAIL %s", text.size > 0 ? " " : "", err.message);
		if (strcmp(rows[i].wanted, "") == 0)
			CHECK(strcmp(text_of(&text), "s=null") == 0, "%s: %s", rows[i].fold, text_of(&text));
		else if (strstr(rows[i].wanted, "b={\"n\":\"x\"}") != NULL) /* taken back whole: neither state is there */
			CHECK(strncmp(text_of(&text), "a=null b=null FAIL", 18) == 0, "%s: %s", rows[i].fold, text_of(&text));
		else
			CHECK(strcmp(text_of(&text), rows[i].wanted) == 0, "%s:\n  %s\nand not\n  %s", rows[i].fold, text_of(&text), rows[i].wanted);
		world_end(&w);
		buf_free(&text);
	}
}

static void test_states(void **context)
{
	(void)context;
	run_rows(false);
	run_rows(true);
}

static void test_mistakes(void **context)
{
	struct evs_error err;
	struct fold *f;

	(void)context;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		CHECK(fold_parse("t.fold", mistakes[i].text, strlen(mistakes[i].text), &f, &err) == EVS_USAGE, "%s", mistakes[i].text);
		CHECK(strncmp(err.message, mistakes[i].wanted, strlen(mistakes[i].wanted)) == 0, "%s: %s", mistakes[i].text, err.message);
	}
}

#define TEN(text) text text text text text text text text text text

/* A list of lists of lists ..., each holding the next one twice: 2^30 values in some kilobytes. */
#define SHARED TEN("map(") TEN("map(") TEN("map(") "[1]" TEN(", [., .])") TEN(", [., .])") TEN(", [., .])")

/* What would grow without measure ends in an error, and takes nothing with it. NULL: it does not grow. */
static const struct {
	const char *fold, *wanted;
	unsigned events; /* that go well; 0: no matter how many, but less than 1000 */
} limits[] = {
	{"on \"*\" { x = {a: x} }", "t.fold:1: the state is nested deeper than 512 levels", 512},
	{"on \"*\" { x.a = x }", "t.fold:1: the state is nested deeper than 512 levels", 512},
	{"on \"*\" { push x [x[-1]] }", "t.fold:1: the state is nested deeper than 512 levels", 511},
	{"on \"*\" { x = [x, x, x, x, x, x, x, x] }", "t.fold:1: the event puts more than 64 MB into states", 0},
	{"on \"*\" { x = (x ?? \"0123456789\") + x }", "t.fold:1: the event needs more than 64 MB of memory", 0},
	{"on \"*\"\n{ x = (x ?? 10) * (x ?? 10) }", "t.fold:2: a number of more than 100000 digits", 0},
	{"on \"*\" { x = " SHARED " }", "t.fold:1: the event puts more than 64 MB into states", 0},
	{"on \"*\" { x = str(" SHARED ") }", "t.fold:1: the string is too long", 0},
	{"on \"*\" { x = " SHARED " == [1] }", "t.fold:1: the event takes too long to work out", 0},
	{"on \"*\" { x = len(" SHARED ") }", NULL, 3},
};

static void test_limits(void **context)
{
	(void)context;
	for (size_t i = 0; i < COUNT(limits); i++) {
		unsigned most = limits[i].events == 0 ? 999 : limits[i].events, n = 0;
		struct buf before = {0}, after = {0};
		struct evs_error err = {0};
		struct world w;

		world_begin(&w, limits[i].fold, false);
		while (n < most && give(&w, "a s {}", &err) == EVS_OK)
			n++;
		if (limits[i].events > 0)
			CHECK(n == most, "%s: %u events: %s", limits[i].fold, n, err.message);
		assert_int_equal(w.n, 1);
		assert_true(state_encode(&w.states[0], &before));
		if (limits[i].wanted != NULL) {
			CHECK(give(&w, "a s {}", &err) == EVS_BAD_EVENT, "%s: it goes on", limits[i].fold);
			CHECK(strstr(err.message, limits[i].wanted) != NULL, "%s: %s", limits[i].fold, err.message);
			assert_true(state_encode(&w.states[0], &after));
			assert_true(before.size == after.size && memcmp(before.data, after.data, after.size) == 0);
		}
		buf_free(&before);
		buf_free(&after);
		world_end(&w);
	}
}

static uint64_t hash_of(const char *text)
{
	struct evs_error err;
	struct fold *f;
	uint64_t hash;

	CHECK(fold_parse("t.fold", text, strlen(text), &f, &err) == EVS_OK, "%s: %s", text, err.message);
	hash = fold_hash(f);
	fold_free(f);
	return hash;
}

/* White space and comments do not count, everything else does. */
static void test_hash(void **context)
{
	const char *a = "on \"a\" { x = 1; y = x }";

	(void)context;
	assert_true(hash_of(a) == hash_of("on   \"a\" {\n\tx=1 # one\n\ty = x;\n}\n"));
	assert_true(hash_of(a) != hash_of("on \"a\" { x = 1; y = 1 }"));
	assert_true(hash_of(a) != hash_of("on \"a\" { x = 1; y = .x }"));
	assert_true(hash_of("on \"a\" { push x .y }") != hash_of("on \"a\" { x.y = 1; push x.y 1 }"));
	assert_true(hash_of("on \"a\" { x = 1 in [1] }") == hash_of("on \"a\" { x = 1 in[1] }"));
	assert_true(hash_of("on \"a\" { push x.in [1][0] }") != hash_of("on \"a\" { push x.in[1] [0] }"));
	assert_true(hash_of("on \"a\" { push x [1] }") != hash_of("on \"a\" { push x[1] 1 }"));
}

static const struct {
	const char *text, *wanted;
} formats[] = {
	{"on \"a\"{x=1}", "on \"a\" { x = 1 }\n"},
	{"on \"a\",\"b\"  when .n>0   {x+=.a*-1;y=!true}", "on \"a\", \"b\" when .n > 0 { x += .a * -1; y = !true }\n"},
	{"on \"a\" {\nx=1;\n\n\n\ny = f\n  }\non \"b\" { f = {a:1,\"b\":[1,2]} }", "on \"a\" {\n\tx = 1\n\n\ty = f\n}\non \"b\" { f = {a: 1, \"b\": [1, 2]} }\n"},
	{"# c  \nkey   .data.k # d\non \"a\" { if x==1 {\nx=2\n} else {x=3} }", "# c\nkey .data.k # d\non \"a\" { if x == 1 {\n\t\tx = 2\n\t} else { x = 3 } }\n"},
	{"on \"a\" { push l -1; push l [1]; l[0]=sum( .x ,.y*.z ) ?? 1 }", "on \"a\" { push l -1; push l [1]; l[0] = sum(.x, .y * .z) ?? 1 }\n"},
	{"on \"a\" { ;x = 1;;\n;y = 2; # c\n z = 3;; w = 4 };\n; index x", "on \"a\" { x = 1\n\ty = 2 # c\n\tz = 3; w = 4 }\nindex x\n"},
	{"on \"a\" {if.x=1;in2=[1][0];if (.y) {x=.a in[1]}}", "on \"a\" { if.x = 1; in2 = [1][0]; if (.y) { x = .a in [1] } }\n"},
	{"on \"a\" {x=.a in(.b);y=.in[0] in.c}", "on \"a\" { x = .a in (.b); y = .in[0] in .c }\n"},
	{"on \"a\" { x = true?.a:.b\ny = .a\n+.b }", "on \"a\" { x = true ? .a : .b\n\ty = .a\n\t\t+ .b }\n"},
};

static void test_format(void **context)
{
	struct evs_error err;

	(void)context;
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct buf out = {0}, again = {0};
		CHECK(fold_format("t.fold", formats[i].text, strlen(formats[i].text), &out, &err) == EVS_OK, "%s: %s", formats[i].text, err.message);
		CHECK(strcmp(text_of(&out), formats[i].wanted) == 0, "%s\nbecomes\n%s", formats[i].text, text_of(&out));
		assert_int_equal(fold_format("t.fold", (const char *)out.data, out.size, &again, &err), EVS_OK);
		CHECK(strcmp(text_of(&again), text_of(&out)) == 0, "%s\nbecomes\n%s", text_of(&out), text_of(&again));
		assert_true(hash_of(formats[i].text) == hash_of(text_of(&out)));
		buf_free(&out);
		buf_free(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_format),
	};

	return RUN(tests);
}
