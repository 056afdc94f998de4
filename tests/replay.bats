# replay: states as they were, what changed them, what they would be; and events played out again.
load helper

# bank: two accounts in a.evs, and account.fold. At positions:
#  1 a1 created  2 a2 created  3 a1 +100.50  4 a1 a note, which the fold has no rule for  5 a1 -120  6 a2 +7
#  7 a1 +50, which happened before 5  8 b1 of another type, created  9 a2 closed
bank() {
	cat >account.fold <<-'END'
		on "account.created" { owner = .data.owner; balance = 0 }
		on "deposit.made"    { balance += .data.amount; push log .data.amount }
		on "withdrawal.made" { balance -= .data.amount; lines[.data.by].n += 1 }
		on "account.closed"  { delete }
	END
	cat >bank <<-'END'
		{"eventType":"account.created","eventId":"e1","aggregateType":"Account","aggregateId":"a1","timestamp":"2026-05-01T10:00:00Z","data":{"owner":"Ann"}}
		{"eventType":"account.created","eventId":"e2","aggregateType":"Account","aggregateId":"a2","timestamp":"2026-05-01T11:00:00Z","source":"web","data":{"owner":"Bob"}}
		{"eventType":"deposit.made","eventId":"e3","aggregateType":"Account","aggregateId":"a1","timestamp":"2026-05-02T10:00:00Z","data":{"amount":100.50}}
		{"eventType":"note.added","eventId":"e4","aggregateType":"Account","aggregateId":"a1","timestamp":"2026-05-02T23:59:59.5Z","data":{"text":"x"}}
		{"eventType":"withdrawal.made","eventId":"e5","aggregateType":"Account","aggregateId":"a1","timestamp":"2026-05-04T10:00:00Z","data":{"amount":120,"by":"x/1"}}
		{"eventType":"deposit.made","eventId":"e6","aggregateType":"Account","aggregateId":"a2","timestamp":"2026-05-05T10:00:00Z","data":{"amount":7}}
		{"eventType":"deposit.made","eventId":"e7","aggregateType":"Account","aggregateId":"a1","timestamp":"2026-05-03T10:00:00Z","data":{"amount":50}}
		{"eventType":"account.created","eventId":"e8","aggregateType":"Budget","aggregateId":"a2","timestamp":"2026-05-06T10:00:00Z","data":{"owner":"Cy"}}
		{"eventType":"account.closed","eventId":"e9","aggregateType":"Account","aggregateId":"a2","timestamp":"2026-05-07T10:00:00Z"}
	END
	quiet evs append a.evs bank
}

# replay REPLAY-ARGUMENTS...: on a.evs with account.fold; it ends with 0 and says nothing on stderr.
replay() {
	ran 0 evs replay a.evs --fold account.fold "$@"
	err_is ''
}

# picks FILTER WANTED REPLAY-ARGUMENTS...: what jq makes of the output, on one line.
picks() {
	local filter=$1 wanted=$2
	shift 2
	replay "$@"
	is "$(jq -nj "[inputs | $filter | tojson] | join(\" \")" <<<"$output")" "$wanted"
}

@test "one state, by key" {
	bank
	replay --key a1
	out_is '{"key":"a1","aggregateType":"Account","position":7,"revision":5,"state":{"owner":"Ann","balance":30.50,"log":[100.50,50],"lines":{"x/1":{"n":1}}}}'
	# One key of two types.
	ran 2 evs replay a.evs --fold account.fold --key a2
	out_is ''
	err_has "evs-replay: a.evs: stream 'a2' is there in several aggregate types: Account, Budget; add --aggregate-type"
	replay --key a2 --aggregate-type Budget
	out_is '{"key":"a2","aggregateType":"Budget","position":8,"revision":1,"state":{"owner":"Cy","balance":0}}'
	# Deleted, and never there.
	replay --key a2 --aggregate-type Account
	out_is '{"key":"a2","aggregateType":"Account","position":9,"revision":3,"state":null}'
	replay --key nobody
	out_is '{"key":"nobody","position":0,"revision":0,"state":null}'
	# By stream the stream is the key.
	is "$(evs replay a.evs --fold account.fold --stream a1)" "$(evs replay a.evs --fold account.fold --key a1)"
	ran 2 evs replay a.evs --fold account.fold --stream a1 --key a2
	err_is "evs-replay: the key is the stream: 'a2' and 'a1' are two"
}

@test "all states, by key and type; those that do not exist are left out" {
	bank
	replay
	out_is '{"key":"a1","aggregateType":"Account","position":7,"revision":5,"state":{"owner":"Ann","balance":30.50,"log":[100.50,50],"lines":{"x/1":{"n":1}}}}
{"key":"a2","aggregateType":"Budget","position":8,"revision":1,"state":{"owner":"Cy","balance":0}}'
	picks '[.key,.aggregateType]' '["a1","Account"] ["a2","Account"] ["a2","Budget"]' --at-position 8
	# Keys sort as bytes; none comes before any type.
	for id in b a B ä '' 'a b'; do
		echo "{\"eventType\":\"t\",\"aggregateId\":\"$id\"}"
		echo "{\"eventType\":\"t\",\"aggregateId\":\"$id\",\"aggregateType\":\"T\"}"
	done | evs append b.evs
	echo '{"eventType":"t"}' | evs append b.evs
	echo 'on "*" { n += 1 }' >n.fold
	ran 0 evs replay b.evs --fold n.fold
	is "$(jq -c '[.key,.aggregateType]' <<<"$output" | paste -sd' ')" \
		'["",null] ["","T"] ["B",null] ["B","T"] ["a",null] ["a","T"] ["a b",null] ["a b","T"] ["b",null] ["b","T"] ["ä",null] ["ä","T"]'
}

@test "--at takes the events whose own timestamp is not after it" {
	bank
	picks '[.position,.revision,.state.balance]' '[1,1,0]' --key a1 --at 2026-05-01T10:00:00Z
	picks '[.position,.state]' '[0,null]' --key a1 --at 2026-05-01T09:59:59Z
	# A date is its last moment, and other offsets are the same moment.
	picks '[.position,.revision]' '[4,3]' --key a1 --at 2026-05-02
	picks '[.position,.revision]' '[4,3]' --key a1 --at 2026-05-03T01:59:59.5+02:00
	picks '[.position,.revision]' '[3,2]' --key a1 --at 2026-05-02T23:59:59.4Z
	# 7 happened before 5 though it stands behind it.
	picks '[.position,.revision,.state.balance]' '[7,5,150.5]' --key a1 --at 2026-05-03
	picks '[.position,.revision,.state.balance]' '[7,5,30.5]' --key a1 --at 2026-05-04
	picks '.state.balance' '30.5 0' --at -1d
	ran 2 evs replay a.evs --fold account.fold --at yesterday
	err_has "option '--at' needs a time such as"
}

@test "--at-position and --at-revision" {
	bank
	picks '[.position,.revision,.state.balance]' '[5,4,-19.5]' --key a1 --at-position 6
	picks '[.position,.revision,.state.balance]' '[5,4,-19.5]' --key a1 --at-revision 4
	picks '[.position,.state]' '[0,null]' --key a1 --at-position 0
	picks '[.position,.state]' '[0,null]' --key a1 --at-revision 0
	picks '[.key,.position]' '["a1",3] ["a2",2]' --at-position 3
	picks '[.key,.revision]' '["a1",2] ["a2",2] ["a2",1]' --at-revision 2
	# All bounds hold.
	picks '.position' '3' --key a1 --at-position 6 --at-revision 4 --at 2026-05-02T12:00:00Z
	ran 2 evs replay a.evs --fold account.fold --at-position x
	err_is "evs-replay: option '--at-position' needs a number from 0, not 'x'"
	ran 2 evs replay a.evs --fold account.fold --at-revision -1
	err_is "evs-replay: option '--at-revision' needs a number from 0, not '-1'"
	# A position behind the end is the end.
	picks '.position' '7' --key a1 --at-position 18446744073709551615
}

@test "a fold by another key reads all events, and has no revision" {
	bank
	echo 'key .data.owner
on "*" when .data.owner != null { n += 1; last = .aggregateId }' >owner.fold
	echo '{"eventType":"account.created","aggregateId":"a9","data":{"owner":"Ann"}}' | evs append a.evs
	ran 0 evs replay a.evs --fold owner.fold
	out_is '{"key":"Ann","position":10,"revision":null,"state":{"n":2,"last":"a9"}}
{"key":"Bob","position":2,"revision":null,"state":{"n":1,"last":"a2"}}
{"key":"Cy","position":8,"revision":null,"state":{"n":1,"last":"a2"}}'
	ran 0 evs replay a.evs --fold owner.fold --key Ann --at-position 9
	out_is '{"key":"Ann","position":1,"revision":null,"state":{"n":1,"last":"a1"}}'
	ran 0 evs replay a.evs --fold owner.fold --stream a2 --aggregate-type Account
	out_is '{"key":"Bob","position":2,"revision":null,"state":{"n":1,"last":"a2"}}'
	ran 2 evs replay a.evs --fold owner.fold --at-revision 1
	err_is "evs-replay: a revision counts the events of a stream, and this fold has states by another key; give a position or a time"
	# A key of its own in one rule is another key as well; one event can change several states, and one state twice.
	echo 'on "o" each .data key .k { n += .q }' >stock.fold
	echo '{"eventType":"o","aggregateId":"s","data":[{"k":"X","q":2},{"k":"Y","q":1},{"k":"X","q":3}]}' | evs append s.evs
	echo '{"eventType":"o","data":[{"k":"X","q":10}]}' | evs append s.evs
	ran 0 evs replay s.evs --fold stock.fold
	out_is '{"key":"X","position":2,"revision":null,"state":{"n":15}}
{"key":"Y","position":1,"revision":null,"state":{"n":1}}'
	ran 0 evs replay s.evs --fold stock.fold --history
	out_is "$(evs cat s.evs | jq -c --slurp '.[0] as $a | .[1] as $b |
		({key:"X",position:1,revision:1,eventType:"o",timestamp:$a.timestamp,state:{n:5}},
		 {key:"Y",position:1,revision:1,eventType:"o",timestamp:$a.timestamp,state:{n:1}},
		 {key:"X",position:2,revision:null,eventType:"o",timestamp:$b.timestamp,state:{n:15}})')"
	ran 0 evs replay s.evs --fold stock.fold --key X --history
	is "$(jq -c '[.position,.state.n]' <<<"$output" | paste -sd' ')" '[1,5] [2,15]'
}

@test "selectors say which events count" {
	bank
	picks '[.key,.state.balance]' '["a1",150.5] ["a2",7]' -t 'account.created' -t 'deposit.*' --aggregate-type Account
	picks '.state.balance' '100.5' --key a1 --to 3
	picks '.state' 'null' --key a1 --source web
	picks '[.key,.state.owner]' '["a2","Bob"]' --source web
	picks '.state.balance' '100.5 0' --where '.data.amount == null || .data.amount > 50 && .data.amount < 120'
	picks '.state.balance' '0' --key a1 --limit 1
	picks '.state' '{"balance":50,"log":[50]}' --key a1 --last 1
	ran 2 evs replay a.evs --fold account.fold --reverse
	err_is "evs-replay: replay goes forwards: it excludes --reverse"
	ran 2 evs replay a.evs --fold account.fold --shard 3/2
	err_has "option '--shard' needs I/N"
	ran 2 evs replay a.evs --fold account.fold --where '.data ='
	err_has "--where: column 7"
}

@test "--history: a line for each event, with the state after it" {
	bank
	replay --key a1 --history
	is "$(wc -l <<<"$output")" 5
	is "$(sed -n 3p <<<"$output")" '{"key":"a1","aggregateType":"Account","position":4,"revision":3,"eventType":"note.added","timestamp":"2026-05-02T23:59:59.5Z","state":{"owner":"Ann","balance":100.50,"log":[100.50]}}'
	picks '[.position,.state.balance]' '[1,0] [3,100.5] [4,100.5] [5,-19.5] [7,30.5]' --key a1 --history
	picks '[.key,.position,.state.balance]' '["a1",1,0] ["a2",2,0] ["a1",3,100.5] ["a1",4,100.5] ["a1",5,-19.5] ["a2",6,7] ["a1",7,30.5] ["a2",8,0] ["a2",9,null]' --history
	picks '.position' '1 3 4' --key a1 --history --at 2026-05-02
	picks '.position' '1 3 4 5' --key a1 --history --at-revision 4
	ran 1 evs replay a.evs --fold account.fold --key nobody --history
	out_is ''
	err_is "evs-replay: a.evs: no event counts for 'nobody'"
	# A choice of events that leaves none is no failure.
	replay --history --from 10
	out_is ''
	# Events before the first that the fold has a rule for count in a history of one stream, and make no state.
	echo '{"eventType":"note.added","aggregateId":"n","timestamp":"2026-01-01T00:00:00Z"}' | evs append a.evs
	replay --key n --history
	out_is '{"key":"n","position":10,"revision":1,"eventType":"note.added","timestamp":"2026-01-01T00:00:00Z","state":null}'
	picks '.key' '' --history --from 10
}

# apply FILE: JSON Patch (RFC 6902), add, remove and replace. Each line of the file names three: lines of a diff, and states A
# and B, by key; fails where a patched state of A is not that of B, digit for digit. Prints how many operations each diff has.
apply() {
	python3 - "$1" <<-'END'
		import json, sys
		class Digits(str): pass
		def load(path):
		    return [json.loads(l, parse_float=Digits, parse_int=Digits) for l in open(path)]
		def same(a, b):
		    if type(a) is not type(b): return False
		    if isinstance(a, dict): return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
		    if isinstance(a, list): return len(a) == len(b) and all(map(same, a, b))
		    return a == b
		def patch(doc, operations):
		    box = {"": doc}
		    for o in operations:
		        steps = [s.replace("~1", "/").replace("~0", "~") for s in o["path"].split("/")]
		        at, last = box, steps.pop()
		        for s in steps:
		            at = at[int(s)] if isinstance(at, list) else at[s]
		        if isinstance(at, list):
		            last = int(last)
		            assert 0 <= last <= len(at)
		            if o["op"] == "add": at.insert(last, o["value"])
		            elif o["op"] == "remove": del at[last]
		            else: at[last] = o["value"]
		        else:
		            assert (last in at) == (o["op"] != "add"), o
		            if o["op"] == "remove": del at[last]
		            else: at[last] = o["value"]
		    return box[""]
		name = lambda l: (l["key"], l.get("aggregateType"))
		for files in open(sys.argv[1]):
		    diff, a, b = map(load, files.split())
		    a, b = ({name(l): l["state"] for l in s if l["state"] is not None} for s in (a, b))
		    for line in diff:
		        a[name(line)] = patch(a.get(name(line)), line["patch"])
		    a = {k: v for k, v in a.items() if v is not None}
		    assert same(a, b), "not the same: " + files
		    print(sum(len(line["patch"]) for line in diff))
	END
}

@test "--diff A B is the JSON Patch that makes B of A" {
	bank
	replay --key a1 --diff 3 7
	out_is '{"key":"a1","aggregateType":"Account","from":3,"to":7,"patch":[{"op":"replace","path":"/balance","value":30.50},{"op":"add","path":"/log/1","value":50},{"op":"add","path":"/lines","value":{"x/1":{"n":1}}}]}'
	replay --key a1 --diff 7 3
	out_is '{"key":"a1","aggregateType":"Account","from":7,"to":3,"patch":[{"op":"replace","path":"/balance","value":100.50},{"op":"remove","path":"/log/1"},{"op":"remove","path":"/lines"}]}'
	# Times, a date is its end; one moment of each kind; nothing changed.
	picks '[.from,.to,(.patch|length)]' '[4,7,2]' --key a1 --diff 2026-05-02 2026-05-03T10:00:00Z
	picks '[.from,.to]' '[4,5]' --key a1 --diff 2026-05-02 6
	replay --key a1 --diff 3 4
	out_is '{"key":"a1","aggregateType":"Account","from":3,"to":4,"patch":[]}'
	replay --key a1 --diff 0 1
	out_is '{"key":"a1","aggregateType":"Account","from":0,"to":1,"patch":[{"op":"replace","path":"","value":{"owner":"Ann","balance":0}}]}'
	# Of all states those that changed, made and deleted ones among them.
	replay --diff 6 9
	is "$(jq -c '[.key,.aggregateType,.from,.to]' <<<"$output" | paste -sd' ')" '["a1","Account",5,7] ["a2","Account",6,9] ["a2","Budget",0,8]'
	is "$(jq -c .patch <<<"$output" | sed -n 2p)" '[{"op":"replace","path":"","value":null}]'
	replay --diff 5 5
	out_is ''
	# As one word, or two; wherever it stands.
	replay --diff=3 7 --key a1
	is "$(jq -c '[.from,.to]' <<<"$output")" '[3,7]'
	ran 2 evs replay a.evs --fold account.fold --diff 3
	err_is "evs-replay: option '--diff' needs two values: A B"
	ran 2 evs replay a.evs --fold account.fold --diff 3 noon
	err_has "no moment: 'noon'; write a position such as 42, or a time"
	ran 2 evs replay a.evs --fold account.fold --diff 3 4 --at 2026-05-01
	err_is "evs-replay: --diff names both moments: it excludes --at, --at-position and --at-revision"
	# Every pair of moments.
	for a in $(seq 0 9); do
		evs replay a.evs --fold account.fold --at-position $a >state.$a
	done
	for a in $(seq 0 9); do
		for b in $(seq 0 9); do
			evs replay a.evs --fold account.fold --diff $a $b >diff.$a.$b
			echo diff.$a.$b state.$a state.$b
		done
	done >pairs
	apply pairs >operations
	is "$(wc -l <operations)" 100
	is "$(tail -n 1 operations)" 0
}

@test "a patch of states with lists, nested objects and odd keys applies" {
	cat >odd.fold <<-'END'
		on "*" { l = .data.l; by[.data.k].x += 1; by[.data.k].l = .data.l; all = .data; if .data.drop { unset by } }
	END
	python3 - <<-'END' >odd
		import json, random
		random.seed(7)
		keys = ["a/b", "~", "~1", "", "q\"", "ü", "\u0000", "a b", "0"]
		def value(depth):
		    kind = random.randrange(6 if depth else 4)
		    if kind == 4: return [value(depth - 1) for _ in range(random.randrange(5))]
		    if kind == 5: return {random.choice(keys): value(depth - 1) for _ in range(random.randrange(4))}
		    return [None, True, random.randrange(9), "s%d" % random.randrange(9)][kind]
		for i in range(120):
		    l = [value(2) for _ in range(random.randrange(7))]
		    print(json.dumps({"eventType": "t", "aggregateId": "s%d" % random.randrange(2),
		                      "data": {"l": l, "k": random.choice(keys), "drop": random.random() < 0.05}}))
	END
	evs append a.evs odd
	for at in $(seq 0 8 120); do
		evs replay a.evs --fold odd.fold --at-position $at >state.$at
	done
	for at in $(seq 0 8 112); do
		then=$((at + 8))
		evs replay a.evs --fold odd.fold --diff $at $then >there.$at
		evs replay a.evs --fold odd.fold --diff $at $then | cmp - there.$at
		evs replay a.evs --fold odd.fold --diff $then $at >back.$at
		echo there.$at state.$at state.$then >&4
		echo back.$at state.$then state.$at >&5
	done 4>forth 5>back
	apply back >/dev/null
	apply forth | awk '{ n += $1 } END { exit n <= 300 }'
}

@test "--first: the first event after which it holds, and the state before and after" {
	bank
	replay --key a1 --first 'balance < 0'
	is "$(jq -c '[.key,.aggregateType,.event.eventId,.event.position,.before.balance,.after.balance]' <<<"$output")" '["a1","Account","e5",5,100.5,-19.5]'
	is "$(jq -c .event <<<"$output")" "$(evs cat a.evs --from 5 --to 5)"
	is "$(jq -c keys_unsorted <<<"$output")" '["key","aggregateType","event","before","after"]'
	# On the event and the state; over all states the first of all.
	picks '[.key,.event.position]' '["a2",6]' --first '.eventType == "deposit.made" && balance < 10'
	picks '[.key,.event.position,.before,.after]' '["a1",1,null,{"owner":"Ann","balance":0}]' --first 'balance >= 0'
	picks '[.key,.event.position,.after]' '["a2",9,null]' --first '.eventType == "account.closed"'
	ran 1 evs replay a.evs --fold account.fold --key a1 --first 'balance > 1000'
	out_is ''
	err_is "evs-replay: a.evs: there is no event after which it holds: balance > 1000"
	ran 1 evs replay a.evs --fold account.fold --key a1 --first 'balance < 0' --at 2026-05-03
	ran 2 evs replay a.evs --fold account.fold --first 'balance <'
	is "$(sed -n 1p <<<"$stderr")" "evs-replay: --first: column 10: a value is expected, not the end"
	is "$(wc -l <<<"$stderr")" 3
	ran 2 evs replay a.evs --fold account.fold --first '.balence == 1 || balence < 0'
	err_has "evs-replay: --first: column 18: no state has a field 'balence'; did you mean 'balance'?"
	ran 1 evs replay a.evs --fold account.fold --first 'balance'
	err_is "evs-replay: a.evs: --first: the event at position 1: a condition is true or false, not a number"
}

@test "--blame: the last event that changed a field" {
	bank
	replay --key a1 --blame balance
	is "$(jq -c '[.key,.aggregateType,.path,.value,.before,.event.position]' <<<"$output")" '["a1","Account","balance",30.5,-19.5,7]'
	is "$(jq -c .event <<<"$output")" "$(evs cat a.evs --from 7 --to 7)"
	is "$(jq -c keys_unsorted <<<"$output")" '["key","aggregateType","path","value","before","event"]'
	picks '[.value,.before,.event.position]' '["Ann",null,1]' --key a1 --blame owner
	picks '[.value,.before,.event.position]' '["Ann",null,1]' --key a1 --blame .owner
	picks '[.value,.before,.event.position]' '[1,null,5]' --key a1 --blame 'lines["x/1"].n'
	picks '[.value,.before,.event.position]' '[100.5,null,3]' --key a1 --blame 'log[0]'
	picks '[.value,.before,.event.position]' '[50,100.5,7]' --key a1 --blame 'log[-1]'
	picks '[.value,.before,.event.position]' '[100.5,0,3]' --key a1 --blame balance --at 2026-05-02
	# What was deleted was changed by that.
	picks '[.key,.aggregateType,.value,.before,.event.position]' '["a1","Account",30.5,-19.5,7] ["a2","Account",null,7,9] ["a2","Budget",0,null,8]' --blame balance
	# . is the whole state.
	picks '[.value.balance,.before.balance,.event.position]' '[-19.5,100.5,5]' --key a1 --blame . --at-position 6
	ran 1 evs replay a.evs --fold account.fold --key a1 --blame balnce
	out_is ''
	err_is "evs-replay: a.evs: no event has set 'balnce'"
	for path in 'a..b' 'a[' 'a[x]' 'a.' '' /lines/B 'a b' 'state (' 'a[1' 'a]' 'a[01]' 'a[-"b"]' 'a."b' 'a."\x"' 'a<1' 'a.[0]'; do
		ran 2 evs replay a.evs --fold account.fold --key a1 --blame "$path"
		err_is "evs-replay: --blame: no path: '$path'; write balance, lines.X1.qty, lines[0].qty, or lines[\"a b\"].qty"
	done
}

@test "--blame takes the paths of folds, and names that folds quote" {
	echo 'on "p" { x."a b"."c.d" = .data.v; m[1] = .data.v; m[1.5] = .data.v; l = [1, {q: .data.v}]; users[.data.user] = .data.v }' >p.fold
	printf '{"eventType":"p","eventId":"e%d","aggregateId":"s","data":{"v":%d,"user":"k-1"}}\n' 1 1 2 2 | evs append p.evs
	for path in 'x."a b"."c.d"' '."x"."a b"["c.d"]' '["x"]["a b"]["c.d"]' 'x["a\u0020b"]["c.d"]' 'm[1]' m.1 'm["1"]' 'm[1.5]' 'l[1].q' \
		'l[-1].q' 'l[ 1 ].q' users.k-1 'users."k-1"'; do
		ran 0 evs replay p.evs --fold p.fold --key s --blame "$path"
		is "$(jq -c '[.value, .before, .event.eventId]' <<<"$output")" '[2,1,"e2"]' || fail "$path"
		is "$(jq -r .path <<<"$output")" "$path"
	done
	for path in l.1 'l["1"]' 'm[2]' 'x.a'; do
		ran 1 evs replay p.evs --fold p.fold --key s --blame "$path"
		err_is "evs-replay: p.evs: no event has set '$path'"
	done
}

@test "--blame: null is a value that an event sets" {
	echo 'on "a" { x = null; y = 5 }; on "b" { y = null }; on "c" { unset x; z = null }' >n.fold
	printf '{"eventType":"%s","aggregateId":"s"}\n' a b b c | evs append n.evs
	for key in '--key s' ''; do
		blamed() { # PATH ARGUMENT... prints value, before and the position
			evs replay n.evs --fold n.fold $key --blame "$@" | jq -c '[.value, .before, .event.position]'
		}
		is "$(blamed x --at-position 3)" '[null,null,1]'
		is "$(blamed x)" '[null,null,4]'
		is "$(blamed y)" '[null,5,2]'
		is "$(blamed z)" '[null,null,4]'
		ran 1 evs replay n.evs --fold n.fold $key --blame z --at-position 3
		err_is "evs-replay: n.evs: no event has set 'z'"
	done
	# From a snapshot with it, too.
	evs snapshot n.evs take --fold n.fold --key s
	key='--key s'
	is "$(blamed z)" '[null,null,4]'
}

@test "--without: as if events had not happened" {
	bank
	picks '[.position,.revision,.state.balance]' '[7,5,150.5]' --key a1 --without 5
	picks '[.position,.state.balance]' '[5,-120]' --key a1 --without 7,3
	picks '[.position,.state.balance]' '[5,-120]' --key a1 --without 3 --without 7
	picks '[.key,.state.balance]' '["a1",30.5] ["a2",7] ["a2",0]' --without 9
	picks '[.position,.state.balance]' '[3,100.5]' --key a1 --without 4 --at 2026-05-02
	picks '[.position,.state.balance]' '[1,0] [3,100.5] [7,150.5]' --key a1 --without 4,5 --history
	picks '[.from,.to,.patch[0].value]' '[4,7,150.5]' --key a1 --without 5 --diff 2026-05-02 7
	ran 1 evs replay a.evs --fold account.fold --without 5 --first 'balance < 0'
	picks '[.value,.event.position]' '[-19.5,5]' --key a1 --without 7 --blame balance
	ran 2 evs replay a.evs --fold account.fold --without 10
	err_is "evs-replay: --without: there is no event at position 10"
	ran 2 evs replay a.evs --fold account.fold --without 0
	err_is "evs-replay: --without: there is no event at position 0"
	for list in x 3, ,3 3-5 '' -1; do
		ran 2 evs replay a.evs --fold account.fold --without "$list"
		err_is "evs-replay: option '--without' needs positions such as 3 or 3,17, not '$list'"
	done
}

@test "--with: as if events had happened as well, by their timestamps, those without one at the end" {
	bank
	echo '{"eventType":"deposit.made","timestamp":"2026-05-04T09:00:00Z","data":{"amount":1000}}' >early
	picks '[.position,.state.balance]' '[1,0] [3,100.5] [4,100.5] [null,1100.5] [5,980.5] [7,1030.5]' --key a1 --with early --history
	ran 1 evs replay a.evs --fold account.fold --key a1 --with early --first 'balance < 0'
	echo '{"eventType":"deposit.made","data":{"amount":1000}}' >late
	picks '[.position,.revision,.state.balance]' '[null,null,1030.5]' --key a1 --with late
	picks '.event.position' 5 --key a1 --with late --first 'balance < 0'
	picks '[.key,.event.data.amount,.event.aggregateId,.event.position,.event.recordedAt]' '["a1",1000,"a1",null,null]' --key a1 --with late --blame balance
	# The same moment comes behind what is there; several in order; blank lines are none.
	printf '%s\n' '' '{"eventType":"x1","timestamp":"2026-05-04T10:00:00Z"}' '{"eventType":"x3"}' ' ' '{"eventType":"x0","timestamp":"2026-04-01T00:00:00Z"}' \
		'{"eventType":"x2","timestamp":"2026-05-04T10:00:00Z"}' >several
	picks '.eventType' '"x0" "account.created" "deposit.made" "note.added" "withdrawal.made" "deposit.made" "x1" "x2" "x3"' --key a1 --with several --history
	# Up to a moment: those that happened later do not count, those without a timestamp do.
	picks '.eventType' '"x0" "account.created" "deposit.made" "note.added" "deposit.made" "x3"' --key a1 --with several --history --at 2026-05-03
	picks '.eventType' '"x0" "account.created" "x1" "x2" "x3"' --key a1 --with several --history --at-position 1
	# Over all states they name their stream; of one stream those of others do not count.
	picks '[.key,.position,.state.balance]' '["a1",7,30.5] ["a2",8,0]' --with late
	echo '{"eventType":"deposit.made","aggregateId":"a2","aggregateType":"Budget","data":{"amount":5}}' >budget
	picks '[.key,.position,.state.balance]' '["a1",7,30.5] ["a2",null,5]' --with budget
	picks '[.position,.state.balance]' '[7,30.5]' --key a1 --with budget
	picks '[.position,.state.balance]' '[null,5]' --key a2 --aggregate-type Budget --with budget
	picks '[.position,.state]' '[9,null]' --key a2 --aggregate-type Account --with budget
	# A stream that is not there, fields that no event has, a type that no event has.
	echo '{"eventType":"account.created","data":{"owner":{"first":"Eve"}}}' >new
	picks '[.position,.state]' '[null,{"owner":{"first":"Eve"},"balance":0}]' --key new --with new
	try evs replay a.evs --fold account.fold --key new --with - <new
	is "$(jq -c .state <<<"$output")" '{"owner":{"first":"Eve"},"balance":0}'
	# Such an event has no position, for the fold either.
	echo 'on "*" { places[.eventType] = [.position, .revision, .recordedAt] }' >place.fold
	ran 0 evs replay a.evs --fold place.fold --key new --with new
	is "$(jq -c .state.places <<<"$output")" '{"account.created":[null,null,null]}'
	# Together with --without: one happened in place of another.
	picks '[.state.balance]' '[1150.5]' --key a1 --without 5 --with early
	# Nothing of it is in the store.
	is "$(count a.evs)" 9
}

@test "--with: what the store has already happened once; another event with its eventId is a conflict" {
	bank
	evs cat a.evs --from 5 --to 7 >again
	picks '[.position,.state.balance]' '[7,30.5]' --key a1 --with again
	picks '[.key,.position,.state.balance]' '["a1",7,30.5] ["a2",8,0]' --with again
	picks '.eventType' '"account.created" "deposit.made" "note.added" "withdrawal.made" "deposit.made"' --key a1 --with again --history
	# What does not count is not there: by the moment, by a selector, by --without.
	picks '.state.balance' '30.5' --key a1 --with again --at-position 4
	picks '.state.balance' '30.5' --key a1 --with again --type 'account.*' --type 'deposit.*' --type note.added
	picks '[.position,.state.balance]' '[null,30.5]' --key a1 --with again --without 5
	sed -n 1p again | sed 's/120/20/' >other
	ran 3 evs replay a.evs --fold account.fold --key a1 --with other
	out_is ''
	err_is "evs-replay: a.evs: the added event of line 1: eventId '$(jq -r .eventId other)' is in the store at position 5 with other content"
	ran 3 evs replay a.evs --fold account.fold --with other --diff 1 7
	picks '[.position,.state.balance]' '[null,130.5]' --key a1 --with other --without 5
	picks '.state.balance' '80.5' --key a1 --with other --at-position 4
	# The type of the stream, and when it happened, are filled in.
	echo '{"eventType":"deposit.made","eventId":"mine","data":{"amount":1}}' >mine
	evs append a.evs --stream a1 --aggregate-type Account mine
	picks '.state.balance' '31.5' --key a1 --with mine
}

@test "--with checks its lines as append does" {
	bank
	printf '%s\n' '{"eventType":"a"}' '{"data":1}' >bad
	ran 1 evs replay a.evs --fold account.fold --with bad
	out_is ''
	err_is "evs-replay: a.evs: line 2: field 'eventType' is missing; every event needs one"
	echo '{"eventType":' >bad
	ran 1 evs replay a.evs --fold account.fold --with bad
	err_has "line 1: column 14"
	ran 1 evs replay a.evs --fold account.fold --with no-such-file
	err_is "evs-replay: cannot open 'no-such-file': No such file or directory"
	: >empty
	is "$(evs replay a.evs --fold account.fold --with empty)" "$(evs replay a.evs --fold account.fold)"
	# The fold fails on one of them.
	printf '%s\n' '' '{"eventType":"deposit.made","data":{"amount":"ten"}}' >bad
	ran 1 evs replay a.evs --fold account.fold --key a1 --with bad
	err_has "evs-replay: a.evs: the added event of line 2: account.fold:2: "
}

@test "an event on which the fold fails ends it, and is named; other streams are not touched" {
	bank
	printf '%s\n' '{"eventType":"account.created","aggregateId":"bad"}' '{"eventType":"deposit.made","aggregateId":"bad","data":{"amount":"ten"}}' | evs append a.evs
	ran 1 evs replay a.evs --fold account.fold
	out_is ''
	err_has "evs-replay: a.evs: the event at position 11: account.fold:2: "
	ran 1 evs replay a.evs --fold account.fold --key bad
	err_has "the event at position 11: account.fold:2: "
	picks '.state.balance' '30.5' --key a1
	picks '.state.balance' '30.5 0 0' --at-position 10
	# What was told before it was told.
	try evs replay a.evs --fold account.fold --history
	[ "$status" -eq 1 ]
	is "$(wc -l <<<"$output")" 10
	# A fold that fails on purpose.
	echo 'on "withdrawal.made" { fail "no money" } on "*" { n += 1 }' >strict.fold
	ran 1 evs replay a.evs --fold strict.fold
	err_has "evs-replay: a.evs: the event at position 5: strict.fold:1: no money"
}

@test "--exec: a command in place of a fold" {
	bank
	fold='jq -c --unbuffered "(.state // {n: 0}) | .n += 1"'
	ran 0 evs replay a.evs --exec "$fold"
	err_is ''
	out_is '{"key":"a1","aggregateType":"Account","position":7,"revision":5,"state":{"n":5}}
{"key":"a2","aggregateType":"Account","position":9,"revision":3,"state":{"n":3}}
{"key":"a2","aggregateType":"Budget","position":8,"revision":1,"state":{"n":1}}'
	ran 0 evs replay a.evs --exec "$fold" --key a1 --at 2026-05-02
	out_is '{"key":"a1","aggregateType":"Account","position":4,"revision":3,"state":{"n":3}}'
	ran 0 evs replay a.evs --exec "$fold" --key a1 --history
	is "$(jq -c '[.position,.state.n]' <<<"$output" | paste -sd' ')" '[1,1] [3,2] [4,3] [5,4] [7,5]'
	ran 0 evs replay a.evs --exec "$fold" --first 'n == 2'
	is "$(jq -c '[.key,.event.position,.before,.after]' <<<"$output")" '["a1",3,{"n":1},{"n":2}]'
	ran 0 evs replay a.evs --exec "$fold" --key a1 --blame n
	is "$(jq -c '[.value,.before,.event.position]' <<<"$output")" '[5,4,7]'
	ran 0 evs replay a.evs --exec "$fold" --diff 3 7
	is "$(jq -c '[.key,.patch]' <<<"$output" | paste -sd' ')" '["a1",[{"op":"replace","path":"/n","value":5}]] ["a2",[{"op":"replace","path":"/n","value":2}]]'
	ran 0 evs replay a.evs --exec "$fold" --key a1 --without 3 --with <(echo '{"eventType":"x"}')
	out_is '{"key":"a1","aggregateType":"Account","position":null,"revision":null,"state":{"n":5}}'
	# A state that is null is none.
	ran 0 evs replay a.evs --exec 'jq -c --unbuffered "if .event.aggregateId == \"a1\" then .event.data else null end"'
	out_is '{"key":"a1","aggregateType":"Account","position":7,"revision":5,"state":{"amount":50}}'
	# It dies, answers no JSON, or is not there.
	ran 1 evs replay a.evs --exec 'exit 3'
	err_has "evs-replay: a.evs: the event at position 1: "
	ran 1 evs replay a.evs --exec 'while read -r l; do echo x; done'
	err_has "the event at position 1: "
	ran 1 evs replay a.evs --exec 'no-such-command-at-all'
	ran 2 evs replay a.evs --exec "$fold" --fold account.fold
	err_is "evs-replay: --fold and --exec exclude each other"
}

@test "--timeout: how long a command may take for an answer" {
	bank
	ran 1 evs replay a.evs --exec 'sleep 100' --timeout 200ms
	err_has "evs-replay: a.evs: the event at position 1: the command gave no answer for 200 ms"
	ran 0 evs replay a.evs --key a1 --exec 'sleep 0.5; exec jq -c --unbuffered .event.position' --timeout 1m
	is "$(jq .state <<<"$output")" 7
	ran 2 evs replay a.evs --fold account.fold --timeout 3s
	err_is 'evs-replay: --timeout goes with --exec'
	ran 2 evs replay a.evs --exec cat --timeout soon
	err_has "option '--timeout' needs a duration such as 500ms"
}

@test "a command as a fold, and a fold, agree on many streams" {
	python3 - <<-'END' >in
		import random
		random.seed(3)
		for i in range(3000):
		    print('{"eventType":"t","eventId":"%d","aggregateId":"s%d","data":{"n":%d}}' % (i, random.randrange(400) if i % 7 else 0, random.randrange(100)))
	END
	evs append a.evs in
	echo 'on "t" { sum += .data.n; count += 1 }' >sum.fold
	evs replay a.evs --fold sum.fold >wanted
	evs replay a.evs --exec 'jq -c --unbuffered "{sum: (.state.sum + .event.data.n), count: (.state.count + 1)}"' >got
	cmp wanted got || fail "$(diff wanted got | head -n 4)"
	evs replay a.evs --fold sum.fold --history >wanted
	evs replay a.evs --exec 'jq -c --unbuffered "{sum: (.state.sum + .event.data.n), count: (.state.count + 1)}"' --history >got
	cmp wanted got || fail "$(diff wanted got | head -n 4)"
}

@test "it needs a fold, a command, or a speed; what excludes what" {
	bank
	ran 2 evs replay a.evs
	err_is "evs-replay: it needs --fold FILE or --exec CMD, which make states of events, --interactive, or --speed FACTOR, which plays events out"
	while read -r arguments; do
		ran 2 evs replay a.evs --fold account.fold $arguments
		out_is ''
		err_has "exclude each other"
	done <<-'END'
		--history --diff 1 2
		--history --first x
		--history --blame x
		--diff 1 2 --first x
		--diff 1 2 --blame x
		--first x --blame x
	END
	for arguments in "--fold account.fold" "--exec cat" "--timeout 3s" "--key a1" "--at 2026-05-01" "--at-position 1" "--at-revision 1" \
		"--without 1" "--with bank" "--history" "--diff 1 2" "--first x" "--blame x"; do
		ran 2 evs replay a.evs --speed max $arguments
		err_is "evs-replay: --speed plays events out, not states: of the options for states it takes none"
	done
	ran 2 evs replay a.evs --fold account.fold -- cat
	err_is "evs-replay: one operand too many: 'cat'; a COMMAND goes with --speed"
	ran 1 evs replay no.evs --fold account.fold
	err_has "no such store"
	ran 1 evs replay a.evs --fold no.fold
	err_is "evs-replay: cannot open 'no.fold': No such file or directory"
	echo 'on "a" { x = }' >bad.fold
	ran 2 evs replay a.evs --fold bad.fold
	is "$(sed -n 1p <<<"$stderr")" "evs-replay: bad.fold:1:14: a value is expected, not '}'"
	ran 0 evs replay a.evs --fold - <account.fold
	is "$output" "$(evs replay a.evs --fold account.fold)"
}

@test "an empty store, and one without the stream" {
	bank
	: | evs append empty.evs
	ran 0 evs replay empty.evs --fold account.fold
	out_is ''
	ran 0 evs replay empty.evs --fold account.fold --history
	out_is ''
	ran 0 evs replay empty.evs --fold account.fold --key x
	out_is '{"key":"x","position":0,"revision":0,"state":null}'
	ran 0 evs replay empty.evs --fold account.fold --diff 0 10
	out_is ''
	ran 1 evs replay empty.evs --fold account.fold --first 'true'
	ran 0 evs replay empty.evs --speed 1x
	out_is ''
}

# ---- snapshots ----

# answers COMMAND...: what it says with each line of standard input as more arguments, and its status. In a shell that starts
# hundreds of processes sooner than bats's own.
answers() {
	sh -c 'while read -r more; do echo "$more"; "$@" $more 2>&1 || echo "status $?"; done' - "$@"
}

# moments FOLD KEY...: what replay says of each key at every moment that there is in a.evs.
moments() {
	local fold=$1 key at
	shift
	for key; do
		for at in $(seq 0 "$(evs stat a.evs | jq .events)"); do
			echo "--at-position $at"
			[ "$fold" != account.fold ] || echo "--at-revision $at"
			[ "$at" = 0 ] || echo "--without $at"
			[ "$at" = 0 ] || echo "--with early --without $at --at-position 8"
			echo "--diff $at 7"
		done >arguments
		for at in $(jq -r .timestamp bank); do
			echo "--at $at"
			echo "--at $at --with early"
		done >>arguments
		printf '%s\n' --history '--first balance>0' '--blame balance' '--with late' '--with early' >>arguments
		echo "$key"
		answers evs replay a.evs --fold "$fold" --key "$key" --aggregate-type Account <arguments
	done
}

@test "snapshots change nothing but the time it takes" {
	bank
	echo '{"eventType":"deposit.made","timestamp":"2026-05-04T09:00:00Z","data":{"amount":1000}}' >early
	echo '{"eventType":"deposit.made","data":{"amount":1000}}' >late
	moments account.fold a1 a2 >wanted
	for every in 3 1; do
		evs snapshot a.evs take --fold account.fold --every $every
		moments account.fold a1 a2 >got
		diff wanted got || fail "with snapshots every $every"
	done
	[ "$(evs snapshot a.evs list | wc -l)" -ge 8 ]
	# A fold by another key.
	sed 's/^/key .data.owner ?? "x"\n/;q' account.fold | cat - <(sed 1d account.fold) >keyed.fold
	replay_keyed() {
		for key in Ann Bob x; do
			for at in $(seq 0 9); do
				echo "--key $key --at-position $at"
				echo "--key $key --without 3 --with late --at-position $at"
			done
			echo "--key $key --at 2026-05-03"
		done | answers evs replay a.evs --fold keyed.fold
	}
	replay_keyed >wanted
	evs snapshot a.evs take --fold keyed.fold --every 1
	replay_keyed >got
	diff wanted got
	# Events that come behind a snapshot count.
	echo '{"eventType":"deposit.made","aggregateId":"a1","aggregateType":"Account","data":{"amount":1}}' | evs append a.evs
	picks '[.position,.revision,.state.balance]' '[10,6,31.5]' --key a1
	ran 0 evs replay a.evs --fold keyed.fold --key x
	is "$(jq -c '[.position,.state.balance]' <<<"$output")" '[10,1]'
	# A changed fold does not find those of the old one.
	sed -i 's/balance += /balance += 2 * /' account.fold
	picks '.state.balance' '183' --key a1
}

@test "--blame goes back from snapshot to snapshot, and finds what it finds without" {
	python3 - <<-'END' >in
		import random
		random.seed(8)
		for i in range(4000):
		    # back and forth: the same in many snapshots, and not so between them
		    kind = "flip" if i % 400 in (1, 2) else "set" if i in (7, 2500, 2501) else random.choice(["in", "in", "note"])
		    print('{"eventType":"%s","eventId":"%d","aggregateId":"%s","timestamp":"2026-05-%02dT10:30:00Z","data":{"n":%d}}'
		          % (kind, i, "s" if i % 3 else "other", 1 + (i * 7) % 28, i % 5))
	END
	evs append a.evs in
	cat >f.fold <<-'END'
		on "in" { n += .data.n }
		on "flip" { on = .data.n % 2 == 1; on = null; flips += 1 }
		on "set" { o.x = .data.n; once = once ?? .eventId }
	END
	echo '{"eventType":"set","eventId":"late","data":{"n":9}}' >late
	echo '{"eventType":"set","eventId":"timed","timestamp":"2026-05-20T10:30:00Z","data":{"n":8}}' >timed
	all() {
		local path rest
		for path in n on flips o o.x once . never; do
			for rest in '' '--at-position 2400' '--at-revision 1' '--at 2026-05-15' '--without 2501,3999' '--with late' '--with timed' '--from 100'; do
				echo "--blame $path $rest"
			done
		done | answers evs replay a.evs --fold f.fold --key s | sed 's/"timestamp":"[^"]*"//' # an added event without one has that of now
	}
	all >wanted
	for every in 700 10 1; do
		evs snapshot a.evs take --fold f.fold --every $every
		all | diff wanted - || fail "with snapshots every $every"
	done
	[ "$(grep -c '^{' wanted)" -gt 40 ]
}

@test "a snapshot is where it starts" {
	events 120000 t hot >in
	evs append a.evs in
	echo 'on "t" { n += .data.n; if .data.n % 7 == 0 { sevens += 1 } }' >n.fold
	evs replay a.evs --fold n.fold --key hot --at-position 119990 >wanted
	without=$(for i in 1 2 3; do took evs replay a.evs --fold n.fold --key hot --at-position 119990; done | sort -n | head -n 1)
	evs snapshot a.evs take --fold n.fold --key hot --every 1000
	with=$(for i in 1 2 3; do took evs replay a.evs --fold n.fold --key hot --at-position 119990; done | sort -n | head -n 1)
	cmp wanted took.out
	[ $((with * 3)) -lt $((without * 2)) ] || fail "$with ms with snapshots, $without ms without"
	# So does --blame, where what it looks for happened lately.
	with=$(for i in 1 2 3; do took evs replay a.evs --fold n.fold --key hot --blame sevens; done | sort -n | head -n 1)
	is "$(jq -c '[.event.position,.value]' took.out)" '[119994,17142]'
	[ $((with * 3)) -lt $((without * 2)) ] || fail "--blame: $with ms with snapshots, $without ms without"
	# decide starts from there too.
	evs decide a.evs --stream hot --fold n.fold -- sh -c 'cat >question' </dev/null
	is "$(jq -c '[.revision,.state.n]' question)" '[120000,7200060000]'
}

# ---- playing out ----

# paced: three events in a.evs, at 0, 3 and 6 seconds, and one that happened before them.
paced() {
	for second in 10 13 12 16; do
		echo "{\"eventType\":\"t\",\"eventId\":\"$second\",\"timestamp\":\"2026-01-01T00:00:${second}Z\"}"
	done | evs append a.evs
}

# took COMMAND...: in milliseconds.
took() {
	python3 -c 'import subprocess, sys, time
begun = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=open("took.out", "w"))
print(round(1000 * (time.monotonic() - begun)))' "$@"
}

@test "--speed: the gaps in time of the events, divided" {
	paced
	ms=$(took evs replay a.evs --speed 10x)
	cmp took.out <(evs cat a.evs)
	[ "$ms" -ge 600 ] && [ "$ms" -lt 3000 ] || fail "$ms ms"
	ms=$(took evs replay a.evs --speed 20x)
	[ "$ms" -ge 300 ] && [ "$ms" -lt 3000 ] || fail "$ms ms"
	ms=$(took evs replay a.evs --speed 7.5x --from 2)
	cmp took.out <(evs cat a.evs --from 2)
	[ "$ms" -ge 400 ] && [ "$ms" -lt 3000 ] || fail "$ms ms"
	ms=$(took evs replay a.evs --speed max)
	cmp took.out <(evs cat a.evs)
	[ "$ms" -lt 3000 ] || fail "$ms ms"
	ran 0 evs replay a.evs --speed max -n 2 --where '.eventId != "13"'
	is "$(jq -r .eventId <<<"$output" | paste -sd' ')" '10 12'
	for speed in 0x 10 x -1x 1e3x 10xx fast '' .5x; do
		ran 2 evs replay a.evs --speed "$speed"
		err_is "evs-replay: option '--speed' needs a factor such as 10x, 1x or 0.5x, or max, not '$speed'"
	done
}

@test "--speed: an event is out when it is due, not when a batch is full" {
	paced
	"$EVS_BIN/evs" replay a.evs --speed 1x >out 3>&- &
	pid=$!
	wait_for lines_in out 1
	is "$(wc -l <out)" 1
	kill -TERM $pid
	ends 143 $pid
	is "$(wc -l <out)" 1
	interruptible "$EVS_BIN/evs" replay a.evs --speed 1x >out &
	pid=$!
	wait_for lines_in out 1
	kill -INT $pid
	ends 130 $pid
}

@test "--speed: a command gets the events on its standard input, and its end ends it" {
	paced
	ran 0 evs replay a.evs --speed max -- jq -r .eventId
	out_is $'10\n13\n12\n16'
	err_is ''
	ran 0 evs replay a.evs --speed max -- sh -c 'cat >/dev/null; echo "$0 $1"' -n '*'
	out_is '-n *'
	ran 0 evs replay a.evs --speed 1x -- head -n 1
	is "$(jq -r .eventId <<<"$output")" 10
	ran 1 evs replay a.evs --speed max -- sh -c 'cat >/dev/null; exit 7'
	err_is "evs-replay: 'sh' ended with exit status 7"
	ran 1 evs replay a.evs --speed max -- sh -c 'kill -9 $$'
	err_is "evs-replay: 'sh' ended with signal 9 (Killed)"
	ran 1 evs replay a.evs --speed max -- no-such-command
	err_is "evs-replay: cannot run 'no-such-command': No such file or directory"
	# A signal ends both.
	"$EVS_BIN/evs" replay a.evs --speed 1x -- sh -c 'echo $$ >child; exec cat' >out 3>&- &
	pid=$!
	wait_for lines_in out 1
	kill -TERM $pid
	ends 143 $pid
	ended "$(cat child)"
}

@test "a closed pipe ends it quietly" {
	bank
	events 30000 t s >in
	evs append a.evs in
	echo 'on "t" { n += 1 }' >n.fold
	try bash -c 'evs replay a.evs --fold n.fold --history | head -n 1; echo "${PIPESTATUS[0]}"'
	is "$(jq -c .position <<<"$(head -n 1 <<<"$output")")" 10
	is "$(tail -n 1 <<<"$output")" 0
	err_is ''
	try bash -c 'evs replay a.evs --speed max | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"'
	out_is 0
	err_is ''
}

# ---- against Python, on real logs ----

# reference PROGRAM: Python over `events`, the log in the store (position, revision and all), with `at(moment)` of a
# text; `show(states)` prints lines as replay does: {(type, key): (position, revision, state)}.
reference() {
	python3 -c "
import datetime, json, sys
from decimal import Decimal
class Digits(str): pass
def number(d): return Digits(d)
events = [json.loads(l, parse_float=Decimal) for l in open('events')]
def at(text): return datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
def plain(v):
    if isinstance(v, Decimal): return '@' + format(v, 'f') + '@'
    if isinstance(v, dict): return {k: plain(w) for k, w in v.items()}
    if isinstance(v, list): return [plain(w) for w in v]
    return v
def text(v): return json.dumps(plain(v), ensure_ascii=False, separators=(',', ':')).replace('\"@', '').replace('@\"', '')
def show(states, out=sys.stdout):
    for (type, key), (position, revision, state) in sorted(states.items(), key=lambda s: (s[0][1].encode(), s[0][0] or '')):
        line = {'key': key}
        if type is not None: line['aggregateType'] = type
        line.update(position=position, revision=revision, state=state)
        print(text(line), file=out)
$1"
}

@test "fines: what was paid, at many moments, as Python says" {
	needs_data fines
	evs append a.evs --event-id hash fines.ndjson
	evs cat a.evs >events
	cat >fines.fold <<-'END'
		on "Create Fine" { fine = num(.data.amount); paid = 0 }
		on "Payment"     { paid = num(.data.totalpaymentamount); payments += 1 }
		on "Add penalty" { fine = num(.data.amount) }
	END
	program='
def run(events):
    states = {}
    for e in events:
        name, d, kind = (e["aggregateType"], e["aggregateId"]), e["data"], e["eventType"]
        if name not in states and kind not in ("Create Fine", "Payment", "Add penalty"): continue
        s = states[name][2] if name in states else {}
        if kind == "Create Fine": s["fine"] = Decimal(d["amount"]); s["paid"] = 0
        if kind == "Payment": s["paid"] = Decimal(d["totalpaymentamount"]); s["payments"] = s.get("payments", 0) + 1
        if kind == "Add penalty": s["fine"] = Decimal(d["amount"])
        order = ["fine", "paid", "payments"]
        states[name] = (e["position"], e["revision"], {k: s[k] for k in order if k in s})
    return states
'
	reference "$program
for moment in '2007-01-15T23:59:59.999999Z', '2008-06-30T12:00:00Z', '2012-12-31T23:59:59.999999Z':
    show(run([e for e in events if at(e['timestamp']) <= at(moment)]), open('wanted.' + moment[:10], 'w'))
show(run(events[:7000]), open('wanted.position', 'w'))
show(run([e for e in events if e['revision'] <= 3]), open('wanted.revision', 'w'))
# The first fine of which more was paid than it was.
states = {}
for e in events:
    name = (e['aggregateType'], e['aggregateId'])
    states.setdefault(name, []).append(e)
    after = run(states[name]).get(name)
    if after and 'fine' in after[2] and after[2]['paid'] > after[2]['fine']:
        print(text([name[1], e['position'], after[2]])); break" | jq -c . >wanted.first
	for moment in 2007-01-15 2008-06-30T12:00:00Z 2012-12-31; do
		evs replay a.evs --fold fines.fold --at $moment >got
		cmp wanted.${moment%T*} got
	done
	evs replay a.evs --fold fines.fold --at-position 7000 >got
	cmp wanted.position got || fail "$(diff wanted.position got | head -n 4)"
	evs replay a.evs --fold fines.fold --at-revision 3 >got
	cmp wanted.revision got || fail "$(diff wanted.revision got | head -n 4)"
	# One key at a time says the same as all at once, and so does the last line of its history.
	evs replay a.evs --fold fines.fold >all
	for key in $(jq -r .key all | awk 'NR % 300 == 1'); do
		evs replay a.evs --fold fines.fold --key "$key" >one
		grep -F "{\"key\":\"$key\"," all | cmp - one
		is "$(evs replay a.evs --fold fines.fold --key "$key" --history | tail -n 1 | jq -c '[.position,.revision,.state]')" "$(jq -c '[.position,.revision,.state]' one)"
	done
	evs replay a.evs --fold fines.fold --first 'paid > fine' | jq -c '[.key,.event.position,.after]' >got
	[ -s wanted.first ]
	cmp wanted.first got || fail "$(diff wanted.first got | head -n 4)"
	# The patches between moments apply.
	evs replay a.evs --fold fines.fold --at 2007-06-30 >from
	position=$(size 7000 20000)
	evs replay a.evs --fold fines.fold --diff 2007-06-30 $position >diff
	evs replay a.evs --fold fines.fold --at-position $position >to
	echo diff from to >files
	[ "$(apply files)" -gt 1000 ]
}

@test "loans: events per resource, by a key that is no stream, as Python says" {
	needs_data loans
	evs append a.evs --event-id hash loans.ndjson
	evs cat a.evs >events
	cat >resource.fold <<-'END'
		key .data["org:resource"]
		on "*" { n += 1; types[.eventType] += 1; last = .aggregateId }
	END
	reference '
end, states = at("2011-11-30T23:59:59.999999Z"), {}
for e in events:
    key = e["data"].get("org:resource")
    if key is None or at(e["timestamp"]) > end: continue
    s = states.get((None, key), (0, 0, {"n": 0, "types": {}, "last": None}))[2]
    s["n"] += 1; s["last"] = e["aggregateId"]; s["types"][e["eventType"]] = s["types"].get(e["eventType"], 0) + 1
    states[(None, key)] = (e["position"], None, s)
show(states)' >wanted
	evs replay a.evs --fold resource.fold --at 2011-11-30 >got
	cmp wanted got || fail "$(diff wanted got | head -n 4)"
	evs replay a.evs --fold resource.fold --key 112 --at 2011-11-30 | cmp - <(grep -F '{"key":"112",' wanted)
}

@test "ethereum: sums of integers beyond 64 bits are exact, and so is what they would be" {
	needs_data ethereum
	evs append a.evs --event-id hash ethereum.ndjson
	evs cat a.evs >events
	echo 'on "TokensTransferred" { sum += .data.value; most = max(most ?? 0, .data.value) } on "TransactionExecuted" { spent += .data.value * .data.gas }' >sum.fold
	program='
def run(events):
    states = {}
    for e in events:
        name, d = (e["aggregateType"], e["aggregateId"]), e["data"]
        if e["eventType"] == "TokensTransferred":
            s = states.get(name, (0, 0, {"sum": 0, "most": 0}))[2]
            s["sum"] += d["value"]; s["most"] = max(s["most"], d["value"])
        elif e["eventType"] == "TransactionExecuted":
            s = states.get(name, (0, 0, {"spent": 0}))[2]
            s["spent"] += d["value"] * d["gas"]
        elif name in states: s = states[name][2]
        else: continue
        states[name] = (e["position"], e["revision"], s)
    return states
'
	reference "$program
show(run(events))" >wanted
	evs replay a.evs --fold sum.fold >got
	cmp wanted got || fail "$(diff wanted got | head -n 4)"
	[ "$(jq -r '.state.sum // .state.spent' got | awk 'length > 20' | wc -l)" -gt 10 ]
	reference "$program
show(run([e for e in events if e['position'] % 3 != 0]))" >wanted
	evs replay a.evs --fold sum.fold --without "$(seq -s, 3 3 1272)" >got
	cmp wanted got || fail "$(diff wanted got | head -n 4)"
}

@test "progress of a slow command is shown, however few the events" {
	printf '{"eventType":"a","aggregateId":"%d"}\n' 1 1 2 3 3 | evs append a.evs
	slow='while read -r line; do sleep 0.4; echo "{\"n\":1}"; done'
	ran 0 evs replay a.evs --exec "$slow" --progress
	grep -qE '^evs-replay: [2-4] events \([0-9]+/s\)$' <<<"$stderr" || fail 'no progress'
	ran 0 evs project a.evs run p --exec "$slow" --progress
	grep -qE '^evs-project: [2-4] events \([0-9]+/s\)$' <<<"$stderr" || fail 'no progress'
	ran 0 evs replay a.evs -i --exec "$slow" --progress < <(echo 'break if n > 1'; echo c)
	grep -qE '^evs-replay: [2-4] events \([0-9]+/s\)$' <<<"$stderr" || fail 'no progress'
	ran 0 on_terminal evs replay a.evs --exec "$slow"
	out_has 'evs-replay: 3 events ('
	ran 0 evs replay a.evs --exec "$slow" --no-progress
	err_is ''
}

@test "the state of a stream whose type has a zero byte: by --key, with a snapshot, in a model; the debugger refuses it" {
	echo '{"eventType":"a","aggregateId":"s","aggregateType":"T\u0000x"}' | quiet evs append a.evs
	echo 'on "*" { n += 1 }' >f
	for snapshot in 0 1; do
		ran 0 evs replay a.evs --fold f --key s
		out_is '{"key":"s","aggregateType":"T\u0000x","position":1,"revision":1,"state":{"n":1}}'
		quiet evs snapshot a.evs take --fold f --key s
	done
	quiet evs project a.evs run p --fold f
	quiet evs project a.evs run p --fold f --rebuild --key s
	ran 0 evs project a.evs show p
	out_is '{"key":"s","aggregateType":"T\u0000x","state":{"n":1}}'
	ran 2 evs replay a.evs -i --fold f --key s </dev/null
	err_has 'cannot be looked at alone'
}
