# replay -i: a debugger for history, by scripts and on a terminal.
load helper

# shop: three orders of two types of streams, and order.fold. At positions:
#  1 o1 placed 30  2 o2 placed 8  3 o1 paid 30  4 c1 (Customer) moved  5 o1 line X1 3  6 o2 declined  7 o1 shipped  8 o1 line X1 2
shop() {
	cat >order.fold <<-'END'
		on "order.placed"   { total = .data.total; status = "placed" }
		on "order.paid"     { status = "paid"; paid += .data.amount }
		on "order.declined" { delete }
		on "line.added"     { lines[.data.sku].qty += .data.qty }
		on "order.shipped"  { status = "shipped" }
	END
	cat >stock.fold <<-'END'
		key .data.sku
		on "line.added" { qty += .data.qty }
	END
	cat >shop <<-'END'
		{"eventType":"order.placed","eventId":"e1","aggregateType":"Order","aggregateId":"o1","timestamp":"2026-05-01T10:00:00Z","data":{"total":30}}
		{"eventType":"order.placed","eventId":"e2","aggregateType":"Order","aggregateId":"o2","timestamp":"2026-05-01T11:00:00Z","data":{"total":8.50}}
		{"eventType":"order.paid","eventId":"e3","aggregateType":"Order","aggregateId":"o1","timestamp":"2026-05-02T10:00:00Z","causationId":"e1","data":{"amount":30}}
		{"eventType":"customer moved","eventId":"e4","aggregateType":"Customer","aggregateId":"c1","timestamp":"2026-05-02T11:00:00Z","data":{"to":"a\u001b[31mb"}}
		{"eventType":"line.added","eventId":"e5","aggregateType":"Order","aggregateId":"o1","timestamp":"2026-05-03T10:00:00Z","causationId":"e1","data":{"sku":"X1","qty":3}}
		{"eventType":"order.declined","eventId":"e6","aggregateType":"Order","aggregateId":"o2","timestamp":"2026-05-03T11:00:00Z","data":{}}
		{"eventType":"order.shipped","eventId":"e7","aggregateType":"Order","aggregateId":"o1","timestamp":"2026-05-04T10:00:00Z","causationId":"e3"}
		{"eventType":"line.added","eventId":"e8","aggregateType":"Order","aggregateId":"o1","timestamp":"2026-05-05T10:00:00Z","data":{"sku":"X1","qty":2}}
	END
	quiet evs append shop.evs shop
}

# debug SCRIPT REPLAY-ARGUMENTS...: a session with order.fold; it ends with 0 and says nothing on stderr.
debug() {
	local script=$1
	shift
	debug_plain "$script" --fold order.fold "$@"
}

# The same without a fold.
debug_plain() {
	local script=$1
	shift
	ran 0 evs replay shop.evs -i "$@" < <(printf '%s\n' "$script")
	err_is ''
}

# refused MESSAGE SCRIPT REPLAY-ARGUMENTS...: the script ends with 1 and says this.
refused() {
	local message=$1 script=$2
	shift 2
	ran 1 evs replay shop.evs -i --fold order.fold "$@" < <(printf '%s\n' "$script")
	err_is "evs-replay: $message"
}

# lines TEXT...
lines() {
	printf '%s\n' "$@"
}

@test "next and back: a line an event, with what it changed" {
	shop
	debug 'next
next
next
back'
	out_is "$(lines '1 2026-05-01T10:00:00Z order.placed Order/o1: new, +total 30, +status "placed"' \
		'2 2026-05-01T11:00:00Z order.placed Order/o2: new, +total 8.50, +status "placed"' \
		'3 2026-05-02T10:00:00Z order.paid Order/o1: status "placed" -> "paid", +paid 30' \
		'2 2026-05-01T11:00:00Z order.placed Order/o2: new, +total 8.50, +status "placed"')"
	debug 'next 6
back 3
back 3
back
next 100
next'
	out_is "$(lines '6 2026-05-03T11:00:00Z order.declined Order/o2: deleted' \
		'3 2026-05-02T10:00:00Z order.paid Order/o1: status "placed" -> "paid", +paid 30' 'before the first event' \
		'This is the start, before the first event.' '8 2026-05-05T10:00:00Z line.added Order/o1: lines.X1.qty 3 -> 5' \
		'This is the last event.')"
	debug 'next 4'
	out_is '4 2026-05-02T11:00:00Z customer moved Customer/c1: no change'
	refused "script:1: a number from 1 is expected, not 'x'" 'next x'
	refused "script:2: a number from 1 is expected, not '0'" '
back 0'
}

@test "prefixes, aliases, an empty line, comments, blanks" {
	shop
	debug 'n

	ne   1
# not a command

  s  status  '
	is "$(cut -d' ' -f1 <<<"$output" | paste -sd' ')" '1 2 3 4 null'
	debug 'b order.paid
c
p status
rc
d
g 5
step
h q
quit
nonsense'
	out_is "$(lines 'Breakpoint 1: order.paid' 'Breakpoint 1, order.paid' \
		'3 2026-05-02T10:00:00Z order.paid Order/o1: status "placed" -> "paid", +paid 30' '"paid"' \
		'The start: no breakpoint was met.' 'before the first event' \
		'5 2026-05-03T10:00:00Z line.added Order/o1: +lines {"X1":{"qty":3}}' '6 2026-05-03T11:00:00Z order.declined Order/o2: deleted' \
		'quit' 'leave; so does Ctrl-D')"
	refused "script:1: 'f' may be first, find" f
	refused "script:1: no such command: 'contine', did you mean 'continue'? help lists them" contine
	refused "script:1: no such command: '42'; help lists them" 42
	refused "script:1: quit takes no 'now'" 'quit now'
	# What has an effect is not repeated by an empty line.
	debug 'break order.paid

info breaks'
	out_is "$(lines 'Breakpoint 1: order.paid' '1   break order.paid, met 0 times')"
}

@test "goto: a position, a time, start and end" {
	shop
	debug 'goto 3
goto end
goto start
goto 2026-05-03T10:30Z
goto 2026-05-02
goto 2000-01-01
goto here' --key o1
	is "$(cut -d' ' -f1 <<<"$output" | paste -sd' ')" '3 8 before 5 3 before before'
	refused 'script:1: there is no event at position 9: the last is at 8' 'goto 9'
	refused "script:1: no moment: 'soon'; write a position such as 42, a time such as 2026-05-14T10:30Z, start, end or here" 'goto soon'
	refused "script:1: goto goes to one moment, not also to '2'" 'goto 1 2'
	refused "script:1: no moment: ''; write a position, a time, start, end or here" goto
	# Where it begins.
	debug 'event eventId' --at-position 5
	out_is '"e5"'
	debug 'event eventId' --at 2026-05-02
	out_is '"e4"'
}

@test "break: types, expressions, states; continue and reverse-continue; info breaks; delete" {
	shop
	debug 'break order.p*, line.*
continue
continue
c 2
rc
info breaks
delete 1
delete
info breaks
break order.p*
break if status == "placed"
delete 3
info b
delete 2'
	is "$(grep -cE '^Breakpoint 1, order.p\*, line.\*$' <<<"$output")" 4
	is "$(grep -oE '^[0-9]+ 2026' <<<"$output" | paste -sd' ')" '1 2026 2 2026 5 2026 3 2026'
	out_has '1   break order.p*, line.*, met 4 times'
	out_has "$(lines 'no breakpoints' 'Breakpoint 2: order.p*')"
	out_has '2   break order.p*, met 0 times'
	debug 'break .data.total > 8
break if paid > 0
break order.* if .data.total < 10
c
c
c
c'
	is "$(grep -E '^Breakpoint [0-9],|^[0-9T]' <<<"$output" | cut -c1-15)" "$(lines 'Breakpoint 1, .' '1 2026-05-01T10' 'Breakpoint 1, .' \
		'Breakpoint 3, o' '2 2026-05-01T11' 'Breakpoint 2, i' '3 2026-05-02T10' 'Breakpoint 2, i' '5 2026-05-03T10')"
	# Several steps end at a breakpoint; one does not ask.
	debug 'break order.paid
next 5
next 5
back 9
back'
	is "$(grep -oE '^[0-9]+ |^Break.*' <<<"$output" | paste -sd' ')" 'Breakpoint 1: order.paid Breakpoint 1, order.paid 3  8  Breakpoint 1, order.paid 3  2 '
	# Of a type that nobody has it is said.
	debug 'break odrer.*
break "customer moved"
c'
	is "$(head -n 3 <<<"$output")" "$(lines 'Breakpoint 1: odrer.* (no event has such a type so far)' 'Breakpoint 2: "customer moved"' \
		'Breakpoint 2, "customer moved"')"
	refused 'script:1: break where? write break order.*, break .data.total > 1000, or break if balance < 0' break
	refused "script:1: there is no breakpoint '7'; info breaks lists them" 'delete 7'
	ran 1 evs replay shop.evs -i --fold order.fold < <(lines 'break if nosuch > 1')
	err_has 'evs-replay: script:1: break: column 1: '
	err_has 'nosuch'
	ran 1 evs replay shop.evs -i < <(lines 'watch status')
	err_is 'evs-replay: script:1: watch: there are no states to watch; begin with --fold FILE or --exec CMD'
}

@test "break: where an expression makes no sense it stops and says why" {
	echo '{"eventType":"a","data":1}
{"eventType":"a","data":"x"}
{"eventType":"a","data":3}' | evs append shop.evs
	debug_plain 'break .data - 1 > 1
c
c
rc'
	is "$(sed -n 2p <<<"$output")" "Breakpoint 1, .data - 1 > 1: break: the event at position 2: '-' needs numbers, not a string; num() makes a number of a string"
	is "$(grep -oE '^[0-9] ' <<<"$output" | paste -sd' ')" '2  3  2 '
	ran 1 evs replay shop.evs -i < <(lines 'find .data - 1 > 5')
	err_is "evs-replay: script:1: find: the event at position 2: '-' needs numbers, not a string; num() makes a number of a string"
}

@test "watch: where it changes, both ways" {
	shop
	debug 'watch lines.X1.qty
watch status
c
c
c
c
c
c
c
rc'
	is "$(grep -E '^Watch [0-9],|^The|^[0-9]' <<<"$output" | cut -c1-50)" "$(lines 'Watch 2, status: null -> "placed"' \
		'1 2026-05-01T10:00:00Z order.placed Order/o1: new,' 'Watch 2, status: null -> "placed"' \
		'2 2026-05-01T11:00:00Z order.placed Order/o2: new,' 'Watch 2, status: "placed" -> "paid"' \
		'3 2026-05-02T10:00:00Z order.paid Order/o1: status' 'Watch 1, lines.X1.qty: null -> 3' \
		'5 2026-05-03T10:00:00Z line.added Order/o1: +lines' 'Watch 2, status: "placed" -> null' \
		'6 2026-05-03T11:00:00Z order.declined Order/o2: de' 'Watch 2, status: "paid" -> "shipped"' \
		'7 2026-05-04T10:00:00Z order.shipped Order/o1: sta' 'Watch 1, lines.X1.qty: 3 -> 5' \
		'8 2026-05-05T10:00:00Z line.added Order/o1: lines.' 'Watch 2, status: "paid" -> "shipped"' \
		'7 2026-05-04T10:00:00Z order.shipped Order/o1: sta')"
	# One that is set later knows what was before.
	debug 'goto 6
c
watch status
goto 6
c'
	out_has 'Watch 1, status: "paid" -> "shipped"'
	refused 'script:1: watch what? write watch balance' watch
}

@test "state, print and event: all, or what is at a path" {
	shop
	debug 'goto 5
state
state lines.X1.qty
print .status
state nothing
event
event data.sku
event .data
event nothing'
	is "$(sed -n '2,5p' <<<"$output")" "$(lines '{"total":30,"status":"paid","paid":30,"lines":{"X1":{"qty":3}}}' 3 '"paid"' null)"
	is "$(sed -n 6p <<<"$output")" "$(evs cat shop.evs --from 5 --to 5)"
	is "$(sed -n '7,9p' <<<"$output")" "$(lines '"X1"' '{"sku":"X1","qty":3}' null)"
	refused 'script:1: it is before the first event, which next goes to' event
	for path in a..b 'qty qty' /lines/B 'qty ('; do
		refused "script:2: state: no path: '$path'; write balance, lines.X1.qty, lines[0].qty, or lines[\"a b\"].qty" 'next
state '"$path"
	done
	ran 1 evs replay shop.evs -i < <(lines next state)
	err_is 'evs-replay: script:2: there are no states: begin with --fold FILE or --exec CMD'
}

@test "a condition on the state needs no if; one that makes no sense is told of" {
	shop
	debug 'break status == "paid"
break "placed" == status
break paid > 0
c
c'
	is "$(grep -E '^Breakpoint [0-9],|^[0-9]' <<<"$output" | cut -c1-17)" "$(lines 'Breakpoint 2, "pl' '1 2026-05-01T10:0' 'Breakpoint 2, "pl' '2 2026-05-01T11:0')"
	ran 1 evs replay shop.evs -i --fold order.fold < <(lines 'break paid <')
	err_has 'evs-replay: script:1: break: column 7: '
}

@test "state, event and blame take the paths of folds; null is a value" {
	echo 'on "p" { x."a b"."c.d" = .data.v; m[1] = .data.v; n = null }' >p.fold
	printf '{"eventType":"p","aggregateId":"s","data":{"v":%d,"a b":{"7":[8,9]}}}\n' 1 2 | evs append p.evs
	ran 0 evs replay p.evs -i --fold p.fold < <(lines 'goto 2' 'state x."a b"."c.d"' 'state m[1]' 'state m.1' 'state o' \
		'event data["a b"].7[-1]' 'event .data."a b"[7][0]' 'event .position' 'event .' event 'blame m[1]' 'blame n')
	err_is ''
	is "$(sed -n '2,8p' <<<"$output" | paste -sd' ')" '2 2 2 null 9 8 2'
	is "$(sed -n 9p <<<"$output")" "$(evs cat p.evs --from 2)"
	is "$(sed -n 10p <<<"$output")" "$(evs cat p.evs --from 2)"
	is "$(sed -n '12p;14p' <<<"$output")" "$(lines ' m[1] 1 -> 2' ' n null -> null')"
	ran 1 evs replay p.evs -i --fold p.fold < <(lines 'goto 2' 'event data data')
	err_has "script:2: event: no path: 'data data'"
	ran 1 evs replay p.evs -i --fold p.fold < <(lines 'goto 2' 'blame x y')
	err_has "script:2: blame: no path: 'x y'"
}

# false before its first event, and after it.
@test "watch: a state that begins with what the expression is for none has not changed" {
	shop
	debug 'watch status == "shipped"
c
c'
	is "$(grep -E '^Watch [0-9],|^The' <<<"$output")" "$(lines 'Watch 1, status == "shipped": false -> true' 'The end: no breakpoint was met.')"
}

@test "before the first event there is no state, and a script goes on" {
	shop
	ran 1 evs replay shop.evs -i --fold order.fold < <(lines state 'state lines.X1.qty' print history diff 'blame total')
	out_is "$(lines null null null 'no change')"
	err_is "evs-replay: script:6: no event up to here has set 'total'"
	refused "script:1: state: no path: 'a..b'; write balance, lines.X1.qty, lines[0].qty, or lines[\"a b\"].qty" 'state a..b'
	for command in 'diff 1 5' 'diff start end'; do
		refused 'script:1: diff of which state? before the first event there is none: set key K, or go to an event' "$command"
	done
	debug 'set key o1
state
history
diff start 1
diff 1 3'
	is "$(tail -n +2 <<<"$output")" "$(lines null ' . null -> {"total":30,"status":"placed"}' ' status "placed" -> "paid"' '+paid 30')"
	refused 'script:1: event 1 comes after this one: goto a later event first' 'without 1'
}

@test "diff: this event, or two moments" {
	shop
	debug 'goto 3
diff
diff start
diff 1 5
diff 5 1
diff here 3
diff 2026-05-01 end'
	is "$(tail -n +2 <<<"$output")" "$(lines ' status "placed" -> "paid"' '+paid 30' ' . null -> {"total":30,"status":"paid","paid":30}' \
		' status "placed" -> "paid"' '+paid 30' '+lines {"X1":{"qty":3}}' ' status "paid" -> "placed"' '-paid 30' '-lines {"X1":{"qty":3}}' \
		'no change' ' status "placed" -> "shipped"' '+paid 30' '+lines {"X1":{"qty":5}}')"
	refused "script:2: diff is between two moments, not also '3'" 'n
diff 1 2 3'
}

@test "blame: the event that changed a field last, up to here" {
	shop
	debug 'goto 7
blame lines.X1.qty
blame total
goto 8
blame lines.X1.qty
blame .'
	is "$(sed -n '2,5p;7,10p' <<<"$output")" "$(lines '5 2026-05-03T10:00:00Z line.added Order/o1' ' lines.X1.qty null -> 3' \
		'1 2026-05-01T10:00:00Z order.placed Order/o1' ' total null -> 30' '8 2026-05-05T10:00:00Z line.added Order/o1' \
		' lines.X1.qty 3 -> 5' '8 2026-05-05T10:00:00Z line.added Order/o1' \
		' . {"total":30,"status":"shipped","paid":30,"lines":{"X1":{"qty":3}}} -> {"total":30,"status":"shipped","paid":30,"lines":{"X1":{"qty":5}}}')"
	refused "script:2: no event up to here has set 'lines.X1'" 'goto 3
blame lines.X1'
	refused 'script:2: blame what? write blame balance, or blame lines.X1.qty' 'goto 3
blame'
}

@test "first and find: by events and by states" {
	shop
	debug 'first lines.X1.qty > 3
first .data.total < 10
find .data.sku == "X1"
find .data.sku == "X1"
first status == null'
	is "$(cut -d' ' -f1 <<<"$output" | paste -sd' ')" '8 2 5 8 6'
	refused 'script:1: there is no event after which it holds: total > 30' 'first total > 30'
	refused 'script:2: there is no event behind this one after which it holds: .data.total == 30' 'next
find .data.total == 30'
	refused 'script:1: find what? write find .data.total > 100, or find balance < 0' find
}

@test "history and list: events of the state, events around" {
	shop
	debug 'goto 7
history
history 2
list 4
goto 1
list 2'
	is "$(sed -n '2,5p' <<<"$output" | cut -d' ' -f1 | paste -sd' ')" '1 3 5 7'
	is "$(sed -n '6,7p' <<<"$output")" "$(lines '5 2026-05-03T10:00:00Z line.added Order/o1: +lines {"X1":{"qty":3}}' \
		'7 2026-05-04T10:00:00Z order.shipped Order/o1: status "paid" -> "shipped"')"
	is "$(sed -n '8,11p' <<<"$output")" "$(lines '  5 2026-05-03T10:00:00Z line.added Order/o1' '  6 2026-05-03T11:00:00Z order.declined Order/o2' \
		'> 7 2026-05-04T10:00:00Z order.shipped Order/o1' '  8 2026-05-05T10:00:00Z line.added Order/o1')"
	is "$(tail -n 2 <<<"$output")" "$(lines '  before the first event' '> 1 2026-05-01T10:00:00Z order.placed Order/o1')"
}

@test "trace: causes and effects, also in a ring" {
	shop
	debug 'goto 3
trace
goto 2
trace'
	is "$(sed -n '2,5p;7p' <<<"$output")" "$(lines '  1 2026-05-01T10:00:00Z order.placed Order/o1' '>   3 2026-05-02T10:00:00Z order.paid Order/o1' \
		'      7 2026-05-04T10:00:00Z order.shipped Order/o1' '    5 2026-05-03T10:00:00Z line.added Order/o1' \
		'> 2 2026-05-01T11:00:00Z order.placed Order/o2')"
	echo '{"eventType":"a","eventId":"r1","causationId":"r2"}
{"eventType":"a","eventId":"r2","causationId":"r1"}
{"eventType":"a","eventId":"r3","causationId":"r3"}' | evs append shop.evs
	debug 'goto 9
trace
goto 11
trace'
	is "$(grep -oE '^[> ] +[0-9]+' <<<"$output" | paste -sd'|')" '  10|>   9|> 11'
}

@test "without: what would be" {
	shop
	debug 'goto 8
without 5
without 3, 8
without 2'
	is "$(tail -n +2 <<<"$output")" "$(lines '{"total":30,"status":"shipped","paid":30,"lines":{"X1":{"qty":2}}}' ' lines.X1.qty 5 -> 2' \
		'{"total":30,"status":"shipped","lines":{"X1":{"qty":3}}}' '-paid 30' ' lines.X1.qty 5 -> 3' \
		'{"total":30,"status":"shipped","paid":30,"lines":{"X1":{"qty":5}}}' 'no change')"
	refused "script:2: there is no event at position '9'" 'n
without 9'
	refused 'script:2: event 5 comes after this one: goto a later event first' 'n
without 5'
	refused 'script:2: without which events? write positions: without 17, or without 17,20' 'n
without'
}

@test "info: where it is, streams, types, store" {
	shop
	debug 'goto 3
break order.*
info
info streams 1
info types
info store'
	out_has "$(lines 'store   shop.evs, up to position 8' 'here    3 2026-05-02T10:00:00Z order.paid Order/o1' 'states  order.fold' 'key     all' \
		'breaks  1' '       5  Order/o1' 'and 2 more; info streams 3 lists all' '       2  line.added' '       2  order.placed')"
	out_has "$(lines 'store         shop.evs' 'events        8' 'streams       3')"
	refused "script:1: info about what? breaks, streams, types or store, not 's'" 'info s'
	refused "script:1: info types takes no '3'" 'info types 3'
}

@test "set key: one state alone, and all again" {
	shop
	debug 'goto 4
set key o1
next
back
info
set key
next'
	is "$(grep -oE '^[0-9]+ |^key.*' <<<"$output" | paste -sd'|')" '4 |3 |5 |3 |key     o1|3 |4 '
	refused 'script:1: set what? write set key K, or set key for all' 'set width 3'
	debug 'next
state
next
state' --key o2
	is "$(sed -n '2p;4p' <<<"$output")" "$(lines '{"total":8.50,"status":"placed"}' null)"
	# By stream --stream is the same.
	debug 'next 9' --stream o2
	out_is '6 2026-05-03T11:00:00Z order.declined Order/o2: deleted'
	ran 2 evs replay shop.evs -i --fold order.fold --stream o2 --key o1
	err_is "evs-replay: the key is the stream: 'o1' and 'o2' are two"
}

@test "a fold by another key: its states, by events and by key" {
	shop
	ran 0 evs replay shop.evs -i --fold stock.fold < <(lines n 'goto 5' 'goto 8' 'set key X1' back state history 'first qty > 3' 'blame qty' 'without 5')
	err_is ''
	out_is "$(lines '1 2026-05-01T10:00:00Z order.placed Order/o1' '5 2026-05-03T10:00:00Z line.added Order/o1: X1 new, +qty 3' \
		'8 2026-05-05T10:00:00Z line.added Order/o1: X1 qty 3 -> 5' '8 2026-05-05T10:00:00Z line.added Order/o1: X1 qty 3 -> 5' \
		'5 2026-05-03T10:00:00Z line.added Order/o1: X1 new, +qty 3' '{"qty":3}' '5 2026-05-03T10:00:00Z line.added Order/o1: new, +qty 3' \
		'8 2026-05-05T10:00:00Z line.added Order/o1: X1 qty 3 -> 5' '8 2026-05-05T10:00:00Z line.added Order/o1' ' qty 3 -> 5' \
		'{"qty":2}' ' qty 5 -> 2')"
	# An event of several states.
	echo 'on "b" each .data key .k { n += .by }' >several.fold
	echo '{"eventType":"b","data":[{"k":"x","by":1},{"k":"y","by":2},{"k":"x","by":3}]}' | evs append several.evs
	ran 0 evs replay several.evs -i --fold several.fold < <(lines n s)
	is "$(tail -n 2 <<<"$output")" "$(lines 'x: {"n":4}' 'y: {"n":2}')"
	out_has ': x new, +n 4; y new, +n 2'
}

@test "a command in place of a fold" {
	shop
	cmd='jq -c --unbuffered ".event.eventType as \$t | (.state // {}) | .n += 1 | .last = \$t"'
	ran 0 evs replay shop.evs -i --exec "$cmd" < <(lines 'goto 5' back state 'next 4' back 'first n > 3' 'watch last' rc 'blame n' 'without 2')
	err_is ''
	is "$(sed -n 3p <<<"$output")" '{"n":1,"last":"customer moved"}'
	is "$(grep -oE '^[0-9]+ ' <<<"$output" | paste -sd' ')" '5  4  8  7  7  6  6 '
	is "$(tail -n 2 <<<"$output")" "$(lines '{"n":1,"last":"order.declined"}' ' n 2 -> 1')"
}

@test "selectors: what is not selected did not happen" {
	shop
	debug 'next 9
state' --type 'order.*'
	is "$(tail -n 1 <<<"$output")" '{"total":30,"status":"shipped","paid":30}'
	debug 'next 99
back 99
next' --limit 3 --aggregate-type Order
	is "$(cut -d' ' -f1 <<<"$output" | paste -sd' ')" '3 before 1'
	debug 'next
next 9' --last 2
	is "$(cut -d' ' -f1 <<<"$output" | paste -sd' ')" '7 8'
	debug 'break line.*
c' --where '.data.qty == 2'
	is "$(tail -n 1 <<<"$output" | cut -d' ' -f1)" 8
}

@test "export: the state, or the events up to here" {
	shop
	debug 'goto 3
export state.json
export events some.ndjson
export state again.json'
	is "$(tail -n 3 <<<"$output")" "$(lines 'wrote the state to state.json' 'wrote 3 events to some.ndjson' 'wrote the state to again.json')"
	is "$(cat state.json)" '{"total":30,"status":"paid","paid":30}'
	cmp state.json again.json
	is "$(cat some.ndjson)" "$(evs cat shop.evs --to 3)"
	debug_plain 'goto 2
export few.ndjson'
	is "$(wc -l <few.ndjson)" 2
	refused "script:1: 'shop.evs' is the store itself" 'export events shop.evs'
	is "$(count shop.evs)" 8
	ran 1 evs replay shop.evs -i < <(lines 'export no/such/file')
	err_has "cannot write 'no/such/file': "
	ran 1 evs replay shop.evs -i < <(lines 'export state x')
	err_has 'there are no states'
}

@test "!: a command gets the event" {
	shop
	debug 'goto 5
!jq -c .data.sku
! wc -l'
	is "$(tail -n 2 <<<"$output" | tr -d ' ')" "$(lines '"X1"' 1)"
	refused "script:2: 'exit 3' ended with exit status 3" 'next
!exit 3'
	refused 'script:1: which command? write !jq .data' '!'
}

@test "help: every command, and more of one" {
	shop
	debug_plain help
	for command in next back goto continue reverse-continue break watch delete state event diff blame history first find list trace without \
		info set export quit; do
		out_has "
$command"  || [[ $output == "$command"* ]]
	done
	debug_plain 'help goto
help b'
	out_has 'goto POS|TIME|start|end'
	out_has 'break TYPE,...|EXPR|if EXPR'
	refused "script:1: no such command: 'nonsense'; help lists them" 'help nonsense'
}

@test "complete: what Tab offers" {
	shop
	debug 'complete con
complete break order.p
complete break customer m
complete break .data.s
complete break if st
complete find .data.total > 3 && lines.X1.
goto 5
complete state lin
complete blame lines.
complete event data.
complete info s
complete set key o
complete goto e
complete help rev'
	out_is "$(lines continue 'break order.paid' 'break order.placed' 'break customer moved' 'break .data.sku' 'break if status' \
		'5 2026-05-03T10:00:00Z line.added Order/o1: +lines {"X1":{"qty":3}}' 'state lines' 'state lines.X1' 'state lines.X1.qty' \
		'blame lines.X1' 'blame lines.X1.qty' 'event data.amount' 'event data.qty' 'event data.sku' 'event data.to' 'event data.total' \
		'info store' 'info streams' 'set key o1' 'set key o2' 'goto end' 'help reverse-continue')"
}

@test "long values are shortened, control bytes escaped; state shows all" {
	shop
	printf '{"eventType":"order.placed","aggregateId":"long","data":{"total":"%0100d"}}\n' 7 | evs append shop.evs
	echo '{"eventType":"bell\u0007\u009b","aggregateId":"x\u001b[2J"}' | evs append shop.evs
	debug 'goto 9
state total
diff
next
goto 4
event data.to'
	is "$(sed -n 1p <<<"$output" | grep -oE ' \+total [^,]*')" " +total \"$(printf '0%.0s' {1..37})…"
	is "$(sed -n 2p <<<"$output")" "\"$(printf '%0100d' 7)\""
	out_has "+total \"$(printf '%0100d' 7)\"" || out_has "$(printf '%0100d' 7)"
	out_has ' bell\x07\xc2\x9b x\x1b[2J: no change'
	is "$(tail -n 1 <<<"$output")" '"a\u001b[31mb"'
}

@test "an event on which the fold fails changes nothing, and says why" {
	shop
	echo 'on "order.*" { if .data.total > 20 { fail "too much" }; n += 1 }' >fails.fold
	ran 0 evs replay shop.evs -i --fold fails.fold < <(lines n state 'goto 3' state 'first n > 1')
	err_is ''
	is "$(sed -n 1p <<<"$output")" '1 2026-05-01T10:00:00Z order.placed Order/o1: the event at position 1: fails.fold:1: too much' ||
		out_has 'too much'
	is "$(sed -n 2p <<<"$output")" null
	is "$(sed -n 4p <<<"$output")" '{"n":1}'
}

@test "a script may have lines that end with CR LF" {
	shop
	ran 0 evs replay shop.evs -i --fold order.fold < <(printf '%s\r\n' '# a comment' next 'state status' 'goto 3' s '' 'event data.total' quit)
	err_is ''
	is "$(sed -n '2p;4,$p' <<<"$output")" "$(lines '"placed"' '{"total":30,"status":"paid","paid":30}' '{"total":30,"status":"paid","paid":30}' null)"
	lines 'goto 3' 'state status' | sed 's/$/\r/' >script
	debug '' --command script
	is "$(tail -n 1 <<<"$output")" '"paid"'
}

@test "--command: a file first, then what is typed; errors name their line" {
	shop
	lines 'goto 3' 'break order.*' >first
	debug 'c' --command first
	is "$(grep -oE '^[0-9]+ ' <<<"$output" | paste -sd' ')" '3  6 '
	lines n nonsense n >wrong
	ran 1 evs replay shop.evs -i --fold order.fold --command wrong < <(lines 'goto 5')
	err_is "evs-replay: wrong:2: no such command: 'nonsense'; help lists them"
	is "$(cut -d' ' -f1 <<<"$output")" 1
	ran 1 evs replay shop.evs -i --command nowhere </dev/null
	err_is "evs-replay: cannot open 'nowhere': No such file or directory"
	ran 2 evs replay shop.evs --fold order.fold --command first
	err_is 'evs-replay: --command goes with --interactive'
	# quit in the file is the end.
	lines n quit >leaves
	debug 'nonsense' --command leaves
	is "$(cut -d' ' -f1 <<<"$output")" 1
}

@test "what -i excludes" {
	shop
	for option in --history '--diff 1 2' '--first x' '--blame x' '--speed max'; do
		ran 2 evs replay shop.evs -i --fold order.fold $option
		err_has '--interactive has commands for what --history, --diff, --first and --blame show'
	done
	for option in '--without 1' '--with shop' '--at-revision 1'; do
		ran 2 evs replay shop.evs --interactive --fold order.fold $option
		err_has '--interactive excludes --without'
	done
	ran 2 evs replay shop.evs -i --fold order.fold --at 2026-05-01 --at-position 1
	err_has '--at and --at-position exclude each other there'
	ran 2 evs replay shop.evs -i --fold -
	err_has 'reads its commands from standard input'
	ran 2 evs replay shop.evs -i --fold order.fold --reverse
	ran 2 evs replay shop.evs -i --fold order.fold --key c1 --where '.data.'
}

@test "output is there after each command, for programs that drive it" {
	shop
	coproc driven { evs replay shop.evs -i --fold order.fold; }
	pid=$driven_PID
	echo n >&"${driven[1]}"
	read -r -t "$PATIENCE" line <&"${driven[0]}"
	is "${line%% *}" 1
	# Events that came since are there.
	echo '{"eventType":"order.placed","aggregateId":"new"}' | evs append shop.evs
	echo 'goto end' >&"${driven[1]}"
	read -r -t "$PATIENCE" line <&"${driven[0]}"
	is "${line%% *}" 9
	exec {driven[1]}>&-
	ends 0 "$pid"
}

@test "a closed pipe ends it quietly" {
	shop
	ran 0 bash -c "yes info | evs replay shop.evs -i --fold order.fold | head -n 1"
	err_is ''
}

@test "random walks end where, and in the states, that Python says" {
	for mode in whole stream key; do
		mkdir $mode
		cd $mode
		ran 0 python3 "$ROOT/tests/walk_history.py" 1 4000 3000 $mode
		out_is '4000 commands'
		cd ..
	done
}

@test "loans: one application, as Python says" {
	needs_data loans
	evs append loans.evs loans.ndjson --event-id hash
	cat >loan.fold <<-'END'
		on "A_SUBMITTED*" { amount = num(.data.case.AMOUNT_REQ) }
		on "A_*" { steps += 1; last = .eventType }
		on "O_DECLINED*" { declined += 1 }
	END
	ran 0 evs replay loans.evs -i --fold loan.fold < <(lines 'break O_DECLINED*' c back diff next state 'blame last' delete 'first amount >= 99999' 'break if declined > 1' 'goto start' c rc)
	err_is ''
	python3 - loans.ndjson >wanted <<-'END'
		import json, sys
		events = [json.loads(line) for line in open(sys.argv[1])]
		states, out, first = {}, {}, None
		for p, e in enumerate(events, 1):
		    s = states.setdefault(e["aggregateId"], {})
		    kind = e["eventType"]
		    if kind.startswith("A_SUBMITTED"):
		        s["amount"] = int(e["data"]["case"]["AMOUNT_REQ"])
		        if s["amount"] >= 99999 and first is None:
		            first = p
		    if kind.startswith("A_"):
		        s["steps"] = s.get("steps", 0) + 1
		        s["last"] = kind
		        s["blame"] = p
		    if kind.startswith("O_DECLINED"):
		        s["declined"] = s.get("declined", 0) + 1
		        if "hit" not in out:
		            out["hit"], out["state"] = p, dict(s)
		        if s["declined"] > 1 and "twice" not in out:
		            out["twice"] = p
		blame = out["state"].pop("blame")
		print(out["hit"], out["hit"] - 1, out["hit"], blame, first, out.get("twice", len(events)))
		print(json.dumps(out["state"], separators=(",", ":")))
	END
	is "$(grep -oE '^[0-9]+ ' <<<"$output" | head -n 6 | tr -d ' ' | paste -sd' ')" "$(head -n 1 wanted)"
	is "$(grep '^{' <<<"$output" | jq -cS .)" "$(tail -n 1 wanted | jq -cS .)"
}

# typed KEYS-LINES COMMAND...: what a terminal shows when these keys are typed; lines as on_terminal's --keys has them. Keys
# wait for the prompt: what is typed before that the terminal may take for itself (Ctrl-D).
typed() {
	local keys=$1
	shift
	printf '%s\n' "$keys" >keys
	XDG_STATE_HOME=$PWD/state ran 0 python3 "$ROOT/tests/on_terminal.py" --keys keys "$@"
}

@test "on a terminal: the prompt, Tab, arrows, Ctrl-R, Ctrl-C, Ctrl-D" {
	shop
	typed $'evs 0/8> \tne\\t\\r
evs 1/8 order.placed Order/o1> \tbr\\tcust\\t\\r
evs 1/8 order.placed Order/o1> \tc\\r
evs 4/8 customer moved Customer/c1> \tgoto 3\\r
evs 3/8 order.paid Order/o1> \tsta\\tpa\\t\\r
evs 3/8 order.paid Order/o1> \t\\x1b[A\\x1b[A\\r
evs 3/8 order.paid Order/o1> \tnonsense
nonsense\t\\x03
> \t\\x12goto\\r
> \t\\r
evs 3/8 order.paid Order/o1> \tx\\r
evs 3/8 order.paid Order/o1> \t\\x04' evs replay shop.evs -i --fold order.fold
	out_has 'Breakpoint 1: customer moved'
	out_has 'customer moved'
	out_has '^C'
	out_has "no such command: 'x'"
	# The history is kept, for the user alone, and is there the next time.
	is "$(paste -sd'|' state/evs/replay_history)" 'next |break customer moved |c|goto 3|state paid|goto 3|x'
	is "$(stat -c %a state/evs state/evs/replay_history | paste -sd' ')" '700 600'
	typed $'evs 0/8> \t\\x12cust\\r
evs 0/8> \t\\x04' evs replay shop.evs -i --fold order.fold
	out_has 'Breakpoint 1: customer moved'
}

@test "on a terminal: colours unless NO_COLOR, lines wrapped to its width, pretty states" {
	shop
	typed $'> \tgoto 5\\r
o1> \tstate\\r
o1> \t\\x04' evs replay shop.evs -i --fold order.fold
	out_has $'\e[1;36mline.added\e[0m'
	out_has '  '$'\e[34;1m"total"'
	NO_COLOR=1 typed $'> \tnext\\r
o1> \tstate\\r
o1> \t\\x04' --columns 60 evs replay shop.evs -i --fold order.fold
	[[ $output != *$'\e[1;36m'* ]]
	out_has 'Order/o1: new,'
	out_has '    +total 30, +status "placed"' || out_has '+total 30'
	out_has '  "total": 30,'
}

@test "on a terminal: events that come are announced, and Ctrl-C stops what takes long" {
	shop
	# The second command of the script appends: the announcement comes while nothing is typed.
	typed $'evs 0/8> \t!(sleep 0.3; echo \'{"eventType":"new"}\' | evs append shop.evs) >/dev/null 2>&1 &\\r
1 new event: the last is at 9 now\tgoto end\\r
evs 9/9 new> \t\\x04' evs replay shop.evs -i --fold order.fold
	out_has '1 new event: the last is at 9 now'
	events 400000 many one | evs append many.evs
	echo 'on "*" { n += 1; if matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(a|aa)*b") { n += 1 } }' >slow.fold
	typed $'evs 0/400000> \tbreak if n < 0\\r
evs 0/400000> \tcontinue\\r
events (\t\\x03
> \tquit\\r' evs replay many.evs -i --fold slow.fold
	out_has 'Interrupted.'
}
