# evs snapshot: states that are kept to start from, and that they never change what comes out.
load helper

# A store of two accounts of one id, a long stream and some others; sum.fold; and what replay says without any snapshot.
setup_file() {
	cd "$BATS_FILE_TMPDIR"
	python3 - >in.ndjson <<-'END'
	import random
	random.seed(4)
	for i in range(3000):
	    id = "long" if i % 2 else "s%d" % (i % 7)
	    type = "Account" if id != "s0" or i % 3 else "Loan"
	    print('{"eventType":"%s","eventId":"%d","timestamp":"2026-05-%02dT10:30:00Z","aggregateType":"%s","aggregateId":"%s","data":{"amount":%d.%02d}}'
	          % (random.choice(["in", "out"]), i, 1 + i // 150, type, id, random.randrange(90), random.randrange(100)))
	END
	evs append plain.evs in.ndjson
	cat >sum.fold <<-'END'
	on "in" { balance += .data.amount; n += 1 }
	on "out" { balance -= .data.amount; n += 1; outs += 1 }
	END
	sed 's/n += 1/n += 2/g' sum.fold >changed.fold
	everything plain.evs >wanted
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	cp "$BATS_FILE_TMPDIR"/{in.ndjson,plain.evs,*.fold,wanted} .
	cp plain.evs a.evs
}

# everything STORE: what replay says at many moments.
everything() {
	local fold at
	for fold in sum.fold changed.fold; do
		{
			for at in 1 1000 1999 3000; do
				echo "--key long --at-position $at"
				echo "--key long --at-revision $((at / 2 + 1))"
			done
			cat <<-'END'

			--key s0 --aggregate-type Loan
			--key s0 --aggregate-type Account
			--key long --at 2026-05-14
			--key long --without 2,4,1500
			--key long --type in
			--key long --after 500
			--key long --blame outs
			--key long --first balance>100
			END
		} | while read -r at; do
			echo "$fold $at"
			evs replay "$1" --fold $fold $at 2>&1 || fail "replay of $1 $at" || return 1
		done || return 1
	done
}

# everything_same: with the snapshots there are it is as without.
everything_same() {
	everything a.evs | diff wanted - || fail 'replay says otherwise with snapshots'
}

# same_replay ARGUMENTS...: replay says the same of both stores.
same_replay() {
	evs replay plain.evs "$@" >wanted.one 2>&1 || fail "replay of plain.evs $*: $(cat wanted.one)"
	evs replay a.evs "$@" 2>&1 | diff wanted.one - || fail "replay $* says otherwise with snapshots"
}

# more_plain: plain.evs is a.evs as it is now, without the snapshots.
more_plain() {
	cp a.evs plain.evs
	evs snapshot plain.evs drop
	everything plain.evs >wanted
}

# taken FILTER: of the lines of list.
taken() {
	evs snapshot a.evs list | jq -c "$1"
}

@test "take takes a snapshot of every state, list lists them, show shows one" {
	quiet evs snapshot a.evs list
	quiet evs snapshot a.evs take --fold sum.fold
	ran 0 evs snapshot a.evs list
	err_is ''
	is "$(jq -c '[.key,.aggregateType]' <<<"$output" | sort -u)" "$(jq -c '[.aggregateId,.aggregateType]' in.ndjson | sort -u)"
	is "$(wc -l <<<"$output")" "$(evs replay a.evs --fold sum.fold | wc -l)"
	is "$(evs snapshot a.evs list --format csv | cut -d, -f1-6)" \
		"$(printf 'key,aggregateType,position,revision,events,bytes\n'; jq -r '[.key,.aggregateType,.position,.revision,.events,.bytes]|@csv' <<<"$output" | tr -d '"')"
	ran 0 on_terminal evs snapshot a.evs list
	[[ ${output%%$'\n'*} == 'key   aggregateType  position '* ]] || fail 'no table'
	ran 0 evs snapshot a.evs show --fold sum.fold long
	err_is ''
	is "$(jq -c .state <<<"$output")" "$(evs replay plain.evs --fold sum.fold --key long | jq -c .state)"
	is "$(jq -c '[.key,.aggregateType,.position,.revision]' <<<"$output")" '["long","Account",3000,1500]'
	ran 0 evs verify a.evs
	out_is ''
	everything_same
}

@test "take --key takes one alone; of several aggregate types one is named" {
	quiet evs snapshot a.evs take --fold sum.fold --key long
	is "$(taken '[.key,.aggregateType,.position]')" '["long","Account",3000]'
	ran 2 evs snapshot a.evs take --fold sum.fold --key s0
	out_is ''
	err_has "'s0'"
	quiet evs snapshot a.evs take --fold sum.fold --key s0 --aggregate-type Loan
	is "$(taken '[.key,.aggregateType]' | sort)" $'["long","Account"]\n["s0","Loan"]'
	ran 1 evs snapshot a.evs take --fold sum.fold --key nosuch
	out_is ''
	err_has "'nosuch'"
	ran 0 evs snapshot a.evs show --fold sum.fold s0 --aggregate-type Loan
	ran 1 evs snapshot a.evs show --fold sum.fold s0 --aggregate-type Account
	everything_same
}

@test "take --every N takes one each N events of a state" {
	quiet evs snapshot a.evs take --fold sum.fold --key long --every 100
	is "$(taken .revision | sort -n | paste -sd' ')" "$(seq -s' ' 100 100 1500)"
	everything_same
	# Again, and after more events: only what is new.
	quiet evs snapshot a.evs take --fold sum.fold --key long --every 100
	is "$(taken .revision | wc -l)" 15
	for i in 1 2 3; do
		sed -n '/"long"/{s/"eventId":"\([0-9]*\)"/"eventId":"'$i'-\1"/;p}' in.ndjson | head -n 100 >more
		quiet evs append a.evs more
	done
	more_plain
	quiet evs snapshot a.evs take --fold sum.fold --key long --every 100
	is "$(taken .revision | sort -n | paste -sd' ')" "$(seq -s' ' 100 100 1800)"
	everything_same
	ran 2 evs snapshot a.evs take --fold sum.fold --every 0
}

@test "snapshots belong to the fold: another one has its own" {
	quiet evs snapshot a.evs take --fold sum.fold --key long
	quiet evs snapshot a.evs take --fold changed.fold --key long
	is "$(taken .key | wc -l)" 2
	ran 0 evs snapshot a.evs list --fold changed.fold
	is "$(wc -l <<<"$output")" 1
	is "$(evs snapshot a.evs show --fold sum.fold long | jq .state.n)" 1500
	is "$(evs snapshot a.evs show --fold changed.fold long | jq .state.n)" 3000
	# Space and comments do not make another fold.
	sed 's/^/# a comment\n  /' sum.fold >spaced.fold
	is "$(evs snapshot a.evs show --fold spaced.fold long | jq .state.n)" 1500
	sed 's/n += 1/n += 7/g' sum.fold >third.fold
	ran 1 evs snapshot a.evs show --fold third.fold long
	out_is ''
	ran 0 evs snapshot a.evs list --fold third.fold
	out_is ''
	everything_same
}

@test "a fold with a key of its own has snapshots, too" {
	echo 'key .eventType
on "*" { n += 1; last = .position }' >type.fold
	quiet evs snapshot a.evs take --fold type.fold
	is "$(taken .key | sort | paste -sd' ')" '"in" "out"'
	is "$(evs snapshot a.evs show --fold type.fold in | jq -c .state)" "$(evs replay plain.evs --fold type.fold --key in | jq -c .state)"
	same_replay --fold type.fold
	same_replay --fold type.fold --key in
	same_replay --fold type.fold --key in --at-position 1500
	{ head -n 50 in.ndjson | sed 's/"eventId":"/&x/'; } >more
	quiet evs append a.evs more
	more_plain
	same_replay --fold type.fold
	same_replay --fold type.fold --key in
}

@test "replay starts from a snapshot" {
	python3 - >in <<-'END'
	for i in range(100000):
	    print('{"eventType":"in","eventId":"b%d","aggregateType":"Account","aggregateId":"big","data":{"amount":0.01}}' % i)
	END
	quiet evs append big.evs in
	# best COMMAND...: the least milliseconds of processor time of five; others may be at work too.
	best() {
		local least=1000000 took TIMEFORMAT='%3U %3S'
		for _ in 1 2 3 4 5; do
			took=$({ time "$@" >said; } 2>&1)
			took=$(tr -d . <<<"$took")
			took=$((10#${took% *} + 10#${took#* }))
			[ $took -ge $least ] || least=$took
		done
		echo $least
	}
	without=$(best "$EVS_BIN/evs" replay big.evs --fold sum.fold --key big --at-position 99950)
	cp said wanted
	quiet evs snapshot big.evs take --fold sum.fold --every 1000
	with=$(best "$EVS_BIN/evs" replay big.evs --fold sum.fold --key big --at-position 99950)
	cmp said wanted
	[[ $(cat said) == *'"state":{"balance":999.50,"n":99950}'* ]] || fail "$(cat said)"
	# Starting a process is no part of it, and takes long with sanitizers.
	start=$(best "$EVS_BIN/evs" --version)
	[ $(((with - start) * 2)) -lt $((without - start)) ] || fail "$with ms with snapshots, $without ms without, $start ms for nothing"
}

@test "drop drops what is named, prune keeps the newest N of each state" {
	quiet evs snapshot a.evs take --fold sum.fold --every 100
	quiet evs snapshot a.evs take --fold changed.fold --every 100
	ran 0 evs snapshot a.evs list
	[ "$(jq -r 'select(.key == "long") | .key' <<<"$output" | wc -l)" = 30 ]
	ran 0 evs snapshot a.evs prune --keep 3
	out_is ''
	ran 0 evs snapshot a.evs list --fold sum.fold
	is "$(jq -c 'select(.key == "long") | .revision' <<<"$output" | sort -n | paste -sd' ')" '1300 1400 1500'
	[ "$(jq -c '[.key,.aggregateType]' <<<"$output" | sort | uniq -c | sort -rn | awk '{print $1; exit}')" = 3 ]
	everything_same
	ran 0 evs snapshot a.evs drop --fold sum.fold --key long
	out_is ''
	ran 0 evs snapshot a.evs list --fold sum.fold
	is "$(jq -c 'select(.key == "long")' <<<"$output")" ''
	[ -n "$output" ]
	ran 0 evs snapshot a.evs list --fold changed.fold
	is "$(jq -c 'select(.key == "long")' <<<"$output" | wc -l)" 3
	ran 0 evs snapshot a.evs drop --fold sum.fold
	ran 0 evs snapshot a.evs list --fold sum.fold
	out_is ''
	ran 0 evs snapshot a.evs list --fold changed.fold
	[ -n "$output" ]
	everything_same
	ran 0 evs verify a.evs
	out_is ''
}

@test "snapshot says what is wrong with how it is used" {
	ran 2 evs snapshot a.evs
	ran 2 evs snapshot a.evs took
	err_has "'took'"
	while IFS='|' read -r arguments message; do
		ran 2 evs snapshot a.evs $arguments
		out_is ''
		err_is "evs-snapshot: $message"
	done <<-'END'
		take|--fold is missing; usage: evs snapshot STORE take --fold FILE
		show long|--fold is missing; usage: evs snapshot STORE show --fold FILE KEY
		show --fold sum.fold|an operand is missing; usage: evs snapshot STORE show --fold FILE KEY
		show --fold sum.fold long --key long|option '--key' goes with take, list, drop and prune, not with show
		list --every 3|option '--every' goes with take, not with list
		prune|--keep is missing; usage: evs snapshot STORE prune --keep N
		drop --keep 3|option '--keep' goes with prune, not with drop
	END
	ran 1 evs snapshot no.evs list
	err_is 'evs-snapshot: no.evs: no such store'
	ran 1 evs snapshot a.evs take --fold no.fold
	err_has no.fold
	ran 1 evs snapshot a.evs show --fold sum.fold long
	out_is ''
	err_has "'long'"
	quiet evs snapshot a.evs list
}

@test "take on an event on which the fold fails says which" {
	echo 'on "in" { if .position == 0 { n = 1 }; if .data.amount > 85 { fail "too much" } }' >fails.fold
	ran 1 evs snapshot a.evs take --fold fails.fold --key long
	out_is ''
	err_has 'position'
	err_has 'too much'
}

@test "snapshots are compressed" {
	python3 - >in <<-'END'
	import json
	for i in range(2000):
	    print(json.dumps({"eventType": "t", "aggregateId": "x", "data": {"text": "the same words again and again " * 3}}))
	END
	quiet evs append z.evs in
	before=$(stat -c %s z.evs)
	echo 'on "t" { push all .data.text }' >push.fold
	quiet evs snapshot z.evs take --fold push.fold --every 500
	is "$(evs snapshot z.evs show --fold push.fold x | jq '.state.all | length')" 2000
	[ $(($(stat -c %s z.evs) - before)) -lt 200000 ] || fail "it grew by $(($(stat -c %s z.evs) - before)) bytes"
}
