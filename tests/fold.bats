# Expressions and folds: evs fold, --where, the samples, and what evs-fold(5) shows. tests/unit/expr.c and fold.c have the rows.
load helper

MANUAL=$ROOT/man/evs-fold.5
SAMPLES=$ROOT/samples

# manual_block OFFSET: the displays of the manual that are set so far in.
manual_block() {
	awk -v kind="-offset $1" '/^\.Bd/ {on = index($0, kind); next} /^\.Ed/ {on = 0} on' "$MANUAL" |
		sed 's/\\e/\\/g; s/\\&//g; s/\\-/-/g; s/\\(:u/ü/g; s/\\(:U/Ü/g'
}

@test "every expression in evs-fold(5) gives what stands beside it" {
	manual_block 6n >block
	sed '/^ *"list":/q' block | tr -d '\n' >event
	sed '1,/^ *"list":/d' block >rows
	quiet evs append a.evs event
	n=0
	while IFS= read -r row; do
		expression=${row%%# *}
		wanted=${row##* \# }
		if [[ $wanted == fails:* ]]; then
			ran 1 evs cat a.evs --where "($expression) == null"
			out_is ''
			err_has "the event at position 1: ${wanted#fails: }"
		else
			positions 1 a.evs --where "($expression) == $wanted && str($expression) == str($wanted)"
		fi
		n=$((n + 1))
	done <rows
	[ $n -ge 100 ] || fail "only $n expressions in the manual"
}

@test "the manual has every function, operator and statement in an example, and its fold is one" {
	manual_block 6n >block
	functions=$(grep -o '\] = {"[a-z]*", [0-9]*, [0-9]*}' "$ROOT/lib/fold/functions.c" | cut -d'"' -f2)
	[ "$(wc -w <<<"$functions")" -ge 31 ]
	for function in $functions; do
		grep -q "\\b$function(" block || fail "no example of $function()"
		grep -q "^\.It Fn $function\\b" "$MANUAL" || fail "nothing about $function()"
	done
	for mark in + - '*' / % == != '<' '<=' '>' '>=' '&&' '||' ' ? ' '??' '!' ' in '; do
		grep -qF -e "$mark" block || fail "no example of $mark"
	done
	manual_block 4n | sed '/^fold  *=/,$d' >example.fold
	quiet evs fold check example.fold
	quiet evs fold fmt --check example.fold
	manual_block indent >examples
	for statement in ' = ' '+= ' '-= ' '*= ' 'push ' 'add ' 'unset ' 'if ' 'else if ' 'delete' 'fail ' 'when ' 'each ' 'index ' 'key '; do
		grep -qF -e "$statement" examples || fail "no example of $statement"
	done
}

# ---- evs fold ----

@test "fold check says nothing about what is right, and where the first mistake is" {
	echo 'on "a" { n += 1 }' >good.fold
	printf 'key .k\non "a" {\n\tn = "ü" + nn\n\tm = = 2\n}\n' >bad.fold
	quiet evs fold check good.fold
	ran 1 evs fold check bad.fold
	out_is ''
	err_is $'evs-fold: bad.fold:4:6: a value is expected, not \'=\'\n   m = = 2\n       ^'
	sed -i 's/= = 2/= 2/' bad.fold
	ran 1 evs fold check bad.fold
	err_is $'evs-fold: bad.fold:3:12: no statement sets \'nn\'; a field of the event is .nn\n   n = "ü" + nn\n             ^'
	# All files are looked at.
	: >empty.fold
	ran 1 evs fold check good.fold bad.fold no.fold . empty.fold good.fold
	out_is ''
	err_has 'bad.fold:3:12: '
	err_has "evs-fold: cannot open 'no.fold': No such file or directory"
	err_has "evs-fold: cannot read '.': Is a directory"
	err_has "evs-fold: empty.fold:1:1: the fold has no 'on"
	is "$(grep -c evs-fold <<<"$stderr")" 4
}

@test "fold reads standard input" {
	ran 0 evs fold check - <<<'on "a" { n += 1 }'
	out_is ''
	ran 1 evs fold check - <<<'on "a" { n =+ 1 }'
	err_has "evs-fold: standard input:1:13: a value is expected, not '+'"
	for write in '' -w; do
		ran 0 evs fold fmt $write - <<<'on "a"{n+=1}'
		out_is 'on "a" { n += 1 }'
		err_is ''
	done
	ran 1 evs fold fmt --check - <<<'on "a"{n+=1}'
	out_is ''
	err_is "evs-fold: standard input: not set out in the one way; evs fold fmt -w mends it"
}

@test "fold fmt sets out, and what it set out stays" {
	cat >a.fold <<-'END'
		# What is   kept.  
		   key .data."a b"   # by account


		on "a" ,"b"  when .n>0&&!.x each .items   key .k{ ;n+=.a*-1;;
		if n<0 { fail "no "+str(-n) } else if n in [1,2 , 3] {
		x={ a:1 , "b":[ ] }; push l -1; add l[ 0 ] { c : 2 } } else{ unset x.y }
		y = .a
		+ .b ; # goes on
		}
		index n;
	END
	tr '@' '\t' >wanted <<-'END'
		# What is   kept.
		key .data."a b" # by account

		on "a", "b" when .n > 0 && !.x each .items key .k { n += .a * -1
		@if n < 0 { fail "no " + str(-n) } else if n in [1, 2, 3] {
		@@x = {a: 1, "b": []}; push l -1; add l[0] {c: 2} } else { unset x.y }
		@y = .a
		@@+ .b # goes on
		}
		index n
	END
	ran 0 evs fold fmt a.fold
	err_is ''
	printf '%s\n' "$output" | diff wanted -
	ran 0 evs fold fmt wanted wanted
	printf '%s\n' "$output" | diff <(cat wanted wanted) -
	grep -q 'What is   kept.  $' a.fold
}

@test "fold fmt: the operator in has a space on both sides, the field in has what it has" {
	echo 'on "a" { x = .a in[1]; y = (.b)in(.c); z = .d in.e; w = any(.f, . in[1]) }' >a.fold
	ran 0 evs fold fmt a.fold
	out_is 'on "a" { x = .a in [1]; y = (.b) in (.c); z = .d in .e; w = any(.f, . in [1]) }'
	ran 1 evs fold fmt --check a.fold
	evs fold fmt -w a.fold
	quiet evs fold fmt --check a.fold
	echo 'on "a" { x = .in[1]; y = .data.in.b; z = {in: 1} in [.in]; w = {in: 2}.in }' >>a.fold
	quiet evs fold fmt --check a.fold
	is "$(evs fold fmt a.fold | tail -n 1)" 'on "a" { x = .in[1]; y = .data.in.b; z = {in: 1} in [.in]; w = {in: 2}.in }'
}

@test "fold fmt --write replaces what changes, and keeps modes and links" {
	printf 'on "a"{n+=1}' >a.fold
	echo 'on "a" { n += 1 }' >b.fold
	echo 'on "a" { n + 1 }' >c.fold
	cp c.fold was
	chmod 640 a.fold
	mkdir there
	ln -s ../a.fold there/link.fold
	before=$(stat -c '%i %Y' b.fold)
	ran 1 evs fold fmt --write there/link.fold b.fold c.fold
	out_is ''
	err_has "evs-fold: c.fold:1:12: '=', '+=', '-=' or '*=' is expected, not '+'"
	is "$(cat a.fold)" 'on "a" { n += 1 }'
	is "$(stat -c %a a.fold)" 640
	[ -L there/link.fold ]
	is "$(stat -c '%i %Y' b.fold)" "$before"
	cmp c.fold was
	is "$(echo *)" 'a.fold b.fold c.fold there was'
	printf 'on "a"{n+=1}' >a.fold
	quiet evs fold fmt -w a.fold
	is "$(cat a.fold)" 'on "a" { n += 1 }'
	# Where it cannot be written nothing changes.
	printf 'on "a"{n+=1}' >there/d.fold
	chmod 755 . there
	ran 1 unprivileged "$EVS_BIN/evs" fold fmt -w there/d.fold
	err_has "evs-fold: cannot write 'there/d.fold': Permission denied"
	is "$(cat there/d.fold)" 'on "a"{n+=1}'
}

@test "fold fmt --check names what would change and writes nothing" {
	printf 'on "a"{n+=1}' >a.fold
	echo 'on "a" { n += 1 }' >b.fold
	quiet evs fold fmt --check b.fold
	ran 1 evs fold fmt --check b.fold a.fold
	out_is ''
	err_is "evs-fold: a.fold: not set out in the one way; evs fold fmt -w mends it"
	is "$(cat a.fold)" 'on "a"{n+=1}'
	ran 1 evs fold fmt a.fold no.fold
	out_is 'on "a" { n += 1 }'
	err_is "evs-fold: cannot open 'no.fold': No such file or directory"
}

@test "fold: wrong usage ends with 2 and touches nothing" {
	printf 'on "a"{n+=1}' >a.fold
	while IFS='|' read -r arguments message; do
		ran 2 evs fold $arguments
		out_is ''
		err_is "evs-fold: $message"
	done <<-'END'
		a.fold a.fold|the first operand is check or fmt, not 'a.fold'
		check --check a.fold|option '--check' goes with fmt
		check -w a.fold|option '--write' goes with fmt
		fmt --write --check a.fold|--write and --check exclude each other
	END
	is "$(cat a.fold)" 'on "a"{n+=1}'
}

@test "fold refuses what is too long, too deep or not UTF-8" {
	{
		echo 'on "a" { n += 1 }'
		head -c 1048576 /dev/zero | tr '\0' '#'
	} >long.fold
	ran 1 evs fold check long.fold
	err_is "evs-fold: long.fold: longer than 1048576 bytes"
	echo "on \"a\" { n = $(printf '(%.0s' $(seq 300))1$(printf ')%.0s' $(seq 300)) }" >deep.fold
	ran 1 evs fold check deep.fold
	err_has "deep.fold:1:264: nested deeper than 250 levels"
	echo "on \"a\" { $(printf 'if true {%.0s' $(seq 51)) n = 1 $(printf '}%.0s' $(seq 51)) }" >ifs.fold
	ran 1 evs fold check ifs.fold
	err_has "nested deeper than 50 levels"
	printf 'on "a" { n = "\xff" }\n' >bytes.fold
	ran 1 evs fold check bytes.fold
	err_has "bytes.fold:1:15: invalid UTF-8"
	[[ $stderr != *$'\xff'* ]] || fail "bytes that are no UTF-8 reach the terminal"
}

# ---- --where ----

# Eight events that differ.
store() {
	cat >in <<-'END'
		{"eventId":"e1","eventType":"a","aggregateId":"s","aggregateType":"T","tags":["x","y"],"data":{"n":1,"price":29.90}}
		{"eventId":"e2","eventType":"b","aggregateId":"s","aggregateType":"T","data":{"n":2,"name":"Zoë"}}
		{"eventId":"e3","eventType":"a","timestamp":"2026-05-14T00:30:00+02:00","data":{"n":3.0,"on":true}}
		{"eventId":"e4","eventType":"a","data":{"n":null,"items":[{"q":2},{"q":5}]}}
		{"eventId":"e5","eventType":"a"}
		{"eventId":"e6","eventType":"b","data":{"n":10,"price":0.10}}
		{"eventId":"e7","eventType":"b","data":{"n":123456789012345678901234567890}}
		{"eventId":"e8","eventType":"c","data":{"list":[1,2]},"own":{"odd key":"v"}}
	END
	quiet evs append a.evs in
}

# A ninth that has no fields in its data, and a tenth that has.
bad_store() {
	store
	evs append a.evs <<-'END'
		{"eventId":"e9","eventType":"d","data":[1,2]}
		{"eventId":"e10","eventType":"d","data":{"n":50}}
	END
}

@test "--where selects by what is in events" {
	store
	while IFS='|' read -r wanted expression; do
		positions "$(echo $wanted)" a.evs --where "$expression"
	done <<-'END'
		2 3 6|.eventId in ["e2", "e3", "e6"]
		2|.data.n == 2
		3|.data.n == 3
		3 6 7|.data.n > 2
		7|.data.n > 18446744073709551616
		4|any(.data.items, .q == 5)
		4 5 8|.data.n == null
		4|has(.data.n) && .data.n == null
		1 6|.data.price * 3 < 100
		3|.data == {on: true, n: 3}
		3|day(.timestamp) == "2026-05-13"
		8|.own."odd key" == "v"
		8|.data.list == [1, 2.0]
		2|endswith(.data.name, "ë")
		1 2|.aggregateType == "T"
		2|.revision == 2
		4 5|.position >= 4 && .position <= 5
		1|"x" in .tags
		1 2 3 4 5 6 7 8|true
		1 2 3 4 5 6 7 8|time(.recordedAt) <= now()
		|false
		|null
		|.gone
		3|.data.on
		1 2 3 4 5 6 7 8|.gone || true
	END
}

@test "--where joins the other selectors" {
	store
	while IFS='|' read -r wanted arguments; do
		positions "$(echo $wanted)" a.evs $arguments --where '.data.n != 2'
	done <<-'END'
		8 7 6 5 4 3 1|--reverse
		7 8|--last 2
		8 7|--reverse --limit 2
		1 3|--limit 2
		6|--last 3 --limit 1
		8 7|--last 2 --reverse
		1 3 4 5|--type a
		1|--stream s
		3 4|--from 2 --to 4
		1|--tag y
		|--event e2
		|--limit 0
	END
}

@test "--where goes with every format" {
	store
	expression='.eventId == "e6"'
	shows '{"n":10,"price":0.10}' a.evs --where "$expression" --format data
	shows '{"data":{"price":0.10}}' a.evs --where "$expression" --fields .data.price
	ran 0 evs cat a.evs --where "$expression" --format pretty
	is "$(jq -c .data.n <<<"$output")" 10
	ran 0 evs cat a.evs --where "$expression" --format cloudevents
	is "$(jq -c .id <<<"$output")" '"e6"'
	ran 0 evs cat a.evs --where "$expression" --format table --fields .eventId,.data.n
	is "$(tail -n 1 <<<"$output" | xargs)" 'e6 10'
	evs cat a.evs --where "$expression" --format msgpack >packed
	is "$(grep -ac e6 packed)" 1
	shows $'{"eventId":"e6"}\n{"caughtUp":8}' a.evs --where "$expression" --fields .eventId --marker
}

@test "stat counts what --where selects" {
	bad_store
	ran 0 evs stat a.evs --where '.eventType in ["a", "c"]'
	is "$(jq -c '[.events, .types]' <<<"$output")" '[5,2]'
	ran 0 evs stat a.evs --where '.eventType in ["a", "c"]' --by type
	is "$(jq -c '[.type, .events]' <<<"$output" | paste -sd' ')" '["a",4] ["c",1]'
	ran 1 evs stat a.evs --where '.data.n > 1'
	out_is ''
	err_has "the event at position 9: 'n' is a field of an object, not of a list"
}

@test "--where with --follow waits for events that match" {
	store
	"$EVS_BIN/evs" cat a.evs -f --where '.eventType == "d" && .data.n > 5' --limit 2 --fields .position >out 3>&- &
	pid=$!
	events 7 d >in
	quiet evs append a.evs in
	ends 0 $pid
	is "$(cat out)" $'{"position":14}\n{"position":15}'
	# And ends where it makes no sense of one.
	"$EVS_BIN/evs" cat a.evs -f --after 15 --where '.data.n > 5' --fields .position >out 2>err 3>&- &
	pid=$!
	quiet evs append a.evs <<<'{"eventType":"d","data":{"n":6}}'
	wait_for lines_in out 1
	quiet evs append a.evs <<<'{"eventType":"d","data":{"n":"7"}}'
	ends 1 $pid
	is "$(cat out)" '{"position":16}'
	[[ $(cat err) == "evs-cat: a.evs: --where: the event at position 17: '>' cannot compare a string with a number"* ]] || fail "$(cat err)"
}

@test "--where: a mistake in it ends with 2, shows the place, and nothing is read" {
	store
	while IFS='@' read -r expression column message; do
		ran 2 evs cat a.evs --where "$expression"
		out_is ''
		err_is "evs-cat: --where: column $column: $message
  $expression
$(printf "%$((column + 1))s" '')^"
		ran 2 evs stat a.evs --where "$expression"
	done <<-'END'
		.data.n >@10@a value is expected, not the end
		.data.n = 3@9@equality is written ==
		"ü" == .data.n)@15@an operator or the end is expected, not ')'
		.data.n == 'x'@12@strings have double quotes
		lenn(.data)@1@unknown function 'lenn'; did you mean 'len'?
		data.n == 3@1@a bare name is a field of a state, and there is none here; a field of the event is .data
		total > 3@1@a bare name is a field of a state, and there is none here; a field of the event is .total or .data.total
		.data.user-id == 3@12@there is no field to subtract; a name such as user-id is quoted: ."user-id"
		.data.n == 2 | true@14@an operator or the end is expected, not '|' ('or' is written ||; functions are called: len(.data.items))
	END
	ran 2 evs cat a.evs --where ''
	err_has 'column 1: a value is expected, not the end'
	ran 2 evs cat a.evs --where
	err_is "evs-cat: option '--where' needs a value: EXPR"
	# Of a long one the place is shown.
	long=$(printf '.data.n == 1 || %.0s' $(seq 100))
	ran 2 evs cat a.evs --where "$long .data.n ="
	err_has "column 1610: equality is written =="
	[ "$(wc -L <<<"$stderr")" -le 120 ]
	is "$(tail -n 1 <<<"$stderr" | tr -d ' ')" '^'
	# A terminal gets nothing that it could take for a command.
	ran 2 evs cat a.evs --where $'"\e[31m\u009b31m" = 1'
	[[ $stderr != *$'\e'* && $stderr != *$'\u009b'* ]] || fail "control characters in a message"
}

@test "--where: an event that it makes no sense of is named, and ends the reading where it is met" {
	bad_store
	wrong="evs-cat: a.evs: --where: the event at position 9: 'n' is a field of an object, not of a list; map() and others go through a list"
	while IFS='|' read -r status_wanted positions arguments; do
		ran $status_wanted evs cat a.evs --where '.data.n > 1' --fields .position $arguments
		is "$(jq -r .position <<<"$output" | paste -sd' ')" "$(echo $positions)"
		[ $status_wanted = 0 ] && err_is '' || err_is "$wrong"
	done <<-'END'
		1|2 3 6 7|
		1|10|--reverse
		1|2 3 6 7|--limit 5
		0|2 3 6 7|--limit 4
		0|10|--reverse --limit 1
		0|10|--last 1
		0|2 3 6 7|--to 8
		0|2 6 7|--type b --type c --last 9
		1||--last 2
		0|10|--after 9
		1||--event e9
	END
	ran 1 evs cat a.evs --type a --where '.data.n' --fields .position
	err_has "the event at position 1: a condition is true or false, not a number"
	ran 1 evs cat a.evs --where '1 / (.position - 3) > 0'
	err_has "the event at position 3: division by zero"
}

@test "--where finds the same in segments and in the tail, and meets what makes no sense in its place" {
	events 40000 a s >in
	quiet evs append a.evs in
	events 100 b >more
	quiet evs append a.evs more
	[ "$(evs stat a.evs | jq .tailEvents)" -gt 0 ] && [ "$(evs stat a.evs | jq .segments)" -gt 0 ]
	evs cat a.evs --where '.data.n % 997 == 5' --fields .position | jq .position >got
	awk 'BEGIN { for (i = 5; i <= 40000; i += 997) print i; print 40005 }' >wanted
	diff wanted got
	evs cat a.evs --where '.data.n % 997 == 5' --fields .position --reverse | jq .position | tac | diff wanted -
	evs cat a.evs --where '.data.n % 997 == 5' --fields .position --last 3 | jq .position | diff <(tail -n 3 wanted) -
	for bad in 1 2 17000 39999 40000 40001 40050 40100; do
		for order in ":$((bad - 1))" "--reverse:$((40100 - bad))"; do
			ran 1 sh -c 'evs cat a.evs --where "$1" --fields .position $2 >got' - ".position != $bad || .data" "${order%:*}"
			err_is "evs-cat: a.evs: --where: the event at position $bad: a condition is true or false, not an object"
			is "$(wc -l <got)" "${order#*:}"
		done
	done
}

# ---- the samples ----

# sample NAME [LOG]: the states that a sample makes of a log, a line each: key and state.
sample() {
	rm -f sample.evs*
	evs append sample.evs --event-id hash "${2:-$SAMPLES/orders.ndjson}"
	evs replay sample.evs --fold "$SAMPLES/$1.fold" | sed -E 's/^\{"key":("([^"\\]|\\.)*").*,"state":(.*)\}$/\1 \3/'
}

@test "every sample is a fold, set out in the one way, with a word on what it is for" {
	for fold in "$SAMPLES"/*.fold; do
		quiet evs fold check "$fold"
		quiet evs fold fmt --check "$fold"
		[[ $(head -n 1 "$fold") == '# '* ]] || fail "$fold says nothing of itself"
	done
}

@test "the samples make of their logs what they say" {
	diff - <(sample account "$SAMPLES/bank.ndjson") <<-'END'
		"ada" {"owner":"Ada Byron","balance":60.05,"movements":3}
		"bob" {"owner":"Bob Noyce","balance":40.00,"movements":2}
	END
	diff - <(sample orders) <<-'END'
		"o1" {"user":"ada","items":[{"sku":"cup","quantity":2,"price":29.90},{"sku":"pot","quantity":1,"price":8.05}],"total":67.85,"createdAt":"2026-05-14T10:30:00Z","status":"shipped","updatedAt":"2026-05-15T10:00:00Z"}
		"o2" {"user":"bob","items":[{"sku":"cup","quantity":3,"price":28.50}],"total":85.50,"createdAt":"2026-05-14T11:00:00Z","status":"cancelled","updatedAt":"2026-05-15T09:30:00Z"}
		"o3" {"user":"ada","items":[{"sku":"pot","quantity":2,"price":8.05}],"total":16.10,"createdAt":"2026-05-15T09:00:00Z","status":"placed","updatedAt":"2026-05-15T09:00:00Z"}
	END
	diff - <(sample stock) <<-'END'
		"cup" {"stock":8,"sold":2,"orders":["o1","o2"],"short":false}
		"pot" {"stock":1,"sold":3,"orders":["o1","o3"],"short":false}
	END
	diff - <(sample customers) <<-'END'
		"ada" {"name":"Ada","email":"ada@example.org","city":"Brugge","changes":2,"asOf":"2026-05-14T12:00:00Z","orders":2,"spent":83.95}
	END
	diff - <(sample hourly | tail -n 3) <<-'END'
		"2026-05-15T09Z" {"events":2,"types":{"order.placed":1,"order.cancelled":1}}
		"2026-05-15T10Z" {"events":1,"types":{"order.shipped":1}}
		"2026-05-16T08Z" {"events":1,"types":{"customer.erased":1}}
	END
	diff - <(sample waits | grep o1) <<-'END'
		"o1" {"lastAt":"2026-05-15T10:00:00Z","longest":81900,"after":"order.paid","last":"order.shipped","until":"order.shipped"}
	END
	# An account that holds too little is the fold's own failure.
	cp "$SAMPLES/bank.ndjson" bank
	echo '{"eventId":"b9","eventType":"withdrawal.made","data":{"account":"bob","amount":40.01}}' >>bank
	quiet evs append bank.evs bank
	ran 1 evs replay bank.evs --fold "$SAMPLES/account.fold"
	err_is "evs-replay: bank.evs: the event at position 9: $SAMPLES/account.fold:7: bob holds only 40.00"
}

# ---- real logs, against Python and jq ----

@test "--where agrees with Python on loans" {
	needs_data loans
	quiet evs append a.evs --event-id hash loans.ndjson
	python3 - loans.ndjson >wanted <<-'END'
		import json, sys
		from datetime import datetime, timezone
		rows = [[], [], [], []]
		for position, line in enumerate(open(sys.argv[1]), 1):
		    e = json.loads(line)
		    amount = e["data"].get("case", {}).get("AMOUNT_REQ")
		    hour = datetime.fromisoformat(e["timestamp"]).astimezone(timezone.utc).strftime("%Y-%m-%dT%HZ")
		    rows[0] += [position] * (amount is not None and int(amount) >= 20000)
		    rows[1] += [position] * (e["data"].get("org:resource") is None and e["eventType"].endswith("START"))
		    rows[2] += [position] * (hour == "2011-10-03T06Z")
		    rows[3] += [position] * ("offertes" in e["eventType"] and e["data"].get("org:resource") in ("10913", "11049"))
		for row in rows:
		    print(*row)
	END
	while IFS= read -r expression; do
		evs cat a.evs --where "$expression" --fields .position | jq .position | paste -sd' '
	done >got <<-'END'
		num(.data.case.AMOUNT_REQ) >= 20000
		.data."org:resource" == null && endswith(.eventType, "START")
		hour(.timestamp) == "2011-10-03T06Z"
		matches(.eventType, "offertes") && .data."org:resource" in ["10913", "11049"]
	END
	cmp wanted got
	[ "$(wc -w <got)" -gt 2000 ]
}

@test "--where agrees with jq on fines" {
	needs_data fines
	quiet evs append a.evs --event-id hash fines.ndjson
	while IFS='|' read -r expression filter; do
		evs cat a.evs --where "$expression" --format data >got
		jq -c "select($filter) | .data.amount, .data.expense" fines.ndjson >wanted
		jq -c '.amount, .expense' got | cmp wanted -
		[ "$(wc -l <got)" -gt 50 ] || fail "$expression selects next to nothing"
	done <<-'END'
		num(.data.amount) > 50|(.data.amount // "0" | tonumber) > 50
		.data.points <= 0|.data.points != null and .data.points <= 0
		.eventType == "Payment" && num(.data.totalpaymentamount) < 30|.eventType == "Payment" and (.data.totalpaymentamount | tonumber) < 30
		len(.data) == 2 && has(.data.expense)|(.data|length) == 2 and (.data|has("expense"))
		.data.article in [7, 158] && .data.points == 0|(.data.article == 7 or .data.article == 158) and .data.points == 0
	END
}

@test "integers of 103 bits are compared and summed to the last digit" {
	needs_data ethereum
	quiet evs append a.evs --event-id hash ethereum.ndjson
	python3 - ethereum.ndjson >wanted <<-'END'
		import json, sys
		values, total, product = [], 0, 0
		for position, line in enumerate(open(sys.argv[1]), 1):
		    e = json.loads(line)
		    if e["eventType"] == "TokensTransferred":
		        values.append((e["data"]["value"], position))
		        total += e["data"]["value"]
		        product += e["data"]["value"] * e["data"]["log_index"]
		greatest = max(values)[0]
		assert greatest.bit_length() >= 103
		print(greatest, sorted(values)[-2][0], total, product)
		print(*[p for v, p in values if v >= greatest], *[p for v, p in values if v > 2 ** 64])
	END
	read -r greatest second total product <wanted
	at=$(evs cat a.evs --where '.eventType == "TokensTransferred" && '".data.value >= $greatest" --fields .position | jq .position | paste -sd' ')
	is "$at" "$(evs cat a.evs --where ".data.value == $greatest" --fields .position | jq .position | paste -sd' ')"
	is "$at" "$(evs cat a.evs --where ".data.value > $greatest - 1" --fields .position | jq .position | paste -sd' ')"
	positions '' a.evs --where ".data.value > $greatest"
	large=$(evs cat a.evs --type TokensTransferred --where '.data.value > 18446744073709551616' --fields .position | jq .position | paste -sd' ')
	is "$at $large" "$(tail -n 1 wanted)"
	cat >sums.fold <<-'END'
		key "all"
		on "TokensTransferred" {
			total += .data.value
			product += .data.value * .data.log_index
			second = .data.value > greatest ? greatest : max(second, .data.value < greatest ? .data.value : null)
			greatest = max(greatest, .data.value)
		}
	END
	ran 0 evs replay a.evs --fold sums.fold
	for name in greatest:$greatest second:$second total:$total product:$product; do
		out_has "\"${name%:*}\":${name#*:}"
	done
}

@test "the folds of fines, waits and resources agree with Python" {
	needs_data fines
	needs_data loans
	cat >reference.py <<-'END'
		import json, sys
		from collections import Counter
		from datetime import datetime, timezone
		from decimal import Decimal
		which, path, got = sys.argv[1:]
		wanted = {}
		for line in open(path):
		    e = json.loads(line)
		    data, moment = e["data"], datetime.fromisoformat(e["timestamp"])
		    utc = moment.astimezone(timezone.utc)
		    if which == "fines":
		        s = wanted.setdefault(e["aggregateId"], {})
		        if "expense" in data: s["expense"] = Decimal(data["expense"])
		        if "amount" in data: s["amount"] = Decimal(data["amount"])
		        if "totalpaymentamount" in data: s["paid"] = Decimal(data["totalpaymentamount"])
		        if e["eventType"] == "Payment": s["payments"] = s.get("payments", 0) + 1
		        if e["eventType"] == "Send for Credit Collection": s["collection"] = utc.strftime("%Y-%m-%d")
		        s["owed"] = s.get("amount", 0) + s.get("expense", 0) - s.get("paid", 0)
		    elif which == "waits":
		        s = wanted.setdefault(e["aggregateId"], {})
		        if "last" in s:
		            wait = moment - datetime.fromisoformat(s["lastAt"])
		            wait = Decimal(wait.days * 86400 + wait.seconds) + Decimal(wait.microseconds) / 1000000
		            if wait >= s.get("longest", 0):
		                s.update(longest=wait, after=s["last"], until=e["eventType"])
		        s.update(last=e["eventType"], lastAt=e["timestamp"])
		    else:
		        resource, day = data.get("org:resource"), utc.strftime("%Y-%m-%d")
		        s = wanted.setdefault(f"{resource or 'none'} {day}", {"resource": resource, "day": day, "events": 0})
		        s["events"] += 1
		states = {}
		for line in open(got):
		    row = json.loads(line, parse_float=Decimal)
		    states[row["key"]] = row["state"]
		assert len(states) > 1000, len(states)
		assert states.keys() == wanted.keys(), (len(states), len(wanted))
		for key in wanted:
		    assert states[key] == wanted[key], (key, states[key], wanted[key])
	END
	quiet evs append fines.evs --event-id hash fines.ndjson
	quiet evs append loans.evs --event-id hash loans.ndjson
	for fold in fines:fines waits:loans resources:loans; do
		evs replay ${fold#*:}.evs --fold "$SAMPLES/${fold%:*}.fold" >got
		python3 reference.py ${fold%:*} ${fold#*:}.ndjson got || fail "${fold%:*}.fold differs from Python"
	done
}

@test "a list that is changed and asked again and again is work that has a limit" {
	jq -nc '[range(50000)] | ["i", "a"][] as $type | {eventType: $type, aggregateId: "s", data: {l: .}}' >in
	quiet evs append a.evs in
	printf 'on "i" { l = .data.l; push l 0 }\non "a" each .data.l { l[0] = .; if "z" in l { x = 1 } }\n' >hostile.fold
	# Without the limit it takes a minute, in which no signal is heard.
	ran 1 timeout -k 1 20 evs project a.evs run p --fold hostile.fold
	err_has 'the event at position 2: hostile.fold:2: the event takes too long to work out'
}
