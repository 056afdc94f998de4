# Least power: who may read and write what, what commands inherit, what terminals are shown.
load helper

# powerless COMMAND...: without the right to read and write what its user may not; tests may run as root.
powerless() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search "$@"
	else
		"$@"
	fi
}

unlocked='a.evs-lock cannot be written: right unless somebody appends meanwhile'

@test "files are their owner's alone, whatever the umask" {
	(umask 0 && events 3 a s | evs append store.evs && evs backup store.evs copy.evs && evs cat store.evs >/dev/null)
	is "$(stat -c '%n %a' -- *.evs*)" $'copy.evs 600\nstore.evs 600\nstore.evs-lock 600'
}

@test "a reader needs no more than to read: it says so where writers cannot know of it" {
	mkdir box
	events 3 a s | quiet evs append box/a.evs
	evs cat box/a.evs >all
	chmod 444 box/a.evs*
	chmod 555 box
	for lock in with without; do
		[ $lock = with ] || { chmod 755 box && rm box/a.evs-lock && chmod 555 box; }
		ran 0 powerless "$EVS_BIN/evs" cat box/a.evs
		out_is "$(cat all)"
		err_is "evs-cat: box/a.evs: read without a lock, as box/$unlocked"
		ran 0 powerless "$EVS_BIN/evs" stat box/a.evs
		ran 0 powerless "$EVS_BIN/evs" verify box/a.evs
		err_has "evs-verify: box/a.evs: read without a lock, as box/$unlocked"
		ran 0 powerless "$EVS_BIN/evs" backup box/a.evs copy-$lock.evs
		ran 0 powerless "$EVS_BIN/evs" group box/a.evs list
		ran 0 powerless "$EVS_BIN/evs" replay box/a.evs --exec 'jq -c .event' --stream s
		ran 1 powerless "$EVS_BIN/evs" append box/a.evs <<<'{"eventType":"a"}'
		err_has 'Permission denied'
	done
	[ ! -e box/a.evs-lock ]
	is "$(ls box)" a.evs
	chmod 755 box
	positions '1 2 3' copy-with.evs
	positions '1 2 3' copy-without.evs
}

@test "who may not read a store is told so" {
	events 1 | quiet evs append a.evs
	chmod 0 a.evs
	ran 1 powerless "$EVS_BIN/evs" cat a.evs
	err_is 'evs-cat: a.evs: cannot open the store: Permission denied'
}

@test "a store on a read-only file system can be read" {
	mkdir box
	events 3 a s | quiet evs append box/a.evs
	mounted='mount --bind box box && mount -o remount,ro,bind box &&'
	unshare -m sh -c "$mounted :" 2>/dev/null || skip 'nothing can be mounted here'
	ran 0 unshare -m sh -c "$mounted evs cat box/a.evs --last 1 --fields .position"
	out_is '{"position":3}'
	err_is "evs-cat: box/a.evs: read without a lock, as box/$unlocked"
	rm box/a.evs-lock
	ran 0 unshare -m sh -c "$mounted evs verify box/a.evs && evs cat box/a.evs --stream s | wc -l"
	out_is 3
	ran 1 unshare -m sh -c "$mounted evs append box/a.evs" <<<'{"eventType":"a"}'
	err_has 'Read-only file system'
}

@test "commands have no files but the three they are given" {
	events 2 a s | quiet evs append a.evs
	echo 'on "a" { n += 1 }' >n.fold
	files='(exec >>seen; ls -m /proc/$$/fd)' # a shell keeps what it redirects for a command of its own
	exec 9>>inherited
	for how in '' '--batch 2'; do
		ran 0 evs consume a.evs "g$how" $how -- sh -c "cat >/dev/null; $files"
	done
	ran 0 evs consume a.evs lines --lines -- sh -c "$files; sed -u s/.*/ok/"
	ran 0 evs replay a.evs --exec "sh -c '$files; cat'" --stream s
	ran 0 evs decide a.evs --stream s --fold n.fold -- sh -c "cat >/dev/null; $files"
	ran 4 evs consume a.evs dead --max-retries 0 -- false
	ran 0 evs dlq a.evs retry --all -- sh -c "cat >/dev/null; $files"
	exec 9>&-
	is "$(sort -u seen)" '0, 1, 2'
	[ "$(wc -l <seen)" -ge 8 ] || fail "too few commands ran: $(wc -l <seen)"
}

@test "what is on a terminal cannot control it" {
	printf '{"eventType":"t\302\2331m","aggregateId":"a\177b","data":{"x":"\302\2332J\\u001b[31m\\r\177","y\302\233":1}}\n' | quiet evs append a.evs
	printf 'not json \033[2J\302\233\n' | ran 4 evs append a.evs --on-error dlq
	echo 'on "*" key .eventType { x = .data.x }' >x.fold
	ran 0 evs project a.evs run p --fold x.fold
	while read -r line; do
		NO_COLOR=1 ran 0 on_terminal evs $line
		[ -n "$output" ] || fail "nothing is shown by: $line"
		! grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$output" || fail "control characters are shown by: $line"
	done <<-'END'
		cat a.evs
		cat a.evs --format pretty
		cat a.evs --format data
		cat a.evs --format cloudevents
		cat a.evs --format table
		cat a.evs --fields .data
		stat a.evs --by type
		stat a.evs --by stream --format json
		project a.evs show p
		project a.evs show p --format json
		project a.evs show p --format csv
		replay a.evs --fold x.fold --history
		dlq a.evs list
		dlq a.evs export --raw
		dlq a.evs list --format csv
	END
	# The escape of JSON means the same, and a pipe has every byte as it was.
	NO_COLOR=1 ran 0 on_terminal evs cat a.evs --format data
	is "$(jq -c . <<<"$output")" "$(evs cat a.evs --format data | jq -c .)"
	evs cat a.evs | LC_ALL=C grep -aq $'t\xc2\x9b1m'
	ran 2 on_terminal evs cat a.evs --format msgpack
}

@test "a store has one lock file, whatever links lead to it" {
	events 20 >in
	quiet evs append real.evs <<<'{"eventType":"first"}'
	ln -s real.evs link.evs
	for i in 1 2 3 4 5 6 7 8; do
		sed "s/a-/$i-/" in | evs append real.evs 3>&- &
		sed "s/a-/l$i-/" in | evs append link.evs
		wait
	done
	is "$(count real.evs)" 321
	is "$(echo *-lock)" real.evs-lock
	# A link that leads to nothing is a store to be made.
	ln -s made.evs dangling.evs
	quiet evs append dangling.evs <<<'{"eventType":"a"}'
	is "$(count made.evs) $(echo *-lock)" '1 made.evs-lock real.evs-lock'
	ran 1 evs append '' <<<'{"eventType":"a"}'
	err_has 'the name of the store is empty'
}

@test "a lock file that is a link, or no file, is not touched" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	for kind in link dangling pipe; do
		rm -f a.evs-lock
		echo precious >victim
		case $kind in
		link) ln -s victim a.evs-lock ;;
		dangling) ln -s made a.evs-lock ;;
		pipe) mkfifo a.evs-lock ;;
		esac
		for tool in stat append; do
			ran 1 timeout 10 evs $tool a.evs <<<'{"eventType":"a"}'
			err_has 'cannot open the store, or the -lock file beside it'
		done
		is "$(cat victim)" precious
		[ ! -e made ]
	done
}

@test "the lock file that root makes is the store's owner's" {
	[ "$(id -u)" = 0 ] || skip 'for root'
	quiet evs append a.evs <<<'{"eventType":"a"}'
	rm a.evs-lock
	chown 12345:12345 a.evs
	ran 0 evs stat a.evs
	is "$(stat -c '%u %g %a' a.evs-lock)" '12345 12345 600'
}

@test "a limit on the size of files is named, and leaves nothing behind" {
	events 3000 >in
	quiet evs append a.evs <<<'{"eventType":"a"}'
	for kib in 8 256; do
		ran 1 bash -c "ulimit -f $kib; evs append new.evs in"
		err_has 'File too large'
		rm -f new.evs*
		is "$(echo *)" 'a.evs a.evs-lock in'
	done
	ran 1 bash -c 'ulimit -f 64; evs append a.evs in'
	err_has 'File too large'
	is "$(count a.evs)" 1
}

@test "a name that leaves no room for that of the lock file makes no store" {
	name=$(printf 'n%.0s' {1..251})
	ran 1 evs append "$name" <<<'{"eventType":"a"}'
	err_is "evs-append: $name: cannot create the store, whose lock file has this name and -lock: File name too long"
	is "$(ls)" ''
	quiet evs append "${name%n}" <<<'{"eventType":"a"}'
	ran 0 evs verify "${name%n}"
}
