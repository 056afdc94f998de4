# evs cat: what comes out. Selectors, formats and --follow have files of their own.
load helper

@test "cat prints own fields in their order, then what was filled, then the store's" {
	echo '{"own":1,"timestamp":"2026-05-14T10:30:00+02:00","eventType":"a","data":{"z":1,"a":2},"aggregateId":"s","eventId":"1"}' >in
	echo '{"eventType":"b","aggregateId":"s"}' >>in
	quiet evs append a.evs in
	ran 0 evs cat a.evs
	err_is ''
	first=$(head -n 1 <<<"$output")
	recorded=$(jq -r .recordedAt <<<"$first")
	is "$first" '{"own":1,"timestamp":"2026-05-14T10:30:00+02:00","eventType":"a","data":{"z":1,"a":2},"aggregateId":"s","eventId":"1","position":1,"revision":1,"recordedAt":"'"$recorded"'"}'
	[[ $recorded =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$ ]] || fail "recordedAt is $recorded"
	is "$(tail -n 1 <<<"$output" | jq -r 'keys_unsorted|join(" ")')" "eventType aggregateId eventId timestamp position revision recordedAt"
}

@test "cat prints an event that is in no stream without a revision" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	ran 0 evs cat a.evs
	is "$(jq 'has("revision")' <<<"$output")" false
}

@test "cat prints the same bytes each time, sealed or not" {
	events 3 a s >three
	quiet evs append a.evs three
	evs cat a.evs >before
	events 40000 b >many
	quiet evs append a.evs many
	[ "$(evs stat a.evs | jq .tailEvents)" -lt 30000 ]
	evs cat a.evs --to 3 >after
	cmp before after
	evs cat a.evs --type a >after
	cmp before after
	evs cat a.evs >all
	is "$(wc -l <all)" 40003
	evs cat a.evs | cmp - all
}

@test "cat of an empty store prints nothing" {
	quiet evs append a.evs </dev/null
	quiet evs cat a.evs
	quiet evs cat a.evs --reverse --last 3
	shows '{"caughtUp":0}' a.evs --marker
}

@test "cat reads up to the newest event there is when it begins" {
	events 10 >in
	quiet evs append a.evs in
	is "$(evs cat a.evs | evs append a.evs --map 'eventType=.eventType' 2>&1)" ''
	is "$(count a.evs)" 20
}

@test "cat ends quietly when nobody reads on" {
	events 100000 >in
	quiet evs append a.evs in
	try bash -c 'evs cat a.evs | head -n 2; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 0 ]
	err_is ''
	is "$(jq -r .position <<<"$output" | paste -sd' ')" "1 2"
	try bash -c 'evs cat a.evs --format table | head -n 1; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 0 ]
	err_is ''
}

@test "cat --fields prints these fields alone, each where it stands" {
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"1","data":{"x":{"y":1.50,"z":[1,{"w":null}]},"v":2},"own":"o"}'
	shows '{"eventType":"a","position":1}' a.evs --fields .eventType,.position
	shows '{"position":1,"eventType":"a"}' a.evs --fields .position,.eventType
	shows '{"data":{"x":{"y":1.50}}}' a.evs --fields .data.x.y
	shows '{"data":{"x":{"z":[{"w":null}]},"v":2},"own":"o"}' a.evs --fields '.data.x.z[1].w,.data.v,.own'
	shows '{"data":{"x":{"z":[{"w":null}]}}}' a.evs --fields '.data.x.z[-1]'
	shows '{}' a.evs --fields .gone
	shows '{"eventId":"1"}' a.evs --fields '.gone,.eventId,.data.gone.x'
	shows '{"data":{"v":2}}' a.evs --fields '.["data"]["v"]'
	shows $'{\n  "eventType": "a",\n  "data": {\n    "v": 2\n  }\n}' a.evs --fields .eventType,.data.v --format pretty
	ran 2 evs cat a.evs --fields eventType
	err_has "no field at 'eventType'"
	ran 2 evs cat a.evs --fields ''
	ran 2 evs cat a.evs --fields .a --format msgpack
	err_has "--fields goes with --format json, pretty or table"
}

@test "cat --marker says how far all is read" {
	events 5 >in
	quiet evs append a.evs in
	shows $'{"position":5}\n{"caughtUp":5}' a.evs --fields .position --last 1 --marker
	shows '{"caughtUp":5}' a.evs --type none --marker
	shows $'{"position":2}\n{"caughtUp":2}' a.evs --fields .position --from 2 --to 2 --marker
	# A limit that is reached before the end, at it, and not at all.
	shows $'{"position":1}\n{"position":2}' a.evs --fields .position --limit 2 --marker
	shows $'{"position":5}\n{"caughtUp":5}' a.evs --fields .position --after 4 --limit 1 --marker
	shows $'{"position":2}\n{"caughtUp":2}' a.evs --fields .position --from 2 --to 2 --limit 1 --marker
	shows $'{"position":5}\n{"caughtUp":5}' a.evs --fields .position --after 4 --limit 9 --marker
	shows $'{"position":5}\n{"position":4}' a.evs --fields .position --reverse --limit 2 --marker
	ran 2 evs cat a.evs --marker --format table
	ran 2 evs cat a.evs --marker --format msgpack
	err_has "--marker prints JSON"
}

@test "cat --progress shows how far it is when its output is slow, --no-progress never" {
	events 60000 >in
	quiet evs append a.evs in
	# A reader that stops for longer than it takes until progress shows.
	mkfifo pipe
	"$EVS_BIN/evs" cat a.evs --progress >pipe 2>err 3>&- &
	exec 5<pipe
	head -c 20000 <&5 >/dev/null
	sleep 1.2
	cat <&5 >/dev/null
	exec 5<&-
	wait
	[[ $(head -n 1 err) == "evs-cat: "*"/s)"* ]] || fail "no progress: $(cat err)"
	cat >slow <<-'END'
		mkfifo p; "$@" >p & exec 5<p; sleep 0.7; head -c 200000 <&5 >/dev/null; sleep 0.7; cat <&5 >/dev/null; wait
	END
	rm -f p
	ran 0 on_terminal bash slow evs cat a.evs
	out_has "evs-cat: "
	rm -f p
	ran 0 on_terminal bash slow evs cat a.evs --no-progress
	out_is ''
}

@test "cat stops at a signal with its status" {
	events 200000 >in
	quiet evs append a.evs in
	for signal in INT:130 TERM:143; do
		rm -f pipe
		mkfifo pipe
		interruptible evs cat a.evs >pipe 2>err 3>&- &
		pid=$!
		exec 5<pipe
		head -c 1000 <&5 >/dev/null
		kill -"${signal%:*}" $pid
		ends "${signal#*:}" $pid
		exec 5<&-
		is "$(cat err)" ''
	done
}

@test "cat copies a store: the same bytes but for recordedAt" {
	{
		events 30000 a s1
		events 500 b
		echo '{"eventType":"c","tags":["x","y"],"metadata":{"u":[1,2.50]},"data":"\u0000é","version":2,"zz":null}'
	} >in
	quiet evs append a.evs in
	evs cat a.evs | evs append b.evs
	diff <(evs cat a.evs | sed 's/,"recordedAt":"[^"]*"}$//') <(evs cat b.evs | sed 's/,"recordedAt":"[^"]*"}$//')
	is "$(count b.evs)" 30501
	# And once more adds nothing.
	evs cat a.evs | evs append b.evs
	is "$(count b.evs)" 30501
}

@test "recordedAt never goes back, and a transaction has one" {
	for i in 1 2 3 4 5; do
		events 20 "t$i" | evs append a.evs
	done
	evs cat a.evs | jq -r .recordedAt >times
	sort -c times
	is "$(sort -u times | wc -l)" 5
}

@test "positions and revisions from 0: --to 0 takes nothing, --from 0 all" {
	events 3 a | quiet evs append a.evs
	shows '' a.evs --to 0
	shows '' a.evs --to 0 --follow
	shows '' a.evs --to 0 --marker
	is "$(evs cat a.evs --from 0 | wc -l)" 3
}

@test "a follower as of a moment that has passed ends, for what comes is recorded later" {
	events 3 a | quiet evs append a.evs
	is "$(timeout 20 "$EVS_BIN/evs" cat a.evs --follow --as-of "$(evs cat a.evs -n 1 | jq -r .recordedAt)" | wc -l)" 3
	ran 124 timeout 0.3 "$EVS_BIN/evs" cat a.evs --follow --as-of 2999-01-01
}

@test "of several members of one name --fields takes the last, as --where does" {
	echo '{"eventType":"a","data":{"n":1,"n":2,"o":{"x":1},"o":{"x":2}}}' | quiet evs append a.evs
	shows '{"data":{"n":2,"o":{"x":2}}}' a.evs --where '.data.n == 2 && .data.o.x == 2' --fields .data.n,.data.o.x
	is "$(evs cat a.evs --format table --fields .data.n,.data.o.x | tail -n 1 | tr -s ' ')" ' 2 2'
}
