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
	is "$(grep -oE '`[a-z][a-z-]*(\.(fold|ndjson|sh))?`' "$ROOT/samples/README.md" | tr -d '`' | grep -E -- '-|\.|^demo$' | sort -u)" \
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
