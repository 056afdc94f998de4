# What is many: in the long run as many as evs(7) says.
load helper

# appended MEGABYTES: append standard input to a.evs; it takes no more memory than that.
appended() {
	within "$1" evs append a.evs --no-progress
}

@test "10,000 types are told apart" {
	awk 'BEGIN { for (i = 0; i < 20000; i++) printf "{\"eventType\":\"kind.%d\",\"eventId\":\"%d\"}\n", i % 10000, i }' | appended 200
	is "$(evs stat a.evs | jq -c '[.events,.types]')" '[20000,10000]'
	positions '1235 11235' a.evs --type kind.1234
	is "$(evs cat a.evs --type 'kind.99*' | wc -l)" 222
	is "$(evs stat a.evs --by type | jq -c '[.type,.events]' | sort | uniq | wc -l)" 10000
	ran 0 evs verify a.evs
}

@test "a million keys: names have a bound, and what comes behind it is as well kept" {
	n=$(size 100000 1000000)
	awk -v n="$n" 'BEGIN {
		for (i = 0; i < n; i += 100) {
			printf "{\"eventType\":\"type%d\",\"eventId\":\"%d\",\"timestamp\":\"2026-05-14T10:30:00Z\",\"data\":{", i, i
			for (j = 0; j < 100; j++)
				printf "%s\"key%d\":%d", j ? "," : "", i + j, j
			printf "}}\n"
		}
	}' >in
	appended 300 <in
	evs cat a.evs | jq -c 'del(.position,.recordedAt)' | cmp - in
	last=$((n - 100))
	positions "$((n / 100))" a.evs --type "type$last"
	positions "$((n / 100))" a.evs --where ".data.key$((n - 1)) == 99"
	echo "on \"type$last\" key \"all\" { x = .data.key$((n - 2)); key$n = 1 }" >k.fold
	ran 0 evs project a.evs run k --fold k.fold
	is "$(evs project a.evs show k all | jq -c .state)" "{\"x\":98,\"key$n\":1}"
	ran 0 evs verify a.evs
	# However many names there are, an append of one event loads no more than the bound.
	ran 0 evs append a.evs <<<'{"eventType":"one"}'
}

@test "millions of streams" {
	n=$(size 200000 5000000)
	awk -v n="$n" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"eventType\":\"a\",\"eventId\":\"%d\",\"aggregateId\":\"s%d\"}\n", i, i }' | appended 512
	is "$(evs stat a.evs | jq .streams)" "$n"
	for i in 1 $((n / 2)) "$n"; do
		positions "$i" a.evs --stream "s$i"
	done
	echo '{"eventType":"b","aggregateId":"s7"}' | quiet evs append a.evs --expect 1
	echo '{"eventType":"b","aggregateId":"s7"}' | ran 3 evs append a.evs --expect 1
	echo '{"eventType":"b","aggregateId":"new"}' | quiet evs append a.evs --expect 0
	ran 0 evs verify a.evs
}

@test "one stream of millions of events" {
	n=$(size 300000 10000000)
	awk -v n="$n" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"eventType\":\"a\",\"eventId\":\"%d\",\"aggregateId\":\"s\",\"data\":%d}\n", i, i % 10 }' | appended 512
	positions "$n" a.evs --stream s --last 1
	positions "$((n - 1)) $n" a.evs --stream s --from-revision $((n - 1))
	echo 'on "a" { n += 1; sum += .data }' >s.fold
	ran 0 evs replay a.evs --fold s.fold --key s --at-revision $((n / 2))
	is "$(jq -c .state <<<"$output")" "{\"n\":$((n / 2)),\"sum\":$((n / 20 * 45))}"
	echo '{"eventType":"a","aggregateId":"s"}' | quiet evs append a.evs --expect "$n"
	ran 0 evs verify a.evs
}

@test "a store that memory could hold but once: 20 GB" {
	[ -z "$LONG" ] || [ "$(df --output=avail -BG . | tail -n 1 | tr -dc 0-9)" -ge 24 ] || skip 'no 24 GB of disk'
	n=$(size 10000 3300000)
	# Text that no compressor shortens by more than a quarter: a store of 6.2 KB an event.
	python3 - "$n" <<-'END' | appended 512
		import base64, os, sys
		pool = base64.b64encode(os.urandom(48 << 20))
		n, starts = int(sys.argv[1]), len(pool) - 8000
		for i in range(0, n, 10):
		    sys.stdout.buffer.write(b"".join(
		        b'{"eventType":"t%d","eventId":"%d","aggregateId":"s%d","data":{"n":%d,"text":"%s"}}\n'
		        % (j % 10, j, j % 1009, j, pool[j * 7919 % starts:j * 7919 % starts + 8000]) for j in range(i, i + 10)))
	END
	echo "# a store of $(($(stat -c %s a.evs) >> 20)) MB" >&3
	within 100 evs cat a.evs --last 1000
	within 100 evs cat a.evs --stream s7 --limit 1000
	within 100 evs stat a.evs
	within 200 evs verify a.evs
	positions "$n" a.evs --event $((n - 1))
	is "$(evs cat a.evs --stream s7 --fields .data.n | wc -l)" $(((n - 8) / 1009 + 1))
	is "$(evs cat a.evs --type t3 --from $((n - 99)) --fields .position | wc -l)" 10
	# What one more event takes does not depend on how many there are.
	within 60 evs append a.evs <<<'{"eventType":"one","aggregateId":"s7"}'
}

# tail_took OWN: milliseconds of the processor that ten appends of ten events take behind 8,000 in the tail; OWN 1: each has its own names, 0: all the same.
tail_took() {
	local TIMEFORMAT=%3U
	rm -f a.evs
	awk -v own="$1" 'BEGIN {
		for (i = 1; i <= 8100; i++) {
			name = own ? "k" i : "k"
			printf "{\"eventType\":\"%s\",\"eventId\":\"%d\",\"aggregateId\":\"%s\",\"correlationId\":\"%s\",\"tags\":[\"%s\"]}\n", name, i, name, name, name
		}
	}' >in
	head -n 8000 in | quiet evs append a.evs
	is "$(evs stat a.evs | jq .tailEvents)" 8000
	tail -n 100 in | split -l 10 - part.
	{ time for part in part.*; do evs append a.evs <$part; done; } 2>&1 | tr -d .
}

@test "where all of the newest events have the same names an append takes no longer than where each has its own" {
	own=$(tail_took 1)
	same=$(tail_took 0)
	[ "$((10#$same))" -le "$((10#$own * 3 + 100))" ] || fail "$same ms, and $own ms where each has its own"
}

@test "64 readers at once, each at its own pace, beside a writer" {
	events 5000 a s | quiet evs append a.evs
	for i in $(seq 64); do
		evs cat a.evs --fields .position | { read -r first; sleep 0.5; cat; } | tail -n 1 >"last$i" &
		readers+=($!)
	done
	for _ in $(seq 10); do
		echo '{"eventType":"b"}' | quiet evs append a.evs
	done
	wait "${readers[@]}"
	is "$(cat last* | jq -s 'map(select(.position >= 5000)) | length')" 64
	is "$(count a.evs)" 5010
}

@test "where there are as many readers as can be, one more is told so, and can come when one is gone" {
	ldconfig -p 2>/dev/null | grep -q 'liblmdb\.so\.0' || [ -e /usr/lib/*/liblmdb.so.0 ] || skip 'no liblmdb.so.0 for a program that fills the table'
	events 1 | quiet evs append a.evs
	rm a.evs-lock
	mkfifo end
	python3 - a.evs >ready <<-'END' &
		import ctypes, sys
		lmdb, P, env = ctypes.CDLL("liblmdb.so.0"), ctypes.c_void_p, ctypes.c_void_p()
		lmdb.mdb_env_open.argtypes = [P, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]
		lmdb.mdb_txn_begin.argtypes = [P, P, ctypes.c_uint, ctypes.POINTER(P)]
		assert lmdb.mdb_env_create(ctypes.byref(env)) == 0 and lmdb.mdb_env_set_maxreaders(env, 4) == 0
		assert lmdb.mdb_env_open(env, sys.argv[1].encode(), 0x4000 | 0x20000 | 0x200000, 0o600) == 0  # NOSUBDIR, RDONLY, NOTLS
		for _ in range(4):
		    assert lmdb.mdb_txn_begin(env, None, 0x20000, ctypes.byref(P())) == 0
		print("full", flush=True)
		open("end").read()
	END
	wait_for lines_in ready 1
	ran 1 evs cat a.evs
	err_is 'evs-cat: a.evs: cannot read the store: as many readers are at work on it as there can be; try again when one is done'
	ran 1 evs append a.evs <<<'{"eventType":"a"}'
	err_has 'as many readers are at work on it as there can be'
	echo >end
	wait $!
	positions 1 a.evs
}

@test "little address space is enough for a small store, and where it is not ulimit -v is named" {
	quiet evs append a.evs <<<'{"eventType":"a"}'
	ran 0 bash -c 'ulimit -v 1000000 && evs append a.evs <<<"{\"eventType\":\"b\"}" && evs cat a.evs --fields .eventType'
	out_is $'{"eventType":"a"}\n{"eventType":"b"}'
	ran 1 bash -c 'ulimit -v 200000 && evs cat a.evs'
	err_is 'evs-cat: a.evs: cannot map the store; ulimit -v may be too low: Cannot allocate memory'
}
