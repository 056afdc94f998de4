# The samples: each runs, and prints what it says it shows. samples/request-reply is in request.bats.
load helper

# sample NAME: run it.
sample() {
	ran 0 timeout "$PATIENCE" env EVS_BIN="$EVS_BIN" "$ROOT/samples/$1"
}

# times N LINE: that line was printed so often.
times() {
	is "$2: $(grep -cxF -- "$2" <<<"$output")" "$2: $1"
}

@test "samples/README.md lists each sample, and nothing that is not there" {
	local readme=$ROOT/samples/README.md
	is "$({ grep -oE '`[a-z]+\.(fold|ndjson|sh)`' "$readme"; sed -n 's/^|[^|]*| \(`[a-z-]*`\) |.*/\1/p' "$readme"; } | tr -d '`' | sort -u)" \
		"$(ls "$ROOT/samples" | grep -vx README.md | sort)"
}

@test "a sample leaves nothing behind, and is told where the tools are" {
	mkdir tmp
	cp -r "$ROOT/samples" copy
	ln -s "$EVS_BIN" tools
	for name in demo cron-job; do
		TMPDIR=$PWD/tmp EVS_BIN=tools ran 0 copy/$name
		is "$(ls tmp)" ''
	done
}

@test "demo" {
	sample demo
	out_has $'$ evs append shop.evs --receipts shop.ndjson\n'
	times 1 'exit 3'
	out_has '{"key":"o2"'
	out_has 'That was evs.'
}

@test "work-queue: each job once, streams in order, the others go on" {
	sample work-queue
	times 1 '{"members":3,"handled":10}'
	times 1 '{"members":2,"handled":16}'
	times 1 'exit 137'
	times 2 'exit 143'
	out_has $'$ wc -l <done\n16\n'
	out_has $'| uniq -d | wc -l\n0\n'
	out_has $'\nada: j1 j5 j9 j13\nbob: j2 j6 j10 j14\ncy: j3 j7 j11 j15\ndot: j4 j8 j12 j16\n'
}

@test "publish-subscribe: each group gets all that matches, once" {
	sample publish-subscribe
	times 1 'mail: order.placed of ada'
	times 1 'mail: order.paid of ada'
	times 1 'mail: order.placed of bob'
	is "$(grep -c '^mail: ' <<<"$output")" 3
	is "$(grep '^audit: ' <<<"$output" | paste -sd,)" \
		'audit: order.placed of ada,audit: customer.registered of bob,audit: order.paid of ada,audit: order.placed of bob,audit: customer.moved of ada'
	is "$(grep '^crm: ' <<<"$output" | paste -sd,)" \
		'crm: order.placed of ada,crm: customer.registered of bob,crm: order.placed of bob,crm: customer.moved of ada'
	out_has $'$ jq -r .eventType screen\norder.placed\norder.paid\norder.placed\n'
	times 2 'report: order.placed of ada'
	times 2 'report: order.placed of bob'
	is "$(grep '^alarm: ' <<<"$output")" 'alarm: order.cancelled of bob'
	out_has '["alarm",1,null]
["audit",5,null]
["crm",4,["customer.*","*.placed"]]
["mail",3,["order.*"]]
["report",4,["*.placed"]]
["screen",4,["order.*"]]'
	err_is ''
}

@test "retry-and-dead-letters: tries, letters, a mended handler, the record" {
	sample retry-and-dead-letters
	is "$(grep '^p2' <<<"$output" | paste -sd,)" 'p2, try 1,p2, try 2,p2, try 3,p2 is charged 20.00'
	is "$(grep '^p3' <<<"$output" | paste -sd,)" 'p3, try 1,p3, try 2,p3 is charged 30.00'
	is "$(grep -c '^p4, try' <<<"$output")" 4
	is "$(grep -c 'is charged' <<<"$(grep '^p' <<<"$output")")" 4
	times 2 'exit 4'
	# Which of the two is given up first is the same, as only one is tried again.
	out_has $'[1,"bank",3,1,"exit status 65"]\n[2,"bank",4,3,"exit status 1"]\n'
	is "$(grep -cE '^ +"no such card' <<<"$output")" 3
	times 1 '[2,4,"exit status 1"]'
	out_has '["retry",1,true,"amounts may have a comma"]
["retry",2,false,"amounts may have a comma"]
["drop",2,true,"the customer paid in cash"]'
	times 1 '{"handled":4,"retried":4,"dead":2,"deadLetters":0}'
	err_has 'the amount is no number'
	err_has 'dead letter 2, the event at position 4'
}

@test "order-saga: one of each that follows, in a chain" {
	sample order-saga
	times 1 'exit 137'
	out_has '1 order.cancelled
4 order.placed
3 order.shipped
1 payment.declined
3 payment.paid
4 payment.requested'
	out_has 'order.placed
payment.requested, because of order.placed
payment.paid, because of payment.requested
order.shipped, because of payment.paid
$'
	out_has 'payment.declined, because of payment.requested
order.cancelled, because of payment.declined
'
	out_has $'o1 order.shipped\no2 order.shipped\no3 order.cancelled\no4 order.shipped'
	err_is ''
}

@test "idempotent-handler: twice without a thought, once with one" {
	sample idempotent-handler
	times 4 'exit 137'
	out_has $'$ grep -c o2 letters\n2\n'
	out_has $'$ cat outbox/*\nletter for o1\nletter for o2\nletter for o3\n'
	out_has $'[1,"o1",10]\n[2,"o2",20]\n[3,"o3",30]\n'
	is "$(grep -c '\[[0-9]*,"o[0-9]",' <<<"$output")" 3
	times 1 '{"left":7,"orders":["o1","o2","o3"]}'
	err_is ''
}

@test "cron-job: quiet when all is well, harmless beside another run, and a status when not" {
	sample cron-job
	out_has $'$ cat sent\nmail about o1\nmail about o2\n'
	out_has $'$ wc -l <sent\n2\n'
	is "$(grep -oE '^ +[0-9]+ mail about .*' <<<"$output" | tr -s ' ' | paste -sd,)" \
		' 1 mail about o1, 1 mail about o2, 1 mail about o3, 1 mail about slow'
	# Two quiet minutes, two runs beside each other, the minute with a letter to nobody, and the one behind that.
	is "$(grep '^exit' <<<"$output" | paste -sd,)" 'exit 0,exit 0,exit 0,exit 0,exit 0,exit 0,exit 1,exit 143,exit 4,exit 0,exit 0,exit 0'
	err_is "evs-project: shop.evs: projection 'orders' is being worked on by another process; nothing was done
no address
evs-consume: shop.evs: the event at position 5: exit status 65; put in the dead letters"
	out_has 'evs_dead_letters{store="..."} 1
evs_group_lag_events{store="...",group="mail"} 0
evs_group_dead_letters{store="...",group="mail"} 1
evs_projection_lag_events{store="...",projection="orders"} 0'
}

@test "optimistic-concurrency: one wins, the others are told, and no seat is sold twice" {
	sample optimistic-concurrency
	out_has "evs-append: hall.evs: stream 'friday' is at revision 2, not 1; nothing was appended
exit 3"
	times 1 '{"eventId":"ada-1","position":2,"stream":"friday","revision":2,"duplicate":true}'
	times 1 'bob: a seat'
	out_has $'      3  a seat\n      3  sold out\n'
	times 1 '1 2 3 4 5'
	is "$(grep '^welcome' <<<"$output" | paste -sd,)" 'welcome, ada,welcome, dot,welcome, bob'
	out_has $'the event at position 3 matches; nothing was appended\nexit 3\n'
	err_is ''
}

@test "ordering: one order for each stream, and what is wrong in a log is found" {
	sample ordering
	times 1 true
	times 1 '[true,true,true,true]'
	times 1 '["attic",4,[6],0,[6]]'
	times 1 '["cellar",5,null,2,null]'
	times 1 '{"degrees":20.5}'
	times 2 '{"degrees":21.5}'
	times 1 '{"seq":4,"degrees":21.5}'
	is "$(grep 'is too early$' <<<"$output")" '4 is too early'
	times 1 '1 2 3'
	times 1 '1 2 3 4'
	err_is ''
}

@test "command-and-query: the rule holds among many, and the query side follows" {
	sample command-and-query
	times 1 'only 1 left, not 2 for bob'
	times 1 'only 0 left, not 1 for fay'
	times 5 'exit 0'
	out_has $'      1 exit 0\n      4 exit 1\n'
	times 1 '["cups",0]'
	times 1 '["pots",0]'
	out_has $'--sort -spent\n{"key":"ada","state":{"bought":4,"spent":76.44,"products":["pots","cups"],"best":true}}\n$'
	out_has $'["gil",1]\n["ada",4]\n'
	times 1 '["idle",2]'
	times 1 '{"bought":2,"spent":16.54,"products":["cups"],"best":false}'
	times 1 '{"bought":7,"spent":57.89,"products":["cups"],"best":false}'
	out_has $'{"key":"29.95","state":{"sold":3}}\n{"key":"8.27","state":{"sold":15}}'
	err_is ''
}

@test "snapshots: fewer events are read, and the answer is the same" {
	sample snapshots
	times 3 1042
	times 3 42
	is "$(grep -c '^\["long",[0-9]*00,' <<<"$output")" 12
	times 3 '["long",1042,3129]'
	times 3 '["short",30,30]'
	times 1 997
	times 1 3128
	times 1 6258
	out_has $'prune --keep 2\n$ evs snapshot meters.evs list | jq -c \'[.key, .revision, .events]\'\n["long",900,900]\n["long",1000,1000]\n'
	err_is ''
}

@test "schema-versions: both forms are read, a third is refused, and upcasting changes nothing else" {
	sample schema-versions
	out_has $'{"first":"Ada","last":"Byron","city":"Brugge","country":"BE"}
{"first":"Bob","last":"Noyce","city":"Lyon","country":"FR"}
{"first":"Cy","last":"Twombly","city":"Roma","country":"IT"}\n'
	times 1 '{"first":"Dot","last":"Hopper","city":"Lund","country":"SE"}'
	times 1 '"Amazing"'
	out_has 'both.fold:13: version 3 of customer.moved is not known here'
	times 1 '["stuck",5,6]'
	times 1 5
	times 1 '["c1",2,"2025-03-01T09:00:00Z","form-7"]'
	times 1 '["c4",2,"2026-05-02T09:00:00Z","c1"]'
	times 1 '{"first":"Ada","last":"Byron","address":{"city":"Gent","country":"BE"}}'
	times 1 'the same'
	out_has $'\nByron in BE\nNoyce in FR\nTwombly in IT\nHopper in SE'
	err_is ''
}

@test "state-transfer: a copy of its own, of use while the source is gone, that catches up" {
	sample state-transfer
	times 1 'evs-consume: crm/customers.evs: no such store'
	is "$(grep '^{"to":' <<<"$output" | paste -sd' ')" \
		'{"to":"Ada, Markt 1, Brugge"} {"to":"Bob, Rue Royale 9, Lyon"} {"to":"Bob, Calle Mayor 2, Madrid"}'
	times 1 '["idle",2]'
	times 1 '{"key":"bob","aggregateType":"Customer","state":{"label":"Bob, Calle Mayor 2, Madrid"}}'
	times 1 '{"key":"ada","aggregateType":"Customer","state":{"label":"Ada, Markt 1, Brugge"}}'
	times 1 '{"group":"shipping","from":6,"to":0}'
	times 2 8
	times 1 '{"key":"bob","aggregateType":"Customer","state":{"city":"Madrid"}}'
	err_is ''
}

@test "correlation: one order through everything, down and up, and into another store" {
	sample correlation
	out_has $'\n5\n1\n1\n0\n'
	is "$(grep -c '^[1-9] t-[12] ' <<<"$output")" 9
	out_has $'--correlation t-2 --fields .position,.eventType
{"position":2,"eventType":"order.placed"}
{"position":6,"eventType":"payment.made"}
{"position":7,"eventType":"item.picked"}
{"position":8,"eventType":"item.broken"}
{"position":9,"eventType":"refund.made"}\n\n'
	out_has $'--causation o2 --fields .position,.eventType
{"position":6,"eventType":"payment.made"}
{"position":7,"eventType":"item.picked"}\n\n'
	out_has $'\norder.placed\n  payment.made\n  item.picked\n  item.picked
order.placed\n  payment.made\n  item.picked\n    item.broken\n      refund.made\n'
	out_has $'
  2 order.placed Order/o2
    6 payment.made Payment/o2
    7 item.picked Item/o2-lamp
>     8 item.broken Item/o2-lamp
        9 refund.made Payment/o2\n'
	out_has $'\nrefund.made of o2\nitem.broken of o2-lamp\nitem.picked of o2-lamp\norder.placed of o2\n'
	out_has $'\norder.placed\n  payment.made\n  item.picked\n    parcel.sent\n  item.picked\n    parcel.sent\n'
	times 1 '["t-1",4]'
	times 1 '{"key":"t-2","state":{"events":5,"last":"refund.made","refunded":true}}'
	err_is ''
}

@test "lag-monitoring: slow, idle and stuck are told apart, and the check fails when it should" {
	sample lag-monitoring
	out_has $'["bank","idle",15,0]\n["mail","progressing",15,1]\n'
	out_has $'["bank","stuck",9,0]\n["mail","done",0,0]\n'
	is "$(grep '^\["orders"' <<<"$output" | paste -sd,)" \
		'["orders","done",0,false],["orders","idle",15,false],["orders","stuck",3,false],["orders","done",0,false]'
	times 2 'mail is progressing, 15 events behind'
	out_has $'bank is stuck, 9 events behind\norders is stuck, 3 events behind\nexit 1\n'
	# The five checks, and before the fourth mail, bank and the projection.
	is "$(grep '^exit' <<<"$output" | paste -sd,)" 'exit 0,exit 1,exit 1,exit 0,exit 0,exit 1,exit 1,exit 1,exit 0'
	out_has '[18,"the event at position 18: orders.fold:1: no such order"]'
	times 1 'evs_group_lag_events{group="bank"} 9'
	times 1 'evs_group_stuck{group="bank"} 1'
	times 1 'evs_group_stuck{group="mail"} 0'
	times 1 'evs_projection_lag_events{projection="orders"} 3'
	err_is ''
}

@test "time-travel: when, by which event, what if, and what was believed" {
	sample time-travel
	times 1 '[6,"2026-05-04T18:00:00Z","south",10.23,-9.79]'
	times 1 '[7,"2026-05-08T12:00:00Z","card.used",-14.84]'
	out_has $'--at-position 5 | jq -c .state.balance\n30.13\n'
	times 1 10.11
	times 1 '[-14.84,-9.79,7]'
	times 1 '[20.02,null,6]'
	times 1 '{"key":"ada","aggregateType":"Card","from":5,"to":7,"patch":[{"op":"replace","path":"/balance","value":-14.84},{"op":"replace","path":"/tills/north","value":55.12},{"op":"add","path":"/tills/south","value":20.02}]}'
	times 1 '{"balance":5.18,"tills":{"north":55.12}}'
	times 1 '[5,20.26,-9.79]'
	out_has $'
Breakpoint 1, if balance < 0
6 2026-05-04T18:00:00Z card.used Card/ada: balance 10.23 -> -9.79, +tills.south 20.02
"south"
{"balance":10.23,"tills":{"north":50.07}}
 balance -9.79 -> 10.23
-tills.south 20.02
5 2026-05-06T15:00:00Z card.used Card/ada: balance 40.28 -> 10.23, tills.north 20.02 -> 50.07\n'
	times 1 'The end: no breakpoint was met.'
	times 1 5.18
	times 1 -14.84
	err_is ''
}

@test "forensic-audit: broken lines to the byte, gaps, nights, and a line that was altered" {
	sample forensic-audit
	out_has 'evs-append: case.evs: 6 events appended, 3 lines put in the dead letters'
	times 2 'the same'
	is "$(grep -c '^{"aggregateId":"bob","timestamp":"2026-05-13T02:[13][0-9]:00+02:00","eventType"' <<<"$output")" 2
	out_has $'2026-05-12T11:00:00+02:00  ada          safe.opened  vault        4000\n'
	times 1 '["104 to 104","106 to 107","109 to 110"]'
	out_has $'\n"no":104\n"no":109\n"no":110\n'
	times 1 '["ada",{"opened":2,"sum":5500,"times":["2026-05-12T09:00:00Z","2026-05-13T07:00:00Z"]}]'
	out_has $'--fields .aggregateId,.timestamp,.data.no\n{"aggregateId":"bob","timestamp":"2026-05-13T10:31:00+02:00","data":{"no":108}}\n$'
	times 1 '["2026-05-13T02:31:00+02:00","2026-05-13T10:31:00+02:00"]'
	times 1 'no damage found'
	times 1 '["drop",5,"the same as 2",109]'
	err_is ''
}

@test "other-tools: each that is installed comes to the same as a projection" {
	sample other-tools
	out_has $'\nkey,cents\nada,30\nbob,875\ncy,550\n'
	times 1 false
	for tool in jq mlr sqlite3 duckdb; do
		if command -v "$tool" >/dev/null; then
			times 1 "$tool comes to the same"
		else
			times 1 "$tool is not installed, and is left out"
		fi
	done
	err_is ''
}
