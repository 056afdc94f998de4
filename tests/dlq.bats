# dlq: dead letters looked at, mended, tried again and dropped, with everything on record.
load helper

# orders N: events 1..N of streams s0, s1 in turn, in a.evs.
orders() {
	local i
	for ((i = 1; i <= $1; i++)); do
		echo "{\"eventType\":\"order.placed\",\"eventId\":\"e$i\",\"aggregateId\":\"s$((i % 2))\",\"aggregateType\":\"Order\",\"data\":$i}"
	done | evs append a.evs
}

# ids [FILTER...]: the numbers of the dead letters that list shows.
ids() {
	evs dlq a.evs list "$@" | jq -r .id | paste -sd,
}

# Two bad lines, an event that group mail gave up, and one of projection p.
mixed() {
	orders 4
	printf '{"eventType":"x","data":1}\nbroken \377 line\n{"kind":"y"}\n' | ran 4 evs append a.evs --on-error dlq
	consume 4 mail --type 'order.*' --max-retries 1 --initial-delay 10ms -- sh -c 'echo "try $EVS_ATTEMPT" >&2; [ $EVS_POSITION != 3 ] || exit 7'
	echo 'on "order.placed" { if .data == 2 { fail "no twos" }; n += 1 }' >p.fold
	ran 4 evs project a.evs run p --fold p.fold --on-failure dlq
}

@test "list shows what there is, in short; filters select" {
	mixed
	ran 0 evs dlq a.evs
	is "$(jq -c '[.id,.kind,.line,.group,.projection,.position,.eventType,.aggregateId,.attempts]' <<<"$output")" \
		'[1,"line",2,null,null,null,null,null,null]
[2,"line",3,null,null,null,null,null,null]
[3,"event",null,"mail",null,3,"order.placed","s1",2]
[4,"fold",null,null,"p",2,"order.placed","s0",null]'
	is "$(ids)" 1,2,3,4
	is "$(ids --group mail)" 3
	is "$(ids --group other)" ''
	is "$(ids --projection p)" 4
	is "$(ids --kind line)" 1,2
	is "$(ids --kind fold)" 4
	is "$(ids --type 'order.*')" 3,4
	is "$(ids --type 'order.*' --kind event)" 3
	is "$(ids --error eventType)" 2
	# What the handler said last, and not what it said before.
	is "$(ids --error 'try 2')" 3
	is "$(ids --error 'try 1')" ''
	is "$(evs dlq a.evs list | jq -c '[.id,.stderr]' | paste -sd' ')" '[1,null] [2,null] [3,"try 2"] [4,null]'
	is "$(ids --since -1h)" 1,2,3,4
	is "$(ids --since 2999-01-01)" ''
	is "$(ids --until -1h)" ''
	is "$(ids --until 2999-01-01)" 1,2,3,4
	is "$(evs dlq a.evs list --format csv | head -1)" 'id,kind,group,projection,line,position,eventType,aggregateId,attempts,parked,recordedAt,reason,stderr'
	evs dlq a.evs list --format table | head -1 | grep -q '^id  kind'
}

@test "show says all about one: the event, every try, its end and standard error; or the line" {
	mixed
	ran 0 evs dlq a.evs show 3
	is "$(jq -c '[.exitStatus,.event.data,.event.position,[.tries[]|[.exitStatus,.reason,.stderr]]]' <<<"$output")" \
		'[7,3,3,[[7,"exit status 7","try 1\n"],[7,"exit status 7","try 2\n"]]]'
	is "$(jq -r '[.firstFailedAt,.lastFailedAt] | .[0] < .[1]' <<<"$output")" true
	is "$(jq -r .firstFailedAt <<<"$output")" "$(jq -r '.tries[0].at' <<<"$output")"
	ran 0 evs dlq a.evs show 1
	is "$(jq -r .base64 <<<"$output" | base64 -d | od -c)" "$(printf 'broken \377 line' | od -c)"
	ran 0 evs dlq a.evs show 2
	is "$(jq -r .text <<<"$output")" '{"kind":"y"}'
	# Byte for byte.
	evs dlq a.evs show 1 --raw >raw
	printf 'broken \377 line\n' | cmp - raw
	is "$(evs dlq a.evs show 3 --raw)" "$(evs cat a.evs --from 3 --to 3)"
	ran 1 evs dlq a.evs show 9
	err_is "evs-dlq: a.evs: there is no dead letter 9; evs dlq a.evs lists those there are"
	ran 2 evs dlq a.evs show x
	err_has "is a number, as evs dlq a.evs list shows it, not 'x'"
}

@test "export gives all of them, whole or raw" {
	mixed
	is "$(evs dlq a.evs export | jq -c '[.id,has("event"),has("tries")]' | paste -sd' ')" '[1,false,false] [2,false,false] [3,true,true] [4,true,false]'
	is "$(evs dlq a.evs export --kind line --raw | od -c)" "$(printf 'broken \377 line\n{"kind":"y"}\n' | od -c)"
	is "$(evs dlq a.evs export --group mail | jq .event.data)" 3
}

@test "retry gives an event to the command of its group, as it was run" {
	orders 3
	consume 4 g --max-retries 0 -- sh -c '[ -e mended ] && cat >>got; [ -e mended ]'
	is "$(ids)" 1,2,3
	ran 4 evs dlq a.evs retry 2
	err_has 'dead letter 2, the event at position 2 for '"'g'"': exit status 1; it stays'
	is "$(evs dlq a.evs show 2 | jq -c '[.attempts,(.tries|length)]')" '[2,2]'
	touch mended
	quiet evs dlq a.evs retry 2
	is "$(cat got)" "$(evs cat a.evs --from 2 --to 2)"
	is "$(ids)" 1,3
	quiet evs dlq a.evs retry --all
	is "$(jq -c .data got | paste -sd,)" 2,1,3
	is "$(ids)" ''
	is "$(evs stat a.evs | jq .deadLetters)" 0
	is "$(evs group a.evs show g | jq -c '[.handled,.dead,.deadLetters]')" '[3,3,0]'
	ran 1 evs dlq a.evs retry 2
	err_has 'there is no dead letter 2'
	quiet evs dlq a.evs retry --all
}

@test "retry can run another command, and knows the environment" {
	orders 2
	consume 4 g --max-retries 0 --timeout 5s -- false
	ran 0 evs dlq a.evs retry 1 -- sh -c 'echo "$EVS_GROUP $EVS_POSITION $EVS_ATTEMPT $EVS_EVENT_ID $EVS_STREAM"; cat'
	out_is "g 1 2 e1 s1
$(evs cat a.evs --to 1)"
	# The group is gone: nothing says how.
	evs group a.evs drop g
	ran 4 evs dlq a.evs retry 2
	err_has "nothing says how to handle it, group 'g' is gone or was never run; evs dlq a.evs retry 2 -- COMMAND does"
	quiet evs dlq a.evs retry 2 -- true
	is "$(ids)" ''
	# A command that is not there is no failure of the event.
	orders 1
	consume 4 h --max-retries 0 -- false
	ran 1 evs dlq a.evs retry --all -- ./missing
	err_has "cannot run './missing': No such file or directory"
	is "$(evs dlq a.evs list | jq .attempts | sort -u)" 1
}

@test "retry of all that match" {
	mixed
	ran 2 evs dlq a.evs retry
	err_has 'retry needs the IDs of dead letters, or --all'
	ran 2 evs dlq a.evs retry --group mail
	err_has 'add --all'
	ran 2 evs dlq a.evs retry 3 --all
	err_has 'exclude each other'
	quiet evs dlq a.evs retry --all --group mail -- true
	is "$(ids)" 1,2,4
	# What cannot succeed stays, and is said to.
	ran 4 evs dlq a.evs retry --all -- true
	err_has 'dead letter 1, line 2 of its input: column 1: no JSON'
	err_has 'its fold was mended'
	is "$(ids)" 1,2,4
}

@test "a batch, lines and what is printed are tried as the group does" {
	orders 6
	consume 4 batch --batch 3 --max-retries 0 -- sh -c 'echo "$EVS_BATCH" >>sizes; [ -e mended ]'
	consume 4 lines --lines --max-retries 0 -- sh -c 'while read -r l; do if [ -e mended ]; then echo ok; else echo dead no luck; fi; done'
	touch mended
	rm sizes
	quiet evs dlq a.evs retry --all --group batch
	is "$(sort -u sizes)" 1
	is "$(ids --error 'no luck' | tr , '\n' | wc -l)" 6
	rm mended
	ran 4 evs dlq a.evs retry --all
	err_has 'no luck; it stays'
	touch mended
	quiet evs dlq a.evs retry --all
	is "$(ids)" ''
}

@test "what a handler emits on a retry is there once, with its cause" {
	orders 3
	consume 4 g --type 'order.*' --emit --max-retries 0 -- sh -c '[ -e mended ] || exit 1; echo "{\"eventType\":\"done\",\"data\":$EVS_POSITION}"'
	touch mended
	quiet evs dlq a.evs retry 2
	is "$(evs cat a.evs --type done | jq -c '[.data,.causationId,.correlationId]')" '[2,"e2","e2"]'
	# What cannot be appended keeps the letter.
	ran 4 evs dlq a.evs retry 1 -- sh -c 'echo no event'
	err_has 'no JSON'
	is "$(ids)" 1,3
	is "$(evs group a.evs show g | jq -c '[.handled,.emitted]')" '[1,1]'
}

@test "parked letters are tried in order, and then their stream goes on" {
	orders 7
	consume 4 g --on-failure park --max-retries 0 -- sh -c 'echo $EVS_POSITION >>log; [ -e mended ] || [ $EVS_POSITION != 2 ]'
	is "$(evs dlq a.evs list | jq -c '[.id,.position,.parked]' | paste -sd' ')" '[1,2,true] [2,4,true] [3,6,true]'
	# Not before the first.
	ran 4 evs dlq a.evs retry 2 -- true
	err_has 'dead letter 2 is parked behind 1, an earlier one of its stream'
	ran 4 evs dlq a.evs retry --all
	is "$(ids)" 1,2,3
	err_has 'parked before it'
	# One that the filter leaves out keeps the later ones too.
	ran 4 evs dlq a.evs retry --all --error behind -- true
	is "$(ids)" 1,2,3
	touch mended
	: >log
	quiet evs dlq a.evs retry --all
	is "$(paste -sd, log)" 2,4,6
	is "$(evs group a.evs show g | jq -c '[.parked,.deadLetters]')" '[0,0]'
	echo '{"eventType":"order.placed","aggregateId":"s0","aggregateType":"Order"}' | evs append a.evs
	consume 0 g -- sh -c 'echo $EVS_POSITION >>log'
	is "$(tail -1 log)" 8
}

@test "a bad line is appended again, read as it was to be" {
	printf '{"kind":"a","n":1}\n{"n":2}\n' | ran 4 evs append a.evs --map 'eventType=.kind' --tag t --on-error dlq
	is "$(evs dlq a.evs show 1 | jq -c .append)" '{"map":"eventType=.kind","tags":["t"]}'
	ran 4 evs dlq a.evs retry 1
	err_has 'eventType'
	EDITOR="sed -i s/{/{\\\"kind\\\":\\\"b\\\",/" quiet evs dlq a.evs edit 1
	is "$(evs cat a.evs | jq -c '[.eventType,.data,.tags]' | paste -sd' ')" '["a",{"kind":"a","n":1},["t"]] ["b",{"kind":"b","n":2},["t"]]'
	is "$(ids)" ''
}

@test "every way to read lines is kept with them" {
	printf '{"data":1}\n' | ran 4 evs append a.evs --on-error dlq
	is "$(evs dlq a.evs show 1 | jq -c .append)" null
	printf 'x\n' | ran 4 evs append a.evs --on-error dlq --type T --stream S --aggregate-type A --source O --correlation C --causation U --event-id hash
	is "$(evs dlq a.evs show 2 | jq -c .append)" \
		'{"type":"T","stream":"S","aggregateType":"A","source":"O","correlationId":"C","causationId":"U","hashIds":true}'
	EDITOR="sh -c 'echo \"{}\" >\"\$1\"' sh" quiet evs dlq a.evs edit 2
	is "$(evs cat a.evs | jq -c '[.eventType,.aggregateId,.aggregateType,.source,.correlationId,.causationId]')" '["T","S","A","O","C","U"]'
	printf '{"id":"1"}\n' | ran 4 evs append a.evs --on-error dlq --format cloudevents
	is "$(evs dlq a.evs show 3 | jq -c .append)" '{"cloudEvents":true}'
}

@test "edit: an event is mended for its handler; the stored one and what was before stay" {
	orders 2
	consume 4 g --max-retries 0 -- sh -c 'jq -e ".data > 10" >/dev/null'
	# Nothing changed, nothing done.
	EDITOR=true ran 0 evs dlq a.evs edit 1
	err_has 'nothing was changed'
	EDITOR=false ran 1 evs dlq a.evs edit 1
	err_has "the editor 'false' ended with exit status 1"
	EDITOR='sed -i s/order.placed//' ran 1 evs dlq a.evs edit 1
	err_has 'what was edited is no event, and nothing was changed'
	EDITOR='sed -i s/\"e1\"/\"e9\"/' ran 1 evs dlq a.evs edit 1
	err_has "the eventId is to stay 'e1'"
	VISUAL= EDITOR= ran 1 evs dlq a.evs edit 1 </dev/null
	err_is 'evs-dlq: there is no terminal to edit on; have VISUAL or EDITOR name an editor that needs none'
	is "$(evs dlq a.evs log | wc -l)" 0
	# Mended, and it fails again: the mended text is kept.
	EDITOR='sed -i s/\"data\":.1/\"data\":5/' ran 4 evs dlq a.evs edit 1
	is "$(evs dlq a.evs show 1 | jq -c '[.event.data,.mended.data]')" '[1,5]'
	VISUAL='sed -i s/\"data\":5/\"data\":11/' EDITOR=false quiet evs dlq a.evs edit 1
	is "$(ids)" 2
	is "$(evs cat a.evs --to 1 | jq .data)" 1
	is "$(evs dlq a.evs log 1 | jq -c '[.action,.done,(.before//""|tostring|test("\"data\":5")),(.after//""|test("\"data\":11"))]' | paste -sd' ')" \
		'["edit",true,false,false] ["retry",false,false,false] ["edit",true,true,true] ["retry",true,false,false]'
	ran 1 evs dlq a.evs edit 9
	# Another command for the retry.
	EDITOR='sed -i s/\"data\":.2/\"data\":7/' ran 0 evs dlq a.evs edit 2 -- jq .data
	out_is 7
}

@test "drop removes by number, with a reason, and what it was stays on record" {
	mixed
	quiet evs dlq a.evs drop 2 4 --reason 'sent twice'
	is "$(ids)" 1,3
	is "$(evs dlq a.evs log | jq -c '[.action,.id,.kind,.why,.before]' | paste -sd' ')" '["drop",2,"line","sent twice","{\"kind\":\"y\"}"] ["drop",4,"fold","sent twice",null]'
	is "$(evs dlq a.evs log | jq -r .who | sort -u)" "$(id -un)"
	ran 1 evs dlq a.evs drop 2 3
	err_has 'there is no dead letter 2'
	is "$(ids)" 1
	ran 2 evs dlq a.evs drop
	ran 2 evs dlq a.evs drop 1 --group mail
	err_has "option '--group' goes with list, retry and export, not with drop"
}

@test "the log says who did what when and why" {
	orders 1
	consume 4 g --max-retries 0 -- false
	ran 4 evs dlq a.evs retry 1 --reason 'see ticket 5'
	quiet evs dlq a.evs retry 1 -- true
	ran 0 evs dlq a.evs log
	is "$(jq -c '[.action,.done,.id,.group,.position,.command,.why,.reason]' <<<"$output")" '["retry",false,1,"g",1,["false"],"see ticket 5","exit status 1"]
["retry",true,1,"g",1,["true"],null,null]'
	is "$(evs dlq a.evs log 2)" ''
	jq -e '.at > "2026"' <<<"$output" >/dev/null
}

@test "two that retry at once do not both run a handler" {
	orders 20
	consume 4 g --max-retries 0 -- false
	for i in 1 2 3 4; do
		evs dlq a.evs retry --all -- sh -c 'echo $EVS_POSITION >>log; sleep 0.05' 2>err.$i &
	done
	wait
	evs dlq a.evs retry --all -- sh -c 'echo $EVS_POSITION >>log'
	is "$(sort -n log | paste -sd,)" "$(seq -s, 20)"
	grep -q 'the dead letters are being tried by another process' err.*
}

@test "kill -9 in the middle of a retry loses nothing" {
	orders 60
	consume 4 g --type 'order.*' --emit --max-retries 0 -- false
	local tries=0
	while [ -n "$(ids)" ]; do
		timeout -s KILL 0.2 "$EVS_BIN/evs" dlq a.evs retry --all -- sh -c 'echo "{\"eventType\":\"done\",\"data\":$EVS_POSITION}"' || true
		((++tries < 400)) || fail 'it does not come to an end'
	done
	is "$(evs cat a.evs --type done | jq .data | sort -n | paste -sd,)" "$(seq -s, 60)"
	ran 0 evs verify a.evs
}

@test "a hundred thousand characters of standard error, and a handler that hangs" {
	orders 1
	consume 4 g --max-retries 0 --timeout 300ms -- sh -c 'head -c 100000 /dev/zero | tr "\0" x >&2; sleep 100' 
	ran 4 evs dlq a.evs retry 1
	err_has 'no end within 300 ms'
	is "$(evs dlq a.evs show 1 | jq '.tries[1].stderr | length > 1000 and length < 5000')" true
}

@test "parked letters are in the order of their stream, whatever waited before" {
	local i
	for i in $(seq 60); do echo "{\"eventType\":\"t\",\"aggregateId\":\"s$((i % 10))\",\"aggregateType\":\"A\"}"; done | evs append a.evs
	# The first try of each stream fails; the second comes when all others wait behind it, some of them not yet stored.
	"$EVS_BIN/evs" consume a.evs g -f -j 20 --on-failure park --max-retries 1 --initial-delay 300ms -- sh -c 'sleep 0.05; exit 1' 2>err 3>&- &
	local member=$!
	for i in $(seq 60); do
		echo "{\"eventType\":\"t\",\"aggregateId\":\"s$((i % 10))\",\"aggregateType\":\"A\"}"
		sleep 0.02
	done | evs append a.evs
	all_parked() { [ "$(evs group a.evs show g | jq -c '[.lag,.waiting,.deadLetters]')" = '[0,0,120]' ]; }
	wait_for all_parked
	kill -TERM $member
	wait $member || true
	evs dlq a.evs list | jq -r '"\(.aggregateId) \(.position)"' >order
	[ "$(wc -l <order)" = 120 ]
	sort -s -k1,1 order >by_stream
	sort -k1,1 -k2,2n order | diff by_stream -
	quiet evs dlq a.evs retry --all -- sh -c 'echo "$EVS_STREAM $EVS_POSITION" >>handled'
	sort -s -k1,1 handled | diff by_stream -
	ran 0 evs verify a.evs
}

@test "a group made again has nothing to do with the letters of the one before it" {
	orders 2
	consume 4 g --stream s1 --on-failure park --max-retries 0 -- false
	evs group a.evs drop g
	consume 4 g --stream s1 --on-failure park --max-retries 0 -- false
	quiet evs dlq a.evs retry 1 -- true
	is "$(evs group a.evs show g | jq .parked)" 1
	echo '{"eventType":"order.placed","aggregateId":"s1","aggregateType":"Order"}' | evs append a.evs
	consume 4 g --stream s1 --on-failure park -- true
	is "$(evs dlq a.evs list | jq -c '[.id,.position]' | paste -sd' ')" '[2,1] [3,3]'
	ran 0 evs verify a.evs
}

@test "a line that is mended to nothing stays; one that is several lines is refused, and what was typed is kept" {
	echo '{"data":4}' | ran 4 evs append a.evs --on-error dlq
	EDITOR="sh -c 'printf \"  \n\" >\"\$1\"' sh" ran 1 evs dlq a.evs edit 1
	err_has 'it is empty'
	TMPDIR=$PWD EDITOR="sh -c 'printf \"{} {}\n{}\" >\"\$1\"' sh" ran 1 evs dlq a.evs edit 1
	err_has 'more than one line'
	is "$(cat evs-edit-*/event.json)" $'{} {}\n{}'
	is "$(ids)" 1
	is "$(evs cat a.evs)" ''
	# JSON on several lines is one.
	EDITOR="sh -c 'printf \"{\\\"eventType\\\":\n\\\"x\\\"}\" >\"\$1\"' sh" quiet evs dlq a.evs edit 1 --reason mended
	is "$(evs cat a.evs | jq -r .eventType)" x
	is "$(evs dlq a.evs log | jq -r .why | sort -u)" mended
}

@test "the editor's folder is gone afterwards, with all that the editor left" {
	orders 1
	consume 4 g --max-retries 0 -- false
	mkdir tmp
	TMPDIR=$PWD/tmp EDITOR='sed -i~ s/\"data\":.1/\"data\":5/' quiet evs dlq a.evs edit 1 -- true
	is "$(ls -A tmp)" ''
	ran 1 env TMPDIR=/nowhere EDITOR=true "$EVS_BIN/evs" dlq a.evs edit 9
}

@test "a letter that is dropped while its handler runs: the handler's success changes nothing" {
	orders 1
	consume 4 g --max-retries 0 -- false
	ran 4 evs dlq a.evs retry 1 -- sh -c "'$EVS_BIN/evs' dlq a.evs drop 1 --reason first"
	err_has 'dead letter 1 is no longer there: another process was quicker'
	is "$(evs dlq a.evs log | jq -c '[.action,.why]' | paste -sd' ')" '["drop","first"]'
	is "$(evs group a.evs show g | jq .handled)" 0
}

@test "of many tries the first and the newest are known" {
	echo '{"eventType":"t"}' | evs append a.evs
	consume 4 g --max-retries 24 --initial-delay 0s -- false
	is "$(evs dlq a.evs show 1 | jq -c '[.attempts,(.tries|length)]')" '[25,20]'
	ran 4 evs dlq a.evs retry 1
	is "$(evs dlq a.evs show 1 | jq -c '[.attempts,(.tries|length)]')" '[26,20]'
}

@test "a damaged letter stops no other, and can be dropped" {
	orders 3
	consume 4 g --max-retries 0 -- false
	/usr/bin/python3 - <<-'END'
		import re
		old = open("a.evs", "rb").read()
		new, n = re.subn(rb"(?s)(?<=\x02\x0dexit status 1)\x02", b"\x09", old)
		assert n > 0
		open("a.evs", "wb").write(new)
	END
	is "$(evs dlq a.evs list | jq -c '[.id,.kind]' | paste -sd' ')" '[1,"event"] [2,"damaged"] [3,"event"]'
	is "$(evs dlq a.evs show 2 | jq -r .reason)" 'its record is damaged'
	ran 4 evs dlq a.evs retry --all -- true
	err_has 'dead letter 2 is damaged, and can only be dropped'
	ran 1 evs dlq a.evs edit 2
	quiet evs dlq a.evs drop 2
	is "$(ids)" ''
	is "$(evs dlq a.evs log | jq -r .kind | tail -1)" damaged
}

@test "where no handler can be started nothing is done, and that is no success" {
	orders 1
	consume 4 g --max-retries 0 -- false
	ran 1 bash -c "ulimit -n 7; '$EVS_BIN/evs' dlq a.evs retry 1 -- true"
	is "$(ids)" 1
}

@test "a long retry says how far it is: on a terminal, or with --progress" {
	orders 30
	consume 4 g --max-retries 0 -- false
	ran 0 on_terminal evs dlq a.evs retry --all --no-progress -- sh -c 'sleep 0.05; echo handled $EVS_POSITION'
	[[ $output != *'/s)'* ]] || fail 'progress is shown'
	consume 4 h --max-retries 0 -- false
	ran 0 on_terminal evs dlq a.evs retry --all -- sh -c 'sleep 0.05; echo handled $EVS_POSITION'
	# A line of its own among what handlers print.
	grep -qE '^evs-dlq: [0-9]+ events \([0-9]+/s\).?$' <<<"$output" || fail 'no progress'
	is "$(grep -c '^handled' <<<"$output")" 30
	consume 4 i --max-retries 0 -- false
	ran 0 evs dlq a.evs retry --all --progress -- sleep 0.05
	err_has ' events ('
}

@test "of a damaged segment, letters whose events are whole are listed with them" {
	local far=c0ffee00-1234-4abc-8def-001122334455
	events 20000 a s | sed "10000s/\"n\":10000/\"n\":\"$far\"/" >in
	quiet evs append a.evs in
	[[ $(evs verify a.evs 2>&1) == *" 1 segment,"* ]] || fail "not one segment: $(evs verify a.evs 2>&1)"
	consume 4 g --limit 4 -- sh -c 'exit 65'
	# UUIDs lie in the file as they are: one of another frame.
	python3 - "$far" <<-'END'
		import sys
		bytes, uuid = bytearray(open("a.evs", "rb").read()), bytearray.fromhex(sys.argv[1].replace("-", ""))
		assert bytes.count(uuid) == 1
		bytes[bytes.index(uuid)] ^= 255
		open("a.evs", "wb").write(bytes)
	END
	ran 5 evs verify a.evs
	is "$(evs dlq a.evs list | jq -r .eventType | paste -sd,)" a,a,a,a
	is "$(evs dlq a.evs export --raw | jq -r .eventId | paste -sd,)" a-1,a-2,a-3,a-4
}

@test "retry --all goes on with others where a group's command cannot be run" {
	orders 1
	printf '#!/bin/sh\nexit 1\n' >gone
	chmod +x gone
	consume 4 a --max-retries 0 -- ./gone
	consume 4 b --max-retries 0 -- test -e mended
	rm gone
	touch mended
	ran 4 evs dlq a.evs retry --all
	err_is "evs-dlq: a.evs: dead letter 1, the event at position 1 for 'a': cannot run './gone': No such file or directory; it stays"
	is "$(ids)" 1
	ran 1 evs dlq a.evs retry 1 -- ./gone
	err_has "cannot run './gone'"
}

@test "letters of a parked stream that are named are tried in the order of the stream" {
	orders 9
	consume 4 g --on-failure park --max-retries 0 -- sh -c 'test $EVS_POSITION != 1'
	is "$(ids)" 1,2,3,4,5
	evs dlq a.evs retry 5 2 4 1 3 -- sh -c 'echo $EVS_POSITION >>log'
	is "$(paste -sd' ' log)" '1 3 5 7 9'
	is "$(ids)" ''
}
