# evs backup: a consistent copy, verified, while others write; and DEST as it was when anything goes wrong.
load helper

# No file of an unfinished copy is left beside the stores.
nothing_left() {
	is "$(ls | grep -v -x -E "$1" | paste -sd' ')" ''
}

@test "backup copies a store" {
	events 20000 a s >in
	quiet evs append a.evs in
	events 5 b | evs append a.evs
	ran 4 evs append a.evs --on-error dlq <<<bad
	umask 022
	quiet evs backup a.evs b.evs
	is "$(stat -c %a b.evs)" 600
	cmp <(evs cat a.evs) <(evs cat b.evs)
	is "$(evs stat b.evs | jq -c '[.events,.deadLetters]')" '[20005,1]'
	is "$(count b.evs)" 20005
	# It is a store of its own.
	quiet evs append b.evs --stream s <<<'{"eventType":"c"}'
	is "$(evs cat b.evs --last 1 | jq -c '[.position,.revision]')" '[20006,20001]'
	is "$(count a.evs)" 20005
	nothing_left 'in|[ab]\.evs(-lock)?'
}

@test "backup does not replace DEST, but with --force" {
	events 1 >in
	quiet evs append a.evs in
	events 1 b >in2
	quiet evs append old.evs in2
	before=$(sha256sum <old.evs)
	ran 1 evs backup a.evs old.evs
	out_is ''
	err_is "evs-backup: old.evs: is there already; --force replaces it"
	is "$(sha256sum <old.evs)" "$before"
	quiet evs backup a.evs --force old.evs
	shows '{"eventId":"a-1"}' old.evs --fields .eventId
	quiet evs backup -f a.evs old.evs
	echo text >old.txt
	quiet evs backup -f a.evs old.txt
	is "$(count old.txt)" 1
	ran 1 evs backup a.evs a.evs
	err_has "is the store itself"
	ran 1 evs backup -f a.evs a.evs
	err_has "is the store itself"
	ln a.evs link.evs
	ran 1 evs backup -f a.evs link.evs
	err_has "is the store itself"
	mkdir folder
	ran 1 evs backup -f a.evs folder
	err_has "no regular file"
	ln -s nowhere dangling
	ran 1 evs backup a.evs dangling
	[ ! -e nowhere ]
	nothing_left '.*\.evs(-lock)?|in2?|old\.txt(-lock)?|folder|dangling'
	ran 1 evs backup missing.evs new.evs
	err_is "evs-backup: missing.evs: no such store"
	[ ! -e new.evs ] && [ ! -e missing.evs ]
	ran 1 evs backup in new.evs
	err_is "evs-backup: in: not an evs store"
	ran 1 evs backup a.evs no/such/folder/b.evs
	err_has "No such file or directory"
}

@test "backup does not replace a store that is open" {
	events 1 >in
	quiet evs append a.evs in
	quiet evs append b.evs in
	"$EVS_BIN/evs" cat -f b.evs --marker >out 3>&- &
	pid=$!
	wait_for lines_in out 2
	ran 1 evs backup -f a.evs b.evs
	err_has "is open in another process ($pid)"
	kill $pid
	wait $pid || true
	quiet evs backup -f a.evs b.evs
}

@test "backup - writes to standard output" {
	events 9000 >in
	quiet evs append a.evs in
	try bash -c 'evs backup a.evs - | cat >b.evs; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 0 ]
	err_is ''
	is "$(count b.evs)" 9000
	evs backup a.evs - >c.evs
	cmp <(evs cat a.evs) <(evs cat c.evs)
	try bash -c 'evs backup a.evs - | head -c 100 >/dev/null; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 0 ]
	err_is ''
	ran 2 on_terminal evs backup a.evs -
	out_has "not for a terminal"
	ran 1 bash -c 'evs backup a.evs - >/dev/full'
	err_has "No space left on device"
}

@test "backup is one moment while others write" {
	for w in 1 2; do
		for k in $(seq $(size 20 40)); do
			events $((k * 20)) "w$w-$k" "s$w" >in.$w
			evs append a.evs in.$w
		done 3>&- &
	done
	wait_for test -s a.evs
	wait_for evs stat a.evs >/dev/null
	for i in $(seq $(size 5 12)); do
		ran 0 evs backup a.evs "b$i.evs"
		err_is ''
		n=$(count "b$i.evs")
		cmp <(evs cat "b$i.evs") <(evs cat a.evs --to "$((n > 0 ? n : 1))" --limit "$n")
		# Whole appends: a batch of one input is there or is not.
		evs cat "b$i.evs" | jq -r .eventType | sort | uniq -c | while read -r n type; do
			is "$n" $((20 * ${type#*-}))
		done
	done
	wait
	nothing_left '[ab][0-9]*\.evs(-lock)?|in\.[12]'
}

@test "backup of a damaged store fails and leaves no copy" {
	events 20000 >in
	quiet evs append a.evs in
	python3 - <<-'END'
	data = bytearray(open("a.evs", "rb").read())
	at, best, size = 0, 0, 0
	for piece in bytes(data).split(b"\0" * 64):
	    if len(piece) > size: best, size = at, len(piece)
	    at += len(piece) + 64
	data[best + size // 2] ^= 0xff
	open("a.evs", "wb").write(data)
	END
	ran 5 evs verify a.evs
	ran 5 evs backup a.evs b.evs
	out_is ''
	err_has "evs-backup: b.evs: "
	err_has "damaged"
	echo old >c.evs
	ran 5 evs backup -f a.evs c.evs
	is "$(cat c.evs)" old
	nothing_left 'in|a\.evs(-lock)?|c\.evs'
}

@test "backup that is stopped leaves nothing behind" {
	python3 -c "
import json, random
random.seed(1)
for i in range(60000): print(json.dumps({'eventType': 'a', 'data': '%x' % random.getrandbits(2000)}))" >in
	quiet evs append a.evs in
	for signal in INT:130 TERM:143; do
		# Caught in the act: as soon as the copy is beside it.
		interruptible evs backup a.evs b.evs 2>err &
		pid=$!
		until compgen -G 'b.evs.*' >/dev/null || ! kill -0 $pid 2>/dev/null; do :; done
		kill -"${signal%:*}" $pid 2>/dev/null || true
		status=0
		wait $pid || status=$?
		[ "$status" = 0 ] || is "$status" "${signal#*:}"
		[ "$status" != 0 ] || rm -f b.evs b.evs-lock # it was quicker
		nothing_left 'in|err|a\.evs(-lock)?'
	done
}
