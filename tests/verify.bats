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

@test "a byte that is changed anywhere: never a crash, never a hang, never silence about events that are wrong" {
	{ events 6000 a s; events 6000 b t; } >in
	quiet evs append a.evs in
	evs cat a.evs >whole
	size=$(stat -c %s a.evs)
	RANDOM=5
	found=0
	for i in $(seq 40); do
		flipped $(((RANDOM * 32768 + RANDOM) % size))
		run --separate-stderr timeout 20 "$EVS_BIN/evs" verify b.evs
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
		run --separate-stderr timeout 20 "$EVS_BIN/evs" cat b.evs --last 10
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
