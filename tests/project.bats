# evs project: read models that are kept up to date, and what they are after failures, kills and races.
load helper

# account.fold, and in.ndjson: accounts N [SEED] more events of it. Ids go on, so that every call adds.
account_fold() {
	cat >account.fold <<-'END'
	on "opened" { owner = .data.owner; balance = 0 }
	on "deposited" { balance += .data.amount; moves += 1 }
	on "withdrawn" { balance -= .data.amount; moves += 1; push last .data.amount }
	on "closed" { delete }
	index owner
	index balance
	END
}

# accounts N FIRST: N events with ids from FIRST on, of 50 accounts and some other types.
accounts() {
	awk -v n="$1" -v first="$2" 'BEGIN {
		srand(first)
		split("ada bob eve", owners)
		split("opened opened closed noted noted noted withdrawn withdrawn withdrawn withdrawn withdrawn", types)
		for (i = first; i < first + n; i++) {
			type = types[1 + int(rand() * 21)]
			printf "{\"eventType\":\"%s\",\"eventId\":\"e%d\",\"timestamp\":\"2026-05-14T10:30:00Z\",\"aggregateType\":\"%s\",\"aggregateId\":\"a%d\",",
				type == "" ? "deposited" : type, i, rand() < 0.5 ? "Account" : "Loan", rand() * 50
			printf "\"data\":{\"owner\":\"%s\",\"amount\":%d.%02d}}\n", owners[1 + int(rand() * 3)], rand() * 1000, rand() * 100
		}
	}'
}

# account_states: what account.fold makes of lines of accounts on stdin, as show prints it.
account_states() {
	awk -F '"' '
	{ k = "{\"key\":\"" $20 "\",\"aggregateType\":\"" $16 "\",\"state\":{"; amount = substr($29, 2); sub(/}}/, "", amount); cents = amount; sub(/[.]/, "", cents) }
	$4 == "opened" { owner[k] = $26; cent[k] = 0; digits[k] = 0; there[k] = 1 }
	$4 == "deposited" { cent[k] += cents; moves[k]++; digits[k] = 2; there[k] = 1 }
	$4 == "withdrawn" { cent[k] -= cents; moves[k]++; digits[k] = 2; last[k] = last[k] (last[k] == "" ? "" : ",") amount; there[k] = 1 }
	$4 == "closed" { delete owner[k]; delete cent[k]; delete moves[k]; delete last[k]; delete there[k] }
	END {
		for (k in there) {
			c = cent[k] < 0 ? -cent[k] : cent[k]
			printf "%s%s\"balance\":", k, k in owner ? "\"owner\":\"" owner[k] "\"," : ""
			printf digits[k] ? "%s%d.%02d" : "%s%d", cent[k] < 0 ? "-" : "", digits[k] ? int(c / 100) : c, c % 100
			print (moves[k] ? ",\"moves\":" moves[k] : "") (last[k] != "" ? ",\"last\":[" last[k] "]" : "") "}}"
		}
	}' | LC_ALL=C sort
}

# same_states WANTED GOT: the same lines by value, numbers as exact decimals.
same_states() {
	python3 - "$1" "$2" <<-'END' || fail "$2 is not what $1 says"
	import decimal, itertools, json, sys
	def states(name):
	    return [json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal) for line in open(name)]
	for a, b in itertools.zip_longest(states(sys.argv[1]), states(sys.argv[2])):
	    if a != b:
	        sys.exit("wanted %s\ngot    %s" % (a, b))
	END
}

# model_is NAME WANTED: show NAME says what is in the file, in that order.
model_is() {
	ran 0 evs project a.evs show "$1"
	err_is ''
	printf '%s' "${output:+$output$'\n'}" >got
	cmp -s "$2" got || same_states "$2" got # numbers may be written in another way
}

# of NAME FILTER: what status says of the projection.
of() {
	evs project a.evs status "$1" | jq -c "$2"
}

# Ten events of three streams.
few() {
	cat >few.ndjson <<-'END'
	{"eventType":"opened","eventId":"f1","aggregateType":"Account","aggregateId":"1","data":{"owner":"ada"}}
	{"eventType":"opened","eventId":"f2","aggregateType":"Account","aggregateId":"2","data":{"owner":"bob"}}
	{"eventType":"deposited","eventId":"f3","aggregateType":"Account","aggregateId":"1","data":{"amount":29.90}}
	{"eventType":"noted","eventId":"f4","aggregateType":"Account","aggregateId":"1"}
	{"eventType":"deposited","eventId":"f5","aggregateType":"Account","aggregateId":"2","data":{"amount":0.10}}
	{"eventType":"withdrawn","eventId":"f6","aggregateType":"Account","aggregateId":"1","data":{"amount":9.95}}
	{"eventType":"opened","eventId":"f7","aggregateType":"Loan","aggregateId":"1","data":{"owner":"eve"}}
	{"eventType":"noted","eventId":"f8","data":{}}
	END
	evs append a.evs few.ndjson
	account_fold
}

FEW='{"key":"1","aggregateType":"Account","state":{"owner":"ada","balance":19.95,"moves":2,"last":[9.95]}}
{"key":"1","aggregateType":"Loan","state":{"owner":"eve","balance":0}}
{"key":"2","aggregateType":"Account","state":{"owner":"bob","balance":0.10,"moves":1}}'

# ---- run ----

@test "run makes a model that show prints" {
	few
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc
	out_is "$FEW"
	err_is ''
	ran 0 evs verify a.evs
	out_is ''
}

@test "run a second time does what is new, and only that" {
	few
	quiet evs project a.evs run acc --fold account.fold
	is "$(of acc '[.name,.position,.lag,.status]')" '["acc",8,0,"done"]'
	quiet evs project a.evs run acc --fold account.fold
	is "$(evs project a.evs show acc)" "$FEW"
	quiet evs append a.evs <<<'{"eventType":"deposited","aggregateType":"Account","aggregateId":"2","data":{"amount":0.90}}'
	is "$(of acc '[.position,.lag]')" '[8,1]'
	# Nothing moves by being looked at.
	is "$(evs project a.evs show acc)" "$FEW"
	quiet evs project a.evs run acc --fold account.fold
	is "$(of acc '[.position,.lag,.status]')" '[9,0,"done"]'
	ran 0 evs project a.evs show acc 2
	out_is '{"key":"2","aggregateType":"Account","state":{"owner":"bob","balance":1.00,"moves":2}}'
}

@test "many runs, each over some more events, make what one run makes" {
	account_fold
	accounts 6017 0 >all
	at=0
	for n in 3000 7 1 3000 9; do
		at=$((at + n))
		head -n $at all | tail -n $n >part
		quiet evs append a.evs part
		quiet evs project a.evs run acc --fold account.fold
		if [ $n != 1 ] && [ $n != 9 ]; then
			evs project a.evs show acc >got.$at
		fi
	done
	for at in 3000 3007 6008; do
		head -n $at all | account_states >wanted
		cmp wanted got.$at
	done
	account_states <all >wanted
	model_is acc wanted
	quiet evs project a.evs run once --fold account.fold
	cmp <(evs project a.evs show acc) <(evs project a.evs show once)
}

@test "a state that is deleted is gone, and comes back as a new one" {
	account_fold
	{
		echo '{"eventType":"opened","aggregateId":"x","data":{"owner":"ada"}}'
		echo '{"eventType":"deposited","aggregateId":"x","data":{"amount":5}}'
	} | evs append a.evs
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc
	out_is '{"key":"x","state":{"owner":"ada","balance":5,"moves":1}}'
	quiet evs append a.evs <<<'{"eventType":"closed","aggregateId":"x"}'
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc
	out_is ''
	ran 0 evs project a.evs show acc --where 'owner == "ada"'
	out_is ''
	ran 1 evs project a.evs show acc x
	quiet evs append a.evs <<<'{"eventType":"deposited","aggregateId":"x","data":{"amount":2}}'
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc
	out_is '{"key":"x","state":{"balance":2,"moves":1}}'
}

@test "a fold with a key of its own: one state a key, and no aggregateType" {
	few
	cat >owner.fold <<-'END'
	key .data.owner
	on "opened" { n += 1; add types .aggregateType }
	END
	quiet evs project a.evs run owners --fold owner.fold
	ran 0 evs project a.evs show owners
	out_is '{"key":"ada","state":{"n":1,"types":["Account"]}}
{"key":"bob","state":{"n":1,"types":["Account"]}}
{"key":"eve","state":{"n":1,"types":["Loan"]}}'
}

@test "each fans an event out to several states" {
	echo '{"eventType":"placed","aggregateId":"o","data":{"items":[{"sku":"X","q":2},{"sku":"Y","q":1},{"sku":"X","q":3}]}}' | evs append a.evs
	echo 'on "placed" each .data.items key .sku { stock -= .q }' >stock.fold
	quiet evs project a.evs run stock --fold stock.fold
	ran 0 evs project a.evs show stock
	out_is $'{"key":"X","state":{"stock":-5}}\n{"key":"Y","state":{"stock":-1}}'
}

@test "the checkpoint goes on over events that do not match" {
	few
	quiet evs project a.evs run acc --fold account.fold --type opened --to 2
	quiet evs project a.evs run loans --fold account.fold --aggregate-type Loan
	is "$(of loans '[.position,.lag,.status]')" '[8,0,"done"]'
	echo 'on "never" { n = 1 }' >never.fold
	quiet evs project a.evs run never --fold never.fold
	is "$(of never '[.position,.lag]')" '[8,0]'
	ran 0 evs project a.evs show never
	out_is ''
	events 3000 other >in
	quiet evs append a.evs in
	quiet evs project a.evs run loans --fold account.fold --aggregate-type Loan
	is "$(of loans '[.position,.lag]')" '[3008,0]'
}

@test "run with selectors counts what they select" {
	few
	events 40 noted >in
	quiet evs append a.evs --tag t --source s --correlation c --causation d in
	echo 'key "all"
on "*" { n += 1; push at .position }' >all.fold
	n=0
	while read -r arguments; do
		eval "set -- $arguments"
		n=$((n + 1))
		evs project a.evs run p$n --fold all.fold "$@" >>said 2>&1 || fail "run $arguments: $(cat said)"
		# And again, with the same selectors: nothing new.
		evs project a.evs run p$n --fold all.fold "$@" >>said 2>&1 || fail "run $arguments again: $(cat said)"
		{ echo "$arguments"; evs project a.evs show p$n; } >>got
		echo "$arguments" >>wanted
		evs cat a.evs "$@" --fields .position |
			jq -s -c 'map(.position) | if length == 0 then empty else {key: "all", state: {n: length, at: .}} end' >>wanted
	done <<-'END'
		--stream 1 --aggregate-type Loan
		-s 2
		--aggregate-type Account
		--type opened --type 'with*'
		-t noted
		--event f3
		--correlation c
		--causation d
		--tag t
		--source s
		--from 5 --to 7
		--after 45
		--from-revision 2
		--since 2026-05-14 --until 2026-05-15
		--as-of 2020-01-01
		--where '.data.amount > 1'
		--shard 1/2
	END
	diff wanted got
	is "$(cat said)" ''
	[ $n = 17 ]
	ran 2 evs project a.evs run x --fold all.fold --reverse
	out_is ''
	# A time that moves would be another selector at every run.
	for option in --since --until --as-of; do
		ran 2 evs project a.evs run x --fold all.fold $option -2h
		out_is ''
		err_is "evs-project: '-2h' is another time at every run; a projection needs one such as 2026-05-14T10:30:00Z"
	done
	ran 1 evs project a.evs status x
	ran 2 evs project a.evs run x --fold all.fold --stream 1
	err_has "stream '1' is there in several aggregate types"
}

@test "a changed fold asks for --rebuild; space and comments are no change" {
	few
	quiet evs project a.evs run acc --fold account.fold
	sed 's/^on/# a comment\non/; s/ = / =   /' account.fold >spaced.fold
	quiet evs project a.evs run acc --fold spaced.fold
	sed 's/moves += 1/moves += 2/' account.fold >changed.fold
	ran 1 evs project a.evs run acc --fold changed.fold
	out_is ''
	err_has 'evs-project: a.evs: '
	err_has "'acc'"
	err_has '--rebuild'
	is "$(evs project a.evs show acc)" "$FEW"
	quiet evs project a.evs run acc --fold account.fold
	quiet evs project a.evs run acc --fold changed.fold --rebuild
	ran 0 evs project a.evs show acc 2
	out_is '{"key":"2","aggregateType":"Account","state":{"owner":"bob","balance":0.10,"moves":2}}'
	quiet evs project a.evs run acc --fold changed.fold
	ran 1 evs project a.evs run acc --fold account.fold
	err_has '--rebuild'
}

@test "list shows what is no UTF-8 in a command and in selectors as U+FFFD" {
	echo '{"eventType":"a"}' | evs append bank.evs
	ran 0 evs project bank.evs run p --exec $'jq -c .event # \xff' --source $'b\xc3'
	ran 0 evs project bank.evs list
	out_has $'"exec":"jq -c .event # \ufffd","by":"stream","selectors":{"source":"b\ufffd"}'
}

@test "changed selectors ask for --rebuild" {
	few
	quiet evs project a.evs run acc --fold account.fold --aggregate-type Account
	for arguments in '' '--aggregate-type Loan' '--aggregate-type Account --type opened' '--aggregate-type Account --where .data.amount>1'; do
		ran 1 evs project a.evs run acc --fold account.fold $arguments
		out_is ''
		err_has '--rebuild'
	done
	is "$(evs project a.evs show acc | wc -l)" 2
	quiet evs project a.evs run acc --fold account.fold --aggregate-type Loan --rebuild
	is "$(evs project a.evs show acc)" '{"key":"1","aggregateType":"Loan","state":{"owner":"eve","balance":0}}'
	quiet evs project a.evs run acc --fold account.fold --aggregate-type Loan
}

# ---- rebuild ----

@test "--rebuild of what is not there yet, and of what is right, is fine" {
	few
	quiet evs project a.evs run acc --fold account.fold --rebuild
	is "$(evs project a.evs show acc)" "$FEW"
	quiet evs project a.evs run acc --fold account.fold --rebuild
	is "$(evs project a.evs show acc)" "$FEW"
	is "$(of acc '[.position,.lag,.status]')" '[8,0,"done"]'
	is "$(evs project a.evs list | wc -l)" 1
}

@test "while --rebuild works show gives the old model, whole, then the new one" {
	account_fold
	accounts 60000 0 >in
	quiet evs append a.evs in
	quiet evs project a.evs run acc --fold account.fold
	evs project a.evs show acc >old
	sed 's/moves += 1/moves += 2/' account.fold >changed.fold
	quiet evs project a.evs run new --fold changed.fold
	evs project a.evs show new >new
	! cmp -s old new
	"$EVS_BIN/evs" project a.evs run acc --fold changed.fold --rebuild >out 2>err 3>&- &
	rebuild=$!
	seen=
	until [ "$seen" = new ]; do
		ran 0 evs project a.evs show acc
		printf '%s\n' "$output" >now
		if cmp -s now new; then
			seen=new
		else
			cmp -s now old || fail 'neither the old nor the new model'
			seen=old
			kill -0 $rebuild 2>/dev/null || { cmp -s <(evs project a.evs show acc) new || fail 'not swapped'; }
		fi
	done
	ends 0 $rebuild
	is "$(cat out err)" ''
	cmp <(evs project a.evs show acc) new
	ran 0 evs project a.evs show acc --where 'owner == "ada"'
	is "$output" "$(evs project a.evs show new --where 'owner == "ada"')"
	evs verify a.evs
}

@test "--rebuild that was killed goes on, and the old model stays until then" {
	account_fold
	accounts 3000 0 >in
	quiet evs append a.evs in
	# A fold that hangs near the end, if it shall.
	cat >slow <<-'END'
	import json, os, sys, time
	for line in sys.stdin:
	    q = json.loads(line)
	    s = q["state"] or {"n": 0}
	    s["n"] += int(os.environ.get("STEP", "1"))
	    if q["event"]["position"] == 2500 and os.path.exists("hang"):
	        open("hanging", "w").close()
	        while os.path.exists("hang"):
	            time.sleep(0.01)
	    print(json.dumps(s), flush=True)
	END
	quiet evs project a.evs run acc --exec 'python3 slow'
	evs project a.evs show acc >old
	touch hang
	STEP=2 "$EVS_BIN/evs" project a.evs run acc --exec 'python3 slow' --rebuild >out 2>err 3>&- &
	rebuild=$!
	wait_for test -e hanging
	kill -9 $rebuild
	ended $rebuild
	rm hang
	cmp <(evs project a.evs show acc) old
	is "$(of acc .position)" 3000
	ran 0 env STEP=2 "$EVS_BIN/evs" project a.evs run acc --exec 'python3 slow' --rebuild
	jq -c '.state.n *= 2' old | cmp - <(evs project a.evs show acc)
	is "$(of acc '[.position,.status]')" '[3000,"done"]'
}

@test "--rebuild --key starts from a snapshot where there is one" {
	few
	quiet evs project a.evs run acc --fold account.fold
	quiet evs snapshot a.evs take --fold account.fold --key 1 --aggregate-type Account
	quiet evs append a.evs <<<'{"eventType":"deposited","aggregateType":"Account","aggregateId":"1","data":{"amount":1}}'
	quiet evs project a.evs run acc --fold account.fold
	evs project a.evs show acc >wanted
	# An event in front of the snapshot cannot be read any more, and the state is wrong.
	python3 - <<-'END'
	import re
	file = open("a.evs", "rb").read()
	file, n = re.subn(b"29[.]90", b"29.91", file)
	file, m = re.subn(b"(?<=Account\0\0\x84\xa5owner\xa3)ada", b"eve", file)
	assert n > 0 and m > 0, (n, m)
	open("a.evs", "wb").write(file)
	END
	ran 5 evs replay a.evs --fold account.fold --key 1 --aggregate-type Account --history
	is "$(evs project a.evs show acc 1 --aggregate-type Account | jq -r .state.owner)" eve
	quiet evs project a.evs run acc --fold account.fold --rebuild --key 1 --aggregate-type Account
	evs project a.evs show acc | diff wanted -
	quiet evs snapshot a.evs drop
	ran 5 evs project a.evs run acc --fold account.fold --rebuild --key 1 --aggregate-type Account
}

@test "--rebuild --key mends one state only" {
	few
	# What the command does changes, its text does not.
	echo 1 >step
	counter="jq -c --unbuffered --slurpfile step step '{n: ((.state.n // 0) + \$step[0])}'"
	quiet evs project a.evs run n --exec "$counter" --aggregate-type Account
	quiet evs project a.evs run t --exec "$counter"
	echo 100 >step
	quiet evs project a.evs run n --exec "$counter" --aggregate-type Account --rebuild --key 1
	ran 0 evs project a.evs show n
	out_is $'{"key":"1","aggregateType":"Account","state":{"n":400}}\n{"key":"2","aggregateType":"Account","state":{"n":2}}'
	# Of several types one must be named.
	ran 2 evs project a.evs run t --exec "$counter" --rebuild --key 1
	out_is ''
	err_has "stream '1' is there in several aggregate types"
	quiet evs project a.evs run t --exec "$counter" --rebuild --key 1 --aggregate-type Loan
	is "$(evs project a.evs show t | jq -c '[.key,.aggregateType,.state.n]')" $'["1","Account",4]\n["1","Loan",100]\n["2","Account",2]'
	ran 2 evs project a.evs run n --exec "$counter" --key 1
	err_has -- '--rebuild'
}

# ---- failures ----

# The withdrawal at position 4 fails.
poisoned() {
	cat >poison.fold <<-'END'
	on "deposited" { balance += .data.amount }
	on "withdrawn" {
		if .data.amount > balance { fail "overdrawn by " + str(.data.amount - balance) }
		balance -= .data.amount
	}
	END
	for n in 10 20 -1 50 5 7; do
		echo "{\"eventType\":\"$([ $n = 50 ] || [ $n = 7 ] && echo withdrawn || echo deposited)\",\"aggregateId\":\"a\",\"data\":{\"amount\":$n}}"
	done | evs append a.evs
}

@test "on a failure of the fold run stops there: what came before is committed, status says where and why" {
	poisoned
	ran 1 evs project a.evs run acc --fold poison.fold
	out_is ''
	err_has 'evs-project: a.evs: '
	err_has 'position 4'
	err_has 'poison.fold:3'
	err_has 'overdrawn by 21'
	ran 0 evs project a.evs show acc
	out_is '{"key":"a","state":{"balance":29}}'
	ran 0 evs project a.evs status acc
	err_is ''
	is "$(jq -c '[.name,.position,.lag,.status]' <<<"$output")" '["acc",3,3,"stuck"]'
	out_has 'overdrawn by 21'
	# --on-failure stop is the default; and it stays stuck.
	ran 1 evs project a.evs run acc --fold poison.fold --on-failure stop
	err_has 'overdrawn by 21'
	is "$(of acc '[.position,.status]')" '[3,"stuck"]'
	is "$(evs stat a.evs | jq .deadLetters)" 0
}

@test "--on-failure dlq makes a dead letter of the event and goes on, exit 4" {
	poisoned
	ran 4 evs project a.evs run acc --fold poison.fold --on-failure dlq
	out_is ''
	err_has 'overdrawn by 21'
	ran 0 evs project a.evs show acc
	out_is '{"key":"a","state":{"balance":27}}'
	is "$(of acc '[.position,.lag,.status]')" '[6,0,"done"]'
	is "$(evs stat a.evs | jq .deadLetters)" 1
	# Nothing new: nothing fails.
	ran 0 evs project a.evs run acc --fold poison.fold --on-failure dlq
	is "$(evs stat a.evs | jq .deadLetters)" 1
	ran 0 evs verify a.evs
	out_is ''
}

@test "dlq with many failures in a large store" {
	python3 - >in <<-'END'
	for i in range(30000):
	    print('{"eventType":"t","eventId":"%d","aggregateId":"s%d","data":{"n":%d}}' % (i, i % 7, i))
	END
	quiet evs append a.evs in
	echo 'on "t" { n += 1; if .data.n % 1000 == 999 { fail "no" } }' >f.fold
	ran 4 evs project a.evs run p --fold f.fold --on-failure dlq
	is "$(evs stat a.evs | jq .deadLetters)" 30
	is "$(evs project a.evs show p | jq -s 'map(.state.n) | add')" 29970
	ran 0 evs verify a.evs
	out_is ''
}

@test "skip steps over the event that it is stuck on, and no other" {
	poisoned
	ran 1 evs project a.evs run acc --fold poison.fold
	for position in 3 5 99 0; do
		ran 1 evs project a.evs skip acc $position
		out_is ''
		err_has "projection 'acc' is stuck at position 4, not $position"
	done
	is "$(of acc '[.position,.status]')" '[3,"stuck"]'
	ran 0 evs project a.evs skip acc 4
	out_is ''
	ran 1 evs project a.evs skip acc 4
	err_has "not stuck"
	quiet evs project a.evs run acc --fold poison.fold
	is "$(evs project a.evs show acc)" '{"key":"a","state":{"balance":27}}'
	is "$(of acc '[.position,.status]')" '[6,"done"]'
	is "$(evs stat a.evs | jq .deadLetters)" 0
	ran 1 evs project a.evs skip nosuch 4
	err_has "'nosuch'"
}

@test "what was skipped stays skipped in a rebuild with the same fold, and is looked at again by another" {
	poisoned
	ran 1 evs project a.evs run acc --fold poison.fold
	ran 0 evs project a.evs skip acc 4
	quiet evs project a.evs run acc --fold poison.fold
	wanted='{"key":"a","state":{"balance":27}}'
	quiet evs project a.evs run acc --fold poison.fold --rebuild
	is "$(of acc '[.position,.skipped]')" '[6,1]'
	is "$(evs project a.evs show acc)" "$wanted"
	quiet evs project a.evs run acc --fold poison.fold --rebuild --key a
	is "$(evs project a.evs show acc)" "$wanted"
	quiet evs project a.evs run acc --fold poison.fold --rebuild --on-failure dlq
	is "$(evs stat a.evs | jq .deadLetters)" 0
	ran 0 evs verify a.evs
	sed 's/balance/sum/g' poison.fold >other.fold
	ran 1 evs project a.evs run acc --fold other.fold --rebuild
	err_has 'the event at position 4'
	is "$(evs project a.evs show acc)" "$wanted"
	ran 0 evs project a.evs skip acc 4
	quiet evs project a.evs run acc --fold other.fold --rebuild
	is "$(of acc '[.position,.skipped]')" '[6,1]'
	quiet evs project a.evs run acc --fold other.fold --rebuild
	is "$(of acc '[.position,.skipped]')" '[6,1]'
}

@test "an event on which a fold fails is one dead letter, however often it is rebuilt" {
	poisoned
	for rebuild in '' --rebuild --rebuild; do
		ran 4 evs project a.evs run acc --fold poison.fold --on-failure dlq $rebuild
	done
	ran 4 evs project a.evs run other --fold poison.fold --on-failure dlq
	is "$(evs dlq a.evs | jq -c '[.id,.projection,.position]' | paste -sd' ')" '[1,"acc",4] [2,"other",4]'
	is "$(of acc .deadLetters)" 1
	evs project a.evs drop acc
	ran 4 evs project a.evs run acc --fold poison.fold --on-failure dlq
	is "$(evs dlq a.evs | wc -l)" 2
}

@test "an event on which the fold fails has no effect at all" {
	echo '{"eventType":"t","aggregateId":"a","data":{"items":[{"k":"x","v":1},{"k":"y","v":2}]}}' | evs append a.evs
	echo '{"eventType":"t","aggregateId":"a","data":{"items":[{"k":"x","v":5},{"k":"z","v":3},{"k":"y","v":"bad"}]}}' | evs append a.evs
	echo '{"eventType":"t","aggregateId":"a","data":{"items":[{"k":"y","v":4}]}}' | evs append a.evs
	echo 'on "t" each .data.items key .k { n += .v }' >f.fold
	ran 4 evs project a.evs run p --fold f.fold --on-failure dlq
	is "$(evs project a.evs show p)" $'{"key":"x","state":{"n":1}}\n{"key":"y","state":{"n":6}}'
}

# ---- kills, races, follow ----

@test "a set of many does not make each event slower; those on which the fold fails leave nothing in it" {
	python3 - 120000 >in.ndjson 3>wanted.json <<-'END'
	import json, random, sys
	r, ids, seen = random.Random(5), [], set()
	for i in range(int(sys.argv[1])):
	    id = r.choice(["user-%d" % r.randrange(200000), r.randrange(2000), r.randrange(400000) / 4])
	    bad = r.randrange(200) == 0
	    print(json.dumps({"eventType": "seen", "data": {"k": 1, "id": id, "bad": bad}}))
	    if id not in seen and not bad:
	        seen.add(id)
	        ids.append(id)
	with open(3, "w") as out:
	    json.dump(ids, out, separators=(",", ":"))
	END
	quiet evs append a.evs in.ndjson
	cat >add.fold <<-'END'
	key .data.k
	on "*" { add ids .data.id; if .data.bad { fail "bad" } }
	END
	cat >push.fold <<-'END'
	key .data.k
	on "*" { if !(.data.id in ids) { push ids .data.id }; if .data.bad { fail "bad" } }
	END
	for fold in add push; do
		# Looking at each element of the set takes a minute.
		ran 4 timeout 20 evs project a.evs run $fold --fold $fold.fold --on-failure dlq
		ran 0 evs project a.evs show $fold
		cmp <(jq -c .state.ids <<<"$output") <(jq -c . wanted.json)
	done
}

@test "kill -9 of run at random moments: the model is always that of its checkpoint" {
	account_fold
	rounds=5
	[ -z "$LONG" ] || rounds=50
	accounts $((8000 + rounds * 5000)) 0 >events
	head -n 8000 events >all
	quiet evs append a.evs all
	killed=0
	for round in $(seq $rounds); do
		"$EVS_BIN/evs" project a.evs run acc --fold account.fold --batch $((100 + RANDOM % 300)) 2>err 3>&- &
		run=$!
		sleep 0.0$((RANDOM % 2))$((RANDOM % 10))
		kill -9 $run 2>/dev/null || true
		ended $run
		status=0
		wait $run || status=$?
		[ $status = 0 ] || killed=$((killed + 1))
		is "$(cat err)" ''
		position=$(evs project a.evs status | jq 'select(.name == "acc") | .position')
		if [ "${position:-0}" != 0 ]; then
			head -n $position all | account_states >wanted
			model_is acc wanted
		fi
		tail -n +$(($(wc -l <all) + 1)) events | head -n $((1000 + RANDOM % 4000)) >part
		cat part >>all
		quiet evs append a.evs part
	done
	echo "# $killed of $rounds were killed in time" >&3
	quiet evs project a.evs run acc --fold account.fold
	account_states <all >wanted
	model_is acc wanted
	evs project a.evs show acc >before
	evs project a.evs show acc --where 'owner == "bob"' >bobs
	quiet evs project a.evs run acc --fold account.fold --rebuild
	cmp before <(evs project a.evs show acc)
	cmp bobs <(evs project a.evs show acc --where 'owner == "bob"')
	ran 0 evs verify a.evs
	out_is ''
}

@test "of two runs at once the second says so, exits 1 and harms nothing" {
	few
	"$EVS_BIN/evs" project a.evs run acc --fold account.fold --follow >out 2>err 3>&- &
	first=$!
	wait_for model_has acc 2
	ran 1 evs project a.evs run acc --fold account.fold
	out_is ''
	err_has 'evs-project: a.evs: '
	err_has "'acc'"
	ran 1 evs project a.evs run acc --fold account.fold --rebuild
	out_is ''
	# Another projection is no trouble.
	quiet evs project a.evs run other --fold account.fold
	quiet evs append a.evs <<<'{"eventType":"deposited","aggregateType":"Account","aggregateId":"9","data":{"amount":1}}'
	wait_for model_has acc 9
	kill -9 $first
	ended $first
	# The lock died with its process.
	quiet evs project a.evs run acc --fold account.fold
}

# model_has NAME KEY
model_has() {
	evs project a.evs show "$1" "$2" >/dev/null 2>&1
}

@test "of many runs at once each does it or leaves it to another" {
	account_fold
	accounts 15000 0 >all
	quiet evs append a.evs all
	for i in 1 2 3 4 5 6; do
		{
			status=0
			"$EVS_BIN/evs" project a.evs run acc --fold account.fold 2>err.$i >out.$i || status=$?
			echo $status >status.$i
		} 3>&- &
	done
	wait
	is "$(cat out.?)" ''
	is "$(cat status.? | grep -cv '^[01]$' || true)" 0
	grep -q 0 status.? || fail 'nobody did it'
	quiet evs project a.evs run acc --fold account.fold
	account_states <all >wanted
	model_is acc wanted
}

@test "--follow has the model current soon after an append, and SIGTERM ends it with all committed" {
	few
	for follow in --follow -f; do
		"$EVS_BIN/evs" project a.evs run acc --fold account.fold $follow >out 2>err 3>&- &
		follower=$!
		for i in 1 2 3; do
			quiet evs append a.evs <<<"{\"eventType\":\"deposited\",\"aggregateId\":\"n$follow$i\",\"data\":{\"amount\":$i}}"
			end=$(($(date +%s%N) + 1000000000))
			until model_has acc "n$follow$i"; do
				[ "$(date +%s%N)" -lt $end ] || [ $i = 1 ] || fail 'not within a second'
			done
		done
		events 5000 "x$follow" >in
		quiet evs append a.evs in
		wait_for position_is acc "$(evs stat a.evs | jq .events)"
		kill -TERM $follower
		ends 143 $follower
		is "$(cat out err)" ''
		is "$(of acc '[.lag,.status]')" '[0,"done"]'
	done
	"$EVS_BIN/evs" project a.evs run late --fold account.fold 
	cmp <(evs project a.evs show acc) <(evs project a.evs show late)
}

# position_is NAME POSITION
position_is() {
	[ "$(of "$1" .position)" = "$2" ]
}

@test "SIGINT and SIGTERM end a run with what it did committed" {
	account_fold
	accounts 10000 0 >all
	account_states <all >wanted
	quiet evs append a.evs all
	for pair in INT:130 TERM:143; do
		interruptible "$EVS_BIN/evs" project a.evs run ${pair%:*} --fold account.fold --follow >out 2>err &
		run=$!
		wait_for position_is ${pair%:*} 10000
		kill -${pair%:*} $run
		ends ${pair#*:} $run
		is "$(cat out err)" ''
		model_is ${pair%:*} wanted
	done
}

@test "status says whether a run is at work" {
	few
	"$EVS_BIN/evs" project a.evs run acc --fold account.fold -f >out 2>err 3>&- &
	run=$!
	wait_for position_is acc 8
	is "$(of acc '[.status,.running]')" '["done",true]'
	kill -TERM $run
	ends 143 $run
	is "$(of acc .running)" false
	# Behind, at work and not.
	answers='while read -r line; do [ ! -e hang ] || sleep 60; echo 1; done'
	quiet evs project a.evs run slow --exec "$answers"
	quiet evs append a.evs <<<'{"eventType":"noted","aggregateId":"n"}'
	is "$(of slow '[.status,.running]')" '["idle",false]'
	touch hang
	"$EVS_BIN/evs" project a.evs run slow --exec "$answers" >out 2>err 3>&- &
	run=$!
	running() { [ "$(of slow .running)" = true ]; }
	wait_for running
	is "$(of slow '[.status,.lag]')" '["progressing",1]'
	kill -TERM $run
	ends 143 $run
	is "$(of slow '[.status,.running]')" '["idle",false]'
}

@test "a first run that has committed nothing shows at position 0" {
	few
	"$EVS_BIN/evs" project a.evs run slow --exec 'cat >line; sleep 60' >out 2>err 3>&- &
	run=$!
	shown() { evs project a.evs status "$1" >/dev/null 2>&1; }
	wait_for shown slow
	is "$(of slow '[.status,.running,.position,.lag,.states,.lastRun]')" '["progressing",true,0,8,0,null]'
	is "$(evs project a.evs list | jq -c '[.name,.position,.states]')" '["slow",0,0]'
	quiet evs project a.evs show slow
	ran 0 evs verify a.evs
	kill -9 $run
	ends 137 $run
	is "$(of slow '[.status,.running,.position]')" '["idle",false,0]'
	# Nothing was made of events: the next run can be by another fold.
	account_fold
	quiet evs project a.evs run slow --fold account.fold
	is "$(of slow '[.status,.position]')" '["done",8]'
	# With a fold after a second, before its commit.
	yes "{\"eventType\":\"l\",\"aggregateId\":\"l\",\"data\":[$(seq -s, 500)]}" | head -n 500 | evs append l.evs
	echo 'on "l" { n = sum(.data, sum(event.data, . * 1.5)) }' >l.fold
	"$EVS_BIN/evs" project l.evs run long --fold l.fold --follow >out 2>err 3>&- &
	run=$!
	of_l() { evs project l.evs status long | jq -c "$1"; }
	at_work() { [ "$(of_l '[.status,.running,.position]' 2>/dev/null)" = '["progressing",true,0]' ]; }
	wait_for at_work
	kill $run
	ends 143 $run
}

# ---- exec ----

@test "--exec has jq as a fold" {
	few
	command="jq -c --unbuffered 'if .event.eventType == \"opened\" then {owner: .event.data.owner, n: 0} else .state + {n: ((.state.n // 0) + 1)} end'"
	quiet evs project a.evs run acc --exec "$command" --aggregate-type Account
	ran 0 evs project a.evs show acc
	out_is $'{"key":"1","aggregateType":"Account","state":{"owner":"ada","n":3}}\n{"key":"2","aggregateType":"Account","state":{"owner":"bob","n":1}}'
	# It starts from the state it had.
	quiet evs append a.evs <<<'{"eventType":"noted","aggregateType":"Account","aggregateId":"2"}'
	quiet evs project a.evs run acc --exec "$command" --aggregate-type Account
	ran 0 evs project a.evs show acc 2
	out_is '{"key":"2","aggregateType":"Account","state":{"owner":"bob","n":2}}'
	ran 1 evs project a.evs run acc --exec "$command " --aggregate-type Loan
	err_has '--rebuild'
	ran 1 evs project a.evs run acc --exec "jq -c --unbuffered .state" --aggregate-type Account
	err_has '--rebuild'
}

@test "--exec gets the event as cat prints it and the state as it answered, null at first; null deletes" {
	few
	cat >asks.py <<-'END'
	import json, sys
	asked = open("asked", "a")
	for line in sys.stdin:
	    asked.write(line)
	    e = json.loads(line)["event"]
	    print('null' if e["eventType"] == "withdrawn" else '{ "last": "%s", "x": [1.50, 12345678901234567890123, "\\u00e9"] }' % e["eventId"], flush=True)
	END
	quiet evs project a.evs run acc --exec 'python3 asks.py' -s 1 --aggregate-type Account
	state() {
		echo '{"last":"'$1'","x":[1.50,12345678901234567890123,"é"]}'
	}
	evs cat a.evs -s 1 --aggregate-type Account | paste -d '|' <(printf '%s\n' null "$(state f1)" "$(state f3)" "$(state f4)") - |
		sed 's/^\([^|]*\)|\(.*\)$/{"state":\1,"event":\2}/' | diff - asked
	ran 0 evs project a.evs show acc
	out_is ''
}

@test "--exec answers are kept to the digit" {
	few
	cat >echo.py <<-'END'
	import sys
	for line in sys.stdin:
	    print('{ "a" : 29.90, "b":1e400,"c":123456789012345678901234567890, "d":{"z":1,"a":[null,true]} }', flush=True)
	END
	quiet evs project a.evs run p --exec 'python3 echo.py' -s 2
	ran 0 evs project a.evs show p
	out_is '{"key":"2","aggregateType":"Account","state":{"a":29.90,"b":1e400,"c":123456789012345678901234567890,"d":{"z":1,"a":[null,true]}}}'
}

@test "--exec equals the fold that does the same, over many events" {
	account_fold
	accounts 5000 0 >all
	quiet evs append a.evs all
	echo 'on "*" { n += 1; last = .eventId }' >n.fold
	quiet evs project a.evs run fold --fold n.fold
	quiet evs project a.evs run exec --exec 'jq -c --unbuffered "{n: ((.state.n // 0) + 1), last: .event.eventId}"'
	cmp <(evs project a.evs show fold) <(evs project a.evs show exec)
}

@test "--exec that crashes, hangs, babbles or cannot start is an error that names the event" {
	few
	while IFS='|' read -r name command words; do
		ran 1 evs project a.evs run $name --exec "$command" --timeout 200ms
		out_is ''
		err_has 'evs-project: a.evs: '
		err_has 'position 1'
		err_has "$words"
		ran 0 evs project a.evs status $name
		is "$(jq -r .status <<<"$output")" stuck
	done <<-'END'
		crash|exit 3|3
		signal|kill -9 $$|
		hang|sleep 100|
		silent|cat >/dev/null|
		garbage|echo "{no json"; cat >/dev/null|JSON
		missing|no-such-command-anywhere|127
	END
	# In the midst of it: what came before is committed, and can be gone on from.
	cat >mid.py <<-'END'
	import json, os, sys
	for line in sys.stdin:
	    q = json.loads(line)
	    if q["event"]["position"] == 5 and not os.path.exists("mended"): sys.exit(1)
	    print(json.dumps({"n": (q["state"] or {"n": 0})["n"] + 1}), flush=True)
	END
	ran 1 evs project a.evs run mid --exec 'python3 mid.py'
	err_has 'position 5'
	is "$(of mid '[.position,.status]')" '[4,"stuck"]'
	touch mended
	quiet evs project a.evs run mid --exec 'python3 mid.py'
	is "$(evs project a.evs show mid | jq -c '[.key,.state.n]' | paste -sd' ')" '["1",4] ["1",1] ["2",2]'
}

@test "--exec that is slow to start is not started again and again" {
	account_fold
	accounts 600 0 >all
	quiet evs append a.evs all
	cat >slow.sh <<-'END'
	echo >>started
	sleep 1.5
	exec jq -c --unbuffered '{n: ((.state.n // 0) + 1)}'
	END
	quiet evs project a.evs run p --exec 'sh slow.sh'
	is "$(evs project a.evs show p | jq -s 'map(.state.n) | add')" 600
	[ "$(wc -l <started)" -le 2 ] || fail "started $(wc -l <started) times"
}

@test "--exec that keeps its answers until its input ends is waited for" {
	few
	quiet evs project a.evs run p --exec "jq -c '{n: ((.state.n // 0) + 1)}'" --aggregate-type Account --from 4
	is "$(evs project a.evs show p | jq -c '[.key,.state.n]' | paste -sd' ')" '["1",2] ["2",1]'
}

@test "--batch N commits after each N events, and a killed rebuild goes on behind them" {
	few
	cat >count.sh <<-'END'
	while read -r line; do
		echo >>asked
		[ ! -e hang ] || [ "$(wc -l <asked)" -lt 6 ] || { : >hanging; while [ -e hang ]; do sleep 0.01; done; }
		echo '{"n":1}'
	done
	END
	quiet evs project a.evs run p --exec 'sh count.sh'
	is "$(wc -l <asked)" 7
	: >asked
	touch hang
	"$EVS_BIN/evs" project a.evs run p --exec 'sh count.sh' --rebuild --batch 2 >out 2>err 3>&- &
	rebuild=$!
	wait_for test -e hanging
	is "$(of p .rebuild.position)" 4
	kill -9 $rebuild
	ended $rebuild
	rm hang
	: >asked
	quiet evs project a.evs run p --exec 'sh count.sh' --rebuild
	is "$(wc -l <asked)" 3
	is "$(of p '[.position,.states,.rebuild]')" '[8,3,null]'
	ran 2 evs project a.evs run p --exec 'sh count.sh' --batch 0
}

@test "SIGINT and SIGTERM while --exec is at work: it is waited for, but not for long" {
	few
	cat >count.sh <<-'END'
	while read -r line; do
		case $line in
		*'"position":5,'*) [ ! -e pause ] || { echo $$ >pausing; sleep "$(cat pause)"; } ;;
		esac
		n=${line#'{"state":{"n":'}
		[ "$n" != "$line" ] || n=0
		echo "{\"n\":$((${n%%[!0-9]*} + 1))}"
	done
	END
	# One that hangs is killed, and what was committed before stays; what one that is slow has answered is committed.
	while read -r name signal status pause position; do
		echo "$pause" >pause
		rm -f pausing
		interruptible "$EVS_BIN/evs" project a.evs run $name --exec 'exec sh count.sh' --batch 2 >out 2>err &
		run=$!
		wait_for lines_in pausing 1
		kill -$signal $run
		ends $status $run
		is "$(cat out err)" ''
		ended "$(cat pausing)"
		[ "$(of $name .position)" -ge $position ] || fail "$name: $(of $name .position)"
		rm pause
		quiet evs project a.evs run $name --exec 'exec sh count.sh'
		is "$(evs project a.evs show $name | jq -c '[.key,.state.n]' | paste -sd' ')" '["1",4] ["1",1] ["2",2]'
	done <<-'END'
		hangs INT 130 1000 4
		slow TERM 143 0.5 5
	END
}

@test "--timeout is what an answer of --exec may take" {
	few
	begun=$SECONDS
	ran 1 evs project a.evs run p --exec 'sleep 100' --timeout 0.2s
	err_has '200'
	[ $((SECONDS - begun)) -lt 20 ] || fail 'it took too long'
	quiet evs project a.evs run slow --exec "sleep 0.4; jq -c --unbuffered '{n: 1}'" --timeout 30s
	ran 2 evs project a.evs run p --exec cat --timeout soon
	ran 2 evs project a.evs run p --fold account.fold --timeout 3s
	# Nobody is left behind.
	! pgrep -f 'sleep 100' >/dev/null || fail "a command is left"
}

@test "--exec with --on-failure dlq goes on behind the event that it fails on" {
	few
	cat >bad.py <<-'END'
	import json, sys
	for line in sys.stdin:
	    q = json.loads(line)
	    if q["event"]["position"] == 3: print("{bad", flush=True); continue
	    if q["event"]["position"] == 5: sys.exit(1)
	    print(json.dumps({"n": (q["state"] or {"n": 0})["n"] + 1}), flush=True)
	END
	ran 4 evs project a.evs run bad --exec 'python3 bad.py' --on-failure dlq
	out_is ''
	err_has 'position 3'
	err_has 'position 5'
	is "$(evs project a.evs show bad | jq -c '[.key,.state.n]' | paste -sd' ')" '["1",3] ["1",1] ["2",1]'
	is "$(of bad '[.position,.status]')" '[8,"done"]'
	is "$(evs stat a.evs | jq .deadLetters)" 2
}

# ---- show ----

# A model with awkward values: one state a key, the state is .data.
awkward() {
	cat >in <<-'END'
	{"eventType":"t","aggregateId":"a","data":{"n":9,"s":"plain"}}
	{"eventType":"t","aggregateId":"b","data":{"n":10.0,"s":"comma, quote \" and é"}}
	{"eventType":"t","aggregateId":"c","data":{"n":9.50,"s":"two\nlines"}}
	{"eventType":"t","aggregateId":"d","data":{"s":"no number"}}
	{"eventType":"t","aggregateId":"e","data":{"n":1e2,"l":[1,{"x":2.50}]}}
	{"eventType":"t","aggregateId":"f","data":{"n":-0.001,"s":""}}
	{"eventType":"t","aggregateId":"g","data":{"n":9.05,"s":true}}
	{"eventType":"t","aggregateId":"h","data":{"n":100000000000000000000.1,"s":"10"}}
	END
	evs append a.evs in
	echo 'on "t" { n = .data.n; s = .data.s; l = .data.l }' >plain.fold
	{ cat plain.fold; echo 'index n'; echo 'index s'; } >index.fold
	evs project a.evs run p --fold plain.fold
	evs project a.evs run i --fold index.fold
}

# keys SHOW-ARGUMENTS...: of what it prints, on one line.
keys() {
	ran 0 evs project a.evs show "$@"
	err_is ''
	sed 's/^{"key":"\([^"]*\)".*/\1/' <<<"$output" | paste -sd' '
}

@test "show --sort --limit is the beginning of show --sort, and holds no more than that" {
	awk 'BEGIN {
		for (i = 0; i < 20000; i++)
			printf "{\"eventType\":\"a\",\"aggregateId\":\"k%05d\",\"data\":{\"n\":%d,\"text\":\"%01000d\"}}\n", i * 7919 % 20000, i * 31 % 500, i
	}' | quiet evs append a.evs
	echo 'on "a" { n = .data.n; text = .data.text }' >n.fold
	quiet evs project a.evs run n --fold n.fold
	for sort in n -n text -text; do
		evs project a.evs show n --sort $sort >all
		for limit in 0 1 2 49 3000 9000; do
			evs project a.evs show n --sort $sort --limit $limit | cmp - <(head -n $limit all) || fail "--sort $sort --limit $limit"
		done
	done
	within 45 evs project a.evs show n --sort text --limit 5
	within 45 evs project a.evs show n --sort -n --limit 5
}

@test "show prints by key; KEY, --limit, --where, --sort choose" {
	awkward
	for p in p i; do
		is "$(keys $p)" 'a b c d e f g h'
		is "$(keys $p --limit 3)" 'a b c'
		is "$(keys $p -n 0)" ''
		is "$(keys $p --where 'n > 9')" 'b c e g h'
		is "$(keys $p --where 'n >= 9.5 && n < 100')" 'b c'
		is "$(keys $p --where 'n == 10')" 'b'
		is "$(keys $p --where 's == "10"')" 'h'
		is "$(keys $p --where 'n == null')" 'd'
		is "$(keys $p --where '9 == n')" 'a'
		is "$(keys $p --where 'n == 100 || n == 9')" 'a e'
		is "$(keys $p --where 's == ""')" 'f'
		is "$(keys $p --where 's == true')" 'g'
		is "$(keys $p --where 'n == 1')" ''
		is "$(keys $p --where 'len(l) == 2')" 'e'
		is "$(keys $p --sort n --where 'n != null')" 'f a g c b e h'
		is "$(keys $p --sort -n --where 'n != null')" 'h e b c g a f'
		is "$(keys $p --sort n --limit 2 --where 'n != null')" 'f a'
		is "$(keys $p --sort -n --limit 2)" 'h e'
		is "$(keys $p --where 'n > 9' --limit 2)" 'b c'
	done
	ran 0 evs project a.evs show p c
	out_is '{"key":"c","state":{"n":9.50,"s":"two\nlines","l":null}}'
	# What is absent counts as null, which is the least.
	is "$(keys p --sort n)" 'd f a g c b e h'
	is "$(keys p --sort -n)" 'h e b c g a f d'
	# Ties stay in the order of keys.
	is "$(keys p --sort l)" 'a b c d f g h e'
	# Paths work, too.
	is "$(keys p --where 'l[1].x == 2.5')" 'e'
}

@test "show refuses what makes no sense" {
	awkward
	ran 1 evs project a.evs show nosuch
	out_is ''
	err_has "'nosuch'"
	err_has "'p'"
	err_has "'i'"
	ran 1 evs project a.evs show p nosuch
	out_is ''
	err_has "'nosuch'"
	ran 2 evs project a.evs show p --where 'n >'
	out_is ''
	ran 2 evs project a.evs show p --format xml
	ran 2 evs project a.evs show
	ran 2 evs project a.evs show p a b
	ran 1 evs project no.evs show p
	err_is 'evs-project: no.evs: no such store'
	# A name that no state of the fold can have; a command may answer what it will.
	ran 2 evs project a.evs show p --where 'num > 3'
	out_is ''
	err_is "evs-project: --where: column 1: no state has a field 'num'; they have n, s, l
  num > 3
  ^"
	ran 2 evs project a.evs show p --where '.ss == 3'
	err_has "--where: column 2: no state has a field 'ss'"
	ran 2 evs project a.evs show p --sort -nn
	err_has "--sort: column 1: no state has a field 'nn'"
	quiet evs project a.evs run e --exec 'jq -c --unbuffered .event.data'
	ran 0 evs project a.evs show e --where 'num > 3' --sort nn
	out_is ''
	# . is an element in functions of lists.
	ran 0 evs project a.evs show p --where 'any(l, . == 1)'
	is "$(jq -r .key <<<"$output")" e
	# Comparing a string with a number is a mistake in the expression.
	ran 1 evs project a.evs show p --where 's > 3'
	[ -n "$stderr" ]
}

@test "show KEY of several aggregate types" {
	few
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc 1 --aggregate-type Loan
	out_is '{"key":"1","aggregateType":"Loan","state":{"owner":"eve","balance":0}}'
	ran 0 evs project a.evs show acc 2 --aggregate-type Account
	ran 1 evs project a.evs show acc 2 --aggregate-type Loan
	out_is ''
	ran 0 evs project a.evs show acc --aggregate-type Loan
	is "$(jq -r .aggregateType <<<"$output")" Loan
}

@test "show --format csv quotes as RFC 4180 says" {
	awkward
	ran 0 evs project a.evs show p --format csv
	err_is ''
	printf '%s\n' "$output" >got.csv
	evs project a.evs show p --format csv >got.csv
	evs project a.evs show p >got.ndjson
	python3 - <<-'END'
	import csv, decimal, json
	rows = list(csv.DictReader(open("got.csv", newline="")))
	states = [json.loads(l, parse_float=str, parse_int=str) for l in open("got.ndjson")]
	assert list(rows[0]) == ["key", "aggregateType", "n", "s", "l"], list(rows[0])
	assert len(rows) == len(states) == 8
	for row, line in zip(rows, states):
	    assert row["key"] == line["key"]
	    for field in "n", "s":
	        v = line["state"].get(field)
	        wanted = "" if v is None else "true" if v is True else v
	        assert row[field] == wanted, (row, line)
	assert rows[4]["l"] == '[1,{"x":2.50}]', rows[4]
	END
	few
	quiet evs project a.evs run acc --fold account.fold --aggregate-type Account
	ran 0 evs project a.evs show acc --format csv
	out_is 'key,aggregateType,owner,balance,moves,last
1,Account,ada,19.95,2,[9.95]
2,Account,bob,0.10,1,'
}

@test "show --fields chooses the columns of a table and of CSV" {
	echo 'on "*" { n += 1; lines[.data.sku].qty += 1; last = .eventType }' >f.fold
	printf '%s\n' '{"eventType":"a","aggregateId":"o1","data":{"sku":"X 1"}}' '{"eventType":"b","aggregateId":"o1","data":{"sku":"Y"}}' | evs append a.evs
	quiet evs project a.evs run p --fold f.fold
	ran 0 evs project a.evs show p --format csv --fields 'last,lines["X 1"].qty,gone'
	out_is $'key,aggregateType,last,"lines[""X 1""].qty",gone\no1,,b,1,'
	ran 0 evs project a.evs show p --format table --fields n
	out_is $'key  aggregateType  n\no1                  2'
	ran 2 evs project a.evs show p --format json --fields n
	err_is 'evs-project: --fields goes with --format table or csv'
	for wrong in '' n, .n 'n,,last' 'lines['; do
		ran 2 evs project a.evs show p --format csv --fields "$wrong"
		err_has '--fields: no field at'
	done
	ran 2 evs project a.evs list --fields n
	err_is "evs-project: option '--fields' goes with show, not with list"
}

@test "show is a table on a terminal, and --format chooses" {
	few
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc --format table
	table=$output
	is "$(wc -l <<<"$output")" 4
	[[ $(head -n 1 <<<"$output") =~ key.*owner.*balance ]] || fail 'no heading'
	out_has '19.95'
	[[ $output != *'{'* ]] || fail 'it is JSON'
	ran 0 on_terminal evs project a.evs show acc
	out_is "$table"
	ran 0 on_terminal evs project a.evs show acc --format json
	out_is "$FEW"
	for _ in 1 2 3 4 5 6 7 8 9; do echo '{"eventType":"withdrawn","aggregateType":"Account","aggregateId":"2","data":{"amount":1000}}'; done | evs append a.evs
	quiet evs project a.evs run acc --fold account.fold
	ran 0 on_terminal --columns 60 evs project a.evs show acc
	[ "$(wc -L <<<"$output")" -le 60 ] || fail 'wider than the terminal'
	ran 0 on_terminal --columns 200 evs project a.evs show acc
	[ "$(wc -L <<<"$output")" -gt 60 ] || fail 'nothing was to be cut'
	echo '{"eventType":"opened","aggregateId":"\u001b[31m","data":{"owner":"\u0007\u001b[1m"}}' | evs append a.evs
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc --format table
	[[ $output != *$'\e'* && $output != *$'\a'* ]] || fail 'control characters'
}

# found_in NAME BALANCE: what show finds with many conditions and orders.
found_in() {
	local where options
	for where in 'owner == "ada"' 'owner == "nobody"' 'owner == null' "balance == $2" 'balance > 0' 'balance <= 1000.50' \
		'balance >= -500 && balance < 500' 'owner == "ada" && balance > 0' 'owner == "ada" || owner == "bob"' '!(balance > 0)' \
		'owner in ["ada", "eve"]' 'moves > 3' 'owner > "b"'; do
		for options in '' '--limit 3' '--sort balance' '--sort -balance --limit 7' '--sort owner'; do
			echo "--where '$where' $options"
			evs project a.evs show "$1" --where "$where" $options
		done
	done
}

@test "an index answers as a scan does" {
	account_fold
	accounts 20000 0 >all
	quiet evs append a.evs all
	grep -v '^index' account.fold >plain.fold
	quiet evs project a.evs run i --fold account.fold
	quiet evs project a.evs run p --fold plain.fold
	balance=$(evs project a.evs show p --limit 1 | jq -r .state.balance)
	found_in p "$balance" >wanted
	found_in i "$balance" | cmp wanted -
}

# ---- list, status, drop ----

@test "list names the projections, status tells of each, drop drops one" {
	few
	ran 0 evs project a.evs list
	out_is ''
	ran 0 evs project a.evs status
	out_is ''
	quiet evs project a.evs run b --fold account.fold
	quiet evs project a.evs run a --fold account.fold
	ran 0 evs project a.evs list
	is "$(jq -r .name <<<"$output" | paste -sd' ')" 'a b'
	err_is ''
	quiet evs append a.evs <<<'{"eventType":"noted"}'
	quiet evs project a.evs run b --fold account.fold
	ran 0 evs project a.evs status
	is "$(jq -c '[.name,.position,.lag,.status]' <<<"$output")" $'["a",8,1,"idle"]\n["b",9,0,"done"]'
	ran 0 evs project a.evs status b
	is "$(jq -c '[.name,.lagSeconds]' <<<"$output")" '["b",0]'
	sleep 1.1
	[ "$(of a '.lagSeconds >= 1')" = true ] || fail 'no lag in seconds'
	ran 1 evs project a.evs status c
	err_has "'c'"
	ran 0 evs project a.evs drop a
	out_is ''
	ran 0 evs project a.evs list
	is "$(jq -r .name <<<"$output")" b
	ran 1 evs project a.evs show a
	ran 1 evs project a.evs drop a
	err_has "'a'"
	is "$(evs project a.evs show b)" "$FEW"
	# What was dropped begins anew, with another fold, too.
	echo 'on "*" { n += 1 }' >n.fold
	quiet evs project a.evs run a --fold n.fold
	is "$(evs project a.evs show a 2)" '{"key":"2","aggregateType":"Account","state":{"n":2}}'
	evs verify a.evs
}

@test "drop of a projection that runs is refused" {
	few
	"$EVS_BIN/evs" project a.evs run acc --fold account.fold -f >out 2>err 3>&- &
	run=$!
	wait_for position_is acc 8
	ran 1 evs project a.evs drop acc
	out_is ''
	err_has "'acc'"
	kill $run
	ends 143 $run
	is "$(evs project a.evs show acc)" "$FEW"
}

# ---- wrong usage ----

@test "run without or with a bad fold, bad verbs, bad names" {
	few
	ran 2 evs project a.evs run acc
	out_is ''
	err_has '--fold'
	err_has '--exec'
	ran 2 evs project a.evs run acc --fold account.fold --exec cat
	ran 2 evs project a.evs run --fold account.fold
	ran 2 evs project a.evs run '' --fold account.fold
	ran 2 evs project a.evs ran acc --fold account.fold
	err_has "'ran'"
	ran 2 evs project a.evs
	ran 2 evs project a.evs run acc --fold account.fold --on-failure ignore
	ran 1 evs project a.evs run acc --fold no.fold
	err_has 'no.fold'
	echo 'on "a" { x = ' >bad.fold
	ran 2 evs project a.evs run acc --fold bad.fold
	out_is ''
	err_has 'bad.fold:2:1: '
	ran 1 evs project no.evs run acc --fold account.fold
	err_is 'evs-project: no.evs: no such store'
	[ ! -e no.evs ]
	# Nothing was begun.
	ran 0 evs project a.evs list
	out_is ''
	# Odd names are names.
	quiet evs project a.evs run 'by day/é "x"' --fold account.fold
	is "$(evs project a.evs list | jq -r .name)" 'by day/é "x"'
	is "$(evs project a.evs show 'by day/é "x"')" "$FEW"
}

@test "options of show go with show, those of run with run" {
	few
	quiet evs project a.evs run acc --fold account.fold
	while IFS='|' read -r arguments message; do
		ran 2 evs project a.evs $arguments
		out_is ''
		err_is "evs-project: $message"
	done <<-'END'
		show acc --fold account.fold|option '--fold' goes with run, not with show
		--rebuild show acc|option '--rebuild' goes with run, not with show
		show acc --type opened|option '--type' goes with run, not with show
		run acc --fold account.fold --sort n|option '--sort' goes with show, not with run
		run acc --fold account.fold --format csv|option '--format' goes with show, list and status, not with run
		drop acc --limit 3|option '--limit' goes with run and show, not with drop
		list x|one operand too many: 'x'; usage: evs project STORE list
		show p a b|one operand too many: 'b'; usage: evs project STORE show NAME [KEY]
		skip acc|an operand is missing; usage: evs project STORE skip NAME POS
		skip acc x|skip needs the position of an event, not 'x'
		ran acc|the second operand is run, show, list, status, drop or skip, not 'ran'
	END
	ran 2 evs project a.evs
	err_is 'evs-project: VERB is missing; usage: evs project STORE run|show|list|status|drop|skip [NAME ...] [options]'
}

@test "the fold can come from standard input" {
	few
	ran 0 evs project a.evs run acc --fold - <account.fold
	is "$(evs project a.evs show acc)" "$FEW"
}

@test "an empty store has an empty model" {
	account_fold
	quiet evs append a.evs </dev/null
	quiet evs project a.evs run acc --fold account.fold
	ran 0 evs project a.evs show acc
	out_is ''
	is "$(of acc '[.position,.lag,.lagSeconds,.status]')" '[0,0,0,"done"]'
}

@test "keys of any kind: long, empty, with zero bytes, with numbers" {
	python3 - >in <<-'END'
	import json
	keys = ["", "a", "a\0b", "a\0", "é" * 120, "x" * 300, "x" * 300 + "y", "x" * 5000, "0", "\u0001", 7, 7.50, "7"]
	for k in keys + keys[:5]:
	    print(json.dumps({"eventType": "t", "data": {"k": k}}))
	END
	quiet evs append a.evs in
	echo 'key .data.k
on "t" { n += 1 }' >k.fold
	quiet evs project a.evs run k --fold k.fold
	ran 0 evs project a.evs show k
	is "$(jq -s 'map(.state.n) | add' <<<"$output")" 18
	jq -c .data.k in | sed 's/^\([0-9.]*\)$/"\1"/' | LC_ALL=C sort | uniq -c | awk '{print $1}' | sort >wanted
	evs project a.evs show k | jq .state.n | sort | diff wanted -
	ran 0 evs project a.evs show k "$(printf 'x%.0s' $(seq 300))"
	is "$(jq .state.n <<<"$output")" 1
	is "$(evs project a.evs show k '' | jq .state.n)" 2
	is "$(evs project a.evs show k 7.5 2>/dev/null | jq .state.n)$(evs project a.evs show k 7.50 2>/dev/null | jq .state.n)" 1
}

@test "a fold that reads thousands of fields of large events" {
	python3 - >f.fold 3>in <<-'END'
	import os
	print('on "*" {\n%s\n}' % "\n".join("f%d += .data.f%d + .data.f%d + .data.f%d" % (i, i, i + 1000, i + 2000) for i in range(1000)))
	with os.fdopen(3, "w") as out:
	    for e in range(60):
	        out.write('{"eventType":"t","aggregateId":"s%d","data":{%s}}\n' % (e % 7, ",".join('"f%d":%d.5' % (i, e) for i in range(e % 5, 3000, 7))))
	END
	quiet evs append a.evs in
	quiet evs project a.evs run p --fold f.fold
	evs project a.evs show p | jq -c '[.state[] | numbers] | [length, add]' >got
	python3 - >want <<-'END'
	for s in range(7):
	    fields = {}
	    for e in range(s, 60, 7):
	        for i in range(e % 5, 3000, 7):
	            fields[i % 1000] = fields.get(i % 1000, 0) + e + 0.5
	    print("[%d,%s]" % (len(fields), ("%.1f" % sum(fields.values())).removesuffix(".0")))
	END
	diff want got
	ran 0 evs verify a.evs
	out_is ''
}

@test "a hundred projections in one store" {
	few
	for n in $(seq 100); do
		evs project a.evs run p$n --fold account.fold || fail "the run of number $n"
	done
	ran 0 evs project a.evs list
	is "$(wc -l <<<"$output")" 100
	ran 0 evs project a.evs status
	is "$(jq -c '[.position,.lag]' <<<"$output" | sort -u)" '[8,0]'
	is "$(evs project a.evs show p77)" "$FEW"
	quiet evs project a.evs drop p1
	ran 0 evs verify a.evs
	out_is ''
}

@test "a backup has the projections, and they go on there" {
	few
	quiet evs project a.evs run acc --fold account.fold
	evs backup a.evs b.evs 2>/dev/null
	is "$(evs project b.evs show acc)" "$FEW"
	quiet evs append b.evs <<<'{"eventType":"deposited","aggregateType":"Account","aggregateId":"2","data":{"amount":0.90}}'
	quiet evs project b.evs run acc --fold account.fold
	ran 0 evs project b.evs show acc 2
	out_has '"balance":1.00,'
	is "$(evs project a.evs show acc)" "$FEW"
}

# ---- real data ----

# reference FILE: Python on stdin sets states, a dict of dicts by key, from the list events; printed as show prints.
reference() {
	python3 - "$1" <<-END
	import decimal, json, sys
	from datetime import datetime, timezone
	D = decimal.Decimal
	decimal.getcontext().prec = 200
	events = [json.loads(line, parse_float=D, parse_int=D) for line in open(sys.argv[1])]
	states, type = {}, None
	$(cat)
	def text(v):
	    return '"@' + format(v, "f") + '@"' if isinstance(v, D) else json.dumps(v, ensure_ascii=False)
	for key in sorted(states, key=lambda k: k.encode()):
	    state = ",".join(json.dumps(f, ensure_ascii=False) + ":" + text(v) for f, v in states[key].items() if v is not None)
	    print(('{"key":%s,%s"state":{%s}}' % (json.dumps(key, ensure_ascii=False), '"aggregateType":"%s",' % type if type else "", state)).replace('"@', "").replace('@"', ""))
	END
}

@test "fines: paid and owed per fine equal a Python reference" {
	needs_data fines
	quiet evs append a.evs fines.ndjson --event-id hash
	cat >fines.fold <<-'END'
	on "Create Fine" { amount = num(.data.amount); status = "created" }
	on "Send Fine" { expense += num(.data.expense); status = "sent" }
	on "Add penalty" { amount = num(.data.amount); status = "raised" }
	on "Payment" { paid = num(.data.totalpaymentamount); payments += 1 }
	on "*" { owed = amount + expense - paid; if owed <= 0 { status = "settled" } }
	index status
	END
	quiet evs project a.evs run fines --fold fines.fold
	reference fines.ndjson >wanted <<-'END'
	type = "Fine"
	for e in events:
	    s, d, t = states.setdefault(e["aggregateId"], {}), e["data"], e["eventType"]
	    if t == "Create Fine": s["amount"], s["status"] = D(d["amount"]), "created"
	    if t == "Send Fine": s["expense"], s["status"] = s.get("expense", 0) + D(d["expense"]), "sent"
	    if t == "Add penalty": s["amount"], s["status"] = D(d["amount"]), "raised"
	    if t == "Payment": s["paid"], s["payments"] = D(d["totalpaymentamount"]), s.get("payments", D(0)) + 1
	    s["owed"] = s["amount"] + s.get("expense", 0) - s.get("paid", 0)
	    if s["owed"] <= 0: s["status"] = "settled"
	END
	model_is fines wanted
	ran 0 evs project a.evs show fines --where 'status == "settled"'
	is "$(wc -l <<<"$output")" "$(grep -c settled wanted)"
}

@test "loans: the longest wait per loan, and events per resource and day, equal a Python reference" {
	needs_data loans
	[ -n "$LONG" ] || sed -i 12000q loans.ndjson # Python takes long, with decimals
	quiet evs append a.evs loans.ndjson --event-id hash
	cat >wait.fold <<-'END'
	on "*" {
		if last != null { wait = max(wait, time(.timestamp) - last) }
		last = time(.timestamp)
		events += 1
	}
	END
	quiet evs project a.evs run wait --fold wait.fold
	reference loans.ndjson >wanted <<-'END'
	type = "LoanApplication"
	def seconds(t):
	    delta = datetime.fromisoformat(t) - datetime(1970, 1, 1, tzinfo=timezone.utc)
	    return D(delta.days * 86400 + delta.seconds) + D(delta.microseconds) / 1000000
	for e in events:
	    s, now = states.setdefault(e["aggregateId"], {}), seconds(e["timestamp"])
	    if "last" in s:
	        s["wait"] = max(s["wait"], now - s["last"]) if "wait" in s else now - s["last"]
	    s["last"] = now
	    s["events"] = s.get("events", D(0)) + 1
	END
	model_is wait wanted
	cat >days.fold <<-'END'
	key (.data."org:resource" ?? "none") + "/" + day(.timestamp)
	on "*" { events += 1; add types .eventType }
	END
	quiet evs project a.evs run days --fold days.fold
	reference loans.ndjson >wanted <<-'END'
	for e in events:
	    day = datetime.fromisoformat(e["timestamp"]).astimezone(timezone.utc).strftime("%Y-%m-%d")
	    s = states.setdefault((e["data"].get("org:resource") or "none") + "/" + day, {})
	    s["events"] = s.get("events", D(0)) + 1
	    s.setdefault("types", [])
	    if e["eventType"] not in s["types"]: s["types"].append(e["eventType"])
	END
	model_is days wanted
}

@test "ethereum: sums of integers of any size are exact" {
	needs_data ethereum
	quiet evs append a.evs ethereum.ndjson --event-id hash
	cat >value.fold <<-'END'
	key .data.token_address ?? .data.from_address ?? .data.miner
	on "TokensTransferred" { moved += .data.value; largest = max(largest, .data.value) }
	on "TransactionExecuted" { sent += .data.value; fees += .data.receipt_gas_used * .data.receipt_effective_gas_price }
	on "BlockMined" { difficulty += .data.total_difficulty; withdrawn += sum(.data.withdrawals, .amount) }
	END
	quiet evs project a.evs run value --fold value.fold
	reference ethereum.ndjson >wanted <<-'END'
	for e in events:
	    d, t = e["data"], e["eventType"]
	    if t == "ContractLogEmitted": continue
	    s = states.setdefault(d.get("token_address") or d.get("from_address") or d.get("miner"), {})
	    if t == "TokensTransferred":
	        s["moved"], s["largest"] = s.get("moved", D(0)) + d["value"], max(s.get("largest", d["value"]), d["value"])
	    if t == "TransactionExecuted":
	        s["sent"] = s.get("sent", D(0)) + d["value"]
	        s["fees"] = s.get("fees", D(0)) + d["receipt_gas_used"] * d["receipt_effective_gas_price"]
	    if t == "BlockMined":
	        s["difficulty"] = s.get("difficulty", D(0)) + d["total_difficulty"]
	        s["withdrawn"] = s.get("withdrawn", D(0)) + sum(w["amount"] for w in d["withdrawals"])
	END
	model_is value wanted
	python3 - <<-'END'
	import json
	assert any(len(str(v)) > 25 for l in open("got") for v in json.loads(l)["state"].values())
	END
}

@test "keys that begin alike, or are empty, are states of their own" {
	printf '%s\n' 'key .data.a' 'on "x" key substr(.data.a, 0, 1) { n += 1 }' >part.fold
	printf '%s\n' 'key .data.a' 'on "x" key .data.b { n += 1 }' >other.fold
	echo '{"eventType":"x","data":{"a":"zz","b":"zz"}}' | evs append a.evs
	quiet evs project a.evs run part --fold part.fold
	quiet evs project a.evs run other --fold other.fold
	for i in 1 2 3 4 5 6; do
		echo "{\"eventType\":\"x\",\"data\":{\"a\":\"k$i\",\"b\":\"k\"}}"
		echo "{\"eventType\":\"x\",\"data\":{\"a\":\"\",\"b\":\"e$((i % 2))\"}}"
	done | evs append a.evs
	quiet evs project a.evs run part --fold part.fold
	quiet evs project a.evs run other --fold other.fold
	is "$(evs project a.evs show part | paste -sd' ')" '{"key":"","state":{"n":6}} {"key":"k","state":{"n":6}} {"key":"z","state":{"n":1}}'
	is "$(evs project a.evs show other | paste -sd' ')" \
		'{"key":"e0","state":{"n":3}} {"key":"e1","state":{"n":3}} {"key":"k","state":{"n":6}} {"key":"zz","state":{"n":1}}'
	# From nothing, too.
	quiet evs project a.evs run again --fold part.fold
	is "$(evs project a.evs show again)" "$(evs project a.evs show part)"
}

@test "a projection of nothing is refused, for what it is" {
	events 3 a | quiet evs append a.evs
	echo 'on "a" { n += 1 }' >n.fold
	ran 2 evs project a.evs run p --fold n.fold --to 0
	err_is "evs-project: option '--to' needs a number from 1: up to position 0 there is nothing to project"
	ran 0 evs project a.evs run p --fold n.fold --from 0 --to 2
}
