# cat -f: new events as they are committed, each once, in order; and how the tools end when they are told to.
load helper

# follows ARGUMENTS...: cat -f of a.evs in the background, into the file out; its number is $cat.
follows() {
	"$EVS_BIN/evs" cat a.evs -f "$@" >out 2>err 3>&- &
	cat=$!
}

# stopped: the follower ends by SIGTERM, having said nothing.
stopped() {
	kill -TERM "$cat"
	ended "$cat"
	local status=0
	wait "$cat" || status=$?
	is "$status" 143
	is "$(cat err)" ''
}

@test "cat -f prints a new event within a second of the append" {
	events 3 >in
	quiet evs append a.evs in
	follows --fields .eventId
	wait_for lines_in out 3
	for n in 1 2 3 4 5; do
		echo "{\"eventType\":\"t\",\"eventId\":\"new-$n\"}" >in
		quiet evs append a.evs in
		end=$(($(date +%s%N) + 1000000000))
		until lines_in out $((3 + n)); do
			[ "$(date +%s%N)" -lt $end ] || fail 'not within a second'
		done
		is "$(tail -n 1 out)" "{\"eventId\":\"new-$n\"}"
	done
	stopped
	is "$(wc -l <out)" 8
}

@test "cat -f prints what was there, then what comes, each once" {
	events 5 >in
	quiet evs append a.evs in
	follows --fields .eventId
	events 10 >in
	quiet evs append a.evs in
	wait_for lines_in out 10
	stopped
	seq 10 | sed 's/.*/{"eventId":"a-&"}/' | cmp - out
}

@test "cat -f --limit --marker ends without a marker where it has not reached the end" {
	events 2 >in
	quiet evs append a.evs in
	follows --limit 3 --marker --fields .position
	wait_for lines_in out 3
	events 4 >in
	quiet evs append a.evs in
	ends 0 "$cat"
	is "$(cat out)" $'{"position":1}\n{"position":2}\n{"caughtUp":2}\n{"position":3}'
}

@test "cat -f --marker says when it has reached the end, and where" {
	events 2 >in
	quiet evs append a.evs in
	follows --marker --fields .position
	wait_for lines_in out 3
	is "$(cat out)" $'{"position":1}\n{"position":2}\n{"caughtUp":2}'
	events 3 >in
	quiet evs append a.evs in
	wait_for lines_in out 5
	stopped
	is "$(cat out)" $'{"position":1}\n{"position":2}\n{"caughtUp":2}\n{"position":3}\n{"caughtUp":3}'
}

@test "cat -f --after the end waits for what comes" {
	events 2 >in
	quiet evs append a.evs in
	follows --after 2 --marker --fields .position
	wait_for lines_in out 1
	events 4 >in
	quiet evs append a.evs in
	wait_for lines_in out 4
	stopped
	is "$(cat out)" $'{"caughtUp":2}\n{"position":3}\n{"position":4}\n{"caughtUp":4}'
}

@test "cat -f with selectors prints only what they select" {
	events 2 a s >in
	quiet evs append a.evs in
	follows --type 'b*' --fields .eventId
	events 2 b s >in
	quiet evs append a.evs in
	events 2 c s >in
	quiet evs append a.evs in
	events 1 b2 s >in
	quiet evs append a.evs in
	wait_for lines_in out 3
	stopped
	is "$(cat out)" $'{"eventId":"b-1"}\n{"eventId":"b-2"}\n{"eventId":"b2-1"}'
}

@test "cat -f --limit ends when it has printed so many" {
	events 2 >in
	quiet evs append a.evs in
	follows -n 3 --fields .position
	wait_for lines_in out 2
	events 5 >in
	quiet evs append a.evs in
	ended $cat
	wait $cat
	is "$(cat out)" $'{"position":1}\n{"position":2}\n{"position":3}'
	is "$(cat err)" ''
}

@test "cat -f prints 20,000 events that come while the store seals, all once and in order" {
	events 10 z >in
	quiet evs append a.evs in
	follows --fields .position,.eventId
	mkfifo feed
	"$EVS_BIN/evs" append a.evs <feed 2>append.err 3>&- &
	append=$!
	{ events 6000 a; events 6000 b; events 8000 c; } >feed
	wait $append
	is "$(cat append.err)" ''
	wait_for lines_in out 20010
	[ "$(evs stat a.evs | jq .segments)" -gt 0 ]
	stopped
	evs cat a.evs --fields .position,.eventId | cmp - out
	is "$(jq .position out | cmp - <(seq 20010) && wc -l <out)" 20010
}

@test "cat -f keeps up with many small appends" {
	events 1 z >in
	quiet evs append a.evs in
	follows --fields .position
	seq 300 | sh -c 'while read -r i; do echo "{\"eventType\":\"t\",\"eventId\":\"$i\"}" | evs append a.evs; done'
	wait_for lines_in out 301
	stopped
	is "$(jq .position out)" "$(seq 301)"
}

# Background jobs of a script ignore SIGINT, so the follower gets its handler back from python.
@test "SIGINT ends cat -f with 130, SIGTERM with 143" {
	events 3 >in
	quiet evs append a.evs in
	for pair in INT:130 TERM:143; do
		rm -f out
		python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$EVS_BIN/evs" cat a.evs -f --fields .position >out 2>err 3>&- &
		cat=$!
		wait_for lines_in out 3
		kill -${pair%:*} $cat
		ended $cat
		status=0
		wait $cat || status=$?
		is $status ${pair#*:}
		is "$(cat err)" ''
		is "$(cat out)" $'{"position":1}\n{"position":2}\n{"position":3}'
	done
}

@test "append commits what it read when it is told to end" {
	mkfifo feed
	for pair in INT:130 TERM:143; do
		rm -f a.evs a.evs-lock out
		python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$EVS_BIN/evs" append a.evs --receipts <feed >out 2>err 3>&- &
		append=$!
		exec 8>feed
		events 500 >&8
		wait_for lines_in out 500
		# Half a line is no event.
		printf '{"eventType":"half' >&8
		kill -${pair%:*} $append
		ended $append
		status=0
		wait $append || status=$?
		exec 8>&-
		is $status ${pair#*:}
		is "$(wc -l <out)" 500
		is "$(count a.evs)" 500
	done
}

@test "append that is told to end in bulk input leaves a whole store" {
	events 300000 >in
	"$EVS_BIN/evs" append a.evs --receipts in >out 2>err 3>&- &
	append=$!
	wait_for lines_in out 1
	kill -TERM $append
	ended $append
	status=0
	wait $append || status=$?
	n=$(count a.evs)
	is "$(wc -l <out)" "$n"
	if [ "$n" = 300000 ]; then is $status 0; else is $status 143; fi
	quiet evs append a.evs in
	is "$(count a.evs)" 300000
}

@test "cat -f of a store that is not there" {
	ran 1 evs cat a.evs -f
	out_is ''
	err_is 'evs-cat: a.evs: no such store'
}

@test "cat -f --as-of a moment to come ends then, and -f --event with that event" {
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"one"}'
	begun=$(date +%s%N)
	ran 0 timeout 20 evs cat a.evs -f --fields .eventId --as-of "$(date -u -d '+2 seconds' +%FT%TZ)"
	out_is '{"eventId":"one"}'
	[ $((($(date +%s%N) - begun) / 1000000)) -ge 900 ] || fail 'before the moment had come'
	ran 0 timeout 20 evs cat a.evs -f --event one --fields .eventId
	out_is '{"eventId":"one"}'
	follows --event two --fields .eventId
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"two"}'
	ended "$cat"
	wait "$cat"
	is "$(cat out)" '{"eventId":"two"}'
}

@test "cat -f --stream ends with the types when the ID has come to be in several" {
	evs append a.evs </dev/null
	follows --stream 42 --fields .eventType
	for type in Order Order Invoice; do
		quiet evs append a.evs --aggregate-type $type --stream 42 <<<'{"eventType":"a"}'
		[ $type = Invoice ] || { n=$((n + 1)); wait_for lines_in out $n; }
	done
	ended "$cat"
	status=0
	wait "$cat" || status=$?
	is "$status" 2
	is "$(cat err)" "evs-cat: a.evs: stream '42' is there in several aggregate types: Invoice, Order; add --aggregate-type (\"\" for none)"
	is "$(wc -l <out)" 2
}
