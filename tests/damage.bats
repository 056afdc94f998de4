# Hostile bytes: a store with any of its bytes other than they were. tests/damage/README.md says what is tried.
load helper

export BUILD=${EVS_BIN%/bin}
# With sanitizers each state takes ten times as long.
case $LONG:$BUILD in
*asan*) FLIPS=50 ;;
1:*) FLIPS=1000 ;;
*) FLIPS=20 ;;
esac

# a.evs, and its events in `whole`: made once, since that takes its time.
setup_file() {
	[ -x "$BUILD/damage/damage" ] || { echo 'make damage builds what this needs' >&2; false; }
	cd "$BATS_FILE_TMPDIR"
	"$ROOT/tests/damage/prepare" a.evs 2>log || fail "$(cat log)"
	evs cat a.evs >whole
	rm a.evs-lock
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	cp --sparse=never "$BATS_FILE_TMPDIR"/{a.evs,whole} .
}

# salvaged STATUS STORE: what cat --salvage prints goes into `saved`.
salvaged() {
	ran "$1" sh -c 'evs cat "$1" --salvage >saved' - "$2"
}

# zeroed PAGE...: b.evs, a copy whose pages are zeros.
zeroed() {
	cp --sparse=never a.evs b.evs
	rm -f b.evs-lock
	for page in "$@"; do
		dd if=/dev/zero of=b.evs bs=4096 seek="$page" count=1 conv=notrunc status=none
	done
}

# page_of TEXT: the number of the first page that has it.
page_of() {
	echo $(($(LC_ALL=C grep -abo -m1 -e "$1" a.evs | head -n 1 | cut -d: -f1) / 4096))
}

@test "whatever is damaged: no crash, no hang, nothing wrong that looks right, nothing whole that is not saved" {
	mkdir states
	ran 0 "$BUILD/damage/damage" a.evs states $FLIPS "${SEED:-1}"
	out_has ' 0 judged wrong'
	echo "# $output" >&3
}

@test "the tools themselves end with a status of theirs on damaged stores" {
	pages=$(($(stat -c %s a.evs) / 4096))
	RANDOM=${SEED:-1}
	damaged=0
	for i in $(seq $(size 6 24)); do
		zeroed $((RANDOM % pages))
		for tool in 'verify b.evs' 'cat b.evs' 'cat b.evs --stream s1' 'stat b.evs' 'cat b.evs --salvage' 'group b.evs list' 'dlq b.evs list' \
			'project b.evs show acc' 'append b.evs whole'; do
			try timeout 20 sh -c 'exec evs "$@" >/dev/null' - $tool
			case $status in
			0) ;;
			1 | 3 | 4 | 5) [ -n "$stderr" ] || fail "$tool says nothing"; damaged=$((damaged + 1)) ;;
			*) fail "$tool: status $status" ;;
			esac
		done
	done
	[ $damaged -gt 0 ]
}

@test "cat --salvage of a whole store: all events, status 0" {
	salvaged 0 a.evs
	err_is ''
	cmp saved whole
}

@test "cat --salvage goes with no other option, and wants a file that has pages" {
	for options in --follow --marker '--fields .data' '--format pretty' '--stream s1' '--last 3' --reverse; do
		ran 2 evs cat a.evs --salvage $options
		err_has '--salvage prints all that is whole'
	done
	ran 1 evs cat none.evs --salvage
	err_is 'evs-cat: none.evs: no such store'
	: >empty
	ran 1 evs cat empty --salvage
	err_has 'not an evs store'
}

@test "what leads to events is gone: cat --salvage finds them in their pages" {
	zeroed 0 1
	ran 1 evs cat b.evs
	err_is 'evs-cat: b.evs: not an evs store'
	salvaged 5 b.evs
	cmp saved whole
	err_has 'how many events there were is not known'
}

@test "a page of the tail is gone: its events are named, the others printed, and they make a new store" {
	zeroed "$(page_of 'a-10040')"
	salvaged 5 b.evs
	err_has ' are lost'
	grep -vxFf whole saved && fail 'what is printed was not there'
	lost=$(sed -n 's/.* whole, \([0-9]*\) are lost/\1/p' <<<"$stderr")
	[ "$lost" -gt 0 ] && [ "$lost" -lt 60 ]
	is "$(wc -l <saved)" $(($(wc -l <whole) - lost))
	ran 5 evs verify b.evs
	is "$(jq -r 'select(.kind == "page-damaged") | .message' <<<"$output" | grep -c "of table 'tail'")" 1
	evs cat b.evs --salvage 2>/dev/null | evs append new.evs
	diff <(evs cat new.evs | jq -c 'del(.position, .revision, .recordedAt)') <(jq -c 'del(.position, .revision, .recordedAt)' saved)
}

@test "a directory whose table of events is damaged is made good from the frames" {
	cp a.evs b.evs
	# Behind the head and the table of frames, 12 bytes each.
	python3 - <<'END'
import struct
data = bytearray(open("b.evs", "rb").read())
for page in range(2, len(data) // 4096):
    at = page * 4096
    if struct.unpack_from("<H", data, at + 10)[0] == 4 and data[at + 16] == 1 and struct.unpack_from("<Q", data, at + 32)[0] == 1:
        frames = struct.unpack_from("<I", data, at + 24)[0]
        count = struct.unpack_from("<I", data, at + 20)[0]
        if 0 < frames < count <= 16384:
            data[at + 16 + 64 + 12 * frames + 20] ^= 3
            break
else:
    raise SystemExit("no segment")
open("b.evs", "wb").write(data)
END
	ran 5 evs cat b.evs
	salvaged 0 b.evs
	cmp saved whole
}

@test "a store that becomes shorter while it is followed ends that with a message and status 5" {
	"$EVS_BIN/evs" cat a.evs --follow >out 2>err 3>&- &
	follower=$!
	wait_for lines_in out "$(wc -l <whole)"
	truncate -s 20000 a.evs
	touch a.evs
	ends 5 $follower
	[ -s err ]
}

@test "a store that becomes shorter in the middle of a read ends that likewise" {
	mkfifo pipe
	"$EVS_BIN/evs" cat a.evs --salvage >pipe 2>err 3>&- &
	reader=$!
	exec 4<pipe
	read -r line <&4
	truncate -s 8192 a.evs # what it has read by now is less than the first segment
	cat <&4 >/dev/null
	exec 4<&-
	ends 5 $reader
	grep -q 'has become shorter while it was read' err
}
