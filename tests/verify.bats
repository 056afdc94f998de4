# evs verify: quiet about what is whole, exact about what is not, and never lost in it.
load helper

@test "verify of whole stores: exit 0, no finding, and what it looked at" {
	events 1 >in
	quiet evs append a.evs in
	ran 0 evs verify a.evs
	out_is ''
	err_is 'evs-verify: a.evs: 1 event, 0 segments, 0 runs: no damage found'
	events 40000 b s >in
	quiet evs append a.evs in
	ran 0 evs verify a.evs
	out_is ''
	err_has 'evs-verify: a.evs: 40,001 events, '
	err_has ': no damage found'
}

@test "verify does not change the store" {
	events 20000 >in
	quiet evs append a.evs in
	cp a.evs before
	ran 0 evs verify a.evs
	cmp a.evs before
}

@test "verify while an append runs finds nothing" {
	events 200000 a s >in
	"$EVS_BIN/evs" append a.evs --receipts in >receipts 2>err 3>&- &
	append=$!
	wait_for lines_in receipts 1
	rounds=0
	while kill -0 $append 2>/dev/null; do
		ran 0 evs verify a.evs
		out_is ''
		rounds=$((rounds + 1))
	done
	wait $append
	[ $rounds -gt 0 ]
}

# flipped OFFSET: a copy, b.evs, with one byte that is another.
flipped() {
	cp --sparse=never a.evs b.evs
	rm -f b.evs-lock
	python3 - "$1" <<-'END'
		import sys
		with open("b.evs", "r+b") as f:
		    f.seek(int(sys.argv[1]))
		    byte = f.read(1)[0]
		    f.seek(int(sys.argv[1]))
		    f.write(bytes([byte ^ 0x55]))
	END
}

# findings: each line of stdout is one, with the three fields.
findings() {
	jq -e 'keys == ["kind","message","position"] and (.kind | test("^[a-z-]+$")) and (.message | type == "string")' \
		<<<"$output" >/dev/null || fail 'a line is no finding'
}

# frames: where frames of zstd begin in a.evs.
frames() {
	LC_ALL=C grep -abo $'\x28\xb5\x2f\xfd' a.evs | cut -d: -f1
}

@test "a byte that is changed in a frame is found, and named by position" {
	events 40000 a s >in
	quiet evs append a.evs in
	n=0
	for at in $(frames | awk 'NR % 9 == 1' | head -n 4); do
		flipped $((at + 300))
		ran 5 timeout 30 "$EVS_BIN/evs" verify b.evs
		findings
		[ "$(jq -s 'map(select(.kind | test("^(frame|segment)-"))) | length' <<<"$output")" -gt 0 ] || fail 'no segment is named'
		err_has 'evs-verify: b.evs: '
		[[ $stderr != *'no damage'* ]]
		n=$((n + 1))
	done
	[ $n -gt 0 ]
}

@test "cat of a damaged frame: exit 5, what stands before it is printed, and nothing wrong" {
	events 40000 a s >in
	quiet evs append a.evs in
	at=$(frames | sed -n '$p')
	flipped $((at + 300))
	ran 5 evs cat b.evs
	err_has 'evs-cat: b.evs: '
	printf '%s\n' "$output" >out
	head -n "$(wc -l <out)" <(evs cat a.evs) | cmp - out || [ -z "$output" ]
}

@test "selectors that the index knows read no segment but those of their events" {
	events 40000 a S | awk '{ sub(/}$/, ",\"tags\":[\"" (NR % 2 ? "odd" : "even") "\"]}"); print }' >in
	cat >last <<-'END'
		{"eventType":"z","eventId":"e","aggregateType":"T","aggregateId":"s","tags":["odd","even"]}
		{"eventType":"y","eventId":"f","aggregateId":"t","correlationId":"k","causationId":"c","tags":["g"]}
	END
	# More names than are worth asking a small run for.
	awk 'BEGIN { for (i = 1; i <= 100; i++) printf "{\"eventType\":\"w%d\",\"correlationId\":\"w\"}\n", i }' >>last
	cat in last | quiet evs append a.evs
	flipped $(($(frames | head -n 1) + 300))
	ran 5 evs cat b.evs
	[ "$(evs verify b.evs 2>verify.err | jq -s 'map(.position) | max')" -lt 39000 ] || fail 'the damage is not far from the end'
	while IFS='|' read -r position selector; do
		ran 0 evs cat b.evs --fields .position $selector
		is "$output" "{\"position\":$position}"
	done <<-'END'
		40001|--stream s
		40001|--stream s --aggregate-type T
		40002|--stream t
		40002|--stream t --last 1
		40001|--type z
		40002|--type y*
		40002|--tag g
		40002|--correlation k
		40002|--causation c
		40002|--event f
		40001|--tag odd --tag even
		20000|--stream S --from-revision 20000 --limit 1
		39000|--stream S --from-revision 39000 --limit 1
		39002|--stream S --from-revision 39001 --tag even --limit 1
		40003|--type w* --limit 1
	END
	# Conditions of an append likewise, whatever they name first.
	for item in '"types":["n"],"tags":["odd"]' '"types":["a"],"tags":["odd","n"]' '"types":["w1"],"tags":["odd"]'; do
		quiet evs append b.evs --fail-if "[{$item}]" <<<'{"eventType":"x"}'
	done
	ran 3 evs append b.evs --fail-if '[{"types":["z"],"tags":["odd","even"]}]' <<<'{"eventType":"x"}'
}

@test "who wants few events unpacks no more of a segment than has those" {
	events 20000 | quiet evs append a.evs
	flipped $(($(frames | head -n 1) + 300))
	ran 5 evs cat b.evs --limit 1
	while IFS='|' read -r position selector; do
		ran 0 evs cat b.evs --fields .position $selector
		is "$output" "{\"position\":$position}"
	done <<-'END'
		9001|--after 9000 --limit 1
		9000|--to 9000 --reverse --limit 1
		9000|--to 9000 --last 1
		9000|--from 9000 --to 9000
		9001|--after 9000 --type a --limit 1
		9000|--to 9000 --type a --last 1
		9000|--to 9000 --type a --reverse --last 1
		9001|--after 9000 --where true --limit 1
	END
	# Pieces grow until the damage is met, and everything before it was given.
	ran 5 evs cat b.evs --to 9000 --reverse --limit 9000 --fields .position
}

@test "a byte that is changed anywhere: never a crash, never a hang, never silence about events that are wrong" {
	{ events 6000 a s; events 6000 b t; } >in
	quiet evs append a.evs in
	evs cat a.evs >whole
	size=$(stat -c %s a.evs)
	RANDOM=5
	found=0
	for i in $(seq $(size 15 60)); do
		flipped $(((RANDOM * 32768 + RANDOM) % size))
		try timeout 20 "$EVS_BIN/evs" verify b.evs
		case $status in
		0)
			# An unused place, if all events are as they were.
			evs cat b.evs | cmp - whole
			;;
		1 | 5)
			found=$((found + 1))
			[ -z "$output" ] || findings
			[ -n "$stderr" ]
			;;
		*) fail "status $status" ;;
		esac
		try timeout 20 "$EVS_BIN/evs" cat b.evs --last 10
		case $status in 0 | 1 | 5) ;; *) fail "cat: status $status" ;; esac
	done
	[ $found -gt 0 ]
}

@test "verify of what is no store" {
	ran 1 evs verify a.evs
	out_is ''
	err_is 'evs-verify: a.evs: no such store'
	ran 2 evs verify
	out_is ''
	err_has STORE
}

# accounts: a store with a projection, acc, and snapshots of its fold.
accounts() {
	cat >account.fold <<-'END'
	on "opened" { owner = .data.owner; balance = 0 }
	on "deposited" { balance += .data.amount }
	index owner
	index balance
	END
	cat >in <<-'END'
	{"eventType":"opened","aggregateType":"Account","aggregateId":"1","data":{"owner":"ada"}}
	{"eventType":"opened","aggregateType":"Account","aggregateId":"2","data":{"owner":"bob"}}
	{"eventType":"deposited","aggregateType":"Account","aggregateId":"1","data":{"amount":29.90}}
	{"eventType":"noted","data":{}}
	END
	quiet evs append a.evs in
	quiet evs project a.evs run acc --fold account.fold
	quiet evs snapshot a.evs take --fold account.fold
}

# patched PATTERN NEW: a copy, b.evs, in which what a regular expression of Python finds is replaced, once at least.
patched() {
	cp --sparse=never a.evs b.evs
	rm -f b.evs-lock
	python3 - "$1" "$2" <<-'END'
		import re, sys
		old = open("b.evs", "rb").read()
		put = sys.argv[2].encode().decode("unicode_escape").encode("latin-1")
		new, n = re.subn(sys.argv[1].encode(), lambda match: put, old, flags=re.S)
		assert n > 0 and len(new) == len(old), n
		open("b.evs", "wb").write(new)
	END
}

# finds KINDS [ADVICE]: verify of b.evs finds these, and says that no backup is needed, or what else there is to do.
finds() {
	ran 5 evs verify b.evs
	findings
	is "$(jq -r .kind <<<"$output" | sort | paste -sd' ')" "$1"
	err_has "${2-; the events are whole: make projections anew with --rebuild, drop snapshots}"
}

@test "verify looks at projections and snapshots" {
	accounts
	ran 0 evs verify a.evs
	out_is ''
	err_is 'evs-verify: a.evs: 4 events, 0 segments, 0 runs, 1 projection with 2 states, 2 snapshots: no damage found'
	# One of a command, one by a key, one that is stuck, one with a rebuild that is, and one that is no more.
	quiet evs project a.evs run n --exec 'jq -c --unbuffered .event'
	echo 'key .eventType
on "*" { n += 1 }
index n' >type.fold
	quiet evs project a.evs run types --fold type.fold --type 'o*' --type 'd*'
	echo 'on "*" { if .data.amount != null { fail "no" }; n += 1 }
index n' >fails.fold
	ran 1 evs project a.evs run acc --fold fails.fold --rebuild
	ran 1 evs project a.evs run stuck --fold fails.fold
	quiet evs project a.evs run gone --fold account.fold
	quiet evs project a.evs drop gone
	quiet evs snapshot a.evs take --fold type.fold
	ran 0 evs verify a.evs
	out_is ''
	err_has ', 4 projections with 10 states, 5 snapshots: no damage found'
}

@test "a state that is damaged, and an index that says otherwise than the states" {
	accounts
	model='(?<=Account\x00\x00\x82)'
	patched "$model"'\xa5owner\xa3bob' '\xa5owner\xd9bob'
	finds 'projection-state'
	out_has "a state of projection 'acc' is damaged"
	# A field that no state of the fold has.
	patched "$model"'\xa5owner\xa3bob' '\xa5ownex\xa3bob'
	finds 'projection-state'
	# What the index has is another value than that of the state: it is not found by the one, and led to by the other.
	patched "$model"'\xa5owner\xa3bob' '\xa5owner\xa3bab'
	finds 'projection-index-missing projection-index-stray'
	out_has "the state of '2' cannot be found by one of its fields"
	patched '\x05bob(?=\x00\x002)' '\x05bab'
	finds 'projection-index-missing projection-index-stray'
	# An entry that leads to no state, one of a field that is not indexed, one that is cut at another place.
	patched '(?<=\x05bob\x00\x00)2' '3'
	finds 'projection-index-missing projection-index-stray'
	patched '\x01(?=\x04\x81)' '\x07'
	finds 'projection-index-missing projection-index-stray'
	patched '(?<=\x05bob\x00\x002\x00\x01Account\x00\x00)\x08' '\x09'
	finds 'projection-index-stray'
	# A state under a key that is none.
	patched '2\x00\x01Account\x00\x00(?=\x82)' '2\x00\x03Account\x00\x00'
	finds 'projection-index-stray projection-index-stray projection-state'
	# A value that is none, in a state of a command.
	quiet evs project a.evs run n --exec "jq -c --unbuffered '{marked: .event.eventType}'"
	patched '\xa6marked' '\xa6m\xffrked'
	finds 'projection-state projection-state'
}

@test "what verify finds in projections and snapshots goes with them" {
	accounts
	patched '(?<=Account\x00\x00\x82\xa5owner\xa3)bob' 'bab'
	quiet evs project b.evs run acc --fold account.fold --rebuild
	ran 0 evs verify b.evs
	out_is ''
	is "$(evs project b.evs show acc)" "$(evs project a.evs show acc)"
	patched 'acc\x02' 'acc\x07'
	ran 5 evs project b.evs run acc --fold account.fold --rebuild
	quiet evs project b.evs drop acc
	quiet evs project b.evs run acc --fold account.fold
	is "$(evs project b.evs show acc)" "$(evs project a.evs show acc)"
	ran 0 evs verify b.evs
	patched '(?<=owner\xa3)bob(?=\xa7balance\x00\x12)' 'bab'
	ran 5 evs replay b.evs --fold account.fold --key 2
	quiet evs snapshot b.evs drop
	ran 0 evs verify b.evs
	out_is ''
}

@test "a projection that is damaged, or that is where no event is" {
	accounts
	# Its name, version, id, the generation's number and flags, hash, time of the last run, and last position.
	patched '(?<=acc\x02.{8}\x01\x02.{16}\x00)\x04' '\x05'
	finds 'projection-position'
	is "$(jq -r .message <<<"$output")" "the checkpoint of projection 'acc' is 5, the newest event has position 4"
	patched '(?<=acc\x02.{8}\x01\x02.{16}\x00\x04...)\x00' '\x09'
	finds 'projection-position'
	is "$(jq .position <<<"$output")" 9
	# The fold is not what its hash says; it is none; the selectors are no JSON; the record is of no version, and cut.
	patched 'balance \+= .data.amount' 'balance += .data.amounx'
	finds 'projection-damaged'
	out_has "the fold of projection 'acc' is damaged"
	patched 'balance \+= .data.amount' 'balance += }data.amount'
	finds 'projection-damaged'
	patched '(?<=index balance\n\x02){}' '{]'
	finds 'projection-damaged'
	out_has "the selectors of projection 'acc' are damaged"
	patched 'acc\x02' 'acc\x07'
	finds 'projection-damaged'
	out_has "the record of projection 'acc' is damaged"
	patched 'acc\x02' '\x01cc\x02'
	finds 'projection-damaged'
	out_has "'\\\\x01cc'"
	# One that is being rebuilt.
	echo 'on "*" { if .data.amount != null { fail "no" }; n += 1 }' >fails.fold
	ran 1 evs project a.evs run acc --fold fails.fold --rebuild
	patched 'fail "no"' 'fall "no"'
	finds 'projection-damaged'
	out_has "the fold of the rebuild of projection 'acc' is damaged"
}

@test "a snapshot that is damaged, or of what is not there" {
	accounts
	# What is behind the key of a state is the position; the record of its model has none.
	patched '(?<=1\x00\x01Account\x00\x00\x00\x00\x00\x00\x00\x00\x00)\x03(?=\x01)' '\x09'
	finds 'snapshot-position'
	is "$(jq -c '[.position,.message]' <<<"$output")" \
		"[9,\"the snapshot of '1' says that it holds 2 events up to position 9, the newest event has position 4\"]"
	# The state compressed, by its checksum; its version; its key.
	patched '(?<=owner\xa3)bob(?=\xa7balance\x00\x12)' 'bab'
	finds 'snapshot-damaged'
	patched '(?<=\x03)\x01(?=.{8}\x02\x01\x02\x1b)' '\x02'
	finds 'snapshot-damaged'
	# Those of other keys are not looked at for one.
	ran 5 evs snapshot b.evs list
	ran 5 evs snapshot b.evs show 1 --fold account.fold
	ran 0 evs snapshot b.evs show 2 --fold account.fold
	ran 0 evs snapshot b.evs list --key 2 --fold account.fold
	is "$(jq -c '[.key,.position]' <<<"$output")" '["2",2]'
	patched '(?<=1\x00)\x01(?=Account\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03)' '\x02'
	finds 'snapshot-damaged'
}

# Group mail stopped nowhere, with an event that waits, two parked letters, and one letter that was dropped.
grouped() {
	for i in 1 2 3 4 5 6; do
		echo "{\"eventType\":\"t\",\"aggregateId\":\"s$((i % 3))\",\"data\":$i}"
	done | evs append a.evs
	ran 4 evs consume a.evs mail --limit 6 --on-failure park --max-retries 0 -- sh -c '[ $EVS_POSITION != 2 ]'
	ran 4 evs consume a.evs other --to 1 --max-retries 0 -- false
	quiet evs dlq a.evs drop 3 --reason why
	timeout 1 "$EVS_BIN/evs" consume a.evs slow --to 1 --initial-delay 1h -- false || true
	ran 0 evs verify a.evs
	err_has ', 3 groups, 2 dead letters: no damage found'
}

@test "groups, what waits in them, parked streams, dead letters and their record" {
	grouped
	patched '(?<=mail)\x01(?=\x01\0\0\0\x06\x80\x08)' '\x02'
	finds 'group-damaged' '; restore'
	out_has "the record of group 'mail' is damaged"
	patched '(?<=mail\x01\x01\0\0\0)\x06(?=\x80\x08)' '\x09'
	finds 'group-position' '; restore'
	out_has "group 'mail' is at position 9, the newest event has position 6"
	# Its counts: of what waits, and what is parked.
	patched '(?<=mail\x01\x01\0\0\0\x06\x80\x08\0)\0(?=\x02)' '\x01'
	finds 'group-wait' '; restore'
	out_has "group 'mail' says that 1 events wait, 0 do"
	patched '(?<=mail\x01\x01\0\0\0\x06\x80\x08\0\0)\x02' '\x01'
	finds 'group-parked' '; restore'
	out_has "group 'mail' says that 1 letters are parked, its streams say 2"
	# The event that waits: its version, its position.
	patched '(?<=\0\0\0\x03..\0\0\0\0\0\0\0\x01)\x01' '\x02'
	finds 'group-wait group-wait' '; restore'
	patched '(?<=\0\0\0\x03..\0\0\0\0\0\0\0)\x01(?=\x01)' '\x05'
	finds 'group-wait' '; restore'
	out_has "the event at position 5 waits in group 'slow' where it cannot"
	# The parked stream.
	patched '(?<=\x01\0\0\0........)\x02(?=\0\0\0\0\0\0\0)' '\x03'
	finds 'group-parked group-parked' '; restore'
	out_has "a stream of group 'mail' waits for 3 parked letters, of which 2 are there"
	# A letter: what it holds, its position.
	patched '(?<=exit status 1)\x02(?=\x01............\x04mail)' '\x07'
	finds 'dead-letter group-parked' '; restore'
	patched '\x02(?=\x0dexit status 1\x02\x01)' '\x08'
	finds 'dead-letter' '; restore'
	out_has 'dead letter 1 is of position 8, the newest event has position 6'
	patched '\x01(?=\x03\x01\x03.{8}\x03\x01\x05other)' '\x02'
	finds 'dead-letter-record' '; restore'
}

@test "verify while a projection is worked on and made anew finds nothing" {
	accounts
	awk 'BEGIN { for (i = 1; i <= 24000; i++)
		printf "{\"eventType\":\"opened\",\"aggregateId\":\"%d\",\"data\":{\"owner\":\"o%d\"}}\n", i % 12000, i % 7 }' >in
	quiet evs append a.evs in
	{
		"$EVS_BIN/evs" project a.evs run acc --fold account.fold --batch 1000 &&
			"$EVS_BIN/evs" project a.evs run acc --fold account.fold --batch 1000 --rebuild
	} >out 2>err 3>&- &
	run=$!
	rounds=0
	while kill -0 $run 2>/dev/null; do
		ran 0 evs verify a.evs
		out_is ''
		rounds=$((rounds + 1))
	done
	ends 0 $run
	[ $rounds -gt 1 ]
	ran 0 evs verify a.evs
	err_has '1 projection with 12,002 states'
}

@test "every kind of finding is in the manual, and every one there is a kind" {
	sed -n 's/^\t\[\(VERIFY\|AUDIT\)_[A-Z_]*\] = "\([a-z-]*\)",$/\2/p' "$ROOT"/lib/*/verify.c "$ROOT"/lib/*/audit.c | sort -u >kinds
	[ "$(wc -l <kinds)" -ge 31 ]
	sed -n '/^.Sh FINDINGS/,/^.Sh EXIT/s/^.It Li //p' "$ROOT/man/evs-verify.1" | sort | diff kinds -
}
