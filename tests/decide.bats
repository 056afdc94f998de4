# decide: a command decides on a stream's state, and what it prints is appended if the state still holds.
load helper

# account BALANCE: stream acc of type Account in a.evs, account.fold, and withdraw: the command that a teller runs.
account() {
	cat >account.fold <<-'END'
		on "account.created" { owner = .data.owner; balance = 0 }
		on "deposit.made"    { balance += .data.amount }
		on "withdrawal.made" { balance -= .data.amount }
	END
	cat >in <<-END
		{"eventType":"account.created","aggregateId":"acc","aggregateType":"Account","data":{"owner":"Ann"}}
		{"eventType":"deposit.made","aggregateId":"acc","aggregateType":"Account","data":{"amount":$1}}
		{"eventType":"note.added","aggregateId":"acc","aggregateType":"Account"}
	END
	quiet evs append a.evs in
	cat >withdraw <<-'END'
		#!/bin/sh
		# Hundreds of these are started: no jq. Amounts are whole.
		read -r question
		balance=${question#*'"balance":'} amount=${question#*'"amount":'}
		balance=${balance%%[!0-9-]*} amount=${amount%%[!0-9]*}
		[ "$balance" -ge "$amount" ] || { echo 'not enough money' >&2; exit 5; }
		echo "{\"eventType\":\"withdrawal.made\",\"data\":{\"amount\":$amount}}"
	END
	chmod +x withdraw
}

# decide STATUS COMMAND [ARG...]: on acc, with the command of a teller on standard input, {"amount":20} where none is.
decide() {
	local wanted=$1
	shift
	ran "$wanted" evs decide a.evs --stream acc --fold account.fold "$@" <<<"${asked-"{\"amount\":20}"}"
}

# unchanged: nothing was appended to what account made.
unchanged() {
	is "$(count a.evs)" 3
	out_is ''
}

@test "the command's events are appended to the stream, and receipts printed" {
	account 100
	decide 0 -- ./withdraw
	err_is ''
	is "$(jq -c '[.position,.stream,.revision,.duplicate]' <<<"$output")" '[4,"acc",4,false]'
	is "$(jq -r .eventId <<<"$output")" "$(evs cat a.evs --last 1 | jq -r .eventId)"
	is "$(evs cat a.evs --last 1 --fields .eventType,.aggregateId,.aggregateType,.data,.revision)" \
		'{"eventType":"withdrawal.made","aggregateId":"acc","aggregateType":"Account","data":{"amount":20},"revision":4}'
	# correlationId and causationId as they come; several events are one transaction.
	decide 0 -- sh -c 'echo "{\"eventType\":\"a\",\"correlationId\":\"c\",\"causationId\":\"d\"}"; echo; echo "{\"eventType\":\"b\"}"'
	is "$(jq -c '[.position,.revision]' <<<"$output" | paste -sd' ')" '[5,5] [6,6]'
	is "$(evs cat a.evs --last 2 --fields .eventType,.correlationId,.causationId | paste -sd' ')" '{"eventType":"a","correlationId":"c","causationId":"d"} {"eventType":"b"}'
}

@test "the question: state, revision and command on one line" {
	account 100.50
	asked=$'{\n  "amount": 20.00, "n": 123456789012345678901234567890, "s": "\\u00e4\\u0000" }\n' decide 0 -- sh -c 'cat >question'
	out_is ''
	is "$(cat question)" '{"state":{"owner":"Ann","balance":100.50},"revision":3,"command":{"amount":20.00,"n":123456789012345678901234567890,"s":"ä\u0000"}}'
	is "$(wc -l <question)" 1
	# What is asked for in a file, anything that is JSON, and nothing.
	echo '"hello"' >command
	ran 0 evs decide a.evs --stream acc --fold account.fold --command command -- sh -c 'cat >question' </dev/null
	is "$(jq -c .command question)" '"hello"'
	ran 0 evs decide a.evs --stream acc --fold account.fold --command - -- sh -c 'cat >question' <<<'[1, 2]'
	is "$(jq -c .command question)" '[1,2]'
	for asked in '' ' ' $'\n'; do
		decide 0 -- sh -c 'cat >question'
		is "$(jq -c .command question)" null
	done
	on_terminal evs decide a.evs --stream acc --fold account.fold -- sh -c 'cat >question'
	is "$(jq -c .command question)" null
	# A stream that is not there has no state, and revision 0.
	ran 0 evs decide a.evs --stream nobody --fold account.fold -- sh -c 'cat >question' </dev/null
	is "$(cat question)" '{"state":null,"revision":0,"command":null}'
	# The fold has no rule for the last event: it counts in the revision.
	is "$(evs replay a.evs --fold account.fold --key acc | jq -c '[.position,.revision]')" '[3,3]'
}

@test "what is asked for that is no JSON is refused" {
	account 100
	for asked in '{"amount":' '{} {}' "it's"; do
		decide 1 -- touch ran
		err_has "evs-decide: a.evs: the command is no JSON: column "
		unchanged
	done
	ran 1 evs decide a.evs --stream acc --fold account.fold --command no-such-file -- touch ran
	err_is "evs-decide: cannot open 'no-such-file': No such file or directory"
	[ ! -e ran ]
}

@test "a command that ends with another status rejects: nothing is appended" {
	account 10
	decide 1 -- ./withdraw
	err_is "not enough money
evs-decide: a.evs: './withdraw' rejected it with exit status 5; nothing was appended"
	unchanged
	# Also when it printed events before.
	decide 1 -- sh -c 'echo "{\"eventType\":\"a\"}"; exit 3'
	err_is "evs-decide: a.evs: 'sh' rejected it with exit status 3; nothing was appended"
	unchanged
	decide 1 -- sh -c 'echo "{\"eventType\":\"a\"}"; kill -9 $$'
	err_is "evs-decide: a.evs: 'sh' was killed by signal 9 (Killed); nothing was appended"
	unchanged
	decide 1 -- no-such-command
	err_is "evs-decide: cannot run 'no-such-command': No such file or directory"
	unchanged
	decide 1 -- ./in
	err_is "evs-decide: cannot run './in': Permission denied"
	unchanged
}

@test "a command that prints nothing has nothing to do" {
	account 10
	decide 0 -- true
	err_is ''
	unchanged
	decide 0 -- echo
	unchanged
}

@test "no shell: arguments go to the command as they are" {
	account 10
	decide 0 -- sh -c 'printf "%s\n" "$@" >arguments' - '*' 'a  b' '$HOME' -x --help
	is "$(cat arguments)" $'*\na  b\n$HOME\n-x\n--help'
}

@test "what is no event, or of another stream, is refused" {
	account 100
	decide 1 -- echo hello
	err_has "evs-decide: a.evs: what was decided: line 1: column 1: "
	unchanged
	decide 1 -- printf '{"eventType":"a"}\n\n{"data":1}\n'
	err_is "evs-decide: a.evs: what was decided: line 3: field 'eventType' is missing; every event needs one"
	unchanged
	decide 1 -- printf '{"eventType":"a"}\n{"eventType":"a","aggregateId":"other"}\n'
	err_is "evs-decide: a.evs: what was decided: line 2: the event is not of the stream 'acc'"
	unchanged
	decide 1 -- echo '{"eventType":"a","aggregateId":"acc","aggregateType":"Budget"}'
	err_is "evs-decide: a.evs: what was decided: line 1: the event's aggregateType is not 'Account', that of the stream"
	unchanged
	decide 1 -- printf '\xff\n'
	unchanged
	# Of the stream, said again, is fine.
	decide 0 -- echo '{"eventType":"a","aggregateId":"acc","aggregateType":"Account"}'
	is "$(count a.evs)" 4
}

@test "a command that floods, reads nothing, closes early, or takes long to read" {
	account 100
	decide 1 -- yes '{"eventType":"a"}'
	err_is "evs-decide: a.evs: 'yes' printed more than 67108864 bytes, and was killed; nothing was appended"
	unchanged
	# A state that no pipe holds at once, and a command that reads nothing of it.
	python3 -c 'import json
print(json.dumps({"eventType":"account.created","aggregateId":"big","data":{"owner":"x" * 3000000}}))' | evs append a.evs
	ran 0 evs decide a.evs --stream big --fold account.fold -- echo '{"eventType":"a"}' </dev/null
	is "$(jq .revision <<<"$output")" 2
	ran 0 evs decide a.evs --stream big --fold account.fold -- sh -c 'exec <&-; echo "{\"eventType\":\"a\"}"' </dev/null
	is "$(jq .revision <<<"$output")" 3
	ran 0 evs decide a.evs --stream big --fold account.fold -- python3 -c '
import json, os, time
os.write(1, b"{\"eventType\":\"a\",\"data\":")
time.sleep(0.2)
state = json.loads(os.fdopen(0).readline())["state"]
os.write(1, str(len(state["owner"])).encode() + b"}\n")' </dev/null
	is "$(evs cat a.evs --last 1 --format data)" 3000000
	# It has closed its output, and goes on reading.
	ran 0 evs decide a.evs --stream big --fold account.fold -- sh -c 'echo "{\"eventType\":\"a\"}"; exec >&-; wc -c >size' </dev/null
	[ "$(cat size)" -gt 3000000 ]
	is "$(jq .revision <<<"$output")" 5
}

@test "--timeout: a command that takes longer is killed with all that it started, and named" {
	account 100
	while IFS= read -r command; do
		rm -f child
		decide 1 --timeout 0.3s -- sh -c "$command"
		err_is "evs-decide: a.evs: 'sh' did not end in 300 ms, and was killed; nothing was appended"
		unchanged
		ended "$(cat child)"
	done <<-'END'
		sleep 100 & echo $! >child; wait
		echo '{"eventType":"a"}'; exec >&-; sleep 100 & echo $! >child; wait
		trap "" TERM; echo $$ >child; while :; do sleep 1; done
		sleep 100 & echo $! >child; echo '{"eventType":"a"}'
	END
	# One that ends in time; a state that it does not read.
	decide 0 --timeout 1m -- sh -c 'sleep 0.4; echo "{\"eventType\":\"a\"}"'
	# The command that makes the state has as long for an answer.
	ran 1 evs decide a.evs --stream acc --exec 'sleep 100' --timeout 0.2s -- touch ran </dev/null
	err_has "evs-decide: a.evs: the event at position 1: the command gave no answer for 200 ms"
	[ ! -e ran ]
	decide 2 --timeout soon -- true
	err_has "option '--timeout' needs a duration such as 500ms"
	decide 2 --timeout 40000d -- true
}

@test "the stream's type: the one there is, the one given, or that of its first event" {
	account 100
	echo '{"eventType":"account.created","aggregateId":"acc","aggregateType":"Budget"}' | evs append a.evs
	decide 2 -- touch ran
	err_has "evs-decide: a.evs: stream 'acc' is there in several aggregate types: Account, Budget; add --aggregate-type"
	[ ! -e ran ]
	decide 0 --aggregate-type Budget -- echo '{"eventType":"a"}'
	is "$(evs cat a.evs --last 1 --fields .aggregateType,.revision)" '{"aggregateType":"Budget","revision":2}'
	ran 0 evs decide a.evs --stream new --fold account.fold -- echo '{"eventType":"account.created","aggregateType":"Account"}' </dev/null
	is "$(evs cat a.evs --last 1 --fields .aggregateId,.aggregateType,.revision)" '{"aggregateId":"new","aggregateType":"Account","revision":1}'
	ran 0 evs decide a.evs --stream new2 --aggregate-type Account --fold account.fold -- echo '{"eventType":"account.created"}' </dev/null
	is "$(evs cat a.evs --last 1 --fields .eventType,.aggregateId,.aggregateType,.revision)" '{"eventType":"account.created","aggregateId":"new2","aggregateType":"Account","revision":1}'
	ran 0 evs decide a.evs --stream new3 --fold account.fold -- echo '{"eventType":"account.created"}' </dev/null
	is "$(evs cat a.evs --last 1 --fields .eventType,.aggregateId,.aggregateType,.revision)" '{"eventType":"account.created","aggregateId":"new3","revision":1}'
	ran 1 evs decide a.evs --stream new4 --fold account.fold -- printf '{"eventType":"a","aggregateType":"A"}\n{"eventType":"a","aggregateType":"B"}\n' </dev/null
	err_has "nothing was appended"
}

@test "a decision that is in the store already is repeated: nothing is appended" {
	account 100
	two() { printf '{"eventType":"a","eventId":"%s","data":{"n":1}}\n' "$@"; }
	two X Y >answer
	decide 0 -- cat answer
	is "$(jq -c '[.eventId,.revision,.duplicate]' <<<"$output" | paste -sd' ')" '["X",4,false] ["Y",5,false]'
	decide 0 -- cat answer
	err_is ''
	is "$(jq -c '[.eventId,.revision,.duplicate]' <<<"$output" | paste -sd' ')" '["X",4,true] ["Y",5,true]'
	# Also when the stream has gone on, and in any part.
	decide 0 -- echo '{"eventType":"b"}'
	two Y >answer
	decide 0 -- cat answer
	is "$(jq -c '[.eventId,.position,.revision,.duplicate]' <<<"$output")" '["Y",5,5,true]'
	is "$(count a.evs)" 6
	# Some of it, other content, another stream: a conflict.
	two Y Z >answer
	decide 3 --tries 1 -- cat answer
	err_is "evs-decide: a.evs: eventId 'Y' is in the store already, at revision 5 of its stream, not 7; nothing was appended"
	two Z Y >answer
	decide 3 --tries 1 -- cat answer
	err_is "evs-decide: a.evs: some of the events are in the store already and some are not; nothing was appended"
	sed s/1/2/ answer | sed 1d >other
	decide 3 --tries 1 -- cat other
	err_has "eventId 'Y' is in the store at position 5 with other content"
	ran 3 evs decide a.evs --stream else --aggregate-type Account --fold account.fold --tries 1 -- cat answer </dev/null
	err_has "eventId 'Y' is in the store at position 5 with other content"
	is "$(count a.evs)" 6
}

# beside EVENT: a command that appends an event of somebody else before it decides, the first $1 times.
meddle() {
	cat >meddle <<-END
		#!/bin/sh
		echo x >>tries
		[ \$(wc -l <tries) -gt $1 ] || echo '{"eventType":"deposit.made","aggregateId":"acc","aggregateType":"Account","data":{"amount":1}}' | "$EVS_BIN/evs" append a.evs
		exec ./withdraw
	END
	chmod +x meddle
	rm -f tries
}

@test "a stream that was changed meanwhile: it decides again, on the new state" {
	account 20
	meddle 3
	decide 0 -- ./meddle
	is "$(wc -l <tries)" 4
	is "$(jq -c '[.position,.revision]' <<<"$output")" '[7,7]'
	is "$(evs replay a.evs --fold account.fold --key acc | jq -c .state.balance)" 3
	# What it finds then is too little money.
	rm a.evs
	account 20
	cat >drain <<-END
		#!/bin/sh
		echo '{"eventType":"withdrawal.made","aggregateId":"acc","aggregateType":"Account","data":{"amount":1}}' | "$EVS_BIN/evs" append a.evs
		exec ./withdraw
	END
	chmod +x drain
	decide 1 -- ./drain
	err_has "not enough money"
}

@test "--tries: how often; then it is a conflict" {
	account 100
	meddle 1000
	decide 3 -- ./meddle
	err_is "evs-decide: a.evs: stream 'acc' is at revision 8, not 7; nothing was appended"
	out_is ''
	is "$(wc -l <tries)" 5
	meddle 1000
	decide 3 --tries 2 -- ./meddle
	is "$(wc -l <tries)" 2
	meddle 1
	decide 3 --tries 1 -- ./meddle
	is "$(wc -l <tries)" 1
	meddle 6
	decide 0 --tries 9 -- ./meddle
	is "$(wc -l <tries)" 7
	decide 2 --tries 0 -- true
	err_is "evs-decide: option '--tries' needs a number from 1, not '0'"
	# An eventId that stands for something else is a conflict too.
	decide 3 --tries 2 -- echo "{\"eventType\":\"other\",\"eventId\":\"$(evs cat a.evs --last 1 | jq -r .eventId)\"}"
}

@test "two terminals, and many, never overdraw an account" {
	account 100
	for round in 1 2 3; do
		rm -f go
		for w in 1 2 3 4 5 6 7 8; do
			{
				until [ -e go ]; do :; done
				for i in 1 2 3 4; do
					status=0
					"$EVS_BIN/evs" decide a.evs --stream acc --fold account.fold -- ./withdraw <<<'{"amount":7}' >>out.$w 2>>err.$w || status=$?
					echo $status >>status.$w
				done
			} 3>&- &
		done
		touch go
		wait
	done
	ran 0 evs verify a.evs
	# 14 times 7 is 98: no more was ever given away, and each that was told so has its event.
	balance=$(evs replay a.evs --fold account.fold --key acc | jq .state.balance)
	given=$(cat status.? | grep -c '^0$')
	is "$balance" $((100 - 7 * given))
	[ "$balance" -ge 0 ] && [ "$given" -le 14 ] && [ "$given" -ge 3 ]
	is "$(cat out.? | jq -c .revision | sort -n | paste -sd' ')" "$(seq -s' ' 4 $((3 + given)))"
	is "$(sort -u status.? | paste -sd' ' | sed 's/ 3$//')" '0 1'
	evs replay a.evs --fold account.fold --key acc --history | jq -e --slurp 'all(.[]; .state.balance >= 0)'
}

@test "enough tries: all that may withdraw do" {
	account 1000
	for w in 1 2 3 4 5 6; do
		for i in 1 2 3 4 5; do
			"$EVS_BIN/evs" decide a.evs --stream acc --fold account.fold --tries 1000 -- ./withdraw <<<'{"amount":33}' || echo "$w failed"
		done >out.$w 2>&1 3>&- &
	done
	wait
	is "$(cat out.? | jq -c .revision | sort -n | paste -sd' ')" "$(seq -s' ' 4 33)"
	is "$(evs replay a.evs --fold account.fold --key acc | jq .state.balance)" 10
}

@test "a signal ends it, and the command" {
	account 100
	"$EVS_BIN/evs" decide a.evs --stream acc --fold account.fold -- sh -c 'echo $$ >child; exec sleep 100' </dev/null >out 2>err 3>&- &
	pid=$!
	wait_for lines_in child 1
	kill -TERM $pid
	ends 143 $pid
	ended "$(cat child)"
	is "$(cat out err)" ''
	# One that does not listen.
	"$EVS_BIN/evs" decide a.evs --stream acc --fold account.fold -- sh -c 'trap "" TERM; echo $$ >child2; while :; do sleep 1; done' </dev/null >out 2>err 3>&- &
	pid=$!
	wait_for lines_in child2 1
	kill -TERM $pid
	ends 143 $pid
	is "$(count a.evs)" 3
}

@test "--exec in place of a fold" {
	account 100
	fold='jq -c --unbuffered "(.state // 0) + (.event.data.amount // 0)"'
	ran 0 evs decide a.evs --stream acc --exec "$fold" -- sh -c 'cat >question' </dev/null
	is "$(cat question)" '{"state":100,"revision":3,"command":null}'
	ran 1 evs decide a.evs --stream acc --exec 'exit 3' -- touch ran </dev/null
	err_has "evs-decide: a.evs: the event at position 1: "
	[ ! -e ran ]
	ran 2 evs decide a.evs --stream acc --exec "$fold" --fold account.fold -- true </dev/null
	err_is "evs-decide: --fold and --exec exclude each other"
}

@test "wrong usage, no store, a fold that fails" {
	account 100
	ran 2 evs decide a.evs --fold account.fold -- true
	err_is "evs-decide: --stream is missing: which stream to decide on"
	ran 2 evs decide a.evs --stream acc -- true
	err_is "evs-decide: --fold is missing: what makes the state of the stream's events"
	ran 2 evs decide a.evs --stream acc --fold account.fold
	err_has "COMMAND is missing; usage: evs decide STORE [options] -- COMMAND [ARG...]"
	echo 'key .data.owner on "*" { n += 1 }' >owner.fold
	ran 2 evs decide a.evs --stream acc --fold owner.fold -- true </dev/null
	err_is "evs-decide: a decision is about a stream, and this fold has states by another key"
	ran 1 evs decide no.evs --stream acc --fold account.fold -- true </dev/null
	err_has "no such store"
	[ ! -e no.evs ]
	ran 1 evs decide a.evs --stream acc --fold no.fold -- true </dev/null
	err_is "evs-decide: cannot open 'no.fold': No such file or directory"
	echo 'on "*" { fail "no" }' >fail.fold
	ran 1 evs decide a.evs --stream acc --fold fail.fold -- touch ran </dev/null
	err_is "evs-decide: a.evs: the event at position 1: fail.fold:1: no"
	[ ! -e ran ]
}

@test "a receipt that cannot be written does not hide that the events are in the store" {
	echo 'on "*" { n += 1 }' >n.fold
	quiet evs append a.evs --aggregate-type A --stream s <<<'{"eventType":"a"}'
	said='cannot write: No space left on device; events whose receipts are lost are in the store'
	ran 1 bash -c 'evs decide a.evs --stream s --fold n.fold -- echo "{\"eventType\":\"b\"}" </dev/null >/dev/full'
	err_is "evs-decide: $said"
	ran 1 bash -c 'evs append a.evs --receipts >/dev/full <<<"{\"eventType\":\"c\"}"'
	err_is "evs-append: $said"
	is "$(evs cat a.evs --fields .eventType | jq -r .eventType | paste -sd' ')" 'a b c'
}
