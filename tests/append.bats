# evs append: what goes in, how, and what it says. Conditions, bad input and formats have files of their own.
load helper

@test "append makes a store, for its owner alone, and says nothing" {
	events 3 >in
	umask 022
	quiet evs append a.evs in
	is "$(stat -c %a a.evs)" 600
	is "$(count a.evs)" 3
	umask 0277
	quiet evs append b.evs in
	is "$(stat -c %a b.evs)" 400
}

@test "append --no-create wants a store that is there" {
	events 1 >in
	ran 1 evs append a.evs --no-create in
	out_is ''
	err_is "evs-append: a.evs: no such store"
	[ ! -e a.evs ] && [ ! -e a.evs-lock ]
	quiet evs append a.evs in
	events 1 b >in
	quiet evs append a.evs --no-create in
	is "$(count a.evs)" 2
}

@test "append reads files in order, and standard input where - stands" {
	events 1 a >one
	events 1 b >two
	events 1 c >three
	quiet evs append a.evs one - three <two
	shows $'{"eventId":"a-1"}\n{"eventId":"b-1"}\n{"eventId":"c-1"}' a.evs --fields .eventId
	quiet evs append b.evs <one
	is "$(count b.evs)" 1
	quiet evs append -- b.evs two
	is "$(count b.evs)" 2
}

@test "append looks at all files before it begins" {
	events 1 >one
	mkdir folder
	ran 1 evs append a.evs one missing
	out_is ''
	err_has "evs-append: cannot open 'missing': No such file or directory; nothing was appended"
	ran 1 evs append a.evs one folder
	err_has "evs-append: cannot open 'folder': Is a directory"
	[ ! -e a.evs ] || is "$(count a.evs)" 0
}

@test "append of nothing makes an empty store" {
	quiet evs append a.evs </dev/null
	is "$(count a.evs)" 0
	shows '' a.evs
	printf '\n  \n\r\n\t\n' | evs append a.evs
	is "$(count a.evs)" 0
}

@test "append options fill what an event lacks, behind its own fields" {
	echo '{"eventId":"1","timestamp":"2026-05-14T10:30:00Z"}' >bare
	echo '{"eventType":"own","eventId":"2","timestamp":"2026-05-14T10:30:00Z","aggregateId":"o","aggregateType":"O","source":"os","correlationId":"oc","causationId":"oa","tags":["ot"]}' >own
	quiet evs append a.evs --type T --stream S --aggregate-type A --source src --correlation co --causation ca --tag t1 --tag t2 bare own
	ran 0 evs cat a.evs
	is "$(jq -c 'del(.recordedAt)' <<<"$output")" '{"eventId":"1","timestamp":"2026-05-14T10:30:00Z","eventType":"T","aggregateId":"S","aggregateType":"A","source":"src","correlationId":"co","causationId":"ca","tags":["t1","t2"],"position":1,"revision":1}
{"eventType":"own","eventId":"2","timestamp":"2026-05-14T10:30:00Z","aggregateId":"o","aggregateType":"O","source":"os","correlationId":"oc","causationId":"oa","tags":["ot"],"position":2,"revision":1}'
}

@test "append -t and -s are --type and --stream" {
	echo '{}' >in
	quiet evs append a.evs -t T -sS in
	shows '{"eventType":"T","aggregateId":"S","revision":1}' a.evs --fields .eventType,.aggregateId,.revision
}

# Each option that fills, alone: option, field, value.
@test "append options each fill their own field" {
	echo '{"eventType":"t"}' >in
	while read -r option field; do
		rm -f a.evs a.evs-lock
		quiet evs append a.evs "$option" value in
		shows "{\"$field\":$([ "$field" = tags ] && echo '["value"]' || echo '"value"')}" a.evs --fields ".$field"
	done <<-END
		--stream aggregateId
		--aggregate-type aggregateType
		--source source
		--correlation correlationId
		--causation causationId
		--tag tags
	END
	echo '{}' >in
	ran 1 evs append b.evs in
	err_has "field 'eventType' is missing; every event needs one, or give --type"
}

@test "append fills eventId with a UUIDv7 and timestamp with now" {
	before=$(date +%s)
	quiet evs append a.evs <<<'{"eventType":"a"}'
	ran 0 evs cat a.evs
	[[ $(jq -r .eventId <<<"$output") =~ ^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]] || fail "no UUIDv7"
	[[ $(jq -r .timestamp <<<"$output") =~ ^20[0-9-]{8}T[0-9:]{8}\.[0-9]{6}Z$ ]] || fail "no time"
	at=$(date -d "$(jq -r .timestamp <<<"$output")" +%s)
	[ "$at" -ge "$before" ] && [ "$at" -le "$(date +%s)" ]
	is "$(jq -r 'keys_unsorted|join(" ")' <<<"$output")" "eventType eventId timestamp position recordedAt"
}

@test "append --receipts tells where each event stands" {
	echo '{"eventType":"a","eventId":"no stream"}' >in
	echo '{"eventType":"a","eventId":"q\"\u0001\u00e9","aggregateId":"s"}' >>in
	echo '{"eventType":"a","eventId":"3","aggregateId":"s"}' >>in
	ran 0 evs append a.evs --receipts in
	err_is ''
	out_is '{"eventId":"no stream","position":1,"stream":null,"revision":null,"duplicate":false}
{"eventId":"q\"\u0001é","position":2,"stream":"s","revision":1,"duplicate":false}
{"eventId":"3","position":3,"stream":"s","revision":2,"duplicate":false}'
	ran 0 evs append a.evs in --receipts
	out_is '{"eventId":"no stream","position":1,"stream":null,"revision":null,"duplicate":true}
{"eventId":"q\"\u0001é","position":2,"stream":"s","revision":1,"duplicate":true}
{"eventId":"3","position":3,"stream":"s","revision":2,"duplicate":true}'
	is "$(count a.evs)" 3
}

@test "append skips an event that is there, and refuses its eventId for another" {
	events 5 >in
	quiet evs append a.evs in
	quiet evs append a.evs in
	is "$(count a.evs)" 5
	echo '{"eventType":"a","eventId":"a-3","timestamp":"2026-05-14T10:30:00Z","data":{"n":33}}' >other
	ran 3 evs append a.evs other
	out_is ''
	err_has "evs-append: other: line 1: eventId 'a-3' is in the store at position 3 with other content"
	is "$(count a.evs)" 5
}

@test "append knows a duplicate within one input" {
	printf '%s\n' '{"eventType":"a","eventId":"1"}' '{"eventType":"b","eventId":"2"}' '{ "eventId" : "1" , "eventType":"\u0061"}' >in
	ran 3 evs append a.evs in # another order of fields is other content
	err_has "line 3: eventId '1'"
	is "$(count a.evs)" 2
	printf '%s\n' '{"eventType":"a","eventId":"1"}' '{"eventType":"b","eventId":"2"}' '{ "eventType":"\u0061", "eventId" : "1" }' >in
	ran 0 evs append b.evs --receipts in
	is "$(jq -c '[.position,.duplicate]' <<<"$output" | paste -sd' ')" '[1,false] [2,false] [1,true]'
	is "$(count b.evs)" 2
}

@test "append compares no timestamp where an event came without one" {
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"1","data":1}'
	quiet evs append a.evs <<<'{"eventType":"a","eventId":"1","data":1}'
	is "$(count a.evs)" 1
	ran 3 evs append a.evs <<<'{"eventType":"a","eventId":"1","data":1,"timestamp":"2026-05-14T10:30:00Z"}'
	ran 3 evs append a.evs <<<'{"eventType":"a","eventId":"1","data":2}'
	err_has "evs-append: a.evs: line 1: eventId '1'"
	is "$(count a.evs)" 1
}

@test "append finds a duplicate in the whole history, sealed or not" {
	events 40000 >in
	quiet evs append a.evs in
	[ "$(evs stat a.evs | jq .segments)" -ge 2 ]
	quiet evs append a.evs <(sed -n '17p;39999p' in)
	is "$(count a.evs)" 40000
	ran 3 evs append a.evs <<<'{"eventType":"b","eventId":"a-17"}'
	err_has "at position 17"
	quiet evs append a.evs in
	is "$(count a.evs)" 40000
}

@test "append --event-id hash makes the id from the content" {
	printf '%s\n' '{"eventType":"a","data":1}' '{"eventType":"a","data":2}' >in
	quiet evs append a.evs --event-id hash in
	quiet evs append a.evs --event-id hash in
	is "$(count a.evs)" 2
	[[ $(evs cat a.evs -n 1 | jq -r .eventId) =~ ^[0-9a-f-]{14}8[0-9a-f]{3}-[89ab] ]] || fail "no UUIDv8"
	quiet evs append a.evs --event-id uuid in
	is "$(count a.evs)" 4
	# What options fill in belongs to the content.
	quiet evs append a.evs --event-id hash --stream s in
	is "$(count a.evs)" 6
}

@test "append --atomic is all or nothing" {
	{ events 3; echo bad; } >in
	ran 1 evs append a.evs --atomic in
	err_has "evs-append: in: line 4: "
	err_has "nothing was appended"
	is "$(count a.evs)" 0
	ran 1 evs append a.evs in
	is "$(count a.evs)" 3
	events 2 b >good
	ran 1 evs append a.evs --atomic good in
	is "$(count a.evs)" 3
	quiet evs append a.evs --atomic good
	is "$(count a.evs)" 5
}

@test "append --atomic holds for input of many batches" {
	{ events 300000; echo bad; } >in
	ran 1 evs append a.evs --atomic in
	err_has "line 300001: "
	is "$(count a.evs)" 0
	quiet evs append a.evs --atomic <(head -n 300000 in)
	is "$(count a.evs)" 300000
}

@test "append commits when its input pauses" {
	mkfifo in
	"$EVS_BIN/evs" append a.evs --receipts <in >out 2>err 3>&- &
	pid=$!
	exec 5>in
	for i in 1 2 3; do
		echo "{\"eventType\":\"a\",\"eventId\":\"$i\"}" >&5
		wait_for lines_in out $i
		positions "$(seq -s' ' $i)" a.evs # though the input goes on
	done
	exec 5>&-
	ended $pid
	wait $pid
	is "$(count a.evs)" 3
}

@test "append waits for an input that does not wait itself, and says how much of one that fails is safe" {
	python3 - <<-'END'
	import fcntl, os, subprocess, time
	def given():
	    return subprocess.run(["evs", "cat", "a.evs", "--fields", ".eventType"], stdout=subprocess.PIPE).stdout.count(b"\n")
	def wait(n):
	    end = time.time() + 20
	    while given() != n:
	        assert time.time() < end, given()
	        time.sleep(0.01)
	subprocess.run(["evs", "append", "a.evs"], stdin=subprocess.DEVNULL)
	r, w = os.pipe()
	fcntl.fcntl(r, fcntl.F_SETFL, os.O_NONBLOCK)
	append = subprocess.Popen(["evs", "append", "a.evs"], stdin=r)
	for n, lines in enumerate((b'{"eventType":"a"}\n{"eventType":"b"}', b'\n{"eventType":"c"}', b'\n'), 1):
	    os.write(w, lines)
	    wait(n)
	os.close(w)
	assert append.wait() == 0
	END
	echo '{"eventType":"d"}' >in
	mkdir folder
	ran 1 evs append a.evs - <folder
	err_is 'evs-append: a.evs: cannot read the input: Is a directory; 0 events before it are committed'
	ran 1 evs append a.evs --atomic - <folder
	err_is 'evs-append: a.evs: cannot read the input: Is a directory; nothing was appended'
}

@test "append ends a batch at a signal, and says so by its status" {
	for signal in INT:130 TERM:143 HUP:129; do
		rm -f in out a.evs*
		mkfifo in
		# A shell's background job ignores SIGINT; python lets it go.
		interruptible evs append a.evs --receipts <in >out 2>err 3>&- &
		pid=$!
		exec 5>in
		events 3 >&5
		wait_for lines_in out 3
		kill -"${signal%:*}" $pid
		ends "${signal#*:}" $pid
		exec 5>&-
		is "$(cat err)" ''
		is "$(count a.evs)" 3
	done
}

@test "append goes on when nobody reads its receipts" {
	events 20000 >in
	try bash -c 'evs append a.evs --receipts in | head -n 1 >first; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 0 ]
	out_is ''
	err_is ''
	is "$(jq .position first)" 1
	is "$(count a.evs)" 20000
}

@test "append --progress shows how far it is, --no-progress never" {
	ran 0 on_terminal --feed 1.5 evs append a.evs
	out_has $'\r'
	out_has " events"
	out_has "/s)"
	ran 0 on_terminal --feed 1.5 evs append a.evs --no-progress
	[[ $output != *"/s)"* ]] || fail "progress is shown"
	mkfifo in
	"$EVS_BIN/evs" append a.evs --progress <in 2>err 3>&- &
	pid=$!
	exec 5>in
	while ! lines_in err 1; do
		echo '{"eventType":"a"}' >&5
		sleep 0.05
		[ $((n += 1)) -lt 600 ] || fail "no progress was shown"
	done
	exec 5>&-
	wait $pid
	[[ $(head -n 1 err) == "evs-append: "*" events ("*"/s)"* ]] || fail "$(cat err)"
}

@test "append sums up for a person" {
	printf '{"eventType":"a","eventId":"1"}\n{"eventType":"a","eventId":"2"}\n' >in
	ran 0 on_terminal evs append a.evs in
	out_has "evs-append: a.evs: 2 events appended"
	ran 0 on_terminal evs append a.evs in
	out_has "evs-append: a.evs: 0 events appended (2 duplicates)"
	ran 0 on_terminal --feed 0.1 evs append b.evs
	[[ $output =~ [0-9]+\ event ]] || fail "no sum"
}

@test "positions and revisions have no gaps over many appends" {
	for i in $(seq 1 30); do
		events $((i * 7)) "t$i" "s$((i % 4))"
	done >all
	split -l 100 all part.
	for part in part.*; do
		quiet evs append a.evs "$part"
	done
	is "$(count a.evs)" "$(wc -l <all)"
	evs cat a.evs >out
	python3 - <<-'END'
	import json
	at = {}
	for n, line in enumerate(open("out"), 1):
	    e = json.loads(line)
	    at[e["aggregateId"]] = at.get(e["aggregateId"], 0) + 1
	    assert e["position"] == n and e["revision"] == at[e["aggregateId"]], line
	END
}

@test "what an option fills in is checked before anything is read" {
	for option in --type --stream --aggregate-type --source --tag --correlation --causation; do
		ran 2 evs append u.evs $option $'a\xffb' <<<'{"eventType":"e"}'
		err_is "evs-append: option '$option' is no UTF-8: byte 2"
	done
	ran 2 evs append u.evs --type '' <<<'{}'
	err_is "evs-append: option '--type' is empty"
	ran 2 evs append u.evs --stream "$(printf 'x%.0s' {1..256})" <<<'{"eventType":"e"}'
	err_is "evs-append: option '--stream' has 256 bytes, over the limit of 255"
	[ ! -e u.evs ]
}

@test "what evs printed of the longest line can be appended" {
	{ printf '{"eventType":"x","data":"'; head -c $((16777216 - 27)) /dev/zero | tr '\0' x; printf '"}\r\n'; } >in
	quiet evs append a.evs --stream s in
	evs cat a.evs >out
	[ "$(wc -c <out)" -gt 16777216 ]
	quiet evs append b.evs out
	is "$(evs cat b.evs --fields .data | md5sum)" "$(evs cat a.evs --fields .data | md5sum)"
	sed 's/"recordedAt"/"recordedat"/' out >other
	ran 1 evs append c.evs other
	err_has 'the line is longer than 16 MiB'
}

@test "an empty aggregateType is none: one stream" {
	printf '%s\n' '{"eventType":"e","aggregateId":"A"}' '{"eventType":"e","aggregateId":"A","aggregateType":""}' >in
	quiet evs append a.evs in
	is "$(evs cat a.evs --stream A | jq -c '[.revision,.aggregateType]' | tr -d '\n')" '[1,null][2,""]'
	is "$(evs stat a.evs | jq .streams)" 1
	quiet evs append a.evs --aggregate-type '' --stream A --expect 2 <<<'{"eventType":"e"}'
	is "$(evs cat a.evs --stream A --aggregate-type '' | wc -l)" 3
	evs verify a.evs
}

@test "the events of a transaction are recorded at one moment, also where their timestamps are made" {
	for i in $(seq 50); do echo '{"eventType":"a"}'; done | quiet evs append a.evs --atomic
	is "$(evs cat a.evs | jq -r .recordedAt | sort -u | wc -l)" 1
	is "$(evs cat a.evs --as-of "$(evs cat a.evs -n 1 | jq -r .recordedAt)" | wc -l)" 50
	is "$(evs cat a.evs --where '.timestamp > .recordedAt' | wc -l)" 0
	# Text for the threads too: parsed before the transaction has begun, and after.
	seq 40000 | sed 's/.*/{"eventType":"a","data":{"text":"some text that makes it longer, and longer","n":&}}/' | quiet evs append b.evs --atomic
	is "$(evs cat b.evs | jq -r .recordedAt | sort -u | wc -l)" 1
	is "$(evs cat b.evs --where '.timestamp > .recordedAt' | wc -l)" 0
	ran 0 evs verify b.evs
}

@test "whatever an input has when it pauses is committed then, also where that is just a chunk" {
	python3 - "$EVS_BIN/evs" <<-'END'
		import fcntl, json, os, subprocess, sys, time
		evs, chunk = sys.argv[1], 1 << 20
		line = b'{"eventType":"a","data":"%s"}'.replace(b'%s', b'x' * 484) + b'\n'
		assert len(line) == 512
		ends = os.pipe()
		fcntl.fcntl(ends[1], 1031, chunk)  # F_SETPIPE_SZ
		os.write(ends[1], line * (chunk // len(line)))
		append = subprocess.Popen([evs, "append", "a.evs"], stdin=ends[0], pass_fds=())
		until = time.time() + 20
		def count(): return json.loads(subprocess.run([evs, "stat", "a.evs"], capture_output=True).stdout or '{"events":0}')["events"]
		while count() < chunk // len(line):
		    if time.time() > until:
		        append.kill()
		        sys.exit("%d events are there" % count())
		    time.sleep(0.05)
		os.close(ends[1])
		sys.exit(append.wait())
	END
}

# runs: of how many the index of a.evs is made.
runs() {
	evs verify a.evs 2>&1 >/dev/null | sed -E 's/.* ([0-9]+) runs?:.*/\1/'
}

@test "runs of the index are merged with their like: a large one is not written again for a few small ones" {
	local n
	# Of files: a pipe that pauses has commits of its own.
	events 20000 large >large
	quiet evs append a.evs large
	for n in $(seq 31); do
		# More than a segment has room for.
		jq -nc --arg n "$n" '("x" * 20000) as $text | range(1; 61) | {eventType: "small", eventId: "\($n)-\(.)", tags: ["t" + $n], data: $text}' >small
		quiet evs append a.evs small
		case $n in
		15) is "$(runs)" 16 ;; # as many as are merged where they are of one size
		16) is "$(runs)" 2 ;;
		31) is "$(runs)" 2 ;; # sixteen small ones again
		esac
	done
	is "$(evs cat a.evs --tag t7 --fields .eventId | jq -r .eventId | paste -sd' ')" "$(seq -f 7-%g -s' ' 60)"
	quiet evs append a.evs large # all there
	is "$(count a.evs)" $((20000 + 31 * 60))
}
