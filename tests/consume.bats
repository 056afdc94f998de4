# consume: groups, retries, the four ways to hand events over; and group, which shows them.
load helper

# orders N: events 1..N of streams s0, s1, s2 in turn, in a.evs.
orders() {
	local i
	for ((i = 1; i <= $1; i++)); do
		echo "{\"eventType\":\"order.placed\",\"eventId\":\"e$i\",\"aggregateId\":\"s$((i % 3))\",\"aggregateType\":\"Order\",\"data\":$i}"
	done | evs append a.evs
}

# of GROUP FIELD: what evs group show says.
of() {
	evs group a.evs show "$1" | jq -c "$2"
}

# letters: how many dead letters there are.
letters() {
	evs stat a.evs | jq .deadLetters
}

@test "without a command events are printed, once for each group" {
	orders 6
	consume 0 g
	is "$(jq -c .data <<<"$output" | paste -sd' ')" '1 2 3 4 5 6'
	consume 0 g
	out_is ''
	consume 0 other --type 'order.*' --limit 2
	is "$(jq -c .data <<<"$output" | paste -sd' ')" '1 2'
	consume 0 other --type 'order.*'
	is "$(jq -c .data <<<"$output" | paste -sd' ')" '3 4 5 6'
	is "$(of other '[.position,.lag,.handled,.status]')" '[6,0,6,"done"]'
}

@test "without a command what was printed as a whole is done with, whatever becomes of the output" {
	orders 6000
	# A pipe takes 64 KiB; the line at its end is not whole.
	evs consume a.evs g | head -1 >out
	is "$(jq .data out)" 1
	local done=$(of g .position)
	[ "$done" -gt 10 ] && [ "$done" -lt 6000 ] || fail "$done are done with"
	consume 0 g --limit 1
	is "$(jq .data <<<"$output")" $((done + 1))
	# A file takes a megabyte, which is more than the store has.
	(ulimit -f 1000 && evs consume a.evs f >full 2>err) && fail 'it said nothing of the full file'
	is "$(cat err)" 'evs-consume: cannot write: File too large'
	is "$(of f .position)" "$(wc -l <full)"
}

@test "without a command --follow ends when its reader has gone" {
	orders 1
	timeout -k 1 20 "$EVS_BIN/evs" consume a.evs g --follow 2>err | head -1 >out
	is "${PIPESTATUS[0]}" 0
	is "$(jq .data out)" 1
	is "$(cat err)" ''
	is "$(of g '[.position,.members]')" '[1,0]'
}

@test "a process an event: the event on standard input, and what it is about in the environment" {
	orders 4
	consume 0 g -- sh -c 'read -r line; echo "$line" >>got; echo "$EVS_EVENT_TYPE $EVS_EVENT_ID $EVS_POSITION $EVS_STREAM $EVS_AGGREGATE_TYPE $EVS_REVISION $EVS_ATTEMPT $EVS_GROUP"'
	out_is $'order.placed e1 1 s1 Order 1 1 g\norder.placed e2 2 s2 Order 1 1 g\norder.placed e3 3 s0 Order 1 1 g\norder.placed e4 4 s1 Order 2 1 g'
	is "$(cat got)" "$(evs cat a.evs)"
	err_is ''
}

@test "what fails is tried again, then goes to the dead letters; its stream goes on" {
	orders 7
	consume 4 g --max-retries 2 --initial-delay 50ms -- sh -c 'echo "$EVS_POSITION $EVS_ATTEMPT" >>log; echo "bad luck" >&2; test $EVS_POSITION != 4'
	is "$(grep -c '^4 ' log)" 3
	is "$(sort -n log | paste -sd,)" '1 1,2 1,3 1,4 1,4 2,4 3,5 1,6 1,7 1'
	# 7 is of the stream of 4: not before that was given up.
	is "$(grep -n '^4 3' log | cut -d: -f1)" "$(($(grep -n '^7 1' log | cut -d: -f1) - 1))"
	err_has 'the event at position 4: exit status 1; put in the dead letters'
	err_has 'bad luck'
	is "$(letters)" 1
	is "$(of g '[.position,.handled,.retried,.dead,.waiting,.deadLetters]')" '[7,6,2,1,0,1]'
}

@test "--limit: what was taken is carried through all its tries, and nothing else is taken" {
	orders 7
	retry='--max-retries 2 --initial-delay 20ms'
	consume 4 g --limit 1 $retry -- sh -c 'echo "$EVS_POSITION $EVS_ATTEMPT"; exit 1'
	out_is $'1 1\n1 2\n1 3'
	err_has 'the event at position 1: exit status 1; put in the dead letters'
	is "$(of g '[.position,.waiting,.dead]')" '[1,0,1]'
	# The stream of 1 and 4: 4 was taken while 1 was tried, and comes behind it.
	consume 4 h --limit 4 --concurrency 4 $retry -- sh -c 'echo "$EVS_POSITION $EVS_ATTEMPT" >>h.log; exit $((EVS_POSITION == 1))'
	is "$(sort h.log | paste -sd,)" '1 1,1 2,1 3,2 1,3 1,4 1'
	is "$(tail -1 h.log)" '4 1'
	is "$(of h '[.position,.handled,.dead]')" '[4,3,1]'
	# One that is behind another is not taken before that is done with, and then is not this member's any more.
	consume 4 i --limit 3 $retry -- sh -c 'echo "$EVS_POSITION" >>i.log; exit $((EVS_POSITION == 1))'
	is "$(sort i.log | paste -sd' ')" '1 1 1 2 3'
	consume 0 i -- sh -c 'echo "$EVS_POSITION" >>i.log'
	is "$(tail -4 i.log | sort | paste -sd' ')" '4 5 6 7'
	consume 4 j --limit 4 --batch 4 $retry -- sh -c 'cat >in; jq .data in >>j.log; ! grep -q "\"data\":1," in'
	is "$(sort j.log | uniq | paste -sd' ')" '1 2 3 4'
	is "$(of j '[.position,.handled,.dead]')" '[4,3,1]'
	consume 4 k --limit 2 --emit $retry -- echo no event
	is "$(of k '[.position,.retried,.dead]')" '[2,4,2]'
	consume 4 l --limit 2 --lines $retry -- sh -c 'while read -r line; do echo retry later; done'
	is "$(of l '[.position,.retried,.dead]')" '[2,4,2]'
	consume 1 m --limit 2 $retry --on-failure stop -- false
	err_has 'could not be handled in 3 tries'
	consume 4 n --limit 2 $retry --on-failure park -- false
	is "$(of n '[.parked,.waiting]')" '[2,0]'
}

@test "--limit: events that wait since an earlier run count like others" {
	orders 3
	timeout -s INT 1 "$EVS_BIN/evs" consume a.evs g --follow --initial-delay 3s -- sh -c 'exit $((EVS_POSITION == 1))' || true
	is "$(of g .waiting)" 1
	echo '{"eventType":"a"}' | evs append a.evs
	wait_due() { [ "$(date +%s)" -ge $due ]; }
	local due=$(($(date +%s) + 4))
	wait_for wait_due
	consume 0 g --limit 1 -- sh -c 'echo "$EVS_POSITION $EVS_ATTEMPT"'
	out_is '1 2'
	is "$(of g '[.waiting,.handled]')" '[0,3]'
	consume 0 g --limit 1 -- sh -c 'echo "$EVS_POSITION $EVS_ATTEMPT"'
	out_is '4 1'
}

@test "--limit beside another member: each is through with what it took" {
	seq 40 | sed 's/.*/{"eventType":"a","aggregateId":"s&","data":&}/' | evs append a.evs
	work='echo "$EVS_POSITION $EVS_ATTEMPT" >>log; exit $((EVS_POSITION % 10 == 0))'
	for i in 1 2; do
		timeout 60 "$EVS_BIN/evs" consume a.evs g --limit 40 --max-retries 3 --initial-delay 30ms -- sh -c "$work" 3>&- 2>/dev/null &
	done
	wait
	is "$(of g '[.handled,.retried,.dead,.waiting,.position,.lag]')" '[36,12,4,0,40,0]'
	is "$(cut -d' ' -f1 log | sort -n | uniq | wc -l)" 40
}

@test "delays grow by the factor up to the greatest, and others go on meanwhile" {
	orders 3
	consume 4 g --max-retries 3 --initial-delay 100ms --backoff 3 --max-delay 400ms -- sh -c 'echo "$EVS_POSITION $(date +%s%N)" >>log; test $EVS_POSITION != 1'
	is "$(cut -d' ' -f1 log | paste -sd' ')" '1 2 3 1 1 1'
	awk '$1 == 1 { if (n++) print int(($2 - t) / 1000000); t = $2 }' log >gaps
	awk 'NR == 1 && ($1 < 89 || $1 > 280) || NR == 2 && ($1 < 269 || $1 > 500) || NR == 3 && ($1 < 359 || $1 > 640) { exit 1 }' gaps || fail "$(cat gaps)"
}

@test "one event more than may wait behind a failed one is not passed over" {
	stream() { seq "$1" "$2" | sed 's/.*/{"eventType":"a","aggregateId":"s","data":&}/' | evs append a.evs; }
	# A program that answers line by line; the first event fails.
	echo 'while read -r line; do echo retry later; done' >handler
	stream 1 1000
	"$EVS_BIN/evs" consume a.evs g --lines --initial-delay 10m --max-delay 10m --follow -- sh handler 3>&- &
	all_wait() { [ "$(evs group a.evs 2>/dev/null | jq -c '[.lag,.waiting]')" = '[1000,1000]' ]; }
	wait_for all_wait
	local moved=$(of g .movedAt)
	stream 1001 1001
	# When there is nothing to do the position moves over what nobody has.
	has_moved() { [ "$(of g .movedAt)" != "$moved" ]; }
	wait_for has_moved
	is "$(of g '[.position,.lag]')" '[0,1001]'
}

@test "a position keeps up where members are never idle" {
	seq 4000 | sed 's/.*/{"eventType":"a","aggregateId":"s&"}/' | evs append a.evs
	"$EVS_BIN/evs" consume a.evs g -- sleep 0.05 3>&- &
	"$EVS_BIN/evs" consume a.evs g -- sleep 0.05 3>&- &
	# They have enough to do for longer than this waits.
	keeps_up() { [ "$(evs group a.evs | jq .position)" -gt 50 ]; }
	wait_for keeps_up
	is "$(of g .members)" 2
}

@test "exit status 65 is a dead letter at once, 75 another try" {
	orders 2
	consume 4 g --initial-delay 10ms --max-retries 1 -- sh -c 'echo "$EVS_POSITION" >>log; case $EVS_POSITION in 1) exit 65;; 2) exit 75;; esac'
	is "$(sort log | paste -sd' ')" '1 2 2'
	is "$(letters)" 2
}

@test "a handler that hangs is killed with its children after --timeout" {
	orders 1
	consume 4 g --timeout 300ms --max-retries 0 -- sh -c 'sleep 60 & echo $! >child; wait'
	err_has 'no end within 300 ms'
	ended "$(cat child)" || fail "the handler's child lives on"
}

@test "handlers that do not read, flood standard error, or leave children do no harm" {
	orders 3
	consume 0 g -- true
	consume 0 h -- sh -c 'head -c 300000 /dev/zero | tr "\0" x >&2'
	[ "${#stderr}" -ge 900000 ] || fail "standard error was not passed on: ${#stderr}"
	consume 0 i -- sh -c 'sleep 3 </dev/null >/dev/null & exit 0'
	# An event larger than a pipe.
	{ printf '{"eventType":"big","data":"'; head -c 500000 /dev/zero | tr '\0' x; echo '"}'; } | evs append b.evs
	ran 0 evs consume b.evs g -- sh -c 'exit 0'
	ran 0 evs consume b.evs h -- wc -c
	[ "$output" -gt 500000 ] || fail "$output"
}

@test "--on-failure stop stops before the event, and goes on from there" {
	orders 3
	consume 1 g --on-failure stop --max-retries 0 -- sh -c 'test -e mended || test $EVS_POSITION != 2'
	err_has 'the event at position 2 could not be handled in 1 try: exit status 1'
	is "$(of g '[.status,.stuckAt]')" '["stuck",2]'
	is "$(letters)" 0
	touch mended
	consume 0 g --on-failure stop -- sh -c 'echo $EVS_POSITION'
	out_has 2
	is "$(of g '[.status,.handled,.lag]')" '["done",3,0]'
}

@test "what is in hand when the group is stopped is finished, by this member and by others" {
	seq 12 | sed 's/.*/{"eventType":"a","aggregateId":"s&","data":&}/' | evs append a.evs
	# A handler is at work until it is told to fail, or to end.
	cat >handler <<-'END'
	#!/bin/sh
	echo "begun $EVS_POSITION" >>log
	until [ -e end ] || [ -e "fail-$EVS_POSITION" ]; do sleep 0.01; done
	[ ! -e "fail-$EVS_POSITION" ] || exit 1
	echo "ended $EVS_POSITION" >>log
	END
	chmod +x handler
	begun() { [ "$(grep -c begun log)" = "$1" ]; }
	stuck() { [ "$(of "$1" .stuckAt)" = "$poison" ]; }
	for ways in 'j 1 -j 3' 'members 3' 'batches 3 --batch 1'; do
		set -- $ways
		group=$1 members=$2
		shift 2
		rm -f log end fail-*
		pids=()
		for ((i = 0; i < members; i++)); do
			"$EVS_BIN/evs" consume a.evs $group "$@" --on-failure stop --max-retries 0 -- ./handler 2>err-$i 3>&- &
			pids+=($!)
		done
		wait_for begun 3
		poison=$(sed -n '3s/begun //p' log)
		touch fail-$poison
		[ $group = j ] || wait_for stuck $group
		sleep 0.3
		touch end
		for pid in "${pids[@]}"; do ! wait $pid; done
		stuck $group
		is "$(cat err-* | grep -c "the event at position $poison could not be handled in 1 try")" $members
		is "$(sed -n 's/ended //p' log | sort)" "$(sed -n 's/begun //p' log | grep -vx $poison | sort)"
		is "$(of $group '[.handled,.members]')" "[$(grep -c ended log),0]"
		rm err-*
	done
}

@test "a command that is empty is missing: events are not printed, and done with, in its place" {
	orders 1
	ran 2 evs consume a.evs g -- $unset
	out_is ''
	err_is "evs-consume: COMMAND is missing after '--'; without '--' events are printed"
	is "$(evs group a.evs)" ''
}

@test "who follows and has nothing to do sleeps, whatever standard input is" {
	orders 1
	consume 0 g -- true
	consume 0 b --batch 5 -- cat
	# Its processor time in ticks, a hundredth of a second each.
	ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
	followers=()
	mkfifo pipe
	sleep 60 >pipe 3>&- &
	for input in /dev/null pipe; do
		for ways in 'consume a.evs g -f -- true' 'consume a.evs g -f -j 3 -- true' 'consume a.evs l -f --lines -- sed -u s/.*/ok/' \
			'consume a.evs b -f --batch 5 -- cat' 'consume a.evs p -f' 'cat a.evs -f'; do
			"$EVS_BIN/evs" $ways <$input >/dev/null 3>&- &
			followers+=($!)
		done
	done
	sleep 2 # whatever they begin with
	before=()
	for pid in "${followers[@]}"; do before+=("$(ticks $pid)"); done
	sleep 1
	for i in "${!followers[@]}"; do
		after=$(ticks "${followers[i]}")
		[ $((after - before[i])) -le 10 ] || fail "follower $i takes $((after - before[i])) ticks a second"
	done
	kill "${followers[@]}"
}

@test "--on-failure park keeps the order: later events of the stream wait in the dead letters" {
	orders 7
	consume 4 g --on-failure park --max-retries 0 -- sh -c 'echo $EVS_POSITION >>log; test $EVS_POSITION != 1'
	is "$(sort log | paste -sd' ')" '1 2 3 5 6'
	is "$(letters)" 3
	is "$(of g '[.parked,.lag]')" '[3,0]'
	# Also those that come later.
	orders 1 # the same event: nothing new
	echo '{"eventType":"x","aggregateId":"s1","aggregateType":"Order"}' | evs append a.evs
	consume 4 g --on-failure park -- sh -c 'echo $EVS_POSITION >>log'
	is "$(letters)" 4
}

@test "--on-failure park with --batch: what comes behind in the same batch is parked too" {
	orders 9
	consume 4 g --on-failure park --max-retries 0 --batch 9 -- sh -c 'cat >in.$$; ! grep -q "\"data\":1," in.$$ && cat in.$$ >>done'
	is "$(jq .data done | sort -n | paste -sd' ')" '2 3 5 6 8 9'
	is "$(of g '[.parked,.handled,.lag]')" '[3,6,0]'
}

@test "the environment is of this event alone" {
	echo '{"eventType":"a"}' | evs append a.evs
	export EVS_STREAM=outer EVS_CAUSATION_ID=outer EVS_MINE=kept EVS_POSITION=77
	consume 0 g -- sh -c 'echo "$EVS_STREAM,$EVS_CAUSATION_ID,$EVS_MINE,$EVS_POSITION"'
	out_is ',,kept,1'
	consume 0 h --lines -- sh -c 'while read -r x; do echo "$EVS_GROUP,$EVS_POSITION," >&2; echo ok; done'
	err_is 'h,,'
}

@test "what no variable can hold is left out of the environment, and the handler runs" {
	local long=$(head -c 200000 /dev/zero | tr '\0' x) most=$(head -c 16384 /dev/zero | tr '\0' y)
	printf '{"eventType":"a","source":"%s","correlationId":"%s","causationId":"c\\u0000d"}\n' "$most" "$long" >in
	quiet evs append a.evs in
	export EVS_CORRELATION_ID=outer EVS_CAUSATION_ID=outer
	consume 0 g -- sh -c 'wc -c | tr -d " "; echo "${#EVS_SOURCE},${EVS_CORRELATION_ID-none},${EVS_CAUSATION_ID-none}"'
	out_is "$(evs cat a.evs | wc -c | tr -d ' ')"$'\n16384,none,none'
	# One byte more.
	printf '{"eventType":"a","source":"%sy"}\n' "$most" | quiet evs append a.evs
	consume 0 g -- sh -c 'echo "${EVS_SOURCE-none}"'
	out_is none
	# Each as long as may be, and the least of room for a command.
	printf '{"eventType":"a","source":"%s","correlationId":"%s","causationId":"%s"}\n' "$most" "$most" "$most" | quiet evs append a.evs
	(ulimit -s 256 && consume 0 g -- sh -c 'echo "${#EVS_SOURCE},${#EVS_CORRELATION_ID},${#EVS_CAUSATION_ID}"' && out_is 16384,16384,16384)
}

@test "--batch gives several events, and finds the one that makes it fail" {
	orders 50
	consume 4 g --batch 20 --max-retries 1 --initial-delay 10ms -- sh -c 'cat >in.$$; ! grep -q "\"data\":33," in.$$ && cat in.$$ >>done'
	is "$(jq -c .data done | sort -n | paste -sd' ')" "$(seq 50 | grep -v '^33$' | paste -sd' ')"
	is "$(letters)" 1
	# Those of its stream come in order.
	is "$(jq -c 'select(.aggregateId == "s0") | .data' done)" "$(jq -c 'select(.aggregateId == "s0") | .data' done | sort -n)"
	consume 0 h --batch 20 -- sh -c 'wc -l; echo "$EVS_BATCH $EVS_POSITION $EVS_LAST_POSITION"'
	is "$(tr -s ' ' <<<"$output" | paste -sd,)" '20,20 1 20,20,20 21 40,10,10 41 50'
}

@test "--lines: one process answers each event with ok, retry or dead" {
	orders 200
	consume 0 g --lines -- sed -u 's/.*/ok/'
	is "$(of g '[.position,.handled]')" '[200,200]'
	# Answers that are kept until the input ends, too.
	consume 0 h --limit 6 --lines -- sed 's/.*/ok/'
	is "$(of h .handled)" 6
	cat >handler <<-'END'
		#!/bin/sh
		while read -r line; do
			case $line in
			*'"e7"'*) echo "dead it is a seven" ;;
			*'"e9"'*) if [ -e nine ]; then echo ok; else echo "retry not yet"; touch nine; fi ;;
			*) echo ok ;;
			esac
		done
	END
	chmod +x handler
	consume 4 i --lines --initial-delay 10ms -- ./handler
	err_has 'the event at position 7: it is a seven; put in the dead letters'
	is "$(of i '[.handled,.retried,.dead]')" '[199,1,1]'
	consume 1 j --lines -- sed -u 's/.*/maybe/'
	err_has "each event is answered with a line 'ok'"
}

@test "--lines: the event on which the process ends is to blame, the others are not" {
	orders 30
	cat >handler <<-'END'
		#!/bin/sh
		while read -r line; do
			case $line in *'"e11"'*) exit 9 ;; esac
			echo ok
		done
	END
	chmod +x handler
	consume 4 g --lines --max-retries 1 --initial-delay 10ms -- ./handler
	err_has 'the event at position 11: exit status 9, without an answer'
	is "$(of g '[.handled,.dead]')" '[29,1]'
}

@test "--batch --emit: what cannot be appended is the fault of the event that gave rise to it, and costs no other" {
	{ echo '{"eventType":"o","eventId":"o4","data":"other"}'; events 9 a; } | quiet evs append a.evs
	cat >work <<-'END'
		jq -c '.position |= . - 1 | {eventType: "o", eventId: "o\(.position)", data: .position}'
		echo >>runs
	END
	consume 4 g --type a --batch 9 --emit -- sh work
	is "$(evs cat a.evs --type o | jq -c .data | paste -sd' ')" '"other" 1 2 3 5 6 7 8 9'
	is "$(evs dlq a.evs | jq -c '[.position,.attempts,.reason]')" "[5,1,\"line 1: eventId 'o4' is in the store at position 1 with other content; nothing was appended\"]"
	is "$(of g '[.handled,.emitted,.dead,.position,.lag]')" '[8,8,1,10,0]'
	# All nine, then halves until one is alone.
	[ "$(wc -l <runs)" -le 9 ] || fail "it was run $(wc -l <runs) times"
}

@test "--emit hands on an eventId and a correlationId that have a NUL in them" {
	printf '%s\n' '{"eventType":"t","eventId":"a\u0000b"}' '{"eventType":"t","eventId":"c","correlationId":"d\u0000e"}' | quiet evs append a.evs
	consume 0 g --type t --emit -- echo '{"eventType":"o"}'
	is "$(evs cat a.evs --type o | jq -c '[.causationId,.correlationId]' | paste -sd' ')" '["a\u0000b","a\u0000b"] ["c","d\u0000e"]'
}

@test "--emit appends what the command prints, with the cause, in the transaction that moves the group" {
	orders 2
	echo '{"eventType":"order.placed","eventId":"e3","correlationId":"c3"}' | evs append a.evs
	consume 0 g --type 'order.*' --emit -- sh -c 'echo "{\"eventType\":\"invoice.made\",\"data\":$EVS_POSITION}"'
	out_is ''
	is "$(evs cat a.evs --type invoice.made --fields .data,.correlationId,.causationId | paste -sd' ')" \
		'{"data":1,"correlationId":"e1","causationId":"e1"} {"data":2,"correlationId":"e2","causationId":"e2"} {"data":3,"correlationId":"c3","causationId":"e3"}'
	is "$(of g '[.handled,.emitted]')" '[3,3]'
	# What is no event, and what is in the store with other content, is a failure of that event alone.
	consume 4 h --type 'order.*' --emit --max-retries 0 -- sh -c \
		'case $EVS_POSITION in 1) echo "no event";; 2) echo "{\"eventType\":\"other\",\"eventId\":\"e1\"}";; *) echo "{\"eventType\":\"fine\"}";; esac'
	err_has 'the event at position 1: line 1 of what it printed is no event'
	err_has "eventId 'e1' is in the store at position 1 with other content"
	is "$(evs cat a.evs --type fine | wc -l)" 1
	is "$(of h '[.handled,.dead,.emitted]')" '[1,2,1]'
}

@test "--concurrency: streams at a time, each in order" {
	orders 30
	consume 0 g --concurrency 3 -- sh -c 'echo "b $EVS_STREAM $EVS_POSITION" >>log; sleep 0.05; echo "e $EVS_STREAM $EVS_POSITION" >>log'
	is "$(wc -l <log)" 60
	awk '$1 == "b" { if (open[$2] || $3 < last[$2]) exit 1; open[$2] = 1; last[$2] = $3; if (++n > most) most = n }
	     $1 == "e" { open[$2] = 0; n-- } END { if (most < 2 || most > 3) exit 1 }' log || fail "$(cat log)"
}

@test "--follow goes on with what comes, sleeps meanwhile, and ends with a signal" {
	orders 1
	interruptible timeout -s KILL 60 "$EVS_BIN/evs" consume a.evs g --follow -- sh -c 'echo $EVS_POSITION >>log' &
	local pid=$!
	wait_for lines_in log 1
	orders 3
	wait_for lines_in log 3
	wait_for sh -c "[ \"\$('$EVS_BIN/evs' group a.evs show g | jq .handled)\" = 3 ]"
	kill -TERM "$(pgrep -P "$pid" -f consume || echo "$pid")"
	wait "$pid" || true
	is "$(of g '[.members,.lag]')" '[0,0]'
}

@test "members share the events; when one is killed the others go on with its own" {
	orders 60
	local i pids=()
	for i in 1 2 3; do
		"$EVS_BIN/evs" consume a.evs g -- sh -c 'echo "$PPID $EVS_POSITION" >>log; sleep 0.05' 3>&- &
		pids+=($!)
	done
	wait_for lines_in log 10
	kill -KILL "${pids[0]}"
	wait "${pids[1]}" "${pids[2]}"
	is "$(cut -d' ' -f2 log | sort -nu | wc -l)" 60
	is "$(of g '[.position,.lag,.waiting]')" '[60,0,0]'
	# Only what the killed one had not committed came twice.
	[ "$(wc -l <log)" -le 75 ] || fail "$(wc -l <log) deliveries of 60"
}

@test "members that wait for their handlers beside others sleep" {
	orders 4
	local i pids=() ticks
	for i in 1 2; do
		"$EVS_BIN/evs" consume a.evs g -- sh -c 'echo >>log; sleep 1.5' 3>&- &
		pids+=($!)
	done
	wait_for lines_in log 2
	sleep 1
	ticks=$(cat "/proc/${pids[0]}/stat" "/proc/${pids[1]}/stat" | awk '{ n += $14 + $15 } END { print n }')
	wait "${pids[@]}"
	[ "$ticks" -lt 60 ] || fail "they used $ticks ticks in a second"
}

@test "a member that is killed takes its handler along, before another has the event" {
	orders 1
	"$EVS_BIN/evs" consume a.evs g -- sh -c 'echo $$ >>began; exec sleep 30' 3>&- &
	local pid=$!
	wait_for lines_in began 1
	kill -KILL "$pid"
	ended "$(head -1 began)" || fail "the handler lives on"
	consume 0 g -- true
	is "$(of g .handled)" 1
}

@test "other selectors than those of a member at work are refused" {
	orders 1
	"$EVS_BIN/evs" consume a.evs g --follow -- sh -c 'echo >>log' 3>&- &
	local pid=$!
	wait_for lines_in log 1
	consume 1 g --type other -- true
	err_has "group 'g' has a member with other selectors"
	kill -TERM "$pid"
	wait "$pid" || true
	consume 0 g --type other -- true
}

@test "group: list, show, reset and drop" {
	orders 5
	consume 0 g --limit 3
	consume 0 h -- true
	ran 0 evs group a.evs
	is "$(jq -c '[.group,.position,.lag]' <<<"$output" | paste -sd' ')" '["g",3,2] ["h",5,0]'
	is "$(evs group a.evs list --format csv | head -1)" 'group,status,position,lag,lagSeconds,members,handled,retried,waiting,deadLetters'
	# Columns fit all rows, and numbers are on the right, also in the last column.
	consume 0 longer-than-the-others --limit 1
	ran 0 evs group a.evs list --format table
	is "$(cut -c1-40 <<<"$output")" 'group                   status  position
g                       idle           3
h                       done           5
longer-than-the-others  idle           1'
	is "$(sed 's/.*  //' <<<"$output" | paste -sd,)" 'deadLetters,0,0,0'
	is "$(awk '{ print length }' <<<"$output" | sort -u | wc -l)" 1
	quiet evs group a.evs drop longer-than-the-others
	is "$(of h .setup)" '{"command":["true"],"mode":"event"}'
	ran 0 evs group a.evs reset g --to 1 --dry-run
	out_is '{"group":"g","from":3,"to":1,"dryRun":true}'
	is "$(of g .position)" 3
	ran 0 evs group a.evs reset g --to start
	consume 0 g
	is "$(wc -l <<<"$output")" 5
	ran 0 evs group a.evs reset h --to end
	is "$(of h .position)" 5
	ran 0 evs group a.evs reset h --to 2026-01-01
	is "$(of h .position)" 0
	# At a time: the first event that was recorded then or later.
	ran 0 evs group a.evs reset h --to "$(evs cat a.evs --from 3 --limit 1 | jq -r .recordedAt)"
	is "$(evs consume a.evs h | jq .data | head -1)" "$(evs cat a.evs | jq -s '. as $all | map(select(.recordedAt >= $all[2].recordedAt))[0].data')"
	ran 0 evs group a.evs reset h --to "$(date -d tomorrow +%F)"
	is "$(of h .position)" 5
	ran 2 evs group a.evs reset g --to nowhere
	ran 0 evs verify a.evs
	ran 2 evs group a.evs reset g
	ran 1 evs group a.evs show none
	err_has "there is no group 'none'"
	# A position that is not there yet would have events passed over.
	for dry in '' --dry-run; do
		ran 2 evs group a.evs reset h --to 6 $dry
		err_is 'evs-group: there is no position 6: the newest event is at position 5; nothing was changed'
		ran 2 evs group a.evs reset new --to 6 $dry
	done
	ran 1 evs group a.evs show new
	ran 0 evs group a.evs reset h --to 5
	# One that is not there is made, so a new one can begin anywhere.
	ran 0 evs group a.evs reset late --to end --dry-run
	out_is '{"group":"late","from":null,"to":5,"dryRun":true}'
	ran 1 evs group a.evs show late
	ran 0 evs group a.evs reset late --to end
	out_is '{"group":"late","from":null,"to":5}'
	ran 0 evs group a.evs reset late --to 4
	out_is '{"group":"late","from":5,"to":4}'
	consume 0 late --type 'order.*'
	is "$(jq .data <<<"$output")" 5
	is "$(of late '[.handled,.deadLetters]')" '[1,0]'
	quiet evs group a.evs drop late
	quiet evs group a.evs drop g
	ran 1 evs group a.evs drop g
	is "$(evs group a.evs | jq -r .group)" h
}

@test "what is no UTF-8 in selectors and commands shows as U+FFFD" {
	orders 1
	consume 0 g --source $'a\xff' -- true $'b\xc3'
	ran 0 evs group a.evs show g
	out_has $'"selectors":{"source":"a\ufffd"},"setup":{"command":["true","b\ufffd"],"mode":"event"}}'
	# A command is kept, and run again, as it was given.
	consume 4 h --max-retries 0 -- sh -c 'printf %s "$0" >>got; exit 65' $'b\xff'
	ran 4 evs dlq a.evs retry 1
	cmp got <(printf 'b\xffb\xff')
	ran 0 evs dlq a.evs log
	out_has $'exit 65","b\ufffd"]'
}

@test "group: the position does not pass what is not done with, and lag is how much that is" {
	orders 6
	consume 1 g --on-failure stop --max-retries 1 --initial-delay 10ms -- sh -c 'test $EVS_POSITION != 3'
	# 3 and 6 are of one stream.
	is "$(of g '[.status,.position,.lag,.waiting,.oldestUnfinished,.stuckAt]')" '["stuck",2,2,2,3,3]'
	is "$(evs group a.evs | jq -c '[.position,.lag]')" '[2,2]'
	is "$(evs metrics a.evs | grep -E '^evs_group_(position|lag_events)' | sed 's/.* //' | paste -sd' ')" '2 2'
	ran 0 evs group a.evs reset g --to 6 --dry-run
	out_is '{"group":"g","from":2,"to":6,"dryRun":true}'
	orders 7
	is "$(of g '[.position,.lag]')" '[2,3]'
	consume 0 g -- true
	is "$(of g '[.status,.position,.lag,.oldestUnfinished]')" '["done",7,0,null]'
	ran 0 evs group a.evs reset g --to 4
	out_is '{"group":"g","from":7,"to":4}'
	# What is parked or dead is done with.
	consume 4 d --max-retries 0 --limit 3 -- test -e nothing
	is "$(of d '[.position,.lag]')" '[3,4]'
	consume 4 p --max-retries 0 --on-failure park -- test -e nothing
	is "$(of p '[.position,.lag]')" '[7,0]'
}

@test "group: lag counts what the selectors take, and nothing where that is all done with" {
	orders 9
	consume 0 g --type none --type 'order.*' --aggregate-type Order --stream s1 --limit 1
	is "$(of g '[.status,.position,.lag,.oldestUnfinished]')" '["idle",1,2,4]'
	consume 0 g --type none --type 'order.*' --aggregate-type Order --stream s1
	echo '{"eventType":"other"}' | evs append a.evs
	is "$(of g '[.status,.position,.lag,.lagSeconds,.oldestUnfinished]')" '["done",9,0,0,null]'
	consume 0 h --where '.data >= 3' --shard 1/1 --to 5 --limit 1
	is "$(of h '[.position,.lag,.oldestUnfinished]')" '[3,2,4]'
	# From an event on of which the selectors make no sense.
	consume 0 w --where '.data - 1 < 5'
	echo '{"eventType":"other","data":"text"}' | evs append a.evs
	ran 0 evs group a.evs reset w --to 2
	is "$(of w '[.position,.lag,.oldestUnfinished]')" '[2,5,3]'
}

@test "a group that is consumed is not reset" {
	orders 1
	"$EVS_BIN/evs" consume a.evs g --follow -- sh -c 'echo >>log' 3>&- &
	local pid=$!
	wait_for lines_in log 1
	ran 1 evs group a.evs reset g --to start
	err_has "is consumed by process $pid"
	kill -TERM "$pid"
	wait "$pid" || true
}

@test "what makes no sense is refused" {
	orders 1
	consume 2 g --last 3
	consume 2 g --lines
	consume 2 g --lines --batch 3 -- true
	consume 2 g --batch 3 --concurrency 2 -- true
	consume 2 g --backoff 0.5 -- true
	consume 2 ''
	consume 1 g -- ./no-such-command
	err_has "cannot run './no-such-command'"
	is "$(evs group a.evs | jq -r 'select(.group == "nobody")')" ''
	ran 1 timeout 10 evs consume a.evs nobody --follow --type none -- no-such-command
	err_is "evs-consume: cannot run 'no-such-command': No such file or directory; nothing was consumed"
	touch plain
	ran 1 evs consume a.evs nobody -- ./plain
	err_is "evs-consume: cannot run './plain': Permission denied; nothing was consumed"
	ran 1 evs consume a.evs nobody -- .//
	err_is "evs-consume: cannot run './/': Is a directory; nothing was consumed"
	ran 2 evs consume a.evs nobody --where 'x y'
	ran 2 evs consume a.evs nobody --where '.a ==' -- cat
	is "$(evs group a.evs | jq -r 'select(.group == "nobody")')" ''
	ran 2 evs consume a.evs -- cat
	err_has "GROUP is missing before '--'"
	ran 1 evs consume none.evs g
	err_has 'no such store'
}

@test "a sparse selector does not hold the position back" {
	orders 100
	consume 0 g --type none
	is "$(of g '[.position,.lag]')" '[100,0]'
}

@test "what cannot be appended is given up as --on-failure says" {
	for i in 1 2 3; do echo "{\"eventType\":\"t\",\"aggregateId\":\"A\",\"aggregateType\":\"A\",\"data\":$i}"; done | evs append a.evs
	# 2 and 3 emit other events under one id than 1 did.
	emit='{"eventType":"o","eventId":"same","data":'
	consume 4 p --type t --emit --on-failure park -- sh -c "echo '$emit'\$EVS_POSITION}"
	is "$(evs dlq a.evs list | jq -c '[.position,.parked]' | paste -sd' ')" '[2,true] [3,true]'
	consume 1 s --type t --emit --on-failure stop -- sh -c "echo '$emit'\$EVS_POSITION}"
	err_has 'the event at position 2 could not be handled'
	is "$(of s '[.status,.stuckAt]')" '["stuck",2]'
}

@test "handlers whose output nobody reads any longer: it ends, and no event is to blame" {
	events 12 a | quiet evs append a.evs
	for mode in '' '--batch 2' '--concurrency 2'; do
		group=g${mode//[ -]/}
		evs consume a.evs "$group" $mode --max-retries 5 --initial-delay 5s -- sh -c 'echo $EVS_POSITION; sleep 0.05' | head -1 >out
		is "${PIPESTATUS[*]}" '0 0'
		[[ $(cat out) == 1 || ($(cat out) == 2 && $mode == *concurrency*) ]] || fail "it printed '$(cat out)'"
		is "$(evs group a.evs show "$group" | jq -c '[.deadLetters,.retried,.waiting]')" '[0,0,0]'
		consume 0 "$group" -- sh -c 'echo $EVS_POSITION'
		out_has 12
	done
	# Where the output is read, a handler that is ended by such a signal has failed.
	consume 4 h --limit 1 --max-retries 0 -- sh -c 'kill -PIPE $$'
}

@test "a follower ends at --to" {
	events 5 a | quiet evs append a.evs
	consume 0 g --follow --to 3 -- sh -c 'echo $EVS_POSITION'
	out_is $'1\n2\n3'
	timeout 20 "$EVS_BIN/evs" consume a.evs g --follow --to 7 -- sh -c 'echo $EVS_POSITION' >out 3>&- &
	waiting=$!
	sleep 0.2
	events 5 b | quiet evs append a.evs
	ends 0 $waiting
	is "$(paste -sd' ' out)" '4 5 6 7'
}
