# What is no store, what is no event, and what the machine refuses: named, with nothing lost.
load helper

# untouched STATUS FILE MESSAGE: every tool ends with STATUS and says MESSAGE of FILE, which stays as it is.
untouched() {
	local status_wanted=$1 file=$2 message=$3 tool
	echo '{"eventType":"t"}' >event
	cp "$file" before
	rm -f "$file-lock"
	for tool in cat stat verify backup append; do
		case $tool in
		backup) ran "$status_wanted" evs backup "$file" copy.evs ;;
		append) ran "$status_wanted" evs append "$file" event ;;
		*) ran "$status_wanted" evs $tool "$file" ;;
		esac
		# verify says which pages are missing where the file is a store.
		[ "$tool$status_wanted" = verify5 ] || out_is ''
		is "$stderr" "evs-$tool: $file: $message"
		cmp "$file" before
		[ ! -e copy.evs ]
	done
}

@test "a store that is missing" {
	for tool in cat stat verify; do
		ran 1 evs $tool a.evs
		out_is ''
		err_is "evs-$tool: a.evs: no such store"
	done
	ran 1 evs backup a.evs b.evs
	out_is ''
	err_is 'evs-backup: a.evs: no such store'
	echo '{"eventType":"t"}' >event
	ran 1 evs append a.evs --no-create event
	err_is 'evs-append: a.evs: no such store'
	ran 1 evs append none/a.evs event
	out_is ''
	err_has 'No such file or directory'
	[ ! -e a.evs ] && [ ! -e a.evs-lock ] && [ ! -e b.evs ] && [ ! -e none ]
}

@test "an empty file" {
	: >a.evs
	for tool in cat stat verify; do
		ran 1 evs $tool a.evs
		out_is ''
		err_is "evs-$tool: a.evs: an empty file, not an evs store"
		[ -e a.evs ] && [ ! -s a.evs ]
	done
}

@test "a text file" {
	echo 'hello' >a.evs
	untouched 1 a.evs 'not an evs store'
	yes 'a long text, longer than some pages' | head -n 1000 >b.evs
	untouched 1 b.evs 'not an evs store'
	head -c 100000 /dev/zero >c.evs
	untouched 1 c.evs 'not an evs store'
}

@test "a file of SQLite and one of zstd" {
	{ printf 'SQLite format 3\0'; head -c 8176 /dev/zero; } >a.evs
	untouched 1 a.evs 'not an evs store'
	head -c 100000 /dev/urandom | zstd -q >b.evs
	untouched 1 b.evs 'not an evs store'
}

# patched FILE FROM TO: FROM is overwritten with TO, of the same size, wherever it stands.
patched() {
	python3 - "$@" <<-'END'
		import sys
		name, old, new = sys.argv[1], *(s.encode().decode("unicode_escape").encode("latin-1") for s in sys.argv[2:])
		text = open(name, "rb").read()
		assert old in text and len(old) == len(new)
		open(name, "r+b").write(text.replace(old, new))
	END
}

@test "an LMDB file of somebody else" {
	events 10 >in
	quiet evs append a.evs in
	patched a.evs 'format\x01\0\0\0' 'farmot\x01\0\0\0'
	untouched 1 a.evs 'not an evs store'
}

@test "a store of a newer format" {
	events 10 >in
	quiet evs append a.evs in
	patched a.evs 'format\x01\0\0\0' 'format\x02\0\0\0'
	untouched 1 a.evs 'the store has format 2, this evs knows up to 1; use a newer evs'
	patched a.evs 'format\x02\0\0\0' 'format\x01\0\0\0'
	is "$(count a.evs)" 10
}

@test "a store that was cut off" {
	events 2000 >in
	quiet evs append whole.evs in
	size=$(stat -c %s whole.evs)
	for n in 8192 12000 20000 100000 $((size / 2)) $((size - 4096)) $((size - 1)); do
		head -c $n whole.evs >a.evs
		untouched 5 a.evs "the store is truncated: it has $n of at least $size bytes; evs cat --salvage prints what is whole"
	done
	for n in 1 15; do
		head -c $n whole.evs >a.evs
		untouched 1 a.evs 'not an evs store'
	done
	head -c 100 whole.evs >a.evs
	untouched 5 a.evs "the store's first page is damaged; evs cat --salvage prints what is whole"
}

@test "a folder" {
	mkdir a.evs
	echo '{"eventType":"t"}' >event
	for tool in cat stat verify; do
		ran 1 evs $tool a.evs
		out_is ''
		err_is "evs-$tool: a.evs: not an evs store but a directory"
	done
	ran 1 evs append a.evs event
	err_is 'evs-append: a.evs: not an evs store but a directory'
	ran 1 evs backup a.evs b.evs
	err_is 'evs-backup: a.evs: not an evs store but a directory'
	rmdir a.evs
}

@test "a device and a pipe" {
	mkfifo a.evs
	echo '{"eventType":"t"}' >event
	for store in a.evs /dev/null /dev/zero; do
		for tool in cat stat verify; do
			ran 1 timeout 20 "$EVS_BIN/evs" $tool $store
			out_is ''
			err_has "evs-$tool: $store: "
		done
		ran 1 timeout 20 "$EVS_BIN/evs" append $store event
		err_has "evs-append: $store: "
	done
}

@test "bad JSON: line and column, and what stands before it is committed" {
	while IFS=$'\t' read -r column line; do
		rm -f a.evs a.evs-lock
		{ events 2; printf '%s\n' "$line"; events 2 b; } >in
		ran 1 evs append a.evs --receipts in
		is "$(wc -l <<<"$output")" 2
		err_has "evs-append: in: line 3: column $column: "
		err_has '; 2 events before it are committed'
		is "$(wc -l <<<"$stderr")" 1
		is "$(count a.evs)" 2
	done <<-'END'
		1	order 17
		1	[1]
		1	7
		15	{"eventType": 
		18	{"eventType":"a" x}
		19	{"eventType":"a"} {"eventType":"b"}
		25	{"eventType":"a","data":01}
		25	{"eventType":"a","data":nul}
		25	{"eventType":"a","data":'x'}
		32	{"eventType":"a","data":"\ud800"}
		27	{"eventType":"a","data":"\x"}
		27	{"eventType":"a","data":[1,]}
	END
}

@test "a line that is not UTF-8, and one that is nested too deep" {
	{ events 1; printf '{"eventType":"a","data":"\xff"}\n'; } >in
	ran 1 evs append a.evs in
	out_is ''
	err_has 'in: line 2: column 26: '
	deep() { printf '{"eventType":"a","eventId":"%s","data":' $1; printf "%${1}s" | tr ' ' '['; printf "%${1}s" | tr ' ' ']'; echo '}'; }
	deep 511 >in
	quiet evs append a.evs in
	deep 513 >in
	ran 1 evs append a.evs in
	out_is ''
	err_has 'in: line 1: column '
	err_has 512
	is "$(count a.evs)" 2
}

@test "each field of the envelope has its type" {
	while read -r field value; do
		rm -f a.evs a.evs-lock
		[ "$field" = eventType ] && other=eventId || other=eventType
		printf '{"%s":"x","%s":%s}\n' "$other" "$field" "$value" >in
		ran 1 evs append a.evs in
		out_is ''
		err_has "in: line 1: column "
		err_has "'$field'"
		[ ! -e a.evs ] || is "$(count a.evs)" 0
	done <<-'END'
		eventType 1
		eventType ""
		eventType null
		eventType ["a"]
		eventId 1
		eventId ""
		eventId {}
		timestamp 1
		timestamp "yesterday"
		timestamp "2026-02-30T00:00:00Z"
		timestamp "2026-05-14T25:00:00Z"
		aggregateId 1
		aggregateId []
		aggregateType 1
		aggregateType true
		version "1"
		version 1.5
		version []
		source 1
		correlationId {}
		causationId true
		tags "a"
		tags [1]
		tags {"a":"b"}
		metadata 5
		metadata "x"
		metadata []
	END
}

@test "names have 1 to 255 bytes" {
	name() { printf "%$1s" | tr ' ' x; }
	for field in eventType eventId aggregateId aggregateType; do
		[ "$field" = eventType ] && other=eventId || other=eventType
		printf '{"%s":"%s-255","%s":"%s"}\n' $other $field $field "$(name 255)" >in
		quiet evs append a.evs in
		printf '{"%s":"%s-256","%s":"%s"}\n' $other $field $field "$(name 256)" >in
		ran 1 evs append a.evs in
		out_is ''
		err_has "'$field'"
		err_has 255
	done
	is "$(count a.evs)" 4
	echo '{"data":1}' >in
	ran 1 evs append a.evs in
	err_has "eventType"
	err_has 'line 1'
}

# Two good lines among bad ones.
mixed() {
	echo '{"eventType":"a","eventId":"1"}'
	echo 'order 17'
	echo '{"eventType":7}'
	echo '{"eventType":"b","eventId":"2"}'
	printf '{"eventType":"\xff"}\n'
}

@test "--on-error stop: what stands before the bad line is committed" {
	mixed >in
	for option in '' '--on-error stop' --on-error=stop; do
		rm -f a.evs a.evs-lock
		ran 1 evs append a.evs $option in
		out_is ''
		err_has 'evs-append: in: line 2: column 1: '
		err_has '; 1 event before it is committed'
		is "$(count a.evs)" 1
		is "$(evs stat a.evs | jq .deadLetters)" 0
	done
}

@test "--on-error skip: says what it leaves out and goes on" {
	mixed >in
	ran 4 evs append a.evs --on-error skip --receipts in
	is "$(jq -r .eventId <<<"$output" | paste -sd' ')" '1 2'
	is "$(wc -l <<<"$stderr")" 4
	err_has 'in: line 2: column 1: '
	err_has 'in: line 3: column 2: '
	err_has 'in: line 5: column '
	err_has 'a.evs: 2 events appended, 3 lines skipped'
	is "$(count a.evs)" 2
	is "$(evs stat a.evs | jq .deadLetters)" 0
}

@test "--on-error dlq: keeps bad lines byte for byte and goes on" {
	mixed >in
	ran 4 evs append a.evs --on-error dlq --receipts in
	is "$(jq -r .eventId <<<"$output" | paste -sd' ')" '1 2'
	err_has 'in: line 2: column 1: '
	err_has 'a.evs: 2 events appended, 3 lines put in the dead letters'
	is "$(count a.evs)" 2
	is "$(evs stat a.evs | jq .deadLetters)" 3
	grep -aqF 'order 17' a.evs
	grep -aqF $'{"eventType":"\xff"}' a.evs
	# Good lines only: nothing to complain about.
	events 1 >in
	quiet evs append a.evs --on-error dlq in
	is "$(evs stat a.evs | jq .deadLetters)" 3
}

@test "--on-error wants a word that it knows" {
	events 1 >in
	ran 2 evs append a.evs --on-error retry in
	out_is ''
	err_has retry
	[ ! -e a.evs ]
}

@test "a line over 16 MiB is refused, and the one after it is not" {
	{
		echo '{"eventType":"a","eventId":"1"}'
		printf '{"eventType":"x","data":"'; head -c 16777216 /dev/zero | tr '\0' x; echo '"}'
		echo '{"eventType":"b","eventId":"2"}'
	} >in
	ran 1 evs append a.evs in
	out_is ''
	err_is 'evs-append: in: line 2: the line is longer than 16 MiB; 1 event before it is committed'
	is "$(count a.evs)" 1
	ran 4 evs append a.evs --on-error skip in
	err_is $'evs-append: in: line 2: the line is longer than 16 MiB\nevs-append: a.evs: 1 event appended, 1 line skipped' ||
		err_has 'line 2: the line is longer than 16 MiB'
	is "$(count a.evs)" 2
	# A line of almost that size comes back.
	{ printf '{"eventType":"x","eventId":"3","data":"'; head -c 16777000 /dev/zero | tr '\0' x; echo '"}'; } >in
	quiet evs append a.evs in
	is "$(evs cat a.evs --event 3 --format data | wc -c)" 16777003
}

@test "an input that is missing, or a folder" {
	events 1 >one
	ran 1 evs append a.evs one none
	out_is ''
	err_is "evs-append: cannot open 'none': No such file or directory; nothing was appended"
	mkdir folder
	ran 1 evs append a.evs folder
	out_is ''
	err_is "evs-append: cannot open 'folder': Is a directory; nothing was appended"
}

# Give back what a test mounted or made elsewhere, also when it failed.
mounted= elsewhere=
teardown() {
	[ -z "$!" ] || kill -9 $(jobs -p) 2>/dev/null || true
	[ -z "$mounted" ] || umount "$mounted" || umount -l "$mounted"
	[ -z "$elsewhere" ] || rm -rf "$elsewhere"
}

# mounts ARGUMENTS... FOLDER, or the test is skipped.
mounts() {
	mount "$@" 2>/dev/null || skip 'cannot mount here'
	mounted=$PWD/${!#}
}

@test "a read-only file system can be read, and append says what is wrong" {
	events 10 >in
	mkdir folder
	quiet evs append folder/a.evs in
	rm folder/a.evs-lock
	mounts --bind folder folder
	mount -o remount,bind,ro folder
	ran 0 evs cat folder/a.evs --last 2 --fields .position
	out_is $'{"position":9}\n{"position":10}'
	err_is 'evs-cat: folder/a.evs: read without a lock, as folder/a.evs-lock cannot be written: right unless somebody appends meanwhile'
	is "$(count folder/a.evs)" 10
	ran 0 evs backup folder/a.evs b.evs
	is "$(count b.evs)" 10
	events 1 b >in
	ran 1 evs append folder/a.evs in
	out_is ''
	err_has 'evs-append: folder/a.evs: '
	err_has 'Read-only file system'
	ran 1 evs append folder/b.evs in
	err_has 'evs-append: folder/b.evs: '
	err_has 'Read-only file system'
	ran 1 evs backup folder/a.evs folder/b.evs
	err_has 'Read-only file system'
	is "$(ls folder)" a.evs
}

@test "a read-only file can be read, and append says what is wrong" {
	events 10 >in
	# The folders of bats are for one user; so this one is elsewhere.
	elsewhere=$(mktemp -d)
	ln -s "$elsewhere" folder
	quiet evs append folder/a.evs in
	cp "$EVS_BIN/evs" folder/evs
	chmod 755 folder/. folder/evs
	chmod 444 folder/a.evs*
	cp folder/a.evs before
	events 1 b >folder/more
	chmod 644 folder/more
	ran 1 unprivileged "$elsewhere/evs" append "$elsewhere/a.evs" "$elsewhere/more"
	out_is ''
	err_has "evs-append: $elsewhere/a.evs: "
	err_has 'Permission denied'
	cmp folder/a.evs before
	# Readers note in the -lock file what they read, so it has to let them.
	chmod 666 folder/a.evs-lock
	ran 0 unprivileged "$elsewhere/evs" cat "$elsewhere/a.evs" --fields .position -n 1
	out_is '{"position":1}'
	err_is ''
	chmod 000 folder/a.evs
	ran 1 unprivileged "$elsewhere/evs" cat "$elsewhere/a.evs"
	out_is ''
	err_has 'Permission denied'
}

@test "a full disk: exit 1, the store is whole, and can be used when there is room again" {
	mkdir small
	mounts -t tmpfs -o size=2m none small
	head -c 200000 /dev/zero >small/ballast
	events 2000 >in
	quiet evs append small/a.evs in
	events 200000 b | sed 's/"n":\([0-9]*\)/"n":"\1\1\1\1\1\1\1\1"/' >in
	ran 1 evs append small/a.evs --receipts in
	err_has 'evs-append: small/a.evs: '
	printf '%s\n' "$output" >receipts
	rm small/ballast
	n=$(count small/a.evs)
	[ "$n" -ge 2000 ] && [ "$n" -lt 202000 ]
	# What was promised is there.
	[ "$(grep -c '}$' receipts)" -le $((n - 2000)) ]
	is "$(evs cat small/a.evs --last 1 --fields .position)" "{\"position\":$n}"
	echo '{"eventType":"more"}' >in
	quiet evs append small/a.evs in
	is "$(count small/a.evs)" $((n + 1))
	umount small
	mounted=
}

@test "stdout that is full: exit 1 and why" {
	events 3 >in
	quiet evs append a.evs in
	for arguments in 'cat a.evs' 'stat a.evs' 'stat a.evs --by type' 'cat --help' 'cat --version' 'backup a.evs -' \
		'append b.evs --receipts in'; do
		try bash -c '"$1" $2 >/dev/full' - "$EVS_BIN/evs" "$arguments"
		[ "$status" = 1 ] || fail "$arguments"
		err_has 'No space left on device'
		is "$(wc -l <<<"$stderr")" 1
	done
	is "$(count b.evs)" 3
}

@test "a closed pipe: quiet, and no failure" {
	events 50000 >in
	mkfifo pipe
	quiet evs append a.evs in
	for arguments in 'cat a.evs' 'cat a.evs --reverse' 'cat a.evs --format msgpack' 'cat a.evs -f' 'backup a.evs -'; do
		head -c 10 pipe >/dev/null 3>&- &
		try bash -c 'exec timeout 30 "$1" $2 >pipe' - "$EVS_BIN/evs" "$arguments"
		[ "$status" = 0 ] || fail "$arguments"
		err_is ''
		wait
	done
}

@test "a closed pipe does not keep append from committing" {
	events 50000 >in
	mkfifo pipe
	head -n 1 pipe >/dev/null 3>&- &
	try bash -c 'exec "$1" append a.evs --receipts in >pipe' - "$EVS_BIN/evs"
	is "$status" 0
	err_is ''
	n=$(count a.evs)
	[ "$n" -gt 0 ]
}
