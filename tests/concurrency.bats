# Writers beside writers, readers beside writers, and writers that die.
load helper

# one_wins ARGUMENTS...: 8 writers append an event each with these, all let go at once: opening `go` to read waits for one who writes.
# How each ended goes behind what is in status.1 to status.8.
one_wins() {
	local w
	for w in 1 2 3 4 5 6 7 8; do
		{
			: <go
			status=0
			"$EVS_BIN/evs" append a.evs "$@" <<<"{\"eventType\":\"t\",\"tags\":[\"name:$round\"]}" >>out 2>>err || status=$?
			echo $status >>status.$w
		} 3>&- &
	done
	exec 9>go
	wait
	exec 9>&-
}

# one_won: in each of the 20 rounds exactly one, and the others were refused.
one_won() {
	is "$(paste -d' ' status.? | while read -r round; do printf '%s\n' $round | sort -n | paste -sd' '; done | uniq -c | xargs)" '20 0 3 3 3 3 3 3 3'
	is "$(cat out)" ''
	is "$(count a.evs)" 20
}

@test "of 8 writers that expect one revision exactly one wins, 20 times" {
	mkfifo go
	for round in $(seq 0 19); do
		one_wins --aggregate-type T -s s --expect "$round"
		echo "7 evs-append: a.evs: stream 's' is at revision $((round + 1)), not $round; nothing was appended"
	done >wanted
	one_won
	uniq -c err | sed 's/^ *//' | diff wanted -
	is "$(evs cat a.evs --fields .revision | jq .revision | paste -sd' ')" "$(seq -s' ' 20)"
}

@test "of 8 writers with one append condition exactly one wins, 20 times" {
	mkfifo go
	for round in $(seq 20); do
		one_wins --fail-if "[{\"tags\":[\"name:$round\"]}]"
	done
	one_won
}

@test "6 appenders at once: 12,000 events, no gap" {
	for w in 1 2 3 4 5 6; do
		events 2000 w$w s$w >in.$w
		evs append a.evs --receipts in.$w >out.$w 2>err.$w 3>&- &
	done
	for job in $(jobs -p); do wait "$job" || fail "an append ended with $?: $(cat err.?)"; done
	is "$(cat err.?)" ''
	ran 0 evs verify a.evs
	out_is ''
	evs cat a.evs --fields .position | jq .position >positions
	seq 12000 | cmp - positions
	for w in 1 2 3 4 5 6; do
		evs cat a.evs -s s$w --fields .revision,.eventId | jq -r '"\(.revision) \(.eventId)"' >got
		seq 2000 | sed "s/.*/& w$w-&/" | cmp - got
		evs cat a.evs -s s$w --fields .eventId,.position >got
		jq -c '{eventId,position}' out.$w | cmp - got
	done
}

# still_whole FILE: each whole receipt in FILE is what a.evs says of that event, and that is whole, without a gap.
still_whole() {
	ran 0 evs verify a.evs
	out_is ''
	evs cat a.evs --fields .eventId,.position,.revision >stored
	sed -E 's/.*"position":([0-9]+).*/\1/' stored | cmp - <(seq "$(evs stat a.evs | jq .events)")
	sed -nE 's/"stream":[^,]*,//; s/,"duplicate":.*}$/}/p' "$1" >promised
	awk 'FNR == NR { there[$0]; next } !($0 in there)' stored promised >missing
	[ ! -s missing ] || fail "receipts without an event:" "$(head -n 3 missing)"
}

@test "kill -9 in the middle of bulk input: no receipt is lost, no gap" {
	RANDOM=17
	local promises=0 ms
	for i in $(seq $(size 5 15)); do
		events 20000 r$i s >in
		rm -f receipts
		"$EVS_BIN/evs" append a.evs --receipts in >receipts 2>err 3>&- &
		pid=$!
		ms=$((RANDOM % 300 * PATIENCE / 60)) # sanitizers take their time
		[ $((i % 2)) = 0 ] || wait_for test -s receipts
		sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		[ "$(evs cat a.evs -n 1 2>/dev/null)" ] || [ -s receipts ] || continue
		still_whole receipts
		promises=$((promises + $(wc -l <receipts)))
		if [ "$(evs stat a.evs | jq .events)" -gt 60000 ]; then rm a.evs a.evs-lock; fi
	done
	[ $promises -gt 0 ]
}

# small_batches ID: events without end, 40 at a time, far enough apart for a commit each.
small_batches() {
	python3 -c 'import itertools, sys, time
for n in itertools.count():
    sys.stdout.write("".join("{\"eventType\":\"t\",\"eventId\":\"%s-%d\",\"aggregateId\":\"s\"}\n" % (sys.argv[1], n * 40 + i) for i in range(40)))
    sys.stdout.flush()
    time.sleep(0.002)' "$1"
}

@test "kill -9 among small commits: no receipt is lost, no gap" {
	RANDOM=23
	mkfifo feed
	for i in $(seq $(size 6 20)); do
		# bash opens the pipe first, so that the receipts of the last round would still be there.
		rm -f receipts
		"$EVS_BIN/evs" append a.evs --receipts <feed >receipts 2>err 3>&- &
		pid=$!
		small_batches $i >feed 2>/dev/null 3>&- &
		feeder=$!
		wait_for lines_in receipts $((RANDOM % 300 + 1)) 2>/dev/null
		kill -9 $pid
		wait $pid 2>/dev/null || true
		kill -9 $feeder 2>/dev/null || true
		wait $feeder 2>/dev/null || true
		still_whole receipts
	done
}

@test "what was killed can be sent again: each event is there once" {
	events 20000 >in
	for i in 1 2 3 4 5; do
		"$EVS_BIN/evs" append a.evs in 2>err 3>&- &
		pid=$!
		sleep 0.01$i
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
	done
	quiet evs append a.evs in
	is "$(count a.evs)" 20000
	evs cat a.evs --fields .eventId | jq -r .eventId | cmp - <(seq 20000 | sed 's/^/a-/')
}

# small_commits STORE: many more events, a transaction each, one append.
small_commits() {
	mkfifo "$1.feed" "$1.answers"
	"$EVS_BIN/evs" append "$1" --receipts <"$1.feed" >"$1.answers" 2>"$1.err" 3>&- &
	python3 - "$1" "$(size 2000 20000)" <<-'END'
		import sys
		store, n = sys.argv[1], int(sys.argv[2])
		with open(store + ".feed", "wb", buffering=0) as feed, open(store + ".answers", "rb") as answers:
		    for i in range(n):
		        feed.write(b'{"eventType":"small","eventId":"small-%d","data":{"n":%d}}\n' % (i, i))
		        assert b'"small-%d"' % i in answers.readline()
	END
	wait $!
	is "$(cat "$1.err")" ''
}

@test "a reader that stopped does not make the store grow" {
	events 40000 >in
	quiet evs append a.evs in
	cp a.evs b.evs
	# 40,000 events are more than a pipe holds: cat stands in the middle of the second of them.
	mkfifo pipe
	"$EVS_BIN/evs" cat b.evs >pipe 2>cat.err 3>&- &
	reader=$!
	exec 9<pipe
	read -r first <&9
	small_commits a.evs &
	small_commits b.evs
	wait $!
	kill -0 $reader
	without=$(stat -c %s a.evs) with=$(stat -c %s b.evs)
	[ "$with" -le $((without * 11 / 10)) ] || fail "the file grows to $with bytes, not $without"
	# It goes on where it was, to what was the end when it began.
	is "$(cat <&9 | tail -n 1 | jq .position)" 40000
	wait $reader
	is "$(cat cat.err)" ''
}

# bats test_tags=lock-signal
@test "who waits for the lock ends at the second request, a second after the first" {
	local holder waiting begun
	echo '{"eventType":"a"}' | quiet evs append a.evs
	mkfifo in
	"$EVS_BIN/evs" append a.evs --atomic <in 3>&- &
	holder=$!
	exec 7>in
	# More than is held in memory: from there on it has the lock.
	head -c 70000000 /dev/zero | tr '\0' x | fold -w 1000000 | sed 's/.*/{"eventType":"big","data":"&"}/' >&7
	sleep 0.5
	begun=$(date +%s%N)
	echo '{"eventType":"b"}' | "$EVS_BIN/evs" append a.evs 3>&- 7>&- &
	waiting=$!
	sleep 0.3
	kill -TERM $waiting
	sleep 1.5
	kill -0 $waiting || fail 'it did not wait'
	kill -TERM $waiting
	ends 143 $waiting
	exec 7>&-
	ends 0 $holder
	is "$(evs cat a.evs --type b | wc -l)" 0
	is "$(count a.evs)" 71
}
